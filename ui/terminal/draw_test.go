package terminal

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

var update = flag.Bool("update", false, "write the files in testdata anew; look at them before they are committed")

var (
	noon   = time.Date(2026, 11, 21, 12, 0, 47, 0, time.Local)
	routed = netcheck.Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.17"), Gateway: netip.MustParseAddr("192.0.2.1")}
)

func up(name string) monitor.Snapshot {
	return monitor.Snapshot{
		Time: noon, Target: monitor.Target{Name: name, Address: "gate.example.net:7000", Heartbeat: "line", Interval: 500 * time.Millisecond},
		State: monitor.Up, Since: noon.Add(-time.Hour), UpSince: noon.Add(-time.Hour), LastAnswer: noon, RTT: 24 * time.Millisecond, Way: routed,
		Evidence: []netcheck.Evidence{
			{Time: noon, Hop: netcheck.HopLink, Seen: netcheck.SeenOK},
			{Time: noon, Hop: netcheck.HopGateway, Where: "192.0.2.1", Seen: netcheck.SeenAnswers, RTT: 400 * time.Microsecond},
			{Time: noon, Hop: netcheck.HopServer, Seen: netcheck.SeenAnswers, RTT: 24 * time.Millisecond},
		},
	}
}

func down(name string) monitor.Snapshot {
	s := up(name)
	s.State, s.Since, s.BrokenSince, s.UpSince = monitor.Down, noon.Add(-42*time.Second), noon.Add(-42*time.Second), time.Time{}
	s.Verdict = netcheck.Verdict{Cause: netcheck.ServerRefused, Hop: netcheck.HopServer}
	s.Attempt, s.RetryAt = 10, noon.Add(2250*time.Millisecond)
	s.Evidence[2] = netcheck.Evidence{Time: noon, Hop: netcheck.HopServer, Seen: netcheck.SeenRefused, RTT: 24 * time.Millisecond}
	for n := 5; n <= 10; n++ {
		s.Attempts = append(s.Attempts, monitor.Attempt{
			Number: n, Start: noon.Add(time.Duration(n-11) * time.Second), Took: 24 * time.Millisecond, Cause: netcheck.ServerRefused,
		})
	}
	return s
}

func named(s monitor.Snapshot, address string) monitor.Snapshot {
	s.Target.Address = address
	return s
}

// picture draws snapshots on a screen of that size, and returns what stands there.
func picture(t *testing.T, columns, rows int, l Live, snaps ...monitor.Snapshot) (string, time.Duration) {
	t.Helper()
	m := newModel(l.Order)
	for _, s := range snaps {
		m.apply(monitor.Event{Snapshot: s})
	}
	term := newVT(columns, rows)
	s := &screen{out: term, columns: columns, rows: rows, colour: true, ascii: l.Glyphs.ascii}
	offset := 0
	wait, err := l.draw(m, s, noon, &offset)
	if err != nil {
		t.Fatal(err)
	}
	return term.String(), wait
}

