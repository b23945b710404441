package terminal

import (
	"slices"
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      string
		columns int
		want    string
	}{
		{"fits", "abc", 3, "abc"},
		{"one too many", "abcd", 3, "ab…"},
		{"nothing", "abc", 0, ""},
		{"a wide character does not fit in half", "本机本机", 4, "本…"},
		{"wide characters fit", "本机", 4, "本机"},
		{"combining marks take no room", "e\u0301e\u0301", 2, "e\u0301e\u0301"},
	} {
		if got := cut(c.in, c.columns); got != c.want {
			t.Errorf("%s: cut(%q, %d) = %q, want %q", c.name, c.in, c.columns, got, c.want)
		}
		if got := columnsOf(pad(c.in, c.columns)); c.columns > 0 && got != c.columns {
			t.Errorf("%s: pad(%q, %d) has %d columns", c.name, c.in, c.columns, got)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      string
		columns int
		want    []string
	}{
		{"empty", "", 10, []string{""}},
		{"one line", "one line", 10, []string{"one line"}},
		{"at a space", "to be wrapped", 8, []string{"to be", "wrapped"}},
		{"the space hangs over", "12345678 next", 8, []string{"12345678", "next"}},
		{"a long word is broken", "0123456789", 8, []string{"01234567", "89"}},
		{"Chinese breaks anywhere", "本机没有通往那里", 8, []string{"本机没有", "通往那里"}},
		{"not before a full stop", "本机没有。通往", 8, []string{"本机没", "有。通往"}},
	} {
		if got := wrap(c.in, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%s: wrap(%q, %d) = %q, want %q", c.name, c.in, c.columns, got, c.want)
		}
	}
}

// Whatever the text, wrapping ends, keeps to the width, and loses nothing but spaces.
func FuzzWrap(f *testing.F) {
	f.Add("It answers with a refusal. 它回应了拒绝。", 12)
	f.Add("e\u0301\u200b本 ", 8)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		if columns < 8 || columns > 200 || len(s) > 2000 {
			return
		}
		s = strings.ToValidUTF8(s, "?")
		lines := wrap(s, columns)
		for _, l := range lines {
			if columnsOf(l) > columns {
				t.Errorf("line %q has %d columns, more than %d", l, columnsOf(l), columns)
			}
		}
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := bare(strings.Join(lines, "")), bare(s); got != want {
			t.Errorf("wrap(%q) kept %q", s, got)
		}
	})
}

func TestRender(t *testing.T) {
	r := row{{"✗ ", downInk}, {"name", bold}, {" more words", normal}}
	for _, c := range []struct {
		name    string
		columns int
		colour  bool
		want    string
	}{
		{"whole", 20, false, "✗ name more words"},
		{"cut inside a span", 10, false, "✗ name mo…"},
		{"cut at the end of a span says that there is more", 6, false, "✗ nam…"},
		{"in colour", 20, true, "\x1b[31m✗ \x1b[m\x1b[1mname\x1b[m more words"},
	} {
		if got := r.render(c.columns, c.colour); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want []key
	}{
		{"letters", "rpq", []key{keyReconnect, keyPause, keyQuit}},
		{"arrows of both modes", "\x1b[A\x1bOB", []key{keyUp, keyDown}},
		{"page keys", "\x1b[5~\x1b[6~", []key{keyPageUp, keyPageDown}},
		{"an unknown sequence is passed over whole: its q is no quit", "\x1b[1;5q\x1bOqr", []key{keyReconnect}},
		{"a mouse report", "\x1b[<0;35;10M", nil},
		{"escape alone", "\x1b", nil},
		{"half a sequence", "\x1b[", nil},
		{"interrupt as a character", "\x03", []key{keyQuit}},
	} {
		if got := parseKeys([]byte(c.in)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[5~q\x1b["))
	f.Fuzz(func(_ *testing.T, b []byte) { parseKeys(b) })
}

func TestConsoleKeys(t *testing.T) {
	for _, c := range []struct {
		name          string
		virtual, char uint16
		want          key
	}{
		{"q", 'Q', 'q', keyQuit},
		{"r in capitals", 'R', 'R', keyReconnect},
		{"the bar", 0x20, ' ', keyPause},
		{"cursor up", 0x26, 0, keyUp},
		{"cursor down", 0x28, 0, keyDown},
		{"page up", 0x21, 0, keyPageUp},
		{"page down", 0x22, 0, keyPageDown},
		{"an ampersand, whose character is the code of cursor up", 0x37, '&', keyNone},
		{"Ctrl-C, should it come as a character", 'C', 3, keyQuit},
		{"Ctrl-L", 'L', 12, keyRedraw},
		{"shift", 0x10, 0, keyNone},
		{"escape", 0x1b, 0x1b, keyNone},
		{"a Chinese character", 0, '中', keyNone},
	} {
		if got := consoleKey(c.virtual, c.char); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
