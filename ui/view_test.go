package ui

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

var (
	noon   = time.Date(2026, 11, 21, 12, 0, 47, 0, time.UTC)
	direct = monitor.Target{Name: "Office gateway", Address: "gate.example.net:7000", Heartbeat: "line", Interval: 500 * time.Millisecond}
	routed = netcheck.Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.17"), Gateway: netip.MustParseAddr("192.0.2.1")}
	onLink = netcheck.Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.17")}
	local  = netcheck.Way{Index: 1, Interface: "lo", Source: netip.MustParseAddr("127.0.0.1"), Loopback: true}
)

// viaProxy sends s through a proxy, which the environment has chosen.
func viaProxy(s monitor.Snapshot) monitor.Snapshot {
	s.Target.Via, s.Proxy = "system", "http://proxy.example.net:3128"
	return s
}

// saw is evidence of this moment; rtt may be left out.
func saw(hop netcheck.Hop, seen netcheck.Seen, rtt ...time.Duration) netcheck.Evidence {
	e := netcheck.Evidence{Time: noon.Add(-100 * time.Millisecond), Hop: hop, Seen: seen}
	if len(rtt) > 0 {
		e.RTT = rtt[0]
	}
	return e
}

func old(e netcheck.Evidence) netcheck.Evidence {
	e.Time = noon.Add(-time.Hour)
	return e
}

func down(c netcheck.Cause, way netcheck.Way, e ...netcheck.Evidence) monitor.Snapshot {
	return monitor.Snapshot{
		Time: noon, Target: direct, State: monitor.Down, Since: noon.Add(-42 * time.Second), BrokenSince: noon.Add(-42 * time.Second),
		Verdict: netcheck.Verdict{Cause: c, Hop: c.Hop(), Interface: way.Interface, Gateway: way.Gateway},
		Attempt: 10, RetryAt: noon.Add(2250 * time.Millisecond), Way: way, Evidence: e,
		Attempts: []monitor.Attempt{{Number: 10, Start: noon.Add(-12 * time.Second), Took: 250 * time.Millisecond, Cause: c}},
	}
}

func up(way netcheck.Way, e ...netcheck.Evidence) monitor.Snapshot {
	return monitor.Snapshot{
		Time: noon, Target: direct, State: monitor.Up, Since: noon.Add(-100 * time.Hour), UpSince: noon.Add(-100 * time.Hour),
		RTT: 24 * time.Millisecond, LastAnswer: noon.Add(-300 * time.Millisecond), Way: way, Evidence: e,
	}
}

// drawn writes the strip as "link=ok gateway=ok -x- server=broken": hop, mark, and the link before it where it differs
// from the mark.
func drawn(v View) string {
	var b strings.Builder
	for i, st := range v.Strip() {
		if i > 0 {
			b.WriteByte(' ')
			if st.Link != st.Mark {
				b.WriteString("-" + st.Link.String() + "- ")
			}
		}
		b.WriteString(string(st.Hop) + "=" + st.Mark.String())
	}
	return b.String()
}

