//go:build darwin || freebsd || netbsd || openbsd

package monitor

import (
	"context"
	"net"

	"holdfast/internal/bsdsock"
)

type kernelKeepalive = bsdsock.Keepalive

func socketOf(fd uintptr) bsdsock.Socket { return bsdsock.Of(fd) }

func onDescriptor(c any, f func(fd uintptr)) error { return bsdsock.Control(c, f) }

// fewerSYNs has nothing to do: a refusal is told at once.
func fewerSYNs(uintptr) {}

// readSocket reads back what holds. What cannot be read stays zero.
func readSocket(conn net.Conn, _ Keepalive) (k Keepalive) {
	_ = bsdsock.Control(conn, func(fd uintptr) { k = Keepalive(bsdsock.Of(fd).Read()) })
	return k
}

// nudgeKeepalive sets the idle time again. Whether the kernel then sends a probe at once is not known of these.
func nudgeKeepalive(conn net.Conn, k Keepalive) { keepaliveOn(conn, k, true) }

// watchResume has nothing to do: where a sleep can be told the clocks say it at the next timer.
func watchResume(context.Context, func()) {}
