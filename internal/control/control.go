// Package control is how a running Holdfast answers others: the commands, the window, scripts. It is HTTP on a socket of
// the user's own, and the single instance hangs on it: who can listen there is the one that runs.
//
// # Where
//
// The socket is control.sock in a folder of mode 0700 that belongs to the user: holdfast in XDG_RUNTIME_DIR, where that is
// set, else in /run/user/UID where that exists and is the user's (cron, su and sudo clear the environment), else
// holdfast-UID in the folder for temporary files. A folder or a socket that is somebody else's, or a folder that others
// can enter, is refused: whoever owns them could answer in Holdfast's name. On Windows it is a named pipe that only this
// user can open.
//
//	curl --unix-socket "$XDG_RUNTIME_DIR/holdfast/control.sock" http://holdfast/v1/status
//
// # What
//
// All bodies are JSON, targets and events in the form of package wire. {name} is escaped as RFC 3986 has it, a slash in it
// as %2F.
//
//	GET    /v1/status                    a Status: version, process, one object a target
//	GET    /v1/events                    lines of JSON: first one object a target, then events as they happen; ?beats=1 adds one a heartbeat
//	POST   /v1/reconnect                 every target that is neither up nor paused, at once
//	POST   /v1/pause                     all targets; ?for=1h or ?until=2026-11-21T14:00:00Z resumes them then
//	POST   /v1/resume                    all targets
//	GET    /v1/targets/{name}            its object
//	POST   /v1/targets/{name}/reconnect
//	POST   /v1/targets/{name}/pause      ?for and ?until likewise
//	POST   /v1/targets/{name}/resume
//	GET    /v1/targets/{name}/trace      [{"time":…,"rtt_ms":…}], the round trip of each second, oldest first
//	GET    /v1/history                   a wire.History, newest first; ?since=7d (or 36h, 2026-11-21, 2026-11-21T14:00:00Z) &target= &cause= &q=text &limit=100 (5000 at most) &before=id &watched=1 (and when the targets were watched)
//	GET    /v1/rtt                       ?target= &since= (24h): its wire.RoundTrips, a row for each minute that was watched
//	POST   /v1/window                    opens the window, or brings it to the front
//	GET    /v1/settings                  what the settings file says, and what is wrong with it
//	PUT    /v1/settings                  all of it
//	PUT    /v1/settings/targets/{name}   a target: changes (or renames) the one of that name, else adds it
//	DELETE /v1/settings/targets/{name}
//	POST   /v1/try                       body: a target. Its events as lines of JSON, without saving it, until the client leaves, 10 s at most; "password" in it is for its proxy
//	PUT    /v1/password                  {"via":…,"address":…,"password":…}: of the user whom that target's proxy is told; into the keyring, never the file
//	POST   /v1/demo/{mode}               what the built-in responder is to do
//	GET    /v1/autostart                 whether it is started at login: {"on":true,"file":"…","why":"…"}
//	PUT    /v1/autostart                 {"on":true} or {"on":false}
//	POST   /v1/quit
//	GET    /metrics                      for Prometheus
//
// What changes the settings keeps the comments of the file; where it cannot it says so with status 409 and code "layout"
// (or "broken-file", where the file has errors), and ?rewrite=1 writes the file anew, the old one kept beside it as .bak.
//
// In a target's send and expect a backslash begins an escape, as in single quotes in the settings file: "PING {nonce}\\n".
//
// What has nothing to say answers 204. An error is {"error":"…","code":"…","field":"…"}: a sentence, a code of the list
// below or null, and the setting that it is about or null. New routes, fields and codes may be added.
//
// A client is served for as long as it keeps up: request headers within 5 s, the body (64 KiB at most) within 10 s. Events
// that a slow reader has not taken are replaced by the newest of each target; one that takes nothing for 30 s is dropped.
// There are 32 streams at most, and 128 connections.
package control

import (
	"errors"
	"fmt"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/wire"
	"holdfast/monitor"
)

var (
	// ErrRunning is returned by Listen when a Holdfast of this user runs already.
	ErrRunning = errors.New("Holdfast is already running")
	// ErrNotRunning is returned by Dial, and by a Client whose Holdfast has ended.
	ErrNotRunning = errors.New("Holdfast is not running")
	// ErrUnsafe is returned by Listen and Dial for a socket, or a folder around it, that others could have put there.
	ErrUnsafe = errors.New("not safe to use")
)

