package wire

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// How an outage ended, for PastOutage.Ended.
const (
	Healed    = "healed"    // the session was back
	Paused    = "paused"    // somebody paused the target: whether it healed is not known
	Removed   = "removed"   // the target was taken off or changed: not known either
	Unwatched = "unwatched" // Holdfast did not run any more: End is when it last saw the outage, and what came then is not known
)

// FromEvidence is the evidence of a verdict.
func FromEvidence(from []netcheck.Evidence) []Evidence { return setEvidence(nil, from) }

// Outage is what the monitor's own list of outages would say of it.
func (u *PastOutage) Outage() monitor.Outage {
	return monitor.Outage{
		Start: u.Start.Time, End: u.End.Time, Attempts: u.Attempts,
		Verdict: verdict(u.Cause, u.Hop, u.Also, u.Interface, u.Gateway, u.LastHop, u.Evidence),
	}
}

// History is a part of the kept outages, the newest first.
type History struct {
	Outages []PastOutage `json:"outages"`
	More    bool         `json:"more"`    // there are older ones that the query asks for: ask again with Before
	Problem string       `json:"problem"` // what is wrong with what is kept, for a person; empty (null) nothing
	Watched []Watched    `json:"watched"` // null: it was not asked for
}

// Watched is a stretch of time in which a target was watched, and so is known to have been up where it was not broken.
type Watched struct {
	Target string `json:"target"`
	From   Time   `json:"from"`
	To     Time   `json:"to"`
}

// A PastOutage is an outage as it is kept: whole, with what was seen and every cause that was shown.
type PastOutage struct {
	ID           int64       `json:"id"` // rises from outage to outage, whatever the clock does
	Target       string      `json:"target"`
	Start        Time        `json:"start"`
	End          Time        `json:"end"`           // null while it lasts
	Ended        string      `json:"ended"`         // healed, paused, removed, unwatched; null while it lasts
	WatchedAgain Time        `json:"watched_again"` // of an unwatched end: when Holdfast ran again, null not yet
	Cause        string      `json:"cause"`
	Hop          string      `json:"hop"`
	Also         []string    `json:"also"`
	Attempts     int         `json:"attempts"`
	Address      string      `json:"address"`
	Interface    string      `json:"interface"`
	Gateway      netip.Addr  `json:"gateway"`
	LastHop      netip.Addr  `json:"last_hop"`
	Proxy        string      `json:"proxy"`
	Evidence     []Evidence  `json:"evidence"` // what the verdict rests on, oldest first
	Causes       []CauseTime `json:"causes"`   // every cause that was shown, in order
}

// A CauseTime is a cause and when it began to be shown.
type CauseTime struct {
	Time  Time   `json:"time"`
	Cause string `json:"cause"`
}

// MarshalJSON implements json.Marshaler.
func (u PastOutage) MarshalJSON() ([]byte, error) { return u.Append(nil), nil }

