package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/internal/dial"
	"holdfast/netcheck"
)

// system is every question that is put to the operating system, so that tests can answer them.
type system struct {
	dial        func(ctx context.Context, dst netip.AddrPort, k Keepalive) (net.Conn, error)
	resolve     func(ctx context.Context, host string) ([]netip.Addr, error)
	egress      func(dst netip.Addr) (netcheck.Way, error)
	nameServer  func() netip.Addr
	judge       func(netcheck.Way) netcheck.LinkState
	explain     func(dst netip.Addr) (disabled, noCarrier, noAddress string)
	neighbour   func(netcheck.Way) (netcheck.NeighbourState, time.Duration)
	askGateway  func(ctx context.Context, w netcheck.Way) netcheck.GatewayAnswer
	askPath     func(ctx context.Context, w netcheck.Way, dst netip.AddrPort, report func(netcheck.PathAnswer)) netcheck.PathAnswer
	readSocket  func(conn net.Conn, asked Keepalive) Keepalive
	keepalive   func(conn net.Conn, k Keepalive, on bool)
	userTimeout func(net.Conn, time.Duration)
	nudge       func(net.Conn, Keepalive)
	tcpInfo     func(net.Conn) (tcpInfo, bool)
	hasInput    func(net.Conn) bool
	bootAhead   func() time.Duration
	onResume    func(ctx context.Context, resumed func())
	crossCheck  func(context.Context) []netcheck.Evidence // nil where the system says nothing of the network as a whole
}

func realSystem() system {
	s := system{
		dial: dialSession,
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			// A Resolver of its own: the default one makes look-ups of one name that overlap share one question, so that
			// whoever asks again would wait for the answer to a question that was lost.
			addrs, err := new(net.Resolver).LookupNetIP(ctx, "ip", host)
			return addrs, confirmed(ctx, host, err)
		},
		egress: netcheck.Egress, nameServer: netcheck.NameServer, judge: netcheck.Judge, explain: netcheck.Explain, neighbour: netcheck.Neighbour,
		askGateway: netcheck.AskGateway, askPath: netcheck.AskPath,
		readSocket: readSocket, keepalive: keepaliveOn, userTimeout: setUserTimeout, nudge: nudgeKeepalive, tcpInfo: readTCPInfo, hasInput: hasInput,
		bootAhead: boottimeAhead, onResume: watchResume,
	}
	if runtime.GOOS == "windows" {
		s.crossCheck = netcheck.CrossCheck
	}
	return s
}

// dialSession opens a connection with the session's options. While it is under way an ICMP error ends it at once; an
// *icmpError then says who sent it.
func dialSession(ctx context.Context, dst netip.AddrPort, k Keepalive) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var heard listener
	defer heard.close()
	c, err := dial.Direct(ctx, dst, func(raw syscall.RawConn) error {
		if err := setSocket(raw, k); err != nil {
			return err
		}
		heard.listen(raw, cancel)
		return nil
	})
	if e, ok := heard.icmp(); err != nil && ok {
		return nil, &icmpError{e, err}
	}
	if err != nil {
		return nil, err
	}
	heard.end(c)
	if s, err := slim(c); err == nil {
		return s, nil
	}
	return c, nil
}

// dialAny opens a connection to dst or, where a name has further addresses, to the first of them that answers (RFC 8305).
// Without any the error is that of dst.
func (h *hub) dialAny(ctx context.Context, dst netip.AddrPort, others []netip.Addr, k Keepalive) (net.Conn, netip.AddrPort, error) {
	if len(others) == 0 {
		c, err := h.sys.dial(ctx, dst, k)
		return c, dst, err
	}
	c, attempts, err := dial.Eyeballs(ctx, append([]netip.Addr{dst.Addr()}, others...), dst.Port(),
		func(ctx context.Context, at netip.AddrPort) (net.Conn, error) { return h.sys.dial(ctx, at, k) })
	for _, a := range attempts {
		if a.Won {
			return c, a.Addr, nil
		}
	}
	return nil, dst, err
}

// An icmpError is a dial that an ICMP error ended.
type icmpError struct {
	netcheck.ICMPError
	err error
}

func (e *icmpError) Error() string {
	return fmt.Sprintf("ICMP type %d code %d from %v: %v", e.Type, e.Code, e.Sender, e.err)
}

func (e *icmpError) Unwrap() error { return e.err }