// The codes of errors.
const (
	CodeBadRequest    = "bad-request"    // not JSON, an unknown field, a bad parameter
	CodeBadSetting    = "bad-setting"    // a setting cannot be used; field names it
	CodeUnknownTarget = "unknown-target" // no target of that name
	CodeDuplicate     = "duplicate"      // another target has that name
	CodeLayout        = "layout"         // the file cannot be changed without losing its comments: see ?rewrite=1
	CodeBroken        = "broken-file"    // the settings file has errors, and is not touched before they are mended: see ?rewrite=1
	CodeUnavailable   = "unavailable"    // this Holdfast has no such thing: no window program, no demo
	CodeTooMany       = "too-many"       // too many streams or trials
	CodeTooLarge      = "too-large"      // a body of more than 64 KiB
	CodeNoRoute       = "no-route"       // no such path or method; an older Holdfast
	CodeKeyring       = "no-keyring"     // the password holds until Holdfast ends, for no keyring took it
	CodeFailed        = "failed"         // it was tried and did not work
)

// An Error is a refusal by the server. It is config.ErrLayout, ErrBroken, ErrDuplicate and ErrUnknownTarget for errors.Is
// where its code says so.
type Error struct {
	Status int    `json:"-"`     // of HTTP
	Msg    string `json:"error"` // a sentence
	Code   string `json:"code"`  // one of the codes; empty none
	Field  string `json:"field"` // the setting it is about, as in the file; empty none
}

func (e *Error) Error() string { return e.Msg }

// Is makes the codes comparable with the errors that they stand for.
func (e *Error) Is(target error) bool {
	switch target {
	case config.ErrLayout:
		return e.Code == CodeLayout
	case config.ErrBroken:
		return e.Code == CodeBroken
	case config.ErrDuplicate:
		return e.Code == CodeDuplicate
	case config.ErrUnknownTarget:
		return e.Code == CodeUnknownTarget
	}
	return false
}

// Status is the answer to GET /v1/status.
type Status struct {
	Version     string               `json:"version"`
	PID         int                  `json:"pid"`
	Started     wire.Time            `json:"started"`
	Time        wire.Time            `json:"time"`
	Targets     []wire.Object        `json:"targets"`      // in the order of the settings
	PausedUntil map[string]wire.Time `json:"paused_until"` // targets that will resume by themselves
	Stalled     []string             `json:"stalled"`      // targets that nobody watches at the moment: not known
	Demo        bool                 `json:"demo"`         // there is a built-in responder to play with
	NoIcon      bool                 `json:"no_icon"`      // nothing on this desktop shows the tray icon, and one is wanted
	Problem     string               `json:"problem"`      // what is wrong with the settings file; empty nothing
	Drill       *Drill               `json:"drill"`        // what that responder was told last; nil: nothing yet
}

// Drill is what the built-in responder has been told to do: "normal", "stopped", "hung", "late", "closing".
type Drill struct {
	Mode  string    `json:"mode"`
	Since wire.Time `json:"since"`
}

// Autostart is the answer to GET /v1/autostart.
type Autostart struct {
	On   bool   `json:"on"`
	File string `json:"file"` // what decides it, a value of the registry on Windows; where nothing does, what would be written
	Why  string `json:"why"`  // why that has no effect; empty when it has one, or when there is none
}

// Settings is the answer to GET /v1/settings and the body of PUT.
type Settings struct {
	config.Settings
	Path     string        // of the file; ignored in a PUT
	Problems config.Errors // of the file as it is now: Settings are then the last good ones; ignored in a PUT
}

// settingsJSON is the JSON of Settings.
type settingsJSON struct {
	Path     string        `json:"path"`
	Language string        `json:"language"`
	Demo     bool          `json:"demo"`
	History  *historyJSON  `json:"history,omitempty"` // missing in a PUT: as it is
	Notify   *notifyJSON   `json:"notify,omitempty"`  // likewise
	Tray     *trayJSON     `json:"tray,omitempty"`    // likewise
	Targets  []targetJSON  `json:"targets"`
	Problems []problemJSON `json:"problems"`
}

type historyJSON struct {
	Days int `json:"days"`
}

type trayJSON struct {
	Badge bool `json:"badge"`
}

// notifyJSON is complete in an answer; what is missing in a PUT has its default.
type notifyJSON struct {
	Enabled *bool   `json:"enabled"`
	After   *string `json:"after"`
	Sound   bool    `json:"sound"`
	Quiet   string  `json:"quiet"`
}

