package monitor

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/netcheck"
)

// attempt begins a counted attempt with a round of questions of its own.
func (m *Monitor) attempt(now time.Duration) {
	if m.localBroken() {
		// It may have healed this moment, before the news of it: nothing is sent then until it has settled.
		if m.timers[timerRepaired] == 0 {
			m.linkNews()
		}
		if m.timers[timerRepaired] != 0 {
			return
		}
	}
	m.clear(timerRetry, timerAttemptEnd, timerDecide, timerProbe, timerSecond)
	m.edit().RetryAt = time.Time{}
	if m.trouble == nil {
		m.startTrouble(now, 0, started)
		m.trouble.facts.HadSession = false
	}
	t := m.trouble
	m.edit().Attempt++
	m.edit().Attempts = append(slices.Clone(m.s.Attempts), Attempt{Number: m.s.Attempt, Start: time.Now()})
	if len(m.s.Attempts) > maxAttempts {
		m.edit().Attempts = m.s.Attempts[len(m.s.Attempts)-maxAttempts:]
	}
	t.attempting = true
	if n := len(m.s.Outages); n > 0 && m.s.Outages[n-1].End.IsZero() {
		o := m.s.Outages[n-1]
		o.Attempts = m.s.Attempt
		m.edit().Outages = withOutage(m.s.Outages, o)
	}
	m.newRound(now)
	if m.s.State == Connecting && m.s.Attempt == 1 {
		m.publish(StateEvent)
		m.publishAlso(AttemptEvent)
	} else {
		m.publish(AttemptEvent)
	}
	if m.s.State == Idle {
		return
	}
	m.approach(now)
}

// armAttempt sets the clocks of an attempt whose SYN is out.
func (m *Monitor) armAttempt(now time.Duration) {
	t := m.trouble
	if t.fresh == nil {
		m.set(timerProbe, now+quietBeforeProbes)
		m.set(timerSecond, now+secondSYN)
	}
	m.set(timerDecide, now+nameSilence)
	m.set(timerAttemptEnd, now+attemptLimit)
}

// adopt makes s the session. If the old one was still thought alive, the verdict is passed on it first.
func (m *Monitor) adopt(s *session, rtt, now time.Duration) {
	t := m.trouble
	t.freshSess = nil
	if m.s.State == Suspect && now >= m.awakeUntil {
		t.facts.FreshBeat = netcheck.Answered
		if t.facts.Session == netcheck.Asked {
			t.facts.Session = netcheck.Silent
		}
		m.readAcked()
		switch v := m.diagnose(); {
		case v.Cause == netcheck.FlowLost:
			// The session is gone and the next one stands: said, and no outage. So are three losses in a row.
			m.edit().Verdict = v
			m.publish(VerdictEvent)
			t.replaced = true
		case !v.IsZero():
			m.blame(v, now)
		default:
			m.goDown(now)
		}
	}
	if m.trouble != t { // a break on this computer came between
		_ = s.conn.Close()
		return
	}
	m.dropSession()
	m.sess = s
	m.tellAnswered(s, 0, s.lastByte)
	t.local = netcheck.LinkUnknown
	if s.way.Index != 0 {
		m.setWay(s.way)
		m.edit().Way = s.way
		m.noteWay(s.way)
	}
	m.edit().Remote = t.dst.String()
	m.edit().Keepalive = m.hub.sys.readSocket(s.conn, m.s.Target.Keepalive)
	if rtt > 0 {
		m.liveRTT.Store(int64(rtt))
	}
	m.becomeUp(now)
}

// finishAttempt ends the attempt that is under way and schedules the next.
func (m *Monitor) finishAttempt(now time.Duration, cause netcheck.Cause) {
	t := m.trouble
	if t == nil || !t.attempting {
		return
	}
	t.attempting = false
	m.clear(timerAttemptEnd, timerSecond)
	m.endAttempt(cause, false)
	wait := m.nextWait()
	if needsPerson(m.s.Verdict.Cause) {
		wait = max(wait, 12500*time.Millisecond)
	}
	if m.s.Verdict.Cause == netcheck.ProxyAuthRequired && m.proxy.via.HasCredentials() {
		wait = loginPause
	}
	if m.tunnelKnocks() {
		wait = max(wait, around(tunnelEvery))
		if m.scheduleKnock(now); now+wait < m.timers[timerKnock]+tunnelEvery/2 {
			m.clear(timerKnock) // the attempt is the knock; it schedules the next
		}
	}
	m.edit().RetryAt = m.hub.wall(now + wait)
	m.set(timerRetry, now+wait)
	m.publish(AttemptEvent)
}

