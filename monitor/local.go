package monitor

import (
	"slices"
	"time"

	"holdfast/netcheck"
)

func (m *Monitor) localBroken() bool { return m.trouble != nil && m.trouble.local.Broken() }

// linkNews: something changed on this computer. One question: is the way still whole?
func (m *Monitor) linkNews() {
	now := m.hub.now()
	if m.s.State == Idle {
		return
	}
	t := m.trouble
	w := m.way.Load()
	if w == nil || w.Index == 0 || t != nil && t.facts.RouteErr != 0 && !t.facts.HadSession {
		// No way was known: is there one now?
		if t != nil && t.local.Broken() {
			if nw, err := m.hub.sys.egress(m.towards()); err == nil && !m.hub.judge(nw, 5*time.Millisecond).Broken() && m.timers[timerRepaired] == 0 {
				m.set(timerRepaired, now+settleAfterRepair)
			}
		}
		return
	}
	state := m.hub.judge(*w, 5*time.Millisecond)
	switch {
	case state.Broken():
		m.enterLocal(now, state)
	case t != nil && t.local.Broken():
		if m.timers[timerRepaired] == 0 {
			m.set(timerRepaired, now+settleAfterRepair)
		}
	}
	if t != nil && t.local.Broken() && state.Broken() && m.s.State == Down && m.timers[timerRepaired] == 0 {
		// The old way is broken still; a new one may be there.
		if nw, err := m.hub.sys.egress(m.towards()); err == nil && nw.Index != 0 && nw != *w &&
			!m.hub.judge(nw, 5*time.Millisecond).Broken() && t.dials == 0 && !t.attempting &&
			m.timers[timerRetry] > now+settleAfterRepair && (nw != t.other || m.timers[timerRetry] > now+knockEvery) {
			t.other = nw
			m.set(timerRetry, now+settleAfterRepair)
		}
	}
}

// enterLocal: the way is broken on this computer. Nothing is sent any more; it is read again in a moment, because the
// news comes in mid-change.
func (m *Monitor) enterLocal(now time.Duration, state netcheck.LinkState) {
	fresh := m.trouble == nil
	m.startTrouble(now, now, linkChanged)
	t := m.trouble
	m.clear(timerBeat, timerOverdue, timerPatience, timerDecide, timerProbe, timerSecond, timerRepaired)
	if t.local.Broken() && t.reread {
		if t.local != state {
			t.local = state
			m.set(timerReread, now+rereadAfter)
		}
		if t.attempting {
			m.finishAttempt(now, m.s.Verdict.Cause)
		}
		return
	}
	first := !t.local.Broken()
	t.local = state
	t.reread = false
	m.endDials()
	if t.freshSess != nil {
		_ = t.freshSess.conn.Close()
		t.freshSess = nil
	}
	if m.sess != nil {
		m.hub.sys.keepalive(m.sess.conn, m.s.Target.Keepalive, false)
		m.hub.sys.userTimeout(m.sess.conn, max(localUserTimeout, m.s.Target.Keepalive.UserTimeout))
		m.sess.patient = true
	}
	if first {
		m.set(timerReread, now+rereadAfter)
	}
	if fresh {
		m.publish(StateEvent)
	}
}

// reread: is it still broken? Then it has a name.
func (m *Monitor) reread(now time.Duration) {
	t := m.trouble
	if t == nil || !t.local.Broken() {
		return
	}
	state := t.local
	if w := m.way.Load(); w != nil && w.Index != 0 && !(t.facts.RouteErr != 0 && !t.facts.HadSession) {
		state = m.hub.judge(*w, 5*time.Millisecond)
		if !state.Broken() {
			m.set(timerRepaired, now+settleAfterRepair-rereadAfter)
			return
		}
	} else {
		w, err := m.hub.sys.egress(m.towards())
		if err == nil {
			state = m.hub.judge(w, 5*time.Millisecond)
			if !state.Broken() {
				m.set(timerRepaired, now+settleAfterRepair-rereadAfter)
				return
			}
		} else {
			t.facts.OtherDisabled, t.facts.OtherNoCarrier, t.facts.OtherNoAddress = m.hub.sys.explain(m.towards())
		}
	}
	t.local, t.reread = state, true
	m.note(netcheck.HopLink, t.facts.Way.Interface, netcheck.SeenBroken, 0, linkSaw(state))
	v := m.diagnose()
	if v.IsZero() {
		v = netcheck.Verdict{Cause: state.Cause(), Hop: netcheck.HopLink, Interface: t.facts.Way.Interface, Evidence: slices.Clone(t.evidence)}
	}
	if m.s.State != Suspect || state == netcheck.LinkAddressChanged || state == netcheck.LinkGone {
		wasUp := m.s.State == Suspect
		m.blame(v, now)
		if wasUp {
			m.set(timerRetry, now) // waiting cannot help: redial at once
		}
		return
	}
	m.edit().Verdict = v
	m.publish(VerdictEvent)
	m.set(timerLocalDown, now+localPatience)
}

