package window

import (
	"image"
	"image/color"
	"math"
	"os"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
)

// comfort is what a person has told the desktop about seeing: how large texts are to be, and that nothing is to move.
type comfort struct {
	scale    float64 // of texts; 1 is usual
	whole    bool    // how fine the screen is, is in it: Fyne need not find out
	still    bool
	contrast contrast
}

// A contrast is the colours of a theme for those who see little: nothing else is to be used then.
type contrast struct {
	on                 bool
	ground, text, link color.NRGBA
}

// usualDPI is how many dots there are to the inch where nothing is to be larger.
const usualDPI = 96

// scaleVar is the variable by which Fyne is told a scale. A person who has set it is obeyed.
const scaleVar = "FYNE_SCALE"

// fineVar is the variable by which Fyne is told to ask no monitor how wide it is.
const fineVar = "FYNE_DISABLE_DPI_DETECTION"

// comfortWithin is how long the first picture waits for the desktop to say; what it says later is applied then.
const comfortWithin = 40 * time.Millisecond

// sane keeps what a desktop says within what can be used.
func (c comfort) sane() comfort {
	if math.IsNaN(c.scale) || c.scale <= 0 {
		c.scale = 1
	}
	c.scale = min(max(c.scale, 0.5), 3)
	return c
}

// suit makes the window as c wants it. Everything scales with the texts: what stands beside a text has to keep its place.
// It belongs to Fyne's goroutine.
func (w *Window) suit(c comfort) {
	c = c.sane()
	if c == w.comfort {
		return
	}
	rescale := (c.scale != w.comfort.scale || c.whole != w.comfort.whole) && !w.ownScale
	fine := c.whole != w.comfort.whole && !w.ownScale
	recolour := c.contrast != w.comfort.contrast
	w.comfort = c
	if recolour {
		w.high = c.contrast.palette()
		w.app.Settings().SetTheme(look{w.high}) // whoever listens makes everything anew
	}
	if _, there := w.app.Settings().(still); c.still != there {
		if c.still {
			w.app = stillApp{w.app}
		} else if s, ok := w.app.(stillApp); ok {
			w.app = s.App
		}
		fyne.SetCurrentApp(w.app) // Fyne's own widgets ask this one whether they may move
	}
	if fine {
		value := ""
		if c.whole {
			value = "true"
		}
		if err := os.Setenv(fineVar, value); err != nil {
			return
		}
	}
	if rescale {
		if err := os.Setenv(scaleVar, strconv.FormatFloat(c.scale, 'f', -1, 64)); err == nil {
			canvas := w.win.Canvas()
			size, before := canvas.Size(), canvas.Scale()
			w.app.Settings().SetTheme(w.app.Settings().Theme()) // Fyne looks at the scale again when its settings change
			// The window keeps its pixels, and has another number of units in them.
			if after := canvas.Scale(); w.root != nil && after > 0 && after != before {
				w.win.Resize(fyne.NewSize(size.Width*before/after, size.Height*before/after))
			}
		}
	}
}

// refine looks whether the window stands on a finer monitor than before, or on one that is to be drawn on larger: Fyne looks
// only when a window is made. The window keeps its size in units. It belongs to Fyne's goroutine.
func (w *Window) refine() {
	if fine := w.fineness(); fine != w.fine && w.ctx.Err() == nil {
		w.fine = fine
		w.app.Settings().SetTheme(w.app.Settings().Theme())
	}
}

// within is the rectangle moved, and made smaller where it has to be, so that it is in the other.
func within(at, in image.Rectangle) image.Rectangle {
	fit := func(from, to, low, high int) (int, int) {
		size := min(to-from, high-low)
		from = min(max(from, low), high-size)
		return from, from + size
	}
	at.Min.X, at.Max.X = fit(at.Min.X, at.Max.X, in.Min.X, in.Max.X)
	at.Min.Y, at.Max.Y = fit(at.Min.Y, at.Max.Y, in.Min.Y, in.Max.Y)
	return at
}

// A stillApp is the app with settings that say that nothing moves. Nothing in this window does of itself; the cursor in a
// field of Fyne's does.
type stillApp struct{ fyne.App }

// Settings implements fyne.App.
func (a stillApp) Settings() fyne.Settings { return still{a.App.Settings()} }

type still struct{ fyne.Settings }

// ShowAnimations implements fyne.Settings.
func (still) ShowAnimations() bool { return false }
