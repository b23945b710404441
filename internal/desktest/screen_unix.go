//go:build unix

package desktest

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WindowManager starts one on the screen.
func (d *Desk) WindowManager() {
	d.t.Helper()
	Need(d.t, "xfwm4")
	wm := d.Start("xfwm4", "--compositor=off")
	d.t.Cleanup(wm.Kill) // it heeds a signal only when something happens on the screen
}

// Shot is what is on the screen.
func (d *Desk) Shot() *image.NRGBA {
	d.t.Helper()
	b, err := os.ReadFile(d.frames)
	Must(d.t, err)
	img, err := xwd(b)
	Must(d.t, err)
	return img
}

// xwd reads a window dump of the X Window System (XWDFile.h), as Xvfb keeps it of its screen: 32 bits a pixel, blue first.
func xwd(b []byte) (*image.NRGBA, error) {
	const head = 100
	if len(b) < head {
		return nil, fmt.Errorf("a window dump of %d bytes", len(b))
	}
	field := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	size, version, width, height, order, bits, line, colours := field(0), field(1), field(4), field(5), field(7), field(11), field(12), field(19)
	start := size + 12*colours
	if version != 7 || order != 0 || bits != 32 || width <= 0 || height <= 0 || line < 4*width || max(height, line) > 1<<20 || size < head || len(b)-start < line*height {
		return nil, fmt.Errorf("a window dump of version %d, byte order %d, %d bits, %d × %d", version, order, bits, width, height)
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		from, to := b[start+y*line:], img.Pix[y*img.Stride:]
		for x := 0; x < 4*width; x += 4 {
			to[x], to[x+1], to[x+2], to[x+3] = from[x+2], from[x+1], from[x], 0xff
		}
	}
	return img, nil
}

// Keep leaves a photograph of the end of a test that failed, or of every one in the folder HOLDFAST_PHOTOS. It is to be
// deferred: a cleanup would come when the programs have gone.
func (d *Desk) Keep() {
	d.t.Helper()
	dir := os.Getenv("HOLDFAST_PHOTOS")
	if dir == "" && !d.t.Failed() {
		return
	}
	if dir == "" {
		dir = os.TempDir()
	}
	name := filepath.Join(dir, strings.ReplaceAll(d.t.Name(), "/", "-")+".png")
	f, err := os.Create(name)
	if err != nil {
		d.t.Log("photograph: ", err)
		return
	}
	defer f.Close()
	if err := png.Encode(f, d.Shot()); err != nil {
		d.t.Log("photograph: ", err)
		return
	}
	d.t.Log("photographed: ", name)
}

// Point moves the pointer.
func (d *Desk) Point(at image.Point) {
	d.t.Helper()
	d.Do("xdotool", "mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y))
}

// Click presses a button there: 1 is the left one, 2 the middle, 3 the right, from 4 on the wheel.
func (d *Desk) Click(at image.Point, button int) {
	d.t.Helper()
	d.Do("xdotool", "mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", strconv.Itoa(button))
}
