package window

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/dial"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// tryAfter is how long the fields must rest before what they say is tried: nobody wants a connection for each letter.
const tryAfter = 700 * time.Millisecond

var heartbeats = [...]string{"none", "echo", "line"}

// ways are the kinds of way; the schemes of a proxy are socks5h too.
var ways = [...]string{"direct", "http", "socks5", "system"}

// A trial is what has become of the present fields.
type trial uint8

const (
	untried trial = iota // not complete, or still being typed
	trying
	worked
	failed
)

// A dialog adds or changes a target. What is to be saved is tried first; what fails can be saved all the same, knowingly.
type dialog struct {
	w      *Window
	old    string // name of the target that is changed; "" adds one
	before monitor.Target

	// What the fields say, kept here so that the dialog survives another theme.
	name, address, interval, send, expect string
	proxy, user, password                 string // of the way: host:port, and whom the proxy is told; the password is only ever typed
	way, heartbeat                        int
	named                                 bool      // the name was typed, not taken from the address
	beaten                                bool      // the heartbeat was chosen, not taken from the address
	pasted                                ui.Pasted // what the address says
	unkept                                bool      // no keyring took the password: asked

	state  trial
	passed monitor.Target // what worked or failed
	view   ui.View
	seen   bool // view holds something
	cancel context.CancelFunc
	timer  *time.Timer
	round  int // counts trials: news of an old one is dropped
	saving bool
	asking bool // "remove?" was asked
	layout bool // the file's comments would be lost: asked

	overlay *fyne.Container
	shade   *shade
	panel   *canvas.Rectangle
	title   *label
	labels  map[string]*label
	fields  map[string]*field
	ways    *segments
	wayHint *label
	means   *paragraph // what the address was taken for
	offer   *button    // the proxy of the system
	segs    *segments
	hint    *label
	box     *canvas.Rectangle
	head    *label
	said    *paragraph
	strip   *strip
	brief   bool // there is little room for the trial
	words   string
	more    *paragraph // the rest of it, below the fields
	below   *strip
	again   *button

	fewWords string
	remove   *button
	cancelB  *button
	save     *button
	problem  *paragraph
	page     *fyne.Container
	scroll   *container.Scroll
	inner    float32
}

func (w *Window) addTarget() {
	if w.dialog == nil {
		w.dialog = &dialog{w: w, interval: "500ms"}
		w.dialog.rebuild()
	}
}

func (w *Window) editTarget() {
	if w.dialog != nil || w.shown == nil || !w.shown.own {
		return
	}
	name := w.shown.view.Key
	w.model.mu.Lock()
	var t monitor.Target
	for _, one := range w.model.settings.Targets {
		if one.Name == name {
			t = one
		}
	}
	w.model.mu.Unlock()
	d := &dialog{w: w, old: name, before: t, name: t.Name, address: t.Address, send: config.Escape(t.Send), expect: config.Escape(t.Expect), named: true, beaten: true, interval: "500ms"}
	if t.Interval > 0 {
		d.interval = t.Interval.String()
	}
	for i, h := range heartbeats {
		if h == t.Heartbeat || h == "line" && t.Heartbeat == "" && (t.Send != "" || t.Expect != "") {
			d.heartbeat = i
		}
	}
	d.way, d.proxy, d.user = wayFields(t.Via)
	w.dialog = d
	d.rebuild()
}

// wayFields takes a way apart into what the dialog shows of it.
func wayFields(s string) (way int, proxy, user string) {
	v, err := dial.ParseVia(s)
	if err != nil {
		return 1, s, "" // it is shown as it is, to be corrected
	}
	if way = slices.Index(ways[:], strings.TrimSuffix(v.Scheme(), "h")); way < 0 {
		way = 0
	}
	if !v.IsProxy() {
		return way, "", ""
	}
	return way, net.JoinHostPort(v.Host(), strconv.Itoa(int(v.Port()))), v.User()
}

// via is what the fields say of the way, as the settings have it. What they took from the settings stays as it was written
// there.
func (d *dialog) via() string {
	proxy, user := strings.TrimSpace(d.proxy), strings.TrimSpace(d.user)
	if way, p, u := wayFields(d.before.Via); way == d.way && (p == proxy && u == user || ways[way] == "direct" || ways[way] == "system") {
		return d.before.Via
	}
	switch ways[d.way] {
	case "direct":
		return "direct"
	case "system":
		return "system"
	}
	if strings.Contains(proxy, "://") { // pasted whole: it says itself of which kind it is
		return proxy
	}
	if user != "" {
		proxy = url.User(user).String() + "@" + proxy
	}
	return ways[d.way] + "://" + proxy
}

