package monitor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"holdfast/netcheck"
)

// trouble is everything about a target that is not Up: the questions under way, what they have found out, and the
// attempts. It lives from the first sign (or the first attempt) until the target is Up or paused.
type trouble struct {
	ctx    context.Context // ends every question
	cancel context.CancelFunc

	since     time.Duration // when it began
	ended     time.Duration // when the peer ended the old session; 0 it did not
	heldUp    bool          // it began because this program was not run, or the computer slept
	lost      time.Duration // when the first unanswered question of the old session was sent; 0 none
	gaps      int           // the kernel's count when the silence began, then as last read
	heard     time.Duration // when the kernel was last known to have received what this program cannot read yet; 0 not
	judgeAt   time.Duration // when the silence of the session has had its time; 0 it is not silent
	confirmed time.Duration // when the cause that is shown was last found
	round     time.Duration // when the present round of questions began
	facts     netcheck.Facts
	local     netcheck.LinkState // the break on this computer, as last read; LinkWhole or LinkUnknown when none
	reread    bool               // local was read twice
	other     netcheck.Way       // a way that appeared beside the broken one, and was tried at once

	dst       netip.AddrPort // what is dialled
	others    []netip.Addr   // further addresses of the name, tried beside it
	dials     int            // dials under way
	endDials  context.CancelFunc
	dialCtx   context.Context
	askedAt   time.Duration // when the first SYN of this round left
	fresh     *session      // accepted, not answered yet; asked by a goroutine of its own until it answers
	freshAt   time.Duration // when its first beat left
	freshOK   time.Duration // when a beat on a fresh connection was answered while the old session was silent; 0 not
	replaced  bool          // the old session is lost, a fresh one takes its place without an outage
	freshSess *session      // that connection, kept until the old session's time is over
	freshTook time.Duration // what its handshake took
	probed    bool          // gateway and path were asked in this round

	// Behind a proxy.
	tunnels         []*tunnel     // requests for a tunnel that wait for their answer, oldest first
	unansweredSince time.Duration // when the first of them left that had no answer since; 0 none
	tunnelAt        time.Duration // when the request left that facts.Tunnel tells of
	aliveAt         time.Duration // when the proxy was asked in this round whether it lives; 0 not
	farAt           time.Duration // when our own resolver was asked in this round for the target's name; 0 not

	attempting bool // a counted attempt is under way
	knocks     int
	// knockedTogether: it was knocked once already because another target that shares the way came back.
	knockedTogether bool
	hurry           bool // the next request for a tunnel need not wait for its turn
	evidence        []netcheck.Evidence
}

func (t *trouble) shift(by time.Duration) {
	for _, at := range []*time.Duration{&t.confirmed, &t.ended, &t.lost, &t.heard, &t.judgeAt, &t.round, &t.askedAt, &t.freshAt, &t.freshOK, &t.unansweredSince, &t.tunnelAt, &t.aliveAt, &t.farAt} {
		if *at != 0 {
			*at += by
		}
	}
}

// startTrouble makes the trouble, if there is none, and applies the trigger. lost is when the first question that was
// not answered left. The caller publishes.
func (m *Monitor) startTrouble(now, lost time.Duration, tr trigger) {
	if m.trouble == nil {
		m.grown = true
		t := &trouble{since: now, lost: lost, round: now}
		t.ctx, t.cancel = context.WithCancel(m.ctx)
		m.trouble = t
		t.dst, _ = netip.ParseAddrPort(m.s.Remote)
		t.facts.HadSession, t.facts.Proxied = true, m.proxy != nil
		if s := m.sess; s != nil && now-s.born >= stableLife {
			m.forgetBackoff()
			m.shortRow = 0
		}
		if w := m.way.Load(); w != nil {
			t.facts.Way = *w
		}
		m.crossCheck()
	}
	m.turn(tr)
}

