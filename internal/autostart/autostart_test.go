package autostart

import (
	"strings"
	"testing"
)

func TestQuoting(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/holdfast":    "/usr/bin/holdfast",
		"/home/a b/holdfast":   `"/home/a b/holdfast"`,
		`/o$1/"x"`:             `"/o\\$1/\\"x\\""`,
		"/o%f/holdfast":        "/o%%f/holdfast",
		"/a\nExec=evil":        `"/a\nExec=evil"`,
		"/a`b\\c":              "\"/a\\\\`b\\\\\\\\c\"",
		"/中文/holdfast":         "/中文/holdfast",
		"/it's/~/holdfast;#&?": `"/it's/~/holdfast;#&?"`,
	} {
		if got := quote(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

// Whatever the path is, the file names it, and nothing else.
func FuzzMade(f *testing.F) {
	for _, s := range []string{"/usr/bin/holdfast", "/a b/%f", "/\n[x]\nHidden=true", `/"\$` + "`", "/ "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			t.Skip("needs the path of a program: this is none")
		}
		e := parse(made(path))
		if got := program(e["Exec"]); got != path {
			t.Errorf("Exec names %q", got)
		}
		if got := unescape(e["TryExec"]); got != strings.TrimRight(path, " \v\f\u0085\u00a0") && got != path {
			t.Errorf("TryExec names %q", got)
		}
		if e["Hidden"] != "" || e["Type"] != "Application" || len(e) != 10 {
			t.Errorf("%d keys: %q", len(e), e)
		}
	})
}

// A file of somebody else's never ends the program, and what is switched on says nothing of being off.
func FuzzEntry(f *testing.F) {
	f.Add("[Desktop Entry]\nExec=\"a\\\nTryExec=\nHidden=true\n[x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		e := parse(text)
		e.off([]string{"XFCE"}, func(string) bool { return true })
		program(e["Exec"])
		if on := parse(switchedOn(text)); on["Hidden"] != "" || on["X-GNOME-Autostart-enabled"] != "" {
			t.Errorf("%q is still off", switchedOn(text))
		}
	})
}
