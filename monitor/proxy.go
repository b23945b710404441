package monitor

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"holdfast/internal/dial"
	"holdfast/netcheck"
)

// The figures for the way through a proxy.
const (
	// goneFor: a proxy that ends a tunnel and then refuses, or hangs up, is asked again every gonePause for this long before
	// it has a name: one that restarts would be misnamed by the first thing that it says.
	goneFor   = 400 * time.Millisecond
	gonePause = 60 * time.Millisecond
	// lateReply: a refusal that took longer came because the proxy had waited for the server in vain.
	lateReply = 500 * time.Millisecond

	// A proxy keeps each request for a tunnel until its own connect gives up, after two minutes with Linux, and whoever
	// hangs up does not shorten that. One a second filled 96 of tinyproxy's 100 clients in 95 s. So a request that is not
	// answered is repeated every tunnelFast for tunnelFastFor, then every tunnelSlow, and each is waited for: the proxy's
	// own SYN retries fill the gaps.
	tunnelFast    = time.Second
	tunnelFastFor = 5 * time.Second
	tunnelSlow    = 5 * time.Second
	tunnelKept    = 17 * time.Second

	// All targets behind one proxy share these: so many requests may wait for an answer there, those that were given up
	// within tunnelStuck counted; beyond that one every tunnelSlow, up to tunnelsMost.
	tunnelsAtOnce = 48
	tunnelsMost   = 72
	tunnelStuck   = 130 * time.Second

	// loginPause: where a proxy did not take user and password, each further try may lock the user out.
	loginPause = 10 * time.Minute
	// personKnocks: what needs a person is knocked at for so long only.
	personKnocks = time.Minute
)

// A proxyWay is a way through a proxy.
type proxyWay struct {
	via        dial.Via
	far        string       // the target, "host:port"
	name       string       // its host, when that is a name
	nameUsedTo netcheck.Tri // No: the proxy knew the name when this computer's resolver did not
}

// keeps reports whether the Monitor is already of that target, and goes the way that it would go now.
func (m *Monitor) keeps(t Target) bool {
	t = t.WithDefaults()
	if m.via != t.Via || m.snap.Load().Target != t.withoutSecrets() {
		return false
	}
	way, err := t.way()
	return err == nil && way == m.route()
}

// route is the way that the target's came to when the Monitor was made.
func (m *Monitor) route() dial.Via {
	if m.proxy == nil {
		return dial.Via{}
	}
	return m.proxy.via
}

// near is the hop that is dialled.
func (m *Monitor) near() netcheck.Hop {
	if m.proxy != nil {
		return netcheck.HopProxy
	}
	return netcheck.HopServer
}

// A tunnel is one request for a tunnel that waits for its answer.
type tunnel struct {
	proxy  netip.AddrPort
	at     time.Duration
	beside bool // dialled because an earlier SYN was not answered: of no use once that one was
}

// mayAskProxy allows one more request for a tunnel, and enters it in the proxy's books; nil when it has to wait.
func (m *Monitor) mayAskProxy(now time.Duration) *tunnel {
	t := m.trouble
	if n := len(t.tunnels); n > 0 && !t.hurry {
		pause := tunnelFast
		if now-t.unansweredSince >= tunnelFastFor {
			pause = tunnelSlow
		}
		if now-t.tunnels[n-1].at < pause {
			return nil
		}
	}
	t.hurry = false
	return m.hub.enterTunnel(t.dst, now)
}

