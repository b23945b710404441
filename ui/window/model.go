package window

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// A Client is what the window asks of the running Holdfast. *control.Client is one.
type Client interface {
	Status(ctx context.Context) (control.Status, error)
	Events(ctx context.Context, beats bool) iter.Seq2[wire.Object, error]
	Trace(ctx context.Context, name string) ([]monitor.Sample, error)
	History(ctx context.Context, q control.HistoryQuery) (wire.History, error)
	RoundTrips(ctx context.Context, target string, since time.Time) (wire.RoundTrips, error)
	Reconnect(ctx context.Context, names ...string) error
	Pause(ctx context.Context, until time.Time, names ...string) error
	Resume(ctx context.Context, names ...string) error
	Settings(ctx context.Context) (control.Settings, error)
	SaveSettings(ctx context.Context, s config.Settings, rewrite bool) error
	SaveTarget(ctx context.Context, name string, t monitor.Target, rewrite bool) error
	RemoveTarget(ctx context.Context, name string, rewrite bool) error
	SavePassword(ctx context.Context, t monitor.Target, password string) error
	Try(ctx context.Context, t monitor.Target, password string) iter.Seq2[wire.Object, error]
	Demo(ctx context.Context, mode string) error
	Autostart(ctx context.Context) (control.Autostart, error)
	SetAutostart(ctx context.Context, on bool) error
	Quit(ctx context.Context) error
}

// How often the window asks. Events come by themselves; round trips do not (they would wake the resident with every
// heartbeat), and a resident that hangs does not close its socket. A calm window is asked for seldom: with software
// OpenGL drawing it once costs some 40 ms of processor time, and the budget is 1 % of a core.
const (
	pollEvery   = 5 * time.Second
	pollCalm    = 10 * time.Second // while all is up, or paused
	pollLost    = time.Second
	answerIn    = 2 * time.Second  // a resident that lives answers in a millisecond
	tracesEvery = 30 * time.Second // the traces of all rows, and in a calm window the chart
	firstAnswer = time.Second      // until then an empty window is nothing to speak of
)

// steady is how much a round trip must differ from the one that is shown to be shown instead: figures that flicker by a
// few per cent say nothing, and each costs a redraw.
const steady = 0.2

// steadyWithin is what it must differ by at least: under a millisecond everything wavers.
const steadyWithin = 500 * time.Microsecond

// rowsEvery is how often calm rows that are not chosen are written anew, all at once: "3 min" becomes "4 min" at another
// second in each, and each would be a redraw.
const rowsEvery = 30 * time.Second

// secondsEvery is how often what is calm and counts seconds is written anew, for the first minute.
const secondsEvery = 5 * time.Second

// A model is what the window knows, all of it from the running Holdfast. Its methods may be called from any goroutine.
type model struct {
	dial func() (Client, error)
	wake chan struct{} // something has changed: look again
	poll chan struct{} // ask now
	now  func() time.Time

	mu       sync.Mutex
	client   Client
	order    []string
	snaps    map[string]monitor.Snapshot
	stalled  map[string]bool
	traces   map[string][]monitor.Sample
	traced   uint64 // rises with each change of traces and pasts
	pasts    map[string]past
	span     time.Duration // of the chart
	forgets  bool          // the resident keeps nothing
	events   uint64        // rises when an outage of any target began or ended
	settings control.Settings
	known    bool // settings were read
	demo     bool // the resident has a built-in responder
	drill    control.Drill
	started  time.Time // when the window began to ask
	met      bool      // the resident has answered
	lost     time.Time // since when it does not answer; zero: it does
	chosen   string
	lang     ui.Lang
	version  string
	problem  string
	desktop  ui.Lang   // where the settings say nothing of the language
	noIcon   bool      // nothing on this desktop shows the tray icon
	login    bool      // Holdfast is started at login; where loginKnown
	traceAll time.Time // when the traces of all rows were asked for last

	loginKnown bool
}

func newModel(dial func() (Client, error), l ui.Lang, now time.Time) *model {
	return &model{
		dial: dial, desktop: l, wake: make(chan struct{}, 1), poll: make(chan struct{}, 1), now: time.Now, lang: l, started: now,
		snaps: map[string]monitor.Snapshot{}, stalled: map[string]bool{}, traces: map[string][]monitor.Sample{},
		pasts: map[string]past{}, span: chartSpan,
	}
}

// speak changes the language: "" is the desktop's.
func (m *model) speak(language string) {
	m.change(func() {
		m.speakLocked(language)
		m.settings.Language = language
	})
}

