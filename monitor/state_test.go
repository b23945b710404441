package monitor

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

var triggerNames = map[trigger]string{
	started: "started", paused: "paused", answered: "answered", overdue: "a beat is overdue", linkChanged: "the link changed",
	heldUp: "held up", ended: "ended in order", cut: "cut", proved: "a verdict stands", attemptFails: "the attempt failed",
}

// Every state and every trigger. What is not in the table leaves the state alone.
func TestNext(t *testing.T) {
	moves := map[State]map[trigger]State{
		Idle:       {started: Connecting},
		Connecting: {paused: Idle, answered: Up, cut: Suspect, proved: Down, attemptFails: Down},
		Up:         {paused: Idle, overdue: Suspect, linkChanged: Suspect, heldUp: Suspect, cut: Suspect, ended: Connecting, proved: Down},
		Suspect:    {paused: Idle, answered: Up, ended: Connecting, proved: Down},
		Down:       {paused: Idle, answered: Up},
	}
	for s := Idle; s <= Down; s++ {
		for tr := started; tr <= attemptFails; tr++ {
			t.Run(fmt.Sprintf("%v, %s", s, triggerNames[tr]), func(t *testing.T) {
				want, moves := moves[s][tr]
				if !moves {
					want = s
				}
				if got := next(s, tr); got != want {
					t.Errorf("became %v, want %v", got, want)
				}
			})
		}
	}
	if got := len(triggerNames); got != int(attemptFails)+1 {
		t.Errorf("the table names %d triggers, there are %d", got, attemptFails+1)
	}
}

// Any order of triggers stays within the five states; Idle comes only from a pause, Up only from an answer, and from Idle
// only a start leads out.
func TestNextNeverStrays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Idle
		for _, tr := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trigger {
			return trigger(rapid.IntRange(0, int(attemptFails)).Draw(t, "trigger"))
		}), 0, 60).Draw(t, "triggers") {
			to := next(s, tr)
			switch {
			case to > Down:
				t.Fatalf("%v, %s: became %d", s, triggerNames[tr], to)
			case to == Idle && s != Idle && tr != paused:
				t.Fatalf("%v, %s: became idle", s, triggerNames[tr])
			case to == Up && s != Up && tr != answered:
				t.Fatalf("%v, %s: became up", s, triggerNames[tr])
			case s == Idle && to != Idle && tr != started:
				t.Fatalf("idle, %s: became %v", triggerNames[tr], to)
			case tr == paused && to != Idle:
				t.Fatalf("%v, paused: became %v", s, to)
			case next(to, tr) != to && tr != cut && tr != proved && tr != ended:
				t.Fatalf("%v, %s twice: %v, then %v", s, triggerNames[tr], to, next(to, tr))
			}
			s = to
		}
	})
}

func TestNames(t *testing.T) {
	for s := Idle; s <= Down; s++ {
		if got, err := ParseState(s.String()); err != nil || got != s {
			t.Errorf("ParseState(%q) = %v, %v", s.String(), got, err)
		}
	}
	for _, bad := range []string{"", "UP", "sleeping", "state(9)"} {
		if s, err := ParseState(bad); err == nil {
			t.Errorf("ParseState(%q) = %v without an error", bad, s)
		}
	}
	if got := State(9).String(); got != "state(9)" {
		t.Errorf("State(9) is %q", got)
	}
	if got := EventKind(9).String(); got != "event(9)" {
		t.Errorf("EventKind(9) is %q", got)
	}
}
