package ui

import (
	"strings"
	"testing"
)

func TestErrorsInChinese(t *testing.T) {
	for english, want := range map[string]string{
		"":                   "",
		"ADDRESS is missing": "缺少 ADDRESS",
		"--via: port: a number from 1 to 65535 was expected": "--via: 端口: 应为 1 到 65535",
		"/home/me/holdfast.toml:3:1: target.adress: unknown key; did you mean \"address\"?\nf:1:1: demo: true or false was expected, without quotes": "/home/me/holdfast.toml:3:1: target.adress: 没有这个键；是否指 \"address\"？\nf:1:1: demo: 应为 true 或 false，不加引号",
		"Holdfast is already running, and its window could not be opened: connection refused":                                                        "Holdfast 已在运行，但无法打开它的窗口：连接被拒绝",
		"what nobody ever said":      "what nobody ever said",
		"open x: what is no text":    "open x: what is no text",
		"has {nonce} more than once": "有不止一个 {nonce}",
	} {
		if got := Chinese.Error(english); got != want {
			t.Errorf("%q:\n got %q\nwant %q", english, got, want)
		}
		if got := English.Error(english); got != english {
			t.Errorf("%q became %q in English", english, got)
		}
	}
	long := strings.Repeat("a: ", 1<<15)
	if got := Chinese.Error(long); got != long {
		t.Error("a long text was changed")
	}
}

// What comes from files and peers may stand in an error: whatever it is, the text ends up no longer than it must be, soon.
func FuzzErrorsInChinese(f *testing.F) {
	for _, s := range []string{"{a} is missing", "f:1:2: x: y", strings.Repeat(": ", 100), "Holdfast is not running ({a} ({b}))", "no command \"{a}\"; did you mean \"{b}\"?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Chinese.Error(s); len(got) > 4*len(s)+400 {
			t.Errorf("%q became %q", s, got)
		}
	})
}