func TestThePathStrip(t *testing.T) {
	const ms = time.Millisecond
	link, gateway := saw(netcheck.HopLink, netcheck.SeenOK), saw(netcheck.HopGateway, netcheck.SeenAnswers, 400*time.Microsecond)
	with := func(s monitor.Snapshot, change func(*monitor.Snapshot)) monitor.Snapshot { change(&s); return s }
	none := func(s monitor.Snapshot) monitor.Snapshot { s.Target.Heartbeat = "none"; return s }
	suspect := func(way netcheck.Way, e ...netcheck.Evidence) monitor.Snapshot {
		s := up(way, e...)
		s.State, s.Since = monitor.Suspect, noon.Add(-300*ms)
		return s
	}
	for _, c := range []struct {
		name string
		s    monitor.Snapshot
		want string
	}{
		{"all answers, routed", up(routed, old(link), old(gateway)), "link=ok gateway=ok path=ok server=ok service=ok"},
		{"all answers, the gateway never answered a question", up(routed, old(link), old(saw(netcheck.HopGateway, netcheck.SeenSilent))), "link=ok gateway=ok path=ok server=ok service=ok"},
		{"all answers, nothing was asked but the heartbeat", up(routed), "link=ok gateway=ok path=ok server=ok service=ok"},
		{"all answers, on-link server", up(onLink, link), "link=ok server=ok service=ok"},
		{"all answers, this computer", up(local), "link=ok server=ok service=ok"},
		{"all answers, through a proxy", viaProxy(up(routed, link, gateway)), "link=ok gateway=ok proxy=ok path=ok server=ok service=ok"},
		{"connected without a heartbeat: the program was not asked", none(up(routed, link)), "link=ok gateway=ok path=ok server=ok service=not-asked"},
		{"a name that was looked up in order has no station", up(routed, link, saw(netcheck.HopResolver, netcheck.SeenAnswers, 3*ms)), "link=ok gateway=ok path=ok server=ok service=ok"},

		{"cable out", down(netcheck.CableUnplugged, routed, saw(netcheck.HopLink, netcheck.SeenBroken)), "link=broken gateway=not-asked path=not-asked server=not-asked service=not-asked"},
		{"cable out, though the server answered a moment ago", down(netcheck.CableUnplugged, routed, saw(netcheck.HopLink, netcheck.SeenBroken), gateway, saw(netcheck.HopServer, netcheck.SeenAnswers, ms)), "link=broken gateway=not-asked path=not-asked server=not-asked service=not-asked"},
		{"gateway silent", down(netcheck.GatewayUnreachable, routed, link, saw(netcheck.HopGateway, netcheck.SeenSilent)), "link=ok gateway=broken path=not-asked server=not-asked service=not-asked"},
		{"proxy refuses: the hop, not the link", viaProxy(down(netcheck.ProxyRefused, routed, link, gateway, saw(netcheck.HopProxy, netcheck.SeenRefused, ms))), "link=ok gateway=ok -ok- proxy=broken path=not-asked server=not-asked service=not-asked"},
		{"proxy silent: both", viaProxy(down(netcheck.ProxyUnreachable, routed, link, gateway, saw(netcheck.HopProxy, netcheck.SeenSilent))), "link=ok gateway=ok proxy=broken path=not-asked server=not-asked service=not-asked"},
		{"name not known", down(netcheck.NameNotFound, routed, link, gateway, saw(netcheck.HopResolver, netcheck.SeenBroken)), "link=ok gateway=ok -ok- resolver=broken path=not-asked server=not-asked service=not-asked"},
		{"resolver silent", down(netcheck.ResolverUnreachable, routed, link, gateway, saw(netcheck.HopResolver, netcheck.SeenSilent)), "link=ok gateway=ok resolver=broken path=not-asked server=not-asked service=not-asked"},
		{"path lost behind the gateway", down(netcheck.PathLost, routed, link, gateway, saw(netcheck.HopServer, netcheck.SeenSilent)), "link=ok gateway=ok -ok- path=broken server=not-asked service=not-asked"},
		{"path lost, the gateway was not asked", down(netcheck.PathLost, routed, link), "link=ok gateway=unknown -ok- path=broken server=not-asked service=not-asked"},
		{"path lost, the gateway is silent as ever", down(netcheck.PathLost, routed, link, saw(netcheck.HopGateway, netcheck.SeenSilent)), "link=ok gateway=unknown -ok- path=broken server=not-asked service=not-asked"},
		{"path lost, the gateway answered an hour ago", down(netcheck.PathLost, routed, link, old(gateway)), "link=ok gateway=unknown -ok- path=broken server=not-asked service=not-asked"},
		{"server refuses: everything before it let the refusal through", down(netcheck.ServerRefused, routed, saw(netcheck.HopServer, netcheck.SeenRefused, ms)), "link=ok gateway=ok path=ok -ok- server=broken service=not-asked"},
		{"server refuses, on-link", down(netcheck.ServerRefused, onLink, link, saw(netcheck.HopServer, netcheck.SeenRefused, ms)), "link=ok -ok- server=broken service=not-asked"},
		{"server silent, on-link", down(netcheck.ServerUnreachable, onLink, link, saw(netcheck.HopServer, netcheck.SeenSilent)), "link=ok server=broken service=not-asked"},
		{"server silent behind a gateway that answers: the network is not proved", down(netcheck.ServerUnreachable, routed, link, gateway, saw(netcheck.HopServer, netcheck.SeenSilent)), "link=ok gateway=ok path=unknown server=broken service=not-asked"},
		{"program hangs, its kernel acknowledges", down(netcheck.ServerHung, routed, link, gateway, saw(netcheck.HopServer, netcheck.SeenOK), saw(netcheck.HopService, netcheck.SeenSilent)), "link=ok gateway=ok path=ok server=ok -ok- service=broken"},
		{"the server went away on this computer", down(netcheck.ServerRefused, local, saw(netcheck.HopServer, netcheck.SeenRefused, ms)), "link=ok -ok- server=broken service=not-asked"},
		{"no way known, an address elsewhere", down(netcheck.NoRoute, netcheck.Way{}), "link=broken gateway=not-asked path=not-asked server=not-asked service=not-asked"},
		{"the program slept: nobody is to blame", down(netcheck.Asleep, routed), "link=unknown gateway=not-asked path=not-asked server=not-asked service=not-asked"},
		{"broken, and nothing known yet", down(netcheck.CauseNone, routed), "link=not-asked gateway=not-asked path=not-asked server=not-asked service=not-asked"},

		{"heartbeat late, questions out", suspect(routed, link, gateway, saw(netcheck.HopServer, netcheck.SeenAsked)), "link=ok gateway=ok path=not-asked server=asked service=late"},
		{"heartbeat late, the kernel acknowledged", suspect(routed, link, gateway, saw(netcheck.HopServer, netcheck.SeenOK)), "link=ok gateway=ok path=ok server=ok service=late"},
		{"heartbeat late: what was seen before proves nothing now", suspect(routed, old(link), old(gateway)), "link=not-asked gateway=not-asked path=not-asked server=not-asked service=late"},
		{"acknowledgement late, no heartbeat", none(suspect(onLink, link)), "link=ok server=late service=not-asked"},
		{"something changed here", suspect(routed, saw(netcheck.HopLink, netcheck.SeenBroken)), "link=late gateway=not-asked path=not-asked server=not-asked service=not-asked"},

		{"connecting, just begun", monitor.Snapshot{Target: direct, State: monitor.Connecting, Since: noon}, "link=not-asked gateway=not-asked path=not-asked server=asked service=not-asked"},
		{"connecting, the name is being asked", with(monitor.Snapshot{Target: direct, State: monitor.Connecting, Since: noon.Add(-time.Second)}, func(s *monitor.Snapshot) {
			s.Evidence = []netcheck.Evidence{saw(netcheck.HopResolver, netcheck.SeenAsked)}
		}), "link=not-asked gateway=not-asked resolver=asked path=not-asked server=asked service=not-asked"},
		{"paused", with(up(routed, link, gateway), func(s *monitor.Snapshot) { s.State = monitor.Idle }), "link=not-asked gateway=not-asked path=not-asked server=not-asked service=not-asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, l := range []Lang{English, Chinese} {
				v := ViewOf(c.s, noon, l)
				if got := drawn(v); got != c.want {
					t.Errorf("%s:\n got %s\nwant %s", l, got, c.want)
				}
				for _, st := range v.Strip() {
					if st.Label == "" || st.Seen == "" || strings.Contains(st.Label+st.Where+st.Seen, "{") {
						t.Errorf("%s: a station without words: %+v", l, st)
					}
				}
			}
		})
	}
}

