package netcheck

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A world is a small network, the same in both families.
type world struct{ client, other, prefix, gateway, server, onLink, gateway2, client2, vpn string }

var worlds = map[string]world{
	"IPv4": {"192.0.2.10/24", "192.0.2.11/24", "192.0.2.0/24", "192.0.2.1", "203.0.113.7", "192.0.2.77", "198.51.100.1", "198.51.100.10/24", "203.0.113.0/24"},
	"IPv6": {"2001:db8:1::10/64", "2001:db8:1::11/64", "2001:db8:1::/64", "2001:db8:1::1", "2001:db8:3::7", "2001:db8:1::77", "2001:db8:2::1", "2001:db8:2::10/64", "2001:db8:3::/64"},
}

func TestIntegrationJudge(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	tests := []struct {
		name   string
		onLink bool // judge the way to a host on the own network instead of the one behind the gateway
		fault  func(t *testing.T, v world, eth netlink.Link)
		want   LinkState
	}{
		{"nothing happened", false, func(t *testing.T, v world, eth netlink.Link) {}, LinkWhole},
		{"nothing happened, server on-link", true, func(t *testing.T, v world, eth netlink.Link) {}, LinkWhole},
		{"cable pulled", false, func(t *testing.T, v world, eth netlink.Link) {
			must(t, netlink.LinkSetDown(mustLink(t, "eth9p")))
		}, LinkNoCarrier},
		{"interface disabled", false, func(t *testing.T, v world, eth netlink.Link) { must(t, netlink.LinkSetDown(eth)) }, LinkDisabled},
		{"interface deleted", false, func(t *testing.T, v world, eth netlink.Link) { must(t, netlink.LinkDel(eth)) }, LinkGone},
		{"interface deleted and made again under its name", false, func(t *testing.T, v world, eth netlink.Link) {
			must(t, netlink.LinkDel(eth))
			l := cable(t, "eth9", v.client)
			addRoute(t, l, "", v.gateway, 100)
		}, LinkGone},
		{"address removed", false, func(t *testing.T, v world, eth netlink.Link) { delAddr(t, eth, v.client) }, LinkNoAddress},
		{"address changed", false, func(t *testing.T, v world, eth netlink.Link) {
			addAddr(t, eth, v.other)
			delAddr(t, eth, v.client)
			_ = netlink.AddrAdd(eth, addrOf(t, v.other)) // a secondary address goes with its primary
			_ = netlink.RouteAdd(routeOf(t, eth, "", v.gateway, 100))
		}, LinkAddressChanged},
		{"address removed, one of the other family stays", false, func(t *testing.T, v world, eth netlink.Link) {
			delAddr(t, eth, v.client)
			for _, o := range worlds {
				if o != v {
					addAddr(t, eth, o.client)
				}
			}
		}, LinkNoAddress},
		{"default route removed", false, func(t *testing.T, v world, eth netlink.Link) { delRoute(t, eth, "", v.gateway, 100) }, LinkNoRoute},
		{"default route removed, that of a virtual machine stays", false, func(t *testing.T, v world, eth netlink.Link) {
			vm := cable(t, "vm0", v.client2)
			addRoute(t, vm, "", v.gateway2, 500)
			delRoute(t, eth, "", v.gateway, 100)
		}, LinkNoRoute},
		{"route to the own network removed", true, func(t *testing.T, v world, eth netlink.Link) {
			delRoute(t, eth, "", v.gateway, 100)
			routes, err := netlink.RouteList(eth, netlink.FAMILY_ALL)
			must(t, err)
			for _, r := range routes {
				if r.Dst != nil && r.Dst.String() == v.prefix {
					must(t, netlink.RouteDel(&r))
				}
			}
		}, LinkNoRoute},
		{"server rejected by an unreachable route", false, func(t *testing.T, v world, eth netlink.Link) {
			_, n, err := net.ParseCIDR(v.vpn)
			must(t, err)
			must(t, netlink.RouteAdd(&netlink.Route{Dst: n, Type: unix.RTN_UNREACHABLE}))
		}, LinkNoRoute},
		{"a VPN takes the server over", false, func(t *testing.T, v world, eth netlink.Link) {
			tun := cable(t, "tun9", v.client2)
			addRoute(t, tun, v.vpn, "", 0)
		}, LinkMoved},
		{"a VPN takes the default route over", false, func(t *testing.T, v world, eth netlink.Link) {
			tun := cable(t, "tun9", v.client2)
			addRoute(t, tun, "", v.gateway2, 1)
		}, LinkMoved},
		{"a virtual machine's worse default route comes", false, func(t *testing.T, v world, eth netlink.Link) {
			vm := cable(t, "vm0", v.client2)
			addRoute(t, vm, "", v.gateway2, 900)
		}, LinkWhole},
		{"another gateway on the same interface", false, func(t *testing.T, v world, eth netlink.Link) {
			delRoute(t, eth, "", v.gateway, 100)
			addRoute(t, eth, "", v.onLink, 100)
		}, LinkMoved},
		{"address and route move to another interface", false, func(t *testing.T, v world, eth netlink.Link) {
			delAddr(t, eth, v.client)
			_ = netlink.RouteDel(routeOf(t, eth, "", v.gateway, 100)) // IPv4's went with the address
			br := cable(t, "br9", v.client)
			addRoute(t, br, "", v.gateway, 100)
		}, LinkMoved},
		{"an unrelated interface comes and goes", false, func(t *testing.T, v world, eth netlink.Link) {
			must(t, netlink.LinkDel(cable(t, "vm0", v.client2)))
		}, LinkWhole},
	}
	for family, v := range worlds {
		for _, tt := range tests {
			t.Run(family+" "+tt.name, func(t *testing.T) {
				eth := cable(t, "eth9", v.client)
				defer func() {
					for _, name := range []string{"eth9", "vm0", "tun9", "br9"} {
						if l, err := netlink.LinkByName(name); err == nil {
							must(t, netlink.LinkDel(l))
						}
					}
					_, n, _ := net.ParseCIDR(v.vpn)
					_ = netlink.RouteDel(&netlink.Route{Dst: n, Type: unix.RTN_UNREACHABLE})
				}()
				addRoute(t, eth, "", v.gateway, 100)
				dst, gateway := ip(v.server), ip(v.gateway)
				if tt.onLink {
					dst, gateway = ip(v.onLink), netip.Addr{}
				}
				w, err := Egress(dst)
				want := Way{Index: eth.Attrs().Index, Interface: "eth9", Source: netip.MustParsePrefix(v.client).Addr(), Gateway: gateway, Destination: dst}
				if err != nil || w != want {
					t.Fatalf("Egress(%v) = %+v, %v; want %+v", dst, w, err, want)
				}
				if got := Judge(w); got != LinkWhole {
					t.Fatalf("before: %v", got)
				}
				tt.fault(t, v, eth)
				var got LinkState
				for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
					if got = Judge(w); got == tt.want { // the kernel tells of a lost carrier up to a second late
						break
					}
				}
				if got != tt.want {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			})
		}
	}
}

