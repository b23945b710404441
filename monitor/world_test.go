package monitor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/dial"
	"holdfast/netcheck"
)

const (
	ms     = time.Millisecond
	oneWay = ms // of the made-up network, where a test does not say another; a round trip is twice that
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.7:7000")
	nameServer = netip.MustParseAddr("192.0.2.53")
	wayThere   = netcheck.Way{Index: 7, Interface: "eth0", Source: netip.MustParseAddr("198.51.100.5"),
		Gateway: netip.MustParseAddr("198.51.100.1"), Destination: serverAddr.Addr()}
)

// A world answers every question that is put to the operating system. It carries segments as TCP does: one way takes a
// millisecond, a lost one is sent again after 200, 600, 1400 ms and so on, what was sent later waits behind it, and the
// kernel gives up when its user timeout is over. It moves under the clock of a synctest bubble.
type world struct {
	t     testing.TB
	start time.Time

	mu      sync.Mutex // guards what follows; never held across a wait
	lost    func(at time.Duration) bool
	oneWay  time.Duration                         // what a segment takes
	shake   time.Duration                         // what a handshake, or a refusal, takes
	refuses bool                                  // nobody listens
	dialErr error                                 // this computer cannot dial
	accept  func(c *conn)                         // nil: nothing happens on accepting
	serve   func(c *conn, data []byte)            // what the program there does with what arrives
	link    netcheck.LinkState                    // of wayThere
	judged  func(netcheck.Way) netcheck.LinkState // nil: link
	route   func(netip.Addr) (netcheck.Way, error)
	lookUp  func(ctx context.Context, host string) ([]netip.Addr, error)
	hearsay func(context.Context) []netcheck.Evidence // nil: the system says nothing of the network as a whole
	gateway netcheck.Outcome                          // what the gateway says when asked
	path    netcheck.PathAnswer
	noInfo  bool // the kernel does not tell its view of a connection
	inBytes bool // it tells it as Windows does: bytes under way, and no age of an acknowledgement
	gaps    int  // segments that it says it received behind one that was missing
	held    time.Duration
	ahead   time.Duration // CLOCK_BOOTTIME before CLOCK_MONOTONIC

	dials    []time.Duration // when each began
	conns    []*conn
	broken   []string // what was sent while the way was broken
	lookUps  int
	asked    []time.Duration // when the gateway was asked
	lastOn   bool
	beat     func(target string, at time.Time, rtt time.Duration) // Options.Beat
	carrying *conn                                                // lost is asked for a segment of this connection; nil: for a SYN

	events []seen
	m      *Monitor
	hub    *hub
	sub    *Subscription
}

// seen is an event and when it came.
type seen struct {
	at time.Duration
	Event
}

func (s seen) String() string {
	return fmt.Sprintf("%v %v: %v %s attempt %d renewed %v", s.at, s.Kind, s.Snapshot.State, s.Snapshot.Verdict.Cause, s.Snapshot.Attempt, s.Renewed)
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, start: time.Now(), serve: echo, oneWay: oneWay, shake: 2 * oneWay, link: netcheck.LinkWhole, gateway: netcheck.Answered, lastOn: true}
	w.lost = func(time.Duration) bool { return false }
	w.route = func(netip.Addr) (netcheck.Way, error) { return wayThere, nil }
	w.lookUp = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{serverAddr.Addr()}, nil }
	return w
}

// newHub makes a hub whose operating system is w.
func (w *world) newHub(trace int) *hub {
	h := newHub(nil, trace)
	w.fill(h)
	return h
}

func (w *world) fill(h *hub) {
	h.sys, h.beat = w.system(), w.beat
	h.base = w.start.Add(-time.Second) // whole seconds: the grid is the same
}

func (w *world) at() time.Duration { return time.Since(w.start) }

// until sleeps to that moment of the world, and until all that happens then has happened. Only a test's own goroutine
// may call it.
func (w *world) until(at time.Duration) {
	time.Sleep(at - w.at())
	synctest.Wait()
}

func (w *world) pass(d time.Duration) { w.until(w.at() + d) }

