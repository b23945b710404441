package netcheck

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Options of a TCP socket since Windows 10 2004 (ws2ipdef.h).
const (
	tcpFailConnectOnICMPError = 18
	tcpICMPErrorInfo          = 19
)

// RefusalUnsure is whether connect(2) says "connection refused" of what ICMP said, too, without telling which it was. Here
// the two are told apart.
const RefusalUnsure = false

// ControlICMPErrors is a Control function for net.Dialer: it asks Windows to end a connection attempt with the first ICMP
// error and to keep that for ICMPErrorOf. Before Windows 10 2004 it has no effect.
func ControlICMPErrors(network, address string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, tcpFailConnectOnICMPError, 1)
	})
}

// ICMPErrorOf is the ICMP error that ended the socket's connection attempt, see ControlICMPErrors. It never waits. A
// net.Dialer closes the socket of a failed attempt: ask before that, of a duplicate.
func ICMPErrorOf(c syscall.RawConn) (e ICMPError, ok bool) {
	_ = c.Control(func(fd uintptr) {
		var b [icmpInfoSize]byte
		size := int32(len(b))
		if windows.Getsockopt(windows.Handle(fd), windows.IPPROTO_TCP, tcpICMPErrorInfo, &b[0], &size) == nil && size >= icmpInfoSize-2 {
			e, ok = parseICMPInfo(&b)
		}
	})
	return e, ok
}
