// Package notify tells a person of outages by notifications of the desktop: one for what broke, however many targets it
// takes down, another in its place when that changes, and one when it has healed.
//
// What is to be told is worked out by [Book.Next], a pure function of what was seen, the settings and the time. A
// [Notifier] feeds it and hands what it says to the desktop, by org.freedesktop.Notifications on the session bus.
package notify

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// Settings say what a person wants to be told.
type Settings struct {
	Off   bool          // nothing
	After time.Duration // of no outage that is shorter
	Sound bool          // with a sound
	From  time.Duration // of nothing between these times of day, since midnight; equal: no such hours
	To    time.Duration // before From: on the next day
	Lang  ui.Lang
}

// quiet returns how long nothing may be told yet.
func (s Settings) quiet(now time.Time) time.Duration {
	const day = 24 * time.Hour
	clock := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute +
		time.Duration(now.Second())*time.Second + time.Duration(now.Nanosecond())
	length := (s.To - s.From + day) % day
	return max(length-(clock-s.From+day)%day, 0)
}

// A World is what there is to see at one moment.
type World struct {
	Now     time.Time     // with its monotonic reading, where there is one: a clock that is set ends no patience
	Slept   time.Duration // how long this computer has slept, ever; only the difference counts
	Asleep  bool          // it is about to sleep, or sleeps: what breaks now says nothing
	Targets []monitor.Snapshot
	Stalled bool // nobody judges: nothing that is said of the targets is known to be true
}

// A Note is a notification. One with the ID of an earlier one takes its place.
type Note struct {
	ID          int
	Look        ui.Look // the picture: LookDown, LookUp or LookUnknown
	Title, Body string  // plain text, bounded; the body may have several lines
	Reconnect   []string
	Sound       bool
}

// A Plan is what Next asks for.
type Plan struct {
	Show  []Note
	Close []int         // notifications that are no longer true, and not worth another one
	Wait  time.Duration // when to ask again though nothing has happened; 0: only when something does
}

const (
	// settle is how long something has to be so before another notification takes the place of one that stands: a repair
	// changes causes and numbers several times in a second. Each one more waits twice as long, a minute at most.
	settle     = 2 * time.Second
	maxSettle  = time.Minute
	noCause    = 2 * time.Second  // how much longer an outage without a cause waits for one
	grace      = 15 * time.Second // after sleep, and at the start: the network comes back by itself
	remember   = time.Minute      // a target that breaks again so soon is the same story, and from the second time on waits
	maxAgain   = time.Minute      // twice as long as the last time, this long at most
	longestNod = time.Minute      // what is about to sleep sleeps by then (5 s by default, logind.conf(5)), or nobody says that it woke
	slept      = time.Second      // less is no sleep: the two clocks are read one after the other
	maxAlarms  = 3                // what is broken beyond that is told in one notification
	maxName    = 80
	maxNames   = 160
	idUnknown  = 1
	idRest     = 2
	firstAlarm = 3
)

// A Book is what has been seen and told so far. The zero Book is an empty one. It is never changed: Next returns another.
type Book struct {
	begun   bool
	slept   time.Duration
	nodded  time.Time // when it was about to sleep; zero: it is not
	woke    time.Time // when it began, or woke up
	targets map[string]target
	alarms  []alarm // by id
	last    int     // id

	stalled time.Time // since when
	unknown bool      // and that was told
	rest    restTold
}

// A target is what is remembered of one.
type target struct {
	broken time.Time // since when it has not answered; zero: it answers
	cause  netcheck.Cause
	since  time.Time // when it had another cause last
	before time.Time // Snapshot.UpSince at the last start or sleep: with another one it has a session of its own again
	up     bool      // it has had one since
}

// restTold is what the one notification for the rest says; the zero value: none stands.
type restTold struct {
	n, most int // targets, now and at most
	names   string
	differs time.Time // since when it should say another number
}

// An alarm is one thing that broke.
type alarm struct {
	id       int
	rest     bool      // it is told among the rest, and stays there
	names    []string  // of the targets that are down by it
	began    time.Time // when the first of them broke
	cause    netcheck.Cause
	slept    bool   // in between: how long it lasted is not known
	told     string // what the notification says, less its times; "" none was shown
	toldN    int    // of how many targets
	toldName string // of the first
	toldAt   time.Time
	changes  int       // how often it was told anew
	differs  time.Time // since when it should say something else
	healed   time.Time // zero: it stands
	again    int       // how often it has come back
}

