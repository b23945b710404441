// Package window is the window of Holdfast: the list of targets, and for the chosen one what is the matter, what to do,
// the path, round trips, attempts and outages. It holds no truth of its own: all that it shows came through the control
// socket of the running Holdfast, and all that it changes goes back through it.
package window

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"holdfast/assets"
	"holdfast/internal/config"
	"holdfast/monitor"
	"holdfast/ui"
)

// From narrowBelow on, list and detail stand side by side.
const (
	narrowBelow = 720
	wideFrom    = 1000
)

// A Window shows a running Holdfast. Its methods other than Run belong to Fyne's goroutine.
type Window struct {
	app   fyne.App
	win   fyne.Window
	model *model
	lang  ui.Lang
	p     *palette

	list     *list
	detail   *detail
	divider  *canvas.Rectangle
	tipBox   *fyne.Container
	root     *fyne.Container
	dialog   *dialog
	saver    *saver
	narrow   bool
	inDetail bool // narrow: the detail is open, not the list
	size     fyne.Size
	shown    *screen
	tab      string // which page is open: "tab.now", "tab.history", …
	past     wanted // what the history page shows
	menu     *menu
	hotkeys  fyne.ShortcutHandler
	comfort  comfort
	fine     int      // what fineness last said
	high     *palette // that of a contrast theme; nil: none
	ownScale bool     // a person has set Fyne's scale
	rester   rester
	early    bool // nothing has been seen yet; what the first picture can do without waits
	noticeAt int  // counts notices, so that an old timer does not clear a new one

	ctx  context.Context
	wg   sync.WaitGroup // requests under way
	now  func() time.Time
	rest time.Duration // how long what is typed must rest before it counts
	// choose asks by a dialog of the desktop where a file is to be saved: choosePlace.
	choose func(ctx context.Context, parent, title, dir, name string) (string, error)
	fixed  *palette // tests: whatever the desktop says; nil: as the desktop has it
}

// New prepares the window in app, over what dial reaches. Dial is called until it succeeds once. Lang is the language
// until the settings name another.
func New(app fyne.App, dial func() (Client, error), l ui.Lang) *Window {
	app.Settings().SetTheme(look{})
	w := &Window{app: app, lang: l, model: newModel(dial, l, time.Now()), ctx: context.Background(), now: time.Now, choose: choosePlace, rest: tryAfter,
		tab: tabNow, past: wanted{period: week}, comfort: comfort{scale: 1}, ownScale: os.Getenv(scaleVar) != ""}
	return w
}

// create makes the window, with nothing in it, and does not show it.
func (w *Window) create() {
	w.win = w.app.NewWindow("Holdfast")
	w.win.SetPadded(false)
	w.win.SetIcon(fyne.NewStaticResource("holdfast.png", assets.App(256)))
	w.win.Resize(fyne.NewSize(1120, 720))
	w.app.Settings().AddListener(func(fyne.Settings) {
		// The desktop turned dark or light: the palette is in every object, so all are made anew.
		if w.p != nil && w.palette() != w.p {
			w.build()
		}
	})
}

// show shows the window and returns what it shows, nil where it cannot. Fyne first makes a context of OpenGL, which takes longest, then asks how
// large the content has to be, and then paints: only when it asks is the content made. Until then nobody but the goroutine
// that closes fonts may measure text, and a window shown with nothing in it would cost a whole picture.
func (w *Window) show(fonts <-chan struct{}) (shown *screen) {
	showing := false
	w.win.SetContent(container.New(column{min: func() fyne.Size {
		if showing {
			showing = false
			<-fonts
			w.build()
			select { // mostly it has been there for long
			case <-w.model.wake:
			case <-time.After(50 * time.Millisecond):
			}
			shown, _ = w.model.screen(w.now())
			w.draw(shown)
		}
		return leastSize
	}, layout: func(fyne.Size) {}}))
	showing = true
	w.win.Show()
	return shown
}

// tidyAfter is when what the start needed, the fonts' tables and the pictures of icons, is given back to the system.
const tidyAfter = 3 * time.Second

// leastSize is how small the window can be made.
var leastSize = fyne.NewSize(320, 240)

