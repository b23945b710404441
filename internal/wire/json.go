package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Time is a moment as the wire has it: RFC 3339, UTC, microseconds; null is the zero Time.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return appendTime(nil, t), nil }

// UnmarshalJSON implements json.Unmarshaler. Any RFC 3339 time is understood; it is kept in UTC, to the microsecond.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Time{}
		return nil
	}
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return errors.New("a time is a string as RFC 3339 has it")
	}
	u, err := time.Parse(time.RFC3339Nano, string(b[1:len(b)-1]))
	if err != nil {
		return err
	}
	*t = Time{u.UTC().Truncate(time.Microsecond)}
	return nil
}

// Millis is a duration as the wire has it: a number of milliseconds, exact to the microsecond; null is 0, not known.
type Millis time.Duration

// MarshalJSON implements json.Marshaler.
func (m Millis) MarshalJSON() ([]byte, error) { return appendMillis(nil, m), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Millis) UnmarshalJSON(b []byte) error {
	d, err := parseDuration(b, time.Millisecond)
	*m = Millis(d)
	return err
}

// Seconds is Millis in seconds.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) { return appendSeconds(nil, s), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	d, err := parseDuration(b, time.Second)
	*s = Seconds(d)
	return err
}

func parseDuration(b []byte, unit time.Duration) (time.Duration, error) {
	if string(b) == "null" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, fmt.Errorf("duration: %w", err)
	}
	us := math.Round(f * float64(unit/time.Microsecond))
	if math.Abs(us) > 1<<53 { // 285 years; beyond it a float is not exact
		return 0, fmt.Errorf("duration %s is out of range", b)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) { return o.Append(nil), nil }

// Append appends the object as one line of JSON, without the newline. Nothing in it can move a cursor: control, C1 and
// bidirectional characters are escaped.
func (o *Object) Append(b []byte) []byte {
	b = appendTime(append(b, `{"time":`...), o.Time)
	b = appendString(append(b, `,"target":`...), o.Target)
	b = appendText(append(b, `,"event":`...), o.Event)
	b = appendText(append(b, `,"state":`...), o.State)
	b = appendTime(append(b, `,"since":`...), o.Since)
	b = appendText(append(b, `,"cause":`...), o.Cause)
	b = appendText(append(b, `,"hop":`...), o.Hop)
	b = appendList(append(b, `,"also":`...), o.Also, appendElement)
	b = appendCount(append(b, `,"attempt":`...), o.Attempt)
	b = appendTime(append(b, `,"retry_at":`...), o.RetryAt)
	b = appendMillis(append(b, `,"rtt_ms":`...), o.RTT)
	b = appendList(append(b, `,"evidence":`...), o.Evidence, appendEvidence)

	b = appendText(append(b, `,"address":`...), o.Address)
	b = appendText(append(b, `,"via":`...), o.Via)
	b = appendText(append(b, `,"proxy":`...), o.Proxy)
	b = appendText(append(b, `,"heartbeat":`...), o.Heartbeat)
	b = appendMillis(append(b, `,"interval_ms":`...), o.Interval)
	b = appendMillis(append(b, `,"timeout_ms":`...), o.Timeout)
	b = appendTime(append(b, `,"broken_since":`...), o.BrokenSince)
	b = appendMillis(append(b, `,"leg_rtt_ms":`...), o.LegRTT)
	b = appendTime(append(b, `,"last_answer":`...), o.LastAnswer)
	b = appendTime(append(b, `,"up_since":`...), o.UpSince)
	b = appendText(append(b, `,"remote":`...), o.Remote)
	b = appendText(append(b, `,"interface":`...), o.Interface)
	b = appendAddr(append(b, `,"gateway":`...), o.Gateway)
	b = appendAddr(append(b, `,"last_hop":`...), o.LastHop)
	b = append(b, `,"way":`...)
	if w := o.Way; w == nil {
		b = append(b, "null"...)
	} else {
		b = appendText(append(b, `{"interface":`...), w.Interface)
		b = strconv.AppendInt(append(b, `,"index":`...), int64(w.Index), 10)
		b = appendAddr(append(b, `,"source":`...), w.Source)
		b = appendAddr(append(b, `,"gateway":`...), w.Gateway)
		b = appendAddr(append(b, `,"destination":`...), w.Destination)
		b = append(strconv.AppendBool(append(b, `,"loopback":`...), w.Loopback), '}')
	}
	b = append(b, `,"keepalive":`...)
	if k := o.Keepalive; k == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendBool(append(b, `{"enabled":`...), k.Enabled)
		b = appendSeconds(append(b, `,"idle_s":`...), k.Idle)
		b = appendSeconds(append(b, `,"interval_s":`...), k.Interval)
		b = strconv.AppendInt(append(b, `,"count":`...), int64(k.Count), 10)
		b = append(appendMillis(append(b, `,"user_timeout_ms":`...), k.UserTimeout), '}')
	}
	b = appendSeconds(append(b, `,"renew_every_s":`...), o.RenewEvery)
	b = strconv.AppendInt(append(b, `,"renewals":`...), int64(o.Renewals), 10)
	b = strconv.AppendBool(append(b, `,"renewed":`...), o.Renewed)
	b = strconv.AppendBool(append(b, `,"removed":`...), o.Removed)
	b = strconv.AppendBool(append(b, `,"stalled":`...), o.Stalled)
	b = strconv.AppendUint(append(b, `,"seq":`...), o.Seq, 10)
	b = appendList(append(b, `,"hops":`...), o.Hops, appendEvidence)
	b = appendSome(append(b, `,"attempts":`...), o.Attempts, appendAttempt)
	b = appendSome(append(b, `,"outages":`...), o.Outages, appendOutage)
	return append(b, '}')
}

