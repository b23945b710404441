// Package assets holds what is drawn and said: icons, the table of sentences in both languages. All of it is embedded;
// nothing is read from disk.
//
// The drawings in icons/ are the source. The pictures in png/ are made from them by go generate, and a test draws them
// again and compares.
package assets

import (
	"bytes"
	"embed"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"strings"
	"sync"
)

//go:generate go run ./internal/gen

//go:embed icons/*.svg png/*.png
var files embed.FS

//go:embed words.tsv
var words []byte

// Words returns the table of sentences: tab-separated lines of code, English sentence, English remedy, Chinese sentence,
// Chinese remedy; the first line names the columns. It must not be written to.
func Words() []byte { return words }

// SVG returns a drawing by its file name without ".svg", such as "up-16", "hop-proxy" or "app"; nil if there is none.
func SVG(name string) []byte {
	if strings.ContainsRune(name, '/') {
		return nil
	}
	data, err := files.ReadFile("icons/" + name + ".svg")
	if err != nil {
		return nil
	}
	return data
}

// Sizes returns the edges, in pixels and rising, in which every tray icon is there.
func Sizes() []int { return []int{16, 22, 24, 32, 44, 48, 64} }

// Icon returns the tray icon of a look as a PNG file of size × size pixels; nil if there is none. A look is "unknown",
// "down", "suspect", "connecting", "up", "paused", "empty", or what [Badged] returns. Size is one of [Sizes].
func Icon(look string, size int) []byte { return picture(look, size) }

// Badged returns the name under which the icon "down" with the number of broken targets is kept: plain "down" for one,
// 2 to 9 in figures, a plus above.
func Badged(broken int) string {
	switch {
	case broken < 2:
		return "down"
	case broken > 9:
		return "down-plus"
	}
	return fmt.Sprintf("down-%d", broken)
}

// App returns the application icon as a PNG file of size × size pixels: 16, 22, 24, 32, 48, 64, 128 or 256; nil for
// any other size.
func App(size int) []byte { return picture("app", size) }

func picture(name string, size int) []byte {
	if strings.ContainsRune(name, '/') {
		return nil
	}
	data, err := files.ReadFile(fmt.Sprintf("png/%s-%d.png", name, size))
	if err != nil {
		return nil
	}
	return data
}

// A Pixmap is one picture in the form of StatusNotifierItem: straight alpha, red, green, blue, a byte each, row by row.
type Pixmap struct {
	Width, Height int32
	ARGB          []byte
}

var (
	pixmapsMu sync.Mutex
	pixmaps   = map[string][]Pixmap{} // guarded by pixmapsMu
)

// Pixmaps returns the tray icon of a look in all [Sizes], smallest first; nil if there is none. The pictures are decoded
// at the first call for a look and kept, 43 kB a look; they must not be written to. It may be called from any goroutine.
func Pixmaps(look string) []Pixmap {
	pixmapsMu.Lock()
	defer pixmapsMu.Unlock()
	if set, ok := pixmaps[look]; ok {
		return set
	}
	var set []Pixmap
	for _, n := range Sizes() {
		p := pixmap(look, n)
		if p.ARGB == nil {
			return nil // and not kept, so that a caller's wrong names cannot fill the map
		}
		set = append(set, p)
	}
	pixmaps[look] = set
	return set
}

// pixmap decodes a picture; the zero Pixmap if there is none.
func pixmap(look string, n int) Pixmap {
	data := picture(look, n)
	if data == nil {
		return Pixmap{}
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		panic("assets: " + err.Error()) // embedded, and read by the tests
	}
	return Pixmap{int32(n), int32(n), argb(img)}
}

// Centred returns the tray icon of a look as one picture of n × n, for systems that name the size: the largest of [Sizes]
// that fits, in the middle, for a picture that is scaled by a fraction is blurred. Less than the smallest size is that, more
// than the largest that. It returns the zero Pixmap if there is no such look. Nothing is kept.
func Centred(look string, n int) Pixmap {
	sizes := Sizes()
	size := sizes[0]
	for _, s := range sizes {
		if s <= n {
			size = s
		}
	}
	p := pixmap(look, size)
	if p.ARGB == nil || n <= size || size == sizes[len(sizes)-1] {
		return p
	}
	out := Pixmap{int32(n), int32(n), make([]byte, 4*n*n)}
	margin := (n - size) / 2
	for y := range size {
		copy(out.ARGB[4*((y+margin)*n+margin):], p.ARGB[4*y*size:4*(y+1)*size])
	}
	return out
}

func argb(img image.Image) []byte {
	straight, ok := img.(*image.NRGBA)
	if !ok { // a picture without transparency is stored without alpha
		straight = image.NewNRGBA(img.Bounds())
		draw.Draw(straight, straight.Bounds(), img, img.Bounds().Min, draw.Src)
	}
	b := straight.Bounds()
	out := make([]byte, 0, 4*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p := straight.NRGBAAt(x, y)
			out = append(out, p.A, p.R, p.G, p.B)
		}
	}
	return out
}
