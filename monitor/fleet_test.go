package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/netcheck"
)

// target is the target of that name; its address ends in n.
func target(name string, n int) Target {
	return Target{Name: name, Address: fmt.Sprintf("192.0.2.%d:7000", n), Heartbeat: "echo"}
}

func targets(n int) (list []Target) {
	for i := range n {
		list = append(list, target(fmt.Sprintf("t%03d", i), i%250+1))
	}
	return list
}

// fleet runs a Fleet in a made-up world, without listening to this computer's kernel.
func fleet(t *testing.T, first []Target, prepare func(*world), body func(*testing.T, *world, *Fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if prepare != nil {
			prepare(w)
		}
		f := NewFleet(Options{Trace: 60})
		w.fill(f.hub)
		w.hub = f.hub
		if err := f.Set(first); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		f.mu.Lock()
		f.ctx = ctx
		for _, mb := range f.members {
			f.start(mb)
		}
		f.mu.Unlock()
		defer func() { // as Run ends
			cancel()
			f.mu.Lock()
			for _, mb := range f.members {
				mb.m.stop()
			}
			f.mu.Unlock()
			f.wg.Wait()
			f.hub.asking.Wait()
			f.hub.feed.end()
			if n := w.open(); n != 0 {
				t.Errorf("%d connections were left open", n)
			}
		}()
		body(t, w, f)
	})
}

func states(f *Fleet) string {
	var out []string
	for _, s := range f.Snapshots() {
		out = append(out, s.Target.Name+" "+s.State.String())
	}
	return strings.Join(out, ", ")
}

func TestFleetSet(t *testing.T) {
	a, b, c, d := target("a", 1), target("b", 2), target("c", 3), target("d", 4)
	fleet(t, []Target{a, b, c}, nil, func(t *testing.T, w *world, f *Fleet) {
		want := func(where, list string, dials int) {
			t.Helper()
			if got := states(f); got != list {
				t.Errorf("%s: %s, want %s", where, got, list)
			}
			if len(w.dials) != dials || w.open() != len(f.Targets()) {
				t.Errorf("%s: %d dials, %d open, want %d dials", where, len(w.dials), w.open(), dials)
			}
		}
		sub := f.Subscribe(false)
		defer sub.Close()
		w.until(10 * time.Second)
		want("at first", "a up, b up, c up", 3)

		for name, list := range map[string][]Target{
			"two of one name": {a, d, a},
			"a bad address":   {a, {Name: "x", Address: "nowhere"}},
			"a bad interval":  {d, {Name: "a", Address: a.Address, Interval: -1}},
		} {
			var te *TargetError
			if err := f.Set(list); !errors.As(err, &te) {
				t.Errorf("%s: %v, want a *TargetError", name, err)
			}
			w.pass(time.Second)
			want(name, "a up, b up, c up", 3)
		}

		if err := f.Set([]Target{c.WithDefaults(), b, a}); err != nil {
			t.Error(err)
		}
		w.pass(time.Second)
		want("in another order, with the defaults written out", "c up, b up, a up", 3)

		a2 := a
		a2.Interval = time.Second
		if err := f.Set([]Target{c, a2, d}); err != nil {
			t.Error(err)
		}
		w.pass(time.Second)
		want("one changed, one gone, one new", "c up, a up, d up", 5)
		if got := f.Targets(); got[1] != a2.WithDefaults() || got[0] != c.WithDefaults() {
			t.Errorf("targets %+v", got)
		}
		for _, conn := range w.conns {
			if conn.dst.String() == c.Address && conn.closed {
				t.Errorf("the session of the target that did not change was closed")
			}
		}
		if _, ok := f.Snapshot("b"); ok {
			t.Errorf("there is a snapshot of a target that is gone")
		}
		if s, ok := f.Snapshot("d"); !ok || s.Target.Name != "d" {
			t.Errorf("snapshot of d: %v %v", s.Target.Name, ok)
		}

		if err := f.Set(nil); err != nil {
			t.Error(err)
		}
		w.pass(time.Second)
		want("none", "", 5)

		var removed []string
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			e, err := sub.Next(ctx)
			cancel()
			if err != nil {
				break
			}
			if e.Removed {
				removed = append(removed, e.Snapshot.Target.Name)
			}
		}
		slices.Sort(removed)
		if got := fmt.Sprint(removed); got != "[a a b c d]" {
			t.Errorf("departures %v", got)
		}
		if len(f.slots) != 0 || len(f.hub.monitors) != 0 || len(f.hub.borne) != 0 || len(f.hub.heeded) != 0 {
			t.Errorf("left over: %d slots, %d monitors, %d interfaces, %d destinations", len(f.slots), len(f.hub.monitors), len(f.hub.borne), len(f.hub.heeded))
		}
	})
}

