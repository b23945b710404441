// Package patient puts questions to a system that may hang, and that cannot be told to give up.
package patient

import (
	"context"
	"sync"
)

// Questions cannot be interrupted: whoever asks waits no longer than its context allows, and whoever asks the same while it is
// under way shares the answer, so that a system that hangs costs one thread. The zero value is ready; its methods may be
// called from any goroutine.
type Questions[K comparable, V any] struct {
	mu    sync.Mutex // guards asked
	asked map[K]*answer[V]
	left  sync.WaitGroup // of the questions under way
}

type answer[V any] struct {
	done chan struct{}
	v    V
}

// UnderWay reports whether any such question is asked now.
func (p *Questions[K, V]) UnderWay(such func(K) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.asked {
		if such(k) {
			return true
		}
	}
	return false
}

// Ask returns what f returns; false when ctx ended first.
func (p *Questions[K, V]) Ask(ctx context.Context, k K, f func() V) (v V, ok bool) {
	p.mu.Lock()
	a := p.asked[k]
	if a == nil {
		a = &answer[V]{done: make(chan struct{})}
		if p.asked == nil {
			p.asked = make(map[K]*answer[V])
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

// Wait returns when no question is under way any more: tests end then.
func (p *Questions[K, V]) Wait() { p.left.Wait() }
