//go:build linux

package lab

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lab/screen"
)

// Where, in the window, the first two targets stand with their glyphs, and the large glyph of the one that is shown.
var (
	secondRow   = image.Rect(12, 150, 300, 190)
	secondGlyph = image.Rect(20, 154, 52, 186)
	largeGlyph  = image.Rect(344, 144, 376, 176)
)

// The colours of a glyph (ui/window/theme.go, the light theme).
var (
	upGreen = color.RGBA{0x1C, 0x9A, 0x5F, 0xff}
	downRed = color.RGBA{0xD9, 0x38, 0x2D, 0xff}
)

// of reports whether a picture has that colour in it, and more of it than an edge.
func of(c color.RGBA) func(*image.RGBA) bool {
	return func(img *image.RGBA) bool {
		n := 0
		for i := 0; i < len(img.Pix); i += 4 {
			if img.Pix[i] == c.R && img.Pix[i+1] == c.G && img.Pix[i+2] == c.B {
				n++
			}
		}
		return n > 20
	}
}

// windowForWindows builds the window beside holdfast.exe as it is released.
func (w *Wine) windowForWindows(t *testing.T) {
	t.Helper()
	cmd := exec.Command(filepath.Join("..", "..", "scripts", "window-windows"), filepath.Join(filepath.Dir(w.exe), "holdfast-window.exe"))
	cmd.Env = append(os.Environ(), "GOFLAGS=") // what scripts/wine lays into Go for tests is not in what is released
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build holdfast-window.exe: %v\n%s", err, out)
	}
}

// redisHere starts redis-server on the screen's computer, and returns where, and what ends it as a crash does.
func redisHere(t *testing.T, s *screen.Screen, at string) (kill func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	redis, err := s.Start("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--daemonize", "no", "--dir", s.Home)
	if err != nil {
		t.Fatal(err)
	}
	err = screen.Until(func() (bool, error) {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("redis-server on %s: %v", at, err)
	}
	return func() { redis.Process.Kill() }
}

// redisTarget is a target in the settings, its name and address left out.
const redisTarget = "[[target]]\nname = %q\naddress = %q\nheartbeat = \"line\"\nsend = 'PING\\r\\n'\nexpect = '+PONG'\n\n"

// freePort is where on this computer nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// settings writes the file of settings of everybody there.
func (win *Windows) settings(toml string) error {
	users, err := filepath.Glob(filepath.Join(win.Dir, "drive_c", "users", "*", "AppData", "Roaming"))
	if err != nil || len(users) == 0 {
		return fmt.Errorf("no user in %s: %v", win.Dir, err)
	}
	for _, dir := range users {
		dir = filepath.Join(dir, "holdfast")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "holdfast.toml"), []byte(toml), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// askOn runs a command of the program. A file and not a pipe takes what it says: what wine starts beside a program holds that
// open for as long as it runs.
func askOn(s *screen.Screen, win *Windows, args ...string) (string, error) {
	said, err := os.CreateTemp(s.Home, "said-*")
	if err != nil {
		return "", err
	}
	defer said.Close()
	cmd := s.Command(win.Path, args...)
	cmd.Stdout, cmd.Stderr = said, said
	ended := cmd.Run()
	out, err := os.ReadFile(said.Name())
	return string(out), errors.Join(ended, err)
}

// The window for Windows: opened by the running program over its pipe, clicked, closed and opened again; it shows what
// happens to a real server, and ends with the program.
func TestIntegrationWindowsWindow(t *testing.T) {
	w := wine(t)
	Need(t, append(screen.Tools, "redis-server", "x86_64-w64-mingw32-gcc")...)
	w.windowForWindows(t)
	s, err := screen.Open(1280, 900)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	win, err := w.Copy()
	must("a Windows", err)
	defer win.Close()
	ask := func(args ...string) (string, error) { return askOn(s, win, args...) }

	first, second := freePort(t), freePort(t)
	toml := fmt.Sprintf(redisTarget+redisTarget, "First", first, "Second", second)
	defer redisHere(t, s, first)()
	killSecond := redisHere(t, s, second)
	must("the settings", win.settings(toml))
	_, err = s.Start(win.Path)
	must("the resident", err)
	must("both are up", screen.Until(func() (bool, error) {
		out, _ := ask("status", "--json") // until it runs
		return strings.Count(out, `"state":"up"`) == 2, nil
	}))

	// look waits for the colour there, wherever the window stands by then.
	look := func(what string, in image.Rectangle, c color.RGBA) time.Time {
		t.Helper()
		var at time.Time
		must(what, screen.Until(func() (bool, error) {
			img, err := s.Peek("Holdfast", in)
			at = time.Now()
			return img != nil && of(c)(img), err
		}))
		return at
	}
	open := func() time.Duration {
		t.Helper()
		began := time.Now()
		said := make(chan error, 1)
		go func() {
			out, err := ask("open")
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			said <- err
		}()
		at := look("the window shows that all is well", largeGlyph, upGreen)
		must("holdfast open", <-said)
		return at.Sub(began)
	}
	ever := open()
	_, place, err := s.Find("Holdfast")
	must("the window", err)

	row := secondRow.Add(place.Min)
	before, err := s.Look(row)
	must("the second target", err)
	must("the pointer", s.Point(row.Min.Add(row.Size().Div(2))))
	_, err = s.Seen(row, func(img *image.RGBA) bool { return screen.Differs(img, before) })
	must("the row under the pointer", err)
	must("a click", s.Click(1))
	_, _, err = s.Find("Second")
	must("a click on the second target shows it, with its name in the title", err)

	began := time.Now()
	killSecond()
	red := look("the server is killed: the shown target is red", largeGlyph, downRed).Sub(began)
	look("and so is its row", secondGlyph, downRed)
	if out, err := ask("status"); err != nil || !strings.Contains(out, second+" refuses connections") {
		t.Errorf("status says %q, %v", out, err)
	}
	began = time.Now()
	defer redisHere(t, s, second)()
	green := look("the server is back: green", largeGlyph, upGreen).Sub(began)

	must("Ctrl+W", s.Press(screen.Control, screen.KeyW))
	must("the window closes", s.Gone("Second"))
	again := open()
	out, err := ask("quit")
	if err != nil {
		t.Errorf("quit: %v, %s", err, out)
	}
	must("the window ends with the program", s.Gone("Holdfast"))
	t.Logf("Under wine: holdfast open to first picture, the program's own start in it: %v, ever %v; server killed to red pixels %v, back to green %v",
		again.Round(time.Millisecond), ever.Round(time.Millisecond), red.Round(time.Millisecond), green.Round(time.Millisecond))
}
