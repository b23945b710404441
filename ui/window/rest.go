package window

import (
	"context"
	"sync"
	"time"

	"fyne.io/fyne/v2"
)

// Fyne's loop turns sixty times a second, whether anything happens or not, which costs 1 % of a core and more. While nothing
// does, the window has it wait for the display's next event instead, as other toolkits do.
const (
	restAtMost   = 250 * time.Millisecond // what Fyne does of itself, say when the desktop turns dark, waits for so long
	awakeToDraw  = 50 * time.Millisecond  // after something of ours: the loop has turned twice, and painted
	awakeToPlay  = time.Second            // after something of the person's: more is to come
	awakeForType = 500 * time.Millisecond // while the cursor blinks in a field
)

// A Rest is how Fyne's loop is put to sleep. Both are those of GLFW, which Fyne shows the window with.
type Rest struct {
	Wait func(most time.Duration) // handles what the display says, or waits for it; on Fyne's goroutine
	Wake func()                   // ends a Wait; on any
}

// A rester has a loop rest. The zero one never does.
type rester struct {
	Rest
	turned func()       // is called after each wait, on Fyne's goroutine; nil: nothing
	post   func(func()) // puts something into the queue of Fyne's goroutine; nil: fyne.Do

	mu      sync.Mutex // guards both; Wake is called under it, so that it meets a Wait, and never the end of the program
	waiting bool
	asked   bool // something was put into Fyne's queue that the loop may not have come to
}

// queue has f done on Fyne's goroutine, when that comes to it.
func (r *rester) queue(f func()) {
	if r.post != nil {
		r.post(f)
		return
	}
	fyne.Do(f)
}

// do has f done on Fyne's goroutine, which is woken for it.
func (r *rester) do(f func()) {
	r.queue(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked = true; r.waiting {
		r.Wake()
	}
}

// wait waits, on Fyne's goroutine, and returns for how long the loop has to turn then.
func (r *rester) wait() time.Duration {
	r.mu.Lock()
	if r.asked {
		r.asked = false
		r.mu.Unlock()
		return awakeToDraw
	}
	r.waiting = true
	r.mu.Unlock()
	began := time.Now()
	r.Wait(restAtMost)
	took := time.Since(began)
	if r.turned != nil {
		r.turned()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = false
	switch {
	case r.asked:
		r.asked = false
		return awakeToDraw
	case took < restAtMost:
		return awakeToPlay
	}
	return awakeToDraw / 2 // one turn: Fyne has things of its own to do
}

// run has the loop rest whenever it can, until ctx ends. While busy says so, on Fyne's goroutine, the loop turns.
func (r *rester) run(ctx context.Context, busy func() bool) {
	if r.Wait == nil {
		return
	}
	awake := time.NewTimer(awakeToPlay)
	defer awake.Stop()
	for {
		select {
		case <-awake.C:
		case <-ctx.Done():
			return
		}
		next := make(chan time.Duration, 1)
		r.queue(func() {
			if busy() {
				next <- awakeForType
				return
			}
			next <- r.wait()
		})
		select {
		case d := <-next:
			awake.Reset(d)
		case <-ctx.Done():
			return
		}
	}
}

// RestWith has Fyne's loop rest while nothing happens; to be called before Run. Without it the loop turns all the time.
func (w *Window) RestWith(r Rest) { w.rester.Rest = r }

// do has f done on Fyne's goroutine.
func (w *Window) do(f func()) { w.rester.do(f) }

// busy reports whether something moves on the screen by itself: the cursor in a field.
func (w *Window) busy() bool {
	_, typing := w.win.Canvas().Focused().(*field)
	return typing
}
