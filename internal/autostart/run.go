package autostart

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// maxRun is how long a command of the list of programs that Windows starts may be ("Run and RunOnce Registry Keys").
const maxRun = 260

// command is what that list has for a program. A path on Windows holds no quotation marks.
func command(program string) (string, error) {
	c := `"` + program + `" --background`
	if n := len(utf16.Encode([]rune(c))); n > maxRun {
		return "", fmt.Errorf("start %q at login: Windows starts no command of more than %d characters; move the folder to where its path is shorter", program, maxRun)
	}
	return c, nil
}

// commandProgram is the program that a command names, as Windows reads it: up to the second quotation mark, or to the first
// blank (CommandLineToArgvW).
func commandProgram(command string) string {
	command = strings.TrimLeft(command, " \t")
	if rest, quoted := strings.CutPrefix(command, `"`); quoted {
		program, _, _ := strings.Cut(rest, `"`)
		return program
	}
	if i := strings.IndexAny(command, " \t"); i >= 0 {
		return command[:i]
	}
	return command
}

// A runEntry is what the registry says of Holdfast.
type runEntry struct {
	command  string // empty: there is none
	approved []byte // what the switch in Task Manager and in the settings of Windows has left; nil: it was never touched
}

// off says why Windows does not start it; empty when it does. There reports whether a program can be run.
func (e runEntry) off(there func(program string) bool) string {
	switch program := commandProgram(e.command); {
	case program == "":
		return "it names no program"
	case switchedOff(e.approved):
		return "it is switched off among the startup apps of Task Manager"
	case !there(program):
		return "the program it names (" + program + ") is not there"
	}
	return ""
}

// switchedOff reports whether the switch is off. Microsoft describes this value nowhere: seen are 2, 6, 8 and 0 in its first
// byte for on, 3, 7 and 9 for off, and then the time at which that was done.
func switchedOff(approved []byte) bool { return len(approved) > 0 && approved[0]&1 != 0 }