// Append appends the outage as one line of JSON, without the newline; see Object.Append.
func (u *PastOutage) Append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"id":`...), u.ID, 10)
	b = appendString(append(b, `,"target":`...), u.Target)
	b = appendTime(append(b, `,"start":`...), u.Start)
	b = appendTime(append(b, `,"end":`...), u.End)
	b = appendText(append(b, `,"ended":`...), u.Ended)
	b = appendTime(append(b, `,"watched_again":`...), u.WatchedAgain)
	b = appendText(append(b, `,"cause":`...), u.Cause)
	b = appendText(append(b, `,"hop":`...), u.Hop)
	b = appendList(append(b, `,"also":`...), u.Also, appendElement)
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(u.Attempts), 10)
	b = appendText(append(b, `,"address":`...), u.Address)
	b = appendText(append(b, `,"interface":`...), u.Interface)
	b = appendAddr(append(b, `,"gateway":`...), u.Gateway)
	b = appendAddr(append(b, `,"last_hop":`...), u.LastHop)
	b = appendText(append(b, `,"proxy":`...), u.Proxy)
	b = appendList(append(b, `,"evidence":`...), u.Evidence, appendEvidence)
	b = appendList(append(b, `,"causes":`...), u.Causes, func(b []byte, c *CauseTime) []byte {
		b = appendTime(append(b, `{"time":`...), c.Time)
		return append(appendText(append(b, `,"cause":`...), c.Cause), '}')
	})
	return append(b, '}')
}

// MarshalJSON implements json.Marshaler.
func (h History) MarshalJSON() ([]byte, error) { return h.Append(nil), nil }

// Append appends the whole as JSON, without a newline; see Object.Append.
func (h *History) Append(b []byte) []byte {
	b = appendList(append(b, `{"outages":`...), h.Outages, func(b []byte, u *PastOutage) []byte { return u.Append(b) })
	b = strconv.AppendBool(append(b, `,"more":`...), h.More)
	b = appendText(append(b, `,"problem":`...), h.Problem)
	return append(appendSome(append(b, `,"watched":`...), h.Watched, func(b []byte, w *Watched) []byte {
		b = appendString(append(b, `{"target":`...), w.Target)
		b = appendTime(append(b, `,"from":`...), w.From)
		return append(appendTime(append(b, `,"to":`...), w.To), '}')
	}), '}')
}

// RoundTrips is a target's round trips, a row a minute that was watched, oldest first.
type RoundTrips struct {
	Target  string   `json:"target"`
	Minutes []Minute `json:"minutes"`
}

// MarshalJSON implements json.Marshaler.
func (r RoundTrips) MarshalJSON() ([]byte, error) { return r.Append(nil), nil }

// Append appends the whole as JSON, without a newline; see Object.Append.
func (r *RoundTrips) Append(b []byte) []byte {
	b = appendString(append(b, `{"target":`...), r.Target)
	b = appendList(append(b, `,"minutes":`...), r.Minutes, appendMinute)
	return append(b, '}')
}

func appendMinute(b []byte, m *Minute) []byte {
	b = appendTime(append(b, `{"time":`...), m.Time)
	b = appendMillis(append(b, `,"min_ms":`...), m.Min)
	b = appendMillis(append(b, `,"mean_ms":`...), m.Mean)
	b = appendMillis(append(b, `,"max_ms":`...), m.Max)
	b = strconv.AppendInt(append(b, `,"beats":`...), int64(m.Beats), 10)
	b = strconv.AppendInt(append(b, `,"lost":`...), int64(m.Lost), 10)
	b = appendLength(append(b, `,"up_s":`...), m.Up)
	return append(appendLength(append(b, `,"watched_s":`...), m.Watched), '}')
}

// appendLength writes seconds to the millisecond; none is 0, and known.
func appendLength(b []byte, d Length) []byte {
	return strconv.AppendFloat(b, math.Round(time.Duration(d).Seconds()*1000)/1000, 'f', -1, 64)
}

// Length is a time that was counted, as the wire has it: a number of seconds, 0 for none.
type Length time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (l *Length) UnmarshalJSON(b []byte) error {
	d, err := parseDuration(b, time.Second)
	*l = Length(d)
	return err
}

// MarshalJSON implements json.Marshaler.
func (l Length) MarshalJSON() ([]byte, error) { return appendLength(nil, l), nil }

// A Minute is one minute of one target. Every heartbeat counts.
type Minute struct {
	Time    Time   `json:"time"` // when it began
	Min     Millis `json:"min_ms"`
	Mean    Millis `json:"mean_ms"`
	Max     Millis `json:"max_ms"`    // all three null: nothing was answered
	Beats   int    `json:"beats"`     // heartbeats that were answered
	Lost    int    `json:"lost"`      // those whose session ended before the answer, or that were answered too late to be measured
	Up      Length `json:"up_s"`      // in order
	Watched Length `json:"watched_s"` // of which it is known whether it was; less than 60 s where it was paused, or Holdfast began
}

// A HistoryQuery says which outages are asked for. The zero value asks for the newest.
type HistoryQuery struct {
	Since  time.Time // those that lasted then, or began later; zero all
	Target string    // the name; "" all
	Cause  string    // the code; "" all
	Text   string    // in target, address, cause, hop, interface, gateway, proxy or evidence; "" all
	Limit  int       // at most so many; 0 DefaultPage
	Before int64     // only those with a smaller ID; 0 all

	Watched bool // and when the targets were watched, since then
}

// The number of outages of one answer. Each answer costs a child of the resident, so that whoever wants all should not have
// to ask often.
const (
	DefaultPage = 100
	MaxPage     = 5000
)
