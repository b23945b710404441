// Package wire holds the one JSON form of a [monitor.Snapshot] and a [monitor.Event]. Watch in a terminal, the control
// socket, the window and the history all speak it.
//
// An [Object] is one line. The format only ever grows: a field keeps its name and meaning, new ones may be added, and a
// reader ignores what it does not know. A code (cause, hop, state, event, seen) that this version does not know is kept
// as it came and is never an error. Fields that do not apply are null, lists without elements are []. Times are RFC 3339
// in UTC with microseconds; durations are numbers whose name ends in _ms or _s, exact to the microsecond.
//
// Two lists are long and seldom change: attempts and outages. Within one stream an [Encoder] says null for a list that is
// still the one of the target's object before, and a [Decoder] puts it back. The first object of each target, and every
// object that is not part of a stream, has both.
//
// What only the settings need (send, expect, the keepalive asked for) is not part of an Object.
package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// An Object is one line of JSON: a target at one moment and, in a stream, what happened to it.
type Object struct {
	Time     Time       `json:"time"`
	Target   string     `json:"target"` // its name
	Event    string     `json:"event"`  // state, verdict, attempt, beat; empty (null) in a status
	State    string     `json:"state"`  // idle, connecting, up, suspect, down
	Since    Time       `json:"since"`  // when State was entered
	Cause    string     `json:"cause"`
	Hop      string     `json:"hop"`
	Also     []string   `json:"also"` // what cannot be told apart from Cause
	Attempt  int        `json:"attempt"`
	RetryAt  Time       `json:"retry_at"`
	RTT      Millis     `json:"rtt_ms"`
	Evidence []Evidence `json:"evidence"` // what the verdict rests on, oldest first

	Address     string     `json:"address"`
	Via         string     `json:"via"`   // as it was asked for, without a password
	Proxy       string     `json:"proxy"` // the one really used, without user and password; empty when direct
	Heartbeat   string     `json:"heartbeat"`
	Interval    Millis     `json:"interval_ms"`
	Timeout     Millis     `json:"timeout_ms"`
	BrokenSince Time       `json:"broken_since"` // when the outage began
	LegRTT      Millis     `json:"leg_rtt_ms"`   // the kernel's round trip of the session
	LastAnswer  Time       `json:"last_answer"`
	UpSince     Time       `json:"up_since"`
	Remote      string     `json:"remote"` // the address that was dialled
	Interface   string     `json:"interface"`
	Gateway     netip.Addr `json:"gateway"`
	LastHop     netip.Addr `json:"last_hop"` // Interface, Gateway and LastHop are the verdict's
	Way         *Way       `json:"way"`
	Keepalive   *Keepalive `json:"keepalive"`     // as the kernel has it; nil before the first session
	RenewEvery  Seconds    `json:"renew_every_s"` // how long this server lets a session live
	Renewals    int        `json:"renewals"`
	Renewed     bool       `json:"renewed"` // the server ended the session as its habit is: no outage
	Removed     bool       `json:"removed"` // the target was taken off; this is its last object
	Stalled     bool       `json:"stalled"` // the watcher itself does not run: State is old news
	Seq         uint64     `json:"seq"`
	Hops        []Evidence `json:"hops"`     // the newest on each hop, nearest first
	Attempts    []Attempt  `json:"attempts"` // newest last; nil (null): as in the object before
	Outages     []Outage   `json:"outages"`  // newest last; nil (null): as in the object before

	// Kept so that a stream decodes without new memory for each of them.
	way       Way
	keepalive Keepalive
}

// Evidence is a netcheck.Evidence.
type Evidence struct {
	Time  Time   `json:"time"`
	Hop   string `json:"hop"`
	Saw   string `json:"saw"`
	Where string `json:"where"`
	Seen  string `json:"seen"`
	RTT   Millis `json:"rtt_ms"`
}

// A Way is a netcheck.Way.
type Way struct {
	Interface   string     `json:"interface"`
	Index       int        `json:"index"`
	Source      netip.Addr `json:"source"`
	Gateway     netip.Addr `json:"gateway"`
	Destination netip.Addr `json:"destination"`
	Loopback    bool       `json:"loopback"`
}

// Keepalive is a monitor.Keepalive as read back from a socket.
type Keepalive struct {
	Enabled     bool    `json:"enabled"`
	Idle        Seconds `json:"idle_s"`
	Interval    Seconds `json:"interval_s"`
	Count       int     `json:"count"`
	UserTimeout Millis  `json:"user_timeout_ms"`
}

// An Attempt is a monitor.Attempt.
type Attempt struct {
	Number int    `json:"number"`
	Start  Time   `json:"start"`
	Took   Millis `json:"took_ms"`
	Cause  string `json:"cause"`
	OK     bool   `json:"ok"`
}

