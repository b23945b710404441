package monitor

import (
	"sync"
	"time"
)

// trace keeps the longest round trip of each second, for charts. A second without an answer is a gap.
type trace struct {
	mu   sync.Mutex
	ring []traceCell
}

type traceCell struct {
	second int64  // Unix time
	rtt    uint32 // microseconds
}

// tellAnswered tells of the beats of s behind a given one that what came at that moment answers: an answer is one to all before it.
func (m *Monitor) tellAnswered(s *session, behind uint64, at time.Duration) {
	if m.hub.beat == nil {
		return
	}
	now := time.Now()
	for k := max(behind, s.noSample) + 1; k <= s.answered; k++ {
		m.hub.beat(m.name, now, s.took(k, at))
	}
}

// tellLost tells of the beats of s that wait for an answer: there will be none.
func (m *Monitor) tellLost(s *session) {
	if m.hub.beat == nil {
		return
	}
	now := time.Now()
	for k := max(s.answered, s.noSample) + 1; k <= s.n; k++ {
		m.hub.beat(m.name, now, 0)
	}
}

func newTrace(seconds int) *trace { return &trace{ring: make([]traceCell, seconds)} }

func (t *trace) add(at time.Time, rtt time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	second := at.Unix()
	c := &t.ring[second%int64(len(t.ring))]
	us := uint32(min(rtt.Microseconds(), 1<<32-1))
	if c.second == second {
		c.rtt = max(c.rtt, us)
		return
	}
	*c = traceCell{second, us}
}

// samples returns what is not older than the ring is long, oldest first.
func (t *trace) samples(now time.Time) []Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Sample
	n := int64(len(t.ring))
	for second := now.Unix() - n + 1; second <= now.Unix(); second++ {
		if c := t.ring[second%n]; c.second == second {
			out = append(out, Sample{Time: time.Unix(second, 0), RTT: time.Duration(c.rtt) * time.Microsecond})
		}
	}
	return out
}
