package window

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"holdfast/internal/config"
	"holdfast/ui"
)

const tabSettings = "tab.settings"

// prefs are the settings besides the targets, and what the page of settings shows beside them; comparable.
type prefs struct {
	known    bool
	language string
	demo     bool
	history  config.History
	notify   config.Notify
	tray     config.Tray
	path     string
	problem  string

	login, loginKnown bool
}

// prefsLocked is what the model knows of them.
func (m *model) prefsLocked() prefs {
	s := m.settings
	return prefs{
		known: m.known, language: s.Language, demo: s.Demo, history: s.History, notify: s.Notify, tray: s.Tray, path: s.Path,
		problem: m.problem, login: m.login, loginKnown: m.loginKnown,
	}
}

// A choice is a setting with few values, told by their words.
type choice struct {
	code    string
	options []string
	get     func(prefs) int
	set     func(*config.Settings, int)
	segs    *segments
}

// An entry is a setting that is typed.
type entry struct {
	code  string
	get   func(prefs) string
	set   func(*config.Settings, string) error
	field *field
	typed bool // what stands there was typed and is not saved yet
	timer *time.Timer
}

// A settingsPage shows the settings that belong to no target, and changes them: a choice at once, a text when it rests.
type settingsPage struct {
	*sheet
	w      *Window
	title  *label
	groups []settingGroup

	place   *paragraph // of the file
	problem *paragraph
	rewrite *button
	again   func(*config.Settings) // what could not be done without losing the file's comments
	said    string                 // what went wrong when something was saved last

	shown prefs
}

type settingGroup struct {
	head *label
	rows []settingRow
}

type settingRow struct {
	line  *canvas.Rectangle
	name  *label
	hint  *paragraph
	wrong *paragraph // of an entry
	one   *choice
	text  *entry
}

// languages are the values of the setting, in the order of the page.
var languages = [...]string{"", string(ui.English), string(ui.Chinese)}

func onOff(code string, get func(prefs) bool, set func(*config.Settings, bool)) *choice {
	return &choice{
		code: code, options: []string{"settings.on", "settings.off"},
		get: func(p prefs) int {
			if get(p) {
				return 0
			}
			return 1
		},
		set: func(s *config.Settings, i int) { set(s, i == 0) },
	}
}

// login is the one choice that does not stand in the file.
const login = "settings.login"

