package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrUnknownTarget is returned for a name that no target of the Fleet has.
var ErrUnknownTarget = errors.New("monitor: no such target")

// Options of a Fleet. The zero value is usable.
type Options struct {
	Trace  int          // seconds of round trips kept for each target, for Fleet.Trace; 0 keeps none
	Logger *slog.Logger // nil: nothing is logged
	// Beat, where it is set, is told of each heartbeat that is over: its round trip, or 0 where it was lost, because its
	// session ended first or the answer came too late to be measured. Of one that waited while this program was held up, or
	// that nobody wants to know any more, neither is true, and nothing is told. Without a heartbeat each look at the last
	// acknowledgement is one. A target's own goroutine calls it, in order, and must not be kept waiting.
	Beat func(target string, at time.Time, rtt time.Duration)
}

// A Fleet watches many targets. Make it with NewFleet, give it targets with Set, and run it. Its methods may be called
// from any goroutine, before, during and after Run.
type Fleet struct {
	hub *hub

	mu      sync.Mutex // guards what follows
	members []*member  // in the order of Set
	ctx     context.Context
	wg      sync.WaitGroup
	slots   map[int]bool // grid slots in use
}

type member struct {
	m       *Monitor
	started bool
	done    sync.WaitGroup // its goroutine
}

// NewFleet returns a Fleet without targets.
func NewFleet(o Options) *Fleet {
	f := &Fleet{hub: newHub(o.Logger, o.Trace), slots: map[int]bool{}}
	f.hub.beat = o.Beat
	return f
}

// Run watches until ctx ends, and returns when every goroutine has ended. It may be called once. The error is ctx's.
func (f *Fleet) Run(ctx context.Context) error {
	wctx, stop := context.WithCancel(ctx)
	defer stop()
	var watch sync.WaitGroup
	watch.Go(func() { _ = f.hub.watch(wctx) })
	watch.Go(func() { f.follow(wctx) })
	f.mu.Lock()
	f.ctx = ctx
	for _, mb := range f.members {
		f.start(mb)
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock() // no member starts from now on: ctx is over
	for _, mb := range f.members {
		mb.m.stop()
	}
	f.mu.Unlock()
	f.wg.Wait()
	stop()
	watch.Wait()
	f.hub.asking.Wait()
	f.hub.feed.end()
	return ctx.Err()
}

func (f *Fleet) start(mb *member) {
	if f.ctx == nil || f.ctx.Err() != nil || mb.started {
		return
	}
	ctx := f.ctx
	mb.started = true
	f.wg.Add(1)
	mb.done.Add(1)
	go mb.m.run(ctx, func() {
		mb.done.Done()
		f.wg.Done()
	})
}

// Set replaces the targets. One that did not change keeps its session; one that changed, or is gone, ends it. The error
// is a *TargetError, and then nothing changes.
func (f *Fleet) Set(targets []Target) error {
	names := map[string]bool{}
	for _, t := range targets {
		if err := t.Check(); err != nil {
			return err
		}
		if names[t.Name] {
			return &TargetError{Name: t.Name, Field: "name", Err: errors.New("another target has it already")}
		}
		names[t.Name] = true
	}
	askSystem(context.Background(), targets)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set(targets)
}

// set is Set for targets that were checked; f.mu is held.
func (f *Fleet) set(targets []Target) error {
	old := map[string]*member{}
	for _, mb := range f.members {
		old[mb.m.name] = mb
	}
	next := make([]*member, 0, len(targets))
	var gone []*member
	var fresh []*member
	for _, t := range targets {
		if mb := old[t.Name]; mb != nil && mb.m.keeps(t) {
			delete(old, t.Name)
			next = append(next, mb)
			continue
		}
		slot := 0
		for f.slots[slot] {
			slot++
		}
		m, err := newMonitor(f.hub, t, slot)
		if err != nil {
			for _, mb := range fresh {
				delete(f.slots, mb.m.slot)
			}
			return err
		}
		f.slots[slot] = true
		mb := &member{m: m}
		fresh = append(fresh, mb)
		next = append(next, mb)
	}
	for _, mb := range old {
		gone = append(gone, mb)
		delete(f.slots, mb.m.slot)
	}
	f.members = next
	for _, mb := range gone {
		if mb.started {
			mb.m.stop()
			mb.done.Wait()
		}
		mb.m.remove()
	}
	for _, mb := range fresh {
		mb.m.announce()
		f.start(mb)
	}
	return nil
}

// Targets returns the targets, their defaults filled in.
func (f *Fleet) Targets() []Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Target, len(f.members))
	for i, mb := range f.members {
		out[i] = mb.m.snap.Load().Target
	}
	return out
}

