package ui

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestTimesInWords(t *testing.T) {
	d := func(s string) time.Duration {
		v, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ in, duration, span, chinese string }{
		{"-1s", "0:00", "0 s", "0 秒"},
		{"0.34s", "0:00", "0.3 s", "0.3 秒"},
		{"8s", "0:08", "8 s", "8 秒"},
		{"42.9s", "0:42", "42 s", "42 秒"},
		{"3m", "3:00", "3 min", "3 分钟"},
		{"59m59s", "59:59", "59 min", "59 分钟"},
		{"1h36m10s", "1:36:10", "1 h 36 min", "1 小时 36 分"},
		{"6h", "6:00:00", "6 h", "6 小时"},
		{"100h30m", "4 d 4 h", "4 d 4 h", "4 天 4 小时"},
	} {
		if got := English.Duration(d(c.in)); got != c.duration {
			t.Errorf("Duration(%s) = %q, want %q", c.in, got, c.duration)
		}
		if got := English.Span(d(c.in)); got != c.span {
			t.Errorf("Span(%s) = %q, want %q", c.in, got, c.span)
		}
		if got := Chinese.Span(d(c.in)); got != c.chinese {
			t.Errorf("Chinese Span(%s) = %q, want %q", c.in, got, c.chinese)
		}
	}
	for in, want := range map[string]string{"0s": "", "20us": "<0.1 ms", "420us": "0.4 ms", "960us": "1 ms", "23.6ms": "24 ms", "999.7ms": "1.0 s", "1.24s": "1.2 s"} {
		if got := English.RTT(d(in)); got != want {
			t.Errorf("RTT(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 11, 21, 12, 0, 42, 0, zone) // a Saturday
	for _, c := range []struct {
		at          time.Time
		en, chinese string
	}{
		{now.Add(-37 * time.Second), "12:00:05", "12:00:05"},
		{now.Add(-37 * time.Second).UTC(), "12:00:05", "12:00:05"},
		{now.Add(-13 * time.Hour), "Fri 23:00", "周五 23:00"},
		{now.Add(-6 * day), "Sun 12:00", "周日 12:00"},
		{now.Add(-7 * day), "2026-11-14 12:00", "2026-11-14 12:00"},
		{now.Add(day), "2026-11-22 12:00", "2026-11-22 12:00"},
		{time.Time{}, "", ""},
	} {
		if got := English.Clock(c.at, now); got != c.en {
			t.Errorf("Clock(%v) = %q, want %q", c.at, got, c.en)
		}
		if got := Chinese.Clock(c.at, now); got != c.chinese {
			t.Errorf("Chinese Clock(%v) = %q, want %q", c.at, got, c.chinese)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "gate.example.net:7000", "gate.example.net:7000"},
		{"Chinese", "办公室网关", "办公室网关"},
		{"terminal escape", "a\x1b[31mred", `a\x1b[31mred`},
		{"line breaks", "a\r\nb\tc", `a\x0d\x0ab\x09c`},
		{"right-to-left override", "a\u202egpj.exe", `a\u202egpj.exe`},
		{"zero width", "a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"broken UTF-8", "a\xffb", `a\xffb`},
		{"a true replacement character", "a\uFFFDb", "a\uFFFDb"},
		{"private use", "\U000f0000", `\U000f0000`},
		{"no-break space", "a\u00a0b", `a\u00a0b`},
		{"filler that shows nothing", "a\u3164b", `a\u3164b`},
		{"too long", strings.Repeat("x", 50), strings.Repeat("x", 39) + "…"},
		{"too long, Chinese", strings.Repeat("字", 50), strings.Repeat("字", 39) + "…"},
		{"escapes count as they are shown", strings.Repeat("\x07", 11), strings.Repeat(`\x07`, 9) + `\x0…`},
	} {
		got := Printable(c.in, 40)
		if c.name == "escapes count as they are shown" {
			if utf8.RuneCountInString(got) > 40 || !strings.HasSuffix(got, "…") {
				t.Errorf("%s: %q", c.name, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31mred", 10)
	f.Add("\u202e\xff字", 3)
	f.Fuzz(func(t *testing.T, s string, max int) {
		if max < 1 || max > 1000 {
			return
		}
		got := Printable(s, max)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > max {
			t.Fatalf("%q became %q, at most %d allowed", s, got, max)
		}
		for _, r := range got {
			if r != ' ' && !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q still holds %U", s, r)
			}
		}
	})
}
