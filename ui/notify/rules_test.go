package notify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A moment is when something is so: "office up", "office server-refused", "office" alone takes it off.
type moment struct {
	at   time.Duration
	what string
}

// A play runs the rules over moments as a Notifier does: at each of them, and whenever the rules want to be asked again.
type play struct {
	s       Settings
	start   time.Time
	book    Book
	world   World
	said    []string
	waits   int // how often it was asked though nothing had happened
	lastDue time.Duration
}

func (p *play) snapshot(name string) *monitor.Snapshot {
	i := slices.IndexFunc(p.world.Targets, func(s monitor.Snapshot) bool { return s.Target.Name == name })
	if i < 0 {
		p.world.Targets = append(p.world.Targets, monitor.Snapshot{Target: monitor.Target{Name: name, Address: name + ".example.net:7000"}})
		i = len(p.world.Targets) - 1
	}
	return &p.world.Targets[i]
}

// set reads what a moment says.
func (p *play) set(what string, now time.Time) {
	p.world.Targets = slices.Clone(p.world.Targets)
	for one := range strings.SplitSeq(what, ", ") {
		name, state, _ := strings.Cut(one, " ")
		switch name {
		case "":
			continue
		case "sleep":
			d, err := time.ParseDuration(state)
			if err != nil {
				panic(err)
			}
			p.world.Slept += d
			continue
		case "sleepy":
			p.world.Asleep = state == "yes"
			continue
		case "stalled":
			p.world.Stalled = state == "yes"
			continue
		case "off":
			p.s.Off = state == "yes"
			continue
		}
		if state == "" {
			p.world.Targets = slices.DeleteFunc(p.world.Targets, func(s monitor.Snapshot) bool { return s.Target.Name == name })
			continue
		}
		s := p.snapshot(name)
		switch state {
		case "up":
			s.State, s.Verdict, s.BrokenSince = monitor.Up, netcheck.Verdict{}, time.Time{}
			if s.UpSince.IsZero() {
				s.UpSince = now
			}
		case "suspect":
			s.State = monitor.Suspect
		case "idle":
			s.State, s.Verdict, s.UpSince, s.BrokenSince = monitor.Idle, netcheck.Verdict{}, time.Time{}, time.Time{}
		case "connecting":
			s.State, s.UpSince = monitor.Connecting, time.Time{}
		default:
			if s.BrokenSince.IsZero() {
				s.BrokenSince = now
			}
			s.State, s.UpSince = monitor.Down, time.Time{}
			s.Verdict = netcheck.Verdict{Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.1")}
			if state != "down" {
				s.Verdict.Cause = netcheck.Cause(state)
			}
		}
	}
}

func (p *play) ask(at time.Duration) time.Duration {
	p.world.Now = p.start.Add(at)
	before := fmt.Sprintf("%+v", p.book)
	next, plan := p.book.Next(p.world, p.s)
	if again, _ := p.book.Next(p.world, p.s); fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", next) || fmt.Sprintf("%+v", p.book) != before {
		panic("Next changed the book that it was asked")
	}
	p.book = next
	for _, n := range plan.Show {
		body, _, _ := strings.Cut(n.Body, "\n")
		p.said = append(p.said, fmt.Sprintf("%v #%d %v %s: %s", at, n.ID, n.Look, n.Title, body))
	}
	for _, id := range plan.Close {
		p.said = append(p.said, fmt.Sprintf("%v close #%d", at, id))
	}
	return plan.Wait
}

func (p *play) run(moments []moment, until time.Duration) []string {
	due := time.Duration(0)
	for _, m := range append(slices.Clone(moments), moment{until, ""}) {
		for due > 0 && due < m.at {
			p.waits++
			at := due
			if due = 0; p.waits > 10_000 {
				panic("it asks for ever")
			}
			if wait := p.ask(at); wait > 0 {
				due = at + wait
			}
		}
		p.set(m.what, p.start.Add(m.at))
		due = 0
		if wait := p.ask(m.at); wait > 0 {
			due = m.at + wait
		}
	}
	p.lastDue = due
	return p.said
}

