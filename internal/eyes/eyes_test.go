package eyes

import (
	"image/color"
	"math"
	"testing"
)

func TestSees(t *testing.T) {
	white, black := color.NRGBA{255, 255, 255, 255}, color.NRGBA{0, 0, 0, 255}
	red, green := color.NRGBA{0xd0, 0, 0, 255}, color.NRGBA{0, 0xa0, 0, 255}
	for name, v := range Visions {
		if w, b := v.Sees(white), v.Sees(black); math.Abs(w-100) > 0.5 || b != 0 {
			t.Errorf("%s: white is %.1f, black %.1f", name, w, b)
		}
	}
	normal, protan := Visions["normal"], Visions["protanopia"]
	if got := normal.Sees(color.NRGBA{0x77, 0x77, 0x77, 255}); math.Abs(got-50) > 0.5 {
		t.Errorf("middle grey is %.1f", got)
	}
	if protan.Sees(red) >= normal.Sees(red) || normal.Sees(green) <= normal.Sees(red) {
		t.Error("red is not darker to eyes without the long cones")
	}
}