// Run shows the window and returns when it was closed or ctx has ended; false: there is none, for the display has no OpenGL.
// Each line "raise" from commands brings it to the front, "look" has it ask for the settings now, "quit" ends it; the end of
// commands means nothing.
//
// The first picture is what a click waits for. So what takes a while is done at once: the display is reached, OpenGL makes
// its context, the fonts are read, the resident is asked, and the desktop, how large texts are to be.
func (w *Window) Run(ctx context.Context, commands io.Reader) (shown bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.ctx = ctx
	fonts, heard := make(chan struct{}), make(chan comfort, 1)
	go func() {
		defer close(fonts)
		sample := "M"
		if w.lang == ui.Chinese { // another 40 MB, which nobody else needs
			sample = "M 永"
		}
		for _, f := range []font{fontBody, fontStrong} {
			f.measure(sample)
		}
	}()
	w.wg.Go(func() { w.model.run(ctx) })
	w.wg.Go(func() {
		defer close(heard)
		first := true
		watchComfort(ctx, func(c comfort) {
			if first {
				heard <- c
				first = false
				return
			}
			w.do(func() { w.suit(c) })
		})
	})
	late := time.NewTimer(comfortWithin)
	w.create()
	select {
	case c, ok := <-heard:
		if ok {
			w.suit(c)
		}
	case <-late.C:
		w.wg.Go(func() {
			if c, ok := <-heard; ok {
				w.do(func() { w.suit(c) })
			}
		})
	}
	late.Stop()
	w.early = true
	w.rester.turned = w.refine
	s := w.show(fonts)
	if s == nil {
		cancel()
		w.wg.Wait()
		return false
	}
	w.settle()
	w.fine = w.fineness()
	w.do(func() {
		w.early = false
		w.list.arrange()
	})
	w.wg.Go(func() { w.loop(ctx, s) })
	w.wg.Go(func() { w.rester.run(ctx, w.busy) })
	if commands != nil {
		go w.obey(commands) // ends with the program: a pipe cannot be asked to stop waiting
	}
	tidy := time.AfterFunc(tidyAfter, debug.FreeOSMemory)
	defer tidy.Stop()
	stop := context.AfterFunc(ctx, func() { w.do(w.app.Quit) })
	w.app.Run()
	stop()
	cancel()
	w.wg.Wait()
	return true
}

// obey does what commands say. What it does not know is of a newer resident.
func (w *Window) obey(commands io.Reader) {
	lines := bufio.NewScanner(io.LimitReader(commands, 1<<20))
	for lines.Scan() {
		switch strings.TrimSpace(lines.Text()) {
		case "raise":
			w.do(w.raise)
		case "look":
			nudge(w.model.poll)
		case "quit":
			w.do(w.app.Quit)
		}
	}
}

func (w *Window) toFront() {
	w.win.Show()
	w.win.RequestFocus()
}

