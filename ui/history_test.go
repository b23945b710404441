package ui

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/internal/desktest"
	"holdfast/monitor"
	"holdfast/netcheck"
)

var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

// at is a time of that week: day, hour, minute.
func at(day, hour, minute int) time.Time {
	return monday.Add(time.Duration(day)*24*time.Hour + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func past(target string, cause netcheck.Cause, start, end time.Time) PastOutage {
	return PastOutage{Target: target, Outage: monitor.Outage{Start: start, End: end, Verdict: netcheck.Verdict{Cause: cause, Hop: cause.Hop()}}}
}

// behind is an outage of which several targets may share the hop.
func behind(target string, start, end time.Time) PastOutage {
	o := past(target, netcheck.ProxyUnreachable, start, end)
	o.Proxy = "http://192.0.2.7:3128"
	return o
}

func TestSummaries(t *testing.T) {
	week := []Span{{at(0, 0, 0), at(7, 0, 0)}}
	now := at(7, 0, 0)
	for _, c := range []struct {
		name     string
		outages  []PastOutage
		watch    Watch
		from, to time.Time
		watched  time.Duration
		broken   time.Duration
		count    int
		length   time.Duration // of the longest
		percent  string
	}{
		{"nothing at all", nil, nil, at(0, 0, 0), now, 0, 0, 0, 0, "–"},
		{"watched, and never broken", nil, Watch{"a": week}, at(0, 0, 0), now, 7 * day, 0, 0, 0, "100 %"},
		{"one outage in the middle", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 1, 0))}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, time.Hour, 1, time.Hour, "99.40 %"},
		{"a moment is not rounded away", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 0, 0).Add(time.Second))}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, time.Second, 1, time.Second, "99.99 %"},
		{"only the part inside counts", []PastOutage{past("a", netcheck.ServerClosed, at(0, 23, 0), at(1, 1, 0))}, Watch{"a": week}, at(1, 0, 0), at(2, 0, 0), day, time.Hour, 1, time.Hour, "95.83 %"},
		{"what lasts counts until now", []PastOutage{past("a", netcheck.ServerClosed, at(6, 22, 0), time.Time{})}, Watch{"a": week}, at(0, 0, 0), at(9, 0, 0), 7 * day, 2 * time.Hour, 1, 2 * time.Hour, "98.80 %"},
		{"two of one target that overlap count once", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 2, 0)), past("a", netcheck.PathLost, at(1, 1, 0), at(1, 3, 0))}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, 3 * time.Hour, 2, 2 * time.Hour, "98.21 %"},
		{"two targets, one broken", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 1, 0))}, Watch{"a": week, "b": week}, at(0, 0, 0), now, 14 * day, time.Hour, 1, time.Hour, "99.70 %"},
		{"two targets behind one proxy are one", []PastOutage{behind("a", at(1, 0, 0), at(1, 1, 0)), behind("b", at(1, 0, 0), at(1, 2, 0))}, Watch{"a": week, "b": week}, at(0, 0, 0), now, 14 * day, 3 * time.Hour, 1, 2 * time.Hour, "99.10 %"},
		{"only while watched", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 1, 0))}, Watch{"a": {{at(1, 0, 0), at(1, 4, 0)}}}, at(0, 0, 0), now, 4 * time.Hour, time.Hour, 1, time.Hour, "75.00 %"},
		{"an outage was watched though no minute says so", []PastOutage{past("a", netcheck.ServerClosed, at(1, 3, 0), at(1, 5, 0))}, Watch{"a": {{at(1, 0, 0), at(1, 4, 0)}}}, at(0, 0, 0), now, 5 * time.Hour, 2 * time.Hour, 1, 2 * time.Hour, "60.00 %"},
		{"not known where no target was watched", []PastOutage{past("a", netcheck.ServerClosed, at(1, 3, 0), at(1, 5, 0))}, nil, at(0, 0, 0), now, 0, 0, 1, 2 * time.Hour, "–"},
		{"asleep is not broken, and not measured", []PastOutage{past("a", netcheck.Asleep, at(1, 0, 0), at(1, 12, 0))}, Watch{"a": week}, at(0, 0, 0), now, 7*day - 12*time.Hour, 0, 0, 0, "100 %"},
		{"an end that nobody saw: until the watch ended", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), time.Time{}), past("a", netcheck.ServerClosed, at(3, 0, 0), at(3, 1, 0))}, Watch{"a": {{at(0, 0, 0), at(1, 2, 0)}, {at(3, 0, 0), at(4, 0, 0)}}}, at(0, 0, 0), now, 50 * time.Hour, 3 * time.Hour, 2, 2 * time.Hour, "94.00 %"},
		{"an end that nobody saw, and no watch: no time", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), time.Time{}), past("a", netcheck.ServerClosed, at(3, 0, 0), at(3, 1, 0))}, nil, at(0, 0, 0), now, 0, 0, 2, time.Hour, "–"},
		{"an end before the beginning: no time", []PastOutage{past("a", netcheck.ServerClosed, at(1, 1, 0), at(1, 0, 0))}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, 0, 1, 0, "100 %"},
		{"what begins in the future is not known yet", []PastOutage{past("a", netcheck.ServerClosed, at(8, 1, 0), at(8, 2, 0))}, Watch{"a": week}, at(0, 0, 0), at(9, 0, 0), 7 * day, 0, 0, 0, "100 %"},
		{"without a beginning", []PastOutage{past("a", netcheck.ServerClosed, time.Time{}, at(1, 0, 0))}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, 0, 0, 0, "100 %"},
		{"backwards", []PastOutage{past("a", netcheck.ServerClosed, at(1, 0, 0), at(1, 1, 0))}, Watch{"a": week}, now, at(0, 0, 0), 0, 0, 0, 0, "–"},
		{"broken all the time", []PastOutage{past("a", netcheck.ServerClosed, at(-3, 0, 0), time.Time{})}, Watch{"a": week}, at(0, 0, 0), now, 7 * day, 7 * day, 1, 7 * day, "0.00 %"},
	} {
		got := Summarize(c.outages, c.watch, c.from, c.to, now)
		if got.Watched != c.watched || got.Broken != c.broken || got.Count != c.count || got.Length != c.length || got.Percent() != c.percent {
			t.Errorf("%s: watched %v, broken %v, %d, longest %v, %s; want %v, %v, %d, %v, %s", c.name,
				got.Watched, got.Broken, got.Count, got.Length, got.Percent(), c.watched, c.broken, c.count, c.length, c.percent)
		}
	}
}

