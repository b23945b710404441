//go:build freebsd || netbsd || openbsd

package netcheck

import "golang.org/x/sys/unix"

// pingSocket is the only kind of ICMP socket here, and needs root.
const pingSocket = unix.SOCK_RAW

// bindTo has no effect: the route to the destination decides where a packet leaves, and the address of the way is bound.
func bindTo(int, Way, bool) {}
