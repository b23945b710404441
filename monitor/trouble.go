package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/dial"
	"holdfast/netcheck"
)

// trouble is everything about a target that is not Up: the questions under way, what they have found out, and the
// attempts. It lives from the first sign (or the first attempt) until the target is Up or paused.
type trouble struct {
	ctx    context.Context // ends every question
	cancel context.CancelFunc

	since  time.Duration // when it began
	lost   time.Duration // when the first unanswered question of the old session was sent; 0 none
	round  time.Duration // when the present round of questions began
	facts  netcheck.Facts
	local  netcheck.LinkState // the break on this computer, as last read; LinkWhole or LinkUnknown when none
	reread bool               // local was read twice

	dst       netip.AddrPort // what is dialled
	dials     int            // dials under way
	endDials  context.CancelFunc
	dialCtx   context.Context
	askedAt   time.Duration // when the first SYN of this round left
	fresh     *session      // accepted, not answered yet; asked by a goroutine of its own until it answers
	freshAt   time.Duration // when its first beat left
	freshOK   time.Duration // when a beat on a fresh connection was answered while the old session was silent; 0 not
	freshSess *session      // that connection, kept until the old session's time is over
	probed    bool          // gateway and path were asked in this round

	attempting bool // a counted attempt is under way
	knocks     int
	evidence   []netcheck.Evidence
}

func (t *trouble) shift(by time.Duration) {
	for _, at := range []*time.Duration{&t.lost, &t.round, &t.askedAt, &t.freshAt, &t.freshOK} {
		if *at != 0 {
			*at += by
		}
	}
}

func (m *Monitor) localBroken() bool { return m.trouble != nil && m.trouble.local.Broken() }

// startTrouble makes the trouble, if there is none, and applies the trigger. lost is when the first question that was
// not answered left. The caller publishes.
func (m *Monitor) startTrouble(now, lost time.Duration, tr trigger) {
	if m.trouble == nil {
		t := &trouble{since: now, lost: lost, round: now}
		t.ctx, t.cancel = context.WithCancel(m.ctx)
		m.trouble = t
		t.dst, _ = netip.ParseAddrPort(m.s.Remote)
		t.facts.HadSession = true
		if w := m.way.Load(); w != nil {
			t.facts.Way = *w
		}
	}
	m.turn(tr)
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
	if state := m.hub.judge(*m.way.Load(), 5*time.Millisecond); state.Broken() {
		// The kernel's news is on its way; this is the same break.
		m.publish(StateEvent)
		m.enterLocal(now, state)
		return
	}
	t.facts.Session = netcheck.Asked
	m.note(netcheck.HopService, m.target.Address, netcheck.SeenLate, 0,
		fmt.Sprintf("answer overdue for %v", (now-lost).Round(time.Millisecond)))
	m.publish(StateEvent)
	m.dialFresh(now)
	m.probe(now)
	m.set(timerDecide, m.judgeSilenceAt(lost, now))
}

// silentEnd: the kernel gave the session up for lost (ETIMEDOUT) before a beat was overdue.
func (m *Monitor) silentEnd(now time.Duration) {
	m.startTrouble(now, now, cut)
	m.trouble.facts.Session = netcheck.Silent
	m.publish(StateEvent)
	m.dialFresh(now)
	m.probe(now)
	m.set(timerDecide, now+freshBeatPatience)
}

// judgeSilenceAt is when silence has had its time: TCP sends a lost segment again after its RTO and after twice that,
// 200 ms and 600 ms on a quiet way, more on a long one.
func (m *Monitor) judgeSilenceAt(lost, now time.Duration) time.Duration {
	at := max(lost+retransmits, now+secondLook)
	if m.sess != nil {
		if info, ok := m.hub.sys.tcpInfo(m.sess.conn); ok {
			rto := min(max(info.rto, 200*time.Millisecond), time.Second)
			// After a loss the kernel's RTO is already doubled; the round trip gives the first one back.
			first := min(rto, max(200*time.Millisecond, 3*info.rtt))
			at = max(at, lost+3*first+70*time.Millisecond+info.rtt)
		}
	}
	return at
}

