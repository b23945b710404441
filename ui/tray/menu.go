//go:build windows || (darwin && cgo) || ((linux || freebsd || openbsd || netbsd) && !android)

package tray

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"fyne.io/systray"

	"holdfast/assets"
	"holdfast/ui"
)

// An entry is a line of the menu and what of it is on the screen. Lines are made once in the life of the process and
// used again: systray never frees the number of one that was removed, and panels build anew what is new to them.
type entry struct {
	item   *systray.MenuItem
	what   what
	row    atomic.Pointer[ui.TrayRow] // which target is on this line: a click means what was read, not what comes next
	title  string
	icon   string
	hidden bool
	off    bool
	marked bool
}

// A menu holds the lines. Only the goroutine that runs the tray touches it.
type menu struct {
	rows                                           [12]*entry
	more                                           *entry
	reconnect, pause, hour, tomorrow, forNow       *entry
	resume, drill, stop, hang, late, closing, heal *entry
	open, quit                                     *entry
	all                                            []*entry
}

// theMenu is the menu of the process, made before the icon is shown for the first time.
var theMenu = sync.OnceValue(func() *menu {
	m := &menu{}
	add := func(parent *entry, w what) *entry {
		e := &entry{what: w}
		switch {
		case parent == nil:
			e.item = systray.AddMenuItem("", "")
		case w >= clickDrillStop && w <= clickDrillClose: // what is on has a mark
			e.item = parent.item.AddSubMenuItemCheckbox("", "", false)
		default:
			e.item = parent.item.AddSubMenuItem("", "")
		}
		// systray offers a click without waiting, and drops it when nobody listens at that moment.
		e.item.ClickedCh = make(chan struct{}, 1)
		m.all = append(m.all, e)
		return e
	}
	for i := range m.rows {
		m.rows[i] = add(nil, clickRow)
	}
	m.more = add(nil, clickMore)
	systray.AddSeparator()
	m.reconnect = add(nil, clickReconnect)
	m.pause = add(nil, clickNothing)
	m.hour = add(m.pause, clickPauseHour)
	m.tomorrow = add(m.pause, clickPauseTomorrow)
	m.forNow = add(m.pause, clickPause)
	m.resume = add(nil, clickResume)
	m.drill = add(nil, clickNothing)
	m.stop = add(m.drill, clickDrillStop)
	m.hang = add(m.drill, clickDrillHang)
	m.late = add(m.drill, clickDrillLate)
	m.closing = add(m.drill, clickDrillClose)
	m.heal = add(m.drill, clickDrillHeal)
	m.open = add(nil, clickOpen)
	systray.AddSeparator()
	m.quit = add(nil, clickQuit)
	return m
})

// show brings the menu up to v, line by line, touching only what differs.
func (m *menu) show(v look) {
	lang := v.lang
	for i, e := range m.rows {
		row := v.Rows[i]
		switch {
		case i < v.NRows:
			title := row.Name
			if row.Words != "" {
				title += "   " + row.Words
			}
			if old := e.row.Load(); old == nil || *old != row {
				e.row.Store(&row)
			}
			e.set(title, row.Look.String(), false, false)
		case i == 0: // a menu never begins with a line across
			e.set(v.Look.Word(lang), v.Look.String(), false, true)
		default:
			e.set(e.title, e.icon, true, e.off)
		}
	}
	m.more.set(v.More, "", v.More == "", false)
	plain := func(e *entry, code string, hidden, off bool) { e.set(lang.Say(code), "", hidden, off) }
	plain(m.reconnect, "menu.reconnect", false, !v.CanReconnect)
	nothing := v.Targets == 0
	plain(m.pause, "menu.pause", v.AllPaused || nothing, false)
	plain(m.hour, "menu.pause.hour", false, false)
	plain(m.tomorrow, "menu.pause.tomorrow", false, false)
	plain(m.forNow, "menu.pause.resume", false, false)
	plain(m.resume, "menu.resume", !v.SomePaused && !v.AllPaused, false)
	plain(m.drill, "menu.drill", !v.drill, false)
	for _, d := range []struct {
		e    *entry
		code string
		what Drill
	}{{m.stop, "drill.stop", DrillStop}, {m.hang, "drill.hang", DrillHang}, {m.late, "drill.late", DrillLate}, {m.closing, "drill.close", DrillClose}} {
		d.e.set(lang.Say(d.code)+"   "+lang.Tell(d.code), "", false, false)
		d.e.mark(v.drilled == d.what)
	}
	plain(m.heal, "drill.heal", v.drilled == "" || v.drilled == DrillHeal, false)
	plain(m.open, "menu.open", false, false)
	plain(m.quit, "menu.quit", false, false)
}

func (e *entry) set(title, icon string, hidden, off bool) {
	if hidden && !e.hidden {
		e.item.Hide()
		e.hidden = true
	}
	if !hidden {
		if e.title != title {
			e.item.SetTitle(label(title))
			e.title = title
		}
		if e.icon != icon {
			if data := assets.Icon(icon, glyph); data != nil {
				e.item.SetIcon(menuIcon(data))
			}
			e.icon = icon
		}
	}
	if e.off != off {
		if off {
			e.item.Disable()
		} else {
			e.item.Enable()
		}
		e.off = off
	}
	if !hidden && e.hidden {
		e.item.Show()
		e.hidden = false
	}
}

// mark puts a tick before the line, or takes it away.
func (e *entry) mark(on bool) {
	switch {
	case on && !e.marked:
		e.item.Check()
	case !on && e.marked:
		e.item.Uncheck()
	}
	e.marked = on
}

// glyph is the edge of the state glyphs in the menu: what GTK and Qt give to pictures in menus at scale 1.
const glyph = 16

// label keeps a name's own characters: an underscore (D-Bus) or an ampersand (Windows) would mark the next letter as
// the key to press.
func label(s string) string {
	switch runtime.GOOS {
	case "windows":
		return strings.ReplaceAll(s, "&", "&&")
	case "darwin":
		return s
	}
	return strings.ReplaceAll(s, "_", "__")
}

// listen hands clicks on the menu to t until ctx ends: one goroutine for all lines, which sleeps until a click.
func (m *menu) listen(ctx context.Context, t *Tray) {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, e := range m.all {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(e.item.ClickedCh)})
	}
	for {
		i, _, ok := reflect.Select(cases)
		if i == 0 || !ok {
			return
		}
		e := m.all[i-1]
		c := click{what: e.what}
		if row := e.row.Load(); row != nil {
			c.key, c.look = row.Key, row.Look
		}
		t.clicked(c)
	}
}
