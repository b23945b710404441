package netcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// carrierEvery is the pace at which the carrier of bearing interfaces is read: the kernel collects carrier news of
	// ordinary adapters once a second (net/core/link_watch.c), a read of the file shows it at once.
	carrierEvery = 100 * time.Millisecond
	// resubscribeFirst and resubscribeMost bound the pause before the subscription is renewed after an error.
	resubscribeFirst = 10 * time.Millisecond
	resubscribeMost  = 5 * time.Second
)

// newsGroups are the rtnetlink groups that can tell of a broken or a better way. A pulled cable sends only a link
// message, and so does an IPv4-only interface that is switched off; a VPN may change nothing but rules.
var newsGroups = []int{
	unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
	unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_NEXTHOP,
}

// A Watcher tells its listeners when the kernel's news may concern a way: then is the time to Judge. It tells that
// something changed, never what; the first news of a kind is handed on at once, what follows within 100 ms as one.
//
// Link, address and neighbour news count only for interfaces that bear a session (Bear), routes only when they are of
// such an interface or cover a destination that somebody heeds (Heed). All else, containers coming and going above all,
// is mostly dropped by a filter in the kernel and costs nothing. All methods may be called from any goroutine.
type Watcher struct {
	board
	log    *slog.Logger
	made   time.Time // carriers are read at whole multiples of carrierEvery after it
	groups []int     // tests leave some out
	rcvbuf int       // 0 is the system's default; tests make it small

	// The board's lock guards these too.
	pending map[news]struct{}
	readAll bool     // tests read the carrier where the kernel's news would do as well
	socket  *os.File // nil while not subscribed

	messages, overruns, resubscribed, carrierReads atomic.Uint64
}

// NewWatcher makes a Watcher; a nil logger logs nothing. It hears nothing until Run.
func NewWatcher(log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{board: newBoard(), log: log, made: time.Now(), groups: newsGroups, pending: make(map[news]struct{})}
}

// Stats are the counts since the Watcher was made.
func (w *Watcher) Stats() WatcherStats {
	return WatcherStats{
		Messages: w.messages.Load(), Changes: w.changes.Load(), Overruns: w.overruns.Load(),
		Resubscribed: w.resubscribed.Load(), CarrierReads: w.carrierReads.Load(),
	}
}

// note remembers news for the listeners.
func (w *Watcher) note(n news) {
	w.mu.Lock()
	w.pending[n] = struct{}{}
	w.mu.Unlock()
	w.ring()
}

// Run listens until ctx ends, then returns nil; every goroutine of it has ended by then. A lost subscription is renewed
// and told as a Change of All. It must not run twice at the same time.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { w.subscribe(ctx) })
	carriers := make(map[int]*carrier) // of what is borne; nil where there is nothing to read
	defer func() {
		cancel()
		w.mu.Lock()
		if w.socket != nil {
			w.socket.Close()
		}
		w.mu.Unlock()
		reader.Wait()
		for _, c := range carriers {
			c.close()
		}
		w.mu.Lock()
		w.dirty = true // a later Run opens the carrier files again
		w.mu.Unlock()
	}()

	var (
		look  = time.NewTimer(time.Hour) // at the carriers; stopped while there is none to read: no wake-up
		looks = false
		quiet = make(map[news]time.Time) // until then, news of this kind waits
		due   = make(map[news]struct{})
		timer = time.NewTimer(time.Hour)
	)
	timer.Stop()
	defer timer.Stop()
	look.Stop()
	defer look.Stop()
	w.mu.Lock()
	w.dirty = true
	w.mu.Unlock()
	w.ring()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-timer.C:
		case <-look.C:
			looks = false
			for index, c := range carriers {
				if c == nil {
					continue
				}
				w.carrierReads.Add(1)
				if c.changed() {
					due[news{index: index}] = struct{}{}
				}
			}
		}
		for _, index := range w.refresh(carriers) {
			due[news{index: index}] = struct{}{}
		}
		readable := false
		for _, c := range carriers {
			readable = readable || c != nil
		}
		switch {
		case readable && !looks:
			look.Reset(carrierEvery - time.Since(w.made)%carrierEvery)
		case !readable && looks:
			look.Stop()
		}
		looks = readable
		w.mu.Lock()
		for n := range w.pending {
			due[n] = struct{}{}
		}
		clear(w.pending)
		listeners := w.listeners
		w.mu.Unlock()
		if next := w.hand(listeners, due, quiet); next > 0 {
			timer.Reset(next)
		}
	}
}

