package netcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// An ipHelper asks the system, one function a question: Windows' IP Helper, after which its rows are made, or a BSD kernel
// (rtsock.go). What follows from the answers stands in this file, which needs neither, and so do its tests.
type ipHelper struct {
	bsd         bool                           // a BSD kernel answers
	iface       func(index int) (ifRow, error) // errNoInterface when there is none of that index
	ifaces      func() ([]ifRow, error)
	addrs       func() ([]addrRow, error)
	routes      func(v6 bool) ([]routeRow, error)
	metric      func(index int, v6 bool) uint32 // of an interface, added to that of each route by it; 0 not known
	best        func(dst netip.Addr, index int) (routeRow, netip.Addr, error)
	bestIface   func(dst netip.Addr) (int, error)
	neighbour   func(index int, ip netip.Addr) (uint32, error) // its state; errNoNeighbour when there is no entry
	resolving   func(index int, ip netip.Addr) bool            // whether this process asks for its address on the link now; nil never
	nameServers func() []netip.Addr
	switchedOff func() []offRow // devices that a person has disabled
}

// An offRow is a network adapter whose device is disabled, as in the control panel. Windows may list no interface for it.
type offRow struct {
	name     string // the alias of its interface
	hardware bool
}

// An ifRow is what MIB_IF_ROW2 says of an interface, as far as it is needed.
type ifRow struct {
	index  int
	name   string  // its alias: "Ethernet", "Wi-Fi"
	mac    [8]byte // its address on the link; zero none
	typ    uint32  // ifType_...
	medium uint32  // NDIS_PHYSICAL_MEDIUM
	flags  uint8   // ifFlag_...
	oper   uint32  // ifOper_...
	admin  uint32  // NET_IF_ADMIN_STATUS: 1 up, 2 down, 3 testing
	media  uint32  // NET_IF_MEDIA_CONNECT_STATE: 0 not known, 1 connected, 2 disconnected
}

// Numbers of ipifcons.h, ifdef.h and netioapi.h.
const (
	ifTypeEthernet = 6
	ifTypePPP      = 23
	ifTypeLoopback = 24
	ifTypeVirtual  = 53 // WireGuard, OpenVPN's wintun
	ifTypeTunnel   = 131
	ifTypeWWAN     = 243 // mobile broadband
	ifTypeWWAN2    = 244

	ifFlagHardware  = 1 << 0
	ifFlagFilter    = 1 << 1
	ifFlagConnector = 1 << 2
	ifFlagNoMedia   = 1 << 4

	ifOperDown       = 2
	ifOperDormant    = 5
	ifOperNotPresent = 6
	ifOperLowerDown  = 7

	ifAdminDown         = 2
	ifMediaDisconnected = 2

	mediumBluetooth = 10
)

// An addrRow is what MIB_UNICASTIPADDRESS_ROW says of an address.
type addrRow struct {
	index int
	ip    netip.Addr // without a zone
	bits  int        // of the prefix that is on-link
	dad   uint32     // NL_DAD_STATE: 0 invalid, 1 tentative, 2 duplicate, 3 deprecated, 4 preferred
	skip  bool       // not to be chosen as a source
}

// usable reports whether packets can leave from it, or soon will.
func (a addrRow) usable() bool { return a.ip.IsValid() && a.dad != 0 && a.dad != 2 }

// A routeRow is what MIB_IPFORWARD_ROW2 says of a route.
type routeRow struct {
	index  int
	dst    netip.Prefix
	hop    netip.Addr // the next hop; invalid when dst is on-link
	metric uint32     // the route's own
	scoped bool       // macOS: it holds for none but who is bound to its interface
	reject bool       // it says that there is no way
}

var (
	errNoInterface = errors.New("no such interface")
	errNoNeighbour = errors.New("no such neighbour")
)