// attempt begins a counted attempt with a round of questions of its own.
func (m *Monitor) attempt(now time.Duration) {
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
	m.newRound(now)
	m.publish(AttemptEvent)
	if m.s.State == Idle {
		return
	}
	m.approach(now)
}

const (
	maxAttempts = 32
	maxOutages  = 16
)

// newRound forgets what earlier questions found out; the old session and its way stay as they are.
func (m *Monitor) newRound(now time.Duration) {
	t := m.trouble
	t.round, t.askedAt, t.probed = now, 0, false
	old := t.facts
	t.facts = netcheck.Facts{HadSession: old.HadSession, Way: old.Way, Session: old.Session, SessionAcked: old.SessionAcked}
	if m.sess == nil && t.facts.Session == netcheck.Asked {
		t.facts.Session = netcheck.Silent
	}
	t.evidence = nil // what earlier rounds found rests with their verdicts
}

// approach looks at the way and dials: the name first, where there is one, then the local part of the way.
func (m *Monitor) approach(now time.Duration) {
	t := m.trouble
	if m.fixed.IsValid() {
		m.approachAddr(now, m.fixed)
		return
	}
	t.facts.Name = netcheck.Asked
	m.note(netcheck.HopResolver, m.host, netcheck.SeenAsked, 0, "")
	m.set(timerAttemptEnd, now+attemptLimit)
	m.set(timerDecide, now+freshBeatPatience)
	round := t.round
	// Two look-ups, 0.4 s apart: one lost datagram is no verdict on the resolver.
	for i := range 2 {
		m.asking.Go(func() {
			if i > 0 && !sleep(t.ctx, secondSYN) {
				return
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.ctx, attemptLimit)
			defer cancel()
			addrs, err := m.hub.sys.resolve(ctx, m.host)
			m.post(func() { m.resolved(t, round, addrs, err, time.Since(began)) })
		})
	}
}

// sleep waits for d; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (m *Monitor) resolved(t *trouble, round time.Duration, addrs []netip.Addr, err error, took time.Duration) {
	if m.trouble != t || t.round != round || t.facts.Name == netcheck.Answered {
		return
	}
	now := m.hub.now()
	if err == nil && len(addrs) > 0 {
		t.facts.Name, t.facts.NameUnknown = netcheck.Answered, false
		m.note(netcheck.HopResolver, m.host, netcheck.SeenAnswers, took, "the name is "+addrs[0].Unmap().String())
		m.addrs = addrs
		m.approachAddr(now, m.pickAddr(addrs))
		return
	}
	if t.facts.Name == netcheck.Failed || t.ctx.Err() != nil {
		return
	}
	outcome, unknown := nameOutcome(err)
	if outcome == netcheck.Silent {
		return // the other look-up may still answer; the clock decides
	}
	t.facts.Name, t.facts.NameUnknown = outcome, unknown
	saw := "the name is not known"
	if !unknown {
		saw = "the look-up failed: " + plain(err)
	}
	m.note(netcheck.HopResolver, m.host, netcheck.SeenBroken, 0, saw)
	m.consider(now)
}

// pickAddr chooses the first address that this computer has a whole way to; the first of all when there is none.
func (m *Monitor) pickAddr(addrs []netip.Addr) netip.Addr {
	for _, a := range addrs {
		if _, err := m.hub.sys.egress(a.Unmap()); err == nil {
			return a.Unmap()
		}
	}
	return addrs[0].Unmap()
}

