package ui

import (
	"strings"
	"testing"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// What is shown of each cause behind a proxy, from the evidence that a Monitor has then. Every word of it has to be true.
func TestThroughAProxy(t *testing.T) {
	const ms = time.Millisecond
	link, gateway := saw(netcheck.HopLink, netcheck.SeenOK), saw(netcheck.HopGateway, netcheck.SeenAnswers, 400*time.Microsecond)
	proxy := func(seen netcheck.Seen, rtt ...time.Duration) netcheck.Evidence {
		return saw(netcheck.HopProxy, seen, rtt...)
	}
	server := func(seen netcheck.Seen) netcheck.Evidence { return saw(netcheck.HopServer, seen) }
	look := func(name string, seen netcheck.Seen) netcheck.Evidence {
		e := saw(netcheck.HopResolver, seen)
		e.Where = name
		return e
	}
	const (
		far  = "gate.example.net"
		near = "proxy.example.net"
		rest = " path=not-asked server=not-asked service=not-asked"
	)
	for _, c := range []struct {
		name   string
		cause  netcheck.Cause
		also   []netcheck.Cause
		way    netcheck.Way
		seen   []netcheck.Evidence
		strip  string
		broken [2]string   // what was seen at the broken hop
		words  [2][]string // what sentence, remedy and what else it may be have to say
	}{
		{
			"the proxy program is gone", netcheck.ProxyRefused, nil, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenRefused, ms)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"refused, 1 ms", "拒绝连接，1 ms"},
			[2][]string{{"The proxy refuses connections", "proxy.example.net:3128 answers with a refusal", "Start the proxy program"}, {"代理拒绝连接", "请在那台主机上启动代理程序"}},
		},
		{
			"the proxy's machine is silent: its network or its cable (cases 4 and 5)", netcheck.ProxyUnreachable, []netcheck.Cause{netcheck.PathLost}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenSilent)},
			"link=ok gateway=ok proxy=broken" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{
				{"The proxy does not answer", "its network is disabled", "its cable is out", "From here these look alike", "It may also be: path breaks off"},
				{"代理没有应答", "网络被禁用", "网线被拔出", "从这里无法区分", "也可能是：线路中断"},
			},
		},
		{
			"the same on this computer's own wire", netcheck.ProxyUnreachable, nil, onLink,
			[]netcheck.Evidence{link, proxy(netcheck.SeenSilent)},
			"link=ok proxy=broken" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"its network is disabled", "its cable is out"}, {"网络被禁用", "网线被拔出"}},
		},
		{
			"a proxy that hangs up", netcheck.ProxyClosed, []netcheck.Cause{netcheck.ProxyDenied, netcheck.ProxyProtocolError}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenBroken)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"closed", "已关闭"},
			[2][]string{{"The proxy closed the session", "It may also be: proxy forbids, not a proxy"}, {"代理关闭了连接", "也可能是：代理禁止、不是代理"}},
		},
		{
			"a stopped proxy", netcheck.ProxyHung, nil, onLink,
			[]netcheck.Evidence{link, proxy(netcheck.SeenSilent)},
			"link=ok -ok- proxy=broken" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"The proxy takes connections but stays silent"}, {"代理接受连接但没有回音"}},
		},
		{
			"a stopped proxy, and nothing else was asked", netcheck.ProxyHung, nil, routed,
			[]netcheck.Evidence{proxy(netcheck.SeenSilent)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"If it never worked, check the kind of proxy too"}, {"也请检查代理类型"}},
		},
		{
			"407", netcheck.ProxyAuthRequired, nil, routed,
			[]netcheck.Evidence{link, proxy(netcheck.SeenRefused, 2*ms)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"wants a login", "要求登录"},
			[2][]string{{"wants a user name and password", "http://USER@proxy.example.net:3128", "HOLDFAST_PROXY_PASSWORD"}, {"http://USER@proxy.example.net:3128", "HOLDFAST_PROXY_PASSWORD"}},
		},
		{
			"403", netcheck.ProxyDenied, nil, routed,
			[]netcheck.Evidence{link, proxy(netcheck.SeenRefused, 2*ms)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"forbids it", "禁止"},
			[2][]string{{"The proxy does not allow this connection", "proxy.example.net:3128 forbids gate.example.net:7000"}, {"代理不允许此连接"}},
		},
		{
			"500 at once, which says nothing", netcheck.ProxyUpstreamFailed, []netcheck.Cause{netcheck.ServerRefused, netcheck.PathProhibited}, routed,
			[]netcheck.Evidence{link, proxy(netcheck.SeenAnswers, 2*ms)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"cannot reach the server", "连不上服务器"},
			[2][]string{{"The proxy cannot reach gate.example.net:7000", "The proxy itself works", "It may also be: server refused, forbidden on the way"}, {"代理本身正常", "也可能是：服务器拒绝连接、途中被禁止"}},
		},
		{
			"a web server", netcheck.ProxyProtocolError, []netcheck.Cause{netcheck.ProxyDenied}, routed,
			[]netcheck.Evidence{link, proxy(netcheck.SeenBroken, 2*ms)},
			"link=ok gateway=ok -ok- proxy=broken" + rest,
			[2]string{"not a proxy", "不是代理"},
			[2][]string{{"proxy.example.net:3128 does not answer like a proxy"}, {"的应答不像代理"}},
		},
		{
			"the proxy says that the server refuses", netcheck.ServerRefused, nil, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenRefused)},
			"link=ok gateway=ok proxy=ok path=ok -ok- server=broken service=not-asked",
			[2]string{"refused, says the proxy", "代理说：拒绝连接"},
			[2][]string{{"gate.example.net:7000 refuses connections", "The proxy works"}, {"拒绝连接", "代理正常"}},
		},
		{
			"the proxy closed, lives, and at once gets no further", netcheck.ServerRefused, []netcheck.Cause{netcheck.ProxyUpstreamFailed}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms)},
			"link=ok gateway=ok proxy=ok path=unknown -ok- server=broken service=not-asked",
			[2]string{"refused", "拒绝连接"},
			[2][]string{{"It may also be: proxy cannot reach it"}, {"也可能是：代理连不上服务器"}},
		},
		{
			"silence beyond the proxy", netcheck.ServerUnreachable, []netcheck.Cause{netcheck.PathLost, netcheck.ProxyUpstreamFailed}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenSilent)},
			"link=ok gateway=ok proxy=ok path=unknown server=broken service=not-asked",
			[2]string{"silent to the proxy", "未应答代理"},
			[2][]string{
				{"gate.example.net:7000 does not answer", "The proxy works, it gets no answer from there", "the way beyond the proxy is cut", "It may also be: path breaks off, proxy cannot reach it"},
				{"代理正常，但得不到那里的应答", "也可能是：线路中断、代理连不上服务器"},
			},
		},
		{
			"the far side ended the session, new ones work", netcheck.ServerClosed, []netcheck.Cause{netcheck.ProxyClosed}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenOK)},
			"link=ok gateway=ok proxy=ok path=ok -ok- server=broken service=not-asked",
			[2]string{"closed", "已关闭"},
			[2][]string{{"closed the session", "The proxy works", "It may also be: proxy closed"}, {"代理正常", "也可能是：代理关闭连接"}},
		},
		{
			"a server that breaks off", netcheck.ServerReset, nil, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenOK)},
			"link=ok gateway=ok proxy=ok path=ok -ok- server=broken service=not-asked",
			[2]string{"broke off", "已中断"},
			[2][]string{{"broke off the session", "The proxy works"}, {"代理正常"}},
		},
		{
			"the tunnel stands, the program is silent", netcheck.ServerHung, []netcheck.Cause{netcheck.ServerUnreachable}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenOK), saw(netcheck.HopService, netcheck.SeenSilent)},
			"link=ok gateway=ok proxy=ok path=ok server=ok -ok- service=broken",
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"The program on gate.example.net:7000 does not answer", "The proxy opened the way there"}, {"代理已打开通往那里的连接"}},
		},
		{
			"this session alone is lost", netcheck.FlowLost, []netcheck.Cause{netcheck.ServerHung}, routed,
			[]netcheck.Evidence{link, gateway, proxy(netcheck.SeenAnswers, 2*ms), server(netcheck.SeenOK), saw(netcheck.HopService, netcheck.SeenAnswers, 3*ms)},
			"link=ok gateway=ok proxy=ok -ok- path=broken server=not-asked service=not-asked",
			[2]string{"session lost", "连接丢失"},
			[2][]string{{"New sessions through the proxy to gate.example.net:7000 work", "It may also be: program silent"}, {"经代理新建到 gate.example.net:7000 的连接正常"}},
		},
		{
			"nobody finds the server's name", netcheck.NameNotFound, []netcheck.Cause{netcheck.ProxyUpstreamFailed}, routed,
			[]netcheck.Evidence{link, gateway, look(far, netcheck.SeenBroken), proxy(netcheck.SeenAnswers, 2*ms)},
			"link=ok gateway=ok proxy=ok -ok- resolver=broken" + rest,
			[2]string{"name not known", "名称不存在"},
			[2][]string{{"The name gate.example.net is not known", "the proxy does not reach it", "It may also be: proxy cannot reach it"}, {"找不到名称 gate.example.net", "代理也连不上"}},
		},
		{
			"the look-up of the server's name is silent", netcheck.ResolverUnreachable, []netcheck.Cause{netcheck.ProxyUpstreamFailed}, routed,
			[]netcheck.Evidence{link, gateway, look(far, netcheck.SeenSilent), proxy(netcheck.SeenAnswers, 2*ms)},
			"link=ok gateway=ok proxy=ok -ok- resolver=broken" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"The name gate.example.net is not found out", "the proxy does not reach gate.example.net either"}, {"查不到 gate.example.net 的地址"}},
		},
		{
			"the look-up of the proxy's own name is silent", netcheck.ResolverUnreachable, nil, routed,
			[]netcheck.Evidence{link, gateway, look(near, netcheck.SeenSilent)},
			"link=ok gateway=ok resolver=broken proxy=not-asked" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"No name server said where proxy.example.net is"}, {"proxy.example.net"}},
		},
		{
			"the proxy's own name is wrong", netcheck.NameNotFound, nil, routed,
			[]netcheck.Evidence{link, gateway, look(near, netcheck.SeenBroken)},
			"link=ok gateway=ok -ok- resolver=broken proxy=not-asked" + rest,
			[2]string{"name not known", "名称不存在"},
			[2][]string{{"The name proxy.example.net is not known", "Check the spelling"}, {"找不到名称 proxy.example.net"}},
		},
		{
			"the gateway on the way to the proxy", netcheck.GatewayUnreachable, nil, routed,
			[]netcheck.Evidence{link, saw(netcheck.HopGateway, netcheck.SeenSilent), proxy(netcheck.SeenSilent)},
			"link=ok gateway=broken proxy=not-asked" + rest,
			[2]string{"silent for 0:42", "0:42 无应答"},
			[2][]string{{"The gateway 192.0.2.1 does not answer"}, {"网关 192.0.2.1 没有应答"}},
		},
		{
			"this computer's cable", netcheck.CableUnplugged, nil, routed,
			[]netcheck.Evidence{saw(netcheck.HopLink, netcheck.SeenBroken), proxy(netcheck.SeenAnswers, ms)},
			"link=broken gateway=not-asked proxy=not-asked" + rest,
			[2]string{"no cable signal", "网线无信号"},
			[2][]string{{"No cable signal on eth0"}, {"eth0 没有网线信号"}},
		},
		{
			"a proxy on this computer that is gone", netcheck.ProxyRefused, nil, local,
			[]netcheck.Evidence{proxy(netcheck.SeenRefused, ms)},
			"link=ok -ok- proxy=broken" + rest,
			[2]string{"refused, 1 ms", "拒绝连接，1 ms"},
			[2][]string{{"The proxy refuses connections"}, {"代理拒绝连接"}},
		},
		{
			"nothing found yet", netcheck.CauseNone, nil, routed, []netcheck.Evidence{link, proxy(netcheck.SeenAsked)},
			"link=ok gateway=not-asked proxy=asked" + rest,
			[2]string{}, [2][]string{{"No session, and no cause found yet"}, {"没有连接，原因尚未查明"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := viaProxy(down(c.cause, c.way, c.seen...))
			s.Verdict.Also, s.Verdict.Evidence = c.also, c.seen
			for i, l := range []Lang{English, Chinese} {
				v := ViewOf(s, noon, l)
				if got := drawn(v); got != c.strip {
					t.Errorf("%s:\n got %s\nwant %s", l, got, c.strip)
				}
				said := v.Sentence + "\n" + v.Remedy + "\n" + v.Also
				for _, want := range c.words[i] {
					if !strings.Contains(said, want) {
						t.Errorf("%s: %q is not in\n%s", l, want, said)
					}
				}
				for n, st := range v.Strip() {
					if st.Mark == Broken && st.Seen != c.broken[i] {
						t.Errorf("%s: seen at the broken hop: %q, want %q", l, st.Seen, c.broken[i])
					}
					if st.Mark == OK && len(c.seen) == 1 && c.seen[0].Hop != st.Hop {
						continue // nobody saw it itself
					}
					if asked := st.Mark != NotAsked && st.Mark != Unknown; asked != (st.When != "") && st.Mark != Unknown {
						t.Errorf("%s: %s (%s) was seen at %q", l, st.Hop, st.Mark, st.When)
					}
					if st.Hop == netcheck.HopProxy && st.Where != "proxy.example.net:3128" || st.Label == "" || st.Seen == "" || strings.Contains(st.Seen+st.Where+st.When, "{") {
						t.Errorf("%s: station %d: %+v", l, n, st)
					}
				}
			}
		})
	}
}

