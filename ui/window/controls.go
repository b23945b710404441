package window

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// A pressable is what all things that can be pressed have in common: pointer, keyboard (Enter, Space), focus ring, hover.
type pressable struct {
	widget.BaseWidget
	p       *palette
	press   func()
	hovered bool
	focused bool
	off     bool                    // shown, but cannot be pressed now
	paint   func()                  // shows hovered, focused, off
	wake    func(bool)              // told when the keyboard comes and goes; may be nil
	keys    func(fyne.KeyName) bool // more keys; may be nil
}

func (c *pressable) Tapped(*fyne.PointEvent) {
	if !c.off && c.press != nil {
		c.press()
	}
}

func (c *pressable) Cursor() desktop.Cursor {
	if c.off {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

func (c *pressable) MouseIn(*desktop.MouseEvent)    { c.hovered = true; c.paint() }
func (c *pressable) MouseMoved(*desktop.MouseEvent) {}
func (c *pressable) MouseOut()                      { c.hovered = false; c.paint() }

func (c *pressable) FocusGained() {
	c.focused = true
	if c.wake != nil {
		c.wake(true)
	}
	c.paint()
}

func (c *pressable) FocusLost() {
	c.focused = false
	if c.wake != nil {
		c.wake(false)
	}
	c.paint()
}

// Disabled has the keyboard pass by what cannot be pressed now.
func (c *pressable) Disabled() bool { return c.off }

// Disable and Enable belong to Disabled.
func (c *pressable) Disable() { c.off = true; c.paint() }

// Enable is the opposite of Disable.
func (c *pressable) Enable() { c.off = false; c.paint() }

func (c *pressable) TypedRune(r rune) {
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if f := w.Canvas().OnTypedRune(); f != nil {
			f(r)
		}
	}
}

func (c *pressable) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		c.Tapped(nil)
		return
	}
	if c.keys == nil || !c.keys(k.Name) {
		elsewhere(k)
	}
}

// elsewhere gives a key that the focused thing has no use for to the window.
func elsewhere(k *fyne.KeyEvent) {
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if f := w.Canvas().OnTypedKey(); f != nil {
			f(k)
		}
	}
}

// A style of button.
type style uint8

const (
	primary  style = iota // filled with the accent: the one thing to do
	outlined              // a border
	quiet                 // words only
	bare                  // a picture only
)

// A button is text, a picture, or both.
type button struct {
	pressable
	style  style
	text   *label
	image  *canvas.Image
	ground *canvas.Rectangle
	ring   *canvas.Rectangle
	signed string // path of the sign
}

const (
	buttonHeight = 36
	ringGap      = 2 // between a pressable and its focus ring
)

func newButton(p *palette, s style, text, signPath string, press func()) *button {
	b := &button{style: s, signed: signPath}
	b.p, b.press, b.paint = p, press, b.show
	f := fontBody
	if s == primary || s == outlined {
		f = fontStrong
	}
	if s == outlined {
		f = fontBody
	}
	b.text = newText(text, f, p.accent)
	b.ground = box(color.Transparent, 8)
	b.ring = frame(color.Transparent, 2, 8+2+ringGap)
	if signPath != "" {
		b.image = picture(sign(signPath, p.accent))
	}
	b.ExtendBaseWidget(b)
	b.show()
	return b
}

func (b *button) show() {
	p := b.p
	ink, ground, border := p.accent, color.NRGBA{}, color.NRGBA{}
	switch b.style {
	case primary:
		ink, ground = p.onAccent, p.accent
		if b.hovered {
			ground = blend(p.accent, p.text, 0.12)
		}
	case outlined:
		ink, border = p.text, p.edge
		if b.hovered {
			ground = p.sunken
		}
	case quiet:
		if b.hovered {
			ground = p.sunken
		}
	case bare:
		ink = p.muted
		if b.hovered {
			ground = p.sunken
		}
	}
	if b.off {
		switch b.style {
		case primary:
			ink, ground = p.muted, p.sunken
		default:
			ink, ground = p.muted, color.NRGBA{}
		}
	}
	b.text.Color = ink
	b.ground.FillColor, b.ground.StrokeColor, b.ground.StrokeWidth = ground, border, 0
	if border.A > 0 {
		b.ground.StrokeWidth = 1
	}
	b.ring.StrokeColor = color.Transparent
	if b.focused {
		b.ring.StrokeColor = p.accent
	}
	if b.image != nil {
		b.image.Resource = sign(b.signed, ink)
	}
	b.Refresh()
}

// enable switches the button on or off.
func (b *button) enable(on bool) {
	if b.off == on {
		b.off = !on
		b.show()
	}
}

func (b *button) say(text string) {
	if b.text.set(text) {
		b.Refresh()
	}
}

func (b *button) width() float32 { return b.MinSize().Width }

