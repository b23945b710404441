package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast/monitor"
)

// setOwn is what SetAll does to what is no target.
func setOwn(h History, n Notify) Change {
	return Change{func(s *draft) error {
		s.History, s.Notify = h, n
		return s.normal()
	}}
}

func TestHistoryAndNotify(t *testing.T) {
	night := Quiet{From: 22 * time.Hour, To: 7 * time.Hour}
	all := Settings{History: History{Days: 90}, Notify: Notify{Off: true, After: 10 * time.Second, Sound: true, Quiet: night}}
	for name, c := range map[string]struct {
		text string
		want Settings
	}{
		"tables":             {"[history]\ndays = 90\n[notify]\nenabled = false\nafter = '10s'\nsound = true\nquiet = '22:00-07:00'\n", all},
		"dotted":             {"history.days = 90\nnotify.enabled = false\nnotify.after = '10s'\nnotify.sound = true\nnotify.quiet = '22:00 – 7:00'\n", all},
		"inline":             {"history = { days = 90 }\nnotify = { enabled = false, after = '10s', sound = true, quiet = '22:00-07:00' }\n", all},
		"the icon":           {"[tray]\nbadge = true\n", Settings{Tray: Tray{Badge: true}}},
		"what holds anyway":  {"[history]\ndays = 30\n[notify]\nenabled = true\nafter = '3s'\nsound = false\nquiet = ''\n", Settings{}},
		"at once":            {"[notify]\nafter = '0s'\n", Settings{Notify: Notify{After: AtOnce}}},
		"before a target":    {"[notify]\nsound = true\n[[target]]\nname='a'\naddress='a:1'\n[target.keepalive]\ncount = 2\n", Settings{Notify: Notify{Sound: true}, Targets: []monitor.Target{{Name: "a", Address: "a:1", Keepalive: monitor.Keepalive{Count: 2}}}}},
		"between two":        {"[[target]]\nname='a'\naddress='a:1'\n[history]\ndays=1\n[[target]]\nname='b'\naddress='b:1'\n", Settings{History: History{Days: 1}, Targets: []monitor.Target{{Name: "a", Address: "a:1"}, {Name: "b", Address: "b:1"}}}},
		"a target's own key": {"[[target]]\nname='a'\naddress='a:1'\n[notify]\n[target.keepalive]\ncount = 2\n", Settings{Targets: []monitor.Target{{Name: "a", Address: "a:1", Keepalive: monitor.Keepalive{Count: 2}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("f", []byte(c.text))
			if err != nil || !got.Equal(c.want) {
				t.Errorf("%v: %s", err, cmp.Diff(c.want, got))
			}
		})
	}
	for text, want := range map[string]string{
		"[history]\ndays = 0\n":                 "f:2:8: history.days: a whole number of days from 1 to 3650",
		"[history]\ndays = 9999\n":              "f:2:8: history.days: a whole number",
		"[history]\ndays = '30'\n":              "f:2:8: history.days: a whole number",
		"[history]\nday = 30\n":                 `f:2:1: history.day: unknown key; did you mean "days"?`,
		"history = 30\n":                        "f:1:1: history: a table was expected",
		"[[history]]\ndays = 30\n":              "f:1:3: history: write [history], with one bracket",
		"[history.x]\ndays = 30\n":              "f:1:2: history.x: unknown key",
		"[history]\nx.y = 30\n":                 "f:2:1: history.x.y: unknown key",
		"[notify]\nenabled = 1\n":               "f:2:11: notify.enabled: true or false",
		"[notify]\nafter = 3\n":                 "f:2:9: notify.after: a duration",
		"[notify]\nafter = '-1s'\n":             "f:2:9: notify.after: a duration",
		"[notify]\nafter = '2h'\n":              "f:2:9: notify.after: a duration",
		"[notify]\nquiet = 'at night'\n":        "f:2:9: notify.quiet: two times of day",
		"[notify]\nquiet = '22:00-22:00'\n":     "f:2:9: notify.quiet: two times of day",
		"[notify]\nquiet = '22:00-24:00'\n":     "f:2:9: notify.quiet: two times of day",
		"[notify]\nquiet = '2200-0700'\n":       "f:2:9: notify.quiet: two times of day",
		"[notify]\nsound = true\n[notify]\n":    "f:3:2: ",
		"notify.sound = true\n[notify]\n":       "f:2:2: ",
		"[notify]\nsound = true\nsound = true":  "f:3:1: ",
		"[notify]\ndays = 3\n":                  "f:2:1: notify.days: unknown key; known here: enabled, after, sound, quiet",
		"[tray]\nbadge = 1\n":                   "f:2:9: tray.badge: true or false",
		"[tray]\nbage = true\n":                 `f:2:1: tray.bage: unknown key; did you mean "badge"?`,
		"[histroy]\ndays = 30\n":                `f:1:2: histroy: unknown key; did you mean "history"?`,
		"notify = { sound = true, sond = 1 }\n": `f:1:26: notify.sond: unknown key; did you mean "sound"?`,
	} {
		if _, err := Parse("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestEditHistoryAndNotify(t *testing.T) {
	night := Quiet{From: 22 * time.Hour, To: 7 * time.Hour}
	const target = "# mine\n[[target]]\nname = 'a'\naddress = 'a:1'\n"
	for name, c := range map[string]struct {
		text, want string // want "": ErrLayout
		change     Change
	}{
		"a value with a comment":     {"[history]\ndays = 60 # two months\n", "[history]\ndays = 30 # two months\n", setOwn(History{}, Notify{})},
		"a key more":                 {"[notify] # mine\nsound = true\n\n" + target, "[notify] # mine\nsound = true\nafter = \"5s\"\nquiet = \"22:00-07:00\"\n\n" + target, setOwn(History{}, Notify{Sound: true, After: 5 * time.Second, Quiet: night})},
		"a table more":               {"# top\n\n" + target, "# top\n\n[history]\ndays = 7\n\n[notify]\nenabled = false\n\n" + target, setOwn(History{Days: 7}, Notify{Off: true})},
		"a table more, no target":    {"demo = true", "demo = true\n\n[history]\ndays = 7\n", setOwn(History{Days: 7}, Notify{})},
		"dotted":                     {"notify.sound = true # loud\n" + target, "notify.sound = false # loud\nnotify.after = \"0s\"\n" + target, setOwn(History{}, Notify{After: AtOnce})},
		"inline":                     {"notify = { sound = true } # loud\n", "notify = { after = \"1m\", sound = true } # loud\n", setOwn(History{}, Notify{After: time.Minute, Sound: true})},
		"inline over lines":          {"notify = { sound = true, # loud\n }\n", "", setOwn(History{}, Notify{})},
		"an empty table":             {"[notify]\n" + target, "[notify]\nsound = true\n" + target, setOwn(History{}, Notify{Sound: true})},
		"the badge":                  {"[tray]\nbadge = false # loud\n", "[tray]\nbadge = true # loud\n", SetAll(Settings{Tray: Tray{Badge: true}})},
		"carriage returns":           {"demo = true\r\n", "demo = true\r\n\r\n[notify]\r\nsound = true\r\n", setOwn(History{}, Notify{Sound: true})},
		"a target before a table":    {target + "\n# how\n[notify]\nsound = true\n", "# how\n[notify]\nsound = true\n", RemoveTarget("a")},
		"the language above a table": {"[notify]\nsound = true\n", "language = \"zh\"\n\n[notify]\nsound = true\n", setLanguage("zh")},
		"a target below a table":     {"[notify]\nsound = true\n", "[notify]\nsound = true\n\n[[target]]\nname      = \"a\"\naddress   = \"a:1\"\n", SetTarget("a", monitor.Target{Name: "a", Address: "a:1"})},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.text)
			_, err := Edit(path, c.change)
			if c.want == "" {
				if !errors.Is(err, ErrLayout) {
					t.Errorf("got %v, want ErrLayout", err)
				}
				return
			}
			if d := cmp.Diff(c.want, contents(t, path)); err != nil || d != "" {
				t.Error(err, d)
			}
		})
	}
	for _, change := range []Change{
		setOwn(History{Days: -1}, Notify{}), setOwn(History{Days: 4000}, Notify{}), setOwn(History{}, Notify{After: 2 * time.Hour}),
		setOwn(History{}, Notify{Quiet: Quiet{From: time.Hour, To: time.Hour}}), setOwn(History{}, Notify{Quiet: Quiet{From: time.Second}}),
	} {
		var e *Error
		if _, err := Apply(Settings{}, change); !errors.As(err, &e) || e.Key == "" {
			t.Errorf("taken: %v", err)
		}
	}
}

// Whatever the layout, the file says afterwards what was asked for, or nothing of it was changed.
func TestOwnEditsOfAllKinds(t *testing.T) {
	dir := t.TempDir()
	layouts := []string{
		"", "# c\n", "demo = true", "[history]\ndays = 4\n", "[notify]\n# quiet\nquiet = '22:00-07:00'\n[[target]]\nname='a'\naddress='a:1'\n",
		"[[target]]\nname='a'\naddress='a:1'\n[target.keepalive]\ncount=2\n[notify]\nsound=true\n", "notify.sound = true\nhistory = {days=3}\n", documented,
	}
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "holdfast.toml")
		text := rapid.SampledFrom(layouts).Draw(t, "layout")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			want, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			want.History.Days = rapid.SampledFrom([]int{0, 1, 30, 3650}).Draw(t, "days")
			want.Notify = Notify{
				Off: rapid.Bool().Draw(t, "off"), Sound: rapid.Bool().Draw(t, "sound"),
				After: rapid.SampledFrom([]time.Duration{0, AtOnce, time.Second, DefaultAfter, 90 * time.Second}).Draw(t, "after"),
				Quiet: rapid.SampledFrom([]Quiet{{}, {To: time.Minute}, {From: 23 * time.Hour, To: 6*time.Hour + 30*time.Minute}}).Draw(t, "quiet"),
			}
			want.Tray.Badge = rapid.Bool().Draw(t, "badge")
			want.Demo, want.Language = rapid.Bool().Draw(t, "demo"), rapid.SampledFrom([]string{"", "zh"}).Draw(t, "language")
			got, err := Edit(path, SetAll(want))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if err := want.normal(); err != nil {
				t.Fatal(err)
			}
			if loaded, err := Load(path); err != nil || !loaded.Equal(want) || !got.Equal(want) {
				t.Fatalf("%v %s", err, cmp.Diff(want, loaded))
			}
		}
	})
}