// What a proxy took for its answer to CONNECT is the whole way's, and is not shown as the leg to it.
func TestTheLegToTheProxy(t *testing.T) {
	const ms = time.Millisecond
	s := viaProxy(up(routed, saw(netcheck.HopProxy, netcheck.SeenAnswers, 80*ms)))
	s.LegRTT = 3 * ms
	v := ViewOf(s, noon, English)
	if v.NLegs != 2 || v.Legs[0].Label != "to the proxy 3 ms" || v.Legs[1].Label != "the whole way 24 ms" {
		t.Errorf("up: %+v", v.Legs)
	}
	if got := v.Stations[2].Seen; got != "answers, 3 ms" {
		t.Errorf("the proxy: %q", got)
	}
	for cause, want := range map[netcheck.Cause]string{netcheck.ProxyRefused: "to the proxy 80 ms", netcheck.ServerRefused: "not measured"} {
		seen := netcheck.SeenAnswers
		if cause == netcheck.ProxyRefused {
			seen = netcheck.SeenRefused
		}
		if got := ViewOf(viaProxy(down(cause, routed, saw(netcheck.HopProxy, seen, 80*ms))), noon, English).Legs[0].Label; got != want {
			t.Errorf("%s: %q, want %q", cause, got, want)
		}
	}
	s.LegRTT = 0
	if got := ViewOf(s, noon, English).Stations[2].Seen; got != "answers" {
		t.Errorf("nothing measured: %q", got)
	}
}