func (b *button) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{b.ground, b.ring, b.text.Text}
	if b.image != nil {
		objects = append(objects, b.image)
	}
	return &plain{
		objects: objects,
		min: func() fyne.Size {
			pad := float32(17)
			if b.style == quiet {
				pad = 12
			}
			width := b.text.font.width(b.text.whole) + 2*pad
			if b.image != nil {
				if b.text.whole == "" {
					return fyne.NewSquareSize(buttonHeight)
				}
				width += 21
			}
			return fyne.NewSize(round(width+0.5), buttonHeight)
		},
		layout: func(s fyne.Size) {
			put(b.ground, 0, 0, s.Width, s.Height)
			put(b.ring, -ringGap-2, -ringGap-2, s.Width+2*ringGap+4, s.Height+2*ringGap+4)
			w := b.text.font.width(b.text.whole)
			x := (s.Width - w) / 2
			if b.image != nil {
				side := float32(20)
				if b.text.whole == "" {
					put(b.image, round((s.Width-side)/2), round((s.Height-side)/2), side, side)
				} else {
					x = (s.Width - w - 21) / 2
					put(b.image, round(x-2), round((s.Height-side)/2), side, side)
					x += 21
				}
			}
			b.text.place(x, 0, w+1, s.Height)
		},
	}
}

// blend mixes a little of b into a.
func blend(a, b color.NRGBA, share float32) color.NRGBA {
	mix := func(x, y uint8) uint8 { return uint8(float32(x)*(1-share) + float32(y)*share) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// plain is a renderer whose objects never change.
type plain struct {
	objects []fyne.CanvasObject
	min     func() fyne.Size
	layout  func(fyne.Size)
	size    fyne.Size
}

func (r *plain) Destroy()                     {}
func (r *plain) Layout(s fyne.Size)           { r.size = s; r.layout(s) }
func (r *plain) MinSize() fyne.Size           { return r.min() }
func (r *plain) Objects() []fyne.CanvasObject { return r.objects }
func (r *plain) Refresh() {
	if r.size.Width > 0 {
		r.layout(r.size)
	}
	for _, o := range r.objects {
		o.Refresh()
	}
}

// Tabs are words over a line; the chosen one is underlined.
type tabs struct {
	widget.BaseWidget
	p      *palette
	items  []*tab
	chosen int
	choose func(int)
}

type tab struct {
	pressable
	text *label
	bar  *canvas.Rectangle
	ring *canvas.Rectangle
	on   bool
}

func newTabs(p *palette, words []string, choose func(int)) *tabs {
	t := &tabs{p: p, choose: choose}
	for i, word := range words {
		one := &tab{text: newText(word, fontBody, p.muted), bar: box(color.Transparent, 0), ring: frame(color.Transparent, 2, 8)}
		one.p, one.paint = p, one.show
		one.press = func() { t.pick(i) }
		one.on = i == 0
		one.ExtendBaseWidget(one)
		one.show()
		t.items = append(t.items, one)
	}
	t.ExtendBaseWidget(t)
	return t
}

func (t *tabs) pick(i int) {
	if i == t.chosen {
		return
	}
	t.mark(i)
	t.choose(i)
}

// mark shows that part i is open, without opening it; -1: none.
func (t *tabs) mark(i int) {
	t.chosen = i
	for j, one := range t.items {
		if on := j == i; on != one.on {
			one.on = on
			one.show()
		}
	}
}

func (t *tab) show() {
	t.text.write(fontBody, t.p.muted)
	t.bar.FillColor = color.Transparent
	if t.on {
		t.text.write(fontStrong, t.p.text)
		t.bar.FillColor = t.p.accent
	}
	t.ring.StrokeColor = color.Transparent
	if t.focused {
		t.ring.StrokeColor = t.p.accent
	}
	t.Refresh()
}

func (t *tab) CreateRenderer() fyne.WidgetRenderer {
	return &plain{
		objects: []fyne.CanvasObject{t.ring, t.text.Text, t.bar},
		min:     func() fyne.Size { return fyne.NewSize(round(fontStrong.width(t.text.whole)), 56) },
		layout: func(s fyne.Size) {
			put(t.ring, -8, 10, s.Width+16, s.Height-20)
			t.text.place(0, 0, s.Width+1, s.Height-2) // its width is rounded
			put(t.bar, 0, s.Height-2, s.Width, 2)
		},
	}
}

func (t *tabs) CreateRenderer() fyne.WidgetRenderer {
	objects := make([]fyne.CanvasObject, len(t.items))
	for i, one := range t.items {
		objects[i] = one
	}
	return &plain{
		objects: objects,
		min: func() fyne.Size {
			width := float32(0)
			for i, one := range t.items {
				if i > 0 {
					width += 24
				}
				width += one.MinSize().Width
			}
			return fyne.NewSize(width, 56)
		},
		layout: func(fyne.Size) {
			x := float32(0)
			for _, one := range t.items {
				put(one, x, 0, one.MinSize().Width, 56)
				x += one.MinSize().Width + 24
			}
		},
	}
}

// Segments are a few choices in one row, of which one is taken. Left and Right change it.
type segments struct {
	pressable
	words  []string
	texts  []*label
	chosen int
	choose func(int)
	ground *canvas.Rectangle
	thumb  *canvas.Rectangle
	ring   *canvas.Rectangle
	font   [2]font // of what is not chosen, and of what is
	pad    float32 // above and below, for a finger
}

// slim makes it less high than a field: for the head of something.
func (s *segments) slim() {
	s.font, s.pad = [2]font{fontSmall, fontSmallB}, 4
	s.show()
}

func newSegments(p *palette, words []string, chosen int, choose func(int)) *segments {
	s := &segments{words: words, chosen: chosen, choose: choose, font: [2]font{fontBody, fontStrong}}
	s.p, s.paint = p, s.show
	s.ground, s.thumb, s.ring = box(p.sunken, 7), box(p.surface, 5), frame(color.Transparent, 2, 11)
	for _, w := range words {
		s.texts = append(s.texts, newText(w, fontBody, p.muted))
	}
	s.keys = func(k fyne.KeyName) bool {
		switch k {
		case fyne.KeyLeft:
			s.pick(s.chosen - 1)
		case fyne.KeyRight:
			s.pick(s.chosen + 1)
		default:
			return false
		}
		return true
	}
	s.ExtendBaseWidget(s)
	s.show()
	return s
}

func (s *segments) pick(i int) {
	if i < 0 || i >= len(s.words) || i == s.chosen {
		return
	}
	s.chosen = i
	s.show()
	s.choose(i)
}

// Tapped chooses the part under the pointer; by keyboard (no position) the next one.
func (s *segments) Tapped(e *fyne.PointEvent) {
	if e == nil {
		s.pick((s.chosen + 1) % len(s.words))
		return
	}
	s.pick(min(max(int(e.Position.X/(s.Size().Width/float32(len(s.words)))), 0), len(s.words)-1))
}

func (s *segments) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		s.Tapped(nil)
	default:
		if !s.keys(k.Name) {
			elsewhere(k)
		}
	}
}

