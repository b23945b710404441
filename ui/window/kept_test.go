package window

import (
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// keptMinutes are those of so many days until noon, but for the hours in which the computer was off.
func keptMinutes(days int) []wire.Minute {
	var all []wire.Minute
	for i := days * 24 * 60; i > 0; i-- {
		at := noon.Truncate(time.Minute).Add(-time.Duration(i) * time.Minute)
		if at.Hour() == 3 || at.Before(noon.Add(-5*24*time.Hour-6*time.Hour)) && at.After(noon.Add(-6*24*time.Hour)) {
			continue
		}
		v := 24 + 5*math.Sin(float64(i)/77) + 3*math.Sin(float64(i)/9.1)
		wide := 2 + 2*math.Sin(float64(i)/5)
		if i%173 == 0 {
			wide = 30
		}
		ms := func(v float64) wire.Millis { return wire.Millis(v * float64(time.Millisecond)) }
		all = append(all, wire.Minute{Time: wire.Time{Time: at}, Min: ms(v - 3), Mean: ms(v), Max: ms(v + wide), Beats: 60, Up: wire.Length(time.Minute), Watched: wire.Length(time.Minute)})
	}
	return all
}

// keptOutage is an outage as it comes through the socket.
func keptOutage(id int64, target string, cause netcheck.Cause, before, lasted time.Duration) wire.PastOutage {
	start := noon.Add(-before)
	o := wire.PastOutage{
		ID: id, Target: target, Start: wire.Time{Time: start}, End: wire.Time{Time: start.Add(lasted)}, Ended: wire.Healed,
		Cause: string(cause), Hop: string(cause.Hop()), Attempts: 3, Interface: "eth0", Gateway: way.Gateway,
		Evidence: []wire.Evidence{
			{Time: wire.Time{Time: start}, Hop: "gateway", Where: "192.0.2.1", Seen: "answers", RTT: wire.Millis(400 * time.Microsecond)},
			{Time: wire.Time{Time: start}, Hop: string(cause.Hop()), Where: "203.0.113.7:7000", Seen: "silent", Saw: "no answer within 1s"},
		},
		Causes: []wire.CauseTime{{Time: wire.Time{Time: start}, Cause: string(cause)}},
	}
	if cause.Hop() == netcheck.HopProxy {
		o.Proxy = "http://proxy.example.net:3128"
		o.Evidence[1].Where = "proxy.example.net:3128"
	}
	return o
}

const hour = time.Hour

// aWeek is the outages of a week and of the one before, the newest first.
func aWeek() []wire.PastOutage {
	all := []wire.PastOutage{
		keptOutage(9, "Build server", netcheck.ServerClosed, 90*time.Minute, 425*time.Second),
		keptOutage(8, "Office gateway", netcheck.PathLost, 10*hour, 96*time.Minute),
		keptOutage(7, "Office gateway", netcheck.CableUnplugged, 52*hour, 38*time.Second),
		keptOutage(6, "Team chat", netcheck.ProxyUnreachable, 70*hour, 9*time.Minute),
		keptOutage(5, "Office gateway", netcheck.ProxyUnreachable, 70*hour, 540*time.Second),
		keptOutage(4, "Office gateway", netcheck.ProxyUnreachable, 92*hour, 724*time.Second),
		keptOutage(3, "Home broker", netcheck.ServerClosed, 99*hour, 9*time.Second),
		keptOutage(2, "Office gateway", netcheck.ServerHung, 200*hour, 3*time.Minute),
	}
	all[1].Also = []string{"server-unreachable"}
	all[1].Causes = append(all[1].Causes, wire.CauseTime{Time: wire.Time{Time: all[1].Start.Add(2 * time.Second)}, Cause: "path-lost"})
	all[1].Causes[0].Cause = "server-unreachable"
	return all
}

func TestTheWindowOpensOnHistory(t *testing.T) {
	snaps := fiveTargets()
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700))
	d.client.kept = aWeek()
	d.client.minutes = keptMinutes(2)
	d.give(snaps...)
	d.step()
	d.draws()
	if got := d.last.nOutages; got != 6 { // five that were kept, one that the resident has in memory
		t.Errorf("%d outages under Office gateway, want 6", got)
	}
	if got := d.detail.table.rows[1][2].whole; got != "path breaks off" {
		t.Errorf("second row %q", got)
	}
	if got := len(d.last.minutes); got != 0 {
		t.Errorf("%d minutes were asked for though the chart shows seconds", got)
	}
	d.model.change(func() { d.model.traces["Office gateway"] = samples() })
	d.detail.reach.pick(2)
	d.draws() // with what is known at once
	if got := len(d.detail.chart.points); got != len(samples()) {
		t.Errorf("%d points before the minutes came, want %d", got, len(samples()))
	}
	d.step()
	d.draws()
	if got := len(d.detail.chart.points); got < 1300+len(samples()) {
		t.Errorf("the chart still has %d points after they came", got)
	}
	if got := len(d.last.minutes); got < 1300 || got > 1441 {
		t.Errorf("%d minutes for a day", got)
	}
	if d.detail.chart.span != 24*time.Hour || len(d.detail.chart.bands) != 2 {
		t.Errorf("chart of %v with %d outages", d.detail.chart.span, len(d.detail.chart.bands))
	}
	// A minute later only what is new is asked for, and the day moves on.
	before := d.last.minutes[0].Time
	d.clock = d.clock.Add(90 * time.Second)
	last := d.client.minutes[len(d.client.minutes)-1]
	last.Time = wire.Time{Time: last.Time.Add(time.Minute)}
	d.client.minutes = append(d.client.minutes, last)
	d.step()
	d.draws()
	if got := d.last.minutes; !got[0].Time.After(before) || !got[len(got)-1].Time.Equal(last.Time.Time) {
		t.Errorf("minutes from %v to %v", got[0].Time, got[len(got)-1].Time)
	}
	for i := 1; i < len(d.last.minutes); i++ {
		if !d.last.minutes[i].Time.After(d.last.minutes[i-1].Time) {
			t.Fatalf("minute %d comes twice", i)
		}
	}
}

