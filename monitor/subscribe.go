package monitor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// queueLimit is how many events wait for a slow reader before it is skipped to the newest snapshots; with more than half as
// many targets it is twice their number.
const queueLimit = 512

// ErrClosed is returned by Subscription.Next after Close, and when the Fleet or Monitor has ended and all was read.
var ErrClosed = errors.New("monitor: subscription closed")

// feed hands events to subscriptions. Publishing never blocks.
type feed struct {
	mu    sync.Mutex // guards subs and ended, and orders publications
	subs  map[*Subscription]struct{}
	ended bool
	beats atomic.Int32 // subscriptions that want BeatEvents: while none does, no snapshot is made for a beat
}

func (f *feed) publish(q queued) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		s.put(q)
	}
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for s := range f.subs {
		s.finish()
	}
}

// subscribe begins a subscription whose first events are the present snapshots of those monitors.
func (f *feed) subscribe(beats bool, present []*Monitor) *Subscription {
	s := &Subscription{feed: f, beats: beats, bell: make(chan struct{}, 1), last: map[*Monitor]uint64{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs == nil {
		f.subs = map[*Subscription]struct{}{}
	}
	for _, m := range present {
		s.put(queued{m: m, snap: m.snap.Load()})
	}
	f.subs[s] = struct{}{}
	if beats {
		f.beats.Add(1)
	}
	if f.ended {
		s.finish()
	}
	return s
}

// A Subscription is one reader's view of the events. Its methods may be called from any goroutine; Next from one at a time.
type Subscription struct {
	feed  *feed
	beats bool
	bell  chan struct{} // capacity 1: rung when there may be something to read

	mu     sync.Mutex // guards what follows
	queue  []queued
	kept   int                 // how many the last skip left; as many again may come before the next
	last   map[*Monitor]uint64 // the newest Seq handed out, so that time never runs backwards
	closed bool
}

// queued is an Event that shares its snapshot: an Event is large, and goes through a stack that should stay small.
type queued struct {
	m                *Monitor
	snap             *Snapshot
	kind             EventKind
	renewed, removed bool
}

func (s *Subscription) put(q queued) {
	if q.kind == BeatEvent && !s.beats {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.queue = append(s.queue, q)
	if len(s.queue) > max(queueLimit, 2*s.kept) {
		s.skip()
	}
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// skip reduces the queue to the newest event of each target, in their order. A departure is never lost.
func (s *Subscription) skip() {
	newest := map[*Monitor]int{}
	for i, q := range s.queue {
		newest[q.m] = i
	}
	kept := s.queue[:0]
	for i, q := range s.queue {
		if newest[q.m] == i {
			if !q.removed {
				q.kind = StateEvent
			}
			kept = append(kept, q)
		}
	}
	clear(s.queue[len(kept):])
	s.queue, s.kept = kept, len(kept)
}

func (s *Subscription) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.bell)
	}
}

// Next returns the next event. The first ones are one StateEvent for each target with its present snapshot. A reader
// that falls behind is skipped to the newest snapshot of each target; it never sees an older one after a newer one. The
// error is ctx's, or ErrClosed.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		s.mu.Lock()
		for len(s.queue) > 0 {
			q := s.queue[0]
			s.queue[0] = queued{}
			s.queue = s.queue[1:]
			if seq, seen := s.last[q.m]; seen && q.snap.Seq < seq && !q.removed {
				continue
			}
			s.last[q.m] = q.snap.Seq
			if q.removed {
				delete(s.last, q.m)
			}
			s.mu.Unlock()
			return Event{Kind: q.kind, Snapshot: *q.snap, Renewed: q.renewed, Removed: q.removed}, nil
		}
		s.queue, s.kept = nil, 0
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return Event{}, ErrClosed
		}
		select {
		case <-ctx.Done():
			return Event{}, ctx.Err()
		case <-s.bell:
		}
	}
}

// Close ends the subscription; a waiting Next returns ErrClosed. It may be called more than once.
func (s *Subscription) Close() {
	s.feed.mu.Lock()
	if _, there := s.feed.subs[s]; there {
		delete(s.feed.subs, s)
		if s.beats {
			s.feed.beats.Add(-1)
		}
	}
	s.feed.mu.Unlock()
	s.finish()
}
