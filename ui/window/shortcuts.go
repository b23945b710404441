package window

import (
	"runtime"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"

	"holdfast/ui"
)

// A shortcut is keys and what they do. Each stands on the page of shortcuts.
type shortcut struct {
	group string // where it stands on the page
	word  string // what it does
	keys  []combo
	do    func(*Window) // nil: what holds the keyboard sees to it
}

// A combo is a key with what is held down beside it.
type combo struct {
	mod  fyne.KeyModifier
	key  fyne.KeyName
	sign string // how it is written, where that is not the name of the key
}

const (
	ctrl  = fyne.KeyModifierControl
	shift = fyne.KeyModifierShift
)

// shortcuts are all there are, in the order of the page.
func shortcuts() []shortcut {
	one := func(mod fyne.KeyModifier, key fyne.KeyName) []combo { return []combo{{mod: mod, key: key}} }
	plain := func(key fyne.KeyName, sign string) combo { return combo{key: key, sign: sign} }
	all := []shortcut{
		{"keys.target", "button.reconnect", []combo{{mod: ctrl, key: fyne.KeyR}, {key: fyne.KeyF5}}, (*Window).reconnect},
		{"keys.target", "keys.pause", one(ctrl, fyne.KeyP), (*Window).pauseOrResume},
		{"keys.target", "button.copy", one(ctrl|shift, fyne.KeyC), (*Window).copyShown},
		{"keys.target", "button.edit", one(ctrl, fyne.KeyE), (*Window).editShown},
		{"keys.target", "keys.chart", one(ctrl, fyne.KeyT), (*Window).nextReach},
		{"keys.targets", "keys.next", []combo{{ctrl, fyne.KeyDown, "↓"}}, func(w *Window) { w.step(1) }},
		{"keys.targets", "keys.previous", []combo{{ctrl, fyne.KeyUp, "↑"}}, func(w *Window) { w.step(-1) }},
		{"keys.targets", "keys.broken", one(ctrl, fyne.KeyB), (*Window).nextBroken},
		{"keys.targets", "button.add", one(ctrl, fyne.KeyN), (*Window).addTarget},
		{"keys.targets", "keys.filter", one(ctrl, fyne.KeyF), (*Window).find},
	}
	for i, tab := range tabsShown {
		all = append(all, shortcut{"keys.pages", tab, one(ctrl, fyne.KeyName(strconv.Itoa(i+1))), func(w *Window) { w.turn(tab) }})
	}
	return append(all,
		shortcut{"keys.pages", "button.export", one(ctrl, fyne.KeyS), (*Window).exportShown},
		shortcut{"keys.pages", tabShortcuts, []combo{{key: fyne.KeyF1}, {sign: "?"}}, func(w *Window) { w.turn(tabShortcuts) }},
		shortcut{"keys.pages", "keys.menu", []combo{{key: fyne.KeyF10}}, func(w *Window) { w.showMenu(w.menuButton()) }},
		shortcut{"keys.pages", "keys.back", []combo{{key: fyne.KeyEscape, sign: "Esc"}}, (*Window).escape},
		shortcut{"keys.pages", "keys.close", one(ctrl, fyne.KeyW), func(w *Window) { w.win.Close() }},
		shortcut{"keys.moving", "keys.tab", []combo{plain(fyne.KeyTab, "Tab"), {mod: shift, key: fyne.KeyTab, sign: "Tab"}}, nil},
		shortcut{"keys.moving", "keys.press", []combo{plain(fyne.KeyReturn, "Enter"), plain(fyne.KeySpace, "space")}, nil},
		shortcut{"keys.moving", "keys.rows", []combo{plain(fyne.KeyUp, "↑"), plain(fyne.KeyDown, "↓")}, nil},
		shortcut{"keys.moving", "keys.far", []combo{plain(fyne.KeyPageUp, "Page ↑"), plain(fyne.KeyPageDown, "Page ↓"), plain(fyne.KeyHome, "Home"), plain(fyne.KeyEnd, "End")}, nil},
	)
}