func TestPictures(t *testing.T) {
	english := Live{Lang: ui.English, Glyphs: Drawn()}
	hostile := down("a\x1b[2Jb\nc\u202ed")
	hostile.Evidence[2].Saw = "\x1b]0;owned\a"
	suspect := up("late")
	suspect.State, suspect.Since = monitor.Suspect, noon.Add(-300*time.Millisecond)
	paused := up("paused")
	paused.State, paused.Since = monitor.Idle, noon.Add(-time.Minute)
	silentProxy := down("office")
	silentProxy.Proxy = "http://proxy.example.net:3128"
	silentProxy.Verdict = netcheck.Verdict{Cause: netcheck.ProxyUnreachable, Hop: netcheck.HopProxy, Also: []netcheck.Cause{netcheck.PathLost}}
	silentProxy.Evidence = append(silentProxy.Evidence[:2:2], netcheck.Evidence{Time: noon, Hop: netcheck.HopProxy, Seen: netcheck.SeenSilent})
	one := []monitor.Snapshot{up("first")}
	for i := range 30 {
		s := down(fmt.Sprintf("behind %02d", i))
		s.Verdict = netcheck.Verdict{Cause: netcheck.GatewayUnreachable, Hop: netcheck.HopGateway, Interface: "eth0", Gateway: s.Way.Gateway}
		s.Evidence = append(s.Evidence[:1:1], netcheck.Evidence{Time: noon, Hop: netcheck.HopGateway, Seen: netcheck.SeenSilent})
		one = append(one, s)
	}
	one = append(one, down("redis"))
	many := []monitor.Snapshot{}
	for i := range 40 {
		s := up(fmt.Sprintf("target %02d", i))
		if i%9 == 4 {
			s = down(fmt.Sprintf("target %02d", i))
		}
		many = append(many, s)
	}
	for _, c := range []struct {
		name          string
		columns, rows int
		live          Live
		snaps         []monitor.Snapshot
	}{
		{"up", 100, 12, english, []monitor.Snapshot{up("office")}},
		{"down", 100, 20, english, []monitor.Snapshot{down("office")}},
		{"down-ascii", 100, 20, Live{Lang: ui.English, Glyphs: ASCII()}, []monitor.Snapshot{down("office")}},
		{"down-zh", 100, 20, Live{Lang: ui.Chinese, Glyphs: Drawn()}, []monitor.Snapshot{down("办公室网关")}},
		{"down-narrow", 40, 24, english, []monitor.Snapshot{named(down("gate.example.net:7000"), "gate.example.net:7000")}},
		{"tiny", 20, 4, english, []monitor.Snapshot{down("office"), up("other")}},
		{"mixed", 100, 30, english, []monitor.Snapshot{up("first"), down("office"), suspect, paused}},
		{"mixed-low", 100, 12, english, []monitor.Snapshot{up("first"), down("office"), suspect, paused}},
		{"proxy-unreachable", 100, 20, english, []monitor.Snapshot{silentProxy}},
		{"proxy-unreachable-zh", 100, 20, Live{Lang: ui.Chinese, Glyphs: Drawn()}, []monitor.Snapshot{silentProxy}},
		{"one-cause", 100, 30, english, one},
		{"one-cause-low", 80, 9, english, one},
		{"one-cause-zh", 100, 16, Live{Lang: ui.Chinese, Glyphs: Drawn()}, one},
		{"many", 80, 16, english, many},
		{"hostile", 100, 20, english, []monitor.Snapshot{hostile}},
		{"note", 100, 8, Live{Lang: ui.English, Glyphs: Drawn(), Note: "this is a demo"}, []monitor.Snapshot{up("demo")}},
		{"none", 100, 8, english, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := picture(t, c.columns, c.rows, c.live, c.snaps...)
			file := filepath.Join("testdata", c.name+".txt")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestWhenToDrawAgain(t *testing.T) {
	live := Live{Lang: ui.English, Glyphs: Drawn()}
	paused := up("paused")
	paused.State = monitor.Idle
	far := down("far")
	far.RetryAt = noon.Add(9400 * time.Millisecond)
	many := []monitor.Snapshot{far}
	for i := range 60 {
		many = append(many, up(fmt.Sprint(i)))
	}
	for _, c := range []struct {
		name  string
		snaps []monitor.Snapshot
		want  time.Duration
	}{
		{"nothing counts down while all is well", []monitor.Snapshot{up("a"), up("b")}, 0},
		{"nor while paused", []monitor.Snapshot{paused}, 0},
		{"at the next whole second", []monitor.Snapshot{far}, 400 * time.Millisecond},
		{"near its end by tenths", []monitor.Snapshot{down("near")}, 50 * time.Millisecond},
		{"the nearest of several", []monitor.Snapshot{up("a"), far, down("near")}, 50 * time.Millisecond},
		{"among many", many, 400 * time.Millisecond},
	} {
		if _, got := picture(t, 100, 30, live, c.snaps...); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A second drawing writes only the rows that changed.
func TestOnlyWhatChangedIsWritten(t *testing.T) {
	m := newModel(nil)
	l := Live{Lang: ui.English, Glyphs: Drawn()}
	term := newVT(100, 30)
	s := &screen{out: term, columns: 100, rows: 30}
	offset := 0
	for _, step := range []struct {
		name     string
		snapshot monitor.Snapshot
		now      time.Time
		most     int
	}{
		{"the first writes all", down("office"), noon, 2000},
		{"the same again writes nothing", down("office"), noon, 0},
		{"a countdown writes its row", down("office"), noon.Add(150 * time.Millisecond), 120},
	} {
		m.apply(monitor.Event{Snapshot: step.snapshot})
		before := term.written
		if _, err := l.draw(m, s, step.now, &offset); err != nil {
			t.Fatal(err)
		}
		if got := term.written - before; got > step.most {
			t.Errorf("%s: %d bytes, want %d at most", step.name, got, step.most)
		}
	}
	if !strings.Contains(term.String(), "Attempt 11 in 2.1 s") {
		t.Errorf("the countdown is not on the screen:\n%s", term)
	}
}

func TestOrder(t *testing.T) {
	m := newModel([]string{"a", "b", "c", "d"})
	for _, step := range []struct {
		event monitor.Event
		want  string
	}{
		{monitor.Event{Snapshot: up("c")}, "c"},
		{monitor.Event{Snapshot: up("added")}, "c added"},
		{monitor.Event{Snapshot: up("a")}, "a c added"},
		{monitor.Event{Snapshot: up("later")}, "a c added later"},
		{monitor.Event{Snapshot: up("b")}, "a b c added later"},
		{monitor.Event{Snapshot: down("a")}, "a b c added later"},
		{monitor.Event{Snapshot: up("c"), Removed: true}, "a b added later"},
		{monitor.Event{Snapshot: up("c"), Removed: true}, "a b added later"},
		{monitor.Event{Snapshot: up("d")}, "a b d added later"},
	} {
		m.apply(step.event)
		var got []string
		for _, b := range m.blocks {
			got = append(got, b.snapshot.Target.Name)
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("after %s: %v, want %s", step.event.Snapshot.Target.Name, got, step.want)
		}
	}
}

func TestLines(t *testing.T) {
	healed := up("office")
	healed.Since = noon
	healed.Outages = []monitor.Outage{{Start: noon.Add(-42 * time.Second), End: noon, Verdict: netcheck.Verdict{Cause: netcheck.ServerRefused, Hop: netcheck.HopServer}}}
	also := down("office")
	also.Verdict = netcheck.Verdict{Cause: netcheck.PathLost, Hop: netcheck.HopPath, Also: []netcheck.Cause{netcheck.ServerUnreachable}}
	hostile := down("a\x1b[2Jb\nc")
	const at = "2026-11-21 12:00:47.000  "
	for _, c := range []struct {
		name  string
		event monitor.Event
		want  string
	}{
		{"up", monitor.Event{Snapshot: up("office")}, "office: Connected, 24 ms"},
		{"up again", monitor.Event{Snapshot: healed}, "office: Connected, 24 ms. It was broken for 0:42: server refused."},
		{"down", monitor.Event{Snapshot: down("office")}, "office: Broken: gate.example.net:7000 refuses connections (server-refused). This computer: ok. Gateway: answers, 0.4 ms. Network: ok. Server: refused, 24 ms. Service: not asked. Next attempt at 12:00:49.2"},
		{"down, two causes alike", monitor.Event{Snapshot: also}, "office: Broken: The path to gate.example.net:7000 breaks off (path-lost). It may also be: server silent. This computer: ok. Gateway: answers, 0.4 ms. Network: silent after it. Rest: not asked. Next attempt at 12:00:49.2"},
		{"attempt", monitor.Event{Kind: monitor.AttemptEvent, Snapshot: down("office")}, "office: Attempt 10: server refused, 24 ms. Next attempt at 12:00:49.2"},
		{"beat", monitor.Event{Kind: monitor.BeatEvent, Snapshot: up("office")}, "office: answers, 24 ms"},
		{"renewed", monitor.Event{Renewed: true, Snapshot: up("office")}, "office: Session renewed without an outage"},
		{"removed", monitor.Event{Removed: true, Snapshot: up("office")}, "office: No longer watched"},
		{"a hostile name", monitor.Event{Kind: monitor.BeatEvent, Snapshot: hostile}, `a\x1b[2Jb\x0ac: answers, 24 ms`},
	} {
		if got := string(Lines{Lang: ui.English}.Append(nil, c.event)); got != at+c.want+"\n" {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, at+c.want+"\n")
		}
	}
}

func TestWorthALine(t *testing.T) {
	begins, ends := down("office"), down("office")
	begins.Attempts = []monitor.Attempt{{Number: 11, Start: noon}}
	for _, c := range []struct {
		name  string
		event monitor.Event
		want  bool
	}{
		{"an attempt begins", monitor.Event{Kind: monitor.AttemptEvent, Snapshot: begins}, false},
		{"it ends", monitor.Event{Kind: monitor.AttemptEvent, Snapshot: ends}, true},
		{"a change of state meanwhile", monitor.Event{Kind: monitor.StateEvent, Snapshot: begins}, true},
	} {
		if got := (Lines{}).Worth(c.event); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestStillTellsACauseOnce(t *testing.T) {
	var snaps []monitor.Snapshot
	for i := range 3 {
		s := down(fmt.Sprintf("behind %d", i))
		s.Verdict = netcheck.Verdict{Cause: netcheck.GatewayUnreachable, Hop: netcheck.HopGateway, Interface: "eth0", Gateway: s.Way.Gateway}
		snaps = append(snaps, s)
	}
	for _, w := range []Still{{Lang: ui.English, Plain: true}, {Lang: ui.English, Glyphs: ASCII(), Columns: 80}} {
		got := string(w.AppendRoot(nil, ui.Roots(snaps)[0], snaps, noon))
		for _, want := range []string{"The gateway 192.0.2.1 does not answer: 3 targets", "broken since 12:00:05", "behind 0, behind 1, behind 2\n", "Check the router"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%q is not there once:\n%s", want, got)
			}
		}
	}
}

func TestStill(t *testing.T) {
	s := down("office")
	got := string(Still{Lang: ui.English, Plain: true}.Append(nil, s, noon))
	for _, want := range []string{
		"office: broken since 12:00:05\n", "  gate.example.net:7000 refuses connections\n", "  Attempt 11 in 2.3 s\n",
		"  This computer: ", "Server: refused, 24 ms (12:00:47). Service: not asked.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}
	once := string(Still{Lang: ui.English, Plain: true, Once: true}.Append(nil, s, noon))
	if !strings.HasPrefix(once, "office: Broken\n") || strings.Contains(once, "Attempt") {
		t.Errorf("one question, and more is said than its answer:\n%s", once)
	}
	for _, r := range got {
		if r > 0x7e {
			t.Errorf("plain text has the drawing character %q:\n%s", r, got)
		}
	}
	if got := string(Still{Lang: ui.English, Glyphs: ASCII()}.AppendUnknown(nil, s)); got != "? office: Not known. Holdfast itself has stalled.\n" {
		t.Errorf("unknown: %q", got)
	}
}
