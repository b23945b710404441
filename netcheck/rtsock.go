package netcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// A wire is how a BSD kernel lays out the messages of a routing socket and of sysctl NET_RT_* (net/route.h, net/if.h, net/if_dl.h).
// Numbers are in the order of the machine; offsets and sizes are those of the kernel that the program is built for.
type wire struct {
	order   binary.ByteOrder
	version byte
	align   int  // socket addresses begin at multiples of it
	inet6   byte // AF_INET6; AF_INET and AF_LINK are the same everywhere

	ifInfo, newAddr byte // RTM_IFINFO, RTM_NEWADDR
	header          int  // where a message says how long its header is (OpenBSD); 0 it does not

	route struct{ size, index, flags, addrs, pid, seq, errno, priority int } // struct rt_msghdr; priority 0: there is none
	iface struct{ size, index, flags, addrs, link int }                      // struct if_msghdr; link: ifi_link_state, 0 there is none
	addr  struct{ size, index, addrs int }                                   // struct ifa_msghdr

	linkUp  byte     // the least ifi_link_state that is a carrier
	cloned  uint32   // flags of entries that are no routes: neighbours, and what was derived for one destination
	scoped  uint32   // RTF_IFSCOPE: only for who is bound to the interface
	deaf    []byte   // messages that are no news: questions of others and their answers
	adapter []string // names of what is hardware if it looks like Ethernet; none: all that is not in imitations
}

// Numbers that are the same in each of them.
const (
	bsdInet = 2
	bsdLink = 18

	rtmGet     = 4
	rtmLosing  = 5
	rtmMiss    = 7
	rtmLock    = 8
	rtmResolve = 11

	rtaDst     = 0
	rtaGateway = 1
	rtaNetmask = 2
	rtaIFP     = 4
	rtaIFA     = 5

	rtfUp        = 0x1
	rtfGateway   = 0x2
	rtfHost      = 0x4
	rtfReject    = 0x8
	rtfNeighbour = 0x400 // RTF_LLINFO, now RTF_LLDATA
	rtfBlackhole = 0x1000

	iffUp           = 0x1
	iffLoopback     = 0x8
	iffPointToPoint = 0x10
	iffRunning      = 0x40

	ifTypeWiFi = 71
)

// imitations look like Ethernet and are made by software; their names, without the number.
var imitations = []string{
	"bridge", "tap", "vmnet", "vboxnet", "vether", "veb", "vport", "epair", "carp", "feth", "awdl", "llw", "ap", "anpi", "vlan", "svlan", "lagg", "aggr",
	"trunk", "agr", "bond", "shmif", "vxlan", "wg", "tun", "utun", "gif", "gre", "pflog", "enc", "nlmon", "docker", "podman", "vnet", "pair",
}

var errCut = errors.New("a routing message that cannot be read")

// messages calls f with each message of that type. A message of another version is skipped, as its makers ask for.
func (w *wire) messages(b []byte, typ byte, f func(m []byte) error) error {
	for len(b) >= 4 {
		n := int(w.order.Uint16(b))
		if n < 4 || n > len(b) {
			return errCut
		}
		m := b[:n:n]
		b = b[n:]
		if m[2] != w.version || m[3] != typ {
			continue
		}
		if err := f(m); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return errCut
	}
	return nil
}

// sockaddrs cuts the socket addresses off that follow the header: attrs tells which are there.
func (w *wire) sockaddrs(m []byte, size int, attrs uint32) (out [rtaIFA + 1][]byte, err error) {
	if w.header != 0 {
		size = int(w.order.Uint16(m[w.header:]))
	}
	if size > len(m) {
		return out, errCut
	}
	b := m[size:]
	for i := range out {
		if attrs&(1<<i) == 0 {
			continue
		}
		if len(b) == 0 {
			return out, errCut
		}
		n := int(b[0])
		if n > len(b) {
			return out, errCut
		}
		out[i] = b[:min(max(n, 2), len(b))] // one of no length has its family all the same
		step := max((n+w.align-1)/w.align*w.align, w.align)
		b = b[min(step, len(b)):]
	}
	return out, nil
}

// ip reads a socket address; invalid when it is none. The kernel keeps the interface of a link-local address inside it.
func (w *wire) ip(sa []byte) netip.Addr {
	if len(sa) < 2 {
		return netip.Addr{}
	}
	var whole [24]byte // macOS leaves trailing zeros out
	copy(whole[:], sa)
	switch sa[1] {
	case bsdInet:
		return netip.AddrFrom4([4]byte(whole[4:8]))
	case w.inet6:
		a := [16]byte(whole[8:24])
		if ip := netip.AddrFrom16(a); ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() {
			a[2], a[3] = 0, 0
		}
		return netip.AddrFrom16(a)
	}
	return netip.Addr{}
}