// Next returns what is to be shown at that moment, and the book to ask next time.
func (b Book) Next(w World, s Settings) (Book, Plan) {
	var p Plan
	b = b.look(w)
	if s.Off {
		b.close(&p)
		return b, p
	}
	n := &step{Book: &b, w: w, s: s, plan: &p, quiet: s.quiet(w.Now)}
	if left := b.nods(w.Now); left > 0 {
		n.stalled = time.Time{}
		n.wait(left)
		return b, p
	}
	if n.stall() {
		return b, p
	}
	if b.rest.n > 0 || len(b.alarms) > 0 || slices.ContainsFunc(w.Targets, func(s monitor.Snapshot) bool { return s.State == monitor.Down }) {
		n.find()
		n.tell()
	}
	return b, p
}

// look notes what the targets are at w.
func (b Book) look(w World) Book {
	nodded := b.nods(w.Now) > 0
	switch {
	case !w.Asleep:
		b.nodded = time.Time{}
	case b.nodded.IsZero():
		b.nodded, nodded = w.Now, true
	}
	if !b.begun || w.Slept-b.slept > slept || nodded {
		b.woke = w.Now
		b.targets = maps.Clone(b.targets)
		for name, t := range b.targets {
			t.up, t.broken = false, time.Time{}
			b.targets[name] = t
		}
		b.alarms = slices.Clone(b.alarms)
		for i := range b.alarms {
			b.alarms[i].slept = true
		}
	}
	first := !b.begun
	woke := b.woke.Equal(w.Now)
	b.begun, b.slept = true, w.Slept
	targets := make(map[string]target, len(w.Targets))
	for _, s := range w.Targets {
		t, known := b.targets[s.Target.Name]
		if known && woke || first {
			t.before = s.UpSince
		}
		if !s.UpSince.IsZero() && (first || !s.UpSince.Equal(t.before)) {
			t.up = true
		}
		switch {
		case s.State == monitor.Up, s.State == monitor.Idle, s.State == monitor.Connecting, unmeasured(s):
			t.broken = time.Time{}
		case t.broken.IsZero():
			t.broken, t.since = w.Now, w.Now
		}
		if t.cause != s.Verdict.Cause {
			t.cause, t.since = s.Verdict.Cause, w.Now
		}
		targets[s.Target.Name] = t
	}
	b.targets = targets
	return b
}

// nods returns for how long nothing may be told yet because this computer is about to sleep.
func (b Book) nods(now time.Time) time.Duration {
	if b.nodded.IsZero() {
		return 0
	}
	return max(longestNod-now.Sub(b.nodded), 0)
}

// unmeasured reports a target that nothing is known of: this computer slept, or did not let the program run.
func unmeasured(s monitor.Snapshot) bool {
	return s.Verdict.Cause == netcheck.Asleep || s.Verdict.Cause == netcheck.Stalled
}

// close takes everything away that stands.
func (b *Book) close(p *Plan) {
	for _, a := range b.alarms {
		if a.told != "" && a.healed.IsZero() {
			p.Close = append(p.Close, a.id)
		}
	}
	if b.rest.n > 0 {
		p.Close = append(p.Close, idRest)
	}
	if b.unknown {
		p.Close = append(p.Close, idUnknown)
	}
	b.alarms, b.rest, b.stalled, b.unknown = nil, restTold{}, time.Time{}, false
}

// A step is one call of Next.
type step struct {
	*Book
	w     World
	s     Settings
	plan  *Plan
	quiet time.Duration

	found []finding
}

// A finding is a root that is broken now.
type finding struct {
	ui.Root
	names []string
	alarm int // its place in alarms; -1: none yet
}

// wait notes that something is due in d.
func (n *step) wait(d time.Duration) {
	if d = max(d, time.Millisecond); n.plan.Wait == 0 || d < n.plan.Wait {
		n.plan.Wait = d
	}
}

