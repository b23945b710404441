package window

import (
	"image/color"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"holdfast/netcheck"
	"holdfast/ui"
)

// Geometry of the path strip. Widths are the same in every window; what is left over stays empty at the right.
const (
	stripFirst = 58  // from the left to the first centre
	stripStep  = 160 // the widest step from centre to centre
	stripFew   = 104 // below this step only the broken hop says where it is
	stripFold  = 72  // below this step hops fold into pills
	stripAbove = 44  // room above the centre line: half the halo, a pill of shared targets
	stripTiny  = 37  // the same in a low window
	stripBelow = 96  // room below it: three lines of words
	whenHeight = 16  // a fourth line, with when it was seen
	legHeight  = 24
)

// A stripView is what the path strip shows. It can be compared.
type stripView struct {
	stations [7]ui.Station
	n        int
	legs     [2]ui.Leg
	nlegs    int
	ground   color.NRGBA
	narrow   bool // the window is narrow: fold
	low      bool // and low
	lang     ui.Lang
	demo     bool
}

func stripOf(v *ui.View, l ui.Lang, ground color.NRGBA) stripView {
	s := stripView{stations: v.Stations, n: v.NStations, legs: v.Legs, nlegs: v.NLegs, ground: ground, lang: l}
	if v.Look != ui.LookDown {
		for i := range s.stations { // who shares a hop matters when it breaks
			s.stations[i].Shared = 0
		}
	}
	return s
}

// shape is the view without the words that change while nothing happens.
func (v stripView) shape() stripView {
	for i := range v.stations {
		v.stations[i].Seen = ""
	}
	for i := range v.legs {
		v.legs[i].Label = ""
	}
	return v
}

// A strip draws the way from this computer to the service.
type strip struct {
	widget.BaseWidget
	p       *palette
	view    stripView
	size    fyne.Size
	objects []fyne.CanvasObject
	seen    []seenLabel
	plain   int // how many stations say what was seen there
	legs    []*label
}

type seenLabel struct {
	station int
	text    *label
}

func newStrip(p *palette) *strip {
	s := &strip{p: p}
	s.ExtendBaseWidget(s)
	return s
}

// show draws v. When only words have changed, only those are drawn anew.
func (s *strip) show(v stripView) {
	if v == s.view {
		return
	}
	same := v.shape() == s.view.shape()
	s.view = v
	if s.size.Width <= 0 {
		return
	}
	if same && s.words() {
		return
	}
	s.draw()
	s.Refresh()
}

// wear changes the colours.
func (s *strip) wear(p *palette) {
	s.p = p
	if s.size.Width > 0 {
		s.draw()
		s.Refresh()
	}
}

// words puts the changed words in place; false when one of them has no place yet.
func (s *strip) words() bool {
	for _, one := range s.seen {
		text := s.view.stations[one.station].Seen
		if one.text.font.width(text) > one.text.box.Width {
			return false // its neighbours have to leave it more
		}
		one.text.set(text)
	}
	if len(s.seen) != s.plain {
		return false // of what takes two lines, all may be elsewhere
	}
	if len(s.legs) != s.view.nlegs && !s.folds() {
		return false
	}
	for i, l := range s.legs {
		if l.whole != s.view.legs[i].Label {
			return false // the line around the label moves too
		}
	}
	return true
}

func (s *strip) height() float32 {
	h := float32(stripAbove + stripBelow)
	if s.view.low {
		h = stripTiny + stripBelow
	}
	if s.view.dated() {
		h += whenHeight
	}
	if s.view.nlegs > 0 && !s.view.narrow {
		h += legHeight
		if overlap(s.view) {
			h += legHeight
		}
	}
	return h
}

// dated reports whether there is a line for when things were seen: in a wide window, and where not all holds now.
func (v *stripView) dated() bool {
	for _, st := range v.stations[:v.n] {
		if st.When != "" && !v.narrow {
			return true
		}
	}
	return false
}

func overlap(v stripView) bool { return v.nlegs == 2 && v.legs[1].From < v.legs[0].To }

func (s *strip) MinSize() fyne.Size { return fyne.NewSize(0, s.height()) }

func (s *strip) CreateRenderer() fyne.WidgetRenderer { return (*stripRenderer)(s) }

type stripRenderer strip

