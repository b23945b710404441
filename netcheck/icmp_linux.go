package netcheck

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// RefusalUnsure is whether connect(2) says "connection refused" of what ICMP said, too, without telling which it was. Here
// the two are told apart.
const RefusalUnsure = false

// ControlICMPErrors is a Control function for net.Dialer and net.ListenConfig: it asks the kernel to keep the ICMP
// errors of the socket for ICMPErrorOf (IP_RECVERR). A TCP connection attempt then also ends with the first "host
// unreachable" or "prohibited" instead of trying on in silence, and so does an established connection.
func ControlICMPErrors(network, address string, c syscall.RawConn) error {
	var inner error
	err := c.Control(func(fd uintptr) {
		if strings.HasSuffix(network, "6") {
			inner = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
			return
		}
		inner = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_RECVERR, 1)
	})
	return errors.Join(err, inner)
}

// ICMPErrorOf takes the oldest ICMP error that the kernel keeps for the socket, see ControlICMPErrors. It never waits.
//
// A net.Dialer closes the socket of a failed attempt, and its errors with it: duplicate the descriptor in Control
// (F_DUPFD_CLOEXEC) and ask the duplicate. Ask it of an attempt that is still silent, too: a router that is so near that
// its answer is back before connect(2) has let go of the socket does not end the attempt (tcp_v4_err in
// net/ipv4/tcp_ipv4.c), the error is only kept. What it means for the attempt is its Errno.
func ICMPErrorOf(c syscall.RawConn) (e ICMPError, ok bool) {
	_ = c.Control(func(fd uintptr) {
		for range 16 { // errors of other origins, time stamps among them, may lie before it
			q, err := readErrQueue(int(fd))
			if err != nil {
				return
			}
			if !q.ICMPError.IsZero() {
				e, ok = q.ICMPError, true
				return
			}
		}
	})
	return e, ok
}

// A queued error is one entry of a socket's error queue.
type queued struct {
	ICMPError                // zero when it did not come by ICMP
	errno     syscall.Errno  // what the kernel made of it
	to        netip.AddrPort // where the packet that caused it was sent
}

// readErrQueue takes one entry; unix.EAGAIN when there is none.
func readErrQueue(fd int) (queued, error) {
	var payload [64]byte
	var oob [256]byte
	_, n, _, from, err := unix.Recvmsg(fd, payload[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return queued{}, err
	}
	q := parseErrQueue(oob[:n])
	q.to = addrPort(from)
	return q, nil
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// parseErrQueue reads the control messages of an entry. struct sock_extended_err (linux/errqueue.h, ip(7)) holds the
// errno, origin, type and code; the sender's socket address follows it.
func parseErrQueue(oob []byte) (q queued) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return q
	}
	for _, m := range messages {
		v6 := m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v6 && !(m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_RECVERR) || len(m.Data) < 16 {
			continue
		}
		q.errno = syscall.Errno(ne.Uint32(m.Data))
		sender := m.Data[16:]
		switch origin := m.Data[4]; {
		case origin == unix.SO_EE_ORIGIN_ICMP && len(sender) >= unix.SizeofSockaddrInet4 && ne.Uint16(sender) == unix.AF_INET:
			q.Sender = address(sender[4:8])
		case origin == unix.SO_EE_ORIGIN_ICMP6 && len(sender) >= unix.SizeofSockaddrInet6 && ne.Uint16(sender) == unix.AF_INET6:
			q.Sender, q.V6 = address(sender[8:24]), true
		case origin == unix.SO_EE_ORIGIN_ICMP && len(sender) >= unix.SizeofSockaddrInet6 && ne.Uint16(sender) == unix.AF_INET6:
			q.Sender = address(sender[8:24]).Unmap() // IPv4 on an IPv6 socket
		default:
			continue
		}
		q.Type, q.Code = m.Data[5], m.Data[6]
	}
	return q
}
