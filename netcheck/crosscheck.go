package netcheck

import (
	"strings"
	"time"
)

// systemSays is what Windows says of the network as a whole.
type systemSays struct {
	alive        Tri    // IsNetworkAlive
	aliveFlags   uint32 // NETWORK_ALIVE_LAN 1, NETWORK_ALIVE_WAN 2, NETWORK_ALIVE_INTERNET 8 (sensapi.h)
	listed       bool   // the Network List Manager could be asked
	connectivity uint32 // NLM_CONNECTIVITY (netlistmgr.h)
}

// evidence is what was said, for reports. It belongs to no hop, and proves nothing.
func (s systemSays) evidence(now time.Time) (out []Evidence) {
	say := func(where, saw string) {
		out = append(out, Evidence{Time: now, Where: where, Seen: SeenUnknown, Saw: saw})
	}
	switch s.alive {
	case Yes:
		say("IsNetworkAlive", "alive"+named(s.aliveFlags, [...]bitName{{1, "LAN"}, {2, "WAN"}, {8, "Internet"}}))
	case No:
		say("IsNetworkAlive", "no network")
	}
	if s.listed {
		const v4Internet, v6Internet = 0x40, 0x400
		saw := "no Internet"
		switch {
		case s.connectivity == 0:
			saw = "disconnected"
		case s.connectivity&(v4Internet|v6Internet) != 0:
			saw = "Internet"
		}
		say("Network List Manager", saw+named(s.connectivity, [...]bitName{{0x40, "IPv4"}, {0x400, "IPv6"}, {0, ""}}))
	}
	return out
}

type bitName struct {
	bit  uint32
	name string
}

// named lists the names of the bits that are set, in brackets.
func named(bits uint32, names [3]bitName) string {
	var set []string
	for _, n := range names {
		if bits&n.bit != 0 {
			set = append(set, n.name)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return " (" + strings.Join(set, ", ") + ")"
}