func (r *stripRenderer) Destroy()                     {}
func (r *stripRenderer) MinSize() fyne.Size           { return fyne.NewSize(0, (*strip)(r).height()) }
func (r *stripRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *stripRenderer) Refresh()                     { canvas.Refresh((*strip)(r)) }
func (r *stripRenderer) Layout(size fyne.Size) {
	if size != r.size {
		r.size = size
		(*strip)(r).draw()
	}
}

// step is the distance between centres.
func (s *strip) step() float32 {
	if s.view.n < 2 {
		return stripStep
	}
	return min(stripStep, (s.size.Width-2*stripFirst)/float32(s.view.n-1))
}

// folds reports whether the hops that need no attention become pills.
func (s *strip) folds() bool { return s.view.n > 3 && (s.view.narrow || s.step() < stripFold) }

// A stop is what stands at one place of the strip: a station, or a pill for several.
type stop struct {
	ui.Station
	index  int // of the station
	folded int // how many stations the pill stands for; 0: a station
}

// stops folds the stations where room is short: those before the broken hop into one pill, those behind it into
// another. Nothing broken: first, pill, last. The hop that needs attention never folds.
func (s *strip) stops() []stop {
	var all []stop
	for i, st := range s.view.stations[:s.view.n] {
		all = append(all, stop{Station: st, index: i})
	}
	if !s.folds() {
		return all
	}
	focus := -1
	for i, st := range all {
		if st.Mark == ui.Broken || focus < 0 && st.Mark == ui.Late {
			focus = i
		}
	}
	pill := func(from, to int) []stop {
		switch to - from {
		case 0:
			return nil
		case 1:
			return all[from:to]
		}
		mark := all[from].Mark
		for _, st := range all[from:to] {
			if st.Mark != mark {
				mark = ui.Unknown
			}
		}
		label, said := s.view.lang.Say("hop.folded-ok"), "hop.folded-mixed"
		if focus >= 0 && from > focus {
			label = s.view.lang.Say("hop.folded-none")
		} else if focus < 0 {
			label = s.view.lang.Say("hop.folded-between")
		}
		switch {
		case mark == ui.OK && to-from == 2:
			said = "hop.folded-both"
		case mark == ui.OK:
			said = "hop.folded-all"
		case mark == ui.NotAsked:
			said = "hop.folded-nothing"
		}
		link := all[from].Link
		return []stop{{Station: ui.Station{Label: label, Seen: s.view.lang.Say(said), Mark: mark, Link: link}, index: from, folded: to - from}}
	}
	if focus < 0 {
		last := len(all) - 1
		return append(append(pill(0, 1), pill(1, last)...), all[last])
	}
	return append(append(pill(0, focus), all[focus]), pill(focus+1, len(all))...)
}

// draw makes all objects anew.
func (s *strip) draw() {
	s.objects, s.seen, s.legs = nil, nil, nil
	stops := s.stops()
	if len(stops) == 0 {
		return
	}
	y := float32(stripAbove)
	if s.view.low {
		y = stripTiny
	}
	first, step := float32(stripFirst), float32(0)
	if len(stops) > 1 {
		step = min(stripStep, (s.size.Width-2*stripFirst)/float32(len(stops)-1))
		if s.view.narrow { // spread over the whole width
			first = 60
			step = min(180, (s.size.Width-2*first)/float32(len(stops)-1))
			first = (s.size.Width - step*float32(len(stops)-1)) / 2
		}
	}
	x := func(i int) float32 { return round(first + step*float32(i)) }

	broken := -1
	for i, st := range stops {
		if st.Mark == ui.Broken {
			broken = i
		}
	}
	for i := 1; i < len(stops); i++ {
		s.link(x(i-1)+rim(stops[i-1])+7, x(i)-rim(stops[i])-7, y, stops[i])
	}
	for i, st := range stops {
		s.station(st, x(i), y)
	}
	s.plain = 0
	for _, st := range stops {
		if st.folded == 0 && st.Seen != "" {
			s.plain++
		}
	}
	s.under(stops, broken, x, y, step)
	if !s.folds() {
		for i, leg := range s.view.legs[:s.view.nlegs] {
			at := y + 112
			if s.view.dated() {
				at += whenHeight
			}
			if i > 0 && overlap(s.view) {
				at += legHeight
			}
			s.leg(leg, x(leg.From), x(leg.To), at)
		}
	}
}

