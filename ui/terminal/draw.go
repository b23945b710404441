package terminal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// Glyphs are the drawing characters of a view. Shape tells the state before colour does.
type Glyphs struct {
	look          [ui.LookUnknown + 1]string
	mark          [ui.Broken + 1]string
	link          [ui.Broken + 1]string
	ascii         bool // nothing else can be shown
	bar, barEmpty string
	separator     string
}

// Drawn is for terminals that show UTF-8. All are one column wide and in the usual fonts.
func Drawn() Glyphs {
	return Glyphs{
		look: [...]string{
			ui.LookEmpty: "□", ui.LookUp: "✓", ui.LookPaused: "‖", ui.LookConnecting: "○", ui.LookSuspect: "▲",
			ui.LookDown: "✗", ui.LookUnknown: "?",
		},
		mark: [...]string{ui.NotAsked: "·", ui.Unknown: "?", ui.Asked: "○", ui.Late: "▲", ui.OK: "✓", ui.Broken: "✗"},
		link: [...]string{ui.NotAsked: "··", ui.Unknown: "╌╌", ui.Asked: "╌╌", ui.Late: "╌╌", ui.OK: "──", ui.Broken: "─╳─"},
		bar:  "━", barEmpty: "─", separator: " · ",
	}
}

// ASCII is for every other terminal.
func ASCII() Glyphs {
	return Glyphs{
		look: [...]string{
			ui.LookEmpty: "-", ui.LookUp: "+", ui.LookPaused: "=", ui.LookConnecting: "o", ui.LookSuspect: "!",
			ui.LookDown: "X", ui.LookUnknown: "?",
		},
		mark: [...]string{ui.NotAsked: ".", ui.Unknown: "?", ui.Asked: "o", ui.Late: "!", ui.OK: "+", ui.Broken: "X"},
		link: [...]string{ui.NotAsked: "..", ui.Unknown: "??", ui.Asked: "- -", ui.Late: "- -", ui.OK: "--", ui.Broken: "-X-"},
		bar:  "#", barEmpty: "-", separator: ", ", ascii: true,
	}
}

func inkOf(k ui.Look) style {
	switch k {
	case ui.LookUp:
		return upInk
	case ui.LookSuspect:
		return suspectInk
	case ui.LookDown:
		return downInk
	case ui.LookConnecting:
		return connectingInk
	case ui.LookUnknown:
		return unknownInk
	}
	return muted
}

func inkOfMark(m ui.Mark) style {
	switch m {
	case ui.OK:
		return upInk
	case ui.Late:
		return suspectInk
	case ui.Broken:
		return boldDown
	case ui.Asked:
		return connectingInk
	}
	return muted
}

// calm: nothing to read but the name.
func calm(k ui.Look) bool { return k == ui.LookUp || k == ui.LookPaused || k == ui.LookEmpty }

// A detail is how much of a target is shown.
type detail uint8

const (
	oneLine detail = iota
	brief
	full
)

// A block is one target on the screen: its snapshot and, once worked out, its view.
type block struct {
	snapshot monitor.Snapshot
	view     ui.View
	viewed   time.Time // when view was worked out; zero: not since the last event
	until    time.Time // view stays true till then; zero: until the next event
}

// look is what a person sees of b; it needs no view.
func (b *block) look() ui.Look { return ui.LookOf(b.snapshot.State) }

// A page is what one drawing works with.
type page struct {
	lang    ui.Lang
	glyphs  Glyphs
	columns int
	now     time.Time

	// wait is how long what was drawn stays true if nothing happens; 0: for ever. Calm targets do not count: what is
	// shown of them holds clock times only.
	wait time.Duration
}

// see works out the view of b, unless that of last time is still true.
func (p *page) see(b *block) *ui.View {
	if b.viewed.IsZero() || !b.until.IsZero() && !p.now.Before(b.until) {
		view, lasts := ui.ViewUntil(b.snapshot, p.now, p.lang)
		b.view, b.viewed, b.until = view, p.now, time.Time{}
		if lasts > 0 && !calm(view.Look) {
			b.until = p.now.Add(lasts)
		}
	}
	return &b.view
}