func (m *model) speakLocked(language string) {
	if m.lang = ui.Lang(language); language == "" {
		m.lang = m.desktop
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending already
	}
}

// change does f under the lock and has the window look again.
func (m *model) change(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	nudge(m.wake)
}

// run asks until ctx ends.
func (m *model) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.listen(ctx) })
	wg.Go(func() { m.ask(ctx) })
	wg.Wait()
}

func wait(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}

// connect returns the client, dialling when there is none yet.
func (m *model) connect() (Client, error) {
	m.mu.Lock()
	c := m.client
	m.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := m.dial()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil {
		m.client = c
	}
	return m.client, nil
}

// listen keeps the stream of events open.
func (m *model) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if c, err := m.connect(); err == nil {
			first := true
			for o, err := range c.Events(ctx, false) {
				if err != nil {
					break
				}
				if first {
					nudge(m.poll) // order, settings and traces
					first = false
				}
				m.take(o)
			}
		}
		if ctx.Err() != nil {
			return
		}
		m.lose()
		if !wait(ctx, pollLost, nil) {
			return
		}
	}
}

// take applies one event.
func (m *model) take(o wire.Object) {
	e, err := o.ToEvent()
	if err != nil {
		return // of a newer Holdfast, perhaps; the status will tell
	}
	name := e.Snapshot.Target.Name
	m.change(func() {
		m.met, m.lost = true, time.Time{}
		old, known := m.snaps[name]
		switch {
		case e.Removed:
			delete(m.snaps, name)
			delete(m.traces, name)
			delete(m.pasts, name)
			m.order = slices.DeleteFunc(m.order, func(n string) bool { return n == name })
			nudge(m.poll)
			return
		case !known:
			m.order = append(m.order, name) // the status puts it where it belongs
			nudge(m.poll)
		case e.Snapshot.Seq < old.Seq && !e.Snapshot.Time.After(old.Time):
			return
		}
		if known && outagesKey(old) != outagesKey(e.Snapshot) {
			m.events++
			if name == m.chosenLocked() {
				nudge(m.poll) // it has been kept
			}
		}
		m.snaps[name] = e.Snapshot
		m.stalled[name] = o.Stalled
	})
}

// lose notes that the resident does not answer.
func (m *model) lose() {
	m.change(func() {
		if m.lost.IsZero() {
			m.lost = time.Now()
		}
	})
}

// ask polls what does not come by itself.
func (m *model) ask(ctx context.Context) {
	for ctx.Err() == nil {
		every := pollEvery
		if m.calm() {
			every = pollCalm
		}
		if err := m.askOnce(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			m.lose()
			every = pollLost
		}
		if !wait(ctx, every, m.poll) {
			return
		}
	}
}

func (m *model) askOnce(ctx context.Context) error {
	c, err := m.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	settings, settingsErr := c.Settings(ctx)
	login, loginErr := c.Autostart(ctx)
	traces := m.askTraces(ctx, c, status)
	m.change(func() { // all at once: each change is one redraw
		m.met, m.lost, m.demo, m.version, m.problem = true, time.Time{}, status.Demo, status.Version, status.Problem
		m.noIcon, m.login, m.loginKnown = status.NoIcon, login.On, loginErr == nil
		if m.drill = (control.Drill{}); status.Drill != nil {
			m.drill = *status.Drill
		}
		if settingsErr == nil {
			if settings.Language != m.settings.Language {
				m.speakLocked(settings.Language)
			}
			m.settings, m.known = settings, true
		}
		order := make([]string, 0, len(status.Targets))
		for _, o := range status.Targets {
			s, err := o.Snapshot()
			if err != nil {
				continue
			}
			name := s.Target.Name
			order = append(order, name)
			if old, known := m.snaps[name]; !known || s.Seq >= old.Seq || s.Time.After(old.Time) {
				if diff := float64(s.RTT - old.RTT); known && s.State == monitor.Up && old.State == monitor.Up && max(diff, -diff) < max(steady*float64(old.RTT), float64(steadyWithin)) {
					s.RTT = old.RTT
				}
				m.snaps[name] = s
			}
			m.stalled[name] = o.Stalled || slices.Contains(status.Stalled, name)
		}
		for name, samples := range traces {
			if !slices.Equal(m.traces[name], samples) {
				m.traces[name] = samples
				m.traced++
			}
		}
		maps.DeleteFunc(m.snaps, func(name string, _ monitor.Snapshot) bool { return !slices.Contains(order, name) })
		m.order = order
	})
	m.askPast(ctx, c)
	return nil
}

