package window

import (
	"image/color"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"

	"holdfast/monitor"
	"holdfast/ui"
)

const (
	ledgerRow  = 30
	ledgerHead = 28
	ledgerLine = 18 // of what is unfolded
	// ledgerPage is how far Page Up and Page Down go.
	ledgerPage = 12
)

// Columns of the ledger.
const (
	colDay = iota
	colBegan
	colLasted
	colCause
	colSeen
	colWho
	nCols
)

// A ledger lists outages, however many: only those in sight have objects. One can be unfolded to show what was seen.
// It is one stop of the keyboard: arrows, Page Up, Page Down, Home and End move, Enter and Space unfold.
type ledger struct {
	pressable
	w      *Window
	relay  func()                    // its height has changed
	reveal func(top, bottom float32) // this part should be in sight
	rows   []*ui.Incident
	now    time.Time
	at     int   // where the keyboard is
	open   int   // which one is unfolded; -1: none
	openID int64 // the same, when the list changes
	over   int   // under the pointer; -1: none

	heads   [nCols]*label
	pool    []*ledgerLineRow
	top     float32 // of what is in sight
	seen    float32 // how much is in sight
	details *fyne.Container
	texts   []*paragraph
	names   []*label
	folded  float32 // height of what is unfolded
	laid    float32 // the width for which it was laid out
	size    fyne.Size
	box     *fyne.Container // of the rows in sight
}

// A ledgerLineRow is a row in sight.
type ledgerLineRow struct {
	row          int // which it shows; -1: none
	ground, line *canvas.Rectangle
	ring         *canvas.Rectangle
	sign         *canvas.Image
	cells        [nCols]*label
}

func newLedger(w *Window, relay func(), reveal func(float32, float32)) *ledger {
	l := &ledger{w: w, relay: relay, reveal: reveal, open: -1, over: -1, details: container.NewWithoutLayout(), box: container.NewWithoutLayout()}
	l.p = w.p
	l.paint = func() { l.refill(true) }
	l.keys = l.move
	for i, code := range []string{"col.day", "col.began", "col.lasted", "col.cause", "col.seen", "col.who"} {
		l.heads[i] = newText(w.say(code), fontSmall, w.p.muted)
	}
	l.heads[colLasted].Alignment, l.heads[colWho].Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	l.ExtendBaseWidget(l)
	return l
}

// show takes over the rows. What was unfolded stays so while it is there.
func (l *ledger) show(rows []*ui.Incident, now time.Time) {
	l.rows, l.now = rows, now
	open := -1
	for i, one := range rows {
		if l.open >= 0 && one.ID == l.openID {
			open = i
			break
		}
	}
	l.open, l.at, l.over = open, min(l.at, max(len(rows)-1, 0)), -1
	l.laid = 0
	for _, r := range l.pool {
		r.row = -1
	}
	l.refill(true)
}

// height is that of the whole list.
func (l *ledger) height(width float32) float32 {
	l.unfold(width)
	if len(l.rows) == 0 {
		return 0
	}
	return ledgerHead + float32(len(l.rows))*ledgerRow + l.folded
}

// place of a row: y from the top of the ledger.
func (l *ledger) place(i int) float32 {
	y := ledgerHead + float32(i)*ledgerRow
	if l.open >= 0 && i > l.open {
		y += l.folded
	}
	return y
}

// rowAt is the row at y; -1 none.
func (l *ledger) rowAt(y float32) int {
	if y < ledgerHead {
		return -1
	}
	i := int((y - ledgerHead) / ledgerRow)
	if l.open >= 0 && i > l.open {
		if y < ledgerHead+float32(l.open+1)*ledgerRow+l.folded {
			return -1 // in what is unfolded
		}
		i = int((y - ledgerHead - l.folded) / ledgerRow)
	}
	if i >= len(l.rows) {
		return -1
	}
	return i
}

// sight says which part of the list is in sight.
func (l *ledger) sight(top, height float32) {
	l.top, l.seen = top, height
	l.refill(false)
}

