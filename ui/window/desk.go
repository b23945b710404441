package window

import (
	"context"
	"os"

	"fyne.io/fyne/v2"

	"holdfast/ui"
)

// hint says what the desktop lacks for the icon to be seen; "" while it is.
func (s *screen) hint() string {
	if !s.noIcon {
		return ""
	}
	return s.lang.Say("notray.hint." + ui.TrayHost(os.Getenv))
}

// loginItem is the switch in the menu that has Holdfast started at login; nil where that is not known.
func (w *Window) loginItem() *fyne.MenuItem {
	w.model.mu.Lock()
	known, on := w.model.loginKnown, w.model.login
	w.model.mu.Unlock()
	if !known {
		return nil
	}
	item := fyne.NewMenuItem(w.say("menu.login"), func() {
		w.ask(func(ctx context.Context, c Client) error { return c.SetAutostart(ctx, !on) }, func() {
			w.model.change(func() { w.model.login = !on })
		})
	})
	item.Checked = on
	return item
}
