package window

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"iter"
	"math"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"go.uber.org/goleak"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/desktest"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // clock times stand in the golden pictures
	// Which of the system's fonts has the Chinese characters, and in which weights, depends on the locale.
	for _, name := range []string{"LANG", "LC_ALL"} {
		if err := os.Setenv(name, "zh_CN.UTF-8"); err != nil {
			panic(err)
		}
	}
	debug.SetGCPercent(400) // pictures are large and soon forgotten
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/app.(*store).saveLoop"),
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/internal/async.(*UnboundedChan[...]).processing"),
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/internal/animation.(*Runner).runAnimations"))
}

var noon = time.Date(2026, 11, 21, 12, 0, 47, 0, time.UTC)

// A fakeClient answers from memory and remembers what it was asked.
type fakeClient struct {
	mu       sync.Mutex
	status   control.Status
	settings control.Settings
	err      error
	asked    []string
	trial    []monitor.Snapshot
	saveErr  error
	events   chan wire.Object
	kept     []wire.PastOutage // newest first
	minutes  []wire.Minute     // of every target
	keptErr  error
	since    []time.Time // of what each question about outages asked
	login    bool        // it is started at login

	keyringErr error
}

func (f *fakeClient) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakeClient) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fakeClient) Status(context.Context) (control.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status, f.err
}

func (f *fakeClient) Settings(context.Context) (control.Settings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings, f.err
}

func (f *fakeClient) Events(ctx context.Context, _ bool) iter.Seq2[wire.Object, error] {
	return func(yield func(wire.Object, error) bool) {
		for {
			select {
			case o, ok := <-f.events:
				if !ok {
					yield(wire.Object{}, control.ErrNotRunning)
					return
				}
				if !yield(o, nil) {
					return
				}
			case <-ctx.Done():
				yield(wire.Object{}, ctx.Err())
				return
			}
		}
	}
}

func (f *fakeClient) SavePassword(_ context.Context, t monitor.Target, password string) error {
	_ = f.note("password %s of %s", password, t.Via)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keyringErr
}

func (f *fakeClient) Try(ctx context.Context, t monitor.Target, password string) iter.Seq2[wire.Object, error] {
	_ = f.note("try %s %s%s", t.Address, t.Heartbeat, password)
	return func(yield func(wire.Object, error) bool) {
		for _, s := range f.trial {
			s.Target = t
			if ctx.Err() != nil || !yield(wire.FromSnapshot(s), nil) {
				return
			}
		}
	}
}

func (f *fakeClient) History(_ context.Context, q control.HistoryQuery) (wire.History, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var h wire.History
	f.since = append(f.since, q.Since)
	for _, o := range f.kept {
		if (q.Target == "" || q.Target == o.Target) && (o.End.IsZero() || !o.End.Before(q.Since)) && len(h.Outages) < q.Limit {
			h.Outages = append(h.Outages, o)
		}
	}
	for _, t := range f.status.Targets {
		for _, m := range f.minutes {
			if n := len(h.Watched); q.Watched && (q.Target == "" || q.Target == t.Target) && !m.Time.Before(q.Since) {
				one := wire.Watched{Target: t.Target, From: m.Time, To: wire.Time{Time: m.Time.Add(time.Duration(m.Watched))}}
				if n > 0 && h.Watched[n-1].Target == t.Target && h.Watched[n-1].To.Equal(m.Time.Time) {
					h.Watched[n-1].To = one.To
					continue
				}
				h.Watched = append(h.Watched, one)
			}
		}
	}
	return h, f.keptErr
}

func (f *fakeClient) RoundTrips(_ context.Context, target string, since time.Time) (wire.RoundTrips, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rt := wire.RoundTrips{Target: target}
	for _, one := range f.minutes {
		if !one.Time.Before(since) {
			rt.Minutes = append(rt.Minutes, one)
		}
	}
	return rt, f.keptErr
}

func (f *fakeClient) Trace(context.Context, string) ([]monitor.Sample, error) { return nil, nil }
func (f *fakeClient) Reconnect(_ context.Context, n ...string) error {
	return f.note("reconnect %s", strings.Join(n, ","))
}
func (f *fakeClient) Pause(_ context.Context, _ time.Time, n ...string) error {
	return f.note("pause %s", strings.Join(n, ","))
}
func (f *fakeClient) Resume(_ context.Context, n ...string) error {
	return f.note("resume %s", strings.Join(n, ","))
}
func (f *fakeClient) SaveSettings(_ context.Context, s config.Settings, rewrite bool) error {
	if err := f.note("settings demo=%v language=%s rewrite=%v", s.Demo, s.Language, rewrite); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.saveErr != nil && !rewrite {
		return f.saveErr
	}
	f.settings.Settings = s
	return nil
}
func (f *fakeClient) SaveTarget(_ context.Context, n string, t monitor.Target, rewrite bool) error {
	_ = f.note("save %s: %s %s %s %v rewrite=%v", n, t.Name, t.Address, t.Heartbeat, t.Interval, rewrite)
	if rewrite {
		return nil
	}
	return f.saveErr
}
func (f *fakeClient) RemoveTarget(_ context.Context, n string, _ bool) error {
	return f.note("remove %s", n)
}
func (f *fakeClient) Demo(_ context.Context, mode string) error { return f.note("demo %s", mode) }
func (f *fakeClient) Quit(context.Context) error                { return f.note("quit") }
func (f *fakeClient) SetAutostart(_ context.Context, on bool) error {
	err := f.note("start at login: %v", on)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login = on
	return err
}
func (f *fakeClient) Autostart(context.Context) (control.Autostart, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return control.Autostart{On: f.login}, f.err
}

var way = netcheck.Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.17"), Gateway: netip.MustParseAddr("192.0.2.1")}

