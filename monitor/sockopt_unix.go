//go:build linux || darwin || freebsd || netbsd || openbsd

package monitor

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasInput reports whether bytes, an end or an error wait to be read.
func hasInput(conn net.Conn) (yes bool) {
	control(conn, func(fd int) {
		var b [1]byte
		n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		yes = n > 0 || err == nil || (err != unix.EAGAIN && err != unix.EINTR)
	})
	return yes
}

func control(conn net.Conn, f func(fd int)) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) })
}
