//go:build windows || ((linux || freebsd || openbsd || netbsd) && !android)

package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"holdfast/ui"
)

// What Windows is told; it runs on other systems in tests only.

// balloonFor is how long a notification stands before another thing's takes its place: at an icon one is seen at a time, and
// Windows shows each for five seconds, or as long as a person has set.
const balloonFor = 10 * time.Second

// balloons shows notifications at the icon. There is one at a time: that of another thing waits for its turn, that of the same
// takes its place at once, and one that is no longer true is taken away.
type balloons struct {
	*shelf
	actions Actions
	log     *slog.Logger
	clicks  chan func()
	balloon func(context.Context, ui.Balloon) error // nil: there is no icon
	events  <-chan ui.BalloonEvent
}

func newBalloons(o Options) *balloons {
	return &balloons{shelf: newShelf(), actions: o.Actions, log: o.Logger, clicks: make(chan func(), 4), balloon: o.Balloon, events: o.Balloons}
}

// errNoIcon says why nothing is told.
var errNoIcon = errors.New("there is no icon, and Windows shows notifications only at one")

// run works until ctx ends.
func (d *balloons) run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { answer(ctx, d.clicks) })

	var (
		last   int       // which was shown last; 0: none
		until  time.Time // then another may take its place
		absent bool      // none could be shown; what changes that is heard
		told   bool      // and that was said
	)
	turn := time.NewTimer(time.Hour)
	defer turn.Stop()
	for {
		may := func(id int) bool { return id == last || !time.Now().Before(until) }
		select {
		case <-d.wake: // what it told of is looked at now
			absent = false
		default:
		}
		for !absent {
			id, s, ok := d.take(may)
			if !ok {
				break
			}
			var number uint32
			b := ui.Balloon{}
			if !s.gone {
				b, number = balloonOf(s), uint32(id)
			}
			var err error
			if !s.gone || id == last { // what another has taken the place of nobody sees
				err = d.put(ctx, b)
			}
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				absent = true
				d.back(id)
				if !told {
					told = true
					d.log.Warn("notify: no notification can be shown", "error", err)
				}
			case s.gone:
				d.done(id, s, 0)
				if id == last {
					last, until = 0, time.Time{}
				}
			default:
				d.done(id, s, number)
				last, until, told = id, time.Now().Add(balloonFor), false
			}
		}
		turn.Stop()
		if !absent && d.any() {
			turn.Reset(time.Until(until))
		}
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
		case <-d.wake:
			absent = false
		case e := <-d.events:
			switch e {
			case ui.BalloonReady: // an icon that has just come has none
				absent, last, until = false, 0, time.Time{}
			case ui.BalloonClicked:
				until = time.Time{}
				if d.actions.Open != nil {
					clicked(d.clicks, d.actions.Open, d.log)
				}
			case ui.BalloonGone:
				until = time.Time{}
			}
		}
	}
}

// put hands one to Windows; the zero Balloon takes away what stands.
func (d *balloons) put(ctx context.Context, b ui.Balloon) error {
	if d.balloon == nil {
		return errNoIcon
	}
	return d.balloon(ctx, b)
}

// balloonOf puts a notification into the form of Windows, whose fields are cut where they are filled: one without a text would
// be taken for none.
func balloonOf(s slip) ui.Balloon {
	b := ui.Balloon{Look: s.note.Look, Title: s.note.Title, Text: s.note.Body, Sound: s.note.Sound}
	if b.Text == "" {
		b.Title, b.Text = "Holdfast", s.note.Title
	}
	return b
}
