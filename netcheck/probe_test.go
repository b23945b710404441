//go:build linux || windows

package netcheck

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A network answers an asker's questions: with which TTL who answers after how long.
type network struct {
	mailbox
	mine   netip.Addr
	answer func(to netip.Addr, ttl int) (r reply, after time.Duration)
	asked  []int // TTLs, in order
	mute   bool  // nothing leaves
}

// through makes a network behind w: stations by their TTL, the host behind them if it answers.
func through(ctx context.Context, host netip.Addr, stations map[int]reply, answers bool) *network {
	n := &network{mailbox: mailbox{ctx, make(chan reply, 20)}}
	n.answer = func(to netip.Addr, ttl int) (reply, time.Duration) {
		if r, ok := stations[ttl]; ok {
			return r, time.Duration(10*ttl) * time.Millisecond
		}
		if answers && to == host && (ttl == 0 || ttl > len(stations)) {
			return reply{data: true, sender: host}, 40 * time.Millisecond
		}
		return reply{}, 0
	}
	return n
}

func (n *network) send(to netip.Addr, _, ttl int) bool {
	if n.mute {
		return false
	}
	n.asked = append(n.asked, ttl)
	if r, after := n.answer(to, ttl); r.sender.IsValid() {
		r.to, r.ttl, r.rtt = to, ttl, after
		time.AfterFunc(after, func() { n.answers <- r })
	}
	return true
}

func (n *network) own(a netip.Addr) bool { return a == n.mine }
func (n *network) close()                {}

func TestAskPathOverAnyNetwork(t *testing.T) {
	host, first, second := ip("203.0.113.7"), ip("198.51.100.1"), ip("198.51.100.2")
	ends := func(a netip.Addr) reply { return reply{sender: a, icmp: icmp(11, 0, a)} }
	way := Way{Index: 7, Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: host}
	tests := []struct {
		name     string
		way      Way
		stations map[int]reply
		answers  bool
		mute     bool
		want     PathAnswer
		asked    []int
		took     time.Duration
	}{
		{"a host that is near", way, nil, true, false,
			PathAnswer{Deepest: host, RTT: 40 * time.Millisecond, Host: Answered, HostRTT: 40 * time.Millisecond}, []int{0}, 40 * time.Millisecond},
		{"two stations, and silence behind them", way, map[int]reply{2: ends(first), 3: ends(second)}, false, false,
			PathAnswer{Deepest: second, TTL: 3, RTT: 30 * time.Millisecond, Host: Silent}, []int{0, 2, 3, 4, 5, 0, 6}, time.Second},
		{"dead behind the next hop", way, nil, false, false, PathAnswer{Host: Silent}, []int{0, 2, 3, 0, 4}, time.Second},
		{"a rule on the way", way, map[int]reply{0: {sender: first, icmp: icmp(3, 13, first)}}, false, false,
			PathAnswer{Deepest: first, Host: Silent, Refusal: icmp(3, 13, first)}, []int{0}, time.Second},
		{"this computer itself says that nobody is there", way, map[int]reply{0: {sender: way.Source, icmp: icmp(3, 1, way.Source)}}, false, false,
			PathAnswer{Host: Silent}, []int{0, 2, 3, 0, 4}, time.Second},
		{"silent on the own network", Way{Index: 7, Source: way.Source, Destination: host}, nil, false, false, PathAnswer{Host: Silent}, []int{0, 0}, time.Second},
		{"nothing leaves", way, nil, false, true, PathAnswer{Host: Unreachable}, nil, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				n := through(ctx, host, tt.stations, tt.answers)
				n.mine, n.mute = tt.way.Source, tt.mute
				var last PathAnswer
				start := time.Now()
				got := askPath(ctx, n, tt.way, func(a PathAnswer) { last = a })
				if took := time.Since(start); got != tt.want || took != tt.took || !slices.Equal(n.asked, tt.asked) {
					t.Errorf("got %+v after %v, asked %v\nwant %+v after %v, asked %v", got, took, n.asked, tt.want, tt.took, tt.asked)
				}
				if got.Host == Answered && last != got {
					t.Errorf("reported %+v", last)
				}
			})
		})
	}
}

func TestAskHopOverAnyNetwork(t *testing.T) {
	gateway, host := ip("192.0.2.1"), ip("203.0.113.7")
	way := Way{Index: 7, Source: ip("192.0.2.10"), Gateway: gateway, Destination: host}
	tests := []struct {
		name   string
		answer func(to netip.Addr, ttl int) (reply, time.Duration)
		mute   bool
		want   GatewayAnswer
	}{
		{"says that the packet's time is up", func(_ netip.Addr, ttl int) (reply, time.Duration) {
			if ttl == 1 {
				return reply{sender: gateway, icmp: icmp(11, 0, gateway)}, time.Millisecond
			}
			return reply{}, 0
		}, false, GatewayAnswer{Outcome: Answered, RTT: time.Millisecond, How: "ttl 1", Sender: gateway}},
		{"answers only for itself", func(to netip.Addr, ttl int) (reply, time.Duration) {
			if to == gateway {
				return reply{sender: gateway, data: true}, 2 * time.Millisecond
			}
			return reply{}, 0
		}, false, GatewayAnswer{Outcome: Answered, RTT: 2 * time.Millisecond, How: toItself, Sender: gateway}},
		{"this computer says that nobody is there", func(netip.Addr, int) (reply, time.Duration) {
			return reply{sender: way.Source, icmp: icmp(3, 1, way.Source)}, time.Millisecond
		}, false, GatewayAnswer{Outcome: Silent}},
		{"silent", func(netip.Addr, int) (reply, time.Duration) { return reply{}, 0 }, false, GatewayAnswer{Outcome: Silent}},
		{"nothing leaves", nil, true, GatewayAnswer{Outcome: Unreachable}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				n := &network{mailbox: mailbox{ctx, make(chan reply, 20)}, mine: way.Source, answer: tt.answer, mute: tt.mute}
				if got := askHop(n, way); got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}
