package history

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/wire"
	"holdfast/monitor"
)

const (
	foldEvery  = time.Hour   // so often a child takes the journals into the database
	foldBytes  = 1 << 20     // or when so much is written
	maxPending = 5000        // outages that could not be written yet; beyond it the oldest go
	maxWhole   = 200         // of them so many with their evidence
	maxMinutes = 30          // of a target so many that could not be written yet; beyond it no older ones are taken back
	clockSet   = time.Second // a clock that is another by more was set
	maxAsked   = 2           // questions that are answered at one time, each by a child
)

// An Engine is what a Recorder listens to: *monitor.Fleet, or what a test puts in its place.
type Engine interface {
	Snapshots() []monitor.Snapshot
}

// A Subscription is a *monitor.Subscription without beats.
type Subscription interface {
	Next(ctx context.Context) (monitor.Event, error)
	Close()
}

// A Recorder keeps what an engine says: outages as they begin, change and end, round trips once a minute. It never keeps the
// engine waiting, and has no timer while nothing is watched. Make it with NewRecorder.
type Recorder struct {
	engine Engine
	dir    string
	grid   time.Time // minutes are written at whole minutes after it
	say    func(format string, args ...any)
	child  func(ctx context.Context, r Request, w io.Writer) error
	days   func() int
	offset func() time.Duration // wallOffset

	bell  chan struct{} // capacity 1: there may be something to write
	asked chan struct{} // one for each question that is being answered

	mu      sync.Mutex // guards what follows
	of      map[string]*watched
	order   []string // their names as they came: the order in which things are written
	next    int64    // the number of the next outage of this run
	pending []*wire.PastOutage
	urgent  bool // an outage began, changed or ended
	failed  string

	writing sync.Mutex // guards what follows; taken before mu
	journal *Journal
	folded  time.Time // when a child was last started

	told string // what it said; the writer's own
}

// watched is what is known of one target since it was last written.
type watched struct {
	seq     uint64 // of the newest snapshot
	state   monitor.State
	at      time.Time // until then it is in minutes
	minutes map[int64]*minute
	spans   []span             // when it was watched
	starts  map[int64]struct{} // of the outages that were seen, as the snapshots list them
	open    *wire.PastOutage   // that lasts
	offset  time.Duration      // of the clock when it began
	causes  []wire.CauseTime   // shown since the target was last up
	stale   bool               // there were more attempts since open was last written
	gone    bool               // the target was taken off
}

// Options of a Recorder. All but Days must be set.
type Options struct {
	Engine Engine
	Dir    string
	// Grid is when the engine was made: what recurs is done together with its beats.
	Grid time.Time
	// Say tells the person what is wrong with what is kept, once each.
	Say func(format string, args ...any)
	// Child runs Serve in a process of its own. It writes the JSON of what was asked for; where nothing was, what Serve found
	// wrong with what is kept.
	Child func(ctx context.Context, r Request, w io.Writer) error
	// Days is how long the past is kept.
	Days func() int
}

// NewRecorder returns a Recorder that Run sets to work.
func NewRecorder(o Options) *Recorder {
	r := &Recorder{
		engine: o.Engine, dir: o.Dir, grid: o.Grid, say: o.Say, child: o.Child, days: o.Days, offset: wallOffset,
		bell: make(chan struct{}, 1), asked: make(chan struct{}, maxAsked), of: map[string]*watched{}, journal: OpenJournal(o.Dir),
	}
	return r
}

// Run keeps what comes from sub until ctx ends, writes what is left, and closes sub.
func (r *Recorder) Run(ctx context.Context, sub Subscription) error {
	var group sync.WaitGroup
	group.Go(func() { r.write(ctx) })
	defer func() {
		sub.Close()
		group.Wait()
	}()
	for {
		e, err := sub.Next(ctx)
		if err != nil || ctx.Err() != nil { // what the engine's own end looks like is no pause
			return err
		}
		r.take(&e, time.Now())
	}
}

func (r *Recorder) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// take takes in one event. It only remembers.
func (r *Recorder) take(e *monitor.Event, now time.Time) {
	s := &e.Snapshot
	name := s.Target.Name
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Removed && r.of[name] == nil {
		return
	}
	t := r.target(name, now)
	if s.Seq < t.seq && !e.Removed {
		return // a question was faster, and had the newer one
	}
	t.seq = s.Seq
	t.account(now)
	if t.gone = e.Removed; t.gone {
		t.seq = 0 // another of this name counts anew
	}
	before := t.state
	t.state = s.State
	r.outages(t, e, before, now)
	if e.Removed {
		if t.open != nil { // it was taken off while it was broken
			r.end(t, now, wire.Removed)
		}
		t.state = monitor.Idle
	}
	if r.urgent || (before == monitor.Idle) != (t.state == monitor.Idle) {
		r.ring()
	}
}

