package winpower

import (
	"testing"
	"time"
)

func TestSleptOf(t *testing.T) {
	for _, tt := range []struct {
		name      string
		sinceBoot time.Duration
		unbiased  uint64 // 100 ns
		want      time.Duration
	}{
		{"never", time.Hour, uint64(time.Hour / 100), 0},
		{"eight hours", 9 * time.Hour, uint64(time.Hour / 100), 8 * time.Hour},
		{"the coarse clock is behind", time.Hour - 15*time.Millisecond, uint64(time.Hour / 100), 0},
	} {
		if got := sleptOf(tt.sinceBoot, tt.unbiased); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAsleepAfter(t *testing.T) {
	for name, c := range map[string]struct {
		event         uintptr
		asleep, known bool
	}{
		"about to sleep":          {0x04, true, true},
		"woken by a person":       {0x07, false, true},
		"woken":                   {0x12, false, true},
		"another source of power": {0x0a, false, false},
	} {
		if asleep, known := asleepAfter(c.event); asleep != c.asleep || known != c.known {
			t.Errorf("%s: %v, %v", name, asleep, known)
		}
	}
}
