package tray

import (
	"strings"
	"testing"

	"holdfast/ui"
)

// draw writes a menu as text: what is below another line is indented, a line across is a dash, what is off is in brackets.
func drawMenu(lines []menuLine) string {
	var b strings.Builder
	for _, l := range lines {
		if l.hidden {
			continue
		}
		if l.gap {
			b.WriteString("-\n")
		}
		if l.sub {
			b.WriteString("  ")
		}
		title := l.title
		if l.off {
			title = "(" + title + ")"
		}
		if l.ticked {
			title += " *"
		}
		b.WriteString(title + "\n")
	}
	return b.String()
}

func TestMenuOf(t *testing.T) {
	always := "Reconnect now\nPause\n  For one hour\n  Until tomorrow\n  Until I resume\n"
	rows := func(all ...ui.TrayRow) (v ui.Tray) {
		v.NRows, v.Targets = copy(v.Rows[:], all), len(all)
		return v
	}
	up := ui.TrayRow{Key: "a", Name: "Office", Words: "connected", Look: ui.LookUp}
	down := ui.TrayRow{Key: "b", Name: "R&D", Words: "refuses", Look: ui.LookDown}
	names := ui.TrayRow{Name: "Office, R&D", Look: ui.LookDown}
	for name, c := range map[string]struct {
		look func(*look)
		want string
	}{
		"all well": {
			func(v *look) { v.Tray = rows(up) },
			"Office   connected\n-\n(Reconnect now)\n" + strings.TrimPrefix(always, "Reconnect now\n"),
		},
		"one broken": {
			func(v *look) { v.Tray = rows(down, up); v.CanReconnect = true },
			"R&D   refuses\nOffice   connected\n-\n" + always,
		},
		"several by one cause, and more": {
			func(v *look) { v.Tray = rows(names); v.CanReconnect, v.More = true, "and 3 more" },
			"Office, R&D\nand 3 more\n-\n" + always,
		},
		"some paused": {
			func(v *look) { v.Tray = rows(up); v.SomePaused, v.CanReconnect = true, true },
			"Office   connected\n-\n" + always + "Resume\n",
		},
		"no target": {
			func(v *look) { v.Look = ui.LookEmpty },
			"(Nothing set up)\n-\n(Reconnect now)\n",
		},
	} {
		v := look{lang: ui.English}
		c.look(&v)
		// What is below a hidden line is not to be seen either; it is not hidden itself.
		got := drawMenu(visible(menuOf(v)))
		if want := c.want + "Open Holdfast\n-\nQuit\n"; got != want {
			t.Errorf("%s:\n%swant\n%s", name, got, want)
		}
	}

	v := look{Tray: rows(up), lang: ui.English, drill: true, drilled: DrillLate}
	got := drawMenu(visible(menuOf(v)))
	if want := "Answer late   Slow, not broken: no alarm. *\n"; !strings.Contains(got, want) || strings.Count(got, "*") != 1 {
		t.Errorf("no tick in\n%s", got)
	}
}

// The lines of a menu keep their places, whatever it shows: on the bus each has its number for good.
func TestMenuKeepsItsPlaces(t *testing.T) {
	full := look{lang: ui.Chinese, drill: true, drilled: DrillHang}
	full.More, full.SomePaused, full.NRows = "more", true, len(full.Rows)
	a, b := menuOf(look{}), menuOf(full)
	if len(a) != len(b) {
		t.Fatalf("%d lines and %d", len(a), len(b))
	}
	for i := range a {
		if x, y := a[i], b[i]; x.what != y.what || x.gap != y.gap || x.sub != y.sub || x.ticks != y.ticks {
			t.Errorf("line %d: %+v and %+v", i, x, y)
		}
	}
}
