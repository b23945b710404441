package netcheck

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Explain names interfaces that explain why there is no way to dst, or why a way that is there leads nowhere: one that
// is switched off while it holds an address, one without carrier, one that is up without an address of dst's family.
// Empty means none. It asks for all interfaces and addresses, so it is for the diagnosis, not for each kernel news.
//
// Only interfaces that could carry dst count:
//   - adapters with hardware behind them (where the kernel, 5.14 and later, tells; before, all with a driver of their
//     own), and what is stacked on them: vlan, bond, team, macvlan, ipvlan;
//   - a bridge, if one of its ports counts: so br0 over eth0 does, and docker0 with or without containers does not;
//   - a veth that holds an address, or any veth where there is no hardware at all: that is a container's own cable, seen
//     from inside. The outer end of a container's cable has no address, or belongs to a bridge.
//
// lo, tunnels, dummies, ports of a bridge or bond and everything else do not count. An interface without carrier and
// without address (an unused socket, but also a DHCP client's after its cable was pulled) or without an address counts
// only while no other interface could do the work.
func Explain(dst netip.Addr) (otherDisabled, otherNoCarrier, otherNoAddress string) {
	t, err := openTalk()
	if err != nil {
		return "", "", ""
	}
	var all []candidate
	err = t.links(func(l link) { all = append(all, candidate{link: l}) })
	if err == nil {
		dst = dst.Unmap()
		err = t.addrs(unix.AF_UNSPEC, 0, func(a addr) {
			i := slices.IndexFunc(all, func(c candidate) bool { return c.index == a.index })
			if i < 0 || a.flags&unix.IFA_F_DADFAILED != 0 || !a.ip.IsValid() {
				return
			}
			if dst.IsValid() && a.ip.BitLen() == dst.BitLen() && (dst.IsLinkLocalUnicast() || !a.ip.IsLinkLocalUnicast()) {
				all[i].fits = true
			}
			// IPv6 addresses leave an interface that is switched off, IPv4's stay: either makes it one that was in use.
			all[i].holds = all[i].holds || !a.ip.IsLinkLocalUnicast()
		})
	}
	t.done(err)
	return explain(all)
}

// A candidate is an interface that may explain a missing way.
type candidate struct {
	link
	fits  bool // it holds an address of the destination's family and scope
	holds bool // it holds any address beyond the link
}

func explain(all []candidate) (disabled, noCarrier, noAddress string) {
	counts := carriers(all)
	suspects := make([]suspect, len(counts))
	for i, c := range counts {
		suspects[i] = suspect{
			index: c.index, name: c.name, up: c.flags&unix.IFF_UP != 0, carrier: c.flags&unix.IFF_LOWER_UP != 0,
			fits: c.fits, holds: c.holds, hardware: c.kind == "",
		}
	}
	return explainBy(suspects)
}

// Hardware types that carry IP, from linux/if_arp.h: CAN, 802.15.4, monitors and the like do not.
const (
	arphrdEther      = 1
	arphrdInfiniband = 32
	arphrdPPP        = 512
	arphrdRawIP      = 519
	arphrdNone       = 0xfffe
)

// carriers are the interfaces that Explain's comment says count.
func carriers(all []candidate) []candidate {
	told := slices.ContainsFunc(all, func(c candidate) bool { return c.parent })
	hardware := func(c candidate) bool {
		switch c.hardware {
		case arphrdEther, arphrdInfiniband, arphrdRawIP, arphrdNone:
			// vmnet1 and vboxnet0 look like adapters, only that no bus has them.
			return c.kind == "" && (c.parent || !told)
		case arphrdPPP:
			return true
		}
		return false
	}
	anyHardware := slices.ContainsFunc(all, hardware)
	own := func(c candidate) bool {
		switch c.kind {
		case "":
			return hardware(c)
		case "vlan", "bond", "team", "macvlan", "ipvlan":
			return true
		case "veth":
			return c.holds || !anyHardware
		}
		return false
	}
	var counts []candidate
	for _, c := range all {
		if c.flags&unix.IFF_LOOPBACK != 0 || c.master != 0 && c.slaveKind != "vrf" {
			continue
		}
		if own(c) || c.kind == "bridge" && slices.ContainsFunc(all, func(p candidate) bool {
			return p.master == c.index && (p.kind != "veth" || !anyHardware) && own(p)
		}) {
			counts = append(counts, c)
		}
	}
	return counts
}