// An Outage is a monitor.Outage.
type Outage struct {
	Start     Time       `json:"start"`
	End       Time       `json:"end"`
	Cause     string     `json:"cause"`
	Hop       string     `json:"hop"`
	Also      []string   `json:"also"`
	Interface string     `json:"interface"`
	Gateway   netip.Addr `json:"gateway"`
	LastHop   netip.Addr `json:"last_hop"`
	Evidence  []Evidence `json:"evidence"`
	Attempts  int        `json:"attempts"`
}

// FromSnapshot is the whole of s, without an event. The Object shares nothing with it.
func FromSnapshot(s monitor.Snapshot) Object {
	var o Object
	o.set(&s)
	return o.detach()
}

// detach gives the Object that is about to be copied memory of its own for what set keeps inside.
func (o Object) detach() Object {
	if o.Way != nil {
		w := *o.Way
		o.Way = &w
	}
	if o.Keepalive != nil {
		k := *o.Keepalive
		o.Keepalive = &k
	}
	o.way, o.keepalive = Way{}, Keepalive{}
	return o
}

func (o *Object) setEvent(e *monitor.Event) {
	o.Event, o.Renewed, o.Removed = e.Kind.String(), e.Renewed, e.Removed
}

// set overwrites o with s and reuses the memory of its slices.
func (o *Object) set(s *monitor.Snapshot) {
	v := &s.Verdict
	*o = Object{
		Time: Time{s.Time}, Target: s.Target.Name, State: s.State.String(), Since: Time{s.Since},
		Cause: string(v.Cause), Hop: string(v.Hop), Attempt: s.Attempt, RetryAt: Time{s.RetryAt}, RTT: Millis(s.RTT),

		Address: s.Target.Address, Via: orElse(s.Target.Via, "direct"), Proxy: s.Proxy, Heartbeat: orElse(s.Target.Heartbeat, "none"),
		Interval: Millis(s.Target.Interval), Timeout: Millis(s.Target.Timeout),
		BrokenSince: Time{s.BrokenSince}, LegRTT: Millis(s.LegRTT), LastAnswer: Time{s.LastAnswer}, UpSince: Time{s.UpSince},
		Remote: s.Remote, Interface: v.Interface, Gateway: v.Gateway, LastHop: v.LastHop,
		RenewEvery: Seconds(s.RenewEvery), Renewals: s.Renewals, Seq: s.Seq,

		Also: setAlso(o.Also[:0], v.Also), Evidence: setEvidence(o.Evidence[:0], v.Evidence), Hops: setEvidence(o.Hops[:0], s.Evidence),
		Attempts: o.Attempts[:0], Outages: o.Outages[:0],
	}
	if w := s.Way; w != (netcheck.Way{}) {
		o.way = Way{Interface: w.Interface, Index: w.Index, Source: w.Source, Gateway: w.Gateway, Destination: w.Destination, Loopback: w.Loopback}
		o.Way = &o.way
	}
	if k := s.Keepalive; k != (monitor.Keepalive{}) {
		o.keepalive = Keepalive{Enabled: k.Enabled, Idle: Seconds(k.Idle), Interval: Seconds(k.Interval), Count: k.Count, UserTimeout: Millis(k.UserTimeout)}
		o.Keepalive = &o.keepalive
	}
	o.Attempts = slices.Grow(o.Attempts, max(1, len(s.Attempts))) // never nil: nil means "as before"
	for _, a := range s.Attempts {
		o.Attempts = append(o.Attempts, Attempt{Number: a.Number, Start: Time{a.Start}, Took: Millis(a.Took), Cause: string(a.Cause), OK: a.OK})
	}
	o.Outages = slices.Grow(o.Outages, max(1, len(s.Outages)))
	for i := range s.Outages {
		o.Outages = o.Outages[:i+1]
		u, f := &s.Outages[i], &o.Outages[i]
		v := &u.Verdict
		*f = Outage{
			Start: Time{u.Start}, End: Time{u.End}, Cause: string(v.Cause), Hop: string(v.Hop), Also: setAlso(f.Also[:0], v.Also),
			Interface: v.Interface, Gateway: v.Gateway, LastHop: v.LastHop, Evidence: setEvidence(f.Evidence[:0], v.Evidence), Attempts: u.Attempts,
		}
	}
}

func setAlso(to []string, from []netcheck.Cause) []string {
	for _, c := range from {
		to = append(to, string(c))
	}
	return to
}

