// Package tray shows Holdfast in the notification area: an icon for all targets, a tooltip, a menu. It draws what it is
// given ([ui.Tray]) and asks for what is clicked ([Actions]); it knows nothing of sessions.
//
// On Linux and the BSDs it speaks StatusNotifierItem over the session bus, on Windows it asks the taskbar (Shell_NotifyIcon);
// neither needs cgo. On macOS it does; without it, and on every other system, Run says that there is no tray.
package tray

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/assets"
	"holdfast/ui"
)

// ErrNoTray is returned by Run where an icon can never be shown: there is no session bus, or this build has no tray.
var ErrNoTray = errors.New("no tray")

// A Drill is something that the demo server can be told to do; the values are the names of its modes.
type Drill string

// The five entries of the drill menu.
const (
	DrillStop  Drill = "stopped"
	DrillHang  Drill = "hung"
	DrillLate  Drill = "late"
	DrillClose Drill = "closing"
	DrillHeal  Drill = "normal"
)

// Actions are called when something is clicked. They, OnReady and HostGone come one at a time, from a goroutine that serves
// nothing else: they may take their time, and up to 32 clicks wait. Nil means that nothing happens.
type Actions struct {
	Reconnect       func()                // whatever is not Up
	ReconnectTarget func(key string)      // ui.TrayRow.Key
	Pause           func(until time.Time) // all; the zero time means until Resume
	Resume          func()
	Open            func() // the window
	Drill           func(Drill)
	Quit            func()
}

// Options of a Tray. The zero value is ready to use.
type Options struct {
	Logger  *slog.Logger // nil: nothing is logged
	Lang    ui.Lang      // "" is English
	Actions Actions

	// OnReady is called each time the icon has been handed to a tray host.
	OnReady func()
	// HostGone is called with true when nothing shows icons, at the start after a second, later after five (a
	// panel that restarts is back by then), and with false when something does again. A start with a host calls neither.
	HostGone func(gone bool)
	// Ended is closed when all that Quit ends has ended. Windows, which may end the program at once when it has been told
	// that the session may end, is kept waiting for it, a few seconds at most. Nil: only the end of Run's context is waited for.
	Ended <-chan struct{}
}

// A Tray is the icon of this process; there can be one that runs. New makes it, Run keeps it, Show changes it.
type Tray struct {
	o Options

	mu   sync.Mutex
	want look // guarded by mu

	wake   chan struct{} // capacity 1: want has changed
	clicks chan click
	pace   pace // only tests change it

	balloons      chan balloonRequest
	balloonEvents chan ui.BalloonEvent
}

// look is all that is shown; comparable.
type look struct {
	ui.Tray
	drilled      Drill // the drill that is on; "" is DrillHeal
	drill, badge bool
	lang         ui.Lang
}

// icon is the name under which package assets keeps the picture.
func (l look) icon() string {
	if l.badge && l.Look == ui.LookDown {
		return assets.Badged(l.Broken)
	}
	return l.Look.String()
}

// New returns a tray that shows nothing yet. Until the first Show it will be "not known".
func New(o Options) *Tray {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Lang == "" {
		o.Lang = ui.English
	}
	t := &Tray{
		o: o, wake: make(chan struct{}, 1), clicks: make(chan click, 32), pace: usual,
		balloons: make(chan balloonRequest), balloonEvents: make(chan ui.BalloonEvent, 16),
	}
	t.want.Look, t.want.Title, t.want.lang = ui.LookUnknown, "Holdfast", o.Lang
	return t
}

// Show sets what is to be seen. It may be called from any goroutine, before, during and after Run; it never waits for the
// bus, and costs a comparison when nothing has changed. What is shown may skip to the newest.
func (t *Tray) Show(v ui.Tray) { t.change(func(l *look) { l.Tray = v }) }

// ShowDrill says whether the menu has the drill in it, as it has while the demo server is a target, and which one is on.
func (t *Tray) ShowDrill(there bool, on Drill) {
	t.change(func(l *look) { l.drill, l.drilled = there, on })
}

// ShowBadge says whether the number of broken targets is drawn over the icon, from two.
func (t *Tray) ShowBadge(on bool) { t.change(func(l *look) { l.badge = on }) }

// Speak changes the language of the menu. What Show is given has been put into words by others.
func (t *Tray) Speak(lang ui.Lang) { t.change(func(l *look) { l.lang = lang }) }

func (t *Tray) change(f func(*look)) {
	t.mu.Lock()
	before := t.want
	f(&t.want)
	same := t.want == before
	t.mu.Unlock()
	if same {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default: // one is already pending
	}
}

