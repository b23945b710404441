package responder

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// A Kind says what an Event reports.
type Kind uint8

const (
	Came   Kind = iota // connected
	Went               // ended its session in order
	Reset              // its session was reset
	Silent             // broke its rhythm, or its computer answers no longer; the session is still open
	Back               // was Silent, and is heard again
	Lost               // was Silent, and the kernel has given the session up
	Ended              // this server ended the session; Event.Why says why
)

var kindNames = [...]string{"came", "went", "reset", "silent", "back", "lost", "ended"}

// String returns the name that JSON uses.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// An Event is one thing that happened to one client.
type Event struct {
	Time   time.Time
	Client netip.AddrPort // invalid for a client that did not come over TCP
	Kind   Kind
	// After is how long nothing had been heard (Silent, Back, Lost) or how long the session lasted (Went, Reset, Ended).
	After time.Duration
	Beats uint64 // heartbeats so far in this session
	Why   string // of Silent and Ended, plain English; empty where there is nothing to add
	// Dropped events preceded this one: nobody had taken them in time.
	Dropped uint64
}

// String is the event as one line of text for a terminal or a log, with local time.
func (e Event) String() string { return e.Line(func(english string) string { return english }) }

// Line is String in another language: say is given each sentence that is in the line, in English.
func (e Event) Line(say func(english string) string) string {
	who := say("a client")
	if e.Client.IsValid() {
		who = e.Client.String()
	}
	var what string
	switch e.Kind {
	case Came:
		what = "came"
	case Went:
		what = fmt.Sprintf("went after %s, %s", seconds(e.After), beats(e.Beats))
	case Reset:
		what = fmt.Sprintf("was reset after %s, %s", seconds(e.After), beats(e.Beats))
	case Silent:
		what = fmt.Sprintf("fell silent: nothing for %s, %s before", seconds(e.After), beats(e.Beats))
	case Back:
		what = fmt.Sprintf("is back after %s of silence", seconds(e.After))
	case Lost:
		what = fmt.Sprintf("is lost: nothing for %s, session given up", seconds(e.After))
	case Ended:
		what = fmt.Sprintf("was ended here after %s, %s", seconds(e.After), beats(e.Beats))
	default:
		what = e.Kind.String()
	}
	s := e.Time.Local().Format("2006-01-02 15:04:05.000") + " " + who + " " + say(what)
	if e.Why != "" {
		s += " (" + say(e.Why) + ")"
	}
	if e.Dropped > 0 {
		s += " [" + say(fmt.Sprintf("%d events before this one were dropped", e.Dropped)) + "]"
	}
	return s
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func beats(n uint64) string {
	if n == 1 {
		return "1 heartbeat"
	}
	return fmt.Sprintf("%d heartbeats", n)
}

// MarshalJSON is the event as `holdfast serve --json` prints it. The format only ever grows.
func (e Event) MarshalJSON() ([]byte, error) {
	v := struct {
		Time    string  `json:"time"`
		Event   string  `json:"event"`
		Client  *string `json:"client"`
		AfterS  float64 `json:"after_s"`
		Beats   uint64  `json:"beats"`
		Why     *string `json:"why"`
		Dropped uint64  `json:"dropped,omitempty"`
	}{
		Time:   e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Event:  e.Kind.String(),
		AfterS: float64(e.After.Milliseconds()) / 1000,
		Beats:  e.Beats, Dropped: e.Dropped,
	}
	if e.Client.IsValid() {
		c := e.Client.String()
		v.Client = &c
	}
	if e.Why != "" {
		v.Why = &e.Why
	}
	return json.Marshal(v)
}

// maxWaiting bounds the events that wait for a slow reader: 3.5 MB at most.
const maxWaiting = 32768

// A queue hands events to one reader, in order, without ever making a session wait for it.
type queue struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex // guards what follows
	opened  bool
	closed  bool
	waiting []Event
	dropped uint64
}

func (q *queue) open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opened = true
}

func (q *queue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.opened {
		return
	}
	if len(q.waiting) >= maxWaiting {
		q.dropped++
		return
	}
	e.Dropped, q.dropped = q.dropped, 0
	q.waiting = append(q.waiting, e)
	select {
	case q.wake <- struct{}{}:
	default: // already woken
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run calls f with each event until the queue is closed and empty.
func (q *queue) run(f func(Event)) {
	for {
		<-q.wake
		q.mu.Lock()
		batch, closed := q.waiting, q.closed
		q.waiting = nil
		q.mu.Unlock()
		for _, e := range batch {
			f(e)
		}
		if closed {
			return // nothing is put after close
		}
	}
}