func (m *Monitor) approachAddr(now time.Duration, addr netip.Addr) {
	t := m.trouble
	dst := netip.AddrPortFrom(addr, m.port)
	if dst != t.dst && t.fresh != nil {
		t.fresh = nil // its goroutine closes it when the dials end
		m.endDials()
	}
	t.dst = dst
	m.edit().Remote = dst.String()
	w, err := m.hub.sys.egress(addr)
	if errors.Is(err, netcheck.ErrUnsupported) {
		m.dialFresh(now)
		m.armAttempt(now)
		return
	}
	if err != nil {
		t.facts.RouteErr = errnoOf(err)
		if t.facts.RouteErr == 0 {
			t.facts.RouteErr = syscall.ENETUNREACH
		}
		if !t.facts.HadSession || !m.sessionWayBroken(now) {
			m.enterLocal(now, netcheck.LinkNoRoute)
		}
		return
	}
	state := m.hub.judge(w, 5*time.Millisecond)
	if state.Broken() {
		if !t.facts.HadSession || t.facts.Way.Index == w.Index || t.facts.Way.Index == 0 {
			t.facts.Way = w
			m.way.Store(&w)
		}
		m.enterLocal(now, state)
		return
	}
	if t.facts.HadSession && m.sessionWayBroken(now) && w.Index != t.facts.Way.Index {
		// Another way is there: it may work, so it is tried, but it proves nothing about the one that broke.
		m.dialFresh(now)
		m.armAttempt(now)
		return
	}
	if !t.facts.HadSession || t.facts.Way.Index != w.Index || !t.local.Broken() {
		t.facts.Way = w
		m.way.Store(&w)
		m.edit().Way = w
	}
	t.local, t.facts.Link = state, state
	m.noteWay(w)
	m.dialFresh(now)
	m.armAttempt(now)
}

// sessionWayBroken judges the way that the old session was opened on; a break is entered.
func (m *Monitor) sessionWayBroken(now time.Duration) bool {
	t := m.trouble
	if t.facts.Way.Index == 0 {
		return false
	}
	state := m.hub.judge(t.facts.Way, 5*time.Millisecond)
	if !state.Broken() {
		return false
	}
	m.enterLocal(now, state)
	return true
}

func (m *Monitor) noteWay(w netcheck.Way) {
	saw := "carrier, address and route are in order"
	if w.Loopback {
		saw = "the destination is this computer"
	}
	m.note(netcheck.HopLink, w.Interface, netcheck.SeenOK, 0, saw)
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

// dialFresh opens a fresh connection: the diagnosis' question to the server, and the next session. Where one was
// accepted already and only does not answer, it goes on being asked and no second one is opened beside it.
func (m *Monitor) dialFresh(now time.Duration) {
	t := m.trouble
	if t == nil || !t.dst.IsValid() {
		return
	}
	if t.askedAt == 0 {
		t.askedAt = now
	}
	if t.fresh != nil {
		t.facts.Fresh, t.facts.FreshBeat = netcheck.Answered, netcheck.Asked
		t.freshAt = now
		return
	}
	if t.facts.Fresh == netcheck.NotAsked {
		t.facts.Fresh = netcheck.Asked
		m.note(netcheck.HopServer, t.dst.String(), netcheck.SeenAsked, 0, "")
	}
	if t.dials >= 5 {
		return
	}
	if t.dialCtx == nil || t.dialCtx.Err() != nil {
		t.dialCtx, t.endDials = context.WithCancel(t.ctx)
	}
	t.dials++
	ctx, dst, k := t.dialCtx, t.dst, m.target.Keepalive
	m.asking.Go(func() {
		dctx, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		began := m.hub.now()
		conn, err := m.hub.sys.dial(dctx, dst, k)
		var s *session
		if err == nil {
			s = &session{conn: conn, born: m.hub.now()}
			if m.newProto != nil {
				s.proto = m.newProto()
			}
			// Closed here if the owner is gone or has no use for it.
			m.post(func() { m.dialled(t, ctx, dst, s, nil, m.hub.now()-began) })
			return
		}
		m.post(func() { m.dialled(t, ctx, dst, nil, err, m.hub.now()-began) })
	})
}

// endDials gives up every dial under way, and the fresh connection.
func (m *Monitor) endDials() {
	if t := m.trouble; t != nil && t.endDials != nil {
		t.endDials()
		t.fresh = nil
	}
}

// dialled is the answer to a dial.
func (m *Monitor) dialled(t *trouble, ctx context.Context, dst netip.AddrPort, s *session, err error, took time.Duration) {
	now := m.hub.now()
	t.dials--
	if m.trouble != t || ctx.Err() != nil || t.dst != dst {
		if s != nil {
			_ = s.conn.Close()
		}
		return
	}
	where := dst.String()
	if err != nil {
		m.dialFailed(t, err, where, took, now)
		return
	}
	if t.fresh != nil || t.freshSess != nil {
		_ = s.conn.Close()
		return
	}
	t.facts.Fresh = netcheck.Answered
	m.note(netcheck.HopServer, where, netcheck.SeenAnswers, took, "accepts connections")
	if w, werr := m.hub.sys.egress(dst.Addr()); werr == nil {
		s.way = w
	}
	if s.proto == nil {
		m.freshStands(t, s, now)
		return
	}
	t.fresh, t.freshAt = s, now
	t.facts.FreshBeat = netcheck.Asked
	m.set(timerDecide, max(m.timers[timerDecide], now+secondLook))
	m.asking.Go(func() { m.askFresh(ctx, t, s) })
}

// freshStands: with heartbeat none an accepted connection is all the answer there is. A server that hung up on the last
// one at once has to hold this one for a moment first.
func (m *Monitor) freshStands(t *trouble, s *session, now time.Duration) {
	if m.shortRow == 0 {
		m.freshAnswered(t, s, 0)
		return
	}
	t.fresh, t.freshAt = s, now
	t.facts.FreshBeat = netcheck.Asked
	ctx := t.dialCtx
	m.asking.Go(func() {
		stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(errFarPast) })
		defer stop()
		_ = s.conn.SetReadDeadline(time.Now().Add(freshBeatPatience))
		if ctx.Err() != nil {
			_ = s.conn.Close()
			return
		}
		var b [1]byte
		n, err := s.conn.Read(b[:])
		switch {
		case ctx.Err() != nil:
			_ = s.conn.Close()
		case n > 0 || isTimeout(err):
			m.post(func() { m.freshAnswered(t, s, 0) })
		default:
			m.post(func() { m.freshEnded(t, s, err) })
		}
	})
}

