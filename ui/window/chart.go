package window

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
	"golang.org/x/image/vector"

	"holdfast/monitor"
	"holdfast/ui"
)

// chartSpan is how far back the chart reaches: what the running Holdfast keeps of each second.
const chartSpan = 10 * time.Minute

// A band is a part of the chart in which the target was broken.
type band struct {
	from, to time.Time
	words    string // "proxy refused"
	length   string // "0:42"
}

// A chart draws the round trip of the last ten minutes.
type chart struct {
	widget.BaseWidget
	p       *palette
	lang    ui.Lang
	samples []monitor.Sample
	bands   []band
	now     time.Time

	raster  *canvas.Raster
	pixels  *image.RGBA
	scale   [3]*label // largest, half, 0
	times   [3]*label
	left    float32 // where the plot begins
	newest  *label  // the length of the last outage
	objects []fyne.CanvasObject
	size    fyne.Size
}

const (
	chartLeft   = 44 // room for the scale, at least
	chartBottom = 26 // room for the times
	chartTop    = 8
)

func newChart(p *palette, l ui.Lang) *chart {
	c := &chart{p: p, lang: l}
	c.raster = canvas.NewRaster(c.paint)
	c.objects = []fyne.CanvasObject{c.raster}
	for i := range c.scale {
		c.scale[i] = newLabel(fontSmall, p.muted)
		c.scale[i].Alignment = fyne.TextAlignTrailing
		c.times[i] = newLabel(fontSmall, p.muted)
		c.objects = append(c.objects, c.scale[i].Text, c.times[i].Text)
	}
	c.times[1].Alignment, c.times[2].Alignment = fyne.TextAlignCenter, fyne.TextAlignTrailing
	c.ExtendBaseWidget(c)
	return c
}

// chartStep is how far time goes on before the picture moves: two pixels of a usual window.
const chartStep = 5 * time.Second

// show draws what was measured until now. Between new measurements only the length of an outage that lasts is written
// anew, until the picture has to move.
func (c *chart) show(samples []monitor.Sample, bands []band, now time.Time) {
	same := len(samples) == len(c.samples) && (len(samples) == 0 || samples[0] == c.samples[0] && samples[len(samples)-1] == c.samples[len(samples)-1])
	same = same && len(bands) == len(c.bands) && now.Sub(c.now) < chartStep && !now.Before(c.now)
	for i := 0; same && i < len(bands); i++ {
		same = bands[i].from.Equal(c.bands[i].from) && bands[i].words == c.bands[i].words
	}
	if same {
		if n := len(bands); n > 0 && c.newest != nil {
			c.newest.set(bands[n-1].length)
		}
		return
	}
	c.samples, c.bands, c.now = samples, bands, now
	if c.size.Width > 0 {
		c.place()
		c.raster.Refresh()
	}
}

// ceiling is the top of the scale: the least of 1, 2, 4, 6, 8, 10 … that holds the largest round trip, and half of it is a
// round number too.
func ceiling(largest time.Duration) time.Duration {
	for unit := 100 * time.Microsecond; ; unit *= 10 {
		for _, m := range []time.Duration{1, 2, 4, 6, 8} {
			if m*unit >= largest {
				return max(m*unit, time.Millisecond)
			}
		}
	}
}

func (c *chart) largest() time.Duration {
	var most time.Duration
	for _, s := range c.samples {
		most = max(most, s.RTT)
	}
	return ceiling(most)
}

func (c *chart) begin() time.Time { return c.now.Add(-chartSpan) }

// plot is the part of the widget that has the lines.
func (c *chart) plot() (x, y, w, h float32) {
	return c.left, chartTop, max(c.size.Width-c.left, 1), max(c.size.Height-chartTop-chartBottom, 1)
}

