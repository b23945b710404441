package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/monitor"
	"holdfast/netcheck"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(anotherAt); path != "" {
		listenAsAnother(path)
		return
	}
	// go-winio, for pipes on Windows, has one goroutine for as long as the process lives.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor"))
}

// Of many that start at once one runs.
func TestManyStartsAtOnce(t *testing.T) {
	path := place(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var running []net.Listener
	for range 16 {
		wg.Go(func() {
			l, err := Listen(path)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				running = append(running, l)
			case !errors.Is(err, ErrRunning):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(running) != 1 {
		t.Errorf("%d run", len(running))
	}
	for _, l := range running {
		_ = l.Close()
	}
}

// engine is an Engine whose targets do what the test says.
type engine struct {
	mu      sync.Mutex // guards what follows
	order   []string
	snaps   map[string]monitor.Snapshot
	subs    map[*subscription]bool
	calls   []string
	stalled []string
	called  chan string
}

func newEngine(names ...string) *engine {
	e := &engine{snaps: map[string]monitor.Snapshot{}, subs: map[*subscription]bool{}, called: make(chan string, 64)}
	for i, n := range names {
		e.order = append(e.order, n)
		e.snaps[n] = monitor.Snapshot{
			Time: time.Now(), Seq: 1, State: monitor.Up, Since: time.Now(), RTT: time.Duration(i+1) * time.Millisecond,
			Target: monitor.Target{Name: n, Address: fmt.Sprintf("192.0.2.%d:7000", i+1)},
		}
	}
	return e
}

func (e *engine) Snapshots() []monitor.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []monitor.Snapshot
	for _, n := range e.order {
		list = append(list, e.snaps[n])
	}
	return list
}

func (e *engine) Snapshot(name string) (monitor.Snapshot, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.snaps[name]
	return s, ok
}

func (e *engine) call(what string, names []string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, fmt.Sprint(what, names))
	e.called <- fmt.Sprint(what, names)
	return nil
}

func (e *engine) Reconnect(names ...string) error { return e.call("reconnect", names) }
func (e *engine) Pause(names ...string) error     { return e.call("pause", names) }
func (e *engine) Resume(names ...string) error    { return e.call("resume", names) }

func (e *engine) Trace(string) []monitor.Sample {
	return []monitor.Sample{{Time: time.Unix(1700000000, 0).UTC(), RTT: 1500 * time.Microsecond}, {Time: time.Unix(1700000001, 0).UTC()}}
}

func (e *engine) Stalled(time.Time) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.stalled)
}

// change publishes a snapshot of a target, changed by f.
func (e *engine) change(name string, kind monitor.EventKind, f func(*monitor.Snapshot)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snaps[name]
	s.Seq++
	s.Time = time.Now()
	f(&s)
	e.snaps[name] = s
	for sub := range e.subs {
		sub.put(monitor.Event{Kind: kind, Snapshot: s})
	}
}

func down(s *monitor.Snapshot) {
	s.State, s.Since = monitor.Down, time.Now()
	s.Verdict = netcheck.Verdict{Cause: netcheck.ServerRefused, Hop: netcheck.HopServer}
	s.BrokenSince = s.Since
	s.Outages = append(slices.Clone(s.Outages), monitor.Outage{Start: s.Since, Verdict: s.Verdict})
	s.Attempts = append(slices.Clone(s.Attempts), monitor.Attempt{Number: 1, Start: s.Since, Took: time.Millisecond, Cause: netcheck.ServerRefused})
}

// subscription skips to the newest snapshot of each target when it is not read, as monitor's does.
type subscription struct {
	e     *engine
	beats bool
	bell  chan struct{}
	mu    sync.Mutex // guards what follows
	queue []monitor.Event
	ended bool
}

func (e *engine) Subscribe(beats bool) Subscription {
	s := &subscription{e: e, beats: beats, bell: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.order {
		s.put(monitor.Event{Snapshot: e.snaps[n]})
	}
	e.subs[s] = true
	return s
}

func (s *subscription) put(ev monitor.Event) {
	if ev.Kind == monitor.BeatEvent && !s.beats {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= 64 {
		s.queue = slices.DeleteFunc(s.queue, func(old monitor.Event) bool { return old.Snapshot.Target.Name == ev.Snapshot.Target.Name })
	}
	s.queue = append(s.queue, ev)
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

var errEnded = errors.New("ended")

func (s *subscription) Next(ctx context.Context) (monitor.Event, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			ev := s.queue[0]
			s.queue = s.queue[1:]
			s.mu.Unlock()
			return ev, nil
		}
		ended := s.ended
		s.mu.Unlock()
		if ended {
			return monitor.Event{}, errEnded
		}
		select {
		case <-ctx.Done():
			return monitor.Event{}, ctx.Err()
		case <-s.bell:
		}
	}
}

func (s *subscription) Close() {
	s.e.mu.Lock()
	delete(s.e.subs, s)
	s.e.mu.Unlock()
}

// readers is how many read events now, the counter for the metrics not among them.
func (e *engine) readers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.subs) - 1
}