// The proxy may be the environment's choice, or none: only the snapshot knows.
func TestTheProxyThatIsUsed(t *testing.T) {
	s := viaProxy(up(routed))
	if got := ViewOf(s, noon, English).Address; got != "gate.example.net:7000 through proxy.example.net:3128" {
		t.Errorf("system: %q", got)
	}
	s.Proxy = ""
	if v := ViewOf(s, noon, English); v.Address != "gate.example.net:7000" || strings.Contains(drawn(v), "proxy") {
		t.Errorf("system, which says direct: %q, %s", v.Address, drawn(v))
	}
	s = monitor.Snapshot{Target: direct, Proxy: "http://127.0.0.1:3128", State: monitor.Connecting, Since: noon}
	if got := drawn(ViewOf(s, noon, English)); got != "link=not-asked proxy=asked path=not-asked server=not-asked service=not-asked" {
		t.Errorf("connecting through a proxy on this computer: %s", got)
	}
	s.Proxy, s.Target.Address = "http://192.0.2.8:3128", "127.0.0.1:7000"
	if got := drawn(ViewOf(s, noon, English)); !strings.HasPrefix(got, "link=not-asked gateway=") {
		t.Errorf("the proxy's own loopback is not this computer's: %s", got)
	}
}

func TestThePathWithTimes(t *testing.T) {
	s := viaProxy(down(netcheck.ProxyRefused, routed, saw(netcheck.HopLink, netcheck.SeenOK), saw(netcheck.HopProxy, netcheck.SeenRefused, time.Millisecond)))
	if got, want := ViewOf(s, noon, English).PathSeen, "This computer: ok (12:00:46). Gateway: ok (12:00:46). Proxy: refused, 1 ms (12:00:46). Rest: not asked."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ViewOf(s, noon, Chinese).PathSeen, "本机：正常（12:00:46）。网关：正常（12:00:46）。代理：拒绝连接，1 ms（12:00:46）。其余：未检测。"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if v := ViewOf(up(routed, saw(netcheck.HopLink, netcheck.SeenOK)), noon, English); v.PathSeen != v.Path {
		t.Errorf("what holds now has no time: %q", v.PathSeen)
	}
}

