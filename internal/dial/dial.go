// Package dial opens the connections that sessions and probes run on. An error names the hop that failed.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// An Error says at which hop and in which step a dial failed. Hop uses the words of netcheck.Hop.
type Error struct {
	Hop  string        // "server"
	Step string        // "connect"
	Took time.Duration // from the start of the step
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Hop, e.Step, e.Err) }

// Unwrap returns what the system or the peer said.
func (e *Error) Unwrap() error { return e.Err }

// Direct opens a TCP connection to dst. control, which may be nil, is called with the socket before it connects. No
// keepalive option is set: that is the caller's. The error is an *Error with Hop "server".
func Direct(ctx context.Context, dst netip.AddrPort, control func(syscall.RawConn) error) (*net.TCPConn, error) {
	d := net.Dialer{
		KeepAlive: -1,
		ControlContext: func(_ context.Context, _, _ string, c syscall.RawConn) error {
			if control == nil {
				return nil
			}
			return control(c)
		},
	}
	start := time.Now()
	c, err := d.DialTCP(ctx, "tcp", netip.AddrPort{}, dst)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the addresses are the caller's own
		}
		return nil, &Error{Hop: "server", Step: "connect", Took: time.Since(start), Err: err}
	}
	return c, nil
}
