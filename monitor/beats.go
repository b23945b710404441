package monitor

import (
	"errors"
	"fmt"
	"io"
	"time"

	"holdfast/monitor/heartbeat"
	"holdfast/netcheck"
)

// beat sends the next heartbeat, or looks at the last acknowledgement.
func (m *Monitor) beat(now time.Duration) {
	s := m.sess
	if s == nil || m.localBroken() {
		return
	}
	if s.proto == nil {
		m.lookAtAcks(now)
		return
	}
	_, waiting := s.oldest()
	err := s.beat(now)
	m.set(timerBeat, m.hub.grid(now+m.s.Target.Interval/2, m.s.Target.Interval, m.slot))
	if err != nil && !isTimeout(err) {
		m.sessionEnded(err)
		return
	}
	if m.s.State == Up && !waiting {
		m.set(timerOverdue, now+s.deadline.After(m.s.Target.Timeout))
		m.set(timerPatience, now+lifePatience)
	}
}

// received takes what the session said.
func (m *Monitor) received(s *session, n int) {
	now := m.hub.now()
	if s.proto == nil {
		// Without a heartbeat any byte is an answer.
		s.lastByte = now
		m.sessionAnswered(now, 0)
		return
	}
	before := s.answered
	k, rtt := s.feed(s.buf[:n], now)
	if k > 0 {
		m.tellAnswered(s, before, now)
		m.sessionAnswered(now, rtt)
		return
	}
	if m.s.State == Up && m.timers[timerOverdue] != 0 {
		m.set(timerOverdue, now+s.deadline.After(m.s.Target.Timeout))
	}
}

// sessionAnswered: the present session answered a beat.
func (m *Monitor) sessionAnswered(now, rtt time.Duration) {
	s := m.sess
	if rtt > 0 {
		m.liveRTT.Store(int64(rtt))
		if m.trace != nil {
			m.trace.add(time.Now(), rtt)
		}
	}
	m.liveAnswer.Store(int64(now))
	m.clear(timerOverdue, timerPatience)
	if s.proto != nil {
		if sent, waiting := s.oldest(); waiting {
			m.set(timerOverdue, max(sent, now)+s.deadline.After(m.s.Target.Timeout))
			m.set(timerPatience, now+lifePatience) // it answers, if late: patience begins anew
		}
	}
	if m.s.State != Up {
		// An answer that was under way when the local way broke proves nothing about now.
		if !m.localBroken() {
			if t := m.trouble; t != nil && m.s.State == Suspect && t.facts.Session == netcheck.Asked && !t.heldUp {
				m.shakyAt = now
			}
			m.becomeUp(now)
		}
		return
	}
	if rtt > 0 && m.hub.feed.beats.Load() > 0 {
		m.publish(BeatEvent)
	}
}

// lookAtAcks is the heartbeat of a session without one: the kernel's keepalive asks, and the age of the last
// acknowledgement answers.
func (m *Monitor) lookAtAcks(now time.Duration) {
	s := m.sess
	info, ok := m.hub.sys.tcpInfo(s.conn)
	if !ok || info.lastAck == ackAgeUnknown {
		return // this system cannot tell; the kernel ends the session when its keepalive runs out
	}
	limit := m.s.Target.Keepalive.Idle + keepaliveSlack + info.rtt
	age := info.lastAck
	switch {
	case m.s.State == Up && age < limit:
		if info.rtt > 0 {
			m.liveRTT.Store(int64(info.rtt))
			at := time.Now()
			if m.trace != nil {
				m.trace.add(at, info.rtt)
			}
			if m.hub.beat != nil {
				m.hub.beat(m.name, at, info.rtt)
			}
		}
		m.liveAnswer.Store(int64(now - age))
		// The kernel asks when TCP_KEEPIDLE is over; the next look is when its answer would be overdue.
		m.set(timerBeat, m.hub.grid(now+max(0, limit-age-10*time.Millisecond), 20*time.Millisecond, 0))
		if m.hub.feed.beats.Load() > 0 {
			m.publish(BeatEvent)
		}
	case m.s.State == Up:
		m.silent(now, now-age+m.s.Target.Keepalive.Idle)
		m.hub.sys.nudge(s.conn, m.s.Target.Keepalive)
		m.set(timerBeat, now+200*time.Millisecond)
	default:
		if t := m.trouble; t != nil && age < now-t.since && age < limit {
			m.sessionAnswered(now, 0)
			m.set(timerBeat, now+m.s.Target.Keepalive.Idle)
			return
		}
		m.hub.sys.nudge(s.conn, m.s.Target.Keepalive)
		m.set(timerBeat, now+min(200*time.Millisecond*time.Duration(1+m.s.Attempt), time.Second))
	}
}