// A shade darkens what is behind a dialog and takes the clicks that miss it.
type shade struct {
	widget.BaseWidget
	rect *canvas.Rectangle
}

// newShade returns it with the panel that a dialog stands on.
func newShade(p *palette) (*shade, *canvas.Rectangle) {
	s := &shade{rect: box(p.shade, 0)}
	s.ExtendBaseWidget(s)
	panel := box(p.surface, 12)
	if p == &dark {
		panel.StrokeColor, panel.StrokeWidth = p.line, 1
	}
	return s, panel
}

func (s *shade) Tapped(*fyne.PointEvent) {}
func (s *shade) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(s.rect)
}

// rebuild makes the dialog's objects in the present language and palette.
func (d *dialog) rebuild() {
	w, p := d.w, d.w.p
	overlays := w.win.Canvas().Overlays()
	if d.overlay != nil {
		overlays.Remove(d.overlay)
	}
	d.shade, d.panel = newShade(p)
	title := "button.add"
	if d.old != "" {
		title = "dialog.edit"
	}
	d.title = newText(w.say(title), font{20, true}, p.text)
	d.labels, d.fields = map[string]*label{}, map[string]*field{}
	objects := []fyne.CanvasObject{}
	for _, one := range []struct {
		key   string
		value *string
	}{{"address", &d.address}, {"name", &d.name}, {"interval", &d.interval}, {"proxy", &d.proxy}, {"user", &d.user}, {"password", &d.password}, {"send", &d.send}, {"expect", &d.expect}} {
		f := newField(*one.value, nil)
		f.escape, f.enter = d.close, d.submit
		f.PlaceHolder = w.say("dialog." + one.key + ".example")
		f.Password = one.key == "password"
		value, key := one.value, one.key
		f.OnChanged = func(s string) {
			pasted := len(s) > len(*value)+utf8.UTFMax // more than a key gives
			*value = s
			if key == "proxy" && pasted {
				d.takeApart()
			}
			d.changed(key)
		}
		d.fields[key] = f
		d.labels[key] = newText(w.say("dialog."+key), fontSmallB, p.text)
		objects = append(objects, f, d.labels[key].Text)
	}
	d.labels["way"] = newText(w.say("dialog.way"), fontSmallB, p.text)
	kinds := make([]string, len(ways))
	for i, kind := range ways {
		kinds[i] = w.say("dialog.way." + kind)
	}
	d.ways = newSegments(p, kinds, d.way, func(i int) {
		d.way = i
		d.wayHint.set(w.lang.Tell("dialog.way." + ways[i]))
		d.changed("way")
		d.relay()
	})
	d.wayHint = newText(w.lang.Tell("dialog.way."+ways[d.way]), fontSmall, p.muted)
	d.means = newParagraph(fontSmall, p.muted, 3)
	d.pasted = ui.Understand(d.address)
	d.offer = newButton(p, quiet, "", "", func() { d.ways.pick(slices.Index(ways[:], "system")) })
	d.labels["heartbeat"] = newText(w.say("dialog.heartbeat"), fontSmallB, p.text)
	words := make([]string, len(heartbeats))
	for i, h := range heartbeats {
		words[i] = w.say("dialog.heartbeat." + h)
	}
	d.segs = newSegments(p, words, d.heartbeat, func(i int) {
		d.heartbeat, d.beaten = i, true
		d.hint.set(w.lang.Tell("dialog.heartbeat." + heartbeats[i]))
		d.changed("heartbeat")
		d.relay()
	})
	d.hint = newText(w.lang.Tell("dialog.heartbeat."+heartbeats[d.heartbeat]), fontSmall, p.muted)
	d.box = box(p.background, 10)
	d.head = newLabel(fontHead, p.text)
	d.said = newParagraph(fontTable, p.muted, 4)
	d.strip, d.below = newStrip(p), newStrip(p)
	d.more = newParagraph(fontTable, p.muted, 8)
	d.again = newButton(p, quiet, w.say("button.try"), "", func() { d.try() })
	d.remove = newButton(p, quiet, w.say("button.remove"), "", d.removeTarget)
	d.cancelB = newButton(p, outlined, w.say("button.cancel"), "", d.close)
	d.save = newButton(p, primary, w.say("button.save"), "", d.submit)
	d.problem = newParagraph(fontSmall, p.tone(ui.LookDown).ink, 3)
	objects = append(objects, d.labels["way"].Text, d.ways, d.wayHint.Text, d.means.box, d.offer, d.labels["heartbeat"].Text, d.segs, d.hint.Text, d.more.box, d.below)
	d.page = container.New(column{
		min:    func() fyne.Size { return fyne.NewSize(0, d.run(d.inner)) },
		layout: func(s fyne.Size) { d.run(s.Width) },
	}, objects...)
	d.scroll = container.NewVScroll(d.page)
	d.overlay = container.New(column{layout: d.place}, d.shade, d.panel, d.title.Text, d.scroll, d.box, d.head.Text, d.said.box, d.strip, d.problem.box, d.again, d.remove, d.cancelB, d.save)
	overlays.Add(d.overlay)
	d.overlay.Resize(w.win.Canvas().Size())
	d.refresh()
	w.win.Canvas().Focus(d.fields["address"])
	if d.state == untried {
		d.changed("")
	}
}

