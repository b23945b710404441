package netcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
)

// A box is a computer with Windows, as IP Helper tells of it.
type box struct {
	ifaces     []ifRow
	addrs      []addrRow
	routes     []routeRow
	metrics    map[int]uint32
	neighbours map[string]uint32
	off        []offRow
	fail       string // the question that cannot be asked
}

var errAsk = errors.New("RPC server unavailable")

// helper answers from the box. Without old the system has GetBestRoute2; with it, it has GetBestInterfaceEx at most.
func (b *box) helper(old bool) *ipHelper {
	ask := func(question string) error {
		if b.fail == question {
			return errAsk
		}
		return nil
	}
	h := &ipHelper{
		iface: func(index int) (ifRow, error) {
			for _, r := range b.ifaces {
				if r.index == index {
					return r, ask("iface")
				}
			}
			return ifRow{}, errNoInterface
		},
		ifaces: func() ([]ifRow, error) { return b.ifaces, ask("ifaces") },
		addrs:  func() ([]addrRow, error) { return b.addrs, ask("addrs") },
		routes: func(v6 bool) ([]routeRow, error) {
			return slices.DeleteFunc(slices.Clone(b.routes), func(r routeRow) bool { return r.dst.Addr().Is6() != v6 }), ask("routes")
		},
		metric:    func(index int, _ bool) uint32 { return b.metrics[index] },
		bestIface: func(netip.Addr) (int, error) { return 0, errAsk },
		neighbour: func(_ int, ip netip.Addr) (uint32, error) {
			if s, ok := b.neighbours[ip.String()]; ok {
				return s, nil
			}
			return 0, errNoNeighbour
		},
		nameServers: func() []netip.Addr { return nil },
		switchedOff: func() []offRow { return b.off },
	}
	h.best = func(netip.Addr, int) (routeRow, netip.Addr, error) { return routeRow{}, netip.Addr{}, ErrUnsupported }
	if !old {
		h.best = func(dst netip.Addr, index int) (routeRow, netip.Addr, error) {
			rows, _ := h.routes(dst.Is6())
			r, ok := h.search(rows, dst, index)
			if !ok {
				return routeRow{}, netip.Addr{}, fmt.Errorf("GetBestRoute2: %w", errors.Join(ask("best"), errorNetworkUnreachable))
			}
			return r, pickSource(b.addrs, r, dst), ask("best")
		}
	}
	return h
}

