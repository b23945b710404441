package netcheck_test

import (
	"testing"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// What a person reads of each break of the field reports on Windows, while IsNetworkAlive says that the network is alive.
func TestFieldReportsOnWindows(t *testing.T) {
	const unplugged, off, refuses, silent = "No cable signal on Ethernet", "Ethernet is switched off", "The proxy refuses connections", "The proxy does not answer"
	want := map[string]string{
		"1: the cable is pulled, connected, in the first moment":                unplugged,
		"1: the cable is pulled, connected":                                     unplugged,
		"1: the cable is pulled, before connecting":                             unplugged,
		"2: the network is disabled, connected, in the first moment":            off,
		"2: the network is disabled, connected":                                 off,
		"2: the network is disabled, before connecting":                         off,
		"3: the proxy program exits, before connecting":                         refuses,
		"3: the proxy program exits, connected":                                 refuses,
		"4: the proxy's network is disabled, before connecting":                 silent,
		"4: the proxy's network is disabled, connected":                         silent,
		"5: the proxy's cable is pulled, before connecting":                     silent,
		"5: the proxy's cable is pulled, connected":                             silent,
		"6: the server program exits, before connecting":                        "203.0.113.7:7000 refuses connections",
		"6: the server program exits, connected":                                "203.0.113.7:7000 refuses connections",
		"6: the server's machine is off, before connecting":                     "The path to 203.0.113.7:7000 breaks off",
		"6: the server's machine is off, connected: keepalive ends the session": "The path to 203.0.113.7:7000 breaks off",
	}
	cases := netcheck.FieldCases()
	for _, c := range cases {
		s := monitor.Snapshot{Target: monitor.Target{Name: "office", Address: "203.0.113.7:7000"}}
		if c.Facts.Proxied {
			s.Proxy = "http://203.0.113.7:3128"
			s.Target.Address = "gate.example.net:7000"
		}
		got := ui.Explain(netcheck.Diagnose(c.Facts), s, ui.English)
		if got.Sentence != want[c.Name] || got.Remedy == "" {
			t.Errorf("%s: %q, want %q", c.Name, got.Sentence, want[c.Name])
		}
		if zh := ui.Explain(netcheck.Diagnose(c.Facts), s, ui.Chinese); zh.Sentence == got.Sentence {
			t.Errorf("%s: not in Chinese", c.Name)
		}
		if len(c.Says) == 0 || c.Says[0].Saw != "alive (LAN)" {
			t.Errorf("%s: the system says %+v", c.Name, c.Says)
		}
	}
	if len(cases) != len(want) {
		t.Errorf("%d cases, %d of them with words", len(cases), len(want))
	}
}