func (m *Monitor) dialFailed(t *trouble, err error, where string, took, now time.Duration) {
	errno := errnoOf(err)
	switch {
	case isRefused(errno):
		t.facts.Fresh, t.facts.FreshErrno = netcheck.Refused, errno
		m.note(netcheck.HopServer, where, netcheck.SeenRefused, took, "connection refused")
	case isUnreachable(errno):
		t.facts.Fresh, t.facts.FreshErrno = netcheck.Unreachable, errno
		m.note(netcheck.HopServer, where, netcheck.SeenBroken, took, plain(errno))
		if m.sessionWayBroken(now) {
			return
		}
		m.readNeighbours()
		if !t.probed {
			m.probe(now)
			m.set(timerDecide, now+quietBeforeProbes)
			return
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		return // silence; the clock decides
	default:
		var de *dial.Error
		if errors.As(err, &de) {
			err = de.Err
		}
		t.facts.FreshErrno = errno
		m.note(netcheck.HopLink, m.s.Way.Interface, netcheck.SeenUnknown, took, "could not connect: "+plain(err))
		m.hub.log.Warn("dial", "target", m.target.Name, "err", err)
		return
	}
	m.consider(now)
}

// askFresh asks on a fresh connection until it answers, ends, or nobody wants to know any more.
func (m *Monitor) askFresh(ctx context.Context, t *trouble, s *session) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(errFarPast) })
	defer stop()
	var buf [512]byte
	for ctx.Err() == nil {
		now := m.hub.now()
		if err := s.beat(now); err != nil {
			m.post(func() { m.freshEnded(t, s, err) })
			return
		}
		until := now + m.target.Interval
		for m.hub.now() < until && ctx.Err() == nil {
			_ = s.conn.SetReadDeadline(m.hub.base.Add(until))
			if ctx.Err() != nil {
				break
			}
			n, err := s.conn.Read(buf[:])
			if n > 0 {
				if k, rtt := s.feed(buf[:n], m.hub.now()); k > 0 {
					m.post(func() { m.freshAnswered(t, s, rtt) })
					return
				}
			}
			if err != nil && !isTimeout(err) {
				m.post(func() { m.freshEnded(t, s, err) })
				return
			}
		}
	}
	_ = s.conn.Close()
}

