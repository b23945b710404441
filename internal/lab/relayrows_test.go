//go:build linux

package lab

import (
	"flag"
	"testing"
	"time"
)

// lasts is how long the weather of harmless rows lasts; the bench has a minute of each, and all ways and families.
var lasts = flag.Duration("lasts", 6*time.Second, "how long each harmless state of the way lasts")

// Over a long way each break is noticed as much later as round trips are needed, and named as rightly.
func TestIntegrationRelayBreaks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: takes minutes")
	}
	hold := program(t)
	for _, r := range RelayRows() {
		if r.V6 || r.way() == SOCKS {
			continue
		}
		t.Run(r.Title(), func(t *testing.T) {
			t.Parallel()
			r.try(t, Here(hold))
		})
	}
}

// Heavy loss, jitter, reordering and a long way make no outage.
func TestIntegrationRelayHarmless(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: takes minutes")
	}
	hold := program(t)
	for _, h := range RelayHarmlessRows(*lasts) {
		if h.V6 || h.Way != Direct {
			continue
		}
		t.Run(h.Title(), func(t *testing.T) {
			t.Parallel()
			h.try(t, Here(hold))
		})
	}
}
