package heartbeat

import "time"

// Deadline is how long an answer may take, learned from the answers before: RFC 6298 with its gains of 1/8 and 1/4, the
// result kept within Floor and a bound of the caller. The zero value knows nothing yet.
type Deadline struct {
	srtt, rttvar time.Duration
}

// Floor is the shortest deadline. One lost segment costs TCP 200 ms on a quiet local network (the least RTO of Linux), so
// anything shorter would call that an alarm.
const Floor = 250 * time.Millisecond

// leastVariance keeps a deadline from closing in on an even round trip: 300 ms, always the same, would be overdue at the
// first lost segment, which TCP sends again 200 ms after it should have been answered (TCP_RTO_MIN of Linux).
const leastVariance = 200 * time.Millisecond

// Sample takes the round trip of one answered beat.
func (d *Deadline) Sample(rtt time.Duration) {
	if d.srtt == 0 {
		d.srtt, d.rttvar = rtt, rtt/2
		return
	}
	d.rttvar += ((d.srtt - rtt).Abs() - d.rttvar) / 4
	d.srtt += (rtt - d.srtt) / 8
}

// After returns how long to wait for the next answer: Floor at least, bound at most. Before the first sample it is the
// bound or one second, the smaller (RFC 6298, section 2.1).
func (d *Deadline) After(bound time.Duration) time.Duration {
	rto := time.Second
	if d.srtt != 0 {
		rto = d.srtt + max(4*d.rttvar, leastVariance)
	}
	return max(Floor, min(rto, bound))
}

// Smoothed returns the smoothed round trip; 0 before the first sample.
func (d *Deadline) Smoothed() time.Duration { return d.srtt }
