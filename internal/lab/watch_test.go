//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// moment is a time on the day of the fixture.
func moment(seconds float64) time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// printed makes events out of "seconds state [cause[+also]]": read 2 ms after they were made.
func printed(t *testing.T, lines ...string) (events []Event) {
	t.Helper()
	for _, l := range lines {
		var seconds float64
		var state, cause string
		if n, err := fmt.Sscan(l, &seconds, &state, &cause); n < 2 {
			t.Fatalf("%q: %v", l, err)
		}
		cause, also, _ := strings.Cut(cause, "+")
		text := `{"time":"` + moment(seconds).Format("2006-01-02T15:04:05.000000Z") + `","target":"a","event":"state","state":"` + state +
			`","since":null,"cause":null,"hop":null,"also":[],"attempt":null,"retry_at":null,"rtt_ms":0.213,"evidence":[]}`
		if cause != "" {
			text = strings.Replace(text, `"cause":null`, `"cause":"`+cause+`"`, 1)
		}
		if also != "" {
			text = strings.Replace(text, `"also":[]`, `"also":["`+also+`"]`, 1)
		}
		e, err := ParseEvent(Line{At: moment(seconds + .002), Text: text})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestMeasure(t *testing.T) {
	tests := []struct {
		name             string
		lines            []string
		broken, repaired float64 // 0: not repaired
		want             Figures
	}{
		{"suspected, down, named, back", []string{"1 connecting", "1.1 up", "10.003 suspect", "10.045 suspect cable-unplugged", "10.4 down cable-unplugged", "20.05 up"}, 10, 20,
			Figures{5 * ms, 402 * ms, 47 * ms, 52 * ms, "cable-unplugged", []string{}, []string{"cable-unplugged"}}},
		{"a cause replaced by another", []string{"1 up", "10.5 suspect", "10.9 down path-lost+server-unreachable", "13 down gateway-unreachable", "20.3 up"}, 10, 20,
			Figures{502 * ms, 902 * ms, 902 * ms, 302 * ms, "path-lost", []string{"server-unreachable"}, []string{"path-lost", "gateway-unreachable"}}},
		{"suspected and fine again", []string{"1 up", "10.5 suspect", "10.6 up"}, 10, 20,
			Figures{502 * ms, None, None, None, "", nil, nil}},
		{"a cause from before the fault", []string{"1 down server-refused", "2 up", "10.1 suspect"}, 10, 0,
			Figures{102 * ms, None, None, None, "", nil, nil}},
		{"made before the fault, read after it", []string{"1 up", "9.999 suspect", "10.001 up", "10.5 down no-route", "12 up"}, 10, 11,
			Figures{502 * ms, 502 * ms, 502 * ms, 1002 * ms, "no-route", []string{}, []string{"no-route"}}},
		{"a cause only after the repair", []string{"1 up", "10.5 suspect", "11.1 down path-lost", "12 up"}, 10, 11,
			Figures{502 * ms, None, None, 1002 * ms, "", nil, nil}},
		{"nothing to repair", []string{"1 up", "10.04 down address-changed", "10.1 connecting address-changed", "10.2 up"}, 10, 0,
			Figures{42 * ms, 42 * ms, 42 * ms, 202 * ms, "address-changed", []string{}, []string{"address-changed"}}},
		{"started into the fault", []string{"0.02 connecting", "0.06 down server-refused", "5.2 up"}, 0, 5,
			Figures{22 * ms, 62 * ms, 62 * ms, 202 * ms, "server-refused", []string{}, []string{"server-refused"}}},
		{"noticed nothing", []string{"1 up"}, 10, 0, Figures{None, None, None, None, "", nil, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var repaired time.Time
			if tt.repaired != 0 {
				repaired = moment(tt.repaired)
			}
			got := Measure(printed(t, tt.lines...), "a", moment(tt.broken), repaired)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			if other := Measure(printed(t, tt.lines...), "b", moment(tt.broken), repaired); other.LeftUp != None || other.Back != None {
				t.Errorf("of another target: %v", other)
			}
		})
	}
}

func TestParseEvent(t *testing.T) {
	whole := `{"time":"2026-11-21T12:00:38.004512Z","target":"office","event":"attempt","state":"down","since":"2026-11-21T12:00:30.000000Z",` +
		`"cause":"server-refused","hop":"server","also":[],"attempt":5,"retry_at":"2026-11-21T12:00:39.004512Z","rtt_ms":null,` +
		`"evidence":[{"time":"2026-11-21T12:00:38.004512Z","hop":"server","saw":"connection refused","where":null,"seen":"refused","rtt_ms":0.2}],"seq":7}`
	e, err := ParseEvent(Line{Text: whole})
	if err != nil {
		t.Fatal(err)
	}
	if e.Target != "office" || e.State != "down" || e.Cause != "server-refused" || e.Attempt != 5 || !e.RetryAt.Equal(moment(39.004512)) || len(e.Evidence) != 1 {
		t.Errorf("got %+v", e)
	}
	for _, bad := range []string{"", "null", "[]", "holdfast: no such thing", whole[:100], strings.Replace(whole, `"state":"down",`, "", 1),
		strings.Replace(whole, "2026-11-21T12:00:38.004512Z", "yesterday", 1)} {
		if e, err := ParseEvent(Line{Text: bad}); err == nil {
			t.Errorf("%q is understood as %+v", bad, e)
		}
	}
}

// A program's lines are read as they come; what is not JSON, and the program's end, are told at once.
func TestIntegrationWatch(t *testing.T) {
	l := New(t)
	line := func(seconds float64, event, state string) string {
		return fmt.Sprintf(`{"time":"%s","target":"a","event":"%s","state":"%s"}`, moment(seconds).Format(time.RFC3339Nano), event, state)
	}
	script := func(t *testing.T, body string) string {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("speaks", func(t *testing.T) {
		w, err := l.Watch(script(t, fmt.Sprintf("echo '%s'; echo '%s'; echo '%s'; echo \"$*\" >&2; exec sleep 60\n",
			line(1, "state", "connecting"), line(2, "state", "up"), line(3, "beat", "up"))), "--beats", "192.0.2.7:7000")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.UntilUp(1, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := w.Until("beat", 5*time.Second, func([]Event) bool { return w.beats > 0 }); err != nil {
			t.Fatal(err)
		}
		if got := len(w.Events()); got != 2 || w.Beats() != 1 || w.Now("a") != "up" || w.Now("b") != "" {
			t.Errorf("%d events, %d beats, a is %q, b is %q", got, w.Beats(), w.Now("a"), w.Now("b"))
		}
		if err := w.Until("never", 20*ms, func([]Event) bool { return false }); err == nil || !strings.Contains(err.Error(), "connecting") {
			t.Errorf("the report of a failure shows what was printed: %v", err)
		}
		if err := w.Kill(); err != nil {
			t.Fatal(err)
		}
		if got := w.Tail(); !strings.Contains(got, "watch --json --beats 192.0.2.7:7000") {
			t.Errorf("arguments: %s", got)
		}
	})
	t.Run("speaks no JSON", func(t *testing.T) {
		w, err := l.Watch(script(t, "echo hello; exec sleep 60\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.UntilUp(1, 5*time.Second); err == nil || !strings.Contains(err.Error(), "hello") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ends", func(t *testing.T) {
		w, err := l.Watch(script(t, "echo no such heartbeat >&2; exit 2\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.UntilUp(1, 5*time.Second); err == nil || !strings.Contains(err.Error(), "no such heartbeat") || !strings.Contains(err.Error(), "exit status 2") {
			t.Errorf("got %v", err)
		}
	})
}

// The wall clock of one process can be moved; its monotonic clock, and everybody else's clocks, stay.
func TestIntegrationShiftClock(t *testing.T) {
	l := New(t)
	lines := make(chan Line, 64)
	p, err := l.Client.StartEnv([]string{"HOLDFAST_LAB_CLOCK=1"}, func(l Line) { lines <- l }, os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	read := func() (wall time.Time, age time.Duration) {
		t.Helper()
		select {
		case l := <-lines:
			var ns, a int64
			if _, err := fmt.Sscan(l.Text, &ns, &a); err != nil {
				t.Fatalf("%q: %v", l.Text, err)
			}
			return time.Unix(0, ns), time.Duration(a)
		case <-time.After(5 * time.Second):
			t.Fatalf("the clock does not tick: %s", p.Tail())
			panic("unreachable")
		}
	}
	_, before := read()
	switch err := p.ShiftClock(-time.Hour); {
	case errors.Is(err, errors.ErrUnsupported):
		t.Skip("needs amd64: the code that moves a clock is written for that only")
	case err != nil:
		t.Fatal(err)
	}
	for len(lines) > 0 {
		<-lines
	}
	read() // perhaps of the moment itself
	wall, after := read()
	if off := time.Since(wall); off < 59*time.Minute || off > 61*time.Minute {
		t.Errorf("the process' wall clock is %v behind, want an hour", off)
	}
	if d := after - before; d <= 0 || d > 10*time.Second {
		t.Errorf("its monotonic clock moved by %v", d)
	}
}

// clock prints its two clocks.
func clock() {
	start := time.Now()
	for {
		fmt.Println(time.Now().UnixNano(), int64(time.Since(start)))
		time.Sleep(10 * time.Millisecond)
	}
}

func TestMedianWorst(t *testing.T) {
	for _, tt := range []struct {
		name          string
		all           []time.Duration
		median, worst time.Duration
	}{
		{"nothing", nil, None, None},
		{"one", []time.Duration{3}, 3, 3},
		{"an odd number", []time.Duration{9, 1, 5}, 5, 9},
		{"an even number", []time.Duration{8, 2, 4, 6}, 5, 8},
		{"one that did not happen", []time.Duration{8, None, 4}, 6, None},
		{"none that happened", []time.Duration{None, None}, None, None},
	} {
		all := fmt.Sprint(tt.all)
		if m, w := MedianWorst(tt.all); m != tt.median || w != tt.worst {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, m, w, tt.median, tt.worst)
		}
		if fmt.Sprint(tt.all) != all {
			t.Errorf("%s: the figures were changed", tt.name)
		}
	}
}
