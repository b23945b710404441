package ui

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

func TestRoots(t *testing.T) {
	n := 0
	one := func(c netcheck.Cause, change ...func(*monitor.Snapshot)) monitor.Snapshot {
		s := down(c, routed)
		n++
		s.Target.Name, s.Target.Address = fmt.Sprintf("t%d", n), fmt.Sprintf("192.0.2.%d:7000", n)
		for _, f := range change {
			f(&s)
		}
		return s
	}
	behind := func(proxy string) func(*monitor.Snapshot) {
		return func(s *monitor.Snapshot) { s.Proxy = "http://" + proxy }
	}
	gateway := func(a string) func(*monitor.Snapshot) {
		return func(s *monitor.Snapshot) { s.Verdict.Gateway = netip.MustParseAddr(a) }
	}
	on := func(ifi string) func(*monitor.Snapshot) {
		return func(s *monitor.Snapshot) { s.Verdict.Interface = ifi }
	}
	looked := func(name string) func(*monitor.Snapshot) {
		return func(s *monitor.Snapshot) {
			s.Verdict.Evidence = []netcheck.Evidence{{Time: noon, Hop: netcheck.HopResolver, Where: name, Seen: netcheck.SeenSilent}}
		}
	}
	for _, c := range []struct {
		name  string
		snaps []monitor.Snapshot
		want  string // the members of each root
	}{
		{"nothing is broken", []monitor.Snapshot{up(routed), up(onLink)}, ""},
		{"one gateway", []monitor.Snapshot{one(netcheck.GatewayUnreachable), up(routed), one(netcheck.GatewayUnreachable)}, "[0 2]"},
		{"two gateways", []monitor.Snapshot{one(netcheck.GatewayUnreachable), one(netcheck.GatewayUnreachable, gateway("192.0.2.2"))}, "[0] [1]"},
		{"gateways of one address on two interfaces", []monitor.Snapshot{one(netcheck.GatewayUnreachable, on("eth0"), gateway("fe80::1")), one(netcheck.GatewayUnreachable, on("eth1"), gateway("fe80::1"))}, "[0] [1]"},
		{"one cable", []monitor.Snapshot{one(netcheck.CableUnplugged), one(netcheck.CableUnplugged), one(netcheck.CableUnplugged, on("eth1"))}, "[0 1] [2]"},
		{"no default route", []monitor.Snapshot{one(netcheck.NoRoute), one(netcheck.NoRoute)}, "[0 1]"},
		{"one proxy", []monitor.Snapshot{one(netcheck.ProxyRefused, behind("p:1")), one(netcheck.ProxyRefused, behind("p:1")), one(netcheck.ProxyRefused, behind("p:2"))}, "[0 1] [2]"},
		{"one proxy, two causes", []monitor.Snapshot{one(netcheck.ProxyRefused, behind("p:1")), one(netcheck.ProxyUnreachable, behind("p:1"))}, "[0] [1]"},
		{"one resolver", []monitor.Snapshot{one(netcheck.ResolverUnreachable, looked("a")), one(netcheck.ResolverUnreachable, looked("b"))}, "[0 1]"},
		{"the resolver here, and names given to a proxy", []monitor.Snapshot{one(netcheck.ResolverUnreachable, looked("a")), one(netcheck.ResolverUnreachable, looked("b"), behind("192.0.2.9:1"))}, "[0] [1]"},
		{"each its own server", []monitor.Snapshot{one(netcheck.ServerRefused), one(netcheck.ServerRefused)}, "[0] [1]"},
		{"what a proxy says of each server", []monitor.Snapshot{one(netcheck.ProxyDenied, behind("p:1")), one(netcheck.ProxyDenied, behind("p:1")), one(netcheck.ProxyUpstreamFailed, behind("p:1"))}, "[0] [1] [2]"},
		{"names are each its own", []monitor.Snapshot{one(netcheck.NameNotFound), one(netcheck.NameNotFound)}, "[0] [1]"},
		{"broken without a cause yet", []monitor.Snapshot{one(netcheck.CauseNone), one(netcheck.CauseNone)}, ""},
		{"a gateway that nobody knows", []monitor.Snapshot{one(netcheck.GatewayUnreachable, func(s *monitor.Snapshot) { s.Verdict.Gateway = netip.Addr{} }), one(netcheck.GatewayUnreachable, func(s *monitor.Snapshot) { s.Verdict.Gateway = netip.Addr{} })}, "[0] [1]"},
		{"a code of a newer version", []monitor.Snapshot{one("solar-flare"), one("solar-flare")}, "[0] [1]"},
	} {
		var got []string
		for _, r := range Roots(c.snaps) {
			got = append(got, fmt.Sprint(r.Members))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// outage is n targets behind one dead gateway and two that are well.
func outage(n int) []monitor.Snapshot {
	snaps := []monitor.Snapshot{up(onLink)}
	for i := range n {
		s := down(netcheck.GatewayUnreachable, routed)
		s.Target.Name = fmt.Sprintf("target %d", i)
		s.BrokenSince = noon.Add(-time.Minute + time.Duration((i*7+3)%n)*time.Millisecond)
		snaps = append(snaps, s)
	}
	return append(snaps, up(onLink))
}

func TestARootInWords(t *testing.T) {
	snaps := outage(100)
	r := Roots(snaps)[0]
	if got := r.Explain(snaps, English).Sentence; got != "The gateway 192.0.2.1 does not answer: 100 targets" {
		t.Errorf("%q", got)
	}
	if got := r.Explain(snaps, Chinese).Sentence; got != "网关 192.0.2.1 没有应答：100 个目标" {
		t.Errorf("%q", got)
	}
	if got := r.Since(snaps); !got.Equal(noon.Add(-time.Minute)) {
		t.Errorf("since %v: not the oldest", got)
	}
	if got := r.Names(snaps, 40, English); got != "target 0, target 1 and 98 more" {
		t.Errorf("%q", got)
	}
	if got := r.Names(snaps, 1, Chinese); got != "target 0 等，还有 99 个" {
		t.Errorf("%q", got)
	}
	if got := r.Names(snaps, 1<<20, English); strings.Count(got, ", ") != 99 || strings.Contains(got, "more") {
		t.Errorf("%q", got)
	}
	routes := []monitor.Snapshot{down(netcheck.NoRoute, routed), down(netcheck.NoRoute, routed)}
	if got := Roots(routes)[0].Explain(routes, English); got.Sentence != "This computer knows no way to them: 2 targets" || strings.Contains(got.Remedy, "{") {
		t.Errorf("%+v", got)
	}
	alone := []monitor.Snapshot{down(netcheck.ServerRefused, routed)}
	if got := Roots(alone)[0].Explain(alone, English).Sentence; got != "gate.example.net:7000 refuses connections" {
		t.Errorf("%q", got)
	}
}

// A dead gateway is told once in the tray, whatever hangs on it.
func TestTheTrayTellsARootOnce(t *testing.T) {
	snaps := outage(100)
	other := down(netcheck.ServerRefused, onLink)
	other.Target.Name = "Redis"
	snaps = append(snaps, other)
	got := TrayOf(snaps, nil, noon, English)
	if want := "The gateway 192.0.2.1 does not answer: 100 targets, since 11:59:47\nRedis: gate.example.net:7000 refuses connections, since 12:00:05"; got.Text != want {
		t.Errorf("tooltip %q, want %q", got.Text, want)
	}
	if got, want := TrayOf(outage(100), nil, noon, English).Text, "The gateway 192.0.2.1 does not answer: 100 targets\ntarget 0, target 1, target 2, target 3 and 96 more\nsince 11:59:47, next try 12:00:49"; got != want {
		t.Errorf("one cause: tooltip %q, want %q", got, want)
	}
	if got.Title != "Holdfast: 101 of 103 broken" {
		t.Errorf("title %q", got.Title)
	}
	var lines []string
	for _, r := range got.Rows[:got.NRows] {
		lines = append(lines, r.Key+"|"+r.Name+"|"+r.Words)
	}
	want := []string{
		"|The gateway 192.0.2.1 does not answer: 100 targets|since 11:59:47",
		"|target 0, target 1, target 2, target 3 and 96 more|",
		"Redis|Redis|gate.example.net:7000 refuses connections, since 12:00:05",
		"Office gateway|Office gateway|connected",
		"Office gateway|Office gateway|connected",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") || got.More != "" {
		t.Errorf("menu:\n%s\nmore: %q", strings.Join(lines, "\n"), got.More)
	}
	if stalled := TrayOf(snaps, []string{"target 3"}, noon, English); strings.Contains(stalled.Text+stalled.Rows[0].Name, "100 targets") {
		t.Errorf("told of targets that nobody watches: %+v", stalled.Rows[0])
	}
	// Many causes leave room for the rest.
	var many []monitor.Snapshot
	for i := range 40 {
		s := down(netcheck.CableUnplugged, routed)
		s.Target.Name, s.Verdict.Interface = fmt.Sprint(i), fmt.Sprintf("eth%d", i/2)
		many = append(many, s)
	}
	v := TrayOf(many, nil, noon, English)
	if lines := strings.Split(v.Text, "\n"); len(lines) != 4 || lines[3] != "and 17 more" {
		t.Errorf("tooltip %q", v.Text)
	}
	if v.NRows != maxRows || v.Rows[10].Key == "" || v.More != "and 28 more" {
		t.Errorf("%d rows, %q, the eleventh is %+v", v.NRows, v.More, v.Rows[10])
	}
}
