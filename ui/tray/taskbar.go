package tray

import (
	"strings"
	"time"
	"unicode/utf16"

	"holdfast/assets"
	"holdfast/ui"
)

// What Windows' taskbar is told and what follows from its answers; the calls themselves are in tray_windows.go.

// A plate is all that the taskbar shows of us; comparable.
type plate struct {
	icon string // in package assets
	edge int    // its size in pixels
	tip  string
}

// A taskbarCall is what Shell_NotifyIcon can be asked for.
type taskbarCall uint8

const (
	taskbarAdd     taskbarCall = iota // NIM_ADD
	taskbarModify                     // NIM_MODIFY
	taskbarVersion                    // NIM_SETVERSION 4
	taskbarDelete                     // NIM_DELETE
)

// A taskbarTimer is one of the timers of a taskbar.
type taskbarTimer uint8

const (
	timerRetry taskbarTimer = iota + 1 // the icon is handed over once more
	timerGone                          // HostGone
)

// taskbarTries is how often an icon that the taskbar did not take is handed over again, after 1, 2, 4 and more seconds: at
// login programs may start before it does. Later the taskbar says when it is there (the message "TaskbarCreated").
const taskbarTries = 7

// A taskbar is what Windows has of a tray, and what is known of Windows. One goroutine owns it.
type taskbar struct {
	t     *Tray
	call  func(taskbarCall, plate) bool      // Shell_NotifyIcon
	toast func(b ui.Balloon, ours bool) bool // the same for notifications: shows one; the zero Balloon takes it away
	after func(taskbarTimer, time.Duration)  // it runs out once; 0 stops it
	sizes func() (edge int)                  // of an icon on the taskbar, now

	up      bool  // the taskbar has the icon
	once    bool  // and had it before, perhaps
	shown   plate // what it has
	new     bool  // it tells of clicks in the way of version 4
	tries   int   // to hand the icon over, since it had it last
	told    bool  // HostGone(true) was called last
	toasted bool  // a notification stands
	refused bool  // our picture in one was not taken, and that was said
}

// plate is what is wanted.
func (b *taskbar) plate() plate {
	v := b.t.wanted()
	tip := v.Title
	if v.Text != "" {
		tip += "\n" + v.Text
	}
	return plate{icon: v.icon(), edge: b.sizes(), tip: tip}
}

// raise hands the icon over: at the start, when the taskbar has begun anew, and when it did not take it before.
func (b *taskbar) raise() {
	p := b.plate()
	// A taskbar that is slow may have taken what it did not confirm; and one that says that it was created may have the icon
	// still (Windows 10 says so when the scale of the screen changes).
	b.up = b.call(taskbarAdd, p) || b.call(taskbarModify, p)
	if !b.up {
		b.lost()
		return
	}
	b.new = b.call(taskbarVersion, p)
	b.shown, b.once, b.tries, b.toasted = p, true, 0, false
	b.after(timerRetry, 0)
	b.after(timerGone, 0)
	if b.told {
		b.told = false
		b.t.o.Logger.Info("tray: the taskbar is there")
		b.t.clicked(click{what: tellBack})
	}
	b.t.clicked(click{what: tellReady})
	b.t.balloonEvent(ui.BalloonReady)
}

// lost notes that the taskbar does not have the icon.
func (b *taskbar) lost() {
	if b.tries == 0 && !b.told {
		patience := b.t.pace.first
		if b.once {
			patience = b.t.pace.later
		}
		b.after(timerGone, patience)
	}
	if b.tries < taskbarTries {
		b.after(timerRetry, b.t.pace.bus<<b.tries)
		b.tries++
	}
}

// ran is called when a timer has run out.
func (b *taskbar) ran(t taskbarTimer) {
	switch {
	case b.up: // it ran out while the icon was handed over
	case t == timerRetry:
		b.raise()
	case t == timerGone && !b.told:
		b.told = true
		b.t.o.Logger.Warn("tray: there is no taskbar that shows icons")
		b.t.clicked(click{what: tellGone})
	}
}

// paint brings the icon up to what is wanted. What the taskbar does not take it has lost: it ended, and another comes.
func (b *taskbar) paint() {
	if !b.up {
		return
	}
	p := b.plate()
	if p == b.shown {
		return
	}
	if b.shown = p; b.call(taskbarModify, p) {
		return
	}
	b.up = false
	b.raise()
}

// balloon shows a notification at the icon, in place of the one that stands, and reports whether the taskbar took it. The
// zero Balloon only takes that away. Windows shows none whose picture it does not like, for one with another size than it
// expects: without ours it has one of its own.
func (b *taskbar) balloon(n ui.Balloon) bool {
	if b.toasted { // else the next might wait for its time to be over
		b.toasted = false
		b.toast(ui.Balloon{}, false)
	}
	if n == (ui.Balloon{}) {
		return true
	}
	if b.toasted = b.toast(n, true); b.toasted {
		return true
	}
	if b.toasted = b.toast(n, false); b.toasted && !b.refused {
		b.refused = true
		b.t.o.Logger.Info("tray: Windows shows notifications only without our picture")
	}
	return b.toasted
}