func TestAResidentThatKeepsNothingIsAskedOnce(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700))
	d.client.keptErr = &control.Error{Status: http.StatusNotImplemented, Msg: "keeps nothing"}
	d.give(fiveTargets()...)
	d.step()
	d.draws()
	if !d.model.forgets || d.last.lost != "" || d.last.nOutages != 1 {
		t.Errorf("forgets %v, lost %q, %d outages", d.model.forgets, d.last.lost, d.last.nOutages)
	}
}

func TestWhatIsKeptAndWhatIsNewAreJoined(t *testing.T) {
	start := noon.Add(-hour)
	o := func(before time.Duration, cause netcheck.Cause, lasts bool) monitor.Outage {
		one := monitor.Outage{Start: start.Add(-before), End: start.Add(time.Minute - before), Verdict: netcheck.Verdict{Cause: cause}}
		if lasts {
			one.End = time.Time{}
		}
		return one
	}
	kept := func(all ...monitor.Outage) past {
		var p past
		for _, one := range all {
			p.outages = append(p.outages, ui.PastOutage{Outage: one})
		}
		return p
	}
	for _, c := range []struct {
		name string
		snap []monitor.Outage
		down bool
		past past
		want []netcheck.Cause
	}{
		{"nothing", nil, false, past{}, nil},
		{"only kept", nil, false, kept(o(0, "a", false), o(hour, "b", false)), []netcheck.Cause{"a", "b"}},
		{"the same in both", []monitor.Outage{o(0, "new", false)}, false, kept(o(0, "old", false), o(hour, "b", false)), []netcheck.Cause{"new", "b"}},
		{"kept as lasting, but it is over", nil, false, kept(o(0, "a", true)), nil},
		{"kept as lasting, and it lasts", nil, true, kept(o(0, "a", true)), []netcheck.Cause{"a"}},
	} {
		s := monitor.Snapshot{Outages: c.snap}
		if c.down {
			s.BrokenSince = start
		}
		var got []netcheck.Cause
		for _, one := range outagesOf(s, c.past) {
			got = append(got, one.Verdict.Cause)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Ten charts of a day each: the budget is 16 ms for all of them.
func BenchmarkChartOfADayTenTargets(b *testing.B) {
	test.NewTempApp(b)
	points := minutePoints(keptMinutes(1))
	var charts []*chart
	for range 10 {
		c := newChart(&light, ui.English)
		c.Resize(fyne.NewSize(560, 190))
		c.show("a", points, []band{{from: noon.Add(-10 * hour), to: noon.Add(-9 * hour), words: "path breaks off", length: "1:00:00"}}, noon, 24*hour)
		charts = append(charts, c)
	}
	for b.Loop() {
		for _, c := range charts {
			c.paint(560, 190)
		}
	}
}