func (m *Monitor) endAttempt(cause netcheck.Cause, ok bool) {
	n := len(m.s.Attempts)
	if n == 0 {
		return
	}
	list := slices.Clone(m.s.Attempts)
	a := &list[n-1]
	if a.Took != 0 || a.OK {
		return
	}
	a.Took, a.Cause, a.OK = max(time.Since(a.Start), time.Microsecond), cause, ok
	m.edit().Attempts = list
}

// needsPerson: no waiting helps; go on at the slowest pace.
func needsPerson(c netcheck.Cause) bool {
	switch c {
	case netcheck.NameNotFound, netcheck.TLSFailed, netcheck.AuthFailed, netcheck.ProtocolError, netcheck.ProxyAuthRequired, netcheck.ProxyDenied:
		return true
	}
	return false
}

// attemptTimedOut: nothing came of it in time. The socket goes on as a knock does.
func (m *Monitor) attemptTimedOut(now time.Duration) {
	t := m.trouble
	if t == nil {
		return
	}
	if t.facts.Name == netcheck.Asked {
		m.decide(now)
	}
	if m.s.State == Connecting && t.attempting {
		m.goDown(now)
	}
	cause := m.s.Verdict.Cause
	m.finishAttempt(now, cause)
}

// knocks: the first three come quickly, then one every 0.7 s: three packets a second, less than being Up.
var knockWaits = [...]time.Duration{250 * time.Millisecond, 150 * time.Millisecond, 240 * time.Millisecond}

const knockEvery = 700 * time.Millisecond

func (m *Monitor) scheduleKnock(now time.Duration) {
	t := m.trouble
	wait := around(knockEvery)
	switch {
	case m.tunnelKnocks():
		wait = around(tunnelEvery)
	case t.knocks < len(knockWaits):
		wait = knockWaits[t.knocks]
	}
	m.set(timerKnock, now+wait)
}

// around is d, a tenth more or less.
func around(d time.Duration) time.Duration { return d - d/10 + time.Duration(jitter(int64(d/5))) }

// tunnelKnocks: a knock at a proxy that accepts is a whole request for a tunnel, six packets, and so is an attempt.
func (m *Monitor) tunnelKnocks() bool {
	f := &m.trouble.facts
	return f.Proxied && f.Fresh == netcheck.Answered
}

// tunnelEvery is how often a tunnel is asked for while the proxy says no.
const tunnelEvery = 850 * time.Millisecond

// knock asks quietly whether the way is back.
func (m *Monitor) knock(now time.Duration) {
	t := m.trouble
	if t == nil || m.s.State != Down {
		return
	}
	t.knocks++
	m.scheduleKnock(now)
	switch {
	case t.local.Broken():
		m.linkNews()
	case t.fresh != nil || t.attempting || !m.mayKnock(now) || m.shortRow >= 3:
	case t.facts.Name == netcheck.Silent || t.facts.Name == netcheck.Failed:
		m.knockName(m.host)
	case m.proxy != nil && m.proxy.name != "" && m.s.Verdict.Cause == netcheck.ResolverUnreachable:
		m.knockName(m.proxy.name)
	case t.dst.IsValid():
		m.dialFresh(now)
	}
}

// knockName asks for a name; success cuts the wait.
func (m *Monitor) knockName(host string) {
	t := m.trouble
	m.lookUp(host, 1, func(addrs []netip.Addr, err error, _ time.Duration) {
		if err == nil && len(addrs) > 0 && !t.attempting {
			t.unansweredSince = 0
			m.attempt(m.hub.now())
		}
	})
}

// sharesWith reports whether what keeps o down may have healed with m: they go through the same proxy, or the same gateway,
// and o is not down for a reason on its own computer. It may be called by the owner of m.
func (m *Monitor) sharesWith(o *Monitor) bool {
	s := o.snap.Load()
	switch {
	case o == m || s.State != Down || s.Verdict.Hop == netcheck.HopLink:
		return false
	case m.proxy != nil && o.proxy != nil && m.proxy.via == o.proxy.via:
		return true
	case !m.s.Way.Gateway.IsValid() || s.Way.Gateway != m.s.Way.Gateway || s.Way.Index != m.s.Way.Index:
		return false
	}
	return s.Verdict.Hop == netcheck.HopGateway || m.proxy == nil && o.proxy == nil
}

// knockSoon: another target came back that shares the way. All of them knocking at once would be a herd.
func (m *Monitor) knockSoon() {
	t := m.trouble
	if t == nil || m.s.State != Down || t.local.Broken() {
		return
	}
	now := m.hub.now()
	at := now + time.Duration(jitter(int64(knockTogether)))
	if due := m.timers[timerKnock]; due != 0 && at < due && !t.knockedTogether {
		t.knockedTogether, t.hurry = true, true
		m.set(timerKnock, at)
	}
}

