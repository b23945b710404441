// Package monitor keeps a TCP session to each target alive and says, within about a second, that a session broke, which
// hop broke and why. It reconnects by itself, and at once when asked.
//
// A [Fleet] watches many targets and shares between them what they have in common: the kernel's news, the grid on which
// heartbeats are sent, the questions to a hop on the way of several of them. Its methods may be called from any
// goroutine.
package monitor

import (
	"fmt"
	"time"

	"holdfast/netcheck"
)

// A State is where a target stands. The zero value is Idle.
type State uint8

const (
	Idle       State = iota // paused by the user, or not started
	Connecting              // a dial is under way, and no outage is counted
	Up                      // connected, and the last heartbeat was answered in time
	Suspect                 // connected, but a heartbeat is overdue or something changed on this computer's way
	Down                    // broken; the next attempt is at Snapshot.RetryAt
)

var stateNames = [...]string{"idle", "connecting", "up", "suspect", "down"}

// String returns the name that JSON, metrics and logs use.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState is the inverse of State.String.
func ParseState(name string) (State, error) {
	for i, n := range stateNames {
		if n == name {
			return State(i), nil
		}
	}
	return Idle, fmt.Errorf("unknown state %q", name)
}

// A Target is a server that the user wants a session to. Name and Address must be set; New and Fleet.Set check the rest.
type Target struct {
	Name    string // unique in a Fleet
	Address string // host:port; an IPv6 address in brackets
	// Via is the way there: "" or "direct", "http://[user[:password]@]host[:port]" or "socks5://…" for a proxy, "system"
	// for what the environment says (https_proxy, all_proxy, no_proxy) and, where it says nothing, Windows: a Fleet follows
	// its settings while it runs. The proxy is given names as they stand. A password is kept to the Monitor: what it
	// publishes never holds it.
	Via       string
	Heartbeat string // "" or "none", "echo", "line"
	Send      string // line: what is sent; {nonce} is replaced by a fresh number
	Expect    string // line: what the answer contains; {nonce} likewise

	Interval  time.Duration // between heartbeats; 0 means 500 ms
	Timeout   time.Duration // longest wait for an answer before suspicion; 0 means 2 s; the measured round trip sets it within this bound
	Keepalive Keepalive
}

// Keepalive is the TCP keepalive of a session, as asked for (Target) or as the kernel has it (Snapshot).
// In a Target zero fields mean 1 s, 1 s, 3, 2 s.
type Keepalive struct {
	Enabled     bool          // as read back; ignored in a Target: keepalive is always on
	Idle        time.Duration // TCP_KEEPIDLE
	Interval    time.Duration // TCP_KEEPINTVL
	Count       int           // TCP_KEEPCNT
	UserTimeout time.Duration // TCP_USER_TIMEOUT; 0 as read back means the system's default
}

// An Attempt is one try to get a session.
type Attempt struct {
	Number int // counts from 1 within an outage, or since the target was started
	Start  time.Time
	Took   time.Duration // 0 while under way
	Cause  netcheck.Cause
	OK     bool // it became the session
}

// An Outage is the time from leaving Up (or from the first failed attempt) to being Up again.
type Outage struct {
	Start, End time.Time // End is zero while it lasts
	Verdict    netcheck.Verdict
	Attempts   int
}

// A Snapshot is everything there is to know about one target at one moment. It is never changed after it was published;
// its slices must not be written to.
type Snapshot struct {
	Time   time.Time // when it was taken
	Seq    uint64    // rises by one with every snapshot of the target
	Target Target
	State  State
	Since  time.Time // when State was entered

	// Verdict: why it is Suspect (mostly still zero) or Down; why an earlier session ended, while Connecting.
	Verdict netcheck.Verdict
	// BrokenSince is when the outage began; zero while there is none.
	BrokenSince time.Time
	// Attempt counts the attempts of this outage; RetryAt is when the next one starts, zero while one is under way.
	Attempt int
	RetryAt time.Time

	RTT        time.Duration // of the last answered heartbeat; 0 none yet
	LegRTT     time.Duration // the kernel's smoothed round trip of the session; 0 not known
	LastAnswer time.Time     // when the last answer came; zero none yet
	UpSince    time.Time     // when the present session, and those it renewed, became Up; zero when not Up or Suspect
	Way        netcheck.Way  // of the session, or the last one known
	Remote     string        // the address that was dialled, the proxy's where there is one, "192.0.2.7:7000"; empty before the first attempt
	Proxy      string        // the proxy on the way, "http://proxy.example.net:3128", without a password; empty when direct
	Keepalive  Keepalive     // as read back from the session's socket
	RenewEvery time.Duration // how long this server lets a session live, once seen twice; 0 not known
	Renewals   int           // how often a session was renewed without an outage

	Evidence []netcheck.Evidence // the newest on each hop, nearest hop first
	Attempts []Attempt           // newest last, at most 32
	Outages  []Outage            // newest last, at most 16, the present one included
}

// An EventKind says what an Event reports.
type EventKind uint8

const (
	StateEvent   EventKind = iota // State changed, or (Renewed) a session was renewed
	VerdictEvent                  // Verdict changed within a state
	AttemptEvent                  // an attempt ended or RetryAt was set
	BeatEvent                     // a heartbeat was answered
)

var kindNames = [...]string{"state", "verdict", "attempt", "beat"}

// String returns the name that JSON uses.
func (k EventKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("event(%d)", uint8(k))
}

// An Event is one thing that happened to one target, with the snapshot taken right after it.
type Event struct {
	Kind     EventKind
	Snapshot Snapshot
	Renewed  bool // the session was ended by the server as its habit is, and renewed: no outage
	Removed  bool // the target was taken off the fleet; Snapshot is its last
}

// A Sample is the round trip of one second, for charts.
type Sample struct {
	Time time.Time     // whole seconds
	RTT  time.Duration // the longest in that second
}