func (s *segments) show() {
	for i, t := range s.texts {
		t.write(s.font[0], s.p.muted)
		if i == s.chosen {
			t.write(s.font[1], s.p.text)
		}
		t.box = fyne.Size{}
	}
	s.ring.StrokeColor = color.Transparent
	if s.focused {
		s.ring.StrokeColor = s.p.accent
	}
	s.Refresh()
}

func (s *segments) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{s.ground, s.thumb, s.ring}
	for _, t := range s.texts {
		objects = append(objects, t.Text)
	}
	return &plain{
		objects: objects,
		min: func() fyne.Size {
			widest := float32(0)
			for _, w := range s.words {
				widest = max(widest, s.font[1].width(w))
			}
			if s.pad > 0 {
				return fyne.NewSize(round(widest+20)*float32(len(s.words))+4, buttonHeight)
			}
			return fyne.NewSize((widest+24)*float32(len(s.words))+4, 40)
		},
		layout: func(size fyne.Size) {
			top, high := s.pad, size.Height-2*s.pad
			put(s.ground, 0, top, size.Width, high)
			put(s.ring, -ringGap-2, top-ringGap-2, size.Width+2*ringGap+4, high+2*ringGap+4)
			part := (size.Width - 4) / float32(len(s.words))
			put(s.thumb, 2+part*float32(s.chosen), top+2, part, high-4)
			for i, t := range s.texts {
				w := t.font.width(t.whole)
				t.place(2+part*float32(i)+(part-w)/2, 0, w+1, size.Height)
			}
		},
	}
}

// A field is one line that can be typed into. Escape and Enter belong to the dialog around it.
type field struct {
	widget.Entry
	escape, enter func()
}

func newField(text string, changed func(string)) *field {
	f := &field{}
	f.ExtendBaseWidget(f)
	f.Text = text
	f.OnChanged = changed
	f.Wrapping = fyne.TextWrapOff
	f.Scroll = fyne.ScrollNone
	return f
}

// TypedShortcut also lets the window have its shortcuts.
func (f *field) TypedShortcut(s fyne.Shortcut) {
	f.Entry.TypedShortcut(s)
	if _, custom := s.(*desktop.CustomShortcut); !custom {
		return
	}
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if canvas, ok := w.Canvas().(fyne.Shortcutable); ok {
			canvas.TypedShortcut(s)
		}
	}
}

func (f *field) TypedKey(k *fyne.KeyEvent) {
	switch {
	case k.Name == fyne.KeyEscape && f.escape != nil:
		f.escape()
	case (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && f.enter != nil:
		f.enter()
	case len(k.Name) > 1 && k.Name[0] == 'F': // a function key
		elsewhere(k)
	default:
		f.Entry.TypedKey(k)
	}
}
