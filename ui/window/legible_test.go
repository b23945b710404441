package window

import (
	"image"
	"image/color"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// A seenText is a text on the screen, where it can be seen at all.
type seenText struct {
	text *canvas.Text
	at   image.Rectangle
}

// ground is the colour that most of a part of the picture has: letters cover less than half of where they stand.
func ground(img *image.NRGBA, at image.Rectangle) color.NRGBA {
	count := map[color.NRGBA]int{}
	var most, last color.NRGBA
	run := 0
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for i := img.PixOffset(at.Min.X, y); i < img.PixOffset(at.Max.X, y); i += 4 {
			c := color.NRGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], 0xff}
			if c == last {
				run++
				continue
			}
			count[last] += run
			last, run = c, 1
		}
	}
	count[last] += run
	for c, n := range count {
		if n > count[most] {
			most = c
		}
	}
	return most
}

// seen are the texts that can be seen whole: of a line that is half scrolled away the ground cannot be told.
func (d *desk) seen(picture image.Rectangle) (all []seenText) {
	dots := func(r rect) image.Rectangle { // empty, where nothing is left of it
		return image.Rectangle{Min: image.Pt(int(r.x0), int(r.y0)), Max: image.Pt(int(r.x1+0.5), int(r.y1+0.5))}
	}
	for _, p := range d.texts() {
		if at := dots(p.box); !at.Empty() && at.In(dots(p.clip)) && at.In(picture) {
			all = append(all, seenText{p.text, at})
		}
	}
	return all
}

// legible checks that every text in a picture of the window has a contrast of 4.5 : 1 against what it stands on (WCAG 2,
// 1.4.3), however the two came together.
func (d *desk) legible(img *image.NRGBA) {
	d.t.Helper()
	all := d.seen(img.Rect)
	if len(all) == 0 {
		d.t.Error("no text was found")
	}
	for _, s := range all {
		ink := color.NRGBAModel.Convert(s.text.Color).(color.NRGBA)
		on := ground(img, s.at)
		if got := contrastOf(laidOver(ink, on), on); got < 4.5 {
			d.t.Errorf("%q at %v: %.2f : 1, %v on %v", s.text.Text, s.at.Min, got, ink, on)
		}
		if s.text.TextSize < 12 {
			d.t.Errorf("%q has %v, nothing is to be smaller than 12", s.text.Text, s.text.TextSize)
		}
	}
}

// laidOver is what a colour that shows what is below it looks like there.
func laidOver(c, ground color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((int(a)*int(c.A) + int(b)*(255-int(c.A)) + 127) / 255) }
	return color.NRGBA{mix(c.R, ground.R), mix(c.G, ground.G), mix(c.B, ground.B), 0xff}
}

// The check finds what cannot be read.
func TestLegibleFinds(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	all := d.seen(d.win.Canvas().Capture().Bounds())
	if len(all) < 40 {
		t.Errorf("only %d texts were found", len(all))
	}
	for _, c := range []struct {
		ink, on color.NRGBA
		fine    bool
	}{{light.text, light.surface, true}, {light.line, light.surface, false}, {light.tones[ui.LookUp].solid, light.surface, false}, {color.NRGBA{0x1a, 0x1f, 0x26, 0x66}, light.surface, false}} {
		if got := contrastOf(laidOver(c.ink, c.on), c.on) >= 4.5; got != c.fine {
			t.Errorf("%v on %v: %v", c.ink, c.on, got)
		}
	}
}

// Fyne's own widgets take their colours from the theme by name: each pair that comes together in one is legible too.
func TestContrastOfTheTheme(t *testing.T) {
	for _, v := range []fyne.ThemeVariant{theme.VariantLight, theme.VariantDark} {
		of := func(name fyne.ThemeColorName) color.NRGBA {
			return color.NRGBAModel.Convert(look{}.Color(name, v)).(color.NRGBA)
		}
		surface := of(theme.ColorNameBackground)
		for _, pair := range []struct {
			ink, on fyne.ThemeColorName
			least   float64
		}{
			{theme.ColorNameForeground, theme.ColorNameBackground, 4.5},
			{theme.ColorNameForeground, theme.ColorNameInputBackground, 4.5},
			{theme.ColorNameForeground, theme.ColorNameMenuBackground, 4.5},
			{theme.ColorNameForeground, theme.ColorNameOverlayBackground, 4.5},
			{theme.ColorNameForeground, theme.ColorNameHover, 4.5},
			{theme.ColorNameForeground, theme.ColorNamePressed, 4.5},
			{theme.ColorNameForeground, theme.ColorNameSelection, 4.5},
			{theme.ColorNamePlaceHolder, theme.ColorNameInputBackground, 4.5},
			{theme.ColorNameDisabled, theme.ColorNameMenuBackground, 4.5},
			{theme.ColorNameHyperlink, theme.ColorNameBackground, 4.5},
			{theme.ColorNamePrimary, theme.ColorNameBackground, 4.5},
			{theme.ColorNameForegroundOnPrimary, theme.ColorNamePrimary, 4.5},
			{theme.ColorNameError, theme.ColorNameBackground, 4.5},
			{theme.ColorNameSuccess, theme.ColorNameBackground, 4.5},
			{theme.ColorNameWarning, theme.ColorNameBackground, 4.5},
			{theme.ColorNameFocus, theme.ColorNameBackground, 3},
			{theme.ColorNameInputBorder, theme.ColorNameInputBackground, 3},
			{theme.ColorNameScrollBar, theme.ColorNameBackground, 3},
		} {
			on := laidOver(of(pair.on), surface)
			if got := contrastOf(laidOver(of(pair.ink), on), on); got < pair.least {
				t.Errorf("variant %v: %s on %s has %.2f, want %.1f", v, pair.ink, pair.on, got, pair.least)
			}
		}
	}
}
