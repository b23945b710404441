//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Event is one line of holdfast watch --json, as far as the lab looks at it. Null is the zero value.
type Event struct {
	Read time.Time `json:"-"` // when the line was read here

	Time     time.Time
	Target   string
	Event    string // state, verdict, attempt, beat
	State    string // idle, connecting, up, suspect, down
	Cause    string
	Hop      string
	Also     []string
	Attempt  int
	RetryAt  time.Time `json:"retry_at"`
	RTT      float64   `json:"rtt_ms"`
	Renewed  bool
	Renewals int
	Stalled  bool
	Remote   string
	Evidence []struct{ Hop, Where, Seen, Saw string }
}

// ParseEvent reads one line.
func ParseEvent(l Line) (Event, error) {
	var e Event
	if err := json.Unmarshal([]byte(l.Text), &e); err != nil {
		return Event{}, fmt.Errorf("line %.200q: %w", l.Text, err)
	}
	if e.Time.IsZero() || e.Target == "" || e.Event == "" || e.State == "" {
		return Event{}, fmt.Errorf("line %.200q: time, target, event or state is missing", l.Text)
	}
	e.Read = l.At
	return e, nil
}

// String is the event in one line, for the report of a failure.
func (e Event) String() string {
	var saw []string
	for _, v := range e.Evidence {
		saw = append(saw, v.Hop+" "+v.Seen+" ("+v.Saw+")")
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s %s %s [%s]", e.Read.Format("05.000"), e.Target, e.Event, e.State, e.Cause,
		strings.Join(e.Also, ","), strings.Join(saw, "; ")), " []")
}

// A Watch is the real program, watching.
type Watch struct {
	*Proc
	Started time.Time // just before the program was started

	mu      sync.Mutex    // guards what follows
	events  []Event       // all but beats
	beats   int           // how many beats were answered
	bad     error         // the first line that was not understood
	changed chan struct{} // closed, and made anew, with every line
}

// Watch starts "program watch --json" with further arguments on the client. Beats are counted where --beats is among
// them.
func (l *Lab) Watch(program string, args ...string) (*Watch, error) {
	return l.Client.Watch(program, args...)
}

// Watch starts the program on this host.
func (h *Host) Watch(program string, args ...string) (*Watch, error) {
	w := &Watch{changed: make(chan struct{}), Started: time.Now()}
	p, err := h.StartEnv([]string{"NO_COLOR=1"}, w.line, program, append([]string{"watch", "--json"}, args...)...)
	if err != nil {
		return nil, err
	}
	w.Proc = p
	return w, nil
}

func (w *Watch) line(l Line) {
	e, err := ParseEvent(l)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		if w.bad == nil {
			w.bad = err
		}
	case e.Event == "beat":
		w.beats++
	default:
		w.events = append(w.events, e)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// Events returns what was printed so far, beats left out.
func (w *Watch) Events() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// Beats returns how many beats were reported.
func (w *Watch) Beats() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.beats
}

// Bad returns the error of the first line that was not understood.
func (w *Watch) Bad() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bad
}

// Until waits until ok says yes to the events so far, and fails after the time given or when the program ends.
func (w *Watch) Until(what string, timeout time.Duration, ok func([]Event) bool) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		good, bad, changed := ok(w.events), w.bad, w.changed
		w.mu.Unlock()
		if bad != nil {
			return bad
		}
		if good {
			return nil
		}
		select {
		case <-changed:
		case <-deadline.C:
			return fmt.Errorf("no %s within %v; printed so far:\n%s", what, timeout, w.Report())
		case <-w.done:
			return fmt.Errorf("no %s: the program ended (%v):\n%s", what, w.err, w.Tail())
		}
	}
}

// Report is all events in words, and what else the program said.
func (w *Watch) Report() string {
	var b strings.Builder
	for _, e := range w.Events() {
		fmt.Fprintln(&b, e)
	}
	w.Proc.mu.Lock()
	for _, l := range w.Proc.tail {
		if !strings.Contains(l, `{"time"`) {
			fmt.Fprintln(&b, l)
		}
	}
	w.Proc.mu.Unlock()
	return b.String()
}

// Now returns the present state of a target; empty before its first line. An empty target is any.
func (w *Watch) Now(target string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return stateOf(w.events, target)
}

func stateOf(events []Event, target string) string {
	for _, e := range slices.Backward(events) {
		if target == "" || e.Target == target {
			return e.State
		}
	}
	return ""
}

// UntilUp waits until every target of those that were ever named, and at least n, are up.
func (w *Watch) UntilUp(n int, timeout time.Duration) error {
	return w.Until(fmt.Sprintf("%d targets up", n), timeout, func(events []Event) bool {
		now := make(map[string]string)
		for _, e := range events {
			now[e.Target] = e.State
		}
		up := 0
		for _, s := range now {
			if s == "up" {
				up++
			}
		}
		return up >= n && up == len(now)
	})
}

// None is a figure of something that did not happen.
const None = time.Duration(-1)

// Figures is what a fault looked like to somebody who reads the program's lines. A figure is None where the thing did
// not happen.
type Figures struct {
	LeftUp time.Duration // from the fault until the state was another than up
	Down   time.Duration // from the fault until down
	Named  time.Duration // from the fault until the first cause
	Back   time.Duration // from the repair until up

	Cause  string   // the first cause
	Also   []string // with it
	Causes []string // each further cause before the repair, in order, the first included
}

// Measure reads the figures of one target off the events. With broken before the first event it is a program that was
// started into the fault; a zero repaired means that nothing was repaired, and Back counts from the fault.
func Measure(events []Event, target string, broken, repaired time.Time) Figures {
	f := Figures{LeftUp: None, Down: None, Named: None, Back: None}
	after := func(e Event, t time.Time) bool { return !e.Time.Before(t.Truncate(time.Microsecond)) } // the lines have microseconds
	mended := !repaired.IsZero()
	for _, e := range events {
		if target != "" && e.Target != target || !after(e, broken) {
			continue
		}
		healing := mended && after(e, repaired)
		since := e.Read.Sub(broken)
		if !healing {
			if f.LeftUp == None && e.State != "up" {
				f.LeftUp = since
			}
			if f.Down == None && e.State == "down" {
				f.Down = since
			}
			if e.Cause != "" {
				if f.Named == None {
					f.Named, f.Cause, f.Also = since, e.Cause, e.Also
				}
				if len(f.Causes) == 0 || f.Causes[len(f.Causes)-1] != e.Cause {
					f.Causes = append(f.Causes, e.Cause)
				}
			}
		}
		if f.Back == None && e.State == "up" {
			switch {
			case healing:
				f.Back = e.Read.Sub(repaired)
			case !mended && f.LeftUp != None:
				f.Back = since
			}
		}
	}
	return f
}
