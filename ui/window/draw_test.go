package window

import (
	"testing"

	"fyne.io/fyne/v2"
	"golang.org/x/image/font/sfnt"
)

// Whatever is drawn with the bundled font alone has a glyph in it, in both weights.
func TestBundledFontHasWhatIsSaidOfIt(t *testing.T) {
	for _, bold := range []bool{false, true} {
		source := look{}.Font(fyne.TextStyle{Bold: bold})
		f, err := sfnt.Parse(source.Content())
		if err != nil {
			t.Fatal(err)
		}
		var b sfnt.Buffer
		said := 0
		for r := rune(0); r <= 0x10ffff; r++ {
			if !bundled(r) {
				continue
			}
			said++
			if i, err := f.GlyphIndex(&b, r); i == 0 || err != nil {
				t.Errorf("%s has no %U (%v)", source.Name(), r, err)
			}
		}
		if said < 500 {
			t.Errorf("%d characters are no alphabet", said)
		}
	}
	for text, want := range map[string]bool{"": true, "Office gateway": true, "Übertragung, наконец… “–”": true, "网关": false, "Office 网关": false, "a\tb": false, "↑": false} {
		if got := fontBody.source(text) == (look{}).Font(fontBody.style()); got != want {
			t.Errorf("%q with the bundled font: %v", text, got)
		}
	}
}
