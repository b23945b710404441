//go:build darwin || freebsd || netbsd || openbsd

package bsdsock

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Of is the socket of a descriptor, for as long as that is open.
func Of(fd uintptr) Socket {
	return Socket{
		has: Systems[runtime.GOOS],
		set: func(level, name, value int) error { return unix.SetsockoptInt(int(fd), level, name, value) },
		get: func(level, name int) (int, error) { return unix.GetsockoptInt(int(fd), level, name) },
	}
}

// Control runs f on the descriptor of c, if it has one.
func Control(c any, f func(fd uintptr)) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return unix.ENOTSOCK
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// The numbers are those of the headers that x/sys was made from.
var (
	_ [unix.SOL_SOCKET]struct{}   = [solSocket]struct{}{}
	_ [unix.SO_KEEPALIVE]struct{} = [soKeepalive]struct{}{}
	_ [unix.IPPROTO_TCP]struct{}  = [ipprotoTCP]struct{}{}
)
