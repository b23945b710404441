package monitor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"

	"holdfast/monitor/heartbeat"
	"holdfast/netcheck"
)

// The figures of the rules (measured; each says what it is for).
const (
	// lateTimer: a timer of ours that fires later than this says that this program was not run; nothing is judged then.
	lateTimer = 120 * time.Millisecond
	// heldUpShown: a longer stop is shown, because "green" would have claimed an answer within the last second.
	heldUpShown = time.Second

	// retransmits: a segment lost in a short hole is sent again after 200 ms and after 600 ms on a quiet way. Silence is
	// judged only when both had their time, and 20 ms more; see judgeSilenceAt for longer ways.
	retransmits = 670 * time.Millisecond
	// longHole: a segment that is sent again so long after it was lost is no longer lost in the same short hole.
	longHole = 350 * time.Millisecond
	// A way on which so many segments were sent again, one in each lossyEvery or more, loses all the time.
	lossyFrom  = 5
	lossyEvery = 15 * time.Second
	// secondLook: silence is judged at the earliest this long after the deadline passed.
	secondLook = 420 * time.Millisecond
	// suspectSYN: one lost SYN is no witness either; another follows it. On a long way two do, each longWaySYN later: TCP's own
	// retransmissions of them come too late. A first beat there, and a tunnel, are asked for as often.
	suspectSYN = 150 * time.Millisecond
	longWay    = 100 * time.Millisecond
	longWaySYN = 100 * time.Millisecond
	longWayAsk = 3
	// shakyFor: a long way on which a silence ended by itself is expected to fall silent again for so long.
	shakyFor = time.Minute
	// unsureLimit: a Suspect session of which nothing can be named is called Down after this time all the same.
	unsureLimit = 450 * time.Millisecond
	// freshBeatPatience: a fresh connection's silence is no witness before; it may have died in the same short hole.
	freshBeatPatience = 650 * time.Millisecond

	// rereadAfter: news of a local break comes in mid-change; it is read again after this time.
	rereadAfter = 40 * time.Millisecond
	// localPatience: a local break becomes Down this long after it was read again, unless it heals.
	localPatience = 400 * time.Millisecond
	// settleAfterRepair: frames in the first moments of a port are lost, and an ARP request among them costs 1.03 s.
	settleAfterRepair = 50 * time.Millisecond
	// carrierGrace: what TCP needs to send again what was lost while the carrier was away.
	carrierGrace = 1300 * time.Millisecond

	// localUserTimeout: while the local way is broken the kernel must not end the session: it may go on after the repair.
	localUserTimeout = time.Minute

	// Before connecting: probes go out after quiet, a second SYN after secondSYN, silence is named after nameSilence, and
	// an attempt ends after attemptLimit.
	quietBeforeProbes = 250 * time.Millisecond
	secondSYN         = 400 * time.Millisecond
	nameSilence       = 1100 * time.Millisecond
	attemptLimit      = 2100 * time.Millisecond
	// firstAnswer: a server that accepts at once may be slow; its silence is named this long after the first SYN.
	firstAnswer = 1250 * time.Millisecond
	// silenceReplaces: silence replaces a cause that is shown only this long after it was last found.
	silenceReplaces = 2 * time.Second

	// wakeGrace: after a sleep adapters and networks take their time; nothing is called an outage before.
	wakeGrace = 5 * time.Second
	// wakeNews: the system says so late that the computer has woken; timers that were due meanwhile come first.
	wakeNews = 3 * time.Second
	// renewWithin: a session that the server ended in order is renewed, not alarmed, when the next one is Up within this.
	renewWithin = time.Second
	// habitLife: a session that lived shorter was not ended by habit.
	habitLife = 3 * time.Second
	// stableLife: after a session that lived this long the back-off begins anew.
	stableLife = 10 * time.Second
	// lifePatience: bytes that answer nothing are life, but not for ever.
	lifePatience = 3 * time.Second

	keepaliveSlack = 400 * time.Millisecond // heartbeat none: an acknowledgement older than TCP_KEEPIDLE and this is overdue
	stalledAfter   = 2 * time.Second        // past its own deadline a monitor counts as stalled
)

type timer uint8