// calm reports whether nothing but round trips can be expected to change.
func (m *model) calm() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.snaps {
		if s.State != monitor.Up && s.State != monitor.Idle {
			return false
		}
	}
	return m.met && m.lost.IsZero()
}

// askTraces reads the round trips that are due: of the chosen target, and now and then of all.
func (m *model) askTraces(ctx context.Context, c Client, status control.Status) map[string][]monitor.Sample {
	calm := m.calm()
	m.mu.Lock()
	chosen := m.chosenLocked()
	if chosen == "" && len(status.Targets) > 0 {
		chosen = status.Targets[0].Target
	}
	names := []string{chosen}
	switch {
	case time.Since(m.traceAll) >= tracesEvery:
		m.traceAll = time.Now()
		for _, o := range status.Targets[:min(len(status.Targets), 50)] {
			if o.Target != chosen {
				names = append(names, o.Target)
			}
		}
	case calm && len(m.traces[chosen]) > 0:
		names = nil
	}
	m.mu.Unlock()
	traces := map[string][]monitor.Sample{}
	for _, name := range names {
		if samples, err := c.Trace(ctx, name); err == nil && name != "" {
			traces[name] = samples
		}
	}
	return traces
}

// request sends one wish of the user and has the answer told by said, on the goroutine of request.
func (m *model) request(ctx context.Context, f func(context.Context, Client) error) error {
	c, err := m.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = f(ctx, c)
	nudge(m.poll)
	return err
}

// choose makes name the target that is shown.
func (m *model) choose(name string) {
	m.change(func() { m.chosen = name })
	nudge(m.poll)
}

// chosenLocked is the target that is shown: the one that was chosen, else the first.
func (m *model) chosenLocked() string {
	if _, ok := m.snaps[m.chosen]; ok {
		return m.chosen
	}
	if len(m.order) > 0 {
		return m.order[0]
	}
	return ""
}

// A tableRow is a line of attempts or outages.
type tableRow struct{ when, number, words, length string }

const tableRows = 12

// A rowView is what a row of the list shows.
type rowView struct {
	key, name, second, short, figure string
	look                             ui.Look
}

// A screen is everything that is shown. Two screens that are Equal look the same.
type screen struct {
	rows    []rowView
	sum     string
	broken  []string // keys of those that are broken, for the sum line
	chosen  int      // -1: none
	view    ui.View
	snap    monitor.Snapshot // of the chosen one; for the report and the chart, not compared
	isDemo  bool             // the chosen target is the built-in demo
	drill   string           // what that has been told to do
	seen    string           // and what came of it
	own     bool             // the chosen target stands in the settings and can be edited
	single  string           // "1 of 5 broken"
	waiting bool             // nothing has answered yet
	lost    string           // "Not known since 3 s"; "" while the resident answers
	problem string           // of the settings file
	prefs   prefs
	noIcon  bool // nothing on this desktop shows the tray icon
	lang    ui.Lang
	traced  uint64

	attempts, outages   [tableRows]tableRow
	nAttempts, nOutages int
	soFar               string
	now                 time.Time // when it was made; not compared
	traces              map[string][]monitor.Sample
	past                []monitor.Outage // of the chosen one, the newest first; not compared
	minutes             []ui.Point
	span                time.Duration
	events              uint64
}

func (s *screen) equal(o *screen) bool {
	return slices.Equal(s.rows, o.rows) && s.sum == o.sum && s.chosen == o.chosen && s.view == o.view && s.isDemo == o.isDemo && s.drill == o.drill && s.seen == o.seen &&
		s.own == o.own && s.single == o.single && s.waiting == o.waiting && s.lost == o.lost && s.problem == o.problem && s.prefs == o.prefs && s.noIcon == o.noIcon &&
		s.lang == o.lang && s.traced == o.traced && s.span == o.span && s.events == o.events && s.attempts == o.attempts && s.outages == o.outages && s.soFar == o.soFar
}

// wordsEvery is how long what differs only in its words, no state and no target, waits for more of the kind: ten broken
// targets with attempts of their own would else have the window drawn several times a second.
const wordsEvery = time.Second / 2

// onlyWords reports whether s differs from o in nothing but what is said of targets, and of their attempts.
func (s *screen) onlyWords(o *screen) bool {
	same := slices.EqualFunc(s.rows, o.rows, func(a, b rowView) bool { return a.key == b.key && a.look == b.look && a.name == b.name })
	if !same || s.view.Key != o.view.Key || s.view.Look != o.view.Look || s.view.Sentence != o.view.Sentence {
		return false
	}
	c := *s
	c.rows, c.view, c.attempts, c.nAttempts, c.soFar, c.traced = o.rows, o.view, o.attempts, o.nAttempts, o.soFar, o.traced
	return c.equal(o)
}