// shows notes that b is on the page, and when it must be drawn again.
func (p *page) shows(b *block) {
	if b.until.IsZero() {
		return
	}
	if d := b.until.Sub(p.now); p.wait == 0 || d < p.wait {
		p.wait = max(d, time.Millisecond)
	}
}

// rows draws one target.
func (p *page) rows(b *block, d detail, nameColumns int) []row {
	v := p.see(b)
	ink := inkOf(v.Look)
	head := row{{p.glyphs.look[v.Look] + " ", ink}, {pad(v.Name, nameColumns), bold}, {"  ", normal}}
	figure, words := p.figure(v), p.words(b)
	room := p.columns - head.columns() - columnsOf(figure) - 2
	if d == oneLine {
		if more := words + p.glyphs.separator + v.Countdown; v.Countdown != "" && columnsOf(more) <= room {
			words = more
		}
		return []row{p.spread(append(head, span{words, ink}), figure)}
	}
	var out []row
	if columnsOf(words) <= room {
		out = append(out, p.spread(append(head, span{words, ink}), figure))
	} else { // the sentence gets rows of its own, and the name what it needs
		head[1].text = cut(v.Name, max(8, p.columns-columnsOf(figure)-6))
		out = append(out, p.spread(head, figure))
		for _, l := range wrap(words, p.columns-3) {
			out = append(out, row{{"  " + l, ink}})
		}
	}
	if v.Name != v.Address {
		out = append(out, row{{"  " + v.Address, muted}})
	}
	if !calm(v.Look) {
		if v.Remedy != "" {
			for _, l := range wrap(p.lang.Then(v.Remedy, v.Also), p.columns-3) {
				out = append(out, row{{"  " + l, normal}})
			}
		}
		if v.Countdown != "" {
			out = append(out, p.countdown(v))
		}
	} else if v.Renewal != "" {
		for _, l := range wrap(v.Renewal, p.columns-3) {
			out = append(out, row{{"  " + l, muted}})
		}
	}
	switch {
	case v.Look == ui.LookPaused: // nobody is asked
	case d == full:
		out = append(out, p.stations(v)...)
		out = append(out, p.attempts(b)...)
	default:
		out = append(out, p.path(v)...)
	}
	return append(out, row{})
}

// words says how the target stands, in a form that stays true while nothing happens.
func (p *page) words(b *block) string {
	v := &b.view
	if !calm(v.Look) && v.Sentence != "" {
		return v.Sentence
	}
	if s := v.Look.Word(p.lang); v.Since != "" {
		return s + p.lang.Say("clause") + v.Since
	} else {
		return s
	}
}

// figure is what stands at the right edge: the round trip, or since when it is broken.
func (p *page) figure(v *ui.View) string {
	switch v.Look {
	case ui.LookUp:
		return v.RTT
	case ui.LookDown:
		return v.Since
	}
	return ""
}

// spread puts right at the right edge.
func (p *page) spread(r row, right string) row {
	if right == "" {
		return r
	}
	room := p.columns - columnsOf(right) - 1
	if room < 24 {
		return r
	}
	if r.columns() > room-1 {
		last := &r[len(r)-1]
		last.text = cut(last.text, max(0, room-1-r[:len(r)-1].columns()))
	}
	return append(r, span{strings.Repeat(" ", max(1, room-r.columns())), normal}, span{right, muted})
}

// countdown is the wait for the next attempt, as words and as a bar.
func (p *page) countdown(v *ui.View) row {
	const width = 20
	r := row{{"  ", normal}, {v.Countdown, bold}}
	if v.Fraction <= 0 || p.columns < columnsOf(v.Countdown)+width+6 {
		return r
	}
	n := min(width, int(v.Fraction*width+0.5))
	// Words of changing length must not move the bar.
	gap := max(2, 34-2-columnsOf(v.Countdown))
	return append(r, span{strings.Repeat(" ", gap), normal},
		span{strings.Repeat(p.glyphs.bar, n), connectingInk}, span{strings.Repeat(p.glyphs.barEmpty, width-n), muted})
}