// appendList writes a list that is always there, appendSome one that may be null.
func appendList[T any](b []byte, list []T, one func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &list[i])
	}
	return append(b, ']')
}

func appendSome[T any](b []byte, list []T, one func([]byte, *T) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	return appendList(b, list, one)
}

func appendEvidence(b []byte, e *Evidence) []byte {
	b = appendTime(append(b, `{"time":`...), e.Time)
	b = appendText(append(b, `,"hop":`...), e.Hop)
	b = appendText(append(b, `,"saw":`...), e.Saw)
	b = appendText(append(b, `,"where":`...), e.Where)
	b = appendText(append(b, `,"seen":`...), e.Seen)
	return append(appendMillis(append(b, `,"rtt_ms":`...), e.RTT), '}')
}

func appendAttempt(b []byte, a *Attempt) []byte {
	b = strconv.AppendInt(append(b, `{"number":`...), int64(a.Number), 10)
	b = appendTime(append(b, `,"start":`...), a.Start)
	b = appendMillis(append(b, `,"took_ms":`...), a.Took)
	b = appendText(append(b, `,"cause":`...), a.Cause)
	return append(strconv.AppendBool(append(b, `,"ok":`...), a.OK), '}')
}

func appendOutage(b []byte, u *Outage) []byte {
	b = appendTime(append(b, `{"start":`...), u.Start)
	b = appendTime(append(b, `,"end":`...), u.End)
	b = appendText(append(b, `,"cause":`...), u.Cause)
	b = appendText(append(b, `,"hop":`...), u.Hop)
	b = appendList(append(b, `,"also":`...), u.Also, appendElement)
	b = appendText(append(b, `,"interface":`...), u.Interface)
	b = appendAddr(append(b, `,"gateway":`...), u.Gateway)
	b = appendAddr(append(b, `,"last_hop":`...), u.LastHop)
	b = appendList(append(b, `,"evidence":`...), u.Evidence, appendEvidence)
	return append(strconv.AppendInt(append(b, `,"attempts":`...), int64(u.Attempts), 10), '}')
}

// appendTime writes by hand what AppendFormat would in twice the time: a beat has a dozen of them.
func appendTime(b []byte, t Time) []byte {
	u := t.UTC()
	year, month, day := u.Date()
	if u.IsZero() || year < 0 || year > 9999 { // RFC 3339 has four digits
		return append(b, "null"...)
	}
	hour, minute, second := u.Clock()
	b = digits(append(b, '"'), year, 4)
	b = digits(append(b, '-'), int(month), 2)
	b = digits(append(b, '-'), day, 2)
	b = digits(append(b, 'T'), hour, 2)
	b = digits(append(b, ':'), minute, 2)
	b = digits(append(b, ':'), second, 2)
	b = digits(append(b, '.'), u.Nanosecond()/1000, 6)
	return append(b, 'Z', '"')
}

func digits(b []byte, n, width int) []byte {
	b = append(b, "000000"[:width]...)
	for i := len(b) - 1; n > 0 && width > 0; i, width = i-1, width-1 {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

func appendMillis(b []byte, m Millis) []byte { return appendDuration(b, time.Duration(m), 3) }

func appendSeconds(b []byte, s Seconds) []byte { return appendDuration(b, time.Duration(s), 6) }

// appendDuration writes d in units of 10^places microseconds. What was measured but is shorter than a microsecond is one.
func appendDuration(b []byte, d time.Duration, places int) []byte {
	us := d.Microseconds()
	switch {
	case d == 0:
		return append(b, "null"...)
	case us == 0 && d > 0:
		us = 1
	case us == 0:
		us = -1
	}
	if us < 0 {
		b, us = append(b, '-'), -us
	}
	unit := int64(1000)
	if places == 6 {
		unit = 1000000
	}
	b = strconv.AppendInt(b, us/unit, 10)
	if rest := us % unit; rest != 0 {
		b = digits(append(b, '.'), int(rest), places)
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

func appendCount(b []byte, n int) []byte {
	if n == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, "null"...)
	}
	if a.Zone() != "" {
		return appendString(b, a.String()) // a zone is any text
	}
	return append(a.AppendTo(append(b, '"')), '"')
}

func appendElement(b []byte, s *string) []byte { return appendString(b, *s) }

func appendText(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// appendString quotes s. Beyond what RFC 8259 section 7 demands it escapes all that a terminal or a log would obey.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < 0x20 || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				b = append(b, c)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case r <= 0x9f, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

var _ json.Marshaler = Object{}