// target is what is known of a target. It is called with mu held.
func (r *Recorder) target(name string, now time.Time) *watched {
	t := r.of[name]
	if t == nil {
		t = &watched{at: now, minutes: map[int64]*minute{}, starts: map[int64]struct{}{}, state: monitor.Idle}
		r.of[name] = t
		r.order = append(r.order, name)
	}
	return t
}

// Beat counts a heartbeat: monitor.Options.Beat.
func (r *Recorder) Beat(target string, at time.Time, rtt time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.target(target, at).minute(at)
	if rtt == 0 {
		m.lost++
		return
	}
	us := max(rtt.Microseconds(), 1)
	m.add(&minute{beats: 1, min: us, max: us, sum: us})
}

// account puts the time since the last call into minutes.
func (t *watched) account(now time.Time) {
	spent := now.Sub(t.at) // by the clock that nobody sets
	t.at = now
	if spent <= 0 || t.state == monitor.Idle || t.state == monitor.Connecting {
		return
	}
	up := t.state != monitor.Down
	const longest = 10 * time.Minute // longer than any that is not asleep or stopped goes without a look
	spent = min(spent, longest)
	t.watch(now.Add(-spent), now)
	for to := now.Round(0); spent > 0; { // backwards, minute by minute of the day
		begin := to.Truncate(time.Minute)
		if begin.Equal(to) {
			begin = begin.Add(-time.Minute)
		}
		part := min(spent, to.Sub(begin))
		m := t.minute(begin)
		m.watched += part
		if up {
			m.up += part
		}
		spent -= part
		to = begin
	}
}

// watch notes that it was watched from one moment to another.
func (t *watched) watch(from, to time.Time) {
	s := span{from.UnixMicro(), to.UnixMicro()}
	if n := len(t.spans); n > 0 && t.spans[n-1].from <= s.from && s.from <= t.spans[n-1].to+watchSlack {
		t.spans[n-1].to = max(t.spans[n-1].to, s.to)
		return
	}
	if len(t.spans) < maxMinutes {
		t.spans = append(t.spans, s)
	}
}

