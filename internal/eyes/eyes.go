// Package eyes is how colours look to eyes that do not see them as most do. Tests of what is drawn use it.
package eyes

import (
	"image/color"
	"math"
)

// A Vision turns linear sRGB into what is seen of it: three rows of three.
type Vision [9]float64

// Visions are after Machado, Oliveira and Fernandes 2009, severity 1, in linear light; "grey" keeps the luminance only.
var Visions = map[string]Vision{
	"normal":       {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"grey":         {0.2126, 0.7152, 0.0722, 0.2126, 0.7152, 0.0722, 0.2126, 0.7152, 0.0722},
	"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

// Sees is the lightness L* that v gives an opaque colour, from 0 to 100.
func (v Vision) Sees(c color.NRGBA) float64 {
	r, g, b := Linear(c.R), Linear(c.G), Linear(c.B)
	clip := func(x float64) float64 { return min(1, max(0, x)) }
	return Lightness(clip(v[0]*r+v[1]*g+v[2]*b), clip(v[3]*r+v[4]*g+v[5]*b), clip(v[6]*r+v[7]*g+v[8]*b))
}

// Linear is a channel of sRGB in linear light, from 0 to 1.
func Linear(c uint8) float64 {
	f := float64(c) / 255
	if f <= 0.04045 {
		return f / 12.92
	}
	return math.Pow((f+0.055)/1.055, 2.4)
}

// Lightness is CIE L* of linear sRGB.
func Lightness(r, g, b float64) float64 {
	y := 0.2126*r + 0.7152*g + 0.0722*b
	if y <= 216.0/24389 {
		return y * 24389 / 27
	}
	return 116*math.Cbrt(y) - 16
}