func TestWhatTheBandSays(t *testing.T) {
	refused := down(netcheck.ServerRefused, routed, saw(netcheck.HopServer, netcheck.SeenRefused, 600*time.Microsecond))
	also := down(netcheck.PathLost, routed)
	also.Verdict.Also = []netcheck.Cause{netcheck.ServerUnreachable, netcheck.PortFiltered}
	late := up(routed)
	late.State, late.Since = monitor.Suspect, noon.Add(-350*time.Millisecond)
	renewing := monitor.Snapshot{Target: direct, State: monitor.Connecting, Since: noon, Verdict: netcheck.Verdict{Cause: netcheck.ServerClosed, Hop: netcheck.HopServer}}
	for _, c := range []struct {
		name         string
		s            monitor.Snapshot
		en, zh       [4]string // sentence, big figure, since, row
		remedyEN, zz string
	}{
		{
			"up", up(routed),
			[4]string{"Connected", "4 d 4 h", "since Tue 08:00", "connected 4 d 4 h"},
			[4]string{"已连接", "4 天 4 小时", "周二 08:00 起", "已连接 4 天 4 小时"},
			"Office gateway answered within the last second.", "Office gateway 在一秒之内有应答。",
		},
		{
			"down", refused,
			[4]string{"gate.example.net:7000 refuses connections", "0:42", "broken since 12:00:05", "gate.example.net:7000 refuses connections"},
			[4]string{"gate.example.net:7000 拒绝连接", "0:42", "12:00:05 起中断", "gate.example.net:7000 拒绝连接"},
			"It answers with a refusal. Start the program on that computer, or check the port. A firewall can refuse in the same way.",
			"它回应了拒绝。请在那台主机上启动程序，或检查端口号。防火墙也可能造成同样的拒绝。",
		},
		{
			"suspect", late,
			[4]string{"Checking", "4 d 4 h", "since Tue 08:00", "checking"},
			[4]string{"正在确认", "4 天 4 小时", "周二 08:00 起", "正在确认"},
			"The answer is 0.3 s late. Asking every station on the way.", "应答迟到 0.3 秒，正在逐站检测。",
		},
		{
			"a session that the server ended by habit", renewing,
			[4]string{"Connecting", "", "", "connecting"},
			[4]string{"正在连接", "", "", "正在连接"},
			"gate.example.net:7000 closed the session. Trying again.", "gate.example.net:7000 关闭了连接。正在重试。",
		},
		{
			"broken without a cause yet", down(netcheck.CauseNone, routed),
			[4]string{"No session, and no cause found yet", "0:42", "broken since 12:00:05", "No session, and no cause found yet"},
			[4]string{"没有连接，原因尚未查明", "0:42", "12:00:05 起中断", "没有连接，原因尚未查明"},
			"Asking every station on the way.", "正在逐站检测。",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, z := ViewOf(c.s, noon, English), ViewOf(c.s, noon, Chinese)
			if got := [4]string{v.Sentence, v.Big, v.Since, v.Row}; got != c.en {
				t.Errorf("English: %q\n   want: %q", got, c.en)
			}
			if got := [4]string{z.Sentence, z.Big, z.Since, z.Row}; got != c.zh {
				t.Errorf("Chinese: %q\n   want: %q", got, c.zh)
			}
			if v.Remedy != c.remedyEN || z.Remedy != c.zz {
				t.Errorf("remedies: %q\n%q", v.Remedy, z.Remedy)
			}
		})
	}
	if got := ViewOf(also, noon, English).Also; got != "It may also be: server silent, port blocked" {
		t.Errorf("also: %q", got)
	}
	if got := ViewOf(also, noon, Chinese).Also; got != "也可能是：服务器无应答、端口被拦截" {
		t.Errorf("also: %q", got)
	}
}