// untilWaiting passes until no attempt is under way and no knock either: a click joins one that is. When they begin is
// left to chance.
func (w *world) untilWaiting() {
	for {
		w.mu.Lock()
		dialling := w.at()-w.dials[len(w.dials)-1] <= w.shake
		w.mu.Unlock()
		if s := w.m.Snapshot(); !s.RetryAt.IsZero() && !dialling {
			return
		}
		w.pass(ms)
	}
}

// set changes the world.
func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// hole loses every segment that leaves from one moment to another.
func (w *world) hole(from, to time.Duration) {
	w.set(func() { w.lost = func(at time.Duration) bool { return at >= from && at < to } })
}

const forever = time.Duration(1<<63 - 1)

// breakLink changes the state of the way and tells the hub that something changed.
func (w *world) breakLink(s netcheck.LinkState) {
	w.set(func() { w.link = s })
	w.hub.changed(netcheck.Change{Index: wayThere.Index})
}

func (w *world) system() system {
	return system{
		crossCheck: w.hearsay,
		dial:       w.dial,
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			w.mu.Lock()
			w.lookUps++
			f := w.lookUp
			w.mu.Unlock()
			return f(ctx, host)
		},
		egress: func(a netip.Addr) (netcheck.Way, error) {
			w.mu.Lock()
			f := w.route
			w.mu.Unlock()
			return f(a)
		},
		nameServer: func() netip.Addr { return nameServer },
		judge: func(way netcheck.Way) netcheck.LinkState {
			w.mu.Lock()
			f, link := w.judged, w.link
			w.mu.Unlock()
			if f != nil {
				return f(way)
			}
			return link
		},
		explain:   func(netip.Addr) (string, string, string) { return "", "", "" },
		neighbour: func(netcheck.Way) (netcheck.NeighbourState, time.Duration) { return netcheck.NeighbourPresent, -1 },
		askGateway: func(ctx context.Context, _ netcheck.Way) netcheck.GatewayAnswer {
			w.mu.Lock()
			w.asked = append(w.asked, w.at())
			answer := w.gateway
			w.mu.Unlock()
			if answer == netcheck.Answered && sleep(ctx, 2*oneWay) {
				return netcheck.GatewayAnswer{Outcome: netcheck.Answered, RTT: 2 * oneWay, How: "udp"}
			}
			<-ctx.Done()
			return netcheck.GatewayAnswer{Outcome: netcheck.Silent}
		},
		askPath: func(ctx context.Context, _ netcheck.Way, _ netip.AddrPort, _ func(netcheck.PathAnswer)) netcheck.PathAnswer {
			w.mu.Lock()
			a := w.path
			w.mu.Unlock()
			if a.Deepest.IsValid() || a.Host == netcheck.Answered {
				sleep(ctx, 2*oneWay)
				return a
			}
			<-ctx.Done()
			return a
		},
		readSocket: func(net.Conn, Keepalive) Keepalive {
			return Keepalive{Enabled: true, Idle: time.Second, Interval: time.Second, Count: 3}
		},
		keepalive:   func(_ net.Conn, _ Keepalive, on bool) { w.set(func() { w.lastOn = on }) },
		userTimeout: func(net.Conn, time.Duration) {},
		nudge:       func(c net.Conn, _ Keepalive) { c.(*conn).keepaliveProbe() },
		tcpInfo:     func(c net.Conn) (tcpInfo, bool) { return c.(*conn).info() },
		hasInput:    func(c net.Conn) bool { return c.(*conn).hasInput() },
		bootAhead: func() time.Duration {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.ahead
		},
		onResume: func(ctx context.Context, _ func()) { <-ctx.Done() },
	}
}

// sending notes what leaves this computer; nothing may while its way is broken.
func (w *world) sending(what string) {
	if w.link.Broken() && w.judged == nil {
		w.broken = append(w.broken, fmt.Sprintf("%s at %v", what, w.at()))
	}
}