// beatOverdue: the oldest beat was not answered within its deadline.
func (m *Monitor) beatOverdue(now time.Duration) {
	s := m.sess
	if s == nil || m.s.State != Up {
		return
	}
	if m.hub.sys.hasInput(s.conn) {
		m.set(timerOverdue, now+5*time.Millisecond) // it is there and only was not read yet
		return
	}
	sent, waiting := s.oldest()
	if !waiting {
		return
	}
	m.silent(now, max(sent, s.lastByte))
}

// outOfPatience: the peer talks, but what it says answers nothing.
func (m *Monitor) outOfPatience(now time.Duration) {
	s := m.sess
	if s == nil || s.proto == nil || m.s.State == Idle || m.localBroken() {
		return
	}
	sent, waiting := s.oldest()
	if !waiting {
		return
	}
	if now-s.lastByte > time.Second {
		return // silence, which has its own clock
	}
	m.note(netcheck.HopService, m.s.Target.Address, netcheck.SeenBroken, 0,
		fmt.Sprintf("sends data, but nothing that answers a heartbeat, for %v", (now-sent).Round(10*time.Millisecond)))
	m.startTrouble(now, now, overdue)
	m.trouble.facts.ProtocolError = true
	m.dropSession()
	m.consider(now)
}

// heldUp: this program was not run for a while, or the computer slept. Every deadline moves by as much as it is late (the
// clock of the timers stands still in a sleep), what was silent is asked again, and a long stop is shown.
func (m *Monitor) heldUp(now, late, by time.Duration, cause netcheck.Cause) {
	for t := range m.timers {
		if m.timers[t] != 0 {
			m.timers[t] += late
		}
	}
	if m.trouble != nil {
		m.trouble.shift(late)
	}
	if m.sess == nil {
		return
	}
	m.sess.shift(late)
	m.set(timerBeat, now)
	if by < heldUpShown {
		return
	}
	m.hub.log.Info("held up", "target", m.s.Target.Name, "cause", string(cause), "for", by)
	if m.s.State == Suspect && cause == netcheck.Asleep && !m.localBroken() {
		m.trouble.lost = now
		m.set(timerDecide, now+m.s.Target.Timeout+retransmits)
		return
	}
	if m.s.State == Up {
		m.startTrouble(now, now, heldUp)
		m.trouble.heldUp = true
		m.trouble.lost = 0
		m.notMeasured(m.sess.way.Interface, by, cause)
		m.publish(StateEvent)
		// One clean window: a whole deadline of its own, for a session that may have to be woken.
		t := m.trouble
		t.lost = now
		m.set(timerDecide, now+m.s.Target.Timeout+retransmits)
		m.set(timerProbe, now+heartbeat.Floor)
		m.set(timerSecond, now+heartbeat.Floor)
		t.facts.Session, t.facts.Fresh, t.askedAt = netcheck.Asked, netcheck.Asked, now+heartbeat.Floor
	}
}

// notMeasured is the verdict on a stop of that length.
func (m *Monitor) notMeasured(at string, by time.Duration, cause netcheck.Cause) {
	m.edit().Verdict = netcheck.Verdict{Cause: cause, Hop: cause.Hop(), Interface: at}
	m.note(netcheck.HopLink, at, netcheck.SeenUnknown, 0, fmt.Sprintf("not measured for %v: %s", by.Round(10*time.Millisecond), cause))
}

// wasAsleep: a stop of that length, which looked as if only this program had not been run, was a sleep. What is said of it is put
// right where it still stands.
func (m *Monitor) wasAsleep(now, by time.Duration) {
	if t := m.trouble; t == nil || !t.heldUp || m.s.Verdict.Cause != netcheck.Stalled {
		return
	}
	m.notMeasured(m.s.Verdict.Interface, by, netcheck.Asleep)
	if n := len(m.s.Outages); m.s.State == Down && n > 0 && m.s.Outages[n-1].End.IsZero() && m.s.Outages[n-1].Verdict.Cause == netcheck.Stalled {
		o := m.s.Outages[n-1]
		o.Verdict = m.s.Verdict
		m.edit().Outages = withOutage(m.s.Outages, o)
	}
	m.publish(VerdictEvent)
	m.heldUp(now, 0, by, netcheck.Asleep) // the session has its time anew
}