// freshAnswered: a fresh connection works. It becomes the session, unless the old one may still prove that only a
// segment was lost.
func (m *Monitor) freshAnswered(t *trouble, s *session, rtt time.Duration) {
	now := m.hub.now()
	if m.trouble != t || (t.fresh != nil && t.fresh != s) || t.ctx.Err() != nil {
		_ = s.conn.Close()
		return
	}
	t.fresh = nil
	if t.facts.FreshBeat != netcheck.Answered {
		t.facts.FreshBeat = netcheck.Answered
		m.note(netcheck.HopService, m.target.Address, netcheck.SeenAnswers, rtt, "a new connection is answered")
	}
	if m.s.State == Suspect && m.sess != nil && t.lost != 0 && !t.local.Broken() {
		// A later question was answered: give the early one until twice that, it may have been lost in a short hole.
		if wait := t.lost + 2*(now-t.lost) + 260*time.Millisecond; now < wait {
			t.freshOK, t.freshSess = now, s
			t.facts.FreshBeat = netcheck.Asked
			m.set(timerDecide, wait)
			return
		}
	}
	m.adopt(s, rtt, now)
}

// adopt makes s the session. If the old one was still thought alive, the verdict is passed on it first.
func (m *Monitor) adopt(s *session, rtt, now time.Duration) {
	t := m.trouble
	t.freshSess = nil
	if m.s.State == Suspect {
		t.facts.FreshBeat = netcheck.Answered
		if t.facts.Session == netcheck.Asked {
			t.facts.Session = netcheck.Silent
		}
		m.readAcked()
		if v := m.diagnose(); !v.IsZero() {
			m.blame(v, now)
		} else {
			m.goDown(now)
		}
	}
	if m.trouble != t { // a break on this computer came between
		_ = s.conn.Close()
		return
	}
	m.dropSession()
	m.sess = s
	t.local = netcheck.LinkUnknown
	if s.way.Index != 0 {
		w := s.way
		m.way.Store(&w)
		m.edit().Way = w
		m.noteWay(w)
	}
	m.edit().Remote = t.dst.String()
	m.edit().Keepalive = m.hub.sys.readSocket(s.conn)
	m.release = m.hub.bear(s.way)
	if rtt > 0 {
		m.liveRTT.Store(int64(rtt))
	}
	m.becomeUp(now)
}

// freshEnded: a fresh connection was ended by the peer before it answered.
func (m *Monitor) freshEnded(t *trouble, s *session, err error) {
	_ = s.conn.Close()
	if m.trouble != t || t.fresh != s {
		return
	}
	now := m.hub.now()
	t.fresh = nil
	how := endOf(err)
	if how == netcheck.Silent {
		t.facts.FreshBeat = netcheck.Silent
		m.consider(now)
		return
	}
	t.facts.FreshBeat = how
	m.shortRow++
	saw := "closed a new connection"
	if how == netcheck.Reset {
		saw = "reset a new connection"
	}
	m.note(netcheck.HopServer, t.dst.String(), netcheck.SeenBroken, 0, saw)
	m.consider(now)
}