func (w *world) dial(ctx context.Context, dst netip.AddrPort, _ Keepalive) (net.Conn, error) {
	began := time.Now()
	w.mu.Lock()
	w.dials = append(w.dials, w.at())
	w.sending("dial")
	local := w.dialErr
	w.mu.Unlock()
	fail := func(err error) (net.Conn, error) {
		return nil, &dial.Error{Hop: "server", Step: "connect", Took: time.Since(began), Err: err}
	}
	if local != nil {
		return fail(local)
	}
	for again := time.Second; ; again *= 2 {
		w.mu.Lock()
		arrives := !w.lost(w.at()) && !w.link.Broken()
		w.mu.Unlock()
		if arrives {
			break
		}
		if !sleep(ctx, again) {
			return fail(ctx.Err())
		}
	}
	if !sleep(ctx, w.shake) {
		return fail(ctx.Err())
	}
	w.mu.Lock()
	refuses, accept := w.refuses, w.accept
	w.mu.Unlock()
	if refuses {
		return fail(os.NewSyscallError("connect", errnoRefused))
	}
	c := newConn(w)
	c.dst = dst
	w.set(func() { w.conns = append(w.conns, c) })
	if accept != nil {
		accept(c)
	}
	return c, nil
}

// open counts the connections that this side has not closed.
func (w *world) open() int {
	w.mu.Lock()
	all := slices.Clone(w.conns)
	w.mu.Unlock()
	n := 0
	for _, c := range all {
		c.mu.Lock()
		if !c.closed {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

func (w *world) dialled(from, to time.Duration) (times []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.dials {
		if at >= from && at < to {
			times = append(times, at)
		}
	}
	return times
}

// conn is this computer's end of a connection.
type conn struct {
	w    *world
	dst  netip.AddrPort
	mu   sync.Mutex // guards what follows; taken before w.mu
	cond *sync.Cond

	in       []byte
	end      error // what Read says behind in
	closed   bool
	readBy   time.Time
	writeBy  time.Time
	readBell *time.Timer

	up, down direction
	wrote    []time.Duration // when each beat was written
	lastAck  time.Time
	idle     *time.Timer // the kernel's keepalive
	missed   int
}

// A direction of a connection: what was sent and has not arrived.
type direction struct {
	queue []segment
	since time.Time // when the first of them was sent
	again time.Duration
	busy  bool

	flying []segment // on the wire, in order
}

type segment struct {
	data []byte
	end  error
}

func newConn(w *world) *conn {
	c := &conn{w: w, lastAck: time.Now()}
	c.cond = sync.NewCond(&c.mu)
	c.idle = time.AfterFunc(time.Second, c.keepaliveProbe)
	return c
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case !c.readBy.IsZero() && !time.Now().Before(c.readBy):
			c.w.mu.Lock()
			held := c.w.held
			if c.readBy.After(c.w.start) { // a deadline, not a wake
				c.w.held = 0
			} else {
				held = 0
			}
			c.w.mu.Unlock()
			if held > 0 { // this program is not run for a while
				c.mu.Unlock()
				time.Sleep(held)
				c.mu.Lock()
			}
			return 0, os.ErrDeadlineExceeded
		case len(c.in) > 0:
			n := copy(p, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.end != nil:
			return 0, c.end
		}
		c.cond.Wait()
	}
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case !c.writeBy.IsZero() && !time.Now().Before(c.writeBy):
		return 0, os.ErrDeadlineExceeded
	case c.end != nil && c.end != io.EOF:
		return 0, c.end
	}
	c.w.set(func() { c.w.sending("beat") })
	c.wrote = append(c.wrote, c.w.at())
	c.send(&c.up, segment{data: bytes.Clone(p)})
	return len(p), nil
}

// send puts a segment on its way. c.mu is held.
func (c *conn) send(d *direction, s segment) {
	if len(d.queue) == 0 {
		d.since, d.again = time.Now(), 200*ms+2*(c.w.oneWay-oneWay)
	}
	d.queue = append(d.queue, s)
	if !d.busy {
		d.busy = true
		c.carry(d)
	}
}

// carry sends what waits, or tries again when it was lost. c.mu is held.
func (c *conn) carry(d *direction) {
	lost := c.lost()
	if lost {
		time.AfterFunc(d.again, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if d == &c.up && time.Since(d.since) >= 2*time.Second {
				c.fail(os.NewSyscallError("read", errnoTimedOut))
				return
			}
			c.carry(d)
		})
		d.again *= 2
		return
	}
	n := len(d.queue)
	d.flying = append(d.flying, d.queue...)
	d.queue, d.busy = nil, false
	time.AfterFunc(c.w.oneWay, func() { c.arrive(d, n) })
}

