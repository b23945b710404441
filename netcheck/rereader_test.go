package netcheck

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A reading is a rereader that runs over a box in a bubble of time.
type reading struct {
	*rereader
	t      *testing.T
	mu     sync.Mutex // guards box and what the helper reads
	box    *box
	reads  map[string]int
	heard  func(kind int)
	heed   chan Change
	ended  chan error
	cancel context.CancelFunc
	open   bool // subscribed
}

// reread runs a rereader whose subscriptions speak only if speaks is set.
func reread(t *testing.T, speaks bool, subscribeErr error) *reading {
	l := &reading{t: t, box: office(), reads: make(map[string]int), heed: make(chan Change, 100), ended: make(chan error, 1)}
	h := l.box.helper(true)
	sys := *h
	count := func(what string) func() {
		l.mu.Lock()
		l.reads[what]++
		return l.mu.Unlock
	}
	sys.iface = func(i int) (ifRow, error) { defer count("iface")(); return h.iface(i) }
	sys.addrs = func() ([]addrRow, error) { defer count("addrs")(); a, err := h.addrs(); return slices.Clone(a), err }
	sys.routes = func(v6 bool) ([]routeRow, error) { defer count("routes")(); return h.routes(v6) }
	l.rereader = newRereader(nil, &sys, func(heard func(int)) (func(), error) {
		l.heard, l.open = heard, true
		if speaks {
			for kind := range newsKinds {
				heard(kind)
			}
		}
		return func() { l.open = false }, subscribeErr
	})
	l.Changes(func(c Change) { l.heed <- c })
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	go func() { l.ended <- l.Run(ctx) }()
	return l
}

// change changes the box, and says nothing of it.
func (l *reading) change(f func(*box)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.box)
}

func (l *reading) end() {
	l.t.Helper()
	l.cancel()
	if err := <-l.ended; err != nil || l.open {
		l.t.Errorf("Run: %v, subscribed still: %v", err, l.open)
	}
}

// next waits for a change and says how long it took.
func (l *reading) next(want Change) time.Duration {
	l.t.Helper()
	start := time.Now()
	select {
	case got := <-l.heed:
		if got != want {
			l.t.Fatalf("heard of %+v, want %+v", got, want)
		}
	case <-time.After(time.Minute):
		l.t.Fatalf("never heard of %+v", want)
	}
	return time.Since(start)
}

// quiet says that nothing is heard for a while.
func (l *reading) quiet(d time.Duration) {
	l.t.Helper()
	select {
	case got := <-l.heed:
		l.t.Fatalf("heard of %+v", got)
	case <-time.After(d):
	}
}

var (
	all      = Change{All: true}
	ethernet = Change{Index: 7}
)

// settled starts with a session borne by the cable's adapter.
func (l *reading) settled() {
	l.next(all)
	l.Bear(7)
	l.Heed(ip("203.0.113.7"))
	l.next(ethernet)
	l.quiet(3 * time.Second)
}

func TestRereaderHears(t *testing.T) {
	pull := func(b *box) { b.ifaces[1].media = 2 }
	tests := []struct {
		name   string
		change func(*box)
		want   []Change
		polled time.Duration // at most, where no subscription speaks
	}{
		{"cable out", pull, []Change{ethernet}, lookEvery},
		{"pulled out", func(b *box) { b.ifaces = slices.Delete(b.ifaces, 1, 2) }, []Change{ethernet}, lookEvery},
		{"another address", func(b *box) { b.addrs[2].ip = ip("192.0.2.99") }, []Change{all}, readEvery + lookEvery},
		{"another address, of the other family", func(b *box) { b.addrs[4].ip = ip("2001:db8:1::99") }, []Change{ethernet}, readEvery + lookEvery},
		{"an address is tried no more", func(b *box) { b.addrs[4].dad = 3 }, []Change{ethernet}, readEvery + lookEvery},
		{"no default route", func(b *box) { b.routes = b.routes[1:] }, []Change{all}, readEvery + lookEvery},
		{"a VPN took over", func(b *box) { b.routes = append(b.routes, routeBy(21, "128.0.0.0/1", "", 0)) }, []Change{all}, readEvery + lookEvery},
		{"a virtual adapter came, with its network", func(b *box) {
			b.ifaces = append(b.ifaces, ifRow{index: 50, name: "vEthernet (WSL)", typ: 6, oper: 1, admin: 1, media: 1})
			b.addrs = append(b.addrs, address4(50, "172.30.0.1/20"))
			b.routes = append(b.routes, routeBy(50, "172.30.0.0/20", "", 256))
		}, nil, 0},
		{"Wi-Fi, which bears nothing, found a network", func(b *box) { b.ifaces[3].media, b.ifaces[3].oper = 1, 1 }, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := reread(t, true, nil)
				l.settled()
				l.change(tt.change)
				l.hear(0)
				for _, want := range tt.want {
					if took := l.next(want); took > 0 {
						t.Errorf("heard after %v", took)
					}
				}
				l.quiet(3 * time.Second)
				l.end()
			})
			synctest.Test(t, func(t *testing.T) {
				l := reread(t, false, nil)
				l.settled()
				l.change(tt.change)
				for _, want := range tt.want {
					if took := l.next(want); took > tt.polled {
						t.Errorf("seen after %v, want %v at most", took, tt.polled)
					}
				}
				l.quiet(3 * time.Second)
				l.end()
			})
		})
	}
}

