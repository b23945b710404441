package netcheck

import (
	"context"
	"sync"
)

// patient puts questions that cannot be interrupted: whoever asks waits no longer than its context allows, and whoever asks
// the same while it is under way shares the answer, so that a system that hangs costs one thread. The zero value is ready.
type patient[K comparable, V any] struct {
	mu    sync.Mutex // guards asked
	asked map[K]*patientAnswer[V]
	left  sync.WaitGroup // of the questions under way; tests wait for them
}

type patientAnswer[V any] struct {
	done chan struct{}
	v    V
}

// underWay reports whether any such question is asked now.
func (p *patient[K, V]) underWay(such func(K) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.asked {
		if such(k) {
			return true
		}
	}
	return false
}

// ask returns what f returns; false when ctx ended first.
func (p *patient[K, V]) ask(ctx context.Context, k K, f func() V) (v V, ok bool) {
	p.mu.Lock()
	a := p.asked[k]
	if a == nil {
		a = &patientAnswer[V]{done: make(chan struct{})}
		if p.asked == nil {
			p.asked = make(map[K]*patientAnswer[V])
		}
		p.asked[k] = a
		p.left.Go(func() {
			a.v = f()
			p.mu.Lock()
			delete(p.asked, k)
			p.mu.Unlock()
			close(a.done)
		})
	}
	p.mu.Unlock()
	select {
	case <-a.done:
		return a.v, true
	case <-ctx.Done():
		return v, false
	}
}
