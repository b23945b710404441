//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lab/screen"
)

// Where lines of the menu stand, seen from the pointer at whose foot it opens.
const (
	lineQuit      = -11
	linePause     = -52 // or Resume
	lineReconnect = -68
)

// like reports whether a picture has more of a colour in it than an edge.
func like(is func(r, g, b int) bool) func(*image.RGBA) bool {
	return func(img *image.RGBA) bool {
		n := 0
		for i := 0; i < len(img.Pix); i += 4 {
			if is(int(img.Pix[i]), int(img.Pix[i+1]), int(img.Pix[i+2])) {
				n++
			}
		}
		return n > 20
	}
}

var (
	greenish = like(func(r, g, b int) bool { return g > r+60 && g > b+30 })
	dark     = like(func(r, g, b int) bool { return max(r, g, b) < 0x60 })
	reddish  = like(func(r, g, b int) bool { return r > g+80 && r > b+80 })
)

// taskbarOf is the desktop of Wine's Explorer, with a taskbar at its foot, where the program runs with its icon.
type taskbarOf struct {
	*screen.Screen
	t     *testing.T
	place image.Rectangle
}

// icon is where it stands: at the right end.
func (d *taskbarOf) icon() image.Rectangle {
	return image.Rect(d.place.Max.X-22, d.place.Max.Y-20, d.place.Max.X, d.place.Max.Y)
}