func TestNext(t *testing.T) {
	const (
		s      = time.Second
		gate   = "The gateway 192.0.2.1 does not answer. The router is off, or the link to it is broken; from here these look alike. Check the router and what connects you to it."
		refuse = ".example.net:7000 refuses connections"
	)
	ten := func(state string) string {
		var list []string
		for i := range 10 {
			list = append(list, fmt.Sprintf("t%d %s", i, state))
		}
		return strings.Join(list, ", ")
	}
	usual := Settings{After: 3 * s}
	for name, c := range map[string]struct {
		s       Settings
		start   string // of the day; "" noon
		moments []moment
		until   time.Duration // 0: a minute after the last moment
		want    []string
		waits   int // how often it may ask by itself; 0: twelve times
	}{
		"all is well": {s: usual, moments: []moment{{0, "a up, b up"}, {100 * s, ""}}, waits: -1},
		"broken and healed": {s: usual, moments: []moment{{0, "a up"}, {10 * s, "a suspect"}, {10*s + s/2, "a server-refused"}, {58 * s, "a up"}}, want: []string{
			"13s #3 down a is broken: a" + refuse + ". Since 12:00:10.",
			"58s #3 up a is connected again: It was broken for 0:48: server refused.",
		}},
		"shorter than three seconds": {s: usual, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {12900 * time.Millisecond, "a up"}}, waits: 1},
		"after ten seconds": {s: Settings{After: 10 * s}, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {30 * s, "a up"}}, want: []string{
			"20s #3 down a is broken: a" + refuse + ". Since 12:00:10.",
			"30s #3 up a is connected again: It was broken for 0:20: server refused.",
		}},
		"at once": {moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {11 * s, "a up"}}, want: []string{
			"10s #3 down a is broken: a" + refuse + ". Since 12:00:10.",
			"11s #3 up a is connected again: It was broken for 0:01: server refused.",
		}},
		"never while switched off":    {s: Settings{Off: true}, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {30 * s, "a up"}}, waits: -1},
		"switched off while it lasts": {s: usual, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {20 * s, "off yes"}, {30 * s, "a up"}}, want: []string{"13s #3 down a is broken: a" + refuse + ". Since 12:00:10.", "20s close #3"}},
		"switched on while it lasts": {s: Settings{Off: true, After: 3 * s}, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {20 * s, "off no"}, {30 * s, "a up"}}, want: []string{
			"20s #3 down a is broken: a" + refuse + ". Since 12:00:10.",
			"30s #3 up a is connected again: It was broken for 0:20: server refused.",
		}},
		"ten behind one gateway": {s: usual, moments: []moment{{0, ten("up")}, {20 * s, "t3 gateway-unreachable"}, {20*s + s/4, ten("gateway-unreachable")}, {50 * s, "t1 up, t4 up"}, {51 * s, ten("up")}}, want: []string{
			"23s #3 down 10 targets are broken: " + gate,
			"51s #3 up 10 targets are connected again: It was broken for 0:31: gateway silent.",
		}},
		"one of ten stays broken, for a reason of its own": {s: usual, moments: []moment{{0, ten("up")}, {20 * s, ten("gateway-unreachable")}, {50 * s, ten("up") + ", t4 server-refused"}, {70 * s, "t4 up"}}, want: []string{
			"23s #3 down 10 targets are broken: " + gate,
			"52s #3 down t4 is still broken: Now: t4" + refuse + ".",
			"1m10s #3 up t4 is connected again: It was broken for 0:50: gateway silent.",
		}},
		"two of ten stay broken, each for its own reason": {s: usual, moments: []moment{{0, ten("up")}, {20 * s, ten("gateway-unreachable")}, {50 * s, ten("up") + ", t4 server-refused, t5 server-hung"}, {70 * s, ten("up")}}, want: []string{
			"23s #3 down 10 targets are broken: " + gate,
			"52s #3 down t4 is still broken: Now: t4" + refuse + ".",
			"52s #4 down t5 is broken: The program on t5.example.net:7000 does not answer. Since 12:00:50.",
			"1m10s #3 up t4 is connected again: It was broken for 0:50: gateway silent.",
			"1m10s #4 up t5 is connected again: It was broken for 0:50: program silent.",
		}},
		"two that break alone and then together": {s: usual, moments: []moment{{0, "a up, b up"}, {20 * s, "a server-refused"}, {21 * s, "b server-hung"}, {40 * s, "a cable-unplugged, b cable-unplugged"}, {60 * s, "a up, b up"}}, want: []string{
			"23s #3 down a is broken: a" + refuse + ". Since 12:00:20.",
			"24s #4 down b is broken: The program on b.example.net:7000 does not answer. Since 12:00:21.",
			"40s close #4",
			"42s #3 down 2 targets are broken: No cable signal on eth0. The cable is out, or the other end is switched off; from here these look alike. Plug the cable in, then check the switch or router.",
			"1m0s #3 up 2 targets are connected again: It was broken for 0:40: server refused.",
		}},
		"the cause changes for a moment": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a path-lost"}, {30 * s, "a server-refused"}, {31 * s, "a path-lost"}, {50 * s, "a up"}}, want: []string{
			"23s #3 down a is broken: The path to a.example.net:7000 breaks off. Since 12:00:20.",
			"50s #3 up a is connected again: It was broken for 0:30: path breaks off.",
		}},
		"the cause goes on changing": {s: usual, moments: []moment{
			{0, "a up"}, {20 * s, "a path-lost"}, {30 * s, "a server-refused"}, {33 * s, "a server-hung"}, {36 * s, "a server-refused"}, {39 * s, "a server-hung"}, {42 * s, "a server-refused"},
		}, want: []string{
			"23s #3 down a is broken: The path to a.example.net:7000 breaks off. Since 12:00:20.",
			"32s #3 down a is still broken: Now: a" + refuse + ".",
			"41s #3 down a is still broken: Now: The program on a.example.net:7000 does not answer.",
			"49s #3 down a is still broken: Now: a" + refuse + ".",
		}},
		"no cause is found": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a down"}, {30 * s, "a up"}}, want: []string{
			"25s #3 down a is broken: No session, and no cause found yet. Since 12:00:20.",
			"30s #3 up a is connected again: It was broken for 0:10: cause not found.",
		}},
		"the cause is found late": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a down"}, {24 * s, "a server-hung"}, {30 * s, "a up"}}, want: []string{
			"24s #3 down a is broken: The program on a.example.net:7000 does not answer. Since 12:00:20.",
			"30s #3 up a is connected again: It was broken for 0:10: program silent.",
		}},
		"it breaks again and again": {s: usual, moments: []moment{
			{0, "a up"}, {20 * s, "a server-refused"}, {25 * s, "a up"}, {30 * s, "a server-refused"}, {35 * s, "a up"},
			{40 * s, "a server-refused"}, {45 * s, "a up"}, {50 * s, "a server-refused"}, {57 * s, "a up"}, {300 * s, "a server-refused"},
		}, until: 310 * s, want: []string{
			"23s #3 down a is broken: a" + refuse + ". Since 12:00:20.",
			"25s #3 up a is connected again: It was broken for 0:05: server refused.",
			"33s #3 down a is broken: a" + refuse + ". Since 12:00:30.",
			"35s #3 up a is connected again: It was broken for 0:05: server refused.",
			"5m3s #4 down a is broken: a" + refuse + ". Since 12:05:00.",
		}},
		"the network comes up after the start": {s: usual, moments: []moment{{0, "a connecting, b connecting"}, {1 * s, "a cable-unplugged, b cable-unplugged"}, {12 * s, "a up, b up"}}},
		"still nothing a while after the start": {s: usual, moments: []moment{{0, "a connecting"}, {1 * s, "a server-refused"}, {30 * s, "a up"}}, want: []string{
			"15s #3 down a is broken: a" + refuse + ". Since 12:00:01.",
			"30s #3 up a is connected again: It was broken for 0:29: server refused.",
		}},
		"up, then broken, soon after the start": {s: usual, moments: []moment{{0, "a connecting"}, {1 * s, "a up"}, {2 * s, "a server-refused"}}, want: []string{"5s #3 down a is broken: a" + refuse + ". Since 12:00:02."}},
		"asleep":                                {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleep 8h, a asleep"}, {23 * s, "a cable-unplugged"}, {29 * s, "a up"}}},
		"still broken a while after sleep": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleep 8h, a asleep"}, {21 * s, "a cable-unplugged"}, {50 * s, "a up"}}, want: []string{
			"35s #3 down a is broken: No cable signal on eth0. Since 12:00:20.",
			"50s #3 up a is connected again: It was broken for 0:29: no cable signal.",
		}},
		"broken just before sleep": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a interface-disabled"}, {22 * s, "sleep 1h"}, {27 * s, "a up"}}},
		"broken before sleep, whole after it": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a server-refused"}, {30 * s, "sleep 1h, a asleep"}, {33 * s, "a up"}}, want: []string{
			"23s #3 down a is broken: a" + refuse + ". Since 12:00:20.", "33s close #3",
		}},
		"broken again soon after sleep": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleep 8h, a asleep"}, {22 * s, "a connecting"}, {23 * s, "a up"}, {25 * s, "a server-refused"}}, want: []string{
			"28s #3 down a is broken: a" + refuse + ". Since 12:00:25.",
		}},
		"about to sleep, the network goes first": {s: usual, moments: []moment{
			{0, "a up"}, {20 * s, "sleepy yes"}, {21 * s, "a interface-disabled"}, {26 * s, "sleep 8h, a asleep"}, {26*s + s/2, "sleepy no"}, {28 * s, "a interface-disabled"}, {35 * s, "a up"},
		}},
		"about to sleep, and it does not": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleepy yes"}, {20*s + s/4, "a interface-disabled"}, {26 * s, "sleepy no"}, {32 * s, "a up"}}},
		"a sleep too short for the clock": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleepy yes"}, {21 * s, "sleepy no"}, {22 * s, "a cable-unplugged"}, {29 * s, "a up"}}},
		"broken for good when it wakes up": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleepy yes"}, {21 * s, "a interface-disabled"}, {24 * s, "sleep 8h, sleepy no"}, {60 * s, "a up"}}, want: []string{
			"39s #3 down a is broken: eth0 is switched off. Since 12:00:21.",
			"1m0s #3 up a is connected again: It was broken for 0:36: adapter off.",
		}},
		"broken before sleep, by something else after it": {s: usual, moments: []moment{{0, "a up"}, {10 * s, "a server-refused"}, {20 * s, "sleepy yes"}, {21 * s, "a interface-disabled"}, {24 * s, "sleep 8h, sleepy no"}, {30 * s, "a server-refused"}, {31 * s, "a path-lost"}, {60 * s, "a up"}}, want: []string{
			"13s #3 down a is broken: a" + refuse + ". Since 12:00:10.",
			"39s #3 down a is still broken: Now: The path to a.example.net:7000 breaks off.",
			"1m0s close #3",
		}},
		"nobody says that it woke up": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "sleepy yes"}, {30 * s, "a server-refused"}}, until: 200 * s, want: []string{
			"1m20s #3 down a is broken: a" + refuse + ". Since 12:00:30.",
		}},
		"nobody judges while it is about to sleep": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "stalled yes"}, {21 * s, "sleepy yes"}, {27 * s, "sleepy no"}, {29 * s, "stalled no"}}},
		"held up": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a stalled"}, {30 * s, "a up"}}},
		"quiet hours": {s: Settings{After: 3 * s, From: 22 * time.Hour, To: 7 * time.Hour}, start: "23:00:00", until: 9 * time.Hour, waits: 60, moments: []moment{
			{0, "a up, b up"}, {20 * s, "a server-refused"}, {60 * s, "a up"}, {7 * time.Hour, "b server-refused"},
		}, want: []string{"8h0m0s #4 down b is broken: b" + refuse + ". Since 06:00:00."}},
		"quiet hours begin while it lasts": {s: Settings{After: 3 * s, From: 22 * time.Hour, To: 7 * time.Hour}, start: "21:59:30", waits: 3, moments: []moment{
			{0, "a up"}, {10 * s, "a server-refused"}, {60 * s, "a server-hung"}, {120 * s, "a up"},
		}, want: []string{"13s #3 down a is broken: a" + refuse + ". Since 21:59:40.", "2m0s close #3"}},
		"paused while it lasts":  {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a server-refused"}, {30 * s, "a idle"}}, want: []string{"23s #3 down a is broken: a" + refuse + ". Since 12:00:20.", "30s close #3"}},
		"removed while it lasts": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "a server-refused"}, {30 * s, "a"}}, want: []string{"23s #3 down a is broken: a" + refuse + ". Since 12:00:20.", "30s close #3"}},
		"nobody judges": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "stalled yes"}, {21 * s, "a server-refused"}, {40 * s, "stalled no, a up"}}, want: []string{
			"23s #1 unknown Holdfast has stopped watching: It will say so when it watches again.",
			"40s #1 up Holdfast watches again: What it shows now is true.",
		}},
		"nobody judges for a moment": {s: usual, moments: []moment{{0, "a up"}, {20 * s, "stalled yes"}, {22 * s, "stalled no"}}},
		"ten at once, each for its own reason": {s: usual, moments: []moment{{0, ten("up")}, {20 * s, ten("server-refused")}, {60 * s, "t0 up, t9 up"}, {60*s + s/2, ten("up")}}, want: []string{
			"23s #3 down t0 is broken: t0" + refuse + ". Since 12:00:20.",
			"23s #4 down t1 is broken: t1" + refuse + ". Since 12:00:20.",
			"23s #5 down t2 is broken: t2" + refuse + ". Since 12:00:20.",
			"23s #2 down 7 more targets are broken: t3, t4, t5, t6, t7, t8, t9",
			"1m0s #3 up t0 is connected again: It was broken for 0:40: server refused.",
			"1m0.5s #4 up t1 is connected again: It was broken for 0:40: server refused.",
			"1m0.5s #5 up t2 is connected again: It was broken for 0:40: server refused.",
			"1m0.5s #2 up 7 targets are connected again: t3, t4, t5, t6, t7, t8, t9",
		}},
		"in Chinese": {s: Settings{After: 3 * s, Lang: ui.Chinese}, moments: []moment{{0, "办公室网关 up"}, {20 * s, "办公室网关 proxy-refused"}, {78 * s, "办公室网关 up"}}, want: []string{
			"23s #3 down 办公室网关 已中断: 代理拒绝连接。12:00:20 起。",
			"1m18s #3 up 办公室网关 已恢复: 中断了 0:58：代理拒绝连接。",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			start := noon
			if c.start != "" {
				day, err := time.Parse(time.TimeOnly, c.start)
				if err != nil {
					t.Fatal(err)
				}
				start = time.Date(2026, 11, 21, day.Hour(), day.Minute(), day.Second(), 0, time.UTC)
			}
			if c.s.Lang == "" {
				c.s.Lang = ui.English
			}
			until := c.until
			if until == 0 {
				until = c.moments[len(c.moments)-1].at + time.Minute
			}
			p := &play{s: c.s, start: start}
			got := p.run(c.moments, until)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
			most := c.waits
			if most == 0 {
				most = 12
			}
			if p.waits > max(most, 0) {
				t.Errorf("it asked %d times though nothing had happened, at most %d were expected", p.waits, max(most, 0))
			}
		})
	}
}