// unfold makes what the open outage shows, for a width.
func (l *ledger) unfold(width float32) {
	if l.laid == width {
		return
	}
	l.laid, l.folded = width, 0
	l.details.Objects, l.texts, l.names = nil, nil, nil
	if l.open < 0 || l.open >= len(l.rows) || width <= 0 {
		return
	}
	p := l.p
	left := float32(128)
	if width < 560 {
		left = 112
	}
	y := float32(6)
	lines := detailsOf(l.rows[l.open], l.now, l.w.lang)
	for _, one := range lines {
		name := newText(one.name, fontSmall, p.muted)
		text := newParagraph(fontSmall, p.text, 40)
		text.set(one.text)
		name.place(16, y, left-24, ledgerLine)
		h := text.place(left, y, max(width-left-16, 60), ledgerLine)
		l.details.Objects = append(l.details.Objects, name.Text, text.box)
		l.texts, l.names = append(l.texts, text), append(l.names, name)
		y += max(h, ledgerLine)
	}
	l.folded = y + 12
	ground := box(blend(p.surface, p.sunken, 0.5), 0)
	put(ground, 0, 0, width, l.folded)
	l.details.Objects = append([]fyne.CanvasObject{ground}, l.details.Objects...)
	l.details.Resize(fyne.NewSize(width, l.folded))
}

// refill gives the rows in sight to the objects; all of them anew, or only those that show another one now.
func (l *ledger) refill(all bool) {
	width := l.size.Width
	if width <= 0 {
		return
	}
	l.unfold(width)
	first := max(int((l.top-ledgerHead-l.folded)/ledgerRow)-1, 0)
	count := min(int((l.seen+l.folded)/ledgerRow)+4, len(l.rows)-first)
	count = max(count, 0)
	changed := all
	for len(l.pool) < count {
		l.pool = append(l.pool, l.newRow())
		changed = true
	}
	taken := map[int]*ledgerLineRow{}
	var free []*ledgerLineRow
	for _, r := range l.pool {
		if r.row >= first && r.row < first+count {
			taken[r.row] = r
		} else {
			free = append(free, r)
		}
	}
	for i := first; i < first+count; i++ {
		r := taken[i]
		fresh := r == nil
		if fresh {
			r, free = free[0], free[1:]
			r.row = i
		}
		if fresh || all {
			l.fill(r)
			changed = true
		}
	}
	for _, r := range free {
		if r.row >= 0 || all {
			r.row = -1
			r.visible(false)
			changed = true
		}
	}
	setVisible(l.open >= 0, l.details)
	if l.open >= 0 {
		l.details.Move(fyne.NewPos(0, l.place(l.open)+ledgerRow))
	}
	if !changed {
		return
	}
	l.box.Objects = l.box.Objects[:0]
	for _, r := range l.pool {
		l.box.Objects = append(l.box.Objects, r.ground, r.line, r.ring, r.sign)
		for _, c := range r.cells {
			l.box.Objects = append(l.box.Objects, c.Text)
		}
	}
	canvas.Refresh(l)
}

func (l *ledger) newRow() *ledgerLineRow {
	p := l.p
	r := &ledgerLineRow{row: -1, ground: box(color.Transparent, 4), line: box(p.line, 0), ring: frame(color.Transparent, 2, 6), sign: picture(sign(signRight, p.muted))}
	for i := range r.cells {
		c := p.muted
		if i == colLasted || i == colCause {
			c = p.text
		}
		r.cells[i] = newLabel(fontTable, c)
	}
	r.cells[colLasted].Alignment, r.cells[colWho].Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	return r
}

func (r *ledgerLineRow) visible(on bool) {
	setVisible(on, r.ground, r.line, r.ring, r.sign)
	for _, c := range r.cells {
		setVisible(on, c.Text)
	}
}

