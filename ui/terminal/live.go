// Package terminal shows targets in a terminal: a live view that redraws what changed, and plain lines for pipes, logs and
// screen readers.
package terminal

import (
	"context"
	"errors"
	"os"
	"slices"
	"sort"
	"sync"
	"time"

	"holdfast/monitor"
	"holdfast/ui"
)

// A Live is a full-screen view that follows events. Its functions are what Run needs of a monitor.Fleet.
type Live struct {
	Next      func(ctx context.Context) (monitor.Event, error)
	Reconnect func(names ...string) error
	Pause     func(names ...string) error
	Resume    func(names ...string) error

	Lang   ui.Lang
	Glyphs Glyphs
	Colour bool
	Note   string // said in the first line; empty nothing

	// Order is the names of the targets as they are to be listed; others come behind them.
	Order []string
}

// drawGap is the least time between two drawings: no eye follows more than ten a second.
const drawGap = 100 * time.Millisecond

// A model is what the events have told so far.
type model struct {
	mu     sync.Mutex // guards all below
	blocks []*block   // in the order of rank, then as they were first heard of
	index  map[string]*block
	rank   map[string]int // never changed
}

func newModel(order []string) *model {
	m := &model{index: make(map[string]*block), rank: make(map[string]int, len(order))}
	for i, name := range order {
		m.rank[name] = i
	}
	return m
}

// place is where a target belongs among the blocks.
func (m *model) place(name string) int {
	rank, known := m.rank[name]
	if !known {
		return len(m.blocks)
	}
	return sort.Search(len(m.blocks), func(i int) bool {
		r, known := m.rank[m.blocks[i].snapshot.Target.Name]
		return !known || r > rank
	})
}

func (m *model) apply(e monitor.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := e.Snapshot.Target.Name
	b := m.index[name]
	switch {
	case e.Removed && b != nil:
		delete(m.index, name)
		for i := range m.blocks {
			if m.blocks[i] == b {
				m.blocks = slices.Delete(m.blocks, i, i+1)
				break
			}
		}
	case e.Removed:
	case b == nil:
		b = &block{snapshot: e.Snapshot}
		m.index[name] = b
		m.blocks = slices.Insert(m.blocks, m.place(name), b)
	default:
		b.snapshot, b.viewed = e.Snapshot, time.Time{}
	}
}

// Run draws on out, a terminal, until ctx ends, the person asks for the end (q), the terminal is gone, or Next fails. The
// terminal is then as it was, with the last state printed below what stood there before.
func (l *Live) Run(ctx context.Context, out *os.File) (err error) {
	t, err := openTTY(out)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := newModel(l.Order)
	s := &screen{out: out, colour: l.Colour, ascii: l.Glyphs.ascii}

	changed := make(chan struct{}, 1)
	var group sync.WaitGroup
	var nextErr error
	group.Go(func() {
		defer cancel()
		for {
			e, err := l.Next(ctx)
			if err != nil {
				nextErr = err
				return
			}
			m.apply(e)
			select {
			case changed <- struct{}{}:
			default: // a drawing is due already
			}
		}
	})
	keys := make(chan key)
	group.Go(func() { t.readKeys(ctx, keys) })

	err = t.start()
	if err == nil {
		err = s.enter()
	}
	if err == nil {
		err = l.loop(ctx, t, m, s, changed, keys)
	}
	cancel()
	// Ending what reads keys before the terminal gets its old modes back, or a key typed meanwhile would be lost.
	t.stopReading()
	group.Wait()
	err = errors.Join(err, s.leave(), t.close())
	if err == nil {
		err = l.farewell(m, out)
	}
	if err == nil && !errors.Is(nextErr, context.Canceled) {
		err = nextErr
	}
	return err
}

func (l *Live) loop(ctx context.Context, t *tty, m *model, s *screen, changed <-chan struct{}, keys <-chan key) error {
	// One timer for both: the end of the gap after a drawing, and the moment at which something shown counts on.
	timer := time.NewTimer(0)
	defer timer.Stop()
	var drawn time.Time
	offset := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			timer.Reset(max(0, drawGap-time.Since(drawn)))
			continue
		case <-timer.C:
		case sig := <-t.signals:
			switch t.meaning(sig) {
			case signalStop:
				if err := t.suspend(s); err != nil {
					return err
				}
			case signalContinue: // stopped from outside, in whatever state: take the screen again
				if err := errors.Join(t.start(), s.enter()); err != nil {
					return err
				}
			}
		case k := <-keys:
			switch k {
			case keyQuit:
				return nil
			case keyReconnect:
				_ = l.Reconnect() // fails only for unknown names
			case keyPause:
				l.togglePause(m)
			case keyUp:
				offset--
			case keyDown:
				offset++
			case keyPageUp:
				offset -= s.rows - 4
			case keyPageDown:
				offset += s.rows - 4
			case keyRedraw:
				s.forget()
			}
		}
		s.resize(t.size())
		drawn = time.Now()
		wait, err := l.draw(m, s, drawn, &offset)
		if err != nil {
			return err
		}
		if wait > 0 {
			timer.Reset(max(wait, drawGap))
		} else {
			timer.Stop()
		}
	}
}