// crossCheck keeps what the system says of the network as a whole beside the evidence, for reports. It decides nothing: any
// adapter that is up, a virtual machine's too, makes it say that all is well.
func (m *Monitor) crossCheck() {
	ask, t := m.hub.sys.crossCheck, m.trouble
	if ask == nil {
		return
	}
	m.asking.Go(func() {
		says := ask(t.ctx)
		m.post(func() {
			t.evidence = append(t.evidence, says...)
			if m.trouble == t && len(says) > 0 && !m.s.Verdict.IsZero() { // told with the next event: nothing has changed
				m.edit().Verdict.Evidence = slices.Clone(t.evidence)
			}
		})
	})
}

func (m *Monitor) endTrouble() {
	t := m.trouble
	if t == nil {
		return
	}
	t.cancel()
	if t.freshSess != nil {
		_ = t.freshSess.conn.Close()
	}
	m.trouble = nil
	m.clear(timerPatience, timerDecide, timerReread, timerLocalDown, timerRepaired, timerProbe, timerSecond,
		timerAttemptEnd, timerRetry, timerKnock)
}

// silent: the session's answer is overdue. All questions are asked at once.
func (m *Monitor) silent(now, lost time.Duration) {
	m.startTrouble(now, lost, overdue)
	t := m.trouble
	state := netcheck.LinkUnknown // where the system does not tell the way
	if w := m.way.Load(); w != nil {
		state = m.hub.judge(*w, 5*time.Millisecond)
	}
	if state.Broken() {
		// The kernel's news is on its way; this is the same break.
		m.publish(StateEvent)
		m.enterLocal(now, state)
		return
	}
	t.facts.Link = state
	t.facts.Session = netcheck.Asked
	m.note(netcheck.HopService, m.s.Target.Address, netcheck.SeenLate, 0,
		fmt.Sprintf("answer overdue for %v", (now-lost).Round(time.Millisecond)))
	m.publish(StateEvent)
	m.askAll(now)
	if s := m.sess; s != nil {
		info, _ := m.hub.sys.tcpInfo(s.conn)
		t.gaps = info.gaps
	}
	t.judgeAt = m.judgeSilenceAt(lost, now)
	m.set(timerDecide, t.judgeAt)
	if s := m.sess; s != nil && s.proto == nil && !s.patient {
		// The next keepalive probe would find the user timeout over, and end a session that may only have lost one.
		m.hub.sys.userTimeout(s.conn, max(localUserTimeout, m.s.Target.Keepalive.UserTimeout))
		s.patient = true
	}
}

// askAll asks everything at once. Behind a proxy the way to it is asked only when it has not accepted a connection after
// a moment: mostly it has, and then there is nothing to ask.
func (m *Monitor) askAll(now time.Duration) {
	m.dialFresh(now)
	m.set(timerSecond, now+m.nextSYN())
	if m.proxy != nil {
		m.set(timerProbe, now+proxyFirst)
		return
	}
	m.probe(now)
}

// nextSYN is when a session's silence brings another SYN beside an unanswered one. Where answers take their time none may
// be waited for before it: on a way that loses, the silence of one or two proves nothing.
func (m *Monitor) nextSYN() time.Duration {
	if m.wayRTT() >= longWay {
		return longWaySYN
	}
	return suspectSYN
}

const proxyFirst = 100 * time.Millisecond

// silentEnd: the kernel gave the session up for lost (ETIMEDOUT) before a beat was overdue.
func (m *Monitor) silentEnd(now time.Duration) {
	m.startTrouble(now, now, cut)
	m.trouble.facts.Session = netcheck.Silent
	m.publish(StateEvent)
	m.askAll(now)
	m.set(timerDecide, now+freshBeatPatience)
}

