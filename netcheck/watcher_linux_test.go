package netcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A listener runs a Watcher until its test ends and collects what it tells.
type listener struct {
	*Watcher
	mu   sync.Mutex
	told []Change
}

func listen(t testing.TB, w *Watcher) *listener {
	t.Helper()
	l := &listener{Watcher: w}
	stop := w.Changes(func(c Change) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, c)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		stop()
	})
	if len(w.groups) > 0 {
		eventually(t, "subscribed", func() bool { return l.take().all })
	}
	return l
}

type summary struct {
	all   bool
	link  map[int]int
	neigh map[int]int
}

// take returns what was told since the last call.
func (l *listener) take() summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := summary{link: map[int]int{}, neigh: map[int]int{}}
	for _, c := range l.told {
		switch {
		case c.All:
			s.all = true
		case c.Neighbour:
			s.neigh[c.Index]++
		default:
			s.link[c.Index]++
		}
	}
	l.told = nil
	return s
}

// quiet waits until what was done is told and the windows are over, and forgets it.
func (l *listener) quiet(t testing.TB) {
	t.Helper()
	for last := time.Now(); time.Since(last) < 3*coalesce; time.Sleep(coalesce / 4) {
		if s := l.take(); s.all || len(s.link) > 0 || len(s.neigh) > 0 {
			last = time.Now()
		}
	}
}

func TestIntegrationWatcherTells(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24", "2001:db8:1::10/64")
	vm := cable(t, "vm0", "198.51.100.10/24")
	index := eth.Attrs().Index
	w := NewWatcher(nil)
	l := listen(t, w)
	defer w.Bear(index)()
	defer w.Heed(ip("203.0.113.7"))()
	eventually(t, "a Change answers Bear", func() bool { return l.take().link[index] > 0 })
	neighbour := func(state int) {
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: index, IP: net.IPv4(192, 0, 2, 1), State: state, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	}
	link := func(s summary) bool { return s.link[index] > 0 || s.all }
	all := func(s summary) bool { return s.all }
	for _, tt := range []struct {
		name string
		do   func()
		want func(summary) bool
	}{
		{"cable pulled", func() { must(t, netlink.LinkSetDown(mustLink(t, "eth9p"))) }, link},
		{"cable back", func() { must(t, netlink.LinkSetUp(mustLink(t, "eth9p"))) }, link},
		{"address added", func() { addAddr(t, eth, "192.0.2.11/24") }, link},
		{"address removed", func() { delAddr(t, eth, "192.0.2.11/24") }, link},
		{"IPv6 address removed", func() { delAddr(t, eth, "2001:db8:1::10/64") }, link},
		{"default route added", func() { addRoute(t, eth, "", "192.0.2.1", 9) }, all},
		{"default route removed", func() { delRoute(t, eth, "", "192.0.2.1", 9) }, all},
		{"a better route by another interface", func() { addRoute(t, vm, "203.0.113.0/24", "", 0) }, all},
		{"which goes", func() { delRoute(t, vm, "203.0.113.0/24", "", 0) }, all},
		{"default route by another interface", func() { addRoute(t, vm, "", "198.51.100.1", 9) }, all},
		{"a rule", func() {
			r := netlink.NewRule()
			r.Table, r.Priority, r.Family = 100, 100, netlink.FAMILY_V4
			must(t, netlink.RuleAdd(r))
		}, all},
		{"a neighbour found", func() { neighbour(netlink.NUD_REACHABLE) }, func(s summary) bool { return s.neigh[index] > 0 && s.link[index] == 0 }},
		{"a neighbour given up", func() { neighbour(netlink.NUD_FAILED) }, func(s summary) bool { return s.neigh[index] > 0 && s.link[index] == 0 }},
		{"interface switched off", func() { must(t, netlink.LinkSetDown(eth)) }, link},
		{"interface deleted", func() { must(t, netlink.LinkDel(eth)) }, link},
	} {
		l.quiet(t)
		start := time.Now()
		tt.do()
		for end := time.Now().Add(2 * time.Second); ; time.Sleep(100 * time.Microsecond) {
			if tt.want(l.take()) {
				t.Logf("%s: told after %v", tt.name, time.Since(start).Round(10*time.Microsecond))
				break
			}
			if time.Now().After(end) {
				t.Errorf("%s: not told", tt.name)
				break
			}
		}
	}
}

