package responder

import "time"

// A rhythm is what was learned of the intervals at which one client is heard: mean and mean deviation, smoothed as
// RFC 6298 smooths round trips.
type rhythm struct {
	mean, dev time.Duration
	gaps      int
}

// known says when there is a rhythm to break: after four beats, three gaps.
const known = 3

// heard learns one gap. A gap far above the mean is an interruption rather than a new rhythm and counts as four times the
// mean: one pause of an hour is forgotten within seconds, a client that really became slower is learned within a few beats.
func (r *rhythm) heard(gap time.Duration) {
	if r.gaps == 0 {
		r.mean, r.dev = gap, gap/2
	} else {
		gap = min(gap, 4*r.mean)
		r.dev += ((gap - r.mean).Abs() - r.dev) / 4
		r.mean += (gap - r.mean) / 8
	}
	r.gaps = min(r.gaps+1, known)
}

// limit is the silence that breaks the rhythm; false while there is none.
func (r *rhythm) limit(floor time.Duration) (time.Duration, bool) {
	if r.gaps < known {
		return 0, false
	}
	return max(floor, 2*r.mean+4*r.dev+250*time.Millisecond), true
}
