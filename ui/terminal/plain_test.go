package terminal

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// spoken reports whether a screen reader says r, or passes over it in silence: letters, digits, and the marks of prose.
// Boxes, arrows, ticks and blocks are read out by name, or stop the reader.
func spoken(r rune, l ui.Lang) bool {
	switch {
	case r >= ' ' && r < 0x7f, r == '\n':
		return true
	case l == ui.Chinese:
		return unicode.Is(unicode.Han, r) || strings.ContainsRune("，。：；、？！（）“”", r)
	}
	return false
}

// Everything that status, check and watch say with --plain can be read aloud: of each cause, in both languages, through a
// proxy and without.
func TestPlainTextIsForEars(t *testing.T) {
	for _, l := range []ui.Lang{ui.English, ui.Chinese} {
		plain := Still{Lang: l, Plain: true}
		check := func(what, text string) {
			t.Helper()
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s %s: nothing is said", l, what)
			}
			for _, r := range text {
				if !spoken(r, l) {
					t.Errorf("%s %s: %q is no prose:\n%s", l, what, r, text)
					return
				}
			}
		}
		for _, state := range []monitor.State{monitor.Idle, monitor.Connecting, monitor.Up, monitor.Suspect} {
			s := down("office")
			s.State, s.Verdict = state, netcheck.Verdict{}
			check(state.String(), string(plain.Append(nil, s, noon)))
		}
		for _, cause := range netcheck.Causes() {
			for _, proxy := range []string{"", "http://proxy.example.net:3128"} {
				s := down("office")
				s.Proxy = proxy
				s.Verdict = netcheck.Verdict{Cause: cause, Hop: cause.Hop(), Interface: "eth0", Also: []netcheck.Cause{netcheck.ServerReset}}
				what := string(cause) + " " + proxy
				check(what, string(plain.Append(nil, s, noon)))
				lines := Lines{Lang: l}
				check(what, string(lines.Append(nil, monitor.Event{Kind: monitor.StateEvent, Snapshot: s})))
				second := s
				second.Target.Name = "branch"
				for _, r := range ui.Roots([]monitor.Snapshot{s, second}) {
					check(what, string(plain.AppendRoot(nil, r, []monitor.Snapshot{s, second}, noon)))
				}
			}
		}
		healed := up("office")
		healed.Outages = []monitor.Outage{{Start: healed.Since.Add(-time.Minute), End: healed.Since, Verdict: netcheck.Verdict{Cause: netcheck.ServerRefused}}}
		for what, e := range map[string]monitor.Event{
			"healed": {Snapshot: healed}, "renewed": {Snapshot: healed, Renewed: true}, "removed": {Snapshot: healed, Removed: true},
			"a beat": {Snapshot: healed, Kind: monitor.BeatEvent}, "an attempt": {Snapshot: down("office"), Kind: monitor.AttemptEvent},
		} {
			check(what, string(Lines{Lang: l}.Append(nil, e)))
		}
		check("not known", string(plain.AppendUnknown(nil, down("office"))))
	}
}