// While nothing is connected the way that comes back is what everybody waits for.
func TestRereaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := reread(t, false, errors.New("not supported"))
		l.change(func(b *box) { b.routes = b.routes[1:] })
		l.next(all)
		l.Heed(ip("203.0.113.7"))
		l.quiet(3*time.Second + waitEvery/3)
		l.change(func(b *box) { b.routes = append(b.routes, routeBy(7, "0.0.0.0/0", "192.0.2.1", 0)) })
		if took := l.next(all); took > waitEvery {
			t.Errorf("seen after %v", took)
		}
		l.end()
	})
	synctest.Test(t, func(t *testing.T) { // and where a session waits for its interface
		l := reread(t, false, errors.New("not supported"))
		l.settled()
		l.change(func(b *box) { b.routes = b.routes[1:] })
		l.next(all)
		l.quiet(3*time.Second + waitEvery/3)
		l.change(func(b *box) { b.routes = append(b.routes, routeBy(7, "0.0.0.0/0", "192.0.2.1", 0)) })
		if took := l.next(all); took > waitEvery {
			t.Errorf("seen after %v", took)
		}
		l.end()
	})
}

// One subscription that never speaks is enough to look often: as on wine, whose interfaces speak and whose addresses and
// routes do not.
func TestRereaderDoubtsTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := reread(t, false, errors.New("not supported"))
		l.settled()
		l.hear(0)
		l.change(func(b *box) { b.ifaces[1].media = 2 })
		if took := l.next(ethernet); took > lookEvery {
			t.Errorf("seen after %v", took)
		}
		l.hear(1)
		l.hear(2) // all have spoken now
		l.quiet(2*time.Second + 300*time.Millisecond)
		l.change(func(b *box) { b.ifaces[1].media = 1 })
		if took := l.next(ethernet); took > readBeneath || took < 2*lookEvery {
			t.Errorf("seen after %v, beneath news that is heard", took)
		}
		l.change(func(b *box) { b.routes[0].hop = ip("192.0.2.254") })
		if took := l.next(all); took > readAllBeneath+readBeneath || took < 2*readEvery {
			t.Errorf("a route: seen after %v, beneath news that is heard", took)
		}
		l.mu.Lock()
		clear(l.reads)
		l.mu.Unlock()
		l.quiet(time.Minute)
		l.mu.Lock()
		if l.reads["iface"] > 61 || l.reads["addrs"] > 13 || l.reads["routes"] > 13 || l.reads["iface"] < 59 || l.reads["addrs"] < 11 {
			t.Errorf("a quiet minute: %v", l.reads)
		}
		l.mu.Unlock()
		l.end()
	})
}

// Nothing is borne or heeded: nothing is read, and no timer runs.
func TestRereaderRests(t *testing.T) {
	for _, speaks := range [...]bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := reread(t, speaks, nil)
			l.next(all)
			release := l.Bear(7)
			unheed := l.Heed(ip("203.0.113.7"))
			l.next(ethernet)
			time.Sleep(10 * time.Second)
			release()
			unheed()
			release()
			time.Sleep(time.Second)
			l.mu.Lock()
			before := l.reads["iface"] + l.reads["addrs"] + l.reads["routes"]
			l.mu.Unlock()
			time.Sleep(time.Hour)
			l.mu.Lock()
			if after := l.reads["iface"] + l.reads["addrs"] + l.reads["routes"]; after != before {
				t.Errorf("%d reads in an hour", after-before)
			}
			l.mu.Unlock()
			l.end()
		})
	}
}

// A storm of news is read ten times a second, and thousands of routes once a look.
func TestRereaderStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := reread(t, true, nil)
		l.settled()
		for i := range 50 {
			l.Heed(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
		}
		l.change(func(b *box) {
			for i := range 5000 {
				b.routes = append(b.routes, routeBy(20, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24).String(), "", 0))
			}
		})
		l.mu.Lock()
		clear(l.reads)
		l.mu.Unlock()
		for range 1000 { // for a second
			l.hear(2)
			time.Sleep(time.Millisecond)
		}
		l.quiet(200 * time.Millisecond)
		l.mu.Lock()
		if n := l.reads["routes"]; n > 14 || n == 0 {
			t.Errorf("routes read %d times", n)
		}
		l.mu.Unlock()
		l.change(func(b *box) { b.routes[0].hop = ip("192.0.2.254") })
		l.hear(2)
		if took := l.next(all); took > 0 {
			t.Errorf("after the storm: heard after %v", took)
		}
		l.end()
	})
}

// While nobody heeds any destination all routes count.
func TestRereaderAllRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := reread(t, true, nil)
		l.next(all)
		l.Bear(7)
		l.next(ethernet)
		l.quiet(3 * time.Second)
		l.change(func(b *box) { b.routes = append(b.routes, routeBy(50, "172.30.0.0/20", "", 256)) })
		l.hear(2)
		l.next(all)
		l.end()
	})
}

// What cannot be read has not changed.
func TestRereaderUnreadable(t *testing.T) {
	for _, question := range [...]string{"iface", "addrs", "routes"} {
		t.Run(question, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := reread(t, true, nil)
				l.settled()
				l.change(func(b *box) { b.fail = question })
				l.hear(0)
				l.quiet(5 * time.Second)
				l.change(func(b *box) { b.fail = "" })
				l.quiet(5 * time.Second)
				l.change(func(b *box) { b.ifaces[1].admin = ifAdminDown })
				l.hear(0)
				l.next(ethernet)
				l.end()
			})
		})
	}
}