// judgeSilenceAt is when silence has had its time: TCP sends a lost segment again after its RTO, then after twice that, and
// so on. The first of these that leaves when a short hole must be over is waited for, with its answer; on a way that loses
// all the time one more.
func (m *Monitor) judgeSilenceAt(lost, now time.Duration) time.Duration {
	rtt := m.wayRTT()
	lossy := rtt >= longWay && m.shakyAt != 0 && now-m.shakyAt < shakyFor
	if s := m.sess; s != nil && !lossy {
		if info, ok := m.hub.sys.tcpInfo(s.conn); ok {
			from := lossyFrom
			if rtt >= longWay {
				from = 1 // the retransmission has no second try before it counts
			}
			lossy = info.again+info.gaps >= from && now-s.born < time.Duration(info.again+info.gaps)*lossyEvery
		}
	}
	wait := min(rtt+200*time.Millisecond, time.Second) // RFC 6298 with the least variance of Linux
	sent := wait
	for sent < longHole || lossy {
		if sent >= longHole {
			lossy = false
		}
		wait *= 2
		sent += wait
	}
	return max(lost+sent+rtt+70*time.Millisecond, now+secondLook+rtt)
}

// stillHeard is until when a session is not silent for this program's ears only: its kernel hears acknowledgements of what
// left after the lost beat, or data behind a gap, and TCP is about to repair the loss. 0 it hears nothing.
func (m *Monitor) stillHeard(now time.Duration) time.Duration {
	t, s := m.trouble, m.sess
	if s.proto == nil || t.lost == 0 {
		return 0
	}
	info, ok := m.hub.sys.tcpInfo(s.conn)
	if !ok {
		return 0
	}
	rtt := max(m.wayRTT(), info.rtt)
	if info.gaps > t.gaps {
		t.gaps, t.heard = info.gaps, now
	}
	if at := now - info.lastAck; info.lastAck != ackAgeUnknown && at > t.lost+rtt+50*time.Millisecond && !m.ackedAll(info, now) {
		t.heard = max(t.heard, at)
	}
	if t.heard == 0 {
		return 0
	}
	return min(t.heard+m.s.Target.Interval+rtt+250*time.Millisecond, t.lost+lifePatience)
}

// wayRTT is the round trip of the way as it was last known, a second at most; 0 before any.
func (m *Monitor) wayRTT() time.Duration {
	rtt := m.s.LegRTT
	if s := m.sess; s != nil && s.proto != nil {
		rtt = max(rtt, s.deadline.Smoothed())
	} else {
		rtt = max(rtt, time.Duration(m.liveRTT.Load()))
	}
	return min(rtt, time.Second)
}

const (
	maxAttempts = 32
	maxOutages  = 16
)

