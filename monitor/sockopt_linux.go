package monitor

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/netcheck"
)

// setSocket is called on a socket before it connects: keepalive and user timeout are set together, because the one
// without the other either waits for hours or forgets what was sent (tcp(7)).
func setSocket(c syscall.RawConn, k Keepalive) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		for _, o := range [...]struct{ level, name, value int }{
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(k.Idle / time.Second)},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(k.Interval / time.Second)},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, k.Count},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(k.UserTimeout / time.Millisecond)},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		} {
			if err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value); err != nil {
				return
			}
		}
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// A listener hears the ICMP errors that a connecting socket gets. The zero value hears nothing.
type listener struct {
	mu    sync.Mutex // guards what follows
	twin  *os.File   // the same socket, kept open when the dialler closes its own; nil while not listening
	raw   syscall.RawConn
	again *time.Timer
	heard netcheck.ICMPError
}

// listen switches the delivery of ICMP errors on (IP_RECVERR, ip(7)): connect(2) then fails with the first one instead of
// trying on. One that is back before connect has let go of the socket is only queued, so the queue is looked at as well;
// give is called when something was found there.
func (l *listener) listen(c syscall.RawConn, give func()) {
	_ = c.Control(func(fd uintptr) {
		// One of the two does not fit the socket's family; without either, a connect only takes longer to fail.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		if twin, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			l.twin = os.NewFile(uintptr(twin), "connecting")
		}
	})
	if l.twin == nil {
		return
	}
	l.raw, _ = l.twin.SyscallConn()
	l.mu.Lock()
	defer l.mu.Unlock()
	look := func() {
		if _, ok := l.icmp(); ok {
			give()
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.twin != nil {
			l.again.Reset(200 * time.Millisecond)
		}
	}
	l.again = time.AfterFunc(20*time.Millisecond, look)
}

// icmp returns the error that was heard.
func (l *listener) icmp() (netcheck.ICMPError, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.twin != nil && l.heard.IsZero() {
		if e, ok := netcheck.ICMPErrorOf(l.raw); ok {
			l.heard = e
		}
	}
	return l.heard, !l.heard.IsZero()
}

// end switches the delivery off: on a session one ICMP error of a router on the way would be fatal.
func (l *listener) end(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 0)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 0)
	})
}

func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.twin != nil {
		l.again.Stop()
		_ = l.twin.Close()
		l.twin = nil
	}
}

// readSocket reads back what setSocket set. What cannot be read stays zero.
func readSocket(conn net.Conn, _ Keepalive) (k Keepalive) {
	control(conn, func(fd int) {
		get := func(level, name int) int {
			v, err := unix.GetsockoptInt(fd, level, name)
			if err != nil {
				return 0
			}
			return v
		}
		k = Keepalive{
			Enabled:     get(unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0,
			Idle:        time.Duration(get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)) * time.Second,
			Interval:    time.Duration(get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)) * time.Second,
			Count:       get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT),
			UserTimeout: time.Duration(get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)) * time.Millisecond,
		}
	})
	return k
}

// keepaliveOn switches the kernel's probes. While the carrier is down nothing may be sent: any packet leaves a neighbour
// entry without an answer, which the kernel asks again only after a second.
func keepaliveOn(conn net.Conn, _ Keepalive, on bool) {
	v := 0
	if on {
		v = 1
	}
	control(conn, func(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, v) })
}

// setUserTimeout changes how long the kernel waits for an acknowledgement before it ends the connection. It counts from
// the last one that came: while the local way is broken, and after, it would end a session that could go on.
func setUserTimeout(conn net.Conn, d time.Duration) {
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d/time.Millisecond))
	})
}

// nudgeKeepalive makes the kernel send a keepalive probe now, if the connection has been quiet for TCP_KEEPIDLE: setting
// that option restarts the timer with what is left of it (Linux, do_tcp_setsockopt: tcp_sock_set_keepidle_locked).
func nudgeKeepalive(conn net.Conn, k Keepalive) {
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(k.Idle/time.Second))
	})
}

// readTCPInfo asks the kernel for its view of the connection.
func readTCPInfo(conn net.Conn) (info tcpInfo, ok bool) {
	control(conn, func(fd int) {
		ti, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		info = tcpInfo{
			unacked: ti.Unacked,
			lastAck: time.Duration(ti.Last_ack_recv) * time.Millisecond,
			rtt:     time.Duration(ti.Rtt) * time.Microsecond,
			again:   int(ti.Total_retrans) - int(ti.Retransmits),
			gaps:    int(ti.Rcv_ooopack), // since Linux 5.4
		}
		ok = true
	})
	return info, ok
}

// watchResume has nothing to do: the clocks say it at the next timer, which a sleep does not use up.
func watchResume(context.Context, func()) {}

// boottimeAhead is how far CLOCK_BOOTTIME, which goes on while the computer sleeps, is ahead of CLOCK_MONOTONIC, which
// does not (clock_gettime(2)). It only grows.
func boottimeAhead() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}
