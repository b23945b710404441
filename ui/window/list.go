package window

import (
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"

	"holdfast/monitor"
	"holdfast/ui"
)

const (
	rowHeight   = 60
	traceWidth  = 64
	traceHeight = 18
	filterFrom  = 9 // a field to filter by appears from so many targets
)

// A row is one target in the list.
type row struct {
	pressable
	view   rowView
	chosen bool
	traces bool // there is room for the trace

	ground, bar, ring    *canvas.Rectangle
	icon                 *canvas.Image
	name, second, figure *label
	trace                *trace
	tip                  func(string, fyne.Position) // shows a name that was cut, or hides it
	body                 *plain                      // nil until it was laid out
}

func newRow(p *palette, press func()) *row {
	r := &row{
		ground: box(color.Transparent, 8), bar: box(color.Transparent, 1.5), ring: frame(color.Transparent, 2, 8),
		name: newLabel(fontStrong, p.text), second: newLabel(fontSmall, p.muted), figure: newLabel(fontSmall, p.muted),
		icon: &canvas.Image{FillMode: canvas.ImageFillStretch}, trace: newTrace(p),
	}
	r.figure.Alignment = fyne.TextAlignTrailing
	r.p, r.press, r.paint = p, press, r.ink
	r.ExtendBaseWidget(r)
	return r
}

// show draws v when it differs from what is there.
func (r *row) show(v rowView, chosen, traces bool) {
	if v == r.view && chosen == r.chosen && traces == r.traces {
		return
	}
	relay := r.figureWidth(v.figure) != r.figureWidth(r.view.figure) || traces != r.traces || v.second != r.view.second
	relook := v.look != r.view.look || r.icon.Resource == nil || chosen != r.chosen
	r.view, r.chosen, r.traces = v, chosen, traces
	r.name.set(v.name)
	r.figure.set(v.figure)
	if relook {
		r.ink()
	}
	if relay && !relook && r.body != nil && r.body.size.Width > 0 {
		r.body.Layout(r.body.size) // and no more: to refresh is to draw icon and trace anew
	}
}

func (r *row) figureWidth(s string) float32 {
	if s == "" {
		return 0
	}
	return r.figure.font.width(s) + 8
}

func (r *row) ink() {
	p := r.p
	ground := p.background
	r.ground.FillColor, r.bar.FillColor, r.ring.StrokeColor = color.Transparent, color.Transparent, color.Transparent
	if r.hovered {
		r.ground.FillColor, ground = blend(p.background, p.sunken, 0.6), blend(p.background, p.sunken, 0.6)
	}
	if r.chosen {
		r.ground.FillColor, r.bar.FillColor, ground = p.sunken, p.accent, p.sunken
	}
	if r.focused {
		r.ring.StrokeColor = p.accent
	}
	t := p.tone(r.view.look)
	r.icon.Resource = glyph(r.view.look, t.solid, ground)
	ink := p.muted
	switch r.view.look {
	case ui.LookDown, ui.LookSuspect, ui.LookUnknown:
		ink = t.ink
	}
	r.second.Color = ink
	r.figure.Color = p.muted
	if r.view.look == ui.LookDown {
		r.figure.Color = t.ink
	}
	r.Refresh()
}

func (r *row) CreateRenderer() fyne.WidgetRenderer {
	r.body = &plain{
		objects: []fyne.CanvasObject{r.ground, r.bar, r.ring, r.icon, r.name.Text, r.second.Text, r.figure.Text, r.trace.Raster},
		min:     func() fyne.Size { return fyne.NewSize(200, rowHeight) },
		layout: func(s fyne.Size) {
			put(r.ground, 0, 0, s.Width, s.Height)
			put(r.ring, 1, 1, s.Width-2, s.Height-2)
			put(r.bar, 0, 14, 3, s.Height-28)
			put(r.icon, 12, 20, 20, 20)
			right := s.Width - 12
			names := right - 44
			if r.traces {
				r.trace.Show()
				put(r.trace.Raster, right-traceWidth, 11, traceWidth, traceHeight)
				names -= traceWidth + 12
			} else {
				r.trace.Hide()
			}
			r.name.place(44, 10, names, 20)
			w := r.figureWidth(r.view.figure)
			// A sentence that begins with a long address would be cut before it says what is the matter.
			second := r.view.second
			if r.view.short != "" && r.second.font.width(second) > right-44-w {
				second = r.view.short
			}
			r.second.set(second)
			r.second.place(44, 31, right-44-w, 16)
			r.figure.place(right-w, 31, w, 16)
		},
	}
	return r.body
}

// MouseIn also shows the whole name where it was cut.
func (r *row) MouseIn(e *desktop.MouseEvent) {
	r.pressable.MouseIn(e)
	if r.tip != nil && r.name.Text.Text != r.name.whole {
		r.tip(r.name.whole, fyne.CurrentApp().Driver().AbsolutePositionForObject(r))
	}
}