const (
	timerBeat       timer = iota // the next heartbeat, or look at the last acknowledgement
	timerOverdue                 // the oldest unanswered beat becomes overdue
	timerPatience                // life without an answer has lasted too long
	timerDecide                  // silence has had its time
	timerReread                  // a local break is read again
	timerLocalDown               // a local break becomes Down
	timerRepaired                // a local repair has settled
	timerProbe                   // before connecting: ask gateway and path
	timerSecond                  // before connecting: a second SYN
	timerAttemptEnd              // an attempt has had its time
	timerRetry                   // the next attempt
	timerKnock                   // the next knock
	timerRenew                   // a renewal has had its time
	timerBegin                   // the first attempt of all
	numTimers
)

// A Monitor keeps the session to one target. Make it with New, or let a Fleet make many. Its methods may be called from
// any goroutine.
type Monitor struct {
	hub      *hub
	alone    bool // the hub is this Monitor's own
	slot     int
	name     string
	via      string // as it was given, password and all; never published
	host     string // what is dialled: the target, or the proxy before it
	port     uint16
	fixed    netip.Addr // the host, when it is an address
	proxy    *proxyWay  // nil when direct
	newProto func() heartbeat.Protocol

	snap       atomic.Pointer[Snapshot]
	way        atomic.Pointer[netcheck.Way] // of the session, or of the last look-up; nil none
	calm       atomic.Bool                  // Idle or Up: only a break of its own way concerns it
	liveRTT    atomic.Int64
	liveAnswer atomic.Int64 // on the hub's clock
	judgeBy    atomic.Int64 // on the hub's clock: when it will have judged again; 0 never
	trace      *trace

	mu      sync.Mutex // guards inbox, reading and the wish to stop
	inbox   []func()
	reading net.Conn      // what the owner may be blocked in; nil: it waits for the bell
	bell    chan struct{} // capacity 1; nil while the owner reads, and before it first waits

	// The rest belongs to the goroutine in Run.
	ctx     context.Context
	over    bool
	grown   bool      // the goroutine's stack has grown since it was fresh
	s       *Snapshot // as it will be published next; read it, and write through edit
	frozen  bool      // s was published: the next edit makes a copy
	timers  [numTimers]time.Duration
	sess    *session
	bears   int        // the interface that is watched closely for this target; 0 none
	heeds   netip.Addr // the destination whose routes are heeded; invalid none
	trouble *trouble
	backoff *backoff.ExponentialBackOff
	asking  sync.WaitGroup

	ahead      time.Duration // what hub.ahead said last
	awakeUntil time.Duration // after a sleep: until then the network may still be coming up
	stalledAt  time.Duration // when a stop was last found that looked as if only this program had not been run; 0 never
	stalledFor time.Duration // how long it was

	shakyAt  time.Duration // when a silence of the session last ended by itself; 0 never
	lastLife time.Duration // how long the last session lived that the server ended in order
	endedAt  time.Duration // when a session was ended in order that may be renewed; 0 none
	shrinks  int           // lives in a row that were shorter than the one before
	shortRow int           // sessions in a row that ended before habitLife
	habit    bool          // the pending renewal would be the second of its kind
}

var errFarPast = time.Unix(1, 0)

// New returns a Monitor for one target. It does nothing before Run. The error is a *TargetError.
func New(t Target) (*Monitor, error) {
	askSystem(context.Background(), []Target{t})
	m, err := newMonitor(newHub(nil, 0), t, 0)
	if err != nil {
		return nil, err
	}
	m.alone = true
	return m, nil
}

func newMonitor(h *hub, t Target, slot int) (*Monitor, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	t = t.WithDefaults()
	host, port, err := splitAddress(t.Address)
	if err != nil {
		return nil, &TargetError{Name: t.Name, Field: "address", Err: err}
	}
	newProto, err := heartbeat.New(t.Heartbeat, t.Send, t.Expect)
	if err != nil {
		return nil, &TargetError{Name: t.Name, Field: "heartbeat", Err: err}
	}
	via, err := t.way()
	if err != nil {
		return nil, &TargetError{Name: t.Name, Field: "via", Err: err}
	}
	m := &Monitor{hub: h, slot: slot, name: t.Name, via: t.Via, host: host, port: port, newProto: newProto}
	if via.IsProxy() {
		m.proxy = &proxyWay{via: via, far: t.Address}
		if _, err := netip.ParseAddr(host); err != nil {
			m.proxy.name = host
		}
		m.host, m.port = via.Host(), via.Port()
		host = m.host
	}
	if a, err := netip.ParseAddr(host); err == nil {
		m.fixed = a.Unmap()
	}
	if h.trace > 0 {
		m.trace = newTrace(h.trace)
	}
	now := time.Now()
	m.s = &Snapshot{Time: now, Seq: 1, Target: t.withoutSecrets(), State: Idle, Since: now}
	if via.IsProxy() {
		m.s.Proxy = via.WithoutCredentials().String()
	}
	m.snap.Store(m.s)
	m.frozen = true
	m.calm.Store(true)
	return m, nil
}

