package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
)

// engine is a monitor's fleet that a test writes.
type engine struct {
	mu  sync.Mutex
	now []monitor.Snapshot
}

func (e *engine) Snapshots() []monitor.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// feed is a subscription that a test writes to.
type feed chan monitor.Event

func (f feed) Next(ctx context.Context) (monitor.Event, error) {
	select {
	case e := <-f:
		return e, nil
	case <-ctx.Done():
		return monitor.Event{}, ctx.Err()
	}
}

func (f feed) Close() {}

// inside runs Serve in this process instead of a child's.
func inside(dir string) func(context.Context, Request, io.Writer) error {
	return func(ctx context.Context, r Request, w io.Writer) error {
		a, err := Serve(ctx, dir, r)
		if err != nil {
			return err
		}
		out := []byte(a.Problem)
		switch {
		case r.Outages != nil:
			out = a.History.Append(nil)
		case r.RoundTrips != nil:
			out = a.RoundTrips.Append(nil)
		}
		_, err = w.Write(out)
		return err
	}
}

func recorder(dir string, e Engine, said *[]string) *Recorder {
	return NewRecorder(Options{
		Engine: e, Dir: dir, Grid: time.Now(), Child: inside(dir), Days: func() int { return 30 },
		Say: func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) },
	})
}

func kept(t *testing.T, r *Recorder) wire.History {
	t.Helper()
	var b strings.Builder
	must(t, r.Ask(t.Context(), Request{Outages: &wire.HistoryQuery{Limit: 1 << 20}}, &b))
	var h wire.History
	must(t, json.Unmarshal([]byte(b.String()), &h))
	return h
}

// target makes the events of one, as the monitor would.
type target struct {
	s monitor.Snapshot
}

func newTarget(name string) *target {
	return &target{monitor.Snapshot{Target: monitor.Target{Name: name, Address: "192.0.2.7:7000"}}}
}

func (o *target) event(at time.Time, state monitor.State, cause netcheck.Cause) monitor.Event {
	o.s.Time, o.s.State, o.s.Since = at, state, at
	o.s.Verdict = netcheck.Verdict{}
	if cause != "" {
		o.s.Verdict = netcheck.Verdict{
			Cause: cause, Hop: cause.Hop(), Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.1"),
			Evidence: []netcheck.Evidence{{Time: at, Hop: cause.Hop(), Saw: "what was seen", Seen: netcheck.SeenBroken}},
		}
	}
	list := append([]monitor.Outage(nil), o.s.Outages...)
	lasts := len(list) > 0 && list[len(list)-1].End.IsZero()
	switch {
	case state == monitor.Down && !lasts:
		o.s.BrokenSince, o.s.Attempt = at, 1
		list = append(list, monitor.Outage{Start: at, Verdict: o.s.Verdict, Attempts: 1})
	case (state == monitor.Up || state == monitor.Idle) && lasts:
		last := &list[len(list)-1]
		last.End, last.Attempts = at, o.s.Attempt
		o.s.BrokenSince, o.s.Attempt = time.Time{}, 0
	}
	if len(list) > 16 {
		list = list[len(list)-16:]
	}
	o.s.Outages = list
	return monitor.Event{Kind: monitor.StateEvent, Snapshot: o.s}
}

