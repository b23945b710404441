package window

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/monitor"
	"holdfast/ui"
)

// band is the verdict: what is the matter, what to do, since when, and the countdown to the next attempt.
type verdict struct {
	w    *Window
	box  *fyne.Container
	look ui.Look
	view ui.View

	ground, track, fill *canvas.Rectangle
	icon                *canvas.Image
	sentence            *paragraph
	remedy, also        *paragraph
	big, since, count   *label
	reconnect           *button
	narrow              bool
	title               bool // a page's own title: no icon, no figures
	inFoot              bool // button and countdown stand in the foot of the window
}

func newVerdict(w *Window) *verdict {
	p := w.p
	v := &verdict{
		w: w, look: ui.LookUnknown + 1, ground: box(color.Transparent, 12), track: box(color.Transparent, 2), fill: box(p.accent, 2),
		icon:     &canvas.Image{FillMode: canvas.ImageFillStretch},
		sentence: newParagraph(fontVerdict, p.text, 5), remedy: newParagraph(fontBody, p.text, 8), also: newParagraph(fontSmall, p.muted, 3),
		big: newLabel(fontFigure, p.text), since: newLabel(fontSmall, p.muted), count: newLabel(fontBody, p.text),
	}
	v.big.Alignment, v.since.Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	v.reconnect = newButton(p, primary, w.say("button.reconnect"), "", w.reconnect)
	v.box = container.NewWithoutLayout(v.ground, v.icon, v.sentence.box, v.remedy.box, v.also.box, v.big.Text, v.since.Text,
		v.reconnect, v.count.Text, v.track, v.fill)
	return v
}

// tinted reports whether the band has its ground: a good state has no coloured area at all.
func tinted(k ui.Look) bool { return k == ui.LookDown || k == ui.LookSuspect || k == ui.LookUnknown }

// show takes over v and reports whether the band must be laid out anew.
func (v *verdict) show(view ui.View) bool {
	p := v.w.p
	relay := v.sentence.set(view.Sentence)
	relay = v.remedy.set(view.Remedy) || relay
	relay = v.also.set(view.Also) || relay
	if view.Look != v.look {
		v.look, relay = view.Look, true
		t := p.tone(view.Look)
		ground := p.surface
		v.ground.FillColor = color.Transparent
		if tinted(view.Look) {
			ground, v.ground.FillColor = t.tint, t.tint
		}
		v.icon.Resource = glyph(view.Look, t.solid, ground)
		v.big.Color = p.text
		if view.Look == ui.LookDown || view.Look == ui.LookUnknown {
			v.big.Color = t.ink
		}
		v.track.FillColor = blend(ground, p.accent, 0.25)
		v.ground.Refresh()
		v.icon.Refresh()
	}
	if (view.Countdown == "") != (v.view.Countdown == "") || (view.Big == "") != (v.view.Big == "") || len(view.Big) != len(v.view.Big) {
		relay = true
	}
	v.view = view
	v.big.set(view.Big)
	v.since.set(view.Since)
	if v.count.set(view.Countdown) || v.fill.Size().Width == 0 {
		v.bar()
	}
	return relay
}

// canReconnect: there is something to hurry.
func canReconnect(view ui.View) bool {
	return view.Look == ui.LookDown || view.Look == ui.LookConnecting
}

// bar draws how much of the wait is over, beside the countdown.
func (v *verdict) bar() {
	if v.inFoot || v.view.Countdown == "" || v.view.Fraction <= 0 {
		v.track.Hide()
		v.fill.Hide()
		return
	}
	x := v.count.at.X + v.count.font.width(v.count.whole) + 12
	if old := v.track.Position().X; v.track.Visible() && x > old-24 && x < old+1 {
		x = old // it stands still while a figure gets narrower
	}
	y := v.count.at.Y + 16
	put(v.track, x, y, 96, 4)
	put(v.fill, x, y, round(96*float32(v.view.Fraction)), 4)
	v.track.Show()
	v.fill.Show()
	v.track.Refresh()
	v.fill.Refresh()
}

