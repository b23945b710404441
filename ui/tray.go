package ui

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
)

// menuNames is how many characters the names of the targets behind one cause get.
const menuNames = 60

// maxRows is how many targets a menu lists.
const maxRows = 12

// A TrayRow is one target in the menu.
type TrayRow struct {
	Key   string // Target.Name as it is, for requests; never shown. Empty: several targets, see Roots
	Name  string // "Office gateway"; or what broke several, and below it their names
	Words string // "The proxy refuses connections, since 12:00:05"
	Look  Look
}

// A Tray is everything that the icon, its tooltip and its menu show. It names clock times, never durations, so it
// changes only when something has happened. Trays can be compared with ==.
type Tray struct {
	Look        Look
	Title, Text string // the tooltip: "Holdfast: 1 of 5 broken"; then lines of text, or ""
	Rows        [maxRows]TrayRow
	NRows       int    // broken ones first, else the order of the settings
	More        string // "and 3 more"; "" when all are listed

	Targets, Broken int
	CanReconnect    bool // some target is neither Up nor paused: a left click reconnects, else it opens the window
	AllPaused       bool // every target is paused, and there is one
	SomePaused      bool
}

// TrayOf returns what the tray shows of all targets. Stalled names those whose watcher does not judge any more: nothing
// that was said of them last may be shown as true.
func TrayOf(snaps []monitor.Snapshot, stalled []string, now time.Time, l Lang) Tray {
	t := Tray{Targets: len(snaps)}
	if len(snaps) == 0 {
		t.Title = l.Say("tip.plain", "text", lower(l.Say("state.empty"), l))
		t.Text = l.Tell("state.empty")
		return t
	}
	looks := make([]Look, len(snaps))
	order := make([]int, len(snaps))
	up, paused, worst := 0, 0, -1
	for i, s := range snaps {
		order[i] = i
		looks[i] = LookOf(s.State)
		if slices.Contains(stalled, s.Target.Name) && s.State != monitor.Idle {
			looks[i] = LookUnknown
		}
		switch looks[i] {
		case LookUp:
			up++
		case LookPaused:
			paused++
			continue
		case LookDown:
			t.Broken++
		}
		if s.State != monitor.Up {
			t.CanReconnect = true
		}
		// Of several equally bad ones the oldest trouble is told.
		if worst < 0 || looks[i] > looks[worst] || looks[i] == looks[worst] && looks[i] == LookDown && brokenSince(s).Before(brokenSince(snaps[worst])) {
			worst = i
		}
	}
	var roots []Root
	if len(stalled) == 0 { // nothing that is told of a stalled one is known to be true
		roots = Roots(snaps)
	}
	t.AllPaused, t.SomePaused = paused == len(snaps), paused > 0
	if t.AllPaused {
		t.Look = LookPaused
		t.Title = l.Say("tip.plain", "text", lower(l.Say("state.idle"), l))
		t.Text = l.Tell("state.idle")
	} else {
		t.Look = looks[worst]
		t.tip(snaps, worst, roots, up, now, l)
	}

	// What broke several targets is told once, with their names below it; then the targets one by one.
	listed, told := 0, make([]bool, len(snaps))
	row := func(r TrayRow) { t.Rows[t.NRows] = r; t.NRows++ }
	for _, r := range roots {
		if !r.Many() || t.NRows+2 > maxRows-2 { // the rest of the menu is for the others
			continue
		}
		row(TrayRow{
			Name: r.Explain(snaps, l).Sentence, Words: l.Say("tip.from", "time", l.Clock(r.Since(snaps), now)), Look: LookDown,
		})
		row(TrayRow{Name: r.Names(snaps, menuNames, l), Look: LookDown})
		for _, i := range r.Members {
			told[i] = true
		}
		listed += len(r.Members)
	}
	order = slices.DeleteFunc(order, func(i int) bool { return told[i] })
	slices.SortStableFunc(order, func(a, b int) int { return int(rank(looks[b])) - int(rank(looks[a])) })
	for _, i := range order[:min(len(order), maxRows-t.NRows)] {
		s := snaps[i]
		row(TrayRow{
			Key:   s.Target.Name,
			Name:  Called(s.Target.Name, l, 40),
			Words: trayWords(s, looks[i], now, l),
			Look:  looks[i],
		})
		listed++
	}
	if rest := len(snaps) - listed; rest > 0 {
		t.More = l.Say("menu.more", "n", strconv.Itoa(rest))
	}
	return t
}

