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

// newRound forgets what earlier questions found out; the old session and its way stay as they are.
func (m *Monitor) newRound(now time.Duration) {
	t := m.trouble
	lastRound, probed, aliveAt := t.round, t.probed, t.aliveAt
	t.round, t.askedAt, t.probed = now, 0, false
	t.aliveAt, t.farAt, t.tunnelAt, t.knockedTogether = 0, 0, 0, false
	old := t.facts
	t.facts = netcheck.Facts{HadSession: old.HadSession, Way: old.Way, Session: old.Session, SessionAcked: old.SessionAcked,
		Proxied: old.Proxied, ProxyGone: old.ProxyGone}
	if (m.sess == nil || m.s.State == Down) && t.facts.Session == netcheck.Asked {
		t.facts.Session = netcheck.Silent
	}
	if m.s.State == Down && t.ended != 0 && m.sess == nil {
		// How the session ended has been told; what is broken now is another question, as before the first session.
		t.facts.HadSession, t.facts.Session, t.facts.SessionAcked = false, netcheck.NotAsked, netcheck.NotKnown
	}
	if probed && now-lastRound < probesLast && (old.Gateway == netcheck.Silent || old.Gateway == netcheck.Answered) && old.Host != netcheck.Asked {
		// The next hop and the way were asked a moment ago: they are not asked the same again.
		t.probed = true
		t.facts.Gateway, t.facts.GatewayUsedTo, t.facts.Host, t.facts.LastHop = old.Gateway, old.GatewayUsedTo, old.Host, old.LastHop
	}
	if aliveAt != 0 && now-aliveAt < probesLast && (old.ProxyAlive == netcheck.Answered || old.ProxyAlive == netcheck.Silent) {
		t.aliveAt, t.facts.ProxyAlive = aliveAt, old.ProxyAlive
	}
	kept := t.evidence[:0:0]
	for _, e := range t.evidence {
		if t.probed && (e.Hop == netcheck.HopGateway || e.Hop == netcheck.HopPath) || t.aliveAt != 0 && e.Hop == netcheck.HopProxy {
			kept = append(kept, e)
		}
	}
	t.evidence = kept // what else earlier rounds found rests with their verdicts
}

// probesLast is how long what the next hop and the way have said serves the rounds that follow.
const probesLast = 1500 * time.Millisecond

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
	m.set(timerDecide, now+nameSilence)
	probe := now + quietBeforeProbes
	if w, err := m.hub.sys.egress(m.towards()); err != nil || m.hub.judge(w, 5*time.Millisecond).Broken() {
		probe = now + localName // only what needs no network can answer
	}
	m.set(timerProbe, probe)
	m.lookUp(m.host, 2, func(addrs []netip.Addr, err error, took time.Duration) { m.resolved(t, addrs, err, took) })
}

// localName is how long a look-up may take that asks nobody.
const localName = 30 * time.Millisecond

