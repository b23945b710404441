package window

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/ui"
)

// opensSettings opens the page of settings, with s in the file.
func (d *desk) opensSettings(s config.Settings) {
	d.client.mu.Lock()
	s.Targets = d.client.settings.Targets
	d.client.settings.Settings, d.client.settings.Path = s, "/home/me/.config/holdfast/holdfast.toml"
	d.client.mu.Unlock()
	d.turn(tabSettings)
	d.step()
}

// setting finds a row of the page.
func (d *desk) setting(code string) *settingRow {
	d.t.Helper()
	for _, g := range d.detail.settings.groups {
		for i := range g.rows {
			if r := &g.rows[i]; r.one != nil && r.one.code == code || r.text != nil && r.text.code == code {
				return r
			}
		}
	}
	d.t.Fatalf("no setting %s", code)
	return nil
}

func TestThePageOfSettings(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 900), fiveTargets()...)
	night := config.Quiet{From: 22 * time.Hour, To: 7 * time.Hour}
	d.opensSettings(config.Settings{Notify: config.Notify{After: 10 * time.Second, Quiet: night}, History: config.History{Days: 90}})
	for code, want := range map[string]string{"settings.after": "10s", "settings.quiet": "22:00-07:00", "settings.days": "90"} {
		if got := d.setting(code).text.field.Text; got != want {
			t.Errorf("%s shows %q, want %q", code, got, want)
		}
	}
	d.setting("settings.enabled").one.segs.pick(1)
	d.settle()
	d.setting("settings.sound").one.segs.pick(0)
	d.settle()
	enter := func(code, text string) {
		f := d.setting(code).text.field
		f.SetText(text)
		f.enter()
		d.settle()
	}
	enter("settings.after", " 0s ")
	enter("settings.quiet", "23：30－6:00")
	enter("settings.days", "7")
	d.client.mu.Lock()
	got := d.client.settings.Settings
	d.client.mu.Unlock()
	want := config.Notify{Off: true, After: config.AtOnce, Sound: true, Quiet: config.Quiet{From: 23*time.Hour + 30*time.Minute, To: 6 * time.Hour}}
	if got.Notify != want || got.History.Days != 7 {
		t.Errorf("%+v, %+v, want %+v", got.Notify, got.History, want)
	}
	// What cannot be used is told beside it, and not sent.
	before := len(d.client.heard())
	for code, text := range map[string]string{"settings.after": "soon", "settings.quiet": "at night", "settings.days": "0"} {
		enter(code, text)
		if d.setting(code).wrong.whole == "" {
			t.Errorf("%s: %q was taken", code, text)
		}
		d.setting(code).text.field.escape()
		if d.setting(code).wrong.whole != "" || d.setting(code).text.field.Text == text {
			t.Errorf("%s: Escape does not undo", code)
		}
	}
	if n := len(d.client.heard()); n != before {
		t.Errorf("sent: %q", d.client.heard()[before:])
	}
	// What others change is shown, but nothing that is being typed is lost.
	d.setting("settings.days").text.field.SetText("14")
	d.opensSettings(config.Settings{Notify: config.Notify{Off: true}})
	if got := d.setting("settings.days").text.field.Text; got != "14" {
		t.Errorf("what was typed became %q", got)
	}
	if d.setting("settings.enabled").one.segs.chosen != 1 || d.setting("settings.quiet").text.field.Text != "" {
		t.Error("the file changed, and the page did not")
	}
}

func TestTheLanguageChangesAtOnce(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 900), fiveTargets()...)
	d.opensSettings(config.Settings{})
	for _, c := range []struct {
		pick int
		lang ui.Lang
		file string
	}{{2, ui.Chinese, "zh"}, {1, ui.English, "en"}, {0, ui.English, ""}} {
		d.held(func() {
			d.setting("settings.language").one.segs.pick(c.pick)
			d.draws()
		})
		if d.lang != c.lang || d.detail.title.whole != c.lang.Say(tabSettings) {
			t.Errorf("%d: the window speaks %s, %q", c.pick, d.lang, d.detail.title.whole)
		}
		d.settle()
		d.client.mu.Lock()
		got := d.client.settings.Language
		d.client.mu.Unlock()
		if got != c.file {
			t.Errorf("%d: the file says %q", c.pick, got)
		}
	}
	// Changed in the file, it changes here.
	d.opensSettings(config.Settings{Language: "zh"})
	if d.lang != ui.Chinese {
		t.Errorf("the window speaks %s", d.lang)
	}
}

func TestCommentsAreLostKnowingly(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 900), fiveTargets()...)
	d.opensSettings(config.Settings{})
	d.client.saveErr = &control.Error{Status: 409, Code: control.CodeLayout, Msg: "layout"}
	d.setting("settings.sound").one.segs.pick(0)
	d.settle()
	page := d.detail.settings
	if !page.rewrite.Visible() || page.problem.whole == "" || d.setting("settings.sound").one.segs.chosen != 1 {
		t.Errorf("asked %v, %q", page.rewrite.Visible(), page.problem.whole)
	}
	if heard := d.client.heard(); slices.ContainsFunc(heard, func(s string) bool { return strings.Contains(s, "rewrite=true") }) {
		t.Errorf("rewritten unasked: %q", heard)
	}
	test.Tap(page.rewrite)
	d.settle()
	if page.rewrite.Visible() || page.problem.whole != "" {
		t.Errorf("still asked: %q", page.problem.whole)
	}
	d.client.saveErr = errors.New("the disk is full")
	d.setting("settings.sound").one.segs.pick(1)
	d.settle()
	if !strings.Contains(page.problem.whole, "the disk is full") || page.rewrite.Visible() {
		t.Errorf("said %q", page.problem.whole)
	}
}

// Told by the resident, the window asks for the settings at once: somebody has changed the file, or another client.
func TestToldToLookItAsksForTheSettings(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(480, 360))
	d.obey(strings.NewReader("whatever\n"))
	select {
	case <-d.model.poll:
		t.Error("it asks though nobody told it to")
	default:
	}
	d.obey(strings.NewReader("look\n"))
	select {
	case <-d.model.poll:
	default:
		t.Error("it does not ask")
	}
}