func upTarget(name, address string, rtt, since time.Duration) monitor.Snapshot {
	return monitor.Snapshot{
		Time: noon, Seq: 1, State: monitor.Up, Since: noon.Add(-since), UpSince: noon.Add(-since), RTT: rtt, LastAnswer: noon, Way: way,
		Target:    monitor.Target{Name: name, Address: address, Heartbeat: "line", Send: "PING\n", Expect: "PONG\n", Interval: 500 * time.Millisecond},
		Keepalive: monitor.Keepalive{Enabled: true, Idle: time.Second, Interval: time.Second, Count: 3, UserTimeout: 2 * time.Second},
		Evidence: []netcheck.Evidence{
			{Time: noon.Add(-since), Hop: netcheck.HopLink, Seen: netcheck.SeenOK},
			{Time: noon.Add(-since), Hop: netcheck.HopGateway, Seen: netcheck.SeenAnswers, RTT: 400 * time.Microsecond},
		},
		Outages: []monitor.Outage{{Start: noon.Add(-6 * time.Minute), End: noon.Add(-322 * time.Second), Verdict: netcheck.Verdict{Cause: netcheck.CableUnplugged}}},
	}
}

func downTarget(s monitor.Snapshot) monitor.Snapshot {
	s.Seq++
	s.State, s.Since, s.BrokenSince, s.UpSince = monitor.Down, noon.Add(-42*time.Second), noon.Add(-42*time.Second), time.Time{}
	s.Verdict = netcheck.Verdict{Cause: netcheck.ServerRefused, Hop: netcheck.HopServer, Interface: "eth0", Gateway: way.Gateway}
	s.Attempt, s.RetryAt = 10, noon.Add(2250*time.Millisecond)
	for i := 5; i <= 10; i++ {
		s.Attempts = append(s.Attempts, monitor.Attempt{Number: i, Start: noon.Add(time.Duration(i-12) * 5 * time.Second), Took: 600 * time.Microsecond, Cause: netcheck.ServerRefused})
	}
	s.Evidence = []netcheck.Evidence{
		{Time: noon, Hop: netcheck.HopLink, Seen: netcheck.SeenOK},
		{Time: noon, Hop: netcheck.HopGateway, Seen: netcheck.SeenAnswers, RTT: 400 * time.Microsecond},
		{Time: noon, Hop: netcheck.HopServer, Seen: netcheck.SeenRefused, RTT: 600 * time.Microsecond, Saw: "connection refused"},
	}
	return s
}

func fiveTargets() []monitor.Snapshot {
	return []monitor.Snapshot{
		upTarget("Office gateway", "gate.example.net:7000", 24*time.Millisecond, 100*time.Hour),
		upTarget("Build server", "build.example.net:22", 12*time.Millisecond, 46*time.Hour),
		upTarget("Home broker", "home.example.net:1883", 3*time.Millisecond, 56*time.Hour),
		upTarget("Frankfurt order database, read replica", "db.example.net:5432", 38*time.Millisecond, 56*time.Hour),
		upTarget("Team chat", "chat.example.net:443", 17*time.Millisecond, 363*time.Minute),
	}
}

// A desk is a window without a display, a fake resident and a clock that stands.
type desk struct {
	*Window
	t      testing.TB
	client *fakeClient
	clock  time.Time
	last   *screen
	drawn  int

	benchSnaps []monitor.Snapshot
}

// only the light or dark variant, whatever the system says
type variant struct {
	look
	v fyne.ThemeVariant
}

func (v variant) Color(n fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	return v.look.Color(n, v.v)
}

func newDesk(t testing.TB, v fyne.ThemeVariant, l ui.Lang, size fyne.Size, snaps ...monitor.Snapshot) *desk {
	t.Helper()
	app := test.NewTempApp(t)
	client := &fakeClient{events: make(chan wire.Object, 100)}
	d := &desk{t: t, client: client, clock: noon}
	d.give(snaps...)
	d.Window = New(app, func() (Client, error) { return client, nil }, l)
	d.Window.create()
	app.Settings().SetTheme(variant{v: v})
	d.Window.rest = time.Hour // without a display it would be drawn on another goroutine
	d.Window.now = func() time.Time { return d.clock }
	d.model.now = d.Window.now
	d.Window.choose = func(context.Context, string, string, string, string) (string, error) { return "", errNoChooser }
	d.Window.fixed = paletteOf(v)
	d.Window.build()
	ctx, cancel := context.WithCancel(context.Background())
	d.Window.ctx = ctx
	d.win.Resize(size)
	t.Cleanup(func() {
		if d.dialog != nil {
			d.dialog.close()
		}
		if d.saver != nil {
			d.saver.close()
		}
		cancel()
		d.wg.Wait()
		d.win.Close()
	})
	d.step()
	return d
}

// benchDesk is a window with n targets.
func benchDesk(b *testing.B, n int) *desk {
	var snaps []monitor.Snapshot
	for i := range n {
		snaps = append(snaps, upTarget(fmt.Sprintf("Server %02d", i), "s.example.net:1", 20*time.Millisecond, time.Hour))
	}
	d := newDesk(b, theme.VariantLight, ui.English, fyne.NewSize(1280, 800), snaps...)
	d.benchSnaps = snaps
	b.ResetTimer()
	return d
}

// give makes the resident say this.
func (d *desk) give(snaps ...monitor.Snapshot) {
	d.client.mu.Lock()
	defer d.client.mu.Unlock()
	d.client.status = control.Status{Version: "0.1.0", Demo: d.client.settings.Demo}
	d.client.settings.Targets = nil
	for _, s := range snaps {
		d.client.status.Targets = append(d.client.status.Targets, wire.FromSnapshot(s))
		if s.Target.Name != "Demo server" {
			d.client.settings.Targets = append(d.client.settings.Targets, s.Target)
		}
	}
}

// step asks once and draws what differs, as the loops do.
func (d *desk) step() {
	if err := d.model.askOnce(d.ctx); err != nil {
		d.model.lose()
	}
	d.draws()
}

func (d *desk) draws() {
	s, _ := d.model.screen(d.clock)
	if d.last == nil || !s.equal(d.last) {
		d.last = s
		d.drawn++
		d.Window.draw(s)
	}
}

// settle waits until what was asked in the background has been answered.
func (d *desk) settle() {
	d.wg.Wait()
	d.step()
}

// held does f while the resident answers nobody, then waits for all answers: without a display they would be drawn on
// another goroutine while f still draws.
func (d *desk) held(f func()) {
	d.client.mu.Lock()
	f()
	d.client.mu.Unlock()
	d.wg.Wait()
}

// opensHistory opens the page of history, with that kept.
func (d *desk) opensHistory(kept []wire.PastOutage, minutes []wire.Minute) {
	d.held(func() {
		d.client.kept, d.client.minutes = kept, minutes
		d.turn(tabHistory)
	})
}

