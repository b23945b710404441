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
	const look = 20 * time.Millisecond
	heldUp, last := time.Duration(0), time.Now()
	for end := last.Add(2 * time.Second); time.Now().Before(end); time.Sleep(look) {
		heldUp, last = max(heldUp, time.Since(last)-look), time.Now()
		// An answer may wait a tenth of a second longer than those before it: a machine that stands still as long makes it later.
		if s := now(); s.State == monitor.Down || s.State != monitor.Up && heldUp < 50*time.Millisecond {
			t.Fatalf("late answers made it %v; the machine stood still for %v", s.State, heldUp)
		}
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