func ip(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func address4(index int, s string) addrRow {
	p := netip.MustParsePrefix(s)
	return addrRow{index: index, ip: p.Addr(), bits: p.Bits(), dad: 4}
}

func routeBy(index int, dst, hop string, metric uint32) routeRow {
	return routeRow{index: index, dst: netip.MustParsePrefix(dst), hop: ip(hop), metric: metric}
}

const (
	hardware = ifFlagHardware | ifFlagConnector
	down     = ifOperDown
)

// office is made after what Windows 11 lists on a desktop computer with Hyper-V and VMware: the cable's adapter, one of
// its filters, Wi-Fi without a network, Wi-Fi Direct, Bluetooth, and virtual adapters that are always up.
func office() *box {
	return &box{
		ifaces: []ifRow{
			{index: 1, name: "Loopback Pseudo-Interface 1", typ: ifTypeLoopback, oper: 1, admin: 1, media: 1},
			{index: 7, name: "Ethernet", typ: 6, medium: 14, flags: hardware, oper: 1, admin: 1, media: 1},
			{index: 8, name: "Ethernet-WFP Native MAC Layer LightWeight Filter-0000", typ: 6, medium: 14, flags: ifFlagHardware | ifFlagFilter, oper: 1, admin: 1, media: 1},
			{index: 12, name: "Wi-Fi", typ: 71, medium: 9, flags: hardware | ifFlagNoMedia, oper: down, admin: 1, media: 2},
			{index: 13, name: "Local Area Connection* 1", typ: 71, medium: 9, flags: ifFlagHardware | ifFlagNoMedia, oper: down, admin: 1, media: 2},
			{index: 14, name: "Bluetooth Network Connection", typ: 6, medium: mediumBluetooth, flags: hardware | ifFlagNoMedia, oper: down, admin: 1, media: 2},
			{index: 20, name: "vEthernet (Default Switch)", typ: 6, oper: 1, admin: 1, media: 1},
			{index: 21, name: "VMware Network Adapter VMnet8", typ: 6, oper: 1, admin: 1, media: 1},
			{index: 30, name: "Teredo Tunneling Pseudo-Interface", typ: ifTypeTunnel, oper: down, admin: 1},
		},
		addrs: []addrRow{
			address4(1, "127.0.0.1/8"), address4(1, "::1/128"),
			address4(7, "192.0.2.10/24"), address4(7, "fe80::10/64"), address4(7, "2001:db8:1::10/64"),
			{index: 12, ip: ip("169.254.7.7"), bits: 16, dad: 1}, {index: 12, ip: ip("fe80::12"), bits: 64, dad: 1},
			address4(20, "172.28.0.1/20"), address4(21, "198.51.100.1/24"),
		},
		routes: []routeRow{
			routeBy(7, "0.0.0.0/0", "192.0.2.1", 0), routeBy(1, "127.0.0.0/8", "", 256),
			routeBy(7, "192.0.2.0/24", "", 256), routeBy(20, "172.28.0.0/20", "", 256), routeBy(21, "198.51.100.0/24", "", 256),
			routeBy(7, "::/0", "fe80::1", 0), routeBy(7, "2001:db8:1::/64", "", 256), routeBy(7, "fe80::/64", "", 256), routeBy(12, "fe80::/64", "", 256),
		},
		metrics:    map[int]uint32{1: 75, 7: 25, 12: 50, 20: 5000, 21: 35},
		neighbours: map[string]uint32{"192.0.2.1": 5, "192.0.2.77": 0, "192.0.2.78": 1, "192.0.2.79": 4},
	}
}

// wine8 is what wine 8.0 of Debian 12 said in a network namespace with two adapters that are switched off; it says "no
// carrier" of these, knows no metric and has no GetBestRoute2.
func wine8() *box {
	return &box{
		ifaces: []ifRow{
			{index: 1, name: "lo", typ: 24, oper: 1, admin: 1, media: 1},
			{index: 2, name: "ifb0", typ: 6, flags: 5, oper: 2, admin: 1, media: 2},
			{index: 3, name: "ifb1", typ: 6, flags: 5, oper: 2, admin: 1, media: 2},
			{index: 4, name: "eth0", typ: 6, flags: 5, oper: 1, admin: 1, media: 1},
		},
		addrs: []addrRow{
			address4(1, "127.0.0.1/8"), address4(4, "192.0.2.2/24"), address4(1, "::1/128"),
			address4(4, "fd00::2/64"), address4(4, "fe80::fc:ff:fe00:1/64"),
		},
		routes:     []routeRow{routeBy(4, "0.0.0.0/0", "192.0.2.1", 0), routeBy(4, "192.0.2.0/24", "", 0)},
		neighbours: map[string]uint32{"192.0.2.1": 5},
	}
}

// bothWays runs a test with GetBestRoute2 and without it.
func bothWays(t *testing.T, f func(t *testing.T, old bool)) {
	t.Helper()
	for _, old := range [...]bool{false, true} {
		name := "GetBestRoute2"
		if old {
			name = "routes alone"
		}
		t.Run(name, func(t *testing.T) { f(t, old) })
	}
}

func TestHelperEgress(t *testing.T) {
	thousands := office()
	for i := range 5000 {
		thousands.routes = append(thousands.routes, routeRow{index: 20, dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), hop: ip("172.28.0.2"), metric: 1})
	}
	vpn := office()
	vpn.ifaces = append(vpn.ifaces, ifRow{index: 40, name: "wg0", typ: ifTypeVirtual, oper: 1, admin: 1})
	vpn.addrs = append(vpn.addrs, address4(40, "10.8.0.2/32"))
	vpn.routes = append(vpn.routes, routeBy(40, "0.0.0.0/1", "", 0), routeBy(40, "128.0.0.0/1", "", 0))
	twoWays := office()
	twoWays.routes = append(twoWays.routes, routeBy(12, "0.0.0.0/0", "198.18.0.1", 0))
	twoAddresses := office()
	twoAddresses.addrs = slices.Insert(twoAddresses.addrs, 2, address4(7, "198.18.5.5/24"), addrRow{index: 7, ip: ip("192.0.2.9"), bits: 24, dad: 4, skip: true})

	tests := []struct {
		name string
		box  *box
		dst  string
		want Way
	}{
		{"by the gateway", office(), "203.0.113.7", Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1")}},
		{"IPv4 in IPv6", office(), "::ffff:203.0.113.7", Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")}},
		{"on the own network", office(), "192.0.2.77", Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10")}},
		{"a virtual machine's network", office(), "198.51.100.9", Way{Index: 21, Interface: "VMware Network Adapter VMnet8", Source: ip("198.51.100.1")}},
		{"IPv6, by a link-local gateway", office(), "2001:db8:9::1", Way{Index: 7, Interface: "Ethernet", Source: ip("2001:db8:1::10"), Gateway: ip("fe80::1")}},
		{"link-local, the zone by number", office(), "fe80::99%7", Way{Index: 7, Interface: "Ethernet", Source: ip("fe80::10")}},
		{"link-local, the zone by name", office(), "fe80::99%Ethernet", Way{Index: 7, Interface: "Ethernet", Source: ip("fe80::10")}},
		{"loopback", office(), "127.0.0.1", Way{Index: 1, Interface: "Loopback Pseudo-Interface 1", Source: ip("127.0.0.1"), Loopback: true}},
		{"loopback, IPv6", office(), "::1", Way{Index: 1, Interface: "Loopback Pseudo-Interface 1", Source: ip("::1"), Loopback: true}},
		{"no address at all is this computer", office(), "0.0.0.0", Way{Index: 1, Interface: "Loopback Pseudo-Interface 1", Source: ip("127.0.0.1"), Loopback: true}},
		{"the own address", office(), "192.0.2.10", Way{Index: 1, Interface: "Loopback Pseudo-Interface 1", Source: ip("192.0.2.10"), Loopback: true}},
		{"one of thousands of routes", thousands, "10.19.135.9", Way{Index: 20, Interface: "vEthernet (Default Switch)", Source: ip("172.28.0.1"), Gateway: ip("172.28.0.2")}},
		{"a VPN with two halves of everything", vpn, "203.0.113.7", Way{Index: 40, Interface: "wg0", Source: ip("10.8.0.2")}},
		{"two default routes, the interface's metric decides", twoWays, "203.0.113.7", Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1")}},
		{"several addresses, the one on the gateway's network", twoAddresses, "203.0.113.7", Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1")}},
		{"wine", wine8(), "203.0.113.7", Way{Index: 4, Interface: "eth0", Source: ip("192.0.2.2"), Gateway: ip("192.0.2.1")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, old bool) {
				if !tt.want.Destination.IsValid() {
					tt.want.Destination = ip(tt.dst)
				}
				got, err := tt.box.helper(old).egress(ip(tt.dst))
				if err != nil || got != tt.want {
					t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
				}
			})
		})
	}
}

func TestHelperEgressFails(t *testing.T) {
	failing := func(question string) *box { b := office(); b.fail = question; return b }
	cut := office()
	cut.routes = cut.routes[1:]
	fourOnly := office()
	fourOnly.routes = fourOnly.routes[:5]
	fourOnly.addrs = slices.DeleteFunc(fourOnly.addrs, func(a addrRow) bool { return a.ip.Is6() && !a.ip.IsLoopback() })
	tests := []struct {
		name  string
		box   *box
		dst   string
		noWay bool
	}{
		{"no default route, only virtual adapters have networks", cut, "203.0.113.7", true},
		{"IPv6 on a computer that has none", fourOnly, "2001:db8::1", true},
		{"no destination", office(), "", false},
		{"a zone that is not there", office(), "fe80::1%Nowhere", false},
		{"addresses cannot be read", failing("addrs"), "203.0.113.7", false},
		{"interfaces cannot be read", failing("ifaces"), "127.0.0.1", false},
		{"the interface cannot be read", failing("iface"), "203.0.113.7", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, old bool) {
				h := tt.box.helper(old)
				w, err := h.egress(ip(tt.dst))
				if err == nil || noWay(err) != tt.noWay || w.Destination != ip(tt.dst) {
					t.Errorf("%+v, %v: no way %v, want %v", w, err, noWay(err), tt.noWay)
				}
				want := LinkUnknown
				if tt.noWay {
					want = LinkNoRoute
				}
				if _, got, err := h.alive(ip(tt.dst)); err == nil || got != want {
					t.Errorf("alive: %v (%v), want %v", got, err, want)
				}
			})
		})
	}
	// wine tells no route of IPv6, but addresses: how packets leave is not known, and must not be called "no way".
	w := Way{Index: 4, Interface: "eth0", Source: ip("fd00::2"), Destination: ip("2001:db8::1")}
	if _, err := wine8().helper(true).egress(w.Destination); !errors.Is(err, ErrUnsupported) || noWay(err) {
		t.Errorf("IPv6 on wine: %v", err)
	}
	if got := wine8().helper(true).judge(w); got != LinkUnknown {
		t.Errorf("IPv6 on wine: %q", got)
	}
	broken := office()
	broken.fail = "routes"
	if _, err := broken.helper(true).egress(ip("203.0.113.7")); !errors.Is(err, errAsk) {
		t.Errorf("routes cannot be read: %v", err)
	}
}

