package monitor

import (
	"net"
	"time"

	"holdfast/internal/dial"
	"holdfast/internal/winpower"
	"holdfast/internal/winsock"
)

type kernelKeepalive = winsock.Keepalive

func socketOf(fd uintptr) winsock.Socket { return winsock.Of(fd) }

func onDescriptor(c any, f func(fd uintptr)) error { return winsock.Control(c, f) }

// fewerSYNs has a refusal told at once; attempts, knocks and the second SYN see to what is lost.
func fewerSYNs(fd uintptr) { dial.OneSYN(fd) }

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