func TestIntegrationEgress(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, dst := range []string{"203.0.113.7", "2001:db8:3::7"} {
		w, err := Egress(ip(dst))
		if !errors.Is(err, unix.ENETUNREACH) || w != (Way{Destination: ip(dst)}) {
			t.Errorf("no interface: Egress(%v) = %+v, %v; want ENETUNREACH", dst, w, err)
		}
		if _, s, err := Alive(ip(dst)); s != LinkNoRoute || !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("no interface: Alive(%v) = %v, %v; want no route", dst, s, err)
		}
	}
	lo := mustLink(t, "lo").Attrs().Index
	for _, dst := range []string{"127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"} {
		w, err := Egress(ip(dst))
		if err != nil || !w.Loopback || w.Index != lo || w.Interface != "lo" || w.Gateway.IsValid() {
			t.Errorf("Egress(%v) = %+v, %v; want loopback", dst, w, err)
		}
		if got := Judge(w); got != LinkWhole {
			t.Errorf("Judge of %v: %v", dst, got)
		}
	}
	eth := cable(t, "eth9", "192.0.2.10/24", "2001:db8:1::10/64")
	for _, own := range []string{"192.0.2.10", "2001:db8:1::10"} {
		var w Way
		eventually(t, "the way to the own address is local", func() bool { // IPv6 makes its local route a little later
			var err error
			w, err = Egress(ip(own))
			return err == nil && w.Loopback
		})
		if got := Judge(w); got != LinkWhole {
			t.Errorf("own address %v: %v", own, got)
		}
		defer func() {
			if got := Judge(w); !got.Broken() {
				t.Errorf("own address %v gone: %v", own, got)
			}
		}()
	}
	// A link-local destination names its interface.
	for _, dst := range []string{"fe80::1%eth9", fmt.Sprintf("fe80::1%%%d", eth.Attrs().Index)} {
		w, err := Egress(ip(dst))
		if err != nil || w.Index != eth.Attrs().Index || w.Interface != "eth9" {
			t.Errorf("Egress(%v) = %+v, %v", dst, w, err)
		}
		if got := Judge(w); got != LinkWhole {
			t.Errorf("Judge of %v: %v", dst, got)
		}
	}
	if w, err := Egress(ip("fe80::1%none")); !errors.Is(err, unix.ENODEV) {
		t.Errorf("unknown zone: %+v, %v; want ENODEV", w, err)
	}
	// An IPv4 route by an IPv6 next hop.
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4(198, 51, 100, 0), Mask: net.CIDRMask(24, 32)},
		Via: &netlink.Via{AddrFamily: unix.AF_INET6, Addr: net.ParseIP("fe80::1")}}))
	w, err := Egress(ip("198.51.100.7"))
	if err != nil || w.Gateway != ip("fe80::1") || w.Source != ip("192.0.2.10") {
		t.Errorf("by an IPv6 next hop: %+v, %v", w, err)
	}
	if got := Judge(w); got != LinkWhole {
		t.Errorf("by an IPv6 next hop: %v", got)
	}
	// Several next hops: a session's may be either.
	cable(t, "eth8", "198.51.100.10/24")
	must(t, netlink.RouteAdd(&netlink.Route{Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: eth.Attrs().Index, Gw: net.IPv4(192, 0, 2, 1)}, {LinkIndex: mustLink(t, "eth8").Attrs().Index, Gw: net.IPv4(198, 51, 100, 1)}}}))
	for _, w := range []Way{
		{Index: eth.Attrs().Index, Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")},
		{Index: mustLink(t, "eth8").Attrs().Index, Source: ip("198.51.100.10"), Gateway: ip("198.51.100.1"), Destination: ip("203.0.113.7")},
	} {
		if got := Judge(w); got != LinkWhole && got != LinkMoved {
			t.Errorf("one of two next hops: %v", got)
		}
	}
	must(t, netlink.LinkDel(eth))
}

