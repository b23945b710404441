package netcheck

import (
	"reflect"
	"testing"
	"time"
)

func TestSystemSays(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	e := func(where, saw string) Evidence {
		return Evidence{Time: now, Where: where, Seen: SeenUnknown, Saw: saw}
	}
	tests := []struct {
		name string
		says systemSays
		want []Evidence
	}{
		{"nobody could be asked", systemSays{}, nil},
		{"alive by a virtual adapter", systemSays{alive: Yes, aliveFlags: 1, listed: true}, []Evidence{e("IsNetworkAlive", "alive (LAN)"), e("Network List Manager", "disconnected")}},
		{"all is well", systemSays{alive: Yes, aliveFlags: 9, listed: true, connectivity: 0x40 | 0x400}, []Evidence{e("IsNetworkAlive", "alive (LAN, Internet)"), e("Network List Manager", "Internet (IPv4, IPv6)")}},
		{"a network without the Internet", systemSays{alive: No, listed: true, connectivity: 0x20}, []Evidence{e("IsNetworkAlive", "no network"), e("Network List Manager", "no Internet")}},
	}
	for _, tt := range tests {
		if got := tt.says.evidence(now); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
		for _, e := range tt.says.evidence(now) {
			if e.Hop != HopNone || e.Seen != SeenUnknown {
				t.Errorf("%s: %+v could be taken for the state of a hop", tt.name, e)
			}
		}
	}
}