// refresh brings the filter and the carrier files up to date with what is borne; it returns the interfaces newly borne.
func (w *Watcher) refresh(carriers map[int]*carrier) (fresh []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty {
		return nil
	}
	w.dirty = false
	if w.socket != nil {
		w.filter(w.socket)
	}
	for index, c := range carriers {
		if w.borne[index] == 0 {
			c.close()
			delete(carriers, index)
		}
	}
	for index := range w.borne {
		if _, ok := carriers[index]; !ok {
			carriers[index] = openCarrier(index, w.readAll)
			fresh = append(fresh, index)
		}
	}
	return fresh
}

// filter sets the socket's filter; w.mu is held.
func (w *Watcher) filter(socket *os.File) {
	indexes := make([]int, 0, len(w.borne))
	for index := range w.borne {
		indexes = append(indexes, index)
	}
	c, err := socket.SyscallConn()
	if err == nil {
		var inner error
		if err = c.Control(func(fd uintptr) { inner = attachFilter(int(fd), indexes) }); err == nil {
			err = inner
		}
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		// An older filter would hide what it should not; without one all is sorted out in this process.
		w.log.Debug("netlink filter", "err", err)
		if c != nil {
			_ = c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
		}
	}
}

// subscribe reads news until ctx ends, on one socket after the other.
func (w *Watcher) subscribe(ctx context.Context) {
	pause := resubscribeFirst
	for first := true; ; first = false {
		if !first {
			w.resubscribed.Add(1)
		}
		start := time.Now()
		err := w.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > resubscribeMost {
			pause = resubscribeFirst
		}
		level := slog.LevelDebug // said once, then it goes without saying
		if pause == resubscribeFirst {
			level = slog.LevelWarn
		}
		w.log.Log(ctx, level, "netlink news lost, subscribing again", "err", err, "in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, resubscribeMost)
	}
}

// read subscribes and notes news until the socket fails.
func (w *Watcher) read(ctx context.Context) error {
	socket, err := w.open()
	if err != nil {
		return err
	}
	defer socket.Close()
	w.mu.Lock()
	if ctx.Err() != nil {
		w.mu.Unlock()
		return ctx.Err()
	}
	w.socket = socket
	w.filter(socket) // what was borne meanwhile
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.socket = nil
		w.mu.Unlock()
	}()
	w.note(news{}) // what happened before this moment was not heard
	buf := make([]byte, 16<<10)
	for {
		n, err := socket.Read(buf)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			// The kernel dropped news; the socket goes on (netlink(7)).
			w.overruns.Add(1)
			w.note(news{})
			continue
		case errors.Is(err, io.EOF):
			continue // an empty datagram
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		for b := buf[:n]; len(b) > 0; {
			var m message
			if m, b, err = nextMessage(b); err != nil {
				w.messages.Add(1)
				w.note(news{}) // longer than the buffer, or not to be understood: something changed
				break
			}
			w.messages.Add(1)
			if what, ok := w.concerns(m); ok {
				w.note(what)
			}
		}
	}
}

func (w *Watcher) open() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	socket := os.NewFile(uintptr(fd), "netlink")
	if w.rcvbuf > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, w.rcvbuf)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		socket.Close()
		return nil, fmt.Errorf("bind netlink socket: %w", err)
	}
	for _, g := range w.groups {
		err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g)
		if err != nil && g == unix.RTNLGRP_NEXTHOP {
			continue // before Linux 5.3 there are no such objects
		}
		if err != nil {
			socket.Close()
			return nil, fmt.Errorf("join netlink group %d: %w", g, err)
		}
	}
	return socket, nil
}