func TestThePathInOneLine(t *testing.T) {
	link, gateway := saw(netcheck.HopLink, netcheck.SeenOK), saw(netcheck.HopGateway, netcheck.SeenAnswers, 400*time.Microsecond)
	refused := down(netcheck.ProxyRefused, routed, link, gateway, saw(netcheck.HopProxy, netcheck.SeenRefused))
	refused = viaProxy(refused)
	for _, c := range []struct {
		name   string
		s      monitor.Snapshot
		en, zh string
	}{
		{"proxy refuses", refused, "This computer: ok. Gateway: answers, 0.4 ms. Proxy: refused. Rest: not asked.", "本机：正常。网关：有应答，0.4 ms。代理：拒绝连接。其余：未检测。"},
		{"all well", up(onLink, link), "This computer: ok. Server: ok. Service: answers, 24 ms.", "本机：正常。服务器：正常。服务：有应答，24 ms。"},
		{"paused", monitor.Snapshot{Target: direct, Way: onLink}, "Nothing asked.", "未检测。"},
	} {
		if got := ViewOf(c.s, noon, English).Path; got != c.en {
			t.Errorf("%s: %q, want %q", c.name, got, c.en)
		}
		if got := ViewOf(c.s, noon, Chinese).Path; got != c.zh {
			t.Errorf("%s: %q, want %q", c.name, got, c.zh)
		}
	}
}

