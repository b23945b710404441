package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// A style is how a span looks. The zero style is the terminal's own.
type style uint8

const (
	normal style = iota
	bold
	muted
	upInk
	suspectInk
	downInk
	connectingInk
	unknownInk
	boldDown
)

// sgr is the parameters of Select Graphic Rendition (ECMA-48, 8.3.117) for each style. Only the sixteen colours that the
// person's own theme sets: what is readable there stays readable here.
var sgr = [...]string{
	normal: "", bold: "1", muted: "2", upInk: "32", suspectInk: "33", downInk: "31", connectingInk: "34", unknownInk: "35",
	boldDown: "1;31",
}

// A span is a piece of a row in one style.
type span struct {
	text  string
	style style
}

// A row is one line of the screen.
type row []span

// render gives the row as it is written: cut to columns, and free of escape sequences without colour.
func (r row) render(columns int, colour bool) string {
	var b strings.Builder
	left := columns
	for i, s := range r {
		last := i == len(r)-1
		text := s.text
		if w := columnsOf(text); w > left || w == left && !last {
			text, last = shorten(text, left), true
		}
		code := sgr[s.style]
		if colour && code != "" && text != "" {
			b.WriteString("\x1b[" + code + "m" + text + "\x1b[m")
		} else {
			b.WriteString(text)
		}
		left -= columnsOf(text)
		if last {
			break
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// ascii stands in, column for column, for the drawing characters that the words themselves bring.
var ascii = strings.NewReplacer("·", "-", "…", "~", "“", `"`, "”", `"`)

// columns is the width of the row.
func (r row) columns() int {
	n := 0
	for _, s := range r {
		n += columnsOf(s.text)
	}
	return n
}

// columnsOf is how many columns of a terminal s takes. Ambiguous characters (UAX 11) count as one, as terminals do unless
// told otherwise.
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOfRune(r)
	}
	return n
}

func columnsOfRune(r rune) int {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return 0
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut gives s in at most columns, with "…" at the end where something is missing.
func cut(s string, columns int) string {
	if columnsOf(s) <= columns {
		return s
	}
	return shorten(s, columns)
}

// shorten takes from s what does not fit before a "…" in the last of columns.
func shorten(s string, columns int) string {
	if columns <= 0 {
		return ""
	}
	n := 0
	for i, r := range s {
		if n += columnsOfRune(r); n >= columns {
			return s[:i] + "…"
		}
	}
	return s + "…"
}

// pad fills s with spaces to columns, or cuts it.
func pad(s string, columns int) string {
	s = cut(s, columns)
	return s + strings.Repeat(" ", max(0, columns-columnsOf(s)))
}

// wrap breaks s into lines of at most columns. Latin breaks at spaces, Chinese between any two characters but not before
// closing punctuation (a small part of UAX 14).
func wrap(s string, columns int) []string {
	if columns < 8 {
		columns = 8
	}
	var lines []string
	for s = strings.TrimSpace(s); columnsOf(s) > columns; s = strings.TrimLeft(s, " ") {
		at, hard, n := 0, 0, 0
		for i, r := range s {
			n += columnsOfRune(r)
			// A space may hang over the edge; it is dropped.
			if r == ' ' && i > 0 {
				at = i
			}
			if n > columns {
				break
			}
			next := i + utf8.RuneLen(r)
			hard = next
			following, _ := utf8.DecodeRuneInString(s[next:])
			if columnsOfRune(r) == 2 && !strings.ContainsRune("，。；：、）！？", following) {
				at = next
			}
		}
		if at == 0 {
			at = hard
		}
		lines = append(lines, strings.TrimRight(s[:at], " "))
		s = s[at:]
	}
	return append(lines, s)
}
