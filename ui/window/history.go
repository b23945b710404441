package window

import (
	"context"
	"errors"
	"image/color"
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// A period is how far back the history page looks.
type period uint8

const (
	today period = iota
	week
	month
)

// days is how many days it has.
func (p period) days() int { return [...]int{1, 7, 30}[p] }

// from is when the period that ends now began: its days are whole, but for the last one.
func (p period) from(now time.Time) time.Time {
	return ui.Midnight(now).AddDate(0, 0, 1-p.days())
}

// wanted is what the history page is asked to show. It survives a change of language and theme.
type wanted struct {
	target string // "": all
	period period
	cause  netcheck.Cause // "": any
	text   string
}

// mostOutages is how many outages are asked for; more than a month of them nobody reads.
const mostOutages = 20000

// fresh is how long the page is shown without asking again, while nothing happens.
const fresh = time.Minute

// breather is how long outages that begin and end are gathered before the page asks again: all of it is asked for anew.
const breather = 3 * time.Second

// A record is what the page shows, worked out from what the resident has kept.
type record struct {
	wanted    wanted
	made      time.Time
	since     time.Time // all of it since then was asked for; zero: it could not be
	raw       []wire.PastOutage
	outages   []ui.PastOutage
	watch     ui.Watch
	incidents []ui.Incident // of the period and of the one before, the newest first
	this      ui.Summary
	before    ui.Summary
	days      []ui.Day
	causes    []netcheck.Cause
	more      bool // there are older ones that were not asked for
	problem   string
}

// work fills in what follows from outages and watch.
func (r *record) work() {
	now := r.made
	from := r.wanted.period.from(now)
	before := from.AddDate(0, 0, -r.wanted.period.days())
	r.incidents = ui.Incidents(r.outages, r.watch, now)
	r.this = ui.Summarize(r.outages, r.watch, from, now, now)
	r.before = ui.Summarize(r.outages, r.watch, before, from, now)
	r.days = ui.Days(r.incidents, r.watch, from, now, now)
	in := ui.Filter{From: from}.Pick(r.incidents, ui.English)
	counted := make([]ui.Incident, 0, len(in))
	for _, one := range in {
		counted = append(counted, *one)
	}
	r.causes = ui.CausesOf(counted)
}

// A figure of the summary: what it is, the figure, and what to compare it with.
type figure struct{ head, big, small *label }

// A historyPage is what was: a summary that one can show to somebody, when it was, why, and each outage.
type historyPage struct {
	w      *Window
	box    *fyne.Container
	scroll *container.Scroll
	page   *fyne.Container
	size   fyne.Size
	least  float32

	target, cause *picker
	period        *segments
	copy, export  *button
	figures       [4]figure
	rules         [2]*canvas.Rectangle
	days          *timeline
	causeHead     *label
	bars          [maxBars]causeBar
	nBars         int
	head          *label
	search        *field
	outages       *ledger
	empty         *paragraph

	rec     *record
	events  uint64 // the screen's, when it was asked last
	cancel  context.CancelFunc
	askedAt time.Time
	asked   int // counts what was asked: an old answer is thrown away
}

const (
	maxBars = 6
	// historyWidth is how wide the page gets: on a larger screen the eye would lose the row on its way.
	historyWidth = 1600
)

type causeBar struct {
	name, length *label
	bar          *canvas.Rectangle
	share        float32
}

func newHistoryPage(w *Window) *historyPage {
	p := w.p
	h := &historyPage{w: w, causeHead: newText(w.say("summary.causes"), fontHead, p.text), head: newText(w.say("head.history"), fontHead, p.text), empty: newParagraph(fontBody, p.muted, 3)}
	h.target = newPicker(p, "", h.pickTarget)
	h.period = newSegments(p, []string{w.say("period.today"), w.say("period.week"), w.say("period.month")}, int(w.past.period), func(i int) {
		w.past.period = period(i)
		h.load()
	})
	h.period.slim()
	h.copy = newButton(p, quiet, w.say("button.summary"), "", h.copySummary)
	h.export = newButton(p, outlined, w.say("button.export"), "", h.pickExport)
	objects := []fyne.CanvasObject{h.target, h.period, h.copy, h.export}
	for i := range h.figures {
		f := &h.figures[i]
		*f = figure{newLabel(fontSmall, p.muted), newLabel(fontSum, p.text), newLabel(fontSmall, p.muted)}
		objects = append(objects, f.head.Text, f.big.Text, f.small.Text)
	}
	h.rules = [2]*canvas.Rectangle{box(p.line, 0), box(p.line, 0)}
	h.days = newTimeline(p, w.lang)
	objects = append(objects, h.rules[0], h.rules[1], h.days.box, h.causeHead.Text)
	for i := range h.bars {
		h.bars[i] = causeBar{name: newLabel(fontSmall, p.text), length: newLabel(fontSmall, p.muted), bar: box(p.tone(ui.LookDown).solid, 3)}
		h.bars[i].length.Alignment = fyne.TextAlignTrailing
		objects = append(objects, h.bars[i].name.Text, h.bars[i].length.Text, h.bars[i].bar)
	}
	h.search = newField(w.past.text, func(s string) {
		w.past.text = s
		h.pick()
	})
	h.search.PlaceHolder = w.say("history.search")
	h.search.escape = func() { h.search.SetText("") }
	h.cause = newPicker(p, "", h.pickCause)
	h.outages = newLedger(w, h.relay, h.reveal)
	objects = append(objects, h.head.Text, h.search, h.cause, h.empty.box, h.outages)
	h.page = container.New(column{
		min:    func() fyne.Size { return fyne.NewSize(0, h.least) },
		layout: func(s fyne.Size) { h.run(s.Width) },
	}, objects...)
	h.scroll = container.NewVScroll(h.page)
	h.scroll.OnScrolled = func(fyne.Position) { h.look() }
	h.box = container.New(column{layout: h.layout}, h.scroll)
	h.say()
	return h
}

func (h *historyPage) object() fyne.CanvasObject { return h.box }

// show follows the screen: what was kept is asked for when the page is opened, when an outage began or ended, and now and
// then because time goes on.
func (h *historyPage) show(s *screen) {
	news := h.events != s.events && (s.now.Sub(h.askedAt) > breather || s.now.Before(h.askedAt))
	if h.rec == nil && h.cancel == nil || news || h.rec != nil && s.now.Sub(h.rec.made) > fresh {
		h.events = s.events
		h.load()
	}
}

// inherit takes over what the page of another language or theme has shown.
func (h *historyPage) inherit(old *historyPage) {
	r := *old.rec
	r.work() // what is searched in is in the old language
	h.events, h.asked = old.events, old.asked
	h.take(&r)
}

// close ends what is being asked.
func (h *historyPage) close() {
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// load asks for what is wanted and shows it.
func (h *historyPage) load() {
	h.close()
	w := h.w
	ctx, cancel := context.WithCancel(w.ctx)
	h.cancel = cancel
	h.asked++
	h.askedAt = h.w.now()
	mine, want, now := h.asked, w.past, w.now()
	since := want.period.from(now).AddDate(0, 0, -want.period.days())
	base := h.rec
	if base != nil && (base.wanted.target != want.target || base.since.IsZero() || base.since.After(since) || base.more || base.problem != "" || now.Before(base.made)) {
		base = nil
	}
	h.say()
	w.wg.Go(func() {
		defer cancel()
		r := &record{wanted: want, made: now}
		c, err := w.model.connect()
		var kept wire.History
		if err == nil {
			q := control.HistoryQuery{Target: want.target, Since: since, Limit: mostOutages, Watched: true}
			if base != nil {
				q.Since = base.settled(since)
			}
			kept, err = c.History(ctx, q)
		}
		if err == nil {
			r.since, r.raw, r.watch, r.more = since, kept.Outages, watchOf(kept.Watched), kept.More
			if base != nil {
				r.join(base)
			}
			r.outages = pastOutages(r.raw)
			r.work()
		}
		if ctx.Err() != nil {
			return
		}
		h.w.do(func() {
			switch {
			case mine != h.asked || h.w.detail.past != h:
				return
			case forgets(err):
				r.problem = w.say("history.none")
			case err != nil:
				r.problem = errorText(err, w.lang)
			default:
				r.problem = problemText(kept.Problem, w.lang, 300)
			}
			h.take(r)
		})
	})
}

// settled is until when nothing of r changes any more: what was before needs no asking. It is not before since.
func (r *record) settled(since time.Time) time.Time {
	at := r.made.Add(-time.Minute)
	for i := range r.raw {
		if u := &r.raw[i]; u.End.IsZero() && u.Start.Before(at) { // it may turn out to have ended long ago
			at = u.Start.Time
		}
	}
	if at.Before(since) {
		return since
	}
	return at
}

// join takes over what was settled in an older record, which stays as it is.
func (r *record) join(old *record) {
	news := make(map[int64]bool, len(r.raw))
	for i := range r.raw {
		news[r.raw[i].ID] = true
	}
	for _, u := range old.raw {
		if !news[u.ID] && !u.End.Before(r.since) {
			r.raw = append(r.raw, u)
		}
	}
	for target, spans := range old.watch {
		all := slices.Clone(spans)
		for _, s := range r.watch[target] {
			if n := len(all); n > 0 && !s.From.After(all[n-1].To) && !s.From.Before(all[n-1].From) {
				all[n-1].To = later(all[n-1].To, s.To)
				continue
			}
			all = append(all, s)
		}
		r.watch[target] = all
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// take shows a record.
func (h *historyPage) take(r *record) {
	h.rec, h.cancel = r, nil
	h.say()
	h.pick()
}

// say writes everything but the outages.
func (h *historyPage) say() {
	w, r := h.w, h.rec
	l, want := w.lang, w.past
	name := w.say("history.all")
	if want.target != "" {
		name = ui.Called(want.target, w.lang, 80)
	}
	h.target.say(name)
	cause := w.say("history.cause")
	if want.cause != "" {
		cause = capital(ui.Short(want.cause, l))
	}
	h.cause.say(cause)
	for i, code := range []string{"summary.availability", "summary.outages", "summary.longest", "summary.mean"} {
		h.figures[i].head.set(w.say(code))
	}
	ready := r != nil && r.wanted.period == want.period && r.wanted.target == want.target
	h.copy.enable(ready)
	h.export.enable(ready && len(r.outages) > 0)
	if !ready {
		for i := range h.figures {
			h.figures[i].big.set("–")
			h.figures[i].small.set("")
		}
		return
	}
	s, b := &r.this, &r.before
	earlier := func(text string) string {
		if _, known := b.Availability(); !known {
			return ""
		}
		return w.say([...]string{"before.today", "before.week", "before.month"}[want.period], "text", text)
	}
	h.figures[0].big.set(s.Percent())
	h.figures[0].small.set(earlier(b.Percent()))
	h.figures[1].big.set(strconv.Itoa(s.Count))
	h.figures[1].small.set(earlier(strconv.Itoa(b.Count)))
	longest, of, mean, half := "–", "", "–", ""
	if s.Longest != nil {
		longest = l.Lasted(s.Length)
		of = l.Day(s.Longest.Start, r.made) + l.Say("comma") + ui.OutageWord(s.Longest.Outage, l)
	}
	if s.Over > 0 {
		mean = l.Lasted(s.Mean)
		half = w.say("summary.half", "duration", l.Lasted(s.Median))
	}
	h.figures[2].big.set(longest)
	h.figures[2].small.set(of)
	h.figures[3].big.set(mean)
	h.figures[3].small.set(half)
	h.days.show(r.days, w.say([...]string{"period.today", "period.week.title", "period.month.title"}[want.period]))
	h.nBars = min(len(s.ByCause), maxBars)
	for i, c := range s.ByCause[:h.nBars] {
		bar := &h.bars[i]
		word, long := ui.OutageWord(outageBy(c.Cause), l), c.Time
		if i == maxBars-1 && len(s.ByCause) > maxBars {
			word = w.say("summary.rest")
			for _, other := range s.ByCause[i+1:] {
				long += other.Time
			}
		}
		bar.name.set(capital(word))
		bar.length.set(l.Lasted(long))
		bar.share = 0
		if most := s.ByCause[0].Time; most > 0 {
			bar.share = min(float32(float64(long)/float64(most)), 1)
		}
	}
}

// pick chooses the outages that are listed.
func (h *historyPage) pick() {
	r := h.rec
	if r == nil {
		return
	}
	found := ui.Filter{From: r.wanted.period.from(r.made), Cause: h.w.past.cause, Text: h.w.past.text}.Pick(r.incidents, h.w.lang)
	h.outages.show(found, r.made)
	say := ""
	switch {
	case r.problem != "":
		say = r.problem
	case len(found) > 0 && r.more:
		say = h.w.say("history.more", "n", strconv.Itoa(mostOutages))
	case len(found) > 0:
	case h.w.past.text != "":
		say = h.w.say("empty.search", "text", ui.Printable(h.w.past.text, 30))
	default:
		say = h.w.say("empty.history")
	}
	h.empty.set(say)
	h.relay()
}

// relay lays the page out anew.
func (h *historyPage) relay() {
	if h.size.Width > 0 {
		h.layout(h.size)
		h.page.Refresh()
	}
}

func (h *historyPage) layout(size fyne.Size) {
	h.size = size
	put(h.scroll, 0, 0, size.Width, size.Height)
	h.least = h.run(size.Width)
	h.page.Resize(fyne.NewSize(size.Width, max(h.least, size.Height)))
	h.scroll.Refresh()
	h.look()
}

// look shows the outages that are in sight.
func (h *historyPage) look() {
	h.outages.sight(h.scroll.Offset.Y-h.outages.Position().Y, h.size.Height)
}

// reveal scrolls until what stands from top to bottom in the list of outages is in sight.
func (h *historyPage) reveal(top, bottom float32) {
	y := h.outages.Position().Y
	top, bottom = top+y, bottom+y
	offset := h.scroll.Offset.Y
	switch {
	case top < offset:
		offset = top
	case bottom > offset+h.size.Height:
		offset = bottom - h.size.Height
	default:
		return
	}
	h.scroll.ScrollToOffset(fyne.NewPos(0, max(offset, 0)))
	h.look()
}

// run lays the page out from top to bottom and returns its height.
func (h *historyPage) run(width float32) float32 {
	margin := float32(32)
	if h.w.narrow {
		margin = 16
	}
	inner := min(width-2*margin, historyWidth)
	// The choice, and what can be done with it.
	y := float32(16)
	target := min(h.target.MinSize().Width, max(inner-h.period.MinSize().Width-8, 120))
	put(h.target, margin, y, target, buttonHeight)
	put(h.period, margin+target+8, y, h.period.MinSize().Width, buttonHeight)
	both := h.copy.width() + 8 + h.export.width()
	if target+8+h.period.MinSize().Width+24+both > inner {
		y += buttonHeight + 8
		put(h.copy, margin-12, y, h.copy.width(), buttonHeight)
		put(h.export, margin-12+h.copy.width()+8, y, h.export.width(), buttonHeight)
	} else {
		put(h.export, margin+inner-h.export.width(), y, h.export.width(), buttonHeight)
		put(h.copy, margin+inner-both, y, h.copy.width(), buttonHeight)
	}
	y += buttonHeight + 20

	// The figures.
	columns := 4
	if inner < 640 {
		columns = 2
	}
	part := (inner + 24) / float32(columns)
	const high = 84
	for i := range h.figures {
		x, top := margin+float32(i%columns)*part, y+float32(i/columns)*high
		h.figures[i].head.place(x, top, part-24, 16)
		h.figures[i].big.place(x, top+16, part-24, 36)
		h.figures[i].small.place(x, top+52, part-24, 16)
	}
	y += float32(len(h.figures)/columns)*high + 4
	put(h.rules[0], margin, y, inner, 1)
	y += 16

	// When, and why.
	setVisible(h.nBars > 0, h.causeHead.Text)
	for i := range h.bars {
		setVisible(i < h.nBars, h.bars[i].name.Text, h.bars[i].length.Text, h.bars[i].bar)
	}
	const aside, gap = 232, 32
	causes := func(x, top, w float32) float32 {
		h.causeHead.place(x, top, w, 28)
		top += 36
		for i := range h.bars[:h.nBars] {
			b := &h.bars[i]
			length := b.length.font.width(b.length.whole) + 2
			b.name.place(x, top, w-length-8, 16)
			b.length.place(x+w-length, top, length, 16)
			put(b.bar, x, top+20, max(round(w*b.share), 6), 6)
			top += 35
		}
		return top
	}
	if inner >= 700 {
		left := inner - aside - gap
		bottom := y + h.days.place(margin, y, left)
		if h.nBars > 0 {
			bottom = max(bottom, causes(margin+left+gap, y, aside))
		}
		y = bottom + 16
	} else {
		y += h.days.place(margin, y, inner) + 16
		if h.nBars > 0 {
			y = causes(margin, y, inner) + 8
		}
	}
	put(h.rules[1], margin, y, inner, 1)
	y += 16

	// The outages.
	h.head.place(margin, y+4, inner, 28)
	cause := min(h.cause.MinSize().Width, inner*0.5)
	search := min(220, inner-cause-8)
	if inner < 640 { // below the head
		y += 36
		search = inner - cause - 8
		put(h.search, margin, y, search, 36)
	} else {
		put(h.search, margin+inner-cause-8-search, y, search, 36)
	}
	put(h.cause, margin+inner-cause, y, cause, buttonHeight)
	y += 44
	put(h.outages, margin, y, inner, h.outages.height(inner))
	y += h.outages.height(inner)
	if h.empty.whole != "" {
		h.empty.box.Show()
		y += 12 + h.empty.place(margin, y+12, min(inner, 620), 21)
	} else {
		h.empty.box.Hide()
	}
	return y + 24
}

func (h *historyPage) pickTarget() {
	items := []*fyne.MenuItem{fyne.NewMenuItem(h.w.say("history.all"), func() { h.of("") })}
	if h.w.shown != nil {
		for _, r := range h.w.shown.rows {
			items = append(items, fyne.NewMenuItem(ui.Printable(r.name, 60), func() { h.of(r.key) }))
		}
	}
	h.w.popUp(h.target, items)
}

// of shows the history of one target, "" of all.
func (h *historyPage) of(target string) {
	if h.w.past.target == target {
		return
	}
	h.w.past.target = target
	h.load()
	h.relay()
	if h.w.shown != nil {
		h.w.list.show(h.w.shown)
	}
}

func (h *historyPage) pickCause() {
	set := func(c netcheck.Cause) func() {
		return func() {
			h.w.past.cause = c
			h.say()
			h.pick()
		}
	}
	items := []*fyne.MenuItem{fyne.NewMenuItem(h.w.say("history.cause"), set(""))}
	if h.rec != nil {
		for _, c := range h.rec.causes {
			items = append(items, fyne.NewMenuItem(capital(ui.Short(c, h.w.lang)), set(c)))
		}
	}
	h.w.popUp(h.cause, items)
}

func (h *historyPage) copySummary() {
	if h.rec == nil {
		return
	}
	w := h.w
	of := w.say("history.all")
	if w.past.target != "" {
		of = ui.Called(w.past.target, w.lang, 80)
	}
	w.model.mu.Lock()
	version := w.model.version
	w.model.mu.Unlock()
	w.app.Clipboard().SetContent(ui.SummaryText(h.rec.this, h.rec.before, of, w.lang, version+", "+ui.Platform()))
	w.notice(w.say("report.copied"))
}

func (h *historyPage) pickExport() {
	h.w.popUp(h.export, []*fyne.MenuItem{
		fyne.NewMenuItem(h.w.say("export.csv"), func() { h.save("csv") }),
		fyne.NewMenuItem(h.w.say("export.json"), func() { h.save("json") }),
	})
}

// save writes the outages that are listed into a file that the person names.
func (h *historyPage) save(kind string) {
	r, w := h.rec, h.w
	if r == nil {
		return
	}
	listed := map[int64]bool{}
	for _, one := range h.outages.rows {
		for _, id := range one.IDs {
			listed[id] = true
		}
	}
	raw := make([]wire.PastOutage, 0, len(listed))
	outages := make([]ui.PastOutage, 0, len(listed))
	for i, o := range r.raw {
		if listed[o.ID] {
			raw, outages = append(raw, o), append(outages, r.outages[i])
		}
	}
	now := w.now()
	w.saveAs(freeName(downloads(), "holdfast-"+now.Format("2006-01-02"), "."+kind), func(path string, replace bool) error {
		return export(path, replace, kind, raw, outages, now)
	})
}

// rootOf is the reason without the names of files and calls before it.
func rootOf(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// A picker is a button that opens a menu of choices; it says what is chosen.
type picker struct {
	pressable
	text         *label
	sign         *canvas.Image
	ground, ring *canvas.Rectangle
}

func newPicker(p *palette, text string, press func()) *picker {
	k := &picker{text: newText(text, fontBody, p.text), sign: picture(sign(signDown, p.text)), ground: frame(p.edge, 1, 8), ring: frame(p.edge, 2, 12)}
	k.p, k.press = p, press
	k.paint = func() {
		k.ground.FillColor = p.surface
		if k.hovered {
			k.ground.FillColor = p.sunken
		}
		k.ring.StrokeColor = color.Transparent
		if k.focused {
			k.ring.StrokeColor = p.accent
		}
		k.Refresh()
	}
	k.keys = func(key fyne.KeyName) bool {
		if key == fyne.KeyDown {
			k.press()
			return true
		}
		return false
	}
	k.ExtendBaseWidget(k)
	k.paint()
	return k
}

func (k *picker) say(text string) {
	if k.text.set(text) {
		k.Refresh()
	}
}

func (k *picker) CreateRenderer() fyne.WidgetRenderer {
	return &plain{
		objects: []fyne.CanvasObject{k.ground, k.ring, k.text.Text, k.sign},
		min: func() fyne.Size {
			return fyne.NewSize(round(k.text.font.width(k.text.whole)+16+12+16+13), buttonHeight)
		},
		layout: func(s fyne.Size) {
			put(k.ground, 0, 0, s.Width, s.Height)
			put(k.ring, -ringGap-2, -ringGap-2, s.Width+2*ringGap+4, s.Height+2*ringGap+4)
			k.text.place(16, 0, s.Width-16-12-16-10, s.Height)
			put(k.sign, s.Width-13-16, (s.Height-16)/2, 16, 16)
		},
	}
}

// outageBy is an outage by that cause, for its word.
func outageBy(c netcheck.Cause) monitor.Outage {
	return monitor.Outage{Verdict: netcheck.Verdict{Cause: c}}
}