func TestTimeByCauseAndTheUsualLength(t *testing.T) {
	outages := []PastOutage{
		past("a", netcheck.ServerClosed, at(0, 1, 0), at(0, 1, 2)),
		past("a", netcheck.ServerClosed, at(1, 1, 0), at(1, 1, 4)),
		past("b", netcheck.PathLost, at(2, 1, 0), at(2, 2, 0)),
		past("b", netcheck.PathLost, at(6, 23, 0), time.Time{}), // lasts: counts in the time, not in the mean
	}
	got := Summarize(outages, nil, at(0, 0, 0), at(7, 0, 0), at(7, 0, 0))
	want := []CauseTime{{netcheck.PathLost, 2 * time.Hour, 2}, {netcheck.ServerClosed, 6 * time.Minute, 2}}
	if !reflect.DeepEqual(got.ByCause, want) {
		t.Errorf("by cause %v, want %v", got.ByCause, want)
	}
	if got.Over != 3 || got.Mean != 22*time.Minute || got.Median != 4*time.Minute {
		t.Errorf("%d over, mean %v, median %v", got.Over, got.Mean, got.Median)
	}
	text := SummaryText(got, Summary{}, "All targets", English, "0.1.0")
	for _, part := range []string{"Availability: –\n", "Outages: 4\n", "path breaks off: 2:00:00 (2)", "server closed: 6:00 (2)", "Longest: 1:00:00 from 2026-11-22 23:00:00, path breaks off"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}

func TestThisWeekAgainstLast(t *testing.T) {
	outages := []PastOutage{past("a", netcheck.ServerClosed, at(-3, 0, 0), at(-3, 12, 0)), past("a", netcheck.ServerClosed, at(2, 0, 0), at(2, 6, 0))}
	watch := Watch{"a": {{at(-7, 0, 0), at(7, 0, 0)}}}
	this := Summarize(outages, watch, at(0, 0, 0), at(7, 0, 0), at(7, 0, 0))
	last := Summarize(outages, watch, at(-7, 0, 0), at(0, 0, 0), at(7, 0, 0))
	text := SummaryText(this, last, "a", English, "0.1.0")
	if !strings.Contains(text, "Availability: 96.42 % (before: 92.85 %)") || !strings.Contains(text, "Outages: 1 (before: 1)") {
		t.Errorf("got\n%s", text)
	}
}

func TestIncidents(t *testing.T) {
	for _, c := range []struct {
		name    string
		outages []PastOutage
		want    string // each: start, length, targets
	}{
		{"none", nil, ""},
		{"newest first", []PastOutage{past("a", netcheck.ServerClosed, at(0, 1, 0), at(0, 2, 0)), past("a", netcheck.ServerClosed, at(1, 1, 0), at(1, 2, 0))}, "17 01:00 1h0m0s [a]; 16 01:00 1h0m0s [a]"},
		{"one proxy", []PastOutage{behind("b", at(0, 1, 1), at(0, 3, 0)), behind("a", at(0, 1, 0), at(0, 2, 0))}, "16 01:00 2h0m0s [a b]"},
		{"one proxy at two times", []PastOutage{behind("a", at(0, 1, 0), at(0, 2, 0)), behind("b", at(0, 3, 0), at(0, 4, 0))}, "16 03:00 1h0m0s [b]; 16 01:00 1h0m0s [a]"},
		{"servers are each their own", []PastOutage{past("a", netcheck.ServerRefused, at(0, 1, 0), at(0, 2, 0)), past("b", netcheck.ServerRefused, at(0, 1, 0), at(0, 2, 0))}, "16 01:00 1h0m0s [b]; 16 01:00 1h0m0s [a]"},
		{"one that lasts takes in what comes", []PastOutage{behind("a", at(0, 1, 0), time.Time{}), behind("b", at(6, 0, 0), at(6, 1, 0))}, "16 01:00 167h0m0s lasts [a b]"},
	} {
		var got []string
		incidents := Incidents(c.outages, nil, at(7, 0, 0))
		for i := range incidents {
			one := &incidents[i]
			lasts := ""
			if one.Lasts {
				lasts = " lasts"
			}
			got = append(got, fmt.Sprintf("%s %v%s %v", one.Start.Format("02 15:04"), one.Length(at(7, 0, 0)), lasts, one.Targets))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, strings.Join(got, "; "), c.want)
		}
	}
}