// Run keeps the session until ctx ends, and returns when every goroutine that it started has ended. It may be called
// once. The error is ctx's.
func (m *Monitor) Run(ctx context.Context) error {
	if m.alone {
		var wg sync.WaitGroup
		wctx, stop := context.WithCancel(ctx)
		defer wg.Wait()
		defer stop()
		wg.Go(func() { _ = m.hub.watch(wctx) })
		defer m.hub.feed.end()
		defer m.hub.asking.Wait()
	}
	stop := context.AfterFunc(ctx, m.stop)
	defer stop()
	ended := make(chan struct{})
	m.run(ctx, func() { close(ended) })
	<-ended
	return ctx.Err()
}

// stop ends what run began.
func (m *Monitor) stop() { m.post(func() { m.over = true }) }

// run takes the Monitor into the care of a goroutine until stop; ended is called when nothing of it is left. ctx is only
// the parent of the questions' contexts: one context for each of thousands of targets would cost more than the session.
func (m *Monitor) run(ctx context.Context, ended func()) {
	m.hub.mu.Lock()
	m.hub.monitors[m] = struct{}{}
	m.hub.mu.Unlock()
	m.ctx = ctx
	m.ahead = m.hub.ahead(m.hub.now())
	// Thousands that start at once would fill memory and network at once: eight begin every 10 ms.
	m.set(timerBegin, m.hub.now()+time.Duration(m.slot/8)*slotEvery)
	m.own(ended)
}

// own is the goroutine that owns the Monitor. A handshake and a diagnosis make its stack grow, and the runtime never
// shrinks one to less than four times what is in use: a fifth of a thousand stayed at 8 KiB for good. So a session that
// has come Up is handed to a fresh goroutine, which needs 4.
func (m *Monitor) own(ended func()) {
	for !m.over {
		m.drain()
		if m.over {
			break
		}
		due := m.act(m.hub.now())
		if m.grown && m.s.State == Up {
			m.grown = false
			go m.own(ended)
			return
		}
		m.wait(due)
	}
	defer ended()
	m.endTrouble()
	m.closeSession()
	m.asking.Wait()
	m.drain() // what was posted last closes its connection
	m.closeSession()
	m.forgetWay()
	m.judgeBy.Store(0)
	m.hub.mu.Lock()
	delete(m.hub.monitors, m)
	m.hub.mu.Unlock()
}