// sessionEnded: the peer, or the kernel, ended the present session.
func (m *Monitor) sessionEnded(err error) {
	now := m.hub.now()
	s := m.sess
	if s == nil {
		return
	}
	lived := now - s.born
	wasUp := m.s.State == Up
	how := endOf(err)
	m.dropSession()
	m.clear(timerBeat, timerOverdue, timerPatience)
	if how == netcheck.Silent {
		// ETIMEDOUT, EHOSTUNREACH: silence by another name; whoever is asking goes on asking.
		if wasUp {
			m.silentEnd(now)
		} else if t := m.trouble; t != nil {
			t.facts.Session = netcheck.Silent
		}
		return
	}
	saw := "the session was reset"
	if how == netcheck.Closed {
		saw = "the session was closed in order"
	}
	seen := netcheck.SeenBroken
	if m.proxy != nil { // who ended it is not known yet
		seen = netcheck.SeenUnknown
		saw += " (by the proxy, or beyond it)"
	}
	if m.localBroken() {
		m.note(m.near(), m.s.Remote, netcheck.SeenUnknown, 0, saw)
		return // nothing behind a broken link can be judged
	}
	if m.s.State == Suspect && m.trouble != nil || m.s.State == Down {
		t := m.trouble
		t.facts.Session, t.ended = how, now
		m.note(m.near(), m.s.Remote, seen, 0, saw)
		if m.s.State == Down {
			m.consider(now)
			return
		}
		if t.facts.Fresh == netcheck.NotAsked {
			m.dialFresh(now)
		}
		m.set(timerDecide, now+freshBeatPatience)
		m.consider(now)
		return
	}
	justAwake := now < m.awakeUntil
	mayRenew := wasUp && justAwake
	if !justAwake {
		m.lastSession(how, lived)
		mayRenew = how == netcheck.Closed && wasUp && m.isHabit(lived)
	}
	m.startTrouble(now, now, cut)
	if mayRenew {
		m.turn(ended)
		m.endedAt = now
		m.set(timerRenew, max(now+renewWithin, m.awakeUntil))
	}
	m.trouble.facts.Session, m.trouble.ended = how, now
	m.note(m.near(), m.s.Remote, seen, 0, saw)
	m.publish(StateEvent)
	if m.shortRow >= 3 {
		// It closes every session at once: no hot loop. The cause is plain without another connection.
		m.trouble.facts.Fresh, m.trouble.facts.Tunnel = netcheck.Answered, netcheck.Answered
		m.trouble.facts.FreshBeat = how
		m.consider(now)
		return
	}
	m.dialFresh(now)
	m.set(timerDecide, now+freshBeatPatience)
	if m.proxy != nil {
		m.set(timerProbe, now+quietBeforeProbes)
	}
}

// lastSession remembers how sessions to this server end.
func (m *Monitor) lastSession(how netcheck.Outcome, lived time.Duration) {
	if lived < habitLife {
		m.shortRow++
	} else {
		m.shortRow = 0
	}
	if lived >= stableLife {
		m.forgetBackoff()
	}
}

// isHabit reports whether an orderly end after that life may be the server's habit. Ends that come ever faster are not.
func (m *Monitor) isHabit(lived time.Duration) bool {
	if lived < habitLife {
		return false
	}
	if m.lastLife > 0 && lived < m.lastLife/2 {
		m.lastLife = lived
		return false
	}
	if lived < m.lastLife*9/10 {
		m.shrinks++
	} else {
		m.shrinks = 0
	}
	if m.shrinks >= 3 {
		m.lastLife = lived
		return false
	}
	m.habit = m.lastLife > 0 && lived < m.lastLife*3/2
	m.lastLife = lived
	return true
}

func endOf(err error) netcheck.Outcome {
	switch e := errnoOf(err); {
	case errors.Is(err, io.EOF):
		return netcheck.Closed
	case isReset(e):
		return netcheck.Reset
	case e == 0 && errors.Is(err, io.ErrClosedPipe):
		return netcheck.Closed
	default:
		return netcheck.Silent
	}
}

// dropSession closes the present session, if there is one: what waits for an answer is lost.
func (m *Monitor) dropSession() {
	if m.sess != nil {
		m.tellLost(m.sess)
		m.closeSession()
	}
}

// closeSession closes the present session because it is not wanted any more.
func (m *Monitor) closeSession() {
	if m.sess != nil {
		_ = m.sess.conn.Close()
		m.sess = nil
	}
}