func TestIntegrationWatcherIgnoresContainers(t *testing.T) {
	for _, filter := range []string{"filter in the kernel", "filter in this process"} {
		t.Run(filter, func(t *testing.T) {
			if !inNamespace(t) {
				return
			}
			eth := cable(t, "eth9", "192.0.2.10/24")
			addRoute(t, eth, "", "192.0.2.1", 0)
			w := NewWatcher(nil)
			l := listen(t, w)
			defer w.Bear(eth.Attrs().Index)()
			defer w.Heed(ip("203.0.113.7"))()
			l.quiet(t)
			before := w.Stats()
			for i := range 100 {
				if filter == "filter in this process" && i%10 == 0 {
					w.mu.Lock() // as on a system that forbids it
					c, err := w.socket.SyscallConn()
					must(t, err)
					must(t, c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) }))
					w.mu.Unlock()
				}
				veth := netlink.Link(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "vx"}, PeerName: "vxp"})
				if i < 50 {
					must(t, netlink.LinkAdd(veth))
					veth = mustLink(t, "vx")
					addAddr(t, veth, "198.51.100.10/24")
					must(t, netlink.LinkSetUp(mustLink(t, "vxp")))
				} else if i == 50 {
					veth = cable(t, "vx", "198.51.100.10/24", "2001:db8:2::10/64")
				} else {
					veth = mustLink(t, "vx")
				}
				must(t, netlink.LinkSetUp(veth))
				must(t, netlink.LinkSetDown(veth))
				if i < 50 {
					must(t, netlink.LinkDel(veth))
				}
			}
			time.Sleep(2 * coalesce) // whatever was to be told was told by now
			if s := l.take(); s.all || len(s.link) > 0 || len(s.neigh) > 0 {
				t.Errorf("another interface's flaps woke the listener: %+v", s)
			}
			after := w.Stats()
			t.Logf("100 flaps: %d messages reached this process", after.Messages-before.Messages)
			if filter == "filter in the kernel" && after.Messages-before.Messages > 400 {
				t.Errorf("%d messages passed the filter", after.Messages-before.Messages)
			}
			must(t, netlink.LinkSetDown(mustLink(t, "eth9p")))
			eventually(t, "the own cable is still heard", func() bool { return l.take().link[eth.Attrs().Index] > 0 })
		})
	}
}

func TestIntegrationWatcherOverrun(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24")
	w := NewWatcher(nil)
	w.rcvbuf = 4096
	l := listen(t, w)
	l.quiet(t)
	w.mu.Lock() // the reader stands still
	for i := range 200 {
		addRoute(t, eth, fmt.Sprintf("203.0.113.%d/32", i+1), "", 0)
	}
	w.mu.Unlock()
	eventually(t, "an overrun is told", func() bool { return l.take().all && w.Stats().Overruns > 0 })
	l.quiet(t)
	addRoute(t, eth, "", "192.0.2.1", 0)
	eventually(t, "news is heard afterwards", func() bool { return l.take().all })
}

func TestIntegrationWatcherResubscribes(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24")
	w := NewWatcher(nil)
	l := listen(t, w)
	defer w.Bear(eth.Attrs().Index)()
	for range 3 {
		l.quiet(t)
		before := w.Stats().Resubscribed
		w.mu.Lock()
		w.socket.Close()
		w.mu.Unlock()
		eventually(t, "the new subscription is told", func() bool { return l.take().all && w.Stats().Resubscribed > before })
		l.quiet(t)
		addAddr(t, eth, "192.0.2.11/24")
		eventually(t, "news is heard on it", func() bool { return l.take().link[eth.Attrs().Index] > 0 })
		delAddr(t, eth, "192.0.2.11/24")
	}
}