// The ways in which an outage can end, and the causes on its way.
func TestRecorderOutages(t *testing.T) {
	dir, said := t.TempDir(), []string{}
	r := recorder(dir, &engine{}, &said)
	now := time.Now().Add(-time.Hour)
	give := func(e monitor.Event) {
		t.Helper()
		r.take(&e, e.Snapshot.Time)
		r.flush(e.Snapshot.Time, urgently)
	}
	a := newTarget("office")
	give(a.event(now, monitor.Up, ""))
	give(a.event(now.Add(10*time.Second), monitor.Suspect, netcheck.ServerClosed))
	give(a.event(now.Add(11*time.Second), monitor.Down, netcheck.ServerRefused))
	e := a.event(now.Add(12*time.Second), monitor.Down, netcheck.ServerUnreachable)
	e.Kind = monitor.VerdictEvent
	give(e)
	a.s.Attempt = 7
	give(a.event(now.Add(40*time.Second), monitor.Up, ""))

	give(a.event(now.Add(50*time.Second), monitor.Down, netcheck.CableUnplugged))
	give(a.event(now.Add(60*time.Second), monitor.Idle, "")) // paused
	give(a.event(now.Add(70*time.Second), monitor.Up, ""))
	give(a.event(now.Add(80*time.Second), monitor.Down, netcheck.CableUnplugged))
	e = a.event(now.Add(90*time.Second), monitor.Down, netcheck.CableUnplugged)
	e.Removed = true
	give(e)
	b := newTarget("shop")
	give(b.event(now.Add(91*time.Second), monitor.Down, netcheck.ServerRefused))

	got := kept(t, r).Outages
	if len(got) != 4 {
		t.Fatalf("%d outages: %+v", len(got), got)
	}
	type row struct {
		target, ended, cause string
		causes               []string
		start, length        time.Duration
		attempts             int
	}
	var rows []row
	for _, u := range got {
		one := row{target: u.Target, ended: u.Ended, cause: u.Cause, start: u.Start.Sub(now).Round(time.Millisecond), attempts: u.Attempts}
		if !u.End.IsZero() {
			one.length = u.End.Sub(u.Start.Time).Round(time.Millisecond)
		}
		for _, c := range u.Causes {
			one.causes = append(one.causes, c.Cause)
		}
		if len(u.Evidence) != 1 || u.Interface != "eth0" || u.Address == "" {
			t.Errorf("not whole: %+v", u)
		}
		rows = append(rows, one)
	}
	want := []row{
		{"shop", "", "server-refused", []string{"server-refused"}, 91 * time.Second, 0, 1},
		{"office", wire.Removed, "cable-unplugged", []string{"cable-unplugged"}, 80 * time.Second, 10 * time.Second, 1},
		{"office", wire.Paused, "cable-unplugged", []string{"cable-unplugged"}, 50 * time.Second, 10 * time.Second, 1},
		{"office", wire.Healed, "server-refused", []string{"server-closed", "server-refused", "server-unreachable"}, 11 * time.Second, 29 * time.Second, 7},
	}
	if d := cmp.Diff(want, rows, cmp.AllowUnexported(row{})); d != "" {
		t.Error(d)
	}
	if len(said) > 0 {
		t.Errorf("said %q", said)
	}
	r.journal.Close()
}

// A reader that was skipped to the newest snapshot still keeps each outage that is in it; a clock that is set back hides none.
func TestRecorderFallsBehind(t *testing.T) {
	dir, said := t.TempDir(), []string{}
	r := recorder(dir, &engine{}, &said)
	now := time.Now()
	a := newTarget("office")
	first := a.event(now, monitor.Up, "")
	r.take(&first, now)
	var last monitor.Event
	for n := range 10 {
		at := now.Add(time.Duration(n) * time.Minute)
		if n == 5 {
			now = now.Add(-24 * time.Hour)
		}
		a.event(at, monitor.Down, netcheck.ServerRefused)
		last = a.event(at.Add(time.Second), monitor.Up, "")
	}
	r.take(&last, last.Snapshot.Time)
	r.take(&last, last.Snapshot.Time)
	got := kept(t, r).Outages
	if len(got) != 10 {
		t.Errorf("%d outages, want 10", len(got))
	}
	for _, u := range got {
		if u.Ended != wire.Healed || u.End.Sub(u.Start.Time).Round(time.Millisecond) != time.Second {
			t.Errorf("%+v", u)
		}
	}
	r.journal.Close()
}

