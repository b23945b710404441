package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/desktest"
	"holdfast/internal/wire"
)

// TestKilledResidentLosesNoOutage breaks and mends ten targets again and again, and kills the resident with -9 at any moment.
// Whatever it had reported as ended by then is in the history afterwards, whole: a thousand outages where HOLDFAST_LONG is
// set, as make bench does, else forty.
func TestKilledResidentLosesNoOutage(t *testing.T) {
	want := 40
	if os.Getenv("HOLDFAST_LONG") != "" {
		want = 1000
	}
	d := desktest.New(t)
	self, err := os.Executable()
	desktest.Must(t, err)
	server := &switchedServer{t: t, address: "127.0.0.1:0"}
	server.on()
	defer func() { server.stop() }()
	d.Write("config/holdfast/holdfast.toml", server.targets(10))

	type outage struct {
		target string
		start  int64
	}
	type report struct{ end, told time.Time }
	reported := map[outage]report{}
	kills, late := 0, map[outage]bool{}
	for len(reported) < want {
		cmd := d.Command(self, "--no-tray")
		cmd.Args[0] = "holdfast"
		resident := d.Run(cmd)
		c := dialled(t, d)
		told := make(chan map[outage]report, 1)
		go func() {
			all := map[outage]report{}
			for o, err := range c.Events(t.Context(), false) {
				if err != nil {
					break
				}
				for _, u := range o.Outages {
					key := outage{o.Target, u.Start.UnixMicro()}
					if _, known := all[key]; !known && !u.End.IsZero() {
						all[key] = report{u.End.Time, time.Now()}
					}
				}
			}
			told <- all
		}()
		allAre(t, c, "up")
		for range 1 + rand.IntN(3) {
			server.stop()
			allAre(t, c, "down")
			server.on()
			allAre(t, c, "up")
		}
		if kills%2 == 1 { // in the midst of an outage
			server.stop()
			allAre(t, c, "down")
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // any moment
		at := time.Now()
		resident.Kill()
		if kills%2 == 1 {
			server.on()
		}
		kills++
		c.Close()
		for key, r := range <-told {
			reported[key] = r
			late[key] = at.Sub(r.told) < time.Second
		}
	}
	cmd := d.Command(self, "history", "--json", "--since", "1d")
	cmd.Args[0] = "holdfast"
	out, err := cmd.Output()
	desktest.Must(t, err)
	kept := map[outage]wire.PastOutage{}
	for text := range strings.Lines(string(out)) {
		var u wire.PastOutage
		desktest.Must(t, json.Unmarshal([]byte(text), &u))
		key := outage{u.Target, u.Start.UnixMicro()}
		if _, twice := kept[key]; twice {
			t.Errorf("kept twice: %s", text)
		}
		kept[key] = u
	}
	lost, endless := 0, 0
	for key, r := range reported {
		u, there := kept[key]
		switch whole := u.Ended == wire.Healed && u.End.Sub(r.end).Abs() < time.Millisecond && u.Cause != "" && len(u.Evidence) > 0; {
		case !there:
			lost++
		case whole:
		case late[key] && u.Ended == wire.Unwatched: // it was told in the very moment in which it was to be written
			endless++
		default:
			t.Errorf("not whole: %+v, reported to end at %v", u, r.end)
		}
	}
	if lost > 0 {
		t.Errorf("%d outages were lost", lost)
	}
	t.Logf("%d outages reported as ended, %d kills: %d lost, %d of the last moment without their end; %d kept in all", len(reported), kills, lost, endless, len(kept))
}