// A notification says what a person needs, and no more than that.
func TestTheTextOfANote(t *testing.T) {
	p := &play{s: Settings{Lang: ui.English, Sound: true}, start: noon}
	evil := "<b>a</b>\n\x1b[31m&amp;" + strings.Repeat("x", 500)
	var first []Note
	p.world.Targets = []monitor.Snapshot{{Target: monitor.Target{Name: evil, Address: evil}, State: monitor.Up, UpSince: noon}}
	p.world.Now = noon
	p.book, _ = p.book.Next(p.world, p.s)
	p.world.Targets = []monitor.Snapshot{{Target: monitor.Target{Name: evil, Address: evil}, State: monitor.Down, Verdict: netcheck.Verdict{Cause: netcheck.ServerRefused}, BrokenSince: noon}}
	p.world.Now = noon.Add(time.Minute)
	_, plan := p.book.Next(p.world, p.s)
	first = plan.Show
	if len(first) != 1 || !first[0].Sound || !slices.Equal(first[0].Reconnect, []string{evil}) {
		t.Fatalf("got %+v", first)
	}
	n := first[0]
	for _, text := range []string{n.Title, n.Body} {
		if strings.ContainsAny(text, "\x1b\r") || len([]rune(text)) > 600 {
			t.Errorf("%q", text)
		}
	}
	if strings.Contains(n.Title, "\n") || strings.Count(n.Body, "\n") != 1 {
		t.Errorf("a name breaks lines: %q, %q", n.Title, n.Body)
	}
}