// place puts the panel into the middle of the window; a small window it fills.
func (d *dialog) place(size fyne.Size) {
	put(d.shade, 0, 0, size.Width, size.Height)
	width := min(float32(688), size.Width-2*12)
	pad := float32(29)
	if width < 560 {
		pad = 16
	}
	d.inner = width - 2*pad
	problem := d.problem.height(d.inner, 16)
	if problem > 0 {
		problem += 8
	}
	top, foot := float32(72), float32(64)
	if size.Height < lowDialog {
		top, foot = 48, 58
	}
	// The fields scroll where there is no room for all; what became of the trial is always in sight.
	room := size.Height - 2*12 - top - foot - problem
	d.brief = false
	fields, trial := d.run(d.inner), d.trial(0, 0, d.inner)
	if fields+trial > room && room-trial < 190 {
		d.brief = true
		fields, trial = d.run(d.inner), d.trial(0, 0, d.inner)
	}
	shown := min(fields, room-trial)
	height := top + shown + trial + problem + foot
	x, y := round((size.Width-width)/2), round((size.Height-height)/2)
	put(d.panel, x, y, width, height)
	d.title.place(x+pad, y+top-50, d.inner, 40)
	put(d.scroll, x+pad-8, y+top, d.inner+16, shown)
	d.page.Resize(fyne.NewSize(d.inner+16, max(fields, shown)))
	d.trial(x+pad, y+top+shown, d.inner)
	d.problem.place(x+pad, y+height-foot-problem+4, d.inner, 16)
	by := y + height - foot + (foot-buttonHeight)/2
	left := x + pad - 12
	put(d.again, left, by, d.again.width(), buttonHeight)
	if d.again.Visible() {
		left += d.again.width() + 4
	}
	put(d.remove, left, by, d.remove.width(), buttonHeight)
	right := x + width - pad
	put(d.save, right-d.save.width(), by, d.save.width(), buttonHeight)
	right -= d.save.width() + 8
	put(d.cancelB, right-d.cancelB.width(), by, d.cancelB.width(), buttonHeight)
	d.scroll.Refresh()
}