// An outage lasts as long as it lasts, though somebody sets the clock meanwhile.
func TestRecorderClockIsSet(t *testing.T) {
	for name, set := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour, "corrected": 300 * time.Millisecond, "not at all": 0} {
		dir, said := t.TempDir(), []string{}
		r := recorder(dir, &engine{}, &said)
		now := time.Now().Add(-2 * time.Hour)
		offset := time.Duration(1e18)
		r.offset = func() time.Duration { return offset }
		a := newTarget("office")
		take := func(e monitor.Event) { r.take(&e, e.Snapshot.Time) }
		take(a.event(now, monitor.Up, ""))
		take(a.event(now.Add(time.Second), monitor.Down, netcheck.ServerRefused))
		offset += set
		take(a.event(now.Add(6*time.Second+set), monitor.Up, ""))
		want := 5 * time.Second
		if set.Abs() < clockSet {
			want += set
		}
		if got := kept(t, r).Outages; len(got) != 1 || got[0].End.Sub(got[0].Start.Time).Round(time.Millisecond) != want || got[0].Ended != wire.Healed {
			t.Errorf("%s: %+v, want %v", name, got, want)
		}
		r.journal.Close()
	}
	if a, b := wallOffset(), wallOffset(); (a - b).Abs() > 500*time.Millisecond {
		t.Errorf("nobody set the clock, and it is another by %v", a-b)
	}
}

// Who asks at once after an event sees it, though the event itself is still on its way.
func TestRecorderIsNotBehindForWhoAsks(t *testing.T) {
	dir, said := t.TempDir(), []string{}
	eng := &engine{}
	r := recorder(dir, eng, &said)
	now := time.Now().Add(-time.Minute)
	a := newTarget("office")
	a.s.Seq = 1
	up := a.event(now, monitor.Up, "")
	a.s.Seq = 2
	down := a.event(now.Add(time.Second), monitor.Down, netcheck.ServerRefused)
	a.s.Seq = 3
	back := a.event(now.Add(2*time.Second), monitor.Up, "")
	r.take(&up, now)
	eng.now = []monitor.Snapshot{back.Snapshot}
	if got := kept(t, r).Outages; len(got) != 1 || got[0].Ended != wire.Healed {
		t.Errorf("%+v", got)
	}
	r.take(&down, now.Add(time.Second))
	r.take(&back, now.Add(2*time.Second))
	if got := kept(t, r).Outages; len(got) != 1 || got[0].Ended != wire.Healed || got[0].Cause != "server-refused" {
		t.Errorf("after the events came: %+v", got)
	}
	r.journal.Close()
}