// place lays the band out and returns the height that it takes.
func (v *verdict) place(x, y, width float32) float32 {
	v.box.Move(fyne.NewPos(x, y))
	if v.narrow {
		h := v.placeNarrow(width)
		v.box.Resize(fyne.NewSize(width, h))
		return h
	}
	v.remedy.write(fontBody)
	v.big.write(fontFigure, v.big.Color)
	v.ground.CornerRadius = 12
	// A plain state stands at the margin of the page; the ground of a tinted one reaches 12 beyond it on either side.
	left, right := float32(0), width
	inset := float32(0)
	if v.look == ui.LookDown || v.look == ui.LookUnknown {
		inset = 16
	}
	put(v.icon, left+inset, 20, 32, 32)
	text := left + inset + 48
	setVisible(!v.title, v.icon)
	if v.title {
		text = left
	}
	figures := max(v.big.font.width(v.big.whole), v.since.font.width(v.since.whole)) + 1
	v.big.place(right-inset-figures, 21, figures, 32)
	v.since.place(right-inset-figures, 57, figures, 16)
	room := right - inset - figures - 24 - text
	heading, leading := fontVerdict, float32(32)
	if len(wrap(v.sentence.whole, room, heading, 4)) > 3 { // a long address in a small window
		heading, leading = fontName, 24
	}
	v.sentence.write(heading)
	h := 21 + v.sentence.place(text, 21, room, leading)
	h += 3
	h += v.remedy.place(text, h, min(620, room), 21)
	if v.also.whole != "" {
		v.also.box.Show()
		h += 4 + v.also.place(text, h+4, min(620, room), 18)
	} else {
		v.also.box.Hide()
	}
	v.reconnect.Hide()
	v.count.Hide()
	if canReconnect(v.view) && !v.inFoot {
		v.reconnect.Show()
		put(v.reconnect, text, h+14, v.reconnect.width(), buttonHeight)
		v.count.Show()
		v.count.place(text+v.reconnect.width()+20, h+14, max(right-inset-text-v.reconnect.width()-20, 10), buttonHeight)
		h += 14 + buttonHeight
	}
	if tinted(v.look) {
		h += 20
	}
	if v.look == ui.LookSuspect {
		h = h - 20 + 14
	}
	put(v.ground, left-4-(16-max(inset, 12)), 0, width+8+2*(16-max(inset, 12)), h)
	v.bar()
	v.box.Resize(fyne.NewSize(width, h))
	return h
}

func (v *verdict) placeNarrow(width float32) float32 {
	v.sentence.write(fontName)
	v.remedy.write(fontTable)
	v.ground.CornerRadius = 10
	v.big.write(font{fontName.size, false}, v.big.Color)
	put(v.icon, 13, 11, 20, 20)
	figure := v.big.font.width(v.big.whole) + 1
	v.big.place(width-12-figure, 9, figure, 24)
	text := float32(44)
	setVisible(!v.title, v.icon)
	if v.title {
		text = 0
	}
	room := width - text - 12
	h := 9 + v.sentence.place(text, 9, room-figure-12, 24)
	h += 3
	h += v.remedy.place(text, h, room, 18)
	v.also.box.Hide()
	if v.also.whole != "" {
		v.also.box.Show()
		h += 2 + v.also.place(text, h+2, room, 16)
	}
	v.since.Hide()
	v.reconnect.Hide()
	v.count.Hide()
	v.bar()
	h += 9
	put(v.ground, 0, 0, width, h)
	return h
}

// A table is a head, and rows of time, number, words and length.
type table struct {
	p        *palette
	head     *label
	note     *label
	numbers  bool
	rows     [tableRows][4]*label
	lines    [tableRows]*canvas.Rectangle
	n        int
	objects  []fyne.CanvasObject
	emptyBox *paragraph
}

