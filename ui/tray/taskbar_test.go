package tray

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"holdfast/assets"
	"holdfast/ui"
)

// A fakeTaskbar is Windows as a table sees it: what it was asked, and what it takes.
type fakeTaskbar struct {
	taskbar
	said  []string
	takes map[taskbarCall]bool // false: it refuses
	timer map[taskbarTimer]time.Duration
	edge  int

	toasts func(ours bool) bool // whether it shows notifications; nil: all
}

func newFakeTaskbar() *fakeTaskbar {
	f := &fakeTaskbar{takes: map[taskbarCall]bool{}, timer: map[taskbarTimer]time.Duration{}, edge: 16}
	f.t = New(Options{})
	f.works(true)
	f.call = func(c taskbarCall, p plate) bool {
		name := [...]string{"add", "modify", "version", "delete"}[c]
		if c == taskbarAdd || c == taskbarModify {
			name += fmt.Sprintf(" %s-%d %q", p.icon, p.edge, p.tip)
		}
		f.said = append(f.said, name)
		return f.takes[c]
	}
	f.toast = func(b ui.Balloon, ours bool) bool {
		said := "toast " + b.Title
		if b.Title != "" && !ours {
			said += ", plain"
		}
		f.said = append(f.said, said)
		return b.Title == "" || f.toasts == nil || f.toasts(ours)
	}
	f.after = func(t taskbarTimer, d time.Duration) {
		f.timer[t] = d
		if d == 0 {
			delete(f.timer, t)
		}
	}
	f.sizes = func() int { return f.edge }
	return f
}

func (f *fakeTaskbar) works(yes bool) {
	for _, c := range []taskbarCall{taskbarAdd, taskbarModify, taskbarVersion, taskbarDelete} {
		f.takes[c] = yes
	}
}

// next is what the taskbar was asked since the last time.
func (f *fakeTaskbar) next() string {
	out := strings.Join(f.said, "; ")
	f.said = nil
	return out
}

// told is what the resident was told since the last time.
func (f *fakeTaskbar) hears() (all []what) {
	for len(f.t.clicks) > 0 {
		all = append(all, (<-f.t.clicks).what)
	}
	return all
}

func (f *fakeTaskbar) wants(t *testing.T, when, asked string, told ...what) {
	t.Helper()
	if got := f.next(); got != asked {
		t.Errorf("%s: asked for %q, want %q", when, got, asked)
	}
	if got := f.hears(); !slices.Equal(got, told) {
		t.Errorf("%s: told %v, want %v", when, got, told)
	}
}

func TestIconOnTheTaskbar(t *testing.T) {
	f := newFakeTaskbar()
	f.raise()
	f.wants(t, "start", `add unknown-16 "Holdfast"; version`, tellReady)
	f.t.Show(ui.Tray{Look: ui.LookUp, Title: "one", Text: "two"})
	f.paint()
	f.wants(t, "a change", `modify up-16 "one\ntwo"`)
	f.paint()
	f.wants(t, "no change", "")
	f.edge = 24
	f.paint()
	f.wants(t, "another scale of the screen", `modify up-24 "one\ntwo"`)
	f.raise()
	f.wants(t, "Explorer began anew", `add up-24 "one\ntwo"; version`, tellReady)
	f.takes[taskbarAdd] = false
	f.raise()
	f.wants(t, "it says that it began anew, and has the icon", `add up-24 "one\ntwo"; modify up-24 "one\ntwo"; version`, tellReady)
	if len(f.timer) > 0 {
		t.Errorf("timers run: %v", f.timer)
	}
	f.lower()
	f.wants(t, "the end", "delete")
	f.lower()
	f.wants(t, "the end once more", "")
}