// Ten thousand changes of state leave nothing behind in memory.
func TestRecorderDoesNotGrow(t *testing.T) {
	dir, said := t.TempDir(), []string{}
	r := recorder(dir, &engine{}, &said)
	r.child = func(context.Context, Request, io.Writer) error { return nil }
	a := newTarget("office")
	now := time.Now()
	changes := func(n int) uint64 {
		for range n / 2 {
			now = now.Add(time.Second)
			for _, e := range []monitor.Event{a.event(now, monitor.Down, netcheck.ServerRefused), a.event(now.Add(time.Millisecond), monitor.Up, "")} {
				r.take(&e, e.Snapshot.Time)
			}
			r.Beat("office", now, time.Millisecond)
			r.flush(now, theMinute)
			r.foldNow(t.Context(), now)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := changes(500)
	if after := changes(10_000); after > before+512<<10 {
		t.Errorf("%d KiB more", (after-before)>>10)
	}
	r.journal.Close()
}

// written is what the journals of a folder hold: the minutes and when they were watched.
func written(t *testing.T, dir string) (minutes map[int64]minute, watched []span) {
	t.Helper()
	minutes = map[int64]minute{}
	paths, _, err := journals(dir)
	must(t, err)
	for _, p := range paths {
		f, err := os.Open(p)
		must(t, err)
		_, err = readLines(f, func(l *line) error {
			for _, m := range l.Minutes {
				sum := minutes[m.n]
				sum.n = m.n
				sum.add(&m)
				minutes[m.n] = sum
			}
			watched = append(watched, l.Watched...)
			return nil
		})
		must(t, err)
		f.Close()
	}
	return minutes, watched
}

// Every heartbeat is counted in its minute. Minutes are written on the grid while something is watched, all of them in one
// write, and nothing happens at all while nothing is.
func TestRecorderMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, said := t.TempDir(), []string{}
		children := 0
		r := NewRecorder(Options{
			Engine: &engine{}, Dir: dir, Grid: time.Now().Add(-17 * time.Second), Days: func() int { return 30 },
			Child: func(context.Context, Request, io.Writer) error { children++; return nil },
			Say:   func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		events := make(feed)
		go func() { ended <- r.Run(ctx, events) }()
		size := func() (n int64) {
			synctest.Wait()
			paths, n, err := journals(dir)
			must(t, err)
			if len(paths) > 0 && n == 0 {
				t.Error("an empty journal")
			}
			return n
		}
		time.Sleep(time.Hour)
		if size() != 0 {
			t.Error("written before anything was watched")
		}
		began := time.Now() // the clock of a bubble begins at a whole minute
		want := map[int64]minute{}
		n := 0
		beat := func(rtt time.Duration) {
			now := time.Now()
			m := want[now.Unix()/60]
			m.n = now.Unix() / 60
			us := rtt.Microseconds()
			switch {
			case rtt == 0:
				m.lost++
			case m.beats == 0:
				m.beats, m.min, m.max, m.sum = 1, us, us, us
			default:
				m.beats, m.min, m.max, m.sum = m.beats+1, min(m.min, us), max(m.max, us), m.sum+us
			}
			want[m.n] = m
			r.Beat("office", now, rtt)
		}
		beats := func(d time.Duration) { // two a second
			for range d / (500 * time.Millisecond) {
				time.Sleep(500 * time.Millisecond)
				n++
				beat(3*time.Millisecond + time.Duration(n*n*7919%1000003)*time.Microsecond)
			}
		}
		a := newTarget("office")
		beat(3 * time.Millisecond) // it may be told before the state
		events <- a.event(time.Now(), monitor.Connecting, "")
		events <- a.event(time.Now(), monitor.Up, "")
		beats(42 * time.Second)
		if size() != 0 {
			t.Error("written before the first minute of the grid")
		}
		beats(time.Second) // 17 + 43 = 60 s on the grid
		if size() == 0 || children != 1 {
			t.Errorf("%d bytes and %d children after the first minute", size(), children)
		}
		if got, _ := written(t, dir); got[began.Unix()/60].beats < 86 { // what a kill would leave
			t.Errorf("%d heartbeats were written of %d", got[began.Unix()/60].beats, n)
		}
		beats(77 * time.Second) // 2 min since it was up
		events <- a.event(time.Now(), monitor.Suspect, netcheck.ServerHung)
		beats(time.Second)
		events <- a.event(time.Now(), monitor.Up, "")
		beats(59 * time.Second)
		beat(0)
		events <- a.event(time.Now(), monitor.Down, netcheck.ServerRefused)
		time.Sleep(30 * time.Second)
		events <- a.event(time.Now(), monitor.Idle, "")
		synctest.Wait()
		quiet := size() // written at once: nothing is to wake a program that watches nothing
		time.Sleep(240 * time.Hour)
		if size() != quiet || children != 1 {
			t.Errorf("%d bytes more and %d children while paused", size()-quiet, children)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for i := range int64(4) {
			m := want[began.Unix()/60+i]
			if m.up, m.watched = time.Minute, time.Minute; i == 3 {
				m.up, m.watched = 0, 30*time.Second
			}
			want[m.n] = m
		}
		got, watched := written(t, dir)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(minute{})); d != "" {
			t.Error(d)
		}
		for i, s := range watched {
			if i == 0 && s.from != began.UnixMicro() || i > 0 && s.from != watched[i-1].to || i == len(watched)-1 && s.to != began.Add(210*time.Second).UnixMicro() {
				t.Errorf("watched from %v for %d µs", time.UnixMicro(s.from), s.to-s.from)
			}
		}
		if len(said) > 0 || len(watched) != 4 { // three minutes of the grid, and the pause
			t.Errorf("said %q, %d stretches", said, len(watched))
		}
	})
}

// What counts as up is put right when an outage turns out to have begun earlier.
func TestRecorderTakesBack(t *testing.T) {
	dir, said := t.TempDir(), []string{}
	r := recorder(dir, &engine{}, &said)
	now := time.Now().Truncate(time.Minute).Add(-10 * time.Minute)
	a := newTarget("office")
	for _, e := range []monitor.Event{a.event(now, monitor.Up, ""), a.event(now.Add(20*time.Second), monitor.Suspect, "")} {
		r.take(&e, e.Snapshot.Time)
	}
	a.s.Outages = []monitor.Outage{{Start: now.Add(20 * time.Second)}}
	e := a.event(now.Add(25*time.Second), monitor.Down, netcheck.ServerHung)
	r.take(&e, e.Snapshot.Time)
	e = a.event(now.Add(30*time.Second), monitor.Up, "")
	r.take(&e, e.Snapshot.Time)
	r.mu.Lock()
	r.of["office"].account(now.Add(40 * time.Second))
	m := *r.of["office"].minutes[now.Unix()/60]
	r.mu.Unlock()
	if m.up != 30*time.Second || m.watched != 40*time.Second {
		t.Errorf("up %v of %v; want 30s of 40s", m.up, m.watched)
	}
}

// Nothing is lost while nothing can be written, it is told once, and told when it can again.
func TestRecorderCannotWrite(t *testing.T) {
	dir, said := filepath.Join(t.TempDir(), "state"), []string{}
	must(t, os.WriteFile(dir, []byte("a file where the folder should be"), 0o600))
	r := recorder(dir, &engine{}, &said)
	a := newTarget("office")
	now := time.Now()
	for n := range 300 {
		at := now.Add(time.Duration(n) * time.Second)
		for _, e := range []monitor.Event{a.event(at, monitor.Down, netcheck.ServerRefused), a.event(at.Add(time.Millisecond), monitor.Up, "")} {
			r.take(&e, e.Snapshot.Time)
			r.flush(e.Snapshot.Time, theMinute)
		}
	}
	if len(said) != 1 {
		t.Errorf("said %q", said)
	}
	must(t, os.Remove(dir))
	got := kept(t, r).Outages
	if len(got) != 300 || len(got[0].Evidence) == 0 || got[299].Ended != wire.Healed {
		t.Errorf("%d outages", len(got))
	}
	if len(said) != 2 || !strings.Contains(said[1], "kept again") {
		t.Errorf("said %q", said)
	}
	// Without end it remembers no more than it may.
	r.journal.Close()
	r.journal = OpenJournal(filepath.Join(dir, dbName)) // a file again
	for n := range maxPending + 100 {
		at := now.Add(time.Duration(n) * time.Second)
		for _, e := range []monitor.Event{a.event(at, monitor.Down, netcheck.ServerRefused), a.event(at.Add(time.Millisecond), monitor.Up, "")} {
			r.take(&e, e.Snapshot.Time)
		}
	}
	r.flush(now, theMinute)
	if len(r.pending) != maxPending {
		t.Errorf("%d remembered", len(r.pending))
	}
	whole := 0
	for _, u := range r.pending {
		if len(u.Evidence) > 0 {
			whole++
		}
	}
	if whole > maxWhole {
		t.Errorf("%d of them whole", whole)
	}
}

// What the child says is told once.
func TestRecorderTellsOnce(t *testing.T) {
	said, children, answer := []string{}, 0, "the history was damaged"
	r := NewRecorder(Options{
		Engine: &engine{}, Dir: t.TempDir(), Grid: time.Now(), Days: func() int { return 30 },
		Child: func(_ context.Context, r Request, w io.Writer) error {
			children++
			if answer == "" {
				return errors.New("no such program")
			}
			_, err := io.WriteString(w, answer+"\n")
			return err
		},
		Say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	})
	now := time.Now()
	r.foldNow(t.Context(), now)
	r.foldNow(t.Context(), now.Add(30*time.Minute)) // too early
	r.foldNow(t.Context(), now.Add(foldEvery))
	answer = ""
	r.foldNow(t.Context(), now.Add(2*foldEvery))
	if d := cmp.Diff([]string{"the history was damaged", "no such program"}, said); d != "" || children != 3 {
		t.Errorf("%d children; %s", children, d)
	}
}
