package netcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A chain is a client (the test), five routers and a server, one behind the other.
type chain struct {
	routers  []*host
	at       []netip.Addr // each router as the client sees it
	server   *host
	far      []netip.Addr // the next station, as each router sees it
	client   netip.Addr
	way      Way
	dst      netip.Addr
	bits     int
	neighbor netip.Addr // nobody, in the client's own network
}

func newChain(t *testing.T, v6 bool) *chain {
	t.Helper()
	const n = 5
	// network k lies between station k and station k+1; station 0 is the client.
	addr := func(k, end int) netip.Prefix {
		if v6 {
			return netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::%d/64", k, end+1))
		}
		return netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/28", 16*k+end+1))
	}
	c := &chain{client: addr(0, 0).Addr(), dst: addr(n, 1).Addr(), bits: addr(0, 0).Addr().BitLen(), neighbor: addr(0, 6).Addr()}
	for k := range n + 1 {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("a%d", k)}, PeerName: fmt.Sprintf("b%d", k)}))
	}
	for k := 1; k <= n; k++ {
		r := newHost(t)
		r.take(t, fmt.Sprintf("b%d", k-1), addr(k-1, 1).String())
		r.take(t, fmt.Sprintf("a%d", k), addr(k, 0).String())
		r.set(t, "/proc/sys/net/ipv4/ip_forward", "1")
		r.set(t, "/proc/sys/net/ipv6/conf/all/forwarding", "1")
		c.routers, c.at, c.far = append(c.routers, r), append(c.at, addr(k-1, 1).Addr()), append(c.far, addr(k, 1).Addr())
	}
	c.server = newHost(t)
	c.server.take(t, fmt.Sprintf("b%d", n), c.far[n-1].String()+strings.TrimLeft(addr(n, 1).String(), "0123456789abcdef.:"))
	for k, r := range c.routers {
		out, err := r.LinkByName(fmt.Sprintf("a%d", k+1))
		must(t, err)
		back, err := r.LinkByName(fmt.Sprintf("b%d", k))
		must(t, err)
		if k < n-1 {
			must(t, r.RouteAdd(routeOf(t, out, addr(n, 0).Masked().String(), c.far[k].String(), 0)))
		}
		if k > 0 {
			must(t, r.RouteAdd(routeOf(t, back, addr(0, 0).Masked().String(), addr(k, 0).Addr().String(), 0)))
		}
	}
	last, err := c.server.LinkByName(fmt.Sprintf("b%d", n))
	must(t, err)
	must(t, c.server.RouteAdd(routeOf(t, last, "", addr(n, 0).Addr().String(), 0)))
	eth := mustLink(t, "a0")
	must(t, netlink.LinkSetUp(eth))
	addAddr(t, eth, addr(0, 0).String())
	waitCarrier(t, eth.Attrs().Index)
	addRoute(t, eth, "", c.at[0].String(), 0)
	c.way, err = Egress(c.dst)
	must(t, err)
	eventually(t, "the server answers", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		outcome, _ := askTCP(ctx, c.way, netip.AddrPortFrom(c.dst, 9))
		return outcome == Refused
	})
	return c
}