// togglePause pauses all, or resumes all when all are paused.
func (l *Live) togglePause(m *model) {
	m.mu.Lock()
	paused := true
	for _, b := range m.blocks {
		paused = paused && b.snapshot.State == monitor.Idle
	}
	m.mu.Unlock()
	if paused {
		_ = l.Resume() // these fail only for unknown names
	} else {
		_ = l.Pause()
	}
}

// draw draws once, and says after how long what was drawn is no longer true though nothing happens; 0: never.
func (l *Live) draw(m *model, s *screen, now time.Time, offset *int) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &page{lang: l.Lang, glyphs: l.Glyphs, columns: s.columns, now: now}
	head, foot := l.head(m, p), l.foot(m, p)
	height := s.rows - 4
	if s.rows < 8 { // every row is needed
		height = s.rows - 1
	}
	body, hidden := p.layout(m.blocks, max(1, height), offset)
	rows := []row{head}
	if s.rows >= 8 {
		rows = append(rows, nil)
	}
	rows = append(rows, body...)
	if s.rows >= 8 {
		for len(rows) < s.rows-1 {
			rows = append(rows, nil)
		}
		if hidden > 0 {
			foot = append(foot, span{"   " + l.Lang.Say("menu.more", "n", itoa(hidden)), bold})
		}
		rows = append(rows, foot)
	}
	return p.wait, s.draw(rows)
}

// head is the first line: how many stand how.
func (l *Live) head(m *model, p *page) row {
	var n [ui.LookUnknown + 1]int
	for _, b := range m.blocks {
		n[b.look()]++
	}
	r := row{{"Holdfast", bold}, {"  ", normal}}
	up := itoa(n[ui.LookUp])
	switch {
	case len(m.blocks) == 0:
		r = append(r, span{l.Lang.Say("sum.none"), muted})
	case n[ui.LookDown] > 0:
		r = append(r, span{l.Lang.Say("sum.broken", "m", itoa(n[ui.LookDown]), "n", up), downInk})
	case n[ui.LookSuspect] > 0:
		r = append(r, span{l.Lang.Say("sum.other", "m", itoa(n[ui.LookSuspect]), "n", up), suspectInk})
	case n[ui.LookConnecting] > 0:
		r = append(r, span{l.Lang.Say("sum.connecting", "m", itoa(n[ui.LookConnecting]), "n", up), connectingInk})
	case n[ui.LookPaused] == len(m.blocks):
		r = append(r, span{l.Lang.Say("sum.paused", "n", itoa(n[ui.LookPaused])), muted})
	default:
		r = append(r, span{l.Lang.Say("sum.ok", "n", up), muted})
	}
	if l.Note != "" {
		r = append(r, span{p.glyphs.separator + l.Note, muted})
	}
	return r
}

// foot is the last line: the keys.
func (l *Live) foot(m *model, p *page) row {
	pause := "button.pause"
	allPaused := len(m.blocks) > 0
	for _, b := range m.blocks {
		allPaused = allPaused && b.snapshot.State == monitor.Idle
	}
	if allPaused {
		pause = "button.resume"
	}
	return row{
		{"r", bold}, {" " + l.Lang.Say("button.reconnect") + "   ", muted},
		{"p", bold}, {" " + l.Lang.Say(pause) + "   ", muted},
		{"q", bold}, {" " + l.Lang.Say("menu.quit"), muted},
	}
}

// farewellTargets is how many targets are summed up after the end.
const farewellTargets = 20

// farewell prints how the targets stood, so that something is left of the view.
func (l *Live) farewell(m *model, out *os.File) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := Lines{Lang: l.Lang}
	var buf []byte
	for i, b := range m.blocks {
		if i == farewellTargets {
			buf = append(buf, l.Lang.Say("menu.more", "n", itoa(len(m.blocks)-i))+"\n"...)
			break
		}
		buf = lines.Append(buf, monitor.Event{Snapshot: b.snapshot})
	}
	_, err := out.Write(buf)
	return err
}
