package window

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/assets"
	"holdfast/ui"
)

// A font is a size and one of the two weights.
type font struct {
	size float32
	bold bool
}

var (
	fontVerdict = font{22, true}
	fontFigure  = font{28, false}
	fontName    = font{16, true}
	fontBody    = font{14, false}
	fontStrong  = font{14, true}
	fontHead    = font{13, true}
	fontTable   = font{13, false}
	fontSmall   = font{12, false}
	fontSmallB  = font{12, true}
	fontSum     = font{26, false}
)

// style is how Fyne is told the weight.
func (f font) style() fyne.TextStyle { return fyne.TextStyle{Bold: f.bold} }

// source is the font that Fyne bundles, where it has all of the text, else others, with which Fyne also looks through the
// system's fonts. That takes it 100 ms, once, and 40 MB where it begins with a large one: most windows never need it.
func (f font) source(text string) fyne.Resource {
	for _, r := range text {
		if !bundled(r) {
			chineseFonts()
			return others(f.bold)
		}
	}
	return look{}.Font(f.style())
}

// bundled reports whether the bundled font surely has r: Latin, Cyrillic and their punctuation.
func bundled(r rune) bool {
	return r >= 0x20 && r <= 0x7e || r >= 0xa0 && r < 0x370 || r >= 0x400 && r < 0x530 || r >= 0x2010 && r <= 0x205e
}

// rendered is how large the text gets, and where its base line is.
func (f font) rendered(text string) (fyne.Size, float32) {
	return fyne.CurrentApp().Driver().RenderedTextSize(text, f.size, f.style(), f.source(text))
}

func (f font) measure(s string) fyne.Size {
	size, _ := f.rendered(s)
	return size
}

func (f font) width(s string) float32 { return f.measure(s).Width }

// text is a line of it.
func (f font) text(s string, c color.Color) *canvas.Text {
	t := canvas.NewText(s, c)
	t.TextSize, t.TextStyle, t.FontSource = f.size, f.style(), f.source(s)
	return t
}

// A label is one line of text in a box; what does not fit ends in an ellipsis.
type label struct {
	*canvas.Text
	font  font
	whole string
	box   fyne.Size
	at    fyne.Position
}

func newLabel(f font, c color.Color) *label {
	return &label{Text: f.text("", c), font: f}
}

func newText(s string, f font, c color.Color) *label {
	l := newLabel(f, c)
	l.whole = s
	l.say(s)
	return l
}

// set changes what the label says, and reports whether that is a change.
func (l *label) set(s string) bool {
	if s == l.whole {
		return false
	}
	l.whole = s
	l.fit()
	l.Refresh()
	return true
}

func (l *label) paint(c color.Color) {
	if l.Color != c {
		l.Color = c
		l.Refresh()
	}
}

// place puts the label into a line of the given height; the text stands in its middle, on whole pixels.
func (l *label) place(x, y, width, height float32) {
	if l.box.Width == width && l.box.Height == height && l.at.X == x && l.at.Y == y {
		return
	}
	l.box, l.at = fyne.NewSize(width, height), fyne.NewPos(x, y)
	l.fit()
}

// write changes font and colour; Refresh draws it.
func (l *label) write(f font, c color.Color) {
	l.Color = c
	if f == l.font {
		return
	}
	l.font, l.TextSize, l.TextStyle = f, f.size, f.style()
	l.fit()
}

// say is what stands there, of the whole.
func (l *label) say(s string) { l.Text.Text, l.FontSource = s, l.font.source(s) }

func (l *label) fit() {
	if l.box.Width > 0 {
		l.say(ellipsis(l.whole, l.box.Width, l.font))
	} else {
		l.say(l.whole)
	}
	y, h := l.font.stand(l.Text.Text, l.at.Y, l.box.Height)
	l.Text.Move(fyne.NewPos(round(l.at.X), y))
	l.Text.Resize(fyne.NewSize(l.box.Width, h))
}

