//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/assets"
	"holdfast/internal/desktest"
	"holdfast/ui"
)

var (
	allUp = ui.Tray{
		Look: ui.LookUp, Title: "Holdfast: 2 connected", Targets: 2, NRows: 2,
		Rows: [12]ui.TrayRow{{Key: "a", Name: "Office_gateway", Words: "connected", Look: ui.LookUp}, {Key: "b", Name: "R&D", Words: "connected", Look: ui.LookUp}},
	}
	oneDown = ui.Tray{
		Look: ui.LookDown, Title: "Holdfast: 1 of 2 broken", Text: "R&D: <b> refuses\nsince 12:00:05", Targets: 2, Broken: 1, CanReconnect: true, NRows: 2,
		Rows: [12]ui.TrayRow{{Key: "b", Name: "R&D", Words: "refuses, since 12:00:05", Look: ui.LookDown}, {Key: "a", Name: "Office_gateway", Words: "connected", Look: ui.LookUp}},
	}
)

func TestIconOnTheBus(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	ready := make(chan bool, 8)
	tray := New(Options{OnReady: func() { ready <- true }, HostGone: func(gone bool) { t.Errorf("HostGone(%v)", gone) }})
	tray.Show(allUp)
	runTray(t, tray)
	item := p.item()
	desktest.Next(t, ready, true)

	check := func(look string) {
		t.Helper()
		got := property[[]assets.Pixmap](t, item, "IconPixmap")
		want := assets.Pixmaps(look)
		if len(got) != len(want) {
			t.Fatalf("%d pictures, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i].Width != want[i].Width || got[i].Height != want[i].Height || !bytes.Equal(got[i].ARGB, want[i].ARGB) {
				t.Errorf("picture %d is not that of %s at %d", i, look, want[i].Width)
			}
		}
	}
	check("up")
	for name, want := range map[string]any{
		"Id": "holdfast", "Title": "Holdfast", "Status": "Active", "Category": "Communications", "ItemIsMenu": false, "Menu": menuPath,
		"IconName": "", "IconThemePath": "", "WindowId": int32(0),
	} {
		if got := property[any](t, item, name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := property[tooltip](t, item, "ToolTip"); got.Title != "Holdfast: 2 connected" || got.Text != "" {
		t.Errorf("tooltip %+v", got)
	}

	tray.Show(oneDown)
	p.hears("NewIcon")
	p.hears("NewToolTip")
	check("down")
	if got := property[tooltip](t, item, "ToolTip"); got.Title != "Holdfast: 1 of 2 broken" || got.Text != "R＆D: ‹b› refuses\nsince 12:00:05" {
		t.Errorf("tooltip %+v", got)
	}

	// Hosts may ask anything.
	if err := item.Call(propIface+".Set", 0, itemIface, "Title", dbus.MakeVariant("x")).Err; err == nil {
		t.Error("a property could be set from outside")
	}
	for _, call := range []*dbus.Call{
		item.Call(propIface+".Get", 0, itemIface, "Nonsense"),
		item.Call(propIface+".GetAll", 0, "com.example.Nonsense"),
		item.Call(propIface+".Get", 0, 7),
	} {
		if call.Err == nil {
			t.Errorf("%s %v was answered", call.Method, call.Args)
		}
	}
	var all map[string]dbus.Variant
	desktest.Must(t, item.Call(propIface+".GetAll", 0, itemIface).Store(&all))
	if len(all) < 15 {
		t.Errorf("GetAll gave %d properties", len(all))
	}
}

func TestBadgeCountsTheBroken(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	tray := New(Options{})
	tray.ShowBadge(true)
	v := oneDown
	v.Broken = 3
	tray.Show(v)
	runTray(t, tray)
	item := p.item()
	is := func(want string) {
		t.Helper()
		got := property[[]assets.Pixmap](t, item, "IconPixmap")
		if !bytes.Equal(got[0].ARGB, assets.Pixmaps(want)[0].ARGB) {
			t.Errorf("the icon is not %s", want)
		}
	}
	is("down-3")
	for _, c := range []struct {
		broken int
		badge  bool
		want   string
	}{{12, true, "down-plus"}, {12, false, "down"}, {2, true, "down-2"}, {1, true, "down"}} {
		v.Broken = c.broken
		tray.Show(v)
		tray.ShowBadge(c.badge)
		desktest.Eventually(t, "the icon is "+c.want, func() bool {
			got := property[[]assets.Pixmap](t, item, "IconPixmap")
			return bytes.Equal(got[0].ARGB, assets.Pixmaps(c.want)[0].ARGB)
		})
	}
	tray.Show(allUp)
	p.hears("NewIcon")
	desktest.Eventually(t, "the icon has no badge when nothing is broken", func() bool {
		got := property[[]assets.Pixmap](t, item, "IconPixmap")
		return bytes.Equal(got[0].ARGB, assets.Pixmaps("up")[0].ARGB)
	})
}

func TestMenu(t *testing.T) {
	const tail = "---\nQuit"
	const pause = "\nPause\n  For one hour\n  Until tomorrow\n  Until I resume"
	many := ui.Tray{Look: ui.LookUp, Title: "x", Targets: 15, NRows: 12, More: "and 3 more"}
	wantMany := ""
	for i := range many.Rows {
		many.Rows[i] = ui.TrayRow{Key: fmt.Sprint(i), Name: fmt.Sprintf("t%d", i), Look: ui.LookUp}
		wantMany += fmt.Sprintf("t%d\n", i)
	}
	paused := allUp
	paused.Look, paused.AllPaused, paused.SomePaused = ui.LookPaused, true, true
	some := allUp
	some.SomePaused = true

	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	tray := New(Options{})
	tray.pace.menu = 0
	runTray(t, tray)
	item := p.item()
	_, first := p.menu(item)
	for _, c := range []struct {
		name  string
		shown ui.Tray
		drill bool
		want  string
	}{
		{"nothing set up", ui.Tray{Title: "x"}, false, "Nothing set up (off)\n---\nReconnect now (off)\nOpen Holdfast\n" + tail},
		{"all up", allUp, false, "Office__gateway   connected\nR&D   connected\n---\nReconnect now (off)" + pause + "\nOpen Holdfast\n" + tail},
		{"one down", oneDown, false, "R&D   refuses, since 12:00:05\nOffice__gateway   connected\n---\nReconnect now" + pause + "\nOpen Holdfast\n" + tail},
		{"fifteen targets", many, false, wantMany + "and 3 more\n---\nReconnect now (off)" + pause + "\nOpen Holdfast\n" + tail},
		{"with the demo, broken", allUp, true, "Office__gateway   connected\nR&D   connected\n---\nReconnect now (off)" + pause +
			"\nDrill with the demo\n  Stop it   The program ends; seen at once.\n  Hang it   It accepts but stays silent. (on)\n" +
			"  Answer late   Slow, not broken: no alarm.\n  Close at once   It hangs up on every session.\n  Let it answer again\nOpen Holdfast\n" + tail},
		{"all paused", paused, false, "Office__gateway   connected\nR&D   connected\n---\nReconnect now (off)\nResume\nOpen Holdfast\n" + tail},
		{"some paused", some, false, "Office__gateway   connected\nR&D   connected\n---\nReconnect now (off)" + pause + "\nResume\nOpen Holdfast\n" + tail},
		{"nothing set up again", ui.Tray{Title: "x"}, false, "Nothing set up (off)\n---\nReconnect now (off)\nOpen Holdfast\n" + tail},
	} {
		tray.Show(c.shown)
		tray.ShowDrill(c.drill, DrillHang)
		var lines []line
		var all int
		for end := time.Now().Add(desktest.Patience); labels(lines) != c.want && time.Now().Before(end); {
			lines, all = p.menu(item)
		}
		if got := labels(lines); got != c.want {
			t.Fatalf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
		if all != first {
			t.Errorf("%s: %d lines, hidden ones included; there were %d at first", c.name, all, first)
		}
		for i := range c.shown.NRows {
			if !bytes.Equal(lines[i].icon, assets.Icon(c.shown.Rows[i].Look.String(), glyph)) {
				t.Errorf("%s: row %d has not the glyph of %v", c.name, i, c.shown.Rows[i].Look)
			}
		}
	}
}

func TestMenuInChinese(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	tray := New(Options{Lang: ui.Chinese})
	tray.Show(allUp)
	runTray(t, tray)
	item := p.item()
	desktest.Eventually(t, "the menu is in Chinese", func() bool {
		lines, _ := p.menu(item)
		got := labels(lines)
		return strings.Contains(got, "立即重连 (off)\n暂停\n  一小时\n") && strings.HasSuffix(got, "退出")
	})
	_, before := p.menu(item)
	tray.Speak(ui.English) // while it is on the screen
	desktest.Eventually(t, "the menu is in English", func() bool {
		lines, _ := p.menu(item)
		got := labels(lines)
		return strings.Contains(got, "Reconnect now (off)\nPause\n  For one hour\n") && strings.HasSuffix(got, "Quit")
	})
	if _, after := p.menu(item); after != before {
		t.Errorf("%d lines, hidden ones included; there were %d", after, before)
	}
}

func TestClicksArriveFromTheBus(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	asked := make(asked, 8)
	tray := New(Options{Actions: asked.actions()})
	tray.pace.menu = 0
	tray.Show(allUp)
	tray.ShowDrill(true, DrillLate)
	runTray(t, tray)
	item := p.item()
	mouse := func(method, want string) {
		t.Helper()
		desktest.Must(t, item.Call(itemIface+"."+method, 0, int32(10), int32(10)).Err)
		desktest.Next(t, asked, want)
	}
	mouse("Activate", "open")
	tray.Show(oneDown)
	p.hears("NewIcon")
	mouse("Activate", "reconnect")
	mouse("SecondaryActivate", "open")
	mouse("ContextMenu", "open") // only hosts that cannot draw a menu send it

	var lines []line
	desktest.Eventually(t, "the menu shows the broken target first", func() bool {
		lines, _ = p.menu(item)
		return strings.HasPrefix(lines[0].label, "R&D   refuses")
	})
	for _, c := range []struct{ label, want string }{
		{"R&D   refuses, since 12:00:05", "reconnect b"}, {"Office__gateway   connected", "open"}, {"Reconnect now", "reconnect"},
		{"For one hour", "pause an hour"}, {"Until tomorrow", "pause until tomorrow"}, {"Until I resume", "pause"},
		{"Stop it   The program ends; seen at once.", "drill stopped"}, {"Hang it   It accepts but stays silent.", "drill hung"},
		{"Answer late   Slow, not broken: no alarm.", "drill late"}, {"Close at once   It hangs up on every session.", "drill closing"},
		{"Let it answer again", "drill normal"}, {"Open Holdfast", "open"}, {"Quit", "quit"},
	} {
		i := slices.IndexFunc(lines, func(l line) bool { return l.label == c.label })
		if i < 0 {
			t.Fatalf("no line %q in\n%s", c.label, labels(lines))
		}
		p.click(item, lines[i].id)
		desktest.Next(t, asked, c.want)
	}

	// What hosts send that means nothing.
	menu := p.conn.Object(item.Destination(), menuPath)
	for _, id := range []int32{0, -1, 1 << 30} {
		menu.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0))
		menu.Call("com.canonical.dbusmenu.Event", 0, id, "hovered", dbus.MakeVariant(1), uint32(0))
		menu.Call("com.canonical.dbusmenu.GetLayout", 0, id, int32(-1), []string{})
	}
	item.Call(itemIface+".Scroll", 0, int32(1), "vertical")
	mouse("SecondaryActivate", "open")
}

// An action that hangs holds up neither the bus nor the icon.
func TestActionThatHangs(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	release := make(chan bool)
	tray := New(Options{Actions: Actions{Open: func() { <-release }}})
	tray.Show(allUp)
	runTray(t, tray)
	item := p.item()
	for range 100 {
		desktest.Must(t, item.Call(itemIface+".SecondaryActivate", 0, int32(0), int32(0)).Err)
	}
	tray.Show(oneDown)
	p.hears("NewIcon")
	close(release)
}

func TestPanelThatRestartsGetsItsIconBack(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	tray := New(Options{HostGone: func(gone bool) { t.Errorf("HostGone(%v) for a panel that came back", gone) }})
	tray.Show(allUp)
	runTray(t, tray)
	p.item()
	for range 3 {
		p.vanish()
		tray.Show(oneDown)
		p.appear()
		if got := property[[]assets.Pixmap](t, p.item(), "IconPixmap"); !bytes.Equal(got[0].ARGB, assets.Pixmaps("down")[0].ARGB) {
			t.Error("the icon that came back is not the newest")
		}
	}
}

// Of two panels one keeps the list, and the other waits for it: it goes from hand to hand without a moment in which there
// is none.
func TestAnotherPanelTakesTheListOver(t *testing.T) {
	b := desktest.SessionBus(t)
	first, second := newPanel(t, b), newPanel(t, b)
	first.appear()
	if reply, err := second.conn.RequestName(watcherName, 0); err != nil || reply != dbus.RequestNameReplyInQueue {
		t.Fatalf("wait for the watcher's name: %v, %v", reply, err)
	}
	ready := make(chan bool, 8)
	tray := New(Options{OnReady: func() { ready <- true }, HostGone: func(gone bool) { t.Errorf("HostGone(%v)", gone) }})
	tray.Show(allUp)
	runTray(t, tray)
	one := first.item()
	desktest.Next(t, ready, true)
	first.vanish()
	two := second.item()
	if one.Destination() != two.Destination() {
		t.Errorf("registered as %s and as %s", one.Destination(), two.Destination())
	}
	tray.Show(oneDown)
	for _, p := range []*panel{first, second} { // one may still show what it read before
		p.hears("NewIcon")
	}
}

func TestNobodyShowsIcons(t *testing.T) {
	b := desktest.SessionBus(t)
	gone, ready := make(chan bool, 8), make(chan bool, 8)
	tray := New(Options{HostGone: func(g bool) { gone <- g }, OnReady: func() { ready <- true }})
	tray.pace.first, tray.pace.later = 50*time.Millisecond, 50*time.Millisecond
	tray.Show(allUp)
	runTray(t, tray)
	desktest.Next(t, gone, true)

	p := newPanel(t, b)
	p.appear()
	desktest.Next(t, gone, false)
	item := p.item()
	desktest.Next(t, ready, true)
	if got := property[string](t, item, "Title"); got != "Holdfast" {
		t.Errorf("title %q", got)
	}

	p.vanish()
	desktest.Next(t, gone, true)
	p.setHost(false)
	p.appear() // a watcher without a host takes the icon, and nobody shows it
	p.item()
	desktest.Next(t, ready, true)
	p.setHost(true)
	desktest.Next(t, gone, false)

	// A watcher may outlive the panel that shows what it watches.
	p.setHost(false)
	desktest.Next(t, gone, true)
	p.setHost(true)
	desktest.Next(t, gone, false)
}

// systray tries once, and then listens for new watchers: one that came in between it would miss for ever.
func TestRegistrationThatWasLostIsRepeated(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.deaf = 1
	p.appear()
	tray := New(Options{})
	tray.pace.look = 20 * time.Millisecond
	runTray(t, tray)
	p.item()
}

// A bus that is too busy to answer has not said that there is no watcher; of one that was there before no news comes.
func TestBusThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	b := desktest.SessionBus(t)
	newPanel(t, b).appear()
	conn := b.Connect()
	s := &screen{t: New(Options{}), look: time.NewTimer(time.Hour), patience: time.NewTimer(time.Hour)}
	s.t.pace.look = time.Millisecond
	b.Freeze()
	f := find(t.Context(), conn, nil, 20*time.Millisecond)
	b.Thaw()
	if !s.found(f) || s.host {
		t.Errorf("found %+v, host %v", f, s.host)
	}
	select {
	case <-s.look.C:
	case <-time.After(desktest.Patience):
		t.Fatal("nothing asks again")
	}
	if f := find(t.Context(), conn, nil, desktest.Patience); !f.watcher || !f.host {
		t.Errorf("asked again: %+v", f)
	}
}