// broke puts right what was counted since the outage began: that it had is known only now.
func (t *watched) broke(since, now time.Time, before monitor.State) {
	since = later(since, now.Add(-10*time.Minute)) // Round(0): by the clock on the wall
	for from, now := since.Round(0), now.Round(0); from.Before(now); {
		next := from.Truncate(time.Minute).Add(time.Minute)
		part := min(next.Sub(from), now.Sub(from))
		if before == monitor.Connecting || before == monitor.Idle { // neither was counted
			t.minute(from).watched += part
		} else if m := t.minutes[from.Unix()/60]; m != nil {
			m.up = max(m.up-part, 0)
		}
		from = next
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (t *watched) minute(at time.Time) *minute {
	n := at.Unix() / 60
	m := t.minutes[n]
	if m == nil {
		m = &minute{n: n}
		t.minutes[n] = m
	}
	return m
}

// outages compares the outages of a snapshot with those that are known: a reader that was skipped still sees each.
func (r *Recorder) outages(t *watched, e *monitor.Event, before monitor.State, now time.Time) {
	s := &e.Snapshot
	if cause := string(s.Verdict.Cause); cause != "" && s.State != monitor.Idle {
		if n := len(t.causes); n == 0 || t.causes[n-1].Cause != cause {
			if n < 100 {
				t.causes = append(t.causes, wire.CauseTime{Time: wire.Time{Time: s.Time}, Cause: cause})
			}
			if t.open != nil {
				r.change(t, s)
			}
		}
	}
	starts := make(map[int64]struct{}, len(s.Outages))
	for i := range s.Outages {
		o := &s.Outages[i]
		key := o.Start.UnixNano()
		starts[key] = struct{}{}
		_, known := t.starts[key]
		switch {
		case t.open != nil && t.open.Start.UnixNano() == key:
			if !o.End.IsZero() {
				r.finish(t, s, o)
			} else if o.Verdict.Cause != "" && t.open.Cause != string(o.Verdict.Cause) {
				r.change(t, s)
			} else if s.Attempt > t.open.Attempts {
				t.open.Attempts, t.stale = s.Attempt, true
			}
		case known:
		default: // new, and not by its time: the clock may have been set
			if t.open != nil { // it ended while this reader was behind, and fell out of the list
				r.end(t, o.Start, wire.Healed)
			}
			t.open = &wire.PastOutage{ID: r.next + 1, Target: s.Target.Name, Start: wire.Time{Time: o.Start}, Address: s.Target.Address}
			r.next++
			t.offset = r.offset()
			t.broke(o.Start, now, before)
			if o.End.IsZero() {
				r.change(t, s)
			} else {
				r.finish(t, s, o)
			}
		}
	}
	t.starts = starts
	if s.State == monitor.Up || s.State == monitor.Idle {
		t.causes = nil
	}
}

// change writes the newest version of the outage that lasts.
func (r *Recorder) change(t *watched, s *monitor.Snapshot) {
	o := monitor.Outage{Verdict: s.Verdict, Attempts: s.Attempt}
	if n := len(s.Outages); n > 0 && s.Outages[n-1].End.IsZero() {
		if v := s.Outages[n-1].Verdict; !v.IsZero() { // the first right cause is what counts
			o.Verdict = v
		}
	}
	t.fill(s, &o)
	r.put(t.open)
}

// finish writes the outage that is over.
func (r *Recorder) finish(t *watched, s *monitor.Snapshot, o *monitor.Outage) {
	t.fill(s, o)
	ended := wire.Healed
	if s.State == monitor.Idle {
		ended = wire.Paused
	}
	r.end(t, o.End, ended)
}

func (r *Recorder) end(t *watched, at time.Time, ended string) {
	if set := r.offset() - t.offset; set.Abs() > clockSet {
		at = at.Add(-set) // by the clock as it was: an outage lasts as long as it lasts
	}
	t.open.End, t.open.Ended = wire.Time{Time: at}, ended
	if at.Round(0).Before(t.open.Start.Round(0)) { // by the clock on the wall: that is what is kept
		t.open.End = t.open.Start
	}
	r.put(t.open)
	t.open, t.causes = nil, nil
}

// fill takes over what the monitor says of the outage.
func (t *watched) fill(s *monitor.Snapshot, o *monitor.Outage) {
	u := t.open
	v := &o.Verdict
	t.stale = false
	u.Cause, u.Hop, u.Attempts, u.Proxy = string(v.Cause), string(v.Hop), max(o.Attempts, u.Attempts), s.Proxy
	u.Interface, u.Gateway, u.LastHop = v.Interface, v.Gateway, v.LastHop
	u.Also, u.Evidence = nil, nil
	for _, c := range v.Also {
		u.Also = append(u.Also, string(c))
	}
	u.Evidence = wire.FromEvidence(v.Evidence)
	u.Causes = slices.Clone(t.causes)
	if len(u.Causes) == 0 && v.Cause != "" { // nobody was there when it was shown
		u.Causes = []wire.CauseTime{{Time: u.Start, Cause: string(v.Cause)}}
	}
}

// put has a version of an outage written. A newer version takes the place of one that waits.
func (r *Recorder) put(u *wire.PastOutage) {
	r.urgent = true
	version := *u
	for i := len(r.pending) - 1; i >= 0; i-- {
		if r.pending[i].ID == u.ID {
			r.pending[i] = &version
			return
		}
	}
	r.pending = append(r.pending, &version)
	if n := len(r.pending) - maxWhole; n > 0 { // the disk takes nothing: keep what matters most
		r.pending[n-1].Evidence = nil
	}
	if len(r.pending) > maxPending {
		r.pending = slices.Delete(r.pending, 0, 1)
	}
}

// active reports whether anything is watched.
func (r *Recorder) active() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.of {
		if t.state != monitor.Idle {
			return true
		}
	}
	return false
}

// write is the one writer: at once when an outage began, changed or ended and when the last target is paused, else once a
// minute.
func (r *Recorder) write(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	armed := false
	for {
		how := urgently
		select {
		case <-ctx.Done():
			r.flush(time.Now(), everything)
			r.writing.Lock()
			r.journal.Close()
			r.writing.Unlock()
			return
		case <-r.bell:
			if armed && !r.active() { // all is paused: written now, and nothing wakes any more
				timer.Stop()
				how, armed = everything, false
			}
		case <-timer.C:
			how, armed = theMinute, false
		}
		now := time.Now()
		ok := r.flush(now, how)
		if how == theMinute && ok {
			r.foldNow(ctx, now)
		}
		if (r.active() || !ok) && !armed {
			timer.Reset(time.Minute - now.Sub(r.grid)%time.Minute)
			armed = true
		}
	}
}

// What flush writes.
type extent uint8

const (
	urgently   extent = iota // outages, where there is news of any
	theMinute                // and what was counted of all targets
	everything               // and how many attempts there were
)

// flush writes what waits to the journal. It reports whether all is written.
func (r *Recorder) flush(now time.Time, how extent) bool {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	if how == everything {
		for _, name := range r.order {
			if t := r.of[name]; t.stale && t.open != nil {
				t.stale = false
				r.put(t.open)
			}
		}
	}
	if how < theMinute && !r.urgent {
		r.mu.Unlock()
		return true
	}
	outages := r.pending
	r.pending, r.urgent = nil, false
	lines := []line{{At: &wire.Time{Time: now}}}
	for _, u := range outages {
		lines = append(lines, line{Outage: u})
	}
	var rows []line
	if how >= theMinute {
		rows = r.minutes(now)
	}
	r.mu.Unlock()
	if r.journal.full { // until a child has folded again
		rows = nil
	}
	if len(outages)+len(rows) == 0 && r.journal.file == nil {
		return true // a run that never watched anything leaves nothing behind
	}
	err := r.journal.Append(len(outages) > 0, append(lines, rows...)...)
	r.mu.Lock()
	defer r.mu.Unlock()
	said := ""
	if err != nil {
		r.giveBack(outages, rows)
		said = err.Error()
	}
	if said != r.failed {
		r.failed = said
		if err != nil {
			r.say("%v; outages are remembered until it can be written", err)
		} else {
			r.say("the history is kept again")
		}
	}
	return err == nil
}

// giveBack puts back what could not be written, before what has come since.
func (r *Recorder) giveBack(outages []*wire.PastOutage, rows []line) {
	since := r.pending
	r.pending = outages
	for _, u := range since {
		r.put(u)
	}
	r.urgent = true
	for i := range rows {
		_, known := r.of[rows[i].Target]
		t := r.target(rows[i].Target, time.Now())
		t.gone = t.gone || !known // it was taken off meanwhile
		t.spans = append(rows[i].Watched, t.spans...)
		t.spans = t.spans[max(len(t.spans)-maxMinutes, 0):]
		for _, m := range rows[i].Minutes {
			if now := t.minutes[m.n]; now != nil {
				now.add(&m)
			} else if len(t.minutes) < maxMinutes { // the newest count
				t.minutes[m.n] = &m
			}
		}
	}
}

// minutes takes what was counted of each target since the last time. It is called with mu held.
func (r *Recorder) minutes(now time.Time) []line {
	rows := make([]line, 0, len(r.order))
	kept := r.order[:0]
	for _, name := range r.order {
		t := r.of[name]
		t.account(now)
		one := line{Target: name, Watched: t.spans}
		for _, m := range t.minutes {
			if *m != (minute{n: m.n}) {
				one.Minutes = append(one.Minutes, *m)
			}
		}
		slices.SortFunc(one.Minutes, func(a, b minute) int { return cmp.Compare(a.n, b.n) })
		if len(one.Minutes)+len(one.Watched) > 0 {
			rows = append(rows, one)
		}
		t.spans = nil
		clear(t.minutes)
		if t.gone {
			delete(r.of, name)
			continue
		}
		kept = append(kept, name)
	}
	r.order = kept
	return rows
}

// foldNow has a child fold the journals when it is time.
func (r *Recorder) foldNow(ctx context.Context, now time.Time) {
	r.writing.Lock()
	due := now.Sub(r.folded) >= foldEvery || r.journal.Size() > foldBytes
	if due {
		r.folded = now
		if err := r.journal.Rotate(); err != nil {
			due = false // it is told with the next write
		}
	}
	r.writing.Unlock()
	if !due {
		return
	}
	var said bytes.Buffer
	err := r.child(ctx, Request{Days: r.days()}, &said)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		said.Reset()
		said.WriteString(err.Error())
	}
	if text := strings.TrimSpace(said.String()); text != r.told { // only the writer gets here
		if r.told = text; text != "" {
			r.say("%s", text)
		}
	}
}

// Ask answers from all that is kept, what happened a moment ago included: w gets the JSON of a wire.History or a
// wire.RoundTrips.
func (r *Recorder) Ask(ctx context.Context, q Request, w io.Writer) error {
	now := time.Now()
	select {
	case r.asked <- struct{}{}:
		defer func() { <-r.asked }()
	case <-ctx.Done():
		return ctx.Err()
	}
	snapshots := r.engine.Snapshots() // of what has just happened the events may still be on their way
	for i := range snapshots {
		r.take(&monitor.Event{Snapshot: snapshots[i]}, now)
	}
	r.flush(now, everything)
	r.writing.Lock()
	rotated := r.journal.Rotate()
	r.folded = now
	r.writing.Unlock()
	r.mu.Lock()
	q.Problem = r.failed
	r.mu.Unlock()
	if rotated != nil && q.Problem == "" {
		q.Problem = rotated.Error()
	}
	q.Days = r.days()
	return r.child(ctx, q, w)
}
