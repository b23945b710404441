package terminal

import (
	"strconv"
	"strings"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// Lines writes events as plain lines: the time, the target, and what happened in words. No drawing characters, no colour.
type Lines struct {
	Lang ui.Lang
}

func itoa(n int) string { return strconv.Itoa(n) }

// nameRunes bounds a target's name in a line.
const nameRunes = 80

// Worth reports whether e is worth a line: that an attempt begins is not, for how it ends is told as well.
func (w Lines) Worth(e monitor.Event) bool {
	n := len(e.Snapshot.Attempts)
	return e.Kind != monitor.AttemptEvent || n == 0 || e.Snapshot.Attempts[n-1].OK || e.Snapshot.Attempts[n-1].Took > 0
}

// Append appends e as one line.
func (w Lines) Append(buf []byte, e monitor.Event) []byte {
	s := &e.Snapshot
	l := w.Lang
	buf = s.Time.Local().AppendFormat(buf, "2006-01-02 15:04:05.000")
	buf = append(buf, "  "...)
	buf = append(buf, ui.Called(s.Target.Name, l, nameRunes)...)
	buf = append(buf, l.Say("colon")...)
	switch {
	case e.Removed:
		buf = append(buf, l.Say("term.removed")...)
	case e.Renewed:
		buf = append(buf, l.Say("term.renewed", "name", ui.Called(s.Target.Name, l, nameRunes))...)
	case e.Kind == monitor.BeatEvent:
		buf = append(buf, l.Say("seen.answers", "rtt", l.RTT(s.RTT))...)
	case e.Kind == monitor.AttemptEvent:
		buf = w.attempt(buf, s)
	default:
		buf = w.state(buf, s)
	}
	return append(buf, '\n')
}

// state says how the target stands and, when broken, why, what to do, and when it is tried again.
func (w Lines) state(buf []byte, s *monitor.Snapshot) []byte {
	l := w.Lang
	buf = append(buf, ui.LookOf(s.State).Word(l)...)
	switch s.State {
	case monitor.Up:
		if rtt := l.RTT(s.RTT); rtt != "" {
			buf = append(append(buf, l.Say("clause")...), rtt...)
		}
		if n := len(s.Outages); n > 0 && s.Outages[n-1].End.Equal(s.Since) {
			o := s.Outages[n-1]
			short := ui.Explain(o.Verdict, *s, l).Short
			if short == "" {
				short = l.Say("outage.unnamed")
			}
			buf = append(append(buf, l.Say("path.space")...),
				l.Tell("note.healed", "duration", l.Duration(o.End.Sub(o.Start)), "short", short)...)
		}
		return buf
	case monitor.Idle:
		return buf
	}
	if s.Verdict.Cause == netcheck.CauseNone {
		return buf
	}
	e := ui.Explain(s.Verdict, *s, l)
	buf = append(append(buf, l.Say("colon")...), l.Say("path.when", "text", e.Sentence, "time", string(s.Verdict.Cause))...)
	if len(s.Verdict.Also) > 0 {
		var also []byte
		for i, c := range s.Verdict.Also {
			if i > 0 {
				also = append(also, l.Say("comma")...)
			}
			also = append(also, ui.Short(c, l)...)
		}
		buf = append(append(buf, l.Say("path.space")...), l.Say("also", "text", string(also))...)
	}
	if s.State == monitor.Down {
		// The time of the line is that of what was seen.
		v := ui.ViewOf(*s, s.Time, l)
		buf = append(append(buf, l.Say("path.space")...), strings.TrimSuffix(v.Path, l.Say("stop"))...)
	}
	return w.next(buf, s)
}

// attempt says how the last attempt ended and when the next is due.
func (w Lines) attempt(buf []byte, s *monitor.Snapshot) []byte {
	a := monitor.Attempt{Number: s.Attempt}
	if n := len(s.Attempts); n > 0 {
		a = s.Attempts[n-1]
	}
	buf = append(buf, w.Lang.Say("term.attempt", "n", itoa(a.Number), "text", attemptWords(a, w.Lang))...)
	return w.next(buf, s)
}

// next says when the next attempt is: by the clock, for a line stays.
func (w Lines) next(buf []byte, s *monitor.Snapshot) []byte {
	if s.RetryAt.IsZero() {
		return buf
	}
	buf = append(buf, w.Lang.Say("path.space")...)
	return append(buf, w.Lang.Say("term.next", "time", s.RetryAt.Local().Format("15:04:05.0"))...)
}
