package window

import (
	"context"
	"image"
	"image/color"
	"os"
	"reflect"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"

	"holdfast/ui"
)

// hint says what the desktop lacks for the words or the icon to be seen; "" while nothing.
func (s *screen) hint() string {
	if s.lang == ui.Chinese && !hasChinese() { // in the other language: this one cannot be read
		return ui.English.Say("nofont") + ui.English.Say("path.space") + ui.English.Tell("nofont")
	}
	if !s.noIcon {
		return ""
	}
	return s.lang.Say("notray.hint." + ui.TrayHost(os.Getenv))
}

// drawable reports whether a font has the two characters: what stands for one that none has always looks the same.
func drawable(a, b string) bool {
	shot := func(s string) image.Image {
		return software.Render(newText(s, fontVerdict, color.Black).Text, look{})
	}
	return !reflect.DeepEqual(shot(a), shot(b))
}

// hasChinese is asked once: fonts are read when the program starts.
var hasChinese = sync.OnceValue(func() bool { return drawable("网", "永") })

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