// askTunnel asks the proxy at the other end of s for a tunnel to the target.
func (m *Monitor) askTunnel(ctx context.Context, t *trouble, s *session, u *tunnel, now time.Duration) {
	if t.facts.Tunnel != netcheck.Asked {
		t.facts.Tunnel, t.facts.Says, t.facts.TunnelLate = netcheck.Asked, "", false
		t.tunnelAt = now
	}
	if m.proxy.via.Scheme() != "http" && t.facts.Greeting == netcheck.NotAsked {
		t.facts.Greeting = netcheck.Asked
	}
	if len(t.tunnels) == 0 && t.unansweredSince == 0 {
		t.unansweredSince = now
	}
	t.tunnels = append(t.tunnels, u)
	if m.s.State == Suspect && t.ended == 0 && m.proxy.via.Scheme() == "http" {
		m.askAlive(now) // all questions at once
	}
	m.awaitTunnel(now)
	via, far := m.proxy.via, m.proxy.far
	m.asking.Go(func() {
		kept, cancel := context.WithTimeout(ctx, tunnelKept)
		defer cancel()
		began := m.hub.now()
		reply, rest, err := dial.Through(kept, s.conn, via, far, dial.Options{Trace: func(e dial.Event) {
			if e.Step == dial.StepGreeting && e.Ended && e.Err == nil {
				m.post(func() { m.greeted(t, ctx, e.Took) })
			}
		}})
		took := m.hub.now() - began
		if err == nil {
			s.born = m.hub.now()
			if s.proto != nil && len(rest) > 0 {
				s.feed(rest, s.born) // what the server said first
			}
			m.post(func() { m.tunnelStands(t, ctx, u, s, took) })
			return
		}
		m.post(func() { m.tunnelFailed(t, ctx, u, reply, err, took) })
	})
}

// awaitTunnel sets the clock by which a silent proxy is judged.
func (m *Monitor) awaitTunnel(now time.Duration) {
	if m.s.State != Suspect {
		m.set(timerDecide, max(m.timers[timerDecide], now+m.tunnelPatience()))
	}
}

// tunnelPatience is how long a request for a tunnel may go unanswered: the silence of a session is the other witness,
// without one it has to be longer.
func (m *Monitor) tunnelPatience() time.Duration {
	t := m.trouble
	if t.facts.HadSession && t.facts.Session == netcheck.Silent {
		return secondLook - 20*time.Millisecond + m.wayRTT()
	}
	return freshBeatPatience + m.wayRTT()
}

func (m *Monitor) greeted(t *trouble, ctx context.Context, took time.Duration) {
	if m.trouble != t || ctx.Err() != nil {
		return
	}
	t.facts.Greeting = netcheck.Answered
	m.note(netcheck.HopProxy, t.dst.String(), netcheck.SeenAnswers, took, "answers the SOCKS greeting")
}

// tunnelOver takes the request off the books; false when nobody wants to know any more.
func (m *Monitor) tunnelOver(t *trouble, ctx context.Context, u *tunnel, answered bool) bool {
	if answered {
		m.hub.leaveTunnel(u)
	}
	t.tunnels = slices.DeleteFunc(t.tunnels, func(o *tunnel) bool { return o == u })
	if answered {
		t.unansweredSince = 0
	}
	return m.trouble == t && ctx.Err() == nil
}

// tunnelStands: the proxy has reached the server.
func (m *Monitor) tunnelStands(t *trouble, ctx context.Context, u *tunnel, s *session, took time.Duration) {
	now := m.hub.now()
	if !m.tunnelOver(t, ctx, u, true) || t.fresh != nil || t.freshSess != nil {
		_ = s.conn.Close()
		return
	}
	t.facts.Fresh, t.facts.Tunnel = netcheck.Answered, netcheck.Answered
	m.note(netcheck.HopProxy, t.dst.String(), netcheck.SeenAnswers, took, "opens the tunnel")
	m.note(netcheck.HopServer, m.proxy.far, netcheck.SeenOK, 0, "the proxy has reached it")
	m.freshConnected(ctx, t, s, took, now)
}

