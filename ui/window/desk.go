package window

import (
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
		return ui.English.Say(noFont) + ui.English.Say("path.space") + ui.English.Tell(noFont)
	}
	if !s.noIcon {
		return ""
	}
	return s.lang.Say("notray.hint." + ui.TrayHost(os.Getenv))
}

// missing are the characters of text that no font here has: what is drawn for them is what is drawn for one that none can have.
func missing(text string) (none []rune) {
	canvas := software.NewCanvas() // software.Render would set the theme, and with it forget every font
	canvas.SetPadded(false)
	shot := func(r rune) image.Image {
		canvas.SetContent(newText(string(r), fontVerdict, color.NRGBA{0xff, 0, 0, 0xff}).Text) // on any ground
		canvas.Resize(fyne.NewSize(64, 64))
		return canvas.Capture()
	}
	blank := shot('\U000F1234') // private use
	for _, r := range text {
		if r > ' ' && reflect.DeepEqual(shot(r), blank) {
			none = append(none, r)
		}
	}
	return none
}

// hasChinese is asked once: fonts are read when the program starts. These four are written so in China only; a Japanese or
// Korean font has others like them, and not these.
var hasChinese = sync.OnceValue(func() bool { return missing("连应时绿") == nil })
