package control

import (
	"sync"
	"time"

	"holdfast/internal/wire"
)

// pauses ends those pauses that have an end. The zero value, with resume set, is ready. One timer runs while there is
// one, so that an endless pause costs nothing at all.
type pauses struct {
	resume func(names ...string) error

	mu    sync.Mutex // guards what follows
	until map[string]time.Time
	timer *time.Timer
	ended bool
}

// recheck bounds the wait: a timer stands still while the computer sleeps, and the wall clock may be set.
const recheck = time.Minute

// set gives the pause of those targets an end; the zero time takes the end away.
func (p *pauses) set(until time.Time, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = make(map[string]time.Time)
	}
	for _, n := range names {
		if until.IsZero() {
			delete(p.until, n)
		} else {
			p.until[n] = until.Round(0) // by the wall clock
		}
	}
	p.arm()
}

// drop forgets the ends of those pauses, or of all.
func (p *pauses) drop(names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(names) == 0 {
		clear(p.until)
	}
	for _, n := range names {
		delete(p.until, n)
	}
	p.arm()
}

func (p *pauses) arm() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if len(p.until) == 0 || p.ended {
		return
	}
	wait := recheck
	now := time.Now().Round(0)
	for _, t := range p.until {
		wait = max(0, min(wait, t.Sub(now)))
	}
	p.timer = time.AfterFunc(wait, p.due)
}

func (p *pauses) due() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	now := time.Now().Round(0)
	for n, t := range p.until {
		if !t.After(now) {
			delete(p.until, n)
			_ = p.resume(n) // a target that was removed meanwhile needs none
		}
	}
	p.arm()
}

func (p *pauses) list() map[string]wire.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := make(map[string]wire.Time, len(p.until))
	for n, t := range p.until {
		m[n] = wire.Time{Time: t}
	}
	return m
}

func (p *pauses) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.arm()
}