// lost reports whether a segment that leaves now does not arrive.
func (c *conn) lost() bool {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.carrying = c
	lost := c.w.lost(c.w.at()) || c.w.link.Broken()
	c.w.carrying = nil
	return lost
}

// arrive takes the next n segments from the wire. Goroutines of the same moment run in any order; the wire keeps it.
func (c *conn) arrive(d *direction, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := d.flying[:n:n]
	d.flying = d.flying[n:]
	if d == &c.up {
		time.AfterFunc(c.w.oneWay, c.acked)
		c.w.mu.Lock()
		serve := c.w.serve
		c.w.mu.Unlock()
		c.mu.Unlock()
		for _, s := range came {
			serve(c, s.data)
		}
		c.mu.Lock()
		return
	}
	c.lastAck = time.Now()
	for _, s := range came {
		c.in = append(c.in, s.data...)
		if s.end != nil {
			c.fail(s.end)
		}
	}
	c.cond.Broadcast()
}

func (c *conn) acked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastAck, c.missed = time.Now(), 0
	if !c.closed {
		c.idle.Reset(time.Second)
	}
}

// fail ends the connection as the kernel would. c.mu is held.
func (c *conn) fail(err error) {
	if c.end == nil {
		c.end = err
	}
	c.idle.Stop()
	c.cond.Broadcast()
}

// reply is what the program on the other side sends.
func (c *conn) reply(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send(&c.down, segment{data: bytes.Clone(data)})
}

// hangUp ends the connection from the other side: io.EOF in order, a reset with ECONNRESET.
func (c *conn) hangUp(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send(&c.down, segment{end: err})
}

// reset is what a reset looks like to a reader.
var reset = os.NewSyscallError("read", errnoReset)

// keepaliveProbe is the kernel's question after a second of quiet.
func (c *conn) keepaliveProbe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.end != nil || time.Since(c.lastAck) < time.Second {
		return
	}
	lost := c.lost()
	c.w.mu.Lock()
	on := c.w.lastOn
	c.w.mu.Unlock()
	switch {
	case !on:
	case !lost:
		time.AfterFunc(2*c.w.oneWay, c.acked)
	default:
		if c.missed++; time.Since(c.lastAck) >= 4*time.Second {
			c.fail(os.NewSyscallError("read", errnoTimedOut))
			return
		}
	}
	c.idle.Reset(time.Second)
}

func (c *conn) info() (tcpInfo, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.w.noInfo {
		return tcpInfo{}, false
	}
	if c.w.inBytes {
		n := 0
		for _, s := range c.up.queue {
			n += len(s.data)
		}
		return tcpInfo{bytes: n, lastAck: ackAgeUnknown, rtt: 2 * c.w.oneWay}, true
	}
	return tcpInfo{unacked: uint32(len(c.up.queue)), lastAck: time.Since(c.lastAck).Truncate(ms), rtt: 2 * c.w.oneWay, gaps: c.w.gaps}, true
}

func (c *conn) hasInput() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in) > 0 || c.end != nil
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.idle.Stop()
	if c.readBell != nil {
		c.readBell.Stop()
	}
	c.cond.Broadcast()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if c.readBell != nil {
		c.readBell.Stop()
	}
	if !t.IsZero() {
		c.readBell = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cond.Broadcast()
		})
	}
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(serverAddr) }

// beats returns when beats were written from one moment to another.
func (c *conn) beats(from, to time.Duration) (out []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.wrote {
		if at >= from && at < to {
			out = append(out, at)
		}
	}
	return out
}

// What the program there may do.
func echo(c *conn, data []byte) { c.reply(data) }
func mute(*conn, []byte)        {}

