package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// replyPatience is how long a proxy may take from the first byte of an answer to the last: whoever sends a byte now and
// then would otherwise hold a connection for as long as its caller is patient. A head that needs two segments, the second
// of them lost twice, needs 0.6 s.
const replyPatience = 5 * time.Second

// An Event tells how far [Through] has come. Each step begins once and ends once.
type Event struct {
	Step  Step
	Ended bool          // it ended; otherwise it began
	At    time.Time     // now
	Took  time.Duration // from the beginning to the end
	Err   error         // why it ended badly: the *Error that Through will return
}

// Options is what [Through] may be told. The zero Options are good.
type Options struct {
	// Trace is called with each Event, in order, by the goroutine that called Through; it must not block.
	Trace func(Event)
	// Patience bounds steps one by one. A step that is not in it is bounded by the context alone.
	Patience map[Step]time.Duration
}

// Through asks the proxy at the other end of c for a tunnel to target, "host:port"; a name is for the proxy to look up.
// c is fresh from [Direct], v is a proxy. On success c carries the session, and rest is what the server has sent already,
// before all that is still to be read. On failure c is closed.
//
// The error is an *Error. In it, silence is [context.DeadlineExceeded] (of ctx, or of the step's patience), a hang-up
// [io.EOF], a reset its errno, and nonsense [ErrProtocol]; a refusal is in its Reply.
func Through(ctx context.Context, c net.Conn, v Via, target string, o Options) (reply Reply, rest []byte, err error) {
	t := &talk{ctx: ctx, c: c, v: v, o: o}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	host, port, err := splitTarget(target)
	if err == nil && !v.IsProxy() {
		err = errors.New("via: a proxy was expected")
	}
	if err != nil {
		return Reply{}, nil, &Error{Hop: HopProxy, Step: StepRequest, Err: err}
	}
	if v.scheme == "http" {
		err = t.connect(net.JoinHostPort(host, strconv.Itoa(int(port))))
	} else {
		err = t.socks(host, port)
	}
	return t.reply, t.rest, err
}

// talk is one conversation with a proxy.
type talk struct {
	ctx   context.Context
	c     net.Conn
	v     Via
	o     Options
	reply Reply
	rest  []byte
	got   int    // bytes received in it
	heard func() // called at its first byte
}

func (t *talk) connect(target string) error {
	if err := t.do(StepRequest, func() error { return t.write(connectRequest(target, t.v)) }); err != nil {
		return err
	}
	return t.do(StepReply, func() error {
		h := headReader{show: t.v.show}
		defer func() { t.reply = h.reply }()
		buf := make([]byte, 4<<10)
		for {
			k, err := t.read(buf)
			n, done, perr := h.feed(buf[:k])
			switch {
			case perr != nil:
				return perr
			case done && h.reply.Status/100 != 2:
				return errors.New(h.reply.said()) // the body is nobody's business
			case done:
				// Whatever length the head speaks of: a tunnel has no body (RFC 9110, section 9.3.6).
				if n < k {
					t.rest = append([]byte(nil), buf[n:k]...)
				}
				return nil
			case err != nil && h.reply.Status >= 300:
				return errors.New(h.reply.said()) // cut short, but it has said what matters
			case err != nil:
				return err
			}
		}
	})
}

func (t *talk) socks(host string, port uint16) error {
	var method byte
	err := t.do(StepGreeting, func() (err error) {
		offer := socksGreeting(t.v)
		b, err := t.ask(offer)
		if err != nil {
			return err
		}
		if method, err = socksMethod(b, offer); err == nil && method == methodNothing {
			t.reply.NoMethod = true
			return errors.New(t.reply.said())
		}
		return err
	})
	if err == nil && method == methodUser {
		err = t.do(StepAuth, func() error {
			b, err := t.ask(socksLogin(t.v))
			if err != nil {
				return err
			}
			if t.reply.AuthStatus, err = socksVerdict(b); err == nil && t.reply.AuthStatus != 0 {
				return errors.New(t.reply.said())
			}
			return err
		})
	}
	if err == nil {
		err = t.do(StepRequest, func() error { return t.write(socksRequest(host, port)) })
	}
	if err != nil {
		return err
	}
	return t.do(StepReply, func() error {
		b := make([]byte, 0, 4+1+255+2)
		for {
			code, need, done, err := socksReply(b)
			switch {
			case err != nil:
				return err
			case done && code != 0:
				t.reply.SOCKS = code
				return errors.New(t.reply.said())
			case done:
				return nil
			}
			// No byte more than the reply has: what follows is the session's.
			k, err := t.read(b[len(b):need])
			if b = b[:len(b)+k]; k == 0 && err != nil {
				return err
			}
		}
	})
}

// ask sends b and returns the two bytes that answer it.
func (t *talk) ask(b []byte) ([]byte, error) {
	if err := t.write(b); err != nil {
		return nil, err
	}
	var answer [2]byte
	for n := 0; n < len(answer); {
		k, err := t.read(answer[n:])
		if n += k; k > 0 && answer[0] != socksVersion && answer[0] != 1 {
			return nil, badVersion(answer[:n])
		} else if err != nil && n < len(answer) {
			return nil, err
		}
	}
	return answer[:], nil
}

// write sends b. A proxy that has hung up may have said why: then reading tells.
func (t *talk) write(b []byte) error {
	if _, err := t.c.Write(b); isTimeout(err) {
		return err
	}
	return nil
}

// read is one Read, with the errors of [Through].
func (t *talk) read(b []byte) (int, error) {
	n, err := t.c.Read(b)
	if n > 0 && t.got == 0 {
		t.heard()
	}
	t.got += n
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) && t.got == 0:
		err = reworded{"closed the connection without a word", err}
	case errors.Is(err, io.EOF):
		err = reworded{fmt.Sprintf("closed the connection after %d bytes of its answer", t.got), err}
	}
	return n, err
}

// do runs one step: with its clock, its patience, its events and the form of its error.
func (t *talk) do(step Step, work func() error) error {
	ctx, cancel := context.WithCancelCause(t.ctx)
	defer cancel(nil)
	if d, ok := t.o.Patience[step]; ok {
		timer := time.AfterFunc(d, func() { cancel(reworded{"no answer", context.DeadlineExceeded}) })
		defer timer.Stop()
	}
	var drip *time.Timer
	t.got = 0
	t.heard = func() {
		drip = time.AfterFunc(replyPatience, func() {
			cancel(reworded{"began an answer and did not end it", context.DeadlineExceeded})
		})
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = t.c.SetDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	began := time.Now()
	t.trace(Event{Step: step, At: began})
	err := work()
	took := time.Since(began)
	if drip != nil {
		drip.Stop()
	}
	if !stop() {
		<-interrupted
		// What was there in time counts, unless nobody wants it any more.
		if t.ctx.Err() != nil {
			err = t.ctx.Err()
		} else if err == nil {
			_ = t.c.SetDeadline(time.Time{})
		} else if isTimeout(err) {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		err = &Error{Hop: t.reply.hop(), Step: step, Took: took, Err: err, Reply: t.reply, Got: t.got}
	}
	t.trace(Event{Step: step, Ended: true, At: began.Add(took), Took: took, Err: err})
	return err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func (t *talk) trace(e Event) {
	if t.o.Trace != nil {
		t.o.Trace(e)
	}
}

// A reworded error says in our words what another one says to programs.
type reworded struct {
	words string
	err   error
}

func (e reworded) Error() string   { return e.words }
func (e reworded) Unwrap() error   { return e.err }
func (e reworded) Timeout() bool   { return isTimeout(e.err) }
func (e reworded) Temporary() bool { return false }
