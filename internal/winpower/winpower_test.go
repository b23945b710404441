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
	for _, tt := range []struct {
		name   string
		events []uintptr
		want   string // z: told that it sleeps; w: told that it has woken; -: nothing
	}{
		{"it wakes by itself", []uintptr{suspend, resumeAutomatic}, "zw"},
		{"a person wakes it", []uintptr{suspend, resumeAutomatic, resumeSuspend}, "zw-"},
		{"twice", []uintptr{suspend, resumeAutomatic, resumeSuspend, suspend, resumeAutomatic}, "zw-zw"},
		{"nobody said that it would sleep", []uintptr{resumeAutomatic, resumeSuspend, resumeAutomatic}, "w-w"},
		{"all that is said of its waking is that a person did it", []uintptr{suspend, resumeSuspend}, "zw"},
		{"nothing is said of its waking", []uintptr{suspend, suspend, resumeAutomatic}, "z-w"},
		{"a person comes to a computer that was awake", []uintptr{resumeSuspend}, "-"},
		{"another source of power", []uintptr{0x0a, suspend, 0x0a, resumeAutomatic, 0x0a}, "-z-w-"},
	} {
		var got string
		asleep := false
		for _, event := range tt.events {
			var news bool
			switch asleep, news = asleepAfter(event, asleep); {
			case !news:
				got += "-"
			case asleep:
				got += "z"
			default:
				got += "w"
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
