//go:build windows || darwin || freebsd || netbsd || openbsd

package monitor

import (
	"errors"
	"net"
	"syscall"
	"time"

	"holdfast/netcheck"
)

// A listener hears nothing here: what routers say is heard by the questions to the path.
type listener struct{}

func (*listener) listen(syscall.RawConn, func())           {}
func (*listener) icmp() (e netcheck.ICMPError, found bool) { return }
func (*listener) end(*net.TCPConn)                         {}
func (*listener) close()                                   {}

// setSocket is called on a socket before it connects: keepalive and the bound of retransmissions are set together, because
// the one without the other either waits for hours or forgets what was sent. Where one is not there, readSocket says so.
func setSocket(c syscall.RawConn, k Keepalive) (err error) {
	cerr := c.Control(func(fd uintptr) {
		fewerSYNs(fd)
		s := socketOf(fd)
		err = s.SetKeepalive(kernelKeepalive(k))
		_ = s.SetUserTimeout(k.UserTimeout)
	})
	return errors.Join(cerr, err)
}

// keepaliveOn switches the kernel's probes: while the way is broken on this computer they would end a session that can go
// on afterwards.
func keepaliveOn(conn net.Conn, k Keepalive, on bool) {
	_ = onDescriptor(conn, func(fd uintptr) {
		if on {
			_ = socketOf(fd).SetKeepalive(kernelKeepalive(k))
		} else {
			_ = socketOf(fd).KeepaliveOff()
		}
	})
}

// setUserTimeout changes how long the kernel tries before it ends the connection.
func setUserTimeout(conn net.Conn, d time.Duration) {
	_ = onDescriptor(conn, func(fd uintptr) { _ = socketOf(fd).SetUserTimeout(d) })
}

// slim keeps the connection as it is.
func slim(c *net.TCPConn) (net.Conn, error) { return c, nil }
