package monitor

import (
	"net"
	"time"

	"holdfast/monitor/heartbeat"
	"holdfast/netcheck"
)

// sentRing is how many beats keep their time of sending; an answer to an older one is life and gives no round trip.
const sentRing = 8

// maxUnanswered bounds the bytes of heartbeats that wait for an answer. TCP keeps what was sent and delivers it when the
// way or the server is back, so one answer to any of them is enough; more would fill the socket's buffer and block.
const maxUnanswered = 4096

// A session is one established connection and the heartbeats on it. One goroutine owns it at a time.
type session struct {
	conn  net.Conn
	proto heartbeat.Protocol // nil: the kernel's keepalive stands in
	way   netcheck.Way
	born  time.Duration // when the handshake was complete, on the hub's clock

	n        uint64                  // the newest beat
	size     int                     // its bytes
	answered uint64                  // the newest answered beat
	sent     [sentRing]time.Duration // when beat k left, at k % sentRing
	lastByte time.Duration           // when anything was received
	patient  bool                    // the kernel's user timeout was raised for a local break
	noSample uint64                  // beats up to this one say nothing about the round trip: this program was held up
	deadline heartbeat.Deadline
	buf      [96]byte // more arrives in as many reads as it takes
}

// tcpInfo is the part of the kernel's view (TCP_INFO) that is used.
type tcpInfo struct {
	unacked uint32        // segments that the peer did not acknowledge yet
	bytes   int           // the same in bytes, where the system counts those
	lastAck time.Duration // since the last acknowledgement came; ackAgeUnknown where the system does not tell
	rtt     time.Duration
	again   int // segments sent again so far, those of a loss that lasts left out
	gaps    int // segments received so far behind one that was missing
}

// ackAgeUnknown is shorter than any age.
const ackAgeUnknown = time.Duration(-1)

// beat sends the next heartbeat. Nothing is sent while too much waits for an answer already.
func (s *session) beat(now time.Duration) error {
	out := s.proto.Beat(s.buf[:0:len(s.buf)], s.n+1)
	if waiting := s.n - s.answered; waiting > 0 && int(waiting+1)*len(out) > maxUnanswered {
		return nil
	}
	s.n++
	s.size = max(len(out), 1)
	s.sent[s.n%sentRing] = now
	_, err := s.conn.Write(out)
	return err
}

// oldest returns when the oldest unanswered beat was sent; ok is false when none is.
func (s *session) oldest() (sent time.Duration, ok bool) {
	if s.n == s.answered {
		return 0, false
	}
	k := s.answered + 1
	if s.n-k >= sentRing {
		k = s.n - sentRing + 1
	}
	return s.sent[k%sentRing], true
}

// sentSince counts the beats that left since then, as far back as they are kept.
func (s *session) sentSince(at time.Duration) (n int) {
	for k := s.n; k > 0 && s.n-k < sentRing && s.sent[k%sentRing] >= at; k-- {
		n++
	}
	return n
}

// feed takes received bytes. It reports the number of the beat that they answer (0 none) and its round trip (0 when it
// says nothing).
func (s *session) feed(p []byte, now time.Duration) (k uint64, rtt time.Duration) {
	s.lastByte = now
	k = s.proto.Feed(p)
	if k <= s.answered {
		return 0, 0
	}
	rtt = s.took(k, now)
	s.answered = k
	if k <= s.noSample {
		return k, 0
	}
	if rtt > 0 {
		s.deadline.Sample(rtt)
	}
	return k, rtt
}

// took returns how long beat k had waited at that moment; 0 when it is not kept any more when it left.
func (s *session) took(k uint64, at time.Duration) time.Duration {
	if s.n-k >= sentRing {
		return 0
	}
	return max(at-s.sent[k%sentRing], time.Microsecond)
}

// shift moves the times of unanswered beats by the time that this program was not run: their silence was not heard.
func (s *session) shift(by time.Duration) {
	for i := range s.sent {
		s.sent[i] += by
	}
	s.lastByte += by
	s.noSample = s.n
}
