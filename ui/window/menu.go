package window

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

const (
	menuRow  = 36
	menuRule = 9
)

// A menu is a list of things to do or to choose from, over everything else until one is taken.
type menu struct {
	w     *Window
	over  *fyne.Container
	items []*menuItem
	rows  *container.Scroll
	back  fyne.Focusable // who had the keyboard
}

// A menuItem is one line of it.
type menuItem struct {
	pressable
	text   *label
	ground *canvas.Rectangle
}

// popUp opens a menu under what was pressed.
func (w *Window) popUp(at fyne.CanvasObject, items []*fyne.MenuItem) {
	p := w.p
	if w.menu != nil {
		w.menu.close()
	}
	items = ruled(items)
	m := &menu{w: w, back: w.win.Canvas().Focused()}
	width, height := float32(120), float32(8)
	for _, one := range items {
		if one.IsSeparator {
			height += menuRule
			continue
		}
		width, height = max(width, fontBody.width(one.Label)+2*16+1), height+menuRow
	}
	width, shown := min(round(width), w.size.Width-16), min(height, w.size.Height-16)
	rows := container.New(column{min: func() fyne.Size { return fyne.NewSize(width, height) }, layout: func(fyne.Size) {}})
	y := float32(4)
	for _, one := range items {
		if one.IsSeparator {
			rule := box(p.line, 0)
			put(rule, 0, y+menuRule/2, width, 1)
			rows.Add(rule)
			y += menuRule
			continue
		}
		row := &menuItem{text: newText(one.Label, fontBody, p.text), ground: box(color.Transparent, 6)}
		row.p = p
		row.press = func() {
			m.close()
			one.Action()
		}
		row.paint = row.ink
		i := len(m.items)
		row.keys = func(k fyne.KeyName) bool { return m.key(i, k) }
		row.ExtendBaseWidget(row)
		put(row, 4, y, width-8, menuRow)
		m.items = append(m.items, row)
		rows.Add(row)
		y += menuRow
	}
	ground := frame(p.line, 1, 10)
	ground.FillColor = p.surface
	scroll := container.NewVScroll(rows)
	m.rows = scroll
	backdrop := newBackdrop(m.close)
	place := w.app.Driver().AbsolutePositionForObject(at)
	x := max(min(place.X, w.size.Width-width-8), 8)
	top := place.Y + at.Size().Height + 4
	if top+shown > w.size.Height-8 {
		top = max(w.size.Height-8-shown, 8)
	}
	m.over = container.New(column{layout: func(s fyne.Size) {
		put(backdrop, 0, 0, s.Width, s.Height)
		put(ground, x, top, width, shown)
		put(scroll, x, top, width, shown)
	}}, backdrop, ground, scroll)
	w.menu = m
	w.win.Canvas().Overlays().Add(m.over)
	m.over.Resize(w.win.Canvas().Size())
	if len(m.items) > 0 {
		w.win.Canvas().Focus(m.items[0])
	}
}

// ruled leaves out the rules that part nothing: at either end, and beside another one.
func ruled(items []*fyne.MenuItem) []*fyne.MenuItem {
	var out []*fyne.MenuItem
	for i, one := range items {
		if one.IsSeparator && (len(out) == 0 || i == len(items)-1 || out[len(out)-1].IsSeparator) {
			continue
		}
		out = append(out, one)
	}
	return out
}

// close takes the menu away and gives the keyboard back.
func (m *menu) close() {
	if m.w.menu != m {
		return
	}
	m.w.menu = nil
	m.w.win.Canvas().Overlays().Remove(m.over)
	if m.back != nil {
		m.w.win.Canvas().Focus(m.back)
	}
}

// key is what the keys do while item i has the keyboard.
func (m *menu) key(i int, k fyne.KeyName) bool {
	switch n := len(m.items); k {
	case fyne.KeyDown:
		i = (i + 1) % n
	case fyne.KeyUp:
		i = (i + n - 1) % n
	case fyne.KeyHome:
		i = 0
	case fyne.KeyEnd:
		i = n - 1
	case fyne.KeyEscape, fyne.KeyLeft:
		m.close()
		return true
	default:
		return true // what lies under the menu hears nothing
	}
	m.w.win.Canvas().Focus(m.items[i])
	y, offset := m.items[i].Position().Y, m.rows.Offset.Y
	if y < offset || y+menuRow > offset+m.rows.Size().Height {
		m.rows.ScrollToOffset(fyne.NewPos(0, y-m.rows.Size().Height/2))
	}
	return true
}

func (i *menuItem) ink() {
	i.ground.FillColor = color.Transparent
	if i.focused || i.hovered {
		i.ground.FillColor = i.p.sunken
	}
	i.ground.StrokeColor, i.ground.StrokeWidth = color.Transparent, 0
	if i.focused {
		i.ground.StrokeColor, i.ground.StrokeWidth = i.p.accent, 2
	}
	i.Refresh()
}

func (i *menuItem) CreateRenderer() fyne.WidgetRenderer {
	return &plain{
		objects: []fyne.CanvasObject{i.ground, i.text.Text},
		min:     func() fyne.Size { return fyne.NewSize(80, menuRow) },
		layout: func(s fyne.Size) {
			put(i.ground, 0, 0, s.Width, s.Height)
			i.text.place(12, 0, s.Width-24, s.Height)
		},
	}
}

// A backdrop takes the presses beside a menu.
type backdrop struct {
	widget.BaseWidget
	press func()
}

func newBackdrop(press func()) *backdrop {
	b := &backdrop{press: press}
	b.ExtendBaseWidget(b)
	return b
}

func (b *backdrop) Tapped(*fyne.PointEvent)          { b.press() }
func (b *backdrop) TappedSecondary(*fyne.PointEvent) { b.press() }
func (b *backdrop) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(canvas.NewRectangle(color.Transparent))
}
