//go:build windows || ((linux || freebsd || openbsd || netbsd) && !android)

package notify

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/ui"
)

// A fakeIcon is what Windows shows at the icon, and when it was told.
type fakeIcon struct {
	*balloons
	events chan ui.BalloonEvent
	began  time.Time
	logged strings.Builder

	mu     sync.Mutex // guards what follows
	opened int
	said   []string
	broken error // it takes nothing
}

// atIcon runs f with a desk at an icon, in a bubble.
func atIcon(t *testing.T, f func(d *fakeIcon)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeIcon{events: make(chan ui.BalloonEvent, 16), began: time.Now()}
		d.balloons = newBalloons(Options{
			Actions: Actions{Open: func() { d.with(func() { d.opened++ }) }},
			Logger:  slog.New(slog.NewTextHandler(&d.logged, nil)),
			Balloon: func(_ context.Context, b ui.Balloon) (err error) {
				d.with(func() {
					d.said = append(d.said, time.Since(d.began).String()+" "+b.Title)
					err = d.broken
				})
				return err
			},
			Balloons: d.events,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.run(ctx)
		}()
		f(d)
		cancel()
		<-ended
	})
}

// with runs f while nobody else touches what is guarded.
func (d *fakeIcon) with(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *fakeIcon) says(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	d.with(func() {
		if got := strings.Join(d.said, "; "); got != strings.Join(want, "; ") {
			t.Errorf("%s: told %q, want %q", when, got, strings.Join(want, "; "))
		}
		d.said = nil
	})
}

func (d *fakeIcon) event(e ui.BalloonEvent) { d.events <- e }

var (
	english   = Settings{Lang: ui.English}
	broken    = Note{ID: 3, Look: ui.LookDown, Title: "office is broken", Body: "a < b & c\nwhat to do", Reconnect: []string{"office"}}
	changed   = Note{ID: 3, Look: ui.LookDown, Title: "office is still broken", Body: "now", Reconnect: []string{"office"}}
	healed    = Note{ID: 3, Look: ui.LookUp, Title: "office is connected again", Body: "long"}
	brokenToo = Note{ID: 4, Look: ui.LookDown, Title: "other", Body: "refuses"}
	healedToo = Note{ID: 4, Look: ui.LookUp, Title: "other is back", Body: "long"}
)

func TestOneBalloonAfterTheOther(t *testing.T) {
	atIcon(t, func(d *fakeIcon) {
		d.show(broken, english)
		d.says(t, "the first", "0s office is broken")
		d.show(brokenToo, english)
		d.says(t, "another waits")
		d.show(changed, english)
		d.says(t, "the first changes at once", "0s office is still broken")
		time.Sleep(9 * time.Second)
		d.says(t, "not yet")
		time.Sleep(time.Second)
		d.says(t, "its turn", "10s other")
		d.show(healedToo, english)
		d.says(t, "and its end", "10s other is back")
		d.show(healed, english)
		d.says(t, "which stands")
		d.event(ui.BalloonGone)
		d.says(t, "nobody sees it any more", "10s office is connected again")
	})
}

func TestBalloonsThatAreNoLongerTrue(t *testing.T) {
	atIcon(t, func(d *fakeIcon) {
		d.show(broken, english)
		d.show(brokenToo, english)
		d.says(t, "one of two", "0s office is broken")
		d.close(4)
		time.Sleep(time.Minute)
		d.says(t, "the other was over before its turn")
		d.show(brokenToo, english)
		d.says(t, "anew", "1m0s other")
		d.close(3)
		d.says(t, "nobody sees the first any more")
		d.close(4)
		d.says(t, "taken away", "1m0s ")
		d.close(4)
		d.says(t, "once")
		d.show(healedToo, english)
		d.says(t, "nobody has seen that it was broken")
	})
}

func TestClickOnABalloonOpensTheWindow(t *testing.T) {
	atIcon(t, func(d *fakeIcon) {
		d.show(broken, english)
		d.show(brokenToo, english)
		d.says(t, "the first", "0s office is broken")
		d.event(ui.BalloonClicked)
		d.says(t, "which makes room", "0s other")
		d.with(func() {
			if d.opened != 1 {
				t.Errorf("opened %d times", d.opened)
			}
		})
	})
}

func TestIconThatTakesNoBalloon(t *testing.T) {
	atIcon(t, func(d *fakeIcon) {
		d.with(func() { d.broken = errors.New("there is no taskbar") })
		d.show(broken, english)
		d.says(t, "tried", "0s office is broken")
		time.Sleep(time.Hour)
		d.says(t, "not again and again")
		d.show(brokenToo, english)
		d.says(t, "tried at the next change", "1h0m0s office is broken")
		if n := strings.Count(d.logged.String(), "no notification can be shown"); n != 1 {
			t.Errorf("said %d times: %s", n, d.logged.String())
		}
		d.with(func() { d.broken = nil })
		d.event(ui.BalloonReady)
		d.says(t, "there is an icon", "1h0m0s office is broken")
		time.Sleep(balloonFor)
		d.says(t, "and its turn", "1h0m10s other")
		d.event(ui.BalloonReady) // Explorer began anew
		d.close(4)
		d.says(t, "what the old icon had is gone with it")
	})
}

func TestNoIcon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		d := newBalloons(Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		go d.run(ctx)
		d.show(broken, english)
		d.show(brokenToo, english)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if n := strings.Count(logged.String(), "only at one"); n != 1 {
			t.Errorf("said %d times: %s", n, logged.String())
		}
	})
}

func TestBalloonOf(t *testing.T) {
	got := balloonOf(slip{note: Note{ID: 2, Look: ui.LookUp, Title: "3 targets are connected again", Sound: true}})
	if want := (ui.Balloon{Look: ui.LookUp, Title: "Holdfast", Text: "3 targets are connected again", Sound: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	got = balloonOf(slip{note: broken})
	if want := (ui.Balloon{Look: ui.LookDown, Title: broken.Title, Text: broken.Body}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