func TestQuietHours(t *testing.T) {
	at := func(clock string) time.Time {
		x, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for q, times := range map[string][2][]string{ // in it, outside it
		"22:00-07:00": {{"22:00:00", "23:59:59", "00:00:00", "06:59:59"}, {"07:00:00", "12:00:00", "21:59:59"}},
		"12:30-13:00": {{"12:30:00", "12:59:59"}, {"12:29:59", "13:00:00", "00:00:00"}},
		"0:00-6:00":   {{"00:00:00", "05:59:59"}, {"06:00:00", "23:59:59"}},
		"":            {nil, {"00:00:00", "12:00:00"}},
	} {
		parsed, err := ParseQuiet(q)
		if err != nil {
			t.Errorf("%q: %v", q, err)
		}
		for i, list := range times {
			for _, clock := range list {
				if got := parsed.Holds(at(clock)); got != (i == 0) {
					t.Errorf("%q at %s: %v", q, clock, got)
				}
			}
		}
	}
}

func FuzzParseQuiet(f *testing.F) {
	for _, s := range []string{"22:00-07:00", " 7:05 – 8:00", "-", "1:2-3:4", "24:00-00:00", "+1:00-2:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseQuiet(s)
		if err != nil {
			return
		}
		if again, err := ParseQuiet(q.String()); err != nil || again != q {
			t.Errorf("%q became %q, and that %q, %v", s, q, again, err)
		}
	})
}
