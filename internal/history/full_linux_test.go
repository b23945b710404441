package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
)

func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=700"); err != nil {
		t.Skip("needs the right to mount:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk: what was kept stays readable, what happens is remembered, and all of it is there when there is room again.
func TestIntegrationFullDisk(t *testing.T) {
	dir := tmpfs(t, "400k")
	said := []string{}
	r := recorder(dir, &engine{}, &said)
	a := newTarget("office")
	now := time.Now()
	n := 0
	breaks := func(times int) {
		for range times {
			n++
			at := now.Add(time.Duration(n) * time.Second)
			for _, e := range []monitor.Event{a.event(at, monitor.Down, netcheck.ServerRefused), a.event(at.Add(time.Millisecond), monitor.Up, "")} {
				r.take(&e, e.Snapshot.Time)
				r.flush(e.Snapshot.Time, urgently)
			}
		}
	}
	breaks(20)
	if got := kept(t, r); len(got.Outages) != 20 || got.Problem != "" {
		t.Fatalf("%d outages, %q", len(got.Outages), got.Problem)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	breaks(100) // some still fit into what the journal had begun
	full := kept(t, r)
	if len(full.Outages) < 20 || full.Problem == "" {
		t.Errorf("while it is full: %d outages, problem %q", len(full.Outages), full.Problem)
	}
	if len(said) == 0 || !strings.Contains(said[0], "no space left") {
		t.Errorf("said %q", said)
	}
	must(t, os.Truncate(filler.Name(), 0))
	breaks(1)
	got := kept(t, r)
	if len(got.Outages) != 121 || got.Problem != "" {
		t.Errorf("with room again: %d outages, want 121; problem %q", len(got.Outages), got.Problem)
	}
	for i, u := range got.Outages {
		if want := now.Add(time.Duration(121-i) * time.Second); u.Ended != wire.Healed || !u.Start.Equal(want.Truncate(time.Microsecond)) {
			t.Errorf("%d: %v, ended %q", i, u.Start, u.Ended)
			break
		}
	}
}

// Where nothing may be written the past can still be read.
func TestIntegrationReadOnly(t *testing.T) {
	dir := tmpfs(t, "1m")
	j := OpenJournal(dir)
	must(t, j.Append(false, line{Outage: outage(1, "a", noon, time.Minute)}))
	must(t, j.Rotate())
	ask(t, dir, wire.HistoryQuery{}, noon)
	must(t, j.Append(false, line{Outage: outage(2, "a", noon, time.Minute)}))
	j.Close()
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	got := ask(t, dir, wire.HistoryQuery{}, noon)
	if len(got.History.Outages) != 1 || !strings.Contains(got.Problem, dir) {
		t.Errorf("%d outages, problem %q", len(got.History.Outages), got.Problem)
	}
	if r, err := serve(t.Context(), dir, Request{RoundTrips: &RoundTripsQuery{Target: "a"}}, noon); err != nil || r.RoundTrips.Minutes == nil {
		t.Errorf("%+v, %v", r, err)
	}
	said := []string{}
	r := recorder(dir, &engine{}, &said)
	a := newTarget("office")
	e := a.event(time.Now(), monitor.Down, netcheck.ServerRefused)
	r.take(&e, time.Now())
	if r.flush(time.Now(), urgently) || len(said) != 1 {
		t.Errorf("said %q", said)
	}
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, ""))
	if got := kept(t, r); len(got.Outages) != 3 || got.Problem != "" {
		t.Errorf("writable again: %s", fmt.Sprint(len(got.Outages), got.Problem))
	}
	r.journal.Close()
}