// lookUp asks the resolver for a name, times over, 0.4 s apart: one lost datagram is no verdict on the resolver. then is
// called by the owner with each answer while the round lasts.
func (m *Monitor) lookUp(host string, times int, then func(addrs []netip.Addr, err error, took time.Duration)) {
	t := m.trouble
	round := t.round
	for i := range times {
		m.asking.Go(func() {
			if i > 0 && !sleep(t.ctx, secondSYN) {
				return
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.ctx, attemptLimit)
			defer cancel()
			addrs, err := m.hub.sys.resolve(ctx, host)
			took := time.Since(began)
			m.post(func() {
				if m.trouble == t && t.round == round && t.ctx.Err() == nil {
					then(addrs, err, took)
				}
			})
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

func (m *Monitor) resolved(t *trouble, addrs []netip.Addr, err error, took time.Duration) {
	if t.facts.Name == netcheck.Answered {
		return
	}
	now := m.hub.now()
	if err == nil && len(addrs) > 0 {
		t.facts.Name, t.facts.NameUnknown = netcheck.Answered, false
		m.note(netcheck.HopResolver, m.host, netcheck.SeenAnswers, took, "the name is "+addrs[0].Unmap().String())
		first := m.pickAddr(addrs)
		t.others = slices.DeleteFunc(dial.Interleave(addrs, first), func(a netip.Addr) bool { return a == first })
		m.approachAddr(now, first)
		return
	}
	if t.facts.Name == netcheck.Failed {
		return
	}
	outcome, unknown := nameOutcome(err)
	if outcome == netcheck.Silent {
		return // the other look-up may still answer; the clock decides
	}
	t.facts.Name, t.facts.NameUnknown = outcome, unknown
	m.noteNoName(m.host, err, unknown)
	m.probeNameWay(now) // nobody may have been able to ask
	m.consider(now)
}

// probeNameWay looks at the way that the look-up takes: what is broken before the resolver is not the resolver's fault.
func (m *Monitor) probeNameWay(now time.Duration) {
	t := m.trouble
	if t.probed || t.local.Broken() {
		return
	}
	w := t.facts.Way
	if w.Index == 0 || !t.facts.HadSession {
		var err error
		m.heed(m.towards())
		if w, err = m.hub.sys.egress(m.towards()); errors.Is(err, netcheck.ErrUnsupported) {
			return
		} else if err != nil {
			if t.facts.RouteErr = errnoOf(err); t.facts.RouteErr == 0 {
				t.facts.RouteErr = syscall.ENETUNREACH
			}
			m.enterLocal(now, netcheck.LinkNoRoute)
			return
		}
		t.facts.Way = w
		m.setWay(w)
		m.edit().Way = w
	}
	state := m.hub.judge(w, 5*time.Millisecond)
	if state.Broken() {
		m.enterLocal(now, state)
		return
	}
	t.facts.Link = state
	m.noteWay(w)
	t.probed = true
	m.readNeighbours()
	m.askGateway()
}

func (m *Monitor) noteNoName(host string, err error, unknown bool) {
	saw := "the name is not known"
	if !unknown {
		saw = "the look-up failed: " + plain(err)
	}
	m.note(netcheck.HopResolver, host, netcheck.SeenBroken, 0, saw)
}

// towards is the address that is dialled; before any is known, one that leads where look-ups go.
func (m *Monitor) towards() netip.Addr {
	if t := m.trouble; t.dst.IsValid() {
		return t.dst.Addr()
	}
	return m.hub.sys.nameServer()
}

// pickAddr chooses the address that worked last, else the first that this computer has a way to; the first of all when
// there is none.
func (m *Monitor) pickAddr(addrs []netip.Addr) netip.Addr {
	if last, err := netip.ParseAddrPort(m.s.Remote); err == nil {
		for _, a := range addrs {
			if a.Unmap() == last.Addr() {
				return last.Addr()
			}
		}
	}
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
	if dst != t.dst {
		m.forgetProbes()
	}
	t.dst = dst
	m.edit().Remote = dst.String()
	m.heed(addr)
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
			m.setWay(w)
		}
		m.enterLocal(now, state)
		return
	}
	moved := false
	if old := t.facts.Way; t.facts.HadSession && !sameWay(old, w) && (t.local.Broken() && t.reread || m.sessionWayBroken(now)) {
		if t.local != netcheck.LinkAddressChanged && t.local != netcheck.LinkGone || w.Interface != old.Interface {
			// Another way is there: it may work, so it is tried, but it proves nothing about the one that broke.
			m.dialFresh(now)
			m.armAttempt(now)
			return
		}
		// A new address, or a new adapter in the place of the old: that way never comes back, and the session with it.
		m.dropSession()
		t.facts.Session, moved = netcheck.Silent, true
	}
	if !t.facts.HadSession || t.facts.Way.Index != w.Index || !t.local.Broken() || moved {
		if !sameWay(t.facts.Way, w) {
			m.forgetProbes()
		}
		t.facts.Way = w
		m.setWay(w)
		m.edit().Way = w
	}
	t.local, t.facts.Link = state, state
	m.noteWay(w)
	m.dialFresh(now)
	m.armAttempt(now)
}

// forgetProbes drops what an earlier round asked on another way.
func (m *Monitor) forgetProbes() {
	t := m.trouble
	t.probed = false
	t.facts.Gateway, t.facts.Host, t.facts.LastHop = netcheck.NotAsked, netcheck.NotAsked, netip.Addr{}
}

// sameWay reports whether both lead over the same interface and gateway from the same address.
func sameWay(a, b netcheck.Way) bool {
	return a.Index == b.Index && a.Gateway == b.Gateway && a.Source == b.Source
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

// dialFresh opens a fresh connection: the diagnosis' question to the server, and the next session. Where one was
// accepted already and only does not answer, it goes on being asked and no second one is opened beside it. A proxy that
// has not answered the last request for a tunnel is only asked whether it lives, until it is time for another one.
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
		if t.facts.Proxied {
			t.facts.Tunnel = netcheck.Answered
		}
		t.freshAt = now
		return
	}
	if t.facts.Fresh == netcheck.NotAsked {
		t.facts.Fresh = netcheck.Asked
		m.note(m.near(), t.dst.String(), netcheck.SeenAsked, 0, "")
	}
	if t.dials >= 5 {
		return
	}
	var u *tunnel
	if t.facts.Proxied {
		if u = m.mayAskProxy(now); u != nil {
			u.beside = t.dials > 0
		} else {
			if t.facts.Tunnel == netcheck.NotAsked && len(t.tunnels) > 0 {
				t.facts.Tunnel, t.tunnelAt = netcheck.Asked, t.tunnels[0].at
			}
			m.askAlive(now)
			return
		}
	}
	if t.dialCtx == nil || t.dialCtx.Err() != nil {
		t.dialCtx, t.endDials = context.WithCancel(t.ctx)
	}
	t.dials++
	ctx, dst, k, others := t.dialCtx, t.dst, m.s.Target.Keepalive, t.others
	m.asking.Go(func() {
		dctx, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		began := m.hub.now()
		conn, at, err := m.hub.dialAny(dctx, dst, others, k)
		var s *session
		if err == nil {
			s = &session{conn: conn, born: m.hub.now()}
			if m.newProto != nil {
				s.proto = m.newProto()
			}
			// Closed here if the owner is gone or has no use for it.
			m.post(func() { m.dialled(t, ctx, dst, at, s, u, nil, m.hub.now()-began) })
			return
		}
		m.post(func() { m.dialled(t, ctx, dst, dst, nil, u, err, m.hub.now()-began) })
	})
}

// endDials gives up every dial under way, and the fresh connection.
func (m *Monitor) endDials() {
	if t := m.trouble; t != nil && t.endDials != nil {
		t.endDials()
		t.fresh, t.unansweredSince = nil, 0
	}
}

// dialled is the answer to a dial of dst, which is the proxy where there is one; at is the address that answered, another
// one where the name has several. u is the request for a tunnel that it was dialled for; nil without a proxy.
func (m *Monitor) dialled(t *trouble, ctx context.Context, dst, at netip.AddrPort, s *session, u *tunnel, err error, took time.Duration) {
	now := m.hub.now()
	t.dials--
	asked := false
	defer func() {
		if !asked {
			m.hub.leaveTunnel(u)
		}
	}()
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
	if at != dst {
		t.dst, where = at, at.String()
		m.edit().Remote = where
	}
	m.note(m.near(), where, netcheck.SeenAnswers, took, "accepts connections")
	if u != nil && u.beside && len(t.tunnels) > 0 && m.wayRTT() < longWay {
		_ = s.conn.Close()
		return
	}
	if w, werr := m.hub.sys.egress(at.Addr()); werr == nil {
		s.way = w
	}
	if t.facts.Proxied {
		asked = true
		m.askTunnel(ctx, t, s, u, now)
		return
	}
	m.freshConnected(ctx, t, s, took, now)
}

// freshConnected: a fresh connection to the target stands, after a handshake of took. Now it is asked.
func (m *Monitor) freshConnected(ctx context.Context, t *trouble, s *session, took, now time.Duration) {
	if s.proto == nil {
		m.freshStands(t, s, now)
		return
	}
	t.fresh, t.freshAt, t.freshTook = s, now, took
	t.facts.FreshBeat = netcheck.Asked
	m.set(timerDecide, max(m.timers[timerDecide], now+secondLook))
	interval, early := m.s.Target.Interval, 0
	if took >= longWay {
		early = longWayAsk - 1 // a lost first beat is only noticed by those that follow
	}
	m.asking.Go(func() { m.askFresh(ctx, t, s, interval, early) })
}

// A server that is ending still has a listening socket for a moment: its kernel takes a last connection, and then resets
// it. That says nothing yet; asked again after dyingPause, it refuses, or somebody new answers.
const (
	dyingFor   = 300 * time.Millisecond
	dyingPause = 30 * time.Millisecond
)

// justEnded reports whether the peer ended the old session a moment ago.
func (m *Monitor) justEnded(now time.Duration) bool {
	t := m.trouble
	return t.ended != 0 && now-t.ended < dyingFor
}

// askDyingAgain asks the server again whose last connection ended with the old session; false when that was not so.
func (m *Monitor) askDyingAgain(now time.Duration) bool {
	if !m.justEnded(now) {
		return false
	}
	t := m.trouble
	t.facts.Fresh, t.facts.Tunnel, t.facts.FreshBeat, t.askedAt = netcheck.Asked, netcheck.NotAsked, netcheck.NotAsked, now
	m.set(timerSecond, now+dyingPause)
	return true
}

// freshStands: with heartbeat none an accepted connection is all the answer there is. A server that hung up on the last
// one at once has to hold this one for a moment first, and so has one that may be ending.
func (m *Monitor) freshStands(t *trouble, s *session, now time.Duration) {
	t.fresh, t.freshAt = s, now
	patience := freshBeatPatience
	switch {
	case m.shortRow == 0 && !m.justEnded(now):
		m.freshAnswered(t, s, 0)
		return
	case m.shortRow < 2:
		patience = 2 * dyingPause
	}
	t.facts.FreshBeat = netcheck.Asked
	ctx := t.dialCtx
	m.asking.Go(func() {
		stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(errFarPast) })
		defer stop()
		_ = s.conn.SetReadDeadline(time.Now().Add(patience))
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
			if !stop() {
				_ = s.conn.Close()
				return
			}
			m.post(func() { m.freshAnswered(t, s, 0) })
		default:
			m.post(func() { m.freshEnded(t, s, err) })
		}
	})
}