// post hands f to the owner and wakes it. It never blocks.
func (m *Monitor) post(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inbox = append(m.inbox, f)
	if m.reading != nil {
		_ = m.reading.SetReadDeadline(errFarPast)
		return
	}
	if m.bell == nil {
		return // the owner looks into the inbox before it waits
	}
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func (m *Monitor) drain() {
	for {
		m.mu.Lock()
		todo := m.inbox
		m.inbox = nil
		m.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, f := range todo {
			f()
		}
	}
}

// wait blocks until something was posted, the session has something to say, or due has come (0: no timer).
func (m *Monitor) wait(due time.Duration) {
	if m.sess == nil {
		m.waitBell(due)
		return
	}
	s := m.sess
	m.mu.Lock()
	if len(m.inbox) > 0 {
		m.mu.Unlock()
		return
	}
	m.reading, m.bell = s.conn, nil
	var deadline time.Time
	if due > 0 {
		deadline = m.hub.base.Add(due)
	}
	_ = s.conn.SetReadDeadline(deadline)
	m.mu.Unlock()
	n, err := s.conn.Read(s.buf[:])
	m.mu.Lock()
	m.reading = nil
	posted := len(m.inbox) > 0
	m.mu.Unlock()
	if err == nil || !isTimeout(err) {
		if m.slept(m.hub.now()) > 0 {
			s.noSample = s.n // what comes now says nothing about the round trip
		}
	}
	if n > 0 {
		m.received(s, n)
	}
	switch {
	case err == nil:
	case isTimeout(err):
		if !posted {
			m.woke(due)
		}
	default:
		m.drain()
		if m.sess == s {
			m.sessionEnded(err)
		}
	}
}

func isTimeout(err error) bool {
	if err == os.ErrDeadlineExceeded { // what a socket says twice a beat, bare
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() && errnoOf(err) == 0
}

func (m *Monitor) waitBell(due time.Duration) {
	m.mu.Lock()
	if len(m.inbox) > 0 {
		m.mu.Unlock()
		return
	}
	if m.bell == nil {
		m.bell = make(chan struct{}, 1)
	}
	bell := m.bell
	m.mu.Unlock()
	if due <= 0 {
		<-bell
		return
	}
	t := time.NewTimer(due - m.hub.now())
	defer t.Stop()
	select {
	case <-bell:
	case <-t.C:
		m.woke(due)
	}
}

// woke is called when a timer of ours fired: was it in time?
func (m *Monitor) woke(due time.Duration) {
	now := m.hub.now()
	late := max(0, now-due)
	if slept := m.slept(now); slept > 0 {
		m.heldUp(now, late, slept, netcheck.Asleep)
		return
	}
	if late >= heldUpShown {
		m.stalledAt, m.stalledFor = now, late
	}
	if late > lateTimer {
		m.heldUp(now, late, late, netcheck.Stalled)
	}
}

// slept reports how long the computer slept since this was last asked; 0 mostly.
func (m *Monitor) slept(now time.Duration) time.Duration {
	ahead := m.hub.ahead(now)
	by := ahead - m.ahead
	m.ahead = ahead
	if by < heldUpShown {
		return 0
	}
	m.awakeUntil = now + wakeGrace
	return by
}

// resumed: the system says that the computer slept.
func (m *Monitor) resumed() {
	now := m.hub.now()
	slept := m.slept(now)
	m.awakeUntil = now + wakeGrace
	var late time.Duration // where the clock of the timers went on meanwhile
	for _, at := range m.timers {
		if at != 0 {
			late = max(late, now-at)
		}
	}
	if slept == 0 && late >= heldUpShown {
		slept = late // Modern Standby stops programs, and need not stop any clock
	}
	switch {
	case slept > 0:
		m.heldUp(now, late, slept, netcheck.Asleep)
	case m.stalledAt != 0 && now-m.stalledAt <= wakeNews:
		m.wasAsleep(now, m.stalledFor) // Modern Standby, and a timer came before the news
	}
	m.stalledAt = 0
	if m.s.State == Down {
		m.reconnect()
	}
}

func (m *Monitor) set(t timer, at time.Duration) { m.timers[t] = max(at, 1) }

func (m *Monitor) clear(ts ...timer) {
	for _, t := range ts {
		m.timers[t] = 0
	}
}

// act does what is due and returns when the next thing is; 0 when nothing is.
func (m *Monitor) act(now time.Duration) time.Duration {
	// Whatever an action sets for a moment that has passed is done in the next round, after the inbox.
	for t := range numTimers {
		if at := m.timers[t]; at != 0 && at <= now {
			m.timers[t] = 0
			m.fire(t, now)
		}
	}
	var due time.Duration
	for _, at := range m.timers {
		if at != 0 && (due == 0 || at < due) {
			due = at
		}
	}
	if due == 0 {
		m.judgeBy.Store(0)
	} else {
		m.judgeBy.Store(int64(due))
	}
	return due
}

func (m *Monitor) fire(t timer, now time.Duration) {
	switch t {
	case timerBeat:
		m.beat(now)
	case timerOverdue:
		m.beatOverdue(now)
	case timerPatience:
		m.outOfPatience(now)
	case timerDecide:
		m.decide(now)
	case timerReread:
		m.reread(now)
	case timerLocalDown:
		m.localDown(now)
	case timerRepaired:
		m.repaired(now)
	case timerProbe:
		m.probe(now)
	case timerSecond:
		m.dialAgain(now)
	case timerAttemptEnd:
		m.attemptTimedOut(now)
	case timerRetry:
		m.attempt(now)
	case timerKnock:
		m.knock(now)
	case timerRenew:
		m.renewalFailed(now)
	case timerBegin:
		m.begin()
	}
}

// begin starts watching.
func (m *Monitor) begin() {
	m.clear(timerBegin)
	if m.over || m.s.State != Idle {
		return
	}
	m.forgetBackoff()
	m.edit().Attempt, m.edit().Attempts = 0, nil
	m.turn(started)
	m.attempt(m.hub.now())
}

// nextWait returns the pause before the next attempt. The back-off is made when it is needed: most targets are Up.
func (m *Monitor) nextWait() time.Duration {
	if m.backoff == nil {
		m.newBackoff()
	}
	return m.backoff.NextBackOff()
}

// forgetBackoff begins the pauses anew.
func (m *Monitor) forgetBackoff() { m.backoff = nil }

func (m *Monitor) newBackoff() {
	// Jitter is applied after the cap too, so that a herd never falls into step: 12.5 s and a fifth is 15 s at most.
	m.backoff = backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(250*time.Millisecond), backoff.WithMultiplier(1.6),
		backoff.WithRandomizationFactor(0.2), backoff.WithMaxInterval(12500*time.Millisecond),
		backoff.WithMaxElapsedTime(0)) // 0: never gives up
}

// Reconnect asks for an attempt now. It does nothing while the target is Up or paused.
func (m *Monitor) Reconnect() { m.post(m.reconnect) }

func (m *Monitor) reconnect() {
	if m.over || m.s.State != Down && m.s.State != Connecting && m.s.State != Suspect {
		return
	}
	if m.trouble != nil && m.trouble.attempting {
		return // clicks collapse
	}
	m.forgetBackoff()
	m.attempt(m.hub.now())
}

// Pause ends the session and watches no more until Resume.
func (m *Monitor) Pause() { m.post(m.pause) }

func (m *Monitor) pause() {
	m.clear(timerBegin)
	if m.s.State == Idle {
		return
	}
	m.closeOutage(m.hub.now())
	m.endAttempt(netcheck.CauseNone, false)
	m.endTrouble()
	m.closeSession()
	m.timers = [numTimers]time.Duration{}
	m.endedAt = 0
	m.edit().Verdict, m.edit().RetryAt, m.edit().UpSince = netcheck.Verdict{}, time.Time{}, time.Time{}
	m.edit().Evidence, m.edit().Keepalive, m.edit().RTT, m.edit().LegRTT = nil, Keepalive{}, 0, 0
	m.liveRTT.Store(0)
	m.liveAnswer.Store(0)
	m.forgetWay()
	m.turn(paused)
	m.publish(StateEvent)
}

// Resume watches again after Pause.
func (m *Monitor) Resume() { m.post(m.begin) }

// Snapshot returns the present state.
func (m *Monitor) Snapshot() Snapshot {
	s := *m.snap.Load()
	if s.State == Up || s.State == Suspect {
		if rtt := m.liveRTT.Load(); rtt > 0 {
			s.RTT = time.Duration(rtt)
		}
		if at := m.liveAnswer.Load(); at > 0 {
			s.LastAnswer = m.hub.wall(time.Duration(at))
		}
		s.Time = time.Now()
	}
	return s
}

// Subscribe begins a subscription; with beats it carries a BeatEvent for every answered heartbeat. Close it.
func (m *Monitor) Subscribe(beats bool) *Subscription {
	return m.hub.feed.subscribe(beats, []*Monitor{m})
}

// setWay remembers the way to judge, and has its interface watched closely until it is forgotten: through an outage too,
// so that the repair is heard.
func (m *Monitor) setWay(w netcheck.Way) {
	m.way.Store(&w)
	index := w.Index
	if w.Loopback {
		index = 0
	}
	if old := m.bears; old != index {
		m.bears = index
		hold(m.hub, m.hub.borne, index, m.hub.watcher.Bear)
		letGo(m.hub, m.hub.borne, old)
	}
}

// heed has news of routes to dst told, whatever interface they are of.
func (m *Monitor) heed(dst netip.Addr) {
	if old := m.heeds; old != dst {
		m.heeds = dst
		hold(m.hub, m.hub.heeded, dst, m.hub.watcher.Heed)
		letGo(m.hub, m.hub.heeded, old)
	}
}

// forgetWay ends both watches.
func (m *Monitor) forgetWay() {
	m.way.Store(nil)
	letGo(m.hub, m.hub.borne, m.bears)
	letGo(m.hub, m.hub.heeded, m.heeds)
	m.bears, m.heeds = 0, netip.Addr{}
}

// announce publishes the first snapshot of a target that was just added.
func (m *Monitor) announce() {
	m.hub.feed.publish(queued{m: m, snap: m.snap.Load()})
}

// remove publishes that the target is gone. The goroutine in run has ended.
func (m *Monitor) remove() {
	s := *m.snap.Load()
	s.Seq++
	m.hub.feed.publish(queued{m: m, snap: &s, removed: true})
}

// stalled reports whether the monitor should have judged long ago.
func (m *Monitor) stalled(now time.Duration) bool {
	by := time.Duration(m.judgeBy.Load())
	return by != 0 && now > by+stalledAfter
}

// turn applies a trigger; it reports whether the state changed. The caller publishes.
func (m *Monitor) turn(t trigger) bool {
	to := next(m.s.State, t)
	if to == m.s.State {
		return false
	}
	m.edit().State = to
	m.edit().Since = time.Now()
	m.calm.Store(to == Idle || to == Up)
	return true
}

func (m *Monitor) publish(k EventKind) { m.publishAs(queued{kind: k}) }

func (m *Monitor) publishAs(q queued) {
	m.edit().Seq++
	m.edit().Time = time.Now()
	if rtt := m.liveRTT.Load(); rtt > 0 {
		m.edit().RTT = time.Duration(rtt)
	}
	if at := m.liveAnswer.Load(); at > 0 {
		m.edit().LastAnswer = m.hub.wall(time.Duration(at))
	}
	m.snap.Store(m.s)
	m.frozen = true
	q.m, q.snap = m, m.s
	m.hub.feed.publish(q)
}

// publishAlso reports one more kind of event with the snapshot that was published last.
func (m *Monitor) publishAlso(k EventKind) { m.hub.feed.publish(queued{m: m, snap: m.s, kind: k}) }

// edit returns the snapshot to be published next, for writing. A published one is never written to.
func (m *Monitor) edit() *Snapshot {
	if m.frozen {
		c := *m.s
		m.s, m.frozen = &c, false
	}
	return m.s
}

// note keeps one observation: the newest on each hop for views, and all of them for the verdict of this trouble.
func (m *Monitor) note(hop netcheck.Hop, where string, seen netcheck.Seen, rtt time.Duration, saw string) {
	e := netcheck.Evidence{Time: time.Now(), Hop: hop, Where: where, Seen: seen, RTT: rtt, Saw: saw}
	m.edit().Evidence = withEvidence(m.s.Evidence, e)
	if t := m.trouble; t != nil && seen != netcheck.SeenAsked {
		if len(t.evidence) >= 48 {
			t.evidence = append(t.evidence[:8:8], t.evidence[16:]...)
		}
		t.evidence = append(t.evidence, e)
	}
}

// hopOrder is the order on the way.
var hopOrder = map[netcheck.Hop]int{netcheck.HopLink: 1, netcheck.HopGateway: 2, netcheck.HopResolver: 3,
	netcheck.HopProxy: 4, netcheck.HopPath: 5, netcheck.HopServer: 6, netcheck.HopService: 7}

// withEvidence returns a copy of list with e in the place of its hop: published slices are never written to.
func withEvidence(list []netcheck.Evidence, e netcheck.Evidence) []netcheck.Evidence {
	out := make([]netcheck.Evidence, 0, len(list)+1)
	placed := false
	for _, o := range list {
		if !placed && hopOrder[o.Hop] >= hopOrder[e.Hop] {
			out = append(out, e)
			placed = true
		}
		if o.Hop != e.Hop {
			out = append(out, o)
		}
	}
	if !placed {
		out = append(out, e)
	}
	return out
}

// plain is an error of the system or the resolver in a few words, without the addresses that stand beside it anyway.
func plain(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	if e := errnoOf(err); e != 0 {
		return saying(e)
	}
	return err.Error()
}

// nameOutcome reads a resolver's error: Silent when it only did not answer in time.
func nameOutcome(err error) (o netcheck.Outcome, unknown bool) {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return netcheck.Failed, true
	case errors.As(err, &dns) && dns.IsTimeout, isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return netcheck.Silent, false
	}
	return netcheck.Failed, false
}
