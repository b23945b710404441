package tray

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/desktest"
	"holdfast/ui"
)

// One goroutine may stay: systray's watch for watchers, when the connection ends in the microseconds between its asking the
// bus for signals and its listening for them. It then hears neither, sleeps, and holds nothing but itself. Seen once in
// about a hundred trays that were ended while they began.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("fyne.io/systray.stayRegistered"))
}

// asked notes what a tray asked for.
type asked chan string

func (a asked) actions() Actions {
	say := func(s string) func() { return func() { a <- s } }
	return Actions{
		Reconnect:       say("reconnect"),
		ReconnectTarget: func(key string) { a <- "reconnect " + key },
		Pause: func(until time.Time) {
			switch d := time.Until(until); {
			case until.IsZero():
				a <- "pause"
			case d > 59*time.Minute && d <= time.Hour:
				a <- "pause an hour"
			case until.Hour() == 6 && d > 3*time.Hour:
				a <- "pause until tomorrow"
			default:
				a <- "pause until " + until.String()
			}
		},
		Resume: say("resume"),
		Open:   say("open"),
		Drill:  func(d Drill) { a <- "drill " + string(d) },
		Quit:   say("quit"),
	}
}

// runTray runs a tray until the test ends; the tray's end is part of the test.
func runTray(t testing.TB, tray *Tray) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tray.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(desktest.Patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestWhatClicksMean(t *testing.T) {
	broken := ui.Tray{CanReconnect: true}
	for name, c := range map[string]struct {
		shown ui.Tray
		click click
		want  string
	}{
		"left, something broken":   {broken, click{what: clickLeft}, "reconnect"},
		"left, all well":           {ui.Tray{}, click{what: clickLeft}, "open"},
		"middle, something broken": {broken, click{what: clickMiddle}, "open"},
		"row of a broken target":   {broken, click{clickRow, "a", ui.LookDown}, "reconnect a"},
		"row of a late target":     {broken, click{clickRow, "a", ui.LookSuspect}, "reconnect a"},
		"row of a target that is up": {
			broken, click{clickRow, "a", ui.LookUp}, "open",
		},
		"row of a paused target": {broken, click{clickRow, "a", ui.LookPaused}, "open"},
		"and n more":             {broken, click{what: clickMore}, "open"},
		"pause for an hour":      {broken, click{what: clickPauseHour}, "pause an hour"},
		"quit":                   {broken, click{what: clickQuit}, "quit"},
	} {
		got := make(asked, 4)
		tray := New(Options{Actions: got.actions()})
		tray.Show(c.shown)
		tray.act(c.click, time.Now())
		close(got)
		var all []string
		for s := range got {
			all = append(all, s)
		}
		if !slices.Equal(all, []string{c.want}) {
			t.Errorf("%s: asked for %q, want %q", name, all, c.want)
		}
	}
}

func TestMissingActionsDoNothing(t *testing.T) {
	tray := New(Options{})
	for w := clickLeft; w <= tellReady; w++ {
		tray.act(click{what: w, key: "a", look: ui.LookDown}, time.Now())
	}
}

func TestTomorrowIsInTheMorning(t *testing.T) {
	berlin := desktest.Berlin(t)
	for name, c := range map[string]struct{ now, want string }{
		"at noon":                    {"2026-11-21 12:00", "2026-11-22 06:00"},
		"late in the evening":        {"2026-11-21 23:50", "2026-11-22 06:00"},
		"after midnight":             {"2026-11-22 01:00", "2026-11-22 06:00"},
		"up early":                   {"2026-11-22 05:00", "2026-11-23 06:00"},
		"at six":                     {"2026-11-22 06:00", "2026-11-23 06:00"},
		"last day of the year":       {"2026-12-31 18:00", "2027-01-01 06:00"},
		"night of the summer time":   {"2026-03-28 22:00", "2026-03-29 06:00"},
		"night in which it ends":     {"2026-10-25 00:30", "2026-10-25 06:00"},
		"hour that summer time eats": {"2026-03-29 01:30", "2026-03-30 06:00"},
	} {
		at := func(s string) time.Time {
			when, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
			if err != nil {
				t.Fatal(err)
			}
			return when
		}
		if got := tomorrow(at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// Show is called at every event of every target.
func TestShowCostsAComparisonWhenNothingChanged(t *testing.T) {
	tray := New(Options{})
	v := ui.Tray{Title: "Holdfast: 5 connected", Look: ui.LookUp}
	tray.Show(v)
	if n := testing.AllocsPerRun(100, func() { tray.Show(v) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if len(tray.wake) != 1 {
		t.Errorf("%d wakes pending, want 1", len(tray.wake))
	}
}

func TestClicksNeverBlock(t *testing.T) {
	tray := New(Options{})
	for range 1000 {
		tray.clicked(click{what: clickOpen})
	}
	if got := len(tray.clicks); got != 32 {
		t.Errorf("%d clicks wait, want 32", got)
	}
}
