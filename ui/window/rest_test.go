package window

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A turning is a loop like Fyne's: it does what is in its queue, in order, and may be made to wait by it.
type turning struct {
	rester
	waits []time.Time
	woken chan struct{}
	busy  bool
}

// turn runs f beside such a loop, on a clock of its own.
func turn(t *testing.T, f func(*turning)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		queue := make(chan func(), 100)
		l := &turning{woken: make(chan struct{}, 1)}
		l.post = func(f func()) { queue <- f }
		l.Rest = Rest{
			Wait: func(most time.Duration) {
				l.waits = append(l.waits, time.Now())
				select {
				case <-l.woken:
				case <-time.After(most):
				}
			},
			Wake: func() { nudge(l.woken) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for {
				select {
				case f := <-queue:
					f()
				case <-ctx.Done():
					return
				}
			}
		}()
		go l.run(ctx, func() bool { return l.busy })
		defer func() {
			cancel()
			time.Sleep(restAtMost) // the last one ends
			synctest.Wait()
		}()
		f(l)
	})
}

func TestTheLoopRestsWhileNothingHappens(t *testing.T) {
	turn(t, func(l *turning) {
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(l.waits); n < 25 || n > 50 || l.waits[n-1].Sub(l.waits[0]) < 8*time.Second {
			t.Errorf("%d rests in 10 s: %v", n, l.waits)
		}
	})
}

func TestTheLoopWakesForWhatIsAsked(t *testing.T) {
	turn(t, func(l *turning) {
		for i := range 400 { // at each time of its rests and turns
			time.Sleep(1001*time.Millisecond + time.Duration(i)*time.Millisecond)
			asked, done := time.Now(), make(chan time.Time, 1)
			l.do(func() { done <- time.Now() })
			if late := (<-done).Sub(asked); late != 0 {
				t.Fatalf("done %v after it was asked for", late)
			}
			n := len(l.waits)
			time.Sleep(awakeToDraw / 2) // until it is painted, the loop turns
			synctest.Wait()
			if len(l.waits) > n {
				t.Fatalf("it rested again %v after something was done", l.waits[n].Sub(asked))
			}
		}
	})
}

func TestTheLoopTurnsForAPerson(t *testing.T) {
	turn(t, func(l *turning) {
		time.Sleep(5 * time.Second)
		synctest.Wait()
		rests := func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.waiting
		}
		for !rests() {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		l.Wake() // what comes from the display
		synctest.Wait()
		n := len(l.waits)
		time.Sleep(awakeToPlay - time.Millisecond)
		synctest.Wait()
		if len(l.waits) != n {
			t.Error("it rests while a person plays")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(l.waits) == n {
			t.Error("it never rests again")
		}
		l.busy = true
		time.Sleep(time.Second)
		synctest.Wait()
		n = len(l.waits)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(l.waits) != n {
			t.Error("it rests while the cursor blinks")
		}
	})
}