func TestAShortSilence(t *testing.T) {
	s := viaProxy(down(netcheck.ProxyHung, routed, saw(netcheck.HopProxy, netcheck.SeenSilent)))
	for after, want := range map[time.Duration]string{400 * time.Millisecond: "silent for 0.4 s", 3 * time.Second: "silent for 0:03", 42 * time.Second: "silent for 0:42"} {
		s.BrokenSince = noon.Add(-after)
		if v := ViewOf(s, noon, English); v.Stations[2].Seen != want {
			t.Errorf("after %v: %q, want %q", after, v.Stations[2].Seen, want)
		}
	}
}

func TestAReportOfAWayThroughAProxy(t *testing.T) {
	s := viaProxy(down(netcheck.ProxyUnreachable, routed, saw(netcheck.HopLink, netcheck.SeenOK)))
	s.Verdict.Evidence = []netcheck.Evidence{{Time: noon.Add(-40 * time.Second), Hop: netcheck.HopProxy, Where: "192.0.2.8:3128", Seen: netcheck.SeenSilent, Saw: "no answer to a new connection for 660ms"}}
	s.Verdict.Also = []netcheck.Cause{netcheck.PathLost}
	s.Target.Via, s.Remote, s.RTT, s.LegRTT = "http://me:s3same@proxy.example.net:3128", "192.0.2.8:3128", 24*time.Millisecond, 3*time.Millisecond
	s.Outages = []monitor.Outage{{Start: s.BrokenSince, Verdict: s.Verdict, Attempts: 1}}
	en, zh := Report(s, noon, English, "1.2.3, "+Platform()), Report(s, noon, Chinese, "1.2.3, "+Platform())
	for _, want := range []string{
		"Holdfast 1.2.3, ", ", go1.", "http://proxy.example.net:3128", "eth0 192.0.2.17", "192.0.2.1", "[proxy-unreachable]", "2026-11-21 12:00:05.000 +00:00",
		"192.0.2.8:3128  ", "24 ms", "3 ms", "12:00:07.000",
	} {
		if !strings.Contains(en, want) || !strings.Contains(zh, want) {
			t.Errorf("%q is missing in\n%s\n%s", want, en, zh)
		}
	}
	for _, want := range []string{
		"Way: http://proxy.example.net:3128\n", "From: eth0 192.0.2.17, gateway 192.0.2.1\n", "its network is disabled, its cable is out", "It may also be: path breaks off",
		"192.0.2.8:3128  no answer to a new connection for 660ms", "Last round trip: 24 ms", "Round trip to the proxy: 3 ms", "\n! Proxy  proxy.example.net:3128  silent for 0:42", "\n  Server  gate.example.net:7000  not asked\n", "10 attempts",
	} {
		if !strings.Contains(en, want) {
			t.Errorf("%q is missing in\n%s", want, en)
		}
	}
	for _, want := range []string{"途径：http://proxy.example.net:3128\n", "网络被禁用、网线被拔出", "\n! 代理  ", "尝试 10 次"} {
		if !strings.Contains(zh, want) {
			t.Errorf("%q is missing in\n%s", want, zh)
		}
	}
	if strings.Contains(en+zh, "s3same") {
		t.Errorf("a password in the report:\n%s", en)
	}
	s.Target.Via = "system"
	if en := Report(s, noon, English, "1"); !strings.Contains(en, "Way: http://proxy.example.net:3128, as the system has it\n") {
		t.Errorf("no way as the system has it in\n%s", en)
	}
	s.Proxy = ""
	if en := Report(s, noon, English, "1"); !strings.Contains(en, "Way: direct\n") {
		t.Errorf("no direct way in\n%s", en)
	}
}