// At login Holdfast may be there before the taskbar is, and it may be slow.
func TestTaskbarThatIsNotThere(t *testing.T) {
	f := newFakeTaskbar()
	f.works(false)
	f.raise()
	tried := `add unknown-16 "Holdfast"; modify unknown-16 "Holdfast"`
	f.wants(t, "start", tried)
	if f.timer[timerGone] != time.Second || f.timer[timerRetry] != time.Second {
		t.Errorf("timers %v", f.timer)
	}
	f.paint()
	f.wants(t, "a change", "")
	f.ran(timerGone)
	f.wants(t, "after a second", "", tellGone)
	f.ran(timerGone)
	f.wants(t, "told once", "")
	var waits []time.Duration
	for {
		d, ok := f.timer[timerRetry]
		if !ok || len(waits) > 20 {
			break
		}
		waits = append(waits, d)
		delete(f.timer, timerRetry)
		f.ran(timerRetry)
		f.wants(t, "tried again", tried)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 64}; len(waits) != len(want) || waits[6] != 64*time.Second {
		t.Errorf("tried again after %v, want %v seconds", waits, want)
	}
	f.works(true)
	f.raise() // TaskbarCreated
	f.wants(t, "there it is", `add unknown-16 "Holdfast"; version`, tellBack, tellReady)

	f.works(false)
	f.t.Show(ui.Tray{Look: ui.LookUp, Title: "up"})
	f.paint()
	f.wants(t, "Explorer has crashed", `modify up-16 "up"; add up-16 "up"; modify up-16 "up"`)
	if f.timer[timerGone] != 5*time.Second { // it mostly is back by then
		t.Errorf("timers %v", f.timer)
	}
	f.works(true)
	f.raise()
	f.wants(t, "and is back", `add up-16 "up"; version`, tellReady)
	if len(f.timer) > 0 {
		t.Errorf("timers run: %v", f.timer)
	}
	f.ran(timerGone) // it was on its way already
	f.wants(t, "too late", "")
}

func TestBalloonsStandAlone(t *testing.T) {
	f := newFakeTaskbar()
	f.raise()
	f.next()
	one, two := ui.Balloon{Title: "one"}, ui.Balloon{Title: "two"}
	f.balloon(one)
	f.wants(t, "the first", "toast one", tellReady)
	f.balloon(two)
	f.wants(t, "another in its place", "toast ; toast two")
	f.balloon(ui.Balloon{})
	f.wants(t, "taken away", "toast ")
	f.balloon(ui.Balloon{})
	f.wants(t, "nothing stands", "")
	f.balloon(one)
	f.meaning(ninTimeout)
	f.next()
	f.balloon(two)
	f.wants(t, "after its time", "toast two")
}

func TestBalloonsWithoutOurPicture(t *testing.T) {
	var log bytes.Buffer
	f := newFakeTaskbar()
	f.t.o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f.raise()
	f.wants(t, "the icon", `add unknown-16 "Holdfast"; version`, tellReady)
	one, two := ui.Balloon{Title: "one"}, ui.Balloon{Title: "two"}
	shows := func(when string, b ui.Balloon, want bool) {
		t.Helper()
		if got := f.balloon(b); got != want {
			t.Errorf("%s: shown: %v, want %v", when, got, want)
		}
	}
	f.toasts = func(ours bool) bool { return false }
	shows("none is taken", one, false)
	f.wants(t, "none is taken", "toast one; toast one, plain")
	if log.Len() > 0 {
		t.Errorf("it is not the picture: %s", &log)
	}
	f.toasts = func(ours bool) bool { return !ours }
	shows("the picture is not taken", one, true)
	f.wants(t, "nothing stood", "toast one; toast one, plain")
	shows("nor the next time", two, true)
	f.wants(t, "one stood", "toast ; toast two; toast two, plain")
	f.toasts = nil
	shows("it is", one, true)
	f.wants(t, "it is", "toast ; toast one")
	if got := strings.Count(log.String(), "without our picture"); got != 1 {
		t.Errorf("said %d times, want once: %s", got, &log)
	}
}