// tunnelFailed: the proxy said no, hung up, or was silent for as long as anybody waits.
func (m *Monitor) tunnelFailed(t *trouble, ctx context.Context, u *tunnel, reply dial.Reply, err error, took time.Duration) {
	now := m.hub.now()
	var de *dial.Error
	if !errors.As(err, &de) {
		de = &dial.Error{Err: err}
	}
	silent := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || isTimeout(err)
	if !m.tunnelOver(t, ctx, u, !silent) || silent {
		return // silence; the clock decides
	}
	if t.fresh != nil {
		return // another one stands
	}
	where := t.dst.String()
	says := reply.Says()
	t.facts.Says, t.facts.TunnelLate = says, took > lateReply
	switch {
	case says != dial.SaidNothing:
		t.facts.Tunnel = netcheck.Failed
		seen := netcheck.SeenRefused
		if aboutServer(says) || says == dial.SaidFailed || says == dial.SaidName {
			seen = netcheck.SeenAnswers
		}
		m.note(netcheck.HopProxy, where, seen, took, de.Err.Error())
		switch says {
		case dial.SaidRefused:
			m.note(netcheck.HopServer, m.proxy.far, netcheck.SeenRefused, 0, "connection refused, says the proxy")
		case dial.SaidHostUnreachable, dial.SaidTimeout:
			m.note(netcheck.HopServer, m.proxy.far, netcheck.SeenSilent, 0, "no answer, says the proxy")
		}
	case errors.Is(err, dial.ErrProtocol):
		t.facts.Tunnel, t.facts.Says = netcheck.Failed, netcheck.SaidNonsense
		m.note(netcheck.HopProxy, where, netcheck.SeenBroken, took, de.Err.Error())
	case de.Step == dial.StepReply && m.proxy.via.Scheme() != "http":
		// It took the greeting and hangs up on the request: OpenSSH's -D says "no" in no other way.
		says = dial.SaidFailed
		t.facts.Tunnel, t.facts.Says = netcheck.Failed, says
		m.note(netcheck.HopProxy, where, netcheck.SeenAnswers, took, "hung up on the request for a tunnel")
	case errors.Is(err, io.EOF):
		t.facts.Tunnel = netcheck.Closed
		m.note(netcheck.HopProxy, where, netcheck.SeenBroken, took, de.Err.Error())
	default:
		t.facts.Tunnel = netcheck.Reset
		m.note(netcheck.HopProxy, where, netcheck.SeenBroken, took, "reset a new connection")
	}
	if hungUp := t.facts.Tunnel != netcheck.Failed; hungUp || t.facts.ProxyGone {
		t.facts.ProxyGone = t.facts.ProxyGone || hungUp
		if m.askGoneAgain(now) {
			return
		}
	}
	if needsName(says) {
		m.askFarName(now)
	}
	m.consider(now)
}

// aboutServer reports whether the reply tells of the server, so that the proxy itself is in order.
func aboutServer(s netcheck.Said) bool {
	return s == dial.SaidRefused || s == dial.SaidHostUnreachable || s == dial.SaidTimeout || s == dial.SaidNetUnreachable
}

// isPolicy: a rule explains no silence of a session that stands.
func isPolicy(s netcheck.Said) bool {
	return s == dial.SaidAuth || s == dial.SaidDenied || s == dial.SaidUnsupported || s == netcheck.SaidNonsense
}

// needsName: the proxy may only have failed to look up the name.
func needsName(s netcheck.Said) bool {
	return s == dial.SaidName || s == dial.SaidFailed || s == dial.SaidHostUnreachable || s == dial.SaidUnsupported
}

// askGoneAgain asks a proxy again that ended the session a moment ago and is no longer there; false when its time is
// over.
func (m *Monitor) askGoneAgain(now time.Duration) bool {
	t := m.trouble
	if m.proxy == nil || t.ended == 0 || now-t.ended >= goneFor {
		return false
	}
	t.facts.Fresh, t.facts.Tunnel, t.facts.FreshBeat, t.askedAt = netcheck.Asked, netcheck.NotAsked, netcheck.NotAsked, now
	m.set(timerSecond, now+gonePause)
	return true
}

// askAlive asks the proxy, once a round, something that it answers by itself: a proxy whose far side is silent does, one
// that hangs does not. All targets behind it share the question.
func (m *Monitor) askAlive(now time.Duration) {
	t := m.trouble
	if t == nil || t.aliveAt != 0 || !t.dst.IsValid() || t.local.Broken() {
		return
	}
	if t.facts.ProxyAlive == netcheck.NotAsked {
		t.facts.ProxyAlive = netcheck.Asked
	}
	round := t.round
	t.aliveAt = m.hub.askAlive(m.ctx, m.proxy.via, t.dst, m.s.Target.Keepalive, func(a proxyAnswer) {
		m.post(func() {
			if m.trouble == t && t.round == round && !t.local.Broken() {
				m.proxySaid(a)
			}
		})
	})
}

