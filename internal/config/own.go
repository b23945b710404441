package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// History is how long the past is kept. The zero value is what holds where the file says nothing.
type History struct {
	Days int // 0: DefaultDays
}

// DefaultDays is for how many days outages and round trips are kept unless told otherwise, maxDays the most.
const (
	DefaultDays = 30
	maxDays     = 3650
)

// Kept returns for how many days outages and round trips are kept.
func (h History) Kept() int {
	if h.Days == 0 {
		return DefaultDays
	}
	return h.Days
}

// Notify is when a person is told of an outage by a notification. The zero value is what holds where the file says
// nothing.
type Notify struct {
	Off   bool          // enabled = false
	After time.Duration // how long an outage lasts before it is told; 0: DefaultAfter, AtOnce: no wait
	Sound bool
	Quiet Quiet // when nobody is told
}

const (
	// DefaultAfter is how long an outage lasts before it is told, unless told otherwise.
	DefaultAfter = 3 * time.Second
	// AtOnce is the After of those who want to know of every outage: after = "0s".
	AtOnce   time.Duration = -1
	maxAfter               = time.Hour
)

// Wait returns how long an outage lasts before it is told.
func (n Notify) Wait() time.Duration {
	switch {
	case n.After == 0:
		return DefaultAfter
	case n.After < 0:
		return 0
	}
	return n.After
}

// Quiet is a part of every day. The zero value is none.
type Quiet struct {
	From, To time.Duration // since midnight, whole minutes; To may be before From: it is then on the next day
}

// ParseQuiet reads "22:00-07:00"; "" is none.
func ParseQuiet(s string) (Quiet, error) {
	if s = strings.TrimSpace(s); s == "" {
		return Quiet{}, nil
	}
	bad := fmt.Errorf(`two times of day were expected, like "22:00-07:00"`)
	from, to, ok := strings.Cut(strings.ReplaceAll(s, "–", "-"), "-")
	if !ok {
		return Quiet{}, bad
	}
	var q Quiet
	for _, one := range []struct {
		text string
		to   *time.Duration
	}{{from, &q.From}, {to, &q.To}} {
		h, m, ok := strings.Cut(strings.TrimSpace(one.text), ":")
		hour, err1 := strconv.ParseUint(h, 10, 8)
		minute, err2 := strconv.ParseUint(m, 10, 8)
		if !ok || err1 != nil || err2 != nil || len(h) > 2 || len(m) != 2 || hour > 23 || minute > 59 {
			return Quiet{}, bad
		}
		*one.to = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	}
	if q.From == q.To {
		return Quiet{}, errors.New("it begins and ends at the same time")
	}
	return q, nil
}

// String returns q as ParseQuiet reads it.
func (q Quiet) String() string {
	if q == (Quiet{}) {
		return ""
	}
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute) }
	return clock(q.From) + "-" + clock(q.To)
}

// Holds reports whether t, by its own clock, is in q.
func (q Quiet) Holds(t time.Time) bool {
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	if q.From <= q.To {
		return q.From <= now && now < q.To
	}
	return now >= q.From || now < q.To
}

// Tray is how the icon is drawn. The zero value is what holds where the file says nothing.
type Tray struct {
	Badge bool // the number of broken targets over it, from two
}

// sections are the tables besides the targets, and their keys.
var sections = []struct {
	name string
	keys []string
}{
	{"history", []string{"days"}},
	{"notify", []string{"enabled", "after", "sound", "quiet"}},
	{"tray", []string{"badge"}},
}

// sectionKeys returns the keys of a table; nil: there is no such table.
func sectionKeys(name string) []string {
	for _, s := range sections {
		if s.name == name {
			return s.keys
		}
	}
	return nil
}

// A section is where [history], [notify] or [tray] stands.
type section struct{ head, headEnd int }

// ownText is the value of a key like "history.days", as TOML.
func ownText(s Settings, key string) string {
	switch key {
	case "history.days":
		return strconv.Itoa(s.History.Kept())
	case "notify.enabled":
		return strconv.FormatBool(!s.Notify.Off)
	case "notify.after":
		return quote(durationText(s.Notify.Wait()))
	case "notify.sound":
		return strconv.FormatBool(s.Notify.Sound)
	case "notify.quiet":
		return quote(s.Notify.Quiet.String())
	case "tray.badge":
		return strconv.FormatBool(s.Tray.Badge)
	}
	return ""
}

// normal makes settings that mean the same equal, and says what cannot be used.
func (s *Settings) normal() error {
	bad := func(key, msg string) error { return &Error{Key: key, Msg: msg} }
	if s.History.Days < 0 || s.History.Days > maxDays {
		return bad("history.days", badDays)
	}
	if s.History.Days == DefaultDays {
		s.History.Days = 0
	}
	if s.Notify.After == DefaultAfter {
		s.Notify.After = 0
	}
	if s.Notify.After < AtOnce || s.Notify.After > maxAfter {
		return bad("notify.after", badAfter)
	}
	if q, err := ParseQuiet(s.Notify.Quiet.String()); err != nil || q != s.Notify.Quiet {
		return bad("notify.quiet", `two times of day were expected, like "22:00-07:00"`)
	}
	return nil
}

var (
	badDays  = fmt.Sprintf("a whole number of days from 1 to %d was expected, like 30", maxDays)
	badAfter = `a duration in quotes was expected, from "0s" to "1h", like "3s"`
)

