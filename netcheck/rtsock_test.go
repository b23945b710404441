package netcheck

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The wires of 64-bit kernels, by their headers; TestThisWire compares them with what the program for such a kernel uses.
var wires = map[string]wire{
	"darwin": func() wire {
		w := wire{order: binary.LittleEndian, version: 5, align: 4, inet6: 30, ifInfo: 0xe, newAddr: 0xc}
		w.cloned, w.scoped, w.deaf, w.adapter = 0x20000, 0x1000000, []byte{0x11, 0x14}, []string{"en"}
		return classic(w, 92, 112, 20)
	}(),
	"freebsd": func() wire {
		w := wire{order: binary.LittleEndian, version: 5, align: 8, inet6: 28, ifInfo: 0xe, newAddr: 0xc, linkUp: 2}
		w.iface.link = 16 + 4
		return classic(w, 152, 168, 20)
	}(),
	"netbsd": func() wire {
		w := wire{order: binary.LittleEndian, version: 4, align: 8, inet6: 24, ifInfo: 0x14, newAddr: 0xc, linkUp: 2, cloned: 0x2000, deaf: []byte{0x13}}
		w.iface.link = 16 + 4
		w = classic(w, 120, 152, 24)
		w.addr.index = 16
		return w
	}(),
	"openbsd": func() wire {
		w := wire{order: binary.LittleEndian, version: 5, align: 8, inet6: 24, ifInfo: 0xe, newAddr: 0xc, linkUp: 4, cloned: 0x10000, header: 4}
		w.route.size, w.route.index, w.route.flags, w.route.addrs, w.route.pid, w.route.seq, w.route.errno, w.route.priority = 96, 6, 16, 12, 24, 28, 32, 10
		w.iface.size, w.iface.index, w.iface.flags, w.iface.addrs, w.iface.link = 168, 6, 16, 12, 24+3
		w.addr.size, w.addr.index, w.addr.addrs = 24, 6, 12
		return w
	}(),
}