func TestHelperPrefersTheSystemsInterface(t *testing.T) {
	b := office()
	b.routes = append(b.routes, routeBy(12, "0.0.0.0/0", "198.18.0.1", 9000))
	b.addrs = append(b.addrs, address4(12, "198.18.0.2/24"))
	h := b.helper(true)
	h.bestIface = func(netip.Addr) (int, error) { return 12, nil }
	if w, err := h.egress(ip("203.0.113.7")); err != nil || w.Index != 12 || w.Source != ip("198.18.0.2") {
		t.Errorf("%+v, %v: GetBestInterfaceEx says 12", w, err)
	}
	// It names an interface that has no such route: on wine the default route's, for a loopback address.
	h.bestIface = func(netip.Addr) (int, error) { return 20, nil }
	if w, err := h.egress(ip("203.0.113.7")); err != nil || w.Index != 7 {
		t.Errorf("%+v, %v: only 7 has a way", w, err)
	}
}

func TestHelperJudge(t *testing.T) {
	way := Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")}
	neighbour := Way{Index: 7, Interface: "Ethernet", Source: ip("192.0.2.10"), Destination: ip("192.0.2.77")}
	own := Way{Index: 1, Source: ip("192.0.2.10"), Destination: ip("192.0.2.10"), Loopback: true}
	ethernet := func(change func(*ifRow)) func(*box) { return func(b *box) { change(&b.ifaces[1]) } }
	noAddress := func(b *box) { b.addrs = slices.Delete(b.addrs, 2, 3) }
	noDefault := func(b *box) { b.routes = b.routes[1:] }
	tests := []struct {
		name   string
		way    Way
		change func(*box)
		want   LinkState
	}{
		{"whole", way, func(*box) {}, LinkWhole},
		{"whole, on the own network", neighbour, func(*box) {}, LinkWhole},
		{"no way known", Way{}, func(*box) {}, LinkUnknown},
		{"the adapter was pulled out", way, func(b *box) { b.ifaces = slices.Delete(b.ifaces, 1, 2) }, LinkGone},
		{"the adapter was pulled out, and is still listed", way, ethernet(func(r *ifRow) { r.oper = ifOperNotPresent }), LinkGone},
		{"switched off, and listed no more", way, func(b *box) { b.ifaces = slices.Delete(b.ifaces, 1, 2); b.off = []offRow{{"Ethernet", true}} }, LinkDisabled},
		{"switched off, what is listed says only that it is not there", way, func(b *box) { b.ifaces[1].oper = ifOperNotPresent; b.off = []offRow{{"Ethernet", true}} }, LinkDisabled},
		{"pulled out, and another is switched off", way, func(b *box) { b.ifaces = slices.Delete(b.ifaces, 1, 2); b.off = []offRow{{"Ethernet 2", true}} }, LinkGone},
		{"enabled again: the device is there, the interface has another number", way, func(b *box) { b.ifaces[1].index = 9 }, LinkGone},
		{"switched off", way, ethernet(func(r *ifRow) { r.admin, r.oper = ifAdminDown, down }), LinkDisabled},
		{"switched off, its device not started", way, ethernet(func(r *ifRow) { r.admin, r.oper = ifAdminDown, ifOperNotPresent }), LinkDisabled},
		{"cable out", way, ethernet(func(r *ifRow) { r.oper, r.media, r.flags = down, 2, r.flags|ifFlagNoMedia }), LinkNoCarrier},
		{"cable out, only the media says so yet", way, ethernet(func(r *ifRow) { r.media = 2 }), LinkNoCarrier},
		{"cable out, and the address with it", way, func(b *box) { b.ifaces[1].media = 2; noAddress(b); noDefault(b) }, LinkNoCarrier},
		{"Wi-Fi lost its network", way, ethernet(func(r *ifRow) { r.oper = ifOperDormant }), LinkNoCarrier},
		{"what is below it is down", way, ethernet(func(r *ifRow) { r.oper = ifOperLowerDown }), LinkNoCarrier},
		{"an adapter that does not know its media", way, ethernet(func(r *ifRow) { r.media, r.oper = 0, 4 }), LinkWhole},
		{"address gone, IPv6 is left", way, noAddress, LinkNoAddress},
		{"another address came", way, func(b *box) { b.addrs[2].ip = ip("192.0.2.99") }, LinkAddressChanged},
		{"only an address of Windows' own making came", way, func(b *box) { b.addrs[2].ip = ip("169.254.3.3") }, LinkNoAddress},
		{"somebody else has the address", way, func(b *box) { b.addrs[2].dad = 2 }, LinkNoAddress},
		{"the address is being tried, after the cable was put back", way, func(b *box) { b.addrs[2].dad = 1 }, LinkWhole},
		{"no default route, virtual adapters are up", way, noDefault, LinkNoRoute},
		{"only a virtual adapter has a default route", way, func(b *box) { b.routes[0] = routeBy(20, "0.0.0.0/0", "172.28.0.2", 0) }, LinkNoRoute},
		{"a VPN took over, the old route is there", way, func(b *box) {
			b.routes = append(b.routes, routeBy(21, "0.0.0.0/1", "", 0), routeBy(21, "128.0.0.0/1", "", 0))
		}, LinkMoved},
		{"another gateway", way, func(b *box) { b.routes[0].hop = ip("192.0.2.254") }, LinkMoved},
		{"the own network's route is gone", neighbour, func(b *box) { b.routes = slices.Delete(b.routes, 2, 3) }, LinkMoved},
		{"the own network's route and the default are gone", neighbour, func(b *box) { b.routes = slices.Delete(b.routes, 2, 3); noDefault(b) }, LinkNoRoute},
		{"address and routes went to a virtual switch", way, func(b *box) {
			b.addrs[2].index = 20
			b.routes[0].index, b.routes[2].index = 20, 20
		}, LinkMoved},
		{"the address went to a virtual switch that is switched off", way, func(b *box) {
			b.addrs[2].index, b.ifaces[6].admin = 20, ifAdminDown
			b.routes[0].index, b.routes[2].index = 20, 20
		}, LinkNoRoute},
		{"this computer", Way{Index: 1, Source: ip("127.0.0.1"), Destination: ip("127.0.0.1"), Loopback: true}, func(*box) {}, LinkWhole},
		{"an own address", own, func(*box) {}, LinkWhole},
		{"an own address that left", own, noAddress, LinkNoAddress},
		{"the interface cannot be asked", way, func(b *box) { b.fail = "iface" }, LinkUnknown},
		{"addresses cannot be asked", way, func(b *box) { b.fail = "addrs" }, LinkUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, old bool) {
				b := office()
				tt.change(b)
				if got := b.helper(old).judge(tt.way); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
	t.Run("wine", func(t *testing.T) {
		w := Way{Index: 4, Interface: "eth0", Source: ip("192.0.2.2"), Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")}
		if got := wine8().helper(true).judge(w); got != LinkWhole {
			t.Error(got)
		}
		w.Index = 2
		if got := wine8().helper(true).judge(w); got != LinkNoCarrier {
			t.Error(got)
		}
	})
	for _, question := range [...]string{"routes", "best"} {
		b := office()
		b.fail = question
		if got := b.helper(question == "routes").judge(way); got != LinkUnknown {
			t.Errorf("%s cannot be asked: %q", question, got)
		}
	}
}

func TestHelperExplain(t *testing.T) {
	off := func(b *box, i int) {
		r := &b.ifaces[i]
		r.admin, r.oper, r.media = ifAdminDown, ifOperNotPresent, 0
		b.addrs = slices.DeleteFunc(b.addrs, func(a addrRow) bool { return a.index == r.index })
	}
	cut := func(b *box, i int) {
		r := &b.ifaces[i]
		r.oper, r.media, r.flags = down, 2, r.flags|ifFlagNoMedia
		b.addrs = slices.DeleteFunc(b.addrs, func(a addrRow) bool { return a.index == r.index })
	}
	wifi := func(b *box) {
		r := &b.ifaces[3]
		r.oper, r.media, r.flags = 1, 1, hardware
		b.addrs = append(b.addrs, address4(12, "198.18.0.2/24"))
	}
	tests := []struct {
		name                           string
		change                         func(*box)
		disabled, noCarrier, noAddress string
	}{
		{"all is well", func(*box) {}, "", "", ""},
		{"the adapter is switched off, virtual ones are up", func(b *box) { off(b, 1) }, "Ethernet", "Wi-Fi", ""},
		{"the adapter is switched off, Wi-Fi works", func(b *box) { wifi(b); off(b, 1) }, "", "", ""},
		{"cable out, virtual ones are up", func(b *box) { cut(b, 1) }, "", "Ethernet", ""},
		{"cable out, Wi-Fi works", func(b *box) { wifi(b); cut(b, 1) }, "", "", ""},
		{"no lease", func(b *box) { b.addrs[2].ip = ip("169.254.3.3") }, "", "Wi-Fi", "Ethernet"},
		{"pulled out", func(b *box) { b.ifaces[1].oper = ifOperNotPresent }, "", "Wi-Fi", ""},
		{"switched off and listed no more, virtual ones are up", func(b *box) {
			off(b, 1)
			b.ifaces = slices.Delete(b.ifaces, 1, 2)
			b.off = []offRow{{"Ethernet", true}, {"TAP", false}}
		}, "Ethernet", "Wi-Fi", ""},
		{"switched off, what is listed says only that it is not there", func(b *box) {
			off(b, 1)
			b.ifaces[1].admin = 1
			b.off = []offRow{{"Ethernet", true}}
		}, "Ethernet", "Wi-Fi", ""},
		{"a spare adapter is switched off, the other works", func(b *box) { b.off = []offRow{{"Ethernet 2", true}} }, "", "", ""},
		{"a VPN's adapter is switched off", func(b *box) { cut(b, 1); b.off = []offRow{{"TAP", false}} }, "", "Ethernet", ""},
		{"the address went to a Hyper-V switch", func(b *box) {
			b.ifaces[1].mac, b.ifaces[6].mac, b.ifaces[2].mac = [8]byte{2, 0, 0x5e, 0x10, 0, 1}, [8]byte{2, 0, 0x5e, 0x10, 0, 1}, [8]byte{2, 0, 0x5e, 0x10, 0, 1}
			b.addrs = slices.Delete(b.addrs, 2, 5)
			b.addrs = append(b.addrs, address4(20, "192.0.2.10/24"))
		}, "", "", ""},
		{"the address went to a Hyper-V switch, and the cable is out", func(b *box) {
			b.ifaces[1].mac, b.ifaces[6].mac = [8]byte{2, 0, 0x5e, 0x10, 0, 1}, [8]byte{2, 0, 0x5e, 0x10, 0, 1}
			b.addrs = slices.Delete(b.addrs, 2, 5)
			cut(b, 1)
			b.ifaces[6].oper, b.ifaces[6].media = down, 2
		}, "", "Ethernet", ""},
		{"a virtual machine's adapter with an address of its own does not stand in", func(b *box) {
			b.ifaces[1].mac, b.ifaces[6].mac = [8]byte{2, 0, 0x5e, 0x10, 0, 1}, [8]byte{2, 0, 0x5e, 0x10, 0, 2}
			b.addrs = slices.Delete(b.addrs, 2, 5)
		}, "", "Wi-Fi", "Ethernet"},
		{"both switched off", func(b *box) { off(b, 3); off(b, 1) }, "Ethernet", "", ""},
		{"nothing but virtual adapters", func(b *box) {
			b.ifaces = b.ifaces[6:]
			off(b, 0)
			off(b, 1)
		}, "vEthernet (Default Switch)", "", ""},
		{"interfaces cannot be asked", func(b *box) { off(b, 1); b.fail = "ifaces" }, "", "", ""},
		{"addresses cannot be asked", func(b *box) { off(b, 1); b.fail = "addrs" }, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := office()
			tt.change(b)
			d, c, a := b.helper(false).explain(ip("203.0.113.7"))
			if d != tt.disabled || c != tt.noCarrier || a != tt.noAddress {
				t.Errorf("got %q %q %q, want %q %q %q", d, c, a, tt.disabled, tt.noCarrier, tt.noAddress)
			}
		})
	}
}

// Only a neighbour on a real network is there when it answers.
func TestNeighbourTells(t *testing.T) {
	virtualSwitch := func(b *box) { // its card has given it the addresses
		mac := [8]byte{2, 0, 0, 0, 0, 7}
		b.ifaces[1].mac, b.ifaces[6].mac = mac, mac
		for i := range b.addrs {
			if b.addrs[i].index == 7 {
				b.addrs[i].index = 20
			}
		}
	}
	for _, tt := range []struct {
		name   string
		index  int
		change func(*box)
		want   bool
	}{
		{"a cable", 7, nil, true},
		{"an entry made by hand", 7, func(b *box) { b.neighbours["192.0.2.1"] = 6 }, false},
		{"no entry at all", 7, func(b *box) { delete(b.neighbours, "192.0.2.1") }, true},
		{"a virtual machine's adapter", 21, nil, false},
		{"a virtual switch in the place of the card", 20, virtualSwitch, true},
		{"a tunnel", 30, nil, false},
		{"an interface that is gone", 99, nil, false},
	} {
		b := office()
		if tt.change != nil {
			tt.change(b)
		}
		if got := b.helper(false).neighbourTells(tt.index, ip("192.0.2.1")); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestHelperNeighbour(t *testing.T) {
	way := Way{Index: 7, Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")}
	onLink := func(s string) Way { return Way{Index: 7, Destination: ip(s)} }
	tests := []struct {
		name string
		way  Way
		want NeighbourState
	}{
		{"the gateway is there", way, NeighbourPresent},
		{"asked in vain", onLink("192.0.2.77"), NeighbourFailed},
		{"being asked", onLink("192.0.2.78"), NeighbourIncomplete},
		{"known from before", onLink("192.0.2.79"), NeighbourPresent},
		{"never asked", onLink("192.0.2.80"), NeighbourAbsent},
		{"no way", Way{}, NeighbourUnknown},
		{"this computer", Way{Index: 1, Destination: ip("127.0.0.1"), Loopback: true}, NeighbourUnknown},
		{"a tunnel asks nobody", Way{Index: 30, Destination: ip("192.0.2.77")}, NeighbourUnknown},
		{"an interface that is gone", Way{Index: 99, Destination: ip("192.0.2.77")}, NeighbourUnknown},
	}
	for _, tt := range tests {
		if got := office().helper(false).neighbourOf(tt.way); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	// The entry of one that this process itself asks for just now says nothing.
	h := office().helper(false)
	h.resolving = func(index int, a netip.Addr) bool { return index == 7 && a == ip("192.0.2.78") }
	if got := h.neighbourOf(onLink("192.0.2.78")); got != NeighbourUnknown {
		t.Errorf("asked by ourselves: %d", got)
	}
	if got := h.neighbourOf(onLink("192.0.2.77")); got != NeighbourFailed {
		t.Errorf("another one: %d", got)
	}
}

func TestHelperNameServer(t *testing.T) {
	h := office().helper(false)
	h.nameServers = func() []netip.Addr { return []netip.Addr{ip("127.0.0.1"), ip("192.0.2.53")} }
	if got := h.nameServer(); got != ip("192.0.2.53") {
		t.Errorf("got %v", got)
	}
	h.nameServers = func() []netip.Addr { return nil }
	if got := h.nameServer(); got != anywhere {
		t.Errorf("without any: %v", got)
	}
}

// An adapter came between the call that asked for the size and the one that fetched the table.
func TestGrowing(t *testing.T) {
	need := []uint32{1000, 3000, 3500, 3500}
	calls := 0
	b, err := growing(100, func(b []byte, size *uint32) error {
		n := need[calls]
		calls++
		if *size != uint32(len(b)) {
			t.Fatalf("told %d bytes, got %d", *size, len(b))
		}
		if uint32(len(b)) < n {
			*size = n
			return errorBufferOverflow
		}
		b[n-1] = 1
		return nil
	})
	if err != nil || calls != 4 || b[3499] != 1 {
		t.Errorf("%d calls, %d bytes, %v", calls, len(b), err)
	}
	calls = 0
	if _, err := growing(100, func(b []byte, size *uint32) error { calls++; *size *= 2; return errorBufferOverflow }); !errors.Is(err, errorBufferOverflow) || calls > 10 {
		t.Errorf("a table that always grows: %v after %d calls", err, calls)
	}
	if _, err := growing(100, func([]byte, *uint32) error { return errAsk }); !errors.Is(err, errAsk) {
		t.Errorf("another error: %v", err)
	}
}

func TestInetAddr(t *testing.T) {
	// As wine 8.0 wrote them into MIB_UNICASTIPADDRESS_ROW, with what lay in the rest of an IPv4 one.
	v4 := [sockaddrSize]byte{2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 6}
	v6 := [sockaddrSize]byte{23, 0, 0, 0, 0, 0, 0, 0, 254, 128, 0, 0, 0, 0, 0, 0, 0, 252, 0, 255, 254, 0, 0, 1, 4}
	if got := inetAddr(&v4); got != ip("127.0.0.1") {
		t.Error(got)
	}
	if got := inetAddr(&v6); got != ip("fe80::fc:ff:fe00:1") {
		t.Error(got)
	}
	if got := putInet(ip("fe80::fc:ff:fe00:1"), 4); got != v6 {
		t.Errorf("% x", got)
	}
	for _, s := range [...]string{"192.0.2.1", "2001:db8::7", "::1"} {
		b := putInet(ip(s), 4)
		if got := inetAddr(&b); got != ip(s) {
			t.Errorf("%s came back as %v", s, got)
		}
	}
	if b := putInet(netip.Addr{}, 4); inetAddr(&b).IsValid() {
		t.Errorf("none: % x", b)
	}
}

// The same break has the same verdict, whichever system's number it comes with.
func TestDiagnoseWindowsErrors(t *testing.T) {
	numbers := map[syscall.Errno]syscall.Errno{
		syscall.EACCES: wsaEACCES, syscall.EADDRNOTAVAIL: wsaEADDRNOTAVAIL, syscall.ENETDOWN: wsaENETDOWN, syscall.ENETUNREACH: wsaENETUNREACH,
		syscall.ETIMEDOUT: wsaETIMEDOUT, syscall.ECONNREFUSED: wsaECONNREFUSED, syscall.EHOSTUNREACH: wsaEHOSTUNREACH,
	}
	for unix, wsa := range numbers {
		if got := posix(wsa); got != unix {
			t.Errorf("%d is %d, want %d", wsa, got, unix)
		}
	}
	asked := 0
	for _, tt := range diagnoseCases {
		wsa, ok := numbers[tt.f.FreshErrno]
		if !ok {
			continue
		}
		asked++
		tt.f.FreshErrno = wsa
		if got := Diagnose(tt.f); got.Cause != tt.want || !slices.Equal(got.Also, tt.also) {
			t.Errorf("%s: got %q %q, want %q %q", tt.name, got.Cause, got.Also, tt.want, tt.also)
		}
	}
	if asked < 8 {
		t.Errorf("only %d cases have an error", asked)
	}
}

// The kinds of interfaces that Windows lists, in the words of Get-NetAdapter -IncludeHidden, and whether each can explain a
// missing way.
func TestWhichAdaptersCount(t *testing.T) {
	const endPoint = 1 << 7
	tests := []struct {
		row    ifRow
		counts bool
	}{
		{ifRow{name: "Ethernet", typ: 6, medium: 14, flags: hardware}, true},
		{ifRow{name: "Wi-Fi", typ: 71, medium: 9, flags: hardware | ifFlagNoMedia, oper: down, media: 2}, true},
		{ifRow{name: "Mobile", typ: ifTypeWWAN, medium: 8, flags: hardware}, true},
		{ifRow{name: "Wi-Fi-QoS Packet Scheduler-0000", typ: 71, medium: 9, flags: hardware | ifFlagFilter}, false},
		{ifRow{name: "Local Area Connection* 9", typ: 71, medium: 9, flags: ifFlagHardware}, false}, // Wi-Fi Direct
		{ifRow{name: "vEthernet (WSL)", typ: 6, flags: endPoint}, false},
		{ifRow{name: "vEthernet (External)", typ: 6}, false},
		{ifRow{name: "VMware Network Adapter VMnet1", typ: 6}, false},
		{ifRow{name: "VirtualBox Host-Only Network", typ: 6, flags: ifFlagConnector}, false},
		{ifRow{name: "TAP-Windows Adapter V9", typ: 6, flags: ifFlagConnector}, false},
		{ifRow{name: "wg0", typ: ifTypeVirtual}, false},
		{ifRow{name: "VPN by RAS", typ: ifTypePPP}, false},
		{ifRow{name: "Local Area Connection* 6", typ: 6}, false}, // WAN Miniport (IP)
		{ifRow{name: "Ethernet (Kernel Debugger)", typ: 6, flags: ifFlagHardware, oper: ifOperNotPresent}, false},
		{ifRow{name: "Teredo Tunneling Pseudo-Interface", typ: ifTypeTunnel, oper: down}, false},
		{ifRow{name: "6to4 Adapter", typ: ifTypeTunnel, flags: hardware}, false},
		{ifRow{name: "Loopback Pseudo-Interface 1", typ: ifTypeLoopback, flags: hardware}, false},
		{ifRow{name: "a dock that was pulled out", typ: 6, flags: hardware, oper: ifOperNotPresent}, false},
	}
	var rows []ifRow
	for i, tt := range tests {
		tt.row.index = i + 1
		if tt.row.admin == 0 {
			tt.row.admin = 1
		}
		rows = append(rows, tt.row)
	}
	counted := adapters(rows, nil)
	for _, tt := range tests {
		if got := slices.ContainsFunc(counted, func(r ifRow) bool { return r.name == tt.row.name }); got != tt.counts {
			t.Errorf("%s counts: %v", tt.row.name, got)
		}
	}
	if none := adapters(rows[5:6], nil); len(none) != 1 {
		t.Errorf("a computer that has nothing else: %+v", none)
	}
}

// Administrative state before carrier, and what neither Windows nor wine tells apart is not made up: wine calls an adapter
// that is switched off "no carrier".
func TestInterfaceStates(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  ifRow
		want LinkState
	}{
		{"NET_IF_ADMIN_STATUS_DOWN, and the cable is in", ifRow{typ: 6, admin: 2, oper: 2, media: 1}, LinkDisabled},
		{"NET_IF_ADMIN_STATUS_DOWN, and the cable is out", ifRow{typ: 6, admin: 2, oper: 2, media: 2, flags: ifFlagNoMedia}, LinkDisabled},
		{"MediaConnectStateDisconnected", ifRow{typ: 6, admin: 1, oper: 2, media: 2, flags: ifFlagNoMedia}, LinkNoCarrier},
		{"MediaConnectStateDisconnected alone", ifRow{typ: 6, admin: 1, oper: 1, media: 2}, LinkNoCarrier},
		{"NotMediaConnected alone", ifRow{typ: 6, admin: 1, oper: 1, media: 1, flags: ifFlagNoMedia}, LinkNoCarrier},
		{"Wi-Fi that waits for 802.1X (NotAuthenticated)", ifRow{typ: 71, admin: 1, oper: 5, media: 1, flags: 1 << 3}, LinkNoCarrier},
		{"asleep to save power, and whole (LowPower)", ifRow{typ: 71, admin: 1, oper: 1, media: 1, flags: 1 << 6}, LinkWhole},
		{"a tunnel that knows no media", ifRow{typ: ifTypeVirtual, admin: 1, oper: 1}, LinkWhole},
		{"IfOperStatusUnknown", ifRow{typ: 6, admin: 1, oper: 4}, LinkWhole},
		{"IfOperStatusTesting", ifRow{typ: 6, admin: 3, oper: 3, media: 1}, LinkWhole},
		{"loopback, whatever it says of its media", ifRow{typ: ifTypeLoopback, admin: 1, oper: 1, media: 2}, LinkWhole},
		{"not present", ifRow{typ: 6, admin: 1, oper: 6, media: 2}, LinkGone},
	} {
		if got := tt.row.state(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A route to everything that is on-link, by an adapter that has no neighbours and by one that has.
func TestEverythingOnLink(t *testing.T) {
	b := office()
	b.ifaces = append(b.ifaces, ifRow{index: 60, name: "Mobile", typ: ifTypeWWAN, medium: 8, flags: hardware, oper: 1, admin: 1, media: 1})
	b.addrs = append(b.addrs, address4(60, "198.18.7.7/32"), addrRow{index: 60, ip: ip("fe80::60"), bits: 64, dad: 4})
	b.routes = append(slices.DeleteFunc(b.routes, func(r routeRow) bool { return r.dst.Bits() == 0 }), routeBy(60, "0.0.0.0/0", "", 0), routeBy(60, "::/0", "fe80::1", 0))
	bothWays(t, func(t *testing.T, old bool) {
		h := b.helper(old)
		w, err := h.egress(ip("203.0.113.7"))
		if want := (Way{Index: 60, Interface: "Mobile", Source: ip("198.18.7.7"), Destination: ip("203.0.113.7")}); err != nil || w != want {
			t.Errorf("%+v, %v, want %+v", w, err, want)
		}
		if got := h.neighbourOf(w); got != NeighbourUnknown {
			t.Errorf("a neighbour where nobody has any: %v", got)
		}
		if got := h.judge(w); got != LinkWhole {
			t.Errorf("%v", got)
		}
		// IPv6 with no address beyond the link: the gateway is known, a source is not.
		if w, err = h.egress(ip("2001:db8::1")); err != nil || w.Gateway != ip("fe80::1") || w.Source.IsValid() {
			t.Errorf("IPv6: %+v, %v", w, err)
		}
	})
}

// Of several routes to everything the lower sum of both metrics counts, and the longer prefix before any metric.
func TestMetrics(t *testing.T) {
	for _, tt := range []struct {
		name           string
		cable, wifi    uint32 // of the routes
		byCable, byAir uint32 // of the interfaces
		want           int
	}{
		{"the interface's decides", 0, 0, 25, 50, 7},
		{"the route's decides", 256, 0, 25, 50, 12},
		{"their sum decides", 20, 0, 25, 50, 7},
		{"equal: the first that is listed", 25, 0, 25, 50, 7},
		{"the largest there are", 1<<32 - 1, 1<<32 - 2, 1<<32 - 1, 1<<32 - 1, 12},
	} {
		b := office()
		b.routes[0].metric = tt.cable
		b.routes = append(b.routes, routeBy(12, "0.0.0.0/0", "198.18.0.1", tt.wifi))
		b.addrs = append(b.addrs, address4(12, "198.18.0.2/24"))
		b.metrics[7], b.metrics[12] = tt.byCable, tt.byAir
		if w, err := b.helper(true).egress(ip("203.0.113.7")); err != nil || w.Index != tt.want {
			t.Errorf("%s: by %d (%v), want %d", tt.name, w.Index, err, tt.want)
		}
		b.routes = append(b.routes, routeBy(12, "203.0.113.0/24", "198.18.0.1", 9999))
		if w, err := b.helper(true).egress(ip("203.0.113.7")); err != nil || w.Index != 12 {
			t.Errorf("%s: a longer prefix: by %d (%v)", tt.name, w.Index, err)
		}
	}
}

// What a look at ten targets costs on a computer with thousands of routes, where GetBestRoute2 is missing.
func BenchmarkThousandsOfRoutes(b *testing.B) {
	box := office()
	for i := range 10000 {
		box.routes = append(box.routes, routeRow{index: 20, dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), hop: ip("172.28.0.2"), metric: 1})
	}
	h := box.helper(true)
	b.ReportAllocs()
	for b.Loop() {
		once := h.once()
		addrs, err := once.addrs()
		if err != nil {
			b.Fatal(err)
		}
		for i := range 10 {
			if _, _, err := once.lookup(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 0, addrs); err != nil {
				b.Fatal(err)
			}
		}
	}
}
