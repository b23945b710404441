package monitor

// A trigger is what may move a target from one state to another. Everything else that happens (questions, answers,
// timers) leads to one of these or leaves the state alone.
type trigger uint8

const (
	started      trigger = iota // by the program, or resumed by the user
	paused                      // by the user
	answered                    // the session answered a heartbeat (or, with none, stands)
	overdue                     // a heartbeat was not answered in time
	linkChanged                 // the session's way is no longer whole on this computer
	heldUp                      // this program was not run, or the computer slept: what is known is old
	ended                       // the peer ended the session in order, and may do so by habit
	cut                         // the session was broken off
	proved                      // a verdict stands: on positive evidence, or when silence has had its time
	attemptFails                // no session yet, and the cause is known
)

// next is the whole state machine. A trigger that means nothing in a state leaves it.
func next(s State, t trigger) State {
	switch t {
	case paused:
		return Idle
	case started:
		if s == Idle {
			return Connecting
		}
	case answered:
		if s != Idle {
			return Up
		}
	case overdue, linkChanged, heldUp, cut:
		if s == Up {
			return Suspect
		}
		if s == Connecting && t == cut {
			return Suspect
		}
	case ended:
		if s == Up || s == Suspect {
			return Connecting
		}
	case proved:
		if s == Suspect || s == Connecting || s == Up {
			return Down
		}
	case attemptFails:
		if s == Connecting {
			return Down
		}
	}
	return s
}