// MouseOut hides it again.
func (r *row) MouseOut() {
	r.pressable.MouseOut()
	if r.tip != nil {
		r.tip("", fyne.Position{})
	}
}

// A list is the left pane: all targets.
type list struct {
	w      *Window
	box    *fyne.Container
	rows   []*row
	keys   []string // of rows, in the order of the settings
	column *fyne.Container
	scroll *container.Scroll
	filter *field
	wanted string // what the filter says

	ground, foot *canvas.Rectangle
	title        *label
	sum          *sumLine
	none         *label
	add          *button
	plus, menu   *button // in a narrow window
	traced       uint64
	traceAt      time.Time
	size         fyne.Size
}

func newList(w *Window) *list {
	p := w.p
	l := &list{
		w: w, ground: box(p.background, 0), foot: box(p.line, 0), title: newText("Holdfast", fontName, p.text),
		none: newLabel(fontTable, p.muted),
	}
	l.sum = newSumLine(p, w.nextBroken)
	l.add = newButton(p, quiet, w.say("button.add"), signPlus, w.addTarget)
	l.plus = newButton(p, bare, "", signPlus, w.addTarget)
	l.menu = newButton(p, bare, "", signMenu, func() { w.showMenu(l.menu) })
	l.filter = newField("", func(s string) {
		l.wanted = strings.ToLower(strings.TrimSpace(s))
		l.arrange()
	})
	l.filter.PlaceHolder = w.say("list.filter")
	l.filter.escape = func() { l.filter.SetText("") }
	l.column = container.New(column{
		min:    func() fyne.Size { return fyne.NewSize(0, float32(len(l.visible()))*rowHeight+8) },
		layout: func(s fyne.Size) { l.placeRows(s) },
	})
	l.scroll = container.NewVScroll(l.column)
	l.box = container.New(column{layout: l.layout}, l.ground, l.title.Text, l.sum, l.plus, l.menu, l.filter, l.scroll, l.none.Text, l.foot, l.add)
	return l
}

// show draws the rows. They keep the order of the settings: nothing jumps under the pointer.
func (l *list) show(s *screen) {
	l.sum.say(s.sum, len(s.broken) > 0)
	changed := len(s.rows) != len(l.keys)
	for i := 0; !changed && i < len(s.rows); i++ {
		changed = s.rows[i].key != l.keys[i]
	}
	if changed {
		old := map[string]*row{}
		for i, key := range l.keys {
			old[key] = l.rows[i]
		}
		l.keys, l.rows, l.column.Objects = nil, nil, nil
		for _, v := range s.rows {
			r := old[v.key]
			if r == nil {
				key := v.key
				r = newRow(l.w.p, func() { l.w.open(key) })
				r.tip = l.w.tip
				r.keys = l.arrows(r)
			}
			l.keys, l.rows, l.column.Objects = append(l.keys, v.key), append(l.rows, r), append(l.column.Objects, r)
		}
	}
	for i, v := range s.rows {
		chosen := i == s.chosen && (!l.w.narrow || l.w.inDetail)
		switch l.w.tab {
		case tabNow:
		case tabHistory:
			chosen = v.key == l.w.past.target
		default:
			chosen = false
		}
		l.rows[i].show(v, chosen, l.roomy())
	}
	if changed {
		l.arrange()
	}
	if s.traced != l.traced || changed || s.now.Sub(l.traceAt) > tracesEvery {
		l.traced, l.traceAt = s.traced, s.now
		for i, v := range s.rows {
			if l.roomy() {
				l.rows[i].draw(s.traces[v.key], v.look == ui.LookDown, s)
			}
		}
	}
}

// draw gives the row the round trips that its trace shows, when they differ enough to be seen.
func (r *row) draw(samples []monitor.Sample, broken bool, s *screen) {
	var since time.Time
	if broken && r.view.key == s.view.Key {
		since = s.snap.BrokenSince
	} else if broken && len(samples) > 0 {
		since = samples[len(samples)-1].Time
	}
	// Two units of width are some twenty seconds: nothing newer can be seen.
	if len(samples) == len(r.trace.samples) && since.Equal(r.trace.broken) && s.now.Sub(r.trace.now) < 20*time.Second {
		return
	}
	if s.now.Sub(r.trace.now) < 20*time.Second && since.Equal(r.trace.broken) && len(r.trace.samples) > 30 {
		return
	}
	r.trace.show(samples, since, s.now)
}

// roomy reports whether there is room for the traces.
func (l *list) roomy() bool { return l.size.Width >= 300 }

