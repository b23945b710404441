// Package autostart has the desktop start Holdfast at login, or not. Where desktops follow XDG, a file holdfast.desktop in
// the folder autostart of the user's configuration, or of the system's, says what is started (XDG autostart specification).
// On Windows it is a value of the registry, in the user's own part. That is all there is to it. The switches of other
// programs (GNOME Tweaks, Xfce's and LXQt's session settings, Task Manager) write there as well, and what they write is
// honoured.
package autostart

import (
	"errors"
	"strings"
)

// ErrUnavailable is returned where nothing is known of how programs are started at login.
var ErrUnavailable = errors.New("starting at login is known on Windows and on desktops that follow XDG only (Linux, the BSDs)")

// A State is what happens at login.
type State struct {
	On   bool
	File string // what decides it, a value of the registry on Windows; where nothing does, what Set would write
	Why  string // why that has no effect, for people; empty when it has one, or when there is none
}

// maxEntry bounds the file; desktop entries have one or two kilobytes.
const maxEntry = 64 << 10

// group is where a desktop entry says what it is. Others (actions) may follow.
const group = "[Desktop Entry]"

// An entry is what a desktop entry says in its group; the last of two equal keys wins, as in GLib.
type entry map[string]string

// parse never fails: what is no line of an entry is passed over, as desktops do.
func parse(text string) entry {
	e, inside := entry{}, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "["):
			inside = line == group
		case !inside || strings.HasPrefix(line, "#"):
		default:
			if key, value, ok := strings.Cut(line, "="); ok {
				e[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	return e
}

// off says why a desktop does not start what e names; empty when it does. There reports whether a program can be run.
func (e entry) off(desktops []string, there func(program string) bool) string {
	listed := func(key string) bool {
		for name := range strings.SplitSeq(e[key], ";") {
			for _, d := range desktops {
				if name != "" && name == d {
					return true
				}
			}
		}
		return false
	}
	switch {
	case e["Hidden"] == "true":
		return "it says Hidden=true"
	case e["X-GNOME-Autostart-enabled"] == "false":
		return "it says X-GNOME-Autostart-enabled=false"
	case e["Exec"] == "":
		return "it names no program"
	case e["TryExec"] != "" && !there(unescape(e["TryExec"])):
		return "the program it names (" + unescape(e["TryExec"]) + ") is not there"
	case e["TryExec"] == "" && !there(program(e["Exec"])):
		return "the program it names (" + program(e["Exec"]) + ") is not there"
	case listed("NotShowIn"):
		return "it excludes this desktop (NotShowIn)"
	case e["OnlyShowIn"] != "" && !listed("OnlyShowIn"):
		return "it is for other desktops (OnlyShowIn)"
	}
	return ""
}

// quote writes a program as the key Exec wants it (Desktop Entry Specification, "The Exec key"): in double quotes when it
// holds a reserved character, with the four characters escaped that stay special inside them; a percent sign is a field
// code unless doubled; then the general rule of string values.
func quote(program string) string {
	const reserved = " \t\n\"'\\><~|&;$*?#()`"
	if strings.ContainsAny(program, reserved) {
		program = `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`).Replace(program) + `"`
	}
	return escape(strings.ReplaceAll(program, "%", "%%"))
}

// escape is the general rule of string values; unescape takes it back.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
	if strings.HasPrefix(s, " ") { // blanks behind the equals sign are not part of the value
		s = `\s` + s[1:]
	}
	return s
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\s`, " ").Replace(s)
}

// program is the first word of a value of Exec: quote taken back.
func program(exec string) string {
	s := unescape(exec)
	if rest, quoted := strings.CutPrefix(s, `"`); quoted {
		var b strings.Builder
		for i := 0; i < len(rest) && rest[i] != '"'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			b.WriteByte(rest[i])
		}
		s = b.String()
	} else if i := strings.IndexAny(s, " \t"); i >= 0 {
		s = s[:i]
	}
	return strings.ReplaceAll(s, "%%", "%")
}

// made is the file for a program.
func made(program string) string {
	return group + `
Type=Application
Name=Holdfast
Comment=Keeps sessions to your servers alive, and says which hop broke and why
Comment[zh_CN]=保持与服务器的连接，并说明哪一站中断、为什么
Exec=` + quote(program) + ` --background
TryExec=` + escape(program) + `
Icon=holdfast
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
`
}

// switchedOn is text without what switches it off, all else as it was.
func switchedOn(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			inside = trimmed == group
		}
		key, _, _ := strings.Cut(trimmed, "=")
		key = strings.TrimSpace(key)
		if inside && (key == "Hidden" || key == "X-GNOME-Autostart-enabled") {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}