// due reports whether t has come, and has Next called then if not.
func (n *step) due(t time.Time) bool {
	left := t.Sub(n.w.Now)
	if left > 0 {
		n.wait(left)
	}
	return left <= 0
}

// show tells note, if this is no quiet hour. Those who ask again then must see that it was not.
func (n *step) show(note Note) bool {
	if n.quiet > 0 {
		n.wait(min(n.quiet, 10*time.Minute)) // a clock may be set
		return false
	}
	note.Sound = n.s.Sound
	n.plan.Show = append(n.plan.Show, note)
	return true
}

// stall tells that the program itself does not watch, and reports whether it does not.
func (n *step) stall() bool {
	l := n.s.Lang
	if !n.w.Stalled {
		if n.unknown && !n.show(Note{ID: idUnknown, Look: ui.LookUp, Title: l.Say("note.back"), Body: l.Tell("note.back")}) {
			n.plan.Close = append(n.plan.Close, idUnknown)
		}
		n.stalled, n.unknown = time.Time{}, false
		return false
	}
	if n.stalled.IsZero() {
		n.stalled = n.w.Now
	}
	if !n.unknown && n.due(n.stalled.Add(max(n.s.After, settle))) {
		n.unknown = n.show(Note{ID: idUnknown, Look: ui.LookUnknown, Title: l.Say("note.unknown"), Body: l.Tell("note.unknown")})
	}
	return true
}

// find groups what is broken by its roots and gives each to the alarm that it goes on with: the one that it shares most
// targets with.
func (n *step) find() {
	broken := make([]monitor.Snapshot, len(n.w.Targets))
	var without []int
	for i, s := range n.w.Targets {
		broken[i] = s
		switch {
		case s.State == monitor.Down && unmeasured(s):
			broken[i].State = monitor.Connecting // in no root
		case s.State == monitor.Down && s.Verdict.Cause == netcheck.CauseNone:
			without = append(without, i)
		}
	}
	for _, r := range ui.Roots(broken) {
		n.found = append(n.found, finding{Root: r, alarm: -1})
	}
	for _, i := range without {
		n.found = append(n.found, finding{Root: ui.Root{Members: []int{i}, Oldest: i}, alarm: -1})
	}

	n.alarms = slices.Clone(n.alarms)
	type pair struct{ shared, alarm, found int }
	var pairs []pair
	of := map[string][]int{} // alarms by target
	for i, a := range n.alarms {
		for _, name := range a.names {
			of[name] = append(of[name], i)
		}
	}
	for f := range n.found {
		shared := map[int]int{}
		for _, i := range n.found[f].Members {
			name := n.w.Targets[i].Target.Name
			n.found[f].names = append(n.found[f].names, name)
			for _, a := range of[name] {
				shared[a]++
			}
		}
		for a, count := range shared {
			if old := n.alarms[a]; !old.healed.IsZero() && n.w.Now.Sub(old.healed) > remember {
				continue
			}
			pairs = append(pairs, pair{count, a, f})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		standing := func(p pair) int { // before one that has healed
			if n.alarms[p.alarm].healed.IsZero() {
				return 0
			}
			return 1
		}
		return cmp.Or(standing(a)-standing(b), b.shared-a.shared, a.alarm-b.alarm, a.found-b.found)
	})
	taken := make([]bool, len(n.alarms))
	for _, p := range pairs {
		if !taken[p.alarm] && n.found[p.found].alarm < 0 {
			taken[p.alarm], n.found[p.found].alarm = true, p.alarm
		}
	}
}

// ripe reports whether a root has been broken for long enough to be told for the first time.
func (n *step) ripe(f finding, again int) bool {
	s := n.w.Targets[f.Oldest]
	t := n.targets[s.Target.Name]
	after := n.s.After
	if again > 1 {
		after = max(after, min(max(after, time.Second)<<min(again-1, 10), maxAgain))
	}
	if f.Cause == netcheck.CauseNone {
		after += noCause
	}
	at := t.broken.Add(after)
	if !t.up {
		if late := n.woke.Add(grace); late.After(at) {
			at = late
		}
	}
	return n.due(at)
}