func linkSaw(s netcheck.LinkState) string {
	switch s {
	case netcheck.LinkGone:
		return "the interface is gone"
	case netcheck.LinkDisabled:
		return "the interface is switched off"
	case netcheck.LinkNoCarrier:
		return "no carrier"
	case netcheck.LinkAddressChanged:
		return "the address of the session is gone, another is there"
	case netcheck.LinkNoAddress:
		return "no address"
	case netcheck.LinkNoRoute:
		return "no route"
	}
	return "in order"
}

// localDown: a local break did not heal.
func (m *Monitor) localDown(now time.Duration) {
	t := m.trouble
	if t == nil || !t.local.Broken() || m.s.State != Suspect {
		return
	}
	if m.timers[timerRepaired] != 0 {
		return // healed a moment ago
	}
	if w := m.way.Load(); w != nil && w.Index != 0 && t.facts.RouteErr == 0 && !m.hub.judge(*w, 5*time.Millisecond).Broken() {
		m.set(timerRepaired, now+settleAfterRepair) // healed, and the news is late
		return
	}
	if now < m.awakeUntil {
		m.set(timerLocalDown, m.awakeUntil)
		return
	}
	m.goDown(now)
}

// repaired: the way has been whole again for a moment.
func (m *Monitor) repaired(now time.Duration) {
	t := m.trouble
	if t == nil || !t.local.Broken() {
		return
	}
	was := t.local
	if w := m.way.Load(); w != nil && t.facts.HadSession {
		if state := m.hub.judge(*w, 5*time.Millisecond); state.Broken() {
			m.enterLocal(now, state)
			return
		}
	}
	t.local, t.reread = netcheck.LinkUnknown, false
	t.facts.Link, t.facts.RouteErr = netcheck.LinkUnknown, 0
	m.clear(timerReread, timerLocalDown)
	if w := m.way.Load(); w != nil {
		m.noteWay(*w)
	}
	grace := freshBeatPatience + 50*time.Millisecond
	if was == netcheck.LinkNoCarrier {
		grace = carrierGrace
	}
	if m.sess != nil {
		m.hub.sys.keepalive(m.sess.conn, m.s.Target.Keepalive, true)
		t.facts.Session = netcheck.Asked
		t.lost = now
		m.beatAfterRepair(now)
		if m.sess == nil {
			return
		}
	}
	if m.s.State == Suspect {
		m.edit().Verdict = netcheck.Verdict{}
		m.publish(VerdictEvent)
		if m.sess == nil {
			m.newRound(now)
			m.dialFresh(now)
			m.set(timerDecide, now+grace)
			return
		}
		t.round, t.probed = now, false
		m.set(timerProbe, now+grace-quietBeforeProbes)
		m.set(timerSecond, now+grace-secondSYN)
		t.facts.Fresh = netcheck.Asked
		t.askedAt = now + grace - secondSYN
		m.set(timerDecide, now+grace+20*time.Millisecond)
		return
	}
	m.forgetBackoff()
	m.attempt(now)
}

func (m *Monitor) beatAfterRepair(now time.Duration) {
	s := m.sess
	if s.proto == nil {
		m.hub.sys.nudge(s.conn, m.s.Target.Keepalive)
		m.set(timerBeat, now+100*time.Millisecond)
		return
	}
	m.beat(now)
}