// hub is what the monitors of a fleet share.
type hub struct {
	sys     system
	base    time.Time // the zero of the hub's clock; monotonic
	log     *slog.Logger
	trace   int
	beat    func(target string, at time.Time, rtt time.Duration) // Options.Beat; nil: nobody wants to know
	feed    feed
	watcher *netcheck.Watcher
	asking  sync.WaitGroup // questions that targets share
	aheadBy atomic.Int64   // what bootAhead said last
	aheadAt atomic.Int64   // when it was asked; 0 never

	mu       sync.Mutex // guards what follows
	monitors map[*Monitor]struct{}
	judged   map[netcheck.Way]judgement
	borne    map[int]*held        // interfaces that bear a target's way
	heeded   map[netip.Addr]*held // destinations
	gateways map[gatewayKey]*gateway
	proxies  map[netip.AddrPort][]*tunnel // requests for tunnels that wait, oldest first
	lives    map[netip.AddrPort]*proxyLife
}

type judgement struct {
	at    time.Duration
	state netcheck.LinkState
}

type gatewayKey struct {
	index int
	addr  netip.Addr
}

// gateway is what is known of one next hop: whether it ever answered while all was well, and the newest question.
type gateway struct {
	usedTo  netcheck.Tri
	askedAt time.Duration // when the newest question began
	done    bool          // it has been answered, or has run out
	answer  netcheck.GatewayAnswer
	waiting []func(netcheck.GatewayAnswer)
}

func newHub(log *slog.Logger, trace int) *hub {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &hub{
		sys: realSystem(), base: time.Now(), log: log, trace: trace,
		watcher:  netcheck.NewWatcher(log),
		monitors: map[*Monitor]struct{}{}, judged: map[netcheck.Way]judgement{}, gateways: map[gatewayKey]*gateway{},
		borne: map[int]*held{}, heeded: map[netip.Addr]*held{}, proxies: map[netip.AddrPort][]*tunnel{}, lives: map[netip.AddrPort]*proxyLife{},
	}
}

// now is the hub's clock: monotonic, so that a step of the wall clock moves nothing.
func (h *hub) now() time.Duration { return time.Since(h.base) }

// wall turns a moment of the hub's clock into a time to show.
func (h *hub) wall(at time.Duration) time.Time { return time.Now().Add(at - h.now()) }

// A slot of the grid holds so many targets, and there is one every 10 ms.
const (
	slotSize  = 32
	slotEvery = 10 * time.Millisecond
)

// grid returns the first moment after the given one at which a target of that slot may beat. All beats of the process
// snap to one grid: targets that wake together cost a fraction of targets that wake alone. Few beat together, and many do
// not beat all at once.
func (h *hub) grid(after, interval time.Duration, slot int) time.Duration {
	phase := time.Duration(slot/slotSize) * slotEvery % interval
	k := (after - phase) / interval
	return phase + (k+1)*interval
}

// watch listens to the kernel until ctx ends.
func (h *hub) watch(ctx context.Context) error {
	stop := h.watcher.Changes(h.changed)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { h.sys.onResume(ctx, h.resumed) })
	return h.watcher.Run(ctx)
}

// resumed: the computer has slept. Each target looks at its clocks now, and not only when its next timer is due.
func (h *hub) resumed() {
	h.aheadAt.Store(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.judged)
	for m := range h.monitors {
		m.post(m.resumed)
	}
}

// judge answers for a way; targets that share a way share the answer for as long as maxAge.
func (h *hub) judge(w netcheck.Way, maxAge time.Duration) netcheck.LinkState {
	now := h.now()
	key := w
	h.mu.Lock()
	if j, ok := h.judged[key]; ok && now-j.at < maxAge {
		h.mu.Unlock()
		return j.state
	}
	h.mu.Unlock()
	state := h.sys.judge(w)
	h.mu.Lock()
	if len(h.judged) > 4096 {
		clear(h.judged)
	}
	h.judged[key] = judgement{now, state}
	h.mu.Unlock()
	return state
}

// held is one watch that many targets share.
type held struct {
	users   int
	release func()
}

