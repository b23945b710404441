//go:build !linux && !windows && !darwin && !freebsd && !netbsd && !openbsd

package monitor

import (
	"context"
	"net"
	"syscall"
	"time"

	"holdfast/netcheck"
)

// On this system the options are set through the standard library after connecting, and nothing is read back: Snapshots
// carry a zero Keepalive, which views show as not known. There is no user timeout and no view into the kernel's TCP, so a
// hung server cannot be told from a broken way by the session alone, and heartbeat "none" sees a break only when the
// kernel's keepalive ends the connection.

func setSocket(syscall.RawConn, Keepalive) error { return nil }

// A listener hears nothing here.
type listener struct{}

func (*listener) listen(syscall.RawConn, func())           {}
func (*listener) icmp() (e netcheck.ICMPError, found bool) { return }
func (*listener) end(*net.TCPConn)                         {}
func (*listener) close()                                   {}

func readSocket(net.Conn, Keepalive) Keepalive { return Keepalive{} }

func keepaliveOn(conn net.Conn, _ Keepalive, on bool) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetKeepAlive(on)
	}
}

func setUserTimeout(net.Conn, time.Duration) {}

func nudgeKeepalive(conn net.Conn, k Keepalive) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: k.Idle, Interval: k.Interval, Count: k.Count})
	}
}

func readTCPInfo(net.Conn) (tcpInfo, bool) { return tcpInfo{}, false }

func hasInput(net.Conn) bool { return false }

func watchResume(context.Context, func()) {}

func boottimeAhead() time.Duration { return 0 }

// slim keeps the connection as it is.
func slim(c *net.TCPConn) (net.Conn, error) { return c, nil }
