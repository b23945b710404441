package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/netcheck"
)

// The sessions get steadily shorter: that is no habit but a server that gets worse.
func TestRenewalsThatComeSteadilyFasterAreAnOutage(t *testing.T) {
	var lives []time.Duration
	for l := 60 * time.Second; l > 3*time.Second; l = l * 6 / 10 {
		lives = append(lives, l)
	}
	renewed, outages, _ := renewals(t, echoTarget, echo, lives...)
	if outages == 0 {
		t.Errorf("%d sessions of %v were all renewed, none an outage", renewed, lives)
	}
}

func TestNothingFarIsBlamedForAFailureOfOurOwn(t *testing.T) {
	t.Run("this computer cannot dial", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.dialErr = errLocal }, func(t *testing.T, w *world) {
			w.until(20 * time.Second)
			synctest.Wait()
			s := w.m.Snapshot()
			if s.Verdict.Cause.Hop() != "" && s.Verdict.Cause.Hop() != netcheck.HopLink {
				t.Errorf("%v is blamed for %q of our own", s.Verdict.Cause, errLocal)
			}
			if n := len(w.dials); n > 60 {
				t.Errorf("%d dials in 20 s", n)
			}
			w.set(func() { w.dialErr = nil })
			w.until(40 * time.Second)
			if w.state() != Up {
				t.Errorf("%v after it could", w.state())
			}
		})
	})
}

// A sleep concerns every target, not only the one that wakes first.
func TestSleepOfAll(t *testing.T) {
	fleet(t, targets(40), nil, func(t *testing.T, w *world, f *Fleet) {
		sub := f.Subscribe(false)
		defer sub.Close()
		w.until(10100 * ms)
		w.set(func() { w.ahead = 8 * time.Hour })
		// The network needs two seconds after a sleep.
		w.hole(10100*ms, 12*time.Second)
		asleep := map[string]bool{}
		for w.at() < 20*time.Second {
			ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
			e, err := sub.Next(ctx)
			cancel()
			if err == nil && e.Snapshot.Verdict.Cause == netcheck.Asleep {
				asleep[e.Snapshot.Target.Name] = true
			}
		}
		down := 0
		for _, s := range f.Snapshots() {
			down += len(s.Outages)
		}
		if len(asleep) != 40 || down != 0 {
			t.Errorf("%d of 40 targets noticed the sleep, %d outages", len(asleep), down)
		}
	})
}
