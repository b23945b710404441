package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const day = 24 * time.Hour

// Duration writes how long something has been broken, to the second: "0:42", "1:36:10"; from a day on "4 d 4 h".
func (l Lang) Duration(d time.Duration) string {
	d = max(d, 0)
	s := int(d / time.Second)
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	case d < day:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return l.Say("duration.days", "d", strconv.Itoa(s/86400), "h", strconv.Itoa(s/3600%24))
}

// Span writes a length of time in the coarsest words that still tell: "0.3 s" (under 3 s, unless whole), "8 s",
// "3 min", "6 h 3 min", "4 d 4 h".
func (l Lang) Span(d time.Duration) string {
	d = max(d, 0)
	s := int(d / time.Second)
	switch {
	case d < 3*time.Second && d%time.Second != 0:
		return l.tenths(d)
	case d < time.Minute:
		return l.Say("duration.seconds", "n", strconv.Itoa(s))
	case d < time.Hour:
		return l.Say("duration.minutes", "n", strconv.Itoa(s/60))
	case d < day && s/60%60 == 0:
		return l.Say("duration.hours", "h", strconv.Itoa(s/3600))
	case d < day:
		return l.Say("duration.hours-minutes", "h", strconv.Itoa(s/3600), "n", strconv.Itoa(s/60%60))
	}
	return l.Say("duration.days", "d", strconv.Itoa(s/86400), "h", strconv.Itoa(s/3600%24))
}

// tenths always has one decimal, so that a running countdown keeps its width.
func (l Lang) tenths(d time.Duration) string {
	return l.Say("duration.seconds", "n", strconv.FormatFloat(float64(d/(100*time.Millisecond))/10, 'f', 1, 64))
}

// RTT writes a round trip: "0.4 ms", "24 ms", "1.2 s"; "" for none.
func (l Lang) RTT(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 50*time.Microsecond:
		return "<0.1 ms"
	case d < 950*time.Microsecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + " ms"
	case d < 999500*time.Microsecond:
		return strconv.Itoa(int(d.Round(time.Millisecond)/time.Millisecond)) + " ms"
	}
	return l.tenths(d.Round(100 * time.Millisecond))
}

// Clock writes when something was, in the time zone of now: "12:00:05" on the same day, "Wed 07:48" within the last six
// days, "2026-11-02 07:48" otherwise; "" for the zero time.
func (l Lang) Clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(now.Location())
	midnight := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	switch age := midnight(now).Sub(midnight(t)); {
	case age == 0:
		return t.Format("15:04:05")
	case age > 0 && age < 7*day:
		return l.Say("weekday."+strconv.Itoa(int(t.Weekday()))) + t.Format(" 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// Day names the day of t: "Fri 20", where it is not of the month around now "2026-10-02".
func (l Lang) Day(t, now time.Time) string {
	if age := now.Sub(t); age > 31*day || age < -day {
		return t.Format("2006-01-02")
	}
	return l.Say("history.day", "day", l.Say("weekday."+strconv.Itoa(int(t.Weekday()))), "n", strconv.Itoa(t.Day()))
}

// Printable makes text from outside safe to show: control, format and bidirectional characters, lone bytes and odd
// spaces become escapes (\x1b, \u202e), and what is longer than max characters is cut and ends in an ellipsis.
func Printable(s string, max int) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain && len(s) <= max {
		return s
	}
	var b strings.Builder
	count := 0
	for i, r := range s {
		piece := string(r)
		switch {
		case r == utf8.RuneError && strings.Index(s[i:], "\uFFFD") != 0:
			piece = fmt.Sprintf(`\x%02x`, s[i])
		case r == ' ':
		case unicode.IsPrint(r) && !wide(r): // letters, marks, numbers, punctuation, symbols
		case r < 0x80:
			piece = fmt.Sprintf(`\x%02x`, r)
		case r < 0x10000:
			piece = fmt.Sprintf(`\u%04x`, r)
		default:
			piece = fmt.Sprintf(`\U%08x`, r)
		}
		if count += utf8.RuneCountInString(piece); count > max {
			return cut(b.String(), max)
		}
		b.WriteString(piece)
	}
	return b.String()
}

// wide reports a character that prints as nothing or as a gap though Unicode counts it as printable: variation
// selectors, combining grapheme joiner, Hangul fillers, braille blank.
func wide(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0:
		return true
	}
	return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef
}

// cut keeps max-1 characters and adds the ellipsis.
func cut(s string, max int) string {
	count := 0
	for i := range s {
		if count++; count == max {
			return s[:i] + "…"
		}
	}
	return s + "…"
}