func TestTheCountdownSteps(t *testing.T) {
	s := down(netcheck.ServerRefused, routed)
	began := noon.Add(-11750 * time.Millisecond)
	s.RetryAt = noon.Add(8250 * time.Millisecond) // 20 s after the last attempt ended
	for _, c := range []struct {
		after    time.Duration
		text     string
		fraction float64
	}{
		{0, "Attempt 11 in 9 s", 0.55},
		{240 * time.Millisecond, "Attempt 11 in 9 s", 0.55},
		{250 * time.Millisecond, "Attempt 11 in 8 s", 0.60},
		{5240 * time.Millisecond, "Attempt 11 in 4 s", 0.80},
		{5250 * time.Millisecond, "Attempt 11 in 3.0 s", 0.85},
		{5350 * time.Millisecond, "Attempt 11 in 2.9 s", 0.855},
		{8249 * time.Millisecond, "Attempt 11 in 0.1 s", 0.995},
		{8250 * time.Millisecond, "Attempt 11 under way", 0},
		{20 * time.Second, "Attempt 11 under way", 0},
	} {
		v := ViewOf(s, noon.Add(c.after), English)
		if diff := v.Fraction - c.fraction; v.Countdown != c.text || diff > 1e-9 || diff < -1e-9 {
			t.Errorf("after %v of %v: %q at %v, want %q at %v", c.after, s.RetryAt.Sub(began), v.Countdown, v.Fraction, c.text, c.fraction)
		}
	}
	s.RetryAt, s.Attempt = time.Time{}, 11
	if got := ViewOf(s, noon, Chinese).Countdown; got != "正在第 11 次尝试" {
		t.Errorf("under way: %q", got)
	}
}

// A view says itself how long it stays true, so that nobody has to look at it sixty times a second.
func TestAViewStaysTrueUntilItSays(t *testing.T) {
	calm := up(routed)
	counting := down(netcheck.ServerRefused, routed)
	waiting := down(netcheck.GatewayUnreachable, routed)
	waiting.RetryAt = noon.Add(14300 * time.Millisecond)
	late := up(routed)
	late.State, late.Since = monitor.Suspect, noon.Add(-30*time.Millisecond)
	young := up(routed)
	young.UpSince = noon.Add(-1500 * time.Millisecond)
	for name, s := range map[string]monitor.Snapshot{"up": calm, "counting": counting, "waiting": waiting, "late": late, "young": young} {
		now, steps := noon, 0
		for now.Before(noon.Add(10 * time.Second)) {
			v, until := ViewUntil(s, now, English)
			if until == 0 {
				break
			}
			if before := ViewOf(s, now.Add(until-time.Nanosecond), English); before != v {
				t.Fatalf("%s: it changed before the %v it promised:\n%+v\n%+v", name, until, v, before)
			}
			now = now.Add(until)
			if steps++; steps > 150 {
				t.Fatalf("%s: %d steps in %v", name, steps, now.Sub(noon))
			}
		}
		if name == "up" && steps > 1 {
			t.Errorf("a calm view changed %d times in 10 s", steps)
		}
	}
}