// visible are the rows that the filter leaves.
func (l *list) visible() []*row {
	if l.wanted == "" || len(l.rows) < filterFrom {
		return l.rows
	}
	var rows []*row
	for _, r := range l.rows {
		if strings.Contains(strings.ToLower(r.view.name+" "+r.view.key), l.wanted) {
			rows = append(rows, r)
		}
	}
	return rows
}

// arrows moves the choice and the keyboard up and down.
func (l *list) arrows(r *row) func(fyne.KeyName) bool {
	return func(k fyne.KeyName) bool {
		rows := l.visible()
		for i, one := range rows {
			if one != r {
				continue
			}
			switch {
			case k == fyne.KeyDown && i+1 < len(rows):
				i++
			case k == fyne.KeyUp && i > 0:
				i--
			default:
				return false
			}
			l.w.win.Canvas().Focus(rows[i])
			if !l.w.narrow {
				l.w.open(rows[i].view.key)
			}
			l.reveal(rows[i])
			return true
		}
		return false
	}
}

// reveal scrolls until the row is seen.
func (l *list) reveal(r *row) {
	top, height := r.Position().Y, l.scroll.Size().Height
	switch {
	case top < l.scroll.Offset.Y:
		l.scroll.Offset.Y = top
	case top+rowHeight > l.scroll.Offset.Y+height:
		l.scroll.Offset.Y = top + rowHeight - height
	default:
		return
	}
	l.scroll.Refresh()
}

func (l *list) arrange() {
	if l.size.Width > 0 {
		l.layout(l.size)
		l.column.Refresh()
		l.scroll.Refresh()
	}
}

func (l *list) placeRows(s fyne.Size) {
	shown := map[*row]bool{}
	y := float32(4)
	for _, r := range l.visible() {
		shown[r] = true
		put(r, 8, y, s.Width-16, rowHeight)
		y += rowHeight
	}
	for _, r := range l.rows {
		setVisible(shown[r], r)
	}
}

func (l *list) layout(size fyne.Size) {
	l.size = size
	put(l.ground, 0, 0, size.Width, size.Height)
	y := float32(76)
	if l.w.narrow {
		l.title.place(20, 0, 80, 44)
		put(l.sum, 20+l.title.font.width("Holdfast")+12-8, 6, size.Width-220, 32)
		put(l.plus, size.Width-84, 4, buttonHeight, buttonHeight)
		put(l.menu, size.Width-44, 4, buttonHeight, buttonHeight)
		put(l.foot, 0, 43, size.Width, 1)
		l.plus.Show()
		l.menu.Show()
		l.add.Hide()
		y = 46
	} else {
		l.title.place(20, 20, size.Width-40, 24)
		put(l.sum, 12, 42, size.Width-24, 24)
		l.plus.Hide()
		l.menu.Hide()
		l.add.Show()
	}
	bottom := size.Height
	if !l.w.narrow {
		bottom -= 61
		put(l.foot, 0, bottom, size.Width, 1)
		put(l.add, 12, bottom+12, l.add.width(), buttonHeight)
	}
	l.filter.Hide()
	if len(l.rows) >= filterFrom {
		if !l.w.early { // for fields Fyne looks through the system's fonts
			l.filter.Show()
			put(l.filter, 12, y, size.Width-24, 40)
		}
		y += 46
	}
	l.none.Hide()
	if l.wanted != "" && len(l.visible()) == 0 {
		l.none.set(l.w.say("empty.search", "text", ui.Printable(l.wanted, 30)))
		l.none.place(20, y+8, size.Width-40, 20)
		l.none.Show()
	}
	put(l.scroll, 0, y, size.Width, max(bottom-y, 0))
}

// A sumLine says how many are broken; a click goes to the next broken one.
type sumLine struct {
	pressable
	text *label
	ring *canvas.Rectangle
}

func newSumLine(p *palette, press func()) *sumLine {
	s := &sumLine{text: newLabel(fontTable, p.muted), ring: frame(color.Transparent, 2, 8)}
	s.p, s.press = p, press
	s.paint = func() {
		s.ring.StrokeColor = color.Transparent
		if s.focused {
			s.ring.StrokeColor = p.accent
		}
		s.text.Color = p.muted
		if s.hovered && !s.off {
			s.text.Color = p.text
		}
		s.Refresh()
	}
	s.ExtendBaseWidget(s)
	return s
}

func (s *sumLine) say(text string, broken bool) {
	s.off = !broken
	s.text.set(text)
}

func (s *sumLine) CreateRenderer() fyne.WidgetRenderer {
	return &plain{
		objects: []fyne.CanvasObject{s.ring, s.text.Text},
		min:     func() fyne.Size { return fyne.NewSize(40, 24) },
		layout: func(size fyne.Size) {
			put(s.ring, 0, 0, size.Width, size.Height)
			s.text.place(8, 0, size.Width-16, size.Height)
		},
	}
}