// columns are where the columns stand for a width: x and width of each; 0 wide: not shown.
func ledgerColumns(width float32) (x, w [nCols]float32) {
	set := func(i int, from, wide float32) { x[i], w[i] = from, wide }
	right := width - 28 // room for the sign
	switch {
	case width >= 760:
		set(colDay, 0, 72)
		set(colBegan, 76, 72)
		set(colLasted, 148, 76)
		set(colCause, 244, 160)
		who := min(max(width*0.18, 120), 220)
		set(colSeen, 412, right-who-16-412)
		set(colWho, right-who, who)
	case width >= 560:
		set(colDay, 0, 72)
		set(colBegan, 76, 72)
		set(colLasted, 148, 76)
		set(colCause, 244, 164)
		set(colWho, 416, right-416)
	default:
		set(colDay, 0, 68)
		set(colBegan, 72, 60)
		set(colLasted, 132, 64)
		set(colCause, 212, right-212)
	}
	return x, w
}

// fill shows the row that r stands for.
func (l *ledger) fill(r *ledgerLineRow) {
	one, lang, p := l.rows[r.row], l.w.lang, l.p
	y := l.place(r.row)
	width := l.size.Width
	r.visible(true)
	put(r.line, 0, y, width, 1)
	put(r.ground, 0, y+1, width, ledgerRow-1)
	put(r.ring, -2, y, width+4, ledgerRow+1)
	put(r.sign, width-18, y+8, 16, 16)
	signed := signRight
	if r.row == l.open {
		signed = signDown
	}
	if to := sign(signed, p.muted); r.sign.Resource != to {
		r.sign.Resource = to
		r.sign.Refresh()
	}
	r.ground.FillColor, r.ring.StrokeColor = color.Transparent, color.Transparent
	if r.row == l.over || r.row == l.open {
		r.ground.FillColor = blend(p.surface, p.sunken, 0.5)
	}
	if l.focused && r.row == l.at {
		r.ring.StrokeColor = p.accent
	}
	lasted := lang.Lasted(one.Length(l.now))
	switch {
	case one.Lasts:
		lasted = lang.Say("outage.now")
	case one.Unsure:
		lasted = "≥ " + lasted
	}
	texts := [nCols]string{lang.Day(one.Start, l.now), one.Start.Format("15:04:05"), lasted, capital(ui.OutageWord(one.Outage, lang)), one.SeenBy(lang), one.Affected(lang)}
	x, w := ledgerColumns(width)
	for i, c := range r.cells {
		setVisible(w[i] > 0, c.Text)
		if w[i] > 0 {
			c.whole = texts[i]
			c.box = fyne.Size{} // another text in the same place
			c.place(x[i], y+1, w[i], ledgerRow-1)
		}
	}
	r.cells[colLasted].Color = p.text
	if one.Lasts {
		r.cells[colLasted].Color = p.tone(ui.LookDown).ink
	}
}

func (l *ledger) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{}
	for _, h := range l.heads {
		objects = append(objects, h.Text)
	}
	objects = append(objects, l.details, l.box)
	return &plain{
		objects: objects,
		min:     func() fyne.Size { return fyne.NewSize(200, 0) },
		layout: func(s fyne.Size) {
			again := s.Width != l.size.Width
			l.size = s
			x, w := ledgerColumns(s.Width)
			for i, h := range l.heads {
				setVisible(w[i] > 0 && len(l.rows) > 0, h.Text)
				h.place(x[i], 0, w[i], ledgerHead)
			}
			put(l.box, 0, 0, s.Width, s.Height)
			l.refill(again)
		},
	}
}

// Tapped unfolds what is under the pointer, or by keyboard what the keyboard is at.
func (l *ledger) Tapped(e *fyne.PointEvent) {
	if e == nil {
		l.toggle(l.at)
		return
	}
	if i := l.rowAt(e.Position.Y); i >= 0 {
		l.at = i
		l.toggle(i)
	}
}

// TypedKey moves and unfolds.
func (l *ledger) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		l.Tapped(nil)
	default:
		if !l.move(k.Name) {
			elsewhere(k)
		}
	}
}

func (l *ledger) toggle(i int) {
	if i < 0 || i >= len(l.rows) {
		return
	}
	if l.open == i {
		l.open = -1
	} else {
		l.open, l.openID = i, l.rows[i].ID
	}
	l.laid = 0
	l.relay()
	l.refill(true)
	if l.open >= 0 {
		l.reveal(l.place(i), min(l.place(i)+ledgerRow+l.folded, l.place(i)+l.seen))
	}
}

