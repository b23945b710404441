package dial

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds, in runes, every text that holds a peer's words.
const maxText = 200

// printable makes one printable line of at most limit runes out of a peer's words: what is not printable is written as
// Go escapes it (line breaks, terminal controls, marks that turn the writing direction, broken UTF-8).
func printable(s string, limit int) string {
	var b strings.Builder
	room := limit
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		out := s[:n]
		switch {
		case r == utf8.RuneError && n == 1:
			out = `\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:]
		case !strconv.IsPrint(r):
			q := strconv.QuoteRune(r)
			out = q[1 : len(q)-1]
		}
		size := utf8.RuneCountInString(out)
		if size > room || size == room && n < len(s) {
			b.WriteRune('…')
			break
		}
		b.WriteString(out)
		room -= size
		s = s[n:]
	}
	return b.String()
}