func fromNotify(n config.Notify) *notifyJSON {
	enabled, after := !n.Off, n.Wait().String()
	return &notifyJSON{Enabled: &enabled, After: &after, Sound: n.Sound, Quiet: n.Quiet.String()}
}

func (j notifyJSON) notify() (config.Notify, error) {
	n := config.Notify{Off: j.Enabled != nil && !*j.Enabled, Sound: j.Sound}
	bad := func(field string, err error) error {
		return &Error{Status: 422, Code: CodeBadSetting, Field: field, Msg: field + ": " + err.Error()}
	}
	if j.After != nil {
		d, err := time.ParseDuration(*j.After)
		switch {
		case err != nil || d < 0:
			return n, bad("notify.after", fmt.Errorf("%q is not a duration like \"3s\"", *j.After))
		case d == 0:
			n.After = config.AtOnce
		case d == config.DefaultAfter:
		default:
			n.After = d
		}
	}
	var err error
	if n.Quiet, err = config.ParseQuiet(j.Quiet); err != nil {
		return n, bad("notify.quiet", err)
	}
	return n, nil
}

type problemJSON struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Key    string `json:"key"`
	Msg    string `json:"error"`
}

// targetJSON is a target with the keys and words of the settings file. Send and expect are written as config.Escape has it:
// they may be bytes that are no text.
type targetJSON struct {
	Name      string         `json:"name"`
	Address   string         `json:"address"`
	Via       string         `json:"via,omitempty"`
	Heartbeat string         `json:"heartbeat,omitempty"`
	Send      string         `json:"send,omitempty"`
	Expect    string         `json:"expect,omitempty"`
	Interval  string         `json:"interval,omitempty"`
	Timeout   string         `json:"timeout,omitempty"`
	Keepalive *keepaliveJSON `json:"keepalive,omitempty"`
}

type tryJSON struct {
	targetJSON
	Password string `json:"password,omitempty"`
}

type passwordJSON struct {
	Via      string `json:"via"`
	Address  string `json:"address"`
	Password string `json:"password"`
}

type keepaliveJSON struct {
	Idle        string `json:"idle,omitempty"`
	Interval    string `json:"interval,omitempty"`
	Count       int    `json:"count,omitempty"`
	UserTimeout string `json:"user_timeout,omitempty"`
}

func fromTarget(t monitor.Target) targetJSON {
	j := targetJSON{
		Name: t.Name, Address: t.Address, Via: t.Via, Heartbeat: t.Heartbeat, Send: config.Escape(t.Send), Expect: config.Escape(t.Expect),
		Interval: fromDuration(t.Interval), Timeout: fromDuration(t.Timeout),
	}
	if k := t.Keepalive; k != (monitor.Keepalive{}) {
		j.Keepalive = &keepaliveJSON{Idle: fromDuration(k.Idle), Interval: fromDuration(k.Interval), Count: k.Count, UserTimeout: fromDuration(k.UserTimeout)}
	}
	return j
}

func (j targetJSON) target() (monitor.Target, error) {
	t := monitor.Target{Name: j.Name, Address: j.Address, Via: j.Via, Heartbeat: j.Heartbeat}
	var errs [7]error
	t.Send, errs[5] = toText("send", j.Send)
	t.Expect, errs[6] = toText("expect", j.Expect)
	t.Interval, errs[0] = toDuration("interval", j.Interval)
	t.Timeout, errs[1] = toDuration("timeout", j.Timeout)
	if k := j.Keepalive; k != nil {
		t.Keepalive.Count = k.Count
		t.Keepalive.Idle, errs[2] = toDuration("keepalive.idle", k.Idle)
		t.Keepalive.Interval, errs[3] = toDuration("keepalive.interval", k.Interval)
		t.Keepalive.UserTimeout, errs[4] = toDuration("keepalive.user_timeout", k.UserTimeout)
	}
	for _, err := range errs {
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

func fromDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func toDuration(field, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, &Error{Status: 422, Code: CodeBadSetting, Field: field, Msg: fmt.Sprintf("%s: %q is not a duration like \"500ms\" or \"2s\"", field, s)}
	}
	return d, nil
}

func toText(field, s string) (string, error) {
	text, err := config.Unescape(s)
	if err != nil {
		return "", &Error{Status: 422, Code: CodeBadSetting, Field: field, Msg: field + ": " + err.Error()}
	}
	return text, nil
}
