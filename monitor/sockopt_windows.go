package monitor

import (
	"net"
	"syscall"
	"time"

	"holdfast/internal/dial"
	"holdfast/internal/winpower"
	"holdfast/internal/winsock"
	"holdfast/netcheck"
)

// setSocket is called on a socket before it connects: keepalive and the bound of retransmissions are set together, because
// the one without the other either waits for hours or forgets what was sent.
func setSocket(c syscall.RawConn, k Keepalive) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		dial.OneSYN(fd) // a refusal is told at once; attempts, knocks and the second SYN see to what is lost
		s := winsock.Of(fd)
		err = s.SetKeepalive(winsock.Keepalive(k))
		_ = s.SetUserTimeout(k.UserTimeout) // where it is not there, readSocket says so
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// A listener hears nothing here: what routers say is heard by the questions to the path.
type listener struct{}

func (*listener) listen(syscall.RawConn, func())           {}
func (*listener) icmp() (e netcheck.ICMPError, found bool) { return }
func (*listener) end(*net.TCPConn)                         {}
func (*listener) close()                                   {}

// readSocket reads back what setSocket was asked for. What cannot be known stays zero.
func readSocket(conn net.Conn, asked Keepalive) (k Keepalive) {
	_ = winsock.Control(conn, func(fd uintptr) { k = Keepalive(winsock.Of(fd).Read(winsock.Keepalive(asked))) })
	return k
}

// keepaliveOn switches the kernel's probes: while the way is broken on this computer they would end a session that can go
// on afterwards.
func keepaliveOn(conn net.Conn, k Keepalive, on bool) {
	_ = winsock.Control(conn, func(fd uintptr) {
		if on {
			_ = winsock.Of(fd).SetKeepalive(winsock.Keepalive(k))
		} else {
			_ = winsock.Of(fd).KeepaliveOff()
		}
	})
}

// setUserTimeout changes how long the kernel tries before it ends the connection.
func setUserTimeout(conn net.Conn, d time.Duration) {
	_ = winsock.Control(conn, func(fd uintptr) { _ = winsock.Of(fd).SetUserTimeout(d) })
}

// nudgeKeepalive: Windows sends no probe before its time.
func nudgeKeepalive(net.Conn, Keepalive) {}

// readTCPInfo asks the kernel for its view of the connection; before Windows 10 1703 there is none.
func readTCPInfo(conn net.Conn) (info tcpInfo, ok bool) {
	_ = winsock.Control(conn, func(fd uintptr) {
		var i winsock.TCPInfo
		i, ok = winsock.ReadTCPInfo(fd)
		info = tcpInfoOfWindows(i)
	})
	return info, ok
}

// hasInput reports whether bytes, an end or an error wait to be read.
func hasInput(conn net.Conn) (yes bool) {
	_ = winsock.Control(conn, func(fd uintptr) { yes = winsock.HasInput(fd) })
	return yes
}

// boottimeAhead is how long this computer has slept since it was started. It only grows.
func boottimeAhead() time.Duration { return winpower.Slept() }

// slim keeps the connection as it is.
func slim(c *net.TCPConn) (net.Conn, error) { return c, nil }