func samples() []monitor.Sample {
	var all []monitor.Sample
	for i := 600; i > 45; i-- {
		if i > 320 && i < 362 {
			continue
		}
		v := 24 + 6*math.Sin(float64(i)/17) + 4*math.Sin(float64(i)/3.1)
		all = append(all, monitor.Sample{Time: noon.Add(-time.Duration(i) * time.Second), RTT: time.Duration(v * float64(time.Millisecond))})
	}
	return all
}

// throughProxy sends all targets through one proxy; the first is broken by cause, with that seen, and where it is not
// the proxy that answers, each hop's evidence is of now.
func throughProxy(cause netcheck.Cause, also []netcheck.Cause, seen ...netcheck.Evidence) []monitor.Snapshot {
	all := fiveTargets()
	for i := range all {
		all[i].Proxy, all[i].Target.Via, all[i].LegRTT = "http://proxy.example.net:3128", "http://proxy.example.net:3128", 3*time.Millisecond
	}
	if cause != netcheck.CauseNone {
		all[0] = downTarget(all[0])
		all[0].Verdict.Cause, all[0].Verdict.Hop, all[0].Verdict.Also = cause, cause.Hop(), also
		for i := range all[0].Attempts {
			all[0].Attempts[i].Cause = cause
		}
		all[0].Evidence = append(all[0].Evidence[:2:2], seen...)
		for i := range seen {
			all[0].Evidence[2+i].Time = noon
		}
	}
	return all
}

func TestNothingIsDrawnWhenNothingChanged(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	before := d.drawn
	for range 20 {
		d.clock = d.clock.Add(time.Second)
		d.step()
	}
	if d.drawn != before {
		t.Errorf("a calm window was drawn %d times in 20 s", d.drawn-before)
	}
	_, until := d.model.screen(d.clock)
	if until != 0 && until < 10*time.Second {
		t.Errorf("a calm window wants to be looked at again in %v", until)
	}
	// A round trip that wavers by a few per cent is no news, one that doubles is.
	wavering := fiveTargets()
	wavering[0].RTT, wavering[0].Seq = 26*time.Millisecond, 2
	d.give(wavering...)
	d.step()
	if d.drawn != before {
		t.Error("drawn for 24 ms that became 26 ms")
	}
	wavering[0].RTT, wavering[0].Seq = 60*time.Millisecond, 3
	d.give(wavering...)
	d.step()
	if d.drawn != before+1 || d.list.rows[0].figure.whole != "60 ms" {
		t.Errorf("drawn %d times; the row says %q", d.drawn-before, d.list.rows[0].figure.whole)
	}
}

func TestTheWayInTheDialog(t *testing.T) {
	for name, c := range map[string]struct {
		before      string
		way         int
		proxy, user string
		want, wrong string // the way, or what is said of it
	}{
		"direct from nothing":           {"", 0, "", "", "", ""},
		"direct stays as it is written": {"direct", 0, "", "", "direct", ""},
		"an HTTP proxy":                 {"", 1, " proxy.example.net:3128 ", "", "http://proxy.example.net:3128", ""},
		"a SOCKS proxy with a user":     {"", 2, "192.0.2.9", "me@home", "socks5://me%40home@192.0.2.9", ""},
		"system":                        {"direct", 3, "", "", "system", ""},
		"back to direct":                {"http://proxy.example.net:3128", 0, "", "", "direct", ""},
		"an untouched way":              {"socks5h://me@proxy.example.net", 2, "proxy.example.net:1080", "me", "socks5h://me@proxy.example.net", ""},
		"another user":                  {"socks5h://me@proxy.example.net", 2, "proxy.example.net:1080", "you", "socks5://you@proxy.example.net:1080", ""},
		"pasted whole":                  {"", 1, "socks5://proxy.example.net", "", "socks5://proxy.example.net:1080", ""},
		"no proxy yet":                  {"", 1, "", "", "", "Way: host: it is missing"},
		"a bad port":                    {"", 1, "proxy.example.net:99999", "", "", "Way: port: a number from 1 to 65535"},
		"a password":                    {"", 1, "me:s3same@proxy.example.net", "", "", "Way: the settings keep no password"},
		"a password and a user":         {"", 1, "proxy.example.net", "me:s3same", "http://me%3As3same@proxy.example.net", "Way: user: a colon"},
	} {
		t.Run(name, func(t *testing.T) {
			snaps := fiveTargets()[:1]
			snaps[0].Target.Via = c.before
			d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 800), snaps...)
			d.editTarget()
			d.dialog.ways.pick(c.way)
			d.dialog.fields["proxy"].SetText(c.proxy)
			d.dialog.fields["user"].SetText(c.user)
			if shown := d.dialog.fields["proxy"].Visible(); shown != (c.way == 1 || c.way == 2) {
				t.Errorf("the proxy's field is visible: %v", shown)
			}
			got, err := d.dialog.target()
			if c.wrong != "" {
				if err == nil || !d.dialog.save.off || !strings.HasPrefix(d.dialog.said.whole, c.wrong) || strings.Contains(d.dialog.said.whole, "s3same") {
					t.Errorf("%v; save off %v, said %q", err, d.dialog.save.off, d.dialog.said.whole)
				}
				return
			}
			if err != nil || got.Via != c.want {
				t.Errorf("%q, %v, want %q", got.Via, err, c.want)
			}
		})
	}
	for via, want := range map[string]string{
		"": "0  ", "direct": "0  ", "system": "3  ", "http://proxy": "1 proxy:80 ", "socks5h://me@[2001:db8::1]": "2 [2001:db8::1]:1080 me",
	} {
		if way, proxy, user := wayFields(via); fmt.Sprintf("%d %s %s", way, proxy, user) != want {
			t.Errorf("%q is shown as %d %q %q", via, way, proxy, user)
		}
	}
}

// What breaks several targets is one cause, and the window says so.
func TestOneCauseForSeveral(t *testing.T) {
	snaps := throughProxy(netcheck.ProxyRefused, nil, netcheck.Evidence{Hop: netcheck.HopProxy, Seen: netcheck.SeenRefused})
	second := snaps[0]
	second.Target.Name = "Build server"
	snaps[1] = second
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	if got := d.last.view.Also; got != "One cause for 2 targets" {
		t.Errorf("beside the verdict: %q", got)
	}
	d.open("Team chat")
	d.draws()
	if got := d.last.view.Also; got != "" {
		t.Errorf("beside a target that is up: %q", got)
	}
}

