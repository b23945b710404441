//go:build linux

package screen

import (
	"image"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A desktop is looked at and typed at, and goes whole.
func TestScreen(t *testing.T) {
	for _, tool := range append(Tools, "import") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s, which is not installed", tool)
		}
	}
	s, err := Open(320, 200)
	if err != nil {
		t.Fatal(err)
	}
	home := s.Home
	defer s.Close()
	whole := image.Rect(0, 0, 320, 200)
	empty, err := s.Look(whole)
	if err != nil || Colours(empty) != 1 {
		t.Fatalf("%d colours on an empty screen, %v", Colours(empty), err)
	}
	if img, err := s.Peek("no such window", whole); img != nil || err != nil {
		t.Errorf("a window that is not there: %v", err)
	}
	if _, err := s.Look(image.Rect(0, 0, 1000, 1000)); err == nil {
		t.Error("there is a picture of what is beyond the screen")
	}
	show, err := s.Start("display", "-title", "A picture", "-immutable", "rose:")
	if err != nil {
		t.Skip("needs display, of ImageMagick:", err)
	}
	w, place, err := s.Find("A picture")
	if err != nil || w == 0 || place.Dx() < 70 || place.Dy() < 46 {
		t.Fatalf("window %d at %v, %v", w, place, err)
	}
	began := time.Now()
	// The window manager may still move it.
	at, err := s.Seen(whole, func(img *image.RGBA) bool { return Colours(img) > 500 })
	if err != nil || at.Before(began) {
		t.Errorf("seen at %v, %v", at, err)
	}
	if _, place, err = s.Find("A picture"); err != nil {
		t.Error(err)
	}
	now, err := s.Look(whole)
	if err != nil || !Differs(now, empty) {
		t.Errorf("the same as the empty screen, %v", err)
	}
	if img, err := s.Peek("A picture", image.Rect(0, 0, 10, 10)); err != nil || img == nil {
		t.Errorf("nothing in the window, %v", err)
	}
	const q = 24
	if err := s.Point(place.Min.Add(image.Pt(5, 5))); err != nil {
		t.Error(err)
	}
	if err := s.Wheel(true); err != nil {
		t.Error(err)
	}
	if err := s.Press(q); err != nil { // display's own key
		t.Error(err)
	}
	if err := s.Gone("A picture"); err != nil {
		t.Errorf("the key did not reach it: %v", err)
	}
	s.End(show)
	s.Close()
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}
