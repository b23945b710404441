package window

import (
	"image"
	"image/color"
	"os"
	"reflect"
	"sync"

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