func (m *Monitor) proxySaid(a proxyAnswer) {
	t := m.trouble
	where := t.dst.String()
	switch {
	case a.err != nil:
		switch {
		case t.facts.Fresh != netcheck.Answered:
			m.dialFailed(t, a.err, where, a.took, m.hub.now())
		case isRefused(errnoOf(a.err)): // it has stopped since it accepted the last one
			t.facts.ProxyAlive = netcheck.Refused
			m.note(netcheck.HopProxy, where, netcheck.SeenRefused, a.took, "connection refused")
			m.consider(m.hub.now())
		}
	case !a.lives:
		if t.facts.Fresh == netcheck.Asked {
			t.facts.Fresh = netcheck.Answered
			m.note(netcheck.HopProxy, where, netcheck.SeenAnswers, a.took, "accepts connections")
		}
	default:
		t.facts.ProxyAlive = netcheck.Answered
		m.note(netcheck.HopProxy, where, netcheck.SeenAnswers, a.took, "answers a question of its own")
		m.consider(m.hub.now())
	}
}

// askFarName asks this computer's own resolver, once a round, for the name that the proxy was given: where it fails too,
// the name is to blame, not the way. A session that stands needs no name any more.
func (m *Monitor) askFarName(now time.Duration) {
	t := m.trouble
	if m.proxy.name == "" || t.farAt != 0 || t.facts.HadSession && m.sess != nil {
		return
	}
	t.farAt, t.facts.FarName, t.facts.FarNameUsedTo = now, netcheck.Asked, m.proxy.nameUsedTo
	m.note(netcheck.HopResolver, m.proxy.name, netcheck.SeenAsked, 0, "")
	m.set(timerDecide, max(m.timers[timerDecide], now+freshBeatPatience))
	m.lookUp(m.proxy.name, 2, func(addrs []netip.Addr, err error, took time.Duration) {
		m.farNameKnown(t, addrs, err, took)
	})
}

func (m *Monitor) farNameKnown(t *trouble, addrs []netip.Addr, err error, took time.Duration) {
	if t.facts.FarName == netcheck.Answered || t.facts.FarName == netcheck.Failed {
		return
	}
	if err == nil && len(addrs) > 0 {
		t.facts.FarName = netcheck.Answered
		m.note(netcheck.HopResolver, m.proxy.name, netcheck.SeenAnswers, took, "the name is "+addrs[0].Unmap().String()+" here")
		m.consider(m.hub.now())
		return
	}
	outcome, unknown := nameOutcome(err)
	if outcome == netcheck.Silent {
		return // the other look-up may still answer; the clock decides
	}
	t.facts.FarName, t.facts.FarNameUnknown = outcome, unknown
	m.noteNoName(m.proxy.name, err, unknown)
	m.consider(m.hub.now())
}

// decideProxy turns what is overdue behind a proxy into silence, or sets the clock for it.
func (m *Monitor) decideProxy(now time.Duration) {
	t := m.trouble
	f := &t.facts
	later := func(at time.Duration) {
		if d := m.timers[timerDecide]; d == 0 || at < d {
			m.set(timerDecide, at)
		}
	}
	asked := secondLook - 20*time.Millisecond + m.wayRTT()
	if f.ProxyAlive == netcheck.Asked && t.aliveAt != 0 {
		if now-t.aliveAt >= asked {
			f.ProxyAlive = netcheck.Silent
		} else {
			later(t.aliveAt + asked)
		}
	}
	if f.FarName == netcheck.Asked {
		if now-t.farAt >= freshBeatPatience {
			f.FarName = netcheck.Silent
			m.note(netcheck.HopResolver, m.proxy.name, netcheck.SeenSilent, 0, "no answer to the look-up")
		} else {
			later(t.farAt + freshBeatPatience)
		}
	}
	if f.Fresh != netcheck.Answered || f.Tunnel != netcheck.Asked || t.tunnelAt == 0 {
		return
	}
	if patience := m.tunnelPatience(); now-t.tunnelAt < patience {
		later(t.tunnelAt + patience)
		return
	}
	f.Tunnel = netcheck.Silent
	saw := "no answer to the request for a tunnel for " + (now - t.tunnelAt).Round(10*time.Millisecond).String()
	switch {
	case f.Greeting == netcheck.Asked:
		f.Greeting = netcheck.Silent
		m.note(netcheck.HopProxy, t.dst.String(), netcheck.SeenSilent, 0, "takes a connection and does not answer its greeting")
	case f.ProxyAlive == netcheck.Silent:
		m.note(netcheck.HopProxy, t.dst.String(), netcheck.SeenSilent, 0, "takes connections and answers nothing")
	default:
		m.note(netcheck.HopServer, m.proxy.far, netcheck.SeenSilent, 0, saw)
	}
	if f.ProxyAlive == netcheck.NotAsked && f.Greeting != netcheck.Answered {
		m.askAlive(now)
	}
}

