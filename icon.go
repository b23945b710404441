package main

import (
	"context"
	"sync"
	"time"

	"holdfast/monitor"
	"holdfast/ui"
)

// Times of the icon. Its budget from a change of state to the new picture is 50 ms.
const (
	iconGap    = 20 * time.Millisecond // between two looks at all targets, when events come in a burst
	stallCheck = time.Second           // between two looks whether the engine still judges
	stallAgain = 200 * time.Millisecond
)

// An icon keeps the tray true to the targets. Its functions are a monitor.Fleet's, a monitor.Subscription's and a tray's.
type icon struct {
	next      func(ctx context.Context) (monitor.Event, error)
	close     func()
	snapshots func() []monitor.Snapshot
	stalled   func(now time.Time) []string
	show      func(ui.Tray)
	lang      func() ui.Lang
	spoken    <-chan struct{} // lang says something else now; nil: it never does
	since     time.Time       // the looks that no event asks for are whole seconds after it; zero: after feed began
}

// feed works until ctx ends or next fails.
func (i icon) feed(ctx context.Context) error {
	defer i.close()
	changed := make(chan struct{}, 1)
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error // read after group.Wait only
	group.Go(func() {
		defer cancel()
		for {
			if _, err := i.next(ctx); err != nil {
				failed = err
				return
			}
			select {
			case changed <- struct{}{}:
			default: // a look is due already
			}
		}
	})
	timer := time.NewTimer(0) // the first look does not wait for an event: there may be no target
	defer timer.Stop()
	if i.since.IsZero() {
		i.since = time.Now()
	}
	var shown time.Time
	var suspected []string
	for {
		select {
		case <-ctx.Done():
			group.Wait()
			return failed
		case <-changed:
			if wait := iconGap - time.Since(shown); wait > 0 {
				timer.Reset(wait)
				continue
			}
		case <-timer.C:
		case <-i.spoken:
		}
		shown = time.Now()
		snapshots := i.snapshots()
		// What is found stalled is looked at again a moment later before it is said: after the whole program stood still
		// (stopped, asleep) this goroutine may be the first to run.
		stalled := i.stalled(shown)
		sure := both(stalled, suspected)
		next := stallCheck - shown.Sub(i.since)%stallCheck
		if len(stalled) > len(sure) {
			next = stallAgain
		}
		suspected = stalled
		i.show(ui.TrayOf(snapshots, sure, shown, i.lang()))
		if active(snapshots) {
			timer.Reset(next)
		} else {
			timer.Stop() // nobody can stall, and nothing wakes this program
		}
	}
}

// both is what is in a and in b.
func both(a, b []string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			if x == y {
				out = append(out, x)
				break
			}
		}
	}
	return out
}

// active reports whether any target is watched.
func active(snapshots []monitor.Snapshot) bool {
	for _, s := range snapshots {
		if s.State != monitor.Idle {
			return true
		}
	}
	return false
}
