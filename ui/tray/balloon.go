package tray

import (
	"context"
	"fmt"
	"runtime"

	"holdfast/ui"
)

// A balloonRequest is a notification that waits for the taskbar.
type balloonRequest struct {
	balloon ui.Balloon
	taken   chan error // capacity 1
}

// Balloon shows a notification at the icon, in place of the one that stands; the zero Balloon takes that away. It waits until
// Run has handed it to the taskbar, or ctx ends. Only Windows has them; elsewhere, and while no taskbar shows the icon, the
// error is [ErrNoTray]. Any other error means that the taskbar did not take it.
func (t *Tray) Balloon(ctx context.Context, b ui.Balloon) error {
	if runtime.GOOS != "windows" {
		return fmt.Errorf("%w on %s", ErrNoTray, runtime.GOOS)
	}
	r := balloonRequest{b, make(chan error, 1)}
	select {
	case t.balloons <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.taken:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Balloons returns what becomes of notifications: that they can be shown, from when on there is an icon, and how each ends.
// What nobody reads is dropped.
func (t *Tray) Balloons() <-chan ui.BalloonEvent { return t.balloonEvents }

// balloonEvent tells of one, and returns at once.
func (t *Tray) balloonEvent(e ui.BalloonEvent) {
	select {
	case t.balloonEvents <- e:
	default: // nobody reads
	}
}
