package heartbeat

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

const noncePlace = "{nonce}"

// newLine is the heartbeat of line protocols: send is written as it stands, and a received line that contains expect
// answers. {nonce} in either is replaced by a number that is fresh for every beat; where expect has it, the answer names
// its beat, else answers belong to the beats in their order (Redis: PING and +PONG).
func newLine(send, expect string) (func() Protocol, error) {
	for _, f := range []struct{ name, text string }{{"send", send}, {"expect", expect}} {
		switch {
		case f.text == "":
			return nil, &FieldError{f.name, errEmpty}
		case len(f.text) > MaxLine-20:
			return nil, &FieldError{f.name, fmt.Errorf("is longer than %d bytes", MaxLine-20)}
		case strings.Count(f.text, noncePlace) > 1:
			return nil, &FieldError{f.name, errors.New("has {nonce} more than once")}
		}
	}
	expect = strings.TrimRight(expect, "\r\n")
	switch {
	case expect == "":
		return nil, &FieldError{"expect", errEmpty}
	case strings.ContainsAny(expect, "\r\n"):
		return nil, &FieldError{"expect", errors.New("must be one line")}
	case strings.Contains(expect, noncePlace) && !strings.Contains(send, noncePlace):
		return nil, &FieldError{"expect", errors.New("has {nonce}, and send has none that could be answered")}
	}
	t := newTemplate(send, expect)
	return func() Protocol {
		// Ten digits, the first nine of them chance: an answer meant for another session does not fit by accident.
		return &line{template: t, base: 1e9 + rand.Uint64N(8e9), oldest: 1}
	}, nil
}

// newEcho is the heartbeat of servers that send back what they get (RFC 862): a line with a fresh number.
func newEcho(send, expect string) (func() Protocol, error) {
	if err := unused("echo", send, expect); err != nil {
		return nil, err
	}
	return newLine("holdfast {nonce}\n", "holdfast {nonce}")
}

// template is what all sessions of a target share.
type template struct {
	sendHead, sendTail     string
	expectHead, expectTail string
	nonceSent, nonceBack   bool
}

func newTemplate(send, expect string) *template {
	t := &template{}
	t.sendHead, t.sendTail, t.nonceSent = strings.Cut(send, noncePlace)
	t.expectHead, t.expectTail, t.nonceBack = strings.Cut(expect, noncePlace)
	return t
}

type line struct {
	*template
	base   uint64 // the nonce of beat n is base + n
	sent   uint64 // the newest beat
	oldest uint64 // without a nonce in the answer: the oldest beat that was not answered

	part []byte // the beginning of a line whose end has not come
	skip bool   // within a line that is too long
}

func (l *line) Beat(dst []byte, n uint64) []byte {
	l.sent = n
	dst = append(dst, l.sendHead...)
	if l.nonceSent {
		dst = strconv.AppendUint(dst, l.base+n, 10)
	}
	return append(dst, l.sendTail...)
}

func (l *line) Feed(p []byte) (answered uint64) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			if !l.skip && len(l.part)+len(p) <= MaxLine {
				l.part = append(l.part, p...)
			} else {
				l.skip, l.part = true, nil
			}
			break
		}
		full := p[:end]
		p = p[end+1:]
		if l.skip {
			l.skip = false
			continue
		}
		if len(l.part) > 0 {
			full = append(l.part, full...)
			l.part = nil
		}
		if len(full) <= MaxLine {
			answered = max(answered, l.match(full))
		}
	}
	return answered
}

// match returns the number of the beat that one line answers; 0 none.
func (l *line) match(s []byte) uint64 {
	if !l.nonceBack {
		if l.oldest > l.sent || !contains(s, l.expectHead) {
			return 0
		}
		l.oldest++
		return l.oldest - 1
	}
	// The head may also stand earlier in the line without a number behind it: try each place.
	for i := 0; i+len(l.expectHead) <= len(s); i++ {
		if string(s[i:i+len(l.expectHead)]) != l.expectHead {
			continue
		}
		n, tail, ok := leadingNumber(s[i+len(l.expectHead):])
		if ok && n > l.base && n-l.base <= l.sent && len(tail) >= len(l.expectTail) && string(tail[:len(l.expectTail)]) == l.expectTail {
			return n - l.base
		}
	}
	return 0
}

// contains is bytes.Contains for a string, without a copy on the heap.
func contains(s []byte, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		if string(s[i:i+len(sub)]) == sub {
			return true
		}
	}
	return false
}

// leadingNumber reads the decimal digits at the start of s, at most nineteen.
func leadingNumber(s []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(s) && i < 19 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + uint64(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}