// classic is how 4.4BSD laid them out.
func classic(w wire, rtm, ifm, ifam int) wire {
	w.route.size, w.route.index, w.route.flags, w.route.addrs, w.route.pid, w.route.seq, w.route.errno = rtm, 4, 8, 12, 16, 20, 24
	w.iface.size, w.iface.index, w.iface.flags, w.iface.addrs = ifm, 12, 8, 4
	w.addr.size, w.addr.index, w.addr.addrs = ifam, 12, 4
	return w
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame makes a message: a header of that size with numbers in it, and what follows.
func (w *wire) frame(typ byte, size int, put map[int]uint32, tail ...[]byte) []byte {
	b := make([]byte, size)
	b[2], b[3] = w.version, typ
	if w.header != 0 {
		w.order.PutUint16(b[w.header:], uint16(size))
	}
	for at, v := range put {
		switch at {
		case w.route.index, w.iface.index, w.addr.index:
			w.order.PutUint16(b[at:], uint16(v))
		default:
			w.order.PutUint32(b[at:], v)
		}
	}
	for _, t := range tail {
		b = append(b, t...)
		for (len(b)-size)%w.align != 0 {
			b = append(b, 0)
		}
	}
	w.order.PutUint16(b, uint16(len(b)))
	return b
}

// sa makes a socket address as the kernel does; "/24" is a netmask.
func (w *wire) sa(s string) []byte {
	if bits, ok := strings.CutPrefix(s, "/"); ok {
		n := netip.MustParsePrefix("::/" + bits).Bits()
		b := make([]byte, 4+(n+7)/8)
		b[0], b[1] = byte(len(b)), 0xff
		for i := range n {
			b[4+i/8] |= 0x80 >> (i % 8)
		}
		return b
	}
	a := netip.MustParseAddr(s)
	if a.Is4() {
		b := make([]byte, 16)
		four := a.As4()
		b[0], b[1] = 16, bsdInet
		copy(b[4:], four[:])
		return b
	}
	b := make([]byte, 28)
	six := a.As16()
	b[0], b[1] = 28, w.inet6
	copy(b[8:], six[:])
	return b
}

// dl makes a struct sockaddr_dl.
func dl(index int, typ byte, name, mac string) []byte {
	b := []byte{0, bsdLink, byte(index), 0, typ, byte(len(name)), byte(len(mac) / 2), 0}
	b = append(b, name...)
	m, _ := hex.DecodeString(mac)
	b = append(b, m...)
	for len(b) < 20 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	return b
}

func (w *wire) rtEntryOf(index int, flags uint32, dst, gateway, mask []byte, more ...map[int]uint32) []byte {
	attrs, tail := uint32(1|2), [][]byte{dst, gateway}
	if mask != nil {
		attrs, tail = attrs|4, append(tail, mask)
	}
	put := map[int]uint32{w.route.index: uint32(index), w.route.flags: flags, w.route.addrs: attrs}
	for _, m := range more {
		for at, v := range m {
			put[at] = v
		}
	}
	return w.frame(rtmGet, w.route.size, put, tail...)
}

// ifaceOf has the link state put where the kernel keeps it.
func (w *wire) ifaceOf(index int, flags uint32, link byte, sdl []byte) []byte {
	b := w.frame(w.ifInfo, w.iface.size, map[int]uint32{w.iface.index: uint32(index), w.iface.flags: flags, w.iface.addrs: 1 << rtaIFP}, sdl)
	if w.iface.link != 0 {
		b[w.iface.link] = link
	}
	return b
}

func (w *wire) addrOf(index int, ip, mask string) []byte {
	return w.frame(w.newAddr, w.addr.size, map[int]uint32{w.addr.index: uint32(index), w.addr.addrs: 1<<rtaNetmask | 1<<rtaIFA}, w.mask(ip, mask), w.sa(ip))
}

// mask is a netmask of the family of ip.
func (w *wire) mask(ip, bits string) []byte {
	m := w.sa(bits)
	if netip.MustParseAddr(ip).Is6() {
		m = append(append(slices.Clone(m[:4]), 0, 0, 0, 0), m[4:]...)
		m[0] = byte(len(m))
	}
	return m
}

const broadcastRunning = iffUp | iffRunning | 0x2

func TestSocketAddressesAsRecorded(t *testing.T) {
	// As x/net/route's tests have them, recorded on macOS.
	for _, tt := range []struct {
		name, body string
		dst, hop   string
		index      int
	}{
		{"a network on Ethernet", "1002000064710000 0000000000000000 1412040006000000 0000000000000000 00000000 07ffffffffffff00", "100.113.0.0/24", "", 4},
		{"a mask with its family", "1002000064710000 0000000000000000 1412210001080000 7574756e34333139 00000000 06020000ffff0000", "100.113.0.0/16", "", 33},
		{
			"a router by its link-local address", "1c1e000000000000 fd841b4e62810000 0000000000000000 00000000 1c1e000000000000 fe80002100000000 f22f4bfffe093bff 00000000" +
				"0e1e000000000000 ffffffffffff0000", "fd84:1b4e:6281::/48", "fe80::f22f:4bff:fe09:3bff", 33,
		},
		{
			"the default route", "1c1e000000000000 0000000000000000 0000000000000000 00000000 1c1e000000000000 fe80000000000000 02d04cfffe1015d2 00000000 021e0000",
			"::/0", "fe80::2d0:4cff:fe10:15d2", 13,
		},
		{
			"a destination of no length", "001e0000 1c1e000000000000 fe80002100000000 f22f4bfffe093bff 00000000 021e0000", "::/0", "fe80::f22f:4bff:fe09:3bff", 33,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := wires["darwin"]
			flags := uint32(rtfUp)
			if tt.hop != "" {
				flags |= rtfGateway
			}
			m := w.frame(rtmGet, w.route.size, map[int]uint32{w.route.index: uint32(tt.index), w.route.flags: flags, w.route.addrs: 7}, unhex(t, tt.body))
			rows, err := w.routes(m)
			if want := (routeRow{index: tt.index, dst: netip.MustParsePrefix(tt.dst), hop: ip(tt.hop)}); err != nil || len(rows) != 1 || rows[0] != want {
				t.Errorf("%+v, %v; want %+v", rows, err, want)
			}
		})
	}
	t.Run("macOS answers that there is no such route", func(t *testing.T) {
		w := wires["darwin"]
		m := unhex(t, "84000504 01000000 03080001 15000000 1B010000 F55A0000 03000000"+strings.Repeat("00", 64)+
			"1002000000000000 0000000000000000 00020000 1412000000000000 0000000000000000 00000000")
		_, _, ok, err := w.answer(m, 0x11b, 0x5af5, ip("192.0.2.1"))
		if !ok || !noWay(err) {
			t.Errorf("%v, %v", ok, err)
		}
		if _, _, ok, err := w.answer(m, 0x11b, 1, ip("192.0.2.1")); ok || err != nil {
			t.Errorf("the answer to another question is taken: %v", err)
		}
	})
	t.Run("an address of FreeBSD", func(t *testing.T) {
		w := wires["freebsd"]
		sdl := "38120000ffffff00" + strings.Repeat("00", 48)
		m := w.frame(w.newAddr, w.addr.size, map[int]uint32{w.addr.index: 2, w.addr.addrs: 1<<rtaNetmask | 1<<rtaIFP | 1<<rtaIFA | 1<<7}, nil)
		m = append(m[:w.addr.size], unhex(t, sdl+"3812020006030600 656d31000c29662c dc00000000000000"+strings.Repeat("00", 32)+
			"10020000ac10dcb4 0000000000000000 10020000ac10dcff 0000000000000000")...)
		w.order.PutUint16(m, uint16(len(m)))
		rows, err := w.addrs(m)
		if want := (addrRow{index: 2, ip: ip("172.16.220.180"), bits: 24, dad: 4}); err != nil || len(rows) != 1 || rows[0] != want {
			t.Errorf("%+v, %v; want %+v", rows, err, want)
		}
	})
}