// concerns says what a message may concern. It decides all by itself what the filter in the kernel decides, and more.
func (w *Watcher) concerns(m message) (n news, ok bool) {
	switch m.typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if len(m.data) < 8 {
			return news{}, true
		}
		n.index = int(ne.Uint32(m.data[4:]))
	case unix.RTM_NEWNEIGH:
		if len(m.data) < unix.SizeofNdMsg || ne.Uint16(m.data[8:])&(unix.NUD_REACHABLE|unix.NUD_FAILED) == 0 {
			return news{}, false
		}
		n.index, n.neighbour = int(ne.Uint32(m.data[4:])), true
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		r, err := parseRoute(m.data, 0, netip.Addr{})
		if err != nil {
			return news{}, true
		}
		return w.routeConcerns(r)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE, unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		return news{}, true
	default:
		return news{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return n, w.borne[n.index] > 0
}

func (w *Watcher) routeConcerns(r route) (n news, ok bool) {
	switch {
	case r.table == unix.RT_TABLE_LOCAL, r.flags&unix.RTM_F_CLONED != 0:
		return news{}, false // addresses have their own news; a cached exception is no route
	case r.typ == unix.RTN_LOCAL, r.typ == unix.RTN_BROADCAST, r.typ == unix.RTN_ANYCAST, r.typ == unix.RTN_MULTICAST:
		return news{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := r.dst.Addr(); r.dst.Bits() > 0 && (a.IsLinkLocalUnicast() || a.IsMulticast()) {
		return news{index: r.index}, w.borne[r.index] > 0
	}
	if len(w.heeded) == 0 || w.borne[r.index] > 0 || !r.dst.IsValid() {
		return news{}, true
	}
	for dst := range w.heeded {
		if r.dst.Contains(dst) {
			return news{}, true
		}
	}
	return news{}, false
}

// A carrier is the carrier of one interface, read from its open file.
type carrier struct {
	index int
	fd    int // -1: asked by netlink, where the file is not to be had
	last  int8
}

// openCarrier returns nil where there is nothing to read: loopback, or no such interface. Nor is there, unless all is
// set, for one that is stacked on another: the kernel tells of its carrier at once (linkwatch_urgent_event in
// net/core/link_watch.c), and looking ten times a second would be for nothing.
func openCarrier(index int, all bool) *carrier {
	t, err := openTalk()
	if err != nil {
		return nil
	}
	l, err := t.linkByIndex(index, true)
	t.done(err)
	if err != nil || l.flags&unix.IFF_LOOPBACK != 0 || l.stacked && !all {
		return nil
	}
	c := &carrier{index: index, fd: -1}
	// /sys shows the namespace it was mounted in, which need not be ours: the index tells.
	dir := filepath.Join("/sys/class/net", l.name)
	if b, err := os.ReadFile(filepath.Join(dir, "ifindex")); err == nil && strings.TrimSpace(string(b)) == strconv.Itoa(index) {
		if fd, err := unix.Open(filepath.Join(dir, "carrier"), unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			c.fd = fd
		}
	}
	c.last = c.read()
	return c
}

// read returns 1, 0, or -1 when there is nothing to be read: an interface that is switched off says EINVAL, one that is
// gone ENODEV.
func (c *carrier) read() int8 {
	if c.fd >= 0 {
		var b [4]byte
		for {
			n, err := unix.Pread(c.fd, b[:], 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 || b[0] != '0' && b[0] != '1' {
				return -1
			}
			return int8(b[0] - '0')
		}
	}
	t, err := openTalk()
	if err != nil {
		return c.last
	}
	l, err := t.linkByIndex(c.index, false)
	t.done(err)
	switch {
	case err != nil || l.flags&unix.IFF_UP == 0:
		return -1
	case l.flags&unix.IFF_LOWER_UP == 0:
		return 0
	}
	return 1
}

func (c *carrier) changed() bool {
	was := c.last
	c.last = c.read()
	return c.last != was
}

func (c *carrier) close() {
	if c != nil && c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}