func newSettingsPage(w *Window) *settingsPage {
	p := w.p
	s := &settingsPage{
		w: w, title: newText(w.say(tabSettings), fontVerdict, p.text), place: newParagraph(fontSmall, p.muted, 3),
		problem: newParagraph(fontSmall, p.tone(ui.LookDown).ink, 6),
	}
	s.rewrite = newButton(p, outlined, w.say("dialog.rewrite"), "", func() {
		if f := s.again; f != nil {
			s.store(f, true)
		}
	})
	s.rewrite.Hide()
	objects := []fyne.CanvasObject{s.title.Text}
	for _, group := range []struct {
		head string
		rows []any
	}{
		{"settings.general", []any{
			&choice{
				code: "settings.language", options: []string{"settings.language.desktop", "settings.language.en", "settings.language.zh"},
				get: func(p prefs) int {
					for i, l := range languages {
						if l == p.language {
							return i
						}
					}
					return 0
				},
				set: func(s *config.Settings, i int) { s.Language = languages[i] },
			},
			onOff(login, func(p prefs) bool { return p.login }, nil),
			onOff("settings.badge", func(p prefs) bool { return p.tray.Badge }, func(s *config.Settings, on bool) { s.Tray.Badge = on }),
			onOff("settings.demo", func(p prefs) bool { return p.demo }, func(s *config.Settings, on bool) { s.Demo = on }),
		}},
		{"settings.notify", []any{
			onOff("settings.enabled", func(p prefs) bool { return !p.notify.Off }, func(s *config.Settings, on bool) { s.Notify.Off = !on }),
			&entry{
				code: "settings.after", get: func(p prefs) string { return p.notify.Wait().String() },
				set: func(s *config.Settings, text string) error {
					d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
					if err != nil || d < 0 || d > time.Hour {
						return errors.New(w.say("settings.after.bad"))
					}
					if s.Notify.After = d; d == 0 {
						s.Notify.After = config.AtOnce
					}
					return nil
				},
			},
			onOff("settings.sound", func(p prefs) bool { return p.notify.Sound }, func(s *config.Settings, on bool) { s.Notify.Sound = on }),
			&entry{
				code: "settings.quiet", get: func(p prefs) string { return p.notify.Quiet.String() },
				set: func(s *config.Settings, text string) error {
					q, err := config.ParseQuiet(strings.NewReplacer("：", ":", "－", "-", "—", "-").Replace(text))
					if err != nil {
						return errors.New(w.say("settings.quiet.bad"))
					}
					s.Notify.Quiet = q
					return nil
				},
			},
		}},
		{"tab.history", []any{
			&entry{
				code: "settings.days", get: func(p prefs) string { return strconv.Itoa(p.history.Kept()) },
				set: func(s *config.Settings, text string) error {
					n, err := strconv.Atoi(text)
					if err != nil || n < 1 || n > 3650 {
						return errors.New(w.say("settings.days.bad"))
					}
					s.History.Days = n
					return nil
				},
			},
		}},
	} {
		g := settingGroup{head: newText(w.say(group.head), fontHead, p.text)}
		objects = append(objects, g.head.Text)
		for _, one := range group.rows {
			r := settingRow{line: box(p.line, 0), hint: newParagraph(fontSmall, p.muted, 3), wrong: newParagraph(fontSmall, p.tone(ui.LookDown).ink, 3)}
			code := ""
			objects = append(objects, r.line)
			switch one := one.(type) {
			case *choice:
				r.one, code = one, one.code
				words := make([]string, len(one.options))
				for i, o := range one.options {
					words[i] = w.say(o)
				}
				one.segs = newSegments(p, words, 0, func(i int) { s.chosen(one, i) })
				one.segs.slim()
				objects = append(objects, one.segs)
			case *entry:
				r.text, code = one, one.code
				one.field = newField("", func(string) { s.typing(one) })
				one.field.enter = func() { s.typed(one) }
				one.field.escape = func() {
					one.typed = false
					s.fill(s.shown)
				}
				one.field.PlaceHolder = w.say(code + ".example")
				objects = append(objects, one.field)
			}
			r.name = newText(w.say(code), fontTable, p.text)
			r.hint.set(w.lang.Tell(code))
			objects = append(objects, r.name.Text, r.hint.box, r.wrong.box)
			g.rows = append(g.rows, r)
		}
		s.groups = append(s.groups, g)
	}
	objects = append(objects, s.place.box, s.problem.box, s.rewrite)
	s.sheet = newSheet(s.run, objects)
	return s
}

// show takes over what the settings say now; what is being typed stays.
func (s *settingsPage) show(now *screen) {
	if now.prefs == s.shown {
		return
	}
	s.fill(now.prefs)
}

func (s *settingsPage) fill(p prefs) {
	s.shown = p
	for _, g := range s.groups {
		for i := range g.rows {
			switch r := &g.rows[i]; {
			case r.one != nil:
				if at := r.one.get(p); at != r.one.segs.chosen {
					r.one.segs.chosen = at
					r.one.segs.show()
				}
			case !r.text.typed:
				r.wrong.set("")
				if text := r.text.get(p); text != r.text.field.Text {
					r.text.field.Text = text
					r.text.field.CursorColumn = 0
					r.text.field.Refresh()
				}
			}
		}
	}
	s.place.set(s.w.say("settings.place", "text", ui.Printable(p.path, 300)))
	s.problem.set(s.said)
	if s.said == "" {
		s.problem.set(problemText(p.problem, s.w.lang, 600))
	}
	s.relay()
}

// chosen: another value of a choice.
func (s *settingsPage) chosen(c *choice, i int) {
	if c.code == login {
		s.w.ask(func(ctx context.Context, cl Client) error { return cl.SetAutostart(ctx, i == 0) }, func() {
			s.w.model.change(func() { s.w.model.login = i == 0 })
		})
		return
	}
	if c.code == "settings.language" {
		s.w.model.speak(languages[i]) // the words change before the file is written
	}
	s.store(func(to *config.Settings) { c.set(to, i) }, false)
}