// lower takes the icon away.
func (b *taskbar) lower() {
	b.after(timerRetry, 0)
	b.after(timerGone, 0)
	if b.up {
		b.up = false
		b.call(taskbarDelete, b.shown)
	}
}

// Messages of the taskbar (shellapi.h, winuser.h).
const (
	wmContextMenu = 0x7b
	wmLButtonUp   = 0x202
	wmRButtonUp   = 0x205
	wmMButtonUp   = 0x208
	ninSelect     = 0x400
	ninKeySelect  = 0x401
	ninHide       = 0x403
	ninTimeout    = 0x404
	ninUserClick  = 0x405
)

// A taskbarEvent is what a message of the taskbar means.
type taskbarEvent uint8

const (
	eventNothing taskbarEvent = iota
	eventOpen
	eventMiddle
	eventMenu
	eventBalloonClicked
	eventBalloonGone
)

// meaning of a message. With version 4 the low word of lParam is the event, a left click is NIN_SELECT, and what asks for the
// menu, by mouse or keyboard, is WM_CONTEXTMENU; before it was lParam as a whole, and the button (Shell_NotifyIconW,
// "NIM_SETVERSION").
func (b *taskbar) meaning(lParam uintptr) taskbarEvent {
	what := uint32(lParam)
	if b.new {
		what &= 0xffff
	}
	switch {
	case what == ninUserClick:
		b.toasted = false
		return eventBalloonClicked
	case what == ninTimeout:
		b.toasted = false
		return eventBalloonGone
	case what == ninHide: // mostly it was taken away, and another may stand by now
		return eventBalloonGone
	case what == wmMButtonUp:
		return eventMiddle
	case b.new && (what == ninSelect || what == ninKeySelect), !b.new && what == wmLButtonUp:
		return eventOpen
	case b.new && what == wmContextMenu, !b.new && what == wmRButtonUp:
		return eventMenu
	}
	return eventNothing
}

// field returns s as it fits into a field of units, with a zero at the end: what is too long is cut after a whole character
// and ends in an ellipsis.
func field(s string, units int) []uint16 {
	s, _, _ = strings.Cut(s, "\x00")
	out := utf16.Encode([]rune(s))
	if len(out) >= units {
		out = out[:units-2]
		if n := len(out); utf16.IsSurrogate(rune(out[n-1])) && out[n-1] < 0xdc00 { // the first half of one
			out = out[:n-1]
		}
		out = append(out, '…')
	}
	return append(out, 0)
}

// iconBits is a picture in the form that CreateIconFromResourceEx takes: a BITMAPINFOHEADER of twice the height, blue, green,
// red and alpha of each pixel from the last row up, and a mask that nothing reads where there is alpha.
func iconBits(p assets.Pixmap) []byte {
	w, h := int(p.Width), int(p.Height)
	mask := (w + 31) / 32 * 4 * h
	out := make([]byte, 0, 40+4*w*h+mask)
	out = appendHeader(out, w, 2*h)
	for y := h - 1; y >= 0; y-- {
		for i := 4 * y * w; i < 4*(y+1)*w; i += 4 {
			out = append(out, p.ARGB[i+3], p.ARGB[i+2], p.ARGB[i+1], p.ARGB[i])
		}
	}
	return append(out, make([]byte, mask)...)
}

// appendHeader appends a BITMAPINFOHEADER (wingdi.h) of 32 bits a pixel; a height below zero begins at the top.
func appendHeader(out []byte, width, height int) []byte {
	four := func(n int) { out = append(out, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)) }
	four(40)
	four(width)
	four(height)
	out = append(out, 1, 0, 32, 0) // planes, bits a pixel
	for range 6 {
		four(0)
	}
	return out
}

// menuBits is a picture in the form of menus: blue, green and red multiplied by alpha, and alpha, from the top.
func menuBits(p assets.Pixmap) []byte {
	out := make([]byte, 0, len(p.ARGB))
	for i := 0; i+4 <= len(p.ARGB); i += 4 {
		a := int(p.ARGB[i])
		by := func(v byte) byte { return byte((int(v)*a + 127) / 255) }
		out = append(out, by(p.ARGB[i+3]), by(p.ARGB[i+2]), by(p.ARGB[i+1]), byte(a))
	}
	return out
}

// menuTitle keeps a name's own characters: an ampersand would mark the next letter as the key to press.
func menuTitle(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return strings.ReplaceAll(s, "&", "&&")
}
