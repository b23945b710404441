package netcheck

import "golang.org/x/sys/unix"

// pingSocket is the kind of ICMP socket that needs no rights.
const pingSocket = unix.SOCK_DGRAM

// bindTo keeps a socket on the interface of the way, which needs no rights here; the route decides where it cannot be done.
func bindTo(fd int, w Way, v6 bool) {
	if w.Loopback || w.Index <= 0 {
		return
	}
	if v6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, w.Index)
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BOUND_IF, w.Index)
}
