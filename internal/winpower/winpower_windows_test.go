package winpower

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The system's callback only wakes; whoever watches is told, and nobody is told after the end.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan bool, 8)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, func(asleep bool) { told <- asleep })
	}()
	who := func() (all []uintptr) {
		mu.Lock()
		defer mu.Unlock()
		for k := range subscribers {
			all = append(all, k)
		}
		return all
	}
	for len(who()) == 0 {
		select {
		case <-ended:
			t.Fatal("the system did not take the subscription")
		case <-time.After(time.Millisecond):
		}
	}
	me := who()[0]
	changed(me, 0x0a, 0) // the battery
	for _, c := range []struct {
		event uintptr
		want  bool
	}{{suspend, true}, {resumeAutomatic, false}, {suspend, true}, {resumeSuspend, false}} {
		changed(me, c.event, 0)
		select {
		case got := <-told:
			if got != c.want {
				t.Errorf("event %#x: told %v", c.event, got)
			}
		case <-ended:
			t.Fatal("the system did not take the subscription")
		case <-time.After(30 * time.Second):
			t.Fatalf("event %#x was not told", c.event)
		}
	}
	changed(me, resumeSuspend, 0) // woken, and told, already
	cancel()
	<-ended
	changed(me, suspend, 0) // late: nobody listens any more
	if len(told) > 0 || len(who()) > 0 {
		t.Errorf("told %v after the end; %d listen", <-told, len(who()))
	}
}

// Both clocks go on while the computer is awake.
func TestNoSleepIsSeenWhileAwake(t *testing.T) {
	before := Slept()
	time.Sleep(200 * time.Millisecond)
	if by := Slept() - before; by < -50*time.Millisecond || by > 50*time.Millisecond {
		t.Errorf("%v were slept within 200 ms", by)
	}
}