// hold begins the watch on k for one more target; letGo takes it back. The zero key is no watch.
func hold[K comparable](h *hub, in map[K]*held, k K, watch func(K) func()) {
	var zero K
	if k == zero {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w := in[k]
	if w == nil {
		w = &held{release: watch(k)}
		in[k] = w
	}
	w.users++
}

func letGo[K comparable](h *hub, in map[K]*held, k K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := in[k]; w != nil {
		if w.users--; w.users == 0 {
			w.release()
			delete(in, k)
		}
	}
}

// changed is the kernel's news. Only the ways that it may concern are judged again, each once, and only the targets whose
// way is not whole, or that are in trouble anyway, are woken.
func (h *hub) changed(c netcheck.Change) {
	h.mu.Lock()
	clear(h.judged)
	ms := make([]*Monitor, 0, len(h.monitors))
	for m := range h.monitors {
		ms = append(ms, m)
	}
	h.mu.Unlock()
	for _, m := range ms {
		w := m.way.Load()
		calm := m.calm.Load()
		if w == nil {
			if !calm {
				m.post(m.linkNews)
			}
			continue
		}
		if w.Loopback && calm {
			continue
		}
		if calm && (c.Neighbour || !c.All && c.Index != w.Index) {
			continue
		}
		if !calm || h.judge(*w, time.Second).Broken() {
			m.post(m.linkNews)
		}
	}
}

// askGateway puts one question to a next hop for all targets behind it: whoever asks while it is under way, or within
// 300 ms of its answer, shares it. then is called once, from any goroutine, and must not block. ctx is that of the whole
// hub, not of one target: others wait for the answer too.
func (h *hub) askGateway(ctx context.Context, w netcheck.Way, then func(netcheck.GatewayAnswer)) {
	if !w.Gateway.IsValid() {
		return
	}
	h.mu.Lock()
	g := h.gatewayOf(w)
	now := h.now()
	if g.done && now-g.askedAt < 300*time.Millisecond {
		a := g.answer
		h.mu.Unlock()
		then(a)
		return
	}
	g.waiting = append(g.waiting, then)
	if !g.done {
		h.mu.Unlock()
		return
	}
	g.done, g.askedAt = false, now
	h.mu.Unlock()
	h.asking.Go(func() {
		qctx, cancel := context.WithTimeout(ctx, gatewayPatience)
		a := h.sys.askGateway(qctx, w)
		cancel()
		h.mu.Lock()
		g.done, g.answer = true, a
		if a.Outcome == netcheck.Answered {
			g.usedTo = netcheck.Yes
		}
		waiting := g.waiting
		g.waiting = nil
		h.mu.Unlock()
		for _, f := range waiting {
			f(a)
		}
	})
}

// gatewayPatience is how long a next hop may take to answer: it is one hop away.
const gatewayPatience = 600 * time.Millisecond

func (h *hub) gatewayOf(w netcheck.Way) *gateway {
	key := gatewayKey{w.Index, w.Gateway}
	g := h.gateways[key]
	if g == nil {
		g = &gateway{done: true, askedAt: -time.Hour}
		h.gateways[key] = g
	}
	return g
}

// baseline asks a next hop once while all is well, so that its silence means something later.
func (h *hub) baseline(ctx context.Context, w netcheck.Way, then func(netcheck.GatewayAnswer)) {
	if !w.Gateway.IsValid() {
		return
	}
	h.mu.Lock()
	g := h.gatewayOf(w)
	known := g.usedTo != netcheck.NotKnown
	a := g.answer
	h.mu.Unlock()
	if known {
		then(a)
		return
	}
	h.askGateway(ctx, w, func(a netcheck.GatewayAnswer) {
		if a.Outcome == netcheck.Silent {
			h.mu.Lock()
			if g.usedTo == netcheck.NotKnown {
				g.usedTo = netcheck.No
			}
			h.mu.Unlock()
		}
		then(a)
	})
}

func (h *hub) gatewayUsedTo(w netcheck.Way) netcheck.Tri {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gatewayOf(w).usedTo
}

// ahead is how far the clock that goes on in a sleep is ahead of the one that does not. It grows by the time slept; each
// target compares it with what it saw before. Asked at most every 10 ms, for all.
func (h *hub) ahead(now time.Duration) time.Duration {
	if at := time.Duration(h.aheadAt.Load()); at == 0 || now-at >= 10*time.Millisecond {
		h.aheadBy.Store(int64(h.sys.bootAhead()))
		h.aheadAt.Store(int64(max(now, 1)))
	}
	return time.Duration(h.aheadBy.Load())
}

// healed tells the targets that share the way of m that it is back: they need not wait for their next knock.
func (h *hub) healed(m *Monitor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for o := range h.monitors {
		if !o.calm.Load() && m.sharesWith(o) {
			o.post(o.knockSoon)
		}
	}
}

// errnoOf returns the errno inside err; 0 when there is none.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}