func newTable(p *palette) *table {
	t := &table{p: p, head: newLabel(fontHead, p.text), note: newLabel(fontSmall, p.muted), emptyBox: newParagraph(fontTable, p.muted, 3)}
	t.note.Alignment = fyne.TextAlignTrailing
	t.objects = []fyne.CanvasObject{t.head.Text, t.note.Text, t.emptyBox.box}
	for i := range t.rows {
		t.lines[i] = box(p.line, 0)
		t.objects = append(t.objects, t.lines[i])
		for j := range t.rows[i] {
			c := p.muted
			if j == 2 {
				c = p.text
			}
			t.rows[i][j] = newLabel(fontTable, c)
			t.objects = append(t.objects, t.rows[i][j].Text)
		}
		t.rows[i][1].Alignment, t.rows[i][3].Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing
	}
	return t
}

// show takes over the rows; it reports whether their number has changed.
func (t *table) show(head, note, none string, rows []tableRow, numbers bool) bool {
	t.head.set(head)
	t.note.set(note)
	relay := t.emptyBox.set(none)
	if len(rows) > 0 {
		relay = t.emptyBox.set("") || relay
	}
	relay = relay || t.n != len(rows) || t.numbers != numbers
	t.n, t.numbers = len(rows), numbers
	for i, r := range rows {
		for j, s := range []string{r.when, r.number, r.words, r.length} {
			t.rows[i][j].set(s)
		}
	}
	return relay
}

// wear changes the colours.
func (t *table) wear(p *palette) {
	t.p = p
	t.head.paint(p.text)
	for _, r := range t.rows {
		r[2].paint(p.text)
	}
}

// place lays out as many rows as fit into the height, and returns the height used.
func (t *table) place(x, y, width, height float32) float32 {
	t.head.place(x, y, width, 28)
	t.note.place(x+100, y, width-100, 28)
	t.emptyBox.place(x, y+36, width, 20)
	top := y + 36
	for i := range t.rows {
		visible := i < t.n && top+30 <= y+height
		for j, l := range t.rows[i] {
			if visible {
				l.Show()
			} else {
				l.Hide()
			}
			_ = j
		}
		if !visible {
			t.lines[i].Hide()
			continue
		}
		t.lines[i].Show()
		put(t.lines[i], x, top, width, 1)
		var words float32
		if t.numbers {
			t.rows[i][1].Show()
			t.rows[i][0].place(x, top+1, 84, 29)
			t.rows[i][1].place(x+76, top+1, 36, 29)
			words = x + 128
		} else {
			t.rows[i][1].Hide()
			w := max(t.rows[i][0].font.width(t.rows[i][0].whole)+16, 88)
			t.rows[i][0].place(x, top+1, w, 29)
			words = x + w
		}
		length := t.rows[i][3].font.width(t.rows[i][3].whole) + 2
		t.rows[i][2].place(words, top+1, max(x+width-length-8-words, 0), 29)
		t.rows[i][3].place(x+width-length, top+1, length, 29)
		top += 30
	}
	if t.n == 0 {
		return 36 + 24
	}
	return top - y
}

// A detail is the right pane: the chosen target.
type detail struct {
	w    *Window
	size fyne.Size

	box      *fyne.Container
	ground   *canvas.Rectangle
	tabs     *tabs
	menu     *button
	back     *button
	line     *canvas.Rectangle
	title    *label // in the bar of a narrow window
	single   *label
	notice   *label
	page     *fyne.Container
	scroll   *container.Scroll
	old      *label  // says that what is below is old
	dated    bool    // and it is
	pageRoom float32 // height of the window that the page has
	least    float32 // height that the page needs

	name, address     *label
	pause, copy, edit *button
	band              *verdict
	strip             *strip
	rule              *canvas.Rectangle
	chartHead         *label
	reach             *segments
	chart             *chart
	table             *table
	fine              *paragraph // keepalive, renewal

	foot       *fyne.Container
	footGround *canvas.Rectangle
	footLine   *canvas.Rectangle
	footGo     *button
	footPause  *button
	footCount  *label

	past     *historyPage    // nil while it was never open
	settings *settingsPage   // the same
	pages    map[string]page // beside the chosen target's, by tab: those that were open
	demo     *demoPage
	empty    *emptyPage
	shown    *screen
	mode     pageMode
}

// A page is what a tab shows.
type page interface {
	object() fyne.CanvasObject
	show(*screen)
}

