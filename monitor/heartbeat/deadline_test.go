package heartbeat

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// Worked by hand with RFC 6298, section 2: SRTT = R and RTTVAR = R/2 first, then RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R| and
// SRTT = 7/8 SRTT + 1/8 R; RTO = SRTT + 4 RTTVAR.
func TestDeadline(t *testing.T) {
	tests := []struct {
		name   string
		rtts   []time.Duration
		bound  time.Duration
		smooth time.Duration
		want   time.Duration
	}{
		{"nothing measured: a second", nil, 2 * time.Second, 0, time.Second},
		{"nothing measured, a smaller bound", nil, 600 * ms, 0, 600 * ms},
		{"nothing measured, a bound below the floor", nil, 100 * ms, 0, 250 * ms},
		{"one of 100 ms: 100 + 4·50", []time.Duration{100 * ms}, 2 * time.Second, 100 * ms, 300 * ms},
		{"then one of 100 ms: 100 and the least variance", []time.Duration{100 * ms, 100 * ms}, 2 * time.Second, 100 * ms, 300 * ms},
		{"100 then 180 ms: 110 + 4·57.5", []time.Duration{100 * ms, 180 * ms}, 2 * time.Second, 110 * ms, 340 * ms},
		{"100, 180, 30 ms: 100 + 4·63.125", []time.Duration{100 * ms, 180 * ms, 30 * ms}, 2 * time.Second, 100 * ms, 352500 * time.Microsecond},
		{"400 ms: 400 + 4·200", []time.Duration{400 * ms}, 2 * time.Second, 400 * ms, 1200 * ms},
		{"quick: the floor", []time.Duration{ms, ms, ms}, 2 * time.Second, ms, 250 * ms},
		{"slow: the bound", []time.Duration{900 * ms}, 2 * time.Second, 900 * ms, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Deadline
			for _, rtt := range tt.rtts {
				d.Sample(rtt)
			}
			if got := d.After(tt.bound); got != tt.want {
				t.Errorf("After(%v) = %v, want %v", tt.bound, got, tt.want)
			}
			if got := d.Smoothed(); got != tt.smooth {
				t.Errorf("Smoothed = %v, want %v", got, tt.smooth)
			}
		})
	}
}

func TestDeadlineStaysInBounds(t *testing.T) {
	var d Deadline
	for i := range 10000 {
		d.Sample(time.Duration(i%17) * 100 * ms)
		if got := d.After(2 * time.Second); got < Floor || got > 2*time.Second {
			t.Fatalf("after %d samples: %v", i+1, got)
		}
	}
	// A way that became steady is trusted again after some answers.
	for range 32 {
		d.Sample(5 * ms)
	}
	if got := d.After(2 * time.Second); got != Floor {
		t.Errorf("after 32 quick answers: %v, want %v", got, Floor)
	}
}