// run lays out the fields and returns the height that they need. The page is 16 wider than inner: focus rings have room.
func (d *dialog) run(width float32) float32 {
	if width > d.inner && d.inner > 0 {
		width = d.inner
	}
	if width <= 0 {
		return 0
	}
	x, y := float32(8), float32(0)
	two := width >= 440
	half := (width - 16) / 2
	put2 := func(key string, x, y, width float32) {
		d.labels[key].place(x, y, width, 18)
		put(d.fields[key], x, y+24, width, 40)
	}
	put2("address", x, y, width)
	if means := d.means.place(x, y+68, width, 16); means > 0 {
		y += means + 4
	}
	y += 80
	if two {
		put2("name", x, y, half)
		put2("interval", x+half+16, y, half)
		y += 80
	} else {
		put2("name", x, y, width)
		put2("interval", x, y+80, width)
		y += 160
	}
	choice := func(key string, segs *segments, hint *label) {
		d.labels[key].place(x, y, width, 18)
		w := min(segs.MinSize().Width, width)
		put(segs, x, y+24, w, 40)
		if room := width - w - 16; room >= 240 {
			hint.place(x+w+16, y+24, room, 40)
			y += 80
		} else {
			hint.place(x, y+68, width, 18)
			y += 98
		}
	}
	choice("way", d.ways, d.wayHint)
	if d.offer.Visible() {
		put(d.offer, x-12, y-12, min(d.offer.width(), width+12), buttonHeight)
		y += buttonHeight
	}
	proxied := ways[d.way] == "http" || ways[d.way] == "socks5"
	secret := proxied || d.wantsPassword()
	setVisible(proxied, d.fields["proxy"], d.fields["user"], d.labels["proxy"].Text, d.labels["user"].Text)
	setVisible(secret, d.fields["password"], d.labels["password"].Text)
	three := width >= 560
	if proxied && !three {
		put2("proxy", x, y, width)
		y += 80
	}
	switch {
	case proxied && three:
		quarter := (half - 16) / 2
		put2("proxy", x, y, half)
		put2("user", x+half+16, y, quarter)
		put2("password", x+half+16+quarter+16, y, quarter)
		y += 80
	case proxied && two:
		put2("user", x, y, half)
		put2("password", x+half+16, y, half)
		y += 80
	case proxied:
		put2("user", x, y, width)
		put2("password", x, y+80, width)
		y += 160
	case secret:
		put2("password", x, y, width)
		y += 80
	}
	choice("heartbeat", d.segs, d.hint)
	line := heartbeats[d.heartbeat] == "line"
	setVisible(line, d.fields["send"], d.fields["expect"], d.labels["send"].Text, d.labels["expect"].Text)
	if line {
		if two {
			put2("send", x, y, half)
			put2("expect", x+half+16, y, half)
			y += 80
		} else {
			put2("send", x, y, width)
			put2("expect", x, y+80, width)
			y += 160
		}
	}
	y += 4
	setVisible(d.brief && d.seen, d.more.box, d.below)
	if d.brief && d.seen {
		y += d.more.place(x, y, width, 18) + 8
		put(d.below, x, y, width, d.below.height())
		y += d.below.height()
	}
	return y
}

// lowDialog: a window that is lower has no line to spare.
const lowDialog = 480

// trial lays out what has become of the trial and returns its height. Where there is little room it says the most important
// only; the rest stands below the fields.
func (d *dialog) trial(x, y, width float32) float32 {
	top := y
	d.said.set(d.words)
	if d.brief {
		d.said.set(d.fewWords)
	}
	d.head.place(x+12, y+12, width-24, 28)
	headWidth := d.head.font.width(d.head.whole)
	switch {
	case d.brief:
		d.head.place(x+4, y+6, width-8, 20)
		y += 26 + d.said.place(x+4, y+26, width-8, 18) - 6
	case width >= 440:
		y += 16 + max(d.said.place(x+12+headWidth+20, y+16, width-44-headWidth, 20), 24)
	default:
		y += 40
		y += d.said.place(x+12, y, width-24, 18)
	}
	if d.seen && !d.brief {
		d.strip.Show()
		put(d.strip, x, y+2, width, d.strip.height())
		y += d.strip.height() + 2
	} else {
		d.strip.Hide()
		y += 12
	}
	put(d.box, x-8, top, width+16, y-top+8)
	return y - top + 14
}

// changed: a field says something else. What was tried no longer counts; soon it is tried again.
func (d *dialog) changed(key string) {
	switch key {
	case "name":
		d.named = d.name != ""
	case "address":
		d.understand()
	case "send", "expect":
		d.beaten = true
	}
	d.asking, d.layout, d.unkept = false, false, false
	t, err := d.target()
	if err == nil && d.state != untried && d.sameSession(t, d.passed) && key != "password" {
		d.problem.set("")
		d.refresh() // only the name is new
		return
	}
	d.stop()
	d.seen, d.state = false, untried
	d.problem.set("")
	if err == nil {
		round := d.round
		d.timer = time.AfterFunc(d.w.rest, func() {
			d.w.do(func() {
				if d.round == round && d.w.dialog == d {
					d.try()
				}
			})
		})
	}
	d.refresh()
}

