package window

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/ui"
)

// A timeline has a row a day: the time that was watched, and every outage in it, however short.
type timeline struct {
	p      *palette
	lang   ui.Lang
	days   []ui.Day
	box    *fyne.Container
	head   *label
	legend [3]*label
	keys   [3]*canvas.Rectangle
	pause  [2]*canvas.Rectangle
	names  []*label
	hours  [5]*label
	raster *canvas.Raster
	pixels *image.RGBA
	size   fyne.Size // of the plot
}

const dayNames = 60 // room for the names of the days

func newTimeline(p *palette, l ui.Lang) *timeline {
	t := &timeline{p: p, lang: l, box: container.NewWithoutLayout(), head: newLabel(fontHead, p.text)}
	t.raster = canvas.NewRaster(t.paint)
	for i, code := range []string{"legend.up", "legend.down", "legend.none"} {
		t.legend[i] = newText(l.Say(code), fontSmall, p.muted)
		t.keys[i] = box([]color.NRGBA{p.calm, p.tone(ui.LookDown).solid, p.sunken}[i], 2)
	}
	t.pause = [2]*canvas.Rectangle{box(p.edge, 0), box(p.edge, 0)}
	for i, text := range []string{"00:00", "06:00", "12:00", "18:00", "24:00"} {
		t.hours[i] = newText(text, fontSmall, p.muted)
		t.hours[i].Alignment = fyne.TextAlignCenter
	}
	t.hours[0].Alignment, t.hours[4].Alignment = fyne.TextAlignLeading, fyne.TextAlignTrailing
	return t
}

// pitch is the distance from row to row, and how high the band of a day is.
func (t *timeline) pitch() (pitch, high float32) {
	if len(t.days) > 7 {
		return 18, 12
	}
	return 26, 18
}

func (t *timeline) show(days []ui.Day, head string) {
	t.days = days
	t.head.set(head)
	t.names = nil
	objects := []fyne.CanvasObject{t.head.Text, t.raster}
	for i := range t.legend {
		objects = append(objects, t.keys[i], t.legend[i].Text)
	}
	objects = append(objects, t.pause[0], t.pause[1])
	for _, h := range t.hours {
		objects = append(objects, h.Text)
	}
	for _, d := range days {
		name := newText(t.lang.Day(d.From, d.Now), fontSmall, t.p.muted)
		t.names = append(t.names, name)
		objects = append(objects, name.Text)
	}
	t.box.Objects = objects
	t.raster.Refresh()
	t.box.Refresh()
}

// place lays the timeline out and returns its height.
func (t *timeline) place(x, y, width float32) float32 {
	t.box.Move(fyne.NewPos(x, y))
	t.head.place(0, 0, width, 28)
	right := width
	legend := float32(0)
	for _, one := range t.legend {
		legend += one.font.width(one.whole) + 34
	}
	top := float32(36)
	line := float32(0)
	if legend+t.head.font.width(t.head.whole)+16 > width { // below the head
		line, top, right = 26, 60, min(legend, width)
	}
	for i := len(t.legend) - 1; i >= 0; i-- {
		w := t.legend[i].font.width(t.legend[i].whole) + 1
		t.legend[i].place(right-w, line, w, 28)
		put(t.keys[i], right-w-18, line+8, 12, 12)
		if i == 2 {
			put(t.pause[0], right-w-18+3, line+11, 2, 6)
			put(t.pause[1], right-w-18+7, line+11, 2, 6)
		}
		right -= w + 34
	}
	pitch, high := t.pitch()
	for i, name := range t.names {
		name.place(0, top+float32(i)*pitch, dayNames-4, high)
	}
	t.size = fyne.NewSize(width-dayNames, float32(len(t.days))*pitch)
	put(t.raster, dayNames, top-3, t.size.Width, t.size.Height+6)
	bottom := top + t.size.Height
	for i, h := range t.hours {
		hx := dayNames + t.size.Width*float32(i)/4 - 24
		switch i {
		case 0:
			hx = dayNames
		case 4:
			hx = dayNames + t.size.Width - 48
		}
		h.place(hx, bottom, 48, 20)
	}
	t.box.Resize(fyne.NewSize(width, bottom+20))
	return bottom + 20
}

// paint draws the days. An outage stands out of its band above and below, and is four units wide at least.
func (t *timeline) paint(w, h int) image.Image {
	if t.pixels == nil || t.pixels.Rect.Dx() != w || t.pixels.Rect.Dy() != h {
		t.pixels = image.NewRGBA(image.Rect(0, 0, w, h))
	} else {
		clear(t.pixels.Pix)
	}
	if t.size.Width <= 0 {
		return t.pixels
	}
	scale := float64(w) / float64(t.size.Width)
	px := func(v float64) int { return int(math.Round(v * scale)) }
	fill := func(x0, y0, x1, y1 int, c color.NRGBA) {
		draw.Draw(t.pixels, image.Rect(x0, y0, x1, y1), image.NewUniform(c), image.Point{}, draw.Src)
	}
	pitch, high := t.pitch()
	for i, d := range t.days {
		at := func(s ui.Span) (int, int) {
			whole := float64(d.Length())
			return px(float64(t.size.Width) * float64(s.From.Sub(d.From)) / whole), px(float64(t.size.Width) * float64(s.To.Sub(d.From)) / whole)
		}
		y0, y1 := px(3+float64(i)*float64(pitch)), px(3+float64(i)*float64(pitch)+float64(high))
		now := d.To
		if d.Now.Before(now) {
			now = d.Now
		}
		_, been := at(ui.Span{From: d.From, To: now})
		if been < w { // what is to come is an empty outline
			one := max(px(1), 1)
			fill(been, y0, w, y1, t.p.line)
			fill(been, y0+one, w-one, y1-one, t.p.surface)
		}
		fill(0, y0, been, y1, t.p.sunken)
		last := 0
		gap := func(from, to int) {
			if to-from > px(60) && t.pause != [2]*canvas.Rectangle{} {
				middle, y := (from+to)/2, (y0+y1)/2
				fill(middle-px(4), y-px(4), middle-px(1), y+px(4), t.p.edge)
				fill(middle+px(1), y-px(4), middle+px(4), y+px(4), t.p.edge)
			}
		}
		for _, s := range d.Watched {
			x0, x1 := at(s)
			gap(last, x0)
			fill(x0, y0, max(x1, x0+1), y1, t.p.calm)
			last = x1
		}
		gap(last, been)
		out := px(3)
		for _, s := range d.Broken {
			x0, x1 := at(s)
			if x1-x0 < px(4) {
				x0 = min(max((x0+x1)/2-px(2), 0), w-px(4))
				x1 = x0 + px(4)
			}
			edge := max(px(1), 1)
			fill(x0-edge, y0-out, x1+edge, y1+out, t.p.surface)
			fill(x0, y0-out, x1, y1+out, t.p.tone(ui.LookDown).solid)
		}
	}
	return t.pixels
}
