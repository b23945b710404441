package window

import (
	"context"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/assets"
	"holdfast/internal/control"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// A card is a thing to try: a title and what will be seen.
type card struct {
	pressable
	title        *label
	word         *label // says that it is on: a border alone is soon overlooked
	text         *paragraph
	ground, ring *canvas.Rectangle
	on           bool // this is what the demo does now
}

func newCard(p *palette, title, text, word string, press func()) *card {
	c := &card{title: newText(title, fontStrong, p.accent), word: newText(word, fontSmall, p.text), text: newParagraph(fontSmall, p.muted, 3), ground: box(color.Transparent, 10), ring: frame(color.Transparent, 2, 14)}
	c.text.set(text)
	c.p, c.press = p, press
	c.paint = func() {
		c.ground.StrokeColor, c.ground.StrokeWidth, c.ground.FillColor = p.line, 1, color.Transparent
		if c.hovered {
			c.ground.FillColor = p.background
		}
		if c.on {
			c.ground.StrokeColor, c.ground.StrokeWidth = p.accent, 2
		}
		setVisible(c.on, c.word.Text)
		c.ring.StrokeColor = color.Transparent
		if c.focused {
			c.ring.StrokeColor = p.accent
		}
		c.Refresh()
	}
	c.ExtendBaseWidget(c)
	c.paint()
	return c
}

func (c *card) CreateRenderer() fyne.WidgetRenderer {
	return &plain{
		objects: []fyne.CanvasObject{c.ground, c.ring, c.title.Text, c.word.Text, c.text.box},
		min:     func() fyne.Size { return fyne.NewSize(140, 66) },
		layout: func(s fyne.Size) {
			put(c.ground, 0, 0, s.Width, s.Height)
			put(c.ring, -4, -4, s.Width+8, s.Height+8)
			word := c.word.font.width(c.word.whole)
			c.title.place(17, 12, s.Width-34-word-8, 22)
			c.word.place(s.Width-17-word, 12, word+1, 22)
			c.text.place(17, 36, s.Width-30, 16)
		},
	}
}

// drills are what the built-in server can be told to do: the word for it, and the mode by which the server knows it.
var drills = [...]struct{ word, mode string }{{"stop", "stopped"}, {"hang", "hung"}, {"late", "late"}, {"close", "closing"}}

// healed is the mode in which it answers.
const healed = "normal"

var legend = [...]ui.Look{ui.LookUp, ui.LookConnecting, ui.LookSuspect, ui.LookDown, ui.LookPaused, ui.LookEmpty, ui.LookUnknown}

// A demoPage is what the demo target shows instead of chart and attempts: how to break it, what the icons mean, and the
// way to a target of one's own. It is the first page that a person sees.
type demoPage struct {
	w       *Window
	box     *fyne.Container
	mode    string // which drill is marked; "" none
	told    string // what the resident said last
	look    ui.Look
	panel   *canvas.Rectangle
	icon    *canvas.Image
	speaker *canvas.Image
	clock   *label
	hint    *paragraph
	heads   [2]*label
	cards   [len(drills)]*card
	seen    *paragraph // what came of the last drill
	heal    *button
	rule    *canvas.Rectangle
	glyphs  [len(legend)]*canvas.Image
	words   [len(legend)]*label
	means   [len(legend)]*paragraph
	add     *button
	remove  *button
}

func newDemoPage(w *Window) *demoPage {
	p := w.p
	d := &demoPage{
		w: w, look: ui.LookUp, panel: box(p.sunken, 8), icon: &canvas.Image{FillMode: canvas.ImageFillStretch},
		speaker: picture(sign(signSpeaker, p.muted)), clock: newText("12:00", fontBody, p.text),
		hint: newParagraph(fontSmall, p.muted, 4), rule: box(p.line, 0),
	}
	d.hint.set(w.say("demo.panel"))
	d.heads = [2]*label{newText(w.say("head.break"), fontHead, p.text), newText(w.say("head.icon"), fontHead, p.text)}
	objects := []fyne.CanvasObject{d.panel, d.icon, d.speaker, d.clock.Text, d.hint.box, d.heads[0].Text, d.heads[1].Text, d.rule}
	for i, one := range drills {
		d.cards[i] = newCard(p, w.say("drill."+one.word), w.lang.Tell("drill."+one.word), w.say("drill.on"), func() { d.drill(one.mode) })
		objects = append(objects, d.cards[i])
	}
	d.seen = newParagraph(fontBody, p.text, 3)
	objects = append(objects, d.seen.box)
	d.heal = newButton(p, quiet, w.say("drill.heal"), "", func() { d.drill(healed) })
	objects = append(objects, d.heal)
	for i, k := range legend {
		d.glyphs[i] = picture(glyph(k, p.tone(k).solid, p.surface))
		code := "state." + k.String()
		if k == ui.LookPaused {
			code = "state.idle"
		}
		d.words[i], d.means[i] = newText(w.say(code), fontStrong, p.text), newParagraph(fontSmall, p.muted, 3)
		d.means[i].set(w.lang.Tell(code))
		objects = append(objects, d.glyphs[i], d.words[i].Text, d.means[i].box)
	}
	d.add = newButton(p, primary, w.say("button.add-first"), "", w.addTarget)
	d.remove = newButton(p, quiet, w.say("demo.remove"), "", w.removeDemo)
	d.box = container.NewWithoutLayout(append(objects, d.add, d.remove)...)
	d.setIcon(ui.LookUp)
	return d
}

func (d *demoPage) setIcon(k ui.Look) {
	d.icon.Resource = fyne.NewStaticResource("tray-"+k.String()+".png", assets.Icon(k.String(), 44))
	d.icon.Refresh()
}

// show follows the state of the demo: what it was told to do, and what came of it. It reports whether the page is to be
// laid out anew.
func (d *demoPage) show(v ui.View, drill, seen string) (relay bool) {
	if v.Look != d.look {
		d.look = v.Look
		d.setIcon(v.Look)
		setVisible(d.mode != "" || v.Look != ui.LookUp, d.heal)
	}
	if drill != d.told { // by the menu in the panel, say
		d.told = drill
		d.mark(drill)
	}
	return d.seen.set(seen)
}

// drillSeen says how soon what was told to the demo could be seen; snap is the demo's.
func drillSeen(d control.Drill, s monitor.Snapshot, l ui.Lang) string {
	since := d.Since.Time
	after := func(t time.Time) (string, bool) {
		took := t.Sub(since)
		// The two clocks are those of one computer, read in another order than things happened.
		return l.RTT(max(took, time.Millisecond)), !t.IsZero() && took > -20*time.Millisecond && took < time.Minute
	}
	switch noticed, ok := after(s.BrokenSince); {
	case since.IsZero():
		return ""
	case d.Mode == "late" && s.State == monitor.Up && s.RTT > 0:
		return l.Say("drill.seen.late", "rtt", l.RTT(s.RTT))
	case d.Mode == healed:
		if back, ok := after(s.UpSince); ok && s.State == monitor.Up {
			return l.Say("drill.seen.back", "duration", back)
		}
		return ""
	case !ok:
		return ""
	case s.State == monitor.Down && s.Verdict.Cause != netcheck.CauseNone:
		red, _ := after(s.Since)
		return l.Say("drill.seen.named", "duration", noticed, "other", red, "short", ui.Short(s.Verdict.Cause, l))
	default:
		return l.Say("drill.seen.noticed", "duration", noticed)
	}
}

// drill tells the built-in server what to do.
func (d *demoPage) drill(mode string) {
	d.w.ask(func(ctx context.Context, c Client) error { return c.Demo(ctx, mode) }, func() { d.w.detail.demo.mark(mode) })
}

// mark shows which drill is on.
func (d *demoPage) mark(mode string) {
	d.mode = mode
	if mode == healed {
		d.mode = ""
	}
	for i, one := range drills {
		if on := one.mode == d.mode; on != d.cards[i].on {
			d.cards[i].on = on
			d.cards[i].paint()
		}
	}
	setVisible(d.mode != "" || d.look != ui.LookUp, d.heal)
}

// place lays the page out below its path strip, which begins at strip; it returns the height of the whole page.
func (d *demoPage) place(x, y, width, strip float32) float32 {
	d.box.Move(fyne.NewPos(0, 0))
	aside := width >= 880
	setVisible(aside, d.panel, d.icon, d.speaker, d.clock.Text, d.hint.box)
	if aside {
		left := x + 476
		w := x + width - left
		top := strip + stripAbove - 22
		put(d.panel, left, top, w, 44)
		put(d.icon, left+w-132, top+11, 22, 22)
		put(d.speaker, left+w-92, top+12, 20, 20)
		d.clock.place(left+w-54, top, 50, 44)
		d.hint.place(left, top+56, w, 18)
	}
	d.heads[0].place(x, y, width, 28)
	put(d.heal, x+width-d.heal.width()+12, y-4, d.heal.width(), buttonHeight)
	setVisible(d.mode != "" || d.look != ui.LookUp, d.heal)
	y += 36
	columns := 4
	if width < 620 {
		columns = 2
	}
	if width < 330 {
		columns = 1
	}
	const gap = 12
	w := (width - gap*float32(columns-1)) / float32(columns)
	height := float32(0)
	for _, c := range d.cards {
		height = max(height, 50+c.text.height(w-30, 16))
	}
	for i, c := range d.cards {
		put(c, x+float32(i%columns)*(w+gap), y+float32(i/columns)*(height+gap), w, height)
	}
	y += float32((len(d.cards)+columns-1)/columns)*(height+gap) - gap
	setVisible(d.seen.whole != "", d.seen.box)
	if d.seen.whole != "" {
		y += 12 + d.seen.place(x, y+12, width, 20)
	}
	y += 20
	put(d.rule, x, y, width, 1)
	y += 20
	d.heads[1].place(x, y, width, 28)
	y += 36
	columns = min(columns, 4)
	w = width / float32(columns)
	height = 0
	for _, m := range d.means {
		height = max(height, 36+m.height(w-44, 16))
	}
	for i := range legend {
		cx, cy := x+float32(i%columns)*w, y+float32(i/columns)*height
		put(d.glyphs[i], cx, cy, 22, 22)
		d.words[i].place(cx+34, cy-4, w-44, 20)
		d.means[i].place(cx+34, cy+15, w-44, 16)
	}
	y += float32((len(legend)+columns-1)/columns)*height + 8
	put(d.add, x, y, d.add.width(), buttonHeight)
	right := x + width - d.remove.width() + 12
	if right < x+d.add.width()+8 {
		y += buttonHeight + 8
		right = x - 12
	}
	put(d.remove, right, y, d.remove.width(), buttonHeight)
	y += buttonHeight + 24
	d.box.Resize(fyne.NewSize(x+width, y))
	return y
}

// An emptyPage says that there is nothing to watch yet, and what to do.
type emptyPage struct {
	w        *Window
	box      *fyne.Container
	sentence *paragraph
	remedy   *paragraph
	add      *button
	demo     *button
}

func newEmptyPage(w *Window) *emptyPage {
	e := &emptyPage{w: w, sentence: newParagraph(fontVerdict, w.p.text, 3), remedy: newParagraph(fontBody, w.p.muted, 5)}
	e.sentence.set(w.say("empty.targets"))
	e.remedy.set(w.lang.Tell("empty.targets"))
	e.add = newButton(w.p, primary, w.say("button.add-first"), "", w.addTarget)
	e.demo = newButton(w.p, outlined, w.say("button.demo"), "", w.startDemo)
	e.box = container.NewWithoutLayout(e.sentence.box, e.remedy.box, e.add, e.demo)
	return e
}

func (e *emptyPage) place(x, _, width, height float32) float32 {
	y := max(height/2-110, 20)
	y += e.sentence.place(x, y, width, 32) + 6
	y += e.remedy.place(x, y, min(width, 620), 21) + 18
	put(e.add, x, y, e.add.width(), buttonHeight)
	put(e.demo, x+e.add.width()+12, y, e.demo.width(), buttonHeight)
	if e.add.width()+12+e.demo.width() > width {
		y += buttonHeight + 8
		put(e.demo, x, y, e.demo.width(), buttonHeight)
	}
	e.box.Resize(fyne.NewSize(x+width, y+buttonHeight+24))
	return y + buttonHeight + 24
}
