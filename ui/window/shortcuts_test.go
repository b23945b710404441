package window

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// strike presses keys as the window system tells of them: first whoever has the keyboard is asked.
func (d *desk) strike(mod fyne.KeyModifier, key fyne.KeyName) {
	c := d.win.Canvas()
	if mod != 0 && mod != shift {
		s := &desktop.CustomShortcut{KeyName: key, Modifier: mod}
		if f, ok := c.Focused().(fyne.Shortcutable); ok {
			f.TypedShortcut(s)
			return
		}
		d.hotkeys.TypedShortcut(s)
		return
	}
	if f := c.Focused(); f != nil {
		f.TypedKey(&fyne.KeyEvent{Name: key})
	} else if f := c.OnTypedKey(); f != nil {
		f(&fyne.KeyEvent{Name: key})
	}
}

func TestEachShortcutIsThereOnceAndInWords(t *testing.T) {
	seen := map[combo]string{}
	for _, s := range shortcuts() {
		for _, c := range s.keys {
			c.sign = ""
			if other, taken := seen[c]; taken && c != (combo{}) {
				t.Errorf("%v is both %s and %s", c, other, s.word)
			}
			seen[c] = s.word
		}
		for _, l := range []ui.Lang{ui.English, ui.Chinese} {
			if l.Say(s.word) == s.word || l.Say(s.group) == s.group {
				t.Errorf("%s: no words for %s in %s", l, s.word, s.group)
			}
		}
	}
}

func TestShortcuts(t *testing.T) {
	snaps := fiveTargets()
	snaps[3] = downTarget(snaps[3])
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	chosen := func() string { d.draws(); return d.last.view.Key }
	d.strike(ctrl, fyne.KeyDown)
	if got := chosen(); got != "Build server" {
		t.Errorf("next: %q", got)
	}
	d.strike(ctrl, fyne.KeyUp)
	d.strike(ctrl, fyne.KeyUp) // there is none before the first
	if got := chosen(); got != "Office gateway" {
		t.Errorf("previous: %q", got)
	}
	d.strike(ctrl, fyne.KeyB)
	if got := chosen(); got != "Frankfurt order database, read replica" {
		t.Errorf("next broken: %q", got)
	}
	d.strike(0, fyne.KeyF5)
	d.wg.Wait()
	d.strike(ctrl, fyne.KeyP)
	d.wg.Wait()
	if got := d.client.heard(); !slices.Equal(got, []string{"reconnect Frankfurt order database, read replica", "pause Frankfurt order database, read replica"}) {
		t.Errorf("asked %q", got)
	}
	d.strike(ctrl|shift, fyne.KeyC)
	if got := d.app.Clipboard().Content(); !strings.Contains(got, "Frankfurt") {
		t.Errorf("copied %q", got)
	}
	d.strike(ctrl, fyne.KeyT)
	d.strike(ctrl, fyne.KeyT)
	if chosen(); d.last.span != chartSpans[2] {
		t.Errorf("chart of %v", d.last.span)
	}
	d.held(func() { d.strike(ctrl, fyne.Key2) })
	if d.tab != tabHistory || d.detail.tabs.chosen != 1 || !d.detail.past.box.Visible() || d.detail.scroll.Visible() {
		t.Errorf("page %s, tab %d", d.tab, d.detail.tabs.chosen)
	}
	d.strike(ctrl, fyne.KeyF)
	if d.win.Canvas().Focused() != fyne.Focusable(d.detail.past.search) {
		t.Error("the search has not got the keyboard")
	}
	d.strike(0, fyne.KeyF1) // also while typing
	if d.tab != tabShortcuts || d.detail.tabs.chosen != -1 {
		t.Errorf("page %s, tab %d", d.tab, d.detail.tabs.chosen)
	}
	d.win.Canvas().Unfocus()
	d.strike(ctrl, fyne.Key1)
	if d.tab != tabNow {
		t.Errorf("page %s", d.tab)
	}
	d.win.Canvas().OnTypedRune()('?')
	d.strike(0, fyne.KeyEscape)
	if d.tab != tabNow {
		t.Errorf("Escape leads to %s", d.tab)
	}
	d.strike(ctrl, fyne.KeyN)
	if d.dialog == nil {
		t.Fatal("no dialog")
	}
	d.strike(ctrl, fyne.Key2)
	if d.tab != tabNow {
		t.Error("a page turns behind the dialog")
	}
}

// The keyboard goes through everything that can be pressed, from the top of the list to the foot of the page.
func TestTheOrderOfTheKeyboard(t *testing.T) {
	snaps := fiveTargets()
	snaps[0] = downTarget(snaps[0])
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), snaps...)
	name := func(f fyne.Focusable) string {
		switch f := f.(type) {
		case *row:
			return f.view.name
		case *button:
			if f == d.detail.menu {
				return "menu"
			}
			return f.text.whole
		case *tab:
			return f.text.whole
		case *segments:
			return "segments"
		case *sumLine:
			return "sum"
		}
		return "?"
	}
	var got []string
	for range 30 {
		d.win.Canvas().FocusNext()
		f := d.win.Canvas().Focused()
		if f == nil {
			t.Fatal("nothing has the keyboard")
		}
		if len(got) > 0 && name(f) == got[0] {
			break
		}
		got = append(got, name(f))
	}
	want := []string{
		"sum", "Office gateway", "Build server", "Home broker", "Frankfurt order database, read replica", "Team chat", "Add target",
		"Now", "History", "Settings", "menu", "Pause", "Copy report", "Edit", "Reconnect now", "segments",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMenusByKeyboard(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.strike(0, fyne.KeyF10)
	if d.menu == nil {
		t.Fatal("no menu")
	}
	focused := func() string {
		if i, ok := d.win.Canvas().Focused().(*menuItem); ok {
			return i.text.whole
		}
		return ""
	}
	first := focused()
	d.strike(0, fyne.KeyUp)
	if got := focused(); got != "Quit" {
		t.Errorf("above the first stands %q", got)
	}
	d.strike(0, fyne.KeyDown)
	if got := focused(); got != first || got != "Pause all" {
		t.Errorf("below the last stands %q", got)
	}
	d.strike(ctrl, fyne.KeyN)
	if d.dialog != nil {
		t.Error("a shortcut reaches what lies under the menu")
	}
	d.strike(0, fyne.KeyReturn)
	d.wg.Wait()
	if got := d.client.heard(); d.menu != nil || !slices.Equal(got, []string{"pause "}) {
		t.Errorf("menu %v, asked %q", d.menu, got)
	}
	d.win.Canvas().Focus(d.detail.menu)
	d.strike(0, fyne.KeyReturn)
	d.strike(0, fyne.KeyEscape)
	if d.menu != nil || d.win.Canvas().Focused() != fyne.Focusable(d.detail.menu) {
		t.Error("Escape does not give the keyboard back")
	}
	// Thirty targets in the smallest window: the menu is no higher than the window.
	d.win.Resize(fyne.NewSize(480, 360))
	d.strike(0, fyne.KeyF10)
	if got := d.menu.over.Objects[1]; got.Position().Y+got.Size().Height > 360 || got.Position().X+got.Size().Width > 480 {
		t.Errorf("the menu stands at %v, %v large", got.Position(), got.Size())
	}
	d.win.Resize(fyne.NewSize(1120, 700))
	if d.menu != nil {
		t.Error("a menu stays when the window changes its size")
	}
}
