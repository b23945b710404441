//go:build linux

package lab

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

// lasts is how long the weather of harmless rows lasts; the bench has a minute of each, and all ways and families.
var lasts = flag.Duration("lasts", 6*time.Second, "how long each harmless state of the way lasts")

// Over a long way each break is noticed as much later as round trips are needed, and named as rightly.
func TestIntegrationRelayBreaks(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: takes minutes")
	}
	hold := program(t)
	for _, r := range RelayRows() {
		if r.V6 || r.way() == SOCKS {
			continue
		}
		t.Run(r.Title(), func(t *testing.T) {
			Need(t, r.Tools()...)
			t.Parallel()
			for try := 1; ; try++ {
				p, err := r.Play(hold, 700*time.Millisecond+rand.N(time.Second))
				slow := r.tooSlow(p.Figures)
				good := err == nil && slow == nil && r.RightCause(p.Figures)
				if !good && p.Stalled > 60*time.Millisecond && try < 4 {
					t.Logf("held up for %v: once more", p.Stalled)
					continue
				}
				if !good {
					t.Errorf("%v, %v; cause %q also %q, want %q also %q (then %q)\n%s", err, slow, p.Cause, p.Also, r.Causes, r.Also, p.Causes, p.Report)
				}
				t.Logf("leaves up %v, down %v, named %v %s, back %v; held up for %v", p.LeftUp, p.Down, p.Named, p.Causes, p.Back, p.Stalled)
				return
			}
		})
	}
}

// Heavy loss, jitter, reordering and a long way make no outage.
func TestIntegrationRelayHarmless(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: takes minutes")
	}
	hold := program(t)
	for _, h := range RelayHarmlessRows(*lasts) {
		if h.V6 || h.Way != Direct {
			continue
		}
		t.Run(h.Title(), func(t *testing.T) {
			Need(t, h.Tools()...)
			t.Parallel()
			suspected, down, report, err := h.Play(hold)
			if err != nil || down > 0 {
				t.Errorf("down %d times, %v\n%s", down, err, report)
			}
			t.Logf("suspected %d times", suspected)
		})
	}
}
