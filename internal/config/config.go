// Package config reads, checks, watches and writes the settings file.
//
// The file is TOML. All of its keys:
//
//	language = "zh"        # "" (as the desktop has it), "en", "zh"
//	demo     = true        # also watch the responder that is built into the program
//
//	[history]
//	days = 30              # how long outages and round trips are kept, 1 to 3650
//
//	[notify]
//	enabled = true         # tell of outages by a notification
//	after   = "3s"         # of none that are shorter
//	sound   = false
//	quiet   = "22:00-07:00"   # tell of nothing then; "" (default) is never
//
//	[tray]
//	badge = true           # draw the number of broken targets over the icon, from two
//
//	[[target]]
//	name      = "Office gateway"
//	address   = "gate.example.net:7000"
//	via       = "http://me@proxy.example.net:3128"   # "direct" (default), socks5://…, socks5h://…, "system"; never a password
//	heartbeat = "line"     # "none" (default), "echo", "line"
//	send      = 'PING {nonce}\n'
//	expect    = 'PONG {nonce}\n'
//	interval  = "500ms"
//	timeout   = "2s"
//	keepalive = { idle = "1s", interval = "1s", count = 3, user_timeout = "2s" }
//
// In send and expect the escapes \n, \r, \t, \0, \\ and \xHH are known in single quotes too, where TOML itself knows none.
//
// All that is wrong with a file is reported at once, each with its line and column ([Errors]), and nothing of a file
// with an error is used. Without a file there are no targets and the demo is on.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/monitor"
)

// Settings is what the file says. Compare with Equal.
type Settings struct {
	Targets  []monitor.Target
	Demo     bool   // watch the built-in responder too
	Language string // "" as the desktop has it, "en", "zh"
	History  History
	Notify   Notify
	Tray     Tray
}

// Equal reports whether both say the same.
func (s Settings) Equal(o Settings) bool {
	return s.Demo == o.Demo && s.Language == o.Language && s.History == o.History && s.Notify == o.Notify && s.Tray == o.Tray &&
		slices.Equal(s.Targets, o.Targets)
}

// Default is what holds without a file.
func Default() Settings { return Settings{Demo: true} }

// An Error is one thing that is wrong with a settings file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Key          string // "target.keepalive.idle"; empty where it is about no key
	Msg          string // what is wrong and what was expected
	Err          error  // the reason, where there is one beyond Msg
}

// Error returns "file:line:column: what".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Errors is everything that is wrong with a settings file, in the order of its lines.
type Errors []*Error

// Error returns one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As and errors.Is see each.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

var (
	// ErrLayout: the file's layout is one that an edit cannot keep (targets as an inline array, say). Rewrite can
	// change such a file, and its comments are lost.
	ErrLayout = errors.New("the file cannot be changed without losing its comments and layout")
	// ErrBroken: the file has errors, and is not touched before they are mended. Rewrite replaces it.
	ErrBroken = errors.New("the settings file has errors")
	// ErrUnknownTarget: no target has that name.
	ErrUnknownTarget = errors.New("no target of that name")
	// ErrDuplicate: another target has that name.
	ErrDuplicate = errors.New("another target has that name")
)

// Path is where the settings file is looked for: holdfast/holdfast.toml in XDG_CONFIG_HOME, where that is set and
// absolute, else in the user's configuration folder (~/.config, ~/Library/Application Support, %AppData%).
func Path() (string, error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // the XDG specification: "if an implementation encounters a relative path it should ignore it"
		var err error
		if dir, err = userDir(dir != ""); err != nil {
			return "", fmt.Errorf("find the settings folder: %w", err)
		}
	}
	return filepath.Join(dir, "holdfast", "holdfast.toml"), nil
}