// typing: a text has changed. It is saved when it has rested.
func (s *settingsPage) typing(e *entry) {
	e.typed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	var t *time.Timer
	t = time.AfterFunc(2*s.w.rest, func() {
		s.w.do(func() {
			if e.timer == t {
				s.typed(e)
			}
		})
	})
	e.timer = t
	s.say(e, e.set(&config.Settings{}, strings.TrimSpace(e.field.Text)))
}

// say shows what is wrong with an entry.
func (s *settingsPage) say(e *entry, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	for _, g := range s.groups {
		for i := range g.rows {
			if g.rows[i].text == e && g.rows[i].wrong.set(text) {
				s.relay()
			}
		}
	}
}

// typed saves an entry, if it can be used.
func (s *settingsPage) typed(e *entry) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	text := strings.TrimSpace(e.field.Text)
	if !e.typed || e.set(&config.Settings{}, text) != nil {
		return
	}
	e.typed = false
	if text == e.get(s.shown) {
		return
	}
	s.store(func(to *config.Settings) { _ = e.set(to, text) }, false) // it was looked at above
}

// store changes the settings in the file. Where that would cost its comments, it asks first.
func (s *settingsPage) store(f func(*config.Settings), rewrite bool) {
	w := s.w
	w.wg.Go(func() {
		err := w.model.request(w.ctx, func(ctx context.Context, c Client) error {
			now, err := c.Settings(ctx)
			if err != nil {
				return err
			}
			f(&now.Settings)
			if err := c.SaveSettings(ctx, now.Settings, rewrite); err != nil {
				return err
			}
			w.model.change(func() { w.model.settings.Settings = now.Settings })
			return nil
		})
		if w.ctx.Err() != nil {
			return
		}
		s.w.do(func() {
			w.detail.need(tabSettings)
			page := w.detail.settings // another one, where the language is another now
			page.again, page.said = nil, ""
			switch {
			case err == nil:
			case errors.Is(err, config.ErrLayout):
				page.again, page.said = f, w.say("dialog.layout")
			case errors.Is(err, config.ErrBroken):
				page.again, page.said = f, fmt.Sprintf("%s\n%s", w.say("settings.broken"), errorText(err, w.lang))
			default:
				page.said = errorText(err, w.lang)
			}
			setVisible(page.again != nil, page.rewrite)
			w.model.mu.Lock()
			now := w.model.prefsLocked()
			w.model.mu.Unlock()
			page.fill(now) // what is in force
		})
	})
}

// run lays the page out and returns its height.
func (s *settingsPage) run(width float32) float32 {
	margin, y := titled(s.title, width, s.w.narrow)
	inner := min(width-2*margin, 720)
	for _, g := range s.groups {
		g.head.place(margin, y, inner, 28)
		y += 34
		for _, r := range g.rows {
			if r.one != nil && r.one.code == login {
				setVisible(s.shown.loginKnown, r.line, r.name.Text, r.hint.box, r.one.segs)
				if !s.shown.loginKnown {
					continue
				}
			}
			put(r.line, margin, y, inner, 1)
			words, control := inner, float32(140)
			if r.one != nil {
				control = min(r.one.segs.MinSize().Width, inner)
			}
			beside := inner-control-24 >= 200 // the control stands beside its name
			if beside {
				words = inner - control - 24
			}
			top := y + 10
			r.name.place(margin, top, words, 20)
			high := float32(20)
			if r.hint.whole != "" {
				high += r.hint.place(margin, top+22, words, 16) + 2
			}
			at, cy := margin+inner-control, top+max((high-36)/2, -4)
			if !beside {
				at, cy = margin, top+high+8
				high += 8 + 40
			}
			if r.one != nil {
				put(r.one.segs, at, cy, control, buttonHeight)
			} else {
				put(r.text.field, at, cy-2, control, 40)
				if wrong := r.wrong.place(margin, top+max(high, 36)+6, inner, 16); wrong > 0 {
					high = max(high, 36) + 6 + wrong
				}
			}
			y = top + max(high, 24) + 12
		}
		y += 20
	}
	y += s.place.place(margin, y, inner, 16) + 8
	if s.problem.whole != "" {
		y += s.problem.place(margin, y, inner, 16) + 8
	} else {
		s.problem.place(margin, y, inner, 16)
	}
	if s.rewrite.Visible() {
		put(s.rewrite, margin, y, s.rewrite.width(), buttonHeight)
		y += buttonHeight + 8
	}
	return y + 16
}