// A bsdBox is a computer with a BSD kernel.
type bsdBox struct {
	w                             wire
	ifaces, addrs                 map[int][]byte
	routes, neighbours            [2][]byte // of IPv4 and IPv6
	answer                        []byte
	asked                         error
	source                        netip.Addr
	media                         map[string]Tri
	noIfaces, noRoutes, noEntries error
}

func (b *bsdBox) helper() *ipHelper {
	family := func(v6 bool) int {
		if v6 {
			return 1
		}
		return 0
	}
	return (&bsdSystem{
		wire: &b.w,
		fetch: func(what ribTable, v6 bool, index int) (out []byte, err error) {
			switch what {
			case ribInterfaces:
				for i := range 64 {
					if index == 0 || i == index {
						out = append(append(out, b.ifaces[i]...), b.addrs[i]...)
					}
				}
				return out, b.noIfaces
			case ribRoutes:
				return b.routes[family(v6)], b.noRoutes
			}
			return b.neighbours[family(v6)], b.noEntries
		},
		get:    func(netip.Addr) ([]byte, uint32, uint32, error) { return b.answer, 7, 9, b.asked },
		source: func(netip.Addr) netip.Addr { return b.source },
		media:  func(name string) Tri { return b.media[name] },
	}).helper()
}

// laptop is a Mac on Wi-Fi and a cable, en0 preferred, with a Thunderbolt port that was never used, and a VPN; or with the same
// interfaces a computer with one of the BSDs. Its kernel answers no RTM_GET: the table decides.
func laptop(system string) *bsdBox {
	w := wires[system]
	up := byte(4)
	if w.linkUp == 2 {
		up = 2
	}
	b := &bsdBox{w: w, asked: cannot("ask", errCut), media: map[string]Tri{"en0": Yes, "en1": Yes, "en2": No}}
	b.ifaces = map[int][]byte{
		1: w.ifaceOf(1, iffUp|iffLoopback|iffRunning, 0, dl(1, 24, "lo0", "")),
		4: w.ifaceOf(4, broadcastRunning, up, dl(4, 6, "en0", "0a0000000004")),
		5: w.ifaceOf(5, broadcastRunning, up, dl(5, 6, "en1", "0a0000000005")),
		6: w.ifaceOf(6, broadcastRunning, up-1, dl(6, 6, "en2", "0a0000000006")),
		7: w.ifaceOf(7, broadcastRunning, 0, dl(7, 6, "tap0", "0a0000000007")),
		9: w.ifaceOf(9, iffUp|iffRunning|iffPointToPoint, 0, dl(9, 1, "utun3", "")),
	}
	b.addrs = map[int][]byte{
		1: slices.Concat(w.addrOf(1, "127.0.0.1", "/8"), w.addrOf(1, "::1", "/128")),
		4: slices.Concat(w.addrOf(4, "192.0.2.10", "/24"), w.addrOf(4, "fe80:4::10", "/64")),
		5: w.addrOf(5, "198.51.100.10", "/24"),
		7: w.addrOf(7, "10.1.1.1", "/24"),
		9: w.addrOf(9, "10.9.9.9", "/32"),
	}
	static := uint32(rtfUp | rtfGateway | 0x800)
	b.routes[0] = slices.Concat(
		w.rtEntryOf(4, static, w.sa("0.0.0.0"), w.sa("192.0.2.1"), []byte{0, 0, 0, 0}),
		w.rtEntryOf(4, rtfUp, w.sa("192.0.2.0"), dl(4, 6, "", ""), w.sa("/24")),
		w.rtEntryOf(5, rtfUp, w.sa("198.51.100.0"), dl(5, 6, "", ""), w.sa("/24")),
		w.rtEntryOf(1, rtfUp, w.sa("127.0.0.0"), w.sa("127.0.0.1"), w.sa("/8")),
		w.rtEntryOf(4, rtfUp|rtfHost|rtfNeighbour|w.cloned, w.sa("192.0.2.1"), dl(4, 6, "", "0a00000000fe"), nil),
		w.rtEntryOf(1, rtfUp|rtfReject, w.sa("203.0.113.0"), w.sa("127.0.0.1"), w.sa("/24")),
	)
	if w.scoped != 0 {
		b.routes[0] = append(b.routes[0], w.rtEntryOf(5, static|w.scoped, w.sa("0.0.0.0"), w.sa("198.51.100.1"), []byte{0, 0, 0, 0})...)
	}
	b.neighbours[0] = slices.Concat(
		w.rtEntryOf(4, rtfUp|rtfHost|rtfNeighbour, w.sa("192.0.2.1"), dl(4, 6, "", "0a00000000fe"), nil),
		w.rtEntryOf(4, rtfUp|rtfHost|rtfNeighbour, w.sa("192.0.2.77"), dl(4, 6, "", ""), nil),
		w.rtEntryOf(4, rtfUp|rtfHost|rtfNeighbour|rtfReject, w.sa("192.0.2.78"), dl(4, 6, "", ""), nil),
	)
	return b
}

