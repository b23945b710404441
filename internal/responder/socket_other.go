//go:build !linux && !windows && !darwin && !freebsd && !netbsd && !openbsd

package responder

import (
	"errors"
	"net"
	"time"
)

var errUnsupported = errors.New("not told by this system")

func setKeepalive(c *net.TCPConn, k net.KeepAliveConfig) error { return c.SetKeepAliveConfig(k) }

// setUserTimeout: there is no TCP_USER_TIMEOUT here; keepalive alone gives a session up.
func setUserTimeout(*net.TCPConn, time.Duration) error { return errUnsupported }

// readKeepalive cannot be told here.
func readKeepalive(*net.TCPConn, net.KeepAliveConfig) (keepalive, error) {
	return keepalive{}, errUnsupported
}

// ackAge cannot be told here: a client without a rhythm is missed when the kernel gives its session up.
func ackAge(net.Conn) (time.Duration, bool) { return 0, false }
