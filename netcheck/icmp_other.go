//go:build !linux && !windows

package netcheck

import "syscall"

// RefusalUnsure is whether connect(2) says "connection refused" of what ICMP said, too, without telling which it was. Here it
// does: macOS, FreeBSD and DragonFly end a connection attempt so that a firewall prohibits (tcp_ctlinput, inetctlerrmap), the
// others after some retransmissions.
const RefusalUnsure = true

// ControlICMPErrors has no effect here; it is there so that a net.Dialer can use it everywhere.
func ControlICMPErrors(network, address string, c syscall.RawConn) error { return nil }

// ICMPErrorOf cannot tell here.
func ICMPErrorOf(syscall.RawConn) (ICMPError, bool) { return ICMPError{}, false }