// probe asks the next hop and the path.
func (m *Monitor) probe(now time.Duration) {
	t := m.trouble
	if t == nil || t.probed || !t.dst.IsValid() || t.local.Broken() {
		return
	}
	t.probed = true
	m.readNeighbours()
	w := t.facts.Way
	if w.Index == 0 || w.Loopback {
		return
	}
	round := t.round
	if w.Gateway.IsValid() {
		t.facts.Gateway = netcheck.Asked
		t.facts.GatewayUsedTo = m.hub.gatewayUsedTo(w)
		m.note(netcheck.HopGateway, w.Gateway.String(), netcheck.SeenAsked, 0, "")
		m.hub.askGateway(m.ctx, w, func(a netcheck.GatewayAnswer) {
			m.post(func() {
				if m.trouble == t && t.round == round {
					m.gatewayAnswered(a)
				}
			})
		})
	}
	dst := t.dst
	m.asking.Go(func() {
		ctx, cancel := context.WithTimeout(t.ctx, pathPatience)
		defer cancel()
		a := m.hub.sys.askPath(ctx, w, dst, func(a netcheck.PathAnswer) {
			m.post(func() { m.pathAnswered(t, round, a) })
		})
		m.post(func() { m.pathAnswered(t, round, a) })
	})
}

// pathPatience bounds the questions with rising TTL: they are sent at once, and silence is decided elsewhere.
const pathPatience = 800 * time.Millisecond

func (m *Monitor) gatewayAnswered(a netcheck.GatewayAnswer) {
	t := m.trouble
	gw := t.facts.Way.Gateway.String()
	t.facts.GatewayUsedTo = m.hub.gatewayUsedTo(t.facts.Way)
	switch a.Outcome {
	case netcheck.Answered:
		t.facts.Gateway = netcheck.Answered
		m.note(netcheck.HopGateway, gw, netcheck.SeenAnswers, a.RTT, "answers ("+a.How+")")
	default:
		t.facts.Gateway = netcheck.Silent
		m.note(netcheck.HopGateway, gw, netcheck.SeenSilent, 0, "no answer to any question")
	}
	m.readNeighbours()
	m.consider(m.hub.now())
}

func (m *Monitor) pathAnswered(t *trouble, round time.Duration, a netcheck.PathAnswer) {
	if m.trouble != t || t.round != round {
		return
	}
	if a.Deepest.IsValid() && a.Deepest != t.facts.LastHop {
		t.facts.LastHop = a.Deepest
		if a.Deepest != t.facts.Way.Gateway && a.Deepest != t.dst.Addr() {
			m.note(netcheck.HopPath, a.Deepest.String(), netcheck.SeenAnswers, a.RTT, fmt.Sprintf("station %d answers", a.TTL))
		}
		if a.Deepest == t.facts.Way.Gateway || a.TTL >= 1 && t.facts.Way.Gateway.IsValid() {
			if t.facts.Gateway != netcheck.Answered {
				// Whatever answered beyond it came through it.
				t.facts.Gateway = netcheck.Answered
				m.note(netcheck.HopGateway, t.facts.Way.Gateway.String(), netcheck.SeenAnswers, a.RTT, "answers or forwards")
			}
		}
	}
	if a.Host == netcheck.Answered && t.facts.Host != netcheck.Answered {
		t.facts.Host = netcheck.Answered
		m.note(netcheck.HopServer, t.dst.Addr().String(), netcheck.SeenAnswers, a.HostRTT, "the host answers another question (port unreachable)")
	}
	if !a.Refusal.IsZero() && t.facts.FreshICMP != a.Refusal {
		t.facts.FreshICMP = a.Refusal
		m.note(netcheck.HopPath, a.Refusal.Sender.String(), netcheck.SeenBroken, 0,
			fmt.Sprintf("ICMP type %d code %d", a.Refusal.Type, a.Refusal.Code))
	}
	m.consider(m.hub.now())
}

// readNeighbours reads the kernel's neighbour table for the next hop.
func (m *Monitor) readNeighbours() {
	t := m.trouble
	w := t.facts.Way
	if w.Index == 0 || w.Loopback {
		return
	}
	state, age := m.hub.sys.neighbour(w)
	if w.Gateway.IsValid() {
		t.facts.GatewayNeighbour = state
		t.facts.GatewayConfirmed = age >= 0 && age < m.hub.now()-max(t.round, t.lost)
		return
	}
	t.facts.ServerNeighbour = state
}