func TestWhatIsLookedForIsFound(t *testing.T) {
	one := behind("Office gateway", at(1, 16, 20), at(1, 16, 32))
	one.Verdict.Gateway, one.Verdict.Interface = netip.MustParseAddr("192.0.2.1"), "eth0"
	one.Verdict.Evidence = []netcheck.Evidence{{Hop: netcheck.HopProxy, Where: "192.0.2.7:3128", Seen: netcheck.SeenSilent, Saw: "no answer within 1s"}}
	all := Incidents([]PastOutage{one, past("Build server", netcheck.ServerClosed, at(0, 9, 2), at(0, 9, 3))}, nil, at(7, 0, 0))
	for _, c := range []struct {
		name string
		f    Filter
		want int
	}{
		{"nothing asked", Filter{}, 2},
		{"a name, in part, in capitals", Filter{Text: "OFFICE"}, 1},
		{"words in any order", Filter{Text: "silent office"}, 1},
		{"an address", Filter{Text: "192.0.2.7:3128"}, 1},
		{"the code", Filter{Text: "server-closed"}, 1},
		{"a date", Filter{Text: "2026-11-16"}, 1},
		{"nothing fits", Filter{Text: "office 2026-11-16"}, 0},
		{"a cause", Filter{Cause: netcheck.ServerClosed}, 1},
		{"a cause and a word of the other", Filter{Cause: netcheck.ServerClosed, Text: "office"}, 0},
		{"what was over before", Filter{From: at(1, 0, 0)}, 1},
		{"what is no pattern", Filter{Text: ".*"}, 0},
	} {
		if got := c.f.Pick(all, English); len(got) != c.want {
			t.Errorf("%s: %d found, want %d", c.name, len(got), c.want)
		}
	}
	if got := (Filter{Text: "代理无应答"}).Pick(Incidents([]PastOutage{one}, nil, at(7, 0, 0)), Chinese); len(got) != 1 {
		t.Error("Chinese words do not find")
	}
	if got := all[0].SeenBy(English); got != "192.0.2.7:3128: silent" {
		t.Errorf("what was seen: %q", got)
	}
}

