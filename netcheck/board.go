package netcheck

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// coalesce is how long further news of the same kind waits after some was handed on. The first is never delayed.
const coalesce = 100 * time.Millisecond

// news is what a Change is coalesced by; the zero value is All.
type news struct {
	index     int
	neighbour bool
}

// A board is what every Watcher keeps, whatever system it listens to: who bears and heeds what, and who wants to be
// told.
type board struct {
	wake chan struct{} // capacity 1

	mu        sync.Mutex // guards what follows
	borne     map[int]int
	heeded    map[netip.Addr]int
	listeners []*func(Change)
	dirty     bool // what is borne changed since Run last looked

	changes atomic.Uint64
}

func newBoard() board {
	return board{
		wake: make(chan struct{}, 1), borne: make(map[int]int), heeded: make(map[netip.Addr]int),
	}
}

// Changes registers a listener. It is called by Run's goroutine, one call at a time, and must return soon: wake
// somebody. It may call the Watcher's methods. A call may be under way while stop returns.
func (b *board) Changes(f func(Change)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &f
	b.listeners = append(slices.Clone(b.listeners), l)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.listeners = slices.DeleteFunc(slices.Clone(b.listeners), func(o *func(Change)) bool { return o == l })
	}
}

// Bear declares that a session, or the wait for one, is borne by the interface: its news counts, and where the system
// is slow to tell, or does not tell, it is looked at every 100 ms too, one timer for all, on a grid that begins with
// NewWatcher: whoever wakes on the same grid anyway wakes the program but once. Hold it through an outage, so that the repair is heard. The first Bear of an interface is
// answered by a Change of it, as soon as its news is heard: nothing between Egress and Bear is missed. Release may be
// called more than once.
func (b *board) Bear(index int) (release func()) {
	if index <= 0 {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.borne[index]++; b.borne[index] == 1 {
		b.dirty = true
		b.ring()
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.borne[index]--; b.borne[index] == 0 {
			delete(b.borne, index)
			b.dirty = true
			b.ring()
		}
	})
}

// Heed declares that somebody wants to reach dst: a route that covers it counts even when it is of an interface that
// bears nothing. While nobody heeds any destination, all routes count. Release may be called more than once.
func (b *board) Heed(dst netip.Addr) (release func()) {
	dst = dst.Unmap().WithZone("")
	if !dst.IsValid() {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heeded[dst]++; b.heeded[dst] == 1 && len(b.heeded) == 1 {
		b.ring() // Run may be at rest: nothing was to be looked at
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.heeded[dst]--; b.heeded[dst] == 0 {
			delete(b.heeded, dst)
		}
	})
}

// ring wakes Run; it never blocks, and many rings are one.
func (b *board) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// hand gives the listeners what is due and not to be held back, and returns how long the rest must wait.
func (b *board) hand(listeners []*func(Change), due map[news]struct{}, quiet map[news]time.Time) (next time.Duration) {
	if len(due) == 0 {
		return 0
	}
	now := time.Now()
	for n, until := range quiet {
		if !now.Before(until) {
			delete(quiet, n)
		}
	}
	tell := func(n news) {
		delete(due, n)
		quiet[n] = now.Add(coalesce)
		b.changes.Add(1)
		for _, f := range listeners {
			(*f)(Change{Index: n.index, All: n == news{}, Neighbour: n.neighbour})
		}
	}
	if _, all := due[news{}]; all && quiet[news{}].IsZero() {
		for n := range due { // All says it
			if !n.neighbour {
				delete(due, n)
			}
		}
		tell(news{})
	}
	for n := range due {
		until, held := quiet[n]
		if !held {
			tell(n)
		} else if wait := until.Sub(now); next == 0 || wait < next {
			next = wait
		}
	}
	return next
}
