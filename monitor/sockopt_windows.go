package monitor

import (
	"net"
	"syscall"
	"time"

	"holdfast/internal/dial"
	"holdfast/internal/winpower"
	"holdfast/internal/winsock"
)

type kernelKeepalive = winsock.Keepalive

func socketOf(fd uintptr) winsock.Socket { return winsock.Of(fd) }

func onDescriptor(c any, f func(fd uintptr)) error { return winsock.Control(c, f) }

// setSocket is called on a socket before it connects: keepalive and the bound of retransmissions are set together, because
// the one without the other either waits for hours or forgets what was sent.
func setSocket(c syscall.RawConn, k Keepalive) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		dial.OneSYN(fd) // a refusal is told at once; attempts, knocks and the second SYN see to what is lost
		err = setOptions(fd, k)
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// readSocket reads back what setSocket was asked for. What cannot be known stays zero.
func readSocket(conn net.Conn, asked Keepalive) (k Keepalive) {
	_ = winsock.Control(conn, func(fd uintptr) { k = Keepalive(winsock.Of(fd).Read(winsock.Keepalive(asked))) })
	return k
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