func TestFleetCommands(t *testing.T) {
	fleet(t, targets(3), nil, func(t *testing.T, w *world, f *Fleet) {
		w.until(time.Second)
		for name, do := range map[string]func(...string) error{"Reconnect": f.Reconnect, "Pause": f.Pause, "Resume": f.Resume} {
			if err := do("t000", "nobody"); !errors.Is(err, ErrUnknownTarget) || !strings.Contains(err.Error(), `"nobody"`) {
				t.Errorf("%s: %v, want ErrUnknownTarget", name, err)
			}
		}
		w.pass(time.Second)
		if got := states(f); got != "t000 up, t001 up, t002 up" {
			t.Errorf("a name that is not there changed something: %s", got)
		}
		_ = f.Pause("t001")
		w.pass(ms)
		if got := states(f); got != "t000 up, t001 idle, t002 up" {
			t.Errorf("Pause of one: %s", got)
		}
		_ = f.Reconnect()
		w.pass(time.Second)
		if got := states(f); got != "t000 up, t001 idle, t002 up" || len(w.dials) != 3 {
			t.Errorf("Reconnect of all: %s, %d dials", got, len(w.dials))
		}
		_ = f.Pause()
		w.pass(ms)
		if got := states(f); got != "t000 idle, t001 idle, t002 idle" || w.open() != 0 {
			t.Errorf("Pause of all: %s, %d open", got, w.open())
		}
		w.pass(time.Hour)
		if len(w.dials) != 3 || len(f.Stalled(time.Now())) != 0 {
			t.Errorf("%d dials while paused; stalled %v", len(w.dials), f.Stalled(time.Now()))
		}
		_ = f.Resume()
		w.pass(time.Second)
		if got := states(f); got != "t000 up, t001 up, t002 up" {
			t.Errorf("Resume of all: %s", got)
		}
	})
}

// Commands before Run count: a target that was paused stays so.
func TestPauseBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hub = w.newHub(0)
		m, err := newMonitor(w.hub, target("a", 1), 0)
		if err != nil {
			t.Fatal(err)
		}
		m.Pause()
		done := make(chan struct{})
		go func() { m.run(t.Context(), func() { close(done) }) }()
		w.until(10 * time.Second)
		if s := m.Snapshot(); s.State != Idle {
			t.Errorf("%v although it was paused before", s.State)
		}
		m.stop()
		<-done
	})
}

// Ten targets behind one gateway that is asked: it hears one question a round.
func TestSharedQuestions(t *testing.T) {
	fleet(t, targets(10), nil, func(t *testing.T, w *world, f *Fleet) {
		w.until(10100 * ms)
		if n := len(w.asked); n != 1 {
			t.Errorf("the gateway was asked %d times while all was well, want once", n)
		}
		w.hole(10100*ms, forever)
		w.until(11300 * ms)
		for _, s := range f.Snapshots() {
			if s.State != Down || s.Verdict.Cause != netcheck.PathLost {
				t.Errorf("%s: %v by %v", s.Target.Name, s.State, s.Verdict.Cause)
			}
		}
		if n := len(w.asked); n != 2 {
			t.Errorf("the gateway was asked at %v, want one question more for all ten", w.asked)
		}
	})
}