// The pages of the window, by the code of their title. Those of tabsShown have a tab.
const (
	tabNow       = "tab.now"
	tabHistory   = "tab.history"
	tabShortcuts = "tab.shortcuts"
)

var tabsShown = []string{tabNow, tabHistory, tabSettings}

type pageMode uint8

const (
	pageNothing pageMode = iota
	pageTarget
	pageDemo
	pageEmpty
)

func newDetail(w *Window) *detail {
	p := w.p
	d := &detail{
		w: w, ground: box(p.surface, 0), line: box(p.line, 0), title: newLabel(fontName, p.text), single: newLabel(fontSmall, p.muted),
		notice: newLabel(fontSmall, p.muted), old: newLabel(fontSmall, p.tone(ui.LookUnknown).ink),
		name: newLabel(fontName, p.text), address: newLabel(fontTable, p.muted), band: newVerdict(w), strip: newStrip(p), rule: box(p.line, 0),
		chartHead: newText(w.say("head.rtt"), fontHead, p.text),
		chart:     newChart(p, w.lang), table: newTable(p), fine: newParagraph(fontSmall, p.muted, 6),
		footGround: box(p.surface, 0), footLine: box(p.line, 0), footCount: newLabel(fontTable, p.text),
	}
	var titles []string
	for _, tab := range tabsShown {
		titles = append(titles, w.say(tab))
	}
	d.tabs = newTabs(p, titles, func(i int) { w.turn(tabsShown[i]) })
	d.pages = map[string]page{}
	d.menu = newButton(p, bare, "", signMenu, func() { w.showMenu(d.menu) })
	d.back = newButton(p, bare, "", signBack, w.back)
	d.pause = newButton(p, quiet, w.say("button.pause"), "", w.pauseOrResume)
	d.copy = newButton(p, quiet, w.say("button.copy"), "", w.copyReport)
	d.edit = newButton(p, quiet, w.say("button.edit"), "", w.editTarget)
	d.footGo = newButton(p, primary, w.say("button.reconnect"), "", w.reconnect)
	d.footPause = newButton(p, outlined, w.say("button.pause"), "", w.pauseOrResume)
	d.footCount.Alignment, d.single.Alignment, d.notice.Alignment = fyne.TextAlignTrailing, fyne.TextAlignTrailing, fyne.TextAlignTrailing
	d.reach = newSegments(p, []string{w.say("chart.10min"), w.say("chart.hour"), w.say("chart.day")}, 0, func(i int) { w.model.reach(chartSpans[i]) })
	d.reach.slim()
	d.demo = newDemoPage(w)
	d.empty = newEmptyPage(w)

	objects := []fyne.CanvasObject{d.name.Text, d.address.Text, d.pause, d.copy, d.edit, d.band.box, d.strip, d.rule, d.chartHead.Text, d.reach, d.chart}
	objects = append(objects, d.table.objects...)
	objects = append(objects, d.fine.box, d.demo.box, d.empty.box, d.old.Text)
	d.page = container.New(column{
		min:    func() fyne.Size { return fyne.NewSize(0, d.least) },
		layout: d.placePage,
	}, objects...)
	d.scroll = container.NewVScroll(d.page)
	d.foot = container.New(column{layout: d.layoutFoot}, d.footGround, d.footLine, d.footGo, d.footPause, d.footCount.Text)
	// In the order in which the keyboard goes through them.
	d.box = container.New(column{layout: d.layout}, d.ground, d.line, d.tabs, d.back, d.title.Text, d.single.Text, d.notice.Text, d.menu, d.scroll, d.foot)
	d.turn(w.tab)
	return d
}

// need makes the page of a tab when it is needed first; tabNow is none of them. Before that nobody waits for them.
func (d *detail) need(tab string) page {
	one := d.pages[tab]
	if one == nil {
		switch tab {
		case tabHistory:
			d.past = newHistoryPage(d.w)
			one = d.past
		case tabSettings:
			d.settings = newSettingsPage(d.w)
			one = d.settings
		case tabShortcuts:
			one = newShortcutsPage(d.w)
		default:
			return nil
		}
		d.pages[tab] = one
		one.object().Hide()
		d.box.Add(one.object())
	}
	return one
}

