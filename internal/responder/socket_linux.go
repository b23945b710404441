package responder

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errUnsupported is never returned here.
var errUnsupported = errors.New("not told by this system")

// control runs f on the descriptor of c.
func control(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

func setUserTimeout(c *net.TCPConn, d time.Duration) error {
	return control(c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

func setKeepalive(c *net.TCPConn, k net.KeepAliveConfig) error { return c.SetKeepAliveConfig(k) }

func readKeepalive(c *net.TCPConn, _ net.KeepAliveConfig) (k keepalive, err error) {
	err = control(c, func(fd int) error {
		var errs [5]error
		get := func(i, level, name int) int {
			v, err := unix.GetsockoptInt(fd, level, name)
			errs[i] = err
			return v
		}
		k.enabled = get(0, unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0
		k.idle = time.Duration(get(1, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)) * time.Second
		k.interval = time.Duration(get(2, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)) * time.Second
		k.count = get(3, unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
		k.userTimeout = time.Duration(get(4, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)) * time.Millisecond
		return errors.Join(errs[:]...)
	})
	return k, err
}

// ackAge is how long ago the client's kernel was last heard to acknowledge anything, a keepalive probe included; false
// when it cannot be known.
func ackAge(c net.Conn) (age time.Duration, ok bool) {
	tcp, isTCP := c.(*net.TCPConn)
	if !isTCP {
		return 0, false
	}
	err := control(tcp, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			age = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
		return err
	})
	return age, err == nil
}
