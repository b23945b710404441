//go:build darwin || freebsd || netbsd || openbsd

package monitor

import (
	"context"
	"net"
	"syscall"
	"time"

	"holdfast/internal/bsdsock"
	"holdfast/netcheck"
)

// setSocket is called on a socket before it connects: keepalive and the bound of retransmissions are set together, as far as
// the system has them; readSocket says what it has.
func setSocket(c syscall.RawConn, k Keepalive) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		s := bsdsock.Of(fd)
		err = s.SetKeepalive(bsdsock.Keepalive(k))
		_ = s.SetUserTimeout(k.UserTimeout)
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// A listener hears nothing here: what routers say is heard by the questions to the path, where ICMP may be heard.
type listener struct{}

func (*listener) listen(syscall.RawConn, func())           {}
func (*listener) icmp() (e netcheck.ICMPError, found bool) { return }
func (*listener) end(*net.TCPConn)                         {}
func (*listener) close()                                   {}

// readSocket reads back what holds. What cannot be read stays zero.
func readSocket(conn net.Conn, _ Keepalive) (k Keepalive) {
	_ = bsdsock.Control(conn, func(fd uintptr) { k = Keepalive(bsdsock.Of(fd).Read()) })
	return k
}

// keepaliveOn switches the kernel's probes: while the way is broken on this computer they would end a session that can go
// on afterwards.
func keepaliveOn(conn net.Conn, k Keepalive, on bool) {
	_ = bsdsock.Control(conn, func(fd uintptr) {
		if on {
			_ = bsdsock.Of(fd).SetKeepalive(bsdsock.Keepalive(k))
		} else {
			_ = bsdsock.Of(fd).KeepaliveOff()
		}
	})
}

// setUserTimeout changes how long the kernel waits for an acknowledgement before it ends the connection.
func setUserTimeout(conn net.Conn, d time.Duration) {
	_ = bsdsock.Control(conn, func(fd uintptr) { _ = bsdsock.Of(fd).SetUserTimeout(d) })
}

// nudgeKeepalive sets the idle time again. Whether the kernel then sends a probe at once is not known of these.
func nudgeKeepalive(conn net.Conn, k Keepalive) { keepaliveOn(conn, k, true) }

// watchResume has nothing to do: where a sleep can be told the clocks say it at the next timer.
func watchResume(context.Context, func()) {}

// slim keeps the connection as it is.
func slim(c *net.TCPConn) (net.Conn, error) { return c, nil }