// TestBSD has the whole judgement on what such kernels say.
func TestBSD(t *testing.T) {
	const beyond, never = "203.0.114.7", "203.0.113.7"
	for system := range wires {
		t.Run(system, func(t *testing.T) {
			b := laptop(system)
			w, err := b.helper().egress(ip(beyond))
			want := Way{Index: 4, Interface: "en0", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: ip(beyond)}
			if err != nil || w != want {
				t.Fatalf("the way is %+v, %v; want %+v", w, err, want)
			}
			if w, err := b.helper().egress(ip(never)); !noWay(err) || w.Index != 0 {
				t.Errorf("a route that says no leads to %+v, %v", w, err)
			}
			if w, err := b.helper().egress(ip("127.0.0.5")); err != nil || !w.Loopback || w.Interface != "lo0" {
				t.Errorf("loopback: %+v, %v", w, err)
			}
			for _, tt := range []struct {
				name string
				make func(*bsdBox)
				want LinkState
			}{
				{"whole", func(*bsdBox) {}, LinkWhole},
				{"switched off", func(b *bsdBox) { b.ifaces[4] = b.w.ifaceOf(4, 0x2, 0, dl(4, 6, "en0", "")) }, LinkDisabled},
				{"cable out", func(b *bsdBox) {
					b.ifaces[4] = b.w.ifaceOf(4, broadcastRunning, b.w.linkUp/2, dl(4, 6, "en0", ""))
					b.media["en0"] = No
				}, LinkNoCarrier},
				{"the driver does not know of a medium", func(b *bsdBox) {
					b.ifaces[4] = b.w.ifaceOf(4, broadcastRunning, 0, dl(4, 6, "en0", ""))
					b.media["en0"] = NotKnown
				}, LinkWhole},
				{"the driver is not ready", func(b *bsdBox) { b.ifaces[4] = b.w.ifaceOf(4, 0x2|iffUp, 0, dl(4, 6, "en0", "")) }, LinkNoCarrier},
				{"pulled out", func(b *bsdBox) { delete(b.ifaces, 4) }, LinkGone},
				{"address gone", func(b *bsdBox) { b.addrs[4] = nil }, LinkNoAddress},
				{"another address", func(b *bsdBox) { b.addrs[4] = b.w.addrOf(4, "192.0.2.11", "/24") }, LinkAddressChanged},
				{"no route", func(b *bsdBox) {
					b.routes[0] = b.w.rtEntryOf(4, rtfUp, b.w.sa("192.0.2.0"), dl(4, 6, "", ""), b.w.sa("/24"))
				}, LinkNoRoute},
				{"only a VPN's route is left", func(b *bsdBox) {
					b.routes[0] = b.w.rtEntryOf(9, rtfUp, b.w.sa("0.0.0.0"), dl(9, 1, "utun3", ""), []byte{0, 0, 0, 0})
				}, LinkNoRoute},
				{"a VPN took over", func(b *bsdBox) {
					b.routes[0] = append(b.w.rtEntryOf(9, rtfUp, b.w.sa("203.0.114.0"), dl(9, 1, "utun3", ""), b.w.sa("/24")), b.routes[0]...)
				}, LinkMoved},
				{"interfaces cannot be read", func(b *bsdBox) { b.noIfaces = syscall.EPERM }, LinkUnknown},
				{"interfaces are cut short", func(b *bsdBox) { b.ifaces[4] = b.ifaces[4][:40] }, LinkUnknown},
				{"routes cannot be read", func(b *bsdBox) { b.noRoutes = syscall.ENOENT }, LinkUnknown},
				{"no route at all is told, which cannot be", func(b *bsdBox) { b.routes[0] = nil }, LinkUnknown},
			} {
				t.Run(tt.name, func(t *testing.T) {
					b := laptop(system)
					tt.make(b)
					if got := b.helper().judge(w); got != tt.want {
						t.Errorf("%v, want %v", got, tt.want)
					}
				})
			}
			for dst, want := range map[string]NeighbourState{
				beyond: NeighbourPresent, "192.0.2.77": NeighbourIncomplete, "192.0.2.78": NeighbourFailed, "192.0.2.79": NeighbourAbsent,
			} {
				w, err := b.helper().egress(ip(dst))
				if got := b.helper().neighbourOf(w); err != nil || got != want {
					t.Errorf("neighbour towards %s: %v, %v; want %v", dst, got, err, want)
				}
			}
			b.noEntries = syscall.EPERM
			if got := b.helper().neighbourOf(w); got != NeighbourUnknown {
				t.Errorf("neighbours that cannot be read: %v", got)
			}
		})
	}
}

