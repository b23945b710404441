//go:build darwin || freebsd || netbsd || openbsd

package responder

import (
	"errors"
	"fmt"
	"net"
	"time"

	"holdfast/internal/bsdsock"
)

var errUnsupported = errors.New("not told by this system")

// setKeepalive sets what this system lets a socket choose; on OpenBSD that is only whether it asks at all.
func setKeepalive(c *net.TCPConn, k net.KeepAliveConfig) (err error) {
	cerr := bsdsock.Control(c, func(fd uintptr) {
		if s := bsdsock.Of(fd); k.Enable {
			err = s.SetKeepalive(bsdsock.Keepalive{Idle: k.Idle, Interval: k.Interval, Count: k.Count})
		} else {
			err = s.KeepaliveOff()
		}
	})
	return errors.Join(cerr, err)
}

// setUserTimeout bounds how long the kernel sends again, where it can be bounded.
func setUserTimeout(c *net.TCPConn, d time.Duration) (err error) {
	cerr := bsdsock.Control(c, func(fd uintptr) { err = bsdsock.Of(fd).SetUserTimeout(d) })
	if err != nil {
		err = fmt.Errorf("%w: %w", errUnsupported, err)
	}
	return errors.Join(cerr, err)
}

func readKeepalive(c *net.TCPConn, _ net.KeepAliveConfig) (k keepalive, err error) {
	err = bsdsock.Control(c, func(fd uintptr) {
		r := bsdsock.Of(fd).Read()
		k = keepalive{enabled: r.Enabled, idle: r.Idle, interval: r.Interval, count: r.Count, userTimeout: r.UserTimeout}
	})
	return k, err
}

// ackAge cannot be told here: a client without a rhythm is missed when the kernel gives its session up.
func ackAge(net.Conn) (time.Duration, bool) { return 0, false }
