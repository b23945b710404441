//go:build cgo

package tray

import (
	"context"
	"runtime"
	"sync"

	"fyne.io/systray"

	"holdfast/assets"
)

// run shows the icon through the system's own interface. Its message loop needs the thread that it was begun on.
func (t *Tray) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	systray.SetOnTapped(func() { t.clicked(click{what: clickLeft}) })
	ready := func() {
		m := theMenu()
		work.Go(func() { t.answer(ctx) })
		work.Go(func() { m.listen(ctx, t) })
		work.Go(func() { t.paint(ctx, m) })
		if t.o.OnReady != nil {
			t.o.OnReady()
		}
	}
	stop := context.AfterFunc(ctx, systray.Quit)
	defer stop()
	systray.Run(ready, nil)
	cancel()
	work.Wait()
	return nil
}

// paint follows what is wanted until ctx ends.
func (t *Tray) paint(ctx context.Context, m menu) {
	var shown, tip string
	for {
		v := t.wanted()
		if name := v.icon(); name != shown {
			systray.SetIcon(assets.Icon(name, 44)) // the menu bar is 22 points high, and a sharp screen has two pixels in one
			shown = name
		}
		text := v.Title
		if v.Text != "" {
			text += "\n" + v.Text
		}
		if text != tip {
			systray.SetTooltip(text)
			tip = text
		}
		m.show(v)
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		}
	}
}