// takeApart takes over a proxy that was pasted whole: its kind, its user, and its password, which no file gets.
func (d *dialog) takeApart() {
	text := strings.TrimSpace(d.proxy)
	v, err := dial.ParseVia(text)
	if err != nil || !v.IsProxy() {
		return
	}
	way, proxy, user := wayFields(text)
	password := ""
	rest := text[strings.Index(text, "://")+3:]
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if _, coded, ok := strings.Cut(rest[:at], ":"); ok {
			if plain, err := url.PathUnescape(coded); err == nil {
				password = plain
			}
		}
	}
	if password == "" && v.HasCredentials() && user == "" {
		return // ":secret@": what it is, only the person knows
	}
	d.proxy, d.user = proxy, user
	if password != "" {
		d.password = password
	}
	for key, value := range map[string]string{"proxy": d.proxy, "user": d.user, "password": d.password} {
		d.fields[key].Text = value
		d.fields[key].Refresh()
	}
	if way != d.way {
		d.way, d.ways.chosen = way, way
		d.ways.show()
	}
}

// understand takes over what the address says: a name for the target, and the heartbeat of a service that is known.
func (d *dialog) understand() {
	d.pasted = ui.Understand(d.address)
	set := func(key string, value *string, text string) {
		if *value = text; d.fields[key].Text != text {
			d.fields[key].Text = text
			d.fields[key].Refresh()
		}
	}
	if !d.named {
		name := d.pasted.Host
		if name == "" && !strings.ContainsAny(d.address, "@/") { // it may be half a URL, with a password in it
			name = strings.TrimSpace(d.address)
		}
		set("name", &d.name, name)
	}
	if d.beaten {
		return
	}
	if i := max(slices.Index(heartbeats[:], d.pasted.Heartbeat), 0); i != d.heartbeat {
		d.heartbeat = i
		d.segs.chosen = i
		d.segs.show()
		d.hint.set(d.w.lang.Tell("dialog.heartbeat." + heartbeats[i]))
	}
	set("send", &d.send, config.Escape(d.pasted.Send))
	set("expect", &d.expect, config.Escape(strings.TrimRight(d.pasted.Expect, "\r\n")))
}

// system is the proxy that the environment names for the address; none where there is none.
func (d *dialog) system() dial.Via {
	v, err := dial.ParseVia("system")
	if err == nil && d.pasted.Address != "" {
		v, err = v.For(d.pasted.Address)
	}
	if err != nil || !v.IsProxy() {
		return dial.Via{}
	}
	return v
}

// wantsPassword reports whether the environment's proxy is the way, is told a user, and no password.
func (d *dialog) wantsPassword() bool {
	if ways[d.way] != "system" {
		return false
	}
	v := d.system()
	if v.User() == "" {
		return false
	}
	none, err := v.WithCredentials(v.User(), "")
	return err == nil && none == v
}

// sameSession reports whether two targets differ in their name at most.
func (d *dialog) sameSession(a, b monitor.Target) bool {
	a.Name, b.Name = "", ""
	return a == b
}

// target is what the fields say.
func (d *dialog) target() (monitor.Target, error) {
	t := d.before
	t.Name, t.Address = strings.TrimSpace(d.name), d.pasted.Address
	if t.Address == "" {
		t.Address = strings.TrimSpace(d.address) // what is wrong with it is told of what was typed
	}
	t.Heartbeat, t.Send, t.Expect = heartbeats[d.heartbeat], "", ""
	if t.Heartbeat == "line" {
		for _, one := range []struct {
			key, text string
			value     *string
		}{{"send", d.send, &t.Send}, {"expect", d.expect, &t.Expect}} {
			var err error
			if *one.value, err = config.Unescape(one.text); err != nil {
				return t, &config.Error{Key: one.key, Msg: err.Error(), Err: err}
			}
		}
	}
	t.Via = d.via()
	t.Interval = 0
	if text := strings.ReplaceAll(strings.TrimSpace(d.interval), " ", ""); text != "" {
		interval, err := time.ParseDuration(text)
		if err != nil {
			return t, &monitor.TargetError{Field: "interval", Err: errors.New(d.w.say("dialog.interval.bad"))}
		}
		t.Interval = interval
	}
	return t, config.Check(t)
}

// stop ends the trial that is under way.
func (d *dialog) stop() {
	d.round++
	if d.cancel != nil {
		d.cancel()
		d.cancel = nil
	}
	if d.timer != nil {
		d.timer.Stop()
	}
}

