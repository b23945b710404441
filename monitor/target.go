package monitor

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/dial"
	"holdfast/monitor/heartbeat"
)

// Bounds of what a Target may ask for. Shorter beats than 100 ms would cost more than they tell: TCP's own repair of one
// lost segment takes 200 ms.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 24 * time.Hour
	minTimeout  = 250 * time.Millisecond // below it one TCP retransmit (200 ms) would alarm
	maxTimeout  = time.Hour
	maxName     = 200 // bytes
)

// A TargetError says which field of which target cannot be used, and why.
type TargetError struct {
	Name  string // the target's name; empty when it has none
	Field string // the key in the settings file: "address", "interval", ...
	Err   error
}

func (e *TargetError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("target: %s: %v", e.Field, e.Err)
	}
	return fmt.Sprintf("target %q: %s: %v", e.Name, e.Field, e.Err)
}

// Unwrap returns the reason.
func (e *TargetError) Unwrap() error { return e.Err }

// WithDefaults returns t with every zero field that has a default replaced by it.
func (t Target) WithDefaults() Target {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if t.Via == "" {
		t.Via = "direct"
	}
	if t.Heartbeat == "" {
		t.Heartbeat = "none"
		if t.Send != "" || t.Expect != "" {
			t.Heartbeat = "line"
		}
	}
	def(&t.Interval, 500*time.Millisecond)
	def(&t.Timeout, 2*time.Second)
	def(&t.Keepalive.Idle, time.Second)
	def(&t.Keepalive.Interval, time.Second)
	def(&t.Keepalive.UserTimeout, 2*time.Second)
	if t.Keepalive.Count == 0 {
		t.Keepalive.Count = 3
	}
	t.Keepalive.Enabled = false // only ever read back
	return t
}

// Check reports the first thing about t that cannot be used, as a *TargetError; nil when all is well.
func (t Target) Check() error {
	bad := func(field, format string, args ...any) error {
		return &TargetError{Name: t.Name, Field: field, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case strings.TrimSpace(t.Name) == "":
		return bad("name", "must not be empty")
	case len(t.Name) > maxName:
		return bad("name", "is longer than %d bytes", maxName)
	case !utf8.ValidString(t.Name):
		return bad("name", "is not valid UTF-8")
	case strings.ContainsFunc(t.Name, unicode.IsControl):
		return bad("name", "must not contain control characters")
	}
	if _, _, err := splitAddress(t.Address); err != nil {
		return bad("address", "%w", err)
	}
	if _, err := t.way(); err != nil {
		return bad("via", "%w", err)
	}
	d := t.WithDefaults()
	if _, err := heartbeat.New(d.Heartbeat, d.Send, d.Expect); err != nil {
		var fe *heartbeat.FieldError
		if errors.As(err, &fe) {
			return &TargetError{Name: t.Name, Field: fe.Field, Err: fe.Err}
		}
		return bad("heartbeat", "%w", err)
	}
	within := func(field string, v, lo, hi time.Duration) error {
		if v < lo || v > hi {
			return bad(field, "%v is outside %v to %v", v, lo, hi)
		}
		return nil
	}
	k := d.Keepalive
	return first(
		within("interval", d.Interval, minInterval, maxInterval),
		within("timeout", d.Timeout, minTimeout, maxTimeout),
		// tcp(7): idle and interval are whole seconds up to 32767, the count goes to 127.
		within("keepalive.idle", k.Idle, time.Second, 32767*time.Second),
		within("keepalive.interval", k.Interval, time.Second, 32767*time.Second),
		within("keepalive.user_timeout", k.UserTimeout, 500*time.Millisecond, maxInterval),
		func() error {
			if k.Count < 1 || k.Count > 127 {
				return bad("keepalive.count", "%d is outside 1 to 127", k.Count)
			}
			return nil
		}(),
		wholeSeconds(bad, "keepalive.idle", k.Idle),
		wholeSeconds(bad, "keepalive.interval", k.Interval),
	)
}

// way is the way that Via names; what "system" means is asked now. Its error never holds a password.
func (t Target) way() (dial.Via, error) {
	v, err := dial.ParseVia(t.Via)
	if err != nil {
		return dial.Via{}, err
	}
	return v.For(t.Address)
}

// withoutSecrets returns t as it may be shown: Via without a password.
func (t Target) withoutSecrets() Target {
	if v, err := dial.ParseVia(t.Via); err == nil {
		t.Via = v.String()
	}
	return t
}

func wholeSeconds(bad func(string, string, ...any) error, field string, d time.Duration) error {
	if d%time.Second != 0 {
		return bad(field, "%v: the kernel counts whole seconds", d)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// splitAddress checks host:port and returns both; the port is between 1 and 65535.
func splitAddress(address string) (host string, port uint16, err error) {
	if address == "" {
		return "", 0, errors.New("must not be empty")
	}
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q: expected host:port, an IPv6 address in brackets", address)
	}
	if host == "" {
		return "", 0, fmt.Errorf("%q: the host is missing", address)
	}
	if len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '/' || r == '@' }) {
		return "", 0, fmt.Errorf("%q: not a host name or an IP address", host)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("port %q: expected a number from 1 to 65535", p)
	}
	return host, uint16(n), nil
}