// tell works out what is to be shown of what was found.
func (n *step) tell() {
	now := n.w.Now
	states := make(map[string]monitor.State, len(n.w.Targets))
	for _, s := range n.w.Targets {
		states[s.Target.Name] = s.State
		if unmeasured(s) {
			states[s.Target.Name] = monitor.Connecting
		}
	}
	rooted := map[string]bool{} // targets that are in a root now
	goesOn := make([]bool, len(n.alarms))
	for _, f := range n.found {
		for _, name := range f.names {
			rooted[name] = true
		}
		if f.alarm >= 0 {
			goesOn[f.alarm] = true
		}
	}
	told := map[string]bool{} // targets that are in a notification now
	standing := 0
	for _, a := range n.alarms {
		if a.told != "" && a.healed.IsZero() {
			standing++
			for _, name := range a.names {
				told[name] = true
			}
		}
	}

	// First what has ended, so that it makes room.
	over := make([]bool, len(n.alarms))
	for i := range n.alarms {
		a := &n.alarms[i]
		if !a.healed.IsZero() {
			over[i] = !goesOn[i] && now.Sub(a.healed) > remember
			continue
		}
		if goesOn[i] {
			continue
		}
		left, fine := a.names[:0:0], 0
		for _, name := range a.names {
			state, there := states[name]
			switch {
			case !there || state == monitor.Idle || rooted[name]:
				continue
			case state == monitor.Up || state == monitor.Suspect:
				fine++
			}
			left = append(left, name)
		}
		a.names = left
		if a.told != "" && fine == len(left) {
			standing--
		}
		switch {
		case fine < len(left): // not known yet
		case a.told != "" && len(left) > 0:
			n.heal(a)
		case a.told != "": // paused, removed, or told by another
			n.plan.Close = append(n.plan.Close, a.id)
			over[i] = true
		case a.again > 0 && len(left) > 0: // too short to be told, and the story goes on
			a.healed = now
		default:
			over[i] = true
		}
	}

	rest := 0
	var restNames []string
	for _, f := range n.found {
		if f.alarm < 0 {
			n.last = max(n.last+1, firstAlarm)
			a := alarm{id: n.last}
			if slices.ContainsFunc(f.names, func(name string) bool { return told[name] }) {
				a.differs = now // it was told as part of another; that it goes its own way now has to last
			}
			f.alarm = len(n.alarms)
			n.alarms, over = append(n.alarms, a), append(over, false)
		}
		a := &n.alarms[f.alarm]
		if !a.healed.IsZero() { // it is back
			*a = alarm{id: a.id, again: a.again + 1}
		}
		n.follow(a, f, states, rooted)
		switch {
		case a.told != "":
			n.change(a, f)
		case !n.ripe(f, a.again), !a.differs.IsZero() && !n.due(a.differs.Add(settle)):
		case a.rest || standing >= maxAlarms:
			a.rest = true
			rest += len(f.names)
			if len(restNames) < 20 { // more than fit
				restNames = append(restNames, f.Names(n.w.Targets, maxNames, n.s.Lang))
			}
		default:
			if n.first(a, f) {
				standing++
			}
		}
	}
	n.others(rest, restNames)

	kept := n.alarms[:0:0]
	for i, a := range n.alarms {
		if !over[i] {
			kept = append(kept, a)
		}
	}
	n.alarms = kept
}

// follow notes what a is about now: what was found, and what nothing is known of yet.
func (n *step) follow(a *alarm, f finding, states map[string]monitor.State, rooted map[string]bool) {
	names := slices.Clone(f.names)
	for _, name := range a.names {
		if state, there := states[name]; there && !rooted[name] && (state == monitor.Connecting || state == monitor.Down) {
			names = append(names, name)
		}
	}
	a.names = names
	for _, name := range f.names {
		if t := n.targets[name]; a.began.IsZero() || t.broken.Before(a.began) {
			a.began = t.broken
		}
	}
	if a.cause == netcheck.CauseNone { // the first one is what counts
		a.cause = f.Cause
	}
}

// first tells of a for the first time.
func (n *step) first(a *alarm, f finding) bool {
	if !n.show(n.note(a, f, "note.broken")) {
		return false
	}
	n.mark(a, f)
	return true
}