// Errors of the look-ups that mean that there is no way, and not that it could not be asked (winerror.h).
const (
	errorFileNotFound       = syscall.Errno(2)
	errorNotFound           = syscall.Errno(1168)
	errorNetworkUnreachable = syscall.Errno(1231)
	errorHostUnreachable    = syscall.Errno(1232)
)

func noWay(err error) bool {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return false
	}
	switch e {
	case errorFileNotFound, errorNotFound, errorNetworkUnreachable, errorHostUnreachable, wsaENETUNREACH, wsaEHOSTUNREACH,
		syscall.ENETUNREACH:
		return true
	}
	return false
}

// state judges the interface alone.
func (r ifRow) state() LinkState {
	switch {
	case r.admin == ifAdminDown:
		return LinkDisabled
	case r.oper == ifOperNotPresent:
		return LinkGone
	case r.typ == ifTypeLoopback:
		return LinkWhole
	case r.media == ifMediaDisconnected, r.flags&ifFlagNoMedia != 0,
		r.oper == ifOperDown, r.oper == ifOperDormant, r.oper == ifOperLowerDown:
		return LinkNoCarrier
	}
	return LinkWhole
}

// egress is Egress.
func (h *ipHelper) egress(dst netip.Addr) (w Way, err error) {
	dst = dst.Unmap()
	w.Destination = dst
	if !dst.IsValid() {
		return w, errors.New("look up route: no destination")
	}
	w.Loopback = dst.IsLoopback() || dst.IsUnspecified()
	var addrs []addrRow
	if addrs, err = h.addrs(); err != nil {
		return w, fmt.Errorf("read addresses: %w", err)
	}
	w.Loopback = w.Loopback || isLocalRow(addrs, dst)
	if w.Loopback {
		return h.egressLocal(w)
	}
	if w.Index, err = h.zone(dst); err != nil {
		return w, fmt.Errorf("look up route to %v: %w", dst, err)
	}
	r, source, err := h.lookup(dst.WithZone(""), w.Index, addrs)
	if err != nil {
		return w, fmt.Errorf("look up route to %v: %w", dst, err)
	}
	w.Index, w.Gateway, w.Source = r.index, r.hop, source
	// An interface that went away since then leaves the name empty; Judge says so.
	row, err := h.iface(w.Index)
	if err != nil && !errors.Is(err, errNoInterface) {
		return w, fmt.Errorf("look up route to %v: interface %d: %w", dst, w.Index, err)
	}
	w.Interface = row.name
	return w, nil
}