func TestTheCountdownRuns(t *testing.T) {
	snaps := fiveTargets()
	snaps[0] = downTarget(snaps[0])
	snaps[0].RetryAt = noon.Add(4500 * time.Millisecond)
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	var said []string
	for d.clock.Before(noon.Add(4600 * time.Millisecond)) {
		if text := d.detail.band.count.whole; len(said) == 0 || said[len(said)-1] != text {
			said = append(said, text)
		}
		_, until := d.model.screen(d.clock)
		if until <= 0 {
			t.Fatal("nothing counts any more")
		}
		d.clock = d.clock.Add(until)
		d.draws()
	}
	if want := []string{"Attempt 11 in 5 s", "Attempt 11 in 4 s", "Attempt 11 in 3.0 s", "Attempt 11 in 2.0 s", "Attempt 11 in 1.0 s", "Attempt 11 under way"}; !slices.Equal(said, want) {
		t.Errorf("it said %q", said)
	}
	if !d.detail.band.reconnect.Visible() {
		t.Error("no button to reconnect while broken")
	}
}

// A session that is gone has no keepalive: what was said of it must not stand in the chart.
func TestTheKeepaliveGoesWithTheSession(t *testing.T) {
	snaps := fiveTargets()
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1240, 780), snaps...)
	if !d.detail.fine.box.Visible() || d.detail.fine.whole == "" {
		t.Fatalf("while up it says %q, visible %v", d.detail.fine.whole, d.detail.fine.box.Visible())
	}
	snaps[0] = downTarget(snaps[0])
	d.give(snaps...)
	d.step()
	if d.detail.fine.whole != "" || d.detail.fine.box.Visible() {
		t.Errorf("while down it says %q, visible %v", d.detail.fine.whole, d.detail.fine.box.Visible())
	}
}

func TestAttemptsAreListedAsTheyHappen(t *testing.T) {
	snaps := fiveTargets()
	snaps[0] = downTarget(snaps[0])
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	first := func() string { r := d.detail.table.rows[0]; return r[1].whole + " " + r[2].whole }
	if got := first(); got != "10 server refused" {
		t.Fatalf("first row %q", got)
	}
	next := snaps[0]
	next.Seq, next.Attempt = next.Seq+1, 11
	next.Attempts = append(slices.Clone(next.Attempts), monitor.Attempt{Number: 11, Start: noon, Took: time.Second, Cause: netcheck.ServerUnreachable})
	d.model.take(told(monitor.AttemptEvent, next))
	d.draws()
	if got := first(); got != "11 server silent" {
		t.Errorf("first row %q after another attempt", got)
	}
	// News that is older than what is known does not turn time back.
	d.model.take(told(monitor.AttemptEvent, snaps[0]))
	d.draws()
	if got := first(); got != "11 server silent" {
		t.Errorf("first row %q after old news", got)
	}
}

func TestSelectionAndOrderStay(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	test.Tap(d.list.rows[2])
	d.draws()
	if d.detail.name.whole != "Home broker" || !d.list.rows[2].chosen {
		t.Fatalf("chosen: %q", d.detail.name.whole)
	}
	kept := slices.Clone(d.list.rows)
	snaps := fiveTargets()
	snaps[4] = downTarget(snaps[4])
	d.give(snaps...)
	d.step()
	if d.detail.name.whole != "Home broker" {
		t.Errorf("the choice jumped to %q when another broke", d.detail.name.whole)
	}
	if !slices.Equal(kept, d.list.rows) || d.list.rows[4].view.name != "Team chat" {
		t.Error("rows moved when one broke")
	}
	if d.list.sum.text.whole != "1 broken, 4 connected" {
		t.Errorf("sum: %q", d.list.sum.text.whole)
	}
	test.Tap(d.list.sum) // goes to the broken one
	d.draws()
	if d.detail.name.whole != "Team chat" {
		t.Errorf("the sum line went to %q", d.detail.name.whole)
	}
	d.give(snaps[:4]...) // the chosen one is removed
	d.step()
	if len(d.list.rows) != 4 || d.detail.name.whole != "Office gateway" {
		t.Errorf("%d rows, %q chosen after the chosen one went", len(d.list.rows), d.detail.name.whole)
	}
}

func TestButtonsAsk(t *testing.T) {
	snaps := fiveTargets()
	snaps[0] = downTarget(snaps[0])
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	test.Tap(d.detail.band.reconnect)
	d.wg.Wait()
	d.detail.pause.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	d.wg.Wait()
	idle := snaps[0]
	idle.State, idle.Seq = monitor.Idle, 9
	d.give(append([]monitor.Snapshot{idle}, snaps[1:]...)...)
	d.step()
	if d.detail.pause.text.whole != "Resume" {
		t.Errorf("a paused target's button says %q", d.detail.pause.text.whole)
	}
	d.detail.pause.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.wg.Wait()
	test.Tap(d.detail.copy)
	if text := d.app.Clipboard().Content(); !strings.Contains(text, "Office gateway") || !strings.Contains(text, "0.1.0") {
		t.Errorf("the report: %q", text)
	}
	want := []string{"reconnect Office gateway", "pause Office gateway", "resume Office gateway"}
	if got := d.client.heard(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	d.client.err = &control.Error{Status: 500, Msg: "no\x1b[31m"}
	test.Tap(d.detail.pause)
	d.wg.Wait()
	if got := d.detail.notice.whole; got != `no\x1b[31m` {
		t.Errorf("the refusal was shown as %q", got)
	}
}

func TestAResidentThatDoesNotAnswerIsSaid(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.client.err = context.DeadlineExceeded
	d.step()
	if d.detail.band.look != ui.LookUnknown || !d.detail.dated || !d.detail.old.Visible() || !strings.HasPrefix(d.detail.band.sentence.whole, "Not known since") {
		t.Errorf("look %v, said to be old %v, %q", d.detail.band.look, d.detail.old.Visible(), d.detail.band.sentence.whole)
	}
	if r := d.list.rows[0]; r.view.look != ui.LookUnknown || r.second.whole != "not known" || r.figure.whole != "" || d.list.sum.text.whole != "Not known" {
		t.Errorf("the list looks as if it were true: %q", d.list.sum.text.whole)
	}
	if !d.detail.pause.off {
		t.Error("pause can be pressed though nobody hears it")
	}
	d.client.err = nil
	d.step()
	if d.detail.band.look != ui.LookUp || d.detail.dated || d.detail.old.Visible() || d.detail.pause.off || d.list.rows[0].view.look != ui.LookUp {
		t.Error("it does not recover")
	}
}

func TestOnePaneWhenNarrow(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(480, 360), fiveTargets()...)
	if !d.list.box.Visible() || d.detail.box.Visible() {
		t.Fatal("a narrow window begins with the list")
	}
	test.Tap(d.list.rows[1])
	d.draws()
	if d.list.box.Visible() || !d.detail.box.Visible() || d.detail.title.whole != "Build server" {
		t.Fatalf("detail of %q", d.detail.title.whole)
	}
	test.Tap(d.detail.back)
	if !d.list.box.Visible() {
		t.Error("back does not lead to the list")
	}
	d.win.Resize(fyne.NewSize(1000, 600))
	if !d.list.box.Visible() || !d.detail.box.Visible() {
		t.Error("a wide window shows both")
	}
}