// A proxyAnswer is one step of the answer to "do you live?": the connection failed (err), was accepted, or was answered.
type proxyAnswer struct {
	err   error
	lives bool
	took  time.Duration
}

// proxyLife is the newest such question to one proxy.
type proxyLife struct {
	askedAt time.Duration
	over    bool
	said    []proxyAnswer
	tell    []func(proxyAnswer)
}

// aliveShared is how long after it was put a question that is over still serves others.
const aliveShared = 300 * time.Millisecond

// askAlive asks a proxy whether it lives, for all targets behind it: whoever asks while the question is under way, or soon
// after, shares it. It returns when it was put. tell is called, from any goroutine, with each step of the answer; it must
// not block. ctx is that of the whole hub.
func (h *hub) askAlive(ctx context.Context, via dial.Via, dst netip.AddrPort, k Keepalive, tell func(proxyAnswer)) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if q := h.lives[dst]; q != nil && (!q.over || now-q.askedAt < aliveShared) {
		for _, a := range q.said {
			tell(a)
		}
		q.tell = append(q.tell, tell)
		return q.askedAt
	}
	q := &proxyLife{askedAt: now, tell: []func(proxyAnswer){tell}}
	h.lives[dst] = q
	say := func(a proxyAnswer) {
		h.mu.Lock()
		defer h.mu.Unlock()
		q.said = append(q.said, a)
		for _, f := range q.tell {
			f(a)
		}
	}
	h.asking.Go(func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			q.over, q.tell = true, nil
		}()
		ctx, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		conn, err := h.sys.dial(ctx, dst, k)
		took := h.now() - now
		if err != nil {
			say(proxyAnswer{err: err, took: took})
			return
		}
		defer conn.Close()
		say(proxyAnswer{took: took})
		if err := dial.Alive(ctx, conn, via); isTimeout(err) || ctx.Err() != nil {
			return // silence; the clock decides
		}
		// Whoever hangs up is alive too: the kernel of a stopped program does not.
		say(proxyAnswer{lives: true, took: h.now() - now - took})
	})
	return now
}

// enterTunnel enters one more request for a tunnel in the books of a proxy, which all targets behind it share; nil when
// too many wait there already.
func (h *hub) enterTunnel(proxy netip.AddrPort, now time.Duration) *tunnel {
	h.mu.Lock()
	defer h.mu.Unlock()
	waiting := slices.DeleteFunc(h.proxies[proxy], func(u *tunnel) bool { return now-u.at > tunnelStuck })
	n := len(waiting)
	if n >= tunnelsMost || n >= tunnelsAtOnce && now-waiting[n-1].at < tunnelSlow {
		h.proxies[proxy] = waiting
		return nil
	}
	u := &tunnel{proxy: proxy, at: now}
	h.proxies[proxy] = append(waiting, u)
	return u
}

// leaveTunnel takes a request off the books that was answered, or never sent. One that nobody waits for any more still
// waits at the proxy.
func (h *hub) leaveTunnel(u *tunnel) {
	if u == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	left := slices.DeleteFunc(h.proxies[u.proxy], func(o *tunnel) bool { return o == u })
	if len(left) == 0 {
		delete(h.proxies, u.proxy)
		return
	}
	h.proxies[u.proxy] = left
}
