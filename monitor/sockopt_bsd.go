//go:build darwin || freebsd || netbsd || openbsd

package monitor

import (
	"context"
	"net"
	"syscall"

	"holdfast/internal/bsdsock"
)

type kernelKeepalive = bsdsock.Keepalive

func socketOf(fd uintptr) bsdsock.Socket { return bsdsock.Of(fd) }

func onDescriptor(c any, f func(fd uintptr)) error { return bsdsock.Control(c, f) }

// setSocket is called on a socket before it connects: keepalive and the bound of retransmissions are set together, as far as
// the system has them; readSocket says what it has.
func setSocket(c syscall.RawConn, k Keepalive) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		err = setOptions(fd, k)
	})
	if cerr != nil {
		return cerr
	}
	return err
}

// readSocket reads back what holds. What cannot be read stays zero.
func readSocket(conn net.Conn, _ Keepalive) (k Keepalive) {
	_ = bsdsock.Control(conn, func(fd uintptr) { k = Keepalive(bsdsock.Of(fd).Read()) })
	return k
}

// nudgeKeepalive sets the idle time again. Whether the kernel then sends a probe at once is not known of these.
func nudgeKeepalive(conn net.Conn, k Keepalive) { keepaliveOn(conn, k, true) }

// watchResume has nothing to do: where a sleep can be told the clocks say it at the next timer.
func watchResume(context.Context, func()) {}