func TestThirtyTargetsCanBeFiltered(t *testing.T) {
	var snaps []monitor.Snapshot
	for i := range 30 {
		snaps = append(snaps, upTarget(fmt.Sprintf("Server %02d", i), "s.example.net:1", time.Millisecond, time.Hour))
	}
	d := newDesk(t, theme.VariantDark, ui.English, fyne.NewSize(900, 600), snaps...)
	if !d.list.filter.Visible() || len(d.list.visible()) != 30 {
		t.Fatalf("filter %v, %d rows", d.list.filter.Visible(), len(d.list.visible()))
	}
	d.list.filter.SetText("ver 1")
	if n := len(d.list.visible()); n != 10 {
		t.Errorf("%d rows match, want 10", n)
	}
	d.list.filter.SetText("nothing")
	if !d.list.none.Visible() {
		t.Error("nothing matches, and nothing says so")
	}
}

func trialOf(state monitor.State) []monitor.Snapshot {
	s := upTarget("x", "x:1", 4*time.Millisecond, 0)
	first := s
	first.State = monitor.Connecting
	if state == monitor.Down {
		s = downTarget(s)
	}
	return []monitor.Snapshot{first, s}
}

// tries waits for the pause after typing to end and for the trial.
func (d *desk) tries() {
	d.t.Helper()
	if d.dialog.timer != nil {
		d.dialog.timer.Stop()
	}
	d.dialog.try()
	d.wg.Wait()
}