// move is what the keys do.
func (l *ledger) move(k fyne.KeyName) bool {
	to := l.at
	switch k {
	case fyne.KeyDown:
		to++
	case fyne.KeyUp:
		to--
	case fyne.KeyPageDown:
		to += ledgerPage
	case fyne.KeyPageUp:
		to -= ledgerPage
	case fyne.KeyHome:
		to = 0
	case fyne.KeyEnd:
		to = len(l.rows) - 1
	default:
		return false
	}
	l.at = min(max(to, 0), max(len(l.rows)-1, 0))
	l.reveal(l.place(l.at), l.place(l.at)+ledgerRow)
	l.refill(true)
	return true
}

// FocusGained shows where the keyboard is.
func (l *ledger) FocusGained() {
	l.pressable.FocusGained()
	if len(l.rows) > 0 {
		l.reveal(l.place(l.at), l.place(l.at)+ledgerRow)
	}
}

// MouseMoved marks the row under the pointer.
func (l *ledger) MouseMoved(e *desktop.MouseEvent) {
	if i := l.rowAt(e.Position.Y); i != l.over {
		l.over = i
		l.refill(true)
	}
}

// MouseOut marks none.
func (l *ledger) MouseOut() {
	l.over = -1
	l.pressable.MouseOut()
}

// A line of what is unfolded: what it is, and what there is to say.
type detailLine struct{ name, text string }

// detailsOf is all that is known of an outage.
func detailsOf(one *ui.Incident, now time.Time, l ui.Lang) []detailLine {
	var lines []detailLine
	add := func(code, text string) {
		if text != "" {
			lines = append(lines, detailLine{l.Say(code), text})
		}
	}
	e := ui.Explain(one.Verdict, monitor.Snapshot{Target: monitor.Target{Name: one.Targets[0], Address: ui.Printable(orElse(one.Address, one.Targets[0]), 120)}, Proxy: one.Proxy}, l)
	add("col.cause", e.Sentence)
	clock := "2006-01-02 15:04:05"
	end := l.Say("outage.now")
	if !one.Lasts {
		end = one.End.Format(clock)
		if one.End.Format("2006-01-02") == one.Start.Format("2006-01-02") {
			end = one.End.Format("15:04:05")
		}
		end += " (" + l.Lasted(one.Length(now)) + ")"
	}
	add("detail.time", one.Start.Format(clock)+" – "+end)
	if one.Unsure {
		add("detail.end", l.Say("detail.unsure"))
	}
	var names []string
	for _, n := range one.Targets {
		names = append(names, ui.Called(n, l, 80))
	}
	add("col.who", strings.Join(names, l.Say("comma")))
	var also []string
	for _, c := range one.Verdict.Also {
		also = append(also, ui.Short(c, l))
	}
	add("detail.also", strings.Join(also, l.Say("comma")))
	if len(one.Causes) > 1 {
		var said []string
		for _, c := range one.Causes {
			said = append(said, c.Time.Format("15:04:05")+" "+ui.OutageWord(outageBy(c.Cause), l))
		}
		add("detail.causes", strings.Join(said, l.Say("comma")))
	}
	if one.Attempts > 0 {
		add("detail.attempts", strconv.Itoa(one.Attempts))
	}
	way := ui.Printable(one.Verdict.Interface, 32)
	if one.Verdict.Gateway.IsValid() && way != "" {
		way = l.Say("report.gateway", "text", way, "gateway", one.Verdict.Gateway.String())
	}
	add("report.from", way)
	if one.Proxy != "" {
		add("report.way", ui.Printable(one.Proxy, 120))
	}
	for i, v := range one.Verdict.Evidence {
		text := v.Time.Format("15:04:05.0") + "  " + ui.HopWord(v.Hop, l) + "  " + ui.SeenText(v, l)
		if i == 0 {
			add("detail.evidence", text)
		} else {
			lines = append(lines, detailLine{"", text})
		}
	}
	return lines
}

// capital begins a word that stands alone with a capital letter.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