// Whatever happens: what is told is broken is, or was a moment ago; when all has been well for long nothing stands and
// nothing wakes the program; and what is remembered does not grow.
func TestNextAlways(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	states := []string{"up", "up", "down", "suspect", "connecting", "idle", "asleep", "stalled", "server-refused", "gateway-unreachable", "cable-unplugged", "proxy-refused", "path-lost"}
	rapid.Check(t, func(t *rapid.T) {
		p := &play{s: Settings{After: time.Duration(rapid.IntRange(0, 5).Draw(t, "after")) * time.Second, Lang: ui.English}, start: noon}
		if rapid.Bool().Draw(t, "quiet") {
			p.s.From, p.s.To = 12*time.Hour+2*time.Minute, 12*time.Hour+5*time.Minute
		}
		var moments []moment
		at := time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(t, "moments") {
			at += time.Duration(rapid.IntRange(0, 9000).Draw(t, "ms")) * time.Millisecond
			what := rapid.SampledFrom(names).Draw(t, "name") + " " + rapid.SampledFrom(states).Draw(t, "state")
			switch rapid.IntRange(0, 30).Draw(t, "kind") {
			case 0:
				what = "sleep 1h"
			case 1:
				what = "stalled " + rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "stalled")
			case 2:
				what = "off " + rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "off")
			case 4:
				what = "sleepy " + rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "sleepy")
			case 3:
				what = rapid.SampledFrom(names).Draw(t, "removed")
			}
			moments = append(moments, moment{at, what})
		}
		var well []string
		for _, n := range names {
			well = append(well, n+" up")
		}
		moments = append(moments, moment{at + time.Second, "stalled no, off no, sleepy no, " + strings.Join(well, ", ")})
		said := p.run(moments, at+time.Hour)
		stands := map[string]string{}
		for _, line := range said {
			if f := strings.Fields(line); f[1] == "close" {
				if stands[f[2]] == "" {
					t.Fatalf("closed twice, or never shown: %s", strings.Join(said, "\n"))
				}
				delete(stands, f[2])
			} else {
				stands[f[1]] = f[2]
			}
		}
		for id, look := range stands {
			if look != "up" {
				t.Fatalf("%s still says %s:\n%s", id, look, strings.Join(said, "\n"))
			}
		}
		if len(p.book.alarms) != 0 || p.lastDue != 0 {
			t.Fatalf("an hour later %d alarms are remembered, and it wants to be asked at %v", len(p.book.alarms), p.lastDue)
		}
	})
}

func BenchmarkNextTenUp(b *testing.B) {
	p := &play{s: Settings{After: 3 * time.Second, Lang: ui.English}, start: noon}
	for i := range 10 {
		p.set(fmt.Sprintf("t%d up", i), noon)
	}
	p.ask(0)
	b.ReportAllocs()
	for b.Loop() {
		p.book, _ = p.book.Next(p.world, p.s)
	}
}
