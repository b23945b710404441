package netcheck

import "net/netip"

// anywhere is an address that nobody has any more (RFC 7526, section 5): the kernel's route to it is the default route.
var anywhere = netip.MustParseAddr("192.88.99.1")

// firstBeyond returns the first address that is not this computer's loopback; anywhere when there is none.
func firstBeyond(servers []netip.Addr) netip.Addr {
	for _, a := range servers {
		if !a.IsLoopback() {
			return a
		}
	}
	return anywhere
}