// stands is for how long what is said of a target may stand there: stays, as a rule, but each redraw is one of the whole
// window. What is calm and counts seconds is written anew in steps of five, rows with all other rows; what is broken each
// second, when the countdown steps, or where there is none twice.
func stands(k ui.Look, snap monitor.Snapshot, now time.Time, stays time.Duration, chosen bool) time.Duration {
	if stays <= 0 {
		return stays
	}
	together := func(every time.Duration) time.Duration {
		return now.Add(stays).Truncate(every).Add(every).Sub(now)
	}
	switch calm := k == ui.LookUp || k == ui.LookPaused; {
	case calm && stays <= secondsEvery:
		return together(secondsEvery)
	case calm && !chosen:
		return together(rowsEvery)
	case calm:
		return stays
	case !chosen:
		return max(stays, time.Second)
	}
	if rest := snap.RetryAt.Sub(now); rest > 0 {
		return max((rest-1)%time.Second+1, 20*time.Millisecond)
	}
	return max(stays, time.Second/2)
}

// screen works out what is to be seen now, and for how long that stays true (0: until something happens).
func (m *model) screen(now time.Time) (*screen, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lang
	s := &screen{chosen: -1, lang: l, now: now, traced: m.traced, problem: m.problem, prefs: m.prefsLocked(), noIcon: m.noIcon, traces: maps.Clone(m.traces), span: m.span, events: m.events}
	until := time.Duration(0)
	sooner := func(d time.Duration) {
		if d > 0 && (until == 0 || d < until) {
			until = d
		}
	}
	if !m.met && now.Sub(m.started) < firstAnswer {
		s.waiting = true
		return s, firstAnswer - now.Sub(m.started)
	}
	if !m.lost.IsZero() {
		age := max(now.Sub(m.lost), 0)
		s.lost = l.Say("state.unknown.window", "duration", l.Span(age.Truncate(time.Second)))
		sooner(time.Second - age%time.Second)
	}

	chosen := m.chosenLocked()
	up, broken, checking, connecting, paused := 0, 0, 0, 0, 0
	snaps := make([]monitor.Snapshot, 0, len(m.order))
	views := make([]ui.View, 0, len(m.order))
	for _, name := range m.order {
		snap, ok := m.snaps[name]
		if !ok {
			continue
		}
		v, stays := ui.ViewUntil(snap, now, l)
		if m.stalled[name] && snap.State != monitor.Idle {
			v.Look, v.Sentence, v.Remedy = ui.LookUnknown, l.Say("state.unknown"), l.Tell("state.unknown")
			v.Row, v.Figure, v.Countdown, v.Big, v.Since = l.Say("row.unknown"), "", "", "", ""
		}
		if s.lost != "" {
			v.Countdown = "" // nobody counts any more
			v.Row, v.Short, v.Figure = l.Say("row.unknown"), "", ""
		} else {
			sooner(stands(v.Look, snap, now, stays, name == chosen))
		}
		if name == chosen {
			s.chosen, s.snap = len(views), snap
		}
		switch v.Look {
		case ui.LookUp:
			up++
		case ui.LookDown:
			broken++
			s.broken = append(s.broken, name)
		case ui.LookSuspect, ui.LookUnknown:
			checking++
		case ui.LookConnecting:
			connecting++
		case ui.LookPaused:
			paused++
		}
		snaps, views = append(snaps, snap), append(views, v)
		s.rows = append(s.rows, rowView{key: name, name: v.Name, second: v.Row, short: v.Short, figure: v.Figure, look: s.rowLook(v.Look)})
	}
	n, count := strconv.Itoa, l.Say
	switch {
	case s.lost != "":
		s.sum = l.Say("state.unknown")
	case len(views) == 0:
		s.sum = l.Say("sum.none")
	case broken > 0:
		s.sum = count("sum.broken", "m", n(broken), "n", n(up))
	case checking > 0:
		s.sum = count("sum.other", "m", n(checking), "n", n(up))
	case connecting > 0:
		s.sum = count("sum.connecting", "m", n(connecting), "n", n(up))
	case up == 0:
		s.sum = count("sum.paused", "n", n(paused))
	case paused > 0:
		s.sum = count("sum.ok", "n", n(up)) + l.Say("comma") + count("sum.paused", "n", n(paused))
	default:
		s.sum = count("sum.ok", "n", n(up))
	}
	if broken > 0 && s.lost == "" {
		s.single = l.Say("sum.one-of", "m", n(broken), "n", n(len(views)))
	}
	if s.chosen < 0 {
		return s, until
	}
	ui.Share(views, snaps)
	s.view = views[s.chosen]
	for _, r := range ui.Roots(snaps) {
		if r.Many() && s.view.Look == ui.LookDown && slices.Contains(r.Members, s.chosen) {
			s.view.Also = strings.TrimPrefix(s.view.Also+l.Say("path.space")+l.Say("root.same", "n", n(len(r.Members))), l.Say("path.space"))
		}
	}
	s.own = m.known && slices.ContainsFunc(m.settings.Targets, func(t monitor.Target) bool { return t.Name == chosen })
	s.isDemo = m.known && m.demo && m.settings.Demo && !s.own
	if s.isDemo {
		s.drill, s.seen = m.drill.Mode, drillSeen(m.drill, s.snap, s.lang)
	}
	m.tables(s)
	return s, until
}