func (c *chart) place() {
	top := c.largest()
	c.left = max(chartLeft, fontSmall.width(scaleText(top, true, c.lang))+9)
	x, y, w, h := c.plot()
	put(c.raster, x, y-2, w, h+5)
	for i, v := range []time.Duration{top, top / 2, 0} {
		text := "0"
		if v > 0 {
			text = scaleText(v, i == 0, c.lang)
		}
		if len(c.samples) == 0 {
			text = ""
		}
		c.scale[i].set(text)
		c.scale[i].place(0, y+h*float32(i)/2-8, c.left-8, 16)
	}
	for i := range c.times {
		at := c.begin().Add(chartSpan * time.Duration(i) / 2)
		c.times[i].set(at.Format("15:04"))
		left := x
		switch i {
		case 1:
			left = x + w/2 - 40
		case 2:
			left = x + w - 80
		}
		c.times[i].place(left, y+h+6, 80, 16)
	}
	c.objects = c.objects[:1+2*len(c.scale)]
	c.newest = nil
	if len(c.samples) == 0 && len(c.bands) == 0 {
		empty := newText(c.lang.Say("chart.empty"), fontTable, c.p.muted)
		empty.Alignment = fyne.TextAlignCenter
		empty.place(x, y+h/2-12, w, 24)
		c.objects = append(c.objects, empty.Text)
	}
	// The words of an outage stand left of it where there is room, else right; only those that fit are said.
	busy := x + w
	for i := len(c.bands) - 1; i >= 0; i-- {
		b := c.bands[i]
		left, right := c.at(b.from), c.at(b.to)
		a, d := newText(b.words, fontSmallB, c.p.tone(ui.LookDown).ink), newText(b.length, fontSmall, c.p.tone(ui.LookDown).ink)
		width := max(a.font.width(b.words), d.font.width(b.length))
		switch {
		case left-8-width >= x && left-8 <= busy:
			a.Alignment, d.Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
			a.place(left-8-width-1, y+2, width+1, 16)
			d.place(left-8-width-1, y+18, width+1, 16)
			busy = left - 8 - width
		case right+8+width <= busy:
			a.place(right+8, y+2, width+1, 16)
			d.place(right+8, y+18, width+1, 16)
			busy = left
		default:
			continue
		}
		if i == len(c.bands)-1 {
			c.newest = d
		}
		c.objects = append(c.objects, a.Text, d.Text)
	}
	canvas.Refresh(c)
}

func scaleText(d time.Duration, unit bool, l ui.Lang) string {
	text := l.RTT(d)
	if !unit {
		for i, r := range text {
			if r == ' ' {
				return text[:i]
			}
		}
	}
	return text
}

// at is the place of a time, in the widget.
func (c *chart) at(t time.Time) float32 {
	x, _, w, _ := c.plot()
	share := float64(t.Sub(c.begin())) / float64(chartSpan)
	return x + w*float32(min(max(share, 0), 1))
}

// paint draws grid, outages and the line into the picture that Fyne shows.
func (c *chart) paint(w, h int) image.Image {
	if c.pixels == nil || c.pixels.Rect.Dx() != w || c.pixels.Rect.Dy() != h {
		c.pixels = image.NewRGBA(image.Rect(0, 0, w, h))
	} else {
		clear(c.pixels.Pix)
	}
	_, _, plotW, plotH := c.plot()
	scale := float64(w) / float64(plotW)
	px := func(v float64) int { return int(math.Round(v * scale)) }
	fill := func(x0, y0, x1, y1 int, col color.NRGBA) {
		draw.Draw(c.pixels, image.Rect(x0, y0, x1, y1), image.NewUniform(col), image.Point{}, draw.Src)
	}
	one := max(px(1), 1)
	y := func(share float64) int { return px(2 + float64(plotH)*(1-share)) }
	x := func(t time.Time) float64 { return float64(w) * float64(t.Sub(c.begin())) / float64(chartSpan) }

	down := c.p.tone(ui.LookDown)
	for _, b := range c.bands {
		x0, x1 := int(max(x(b.from), 0)), int(math.Ceil(min(x(b.to), float64(w))))
		if x1 <= 0 {
			continue
		}
		x1 = max(x1, x0+px(2))
		fill(x0, y(1), x1, y(0), down.tint)
	}
	grid := []float64{0, 0.5, 1}
	if len(c.samples) == 0 && len(c.bands) == 0 {
		grid = []float64{0, 1} // the words stand in the middle
	}
	for _, share := range grid {
		fill(0, y(share), w, y(share)+one, c.p.line)
	}
	for _, b := range c.bands {
		x0, x1 := int(max(x(b.from), 0)), int(math.Ceil(min(x(b.to), float64(w))))
		if x1 > 0 {
			fill(x0, y(0)-px(2), max(x1, x0+px(2)), y(0)+one, down.solid)
		}
	}
	c.line(w, h, scale, x, float64(plotH), c.largest())
	return c.pixels
}