func TestDaysOfTheTimeline(t *testing.T) {
	incidents := Incidents([]PastOutage{past("a", netcheck.ServerClosed, at(0, 23, 0), at(1, 1, 0))}, nil, at(2, 12, 0))
	days := Days(incidents, Watch{"a": {{at(0, 6, 0), at(2, 12, 0)}}}, at(0, 0, 0), at(2, 12, 0), at(2, 12, 0))
	if len(days) != 3 {
		t.Fatalf("%d days", len(days))
	}
	for i, want := range []string{
		"[{06:00 00:00}] [{23:00 00:00}]", "[{00:00 00:00}] [{00:00 01:00}]", "[{00:00 12:00}] []",
	} {
		clock := func(spans []Span) string {
			var s []string
			for _, one := range spans {
				s = append(s, "{"+one.From.Format("15:04")+" "+one.To.Format("15:04")+"}")
			}
			return "[" + strings.Join(s, " ") + "]"
		}
		if got := clock(days[i].Watched) + " " + clock(days[i].Broken); got != want {
			t.Errorf("day %d: %s, want %s", i, got, want)
		}
	}
	berlin := desktest.Berlin(t)
	change := time.Date(2026, 10, 25, 12, 0, 0, 0, berlin)
	if got := Days(nil, nil, change, change.Add(time.Hour), change); len(got) != 1 || got[0].Length() != 25*time.Hour {
		t.Errorf("the day on which the clocks go back: %v", got)
	}
}

func TestCSVIsWhatASpreadsheetCanRead(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "office": "office", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "＝1+1": "'＝1+1", "  =1+1": "'  =1+1",
		"\t=1+1": `\x09=1+1`, "\r=1": `\x0d=1`, "a=b": "a=b", "\xff=": `\xff=`,
	} {
		if got := cell(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	evil := past("=HYPERLINK(\"http://192.0.2.9\")", netcheck.ServerClosed, at(1, 0, 0), at(1, 1, 0))
	evil.Verdict.Evidence = []netcheck.Evidence{{Time: at(1, 0, 0), Hop: netcheck.HopServer, Where: "a,b", Saw: "said \"no\"\r\nand more\x1b[31m"}}
	lasts := past("Büro", netcheck.CauseNone, at(2, 0, 0), time.Time{})
	var b bytes.Buffer
	if err := WriteCSV(&b, []PastOutage{evil, lasts}, at(2, 0, 1)); err != nil {
		t.Fatal(err)
	}
	if text, marked := strings.CutPrefix(b.String(), "\ufeff"); !marked || !strings.HasPrefix(text, "target,start (UTC),") {
		t.Errorf("begins %.40q", b.String())
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	if got := strings.Join(rows[1], "|"); got != "Büro|2026-11-18 00:00:00||60.000||||0||||" {
		t.Errorf("what lasts: %s", got)
	}
	if got := rows[2][0]; !strings.HasPrefix(got, "'=") {
		t.Errorf("a formula: %s", got)
	}
	if got := rows[2][11]; got != `2026-11-17 00:00:00 server a,b said "no"\x0d\x0aand more\x1b[31m` {
		t.Errorf("evidence: %s", got)
	}
}

func TestColumnsKeepWhatHurt(t *testing.T) {
	ms := time.Millisecond
	p := func(second int, rtt time.Duration) Point {
		return Point{Time: at(0, 0, 0).Add(time.Duration(second) * time.Second), Over: time.Second, Min: rtt, Mean: rtt, Max: rtt}
	}
	for _, c := range []struct {
		name   string
		points []Point
		want   string // min mean max and whether joined, of five columns of two seconds
	}{
		{"nothing", nil, "- - - - -"},
		{"one each", []Point{p(0, ms), p(2, 2*ms), p(4, ms), p(6, ms), p(8, ms)}, "1/1/1 2/2/2+ 1/1/1+ 1/1/1+ 1/1/1+"},
		{"a peak stays", []Point{p(0, ms), p(1, 9*ms)}, "1/5/9 - - - -"},
		{"a gap is a gap", []Point{p(0, ms), p(6, ms)}, "1/1/1 - - 1/1/1 -"},
		{"before and after are left out", []Point{p(-1, 9*ms), p(3, ms), p(10, 9*ms)}, "- 1/1/1 - - -"},
		{"what was not measured", []Point{p(0, 0), p(2, ms)}, "- 1/1/1 - - -"},
	} {
		var got []string
		for _, col := range Columns(nil, c.points, at(0, 0, 0), at(0, 0, 0).Add(10*time.Second), 5, 2*time.Second) {
			if col.Max == 0 {
				got = append(got, "-")
				continue
			}
			text := fmt.Sprintf("%d/%d/%d", col.Min/ms, col.Mean/ms, col.Max/ms)
			if col.Joined {
				text += "+"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, " "), c.want)
		}
	}
	if got := Columns(nil, []Point{p(0, ms)}, at(1, 0, 0), at(0, 0, 0), 5, ms); len(got) != 5 || got[0].Max != 0 {
		t.Error("a stretch that runs backwards has something in it")
	}
	if got := Columns(nil, nil, at(0, 0, 0), at(1, 0, 0), -1, ms); len(got) != 0 {
		t.Error("less than no columns")
	}
}

func TestFinePointsTakeThePlaceOfCoarseOnes(t *testing.T) {
	minute := func(m int) Point { return Point{Time: at(0, 0, m), Over: time.Minute, Max: time.Hour} }
	second := func(m, s int) Point {
		return Point{Time: at(0, 0, m).Add(time.Duration(s) * time.Second), Over: time.Second, Max: time.Second}
	}
	got := Joined([]Point{minute(0), minute(1), minute(2)}, []Point{second(1, 30), second(2, 0), second(2, 1)})
	var text []string
	for _, p := range got {
		text = append(text, p.Time.Format("4:05")+" "+p.Over.String())
	}
	if want := "0:00 1m0s, 1:00 1m0s, 2:00 1s, 2:01 1s"; strings.Join(text, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(text, ", "), want)
	}
}