// TestBSDAsked: what RTM_GET answers goes before the table.
func TestBSDAsked(t *testing.T) {
	dst := ip("203.0.114.7")
	for system := range wires {
		for _, tt := range []struct {
			name   string
			answer func(*bsdBox) []byte
			asked  error
			want   Way
			noWay  bool
			fails  bool
		}{
			{"by another interface", func(b *bsdBox) []byte {
				return b.w.rtEntryOf(5, rtfUp|rtfGateway, b.w.sa("0.0.0.0"), b.w.sa("198.51.100.1"), []byte{0, 0, 0, 0}, b.mine())
			}, nil, Way{Index: 5, Interface: "en1", Source: ip("198.51.100.10"), Gateway: ip("198.51.100.1")}, false, false},
			{"a failed neighbour is a way all the same", func(b *bsdBox) []byte {
				return b.w.rtEntryOf(5, rtfUp|rtfHost|rtfNeighbour|rtfReject, b.w.sa("203.0.114.7"), dl(5, 6, "", ""), nil, b.mine())
			}, nil, Way{Index: 5, Interface: "en1", Source: ip("198.51.100.10")}, false, false},
			{"a route that says no", func(b *bsdBox) []byte {
				return b.w.rtEntryOf(1, rtfUp|rtfReject, b.w.sa("203.0.114.0"), b.w.sa("127.0.0.1"), b.w.sa("/24"), b.mine())
			}, nil, Way{}, true, true},
			{"no entry", nil, noEntry(bsdESRCH), Way{}, true, true},
			{"not allowed to ask: the table decides", nil, noEntry(syscall.EPERM), Way{Index: 4, Interface: "en0", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1")}, false, false},
			{"an answer to somebody else: the table decides", func(b *bsdBox) []byte {
				return b.w.rtEntryOf(5, rtfUp, b.w.sa("0.0.0.0"), dl(5, 6, "", ""), []byte{0, 0, 0, 0})
			}, nil, Way{Index: 4, Interface: "en0", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1")}, false, false},
		} {
			t.Run(system+", "+tt.name, func(t *testing.T) {
				b := laptop(system)
				b.asked = tt.asked
				if tt.answer != nil {
					b.answer = tt.answer(b)
				}
				if tt.want.Index == 5 {
					b.source = ip("198.51.100.10")
				}
				tt.want.Destination = dst
				w, err := b.helper().egress(dst)
				if w != tt.want || (err != nil) != tt.fails || noWay(err) != tt.noWay {
					t.Errorf("%+v, %v; want %+v", w, err, tt.want)
				}
			})
		}
	}
}

func (b *bsdBox) mine() map[int]uint32 { return map[int]uint32{b.w.route.pid: 7, b.w.route.seq: 9} }

// TestBSDUnknown: where the kernel cannot be asked nothing is said, least of all "no route".
func TestBSDUnknown(t *testing.T) {
	for system := range wires {
		b := laptop(system)
		b.noRoutes = syscall.ENOENT
		if _, err := b.helper().egress(ip("203.0.114.7")); !errors.Is(err, ErrUnsupported) || noWay(err) {
			t.Errorf("%s: %v", system, err)
		}
		b = laptop(system)
		b.noIfaces = syscall.ENOENT
		if _, s, err := b.helper().alive(ip("203.0.114.7")); s != LinkUnknown || !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, %v", system, s, err)
		}
	}
}

// TestBSDExplain: who may explain that there is no way.
func TestBSDExplain(t *testing.T) {
	off := func(b *bsdBox, index int, name string) {
		b.ifaces[index] = b.w.ifaceOf(index, 0x2, 0, dl(index, 6, name, ""))
		b.addrs[index] = nil
	}
	out := func(b *bsdBox, index int, name string) {
		b.ifaces[index] = b.w.ifaceOf(index, broadcastRunning, b.w.linkUp/2, dl(index, 6, name, ""))
		b.media[name], b.addrs[index] = No, nil
	}
	for _, tt := range []struct {
		name string
		make func(*bsdBox)
		want [3]string
	}{
		{"another works", func(b *bsdBox) { off(b, 4, "en0") }, [3]string{}},
		{"the only one is switched off", func(b *bsdBox) { off(b, 4, "en0"); delete(b.ifaces, 5); delete(b.ifaces, 6) }, [3]string{"en0"}},
		{"the only one has no cable", func(b *bsdBox) { out(b, 4, "en0"); delete(b.ifaces, 5); delete(b.ifaces, 6) }, [3]string{"", "en0"}},
		{"two have none, and neither an address", func(b *bsdBox) { out(b, 4, "en0"); delete(b.ifaces, 5) }, [3]string{}},
		{"two have none, and one an address", func(b *bsdBox) {
			out(b, 4, "en0")
			b.addrs[4] = b.w.addrOf(4, "192.0.2.10", "/24")
			delete(b.ifaces, 5)
		}, [3]string{"", "en0"}},
		{"no address", func(b *bsdBox) { b.addrs[4] = nil; delete(b.ifaces, 5) }, [3]string{"", "", "en0"}},
	} {
		for system := range wires {
			t.Run(system+", "+tt.name, func(t *testing.T) {
				b := laptop(system)
				tt.make(b)
				d, c, a := b.helper().explain(ip("203.0.114.7"))
				if got := [3]string{d, c, a}; got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		}
	}
}

func TestRoutingNews(t *testing.T) {
	for system, w := range wires {
		plain := w.rtEntryOf(4, rtfUp, w.sa("192.0.2.0"), dl(4, 6, "", ""), w.sa("/24"))
		of := func(typ byte, m []byte) []byte { m = slices.Clone(m); m[3] = typ; return m }
		neighbour := w.rtEntryOf(4, rtfUp|rtfHost|rtfNeighbour, w.sa("192.0.2.1"), dl(4, 6, "", ""), nil)
		for _, tt := range []struct {
			name string
			b    []byte
			want bool
		}{
			{"a route came", of(1, plain), true},
			{"a route went", of(2, plain), true},
			{"an answer to somebody's question", plain, false},
			{"a look-up in vain", of(rtmMiss, plain), false},
			{"a neighbour was found", of(1, neighbour), false},
			{"an interface", w.ifaceOf(4, iffUp, 0, dl(4, 6, "en0", "")), true},
			{"an address", w.addrOf(4, "192.0.2.10", "/24"), true},
			{"an interface after an answer", slices.Concat(plain, w.ifaceOf(4, iffUp, 0, dl(4, 6, "en0", ""))), true},
			{"something unknown", of(0x7f, plain), true},
			{"something cut short", plain[:20], true},
			{"nothing", nil, false},
		} {
			if got := w.isNews(tt.b); got != tt.want {
				t.Errorf("%s, %s: %v", system, tt.name, got)
			}
		}
	}
}

func TestMedium(t *testing.T) {
	for status, want := range map[uint32]Tri{0: NotKnown, 1: No, 2: NotKnown, 3: Yes} {
		if got := medium(status); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

// FuzzRoutingMessages: nothing that comes out of a kernel, of this version or another, ends the program.
func FuzzRoutingMessages(f *testing.F) {
	for system := range wires {
		b := laptop(system)
		f.Add(system, b.routes[0])
		f.Add(system, b.neighbours[0])
		f.Add(system, slices.Concat(b.ifaces[4], b.addrs[4], b.ifaces[9]))
	}
	f.Fuzz(func(t *testing.T, system string, b []byte) {
		w, ok := wires[system]
		if !ok {
			return
		}
		rows, _ := w.routes(b)
		for _, r := range rows {
			if !r.dst.IsValid() {
				t.Errorf("a route to nowhere: %+v", r)
			}
		}
		_, _ = w.ifaces(b)
		_, _ = w.addrs(b)
		_, _ = w.neighbour(b, 4, netip.MustParseAddr("192.0.2.1"))
		_, _, _, _ = w.answer(b, 7, 9, netip.MustParseAddr("2001:db8::1"))
		w.isNews(b)
	})
}