// stations is the way as a list, a row for each station.
func (p *page) stations(v *ui.View) []row {
	labels, wheres, seens := 0, 0, 0
	for _, s := range v.Strip() {
		labels, wheres = max(labels, columnsOf(s.Label)), max(wheres, columnsOf(s.Where))
		if s.When != "" {
			seens = max(seens, columnsOf(s.Seen))
		}
	}
	wheres = min(wheres, max(0, p.columns-labels-30))
	var out []row
	for _, s := range v.Strip() {
		ink := inkOfMark(s.Mark)
		r := row{{"  " + p.glyphs.mark[s.Mark] + " ", ink}, {pad(s.Label, labels) + "  ", normal}}
		if wheres > 0 {
			r = append(r, span{pad(s.Where, wheres) + "  ", muted})
		}
		if s.Mark == ui.OK || s.Mark == ui.NotAsked {
			ink = muted
		}
		if s.Mark == ui.NotAsked {
			r[1].style = muted
		}
		if s.When == "" || r.columns()+seens+2+columnsOf(s.When) >= p.columns {
			out = append(out, append(r, span{s.Seen, ink}))
			continue
		}
		out = append(out, append(r, span{pad(s.Seen, seens) + "  ", ink}, span{s.When, muted}))
	}
	return out
}

// path is the way in one line, or as many as it needs. Where all is well, and where nobody asked, only the name is said:
// the mark says the rest.
func (p *page) path(v *ui.View) []row {
	var out []row
	line := row{{"  ", normal}}
	for i, s := range v.Strip() {
		ink := inkOfMark(s.Mark)
		station := row{{p.glyphs.mark[s.Mark] + " ", ink}}
		switch s.Mark {
		case ui.NotAsked:
			station = append(station, span{s.Label, muted})
		case ui.OK:
			station = append(station, span{s.Label, normal})
		default:
			station = append(station, span{s.Label + " ", normal}, span{s.Seen, ink})
		}
		if i > 0 {
			link := span{" " + p.glyphs.link[s.Link] + " ", inkOfMark(s.Link)}
			fits := line.columns()+columnsOf(link.text)+station.columns() <= p.columns-1
			line = append(line, link)
			if !fits {
				out = append(out, line)
				line = row{{"  ", normal}}
			}
		}
		line = append(line, station...)
	}
	if len(line) > 1 {
		out = append(out, line)
	}
	return out
}

// attemptRows is how many of the last attempts a full block lists.
const attemptRows = 4

func (p *page) attempts(b *block) []row {
	if b.view.Look != ui.LookDown && b.view.Look != ui.LookConnecting {
		return nil
	}
	list := b.snapshot.Attempts
	list = list[max(0, len(list)-attemptRows):]
	var out []row
	for _, a := range slices.Backward(list) {
		out = append(out, row{{"  " + p.attempt(a), muted}})
	}
	return out
}

// attempt is one try in one line.
func (p *page) attempt(a monitor.Attempt) string {
	return fmt.Sprintf("%s  %3s  %s", a.Start.Format("15:04:05.0"), "#"+strconv.Itoa(a.Number), attemptWords(a, p.lang))
}

func attemptWords(a monitor.Attempt, l ui.Lang) (s string) {
	switch {
	case a.OK:
		s = l.Say("attempt.ok")
	case a.Took == 0 && a.Cause == netcheck.CauseNone:
		return l.Say("attempt.running")
	case a.Cause == netcheck.CauseNone:
		s = l.Say("attempt.failed")
	default:
		s = ui.Short(a.Cause, l)
	}
	if took := l.RTT(a.Took); took != "" {
		s += l.Say("clause") + took
	}
	return s
}

// A group is one target, or several that are broken by one cause.
type group struct {
	blocks []*block // the first speaks for all
	root   ui.Root  // of several
	snaps  []monitor.Snapshot
}

// groups puts together what is broken by one cause, at the place of the first of them.
func groups(blocks []*block) []group {
	var down []*block
	var snaps []monitor.Snapshot
	for _, b := range blocks {
		if b.snapshot.State == monitor.Down {
			down, snaps = append(down, b), append(snaps, b.snapshot)
		}
	}
	among := map[*block]group{} // the group of each that is not alone
	for _, r := range ui.Roots(snaps) {
		if !r.Many() {
			continue
		}
		g := group{blocks: []*block{down[r.Oldest]}, root: r, snaps: snaps}
		for _, i := range r.Members {
			if i != r.Oldest {
				g.blocks = append(g.blocks, down[i])
			}
		}
		for _, b := range g.blocks {
			among[b] = g
		}
	}
	var out []group
	told := map[*block]bool{} // by what speaks for them
	for _, b := range blocks {
		g, found := among[b]
		switch {
		case !found:
			out = append(out, group{blocks: []*block{b}})
		case !told[g.blocks[0]]:
			told[g.blocks[0]] = true
			out = append(out, g)
		}
	}
	return out
}

