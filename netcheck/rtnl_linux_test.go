package netcheck

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// build makes a netlink message of the given type.
func build(typ uint16, header []byte, attrs ...[]byte) []byte {
	t := talk{}
	t.begin(typ, 0, header)
	for _, a := range attrs {
		t.req = append(t.req, a...)
	}
	ne.PutUint32(t.req, uint32(len(t.req)))
	return t.req
}

func attribute(typ uint16, value []byte) []byte {
	var t talk
	t.attr(typ, value)
	return t.req
}

func u32(v uint32) []byte { return ne.AppendUint32(nil, v) }

func FuzzNetlinkMessages(f *testing.F) {
	f.Add(build(unix.RTM_NEWLINK, make([]byte, 16), attribute(unix.IFLA_IFNAME, []byte("eth0\x00")),
		attribute(unix.IFLA_LINKINFO, attribute(unix.IFLA_INFO_KIND, []byte("veth\x00")))))
	f.Add(build(unix.RTM_NEWADDR, []byte{unix.AF_INET, 24, 0, 0, 2, 0, 0, 0}, attribute(unix.IFA_LOCAL, []byte{192, 0, 2, 1}), attribute(unix.IFA_FLAGS, u32(0x80))))
	f.Add(build(unix.RTM_NEWROUTE, []byte{unix.AF_INET, 24, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0}, attribute(unix.RTA_DST, []byte{192, 0, 2, 0}),
		attribute(unix.RTA_OIF, u32(2)), attribute(unix.RTA_VIA, append([]byte{10, 0}, make([]byte, 16)...)),
		attribute(unix.RTA_MULTIPATH, append([]byte{16, 0, 0, 0, 2, 0, 0, 0}, attribute(unix.RTA_GATEWAY, []byte{192, 0, 2, 1})...))))
	f.Add(build(unix.RTM_NEWNEIGH, make([]byte, 12), attribute(unix.NDA_CACHEINFO, make([]byte, 16))))
	f.Add(build(unix.NLMSG_ERROR, u32(0xffffff9b)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			m, next, err := nextMessage(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatal("no progress")
			}
			rest = next
			_, _ = parseLink(m.data, true)
			_, _ = parseAddr(m.data)
			r, err := parseRoute(m.data, 2, netip.Addr{})
			if err == nil && r.dst.IsValid() && r.dst.Bits() > r.dst.Addr().BitLen() {
				t.Errorf("prefix %v", r.dst)
			}
			_, _, _ = parseNeighbour(m.data)
		}
	})
}

func TestParseMessages(t *testing.T) {
	header := []byte{unix.AF_INET, 0, 0, 0, 254, 0, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
	hop := func(index uint32, gateway []byte) []byte {
		via := attribute(unix.RTA_GATEWAY, gateway)
		b := ne.AppendUint16(nil, uint16(8+len(via)))
		return append(append(append(b, 0, 0), u32(index)...), via...)
	}
	both := attribute(unix.RTA_MULTIPATH, append(hop(2, []byte{192, 0, 2, 1}), hop(3, []byte{198, 51, 100, 1})...))
	for _, tt := range []struct {
		name    string
		index   int
		gateway string
		want    bool
	}{
		{"the first next hop", 2, "192.0.2.1", true},
		{"the second", 3, "198.51.100.1", true},
		{"the gateway of one, the interface of the other", 2, "198.51.100.1", false},
	} {
		r, err := parseRoute(append(append([]byte{}, header...), both...), tt.index, ip(tt.gateway))
		if err != nil || r.through != tt.want || r.hops != 2 {
			t.Errorf("%s: through %v of %d, %v; want %v", tt.name, r.through, r.hops, err, tt.want)
		}
	}
	if _, _, err := nextMessage([]byte{255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err == nil {
		t.Error("a length beyond the buffer was believed")
	}
	if _, _, _, ok := nextAttr([]byte{3, 0, 1, 0}); ok {
		t.Error("an attribute shorter than its header was believed")
	}
}

func TestSameScope(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"two of one network", "192.0.2.10", "192.0.2.11", true},
		{"private and public IPv4", "10.0.0.1", "192.0.2.10", true},
		{"link-local and routed IPv4", "169.254.1.1", "192.0.2.10", false},
		{"the families differ", "2001:db8::1", "192.0.2.10", false},
		{"two global IPv6", "2001:db8::1", "2001:db8:1::1", true},
		{"link-local and global IPv6", "fe80::1", "2001:db8::1", false},
		{"unique local and global IPv6", "fd00::1", "2001:db8::1", false},
	} {
		if got := sameScope(ip(tt.a), ip(tt.b)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
