package netcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of the neighbour table's ages: sysconf(_SC_CLK_TCK), 100 on every Linux.
const userHZ = 100

// Egress asks the kernel how packets to dst would leave this computer now, and from which source address. Nothing is
// sent. An error wraps the errno of the failed look-up (ENETUNREACH: no route; EHOSTUNREACH, EACCES, EINVAL: a route
// that says unreachable, prohibited, blackhole); the Way then holds what is known all the same.
//
// The look-up succeeds on an interface without carrier, so it proves nothing about the link: see Judge.
func Egress(dst netip.Addr) (w Way, err error) {
	dst = dst.Unmap()
	w.Destination = dst
	if !dst.IsValid() {
		return w, errors.New("look up route: no destination")
	}
	w.Loopback = dst.IsLoopback() || dst.IsUnspecified()
	t, err := openTalk()
	if err != nil {
		return w, fmt.Errorf("look up route to %v: %w", dst, err)
	}
	defer func() { t.done(err) }()
	if w, err = t.egress(w); err != nil {
		return w, fmt.Errorf("look up route to %v: %w", dst, err)
	}
	return w, nil
}

func (t *talk) egress(w Way) (Way, error) {
	dst := w.Destination
	if dst.IsUnspecified() { // connect(2) takes it for this computer, the look-up would find the default route
		if dst = netip.IPv6Loopback(); w.Destination.Is4() {
			dst = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	oif, err := t.zone(dst)
	if err != nil {
		return w, err
	}
	w.Index = oif
	r, err := t.route(lookup{dst: dst.WithZone(""), oif: oif}, 0, netip.Addr{})
	if err != nil {
		return w, err
	}
	w.Index, w.Gateway, w.Source = r.index, r.gateway, r.source
	w.Loopback = w.Loopback || r.typ == unix.RTN_LOCAL
	if w.Loopback {
		w.Gateway = netip.Addr{}
	}
	// A link that went away since then leaves the name empty; Judge says so.
	if l, err := t.linkByIndex(w.Index, true); err == nil {
		w.Interface = l.name
		w.Loopback = w.Loopback || l.flags&unix.IFF_LOOPBACK != 0
	} else if !errors.Is(err, unix.ENODEV) {
		return w, err
	}
	return w, nil
}

// zone is the interface index that a link-local address names; 0 none.
func (t *talk) zone(dst netip.Addr) (int, error) {
	return zoneOf(dst, func(name string) (int, error) {
		l, err := t.linkByName(name)
		return l.index, err
	})
}

// Judge says whether the way that a session was opened on is still whole. It asks by interface index, nearest hop
// first: the interface, its administrative state, its carrier, the source address, the route. What could not be asked
// is LinkUnknown. It costs two to five netlink questions and sends nothing.
//
// The route is whole while a look-up from the way's source leaves by the way's interface and gateway. When it leaves by
// another, and the old one is still there, or only the gateway on the same interface was replaced, the state is
// LinkMoved: packets of the session still leave, a VPN or a better route took over. When only a route by another
// interface is left (a virtual machine's, say) it is LinkNoRoute: such a route proves nothing about this session.
func Judge(w Way) LinkState {
	if w.Index <= 0 {
		return LinkUnknown
	}
	t, err := openTalk()
	if err != nil {
		return LinkUnknown
	}
	var s LinkState
	for range 3 { // a dump that raced with a change is asked again
		if s, err = t.judge(w); !errors.Is(err, errInterrupted) {
			break
		}
	}
	t.done(err)
	return s
}

func (t *talk) judge(w Way) (LinkState, error) {
	l, err := t.linkByIndex(w.Index, false)
	switch {
	case errors.Is(err, unix.ENODEV):
		return LinkGone, nil
	case err != nil:
		return LinkUnknown, err
	case l.flags&unix.IFF_UP == 0:
		return LinkDisabled, nil
	case l.flags&unix.IFF_LOWER_UP == 0:
		return LinkNoCarrier, nil
	}
	if w.Loopback {
		return t.judgeLocal(w)
	}

	elsewhere := false // the source address is on another interface
	if w.Source.IsValid() {
		found, another, err := t.findSource(w.Index, w.Source)
		switch {
		case err != nil:
			return LinkUnknown, err
		case found:
		case t.isLocal(w.Source):
			// It moved (an adapter became a bridge's port), or it was never there (a service address on lo).
			elsewhere = true
		case another:
			return LinkAddressChanged, nil
		default:
			return LinkNoAddress, nil
		}
	}

	oif, err := t.zone(w.Destination)
	if err != nil {
		return LinkNoRoute, nil
	}
	q := lookup{dst: w.Destination.WithZone(""), src: w.Source.WithZone(""), oif: oif}
	r, err := t.route(q, w.Index, w.Gateway)
	if errors.Is(err, errIO) {
		return LinkUnknown, err
	}
	switch {
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		return LinkNoRoute, nil // a route says unreachable, prohibited or blackhole, and it says so for every interface
	case err == nil:
		if r.index == w.Index {
			if r.gateway == w.Gateway {
				return LinkWhole, nil
			}
			return LinkMoved, nil
		}
		if elsewhere {
			if found, _, err := t.findSource(r.index, w.Source); err == nil && found {
				return LinkMoved, nil
			}
		}
	}
	// Bound to an interface without a route, IPv4 assumes "on-link" and answers without a gateway (ip-route(8),
	// fib_lookup in net/ipv4/route.c). For a way by a gateway that answer differs; for an on-link way only the routing
	// entry itself can tell.
	q.oif, q.match = w.Index, !w.Gateway.IsValid()
	if q.dst.Is6() {
		q.src = netip.Addr{} // with a source the IPv6 look-up takes the interface for a wish (ip6_route_output_flags)
	}
	r, err = t.route(q, w.Index, w.Gateway)
	switch {
	case errors.Is(err, errIO):
		return LinkUnknown, err
	case err == nil && r.through:
		return LinkMoved, nil
	}
	return LinkNoRoute, nil
}

// judgeLocal judges a way to this computer itself: its addresses must still be here.
func (t *talk) judgeLocal(w Way) (LinkState, error) {
	for _, a := range [...]netip.Addr{w.Source, w.Destination} {
		if a.IsValid() && !a.IsLoopback() && !a.IsUnspecified() && a.Zone() == "" && !t.isLocal(a) {
			return LinkNoAddress, nil
		}
	}
	return LinkWhole, nil
}

// isLocal reports whether a is an address of this computer.
func (t *talk) isLocal(a netip.Addr) bool {
	r, err := t.route(lookup{dst: a.WithZone("")}, 0, netip.Addr{})
	return err == nil && r.typ == unix.RTN_LOCAL
}

// findSource looks for the source address on the interface. another: it is not there, but one that could do the same is.
func (t *talk) findSource(index int, source netip.Addr) (found, another bool, err error) {
	source = source.WithZone("")
	family := uint8(unix.AF_INET)
	if source.Is6() {
		family = unix.AF_INET6
	}
	err = t.addrs(family, index, func(a addr) {
		switch {
		case a.flags&unix.IFA_F_DADFAILED != 0:
		case a.ip == source:
			found = true
		case sameScope(a.ip, source):
			another = true
		}
	})
	return found, another, err
}

// Neighbour reads the kernel's neighbour table for the next hop of w: the gateway, or the destination when it is
// on-link. age is the time since the kernel last had proof that the neighbour is there (an answer to ARP or NDP, or an
// acknowledgement in a TCP session); negative when it never had or does not say. The state proves little, the age does:
// REACHABLE outlives a dead gateway by tens of seconds.
func Neighbour(w Way) (state NeighbourState, age time.Duration) {
	hop := w.nextHop()
	if !hop.IsValid() {
		return NeighbourUnknown, -1
	}
	t, err := openTalk()
	if err != nil {
		return NeighbourUnknown, -1
	}
	bits, ticks, err := t.neighbour(w.Index, hop)
	t.done(err)
	switch {
	case errors.Is(err, unix.ENOENT):
		return NeighbourAbsent, -1
	case err != nil:
		return NeighbourUnknown, -1
	}
	return neighbourState(bits, ticks)
}

func neighbourState(bits uint16, ticks uint32) (NeighbourState, time.Duration) {
	switch {
	case bits&unix.NUD_NOARP != 0:
		return NeighbourUnknown, -1
	case bits&unix.NUD_PERMANENT != 0:
		return NeighbourPresent, -1
	case bits&unix.NUD_INCOMPLETE != 0:
		return NeighbourIncomplete, -1
	case bits&unix.NUD_FAILED != 0:
		return NeighbourFailed, -1
	case bits&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PROBE) != 0:
		return NeighbourPresent, time.Duration(ticks) * (time.Second / userHZ)
	}
	return NeighbourAbsent, -1 // NUD_NONE: made, never asked
}

// Alive answers "is the network alive?" for one destination instead of for the machine: it looks the way up and judges
// it. A virtual adapter that is up, or a VPN that does not carry dst, changes nothing. No packet is sent, so LinkWhole
// means that this computer's part of the way is in order, not that dst is there.
//
// Without a route the state is LinkNoRoute and the error wraps the errno, as Egress's does. LinkUnknown with an error
// means that the kernel could not be asked.
func Alive(dst netip.Addr) (Way, LinkState, error) {
	w, err := Egress(dst)
	var errno unix.Errno
	switch {
	case err == nil:
		return w, Judge(w), nil
	case errors.As(err, &errno) && !errors.Is(err, errIO):
		return w, LinkNoRoute, err
	}
	return w, LinkUnknown, err
}
