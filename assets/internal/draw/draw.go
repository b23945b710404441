// Package draw turns the drawings of package assets into pictures. It is for the generator and the tests only: the
// programs embed the finished pictures and carry no SVG renderer for the tray.
package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

// Sizes are the edges of the tray icon's pictures: what panels ask for at scale 1, 1.5, 2 and 3.
var Sizes = []int{16, 22, 24, 32, 44, 48, 64}

// Looks are the tray icons, Badges what may be drawn over "down".
var (
	Looks  = []string{"unknown", "down", "suspect", "connecting", "up", "paused", "empty"}
	Badges = []string{"2", "3", "4", "5", "6", "7", "8", "9", "plus"}
)

// Master says which drawing (16 or 22) a picture of n × n is made from, and how often it is enlarged: the largest whole
// multiple of either that fits; when both fill the same, 22. A master is never scaled by a fraction, so every edge that
// was drawn on a whole pixel stays on one.
func Master(n int) (edge, times int) {
	a, b := n/16*16, n/22*22
	if b >= a && b > 0 {
		return 22, b / 22
	}
	return 16, a / 16
}

// Icon draws the named drawings over each other, centred in a transparent picture of n × n, by the rule of [Master].
// svg returns the drawing of a name such as "down-22".
func Icon(svg func(name string) []byte, n int, names ...string) (*image.NRGBA, error) {
	edge, times := Master(n)
	if times == 0 {
		return nil, fmt.Errorf("no drawing fits into %d pixels", n)
	}
	size := edge * times
	all := image.NewRGBA(image.Rect(0, 0, n, n))
	at := image.Pt((n-size)/2, (n-size)/2)
	for _, name := range names {
		name = fmt.Sprintf("%s-%d", name, edge)
		one, err := rgba(svg(name), size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		draw.Draw(all, one.Bounds().Add(at), one, image.Point{}, draw.Over)
	}
	return straight(all), nil
}

// Plain draws one drawing at n × n, whatever its own size.
func Plain(svg []byte, n int) (*image.NRGBA, error) {
	one, err := rgba(svg, n)
	if err != nil {
		return nil, err
	}
	return straight(one), nil
}

func rgba(svg []byte, n int) (*image.RGBA, error) {
	if len(svg) == 0 {
		return nil, fmt.Errorf("no such drawing")
	}
	icon, err := oksvg.ReadIconStream(bytes.NewReader(svg), oksvg.StrictErrorMode)
	if err != nil {
		return nil, fmt.Errorf("read drawing: %w", err)
	}
	icon.SetTarget(0, 0, float64(n), float64(n))
	img := image.NewRGBA(image.Rect(0, 0, n, n))
	scanner := rasterx.NewScannerGV(n, n, img, img.Bounds())
	icon.Draw(rasterx.NewDasher(n, n, scanner), 1)
	return img, nil
}

// straight turns multiplied alpha into straight alpha, which PNG and StatusNotifierItem use.
func straight(img *image.RGBA) *image.NRGBA {
	out := image.NewNRGBA(img.Bounds())
	draw.Draw(out, out.Bounds(), img, image.Point{}, draw.Src)
	return out
}

// AppSizes are the edges of the application icon's pictures, as icon themes name their folders.
var AppSizes = []int{16, 22, 24, 32, 48, 64, 128, 256}

// App draws the application icon at n × n. At 32 and below the bar of its H would be under one pixel, so the tray icon
// "up" stands for it there.
func App(svg func(name string) []byte, n int) (*image.NRGBA, error) {
	if n <= 32 {
		return Icon(svg, n, "up")
	}
	return Plain(svg("app"), n)
}

// All draws every picture there is and hands it over with its name, such as "down-3-22".
func All(svg func(name string) []byte, each func(name string, img *image.NRGBA, err error)) {
	for _, n := range Sizes {
		for _, look := range Looks {
			img, err := Icon(svg, n, look)
			each(fmt.Sprintf("%s-%d", look, n), img, err)
		}
		for _, badge := range Badges {
			img, err := Icon(svg, n, "down", "badge-"+badge)
			each(fmt.Sprintf("down-%s-%d", badge, n), img, err)
		}
	}
	for _, n := range AppSizes {
		img, err := App(svg, n)
		each(fmt.Sprintf("app-%d", n), img, err)
	}
}