func (m *Monitor) dialFailed(t *trouble, err error, where string, took, now time.Duration) {
	errno := errnoOf(err)
	var ie *icmpError
	if errors.As(err, &ie) {
		t.facts.FreshICMP = ie.ICMPError
		if errno = ie.Errno(); errno == 0 {
			errno = syscall.EHOSTUNREACH
		}
		m.note(netcheck.HopPath, ie.Sender.String(), netcheck.SeenBroken, took, fmt.Sprintf("ICMP type %d code %d", ie.Type, ie.Code))
	}
	switch {
	case isRefused(errno):
		t.facts.Fresh, t.facts.FreshErrno = netcheck.Refused, errno
		t.facts.RefusalUnsure = netcheck.RefusalUnsure
		m.note(m.near(), where, netcheck.SeenRefused, took, "connection refused")
		t.facts.ProxyGone = t.facts.Proxied
		if m.askGoneAgain(now) {
			return
		}
	case isUnreachable(errno):
		t.facts.Fresh, t.facts.FreshErrno = netcheck.Unreachable, errno
		m.note(m.near(), where, netcheck.SeenBroken, took, plain(errno))
		if m.sessionWayBroken(now) {
			return
		}
		m.readNeighbours()
		if !t.probed {
			m.probe(now)
			m.set(timerDecide, now+quietBeforeProbes)
			return
		}
	case isReset(errno):
		// The server's kernel took the connection and broke it off before this one knew.
		t.facts.ProxyGone = t.facts.Proxied
		if m.askGoneAgain(now) || m.askDyingAgain(now) {
			return
		}
		t.facts.Fresh, t.facts.FreshErrno = netcheck.Reset, errno
		m.note(m.near(), where, netcheck.SeenBroken, took, "reset a new connection")
	case errors.Is(err, context.DeadlineExceeded), isSilence(errno), isTimeout(err):
		return // silence; the clock decides
	default:
		var de *dial.Error
		if errors.As(err, &de) {
			err = de.Err
		}
		// This program or this computer is short of something (descriptors, memory, ports): nothing was asked.
		if t.facts.Fresh == netcheck.Asked {
			t.facts.Fresh = netcheck.NotAsked
		}
		m.note(netcheck.HopLink, m.s.Way.Interface, netcheck.SeenUnknown, took, "could not ask: "+plain(err))
		m.hub.log.Warn("dial", "target", m.s.Target.Name, "err", err)
		if t.dials == 0 && t.fresh == nil && t.attempting {
			m.blame(netcheck.Verdict{Cause: netcheck.Stalled, Hop: netcheck.HopLink, Interface: t.facts.Way.Interface, Evidence: slices.Clone(t.evidence)}, now)
		}
		return
	}
	m.consider(now)
}