// A cell is a word under a stop.
type cell struct {
	text string
	font font
	ink  color.NRGBA
}

// under writes what stands under the stops, in four lines: name, where, what was seen, when. Where room is short only the
// broken hop says where it is, or none does; what was seen then takes two lines.
func (s *strip) under(stops []stop, broken int, x func(int) float32, y, step float32) {
	if len(stops) == 1 {
		step = stripStep
	}
	var lines [4][]cell
	var single []int
	for keep := keepAll; ; keep++ {
		if keep == keepAll && step < stripFew && len(stops) > 3 {
			continue
		}
		lines, single = s.lines(stops, broken, step, keep)
		if keep == keepNone || !cutOff(lines, stops, step, 2*x(0)) {
			break
		}
	}
	for n, line := range lines {
		widths := wordWidths(line, step, 2*x(0))
		for i, c := range line {
			if c.text == "" {
				continue
			}
			word := s.word(c.text, c.font, c.ink, x(i), y+48+18*float32(n), widths[i])
			if n == single[i] && stops[i].folded == 0 {
				s.seen = append(s.seen, seenLabel{stops[i].index, word})
			}
		}
	}
}

// Which hops say where they are.
const (
	keepAll = iota
	keepBroken
	keepNone
)

// lines are the four lines under the stops, and for each stop that with what was seen there; -1 where that takes two.
func (s *strip) lines(stops []stop, broken int, step float32, keep int) (lines [4][]cell, single []int) {
	p := s.p
	for i := range lines {
		lines[i] = make([]cell, len(stops))
	}
	single = make([]int, len(stops))
	for i, st := range stops {
		where := st.Where
		if keep == keepNone || keep == keepBroken && i != broken {
			where = ""
		}
		ink, weight := p.muted, fontSmall
		switch {
		case st.folded > 0:
		case st.Mark == ui.OK:
			ink = p.tone(ui.LookUp).ink
		case st.Mark == ui.Broken:
			ink, weight = p.tone(ui.LookDown).ink, fontSmallB
		}
		name := p.text
		if st.Mark == ui.NotAsked {
			name = p.muted
		}
		lines[0][i] = cell{st.Label, fontHead, name}
		at := 1
		if where != "" {
			lines[1][i] = cell{where, fontSmall, p.muted}
			at = 2
		}
		lines[at][i] = cell{st.Seen, weight, ink}
		single[i] = at
		if at == 1 && weight.width(st.Seen) > step-wordGap {
			if first, second := halves(st.Seen, step-wordGap, weight); second != "" {
				lines[1][i].text, lines[2][i] = first, cell{second, weight, ink}
				at, single[i] = 2, -1
			}
		}
		if st.When != "" && s.view.dated() {
			lines[at+1][i] = cell{st.When, fontSmall, p.muted}
		}
		if st.Hop == netcheck.HopLink && st.folded == 0 && len(stops) > 1 && fontHead.width(st.Label) > step-wordGap {
			lines[0][i].text = s.view.lang.Say("hop.link.tight")
		}
	}
	return lines, single
}

// cutOff reports whether a word would be cut other than an address, which is too long for any strip now and then.
func cutOff(lines [4][]cell, stops []stop, step, outer float32) bool {
	for n, line := range lines {
		widths := wordWidths(line, step, outer)
		for i, c := range line {
			address := n == 1 && c.text == stops[i].Where && (stops[i].Hop == netcheck.HopServer || stops[i].Hop == netcheck.HopProxy)
			if c.text != "" && !address && c.font.width(c.text) > widths[i] {
				return true
			}
		}
	}
	return false
}

// halves breaks a text into two lines: behind its comma, else so that they are about as long. The second is empty where
// even two lines have no room.
func halves(text string, width float32, f font) (first, second string) {
	for _, comma := range []string{", ", "，"} {
		if a, b, ok := strings.Cut(text, comma); ok && f.width(a+comma) <= width && f.width(b) <= width {
			return trimRight(a + comma), b
		}
	}
	for w := f.width(text) / 2; w <= width; w += 4 {
		if lines := wrap(text, w, f, 3); len(lines) == 2 {
			return lines[0], lines[1]
		}
	}
	return text, ""
}

// wordGap is what stays free between the words of neighbours at least.
const wordGap = 10