// line draws the samples. Several that fall on one pixel are one point, the longest: what hurts must be seen. Gaps are
// gaps: two samples more than two seconds apart are never joined.
func (c *chart) line(w, h int, scale float64, x func(time.Time) float64, plotH float64, top time.Duration) {
	if len(c.samples) == 0 {
		return
	}
	r := vector.NewRasterizer(w, h)
	half := float32(0.75 * scale)
	y := func(d time.Duration) float32 {
		return float32((2 + plotH*(1-float64(d)/float64(top))) * scale)
	}
	type point struct{ x, y float32 }
	var last point
	var lastTime time.Time
	joined := false
	segment := func(a, b point) {
		dx, dy := b.x-a.x, b.y-a.y
		n := float32(math.Hypot(float64(dx), float64(dy)))
		if n == 0 {
			dx, n = 1, 1
		}
		nx, ny := -dy/n*half, dx/n*half
		// A little longer at both ends, so that corners close.
		ex, ey := dx/n*half*0.6, dy/n*half*0.6
		r.MoveTo(a.x-ex+nx, a.y-ey+ny)
		r.LineTo(b.x+ex+nx, b.y+ey+ny)
		r.LineTo(b.x+ex-nx, b.y+ey-ny)
		r.LineTo(a.x-ex-nx, a.y-ey-ny)
		r.ClosePath()
	}
	bucket := max(float32(2*scale), 1)
	var held point
	holding := false
	flush := func() {
		if !holding {
			return
		}
		holding = false
		if joined {
			segment(last, held)
		} else {
			segment(held, point{held.x + half, held.y})
		}
		last, joined = held, true
	}
	gap := c.gap()
	for _, s := range c.samples {
		if s.Time.Before(c.begin()) || s.RTT <= 0 {
			continue
		}
		at := point{float32(x(s.Time)), y(s.RTT)}
		if !lastTime.IsZero() && s.Time.Sub(lastTime) > gap {
			flush()
			joined = false
		}
		lastTime = s.Time
		switch {
		case !holding:
			held, holding = at, true
		case at.x-held.x < bucket:
			held.y = min(held.y, at.y)
		default:
			flush()
			held, holding = at, true
		}
	}
	flush()
	r.Draw(c.pixels, c.pixels.Bounds(), image.NewUniform(c.p.text), image.Point{})
}

// gap is the longest time between two samples that belong together: two usual distances, at least 2.5 s.
func (c *chart) gap() time.Duration {
	if len(c.samples) < 3 {
		return 2500 * time.Millisecond
	}
	usual := time.Hour
	for i := 1; i < len(c.samples); i++ {
		usual = min(usual, c.samples[i].Time.Sub(c.samples[i-1].Time))
	}
	return max(2*usual+500*time.Millisecond, 2500*time.Millisecond)
}

func (c *chart) CreateRenderer() fyne.WidgetRenderer { return (*chartRenderer)(c) }

type chartRenderer chart

func (r *chartRenderer) Destroy()                     {}
func (r *chartRenderer) MinSize() fyne.Size           { return fyne.NewSize(200, 140) }
func (r *chartRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *chartRenderer) Refresh()                     { canvas.Refresh((*chart)(r)) }
func (r *chartRenderer) Layout(size fyne.Size) {
	if size != r.size {
		r.size = size
		(*chart)(r).place()
	}
}

// A trace is a chart of 64 × 18 without words, for a row of the list.
type trace struct {
	*canvas.Raster
	p       *palette
	samples []monitor.Sample
	now     time.Time
	broken  time.Time // since when it is broken; zero: it is not
}

func newTrace(p *palette) *trace {
	t := &trace{p: p}
	t.Raster = canvas.NewRaster(t.paint)
	return t
}

func (t *trace) show(samples []monitor.Sample, broken, now time.Time) {
	t.samples, t.broken, t.now = samples, broken, now
	t.Refresh()
}

func (t *trace) paint(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	if len(t.samples) == 0 {
		return img
	}
	const points = 32 // one for each two units of width
	var most time.Duration
	var longest [points]time.Duration
	begin := t.now.Add(-chartSpan)
	for _, s := range t.samples {
		i := int(float64(s.Time.Sub(begin)) / float64(chartSpan) * points)
		if i >= 0 && i < points {
			longest[i] = max(longest[i], s.RTT)
			most = max(most, s.RTT)
		}
	}
	if most == 0 {
		return img
	}
	r := vector.NewRasterizer(w, h)
	half := float32(h) / 18 * 0.55
	at := func(i int) (float32, float32) {
		return float32(w) * (float32(i) + 0.5) / points, float32(h)*0.88 - float32(h)*0.7*float32(float64(longest[i])/float64(most))
	}
	for i := 1; i < points; i++ {
		if longest[i] == 0 || longest[i-1] == 0 {
			continue
		}
		x0, y0 := at(i - 1)
		x1, y1 := at(i)
		n := float32(math.Hypot(float64(x1-x0), float64(y1-y0)))
		nx, ny := -(y1-y0)/n*half, (x1-x0)/n*half
		r.MoveTo(x0+nx, y0+ny)
		r.LineTo(x1+nx, y1+ny)
		r.LineTo(x1-nx, y1-ny)
		r.LineTo(x0-nx, y0-ny)
		r.ClosePath()
	}
	if !t.broken.IsZero() {
		down := t.p.tone(ui.LookDown)
		x := float64(w) * float64(t.broken.Sub(begin)) / float64(chartSpan)
		x0 := int(min(max(x, 0), float64(w)*0.94))
		draw.Draw(img, image.Rect(x0, 0, w, h), image.NewUniform(down.tint), image.Point{}, draw.Src)
		draw.Draw(img, image.Rect(x0, h-h/9, w, h), image.NewUniform(down.solid), image.Point{}, draw.Src)
	}
	r.Draw(img, img.Bounds(), image.NewUniform(t.p.muted), image.Point{})
	return img
}