func TestIntegrationNeighbour(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	eth := cable(t, "eth9", "192.0.2.10/24", "2001:db8:1::10/64")
	addRoute(t, eth, "", "192.0.2.1", 0)
	addRoute(t, eth, "", "2001:db8:1::1", 0)
	mac, _ := net.ParseMAC("02:00:00:00:00:01")
	set := func(hop string, state int) {
		t.Helper()
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: eth.Attrs().Index, IP: net.ParseIP(hop), State: state, HardwareAddr: mac}))
	}
	for dst, hop := range map[string]string{"203.0.113.7": "192.0.2.1", "192.0.2.77": "192.0.2.77", "2001:db8:3::7": "2001:db8:1::1"} {
		w, err := Egress(ip(dst))
		must(t, err)
		if s, age := Neighbour(w); s != NeighbourAbsent || age >= 0 {
			t.Errorf("%v never asked: %v, %v", hop, s, age)
		}
		set(hop, netlink.NUD_REACHABLE)
		if s, age := Neighbour(w); s != NeighbourPresent || age < 0 || age > time.Second {
			t.Errorf("%v just confirmed: %v, %v", hop, s, age)
		}
		set(hop, netlink.NUD_PERMANENT)
		if s, age := Neighbour(w); s != NeighbourPresent || age >= 0 {
			t.Errorf("%v set by hand: %v, %v", hop, s, age)
		}
	}
	// Nobody answers ARP behind this cable.
	w, err := Egress(ip("192.0.2.99"))
	must(t, err)
	c, err := net.Dial("udp", "192.0.2.99:9")
	must(t, err)
	_, err = c.Write([]byte{0})
	must(t, err)
	must(t, c.Close())
	if s, age := Neighbour(w); s != NeighbourIncomplete || age >= 0 {
		t.Errorf("asked, no answer yet: %v, %v", s, age)
	}
	eventually(t, "ARP fails", func() bool { s, _ := Neighbour(w); return s == NeighbourFailed })
	if s, age := Neighbour(Way{Index: 1, Loopback: true, Destination: ip("127.0.0.1")}); s != NeighbourUnknown || age >= 0 {
		t.Errorf("loopback: %v, %v", s, age)
	}
}

func TestJudgeUnknown(t *testing.T) {
	if got := Judge(Way{}); got != LinkUnknown {
		t.Errorf("the zero Way: %v, want unknown", got)
	}
}

// benchWay is the way to a documentation address by this machine's default route.
func benchWay(b *testing.B) Way {
	w, err := Egress(ip("203.0.113.7"))
	if err != nil {
		b.Skipf("needs a default route: %v", err)
	}
	return w
}

func BenchmarkEgress(b *testing.B) {
	w := benchWay(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Egress(w.Destination); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	w := benchWay(b)
	b.ReportAllocs()
	for b.Loop() {
		if Judge(w) == LinkUnknown {
			b.Fatal("unknown")
		}
	}
}

// BenchmarkJudgeLibrary asks the same three questions through the netlink library, for comparison.
func BenchmarkJudgeLibrary(b *testing.B) {
	w := benchWay(b)
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	must(b, err)
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		l, err := h.LinkByIndex(w.Index)
		must(b, err)
		_, err = h.AddrList(l, netlink.FAMILY_V4)
		must(b, err)
		_, err = h.RouteGetWithOptions(w.Destination.AsSlice(), &netlink.RouteGetOptions{SrcAddr: w.Source.AsSlice()})
		must(b, err)
	}
}
