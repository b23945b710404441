package main

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/desktest"
	"holdfast/monitor"
	"holdfast/netcheck"
)

// Each break of the drill looks as it is said to, whatever came before it, and each ends when it is told to.
func TestDrill(t *testing.T) {
	d, err := newDemo()
	if err != nil {
		t.Fatal(err)
	}
	fleet := monitor.NewFleet(monitor.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- together(ctx, fleet.Run, d.serve) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if err := fleet.Set(withDemo(d, []monitor.Target{{Name: d.target.Name, Address: "192.0.2.1:1"}})[:1]); err != nil {
		t.Fatal(err)
	}
	now := func() monitor.Snapshot { return fleet.Snapshots()[0] }
	desktest.Eventually(t, "it is connected", func() bool { return now().State == monitor.Up })
	drill := func(mode string) {
		t.Helper()
		before := time.Now()
		if err := d.drill(ctx, mode, fleet); err != nil {
			t.Fatal(err)
		}
		if m, since := d.now(); m.String() != mode || since.Before(before) {
			t.Errorf("%s: it says %v since %v", mode, m, since)
		}
	}
	for _, c := range []struct {
		mode string
		want netcheck.Cause
	}{
		{"stopped", netcheck.ServerRefused}, {"hung", netcheck.ServerHung}, {"closing", netcheck.ServerClosed}, {"stopped", netcheck.ServerRefused}, {"closing", netcheck.ServerClosed},
		{"hung", netcheck.ServerHung}, {"stopped", netcheck.ServerRefused},
	} {
		drill(c.mode)
		desktest.Eventually(t, c.mode+" is seen as "+string(c.want), func() bool { s := now(); return s.State == monitor.Down && s.Verdict.Cause == c.want })
	}
	drill("late")
	desktest.Eventually(t, "late answers are no break", func() bool { s := now(); return s.State == monitor.Up && s.RTT > 250*time.Millisecond })
	// Two seconds of them in which it stays up throughout. A machine that stands still makes an answer later than this, and
	// such two seconds are done again; without that any other state is a fault.
	events := fleet.Subscribe(false)
	defer events.Close()
	for tries := 5; ; tries-- {
		still := standsStill()
		left, ok := leavesUp(ctx, events, 2*time.Second)
		stood := still()
		if !ok {
			break
		}
		if left == monitor.Down || stood < 50*time.Millisecond || tries == 0 {
			t.Fatalf("late answers made it %v; the machine stood still for %v", left, stood)
		}
		desktest.Eventually(t, "late answers are no break, once more", func() bool { return now().State == monitor.Up })
	}
	drill("stopped")
	drill("normal")
	desktest.Eventually(t, "it is connected again", func() bool { return now().State == monitor.Up })
	if err := d.drill(ctx, "x", fleet); err == nil {
		t.Error("a drill that there is not was done")
	}
	if err := fleet.Pause(); err != nil {
		t.Fatal(err)
	}
	drill("hung")
	began := time.Now()
	drill("closing") // nobody waits for a session that is not wanted
	if took := time.Since(began); took >= healWithin {
		t.Errorf("it took %v while paused", took)
	}
}

// leavesUp returns the first state that is not up, within that time.
func leavesUp(ctx context.Context, events *monitor.Subscription, within time.Duration) (left monitor.State, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return 0, false
		}
		if s := e.Snapshot.State; s != monitor.Up {
			return s, true
		}
	}
}

// standsStill measures how late a timer comes at worst, until it is asked.
func standsStill() (worst func() time.Duration) {
	const pace = 10 * time.Millisecond
	done, late := make(chan struct{}), make(chan time.Duration)
	go func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		worst, last := time.Duration(0), time.Now()
		for {
			select {
			case <-tick.C:
				worst, last = max(worst, time.Since(last)-pace), time.Now()
			case <-done:
				late <- max(worst, time.Since(last)-pace)
				return
			}
		}
	}()
	return func() time.Duration { close(done); return <-late }
}
