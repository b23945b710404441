package netcheck

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// quote4 and quote6 are the headers of a request of ours, as an error quotes it.
func quote4(dst string) []byte {
	b := make([]byte, 20)
	b[0], b[8], b[9] = 0x45, 1, 1
	d := netip.MustParseAddr(dst).As4()
	copy(b[16:], d[:])
	return b
}

func quote6(dst string) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, 58, 1
	d := netip.MustParseAddr(dst).As16()
	copy(b[24:], d[:])
	return b
}

func TestPing(t *testing.T) {
	const id, round, ttl = 0x1234, 1, 3
	seq := seqOf(round, ttl)
	request4, request6 := putPing(false, id, seq), putPing(true, id, seq)
	answered := func(b []byte, typ byte) []byte { b = slices.Clone(b); b[0] = typ; return b }
	failed := func(typ, code byte, quote ...[]byte) []byte {
		return slices.Concat([]byte{typ, code, 0, 0, 0, 0, 0, 0}, slices.Concat(quote...))
	}
	other := quote4("192.0.2.9")
	other[9] = 6
	for _, tt := range []struct {
		name string
		b    []byte
		v6   bool
		want string // type and code, and whom we had asked; "reply"; empty nothing of ours
	}{
		{"reply", answered(request4, 0), false, "reply"},
		{"reply behind its IPv4 header, as macOS gives it", slices.Concat(quote4("192.0.2.2"), answered(request4, 0)), false, "reply"},
		{"TTL ended", failed(11, 0, quote4("203.0.113.1"), request4), false, "11 0 203.0.113.1"},
		{"TTL ended, behind its IPv4 header", slices.Concat(quote4("192.0.2.2"), failed(11, 0, quote4("203.0.113.1"), request4)), false, "11 0 203.0.113.1"},
		{"prohibited, and cut after eight bytes", failed(3, 13, quote4("203.0.113.1"), request4[:8]), false, "3 13 203.0.113.1"},
		{"cut before", failed(3, 13, quote4("203.0.113.1"), request4[:7]), false, ""},
		{"about a packet of TCP", failed(3, 13, other, request4), false, ""},
		{"about somebody's reply", failed(3, 1, quote4("203.0.113.1"), answered(request4, 0)), false, ""},
		{"somebody's request", request4, false, ""},
		{"a router's advice", failed(5, 1, quote4("203.0.113.1"), request4), false, ""},
		{"IPv6, reply", answered(request6, 129), true, "reply"},
		{"IPv6, hop limit ended", failed(3, 0, quote6("2001:db8::9"), request6), true, "3 0 2001:db8::9"},
		{"IPv6, prohibited", failed(1, 1, quote6("2001:db8::9"), request6), true, "1 1 2001:db8::9"},
		{"IPv6, cut", failed(1, 1, quote6("2001:db8::9")[:30]), true, ""},
		{"nothing", nil, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := parsePing(tt.b, tt.v6)
			if ok && (p.id != id || p.seq != seq) {
				t.Fatalf("id %x seq %x", p.id, p.seq)
			}
			r := p.reply(ip("192.0.2.254"), tt.v6, time.Now())
			if ok && r.ttl != ttl {
				t.Errorf("TTL %d", r.ttl)
			}
			got := ""
			switch {
			case ok && r.data:
				got = "reply"
			case ok:
				got = strconv.Itoa(int(r.icmp.Type)) + " " + strconv.Itoa(int(r.icmp.Code)) + " " + r.to.String()
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if ok && (r.ttl != 3 || r.icmp.V6 != (tt.v6 && !r.data)) {
				t.Errorf("%+v", r)
			}
		})
	}
	var sum uint32
	for i := 0; i < len(request4); i += 2 {
		sum += uint32(request4[i])<<8 | uint32(request4[i+1])
	}
	if sum = sum>>16 + sum&0xffff; uint16(sum) != 0xffff {
		t.Errorf("the checksum adds up to %x", sum)
	}
}

// TestPathByTCP: where ICMP may not be sent, a refusal proves that the host is there, and nothing is said of stations.
func TestPathByTCP(t *testing.T) {
	host, gateway := ip("203.0.113.7"), ip("192.0.2.1")
	for _, tt := range []struct {
		name  string
		says  Outcome
		after time.Duration
		want  PathAnswer
	}{
		{"refused", Refused, 20 * time.Millisecond, PathAnswer{Host: Answered, HostRTT: 20 * time.Millisecond, Deepest: host, RTT: 20 * time.Millisecond}},
		{"silent", Silent, time.Second, PathAnswer{Host: Silent}},
		{"no way for it", Unreachable, time.Millisecond, PathAnswer{Host: Silent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
				defer cancel()
				w := Way{Index: 4, Source: ip("192.0.2.10"), Gateway: gateway, Destination: host}
				var asked atomic.Int32
				p := newTCPProbe(ctx, w, 33434, func(ctx context.Context, _ Way, dst netip.AddrPort) (Outcome, time.Duration) {
					asked.Add(1)
					if dst.Addr() != host {
						t.Errorf("%v was asked", dst)
					}
					select {
					case <-time.After(tt.after):
						return tt.says, tt.after
					case <-ctx.Done():
						return Silent, 0
					}
				}, func(netip.Addr) bool { return false })
				if got := askPath(ctx, p, w, nil); got != tt.want {
					t.Errorf("%+v, want %+v", got, tt.want)
				}
				p.close()
				if p.send(host, 0, 0) {
					t.Error("something is sent after the end")
				}
				if n := asked.Load(); n < 1 || n > 2 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
	t.Run("the gateway is not asked twice by TCP", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		p := newTCPProbe(ctx, Way{Index: 4, Gateway: gateway, Destination: host}, 33434, nil, func(netip.Addr) bool { return false })
		defer p.close()
		if p.send(gateway, 1, 0) || p.send(host, 0, 1) {
			t.Error("sent")
		}
	})
}

func FuzzPing(f *testing.F) {
	f.Add(putPing(false, 1, 2), false)
	f.Add(slices.Concat([]byte{11, 0, 0, 0, 0, 0, 0, 0}, quote4("192.0.2.1"), putPing(false, 1, 2)), false)
	f.Add(slices.Concat([]byte{3, 0, 0, 0, 0, 0, 0, 0}, quote6("2001:db8::1"), putPing(true, 1, 2)), true)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		if p, ok := parsePing(b, v6); ok && !p.data && !p.to.IsValid() {
			t.Errorf("an error about nobody: %+v", p)
		}
	})
}
