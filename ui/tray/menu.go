//go:build (darwin && cgo) || ((linux || freebsd || openbsd || netbsd) && !android)

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
)

// An entry is a line of the menu and what of it is on the screen. Lines are made once in the life of the process and
// used again: systray never frees the number of one that was removed, and panels build anew what is new to them.
type entry struct {
	item  *systray.MenuItem
	click atomic.Pointer[click] // which target is on this line: a click means what was read, not what comes next
	shown menuLine
}

// A menu holds the lines, in the order of menuOf. Only the goroutine that runs the tray touches it.
type menu []*entry

// theMenu is the menu of the process, made before the icon is shown for the first time.
var theMenu = sync.OnceValue(func() menu {
	var m menu
	var above *systray.MenuItem
	for _, l := range menuOf(look{}) {
		if l.gap {
			systray.AddSeparator()
		}
		e := &entry{}
		switch {
		case !l.sub:
			e.item = systray.AddMenuItem("", "")
			above = e.item
		case l.ticks:
			e.item = above.AddSubMenuItemCheckbox("", "", false)
		default:
			e.item = above.AddSubMenuItem("", "")
		}
		// systray offers a click without waiting, and drops it when nobody listens at that moment.
		e.item.ClickedCh = make(chan struct{}, 1)
		m = append(m, e)
	}
	return m
})

// show brings the menu up to v, line by line, touching only what differs.
func (m menu) show(v look) {
	for i, l := range menuOf(v) {
		m[i].set(l)
	}
}

func (e *entry) set(l menuLine) {
	was := &e.shown
	if l.hidden {
		if !was.hidden {
			e.item.Hide()
			was.hidden = true
		}
		return
	}
	if c, old := l.click(), e.click.Load(); old == nil || *old != c {
		e.click.Store(&c)
	}
	if was.title != l.title {
		e.item.SetTitle(label(l.title))
	}
	if was.icon != l.icon {
		if data := assets.Icon(l.icon, glyph); data != nil {
			e.item.SetIcon(data)
		}
	}
	if was.off != l.off {
		if l.off {
			e.item.Disable()
		} else {
			e.item.Enable()
		}
	}
	if was.ticked != l.ticked {
		if l.ticked {
			e.item.Check()
		} else {
			e.item.Uncheck()
		}
	}
	if was.hidden {
		e.item.Show()
	}
	e.shown = l
}

// glyph is the edge of the state glyphs in the menu: what GTK and Qt give to pictures in menus at scale 1.
const glyph = 16

// label keeps a name's own characters: on D-Bus an underscore would mark the next letter as the key to press.
func label(s string) string {
	if runtime.GOOS == "darwin" {
		return s
	}
	return strings.ReplaceAll(s, "_", "__")
}

// listen hands clicks on the menu to t until ctx ends: one goroutine for all lines, which sleeps until a click.
func (m menu) listen(ctx context.Context, t *Tray) {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, e := range m {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(e.item.ClickedCh)})
	}
	for {
		i, _, ok := reflect.Select(cases)
		if i == 0 || !ok {
			return
		}
		if c := m[i-1].click.Load(); c != nil {
			t.clicked(*c)
		}
	}
}
