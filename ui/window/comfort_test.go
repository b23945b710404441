package window

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// In a contrast theme the window has its colours and no other, Fyne's own fields too, and afterwards those of before.
func TestContrastTheme(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	d.fixed = nil
	before := d.palette()
	dusk := contrast{true, rgb(0x2D3236), rgb(0xFFFFFF), rgb(0x70EBDE)}
	d.suit(comfort{scale: 1, contrast: dusk})
	if d.p != d.high || d.p.surface != dusk.ground || d.p.text != dusk.text || d.p.accent != dusk.link {
		t.Errorf("the palette is %+v", d.p)
	}
	settings := fyne.CurrentApp().Settings()
	if got := settings.Theme().Color(theme.ColorNameInputBackground, settings.ThemeVariant()); got != dusk.ground {
		t.Errorf("a field stands on %v", got)
	}
	d.suit(comfort{scale: 1, contrast: contrast{true, rgb(0xFFFAEF), rgb(0x3D3D3D), rgb(0x1C5E75)}})
	if d.p.text != rgb(0x3D3D3D) {
		t.Errorf("another contrast theme: text is %v", d.p.text)
	}
	d.suit(comfort{scale: 1})
	if d.p != before || d.high != nil {
		t.Errorf("afterwards the palette is %+v", d.p)
	}
}

func TestWithinTheScreen(t *testing.T) {
	screen := image.Rect(100, -50, 1466, 678)
	for name, c := range map[string]struct{ at, want image.Rectangle }{
		"as it is":          {image.Rect(200, 0, 1000, 600), image.Rect(200, 0, 1000, 600)},
		"over the edge":     {image.Rect(900, 300, 1700, 900), image.Rect(666, 78, 1466, 678)},
		"beyond the corner": {image.Rect(-700, -400, 100, 200), image.Rect(100, -50, 900, 550)},
		"too wide":          {image.Rect(120, 0, 1800, 600), image.Rect(100, 0, 1466, 600)},
		"larger than all":   {image.Rect(0, 0, 4000, 3000), screen},
	} {
		if got := within(c.at, screen); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