// look is what a person sees of g.
func (g group) look() ui.Look { return g.blocks[0].look() }

// several draws what broke several targets, once, and names them.
func (p *page) several(g group, d detail) []row {
	v := p.see(g.blocks[0])
	e := g.root.Explain(g.snaps, p.lang)
	head := row{{p.glyphs.look[v.Look] + " ", inkOf(v.Look)}, {e.Sentence, inkOf(v.Look)}}
	if d == oneLine {
		if room := p.columns - head.columns() - columnsOf(v.Since) - 6; room > 16 {
			head = append(head, span{"  " + g.root.Names(g.snaps, room/2, p.lang), muted})
		}
		return []row{p.spread(head, v.Since)}
	}
	var out []row
	if p.columns-head.columns() < columnsOf(v.Since)+3 {
		out = append(out, head)
	} else {
		out = append(out, p.spread(head, v.Since))
	}
	for _, l := range wrap(p.lang.Then(e.Remedy, v.Also), p.columns-3) {
		out = append(out, row{{"  " + l, normal}})
	}
	out = append(out, p.path(v)...)
	room := 240 // characters for names
	if d == full {
		room = 2000
	}
	for _, l := range wrap(g.root.Names(g.snaps, room, p.lang), p.columns-3) {
		out = append(out, row{{"  " + l, muted}})
	}
	return append(out, row{})
}

// layout fits all targets on the screen: as much of each as there is room for, more of the broken ones, and when not even
// one line each fits the broken ones first. It returns the rows of the body and how many targets are out of sight.
func (p *page) layout(blocks []*block, height int, offset *int) (out []row, hidden int) {
	all := groups(blocks)
	var alone []*block
	for _, g := range all {
		if len(g.blocks) == 1 {
			alone = append(alone, g.blocks[0])
		}
	}
	if len(all) <= height {
		*offset = 0
		nameColumns := p.nameColumns(alone)
		for _, level := range [...]struct{ broken, calm detail }{{full, full}, {full, brief}, {full, oneLine}, {brief, oneLine}, {oneLine, oneLine}} {
			out, p.wait = nil, 0
			for _, g := range all {
				d, b := level.broken, g.blocks[0]
				if calm(g.look()) {
					d = level.calm
				}
				if len(g.blocks) > 1 {
					out = append(out, p.several(g, d)...)
				} else {
					out = append(out, p.rows(b, d, nameColumns)...)
				}
				p.shows(b)
			}
			if n := len(out); n > 0 && len(out[n-1]) == 0 {
				out = out[:n-1]
			}
			if len(out) <= height {
				return out, 0
			}
		}
	}
	slices.SortStableFunc(all, func(a, b group) int { return int(rank(b.look())) - int(rank(a.look())) })
	*offset = min(max(0, *offset), max(0, len(all)-height))
	seen := all[*offset:min(len(all), *offset+height)]
	alone = alone[:0]
	for _, g := range seen {
		if len(g.blocks) == 1 {
			alone = append(alone, g.blocks[0])
		}
	}
	nameColumns := p.nameColumns(alone)
	out, p.wait = nil, 0
	for _, g := range seen {
		if len(g.blocks) > 1 {
			out = append(out, p.several(g, oneLine)...)
		} else {
			out = append(out, p.rows(g.blocks[0], oneLine, nameColumns)...)
		}
		p.shows(g.blocks[0])
	}
	for _, g := range slices.Concat(all[:*offset], all[*offset+len(seen):]) {
		hidden += len(g.blocks)
	}
	return out, hidden
}

// nameColumns is the width that names get, so that what follows stands in one column.
func (p *page) nameColumns(blocks []*block) int {
	n := 0
	for _, b := range blocks {
		n = max(n, columnsOf(p.see(b).Name))
	}
	return min(n, max(12, p.columns/3))
}

// rank orders the looks by how much they need a person.
func rank(k ui.Look) ui.Look {
	if calm(k) {
		return ui.LookEmpty
	}
	return k
}