// rowLook is the look of a row: nothing is known of any while the resident does not answer.
func (s *screen) rowLook(k ui.Look) ui.Look {
	if s.lost != "" {
		return ui.LookUnknown
	}
	return k
}

// tables fills in attempts and outages, the newest first.
func (m *model) tables(s *screen) {
	l, snap := s.lang, s.snap
	if n := len(snap.Attempts); n > 0 {
		s.soFar = l.Say("attempt.so-far", "n", strconv.Itoa(snap.Attempt))
		for i := n - 1; i >= 0 && s.nAttempts < tableRows; i-- {
			a := snap.Attempts[i]
			s.attempts[s.nAttempts] = tableRow{
				when: a.Start.Local().Format("15:04:05.0"), number: strconv.Itoa(a.Number),
				words: ui.AttemptWord(a, l), length: l.RTT(a.Took),
			}
			s.nAttempts++
		}
	}
	p := m.pasts[snap.Target.Name]
	s.past, s.minutes = outagesOf(snap, p), p.minutes
	for _, o := range s.past[:min(len(s.past), tableRows)] {
		row := tableRow{when: l.Clock(o.Start, s.now), words: ui.OutageWord(o, l)}
		if o.End.IsZero() {
			row.length = l.Say("outage.now")
		} else {
			row.length = l.Lasted(o.End.Sub(o.Start))
		}
		s.outages[s.nOutages] = row
		s.nOutages++
	}
}

// bandsOf are the outages that a chart shows, the oldest first; past has the newest first.
func bandsOf(past []monitor.Outage, snap monitor.Snapshot, now time.Time, span time.Duration, l ui.Lang) []band {
	var bands []band
	for _, o := range past {
		end := o.End
		if end.IsZero() {
			end = now
		}
		if now.Sub(end) > span || o.Start.IsZero() {
			continue
		}
		words := ui.OutageWord(o, l)
		if o.Verdict.Cause == netcheck.CauseNone && o.End.IsZero() && snap.Verdict.Cause != netcheck.CauseNone {
			words = ui.OutageWord(monitor.Outage{Verdict: snap.Verdict}, l)
		}
		bands = append(bands, band{from: o.Start, to: end, words: words, length: l.Lasted(end.Sub(o.Start))})
	}
	slices.Reverse(bands)
	return bands
}

// reach makes the chart show so much.
func (m *model) reach(span time.Duration) {
	m.change(func() { m.span = span })
	nudge(m.poll)
}

// problemText puts what is wrong with a file, a mistake a line, into one line of words.
func problemText(problem string, l ui.Lang, most int) string {
	return ui.Printable(strings.ReplaceAll(strings.TrimSpace(l.Error(problem)), "\n", l.Say("path.space")), most)
}

// errorText puts what a request came back with into words.
func errorText(err error, l ui.Lang) string {
	var e *control.Error
	var setting *config.Error
	switch {
	case errors.As(err, &e):
		if e.Field != "" {
			if text := fieldText(e.Field, l); text != "" {
				return l.Say("path.entry", "name", text, "text", ui.Printable(l.Error(e.Msg), 300))
			}
		}
		return ui.Printable(l.Error(e.Msg), 300)
	case errors.As(err, &setting):
		if text := fieldText(setting.Key, l); text != "" {
			return l.Say("path.entry", "name", text, "text", ui.Printable(l.Error(setting.Msg), 300))
		}
	case errors.Is(err, control.ErrNotRunning), errors.Is(err, context.DeadlineExceeded):
		return l.Tell("state.unknown.window")
	}
	return ui.Printable(l.Error(err.Error()), 300)
}
