package dial

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func addrs(s string) (out []netip.Addr) {
	for a := range strings.FieldsSeq(s) {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestInterleave(t *testing.T) {
	for _, tt := range []struct{ name, in, known, want string }{
		{name: "none"},
		{name: "one family", in: "192.0.2.1 192.0.2.2", want: "192.0.2.1 192.0.2.2"},
		{name: "by turns", in: "2001:db8::1 2001:db8::2 2001:db8::3 192.0.2.1 192.0.2.2", want: "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3"},
		{name: "the resolver prefers IPv4", in: "192.0.2.1 2001:db8::1 192.0.2.2", want: "192.0.2.1 2001:db8::1 192.0.2.2"},
		{name: "one known to work", in: "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2", known: "192.0.2.2", want: "192.0.2.2 2001:db8::1 192.0.2.1 2001:db8::2"},
		{name: "one that is not there any more", in: "2001:db8::1 192.0.2.1", known: "192.0.2.9", want: "2001:db8::1 192.0.2.1"},
		{name: "doubles", in: "192.0.2.1 ::ffff:192.0.2.1 192.0.2.1", known: "::ffff:192.0.2.1", want: "192.0.2.1"},
	} {
		var known netip.Addr
		if tt.known != "" {
			known = netip.MustParseAddr(tt.known)
		}
		got := Interleave(append(addrs(tt.in), netip.Addr{}), known)
		if want := addrs(tt.want); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, want)
		}
		if again := Interleave(got, netip.Addr{}); !slices.Equal(again, got) {
			t.Errorf("%s: ordered twice: %v, then %v", tt.name, got, again)
		}
	}
}

// A fakeConn counts whether it was closed.
type fakeConn struct {
	addr   netip.Addr
	open   *atomic.Int32
	closed bool
}

func (c *fakeConn) Close() error {
	if c.closed {
		return errors.New("closed twice")
	}
	c.closed = true
	c.open.Add(-1)
	return nil
}