// write is the combo as it stands on the keys.
func (c combo) write(l ui.Lang) string {
	name := c.sign
	switch {
	case name == "space":
		name = l.Say("keys.space")
	case name == "":
		name = string(c.key)
	}
	var parts []string
	if c.mod&ctrl != 0 {
		if runtime.GOOS == "darwin" {
			parts = append(parts, "⌘")
		} else {
			parts = append(parts, "Ctrl")
		}
	}
	if c.mod&shift != 0 {
		parts = append(parts, "Shift")
	}
	return strings.Join(append(parts, name), " + ")
}

// asks reports whether something stands before the window that has the keyboard.
func (w *Window) asks() bool { return w.dialog != nil || w.menu != nil || w.saver != nil }

// listenToKeys makes the shortcuts work. While a dialog is open they do nothing: it has keys of its own.
func (w *Window) listenToKeys() {
	canvas := w.win.Canvas()
	plain := map[fyne.KeyName]func(*Window){}
	for _, s := range shortcuts() {
		if s.do == nil {
			continue
		}
		for _, c := range s.keys {
			if c.mod == 0 {
				plain[c.key] = s.do
				continue
			}
			mod := c.mod
			if runtime.GOOS == "darwin" {
				mod = mod&^ctrl | fyne.KeyModifierSuper
			}
			keys := &desktop.CustomShortcut{KeyName: c.key, Modifier: mod}
			w.hotkeys.AddShortcut(keys, func(fyne.Shortcut) {
				if !w.asks() {
					s.do(w)
				}
			})
			canvas.AddShortcut(keys, w.hotkeys.TypedShortcut)
		}
	}
	canvas.SetOnTypedKey(func(k *fyne.KeyEvent) {
		if w.asks() {
			return
		}
		if do := plain[k.Name]; do != nil && k.Name != "" {
			do(w)
			return
		}
		if k.Name == fyne.KeyDown || k.Name == fyne.KeyUp {
			w.intoList()
		}
	})
	canvas.SetOnTypedRune(func(r rune) {
		if r == '?' && !w.asks() {
			w.turn(tabShortcuts)
		}
	})
}

// intoList gives the keyboard to the list of targets.
func (w *Window) intoList() {
	if w.narrow && w.inDetail || w.win.Canvas().Focused() != nil {
		return
	}
	rows := w.list.visible()
	for _, r := range rows {
		if r.chosen {
			w.win.Canvas().Focus(r)
			return
		}
	}
	if len(rows) > 0 {
		w.win.Canvas().Focus(rows[0])
	}
}

// step goes to the next target or the one before.
func (w *Window) step(by int) {
	if w.shown == nil || len(w.shown.rows) == 0 {
		return
	}
	rows := w.list.visible()
	at := -1
	for i, r := range rows {
		if r.view.key == w.shown.view.Key {
			at = i
		}
	}
	if w.tab != tabNow {
		w.turn(tabNow)
	}
	if to := at + by; to >= 0 && to < len(rows) {
		w.open(rows[to].view.key)
		w.list.reveal(rows[to])
	}
}

// nextReach makes the chart reach further back, after the farthest as far as at first.
func (w *Window) nextReach() {
	if w.tab == tabNow {
		r := w.detail.reach
		r.pick((r.chosen + 1) % len(chartSpans))
	}
}

// find gives the keyboard to what can be searched in.
func (w *Window) find() {
	switch {
	case w.tab == tabHistory:
		w.win.Canvas().Focus(w.detail.past.search)
		w.detail.past.scroll.ScrollToOffset(fyne.NewPos(0, max(w.detail.past.search.Position().Y-60, 0)))
		w.detail.past.look()
	case w.list.box.Visible() && w.list.filter.Visible():
		w.win.Canvas().Focus(w.list.filter)
	}
}

// copyShown copies what the open page is about.
func (w *Window) copyShown() {
	if w.tab == tabHistory {
		w.detail.past.copySummary()
		return
	}
	w.copyReport()
}