// egressLocal is the way to this computer itself: by its loopback interface, as its packets go.
func (h *ipHelper) egressLocal(w Way) (Way, error) {
	rows, err := h.ifaces()
	if err != nil {
		return w, fmt.Errorf("read interfaces: %w", err)
	}
	for _, r := range rows {
		if r.typ == ifTypeLoopback {
			w.Index, w.Interface = r.index, r.name
			break
		}
	}
	if w.Source = w.Destination.WithZone(""); w.Destination.IsUnspecified() {
		if w.Source = netip.IPv6Loopback(); w.Destination.Is4() {
			w.Source = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	return w, nil
}

func isLocalRow(addrs []addrRow, a netip.Addr) bool {
	a = a.WithZone("")
	return slices.ContainsFunc(addrs, func(r addrRow) bool { return r.ip == a && r.usable() })
}

// zone is the interface index that a link-local address names; 0 none.
func (h *ipHelper) zone(dst netip.Addr) (int, error) {
	return zoneOf(dst, func(name string) (int, error) {
		rows, err := h.ifaces()
		for _, r := range rows {
			if r.name == name {
				return r.index, nil
			}
		}
		return 0, errors.Join(errNoInterface, err)
	})
}

// lookup asks how packets to dst would leave now, by that interface only unless index is 0. Where GetBestRoute2 is not to
// be had the routes themselves are searched.
func (h *ipHelper) lookup(dst netip.Addr, index int, addrs []addrRow) (routeRow, netip.Addr, error) {
	r, source, err := h.best(dst, index)
	if !errors.Is(err, ErrUnsupported) {
		return r, source, err
	}
	rows, err := h.routes(dst.Is6())
	if err != nil {
		return routeRow{}, netip.Addr{}, fmt.Errorf("read routes: %w", err)
	}
	if len(rows) == 0 && slices.ContainsFunc(addrs, func(a addrRow) bool {
		return a.usable() && a.ip.BitLen() == dst.BitLen() && !a.ip.IsLoopback() && !a.ip.IsLinkLocalUnicast()
	}) {
		return routeRow{}, netip.Addr{}, ErrUnsupported // an address brings a route with it, so these are not told
	}
	found := false
	if index == 0 { // what the system prefers, where it says at least that
		if i, err := h.bestIface(dst); err == nil {
			r, found = h.search(rows, dst, i)
		}
	}
	if !found {
		r, found = h.search(rows, dst, index)
	}
	switch {
	case (!found || r.reject) && h.bsd:
		return routeRow{}, netip.Addr{}, syscall.ENETUNREACH
	case !found || r.reject:
		return routeRow{}, netip.Addr{}, errorNetworkUnreachable
	}
	return r, pickSource(addrs, r, dst), nil
}

// search finds the route with the longest prefix, then with the lowest sum of metrics.
func (h *ipHelper) search(rows []routeRow, dst netip.Addr, index int) (best routeRow, found bool) {
	var bestMetric uint64
	for _, r := range rows {
		if index != 0 && r.index != index || index == 0 && r.scoped || !r.dst.Contains(dst) || found && r.dst.Bits() < best.dst.Bits() {
			continue
		}
		metric := uint64(r.metric) + uint64(h.metric(r.index, dst.Is6()))
		if !found || r.dst.Bits() > best.dst.Bits() || metric < bestMetric {
			best, bestMetric, found = r, metric, true
		}
	}
	return best, found
}

// pickSource chooses the address that packets by the route would leave from: one of its interface, of the destination's
// kind, nearest to the next hop (RFC 6724, section 5, rules 2, 3, 5 and 8).
func pickSource(addrs []addrRow, r routeRow, dst netip.Addr) (source netip.Addr) {
	towards := r.hop
	if !towards.IsValid() || dst.Is6() {
		towards = dst
	}
	most := -1
	for _, a := range addrs {
		if a.index != r.index || !a.usable() || !sameScope(a.ip, dst) && a.ip.IsLinkLocalUnicast() || a.ip.BitLen() != dst.BitLen() {
			continue
		}
		score := commonBits(a.ip, towards)
		if a.dad == 4 {
			score += 200
		}
		if !a.skip {
			score += 400
		}
		if sameScope(a.ip, dst) {
			score += 800
		}
		if score > most {
			source, most = a.ip, score
		}
	}
	return source
}

// commonBits is how many leading bits two addresses of one family share.
func commonBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() {
		return 0
	}
	for n := a.BitLen(); n > 0; n-- {
		if p, err := b.WithZone("").Prefix(n); err == nil && p.Contains(a) {
			return n
		}
	}
	return 0
}

// judge is Judge.
func (h *ipHelper) judge(w Way) LinkState {
	if w.Index <= 0 {
		return LinkUnknown
	}
	row, err := h.iface(w.Index)
	switch {
	case errors.Is(err, errNoInterface):
		return h.gone(w.Interface)
	case err != nil:
		return LinkUnknown
	}
	switch s := row.state(); s {
	case LinkWhole:
	case LinkGone:
		return h.gone(row.name)
	default:
		return s
	}
	addrs, err := h.addrs()
	if err != nil {
		return LinkUnknown
	}
	if w.Loopback {
		for _, a := range [...]netip.Addr{w.Source, w.Destination} {
			if a.IsValid() && !a.IsLoopback() && !a.IsUnspecified() && a.Zone() == "" && !isLocalRow(addrs, a) {
				return LinkNoAddress
			}
		}
		return LinkWhole
	}
	if w.Source.IsValid() {
		source, another := w.Source.WithZone(""), false
		here := slices.ContainsFunc(addrs, func(a addrRow) bool {
			if a.index != w.Index || !a.usable() {
				return false
			}
			another = another || a.ip != source && sameScope(a.ip, source)
			return a.ip == source
		})
		switch {
		case here:
		case isLocalRow(addrs, source): // it moved: an adapter became part of a virtual switch
		case another:
			return LinkAddressChanged
		default:
			return LinkNoAddress
		}
	}
	return h.judgeRoute(w, addrs)
}

// gone tells an adapter that a person has disabled from one that was pulled out: of both the interface may be gone.
func (h *ipHelper) gone(name string) LinkState {
	if name != "" && slices.ContainsFunc(h.switchedOff(), func(o offRow) bool { return o.name == name }) {
		return LinkDisabled
	}
	return LinkGone
}

// withSwitchedOff adds hardware that a person has disabled, and of which no interface is listed or only what is left of one.
func (h *ipHelper) withSwitchedOff(rows []ifRow) []ifRow {
	for i, o := range h.switchedOff() {
		listed := slices.IndexFunc(rows, func(r ifRow) bool { return r.name == o.name })
		switch {
		case listed >= 0 && rows[listed].state() == LinkGone:
			rows[listed].admin = ifAdminDown
		case listed < 0 && o.hardware:
			rows = append(rows, ifRow{index: noIndex + i, name: o.name, typ: ifTypeEthernet, flags: ifFlagHardware | ifFlagConnector, oper: ifOperNotPresent, admin: ifAdminDown})
		}
	}
	return rows
}

// noIndex and what is above it is no interface's.
const noIndex = 1 << 30

// judgeRoute says whether the way's route is still there, and still the one that is preferred.
func (h *ipHelper) judgeRoute(w Way, addrs []addrRow) LinkState {
	index, err := h.zone(w.Destination)
	if err != nil {
		return LinkNoRoute
	}
	dst := w.Destination.WithZone("")
	r, _, err := h.lookup(dst, index, addrs)
	switch {
	case noWay(err):
		return LinkNoRoute
	case err != nil:
		return LinkUnknown
	case r.index == w.Index && r.hop == w.Gateway.WithZone(""):
		return LinkWhole
	case r.index == w.Index:
		return LinkMoved
	}
	rows, err := h.routes(dst.Is6())
	if err != nil {
		return LinkUnknown
	}
	if slices.ContainsFunc(rows, func(r routeRow) bool {
		return r.index == w.Index && r.hop == w.Gateway.WithZone("") && r.dst.Contains(dst) && !r.reject
	}) {
		return LinkMoved
	}
	if row, err := h.iface(r.index); err == nil && row.state() == LinkWhole && !isOn(addrs, w.Index, w.Source) && isOn(addrs, r.index, w.Source) {
		return LinkMoved // address and route went over to another interface together
	}
	return LinkNoRoute
}

func isOn(addrs []addrRow, index int, ip netip.Addr) bool {
	ip = ip.WithZone("")
	return slices.ContainsFunc(addrs, func(a addrRow) bool { return a.index == index && a.ip == ip })
}

// alive is Alive.
func (h *ipHelper) alive(dst netip.Addr) (Way, LinkState, error) {
	w, err := h.egress(dst)
	switch {
	case err == nil:
		return w, h.judge(w), nil
	case noWay(err):
		return w, LinkNoRoute, err
	}
	return w, LinkUnknown, err
}

// neighbourOf is Neighbour.
func (h *ipHelper) neighbourOf(w Way) NeighbourState {
	hop := w.nextHop()
	if !hop.IsValid() {
		return NeighbourUnknown
	}
	row, err := h.iface(w.Index)
	if err != nil {
		return NeighbourUnknown
	}
	if !row.resolves() || h.resolving != nil && h.resolving(w.Index, hop) { // which makes the entry incomplete by itself
		return NeighbourUnknown
	}
	state, err := h.neighbour(w.Index, hop)
	switch {
	case errors.Is(err, errNoNeighbour):
		return NeighbourAbsent
	case err != nil:
		return NeighbourUnknown
	}
	switch state { // NL_NEIGHBOR_STATE
	case 0: // unreachable
		return NeighbourFailed
	case 1:
		return NeighbourIncomplete
	case 2, 3, 4, 5, 6: // probe, delay, stale, reachable, permanent
		return NeighbourPresent
	}
	return NeighbourUnknown
}

// resolves reports whether hosts there are asked for hardware addresses.
func (r ifRow) resolves() bool {
	switch r.typ {
	case ifTypePPP, ifTypeLoopback, ifTypeVirtual, ifTypeTunnel, ifTypeWWAN, ifTypeWWAN2:
		return false
	}
	return true
}

// neighbourTells reports whether a neighbour that answers for its hardware address is there: the driver of a virtual adapter
// may answer in its place. An entry that somebody made by hand is never asked for.
func (h *ipHelper) neighbourTells(index int, ip netip.Addr) bool {
	rows, err := h.ifaces()
	if err != nil {
		return false
	}
	i := slices.IndexFunc(rows, func(r ifRow) bool { return r.index == index })
	if i < 0 || !rows[i].resolves() {
		return false
	}
	const permanent = 6
	if state, err := h.neighbour(index, ip); err == nil && state == permanent {
		return false
	}
	if rows[i].flags&ifFlagHardware != 0 {
		return true
	}
	addrs, err := h.addrs()
	return err == nil && slices.ContainsFunc(rows, func(r ifRow) bool {
		return r.flags&ifFlagHardware != 0 && standIn(r, rows, addrs).index == index
	})
}

// explain is Explain. Addresses leave an adapter that is switched off, so such a one counts as having been in use while no
// other could do the work.
func (h *ipHelper) explain(dst netip.Addr) (otherDisabled, otherNoCarrier, otherNoAddress string) {
	rows, err := h.ifaces()
	if err != nil {
		return "", "", ""
	}
	addrs, err := h.addrs()
	if err != nil {
		return "", "", ""
	}
	dst = dst.Unmap()
	var counts []suspect
	for _, r := range adapters(h.withSwitchedOff(rows), addrs) {
		s := suspect{index: r.index, name: r.name, hardware: r.flags&ifFlagHardware != 0}
		state := r.state()
		s.up, s.carrier = state != LinkDisabled, state == LinkWhole
		for _, a := range addrs {
			if a.index != r.index || !a.usable() {
				continue
			}
			if dst.IsValid() && a.ip.BitLen() == dst.BitLen() && (dst.IsLinkLocalUnicast() || !a.ip.IsLinkLocalUnicast()) {
				s.fits = true
			}
			s.holds = s.holds || !a.ip.IsLinkLocalUnicast()
		}
		if r.medium == mediumBluetooth && !s.holds {
			continue // most computers have one that never carried anything
		}
		counts = append(counts, s)
	}
	if h.bsd {
		counts = certain(counts)
	} else if !slices.ContainsFunc(counts, suspect.works) {
		for i := range counts {
			counts[i].holds = counts[i].holds || !counts[i].up
		}
	}
	return explainBy(counts)
}

// certain leaves out adapters without an address, unless it is plain which is meant: the only one that has a carrier or, where
// none has, the only one there is. A laptop has ports that were never used.
func certain(counts []suspect) (out []suspect) {
	idle := !slices.ContainsFunc(counts, suspect.works)
	bare, linked := 0, 0
	for _, c := range counts {
		if !c.holds && !c.fits {
			bare++
			if c.up && c.carrier {
				linked++
			}
		}
	}
	for _, c := range counts {
		switch bareOne := !c.holds && !c.fits; {
		case !bareOne, linked == 1 && c.up && c.carrier:
			out = append(out, c)
		case linked == 0 && bare == 1:
			c.holds = idle && !c.up // macOS takes the addresses of an interface that is switched off
			out = append(out, c)
		}
	}
	return out
}

// adapters are the interfaces that could carry a destination beyond this computer. A virtual adapter, of Hyper-V, VMware,
// VirtualBox or a VPN, is no hardware; it counts only where there is no hardware at all, and the filters and queues that
// Windows lists for each adapter never do. Of hardware without a connector, as what a Wi-Fi adapter pretends to be for
// Wi-Fi Direct, nothing is said while there is some that has one. Hardware that serves a virtual switch, a bridge or a team
// has no addresses: these went to an adapter with the same address on the link, which counts in its place.
func adapters(rows []ifRow, addrs []addrRow) []ifRow {
	pick := func(want uint8) (out []ifRow) {
		for _, r := range rows {
			if r.flags&ifFlagFilter == 0 && r.flags&want == want && r.typ != ifTypeLoopback && r.typ != ifTypeTunnel && r.state() != LinkGone {
				out = append(out, r)
			}
		}
		return out
	}
	for _, want := range [...]uint8{ifFlagHardware | ifFlagConnector, ifFlagHardware, 0} {
		if out := pick(want); len(out) > 0 {
			for i, r := range out {
				out[i] = standIn(r, rows, addrs)
			}
			return out
		}
	}
	return nil
}

// standIn is the adapter that has the addresses in the place of r; r itself mostly.
func standIn(r ifRow, rows []ifRow, addrs []addrRow) ifRow {
	holds := func(index int) bool {
		return slices.ContainsFunc(addrs, func(a addrRow) bool { return a.index == index && a.usable() })
	}
	if r.mac == [8]byte{} || r.state() != LinkWhole || holds(r.index) {
		return r
	}
	for _, o := range rows {
		if o.mac == r.mac && o.index != r.index && o.flags&(ifFlagFilter|ifFlagHardware) == 0 && o.typ != ifTypeTunnel && o.state() == LinkWhole && holds(o.index) {
			return o
		}
	}
	return r
}

// nameServer is NameServer.
func (h *ipHelper) nameServer() netip.Addr { return firstBeyond(h.nameServers()) }

// errorBufferOverflow is what a call says whose answer needs more room (winerror.h).
const errorBufferOverflow = syscall.Errno(111)

// growing calls f with room for its answer, more each time that it says that it needs more: what it tells of may grow
// between two calls.
func growing(size uint32, f func(b []byte, size *uint32) error) ([]byte, error) {
	for range 8 {
		b := make([]byte, size)
		need := size
		err := f(b, &need)
		if !errors.Is(err, errorBufferOverflow) {
			return b, err
		}
		size = max(need, size) + size/4 // some for what comes meanwhile
	}
	return nil, errorBufferOverflow
}

// sockaddrSize is the size of a SOCKADDR_INET.
const sockaddrSize = 28

// inetAddr reads a SOCKADDR_INET: the family, 2 or 23, then for IPv4 the address at 4, for IPv6 at 8 with the zone at 24.
func inetAddr(b *[sockaddrSize]byte) netip.Addr {
	switch binary.LittleEndian.Uint16(b[:]) {
	case 2:
		return netip.AddrFrom4([4]byte(b[4:]))
	case 23:
		return netip.AddrFrom16([16]byte(b[8:])).Unmap()
	}
	return netip.Addr{}
}

// putInet writes one, with that interface for the zone of a link-local address.
func putInet(a netip.Addr, index int) (b [sockaddrSize]byte) {
	switch {
	case a.Is4():
		four := a.As4()
		binary.LittleEndian.PutUint16(b[:], 2)
		copy(b[4:], four[:])
	case a.Is6():
		six := a.As16()
		binary.LittleEndian.PutUint16(b[:], 23)
		copy(b[8:], six[:])
		if a.IsLinkLocalUnicast() {
			binary.LittleEndian.PutUint32(b[24:], uint32(index))
		}
	}
	return b
}