// wordWidths gives each word of a line what it needs, as far as its neighbours leave it that; the outer ones have so much at
// most as the edge of the strip leaves them.
func wordWidths(line []cell, step, outer float32) []float32 {
	widths := make([]float32, len(line))
	for i, c := range line {
		if c.text != "" {
			widths[i] = c.font.width(c.text) + 1
		}
	}
	last := len(line) - 1
	widths[0], widths[last] = min(widths[0], outer), min(widths[last], outer)
	fair := step - wordGap
	for i := range last {
		a, b := &widths[i], &widths[i+1]
		switch {
		case *a+*b <= 2*fair:
		case *a <= fair:
			*b = 2*fair - *a
		case *b <= fair:
			*a = 2*fair - *b
		default:
			*a, *b = fair, fair
		}
	}
	return widths
}

func (s *strip) add(o ...fyne.CanvasObject) { s.objects = append(s.objects, o...) }

// word centres a line of text on x; y is its middle.
func (s *strip) word(text string, f font, c color.NRGBA, x, y, width float32) *label {
	l := newText(text, f, c)
	l.Alignment = fyne.TextAlignCenter
	l.place(x-width/2, y-8, width, 16)
	s.add(l.Text)
	return l
}

// rim is how far the drawing of a stop reaches to either side.
func rim(st stop) float32 {
	switch {
	case st.folded > 0:
		return 26
	case st.Mark == ui.Broken:
		return 28
	}
	return 22
}

var hopDrawings = map[netcheck.Hop]string{
	netcheck.HopLink: "hop-computer", netcheck.HopGateway: "hop-gateway", netcheck.HopResolver: "hop-resolver", netcheck.HopProxy: "hop-proxy",
	netcheck.HopPath: "hop-path", netcheck.HopServer: "hop-server", netcheck.HopService: "hop-service",
}

func lookOf(m ui.Mark) ui.Look {
	switch m {
	case ui.OK:
		return ui.LookUp
	case ui.Broken:
		return ui.LookDown
	case ui.Late:
		return ui.LookSuspect
	case ui.Asked:
		return ui.LookConnecting
	}
	return ui.LookEmpty
}

func (s *strip) disc(c color.NRGBA, x, y, diameter float32) {
	o := box(c, diameter/2)
	put(o, x-diameter/2, y-diameter/2, diameter, diameter)
	s.add(o)
}

func (s *strip) image(r fyne.Resource, x, y, side float32) {
	i := picture(r)
	put(i, x-side/2, y-side/2, side, side)
	s.add(i)
}

func (s *strip) station(st stop, x, y float32) {
	p := s.p
	solid := p.tone(lookOf(st.Mark)).solid
	if st.folded > 0 {
		s.pill(st, x, y)
		return
	}
	radius := float32(22)
	glyphColor := p.text
	switch st.Mark {
	case ui.Broken:
		radius = 28
		s.disc(p.tone(ui.LookDown).tint, x, y, 70)
		s.disc(solid, x, y, 56)
		s.image(drawing(hopDrawings[st.Hop], p.surface), x, y, 28)
	case ui.NotAsked, ui.Unknown:
		ring := "ring-notasked"
		glyphColor = p.edge
		if st.Mark == ui.Unknown {
			ring, glyphColor = "ring-unknown", p.muted
		}
		s.image(drawing(ring, p.edge), x, y, 44)
		s.image(drawing(hopDrawings[st.Hop], glyphColor), x, y, 22)
	default:
		ring := box(s.view.ground, 22)
		ring.StrokeColor, ring.StrokeWidth = solid, 2
		put(ring, x-22, y-22, 44, 44)
		s.add(ring)
		s.image(drawing(hopDrawings[st.Hop], glyphColor), x, y, 22)
	}
	// The badge stands on a circle that knocks the ring out.
	bx, by := x+0.72*radius, y+0.72*radius
	switch st.Mark {
	case ui.OK, ui.Late, ui.Asked:
		s.disc(s.view.ground, bx, by, 20)
		s.image(glyph(lookOf(st.Mark), solid, s.view.ground), bx, by, 14)
	case ui.Broken:
		s.disc(s.view.ground, bx, by, 24)
		s.image(glyph(ui.LookDown, solid, s.view.ground), bx, by, 18)
	case ui.Unknown:
		s.disc(s.view.ground, bx, by, 20)
		q := newText("?", fontStrong, p.muted)
		q.Alignment = fyne.TextAlignCenter
		q.place(bx-10, by-10, 20, 20)
		s.add(q.Text)
	}
	if st.Shared > 1 && !s.view.low { // in a low window the band says it, and has its room
		text := newText(s.view.lang.Say("hop.shared", "n", strconv.Itoa(st.Shared)), fontSmall, p.text)
		w := text.font.width(text.whole)
		top := y - radius - 12 - 20
		if st.Mark == ui.Broken {
			top = y - 35 - 4 - 20
		}
		ground := box(p.sunken, 10)
		put(ground, round(x-w/2-9), top, w+18, 20)
		text.place(x-w/2, top, w+1, 20)
		s.add(ground, text.Text)
	}
}

