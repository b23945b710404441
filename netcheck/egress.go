package netcheck

import (
	"fmt"
	"net/netip"
	"strconv"
)

// zoneOf is the interface index that a link-local address names, by number or by name; 0 none.
func zoneOf(dst netip.Addr, byName func(string) (int, error)) (int, error) {
	z := dst.Zone()
	if z == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(z, 10, 31); err == nil {
		return int(n), nil
	}
	n, err := byName(z)
	if err != nil {
		return 0, fmt.Errorf("zone %q: %w", z, err)
	}
	return n, nil
}

// nextHop is whom the way's packets are handed to: the gateway, or the destination when it is on-link; invalid where there
// is nobody to ask for a hardware address.
func (w Way) nextHop() netip.Addr {
	switch {
	case w.Loopback || w.Index <= 0:
		return netip.Addr{}
	case w.Gateway.IsValid():
		return w.Gateway.WithZone("")
	}
	return w.Destination.WithZone("")
}

// sameScope reports whether an address could replace the other: of one family, both or neither link-local, and for
// IPv6 both or neither unique local (RFC 4193), as those do not reach the same hosts.
func sameScope(a, b netip.Addr) bool {
	return a.BitLen() == b.BitLen() && a.IsLinkLocalUnicast() == b.IsLinkLocalUnicast() &&
		(a.Is4() || a.IsPrivate() == b.IsPrivate())
}