// A watcher that tells of every registration and lists none would otherwise be registered with for ever, without a pause.
func TestRegistrationThatIsNeverListedKeepsNobodyBusy(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.forgets = true
	p.appear()
	tray := New(Options{})
	tray.pace.look = 5 * time.Millisecond
	stop := runTray(t, tray)
	const while = time.Second
	<-time.After(while) // it is what does not happen in this time that counts
	stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	// systray's own, then after 50, 100, 200 and 400 ms.
	if p.asked < 2 || p.asked > 8 {
		t.Errorf("%d registrations within %v, want two to eight", p.asked, while)
	}
}

func TestPanelThatHangsHoldsNothingUp(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.mute = true
	p.appear()
	tray := New(Options{})
	tray.pace.call = 100 * time.Millisecond
	tray.Show(allUp)
	stop := runTray(t, tray)
	p.item()
	tray.Show(oneDown)
	p.hears("NewIcon")
	stop()
}

func TestNoSessionBus(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	silent := filepath.Join(dir, "silent")
	for name, address := range map[string]string{
		"nothing there":     "unix:path=" + filepath.Join(dir, "none"),
		"not an address":    "carrier-pigeon:",
		"silent for ever":   "unix:path=" + silent,
		"nothing at a port": "tcp:host=127.0.0.1,port=1",
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		tray := New(Options{HostGone: func(bool) { t.Errorf("%s: HostGone was called", name) }})
		tray.pace.call = 100 * time.Millisecond
		if address == "unix:path="+silent {
			l := listen(t, silent)
			defer l()
		}
		start := time.Now()
		if err := tray.Run(context.Background()); !errors.Is(err, ErrNoTray) {
			t.Errorf("%s: %v, want ErrNoTray", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestEndedBeforeItBegan(t *testing.T) {
	desktest.SessionBus(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := New(Options{}).Run(ctx); err != nil {
		t.Error(err)
	}
}

// Two icons of one process would share one menu.
func TestOneTrayAProcess(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	runTray(t, New(Options{}))
	p.item()
	if err := New(Options{}).Run(context.Background()); err == nil || errors.Is(err, ErrNoTray) {
		t.Errorf("a second one: %v", err)
	}
}

func TestBusThatDies(t *testing.T) {
	b := desktest.SessionBus(t)
	p := newPanel(t, b)
	p.appear()
	gone := make(chan bool, 8)
	tray := New(Options{HostGone: func(g bool) { gone <- g }})
	tray.pace.later, tray.pace.bus, tray.pace.menu = 20*time.Millisecond, 20*time.Millisecond, 0
	tray.Show(allUp)
	runTray(t, tray)
	p.item()
	for round := range 3 {
		b.Stop()
		for i := range 200 { // while nobody listens, and while systray does not know that yet
			if i%2 == 0 {
				tray.Show(oneDown)
			} else {
				tray.Show(allUp)
			}
			time.Sleep(100 * time.Microsecond)
		}
		desktest.Next(t, gone, true)
		tray.Show(oneDown)

		b.Start()
		p = newPanel(t, b)
		p.appear()
		desktest.Next(t, gone, false)
		item := p.item()
		if got := property[[]assets.Pixmap](t, item, "IconPixmap"); !bytes.Equal(got[0].ARGB, assets.Pixmaps("down")[0].ARGB) {
			t.Errorf("round %d: the icon on the new bus is not the newest", round)
		}
		desktest.Eventually(t, "the menu on the new bus is the newest", func() bool {
			lines, _ := p.menu(item)
			return strings.HasPrefix(lines[0].label, "R&D   refuses")
		})
		tray.Show(allUp)
		p.hears("NewIcon")
	}
}

// A bus that was stopped takes what fits into its socket and then nothing.
func TestBusThatStandsStill(t *testing.T) {
	b := desktest.SessionBus(t)
	p := newPanel(t, b)
	p.appear()
	tray := New(Options{})
	tray.pace.menu = 0
	tray.Show(allUp)
	stop := runTray(t, tray)
	p.item()
	b.Freeze()
	slowest := time.Duration(0)
	for i := range 20000 {
		start := time.Now()
		if i%2 == 0 {
			tray.Show(oneDown)
		} else {
			tray.Show(allUp)
		}
		slowest = max(slowest, time.Since(start))
		if i%20 == 0 {
			runtime.Gosched()
			time.Sleep(50 * time.Microsecond)
		}
	}
	t.Logf("slowest Show: %v", slowest)
	if slowest > time.Second {
		t.Errorf("Show took %v", slowest)
	}
	start := time.Now()
	stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Run took %v to end", took)
	}
	b.Thaw() // and what hung ends, or goleak says so
}

// Changes leave nothing behind: no goroutine, no file, no memory, no line of the menu.
func TestManyChangesLeaveNothingBehind(t *testing.T) {
	p := newPanel(t, desktest.SessionBus(t))
	p.appear()
	tray := New(Options{})
	tray.pace.menu = 0
	tray.Show(oneDown)
	runTray(t, tray)
	item := p.item()
	late := allUp
	late.Look, late.Title, late.Rows[0].Words = ui.LookSuspect, "Holdfast: checking", "checking"
	changes := func(n int) {
		for i := range n {
			switch {
			case i%2 == 0:
				tray.Show(allUp)
			case i%10 == 1:
				tray.Show(oneDown)
			default:
				tray.Show(late)
			}
			p.hears("NewIcon")
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const n = 2000
	changes(200)
	_, lines := p.menu(item)
	goroutines, files, before := runtime.NumGoroutine(), openFiles(t), heap()
	start := time.Now()
	changes(n)
	t.Logf("%d changes in %v", n, time.Since(start))
	_, after := p.menu(item)
	if after != lines {
		t.Errorf("%d lines in the menu, %d before", after, lines)
	}
	desktest.Eventually(t, "the goroutines are as many as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := openFiles(t); n > files {
		t.Errorf("%d open files, %d before", n, files)
	}
	grown := int64(heap()) - int64(before)
	t.Logf("heap grew by %d bytes", grown)
	if grown > 24*n { // less than one thing of the least size for each change
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func TestThemeOnlyWherePanelsShrinkPictures(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"Xfce":              {map[string]string{"XDG_CURRENT_DESKTOP": "XFCE", "XDG_RUNTIME_DIR": "/run/x"}, true},
		"among others":      {map[string]string{"XDG_CURRENT_DESKTOP": "X-Debian:xfce", "XDG_RUNTIME_DIR": "/run/x"}, true},
		"KDE":               {map[string]string{"XDG_CURRENT_DESKTOP": "KDE", "XDG_RUNTIME_DIR": "/run/x"}, false},
		"no runtime folder": {map[string]string{"XDG_CURRENT_DESKTOP": "XFCE"}, false},
		"relative folder":   {map[string]string{"XDG_CURRENT_DESKTOP": "XFCE", "XDG_RUNTIME_DIR": "x"}, false},
		"sandbox":           {map[string]string{"XDG_CURRENT_DESKTOP": "XFCE", "XDG_RUNTIME_DIR": "/run/x", "FLATPAK_ID": "x"}, false},
	} {
		th := newTheme(func(k string) string { return c.env[k] })
		if got := th.dir != ""; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestThemeFiles(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"XDG_CURRENT_DESKTOP": "XFCE", "XDG_RUNTIME_DIR": dir}
	th := newTheme(func(k string) string { return env[k] })
	name, path := th.icon("up")
	for _, n := range themeSizes {
		file := filepath.Join(path, "hicolor", fmt.Sprintf("%dx%d", n, n), "apps", name+".png")
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(data, assets.Icon("up", n)) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if again, _ := th.icon("up"); again != name {
		t.Errorf("named %s, then %s", name, again)
	}
	if other, _ := th.icon("down"); other == name || other == "" {
		t.Errorf("down is named %q", other)
	}
	left, _ := filepath.Glob(filepath.Join(path, "hicolor", "*", "apps", ".new-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	// A folder that cannot be written: pictures alone, no name of a file that is not there.
	env["XDG_RUNTIME_DIR"] = filepath.Join(dir, "file")
	desktest.Must(t, os.WriteFile(env["XDG_RUNTIME_DIR"], nil, 0o600))
	th = newTheme(func(k string) string { return env[k] })
	if name, path := th.icon("up"); name != "" || path != "" {
		t.Errorf("%q in %q, want none", name, path)
	}
}