func TestMeaningOfMessages(t *testing.T) {
	const icon = 1 << 16 // in the high word, with version 4
	for name, c := range map[string]struct {
		new    bool
		lParam uintptr
		want   taskbarEvent
	}{
		"left click":                         {true, icon | ninSelect, eventOpen},
		"its button alone":                   {true, icon | wmLButtonUp, eventNothing},
		"Enter":                              {true, icon | ninKeySelect, eventOpen},
		"right click, or the menu key":       {true, icon | wmContextMenu, eventMenu},
		"its button alone, right":            {true, icon | wmRButtonUp, eventNothing},
		"middle click":                       {true, icon | wmMButtonUp, eventMiddle},
		"the pointer moves":                  {true, icon | 0x200, eventNothing},
		"click on a notification":            {true, icon | ninUserClick, eventBalloonClicked},
		"its time is over":                   {true, icon | ninTimeout, eventBalloonGone},
		"it was taken away":                  {true, icon | ninHide, eventBalloonGone},
		"before version 4: left click":       {false, wmLButtonUp, eventOpen},
		"before version 4: right click":      {false, wmRButtonUp, eventMenu},
		"before version 4: on notifications": {false, ninUserClick, eventBalloonClicked},
	} {
		f := newFakeTaskbar()
		f.new = c.new
		if got := f.meaning(c.lParam); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestField(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		units int
		want  string
	}{
		"empty":                         {"", 4, ""},
		"fits":                          {"abc", 4, "abc"},
		"one too long":                  {"abcd", 4, "ab…"},
		"Chinese fits":                  {"代理拒绝", 5, "代理拒绝"},
		"Chinese is cut":                {"代理拒绝连接", 5, "代理拒…"},
		"two units each, fits":          {"𝒜𝒜", 5, "𝒜𝒜"},
		"two units each, between them":  {"𝒜𝒜𝒜", 6, "𝒜𝒜…"},
		"two units each, in the middle": {"𝒜𝒜𝒜", 5, "𝒜…"},
		"a lone byte":                   {"a\xffb", 9, "a\uFFFDb"},
		"ends at a zero":                {"ab\x00cd", 9, "ab"},
	} {
		got := field(c.in, c.units)
		if n := len(got); n > c.units || got[n-1] != 0 {
			t.Errorf("%s: %d units of %d: %v", name, n, c.units, got)
		} else if s := string(utf16.Decode(got[:n-1])); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

func FuzzField(f *testing.F) {
	f.Add("𝒜𝒜𝒜", 5)
	f.Add("代理拒绝连接", 5)
	f.Fuzz(func(t *testing.T, s string, units int) {
		units = 3 + int(uint(units)%300)
		got := field(s, units)
		if len(got) > units || got[len(got)-1] != 0 || slices.Contains(got[:len(got)-1], 0) {
			t.Fatalf("%d units of %d: %v", len(got), units, got)
		}
		whole := string(utf16.Decode(got[:len(got)-1]))
		cut := strings.TrimSuffix(whole, "…")
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && !strings.HasPrefix(want, cut) && !strings.HasPrefix(want, whole) {
			t.Errorf("%q of %q", whole, s)
		}
	})
}

// A picture that Windows is given is the drawing, pixel by pixel.
func TestPicturesForWindows(t *testing.T) {
	p := assets.Centred("down", 20)
	pixel := func(x, y int) (a, r, g, b byte) {
		at := p.ARGB[4*(20*y+x):]
		return at[0], at[1], at[2], at[3]
	}
	bits := iconBits(p)
	if got, want := len(bits), 40+4*20*20+4*20; got != want { // a row of the mask is a multiple of four bytes
		t.Fatalf("%d bytes, want %d", got, want)
	}
	le := binary.LittleEndian
	if le.Uint32(bits) != 40 || le.Uint32(bits[4:]) != 20 || le.Uint32(bits[8:]) != 40 || le.Uint16(bits[12:]) != 1 || le.Uint16(bits[14:]) != 32 {
		t.Errorf("header % x", bits[:40])
	}
	menu := menuBits(p)
	for y := range 20 {
		for x := range 20 {
			a, r, g, b := pixel(x, y)
			if got := bits[40+4*(20*(19-y)+x):][:4]; !bytes.Equal(got, []byte{b, g, r, a}) {
				t.Fatalf("icon at %d,%d: % x", x, y, got)
			}
			got := menu[4*(20*y+x):][:4]
			if got[3] != a || max(got[0], got[1], got[2]) > a || a == 255 && !bytes.Equal(got, []byte{b, g, r, a}) {
				t.Fatalf("menu at %d,%d: % x, the drawing has % x", x, y, got, []byte{b, g, r, a})
			}
		}
	}
	if header := appendHeader(nil, 16, -16); int32(le.Uint32(header[8:])) != -16 {
		t.Errorf("header % x", header)
	}
}

func TestMenuTitle(t *testing.T) {
	if got := menuTitle("R&D_1\x00x"); got != "R&&D_1" {
		t.Errorf("%q", got)
	}
}