func (t *Tray) wanted() look {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.want
}

// Run shows the icon until ctx ends, then takes it away and returns nil. It returns at once, with an error that is
// [ErrNoTray], where there can be none. Without a tray host it waits for one; when the bus or Explorer goes away it waits for
// that, too. On macOS it must be called from the main goroutine.
func (t *Tray) Run(ctx context.Context) error {
	if !running.CompareAndSwap(false, true) {
		return errors.New("a tray is already running in this process")
	}
	defer running.Store(false)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return t.run(ctx)
}

// pace is how long things are waited for.
type pace struct {
	call  time.Duration // one answer of the bus or of the watcher
	first time.Duration // without a host at the start, until HostGone
	later time.Duration // the same afterwards: a panel that restarts takes one to three seconds
	look  time.Duration // until the watcher is asked whether it has the icon that it should have got
	menu  time.Duration // between two changes of the menu, each of which makes panels read it anew; the icon never waits
	bus   time.Duration // between two tries to reach a bus that has gone, or a taskbar; doubles up to thirty times that
	end   time.Duration // at the end of Run, for a bus that does not take what was sent
}

var usual = pace{
	call: 5 * time.Second, first: time.Second, later: 5 * time.Second, look: time.Second,
	menu: 200 * time.Millisecond, bus: time.Second, end: time.Second,
}

// running is true while a Tray runs: the library keeps icon and menu in package variables.
var running atomic.Bool

// A click is what was clicked, or what is told in the same way; key and look are those of the target on the line, when it was a row.
type click struct {
	what what
	key  string
	look ui.Look
}

type what uint8

const (
	clickLeft what = iota
	clickMiddle
	clickRow
	clickMore
	clickReconnect
	clickPauseHour
	clickPauseTomorrow
	clickPause
	clickResume
	clickDrillStop
	clickDrillHang
	clickDrillLate
	clickDrillClose
	clickDrillHeal
	clickOpen
	clickQuit
	clickNothing // a line that only opens a submenu
	tellGone     // HostGone(true)
	tellBack     // HostGone(false)
	tellReady    // OnReady
)

// clicked notes a click and returns at once; the handlers of the library and of the bus call it.
func (t *Tray) clicked(c click) {
	select {
	case t.clicks <- c:
	default: // an action hangs, and 32 clicks wait for it
		t.o.Logger.Warn("tray: a click was dropped", "click", c.what)
	}
}

// answer does what clicks ask for, until ctx ends.
func (t *Tray) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-t.clicks:
			t.act(c, time.Now())
		}
	}
}

func (t *Tray) act(c click, now time.Time) {
	a, v := t.o.Actions, t.wanted()
	call := func(f func()) {
		if f != nil {
			f()
		}
	}
	pause := func(until time.Time) {
		if a.Pause != nil {
			a.Pause(until)
		}
	}
	drill := func(d Drill) {
		if a.Drill != nil {
			a.Drill(d)
		}
	}
	switch c.what {
	case clickLeft:
		if v.CanReconnect {
			call(a.Reconnect)
		} else {
			call(a.Open)
		}
	case clickRow:
		if c.key == "" { // a cause of several: all that is broken
			call(a.Reconnect)
		} else if a.ReconnectTarget != nil && c.look != ui.LookUp && c.look != ui.LookPaused {
			a.ReconnectTarget(c.key)
		} else {
			call(a.Open)
		}
	case clickReconnect:
		call(a.Reconnect)
	case clickPauseHour:
		pause(now.Add(time.Hour))
	case clickPauseTomorrow:
		pause(tomorrow(now))
	case clickPause:
		pause(time.Time{})
	case clickResume:
		call(a.Resume)
	case clickDrillStop:
		drill(DrillStop)
	case clickDrillHang:
		drill(DrillHang)
	case clickDrillLate:
		drill(DrillLate)
	case clickDrillClose:
		drill(DrillClose)
	case clickDrillHeal:
		drill(DrillHeal)
	case clickMiddle, clickMore, clickOpen:
		call(a.Open)
	case clickQuit:
		call(a.Quit)
	case tellGone, tellBack:
		if t.o.HostGone != nil {
			t.o.HostGone(c.what == tellGone)
		}
	case tellReady:
		call(t.o.OnReady)
	}
}

// tomorrow is what people mean by it: six in the morning, at least four hours away.
func tomorrow(now time.Time) time.Time {
	y, m, d := now.Date()
	for {
		six := time.Date(y, m, d, 6, 0, 0, 0, now.Location())
		if six.Sub(now) >= 4*time.Hour {
			return six
		}
		d++
	}
}
