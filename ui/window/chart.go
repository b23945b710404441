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

// chartSpan is how far back the traces reach: what the running Holdfast keeps of each second.
const chartSpan = 10 * time.Minute

// chartSpans are how far back the chart can reach. Beyond the first it shows what was kept of each minute.
var chartSpans = [...]time.Duration{chartSpan, time.Hour, 24 * time.Hour}

// A band is a part of the chart in which the target was broken.
type band struct {
	from, to time.Time
	words    string // "proxy refused"
	length   string // "0:42"
}

// A chart draws the round trips of a stretch of time that ends now.
type chart struct {
	widget.BaseWidget
	p      *palette
	lang   ui.Lang
	key    string // whose they are
	points []ui.Point
	bands  []band
	now    time.Time
	span   time.Duration

	raster  *canvas.Raster
	pixels  *image.RGBA
	columns []ui.Column
	mask    *image.Alpha
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
	c := &chart{p: p, lang: l, span: chartSpan}
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

// step is how far time goes on before the picture moves: some four pixels of a usual window.
func (c *chart) step() time.Duration { return c.span / 120 }

// show draws what was measured until now. Between new measurements only the length of an outage that lasts is written
// anew, until the picture has to move.
func (c *chart) show(key string, points []ui.Point, bands []band, now time.Time, span time.Duration) {
	same := key == c.key && span == c.span && len(bands) == len(c.bands) && now.Sub(c.now) < c.step() && !now.Before(c.now)
	if same { // of minutes, the newest few seconds are not to be seen
		same = (len(points) == 0) == (len(c.points) == 0) && (len(points) == 0 || points[0] == c.points[0])
	}
	if same && span == chartSpan {
		same = len(points) == len(c.points) && (len(points) == 0 || points[len(points)-1] == c.points[len(points)-1])
	}
	for i := 0; same && i < len(bands); i++ {
		same = bands[i].from.Equal(c.bands[i].from) && bands[i].words == c.bands[i].words
	}
	if same {
		if n := len(bands); n > 0 && c.newest != nil {
			c.newest.set(bands[n-1].length)
		}
		return
	}
	c.key, c.points, c.bands, c.now, c.span = key, points, bands, now, span
	if c.size.Width > 0 {
		c.place()
		c.raster.Refresh()
	}
}

// wear changes the colours.
func (c *chart) wear(p *palette) {
	c.p = p
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
	for _, p := range c.points {
		if !p.Time.Before(c.begin()) {
			most = max(most, p.Max)
		}
	}
	if len(c.bands) > 0 {
		most += most * 2 / 5 // their words stand above the line
	}
	return ceiling(most)
}

func (c *chart) begin() time.Time { return c.now.Add(-c.span) }

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
		if len(c.points) == 0 {
			text = ""
		}
		c.scale[i].set(text)
		c.scale[i].place(0, y+h*float32(i)/2-8, c.left-8, 16)
	}
	for i := range c.times {
		at := c.begin().Add(c.span * time.Duration(i) / 2)
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
	if len(c.points) == 0 && len(c.bands) == 0 {
		empty := newText(c.lang.Say("chart.empty"), fontTable, c.p.muted)
		empty.Alignment = fyne.TextAlignCenter
		empty.place(x, y+h/2-12, w, 24)
		c.objects = append(c.objects, empty.Text)
	}
	// The words of an outage stand left of it where there is room, else right; only those that fit are said.
	busy := x + w
	for i := len(c.bands) - 1; i >= 0 && busy > x+24; i-- {
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
	share := float64(t.Sub(c.begin())) / float64(c.span)
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
	x := func(t time.Time) float64 { return float64(w) * float64(t.Sub(c.begin())) / float64(c.span) }

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
	if len(c.points) == 0 && len(c.bands) == 0 {
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
	c.line(w, h, scale, float64(plotH), c.largest())
	return c.pixels
}

// line draws the round trips: the line is the longest of each place, or their mean with all that they ranged over behind
// it where minutes are shown. What hurts must be seen. Gaps are gaps, and never joined.
func (c *chart) line(w, h int, scale float64, plotH float64, top time.Duration) {
	if len(c.points) == 0 {
		return
	}
	y := func(d time.Duration) float32 {
		return float32((2 + plotH*(1-float64(d)/float64(top))) * scale)
	}
	wide := max(2*scale, 1)
	ranges := c.span > chartSpan
	if ranges {
		wide = max(scale, 1)
	}
	n := max(int(float64(w)/wide), 1)
	c.columns = ui.Columns(c.columns, c.points, c.begin(), c.now, n, c.gap())
	x := func(i int) float32 { return float32((float64(i) + 0.5) * float64(w) / float64(n)) }

	if ranges {
		back := blend(c.p.surface, c.p.edge, 0.45)
		last := -1
		for i, col := range c.columns {
			if col.Max == 0 {
				continue
			}
			from := i
			if col.Joined && last >= 0 {
				from = last + 1 // what lies between was measured as one minute with them
			}
			a := col
			if last >= 0 {
				a = c.columns[last]
			}
			for j := from; j <= i; j++ {
				share := float32(1)
				if i > from {
					share = float32(j-last) / float32(i-last)
				}
				y0, y1 := y(a.Max)+(y(col.Max)-y(a.Max))*share, y(a.Min)+(y(col.Min)-y(a.Min))*share
				c.stroke(int(float64(j)*float64(w)/float64(n)), int(float64(j+1)*float64(w)/float64(n)), y0, y1, back)
			}
			last = i
		}
	}

	r := vector.NewRasterizer(w, h)
	half := float32(0.75 * scale)
	type point struct{ x, y float32 }
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
	var last point
	for i, col := range c.columns {
		if col.Max == 0 {
			continue
		}
		at := point{x(i), y(col.Max)}
		if ranges {
			at.y = y(col.Mean)
		}
		if col.Joined {
			segment(last, at)
		} else {
			segment(at, point{at.x + half, at.y})
		}
		last = at
	}
	// The picture is mostly empty: the line's own mask is made first, and only what it covers is touched.
	if c.mask == nil || c.mask.Rect != c.pixels.Rect {
		c.mask = image.NewAlpha(c.pixels.Rect)
	}
	r.DrawOp = draw.Src
	r.Draw(c.mask, c.mask.Rect, image.Opaque, image.Point{})
	for i, a := range c.mask.Pix {
		if a > 0 {
			over(c.pixels.Pix[4*i:4*i+4], c.p.text, uint32(a))
		}
	}
}

// stroke fills a column of pixels from y0 down to y1; the ends are as faint as they are short of a whole pixel.
func (c *chart) stroke(x0, x1 int, y0, y1 float32, col color.NRGBA) {
	if y1-y0 < 0.5 {
		return
	}
	h := c.pixels.Rect.Dy()
	for y := max(int(y0), 0); y < min(int(y1)+1, h); y++ {
		share := min(y1, float32(y+1)) - max(y0, float32(y))
		for x := x0; x < min(x1, c.pixels.Rect.Dx()); x++ {
			i := c.pixels.PixOffset(x, y)
			over(c.pixels.Pix[i:i+4], col, uint32(share*255))
		}
	}
}

// over lays col, with so much of 255, over a pixel.
func over(pixel []uint8, col color.NRGBA, a uint32) {
	mix := func(to *uint8, from uint8) { *to = uint8((uint32(from)*a + uint32(*to)*(255-a)) / 255) }
	mix(&pixel[0], col.R)
	mix(&pixel[1], col.G)
	mix(&pixel[2], col.B)
	mix(&pixel[3], 0xff)
}

// gap is the longest time between two seconds that belong together: two usual distances, at least 2.5 s. Minutes that
// belong together leave none.
func (c *chart) gap() time.Duration {
	usual := time.Hour
	for i := 1; i < len(c.points); i++ {
		if c.points[i-1].Over <= time.Second {
			usual = min(usual, c.points[i].Time.Sub(c.points[i-1].Time))
		}
	}
	if usual == time.Hour {
		return 2500 * time.Millisecond
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
