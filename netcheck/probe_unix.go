//go:build linux || darwin || freebsd || netbsd || openbsd

package netcheck

import "net/netip"

// probePort is where questions to a host go, as traceroute's do: nobody listens there, so it says "port unreachable" of UDP, and
// refuses TCP. For UDP there are 16 ports for each round: the number of the port tells round and TTL.
const probePort = 33434

// scoped adds the interface to a link-local address.
func (w Way) scoped(a netip.Addr) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() && w.Interface != "" {
		return a.WithZone(w.Interface)
	}
	return a
}