// stand returns where the text begins and how high it is, so that it stands in the middle of a line that begins at y.
// Chinese has taller glyphs than Latin: what counts is that all stand on one base line.
func (f font) stand(text string, y, line float32) (top, height float32) {
	latin, base := f.rendered("M")
	size, own := f.rendered(text)
	return round(y + (line-latin.Height)/2 + base - own), size.Height
}

func round(v float32) float32 { return float32(math.Round(float64(v))) }

// ellipsis cuts s to the width.
func ellipsis(s string, width float32, f font) string {
	if s == "" || f.width(s) <= width {
		return s
	}
	runes := []rune(s)
	low, high := 0, len(runes)-1 // how many are kept
	for low < high {
		middle := (low + high + 1) / 2
		if f.width(string(runes[:middle])+"…") <= width {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return string(runes[:low]) + "…"
}

// wrap breaks s into lines of at most the width: at spaces, and between any two Chinese characters unless punctuation
// forbids it (a line does not begin with a full stop). A word that is wider than the line is broken anywhere. Of more
// than most lines the last one ends in an ellipsis.
func wrap(s string, width float32, f font, most int) []string {
	var lines []string
	for s != "" {
		if len(lines) == most-1 || f.width(s) <= width {
			return append(lines, ellipsis(s, width, f))
		}
		end, last := 0, 0 // last place to break, last character that fits
		for i := 0; i < len(s); {
			r, n := utf8.DecodeRuneInString(s[i:])
			next := i + n
			if f.width(trimRight(s[:next])) > width {
				break
			}
			last = next
			if following, _ := utf8.DecodeRuneInString(s[next:]); next < len(s) && breakable(r, following) {
				end = next
			}
			i = next
		}
		switch {
		case end > 0:
		case last > 0:
			end = last
			if i := strings.LastIndexAny(s[:last], "./:-_"); i > 0 && f.width(s[:i+1]) > width/2 {
				end = i + 1 // an address is torn where it has a joint
			}
		default:
			_, end = utf8.DecodeRuneInString(s)
		}
		lines = append(lines, trimRight(s[:end]))
		s = trimLeft(s[end:])
	}
	return lines
}

func breakable(before, after rune) bool {
	if before == ' ' {
		return after != ' '
	}
	if !ideograph(before) && !ideograph(after) {
		return false
	}
	return !unicode.Is(unicode.Pe, after) && !unicode.Is(unicode.Pf, after) && !unicode.Is(unicode.Po, after) &&
		!unicode.Is(unicode.Ps, before) && !unicode.Is(unicode.Pi, before) && after != ' '
}

func ideograph(r rune) bool {
	return unicode.Is(unicode.Han, r) || r >= 0x3000 && r <= 0x30ff || r >= 0xff00 && r <= 0xffef
}

func trimRight(s string) string {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

func trimLeft(s string) string {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// A paragraph is text of several lines.
type paragraph struct {
	font  font
	color color.Color
	whole string
	width float32
	most  int
	lines []*canvas.Text
	box   *fyne.Container
}

func newParagraph(f font, c color.Color, most int) *paragraph {
	return &paragraph{font: f, color: c, most: most, box: container.NewWithoutLayout()}
}

// set changes the text and reports whether that is a change; place lays it out.
func (p *paragraph) set(s string) bool {
	if s == p.whole {
		return false
	}
	p.whole, p.width = s, 0
	return true
}

// write changes the font; place lays it out.
func (p *paragraph) write(f font) {
	if f != p.font {
		p.font, p.width = f, 0
	}
}

// place breaks the text to the width and returns the height that it takes.
func (p *paragraph) place(x, y, width, leading float32) float32 {
	p.box.Move(fyne.NewPos(x, y))
	if width != p.width {
		p.width = width
		lines := wrap(p.whole, width, p.font, p.most)
		p.box.Objects, p.lines = nil, nil
		for i, line := range lines {
			t := p.font.text(line, p.color)
			top, h := p.font.stand(line, float32(i)*leading, leading)
			t.Move(fyne.NewPos(0, top))
			t.Resize(fyne.NewSize(width, h))
			p.lines, p.box.Objects = append(p.lines, t), append(p.box.Objects, t)
		}
		p.box.Resize(fyne.NewSize(width, float32(len(lines))*leading))
		p.box.Refresh()
	}
	return float32(len(p.lines)) * leading
}

// height tells what place would return.
func (p *paragraph) height(width, leading float32) float32 {
	if width == p.width {
		return float32(len(p.lines)) * leading
	}
	return float32(len(wrap(p.whole, width, p.font, p.most))) * leading
}

func box(c color.Color, radius float32) *canvas.Rectangle {
	r := canvas.NewRectangle(c)
	r.CornerRadius = radius
	return r
}

func frame(c color.Color, width, radius float32) *canvas.Rectangle {
	r := canvas.NewRectangle(color.Transparent)
	r.StrokeColor, r.StrokeWidth, r.CornerRadius = c, width, radius
	return r
}

func put(o fyne.CanvasObject, x, y, width, height float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(width, height))
}

// A column is a layout by a function: it places the objects that it knows.
type column struct {
	min    func() fyne.Size
	layout func(fyne.Size)
}

func (c column) MinSize([]fyne.CanvasObject) fyne.Size {
	if c.min == nil {
		return fyne.Size{}
	}
	return c.min()
}

func (c column) Layout(_ []fyne.CanvasObject, size fyne.Size) { c.layout(size) }

// A sheet is a page that scrolls where there is no room for all of it.
type sheet struct {
	box   *fyne.Container
	page  *fyne.Container
	least float32
	fill  func(width float32) (height float32)
}

// newSheet has objects on it, which fill puts into their places.
func newSheet(fill func(width float32) (height float32), objects []fyne.CanvasObject) *sheet {
	s := &sheet{fill: fill}
	s.page = container.New(column{
		min:    func() fyne.Size { return fyne.NewSize(0, s.least) },
		layout: func(size fyne.Size) { s.fill(size.Width) },
	}, objects...)
	scroll := container.NewVScroll(s.page)
	s.box = container.New(column{layout: func(size fyne.Size) {
		put(scroll, 0, 0, size.Width, size.Height)
		s.measure(size)
	}}, scroll)
	return s
}

func (s *sheet) object() fyne.CanvasObject { return s.box }

func (s *sheet) measure(size fyne.Size) {
	s.least = s.fill(size.Width)
	s.page.Resize(fyne.NewSize(size.Width, max(s.least, size.Height)))
}

// relay lays it out anew.
func (s *sheet) relay() {
	if size := s.box.Size(); size.Width > 0 {
		s.measure(size)
		s.page.Refresh()
	}
}

// titled lays out the title of a page, and returns the margins beside and above what follows.
func titled(title *label, width float32, narrow bool) (beside, above float32) {
	setVisible(!narrow, title.Text)
	if narrow {
		return 16, 8 // the title stands in the bar
	}
	title.place(32, 22, width-2*32, 32)
	return 32, 22 + 44
}

// Pictures

var (
	elements  = regexp.MustCompile(`(?s)<(?:path|circle|rect|polygon)\b[^>]*/>`)
	fills     = regexp.MustCompile(`fill="#[0-9a-fA-F]{6}"`)
	resources sync.Map // name -> *fyne.StaticResource
)

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// drawing returns the drawing of assets with all of it in one colour.
func drawing(name string, c color.NRGBA) fyne.Resource {
	key := name + hex(c) + ".svg"
	if r, ok := resources.Load(key); ok {
		return r.(fyne.Resource)
	}
	data := bytes.ReplaceAll(assets.SVG(name), []byte("#000000"), []byte(hex(c)))
	r := fyne.NewStaticResource(key, data)
	resources.Store(key, r)
	return r
}

// glyph returns the icon of a look as the window draws it: without the outline that only panels need, in the solid
// colour of the state; the mark inside in the colour of the ground.
func glyph(k ui.Look, solid, ground color.NRGBA) fyne.Resource {
	key := "glyph-" + k.String() + hex(solid) + hex(ground) + ".svg"
	if r, ok := resources.Load(key); ok {
		return r.(fyne.Resource)
	}
	n := 0
	data := elements.ReplaceAllFunc(assets.SVG(k.String()+"-22"), func(e []byte) []byte {
		n++
		switch n {
		case 1:
			return nil
		case 2:
			return fills.ReplaceAll(e, []byte(`fill="`+hex(solid)+`"`))
		}
		return fills.ReplaceAll(e, []byte(`fill="`+hex(ground)+`"`))
	})
	r := fyne.NewStaticResource(key, data)
	resources.Store(key, r)
	return r
}

// picture is a small icon.
func picture(r fyne.Resource) *canvas.Image {
	i := canvas.NewImageFromResource(r)
	i.FillMode = canvas.ImageFillStretch
	return i
}

// The few signs that are not among the drawings, each on a ground of 24 × 24.
const (
	signPlus    = `M11 5 H13 V11 H19 V13 H13 V19 H11 V13 H5 V11 H11 Z`
	signMenu    = `M4 6 H20 V8 H4 Z M4 11 H20 V13 H4 Z M4 16 H20 V18 H4 Z`
	signBack    = `M14.5 5.5 L16 7 L11 12 L16 17 L14.5 18.5 L8 12 Z`
	signDown    = `M5.6 9.6 L7 8.2 L12 13.2 L17 8.2 L18.4 9.6 L12 16 Z`
	signRight   = `M9.6 18.4 L8.2 17 L13.2 12 L8.2 7 L9.6 5.6 L16 12 Z`
	signSpeaker = `M4 9 H8 L13 4 V20 L8 15 H4 Z`
)

func sign(path string, c color.NRGBA) fyne.Resource {
	key := "sign-" + path + hex(c) + ".svg"
	if r, ok := resources.Load(key); ok {
		return r.(fyne.Resource)
	}
	r := fyne.NewStaticResource(key, []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path d="`+
		path+`" fill="`+hex(c)+`"/></svg>`))
	resources.Store(key, r)
	return r
}

// pillRing is the dotted (not asked) or dashed (unknown) outline of a pill of 52 × 36.
func pillRing(c color.NRGBA, dashed bool) fyne.Resource {
	key := fmt.Sprintf("pill-%v%s.svg", dashed, hex(c))
	if r, ok := resources.Load(key); ok {
		return r.(fyne.Resource)
	}
	// Along the outline: two straights of 16 and two half circles of radius 17, dots every 5.7, dashes every 11.5.
	const straight, radius = 16.0, 17.0
	length := 2*straight + 2*math.Pi*radius
	count, dot := 24, 2.0
	if dashed {
		count, dot = 12, 6.0
	}
	at := func(d float64) (x, y float64) {
		d = math.Mod(d, length)
		switch {
		case d < straight:
			return 18 + d, 1
		case d < straight+math.Pi*radius:
			a := (d-straight)/radius - math.Pi/2
			return 34 + radius*math.Cos(a), 18 + radius*math.Sin(a)
		case d < 2*straight+math.Pi*radius:
			return 34 - (d - straight - math.Pi*radius), 35
		}
		a := (d-2*straight-math.Pi*radius)/radius + math.Pi/2
		return 18 + radius*math.Cos(a), 18 + radius*math.Sin(a)
	}
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="52" height="36" viewBox="0 0 52 36">`)
	for i := range count {
		from := length * float64(i) / float64(count)
		x1, y1 := at(from)
		x2, y2 := at(from + dot)
		dx, dy := x2-x1, y2-y1
		n := math.Hypot(dx, dy)
		nx, ny := -dy/n, dx/n // half of the thickness to either side
		fmt.Fprintf(&b, `<path d="M%.2f %.2f L%.2f %.2f L%.2f %.2f L%.2f %.2f Z" fill="%s"/>`,
			x1+nx, y1+ny, x2+nx, y2+ny, x2-nx, y2-ny, x1-nx, y1-ny, hex(c))
	}
	b.WriteString(`</svg>`)
	r := fyne.NewStaticResource(key, b.Bytes())
	resources.Store(key, r)
	return r
}
