// Package heartbeat knows the protocols in which a server can be asked "are you there?", and how long an answer may take.
//
// A [Protocol] turns beats into bytes and bytes into answers; it neither reads nor writes sockets and keeps no time. Beats
// are numbered from 1 within a session, so that an answer to an older beat is told from an answer to the newest.
package heartbeat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxLine bounds one line, of what is sent and of what is received. A longer one from the peer is skipped to its end.
const MaxLine = 4096

// A Protocol is the state of one session's heartbeats. It is not safe for concurrent use.
type Protocol interface {
	// Beat appends beat number n to dst. Numbers rise by one, from 1.
	Beat(dst []byte, n uint64) []byte
	// Feed takes what was received and returns the number of the newest beat that it answers; 0 when it answers none.
	// Bytes that answer nothing are a sign of life all the same. It keeps nothing of p.
	Feed(p []byte) (answered uint64)
}

// A FieldError says which setting of a heartbeat cannot be used.
type FieldError struct {
	Field string // "heartbeat", "send" or "expect"
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// protocols is a plain table: name to constructor of a constructor, so that a setting is checked once and a session
// costs one call.
var protocols = map[string]func(send, expect string) (func() Protocol, error){
	"none": newNone,
	"echo": newEcho,
	"line": newLine,
}

// Names returns the names that New knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(protocols)) }

// New returns a constructor of one Protocol a session for the named heartbeat; a nil constructor for "none", where the
// kernel's keepalive stands in. Errors are *FieldError.
func New(name, send, expect string) (func() Protocol, error) {
	build, ok := protocols[name]
	if !ok {
		return nil, &FieldError{"heartbeat", fmt.Errorf("%q is not known; there are %s", name, strings.Join(Names(), ", "))}
	}
	return build(send, expect)
}

func newNone(send, expect string) (func() Protocol, error) {
	return nil, unused("none", send, expect)
}

func unused(name, send, expect string) error {
	if send != "" {
		return &FieldError{"send", fmt.Errorf("has no meaning with heartbeat %q", name)}
	}
	if expect != "" {
		return &FieldError{"expect", fmt.Errorf("has no meaning with heartbeat %q", name)}
	}
	return nil
}

var errEmpty = errors.New("must not be empty with heartbeat \"line\"")