// bits reads a netmask, of which trailing zeros are left out and whose family need not be set; -1 when it is none.
func (w *wire) bits(sa []byte, v6 bool) (n int) {
	at, size := 4, 4
	if v6 {
		at, size = 8, 16
	}
	if len(sa) > at {
		sa = sa[at:min(len(sa), at+size)]
	} else {
		sa = nil
	}
	ended := false
	for _, b := range sa {
		for bit := byte(0x80); bit != 0; bit >>= 1 {
			switch {
			case b&bit == 0:
				ended = true
			case ended:
				return -1
			default:
				n++
			}
		}
	}
	return n
}

// A linkAddr is what a struct sockaddr_dl says.
type linkAddr struct {
	typ  byte // of the interface, as IANA numbers it
	name string
	addr []byte
}

func readLinkAddr(sa []byte) (l linkAddr, ok bool) {
	if len(sa) < 8 || sa[1] != bsdLink {
		return l, false
	}
	l.typ = sa[4]
	name, addr := int(sa[5]), int(sa[6])
	if 8+name+addr > len(sa) {
		return l, false
	}
	l.name, l.addr = string(sa[8:8+name]), sa[8+name:8+name+addr]
	return l, true
}

// ifaces reads the interfaces out of NET_RT_IFLIST.
func (w *wire) ifaces(b []byte) (rows []ifRow, err error) {
	err = w.messages(b, w.ifInfo, func(m []byte) error {
		if len(m) < w.iface.size {
			return errCut
		}
		sas, err := w.sockaddrs(m, w.iface.size, w.order.Uint32(m[w.iface.addrs:]))
		if err != nil {
			return err
		}
		l, ok := readLinkAddr(sas[rtaIFP])
		if !ok {
			return nil
		}
		flags := w.order.Uint32(m[w.iface.flags:])
		r := ifRow{index: int(w.order.Uint16(m[w.iface.index:])), name: l.name, typ: uint32(l.typ), oper: 1, admin: 1}
		if len(l.addr) == 6 {
			copy(r.mac[:], l.addr)
		}
		if flags&iffUp == 0 {
			r.admin = ifAdminDown
		}
		if w.iface.link != 0 {
			switch s := m[w.iface.link]; {
			case s == 0:
			case s < w.linkUp:
				r.media = ifMediaDisconnected
			default:
				r.media = 1
			}
		}
		switch {
		case flags&iffLoopback != 0:
			r.typ = ifTypeLoopback
		case flags&iffPointToPoint != 0 && r.typ != ifTypePPP:
			r.typ = ifTypeVirtual
		case r.typ == ifTypeEthernet || r.typ == ifTypeWiFi:
			if flags&(iffUp|iffRunning) == iffUp { // ether_output sends nothing then
				r.oper = ifOperLowerDown
			}
			if w.isHardware(r.name) {
				r.flags = ifFlagHardware | ifFlagConnector
			}
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

func (w *wire) isHardware(name string) bool {
	kind := strings.TrimRight(name, "0123456789")
	if len(w.adapter) > 0 {
		return slices.Contains(w.adapter, kind)
	}
	return !slices.Contains(imitations, kind) && !strings.ContainsRune(kind, '-') && !strings.ContainsRune(kind, '.')
}

// addrs reads the addresses out of NET_RT_IFLIST. It is not told there whether one is a duplicate or about to be given up:
// all count as preferred.
func (w *wire) addrs(b []byte) (rows []addrRow, err error) {
	err = w.messages(b, w.newAddr, func(m []byte) error {
		if len(m) < w.addr.size {
			return errCut
		}
		sas, err := w.sockaddrs(m, w.addr.size, w.order.Uint32(m[w.addr.addrs:]))
		if err != nil {
			return err
		}
		ip := w.ip(sas[rtaIFA])
		if !ip.IsValid() {
			return nil
		}
		rows = append(rows, addrRow{index: int(w.order.Uint16(m[w.addr.index:])), ip: ip, bits: max(0, w.bits(sas[rtaNetmask], ip.Is6())), dad: 4})
		return nil
	})
	return rows, err
}

// An rtEntry is one entry of the kernel's routing table.
type rtEntry struct {
	routeRow
	flags uint32
	link  linkAddr // whom it leads to, for a neighbour
	isl   bool     // link is set
	ifa   netip.Addr
	pid   uint32
	seq   uint32
	errno syscall.Errno
}

// entry reads one message about a route.
func (w *wire) entry(m []byte) (e rtEntry, err error) {
	if len(m) < w.route.size {
		return e, errCut
	}
	sas, err := w.sockaddrs(m, w.route.size, w.order.Uint32(m[w.route.addrs:]))
	if err != nil {
		return e, err
	}
	e.flags = w.order.Uint32(m[w.route.flags:])
	e.index = int(w.order.Uint16(m[w.route.index:]))
	e.pid, e.seq = w.order.Uint32(m[w.route.pid:]), w.order.Uint32(m[w.route.seq:])
	e.errno = syscall.Errno(w.order.Uint32(m[w.route.errno:]))
	if w.route.priority != 0 {
		e.metric = uint32(m[w.route.priority])
	}
	e.scoped = w.scoped != 0 && e.flags&w.scoped != 0
	e.link, e.isl = readLinkAddr(sas[rtaGateway])
	e.ifa = w.ip(sas[rtaIFA])
	if e.flags&rtfGateway != 0 {
		e.hop = w.ip(sas[rtaGateway])
	}
	// A failed ARP or NDP marks the neighbour's own entry: that is no route that says no.
	e.reject = e.flags&(rtfReject|rtfBlackhole) != 0 && e.flags&rtfNeighbour == 0
	if ip := w.ip(sas[rtaDst]); ip.IsValid() {
		bits := ip.BitLen()
		if e.flags&rtfHost == 0 {
			bits = w.bits(sas[rtaNetmask], ip.Is6())
		}
		if bits < 0 {
			return e, nil // no prefix: such a mask is nobody's
		}
		e.dst = netip.PrefixFrom(ip, bits).Masked()
	}
	return e, nil
}

// routes reads the routes out of NET_RT_DUMP.
func (w *wire) routes(b []byte) (rows []routeRow, err error) {
	err = w.messages(b, rtmGet, func(m []byte) error {
		e, err := w.entry(m)
		if err == nil && e.dst.IsValid() && e.flags&rtfUp != 0 && e.flags&(rtfNeighbour|w.cloned) == 0 {
			rows = append(rows, e.routeRow)
		}
		return err
	})
	return rows, err
}

// neighbour looks a neighbour up in NET_RT_FLAGS with RTF_LLINFO; the answer is a NL_NEIGHBOR_STATE.
func (w *wire) neighbour(b []byte, index int, ip netip.Addr) (state uint32, err error) {
	state, found := 0, false
	err = w.messages(b, rtmGet, func(m []byte) error {
		e, err := w.entry(m)
		if err != nil || found || e.index != index || e.dst.Addr() != ip || !e.dst.IsSingleIP() || !e.isl {
			return err
		}
		found = true
		switch {
		case len(e.link.addr) > 0:
			state = 5
		case e.flags&rtfReject != 0:
			state = 0 // asked in vain
		default:
			state = 1
		}
		return nil
	})
	if err == nil && !found {
		err = errNoNeighbour
	}
	return state, err
}

// answer finds the answer to RTM_GET among what a routing socket heard. ok is false when it is not there; the error is
// ENETUNREACH when there is no way.
func (w *wire) answer(b []byte, pid, seq uint32, dst netip.Addr) (r routeRow, source netip.Addr, ok bool, err error) {
	err = w.messages(b, rtmGet, func(m []byte) error {
		if ok {
			return nil
		}
		e, err := w.entry(m)
		if err != nil || e.pid != pid || e.seq != seq {
			return nil // somebody else's
		}
		ok = true
		switch {
		case e.errno != 0:
			return noEntry(e.errno)
		case e.reject:
			return syscall.ENETUNREACH
		case e.index <= 0:
			return fmt.Errorf("%w: a route by no interface", ErrUnsupported)
		}
		r, source = e.routeRow, e.ifa
		r.dst = netip.PrefixFrom(dst, dst.BitLen())
		if source.BitLen() != dst.BitLen() {
			source = netip.Addr{}
		}
		return nil
	})
	return r, source, ok, err
}

// bsdESRCH is what these kernels say of an entry that is not there.
const bsdESRCH = syscall.Errno(3)

// noEntry tells "there is no way" from "it could not be asked".
func noEntry(e syscall.Errno) error {
	if e == bsdESRCH {
		return syscall.ENETUNREACH
	}
	return fmt.Errorf("%w: look up route: %v", ErrUnsupported, e)
}

// isNews reports whether any message may tell of a change. Answers to RTM_GET are heard by everybody: whoever took them for
// news would ask again, and hear the answer to that.
func (w *wire) isNews(b []byte) bool {
	for len(b) >= 4 {
		n := int(w.order.Uint16(b))
		if n < 4 || n > len(b) {
			return true
		}
		m := b[:n]
		b = b[n:]
		deaf := m[3] == rtmGet || m[3] == rtmLosing || m[3] == rtmMiss || m[3] == rtmLock || m[3] == rtmResolve || slices.Contains(w.deaf, m[3])
		// Whom ARP or NDP finds is no change of a route.
		if !deaf && m[3] <= rtmGet && len(m) >= w.route.flags+4 && w.order.Uint32(m[w.route.flags:])&(rtfNeighbour|w.cloned) != 0 {
			deaf = true
		}
		if !deaf {
			return true
		}
	}
	return len(b) > 0
}

// A bsdSystem is what is asked of a BSD kernel: one function a question.
type bsdSystem struct {
	wire *wire
	// fetch reads a table (sysctl NET_RT_*): all interfaces with their addresses, or those of one index; routes, or neighbours.
	fetch func(what ribTable, v6 bool, index int) ([]byte, error)
	// get asks for the route to dst (RTM_GET) and returns what the socket hears until the answer came.
	get func(dst netip.Addr) (heard []byte, pid, seq uint32, err error)
	// source is where a connected socket says that packets to dst would come from; invalid where it does not say.
	source func(dst netip.Addr) netip.Addr
	// media says whether a medium is there where the interface's message does not (SIOCGIFMEDIA).
	media func(name string) Tri
}

type ribTable uint8

const (
	ribInterfaces ribTable = iota
	ribRoutes
	ribNeighbours
)

// cannot makes an error that means that it could not be asked, whatever number the system gave: none of them is "no way".
func cannot(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %v", what, ErrUnsupported, err)
}

// helper answers Egress, Judge and the rest from a BSD kernel.
func (s *bsdSystem) helper() *ipHelper {
	return &ipHelper{
		bsd: true,
		iface: func(index int) (ifRow, error) {
			rows, err := s.interfaces(index)
			if err != nil {
				return ifRow{}, err
			}
			for _, r := range rows {
				if r.index == index {
					return r, nil
				}
			}
			return ifRow{}, errNoInterface
		},
		ifaces: func() ([]ifRow, error) { return s.interfaces(0) },
		addrs: func() ([]addrRow, error) {
			b, err := s.fetch(ribInterfaces, false, 0)
			if err != nil {
				return nil, cannot("read addresses", err)
			}
			rows, err := s.wire.addrs(b)
			return rows, cannot("read addresses", err)
		},
		routes: func(v6 bool) ([]routeRow, error) {
			b, err := s.fetch(ribRoutes, v6, 0)
			if err != nil {
				return nil, cannot("read routes", err)
			}
			rows, err := s.wire.routes(b)
			return rows, cannot("read routes", err)
		},
		metric:    func(int, bool) uint32 { return 0 },
		best:      s.best,
		bestIface: func(netip.Addr) (int, error) { return 0, ErrUnsupported },
		neighbour: func(index int, ip netip.Addr) (uint32, error) {
			b, err := s.fetch(ribNeighbours, ip.Is6(), 0)
			if err != nil {
				return 0, cannot("read neighbours", err)
			}
			state, err := s.wire.neighbour(b, index, ip)
			if err != nil && !errors.Is(err, errNoNeighbour) {
				err = cannot("read neighbours", err)
			}
			return state, err
		},
		nameServers: func() []netip.Addr { return nil },
		switchedOff: func() []offRow { return nil },
	}
}

func (s *bsdSystem) interfaces(index int) ([]ifRow, error) {
	b, err := s.fetch(ribInterfaces, false, index)
	if err != nil {
		return nil, cannot("read interfaces", err)
	}
	rows, err := s.wire.ifaces(b)
	if err != nil {
		return nil, cannot("read interfaces", err)
	}
	if index == 0 && len(rows) == 0 {
		return nil, cannot("read interfaces", errCut) // there is always one
	}
	for i, r := range rows {
		if r.media != 0 || r.typ != ifTypeEthernet && r.typ != ifTypeWiFi {
			continue
		}
		switch s.media(r.name) {
		case Yes:
			rows[i].media = 1
		case No:
			rows[i].media = ifMediaDisconnected
		}
	}
	return rows, nil
}

// best asks the kernel how it would send; where it does not answer, or for one interface only, ErrUnsupported has the
// table searched.
func (s *bsdSystem) best(dst netip.Addr, index int) (routeRow, netip.Addr, error) {
	if index != 0 {
		return routeRow{}, netip.Addr{}, ErrUnsupported
	}
	heard, pid, seq, err := s.get(dst)
	if err != nil {
		return routeRow{}, netip.Addr{}, err
	}
	r, source, ok, err := s.wire.answer(heard, pid, seq, dst)
	switch {
	case !ok && err == nil:
		err = fmt.Errorf("%w: no answer to RTM_GET", ErrUnsupported)
	case err != nil && !noWay(err):
		err = cannot("look up route", err)
	}
	if err != nil {
		return routeRow{}, netip.Addr{}, err
	}
	if a := s.source(dst); a.IsValid() {
		source = a
	}
	return r, source, nil
}

// medium reads ifm_status (net/if_media.h): IFM_AVALID says that IFM_ACTIVE means something.
func medium(status uint32) Tri {
	const valid, active = 1, 2
	switch {
	case status&valid == 0:
		return NotKnown
	case status&active == 0:
		return No
	}
	return Yes
}