func (d *taskbarOf) must(what string, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// above is what stands over the icon: tooltip, menu and notification.
func (d *taskbarOf) above() image.Rectangle {
	return image.Rect(d.place.Max.X-720, d.place.Max.Y-260, d.place.Max.X, d.place.Max.Y)
}

// photograph keeps what stands over the icon, in the folder HOLDFAST_PHOTOS.
func (d *taskbarOf) photograph(name string) {
	d.t.Helper()
	dir := os.Getenv("HOLDFAST_PHOTOS")
	if dir == "" {
		return
	}
	img, err := d.Look(d.above())
	d.must("a photograph", err)
	f, err := os.Create(filepath.Join(dir, "windows-tray-"+name+".png"))
	d.must("a photograph", err)
	defer f.Close()
	d.must("a photograph", (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, img))
}

// white reports whether all is white there, seen from the middle of the icon.
func (d *taskbarOf) white(r image.Rectangle) bool {
	d.t.Helper()
	img, err := d.Look(r.Add(d.middle()))
	d.must("a look", err)
	for i := 0; i < len(img.Pix); i += 4 {
		if min(img.Pix[i], img.Pix[i+1], img.Pix[i+2]) < 0xf0 {
			return false
		}
	}
	return true
}

// What is white when it is there: margins without letters.
var (
	ofTooltip = image.Rect(-4, -27, 4, -26)      // its upper edge, over "connected"
	ofBalloon = image.Rect(-60, -58, -20, -55)   // above the title
	ofWide    = image.Rect(-400, -70, -360, -66) // the same of one with more words
	ofMenu    = image.Rect(-6, -112, 4, -88)     // right of the words; higher than any notification
)

// sees waits until something is there, or is not.
func (d *taskbarOf) sees(what string, where image.Rectangle, there bool) {
	d.t.Helper()
	if err := screen.Until(func() (bool, error) { return d.white(where) == there, nil }); err != nil {
		d.photograph("failed")
		d.t.Fatalf("%s, seen: %v, which was waited for in vain", what, there)
	}
}

func (d *taskbarOf) point(at image.Point) { d.t.Helper(); d.must("the pointer", d.Point(at)) }

func (d *taskbarOf) middle() image.Point { r := d.icon(); return r.Min.Add(r.Size().Div(2)) }

func (d *taskbarOf) open() {
	d.t.Helper()
	d.point(d.middle())
	d.must("a right click", d.Click(3))
	d.sees("the menu", ofMenu, true)
	at := d.middle().Add(image.Pt(0, lineQuit))
	_, err := d.Seen(image.Rect(at.X-300, at.Y-6, at.X-40, at.Y+6), dark)
	d.must("the words of the menu, down to its last line", err)
}

// away takes the pointer away from the icon.
func (d *taskbarOf) away() {
	d.t.Helper()
	d.point(d.place.Min.Add(image.Pt(100, 100)))
}

// press clicks on a line of the menu. The pointer stays there for a moment first, as a person's does.
func (d *taskbarOf) press(at image.Point) {
	d.t.Helper()
	before, err := d.Look(d.above())
	d.must("the menu", err)
	d.point(at)
	_, err = d.Seen(d.above(), func(img *image.RGBA) bool { return screen.Differs(img, before) })
	d.must("the line under the pointer", err)
	d.must("a click", d.Click(1))
}

// choose opens the menu and clicks on a line of it.
func (d *taskbarOf) choose(line int) {
	d.t.Helper()
	d.open()
	d.chooses(line)
}

func (d *taskbarOf) chooses(line int) {
	d.t.Helper()
	d.press(d.middle().Add(image.Pt(-60, line)))
	d.sees("the menu", ofMenu, false)
}

// chooseBelow clicks on a line of the menu, and on the first line of what opens from it, at its left.
func (d *taskbarOf) chooseBelow(line int) {
	d.t.Helper()
	d.open()
	y := d.middle().Y + line
	left := func() (x int) { // what is white there begins
		img, err := d.Look(image.Rect(d.above().Min.X, y-6, d.above().Max.X, y-5))
		d.must("a look", err)
		for ; x < img.Rect.Dx() && min(img.Pix[4*x], img.Pix[4*x+1], img.Pix[4*x+2]) <= 0xf0; x++ {
		}
		return d.above().Min.X + x
	}
	menu := left()
	d.press(d.middle().Add(image.Pt(-60, line)))
	d.must("the menu below", screen.Until(func() (bool, error) { return left() < menu-20, nil }))
	d.press(image.Pt(left()+20, y))
	d.sees("the menu", ofMenu, false)
}

// The program with its icon on Wine's taskbar, before a real server: the icon in its states, the tooltip, the menu clicked, a
// notification when the server is killed and another when it is back.
func TestIntegrationWindowsTray(t *testing.T) {
	w := wine(t)
	Need(t, append(screen.Tools, "redis-server")...)
	s, err := screen.Open(1280, 900)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := &taskbarOf{Screen: s, t: t}
	win, err := w.Copy()
	d.must("a Windows", err)
	defer win.Close()
	front, order := freePort(t), freePort(t)
	defer redisHere(t, s, front)()
	kill := redisHere(t, s, order)
	d.must("the settings", win.settings(fmt.Sprintf(redisTarget+redisTarget, "Front door", front, "Order service", order)))
	exe, err := filepath.Abs(w.exe)
	d.must("the program", err)
	_, err = s.Start("env", "WINEPREFIX="+win.Dir, w.wine, "explorer.exe", "/desktop=Tray,1024x700", "Z:"+strings.ReplaceAll(exe, "/", `\`))
	d.must("the resident", err)
	type target struct {
		State   string     `json:"state"`
		Attempt int        `json:"attempt"`
		RetryAt *time.Time `json:"retry_at"`
	}
	states := func(want string, n int) {
		t.Helper()
		var out string
		err := screen.Until(func() (bool, error) {
			out, _ = askOn(s, win, "status", "--json") // until it runs
			return strings.Count(out, fmt.Sprintf("%q:%q", "state", want)) == n, nil
		})
		if err != nil {
			t.Fatalf("%d are %s: %v; it says %s", n, want, err, out)
		}
	}
	states("up", 2)
	_, d.place, err = s.Find("Tray - Wine")
	d.must("Wine's desktop", err)
	_, err = s.Seen(d.icon(), greenish)
	d.must("the icon is green", err)
	d.point(d.middle())
	d.sees("the tooltip", ofTooltip, true)
	d.photograph("up")

	began := time.Now()
	kill()
	at, err := s.Seen(d.icon(), reddish)
	d.must("the icon is red", err)
	red := at.Sub(began)
	d.away()
	d.sees("the notification", ofWide, true)
	told := time.Since(began)
	d.photograph("notification")
	var before, after target
	broken := func() (b target) {
		t.Helper()
		out, err := askOn(s, win, "status", "--json")
		d.must("status", err)
		for line := range strings.Lines(out) {
			var one target
			if json.Unmarshal([]byte(line), &one) == nil && one.State == "down" {
				b = one
			}
		}
		return b
	}
	d.must("the next attempt is far away", screen.Until(func() (bool, error) {
		before = broken()
		return before.RetryAt != nil && time.Until(*before.RetryAt) > 4*time.Second, nil
	}))
	d.open()
	d.photograph("menu")
	d.chooses(lineReconnect)
	d.must("Reconnect now", screen.Until(func() (bool, error) { after = broken(); return after.Attempt > before.Attempt, nil }))
	if now := time.Now(); now.After(*before.RetryAt) {
		t.Errorf("the next attempt came at %v, after the one that was due anyway at %v", now, before.RetryAt)
	}

	began = time.Now()
	defer redisHere(t, s, order)()
	green, err := s.Seen(d.icon(), greenish)
	d.must("the icon is green again", err)
	d.away()
	d.sees("the notification that it is broken", ofWide, false)
	d.sees("the notification that it is back", ofBalloon, true)
	d.photograph("healed")

	d.chooseBelow(linePause) // for one hour
	states("idle", 2)
	d.photograph("paused")
	d.choose(linePause) // Resume
	states("up", 2)
	d.choose(lineQuit)
	d.must("the program ends", screen.Until(func() (bool, error) {
		_, err := askOn(s, win, "status")
		return err != nil, nil
	}))
	if img, err := s.Look(d.icon()); err != nil || greenish(img) {
		t.Errorf("the icon is there still (%v)", err)
	}
	t.Logf("Under wine: server killed to red icon %v, to its notification %v; back to green icon %v",
		red.Round(time.Millisecond), told.Round(time.Millisecond), green.Sub(began).Round(time.Millisecond))
}