func TestIntegrationStackedCarrierIsNotRead(t *testing.T) {
	if !inNamespaceWith(t, "netlink") {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24")
	if c := openCarrier(eth.Attrs().Index, false); c != nil {
		t.Errorf("an end of a veth pair is read: %+v", c)
	}
}

func TestIntegrationWatcherReadsCarrier(t *testing.T) {
	for _, how := range []string{"sysfs", "netlink"} {
		t.Run(how, func(t *testing.T) {
			if !inNamespaceWith(t, how) {
				return
			}
			eth := cable(t, "eth9", "192.0.2.10/24")
			index := eth.Attrs().Index
			c := openCarrier(index, true)
			if (c.fd >= 0) != (how == "sysfs") || c.last != 1 {
				t.Fatalf("carrier %+v by %s", c, how)
			}
			c.close()
			w := NewWatcher(nil)
			w.groups, w.readAll = nil, true // nothing but the carrier can tell
			l := listen(t, w)
			time.Sleep(3 * carrierEvery)
			if n := w.Stats().CarrierReads; n != 0 {
				t.Errorf("%d reads while nothing is borne", n)
			}
			lo := w.Bear(1)
			time.Sleep(3 * carrierEvery)
			if n := w.Stats().CarrierReads; n != 0 {
				t.Errorf("%d reads of loopback", n)
			}
			lo()
			release, second := w.Bear(index), w.Bear(index)
			l.quiet(t)
			for _, tt := range []struct {
				name string
				do   func() error
			}{
				{"cable pulled", func() error { return netlink.LinkSetDown(mustLink(t, "eth9p")) }},
				{"cable back", func() error { return netlink.LinkSetUp(mustLink(t, "eth9p")) }},
				{"switched off", func() error { return netlink.LinkSetDown(eth) }},
				{"switched on", func() error { return netlink.LinkSetUp(eth) }},
			} {
				start := time.Now()
				must(t, tt.do())
				eventually(t, tt.name, func() bool { return l.take().link[index] > 0 })
				t.Logf("%s: told after %v", tt.name, time.Since(start).Round(time.Millisecond))
				l.quiet(t)
			}
			release()
			release()
			before := w.Stats().CarrierReads
			time.Sleep(3 * carrierEvery)
			if w.Stats().CarrierReads == before {
				t.Error("the second session is forgotten")
			}
			second()
			time.Sleep(carrierEvery)
			before = w.Stats().CarrierReads
			time.Sleep(3 * carrierEvery)
			if n := w.Stats().CarrierReads - before; n != 0 {
				t.Errorf("%d reads after the last release", n)
			}
			// An interface that is deleted while it is borne.
			defer w.Bear(index)()
			l.quiet(t)
			must(t, netlink.LinkDel(eth))
			eventually(t, "deleted", func() bool { return l.take().link[index] > 0 })
		})
	}
}

func TestIntegrationWatcherLeaksNothing(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24")
	files := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(d)
	}
	w := NewWatcher(nil)
	var before int
	for i := range 60 {
		ctx, cancel := context.WithCancel(context.Background())
		told := make(chan struct{}, 1)
		stop := w.Changes(func(c Change) {
			if c.All || c.Index == eth.Attrs().Index {
				select {
				case told <- struct{}{}:
				default:
				}
			}
		})
		release := w.Bear(eth.Attrs().Index)
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		if i%2 == 0 {
			<-told
		}
		cancel()
		must(t, <-ended)
		stop()
		release()
		if i == 9 {
			before = files()
		}
	}
	if after := files(); after > before {
		t.Errorf("%d files open, %d before", after, before)
	}
}

// TestHand: the first news at once, what follows within 100 ms as one, other kinds not held back.
func TestHand(t *testing.T) {
	w := NewWatcher(nil)
	var told []Change
	f := func(c Change) { told = append(told, c) }
	listeners := []*func(Change){&f}
	due, quiet := map[news]struct{}{{index: 2}: {}}, map[news]time.Time{}
	if next := w.hand(listeners, due, quiet); next != 0 || len(told) != 1 || told[0] != (Change{Index: 2}) {
		t.Fatalf("first: %v, next %v", told, next)
	}
	due[news{index: 2}], due[news{index: 3}], due[news{index: 2, neighbour: true}] = struct{}{}, struct{}{}, struct{}{}
	if next := w.hand(listeners, due, quiet); next <= 0 || next > coalesce || len(told) != 3 {
		t.Fatalf("second of one kind, first of two others: %v, next %v", told, next)
	}
	due[news{}] = struct{}{}
	if next := w.hand(listeners, due, quiet); next != 0 || len(told) != 4 || told[3] != (Change{All: true}) {
		t.Fatalf("all, which says what was held back too: %v, next %v", told, next)
	}
	quiet[news{}] = time.Now().Add(-time.Millisecond)
	due[news{}] = struct{}{}
	if next := w.hand(listeners, due, quiet); next != 0 || len(told) != 5 {
		t.Fatalf("after the pause: %v, next %v", told, next)
	}
}