// readAcked asks the kernel whether the peer acknowledged the overdue beat.
func (m *Monitor) readAcked() {
	t := m.trouble
	t.facts.SessionAcked = netcheck.NotKnown
	if m.sess == nil || m.sess.proto == nil || t.lost == 0 {
		return
	}
	info, ok := m.hub.sys.tcpInfo(m.sess.conn)
	if !ok {
		return
	}
	t.facts.SessionAcked = netcheck.No
	if info.unacked == 0 && info.lastAck < m.hub.now()-t.lost {
		t.facts.SessionAcked = netcheck.Yes
		m.note(netcheck.HopServer, m.s.Remote, netcheck.SeenOK, 0, "its kernel acknowledges what is sent")
	}
}

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
	if m.sess != nil && m.s.State == Suspect {
		if s := m.sess; s.proto != nil && s.lastByte > t.lost && now-s.lastByte < retransmits {
			// It talks, but does not answer: not silence. The patience for that has its own clock.
			m.set(timerPatience, t.lost+lifePatience)
			m.set(timerDecide, s.lastByte+retransmits)
			return
		}
		if t.facts.Session == netcheck.Asked || t.facts.Session == netcheck.NotAsked {
			t.facts.Session = netcheck.Silent
		}
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
	if t.facts.Fresh == netcheck.Asked && t.askedAt != 0 && now-t.askedAt >= secondLook-20*time.Millisecond {
		t.facts.Fresh = netcheck.Silent
		m.note(netcheck.HopServer, t.dst.String(), netcheck.SeenSilent, 0, fmt.Sprintf("no answer to a new connection for %v", (now-t.askedAt).Round(10*time.Millisecond)))
	}
	if t.facts.FreshBeat == netcheck.Asked && t.freshSess == nil {
		patience := freshBeatPatience
		if t.facts.SessionAcked == netcheck.Yes {
			patience = secondLook - 20*time.Millisecond // the acknowledged session is the other witness
		}
		if now-t.freshAt >= patience {
			t.facts.FreshBeat = netcheck.Silent
			m.note(netcheck.HopService, m.target.Address, netcheck.SeenSilent, 0, fmt.Sprintf("accepts a new connection and does not answer for %v", (now-t.freshAt).Round(10*time.Millisecond)))
		} else {
			m.set(timerDecide, t.freshAt+patience)
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
	if m.s.State == Suspect && (shown.Cause == netcheck.Asleep || shown.Cause == netcheck.Stalled) {
		shown = netcheck.Verdict{}
	}
	if !shown.IsZero() && m.s.State == Down && !mayReplace(shown.Cause, v.Cause, now-t.round, m.bySilence()) {
		m.finishAttempt(now, v.Cause)
		return
	}
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

// mayReplace says whether a shown cause gives way to another.
func mayReplace(shown, other netcheck.Cause, age time.Duration, silence bool) bool {
	switch {
	case shown == other:
		return true
	case shown == netcheck.ServerClosed && other.Hop() == netcheck.HopProxy:
		return true
	case other == netcheck.ServerClosed && shown.Hop() == netcheck.HopProxy,
		other == netcheck.ServerReset && shown == netcheck.ServerClosed:
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
	if m.s.Verdict.IsZero() {
		m.set(timerAttemptEnd, now+secondLook)
	} else {
		m.finishAttempt(now, m.s.Verdict.Cause)
	}
	t.knocks = 0
	m.scheduleKnock(now)
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

// finishAttempt ends the attempt that is under way and schedules the next.
func (m *Monitor) finishAttempt(now time.Duration, cause netcheck.Cause) {
	t := m.trouble
	if t == nil || !t.attempting {
		return
	}
	t.attempting = false
	m.clear(timerAttemptEnd, timerSecond)
	m.endAttempt(cause, false)
	wait := m.backoff.NextBackOff()
	if needsPerson(m.s.Verdict.Cause) {
		wait = max(wait, 12500*time.Millisecond)
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
	wait := knockEvery + time.Duration(jitter(int64(knockEvery/5))) - knockEvery/10
	if t.knocks < len(knockWaits) {
		wait = knockWaits[t.knocks]
	}
	m.set(timerKnock, now+wait)
}

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
	case t.fresh != nil || t.attempting || needsPerson(m.s.Verdict.Cause) || m.shortRow >= 3:
	case t.facts.Name == netcheck.Silent || t.facts.Name == netcheck.Failed:
		// Again every 0.7 s; success cuts the wait.
		m.asking.Go(func() {
			ctx, cancel := context.WithTimeout(t.ctx, attemptLimit)
			defer cancel()
			if addrs, err := m.hub.sys.resolve(ctx, m.host); err == nil && len(addrs) > 0 {
				m.post(func() {
					if m.trouble == t && !t.attempting {
						m.attempt(m.hub.now())
					}
				})
			}
		})
	case t.dst.IsValid():
		m.dialFresh(now)
	}
}

// dialAgain sends a second SYN beside the first: a lost SYN is sent again by the kernel only after a second.
func (m *Monitor) dialAgain(now time.Duration) {
	if t := m.trouble; t != nil && t.fresh == nil && t.facts.Fresh == netcheck.Asked && !t.local.Broken() {
		m.dialFresh(now)
	}
}

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
		if t != nil && t.local.Broken() && t.dst.IsValid() {
			if nw, err := m.hub.sys.egress(t.dst.Addr()); err == nil && !m.hub.judge(nw, 5*time.Millisecond).Broken() && m.timers[timerRepaired] == 0 {
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
	if t != nil && t.local.Broken() && state.Broken() && m.s.State == Down && t.dst.IsValid() && m.timers[timerRepaired] == 0 {
		// The old way is broken still; a new one may be there.
		if nw, err := m.hub.sys.egress(t.dst.Addr()); err == nil && nw.Index != 0 && nw != *w &&
			!m.hub.judge(nw, 5*time.Millisecond).Broken() && t.dials == 0 && !t.attempting && m.timers[timerRetry] > now+knockEvery {
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
		m.hub.sys.keepalive(m.sess.conn, false)
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
	} else if t.dst.IsValid() {
		w, err := m.hub.sys.egress(t.dst.Addr())
		if err == nil {
			state = m.hub.judge(w, 5*time.Millisecond)
			if !state.Broken() {
				m.set(timerRepaired, now+settleAfterRepair-rereadAfter)
				return
			}
		} else {
			t.facts.OtherDisabled, t.facts.OtherNoCarrier, t.facts.OtherNoAddress = m.hub.sys.explain(t.dst.Addr())
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
		m.hub.sys.keepalive(m.sess.conn, true)
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
	m.backoff.Reset()
	m.attempt(now)
}

func (m *Monitor) beatAfterRepair(now time.Duration) {
	s := m.sess
	if s.proto == nil {
		m.hub.sys.nudge(s.conn, m.target.Keepalive)
		m.set(timerBeat, now+100*time.Millisecond)
		return
	}
	m.beat(now)
}

// becomeUp: a session answers.
func (m *Monitor) becomeUp(now time.Duration) {
	t := m.trouble
	s := m.sess
	renewed := m.endedAt != 0 && m.s.State == Connecting && now-m.endedAt <= renewWithin
	if renewed {
		m.edit().Renewals++
		if m.habit {
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
	m.note(netcheck.HopServer, m.s.Remote, netcheck.SeenOK, m.s.LegRTT, "connected")
	saw, seen := "answers heartbeats", netcheck.SeenAnswers
	if s.proto == nil {
		saw, seen = "connected; no heartbeat is set, the kernel's keepalive is watched", netcheck.SeenUnknown
	}
	m.note(netcheck.HopService, m.target.Address, seen, time.Duration(m.liveRTT.Load()), saw)
	if s.proto != nil {
		m.set(timerBeat, m.hub.grid(now+m.target.Interval/4, m.target.Interval, m.slot))
	} else {
		m.set(timerBeat, now+m.target.Keepalive.Idle)
	}
	m.publishEvent(Event{Kind: StateEvent, Renewed: renewed})
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