// try watches what the fields say, without saving it.
func (d *dialog) try() {
	d.stop()
	t, err := d.target()
	if err != nil {
		d.problem.set(errorText(err, d.w.lang))
		d.relay()
		return
	}
	ctx, cancel := context.WithCancel(d.w.ctx)
	d.cancel, d.state, d.seen, d.passed = cancel, trying, false, t
	round, password := d.round, d.password
	d.refresh()
	d.w.wg.Go(func() {
		defer cancel()
		news := func(f func()) {
			if ctx.Err() == nil {
				d.w.do(func() {
					if d.round == round && d.w.dialog == d {
						f()
					}
				})
			}
		}
		c, err := d.w.model.connect()
		if err != nil {
			news(func() { d.failed(err) })
			return
		}
		for o, err := range c.Try(ctx, t, password) {
			if err != nil {
				news(func() { d.failed(err) })
				return
			}
			if s, err := o.Snapshot(); err == nil {
				news(func() { d.observed(s) })
			}
		}
		news(d.ended)
	})
}

// observed: the trial has come so far.
func (d *dialog) observed(s monitor.Snapshot) {
	d.view, d.seen = ui.ViewOf(s, d.w.now(), d.w.lang), true
	switch s.State {
	case monitor.Up:
		d.state = worked
	case monitor.Down:
		d.state = failed
	}
	d.refresh()
	if s.Verdict.Cause == netcheck.ProxyAuthRequired && !d.typing() { // what is missing is asked for
		for _, key := range []string{"user", "password"} {
			if f := d.fields[key]; f.Visible() && f.Text == "" {
				d.w.win.Canvas().Focus(f)
				break
			}
		}
	}
}

// typing reports whether the person is in the middle of a field.
func (d *dialog) typing() bool {
	f, ok := d.w.win.Canvas().Focused().(*field)
	return ok && f != d.fields["address"]
}

// ended: the trial is over; what was not up by then has failed.
func (d *dialog) ended() {
	if d.state == trying {
		d.state = failed
	}
	d.refresh()
}

// failed: the trial could not even begin.
func (d *dialog) failed(err error) {
	d.state = failed
	d.problem.set(errorText(err, d.w.lang))
	d.refresh()
}

// refresh shows state and view.
func (d *dialog) refresh() {
	w := d.w
	t, err := d.target()
	unchanged := d.old != "" && err == nil && d.sameSession(t, d.before) && d.password == ""
	d.means.set(d.pasted.Sentence(w.lang))
	d.wayHint.set(w.lang.Tell("dialog.way." + ways[d.way]))
	v := d.system()
	if ways[d.way] == "system" && d.pasted.Address != "" {
		d.wayHint.set(w.say("dialog.system.direct"))
		if v.IsProxy() {
			d.wayHint.set(w.say("dialog.system.proxy", "proxy", ui.Printable(v.WithoutCredentials().String(), 80)))
		}
	}
	setVisible(ways[d.way] == "direct" && v.IsProxy() && d.state != worked, d.offer)
	d.offer.say(w.say("dialog.system.offer", "proxy", ui.Printable(v.WithoutCredentials().String(), 60)))
	d.save.say(w.say("button.save"))
	switch {
	case d.saving:
		d.save.enable(false)
	case d.layout:
		d.save.enable(true)
		d.save.say(w.say("dialog.rewrite"))
	case d.unkept:
		d.save.enable(true)
		d.save.say(w.say("dialog.unkept"))
	case err != nil:
		d.save.enable(false)
	case d.state == worked || unchanged:
		d.save.enable(true)
	case d.state == failed:
		d.save.enable(true)
		d.save.say(w.say("dialog.save-anyway"))
	default:
		d.save.enable(false)
	}
	said, few := "", ""
	switch d.state {
	case untried:
		d.head.set(w.say("dialog.try"))
		switch {
		case d.address == "":
			said = w.say("dialog.try.empty")
		case err != nil:
			said = errorText(err, w.lang)
		default:
			said = w.say("dialog.try.soon")
		}
	case trying:
		d.head.set(w.say("dialog.trying"))
		said = w.say("dialog.try.wait")
		if d.seen && d.view.Remedy != "" && d.view.State != monitor.Idle { // a trial has not begun then, it is not paused
			said = d.view.Remedy
		}
	case worked:
		d.head.set(w.say("dialog.worked"))
		said = w.lang.Tell("dialog.worked")
		if d.view.RTT != "" {
			said = w.say("dialog.worked.rtt", "rtt", d.view.RTT)
		}
	case failed:
		d.head.set(w.say("dialog.failed"))
		if d.seen {
			said = w.lang.Then(d.view.Sentence+w.say("path.space")+d.view.Remedy, d.view.Also)
			few = d.view.Sentence
		}
	}
	d.head.paint(w.p.text)
	switch d.state {
	case worked:
		d.head.paint(w.p.tone(ui.LookUp).ink)
	case failed:
		d.head.paint(w.p.tone(ui.LookDown).ink)
	}
	d.words, d.fewWords = said, orElse(few, said)
	d.more.set(strings.TrimSpace(d.view.Remedy + " " + d.view.Also))
	if d.seen {
		v := stripOf(&d.view, w.lang, w.p.background)
		v.narrow = d.inner < 440
		d.strip.show(v)
		v.ground = w.p.surface
		d.below.show(v)
	}
	setVisible(d.state == worked || d.state == failed, d.again)
	setVisible(d.old != "", d.remove)
	d.remove.say(w.say("button.remove"))
	if d.asking {
		d.remove.say(w.say("dialog.remove-really", "name", ui.Printable(d.old, 30)))
	}
	d.relay()
}