// askFresh asks on a fresh connection until it answers, ends, or nobody wants to know any more: every interval, but the
// first questions after longWaySYN, as many as early says.
func (m *Monitor) askFresh(ctx context.Context, t *trouble, s *session, interval time.Duration, early int) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(errFarPast) })
	defer stop()
	var buf [512]byte
	for ctx.Err() == nil {
		now := m.hub.now()
		if err := s.beat(now); err != nil {
			m.post(func() { m.freshEnded(t, s, err) })
			return
		}
		until := now + interval
		if early > 0 {
			early--
			until = now + min(interval, longWaySYN)
		}
		for m.hub.now() < until && ctx.Err() == nil {
			_ = s.conn.SetReadDeadline(m.hub.base.Add(until))
			if ctx.Err() != nil {
				break
			}
			n, err := s.conn.Read(buf[:])
			if n > 0 {
				if k, rtt := s.feed(buf[:n], m.hub.now()); k > 0 {
					if !stop() { // nobody wants to know any more, and its deadlines are being put to the past
						_ = s.conn.Close()
						return
					}
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
	if m.trouble != t || t.fresh != s || t.ctx.Err() != nil {
		_ = s.conn.Close()
		return
	}
	t.fresh = nil
	if t.facts.FreshBeat != netcheck.Answered {
		t.facts.FreshBeat = netcheck.Answered
		m.note(netcheck.HopService, m.s.Target.Address, netcheck.SeenAnswers, rtt, "a new connection is answered")
	}
	if m.s.State == Suspect && m.sess != nil && t.lost != 0 && !t.local.Broken() && now >= m.awakeUntil {
		// A later question was answered: give the early one until twice that, it may have been lost in a short hole.
		wait := max(t.lost+2*(now-t.lost)+260*time.Millisecond, t.judgeAt)
		if t.heldUp && m.sess.proto == nil {
			wait = max(wait, t.lost+m.s.Target.Keepalive.Idle+keepaliveSlack) // the kernel's next question is due only then
		}
		if now < wait {
			t.freshOK, t.freshSess = now, s
			t.facts.FreshBeat = netcheck.Asked
			m.set(timerDecide, wait)
			return
		}
	}
	if m.endedAt != 0 && m.s.State == Connecting && now >= m.awakeUntil {
		// The server lives, and hung up: now the end has a name. Before, it may as well have stopped.
		cause := netcheck.ServerClosed
		if t.facts.ProxyGone {
			cause = netcheck.ProxyClosed
		}
		v := netcheck.Verdict{Cause: cause, Interface: t.facts.Way.Interface, Evidence: slices.Clone(t.evidence)}
		v.Hop = v.Cause.Hop()
		m.edit().Verdict = v
		m.publish(VerdictEvent)
	}
	m.adopt(s, rtt, now)
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
	if m.askDyingAgain(now) {
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
	if t == nil || t.probed || t.local.Broken() {
		return
	}
	if t.facts.Name == netcheck.Asked {
		m.probeNameWay(now)
		return
	}
	if !t.dst.IsValid() {
		return
	}
	if t.facts.Proxied && t.facts.Fresh == netcheck.Answered {
		// The way to the proxy works. What is behind it?
		if t.facts.Tunnel == netcheck.Asked {
			if m.proxy.via.Scheme() == "http" {
				m.askAlive(now)
			}
			m.askFarName(now)
		}
		return
	}
	t.probed = true
	m.readNeighbours()
	w := t.facts.Way
	if w.Index == 0 || w.Loopback {
		return
	}
	m.askGateway()
	round := t.round
	t.facts.Host = netcheck.Asked
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

// askGateway asks the next hop, with all who ask it now.
func (m *Monitor) askGateway() {
	t := m.trouble
	w, round := t.facts.Way, t.round
	if w.Index == 0 || w.Loopback || !w.Gateway.IsValid() {
		return
	}
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
		if a.Deepest != t.facts.Way.Gateway && a.Deepest != t.dst.Addr() && !t.facts.Proxied {
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
		m.note(m.near(), t.dst.Addr().String(), netcheck.SeenAnswers, a.HostRTT, "the host answers another question")
	}
	if a.Host == netcheck.Silent && t.facts.Host == netcheck.Asked {
		t.facts.Host = netcheck.Silent
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
	now := m.hub.now()
	switch all := m.ackedAll(info, now); {
	case all && info.lastAck == ackAgeUnknown && info.bytes > 0:
		t.facts.SessionAcked = netcheck.NotKnown // what is under way may be old or new
	case all && info.lastAck < now-t.lost:
		t.facts.SessionAcked = netcheck.Yes
		m.note(m.near(), m.s.Remote, netcheck.SeenOK, 0, "its kernel acknowledges what is sent")
	}
}

// ackedAll reports whether the peer acknowledged all that it can have: not what left within the last round trip.
func (m *Monitor) ackedAll(info tcpInfo, now time.Duration) bool {
	beats := int(info.unacked)
	if info.bytes > 0 {
		beats = (info.bytes + m.sess.size - 1) / m.sess.size
	}
	return beats <= m.sess.sentSince(now-info.rtt*3/2-50*time.Millisecond)
}

// dialAgain sends a SYN beside the first: a lost one is sent again by the kernel only after a second. It also asks a
// server or a proxy again that may be ending.
func (m *Monitor) dialAgain(now time.Duration) {
	t := m.trouble
	if t == nil || t.fresh != nil || t.local.Broken() {
		return
	}
	more := m.s.State == Suspect && m.wayRTT() >= longWay && t.dials+len(t.tunnels) < longWayAsk
	switch {
	case more && t.facts.Proxied && t.facts.Tunnel == netcheck.Asked:
		t.hurry = true
	case t.facts.Fresh == netcheck.Asked, t.facts.Proxied && t.facts.Tunnel == netcheck.NotAsked:
	default:
		return
	}
	m.dialFresh(now)
	if more {
		m.set(timerSecond, now+longWaySYN)
	}
}