func TestEyeballs(t *testing.T) {
	const ms = time.Millisecond
	never := 100 * time.Hour
	errRefused := errors.New("refused")
	type host struct {
		after  time.Duration // it answers
		err    error         // with this
		defies bool          // it does not hear that its context ended, and stands all the same
	}
	for _, tt := range []struct {
		name  string
		in    string
		hosts []host // in the order in which they are tried
		ctx   time.Duration
		won   int // -1 none
		took  time.Duration
		tried string // "began+took what" each
		err   error
	}{
		{name: "the first answers", in: "192.0.2.1 192.0.2.2", hosts: []host{{after: 20 * ms}, {}}, won: 0, took: 20 * ms, tried: "0s+20ms won, -"},
		{name: "IPv6 is silent", in: "2001:db8::1 192.0.2.1", hosts: []host{{after: never}, {after: 30 * ms}}, won: 1, took: 280 * ms, tried: "0s+280ms context canceled, 250ms+30ms won"},
		{name: "the first is slow, and yet sooner", in: "2001:db8::1 192.0.2.1", hosts: []host{{after: 300 * ms}, {after: 100 * ms}}, won: 0, took: 300 * ms, tried: "0s+300ms won, 250ms+50ms context canceled"},
		{name: "the first refuses: the next at once", in: "192.0.2.1 192.0.2.2", hosts: []host{{after: 10 * ms, err: errRefused}, {after: 10 * ms}}, won: 1, took: 20 * ms, tried: "0s+10ms refused, 10ms+10ms won"},
		{name: "the second refuses: the third at once", in: "192.0.2.1 192.0.2.2 192.0.2.3", hosts: []host{{after: never}, {after: 10 * ms, err: errRefused}, {after: 10 * ms}}, won: 2, took: 270 * ms, tried: "0s+270ms context canceled, 250ms+10ms refused, 260ms+10ms won"},
		{name: "the delay counts anew", in: "192.0.2.1 192.0.2.2 192.0.2.3", hosts: []host{{after: 100 * ms, err: errRefused}, {after: never}, {after: 10 * ms}}, won: 2, took: 360 * ms, tried: "0s+100ms refused, 100ms+260ms context canceled, 350ms+10ms won"},
		{name: "all refuse", in: "192.0.2.1 2001:db8::1", hosts: []host{{after: 10 * ms, err: errRefused}, {after: 10 * ms, err: errors.New("x")}}, won: -1, took: 20 * ms, tried: "0s+10ms refused, 10ms+10ms x", err: errRefused},
		{name: "all are silent", in: "192.0.2.1 2001:db8::1", hosts: []host{{after: never}, {after: never}}, ctx: time.Second, won: -1, took: time.Second, tried: "0s+1s context deadline exceeded, 250ms+750ms context deadline exceeded", err: context.DeadlineExceeded},
		{name: "the context ends before the second's turn", in: "192.0.2.1 2001:db8::1", hosts: []host{{after: never}, {}}, ctx: 100 * ms, won: -1, took: 100 * ms, tried: "0s+100ms context deadline exceeded, -", err: context.DeadlineExceeded},
		{name: "two stand", in: "2001:db8::1 192.0.2.1", hosts: []host{{after: 310 * ms, defies: true}, {after: 30 * ms}}, won: 1, took: 310 * ms, tried: "0s+310ms late, 250ms+30ms won"},
		{name: "one stands after the context has ended", in: "192.0.2.1", hosts: []host{{after: 310 * ms, defies: true}}, ctx: 300 * ms, won: -1, took: 310 * ms, tried: "0s+310ms late", err: context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := addrs(tt.in)
				var open atomic.Int32
				ctx, cancel := context.WithCancel(t.Context())
				if tt.ctx > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), tt.ctx)
				}
				defer cancel()
				began := time.Now()
				c, attempts, err := Eyeballs(ctx, in, 7000, func(ctx context.Context, a netip.AddrPort) (*fakeConn, error) {
					h := tt.hosts[slices.Index(in, a.Addr())]
					if a.Port() != 7000 {
						t.Errorf("port %d", a.Port())
					}
					done := ctx.Done()
					if h.defies {
						done = nil
					}
					select {
					case <-done:
						return nil, ctx.Err()
					case <-time.After(h.after):
					}
					if h.err != nil {
						return nil, h.err
					}
					open.Add(1)
					return &fakeConn{addr: a.Addr(), open: &open}, nil
				})
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				var tried []string
				for _, a := range attempts {
					s := "-"
					if !a.Began.IsZero() {
						s = fmt.Sprintf("%v+%v", a.Began.Sub(began), a.Took)
					}
					switch {
					case a.Won:
						s += " won"
					case a.Late:
						s += " late"
					case a.Err != nil:
						s += " " + a.Err.Error()
					}
					tried = append(tried, s)
				}
				if got := strings.Join(tried, ", "); got != tt.tried {
					t.Errorf("got  %s\nwant %s", got, tt.tried)
				}
				if tt.won < 0 {
					if c != nil || !errors.Is(err, tt.err) || open.Load() != 0 {
						t.Errorf("got %v, %v, %d open", c, err, open.Load())
					}
					return
				}
				if err != nil || c.addr != in[tt.won] || c.closed || open.Load() != 1 {
					t.Errorf("got %v, %v, %d open", c, err, open.Load())
				}
			})
		})
	}
}

func TestEyeballsBounds(t *testing.T) {
	if _, _, err := Eyeballs(t.Context(), nil, 1, func(context.Context, netip.AddrPort) (*fakeConn, error) { return nil, nil }); err == nil {
		t.Error("no address, and no error")
	}
	var many []netip.Addr
	for a := netip.MustParseAddr("198.51.100.1"); len(many) < 200; a = a.Next() {
		many = append(many, a)
	}
	n := 0
	_, attempts, err := Eyeballs(t.Context(), many, 1, func(context.Context, netip.AddrPort) (*fakeConn, error) {
		n++
		return nil, errors.New("no")
	})
	if err == nil || n != maxAddrs || len(attempts) != maxAddrs {
		t.Errorf("%d tried, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, attempts, err := Eyeballs(ctx, many, 1, func(context.Context, netip.AddrPort) (*fakeConn, error) {
		t.Error("dialled after the end")
		return nil, errors.New("no")
	}); !errors.Is(err, context.Canceled) || len(attempts) != maxAddrs {
		t.Errorf("after the end: %v", err)
	}
}
