package control

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/monitor"
)

// The page for Prometheus is written by hand, in the text format 0.0.4: client_golang costs the resident 2.4 MB of memory
// from its start and 4 MB once it was asked (measured, stripped, Linux), the fifth part of its budget. promlint judges the
// page in the tests.

// tally counts what snapshots only list. The zero value is ready.
type tally struct {
	mu sync.Mutex // guards what follows
	of map[string]*counts
}

type counts struct {
	attempts, outages       uint64
	lastAttempt, lastOutage time.Time // the start of the newest that was counted
}

// run counts until ctx ends. It sleeps between events, and asks for no beats.
func (c *tally) run(ctx context.Context, e Engine) {
	sub := e.Subscribe(false)
	defer sub.Close()
	for {
		ev, err := sub.Next(ctx)
		if err != nil {
			return
		}
		c.add(&ev)
	}
}

func (c *tally) add(ev *monitor.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := ev.Snapshot.Target.Name
	if ev.Removed {
		delete(c.of, name)
		return
	}
	n := c.of[name]
	if n == nil {
		if c.of == nil {
			c.of = make(map[string]*counts)
		}
		n = new(counts)
		c.of[name] = n
	}
	for _, a := range ev.Snapshot.Attempts {
		if (a.Took > 0 || a.OK) && a.Start.After(n.lastAttempt) {
			n.attempts++
			n.lastAttempt = a.Start
		}
	}
	for i := range ev.Snapshot.Outages {
		if start := ev.Snapshot.Outages[i].Start; start.After(n.lastOutage) {
			n.outages++
			n.lastOutage = start
		}
	}
}

func (c *tally) get(name string) (attempts, outages uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.of[name]; n != nil {
		return n.attempts, n.outages
	}
	return 0, 0
}

var states = []monitor.State{monitor.Idle, monitor.Connecting, monitor.Up, monitor.Suspect, monitor.Down}

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) error {
	snaps := s.Engine.Snapshots()
	stalled := map[string]bool{}
	for _, name := range s.Engine.Stalled(time.Now()) {
		stalled[name] = true
	}
	var b page
	b.head("holdfast_build_info", "gauge", "The running Holdfast; always 1.")
	b.line("holdfast_build_info", 1, "version", s.Version, "go_version", runtime.Version())
	b.head("holdfast_start_time_seconds", "gauge", "When it was started, since the epoch.")
	b.line("holdfast_start_time_seconds", seconds(s.started))

	each := func(name, kind, help string, value func(*monitor.Snapshot) (float64, bool)) {
		b.head(name, kind, help)
		for i := range snaps {
			if v, ok := value(&snaps[i]); ok {
				b.line(name, v, "target", snaps[i].Target.Name)
			}
		}
	}
	each("holdfast_target_up", "gauge", "1 while the last heartbeat was answered in time.", func(n *monitor.Snapshot) (float64, bool) {
		return is(n.State == monitor.Up && !stalled[n.Target.Name]), true
	})
	b.head("holdfast_target_state", "gauge", "1 for the state in which the target is.")
	for i := range snaps {
		for _, state := range states {
			b.line("holdfast_target_state", is(snaps[i].State == state), "target", snaps[i].Target.Name, "state", state.String())
		}
	}
	b.head("holdfast_target_cause", "gauge", "1 for what broke, while something is broken.")
	for i := range snaps {
		if v := &snaps[i].Verdict; !v.IsZero() && (snaps[i].State == monitor.Down || snaps[i].State == monitor.Suspect) {
			b.line("holdfast_target_cause", 1, "target", snaps[i].Target.Name, "hop", string(v.Hop), "cause", string(v.Cause))
		}
	}
	each("holdfast_target_state_change_timestamp_seconds", "gauge", "When the target came into its state, since the epoch.", func(n *monitor.Snapshot) (float64, bool) {
		return seconds(n.Since), !n.Since.IsZero()
	})
	each("holdfast_target_round_trip_seconds", "gauge", "Round trip of the last answered heartbeat, while there is a session.", func(n *monitor.Snapshot) (float64, bool) {
		return n.RTT.Seconds(), n.RTT > 0 && (n.State == monitor.Up || n.State == monitor.Suspect)
	})
	each("holdfast_target_stalled", "gauge", "1 while nobody judges this target: its other values are old.", func(n *monitor.Snapshot) (float64, bool) {
		return is(stalled[n.Target.Name]), true
	})
	each("holdfast_target_attempts_total", "counter", "Attempts to get a session, ended ones.", func(n *monitor.Snapshot) (float64, bool) {
		v, _ := s.tally.get(n.Target.Name)
		return float64(v), true
	})
	each("holdfast_target_outages_total", "counter", "Outages, the present one included.", func(n *monitor.Snapshot) (float64, bool) {
		_, v := s.tally.get(n.Target.Name)
		return float64(v), true
	})
	each("holdfast_target_renewals_total", "counter", "Sessions that the server ended by habit and that were renewed without an outage.", func(n *monitor.Snapshot) (float64, bool) {
		return float64(n.Renewals), true
	})
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.b)
	return nil
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// page is text in the exposition format.
type page struct{ b []byte }

func (p *page) head(name, kind, help string) {
	p.b = append(p.b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (p *page) line(name string, v float64, labels ...string) {
	p.b = append(p.b, name...)
	sep := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		p.b = append(append(append(p.b, sep), labels[i]...), '=', '"')
		p.b = append(append(p.b, labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))...), '"')
		sep = ','
	}
	if sep == ',' {
		p.b = append(p.b, '}')
	}
	p.b = append(strconv.AppendFloat(append(p.b, ' '), v, 'g', -1, 64), '\n')
}
