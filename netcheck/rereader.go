package netcheck

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is the pace at which interfaces that bear a session are read where the system's news is not to be had.
	lookEvery = 100 * time.Millisecond
	// readEvery is the pace of addresses and routes there: they are read whole, and there may be thousands of routes.
	readEvery = 500 * time.Millisecond
	// waitEvery is the pace of everything there while some destination has no way: what is waited for is the change.
	waitEvery = 200 * time.Millisecond
	// readBeneath is the pace of interfaces that bear a session beneath news that is heard, in case some never comes, and
	// readAllBeneath of all the rest.
	readBeneath    = time.Second
	readAllBeneath = 5 * time.Second
)

// newsKinds is how many subscriptions a rereader's news comes by: of interfaces, of addresses, of routes.
const newsKinds = 3

// A rereader is a Watcher for a system whose news is only heard as a wake-up: it reads all that counts again, and compares.
// Beneath it reads from time to time all the same: seldom where every subscription has spoken, as each does once when it
// begins, and often where one has not.
type rereader struct {
	board
	log  *slog.Logger
	made time.Time // it looks at whole multiples of its pace after it
	sys  *ipHelper
	// subscribe has heard called, from any thread, with the number of a subscription that has spoken; heard never blocks.
	// After stop has returned it is called no more.
	subscribe func(heard func(kind int)) (stop func(), err error)

	spoken              [newsKinds]atomic.Bool
	messages, ifaceRead atomic.Uint64
}

func newRereader(log *slog.Logger, sys *ipHelper, subscribe func(func(int)) (func(), error)) *rereader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &rereader{board: newBoard(), log: log, made: time.Now(), sys: sys, subscribe: subscribe}
}

// Stats are the counts since the Watcher was made.
func (w *rereader) Stats() WatcherStats {
	return WatcherStats{Messages: w.messages.Load(), Changes: w.changes.Load(), CarrierReads: w.ifaceRead.Load()}
}

func (w *rereader) hear(kind int) {
	w.messages.Add(1)
	w.spoken[kind].Store(true)
	w.ring()
}

// hears reports whether every subscription has spoken.
func (w *rereader) hears() bool {
	for i := range w.spoken {
		if !w.spoken[i].Load() {
			return false
		}
	}
	return true
}

// Run listens until ctx ends, then returns nil. It must not run twice at the same time.
func (w *rereader) Run(ctx context.Context) error {
	for i := range w.spoken {
		w.spoken[i].Store(false)
	}
	stop, err := w.subscribe(w.hear)
	if err != nil {
		w.log.Warn("the system tells no news of the network, it is read again and again", "err", err)
	}
	defer stop()
	var (
		was   = w.readAll(view{})
		read  = time.Now()
		look  = time.NewTimer(time.Hour) // stopped while there is nothing to look at: no wake-up
		again = time.NewTimer(time.Hour) // for news that was held back
		quiet = make(map[news]time.Time)
		due   = map[news]struct{}{{}: {}} // what happened before this moment was not heard
	)
	look.Stop()
	again.Stop()
	defer look.Stop()
	defer again.Stop()
	for index := range was.ifaces {
		due[news{index: index}] = struct{}{}
	}
	for {
		w.mu.Lock()
		listeners := w.listeners
		borne, heeded := len(w.borne), len(w.heeded)
		w.mu.Unlock()
		if next := w.hand(listeners, due, quiet); next > 0 {
			again.Reset(next)
		}
		if pace := w.pace(borne, heeded, was.lost()); pace > 0 {
			look.Reset(pace - time.Since(w.made)%pace)
		} else {
			look.Stop()
		}
		woken := false
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			continue
		case <-look.C:
		case <-w.wake:
			woken = true
		}
		since := time.Since(read)
		if woken && since < coalesce { // a VPN that comes up changes a hundred routes
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(coalesce - since):
			}
			since = coalesce
		}
		var is view
		if woken || since >= w.whole(was) {
			is, read = w.readAll(was), time.Now()
		} else {
			is = w.readIfaces(was)
		}
		is.compare(was, due)
		was = is
	}
}

// pace is how often Run looks at anything of itself; 0 never.
func (w *rereader) pace(borne, heeded int, lost bool) time.Duration {
	switch {
	case borne == 0 && (heeded == 0 || w.hears()):
		return 0
	case w.hears():
		return readBeneath
	case borne == 0 && lost:
		return waitEvery
	case borne == 0:
		return readEvery
	}
	return lookEvery
}

// whole is how old addresses and routes may become before a look is one at all.
func (w *rereader) whole(was view) time.Duration {
	switch {
	case w.hears():
		return readAllBeneath - readBeneath/2
	case was.lost():
		return waitEvery - lookEvery/2
	}
	return readEvery - lookEvery/2
}

