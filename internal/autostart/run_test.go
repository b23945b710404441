package autostart

import (
	"strings"
	"testing"
)

func TestRunEntry(t *testing.T) {
	never := func(string) bool { return false }
	only := func(want string) func(string) bool { return func(got string) bool { return got == want } }
	for _, c := range []struct {
		name  string
		entry runEntry
		there func(string) bool
		why   string // in the answer; empty: it is started
	}{
		{"as it is written", runEntry{command: `"C:\a b\holdfast-window.exe" --background`}, only(`C:\a b\holdfast-window.exe`), ""},
		{"without quotation marks", runEntry{command: `C:\holdfast.exe --background`}, only(`C:\holdfast.exe`), ""},
		{"nothing behind it", runEntry{command: ` C:\holdfast.exe`}, only(`C:\holdfast.exe`), ""},
		{"an open quotation mark", runEntry{command: `"C:\a b.exe`}, only(`C:\a b.exe`), ""},
		{"switched on again", runEntry{command: `C:\h.exe`, approved: []byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, only(`C:\h.exe`), ""},
		{"another on", runEntry{command: `C:\h.exe`, approved: []byte{6}}, only(`C:\h.exe`), ""},
		{"an empty switch", runEntry{command: `C:\h.exe`, approved: []byte{}}, only(`C:\h.exe`), ""},
		{"switched off", runEntry{command: `C:\h.exe`, approved: []byte{3, 0, 0, 0, 0x40, 0x9b, 0x3a, 0xd1, 1, 2, 0xda, 1}}, only(`C:\h.exe`), "Task Manager"},
		{"another off", runEntry{command: `C:\h.exe`, approved: []byte{7}}, never, "Task Manager"},
		{"no program", runEntry{command: ` `}, never, "no program"},
		{"only quotation marks", runEntry{command: `"" --background`}, never, "no program"},
		{"the program has gone", runEntry{command: `"C:\gone\holdfast.exe" --background`}, never, `(C:\gone\holdfast.exe) is not there`},
	} {
		if got := c.entry.off(c.there); (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %q, want %q", c.name, got, c.why)
		}
	}
}

func TestRunCommand(t *testing.T) {
	for _, path := range []string{`C:\holdfast.exe`, `C:\Program Files\Holdfast\holdfast.exe`, `D:\中文 目录\it's & 50%\holdfast.exe`, `\\server\share\holdfast.exe`} {
		c, err := command(path)
		if err != nil || commandProgram(c) != path || !strings.HasSuffix(c, " --background") {
			t.Errorf("%s: %s (%v), which names %s", path, c, err, commandProgram(c))
		}
	}
	longest := `C:\` + strings.Repeat("长", maxRun-len(`"C:\" --background`))
	if _, err := command(longest); err != nil {
		t.Errorf("260 characters: %v", err)
	}
	if c, err := command(longest + "长"); err == nil {
		t.Errorf("261 characters: %s", c)
	}
}