func TestStalled(t *testing.T) {
	fleet(t, targets(3), nil, func(t *testing.T, w *world, f *Fleet) {
		w.until(10100 * ms)
		w.set(func() { w.held = 5 * time.Second }) // the next one that wakes is not run for so long
		w.until(12400 * ms)
		if got := f.Stalled(time.Now()); len(got) != 0 {
			t.Errorf("stalled %v within two seconds", got)
		}
		w.until(12600 * ms)
		if got := f.Stalled(time.Now()); len(got) != 1 {
			t.Errorf("stalled %v, want one", got)
		}
		w.until(16 * time.Second)
		if got := f.Stalled(time.Now()); len(got) != 0 {
			t.Errorf("stalled %v after it went on", got)
		}
	})
}

func TestFleetTrace(t *testing.T) {
	fleet(t, targets(2), nil, func(t *testing.T, w *world, f *Fleet) {
		w.until(5100 * ms)
		got := f.Trace("t001")
		if len(got) < 5 || got[0].RTT != 2*oneWay || !got[0].Time.Before(got[1].Time) {
			t.Errorf("trace %v", got)
		}
		if f.Trace("nobody") != nil {
			t.Errorf("a trace of nobody")
		}
		w.until(5*time.Minute + 100*ms)
		if got := f.Trace("t001"); len(got) != 60 {
			t.Errorf("%d seconds are kept, want 60", len(got))
		}
	})
	f := NewFleet(Options{})
	if err := f.Set(targets(1)); err != nil || f.Trace("t000") != nil {
		t.Errorf("a trace although none is kept (%v)", err)
	}
}

// Many targets neither dial nor beat in step.
func TestManyAreSpread(t *testing.T) {
	fleet(t, targets(800), nil, func(t *testing.T, w *world, f *Fleet) {
		w.until(10 * time.Second)
		at := map[time.Duration]int{}
		w.mu.Lock()
		for _, d := range w.dials {
			at[d]++
		}
		w.mu.Unlock()
		for _, c := range w.conns {
			for _, b := range c.beats(9*time.Second, 9500*ms) {
				at[b]++
			}
		}
		for when, n := range at {
			if n > slotSize {
				t.Fatalf("%d at the same moment %v", n, when)
			}
		}
		if len(at) < 90 {
			t.Errorf("%d moments", len(at))
		}
	})
}

// The real thing on this computer: up, told of the end, up again, everything ended.
func TestFleetOnLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 16)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	f := NewFleet(Options{Trace: 10})
	if err := f.Set([]Target{{Name: "here", Address: l.Addr().String(), Heartbeat: "echo", Interval: 100 * ms}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	sub := f.Subscribe(true)
	defer sub.Close()
	go func() { ended <- f.Run(run) }()
	wait := func(what string, fits func(Event) bool) Event {
		t.Helper()
		for {
			e, err := sub.Next(ctx)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if fits(e) {
				return e
			}
		}
	}
	e := wait("up", in(Up))
	// Where the number of probes cannot be set they are spread over the same time.
	if k := e.Snapshot.Keepalive; k.Enabled && (k.Idle != time.Second || k.Interval*time.Duration(k.Count) != 3*time.Second) {
		t.Errorf("the socket's keepalive is %+v", k)
	}
	if e.Snapshot.Remote != l.Addr().String() {
		t.Errorf("remote %q", e.Snapshot.Remote)
	}
	e = wait("a beat", func(e Event) bool { return e.Kind == BeatEvent })
	if e.Snapshot.RTT <= 0 || e.Snapshot.RTT > time.Second {
		t.Errorf("round trip %v", e.Snapshot.RTT)
	}
	_ = (<-accepted).Close()
	wait("leaving up", func(e Event) bool { return e.Snapshot.State != Up })
	wait("up again", in(Up))
	if got := f.Trace("here"); len(got) == 0 {
		t.Errorf("no trace")
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	for {
		if _, err := sub.Next(ctx); err != nil {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("Next after the end: %v", err)
			}
			break
		}
	}
	if err := f.Set(nil); err != nil {
		t.Errorf("Set after the end: %v", err)
	}
	_ = l.Close()
	<-served
}