// swallow has station k (1 is the next hop) send what is for the next one to an address that nobody has.
func (c *chain) swallow(t *testing.T, k int) {
	r := c.routers[k-1]
	out, err := r.LinkByName(fmt.Sprintf("a%d", k))
	must(t, err)
	must(t, r.NeighSet(&netlink.Neigh{LinkIndex: out.Attrs().Index, IP: c.far[k-1].AsSlice(), State: netlink.NUD_PERMANENT, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
}

// hush has station k forward everything and never say anything itself.
func (c *chain) hush(t *testing.T, k int) {
	rule := netlink.NewRule()
	rule.IifName, rule.Type, rule.Family, rule.Priority = "lo", unix.RTN_BLACKHOLE, unix.AF_INET, 10
	if c.bits == 128 {
		rule.Family = unix.AF_INET6
	}
	rule.Dst = &net.IPNet{IP: c.client.AsSlice(), Mask: net.CIDRMask(c.bits, c.bits)}
	must(t, c.routers[k-1].RuleAdd(rule))
}

// sent counts the UDP datagrams and TCP segments that left this network since it was made.
func sent(t *testing.T) (n int) {
	t.Helper()
	count := func(s string) {
		k, err := strconv.Atoi(s)
		must(t, err)
		n += k
	}
	b, err := os.ReadFile("/proc/thread-self/net/snmp")
	must(t, err)
	heads := map[string][]string{} // each line of numbers follows one of names
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		for i, name := range heads[f[0]] {
			if k := f[0] + name; k == "Tcp:OutSegs" || k == "Udp:OutDatagrams" {
				count(f[i])
			}
		}
		heads[f[0]] = f
	}
	b, err = os.ReadFile("/proc/thread-self/net/snmp6")
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == "Udp6OutDatagrams" {
			count(f[1])
		}
	}
	return n
}

// TestIntegrationFrugal counts what each question sends.
func TestIntegrationFrugal(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		for _, tt := range []struct {
			name          string
			fault         func(t *testing.T, c *chain)
			gateway, path int // packets at most
			deepest       int // station that is found; 0 none, 6 the server
		}{
			{"whole", func(*testing.T, *chain) {}, 2, 1, 6},
			{"next hop gone", func(t *testing.T, c *chain) {
				must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: c.way.Index, IP: c.at[0].AsSlice(), State: netlink.NUD_PERMANENT, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
			}, 4, 5, 0},
			{"cut behind the next hop", func(t *testing.T, c *chain) { c.swallow(t, 1) }, 2, 5, 0},
			{"cut behind the third station", func(t *testing.T, c *chain) { c.swallow(t, 3) }, 2, 7, 3},
			{"cut behind the last station", func(t *testing.T, c *chain) { c.swallow(t, 5) }, 2, 9, 5},
			{"one station is silent as ever", func(t *testing.T, c *chain) { c.hush(t, 2); c.swallow(t, 3) }, 2, 7, 3},
			{"two in a row are silent as ever", func(t *testing.T, c *chain) { c.hush(t, 2); c.hush(t, 3); c.swallow(t, 5) }, 2, 9, 5},
			{"own network, nobody there", func(t *testing.T, c *chain) {
				c.dst, c.way.Gateway, c.way.Destination = c.neighbor, netip.Addr{}, c.neighbor
				must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: c.way.Index, IP: c.neighbor.AsSlice(), State: netlink.NUD_PERMANENT, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
			}, 0, 2, 0},
		} {
			t.Run(family+" "+tt.name, func(t *testing.T) {
				if !inNamespace(t) {
					return
				}
				c := newChain(t, family == "IPv6")
				tt.fault(t, c)
				before := sent(t)
				var g GatewayAnswer
				within(700*time.Millisecond, func(ctx context.Context) { g = AskGateway(ctx, c.way) })
				gateway := sent(t) - before
				before = sent(t)
				var p PathAnswer
				within(700*time.Millisecond, func(ctx context.Context) {
					p = AskPath(ctx, c.way, netip.AddrPortFrom(c.dst, 7000), nil)
				})
				path := sent(t) - before
				t.Logf("%d packets to the next hop: %v; %d along the way: station %d, %v", gateway, g.Outcome, path, p.TTL, p.Deepest)
				hop := Answered
				switch {
				case !c.way.Gateway.IsValid():
					hop = NotAsked
				case tt.gateway > 2:
					hop = Silent
				}
				if g.Outcome != hop {
					t.Errorf("the next hop: %+v, want %v", g, hop)
				}
				if gateway > tt.gateway || path > tt.path {
					t.Errorf("%d packets to the next hop, %d along the way, want %d and %d at most", gateway, path, tt.gateway, tt.path)
				}
				var want netip.Addr
				switch {
				case tt.deepest == 6:
					want = c.dst
				case tt.deepest > 0:
					want = c.at[tt.deepest-1]
				}
				if p.Deepest != want || (p.Host == Answered) != (tt.deepest == 6) {
					t.Errorf("%+v, want %v", p, want)
				}
			})
		}
	}
}

// A next hop that forwards nothing and refuses nothing answers only what is sent to itself: the last question finds it.
func TestIntegrationGatewayAnswersOneKind(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		t.Run(family, func(t *testing.T) {
			if !inNamespace(t) {
				return
			}
			c := newChain(t, family == "IPv6")
			rule := netlink.NewRule()
			rule.IifName, rule.Type, rule.Family, rule.Priority, rule.IPProto = "lo", unix.RTN_BLACKHOLE, unix.AF_INET, 10, unix.IPPROTO_TCP
			if c.bits == 128 {
				rule.Family = unix.AF_INET6
			}
			rule.Dst = &net.IPNet{IP: c.client.AsSlice(), Mask: net.CIDRMask(c.bits, c.bits)}
			must(t, c.routers[0].RuleAdd(rule))
			c.routers[0].set(t, "/proc/sys/net/ipv4/ip_forward", "0")
			c.routers[0].set(t, "/proc/sys/net/ipv6/conf/all/forwarding", "0")
			before := sent(t)
			var a GatewayAnswer
			took := within(2*time.Second, func(ctx context.Context) { a = AskGateway(ctx, c.way) })
			if a.Outcome != Answered || a.How != "udp" || a.Sender != c.at[0] || took > 1500*time.Millisecond {
				t.Errorf("%+v after %v", a, took)
			}
			if n := sent(t) - before; n > 4 {
				t.Errorf("%d packets", n)
			}
		})
	}
}