// watch runs a Monitor of the target in the world under a fake clock, lets body change the world and look, and checks
// what must hold in every story.
func watch(t *testing.T, target Target, prepare func(*world), body func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if prepare != nil {
			prepare(w)
		}
		if target.Name == "" {
			target.Name = "office"
		}
		if target.Address == "" {
			target.Address = serverAddr.String()
		}
		w.hub = w.newHub(60)
		var err error
		if w.m, err = newMonitor(w.hub, target, 0); err != nil {
			t.Fatal(err)
		}
		w.sub = w.m.Subscribe(false)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.record() })
		wg.Go(func() { runWhole(w.m, ctx) })
		defer func() {
			cancel()
			w.m.stop()
			synctest.Wait()
			w.sub.Close()
			wg.Wait()
			w.hub.asking.Wait()
			w.check(t)
			if !t.Failed() {
				return
			}
			t.Log("dials at", w.dials)
			for i, e := range w.events {
				if i < 40 || i > len(w.events)-10 {
					t.Log(e)
				}
			}
		}()
		body(t, w)
	})
}

func (w *world) record() {
	for {
		ev, err := w.sub.Next(context.Background())
		if err != nil {
			return
		}
		w.set(func() { w.events = append(w.events, seen{w.at(), ev}) })
	}
}

// check is what must hold in every story.
func (w *world) check(t *testing.T) {
	t.Helper()
	if n := w.open(); n != 0 {
		t.Errorf("%d connections were left open", n)
	}
	for _, what := range w.broken {
		t.Errorf("sent while the way was broken: %s", what)
	}
	var seq uint64
	var last time.Time
	for _, e := range w.events {
		s := e.Snapshot
		if s.Seq < seq || s.Time.Before(last) {
			t.Errorf("%v: went back in time (%d after %d)", e, s.Seq, seq)
		}
		seq, last = s.Seq, s.Time
		if s.State == Down && s.RetryAt.IsZero() && (len(s.Attempts) == 0 || s.Attempts[len(s.Attempts)-1].Took != 0) && !s.Verdict.IsZero() && e.Kind != StateEvent {
			t.Errorf("%v: waits, and says not until when", e)
		}
		if s.State == Down && s.BrokenSince.IsZero() || s.State == Up && !s.BrokenSince.IsZero() {
			t.Errorf("%v: broken since %v", e, s.BrokenSince)
		}
		if s.State == Up && !s.Verdict.IsZero() {
			t.Errorf("%v: up with a cause", e)
		}
		for i, a := range s.Attempts {
			if a.Took == 0 && !a.OK && i != len(s.Attempts)-1 {
				t.Errorf("%v: attempt %d is under way and so is a later one", e, a.Number)
			}
		}
	}
}

// moves returns the changes of state from then on: "0s connecting, 4ms up".
func (w *world) moves(from time.Duration) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	last := State(99)
	for _, e := range w.events {
		s := e.Snapshot
		if s.State == last {
			continue
		}
		last = s.State
		if e.at < from {
			continue
		}
		text := fmt.Sprintf("%v %v", e.at, s.State)
		if !s.Verdict.IsZero() {
			text += " " + string(s.Verdict.Cause)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// when returns the first moment from then on at which an event fits.
func (w *world) when(from time.Duration, fits func(Event) bool) (time.Duration, Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.at >= from && fits(e.Event) {
			return e.at, e.Event, true
		}
	}
	return 0, Event{}, false
}

func in(s State) func(Event) bool { return func(e Event) bool { return e.Snapshot.State == s } }

func blamed(c netcheck.Cause) func(Event) bool {
	return func(e Event) bool { return e.Snapshot.Verdict.Cause == c }
}

// reached is when the state was reached, from then on; it fails the test when it was not.
func (w *world) reached(t *testing.T, from time.Duration, s State) time.Duration {
	t.Helper()
	at, _, ok := w.when(from, in(s))
	if !ok {
		t.Fatalf("never %v after %v: %s", s, from, w.moves(0))
	}
	return at
}

func (w *world) wantMoves(t *testing.T, from time.Duration, want string) {
	t.Helper()
	synctest.Wait()
	if got := w.moves(from); got != want {
		t.Errorf("moves\n got %s\nwant %s", got, want)
	}
}

func (w *world) state() State { return w.m.Snapshot().State }

var (
	errLocal      = os.NewSyscallError("socket", syscall.EMFILE)
	errNetUnreach = os.NewSyscallError("route", syscall.ENETUNREACH)
)

// runWhole runs m until it has ended.
func runWhole(m *Monitor, ctx context.Context) {
	ended := make(chan struct{})
	m.run(ctx, func() { close(ended) })
	<-ended
}