// decide: silence has had its time.
func (m *Monitor) decide(now time.Duration) {
	t := m.trouble
	if t == nil || t.local.Broken() {
		return
	}
	if m.sess != nil && m.hub.sys.hasInput(m.sess.conn) {
		m.set(timerDecide, now+5*time.Millisecond)
		return
	}
	if t.facts.Way.Index != 0 && (t.facts.HadSession || t.askedAt != 0) {
		// Nothing behind this computer is blamed before its own part was looked at.
		state := m.hub.judge(t.facts.Way, 5*time.Millisecond)
		if state.Broken() {
			m.enterLocal(now, state)
			return
		}
		t.facts.Link = state
	}
	if m.sess != nil && m.s.State == Suspect {
		if s := m.sess; s.proto != nil && s.lastByte > t.lost && now-s.lastByte < retransmits {
			// It talks, but does not answer: not silence. The patience for that has its own clock.
			m.set(timerPatience, t.lost+lifePatience)
			m.set(timerDecide, s.lastByte+retransmits)
			return
		}
		if until := m.stillHeard(now); now < until {
			m.set(timerDecide, until)
			return
		}
		if t.facts.Session == netcheck.Asked || t.facts.Session == netcheck.NotAsked {
			t.facts.Session = netcheck.Silent
		}
	}
	if m.s.State == Suspect && now < m.awakeUntil {
		m.dialFresh(now)
		m.set(timerDecide, min(now+knockEvery, m.awakeUntil))
		return
	}
	m.readAcked()
	m.readNeighbours()
	if t.facts.Name == netcheck.Asked {
		t.facts.Name = netcheck.Silent
		m.note(netcheck.HopResolver, m.host, netcheck.SeenSilent, 0, "no answer to the look-up")
	}
	if t.facts.Gateway == netcheck.Asked && now-t.round >= secondLook {
		t.facts.Gateway = netcheck.Silent
		m.note(netcheck.HopGateway, t.facts.Way.Gateway.String(), netcheck.SeenSilent, 0, "no answer to any question")
	}
	if t.facts.Host == netcheck.Asked && now-t.round >= secondLook {
		t.facts.Host = netcheck.Silent
	}
	if t.facts.Fresh == netcheck.Asked && t.askedAt != 0 && now-t.askedAt >= secondLook-20*time.Millisecond+m.wayRTT() {
		t.facts.Fresh = netcheck.Silent
		m.note(m.near(), t.dst.String(), netcheck.SeenSilent, 0, fmt.Sprintf("no answer to a new connection for %v", (now-t.askedAt).Round(10*time.Millisecond)))
	}
	if t.facts.Proxied {
		m.decideProxy(now)
	}
	if t.facts.FreshBeat == netcheck.Asked && t.freshSess == nil {
		patience := freshBeatPatience
		if t.facts.SessionAcked == netcheck.Yes || t.facts.Proxied && t.facts.Session == netcheck.Silent {
			patience = secondLook - 20*time.Millisecond // the session is the other witness
		}
		patience += min(t.freshTook, time.Second) // on a long way the answer takes its time
		if t.freshTook >= longWay {
			patience = max(patience, 3*min(t.freshTook, time.Second)) // a lost first beat is sent again when the next were acknowledged
		}
		until := t.freshAt + patience
		if m.s.State == Connecting && !t.facts.HadSession {
			until = max(until, t.round+firstAnswer)
		}
		if now >= until {
			t.facts.FreshBeat = netcheck.Silent
			m.note(netcheck.HopService, m.s.Target.Address, netcheck.SeenSilent, 0, fmt.Sprintf("accepts a new connection and does not answer for %v", (now-t.freshAt).Round(10*time.Millisecond)))
		} else {
			m.set(timerDecide, until)
		}
	}
	if t.freshSess != nil {
		// The fresh connection works and the old session had its time.
		m.adopt(t.freshSess, 0, now)
		return
	}
	m.consider(now)
	if m.trouble == t && m.s.State == Suspect && m.timers[timerDecide] == 0 {
		if now-t.lost > retransmits+unsureLimit {
			m.goDown(now) // it is broken; where is not known yet
			m.set(timerDecide, now+100*time.Millisecond)
			return
		}
		m.set(timerDecide, now+50*time.Millisecond)
	}
}

func (m *Monitor) diagnose() netcheck.Verdict {
	t := m.trouble
	if m.localBroken() {
		t.facts.Link = t.local
	} else if t.facts.Link.Broken() {
		t.facts.Link = netcheck.LinkUnknown
	}
	v := netcheck.Diagnose(t.facts)
	if v.IsZero() {
		return v
	}
	v.Evidence = slices.Clone(t.evidence)
	return v
}

// consider passes a verdict if what is known allows one.
func (m *Monitor) consider(now time.Duration) {
	t := m.trouble
	if t == nil || t.local.Broken() {
		return
	}
	if t.facts.Fresh == netcheck.Unreachable && t.facts.FreshErrno != 0 && now-t.round < quietBeforeProbes && !m.probesDone() {
		return // who said so makes the difference: allow the probes their moment
	}
	if m.s.State == Suspect && t.facts.Session == netcheck.Asked && t.facts.Tunnel == netcheck.Failed && isPolicy(t.facts.Says) {
		return // the session has its time first
	}
	v := m.diagnose()
	if v.IsZero() {
		return
	}
	m.blame(v, now)
}

func (m *Monitor) probesDone() bool {
	return m.trouble.facts.Host == netcheck.Answered || !m.trouble.facts.FreshICMP.IsZero()
}

