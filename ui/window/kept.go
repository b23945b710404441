package window

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// What the resident has kept of the chosen target: the outages of before the window was opened, and for the longer
// charts the round trips by the minute.
type past struct {
	outages []ui.PastOutage // the newest first
	of      string          // the outages of the snapshot when these were asked for
	minutes []ui.Point
	asked   time.Time // when the minutes were asked for
}

// pastLimit is how many outages of one target are asked for: those of a day, for the chart.
const pastLimit = 500

// minutesEvery is how often a chart of minutes gets new ones.
const minutesEvery = time.Minute

// askPast reads what was kept of the chosen target, where that may have changed.
func (m *model) askPast(ctx context.Context, c Client) {
	m.mu.Lock()
	name, span, silent := m.chosenLocked(), m.span, m.forgets
	snap, known := m.snaps[name]
	p := m.pasts[name]
	m.mu.Unlock()
	if !known || silent {
		return
	}
	now := m.now()
	next := p
	if of := outagesKey(snap); of != p.of {
		h, err := c.History(ctx, control.HistoryQuery{Target: name, Limit: pastLimit, Since: now.Add(-30 * 24 * time.Hour)})
		if forgets(err) {
			m.change(func() { m.forgets = true })
			return
		}
		if err == nil {
			next.outages, next.of = pastOutages(h.Outages), of
		}
	}
	if span > chartSpan && now.Sub(p.asked) >= minutesEvery {
		since := now.Add(-chartSpans[len(chartSpans)-1])
		kept := p.minutes
		if n := len(kept); n > 1 && kept[n-2].Time.After(since) {
			since = kept[n-1].Time // the last one may not have been whole
			kept = kept[:n-1]
		} else {
			kept = nil
		}
		if rt, err := c.RoundTrips(ctx, name, since); err == nil {
			next.minutes, next.asked = append(slices.Clone(kept), minutePoints(rt.Minutes)...), now
			for len(next.minutes) > 0 && next.minutes[0].Time.Before(now.Add(-chartSpans[len(chartSpans)-1]-time.Minute)) {
				next.minutes = next.minutes[1:]
			}
		}
	}
	if next.of == p.of && next.asked.Equal(p.asked) {
		return
	}
	m.change(func() {
		m.pasts[name] = next
		m.traced++
	})
}

// forgets reports whether err says that the resident keeps nothing.
func forgets(err error) bool {
	var e *control.Error
	return errors.As(err, &e) && (e.Status == http.StatusNotImplemented || e.Status == http.StatusNotFound)
}

// outagesKey differs when the outages of s do.
func outagesKey(s monitor.Snapshot) string {
	if len(s.Outages) == 0 {
		return "none"
	}
	o := s.Outages[len(s.Outages)-1]
	return fmt.Sprint(o.Start.UnixMicro(), o.End.UnixMicro(), o.Verdict.Cause, len(s.Outages))
}

// pastOutages turns what came through the socket into what is shown.
func pastOutages(from []wire.PastOutage) []ui.PastOutage {
	to := make([]ui.PastOutage, 0, len(from))
	for i := range from {
		to = append(to, pastOutage(&from[i]))
	}
	return to
}

func pastOutage(u *wire.PastOutage) ui.PastOutage {
	v := netcheck.Verdict{Cause: netcheck.Cause(u.Cause), Hop: netcheck.Hop(u.Hop), Interface: u.Interface, Gateway: u.Gateway, LastHop: u.LastHop}
	for _, a := range u.Also {
		v.Also = append(v.Also, netcheck.Cause(a))
	}
	for _, e := range u.Evidence {
		v.Evidence = append(v.Evidence, netcheck.Evidence{
			Time: e.Time.Local(), Hop: netcheck.Hop(e.Hop), Where: e.Where, Seen: netcheck.Seen(e.Seen), RTT: time.Duration(e.RTT), Saw: e.Saw,
		})
	}
	p := ui.PastOutage{
		ID: u.ID, Target: u.Target, Address: u.Address, Proxy: u.Proxy, Unsure: u.Ended != "" && u.Ended != wire.Healed,
		Outage: monitor.Outage{Start: local(u.Start.Time), End: local(u.End.Time), Verdict: v, Attempts: u.Attempts},
	}
	for _, c := range u.Causes {
		p.Causes = append(p.Causes, ui.CauseSince{Time: local(c.Time.Time), Cause: netcheck.Cause(c.Cause)})
	}
	return p
}

// local is t where this computer is; the zero time stays what it is.
func local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Local()
}

func minutePoints(minutes []wire.Minute) []ui.Point {
	points := make([]ui.Point, 0, len(minutes))
	for _, one := range minutes {
		if one.Max > 0 {
			points = append(points, ui.Point{
				Time: one.Time.Time, Over: time.Minute, Min: time.Duration(one.Min), Mean: time.Duration(one.Mean), Max: time.Duration(one.Max),
			})
		}
	}
	return points
}

// watchOf is when targets were watched.
func watchOf(kept []wire.Watched) ui.Watch {
	watch := ui.Watch{}
	for _, one := range kept {
		watch[one.Target] = append(watch[one.Target], ui.Span{From: one.From.Time, To: one.To.Time})
	}
	return watch
}

// outagesOf joins what was kept of a target with what its snapshot says, the newest first.
func outagesOf(snap monitor.Snapshot, p past) []monitor.Outage {
	all := make([]monitor.Outage, 0, len(snap.Outages)+len(p.outages))
	for i := len(snap.Outages) - 1; i >= 0; i-- {
		all = append(all, snap.Outages[i])
	}
	for i := range p.outages {
		o := &p.outages[i]
		known := slices.ContainsFunc(snap.Outages, func(one monitor.Outage) bool {
			return one.Start.Sub(o.Start).Abs() < 10*time.Millisecond
		})
		if known || o.End.IsZero() && snap.BrokenSince.IsZero() {
			continue // the snapshot knows better
		}
		all = append(all, o.Outage)
	}
	slices.SortStableFunc(all, func(a, b monitor.Outage) int { return b.Start.Compare(a.Start) })
	return all
}
