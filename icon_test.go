package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/monitor"
	"holdfast/ui"
)

// A panel stands in for fleet and tray: it counts looks and keeps what was shown.
type panel struct {
	spoken chan struct{}
	lang   ui.Lang
	title  string

	events chan monitor.Event

	mu      sync.Mutex // guards all below
	state   monitor.State
	stalled []string
	looks   int
	lookAt  []time.Time
	shown   []ui.Look
	at      []time.Time
	closed  bool
}

func (p *panel) icon() icon {
	return icon{
		next: func(ctx context.Context) (monitor.Event, error) {
			select {
			case e, ok := <-p.events:
				if !ok {
					return e, errors.New("the fleet has ended")
				}
				return e, nil
			case <-ctx.Done():
				return monitor.Event{}, ctx.Err()
			}
		},
		close: func() { p.with(func() { p.closed = true }) },
		snapshots: func() []monitor.Snapshot {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.looks++
			p.lookAt = append(p.lookAt, time.Now())
			return []monitor.Snapshot{{Time: time.Now(), Target: monitor.Target{Name: "office", Address: "192.0.2.7:7000"}, State: p.state, Since: time.Now()}}
		},
		stalled: func(time.Time) (names []string) { p.with(func() { names = p.stalled }); return names },
		show: func(v ui.Tray) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.title = v.Title
			if n := len(p.shown); n == 0 || p.shown[n-1] != v.Look {
				p.shown, p.at = append(p.shown, v.Look), append(p.at, time.Now())
			}
		},
		lang: func() (l ui.Lang) {
			if p.with(func() { l = p.lang }); l == "" {
				l = ui.English
			}
			return l
		},
		spoken: p.spoken,
	}
}

// Another language reaches tooltip and menu at once, even while nothing else happens.
func TestTheIconChangesItsLanguage(t *testing.T) {
	feeding(t, monitor.Idle, func(t *testing.T, p *panel) {
		before := p.counted()
		p.with(func() { p.lang = ui.Chinese })
		p.spoken <- struct{}{}
		synctest.Wait()
		if got := p.counted(); got != before+1 || p.title != "Holdfast：已暂停" {
			t.Errorf("%d looks, title %q", got-before, p.title)
		}
	})
}

// with runs f while nobody else touches p: a sleep in a bubble is no synchronization.
func (p *panel) with(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *panel) last() (look ui.Look) {
	p.with(func() { look = p.shown[len(p.shown)-1] })
	return look
}

func (p *panel) counted() (n int) {
	p.with(func() { n = p.looks })
	return n
}

func feeding(t *testing.T, state monitor.State, f func(t *testing.T, p *panel)) {
	synctest.Test(t, func(t *testing.T) {
		p := &panel{state: state, events: make(chan monitor.Event), spoken: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.icon().feed(ctx) }()
		synctest.Wait()
		f(t, p)
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		p.with(func() {
			if !p.closed {
				t.Error("the subscription was left open")
			}
		})
	})
}

func TestPausedIconWakesNobody(t *testing.T) {
	feeding(t, monitor.Idle, func(t *testing.T, p *panel) {
		before := p.counted()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := p.counted(); got != before {
			t.Errorf("%d looks in an hour of pause, want none", got-before)
		}
		if p.last() != ui.LookPaused {
			t.Errorf("shows %v", p.last())
		}
	})
}

func TestIconFollowsEventsAtOnce(t *testing.T) {
	feeding(t, monitor.Up, func(t *testing.T, p *panel) {
		time.Sleep(300 * time.Millisecond)
		p.with(func() { p.state = monitor.Down })
		start := time.Now()
		for range 1000 { // a burst costs few looks
			p.events <- monitor.Event{}
		}
		synctest.Wait()
		time.Sleep(iconGap)
		synctest.Wait()
		var took time.Duration
		p.with(func() { took = p.at[len(p.at)-1].Sub(start) })
		if p.last() != ui.LookDown || took > 0 {
			t.Errorf("shows %v after %v, want down at once", p.last(), took)
		}
		if got := p.counted(); got > 4 {
			t.Errorf("%d looks for a burst", got)
		}
	})
}

func TestIconOfAStalledEngine(t *testing.T) {
	feeding(t, monitor.Up, func(t *testing.T, p *panel) {
		// A moment of it is what the program sees of itself after it was stopped: never shown.
		p.with(func() { p.stalled = []string{"office"} })
		time.Sleep(stallCheck)
		synctest.Wait()
		p.with(func() { p.stalled = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		p.with(func() {
			if len(p.shown) != 1 || p.shown[0] != ui.LookUp {
				t.Errorf("showed %v, want only up", p.shown)
			}
		})
		p.with(func() { p.stalled = []string{"office"} })
		time.Sleep(stallCheck + stallAgain)
		synctest.Wait()
		if p.last() != ui.LookUnknown {
			t.Errorf("shows %v over an engine that does not judge", p.last())
		}
		p.with(func() { p.stalled = nil })
		time.Sleep(stallCheck)
		synctest.Wait()
		if p.last() != ui.LookUp {
			t.Errorf("shows %v after it judges again", p.last())
		}
	})
}

// The looks that nobody asks for come together with the beats, whenever the last event was.
func TestIconLooksOnTheGrid(t *testing.T) {
	feeding(t, monitor.Up, func(t *testing.T, p *panel) {
		var began time.Time
		p.with(func() { began = p.lookAt[0] })
		time.Sleep(1300 * time.Millisecond)
		p.events <- monitor.Event{}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		var got []time.Duration
		p.with(func() {
			for _, at := range p.lookAt {
				got = append(got, at.Sub(began))
			}
		})
		want := []time.Duration{0, time.Second, 1300 * time.Millisecond, 2 * time.Second, 3 * time.Second, 4 * time.Second}
		if !slices.Equal(got, want) {
			t.Errorf("looks at %v, want %v", got, want)
		}
	})
}

func TestIconEndsWithTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &panel{state: monitor.Up, events: make(chan monitor.Event)}
		close(p.events)
		if err := p.icon().feed(t.Context()); err == nil || err.Error() != "the fleet has ended" {
			t.Errorf("got %v", err)
		}
	})
}