func (w *Window) editShown() {
	if w.shown != nil && w.shown.own && w.tab == tabNow {
		w.editTarget()
	}
}

func (w *Window) exportShown() {
	if w.tab == tabHistory && !w.detail.past.export.off {
		w.detail.past.pickExport()
	}
}

// escape goes back: from what holds the keyboard, from a page, and in a narrow window to the list.
func (w *Window) escape() {
	switch {
	case w.win.Canvas().Focused() != nil:
		w.win.Canvas().Unfocus()
	case w.narrow && w.inDetail:
		w.back()
	case w.tab != tabNow:
		w.turn(tabNow)
	}
}

// menuButton is the button of the menu that is in sight.
func (w *Window) menuButton() fyne.CanvasObject {
	if w.narrow && !w.inDetail {
		return w.list.menu
	}
	return w.detail.menu
}

// A shortcutsPage lists the shortcuts.
type shortcutsPage struct {
	*sheet
	w      *Window
	title  *label
	groups []keyGroup
}

type keyGroup struct {
	head *label
	rows []keyRow
}

type keyRow struct {
	line *canvas.Rectangle
	word *paragraph
	caps []keyCap
}

type keyCap struct {
	ground *canvas.Rectangle
	text   *label
}

func newShortcutsPage(w *Window) *shortcutsPage {
	p := w.p
	s := &shortcutsPage{w: w, title: newText(w.say(tabShortcuts), fontVerdict, p.text)}
	objects := []fyne.CanvasObject{s.title.Text}
	for _, one := range shortcuts() {
		head := w.say(one.group)
		if n := len(s.groups); n == 0 || s.groups[n-1].head.whole != head {
			s.groups = append(s.groups, keyGroup{head: newText(head, fontHead, p.text)})
			objects = append(objects, s.groups[n].head.Text)
		}
		row := keyRow{line: box(p.line, 0), word: newParagraph(fontTable, p.text, 2)}
		row.word.set(strings.TrimSuffix(w.say(one.word), "…"))
		objects = append(objects, row.line, row.word.box)
		for _, c := range one.keys {
			k := keyCap{frame(p.edge, 1, 5), newText(c.write(w.lang), fontSmall, p.text)}
			k.text.Alignment = fyne.TextAlignCenter
			row.caps = append(row.caps, k)
			objects = append(objects, k.ground, k.text.Text)
		}
		g := &s.groups[len(s.groups)-1]
		g.rows = append(g.rows, row)
	}
	s.sheet = newSheet(s.run, objects)
	return s
}

func (s *shortcutsPage) show(*screen) {}

// run lays the page out and returns its height: in two columns where there is room.
func (s *shortcutsPage) run(width float32) float32 {
	margin, y := titled(s.title, width, s.w.narrow)
	inner := min(width-2*margin, 1040)
	columns, gap := 1, float32(48)
	if inner >= 680 {
		columns = 2
	}
	w := (inner - gap*float32(columns-1)) / float32(columns)
	bottom := [2]float32{y, y}
	for _, g := range s.groups {
		col := 0
		if columns == 2 && bottom[1] < bottom[0] {
			col = 1
		}
		x, top := margin+float32(col)*(w+gap), bottom[col]
		g.head.place(x, top, w, 28)
		top += 34
		for _, r := range g.rows {
			right := x + w
			for i := len(r.caps) - 1; i >= 0; i-- {
				k := r.caps[i]
				wide := max(round(k.text.font.width(k.text.whole))+16, 26)
				right -= wide
				put(k.ground, right, top+5, wide, 22)
				k.text.place(right, top+5, wide, 22)
				right -= 8
			}
			high := r.word.place(x, top+6, max(right-x-8, 60), 20)
			put(r.line, x, top, w, 1)
			top += max(high+12, 32)
		}
		bottom[col] = top + 20
	}
	return max(bottom[0], bottom[1]) + 8
}