// pill stands for several stations; the number says how many.
func (s *strip) pill(st stop, x, y float32) {
	p := s.p
	ink := p.muted
	if st.Mark == ui.OK {
		ink = p.tone(ui.LookUp).ink
		ring := box(s.view.ground, 18)
		ring.StrokeColor, ring.StrokeWidth = p.tone(ui.LookUp).solid, 2
		put(ring, x-26, y-18, 52, 36)
		s.add(ring)
	} else {
		s.image(pillRing(p.edge, st.Mark == ui.Unknown), x, y, 0)
		i := s.objects[len(s.objects)-1]
		put(i, x-26, y-18, 52, 36)
	}
	n := newText(strconv.Itoa(st.folded), fontName, ink)
	n.Alignment = fyne.TextAlignCenter
	n.place(x-26, y-18, 52, 36)
	s.add(n.Text)
}

// link draws the way into a stop, from x1 to x2.
func (s *strip) link(x1, x2, y float32, to stop) {
	p := s.p
	bar := func(from, to, thick float32, c color.NRGBA) {
		if to <= from {
			return
		}
		r := box(c, 0)
		put(r, round(from), round(y-thick/2), round(to)-round(from), thick)
		s.add(r)
	}
	dashes := func(on, off, thick float32, c color.NRGBA) {
		n := int((x2 - x1 + off) / (on + off))
		left := x1 + (x2-x1-(float32(n)*(on+off)-off))/2 // what is left over stays at both ends
		for i := range n {
			bar(left+float32(i)*(on+off), left+float32(i)*(on+off)+on, thick, c)
		}
	}
	switch to.Link {
	case ui.OK:
		bar(x1, x2, 3, p.tone(ui.LookUp).solid)
	case ui.Broken:
		c, middle := p.tone(ui.LookDown).solid, (x1+x2)/2
		gap := min(30, (x2-x1)*0.6)
		bar(x1, middle-gap/2, 3, c)
		bar(middle+gap/2, x2, 3, c)
		s.image(glyph(ui.LookDown, c, s.view.ground), round(middle), y, min(18, gap))
	case ui.Asked:
		dashes(10, 6, 3, p.tone(ui.LookConnecting).solid)
	case ui.Late:
		dashes(12, 4, 3, p.tone(ui.LookSuspect).solid)
	case ui.Unknown:
		dashes(8, 8, 3, p.edge)
	default:
		dashes(2, 6, 2, p.edge)
	}
}

// leg draws a bracket with its label in a gap.
func (s *strip) leg(leg ui.Leg, x1, x2, y float32) {
	p := s.p
	c := p.tone(ui.LookUp).solid
	if leg.Mark != ui.OK {
		c = p.edge
	}
	if leg.From > 0 {
		x1 += 6 // two brackets that meet do not share their mark
	}
	l := newText(leg.Label, fontSmall, p.muted)
	w := l.font.width(leg.Label)
	middle := (x1 + x2) / 2
	l.place(middle-w/2, y-8, w+1, 16)
	s.legs = append(s.legs, l)
	line := func(from, to float32) {
		if leg.Mark == ui.OK {
			r := box(c, 0)
			put(r, from, y-1, to-from, 2)
			s.add(r)
			return
		}
		for at := from; at+5 <= to; at += 9 {
			r := box(c, 0)
			put(r, round(at), y-1, 5, 2)
			s.add(r)
		}
	}
	for _, end := range []float32{x1, x2 - 2} {
		mark := box(c, 0)
		put(mark, end, y-5, 2, 10)
		s.add(mark)
	}
	line(x1+2, round(middle-w/2-8))
	line(round(middle+w/2+8), x2-2)
	s.add(l.Text)
}
