package netcheck

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	const (
		off = 0
		cut = unix.IFF_UP
		up  = unix.IFF_UP | unix.IFF_LOWER_UP
	)
	iface := func(name, kind string, flags uint32, addressed bool) candidate {
		c := candidate{link: link{name: name, kind: kind, flags: flags, hardware: arphrdEther, parent: kind == ""}, fits: addressed, holds: addressed}
		if kind == "vmnet" {
			c.kind = ""
		}
		return c
	}
	portOf := func(c candidate, bridge int) candidate { c.master, c.slaveKind = bridge, "bridge"; return c }
	lo := candidate{link: link{name: "lo", flags: up | unix.IFF_LOOPBACK, hardware: 772}, fits: true, holds: true}
	eth := func(flags uint32, addressed bool) candidate { return iface("eth0", "", flags, addressed) }
	tests := []struct {
		name                            string
		all                             []candidate // indexes 1, 2, 3 in order
		disabled, noCarrier, noAddressd string
	}{
		{"only lo", []candidate{lo}, "", "", ""},
		{"all is well", []candidate{lo, eth(up, true)}, "", "", ""},
		{"switched off, still holding its address", []candidate{lo, eth(off, true)}, "eth0", "", ""},
		{"switched off, never set up", []candidate{lo, eth(off, false)}, "", "", ""},
		{"cable out, static address", []candidate{lo, eth(cut, true)}, "", "eth0", ""},
		{"cable out, the DHCP client took the address away", []candidate{lo, eth(cut, false)}, "", "eth0", ""},
		{"no lease", []candidate{lo, eth(up, false)}, "", "", "eth0"},
		{"unused socket beside a working Wi-Fi", []candidate{lo, eth(cut, false), iface("wlan0", "", up, true)}, "", "", ""},
		{"Wi-Fi without a network, cable out", []candidate{lo, iface("wlan0", "", cut, false), eth(cut, true)}, "", "eth0", ""},
		{"a virtual machine's adapter is no help", []candidate{lo, eth(cut, false), iface("vmnet8", "vmnet", up, true)}, "", "eth0", ""},
		{"container bridge without ports", []candidate{lo, eth(up, true), iface("docker0", "bridge", cut, true)}, "", "", ""},
		{"container bridge with a container", []candidate{lo, eth(cut, true), iface("docker0", "bridge", up, true), portOf(iface("veth1", "veth", up, false), 3)}, "", "eth0", ""},
		{"bridge over the adapter", []candidate{lo, portOf(eth(cut, false), 3), iface("br0", "bridge", cut, true)}, "", "br0", ""},
		{"the outer end of a container's cable", []candidate{lo, eth(up, true), iface("cali1", "veth", cut, false)}, "", "", ""},
		{"in a container, cable out", []candidate{lo, iface("eth0", "veth", cut, true)}, "", "eth0", ""},
		{"in a container, address gone", []candidate{lo, iface("eth0", "veth", up, false)}, "", "", "eth0"},
		{"in a container, switched off", []candidate{lo, iface("eth0", "veth", off, true)}, "eth0", "", ""},
		{"a tunnel that is off", []candidate{lo, eth(up, true), iface("wg0", "wireguard", off, true)}, "", "", ""},
		{"a second adapter switched off with its address", []candidate{lo, eth(off, true), iface("wlan0", "", up, true)}, "eth0", "", ""},
		{"a CAN bus is no cable", []candidate{lo, {link: link{name: "can0", hardware: 280, flags: up, parent: true}}}, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.all {
				tt.all[i].index = i + 1
			}
			d, c, a := explain(tt.all)
			if d != tt.disabled || c != tt.noCarrier || a != tt.noAddressd {
				t.Errorf("got %q %q %q, want %q %q %q", d, c, a, tt.disabled, tt.noCarrier, tt.noAddressd)
			}
		})
	}
}

func TestIntegrationExplain(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dst := ip("203.0.113.7")
	check := func(name, disabled, noCarrier, noAddress string) {
		t.Helper()
		if d, c, a := Explain(dst); d != disabled || c != noCarrier || a != noAddress {
			t.Errorf("%s: got %q %q %q, want %q %q %q", name, d, c, a, disabled, noCarrier, noAddress)
		}
	}
	check("only lo", "", "", "")
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth9"}, PeerName: "eth9p"}))
	eth := mustLink(t, "eth9")
	h := newHost(t)
	must(t, netlink.LinkSetNsFd(mustLink(t, "eth9p"), int(h.ns)))
	check("never switched on", "", "", "")
	addAddr(t, eth, "192.0.2.10/24")
	check("switched off with an address", "eth9", "", "")
	must(t, netlink.LinkSetUp(eth))
	check("no carrier", "", "eth9", "")
	h.up(t, "eth9p")
	waitCarrier(t, eth.Attrs().Index)
	check("all is well", "", "", "")
	delAddr(t, eth, "192.0.2.10/24")
	check("no address", "", "", "eth9")
}