// loop draws whenever something is to be seen that is not there yet, last being what is there. It sleeps while nothing
// changes.
func (w *Window) loop(ctx context.Context, last *screen) {
	var drawn time.Time // when the last one was
	for {
		now := w.now()
		s, until := w.model.screen(now)
		if rest := wordsEvery - now.Sub(drawn); last != nil && rest > 0 && rest <= wordsEvery && !s.equal(last) && s.onlyWords(last) {
			until = rest
		} else if last == nil || !s.equal(last) {
			last, drawn = s, now
			done := make(chan struct{}) // not DoAndWait: a window that was closed never runs it
			w.do(func() {
				w.draw(s)
				close(done)
			})
			select {
			case <-done:
			case <-ctx.Done():
				return
			}
		}
		if until <= 0 {
			until = time.Hour
		}
		t := time.NewTimer(until)
		select {
		case <-w.model.wake:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
	}
}

// say is the word for code in the window's language.
func (w *Window) say(code string, pairs ...string) string { return w.lang.Say(code, pairs...) }

func (w *Window) palette() *palette {
	if w.fixed != nil {
		return w.fixed
	}
	if w.high != nil {
		return w.high
	}
	return paletteOf(w.app.Settings().ThemeVariant())
}

// build makes all objects in the present language and palette.
func (w *Window) build() {
	w.p = w.palette()
	if w.menu != nil { // it has the old colours and words
		w.menu.close()
	}
	drill := ""
	var old *historyPage
	if w.detail != nil {
		drill = w.detail.demo.mode
		if old = w.detail.past; old != nil {
			old.close()
		}
	}
	w.list = newList(w)
	w.detail = newDetail(w)
	w.detail.demo.mark(drill)
	if old != nil && old.rec != nil {
		w.detail.need(tabHistory)
		w.detail.past.inherit(old)
	}
	w.divider = box(w.p.line, 0)
	w.tipBox = container.NewWithoutLayout()
	w.root = container.New(column{
		min:    func() fyne.Size { return leastSize },
		layout: w.layout,
	}, w.list.box, w.detail.box, w.divider, w.tipBox)
	w.win.SetContent(w.root)
	w.listenToKeys()
	if w.shown != nil {
		s := w.shown
		w.shown = nil
		w.draw(s)
	}
	if w.dialog != nil {
		w.dialog.rebuild()
	}
	if w.saver != nil && w.saver.overlay != nil {
		w.saver.rebuild()
	}
}

// bare reports whether there is nothing to list: a narrow window shows at once what can be done about it.
func (w *Window) bare() bool {
	return w.narrow && w.shown != nil && !w.shown.waiting && w.shown.lost == "" && len(w.shown.rows) == 0
}

func (w *Window) listWidth() float32 {
	switch {
	case w.narrow:
		return 0
	case w.size.Width < wideFrom:
		return 240
	}
	return 304
}

func (w *Window) layout(size fyne.Size) {
	if w.menu != nil && size != w.size {
		w.menu.close()
	}
	narrow := size.Width < narrowBelow
	switched := narrow != w.narrow
	w.size, w.narrow = size, narrow
	if switched && w.shown != nil {
		w.list.show(w.shown)
		w.detail.show(w.shown)
	}
	if narrow {
		detail := w.inDetail || w.bare()
		setVisible(detail, w.detail.box)
		setVisible(!detail, w.list.box)
		w.divider.Hide()
		put(w.list.box, 0, 0, size.Width, size.Height)
		put(w.detail.box, 0, 0, size.Width, size.Height)
	} else {
		setVisible(true, w.list.box, w.detail.box, w.divider)
		left := w.listWidth()
		put(w.list.box, 0, 0, left, size.Height)
		put(w.divider, left-1, 0, 1, size.Height)
		put(w.detail.box, left, 0, size.Width-left, size.Height)
	}
	w.list.layout(w.list.box.Size())
	w.detail.layout(w.detail.box.Size())
	put(w.tipBox, 0, 0, size.Width, size.Height)
}

// draw shows s.
func (w *Window) draw(s *screen) {
	if s.lang != w.lang { // another language: all words are made anew
		w.lang = s.lang
		w.shown = s
		w.build()
		return
	}
	bare := w.bare()
	w.shown = s
	w.list.show(s)
	w.detail.show(s)
	if bare != w.bare() {
		w.relay()
	}
	title := "Holdfast"
	if s.view.Name != "" {
		title = s.view.Name + " – Holdfast"
	}
	if w.win.Title() != title {
		w.win.SetTitle(title)
	}
	if s.problem != "" && s.lost == "" {
		w.detail.notice.set(problemText(s.problem, w.lang, 200))
	} else if w.noticeAt == 0 {
		w.detail.notice.set(s.hint())
	}
}

// relay lays the window out anew.
func (w *Window) relay() {
	if w.size.Width > 0 {
		w.layout(w.size)
		w.root.Refresh()
	}
}

// turn opens a page.
func (w *Window) turn(tab string) {
	w.tab = tab
	if tab != tabNow {
		w.inDetail = true
	}
	w.detail.turn(tab)
	if w.shown != nil {
		w.list.show(w.shown)
		w.detail.show(w.shown)
	}
	w.relay()
}

// open chooses a target; in a narrow window its detail comes to the front.
func (w *Window) open(name string) {
	w.inDetail = true
	switch {
	case w.tab == tabHistory && !w.narrow:
		w.detail.past.of(name)
		return
	case w.tab != tabNow:
		w.turn(tabNow)
	}
	w.detail.scrollTop()
	w.model.choose(name)
	if w.narrow {
		w.relay()
	}
}

// back returns to the list in a narrow window.
func (w *Window) back() {
	w.inDetail = false
	if w.tab != tabNow {
		w.turn(tabNow)
		w.inDetail = false
	}
	w.relay()
}

// nextBroken chooses the broken target after the one that is shown.
func (w *Window) nextBroken() {
	s := w.shown
	if s == nil || len(s.broken) == 0 {
		return
	}
	after := slices.Index(s.broken, s.view.Key) + 1
	name := s.broken[after%len(s.broken)]
	w.open(name)
	for i, key := range w.list.keys {
		if key == name {
			w.list.reveal(w.list.rows[i])
		}
	}
}

// ask sends a request in the background. What went wrong is shown; done, if any, is called on Fyne's goroutine after
// success.
func (w *Window) ask(f func(context.Context, Client) error, done func()) {
	w.wg.Go(func() {
		err := w.model.request(w.ctx, f)
		if w.ctx.Err() != nil {
			return
		}
		w.do(func() {
			if err != nil {
				w.notice(errorText(err, w.lang))
			} else if done != nil {
				done()
			}
		})
	})
}

// notice shows a line of text for a few seconds.
func (w *Window) notice(text string) {
	w.noticeAt++
	mine := w.noticeAt
	w.detail.notice.set(text)
	time.AfterFunc(6*time.Second, func() {
		w.do(func() {
			if w.ctx.Err() == nil && mine == w.noticeAt {
				w.noticeAt = 0
				w.detail.notice.set("")
				if w.shown != nil {
					w.detail.notice.set(w.shown.hint())
				}
			}
		})
	})
}

func (w *Window) reconnect() {
	if w.shown == nil || w.shown.chosen < 0 {
		return
	}
	name := w.shown.view.Key
	w.ask(func(ctx context.Context, c Client) error { return c.Reconnect(ctx, name) }, nil)
}

func (w *Window) pauseOrResume() {
	if w.shown == nil || w.shown.chosen < 0 {
		return
	}
	name, idle := w.shown.view.Key, w.shown.view.State == monitor.Idle
	w.ask(func(ctx context.Context, c Client) error {
		if idle {
			return c.Resume(ctx, name)
		}
		return c.Pause(ctx, time.Time{}, name)
	}, nil)
}

func (w *Window) copyReport() {
	if w.shown == nil || w.shown.chosen < 0 {
		return
	}
	w.model.mu.Lock()
	version := w.model.version
	w.model.mu.Unlock()
	w.app.Clipboard().SetContent(ui.Report(w.shown.snap, w.now(), w.lang, version+", "+ui.Platform()))
	w.notice(w.say("report.copied"))
}

func (w *Window) removeDemo() {
	w.changeSettings(func(s *config.Settings) { s.Demo = false })
}

func (w *Window) startDemo() {
	w.changeSettings(func(s *config.Settings) { s.Demo = true })
}

func (w *Window) changeSettings(f func(*config.Settings)) {
	w.ask(func(ctx context.Context, c Client) error {
		s, err := c.Settings(ctx)
		if err != nil {
			return err
		}
		f(&s.Settings)
		err = c.SaveSettings(ctx, s.Settings, false)
		if errors.Is(err, config.ErrLayout) {
			err = c.SaveSettings(ctx, s.Settings, true)
		}
		return err
	}, nil)
}

// showMenu opens the menu under its button.
func (w *Window) showMenu(at fyne.CanvasObject) {
	item := func(code string, f func()) *fyne.MenuItem { return fyne.NewMenuItem(w.say(code), f) }
	var items []*fyne.MenuItem
	s := w.shown
	if w.narrow && w.inDetail && w.tab == tabNow && s != nil && s.chosen >= 0 {
		items = append(items, item("button.copy", w.copyReport))
		if s.own {
			items = append(items, item("button.edit", w.editTarget))
		}
		items = append(items, fyne.NewMenuItemSeparator())
	}
	if w.narrow {
		for _, tab := range tabsShown {
			if tab != w.tab && tab != tabNow {
				items = append(items, item(tab, func() { w.turn(tab) }))
			}
		}
		items = append(items, fyne.NewMenuItemSeparator())
	}
	if s != nil && len(s.rows) > 0 && s.lost == "" {
		idle := 0
		for _, r := range s.rows {
			if r.look == ui.LookPaused {
				idle++
			}
		}
		if idle < len(s.rows) {
			items = append(items, item("menu.pause.all", func() {
				w.ask(func(ctx context.Context, c Client) error { return c.Pause(ctx, time.Time{}) }, nil)
			}))
		}
		if idle > 0 {
			items = append(items, item("menu.resume.all", func() {
				w.ask(func(ctx context.Context, c Client) error { return c.Resume(ctx) }, nil)
			}))
		}
		items = append(items, fyne.NewMenuItemSeparator())
	}
	items = append(items, item(tabShortcuts, func() { w.turn(tabShortcuts) }))
	items = append(items, item("menu.language", w.switchLanguage))
	items = append(items, fyne.NewMenuItemSeparator(), item("menu.quit", func() {
		w.ask(func(ctx context.Context, c Client) error { return c.Quit(ctx) }, w.app.Quit)
	}))
	w.popUp(at, items)
}

// switchLanguage changes to the other language, here at once and in the settings.
func (w *Window) switchLanguage() {
	other := ui.Chinese
	if w.lang == ui.Chinese {
		other = ui.English
	}
	w.model.speak(string(other))
	w.changeSettings(func(s *config.Settings) { s.Language = string(other) })
}

// tip shows the whole of a name that was cut, beside it; "" hides it.
func (w *Window) tip(text string, at fyne.Position) {
	w.tipBox.Objects = nil
	if text != "" {
		l := newText(text, fontSmall, w.p.text)
		width := min(l.font.width(text)+1, max(w.size.Width-60, 40))
		ground := box(w.p.surface, 6)
		ground.StrokeColor, ground.StrokeWidth = w.p.line, 1
		x := min(at.X+40, w.size.Width-width-24)
		put(ground, x, at.Y+rowHeight-8, width+16, 24)
		l.place(x+8, at.Y+rowHeight-8, width, 24)
		w.tipBox.Objects = []fyne.CanvasObject{ground, l.Text}
	}
	w.tipBox.Refresh()
}
