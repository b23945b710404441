package responder

import (
	"errors"
	"fmt"
	"net"
	"time"

	"holdfast/internal/winsock"
)

var errUnsupported = errors.New("not told by this system")

// setKeepalive sets SIO_KEEPALIVE_VALS, and each value by itself where the system takes them.
func setKeepalive(c *net.TCPConn, k net.KeepAliveConfig) (err error) {
	if !k.Enable {
		return c.SetKeepAliveConfig(k)
	}
	cerr := winsock.Control(c, func(fd uintptr) { err = winsock.Of(fd).SetKeepalive(keepaliveOf(k)) })
	return errors.Join(cerr, err)
}

func keepaliveOf(k net.KeepAliveConfig) winsock.Keepalive {
	return winsock.Keepalive{Idle: k.Idle, Interval: k.Interval, Count: k.Count}
}

// setUserTimeout bounds how long the kernel sends again (TCP_MAXRT). Without that it gives up by itself after some 20 s.
func setUserTimeout(c *net.TCPConn, d time.Duration) (err error) {
	cerr := winsock.Control(c, func(fd uintptr) { err = winsock.Of(fd).SetUserTimeout(d) })
	if err != nil {
		err = fmt.Errorf("%w: TCP_MAXRT: %w", errUnsupported, err)
	}
	return errors.Join(cerr, err)
}

func readKeepalive(c *net.TCPConn, asked net.KeepAliveConfig) (k keepalive, err error) {
	err = winsock.Control(c, func(fd uintptr) {
		r := winsock.Of(fd).Read(keepaliveOf(asked))
		k = keepalive{enabled: r.Enabled, idle: r.Idle, interval: r.Interval, count: r.Count, userTimeout: r.UserTimeout}
	})
	return k, err
}

// ackAge cannot be told here: a client without a rhythm is missed when the kernel gives its session up.
func ackAge(net.Conn) (time.Duration, bool) { return 0, false }