// Snapshots returns the present state of every target, in the order of Set.
func (f *Fleet) Snapshots() []Snapshot {
	ms := f.monitors()
	out := make([]Snapshot, len(ms))
	for i, m := range ms {
		out[i] = m.Snapshot()
	}
	return out
}

func (f *Fleet) monitors() []*Monitor {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*Monitor, len(f.members))
	for i, mb := range f.members {
		out[i] = mb.m
	}
	return out
}

// Snapshot returns the present state of one target; false when there is none of that name.
func (f *Fleet) Snapshot(name string) (Snapshot, bool) {
	for _, m := range f.monitors() {
		if m.name == name {
			return m.Snapshot(), true
		}
	}
	return Snapshot{}, false
}

// Subscribe begins a subscription to every target, those that come later included; with beats it carries a BeatEvent for
// every answered heartbeat. Close it.
func (f *Fleet) Subscribe(beats bool) *Subscription {
	f.mu.Lock() // so that no target comes or goes unseen between the list and the registration
	defer f.mu.Unlock()
	ms := make([]*Monitor, len(f.members))
	for i, mb := range f.members {
		ms[i] = mb.m
	}
	return f.hub.feed.subscribe(beats, ms)
}

// pick returns the named monitors; all when no name is given.
func (f *Fleet) pick(names []string) ([]*Monitor, error) {
	ms := f.monitors()
	if len(names) == 0 {
		return ms, nil
	}
	var out []*Monitor
	for _, name := range names {
		found := false
		for _, m := range ms {
			if m.name == name {
				out, found = append(out, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, name)
		}
	}
	return out, nil
}

// Reconnect asks for an attempt now: of the named targets, or of all; those that are Up or paused are left alone.
func (f *Fleet) Reconnect(names ...string) error { return f.each(names, (*Monitor).Reconnect) }

// Pause ends the sessions of the named targets, or of all, and watches no more until Resume.
func (f *Fleet) Pause(names ...string) error { return f.each(names, (*Monitor).Pause) }

// Resume watches the named targets, or all, again.
func (f *Fleet) Resume(names ...string) error { return f.each(names, (*Monitor).Resume) }

func (f *Fleet) each(names []string, do func(*Monitor)) error {
	ms, err := f.pick(names)
	if err != nil {
		return err
	}
	for _, m := range ms {
		do(m)
	}
	return nil
}

// Trace returns the longest round trip of each second, oldest first, as far as Options.Trace goes back. Seconds without
// an answer are left out.
func (f *Fleet) Trace(name string) []Sample {
	for _, m := range f.monitors() {
		if m.name == name && m.trace != nil {
			return m.trace.samples(time.Now())
		}
	}
	return nil
}

// Stalled returns the names of the targets whose goroutine should have judged more than two seconds ago: what is shown of
// them is not known to be true.
func (f *Fleet) Stalled(time.Time) []string {
	now := f.hub.now()
	var out []string
	for _, m := range f.monitors() {
		if m.stalled(now) {
			out = append(out, m.name)
		}
	}
	return out
}

func jitter(n int64) int64 { return rand.Int64N(n) }