func TestNewsConcerns(t *testing.T) {
	w := NewWatcher(nil)
	w.Bear(2)
	link := func(typ uint16, index uint32) message {
		return message{typ: typ, data: append(append(make([]byte, 4), u32(index)...), make([]byte, 8)...)}
	}
	neigh := func(index uint32, state uint16) message {
		m := link(unix.RTM_NEWNEIGH, index)
		ne.PutUint16(m.data[8:], state)
		return m
	}
	rt := func(dst string, index uint32, table, typ uint8) message {
		p := netip.MustParsePrefix(dst)
		family := uint8(unix.AF_INET)
		if p.Addr().Is6() {
			family = unix.AF_INET6
		}
		return message{typ: unix.RTM_NEWROUTE, data: append(append([]byte{family, uint8(p.Bits()), 0, 0, table, 0, 0, typ, 0, 0, 0, 0},
			attribute(unix.RTA_DST, p.Addr().AsSlice())...), attribute(unix.RTA_OIF, u32(index))...)}
	}
	all, none := news{}, (*news)(nil)
	is := func(n news) *news { return &n }
	tests := []struct {
		name   string
		m      message
		heeds  string
		expect *news
	}{
		{"link of a bearing interface", link(unix.RTM_NEWLINK, 2), "", is(news{index: 2})},
		{"link of another", link(unix.RTM_NEWLINK, 3), "", none},
		{"address of a bearing interface", link(unix.RTM_DELADDR, 2), "", is(news{index: 2})},
		{"address of another", link(unix.RTM_DELADDR, 3), "", none},
		{"neighbour found", neigh(2, unix.NUD_REACHABLE), "", is(news{index: 2, neighbour: true})},
		{"neighbour only doubted", neigh(2, unix.NUD_STALE), "", none},
		{"neighbour on another", neigh(3, unix.NUD_FAILED), "", none},
		{"any route while nobody heeds", rt("198.51.100.0/24", 3, 254, 1), "", is(all)},
		{"route that covers a heeded destination", rt("203.0.113.0/24", 3, 254, 1), "203.0.113.7", is(all)},
		{"default route", rt("0.0.0.0/0", 3, 254, 1), "203.0.113.7", is(all)},
		{"unreachable route", rt("203.0.113.0/24", 0, 254, unix.RTN_UNREACHABLE), "203.0.113.7", is(all)},
		{"a container network's route", rt("172.17.0.0/16", 3, 254, 1), "203.0.113.7", none},
		{"any route of a bearing interface", rt("198.51.100.0/24", 2, 254, 1), "203.0.113.7", is(all)},
		{"default route of the other family", rt("::/0", 3, 254, 1), "203.0.113.7", none},
		{"link-local route of another", rt("fe80::/64", 3, 254, 1), "", none},
		{"link-local route of a bearing interface", rt("fe80::/64", 2, 254, 1), "", is(news{index: 2})},
		{"local table", rt("203.0.113.7/32", 2, 255, 2), "203.0.113.7", none},
		{"rule", message{typ: unix.RTM_NEWRULE}, "203.0.113.7", is(all)},
		{"cut short", message{typ: unix.RTM_NEWLINK}, "", is(all)},
		{"of no concern", message{typ: unix.RTM_NEWQDISC}, "", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.heeds != "" {
				defer w.Heed(ip(tt.heeds))()
			}
			got, ok := w.concerns(tt.m)
			if ok != (tt.expect != nil) || ok && got != *tt.expect {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

func TestFilterFits(t *testing.T) {
	for _, n := range []int{0, 1, maxFiltered, maxFiltered + 1, 100_000} {
		if got := len(newsFilter(make([]int, n))); got == 0 || got > unix.BPF_MAXINSNS {
			t.Errorf("%d interfaces: %d instructions", n, got)
		}
	}
}

// FuzzNews: no message makes the watcher panic, or wake for an interface that bears nothing.
func FuzzNews(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWLINK), []byte{0, 0, 0, 0, 2, 0, 0, 0})
	f.Add(uint16(unix.RTM_NEWROUTE), []byte{unix.AF_INET6, 64, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 20, 0, 1, 0, 0xfe, 0x80})
	w := NewWatcher(nil)
	w.Bear(2)
	w.Heed(ip("203.0.113.7"))
	f.Fuzz(func(t *testing.T, typ uint16, data []byte) {
		if n, ok := w.concerns(message{typ: typ, data: data}); ok && n.index != 0 && n.index != 2 {
			t.Errorf("woken for interface %d", n.index)
		}
	})
}

// TestIntegrationFlapsCost measures what 1000 flaps of an unrelated adapter cost this process.
func TestIntegrationFlapsCost(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	tool, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("needs ip, the program: apt-get install iproute2")
	}
	eth := cable(t, "eth9", "192.0.2.10/24")
	cable(t, "vx", "198.51.100.10/24", "2001:db8:2::10/64")
	flap := func() time.Duration {
		cmd := exec.Command(tool, "-batch", "-")
		cmd.Stdin = strings.NewReader(strings.Repeat("link set vx down\nlink set vx up\n", 1000))
		before := processor(t)
		must(t, cmd.Run())
		return processor(t) - before
	}
	alone := flap()
	w := NewWatcher(nil)
	w.Bear(eth.Attrs().Index)
	w.Heed(ip("203.0.113.7"))
	l := listen(t, w)
	l.quiet(t)
	before := w.Stats()
	start := time.Now()
	watched := flap()
	after := w.Stats()
	t.Logf("1000 flaps in %v: %v of processor time (%v without a watcher), %d messages, %d changes, %d carrier reads", time.Since(start).Round(time.Millisecond),
		watched, alone, after.Messages-before.Messages, after.Changes-before.Changes, after.CarrierReads-before.CarrierReads)
	if after.Changes != before.Changes {
		t.Errorf("%d changes told", after.Changes-before.Changes)
	}
	if watched > alone+500*time.Millisecond {
		t.Errorf("%v of processor time", watched)
	}
}

// processor is the processor time that this process has used.
func processor(t *testing.T) time.Duration {
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