func TestHostileNamesAreMadeSafe(t *testing.T) {
	s := down(netcheck.ServerRefused, routed, netcheck.Evidence{Time: noon, Hop: netcheck.HopServer, Where: "\x1b]0;x\a", Seen: netcheck.SeenRefused, Saw: "no\r\nway\u202e"})
	s.Target.Name = "a\x1b[2J" + strings.Repeat("n", 500)
	s.Target.Address = "h\nx:1"
	s.Way.Interface = "e\x00\u202e"
	s.Remote = "\x1b[31m"
	s.Verdict.Interface = s.Way.Interface
	for _, l := range []Lang{English, Chinese} {
		v := ViewOf(s, noon, l)
		all := []string{v.Name, v.Address, v.Sentence, v.Remedy, v.Path, v.Row}
		for _, st := range v.Strip() {
			all = append(all, st.Where, st.Seen)
		}
		tray := TrayOf([]monitor.Snapshot{s}, nil, noon, l)
		all = append(all, tray.Title, strings.ReplaceAll(tray.Text, "\n", ""), tray.Rows[0].Name, tray.Rows[0].Words,
			strings.ReplaceAll(Report(s, noon, l, "1.0\x1b"), "\n", ""))
		for _, text := range all {
			if strings.ContainsAny(text, "\x1b\x00\a\r\n\u202e") {
				t.Errorf("%s: not printable: %q", l, text)
			}
		}
		if len([]rune(v.Name)) > maxName {
			t.Errorf("a name of %d characters", len([]rune(v.Name)))
		}
		if v.Key != s.Target.Name {
			t.Errorf("the key was changed")
		}
	}
	s = viaProxy(s)
	s.Target.Via = "http://user:secret@proxy.example.net:3128" // no Monitor publishes it so
	if text := Report(s, noon, English, "1"); strings.Contains(text, "secret") {
		t.Errorf("a password in the report:\n%s", text)
	}
}

func TestSharedHops(t *testing.T) {
	a, b, c, d := up(routed), up(routed), up(routed), up(onLink)
	c = viaProxy(c)
	c.Way.Index = 3
	snaps := []monitor.Snapshot{a, b, c, d}
	views := make([]View, len(snaps))
	for i, s := range snaps {
		views[i] = ViewOf(s, noon, English)
	}
	Share(views, snaps)
	for i, want := range []int{2, 2, 0} {
		if got := views[i].Stations[1].Shared; got != want {
			t.Errorf("target %d shares its gateway with %d, want %d", i, got, want)
		}
	}
}

func TestTheTray(t *testing.T) {
	name := func(s monitor.Snapshot, n string) monitor.Snapshot { s.Target.Name = n; return s }
	idle := monitor.Snapshot{Target: direct}
	refused := name(down(netcheck.ServerRefused, routed), "Refused")
	older := name(down(netcheck.CableUnplugged, routed), "Older")
	older.BrokenSince = noon.Add(-time.Hour)
	late := name(up(routed), "Late")
	late.State = monitor.Suspect
	dialling := monitor.Snapshot{Target: direct, State: monitor.Connecting}
	for _, c := range []struct {
		name             string
		snaps            []monitor.Snapshot
		stalled          []string
		look             Look
		title, text, zh  string
		reconnect, pause bool
	}{
		{"nothing set up", nil, nil, LookEmpty, "Holdfast: nothing set up", "Add a target to begin.", "Holdfast：尚未设置", false, false},
		{"all up", []monitor.Snapshot{up(routed), up(onLink)}, nil, LookUp, "Holdfast: 2 connected", "", "Holdfast：2 个已连接", false, false},
		{"all paused", []monitor.Snapshot{idle, idle}, nil, LookPaused, "Holdfast: paused", "You told it not to watch.", "Holdfast：已暂停", false, true},
		{"one paused, the rest up", []monitor.Snapshot{idle, up(routed)}, nil, LookUp, "Holdfast: 1 connected", "", "Holdfast：1 个已连接", false, true},
		{"one connecting", []monitor.Snapshot{up(routed), dialling}, nil, LookConnecting, "Holdfast: connecting", "Office gateway: connecting", "Holdfast：正在连接", true, false},
		{"one late beats connecting", []monitor.Snapshot{dialling, late}, nil, LookSuspect, "Holdfast: checking", "Late: checking", "Holdfast：正在确认", true, false},
		{"one down beats all", []monitor.Snapshot{late, up(routed), refused}, nil, LookDown, "Holdfast: 1 of 3 broken", "Refused: gate.example.net:7000 refuses connections\nsince 12:00:05, next try 12:00:49", "Holdfast：3 个目标中有 1 个中断", true, false},
		{"the oldest break is told", []monitor.Snapshot{refused, older}, nil, LookDown, "Holdfast: 2 of 2 broken", "Older: No cable signal on eth0\nsince 11:00:47, next try 12:00:49", "Holdfast：2 个目标中有 2 个中断", true, false},
		{"a stalled watcher beats all", []monitor.Snapshot{refused, late}, []string{"Late"}, LookUnknown, "Holdfast: not known", "Holdfast itself has stalled.", "Holdfast：状态未知", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := TrayOf(c.snaps, c.stalled, noon, English)
			if got.Look != c.look || got.Title != c.title || got.Text != c.text || got.CanReconnect != c.reconnect || got.SomePaused != c.pause {
				t.Errorf("got %v %q %q reconnect %v paused %v", got.Look, got.Title, got.Text, got.CanReconnect, got.SomePaused)
			}
			if zh := TrayOf(c.snaps, c.stalled, noon, Chinese).Title; zh != c.zh {
				t.Errorf("Chinese: %q, want %q", zh, c.zh)
			}
			// Nothing has happened: a minute later the same icon, tooltip and menu.
			if later := TrayOf(c.snaps, c.stalled, noon.Add(time.Minute), English); later != got {
				t.Errorf("it changed by itself:\n%+v\n%+v", got, later)
			}
		})
	}
}