// change tells that a is about something else than was told.
func (n *step) change(a *alarm, f finding) {
	if n.sign(f) == a.told {
		a.differs = time.Time{}
		return
	}
	if a.differs.IsZero() {
		a.differs = n.w.Now
	}
	at := a.differs.Add(settle)
	if again := a.toldAt.Add(min(settle<<min(a.changes, 10), maxSettle)); again.After(at) {
		at = again
	}
	if late := n.woke.Add(grace); a.slept && late.After(at) {
		at = late
	}
	if n.due(at) && n.show(n.note(a, f, "note.changed")) {
		a.changes++
		n.mark(a, f)
	}
}

// mark notes what was told.
func (n *step) mark(a *alarm, f finding) {
	a.told, a.toldN, a.toldAt, a.differs = n.sign(f), len(f.names), n.w.Now, time.Time{}
	a.toldName = ui.Called(n.w.Targets[f.Oldest].Target.Name, n.s.Lang, maxName)
}

// sign is what a notification says of f, less its times and in no person's language.
func (n *step) sign(f finding) string {
	return n.why(f, ui.English).Sentence + "\x00" + strings.Join(f.names, "\x00")
}

// heal tells that all of a is back.
func (n *step) heal(a *alarm) {
	a.healed = n.w.Now
	l, code, short := n.s.Lang, "note.healed", n.s.Lang.Say("outage.unnamed")
	if a.cause != netcheck.CauseNone {
		short = ui.Short(a.cause, l)
	}
	title := l.Say(code, "name", a.toldName)
	if a.toldN > 1 {
		title = l.Say("note.healed.root", "n", strconv.Itoa(a.toldN))
	}
	note := Note{ID: a.id, Look: ui.LookUp, Title: title, Body: l.Tell(code, "duration", l.Duration(n.w.Now.Sub(a.began)), "short", short)}
	wait := n.plan.Wait
	if a.slept || !n.show(note) {
		n.plan.Wait = wait // there is no need to tell it later
		n.plan.Close = append(n.plan.Close, a.id)
	}
}

func (n *step) why(f finding, l ui.Lang) ui.Explanation {
	if f.Cause == netcheck.CauseNone {
		return ui.Explanation{Sentence: l.Say("down.why"), Remedy: l.Say("down.why.sub")}
	}
	return f.Why(n.w.Targets, l)
}

// note puts f into words.
func (n *step) note(a *alarm, f finding, code string) Note {
	l, s := n.s.Lang, n.w.Targets[f.Oldest]
	why := n.why(f, l)
	out := Note{ID: a.id, Look: ui.LookDown, Reconnect: f.names}
	if f.Many() {
		out.Title = l.Say("note.root", "n", strconv.Itoa(len(f.names)))
		out.Body = l.Tell("note.root", "sentence", why.Sentence, "remedy", why.Remedy) + "\n" + f.Names(n.w.Targets, maxNames, l)
		return out
	}
	name := ui.Called(s.Target.Name, l, maxName)
	out.Title = l.Say(code, "name", name)
	out.Body = l.Tell(code, "sentence", why.Sentence, "time", l.Clock(f.Since(n.w.Targets), n.w.Now))
	if why.Remedy != "" {
		out.Body += "\n" + why.Remedy
	}
	return out
}

// others tells of what is broken besides.
func (n *step) others(count int, list []string) {
	l, names := n.s.Lang, ui.Printable(strings.Join(list, n.s.Lang.Say("comma")), maxNames)
	switch r := &n.rest; {
	case count == r.n:
		r.differs = time.Time{}
	case count == 0:
		wait := n.plan.Wait
		if !n.show(Note{ID: idRest, Look: ui.LookUp, Title: l.Say("note.healed.root", "n", strconv.Itoa(r.most)), Body: r.names}) {
			n.plan.Wait = wait
			n.plan.Close = append(n.plan.Close, idRest)
		}
		*r = restTold{}
	case r.n > 0 && r.differs.IsZero():
		r.differs = n.w.Now
		n.wait(settle)
	case r.n > 0 && !n.due(r.differs.Add(settle)):
	case n.show(Note{ID: idRest, Look: ui.LookDown, Title: l.Say("note.more", "n", strconv.Itoa(count)), Body: names}):
		if count > r.most {
			r.most, r.names = count, names
		}
		r.n, r.differs = count, time.Time{}
	}
}
