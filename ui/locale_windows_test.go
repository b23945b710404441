package ui

import (
	"slices"
	"testing"
)

// Where the environment names no language, Windows does.
func TestTheLanguageOfWindows(t *testing.T) {
	list := systemLocales()
	if len(list) == 0 || slices.Contains(list, "") {
		t.Fatalf("it says %q", list)
	}
	if got, want := LangHere(func(string) string { return "" }), firstOf(list); got != want {
		t.Errorf("%q is %s, want %s", list, got, want)
	}
	zh := func(name string) string { return map[string]string{"LANG": "zh_CN.UTF-8"}[name] }
	if got := LangHere(zh); got != Chinese {
		t.Errorf("the environment says Chinese, and it is %s", got)
	}
}
