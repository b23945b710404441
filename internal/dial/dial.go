// Package dial opens the connections that sessions and probes run on: [Direct] connects to a server or to a proxy,
// [Through] asks the proxy for a tunnel, [Alive] asks it for nothing but an answer. [Eyeballs] chooses where a name has
// several addresses. An error is an [*Error]; it names the hop and the step, and keeps what a program can read of the
// answer.
//
// Nothing here retries, resolves names or keeps state. Every call ends when its context ends, and whatever a peer says
// is bounded, and escaped before it gets into a text.
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

// A Step is a part of opening a connection that has a clock of its own.
type Step string

// The steps, in their order.
const (
	StepConnect  Step = "connect"  // from the first SYN to the connection
	StepGreeting Step = "greeting" // SOCKS: from the offer of methods to the choice
	StepAuth     Step = "auth"     // SOCKS: from user and password to the verdict
	StepRequest  Step = "request"  // until the kernel took the request
	StepReply    Step = "reply"    // from then to the end of the reply: its Began is the moment of asking
)

// The hops that an Error names, in the words of netcheck.Hop.
const (
	HopProxy  = "proxy"
	HopServer = "server"
)

// An Error says at which hop and in which step a dial failed. Hop uses the words of netcheck.Hop. Behind a proxy it is
// "server" only where the proxy's reply says so much, see [Reply.Says]. The text is one printable line of 200
// characters at most and never holds a password.
type Error struct {
	Hop   string
	Step  Step
	Took  time.Duration // from the start of the step
	Err   error
	Reply Reply // what the proxy answered, as far as it was understood
	Got   int   // bytes that the proxy sent in this step; none and closed is "closed without a word"
}

func (e *Error) Error() string {
	return printable(fmt.Sprintf("%s: %s: %v", e.Hop, e.Step, e.Err), maxText)
}

// Unwrap returns what the system or the peer said.
func (e *Error) Unwrap() error { return e.Err }

// Direct opens a TCP connection to dst. control, which may be nil, is called with the socket before it connects. No
// keepalive option is set: that is the caller's. The error is an *Error with Hop "server", also where dst is a proxy.
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
		return nil, &Error{Hop: HopServer, Step: StepConnect, Took: time.Since(start), Err: err}
	}
	return c, nil
}