// manyOutages are those of a hundred targets in thirty days.
func manyOutages(n int) []PastOutage {
	all := make([]PastOutage, n)
	for i := range all {
		start := at(-23, 0, 0).Add(30 * day * time.Duration(i) / time.Duration(n))
		all[i] = past(fmt.Sprintf("Server %02d", i%100), causes[i%len(causes)], start, start.Add(time.Duration(i%900)*time.Second))
		all[i].Verdict.Evidence = []netcheck.Evidence{{Time: start, Hop: all[i].Verdict.Hop, Where: "192.0.2.7:3128", Saw: "connection refused"}}
	}
	return all
}

func BenchmarkSummarize10000(b *testing.B) {
	all, watch := manyOutages(10000), Watch{}
	for i := range 100 {
		watch[fmt.Sprintf("Server %02d", i)] = []Span{{at(-23, 0, 0), at(7, 0, 0)}}
	}
	for b.Loop() {
		Summarize(all, watch, at(0, 0, 0), at(7, 0, 0), at(7, 0, 0))
	}
}

func BenchmarkSearch10000(b *testing.B) {
	all := Incidents(manyOutages(10000), nil, at(7, 0, 0))
	for b.Loop() {
		Filter{Text: "server 07 refused"}.Pick(all, English)
	}
}

// What Windows says of the network as a whole stands in a report under a name of its own, and is never what a verdict is
// said to rest on.
func TestHearsay(t *testing.T) {
	says := netcheck.Evidence{Where: "IsNetworkAlive", Seen: netcheck.SeenUnknown, Saw: "alive (LAN)"}
	silent := netcheck.Evidence{Hop: netcheck.HopServer, Where: "192.0.2.7:3128", Seen: netcheck.SeenSilent}
	for l, want := range map[Lang]string{English: "System", Chinese: "系统"} {
		if got := HopWord(says.Hop, l); got != want {
			t.Errorf("%s: got %q, want %q", l, got, want)
		}
	}
	if got, want := HopWord(netcheck.HopServer, English), "Server"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var i Incident
	i.Verdict = netcheck.Verdict{Hop: netcheck.HopLink, Evidence: []netcheck.Evidence{silent, says}}
	if got, want := i.SeenBy(English), SeenText(silent, English); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	i.Verdict.Evidence = []netcheck.Evidence{says}
	if got := i.SeenBy(English); got != "" {
		t.Errorf("rests on hearsay: %q", got)
	}
}