func TestATargetIsTriedBeforeItIsSaved(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	test.Tap(d.list.add)
	if d.dialog == nil || !d.dialog.save.off {
		t.Fatal("nothing is entered yet, and it can be saved")
	}
	d.dialog.fields["address"].SetText("cache.example.net:6379")
	if got := d.dialog.fields["name"].Text; got != "cache.example.net" {
		t.Errorf("the name follows the address: %q", got)
	}
	if !d.dialog.save.off {
		t.Error("not tried yet, and it can be saved")
	}
	d.client.trial = trialOf(monitor.Up)
	d.tries()
	if d.dialog.save.off || d.dialog.save.text.whole != "Save" || d.dialog.state != worked {
		t.Fatalf("it works: save off %v, %q", d.dialog.save.off, d.dialog.save.text.whole)
	}
	d.dialog.fields["name"].SetText("Cache") // another name is no other server
	if d.dialog.save.off {
		t.Error("a new name makes the trial void")
	}
	d.dialog.fields["address"].SetText("cache.example.net:6380") // another port is
	if !d.dialog.save.off {
		t.Error("a new port can be saved untried")
	}
	d.tries()
	test.Tap(d.dialog.save)
	d.settle()
	if d.dialog != nil {
		t.Error("the dialog stays after saving")
	}
	want := []string{"try cache.example.net:6379 line", "try cache.example.net:6380 none", "save Cache: Cache cache.example.net:6380 none 500ms rewrite=false"}
	if got := d.client.heard(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// What is pasted fills in the rest; what the person chose stays.
func TestAPastedAddressIsUnderstood(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.addTarget()
	d.dialog.fields["address"].SetText("redis://me:s3same@cache.example.net/0")
	got, err := d.dialog.target()
	want := monitor.Target{
		Name: "cache.example.net", Address: "cache.example.net:6379", Via: "direct", Heartbeat: "line", Send: "PING\r\n", Expect: "NOAUTH",
		Interval: 500 * time.Millisecond,
	}
	if want.Via = got.Via; err != nil || got != want {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	if said := d.dialog.means.whole; said != "Redis at cache.example.net:6379. User and password were left out" {
		t.Errorf("said %q", said)
	}
	if !d.dialog.fields["send"].Visible() || d.dialog.segs.chosen != 2 {
		t.Error("the heartbeat is not shown")
	}
	d.dialog.fields["address"].SetText("ssh://gate.example.net")
	if got, err := d.dialog.target(); err != nil || got.Heartbeat != "none" || got.Send != "" || got.Address != "gate.example.net:22" || got.Name != "gate.example.net" {
		t.Errorf("%v %+v", err, got)
	}
	d.dialog.segs.pick(1)
	d.dialog.fields["name"].SetText("Mine")
	d.dialog.fields["address"].SetText("cache.example.net:6379")
	if got, err := d.dialog.target(); err != nil || got.Heartbeat != "echo" || got.Name != "Mine" {
		t.Errorf("what was chosen is gone: %v %+v", err, got)
	}
	// Half a URL puts no password into the name.
	d.dialog.close()
	d.addTarget()
	d.dialog.fields["address"].SetText("nonsense://me:s3same@host")
	if d.dialog.name != "" {
		t.Errorf("the name is %q", d.dialog.name)
	}
}

func TestTheProxyOfTheSystemIsOffered(t *testing.T) {
	t.Setenv("https_proxy", "http://me@proxy.example.net:3128")
	t.Setenv("no_proxy", "near.example.net")
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.addTarget()
	d.dialog.fields["address"].SetText("near.example.net:22")
	if d.dialog.offer.Visible() {
		t.Error("offered for a server that it is not for")
	}
	d.dialog.fields["address"].SetText("far.example.net:22")
	if !d.dialog.offer.Visible() || d.dialog.offer.text.whole != "Use the proxy of the system: http://proxy.example.net:3128" {
		t.Errorf("visible %v, %q", d.dialog.offer.Visible(), d.dialog.offer.text.whole)
	}
	test.Tap(d.dialog.offer)
	if got, err := d.dialog.target(); err != nil || got.Via != "system" || d.dialog.offer.Visible() || !d.dialog.fields["password"].Visible() {
		t.Errorf("%+v, %v; offered %v, password asked for %v", got, err, d.dialog.offer.Visible(), d.dialog.fields["password"].Visible())
	}
	if said := d.dialog.wayHint.whole; said != "It says: http://proxy.example.net:3128." {
		t.Errorf("said %q", said)
	}
	t.Setenv("https_proxy", "http://me:s3same@proxy.example.net:3128")
	d.dialog.fields["address"].SetText("other.example.net:22")
	if d.dialog.fields["password"].Visible() || strings.Contains(d.dialog.wayHint.whole, "me") {
		t.Errorf("a password is asked for that is there; said %q", d.dialog.wayHint.whole)
	}
}

func TestThePasswordOfAProxyIsKept(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 800), fiveTargets()...)
	d.client.trial = trialOf(monitor.Up)
	d.addTarget()
	d.dialog.fields["address"].SetText("gate.example.net:1")
	d.dialog.ways.pick(1)
	d.dialog.fields["proxy"].SetText("http://me:s3%40same@proxy.example.net:3128") // pasted whole
	if d.dialog.fields["password"].Text != "s3@same" || d.dialog.fields["user"].Text != "me" || d.dialog.fields["proxy"].Text != "proxy.example.net:3128" {
		t.Errorf("%q, %q, %q", d.dialog.fields["proxy"].Text, d.dialog.fields["user"].Text, d.dialog.fields["password"].Text)
	}
	d.tries()
	d.client.keyringErr = &control.Error{Status: 503, Code: control.CodeKeyring, Msg: "No keyring answers here"}
	test.Tap(d.dialog.save)
	d.wg.Wait()
	if d.dialog == nil || d.dialog.save.text.whole != "Save without it" || !strings.HasPrefix(d.dialog.problem.whole, "No keyring answers here") {
		t.Fatal("nobody was told that the password is not kept")
	}
	test.Tap(d.dialog.save)
	d.settle()
	want := []string{
		"try gate.example.net:1 nones3@same", "password s3@same of http://me@proxy.example.net:3128",
		"save gate.example.net: gate.example.net gate.example.net:1 none 500ms rewrite=false",
	}
	if got := d.client.heard(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestWhatFailsCanBeSavedKnowingly(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.client.trial = trialOf(monitor.Down)
	d.client.saveErr = &control.Error{Status: 409, Code: control.CodeLayout, Msg: "layout"}
	d.addTarget()
	d.dialog.fields["address"].SetText("bad.example.net:1")
	d.tries()
	if d.dialog.save.off || d.dialog.save.text.whole != "Save anyway" || !strings.Contains(d.dialog.said.whole, "refuses connections") {
		t.Fatalf("off %v, %q, %q", d.dialog.save.off, d.dialog.save.text.whole, d.dialog.said.whole)
	}
	test.Tap(d.dialog.save)
	d.wg.Wait()
	if d.dialog == nil || d.dialog.save.text.whole != "Rewrite the file" {
		t.Fatal("the file's comments would be lost, and nobody was asked")
	}
	test.Tap(d.dialog.save)
	d.wg.Wait()
	if got := d.client.heard(); d.dialog != nil || got[len(got)-1] != "save bad.example.net: bad.example.net bad.example.net:1 none 500ms rewrite=true" {
		t.Errorf("asked %q", got)
	}
}

func TestBadFieldsAreNamed(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.addTarget()
	for _, c := range []struct{ field, text string }{
		{"address", "no port at all"}, {"address", "host:99999"}, {"address", "host:0"}, {"interval", "soon"}, {"interval", "-1s"}, {"interval", "1ns"}, {"name", ""},
	} {
		d.dialog.fields["address"].SetText("ok.example.net:1")
		d.dialog.fields["interval"].SetText("500ms")
		d.dialog.fields["name"].SetText("A name")
		d.dialog.fields[c.field].SetText(c.text)
		if !d.dialog.save.off || d.dialog.said.whole == "" {
			t.Errorf("%s %q: save off %v, said %q", c.field, c.text, d.dialog.save.off, d.dialog.said.whole)
		}
	}
	// A heartbeat by line needs both halves.
	d.dialog.fields["name"].SetText("A name")
	d.dialog.segs.pick(2)
	if _, err := d.dialog.target(); err == nil {
		t.Error("a line heartbeat without send and expect is accepted")
	}
	d.dialog.fields["send"].SetText(`PING {nonce}\n`)
	d.dialog.fields["expect"].SetText(`PONG {nonce}`)
	if got, err := d.dialog.target(); err != nil || got.Send != "PING {nonce}\n" {
		t.Errorf("%v %q", err, got.Send)
	}
	// What is no escape is told, and not sent as it stands.
	d.dialog.fields["send"].SetText(`PING\q`)
	if _, err := d.dialog.target(); err == nil || !strings.HasPrefix(errorText(err, ui.English), `Send: \q is not known`) {
		t.Errorf("a bad escape: %v", err)
	}
}

func TestEditingKeepsWhatTheDialogDoesNotShow(t *testing.T) {
	snaps := fiveTargets()
	snaps[0].Target.Timeout = 3 * time.Second
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	test.Tap(d.detail.edit)
	if d.dialog.save.off {
		t.Error("nothing changed: it can be saved untried")
	}
	if got, err := d.dialog.target(); err != nil || got != snaps[0].Target {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, snaps[0].Target)
	}
	d.dialog.fields["address"].escape() // Escape closes
	if d.dialog != nil {
		t.Fatal("Escape does not close")
	}
	d.editTarget()
	test.Tap(d.dialog.remove)
	if len(d.client.heard()) != 0 {
		t.Error("removed at the first press")
	}
	test.Tap(d.dialog.remove)
	d.wg.Wait()
	if got := d.client.heard(); !slices.Equal(got, []string{"remove Office gateway"}) {
		t.Errorf("asked %q", got)
	}
}

func TestTheDemoCanBeBrokenAndRemoved(t *testing.T) {
	demo := upTarget("Demo server", "127.0.0.1:41327", 100*time.Microsecond, 8*time.Second)
	d := newDesk(t, theme.VariantLight, ui.Chinese, fyne.NewSize(1120, 700))
	d.client.settings.Demo = true
	d.give(demo)
	d.step()
	if d.detail.mode != pageDemo {
		t.Fatalf("mode %v", d.detail.mode)
	}
	test.Tap(d.detail.demo.cards[1])
	d.wg.Wait()
	if !d.detail.demo.heal.Visible() || !d.detail.demo.cards[1].on {
		t.Error("nothing says how to heal it")
	}
	test.Tap(d.detail.demo.heal)
	d.wg.Wait()
	test.Tap(d.detail.demo.remove)
	d.wg.Wait()
	want := []string{"demo hung", "demo normal", "settings demo=false language= rewrite=false"}
	if got := d.client.heard(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// What came of a drill is told in figures, and only what was seen of it.
func TestWhatCameOfADrill(t *testing.T) {
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	down := monitor.Snapshot{State: monitor.Down, BrokenSince: at(360), Since: at(1100), Verdict: netcheck.Verdict{Cause: netcheck.ServerHung}}
	for name, c := range map[string]struct {
		mode string
		snap monitor.Snapshot
		want string
	}{
		"not noticed yet":        {"hung", monitor.Snapshot{State: monitor.Up, UpSince: at(-8000)}, ""},
		"noticed":                {"hung", monitor.Snapshot{State: monitor.Suspect, BrokenSince: at(360)}, "Noticed after 360 ms"},
		"named":                  {"hung", down, "Noticed after 360 ms, red after 1.1 s: program silent"},
		"at once":                {"stopped", monitor.Snapshot{State: monitor.Down, BrokenSince: at(0), Since: at(1), Verdict: netcheck.Verdict{Cause: netcheck.ServerRefused}}, "Noticed after 1 ms, red after 1 ms: server refused"},
		"an outage from before":  {"hung", monitor.Snapshot{State: monitor.Down, BrokenSince: at(-5000), Verdict: netcheck.Verdict{Cause: netcheck.ServerHung}}, ""},
		"one from long after":    {"hung", monitor.Snapshot{State: monitor.Down, BrokenSince: at(90_000), Verdict: netcheck.Verdict{Cause: netcheck.ServerHung}}, ""},
		"late":                   {"late", monitor.Snapshot{State: monitor.Up, UpSince: at(-8000), RTT: 301 * time.Millisecond}, "It answers after 301 ms: slow, and not broken"},
		"back":                   {"normal", monitor.Snapshot{State: monitor.Up, UpSince: at(84)}, "Connected again 84 ms after it answered again"},
		"not back yet":           {"normal", down, ""},
		"healed and never ended": {"normal", monitor.Snapshot{State: monitor.Up, UpSince: at(-8000)}, ""},
	} {
		if got := drillSeen(control.Drill{Mode: c.mode, Since: wire.Time{Time: noon}}, c.snap, ui.English); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := drillSeen(control.Drill{}, down, ui.English); got != "" {
		t.Errorf("nobody asked for a drill: %q", got)
	}
}

func TestTheLanguageCanBeSwitched(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.switchLanguage()
	d.draws()
	if d.detail.pause.text.whole != "暂停" || d.list.add.text.whole != "添加目标" {
		t.Errorf("%q %q", d.detail.pause.text.whole, d.list.add.text.whole)
	}
	d.wg.Wait()
	if got := d.client.heard(); !slices.Equal(got, []string{"settings demo=false language=zh rewrite=false"}) {
		t.Errorf("asked %q", got)
	}
}

// What is said stands long enough that a redraw each time costs little.
func TestWhatIsSaidStands(t *testing.T) {
	now := noon.Truncate(time.Minute).Add(300 * time.Millisecond)
	for _, c := range []struct {
		name   string
		look   ui.Look
		retry  time.Duration
		stays  time.Duration
		chosen bool
		want   time.Duration
	}{
		{"up for seconds", ui.LookUp, 0, 200 * time.Millisecond, true, 4700 * time.Millisecond},
		{"a row up for seconds", ui.LookUp, 0, 900 * time.Millisecond, false, 4700 * time.Millisecond},
		{"up for minutes", ui.LookUp, 0, 17 * time.Second, true, 17 * time.Second},
		{"a row up for minutes", ui.LookUp, 0, 17 * time.Second, false, 29700 * time.Millisecond},
		{"up and nothing changes", ui.LookUp, 0, 0, true, 0},
		{"a row broken", ui.LookDown, time.Second, 100 * time.Millisecond, false, time.Second},
		{"broken, waiting", ui.LookDown, 4500 * time.Millisecond, 100 * time.Millisecond, true, 500 * time.Millisecond},
		{"broken, waiting whole seconds", ui.LookDown, 2 * time.Second, 100 * time.Millisecond, true, time.Second},
		{"broken, an attempt under way", ui.LookDown, 0, 100 * time.Millisecond, true, 500 * time.Millisecond},
		{"broken, for long", ui.LookDown, 0, 40 * time.Second, true, 40 * time.Second},
	} {
		snap := monitor.Snapshot{}
		if c.retry > 0 {
			snap.RetryAt = now.Add(c.retry)
		}
		if got := stands(c.look, snap, now, c.stays, c.chosen); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Words may wait for more; a state, a sentence and what a person asked for may not.
func TestOnlyWords(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	was, _ := d.model.screen(d.clock)
	for name, c := range map[string]struct {
		change func(*screen)
		want   bool
	}{
		"a row's words":       {func(s *screen) { s.rows[1].second, s.rows[1].figure = "broken 4 s", "1 s" }, true},
		"the countdown":       {func(s *screen) { s.view.Countdown, s.view.Big = "Attempt 2 in 1 s", "4 s" }, true},
		"another attempt":     {func(s *screen) { s.attempts[0].number, s.nAttempts, s.soFar = "7", 1, "7 so far" }, true},
		"a row's state":       {func(s *screen) { s.rows[1].look = ui.LookDown }, false},
		"one target less":     {func(s *screen) { s.rows = s.rows[1:] }, false},
		"another cause":       {func(s *screen) { s.view.Sentence = "The proxy refuses connections" }, false},
		"the resident gone":   {func(s *screen) { s.lost = "Not known since 3 s" }, false},
		"another target":      {func(s *screen) { s.chosen++ }, false},
		"another language":    {func(s *screen) { s.lang = ui.Chinese }, false},
		"the settings broken": {func(s *screen) { s.problem = "line 3" }, false},
	} {
		s := *was
		s.rows = slices.Clone(was.rows)
		c.change(&s)
		if got := s.onlyWords(was); got != c.want || s.equal(was) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// told is an event as the resident sends it.
func told(k monitor.EventKind, s monitor.Snapshot) wire.Object {
	o := wire.FromSnapshot(s)
	o.Event = k.String()
	return o
}

// The whole of it: streams, polls and the loop that draws, ended by the context.
func TestItRunsAndEnds(t *testing.T) {
	app := test.NewTempApp(t)
	client := &fakeClient{events: make(chan wire.Object, 10)}
	s := upTarget("Office gateway", "gate.example.net:7000", 24*time.Millisecond, time.Hour)
	client.status.Targets = []wire.Object{wire.FromSnapshot(s)}
	client.events <- told(monitor.StateEvent, s)
	w := New(app, func() (Client, error) { return client, nil }, ui.English)
	w.create()
	w.build()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.model.run(ctx) })
	wg.Go(func() { w.loop(ctx, nil) })
	eventually := func(what string, ok func() bool) {
		t.Helper()
		desktest.Eventually(t, what, func() bool {
			w.model.mu.Lock()
			defer w.model.mu.Unlock()
			return ok()
		})
	}
	eventually("it learns of its target", func() bool { return w.model.met && len(w.model.order) == 1 })
	close(client.events) // the resident ends
	eventually("it notices that the resident ended", func() bool { return !w.model.lost.IsZero() })
	cancel()
	wg.Wait()
	w.win.Close()
}

func TestADialThatFailsIsTriedAgain(t *testing.T) {
	tries := 0
	m := newModel(func() (Client, error) {
		if tries++; tries < 2 {
			return nil, control.ErrNotRunning
		}
		return &fakeClient{}, nil
	}, ui.English, noon)
	if _, err := m.connect(); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("first: %v", err)
	}
	for range 2 {
		if _, err := m.connect(); err != nil {
			t.Error(err)
		}
	}
	if tries != 2 {
		t.Errorf("dialled %d times", tries)
	}
}

func TestLinesBreakWhereTheyMay(t *testing.T) {
	test.NewTempApp(t)
	f := fontBody
	for _, c := range []struct {
		name, text string
		width      float32
		most       int
		want       []string
	}{
		{"English at spaces", "Start the program on that computer", f.width("Start the program"), 9, []string{"Start the program", "on that computer"}},
		{"Chinese anywhere but before a full stop", "请检查端口号。", f.width("请检查端口号"), 9, []string{"请检查端口", "号。"}},
		{"a name is not torn from its colon", "proxy.example.net:3128 没有回音", f.width("proxy.example.net:3128 没"), 9, []string{"proxy.example.net:3128 没", "有回音"}},
		{"a word too long", "aaaaaaaaaa", f.width("aaaa"), 9, []string{"aaaa", "aaaa", "aa"}},
		{"too many lines", "one two three", f.width("one"), 2, []string{"one", "t…"}},
		{"nothing", "", 100, 9, nil},
	} {
		got := wrap(c.text, c.width+0.5, f, c.most)
		if c.name == "too many lines" {
			if len(got) != 2 || !strings.HasSuffix(got[1], "…") {
				t.Errorf("%s: %q", c.name, got)
			}
			continue
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheScaleIsRound(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{
		0: time.Millisecond, 900 * time.Microsecond: time.Millisecond, 24 * time.Millisecond: 40 * time.Millisecond,
		61 * time.Millisecond: 80 * time.Millisecond, 90 * time.Millisecond: 100 * time.Millisecond, 3 * time.Second: 4 * time.Second,
	} {
		if got := ceiling(in); got != want {
			t.Errorf("ceiling(%v) = %v, want %v", in, got, want)
		}
	}
}

// Contrast after WCAG 2: 4.5 for text, 3 for what is drawn.
func TestContrast(t *testing.T) {
	for name, p := range map[string]*palette{
		"light": &light, "dark": &dark,
		// As Windows 11 has them: Night sky, Desert.
		"contrast, dark":  contrast{true, rgb(0x000000), rgb(0xFFFFFF), rgb(0x8080FF)}.palette(),
		"contrast, light": contrast{true, rgb(0xFFFAEF), rgb(0x3D3D3D), rgb(0x1C5E75)}.palette(),
	} {
		grounds := map[string]color.NRGBA{"background": p.background, "surface": p.surface, "sunken": p.sunken}
		check := func(what string, a, b color.NRGBA, least float64) {
			if got := contrastOf(a, b); got < least {
				t.Errorf("%s: %s has %.2f, want %.1f", name, what, got, least)
			}
		}
		for g, ground := range grounds {
			check("text on "+g, p.text, ground, 4.5)
			check("muted on "+g, p.muted, ground, 4.5)
			check("accent on "+g, p.accent, ground, 4.5)
			for k, tone := range p.tones {
				check(ui.Look(k).String()+" ink on "+g, tone.ink, ground, 4.5)
				check(ui.Look(k).String()+" solid on "+g, tone.solid, ground, 2.95)
			}
		}
		for k, tone := range p.tones {
			check("ink on tint "+ui.Look(k).String(), tone.ink, tone.tint, 4.5)
			check("text on tint "+ui.Look(k).String(), p.text, tone.tint, 4.5)
			check("muted on tint "+ui.Look(k).String(), p.muted, tone.tint, 4.5)
			check("solid on tint "+ui.Look(k).String(), tone.solid, tone.tint, 3)
		}
		check("text on accent", p.onAccent, p.accent, 4.5)
		check("edge on background", p.edge, p.background, 3)
		check("edge on surface", p.edge, p.surface, 3)
	}
}

func contrastOf(a, b color.NRGBA) float64 {
	luminance := func(c color.NRGBA) float64 {
		f := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*f(c.R) + 0.7152*f(c.G) + 0.0722*f(c.B)
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