// A view is what a rereader compares.
type view struct {
	ifaces map[int]ifaceView // of what is borne
	ways   map[netip.Addr]wayView
	routes uint64 // the sum of all routes, while nobody heeds a destination; 0 else
}

type ifaceView struct {
	state LinkState
	addrs uint64 // the sum of its addresses
}

type wayView struct {
	index       int
	hop, source netip.Addr
	lost        bool // there is none
}

// readAll reads what counts now. What cannot be read stays as it was.
func (w *rereader) readAll(was view) view {
	is := w.readIfaces(was)
	w.mu.Lock()
	heeded := make([]netip.Addr, 0, len(w.heeded))
	for dst := range w.heeded {
		heeded = append(heeded, dst)
	}
	w.mu.Unlock()
	sys := w.sys.once()
	addrs, err := sys.addrs()
	if err != nil {
		is.ways, is.routes = was.ways, was.routes
		return is
	}
	for index, i := range is.ifaces {
		i.addrs = 0
		for _, a := range addrs {
			if a.index == index {
				i.addrs += sum(a.ip, byte(a.dad), byte(a.bits))
			}
		}
		is.ifaces[index] = i
	}
	is.ways = make(map[netip.Addr]wayView, len(heeded))
	for _, dst := range heeded {
		if isLocalRow(addrs, dst) || dst.IsLoopback() || dst.IsUnspecified() {
			is.ways[dst] = wayView{source: dst}
			continue
		}
		r, source, err := sys.lookup(dst, 0, addrs)
		switch before, known := was.ways[dst]; {
		case err == nil:
			is.ways[dst] = wayView{index: r.index, hop: r.hop, source: source}
		case noWay(err):
			is.ways[dst] = wayView{lost: true}
		case known:
			is.ways[dst] = before
		}
	}
	if len(heeded) == 0 && len(is.ifaces) > 0 {
		is.routes = sys.routeSum(was.routes)
	}
	return is
}

// readIfaces reads only the interfaces that are borne.
func (w *rereader) readIfaces(was view) view {
	w.mu.Lock()
	is := view{ifaces: make(map[int]ifaceView, len(w.borne)), ways: was.ways, routes: was.routes}
	for index := range w.borne {
		is.ifaces[index] = was.ifaces[index]
	}
	w.mu.Unlock()
	for index, i := range is.ifaces {
		w.ifaceRead.Add(1)
		row, err := w.sys.iface(index)
		switch {
		case err == nil:
			i.state = row.state()
		case errors.Is(err, errNoInterface):
			i.state = LinkGone
		}
		is.ifaces[index] = i
	}
	return is
}

// lost reports whether some destination has no way.
func (v view) lost() bool {
	for _, way := range v.ways {
		if way.lost {
			return true
		}
	}
	return false
}

// compare puts what differs into due.
func (v view) compare(was view, due map[news]struct{}) {
	for index, i := range v.ifaces {
		if before, known := was.ifaces[index]; !known || i != before {
			due[news{index: index}] = struct{}{}
		}
	}
	for dst, way := range v.ways {
		if before, known := was.ways[dst]; known && way != before {
			due[news{}] = struct{}{}
		}
	}
	if v.routes != 0 && was.routes != 0 && v.routes != was.routes {
		due[news{}] = struct{}{}
	}
}

// once returns a helper that reads each table once, for one look at many destinations.
func (h *ipHelper) once() *ipHelper {
	c := *h
	c.addrs = sync.OnceValues(h.addrs)
	four := sync.OnceValues(func() ([]routeRow, error) { return h.routes(false) })
	six := sync.OnceValues(func() ([]routeRow, error) { return h.routes(true) })
	c.routes = func(v6 bool) ([]routeRow, error) {
		if v6 {
			return six()
		}
		return four()
	}
	return &c
}

// routeSum is the sum of all routes; was where they cannot be read.
func (h *ipHelper) routeSum(was uint64) uint64 {
	total := uint64(1)
	for _, v6 := range [...]bool{false, true} {
		rows, err := h.routes(v6)
		if err != nil {
			return was
		}
		for _, r := range rows {
			total += sum(r.dst.Addr(), byte(r.dst.Bits()), byte(r.index), byte(r.index>>8), byte(r.metric), byte(r.metric>>8)) +
				3*sum(r.hop)
		}
	}
	return total
}

// sum is a number for an address and what belongs to it. Such numbers are added up, so their order does not count.
func sum(a netip.Addr, more ...byte) uint64 {
	f := fnv.New64a()
	if a.IsValid() { // As16 of none panics
		b := a.As16()
		_, _ = f.Write(b[:])
	}
	_, _ = f.Write(more)
	return f.Sum64()
}