// turn opens a page.
func (d *detail) turn(tab string) {
	d.tabs.mark(slices.Index(tabsShown, tab))
	d.need(tab)
	setVisible(tab == tabNow, d.scroll)
	for name, one := range d.pages {
		setVisible(name == tab, one.object())
	}
}

// show draws what differs.
func (d *detail) show(s *screen) {
	old := d.shown
	d.shown = s
	mode := pageTarget
	switch {
	case s.waiting:
		mode = pageNothing
	case s.chosen < 0 && s.lost == "":
		mode = pageEmpty
	case s.isDemo && s.lost == "":
		mode = pageDemo
	}
	relay := mode != d.mode || old == nil || (old.lost == "") != (s.lost == "") || old.own != s.own || (old.chosen < 0) != (s.chosen < 0)
	d.mode = mode
	title, single := s.view.Name, s.single
	if title == "" {
		title = "Holdfast"
	}
	if open := d.pages[d.w.tab]; open != nil {
		open.show(s)
		title, single = d.w.say(d.w.tab), ""
	}
	d.title.set(title)
	d.single.set(single)
	if mode == pageTarget || mode == pageDemo {
		relay = d.showTarget(s, mode) || relay
	}
	if relay {
		d.relay()
	}
}

func (d *detail) showTarget(s *screen, mode pageMode) bool {
	v := s.view
	if s.lost != "" {
		v.Look, v.Sentence, v.Remedy, v.Also, v.Countdown, v.Big, v.Since = ui.LookUnknown, s.lost, s.lang.Tell("state.unknown.window"), "", "", "", ""
	}
	pause := s.lang.Say("button.pause")
	if s.view.State == monitor.Idle {
		pause = s.lang.Say("button.resume")
	}
	relay := d.pause.text.whole != pause
	d.pause.say(pause)
	d.footPause.say(pause)
	for _, b := range []*button{d.pause, d.footPause, d.footGo, d.band.reconnect} {
		b.enable(s.lost == "")
	}
	relay = d.name.set(v.Name) || relay
	relay = d.address.set(v.Address) || relay
	band := v
	if mode == pageDemo && !tinted(v.Look) { // the page has its own title then
		band.Sentence, band.Remedy = s.lang.Say("demo.title"), s.lang.Tell("demo.title")
		band.Big, band.Since = "", ""
	}
	relay = d.band.title != (mode == pageDemo && !tinted(v.Look)) || relay
	d.band.title = mode == pageDemo && !tinted(v.Look)
	relay = d.band.show(band) || relay
	d.footCount.set(v.Countdown)
	if d.footGo.Visible() != canReconnect(v) {
		relay = true
	}
	if dated := s.lost != ""; dated != d.dated {
		d.dated = dated
		p := d.w.p
		if dated {
			p = p.past()
		}
		d.strip.wear(p)
		d.chart.wear(p)
		d.table.wear(p)
		d.chartHead.paint(p.text)
	}
	strip := stripOf(&v, s.lang, d.w.p.surface)
	strip.narrow, strip.low = d.w.narrow, d.w.narrow && d.size.Height < 420
	if mode == pageDemo {
		strip.demo = true
		for i := range strip.stations[:strip.n] {
			if strip.stations[i].Hop == "server" {
				strip.stations[i].Label = s.lang.Say("hop.demo")
			}
		}
	}
	before := d.strip.height()
	d.strip.show(strip)
	relay = relay || before != d.strip.height()

	points := ui.PointsOf(s.traces[v.Key])
	if s.span > chartSpan {
		points = ui.Joined(s.minutes, points)
	}
	d.chart.show(v.Key, points, bandsOf(s.past, s.snap, s.now, s.span, s.lang), s.now, s.span)
	if v.Look == ui.LookUp || v.Look == ui.LookSuspect || v.Look == ui.LookPaused || s.nAttempts == 0 {
		relay = d.table.show(s.lang.Say("head.outages"), "", s.lang.Say("outage.none"), s.outages[:s.nOutages], false) || relay
	} else {
		relay = d.table.show(s.lang.Say("head.attempts"), s.soFar, "", s.attempts[:s.nAttempts], true) || relay
	}
	fine := v.Keepalive
	if v.Renewal != "" {
		if fine != "" {
			fine += s.lang.Say("path.space")
		}
		fine += v.Renewal
	}
	relay = d.fine.set(fine) || relay
	if mode == pageDemo {
		relay = d.demo.show(v, s.drill, s.seen) || relay
	}
	return relay
}