// TrayHost is what a person can add to a desktop that shows no tray icons: "gnome" (an extension), "other" (a tray in the
// panel); "windows": nothing, its taskbar has to come.
func TrayHost(getenv func(string) string) string {
	if runtime.GOOS == "windows" {
		return "windows"
	}
	for desktop := range strings.SplitSeq(getenv("XDG_CURRENT_DESKTOP"), ":") {
		if strings.HasPrefix(strings.ToUpper(desktop), "GNOME") {
			return "gnome"
		}
	}
	return "other"
}

// rank puts the broken first and leaves all that need no person in the order of the settings.
func rank(k Look) Look {
	if k <= LookConnecting {
		return 0
	}
	return k
}

// tip writes the tooltip; worst is the worst target.
func (t *Tray) tip(snaps []monitor.Snapshot, worst int, roots []Root, up int, now time.Time, l Lang) {
	s := snaps[worst]
	name := Called(s.Target.Name, l, 40)
	switch t.Look {
	case LookUnknown:
		t.Title = l.Say("tip.plain", "text", lower(l.Say("state.unknown"), l))
		t.Text = l.Tell("state.unknown")
	case LookDown:
		t.Title = l.Say("tip.broken", "m", strconv.Itoa(t.Broken), "n", strconv.Itoa(t.Targets))
		sentence := Explain(s.Verdict, s, l).Sentence
		if sentence == "" {
			sentence = l.Say("down.why")
		}
		t.Text = l.Say("tip.line", "name", name, "sentence", sentence) + "\n"
		if slices.ContainsFunc(roots, Root.Many) {
			if len(roots) > 1 {
				t.Text = tipRoots(snaps, roots, now, l)
				return
			}
			t.Text = roots[0].Explain(snaps, l).Sentence + "\n" + roots[0].Names(snaps, menuNames, l) + "\n"
		}
		if s.RetryAt.IsZero() {
			t.Text += l.Say("tip.since", "time", l.Clock(brokenSince(s), now))
		} else {
			t.Text += l.Tell("tip.broken", "time", l.Clock(brokenSince(s), now), "time2", l.Clock(s.RetryAt, now))
		}
	case LookUp:
		t.Title = l.Say("tip.ok", "n", strconv.Itoa(up))
	default: // suspect, connecting
		t.Title = l.Say("tip.plain", "text", lower(t.Look.Word(l), l))
		t.Text = l.Say("tip.line", "name", name, "sentence", trayWords(s, t.Look, now, l))
	}
}

// maxCauses is how many causes a tooltip tells.
const maxCauses = 3

// tipRoots tells several causes in a line each, what breaks most first.
func tipRoots(snaps []monitor.Snapshot, roots []Root, now time.Time, l Lang) string {
	roots = slices.Clone(roots)
	slices.SortStableFunc(roots, func(a, b Root) int { return len(b.Members) - len(a.Members) })
	var lines []string
	for i, r := range roots {
		if i == maxCauses {
			lines = append(lines, l.Say("menu.more", "n", strconv.Itoa(len(roots)-i)))
			break
		}
		sentence := r.Explain(snaps, l).Sentence
		if !r.Many() {
			sentence = l.Say("tip.line", "name", Called(snaps[r.Oldest].Target.Name, l, 40), "sentence", sentence)
		}
		lines = append(lines, l.Say("row.broken", "sentence", sentence, "time", l.Clock(r.Since(snaps), now)))
	}
	return strings.Join(lines, "\n")
}

func trayWords(s monitor.Snapshot, look Look, now time.Time, l Lang) string {
	switch look {
	case LookDown:
		sentence := Explain(s.Verdict, s, l).Sentence
		if sentence == "" {
			sentence = l.Say("down.why")
		}
		return l.Say("row.broken", "sentence", sentence, "time", l.Clock(brokenSince(s), now))
	case LookUp, LookPaused, LookConnecting, LookSuspect:
		return l.Say("row." + look.String() + ".plain")
	}
	return lower(look.Word(l), l)
}

func brokenSince(s monitor.Snapshot) time.Time {
	if s.BrokenSince.IsZero() {
		return s.Since
	}
	return s.BrokenSince
}

// lower makes a heading fit into a line.
func lower(s string, l Lang) string {
	if l != English || s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