func (d *dialog) relay() {
	if d.overlay != nil {
		d.place(d.overlay.Size())
		d.page.Refresh()
		d.overlay.Refresh()
	}
}

// submit saves, if that is possible now.
func (d *dialog) submit() {
	if d.save.off {
		if d.state == untried {
			d.try()
		}
		return
	}
	t, err := d.target()
	if err != nil {
		return
	}
	key, rewrite := d.old, d.layout
	if key == "" {
		key = t.Name
		for _, r := range d.w.shown.rows {
			if r.key == t.Name {
				d.problem.set(d.w.say("dialog.duplicate", "name", ui.Printable(t.Name, 40)))
				d.refresh()
				return
			}
		}
	}
	password := d.password
	if d.unkept {
		password = "" // it holds until Holdfast ends, and that is known by now
	}
	d.store(func(ctx context.Context, c Client) error {
		if password != "" {
			if err := c.SavePassword(ctx, t, password); err != nil {
				return err
			}
		}
		return c.SaveTarget(ctx, key, t, rewrite)
	}, func() { d.w.open(t.Name) })
}

// removeTarget takes the target out of the settings, at the second press.
func (d *dialog) removeTarget() {
	if !d.asking {
		d.asking = true
		d.refresh()
		return
	}
	d.store(func(ctx context.Context, c Client) error {
		err := c.RemoveTarget(ctx, d.old, false)
		if errors.Is(err, config.ErrLayout) {
			err = c.RemoveTarget(ctx, d.old, true)
		}
		return err
	}, nil)
}

// store sends a change of the settings and closes the dialog when it is done.
func (d *dialog) store(f func(context.Context, Client) error, done func()) {
	d.saving = true
	d.problem.set("")
	d.refresh()
	d.w.wg.Go(func() {
		err := d.w.model.request(d.w.ctx, f)
		if d.w.ctx.Err() != nil {
			return
		}
		d.w.do(func() {
			if d.w.dialog != d {
				return
			}
			d.saving = false
			var refused *control.Error
			switch {
			case err == nil:
				d.close()
				if done != nil {
					done()
				}
				return
			case errors.Is(err, config.ErrLayout):
				d.layout = true
				d.problem.set(d.w.say("dialog.layout"))
			case errors.As(err, &refused) && refused.Code == control.CodeKeyring:
				d.unkept = true
				d.problem.set(errorText(err, d.w.lang) + d.w.say("path.space") + d.w.say("dialog.unkept.until"))
			default:
				d.problem.set(errorText(err, d.w.lang))
			}
			d.refresh()
		})
	})
}

// close ends the trial and takes the dialog away.
func (d *dialog) close() {
	d.stop()
	if d.overlay != nil {
		d.w.win.Canvas().Overlays().Remove(d.overlay)
	}
	if d.w.dialog == d {
		d.w.dialog = nil
	}
}

// fieldText is the name of a setting as the dialog has it; "" for one that it does not show.
func fieldText(field string, l ui.Lang) string {
	switch field {
	case "via":
		return l.Say("dialog.way")
	case "password", "name", "address", "interval", "send", "expect", "heartbeat":
		return l.Say("dialog." + field)
	}
	return ""
}