// relay lays everything out anew.
func (d *detail) relay() {
	if d.size.Width <= 0 {
		return
	}
	d.layout(d.size)
	d.box.Refresh()
}

func (d *detail) narrow() bool { return d.w.narrow }

func (d *detail) margin() float32 {
	if d.narrow() {
		return 16
	}
	return 32
}

func setVisible(on bool, objects ...fyne.CanvasObject) {
	for _, o := range objects {
		if on {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

func (d *detail) layout(size fyne.Size) {
	d.size = size
	put(d.ground, 0, 0, size.Width, size.Height)
	top, bottom := float32(57), size.Height
	setVisible(d.narrow(), d.back, d.title.Text, d.single.Text, d.foot)
	setVisible(!d.narrow(), d.tabs)
	if d.narrow() {
		top = 44
		put(d.back, 4, 4, buttonHeight, buttonHeight)
		left := float32(36)
		if d.w.bare() && d.w.tab == tabNow { // there is nothing to go back to
			d.back.Hide()
			left = 20
		}
		single := d.single.font.width(d.single.whole) + 1
		d.title.place(left, 0, max(size.Width-left-56-single-12, 40), 44)
		d.single.place(size.Width-48-single, 0, single, 44)
		put(d.menu, size.Width-44, 4, buttonHeight, buttonHeight)
		if (d.mode == pageTarget || d.mode == pageDemo) && d.w.tab == tabNow {
			bottom -= 60
			put(d.foot, 0, bottom, size.Width, 60)
		} else {
			d.foot.Hide()
		}
		d.notice.place(60, 44, size.Width-76, 16)
	} else {
		tabs := d.tabs.MinSize().Width
		put(d.tabs, 32, 0, tabs, 56)
		put(d.menu, size.Width-32-28, 10, buttonHeight, buttonHeight)
		d.notice.place(tabs+56, 0, max(size.Width-tabs-56-76, 10), 56)
	}
	put(d.line, 0, top-1, size.Width, 1)
	if open := d.pages[d.w.tab]; open != nil {
		put(open.object(), 0, top, size.Width, bottom-top)
	}
	d.pageRoom = bottom - top
	// The page is laid out for this width before the scroller asks how high it is.
	put(d.scroll, 0, top, size.Width, bottom-top)
	d.least = 0
	if d.mode != pageNothing {
		d.least = d.run(size.Width, 0)
	}
	whole := fyne.NewSize(size.Width, max(d.least, d.pageRoom))
	if d.page.Size() == whole {
		d.placePage(whole)
	} else {
		d.page.Resize(whole)
	}
	d.scroll.Refresh()
}

func (d *detail) layoutFoot(size fyne.Size) {
	put(d.footGround, 0, 0, size.Width, size.Height)
	put(d.footLine, 0, 0, size.Width, 1)
	x := float32(16)
	active := d.shown != nil && canReconnect(d.shown.view) && d.shown.lost == ""
	setVisible(active, d.footGo, d.footCount.Text)
	if active {
		put(d.footGo, x, 12, d.footGo.width(), buttonHeight)
		x += d.footGo.width() + 8
	}
	put(d.footPause, x, 12, d.footPause.width(), buttonHeight)
	x += d.footPause.width() + 12
	d.footCount.place(x, 12, max(size.Width-16-x, 10), buttonHeight)
}

// placePage lays the page out in the size that it got.
func (d *detail) placePage(size fyne.Size) {
	if size.Width > 0 && d.mode != pageNothing {
		d.run(size.Width, size.Height)
	}
}

// run lays the page out from top to bottom and returns the height that it needs at least.
func (d *detail) run(width, height float32) float32 {
	target := d.mode == pageTarget
	setVisible(target || d.mode == pageDemo, d.band.box, d.strip)
	setVisible(target, d.rule, d.chartHead.Text, d.reach, d.chart, d.fine.box)
	setVisible(target && !d.narrow(), d.name.Text, d.address.Text, d.pause, d.copy, d.edit)
	d.demo.box.Hide()
	d.empty.box.Hide()
	lost := d.shown != nil && d.shown.lost != ""
	setVisible(lost && target, d.old.Text)
	setVisible(target, d.table.objects[:3]...)
	if !target {
		setVisible(false, d.table.objects[3:]...)
	}
	d.band.narrow, d.band.inFoot = d.narrow(), d.narrow()
	margin := d.margin()
	inner := width - 2*margin
	switch d.mode {
	case pageNothing:
		return 0
	case pageEmpty:
		d.empty.box.Show()
		return d.empty.place(margin, 0, inner, max(height, d.pageRoom))
	}

	y := float32(0)
	switch {
	case d.mode == pageDemo:
		y = 12
	case d.narrow():
		y = 10
	default:
		right := width - margin + 12
		for _, b := range []*button{d.edit, d.copy, d.pause} {
			if b == d.edit && (d.shown == nil || !d.shown.own) || b != d.copy && lost {
				b.Hide()
				continue
			}
			put(b, right-b.width(), 16, b.width(), buttonHeight)
			right -= b.width() + 14
		}
		room := right - margin
		nameWidth := d.name.font.width(d.name.whole) + 1
		d.name.place(margin, 22, min(nameWidth, room), 24)
		y = 64
		if nameWidth+12+d.address.font.width(d.address.whole) <= room {
			d.address.place(margin+nameWidth+12, 22, room-nameWidth-12, 24)
		} else { // on a line of its own
			d.address.place(margin, 46, inner, 20)
			y = 76
		}
	}
	bandHeight := d.band.place(margin, y, inner)
	below := y + bandHeight
	switch {
	case d.narrow() && d.size.Height < 420:
		y += bandHeight
	case d.narrow():
		y += bandHeight + 20
	case d.band.look == ui.LookSuspect:
		y += max(bandHeight+6, 102) // as when up: nothing jumps for a moment's suspicion
	default:
		y += bandHeight + 26
	}
	strip := d.strip.height()
	if d.narrow() {
		put(d.strip, margin, y, inner, strip)
	} else {
		put(d.strip, margin, y, inner, strip)
	}
	y += strip
	if d.mode == pageDemo {
		d.demo.box.Show()
		return d.demo.place(margin, y+20, inner, y-strip)
	}
	y += 24
	put(d.rule, margin, y, inner, 1)
	y += 20
	const fineLeading = 18
	fine := d.fine.height(inner, fineLeading)
	setVisible(fine > 0, d.fine.box) // what it said before must not stay
	if fine > 0 {
		fine += 16
	}
	if width+d.w.listWidth() >= 1000 && !d.narrow() {
		const right, gap = 312, 48
		room := max(height-y-fine-24, 28+130)
		room = min(room, 28+320)
		left := inner - right - gap
		d.chartHead.place(margin, y, left, 28)
		put(d.reach, margin+left-d.reach.MinSize().Width, y-4, d.reach.MinSize().Width, buttonHeight)
		put(d.chart, margin, y+32, left, room-32)
		d.table.place(margin+left+gap, y, right, room)
		y += room
	} else {
		d.chartHead.place(margin, y, inner, 28)
		put(d.reach, margin+inner-d.reach.MinSize().Width, y-4, d.reach.MinSize().Width, buttonHeight)
		put(d.chart, margin, y+32, inner, 170)
		y += 32 + 170 + 16
		y += d.table.place(margin, y, inner, 36+30*6)
	}
	if fine > 0 {
		y += 16
		y += d.fine.place(margin, y, inner, fineLeading)
	}
	y += 20
	if lost {
		d.old.set(d.w.say("window.old"))
		d.old.place(margin, below+4, inner, 18)
	}
	return y
}

// scrollTop goes back to the top when another target is chosen.
func (d *detail) scrollTop() {
	d.scroll.ScrollToTop()
}