// ownPair takes one key of a table of sections.
func (d *doc) ownPair(keys []string, at int, p pair, v *unstable.Node) {
	key := strings.Join(keys, ".")
	known := sectionKeys(keys[0])
	if len(keys) == 1 { // an inline table
		if v.Kind != unstable.InlineTable {
			d.fail(at, key, nil, "a table was expected: [%s] on a line of its own, its keys below", key)
			return
		}
		d.root[key] = p
		for it := v.Children(); it.Next(); {
			n := it.Node()
			if n.Kind != unstable.KeyValue {
				continue
			}
			more, at := path(n)
			q := d.pair(n)
			q.inInline = true
			d.ownPair(append([]string{keys[0]}, more...), at.start, q, n.Value())
		}
		return
	}
	if len(keys) > 2 || ownText(Settings{}, key) == "" {
		d.unknown(at, keys[0], strings.Join(keys[1:], "."), known)
		return
	}
	if _, twice := d.own[key]; !twice {
		d.own[key] = p
	}
	fail := func(msg string) { d.fail(p.value.start, key, nil, "%s", msg) }
	s := &d.settings
	switch key {
	case "history.days":
		n, err := strconv.ParseInt(strings.ReplaceAll(string(v.Data), "_", ""), 0, 32)
		if v.Kind != unstable.Integer || err != nil || n < 1 || n > maxDays {
			fail(badDays)
			return
		}
		s.History.Days = int(n)
	case "notify.after":
		x, err := time.ParseDuration(string(v.Data))
		if v.Kind != unstable.String || err != nil || x < 0 || x > maxAfter {
			fail(badAfter)
			return
		}
		if s.Notify.After = x; x == 0 {
			s.Notify.After = AtOnce
		}
	case "notify.quiet":
		q, err := ParseQuiet(string(v.Data))
		if v.Kind != unstable.String || err != nil {
			fail(`two times of day were expected, like "22:00-07:00", or "" for none`)
			return
		}
		s.Notify.Quiet = q
	default:
		if v.Kind != unstable.Bool {
			fail("true or false was expected, without quotes")
			return
		}
		on := string(v.Data) == "true"
		switch key {
		case "notify.sound":
			s.Notify.Sound = on
		case "notify.enabled":
			s.Notify.Off = !on
		case "tray.badge":
			s.Tray.Badge = on
		}
	}
	_ = s.normal() // each value was checked
}

// ownCuts change the tables of sections to what next says.
func (d *doc) ownCuts(next Settings, nl string) ([]cut, error) {
	var cuts []cut
	for _, sec := range sections {
		var missing []string // keys that are to be written and stand nowhere
		var inline []string  // all keys of an inline table that are to stand there
		table, inTable := d.tables[sec.name]
		whole, isInline := d.root[sec.name]
		dotted, changed := false, false
		for _, k := range sec.keys {
			key := sec.name + "." + k
			p, there := d.own[key]
			dotted = dotted || there && !p.inSub && !p.inInline
			v := ownText(next, key)
			differs := v != ownText(d.settings, key)
			changed = changed || differs
			if there || differs {
				inline = append(inline, k+" = "+v)
			}
			switch {
			case !differs || isInline:
			case there:
				cuts = append(cuts, cut{p.value, v})
			default:
				missing = append(missing, k)
			}
		}
		switch {
		case isInline && changed:
			if strings.ContainsAny(string(d.data[whole.value.start:whole.value.end]), "\n#") {
				return nil, ErrLayout
			}
			cuts = append(cuts, cut{whole.value, "{ " + strings.Join(inline, ", ") + " }"})
		case missing == nil:
		case inTable:
			at := table.headEnd
			for _, k := range sec.keys {
				at = max(at, d.own[sec.name+"."+k].end)
			}
			cuts = append(cuts, d.below(at, ownLines(next, sec.name, missing, nl), nl))
		case dotted:
			text := ""
			for _, k := range missing {
				text += sec.name + "." + k + " = " + ownText(next, sec.name+"."+k) + nl
			}
			cuts = append(cuts, d.below(d.rootEnd, text, nl))
		default:
			text := "[" + sec.name + "]" + nl + ownLines(next, sec.name, missing, nl)
			if d.first < len(d.data) {
				at := d.comments(d.first)
				cuts = append(cuts, cut{span{at, at}, text + nl})
				continue
			}
			if len(d.data) > 0 {
				text = nl + text
				if d.data[len(d.data)-1] != '\n' {
					text = nl + text
				}
			}
			cuts = append(cuts, cut{span{len(d.data), len(d.data)}, text})
		}
	}
	return cuts, nil
}

func ownLines(s Settings, name string, keys []string, nl string) string {
	text := ""
	for _, k := range keys {
		text += k + " = " + ownText(s, name+"."+k) + nl
	}
	return text
}

// ownFresh is the tables of sections in a new file, where they say something.
func ownFresh(s Settings) string {
	text := ""
	for _, sec := range sections {
		var keys []string
		for _, k := range sec.keys {
			if ownText(s, sec.name+"."+k) != ownText(Settings{}, sec.name+"."+k) {
				keys = append(keys, k)
			}
		}
		if keys != nil {
			text += "\n[" + sec.name + "]\n" + ownLines(s, sec.name, keys, "\n")
		}
	}
	return text
}