func TestTheMenuListsTheBrokenFirst(t *testing.T) {
	var snaps []monitor.Snapshot
	for i := range 15 {
		s := up(routed)
		if i == 13 {
			s = down(netcheck.ServerRefused, routed)
		}
		s.Target.Name = string(rune('a' + i))
		snaps = append(snaps, s)
	}
	got := TrayOf(snaps, nil, noon, English)
	if got.NRows != 12 || got.More != "and 3 more" || got.Targets != 15 || got.Broken != 1 {
		t.Errorf("%d rows, %q, %d of %d broken", got.NRows, got.More, got.Broken, got.Targets)
	}
	if r := got.Rows[0]; r.Name != "n" || r.Words != "gate.example.net:7000 refuses connections, since 12:00:05" || r.Look != LookDown {
		t.Errorf("first row: %+v", r)
	}
	if got.Rows[1].Name != "a" || got.Rows[11].Name != "k" {
		t.Errorf("the rest is not in order: %q … %q", got.Rows[1].Name, got.Rows[11].Name)
	}
}

func TestTheReportHoldsWhatWasSeenAndWhen(t *testing.T) {
	s := down(netcheck.ServerRefused, routed, saw(netcheck.HopLink, netcheck.SeenOK),
		netcheck.Evidence{Time: noon.Add(-time.Second), Hop: netcheck.HopServer, Where: "192.0.2.7:7000", Seen: netcheck.SeenRefused, RTT: 600 * time.Microsecond, Saw: "connection refused"})
	s.Remote = "192.0.2.7:7000"
	s.Outages = []monitor.Outage{{Start: noon.Add(-time.Hour), End: noon.Add(-59 * time.Minute), Verdict: netcheck.Verdict{Cause: netcheck.ServerHung}, Attempts: 3}}
	en, zh := Report(s, noon, English, "0.1.0"), Report(s, noon, Chinese, "0.1.0")
	for _, want := range []string{
		"Holdfast 0.1.0", "Office gateway", "192.0.2.7:7000", "[server-refused]", "2026-11-21 12:00:05.000 +00:00", "0:42",
		"2026-11-21 12:00:46.000 +00:00", "1:00",
	} {
		if !strings.Contains(en, want) || !strings.Contains(zh, want) {
			t.Errorf("%q is missing in\n%s\n%s", want, en, zh)
		}
	}
	for _, want := range []string{"program silent", "Attempts", "Evidence:", "heartbeat: line", "connection refused", "This computer  ok"} {
		if !strings.Contains(strings.ReplaceAll(en, "Heartbeat", "heartbeat"), want) {
			t.Errorf("%q is missing in\n%s", want, en)
		}
	}
	for _, want := range []string{"程序无应答", "服务器  192.0.2.7:7000  连接被拒绝  0.6 ms", "本机  正常"} {
		if !strings.Contains(zh, want) {
			t.Errorf("%q is missing in\n%s", want, zh)
		}
	}
}