// blame shows a verdict, unless the one that is shown is better.
func (m *Monitor) blame(v netcheck.Verdict, now time.Duration) {
	t := m.trouble
	shown := m.s.Verdict
	if shown.Cause == netcheck.Asleep || shown.Cause == netcheck.Stalled { // not measured: any cause says more
		shown = netcheck.Verdict{}
	}
	if !shown.IsZero() && m.s.State == Down && !mayReplace(shown.Cause, v.Cause, now-t.confirmed, m.bySilence()) {
		m.finishAttempt(now, v.Cause)
		return
	}
	t.confirmed = now
	same := shown.Cause == v.Cause && slices.Equal(shown.Also, v.Also)
	m.edit().Verdict = v
	switch {
	case m.s.State != Down:
		m.goDown(now)
	case !same:
		m.publish(VerdictEvent)
	}
	if v.Cause.Hop() != netcheck.HopLink || t.facts.Way.Index == 0 || m.s.State == Down {
		m.finishAttempt(now, v.Cause)
	}
}

// bySilence reports whether the present facts rest on silence alone.
func (m *Monitor) bySilence() bool {
	f := &m.trouble.facts
	return f.Fresh == netcheck.Silent || f.Fresh == netcheck.Answered && f.FreshBeat == netcheck.Silent || f.Name == netcheck.Silent
}

// mayReplace says whether a shown cause gives way to another; age is how long ago it was last found.
func mayReplace(shown, other netcheck.Cause, age time.Duration, silence bool) bool {
	switch {
	case shown == other:
		return true
	case shown == netcheck.ServerClosed && other.Hop() == netcheck.HopProxy:
		return true
	case other == netcheck.ServerClosed && shown.Hop() == netcheck.HopProxy,
		other == netcheck.ServerReset && shown == netcheck.ServerClosed,
		other == netcheck.ProxyUpstreamFailed && (shown.Hop() == netcheck.HopServer || shown.Hop() == netcheck.HopResolver || shown == netcheck.PathLost):
		return false
	case silence:
		return age >= silenceReplaces
	}
	return true
}

// goDown makes the target Down, counts the outage and schedules what brings it back. The verdict is set before, if there
// is one.
func (m *Monitor) goDown(now time.Duration) {
	t := m.trouble
	if m.s.State == Down {
		return
	}
	connecting := m.s.State == Connecting && !t.facts.HadSession
	m.turn(proved)
	m.endedAt = 0
	m.clear(timerRenew)
	if m.s.BrokenSince.IsZero() {
		m.edit().BrokenSince = m.hub.wall(t.since)
	}
	if !connecting && t.facts.HadSession && !t.attempting {
		// The questions of the suspicion were the first attempt.
		m.edit().Attempt = 1
		m.edit().Attempts = append(slices.Clone(m.s.Attempts), Attempt{Number: 1, Start: m.hub.wall(t.since)})
		t.attempting = true
	}
	m.edit().UpSince = time.Time{}
	m.edit().Outages = withOutage(m.s.Outages, Outage{Start: m.s.BrokenSince, Verdict: m.s.Verdict, Attempts: m.s.Attempt})
	m.publish(StateEvent)
	t.knocks = 0
	m.scheduleKnock(now)
	if m.s.Verdict.IsZero() {
		m.set(timerAttemptEnd, now+secondLook)
	} else {
		m.finishAttempt(now, m.s.Verdict.Cause)
	}
}

// withOutage returns a copy of list with o in the place of the present outage, or behind it.
func withOutage(list []Outage, o Outage) []Outage {
	out := slices.Clone(list)
	if n := len(out); n > 0 && out[n-1].End.IsZero() {
		out[n-1] = o
		return out
	}
	out = append(out, o)
	if len(out) > maxOutages {
		out = out[len(out)-maxOutages:]
	}
	return out
}

func (m *Monitor) closeOutage(now time.Duration) {
	if m.s.BrokenSince.IsZero() {
		return
	}
	o := Outage{Start: m.s.BrokenSince, Verdict: m.s.Verdict, Attempts: m.s.Attempt}
	if n := len(m.s.Outages); n > 0 && m.s.Outages[n-1].End.IsZero() {
		o.Verdict = m.s.Outages[n-1].Verdict // the first right cause is what counts
		if o.Verdict.IsZero() {
			o.Verdict = m.s.Verdict
		}
	}
	o.End = m.hub.wall(now)
	m.edit().Outages = withOutage(m.s.Outages, o)
	m.edit().BrokenSince = time.Time{}
}
