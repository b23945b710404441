package ui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// Report writes what is known of one target as plain text, to be pasted into a message to whoever can help: what is
// the matter, since when, what was seen on each hop and when, the last attempts and outages. Times carry the offset
// from UTC; version says what made the report, and where it ran ([Platform]). The proxy is named without user and
// password, and names from outside are made printable.
func Report(s monitor.Snapshot, now time.Time, l Lang, version string) string {
	v := ViewOf(s, now, l)
	var b strings.Builder
	line := func(code, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s\n", l.Say("path.entry", "name", l.Say(code), "text", text))
		}
	}
	fmt.Fprintf(&b, "Holdfast %s\n", Printable(version, 160))
	line("report.time", stamp(now, now))
	line("report.target", v.Name)
	line("report.address", v.Address)
	if s.Remote != "" && s.Remote != s.Target.Address {
		line("report.remote", Printable(s.Remote, maxAddress))
	}
	switch {
	case s.Proxy != "" && s.Target.Via == "system":
		line("report.way", l.Say("report.way.system", "text", Printable(s.Proxy, maxAddress)))
	case s.Proxy != "":
		line("report.way", Printable(s.Proxy, maxAddress))
	default:
		line("report.way", l.Say("report.way.direct"))
	}
	if w := s.Way; w.Interface != "" {
		from := Printable(w.Interface, 32)
		if w.Source.IsValid() {
			from += " " + Printable(w.Source.String(), 64)
		}
		if w.Gateway.IsValid() {
			from = l.Say("report.gateway", "text", from, "gateway", Printable(w.Gateway.String(), 64))
		}
		line("report.from", from)
	}
	heartbeat := heartbeatName(s.Target.Heartbeat, l)
	if noHeartbeat(s.Target) {
		heartbeat = l.Say("heartbeat.none")
	} else if s.Target.Interval > 0 {
		heartbeat = l.Say("report.every", "text", heartbeat, "duration", s.Target.Interval.String())
	}
	line("report.heartbeat", heartbeat)
	b.WriteByte('\n')

	state := v.Sentence
	if s.Verdict.Cause != netcheck.CauseNone {
		state += " [" + Printable(string(s.Verdict.Cause), 40) + "]"
	}
	fmt.Fprintln(&b, state)
	if v.Remedy != "" {
		fmt.Fprintln(&b, v.Remedy)
	}
	if v.Also != "" {
		fmt.Fprintln(&b, v.Also)
	}
	switch {
	case !s.BrokenSince.IsZero():
		line("report.broken", l.Say("report.for", "time", stamp(s.BrokenSince, now), "duration", l.Duration(now.Sub(s.BrokenSince))))
	case !s.UpSince.IsZero():
		line("report.up", l.Say("report.for", "time", stamp(s.UpSince, now), "duration", l.Span(now.Sub(s.UpSince).Truncate(time.Second))))
	case !s.Since.IsZero():
		line("report.since", stamp(s.Since, now))
	}
	if !s.LastAnswer.IsZero() {
		line("report.answer", stamp(s.LastAnswer, now))
	}
	if s.State == monitor.Up {
		line("report.rtt", v.RTT)
	} else {
		line("report.rtt.last", v.RTT)
	}
	if s.Proxy != "" {
		line("report.leg", l.RTT(s.LegRTT))
	}
	if v.Countdown != "" {
		fmt.Fprintln(&b, v.Countdown)
	}
	fmt.Fprintf(&b, "\n%s\n", l.Say("report.path"))
	for _, st := range v.Strip() {
		row := "  "
		if st.Mark == Broken {
			row = "! "
		}
		for _, text := range []string{st.Label, st.Where, st.Seen, st.When} {
			if text != "" {
				row += text + "  "
			}
		}
		fmt.Fprintln(&b, strings.TrimRight(row, " "))
	}

	// What the verdict rests on, and what was seen since.
	var evidence []netcheck.Evidence
	for _, e := range slices.Concat(s.Verdict.Evidence, s.Evidence) {
		if !slices.Contains(evidence, e) {
			evidence = append(evidence, e)
		}
	}
	slices.SortStableFunc(evidence, func(a, b netcheck.Evidence) int { return a.Time.Compare(b.Time) })
	if len(evidence) > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Say("report.evidence"))
		for _, e := range evidence {
			row := stamp(e.Time, now) + "  " + HopWord(e.Hop, l)
			if e.Where != "" {
				row += "  " + Printable(e.Where, maxAddress)
			}
			row += "  " + sawText(e, l, 200)
			if rtt := l.RTT(e.RTT); rtt != "" {
				row += "  " + rtt
			}
			fmt.Fprintln(&b, row)
		}
	}
	if n := len(s.Attempts); n > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Say("head.attempts"))
		for _, a := range s.Attempts[max(0, n-10):] {
			fmt.Fprintf(&b, "%s  %d  %s  %s\n", stamp(a.Start, now), a.Number, AttemptWord(a, l), l.RTT(a.Took))
		}
	}
	if n := len(s.Outages); n > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Say("head.outages"))
		for _, o := range s.Outages[max(0, n-10):] {
			end, attempts := now, s.Attempt
			if !o.End.IsZero() {
				end, attempts = o.End, o.Attempts
			}
			fmt.Fprintf(&b, "%s  %s  %s  %s\n", stamp(o.Start, now), l.Duration(end.Sub(o.Start)), OutageWord(o, l),
				l.Say("report.attempts", "n", strconv.Itoa(attempts)))
		}
	}
	if v.Keepalive != "" {
		fmt.Fprintf(&b, "\n%s\n", v.Keepalive)
	}
	return b.String()
}

// AttemptWord says in a word or two what became of an attempt.
func AttemptWord(a monitor.Attempt, l Lang) string {
	switch {
	case a.OK:
		return l.Say("attempt.ok")
	case a.Cause != netcheck.CauseNone:
		return short(a.Cause, l)
	case a.Took == 0:
		return l.Say("attempt.running")
	}
	return l.Say("attempt.failed")
}

// OutageWord names an outage in a word or two.
func OutageWord(o monitor.Outage, l Lang) string {
	if o.Verdict.Cause == netcheck.CauseNone {
		return l.Say("outage.unnamed")
	}
	return short(o.Verdict.Cause, l)
}

// stamp writes a time that somebody elsewhere can read too.
func stamp(t, now time.Time) string {
	return t.In(now.Location()).Format("2006-01-02 15:04:05.000 -07:00")
}