func setEvidence(to []Evidence, from []netcheck.Evidence) []Evidence {
	for _, e := range from {
		to = append(to, Evidence{Time: Time{e.Time}, Hop: string(e.Hop), Saw: e.Saw, Where: e.Where, Seen: string(e.Seen), RTT: Millis(e.RTT)})
	}
	return to
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// ErrIncomplete is returned for an object that does not say which target it is about, when, or in what state.
var ErrIncomplete = errors.New("object without target, time or state")

// Snapshot is the inverse of FromSnapshot, but for what an Object does not carry. A state of a newer version becomes
// Suspect: neither green nor an alarm.
func (o Object) Snapshot() (monitor.Snapshot, error) {
	if o.Target == "" || o.State == "" || o.Time.IsZero() {
		return monitor.Snapshot{}, fmt.Errorf("target %q: %w", o.Target, ErrIncomplete)
	}
	state, err := monitor.ParseState(o.State)
	if err != nil {
		state = monitor.Suspect
	}
	s := monitor.Snapshot{
		Time: o.Time.Time, Seq: o.Seq, State: state, Since: o.Since.Time,
		Target: monitor.Target{
			Name: o.Target, Address: o.Address, Via: o.Via, Heartbeat: o.Heartbeat,
			Interval: time.Duration(o.Interval), Timeout: time.Duration(o.Timeout),
		},
		Verdict:     verdict(o.Cause, o.Hop, o.Also, o.Interface, o.Gateway, o.LastHop, o.Evidence),
		BrokenSince: o.BrokenSince.Time, Attempt: o.Attempt, RetryAt: o.RetryAt.Time,
		RTT: time.Duration(o.RTT), LegRTT: time.Duration(o.LegRTT), LastAnswer: o.LastAnswer.Time, UpSince: o.UpSince.Time,
		Remote: o.Remote, Proxy: o.Proxy, RenewEvery: time.Duration(o.RenewEvery), Renewals: o.Renewals,
		Evidence: evidence(o.Hops),
	}
	if w := o.Way; w != nil {
		s.Way = netcheck.Way{Index: w.Index, Interface: w.Interface, Source: w.Source, Gateway: w.Gateway, Destination: w.Destination, Loopback: w.Loopback}
	}
	if k := o.Keepalive; k != nil {
		s.Keepalive = monitor.Keepalive{
			Enabled: k.Enabled, Idle: time.Duration(k.Idle), Interval: time.Duration(k.Interval), Count: k.Count,
			UserTimeout: time.Duration(k.UserTimeout),
		}
	}
	if len(o.Attempts) > 0 {
		s.Attempts = make([]monitor.Attempt, len(o.Attempts))
	}
	for i, a := range o.Attempts {
		s.Attempts[i] = monitor.Attempt{Number: a.Number, Start: a.Start.Time, Took: time.Duration(a.Took), Cause: netcheck.Cause(a.Cause), OK: a.OK}
	}
	if len(o.Outages) > 0 {
		s.Outages = make([]monitor.Outage, len(o.Outages))
	}
	for i, u := range o.Outages {
		s.Outages[i] = monitor.Outage{
			Start: u.Start.Time, End: u.End.Time, Attempts: u.Attempts,
			Verdict: verdict(u.Cause, u.Hop, u.Also, u.Interface, u.Gateway, u.LastHop, u.Evidence),
		}
	}
	return s, nil
}

// ToEvent is the event that an Encoder made the Object of. An event of a newer version, and an object without one, becomes a StateEvent.
func (o Object) ToEvent() (monitor.Event, error) {
	s, err := o.Snapshot()
	if err != nil {
		return monitor.Event{}, err
	}
	e := monitor.Event{Snapshot: s, Renewed: o.Renewed, Removed: o.Removed}
	for k := monitor.StateEvent; k <= monitor.BeatEvent; k++ {
		if k.String() == o.Event {
			e.Kind = k
		}
	}
	return e, nil
}

func verdict(cause, hop string, also []string, ifi string, gateway, lastHop netip.Addr, e []Evidence) netcheck.Verdict {
	v := netcheck.Verdict{
		Cause: netcheck.Cause(cause), Hop: netcheck.Hop(hop), Interface: ifi, Gateway: gateway, LastHop: lastHop, Evidence: evidence(e),
	}
	for _, a := range also {
		v.Also = append(v.Also, netcheck.Cause(a))
	}
	return v
}

func evidence(from []Evidence) []netcheck.Evidence {
	if len(from) == 0 {
		return nil
	}
	to := make([]netcheck.Evidence, len(from))
	for i, e := range from {
		to[i] = netcheck.Evidence{Time: e.Time.Time, Hop: netcheck.Hop(e.Hop), Where: e.Where, Seen: netcheck.Seen(e.Seen), RTT: time.Duration(e.RTT), Saw: e.Saw}
	}
	return to
}
