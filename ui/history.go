package ui

import (
	"bufio"
	"encoding/csv"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// A PastOutage is an outage of one target as it was kept.
type PastOutage struct {
	monitor.Outage
	ID      int64 // tells it from others
	Target  string
	Address string
	Proxy   string       // "http://192.0.2.7:3128", "" when direct
	Unsure  bool         // End is when it was seen last: what came then is not known
	Causes  []CauseSince // how the verdict changed while it lasted, oldest first; may be empty
}

// CauseSince is a cause and when it was found.
type CauseSince struct {
	Time  time.Time
	Cause netcheck.Cause
}

// A Span is a stretch of time: from From until before To.
type Span struct{ From, To time.Time }

// Length is how long s is.
func (s Span) Length() time.Duration { return max(s.To.Sub(s.From), 0) }

// A Watch says when each target was watched; what is not in it was not measured.
type Watch map[string][]Span

// An Incident is one root cause, with the outages of all targets that it broke.
type Incident struct {
	PastOutage          // the first of them, with the time of all
	Targets    []string // in the order in which they broke
	IDs        []int64  // of all that it is made of
	Lasts      bool     // at least one has not ended
	needle     string   // what is searched in, lower case
}

// Length is how long the incident lasted, until now for one that lasts.
func (i *Incident) Length(now time.Time) time.Duration {
	if i.Lasts {
		return max(now.Sub(i.Start), 0)
	}
	return max(i.End.Sub(i.Start), 0)
}

// measured reports whether c says that something was broken. While this computer slept or Holdfast itself was held up
// nothing was measured, and what was not measured is neither good nor bad.
func measured(c netcheck.Cause) bool { return c != netcheck.Asleep && c != netcheck.Stalled }

// settle returns the outages in the order of their beginnings, with an end for each that is over. One without an end
// that another of the same target follows is over, but nobody saw when: it counts until the watch on it ended, else not
// at all. What begins in the future or ends before it begins (the clock was set) counts for nothing.
func settle(outages []PastOutage, watch Watch, now time.Time) []PastOutage {
	all := make([]PastOutage, 0, len(outages))
	for _, o := range outages {
		if o.Start.IsZero() || o.Start.After(now) {
			continue
		}
		if !o.End.IsZero() && o.End.Before(o.Start) {
			o.End = o.Start
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b PastOutage) int { return a.Start.Compare(b.Start) })
	next := map[string]time.Time{} // when the target's next outage began
	for i := len(all) - 1; i >= 0; i-- {
		o := &all[i]
		if later, known := next[o.Target]; known && o.End.IsZero() {
			o.End, o.Unsure = o.Start, true
			for _, s := range watch[o.Target] {
				if !s.From.After(o.Start) && s.To.After(o.Start) {
					o.End = s.To
				}
			}
			if o.End.After(later) {
				o.End = later
			}
		}
		next[o.Target] = o.Start
	}
	return all
}

// Incidents groups outages by what broke, the newest first: those that overlap, have the same cause and share the hop
// that broke are one. [Roots] says which hops targets can share.
func Incidents(outages []PastOutage, watch Watch, now time.Time) []Incident {
	all := settle(outages, watch, now)
	type key struct {
		cause netcheck.Cause
		where string
	}
	found := make([]Incident, 0, len(all))
	open := map[key]int{}
	for _, o := range all {
		lasts := o.End.IsZero()
		if lasts {
			o.End = now
		}
		where, shared := sharedHop(monitor.Snapshot{Verdict: o.Verdict, Proxy: o.Proxy})
		k := key{o.Verdict.Cause, where}
		if n, known := open[k]; known && shared && !o.Start.After(found[n].End) {
			f := &found[n]
			f.IDs = append(f.IDs, o.ID)
			if !slices.Contains(f.Targets, o.Target) {
				f.Targets = append(f.Targets, o.Target)
			}
			if o.End.After(f.End) {
				f.End = o.End
			}
			f.Lasts, f.Unsure = f.Lasts || lasts, f.Unsure || o.Unsure
			f.Attempts = max(f.Attempts, o.Attempts)
			continue
		}
		if shared {
			open[k] = len(found)
		}
		found = append(found, Incident{PastOutage: o, Targets: []string{o.Target}, IDs: []int64{o.ID}, Lasts: lasts})
	}
	slices.Reverse(found)
	return found
}

// CauseTime is how long things were broken by one cause.
type CauseTime struct {
	Cause netcheck.Cause
	Time  time.Duration
	Count int
}

// A Summary is what can be said of a stretch of time.
type Summary struct {
	Span
	Watched time.Duration // of all targets together
	Broken  time.Duration // of Watched
	Count   int           // incidents
	Longest *Incident     // the part of it in the stretch was the longest; nil without any
	Length  time.Duration // of that part
	Mean    time.Duration // of those that are over
	Median  time.Duration // of those that are over: half of them took no longer
	Over    int           // how many are over
	ByCause []CauseTime   // the longest first
}

// Availability is the share of the time watched in which a session stood; false when nothing was watched.
func (s *Summary) Availability() (float64, bool) {
	if s.Watched <= 0 {
		return 0, false
	}
	return 1 - float64(s.Broken)/float64(s.Watched), true
}

// Percent writes the availability; it is never rounded up: "100 %" means without a break. "–" where nothing was watched.
func (s *Summary) Percent() string {
	share, known := s.Availability()
	switch {
	case !known:
		return "–"
	case s.Broken == 0:
		return "100 %"
	}
	return strconv.FormatFloat(math.Floor(share*10000)/100, 'f', 2, 64) + " %"
}

// Summarize says what was between from and to, as far as that is not after now. Targets that were not watched count for
// nothing; an outage was watched, whatever watch says of it, unless nothing was measured meanwhile.
func Summarize(outages []PastOutage, watch Watch, from, to, now time.Time) Summary {
	if to.After(now) {
		to = now
	}
	s := Summary{Span: Span{from, to}}
	if !from.Before(to) {
		return s
	}
	all := settle(outages, watch, now)
	broken, unmeasured := map[string][]Span{}, map[string][]Span{}
	for _, o := range all {
		one := Span{o.Start, o.End}
		if one.To.IsZero() {
			one.To = now
		}
		if measured(o.Verdict.Cause) {
			broken[o.Target] = append(broken[o.Target], one)
		} else {
			unmeasured[o.Target] = append(unmeasured[o.Target], one)
		}
	}
	for target, spans := range watch {
		if len(spans) == 0 {
			continue
		}
		b := minus(clip(union(broken[target]), from, to), union(unmeasured[target]))
		w := minus(clip(union(slices.Concat(spans, broken[target])), from, to), union(unmeasured[target]))
		s.Watched += total(w)
		s.Broken += total(b)
	}

	byCause := map[netcheck.Cause]*CauseTime{}
	var lengths []time.Duration
	incidents := Incidents(outages, watch, now)
	for i := range incidents {
		one := &incidents[i]
		part := clip([]Span{{one.Start, one.End}}, from, to)
		// One of no length counts on the moment at which it was.
		if !measured(one.Verdict.Cause) || len(part) == 0 && (one.Start.Before(from) || !one.Start.Before(to)) {
			continue
		}
		length := total(part)
		s.Count++
		if s.Longest == nil || length > s.Length {
			s.Longest, s.Length = one, length
		}
		c := byCause[one.Verdict.Cause]
		if c == nil {
			c = &CauseTime{Cause: one.Verdict.Cause}
			byCause[one.Verdict.Cause] = c
		}
		c.Time += length
		c.Count++
		if !one.Lasts && !one.Unsure {
			lengths = append(lengths, one.End.Sub(one.Start))
		}
	}
	for _, c := range byCause {
		s.ByCause = append(s.ByCause, *c)
	}
	slices.SortFunc(s.ByCause, func(a, b CauseTime) int {
		if a.Time != b.Time {
			return int(min(max(b.Time-a.Time, -1), 1))
		}
		return strings.Compare(string(a.Cause), string(b.Cause))
	})
	if s.Over = len(lengths); s.Over > 0 {
		slices.Sort(lengths)
		var sum, rest time.Duration
		n := time.Duration(len(lengths))
		for _, d := range lengths { // not the sum first: it might not fit
			sum, rest = sum+d/n, rest+d%n
		}
		sum += rest / n
		s.Mean, s.Median = sum, lengths[(len(lengths)-1)/2]
	}
	return s
}

// union merges spans that overlap or touch; what has no length is left out.
func union(spans []Span) []Span {
	all := make([]Span, 0, len(spans))
	for _, s := range spans {
		if s.From.Before(s.To) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return a.From.Compare(b.From) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// clip keeps what is between from and to.
func clip(spans []Span, from, to time.Time) []Span {
	var out []Span
	for _, s := range spans {
		if s.From.Before(from) {
			s.From = from
		}
		if s.To.After(to) {
			s.To = to
		}
		if s.From.Before(s.To) {
			out = append(out, s)
		}
	}
	return out
}

// minus takes away from a what is in b; both are unions.
func minus(a, b []Span) []Span {
	var out []Span
	for _, s := range a {
		for _, cut := range b {
			if !cut.From.Before(s.To) || !cut.To.After(s.From) {
				continue
			}
			if s.From.Before(cut.From) {
				out = append(out, Span{s.From, cut.From})
			}
			s.From = cut.To
			if !s.From.Before(s.To) {
				break
			}
		}
		if s.From.Before(s.To) {
			out = append(out, s)
		}
	}
	return out
}

func total(spans []Span) (sum time.Duration) {
	for _, s := range spans {
		sum += s.Length()
	}
	return sum
}

// A Day is one row of the timeline, in the time zone of its midnight.
type Day struct {
	Span              // midnight to midnight: 23 or 25 hours where the clocks change
	Watched []Span    // by anybody
	Broken  []Span    // any target
	Now     time.Time // what is later has not been yet
}

// Days are the days between from and to, the last of which may not be over. Incidents are those that are to be seen.
func Days(incidents []Incident, watch Watch, from, to, now time.Time) []Day {
	var watched, broken []Span
	for _, spans := range watch {
		watched = append(watched, spans...)
	}
	for i := range incidents {
		one := Span{incidents[i].Start, incidents[i].End}
		if measured(incidents[i].Verdict.Cause) {
			if !one.From.Before(one.To) {
				one.To = one.From.Add(time.Second)
			}
			broken = append(broken, one)
		}
	}
	watched, broken = union(slices.Concat(watched, broken)), union(broken)
	var days []Day
	for at := Midnight(from); at.Before(to) && len(days) < 400; {
		next := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, at.Location())
		d := Day{Span: Span{at, next}, Now: now}
		d.Watched, d.Broken = clip(between(watched, at, next), at, next), clip(between(broken, at, next), at, next)
		days = append(days, d)
		at = next
	}
	return days
}

// between returns the part of a union that may touch from to to, without looking at all of it.
func between(spans []Span, from, to time.Time) []Span {
	first := sort.Search(len(spans), func(i int) bool { return spans[i].To.After(from) })
	last := sort.Search(len(spans), func(i int) bool { return !spans[i].From.Before(to) })
	return spans[first:max(first, last)]
}

// Midnight is when the day of t began, where t is.
func Midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// A Filter chooses incidents. Its zero value takes all.
type Filter struct {
	From  time.Time // those that were not over by then; zero: all
	Cause netcheck.Cause
	Text  string // each of its words stands somewhere in the incident
}

// Pick returns those of incidents that f takes, in their order. What is searched in is worked out once for each.
func (f Filter) Pick(incidents []Incident, l Lang) []*Incident {
	wanted := strings.Fields(strings.ToLower(f.Text))
	out := make([]*Incident, 0, len(incidents))
next:
	for i := range incidents {
		one := &incidents[i]
		if f.Cause != "" && one.Verdict.Cause != f.Cause || !f.From.IsZero() && one.End.Before(f.From) {
			continue
		}
		if len(wanted) > 0 && one.needle == "" {
			one.needle = one.searched(l)
		}
		for _, w := range wanted {
			if !strings.Contains(one.needle, w) {
				continue next
			}
		}
		out = append(out, one)
	}
	return out
}

// searched is all that a person may look for.
func (i *Incident) searched(l Lang) string {
	v := &i.Verdict
	parts := append(slices.Clone(i.Targets), OutageWord(i.Outage, l), string(v.Cause), l.Say("hop."+string(v.Hop)), v.Interface, i.Proxy,
		i.Start.Format("2006-01-02 15:04:05"), i.Start.Weekday().String())
	if v.Gateway.IsValid() {
		parts = append(parts, v.Gateway.String())
	}
	if v.LastHop.IsValid() {
		parts = append(parts, v.LastHop.String())
	}
	for _, e := range v.Evidence {
		parts = append(parts, e.Where, e.Saw, sawText(e, l, 200))
	}
	parts = append(parts, i.SeenBy(l))
	return strings.ToLower(strings.Join(parts, "\n"))
}

// CausesOf are the causes of incidents, the most frequent first.
func CausesOf(incidents []Incident) []netcheck.Cause {
	count := map[netcheck.Cause]int{}
	var causes []netcheck.Cause
	for i := range incidents {
		c := incidents[i].Verdict.Cause
		if count[c] == 0 && c != netcheck.CauseNone {
			causes = append(causes, c)
		}
		count[c]++
	}
	slices.SortFunc(causes, func(a, b netcheck.Cause) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(string(a), string(b))
	})
	return causes
}

// SeenBy says in a few words what the verdict rests on: the last thing that was seen on the hop that broke.
func (i *Incident) SeenBy(l Lang) string {
	evidence := i.Verdict.Evidence
	for n := len(evidence) - 1; n >= 0; n-- {
		if evidence[n].Hop == i.Verdict.Hop {
			return SeenText(evidence[n], l)
		}
	}
	if i.Verdict.LastHop.IsValid() {
		return l.Say("where.last", "text", Printable(i.Verdict.LastHop.String(), 64))
	}
	for _, e := range slices.Backward(evidence) {
		if e.Hop != netcheck.HopNone {
			return SeenText(e, l)
		}
	}
	return ""
}

// HopWord is the name of a hop; what belongs to none is hearsay of the system.
func HopWord(hop netcheck.Hop, l Lang) string {
	if hop == netcheck.HopNone {
		return l.Say("hop.none")
	}
	return l.Say("hop." + string(hop))
}

// SeenText puts one observation into words: "192.0.2.7:3128: refused, 0.6 ms".
func SeenText(e netcheck.Evidence, l Lang) string {
	text := ""
	rtt := l.RTT(e.RTT)
	switch e.Seen {
	case netcheck.SeenOK:
		text = l.Say("seen.ok")
	case netcheck.SeenAnswers:
		if text = l.Say("seen.answers.plain"); rtt != "" {
			text = l.Say("seen.answers", "rtt", rtt)
		}
	case netcheck.SeenRefused:
		if text = l.Say("seen.refused.plain"); rtt != "" {
			text = l.Say("seen.refused", "rtt", rtt)
		}
	case netcheck.SeenSilent:
		text = l.Say("seen.silent.plain")
	default:
		text = sawText(e, l, 120)
	}
	if e.Where != "" {
		return l.Say("path.entry", "name", Printable(e.Where, maxAddress), "text", text)
	}
	return text
}

// Affected names the target, or says how many there are.
func (i *Incident) Affected(l Lang) string {
	if len(i.Targets) == 1 {
		return Called(i.Targets[0], l, maxName)
	}
	return l.Say("hop.shared", "n", strconv.Itoa(len(i.Targets)))
}

// byteOrderMark tells a spreadsheet that the text is UTF-8: without it Excel takes Chinese names for something else.
const byteOrderMark = "\ufeff"

// WriteCSV writes one line an outage, the newest first, after RFC 4180: for a spreadsheet, which must not take a name or
// an answer from outside for a formula. Times are UTC, in a form that spreadsheets know as one; what lasts has no end.
func WriteCSV(w io.Writer, outages []PastOutage, now time.Time) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(byteOrderMark) // the error stays
	c := csv.NewWriter(b)
	c.UseCRLF = true
	_ = c.Write([]string{"target", "start (UTC)", "end (UTC)", "seconds", "cause", "hop", "also", "attempts", "interface", "gateway", "proxy", "evidence"})
	sorted := slices.Clone(outages)
	slices.SortStableFunc(sorted, func(a, b PastOutage) int { return b.Start.Compare(a.Start) })
	for _, o := range sorted {
		v := &o.Verdict
		end, until := "", now
		if !o.End.IsZero() {
			end, until = o.End.UTC().Format(time.DateTime), o.End
		}
		gateway := ""
		if v.Gateway.IsValid() {
			gateway = v.Gateway.String()
		}
		var also, evidence []string
		for _, a := range v.Also {
			also = append(also, string(a))
		}
		for _, e := range v.Evidence {
			evidence = append(evidence, strings.TrimSpace(e.Time.UTC().Format(time.DateTime)+" "+string(e.Hop)+" "+e.Where+" "+orElse(e.Saw, string(e.Seen))))
		}
		row := []string{
			o.Target, o.Start.UTC().Format(time.DateTime), end, strconv.FormatFloat(max(until.Sub(o.Start), 0).Seconds(), 'f', 3, 64),
			string(v.Cause), string(v.Hop), strings.Join(also, " "), strconv.Itoa(o.Attempts), v.Interface, gateway, o.Proxy, strings.Join(evidence, "; "),
		}
		for i := range row {
			row[i] = cell(row[i])
		}
		_ = c.Write(row) // the error stays, and comes out of Flush
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return b.Flush()
}

// cell keeps a spreadsheet from working out what begins like a formula, the wide forms of its signs included (OWASP, "CSV
// injection").
func cell(s string) string {
	s = Printable(s, 4000)
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " ")); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + s
	}
	return s
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// SummaryText writes a summary as plain text, to be shown to somebody: this stretch, and the one before it.
func SummaryText(s, before Summary, of string, l Lang, version string) string {
	var b strings.Builder
	line := func(code, text string) {
		if text != "" {
			b.WriteString(l.Say("path.entry", "name", l.Say(code), "text", text))
			b.WriteByte('\n')
		}
	}
	b.WriteString("Holdfast " + Printable(version, 160) + "\n")
	line("report.target", Printable(of, 200))
	day := "2006-01-02 15:04"
	line("summary.time", s.From.Format(day)+" – "+s.To.Format(day+" -07:00"))
	b.WriteByte('\n')
	compared := func(text, other string) string {
		if other == "" {
			return text
		}
		return l.Say("summary.compared", "text", text, "other", other)
	}
	_, known := before.Availability()
	old := func(text string) string {
		if !known {
			return ""
		}
		return text
	}
	line("summary.availability", compared(s.Percent(), old(before.Percent())))
	line("summary.outages", compared(strconv.Itoa(s.Count), old(strconv.Itoa(before.Count))))
	if s.Longest != nil {
		line("summary.longest", l.Say("summary.one", "duration", l.Lasted(s.Length), "time", s.Longest.Start.Format("2006-01-02 15:04:05"), "short", OutageWord(s.Longest.Outage, l)))
	}
	if s.Over > 0 {
		line("summary.mean", l.Lasted(s.Mean))
	}
	if len(s.ByCause) > 0 {
		b.WriteString("\n" + l.Say("summary.causes") + "\n")
		for _, c := range s.ByCause {
			b.WriteString("  " + l.Say("path.entry", "name", OutageWord(monitor.Outage{Verdict: netcheck.Verdict{Cause: c.Cause}}, l), "text", l.Lasted(c.Time)) + " (" + strconv.Itoa(c.Count) + ")\n")
		}
	}
	return b.String()
}

// Lasted writes how long something that is over lasted: tenths below 3 s, for "0:00" says nothing.
func (l Lang) Lasted(d time.Duration) string {
	if d < 3*time.Second {
		return l.Span(max(d.Truncate(100*time.Millisecond), 100*time.Millisecond))
	}
	return l.Duration(d)
}