const knockTogether = 100 * time.Millisecond

// mayKnock: what needs a person is not knocked at, or at a proxy for a while only: it may have been restarted. User and
// password that it did not take are never sent by a knock.
func (m *Monitor) mayKnock(now time.Duration) bool {
	switch c := m.s.Verdict.Cause; {
	case c == netcheck.ProxyAuthRequired && m.proxy.via.HasCredentials():
		return false
	case c == netcheck.ProxyAuthRequired, c == netcheck.ProxyDenied:
		return now-m.trouble.since < personKnocks
	default:
		return !needsPerson(c)
	}
}

// becomeUp: a session answers.
func (m *Monitor) becomeUp(now time.Duration) {
	t := m.trouble
	s := m.sess
	replaced := t != nil && t.replaced && m.s.State == Suspect
	renewed := m.endedAt != 0 && m.s.State == Connecting || replaced
	if renewed && now >= m.awakeUntil {
		m.edit().Renewals++
		if m.habit && !replaced {
			m.edit().RenewEvery = m.lastLife.Round(time.Second)
		}
	}
	if t != nil {
		if t.attempting {
			m.endAttempt(netcheck.CauseNone, true)
		}
		if t.freshSess == s {
			t.freshSess = nil
		}
		if t.fresh == s {
			t.fresh = nil
		}
	}
	if s.patient {
		m.hub.sys.userTimeout(s.conn, m.s.Target.Keepalive.UserTimeout)
		s.patient = false
	}
	if m.s.State == Down {
		m.hub.healed(m)
	}
	if t != nil && t.facts.FarNameUnknown {
		m.proxy.nameUsedTo = netcheck.No // the proxy knows the name, and we do not
	}
	m.closeOutage(now)
	m.endTrouble()
	m.endedAt = 0
	m.clear(timerRenew, timerOverdue)
	m.turn(answered)
	if m.s.UpSince.IsZero() {
		m.edit().UpSince = time.Now()
	}
	m.edit().Verdict, m.edit().RetryAt, m.edit().Attempt = netcheck.Verdict{}, time.Time{}, 0
	m.liveAnswer.Store(int64(now))
	if info, ok := m.hub.sys.tcpInfo(s.conn); ok {
		m.edit().LegRTT = info.rtt
		if s.proto == nil && info.rtt > 0 {
			m.liveRTT.Store(int64(info.rtt))
		}
	}
	m.note(m.near(), m.s.Remote, netcheck.SeenOK, m.s.LegRTT, "connected")
	if m.proxy != nil {
		m.note(netcheck.HopServer, m.proxy.far, netcheck.SeenOK, 0, "the proxy has reached it")
	}
	saw, seen := "answers heartbeats", netcheck.SeenAnswers
	if s.proto == nil {
		saw, seen = "connected; no heartbeat is set, the kernel's keepalive is watched", netcheck.SeenUnknown
		if m.proxy != nil {
			saw += ", which reaches as far as the proxy"
		}
	}
	m.note(netcheck.HopService, m.s.Target.Address, seen, time.Duration(m.liveRTT.Load()), saw)
	if s.proto != nil {
		m.set(timerBeat, m.hub.grid(now+m.s.Target.Interval/4, m.s.Target.Interval, m.slot))
	} else {
		m.set(timerBeat, now+m.s.Target.Keepalive.Idle)
	}
	m.publishAs(queued{kind: StateEvent, renewed: renewed})
	if s.way.Gateway.IsValid() {
		m.hub.baseline(m.ctx, s.way, func(a netcheck.GatewayAnswer) { m.post(func() { m.baselineKnown(s, a) }) })
	}
}

// baselineKnown keeps what the gateway said while all was well, for the path strip.
func (m *Monitor) baselineKnown(s *session, a netcheck.GatewayAnswer) {
	if m.sess != s || m.s.State != Up {
		return
	}
	gw := s.way.Gateway.String()
	if a.Outcome == netcheck.Answered {
		m.note(netcheck.HopGateway, gw, netcheck.SeenAnswers, a.RTT, "answers ("+a.How+")")
	} else {
		m.note(netcheck.HopGateway, gw, netcheck.SeenUnknown, 0, "forwards, and answers no question of its own")
	}
	m.note(netcheck.HopPath, "", netcheck.SeenOK, 0, "carries the heartbeat")
	m.publish(VerdictEvent)
}

// renewalFailed: the next session did not come in time; it is an outage after all.
func (m *Monitor) renewalFailed(now time.Duration) {
	if m.endedAt == 0 || m.s.State != Connecting {
		return
	}
	if v := m.diagnose(); !v.IsZero() {
		m.blame(v, now)
		return
	}
	m.goDown(now)
}
