//go:build linux

// Package screen is a desktop that nobody sees, with an X server, a window manager and a message bus of its own, and an eye
// that says when something on it changes: for tests and benchmarks of the window.
package screen

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Tools are the programs it needs.
var Tools = []string{"Xvfb", "xfwm4", "dbus-daemon"}

// A Screen is such a desktop. It belongs to one goroutine.
type Screen struct {
	Home string   // a folder of its own; HOME and the XDG folders are in it
	Env  []string // what a program has to be told, beside the environment that is there

	display int
	eye     *conn
	started []*exec.Cmd
}

// Open starts a desktop of that size. Its folder goes when it is closed.
func Open(width, height int) (s *Screen, err error) {
	for _, program := range Tools {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not installed", program)
		}
	}
	s = &Screen{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.Home, err = os.MkdirTemp("", "hf-screen-"); err != nil {
		return s, err
	}
	for _, dir := range []string{"run", "config", "cache", "data", "state"} {
		if err := os.Mkdir(filepath.Join(s.Home, dir), 0o700); err != nil {
			return s, err
		}
	}
	if s.display, err = s.server(width, height); err != nil {
		return s, err
	}
	bus := "unix:path=" + filepath.Join(s.Home, "run", "bus")
	in := func(dir string) string { return filepath.Join(s.Home, dir) }
	s.Env = []string{
		"HOME=" + s.Home, "XDG_RUNTIME_DIR=" + in("run"), "XDG_CONFIG_HOME=" + in("config"), "XDG_CACHE_HOME=" + in("cache"),
		"XDG_DATA_HOME=" + in("data"), "XDG_STATE_HOME=" + in("state"), "DBUS_SESSION_BUS_ADDRESS=" + bus,
		fmt.Sprintf("DISPLAY=:%d", s.display), "WAYLAND_DISPLAY=", "XDG_SESSION_TYPE=x11", "LIBGL_ALWAYS_SOFTWARE=1",
		"NO_AT_BRIDGE=1", "GTK_A11Y=none", "FYNE_SCALE=1", "LC_ALL=C.UTF-8", "LANG=C.UTF-8", "XDG_CURRENT_DESKTOP=",
	}
	if _, err := s.Start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+bus); err != nil {
		return s, err
	}
	if err := Until(func() (bool, error) { _, err := os.Stat(in("run/bus")); return err == nil, nil }); err != nil {
		return s, fmt.Errorf("message bus: %w", err)
	}
	if _, err := s.Start("xfwm4", "--compositor=off"); err != nil {
		return s, err
	}
	if s.eye, err = connect(s.display); err != nil {
		return s, err
	}
	// It puts a window of its own there when it is ready.
	if err := Until(func() (bool, error) { w, err := s.eye.find(s.eye.root, "xfwm4"); return w != 0, err }); err != nil {
		return s, fmt.Errorf("window manager: %w", err)
	}
	return s, nil
}

// server starts Xvfb on the first free number, which it returns.
func (s *Screen) server(width, height int) (int, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer read.Close()
	defer write.Close()
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{write}
	if err := s.run(x); err != nil {
		return 0, err
	}
	if err := read.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("Xvfb names no display: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// Start runs a program on the desktop until that is closed.
func (s *Screen) Start(name string, args ...string) (*exec.Cmd, error) {
	cmd := s.Command(name, args...)
	return cmd, s.run(cmd)
}

// Command is a program with the environment of the desktop, not started yet.
func (s *Screen) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), s.Env...)
	return cmd
}

func (s *Screen) run(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.started = append(s.started, cmd)
	return nil
}

// End ends a program that was started here, and all that it started.
func (s *Screen) End(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	hard := time.AfterFunc(5*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	cmd.Wait() // how it ended says nothing: it was told to
	hard.Stop()
}

// Close ends all that was started, the newest first, and takes the folder away.
func (s *Screen) Close() {
	if s.eye != nil {
		s.eye.net.Close()
	}
	for i := len(s.started) - 1; i >= 0; i-- {
		s.End(s.started[i])
	}
	if s.Home != "" {
		// What the bus started writes once more when that ends, and outlives it by a moment.
		Until(func() (bool, error) { return os.RemoveAll(s.Home) == nil, nil })
	}
}

// Until asks again and again, each few milliseconds, until f says yes or fails.
func Until(f func() (bool, error)) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		switch ok, err := f(); {
		case err != nil:
			return err
		case ok:
			return nil
		case time.Now().After(end):
			return errors.New("waited in vain")
		}
	}
}

// Find waits for a window whose name has the text in it and returns it, and where it stands.
func (s *Screen) Find(text string) (w Window, place image.Rectangle, err error) {
	err = Until(func() (bool, error) {
		if w, err = s.eye.find(s.eye.root, text); err != nil || w == 0 {
			return false, err
		}
		place, err = s.eye.place(w)
		return err == nil, nil // else it has just gone
	})
	if err != nil {
		return 0, place, fmt.Errorf("window %q: %w", text, err)
	}
	return w, place, nil
}

// Gone waits until no window has the text in its name.
func (s *Screen) Gone(text string) error {
	return Until(func() (bool, error) {
		w, err := s.eye.find(s.eye.root, text)
		return w == 0, err
	})
}

// Look is what stands on the screen in r.
func (s *Screen) Look(r image.Rectangle) (*image.RGBA, error) { return s.eye.picture(r) }

// Seen looks at r each other millisecond until good says yes of it, and returns when that was.
func (s *Screen) Seen(r image.Rectangle, good func(*image.RGBA) bool) (time.Time, error) {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		img, err := s.eye.picture(r)
		now := time.Now()
		switch {
		case err != nil:
			return now, err
		case good(img):
			return now, nil
		case now.After(end):
			return now, fmt.Errorf("what was waited for is not seen at %v within %v", r, patience)
		}
	}
}

// The keys that are pressed here, by their numbers on Xvfb's keyboard.
const (
	Control  = 37
	KeyW     = 25
	KeyOne   = 10 // the digits follow
	PageDown = 117
	Home     = 110
)

// Press presses keys one after the other and lets them go.
func (s *Screen) Press(keys ...byte) error {
	for _, k := range keys {
		if err := s.eye.fake(keyPress, k, image.Point{}); err != nil {
			return err
		}
	}
	for i := len(keys) - 1; i >= 0; i-- {
		if err := s.eye.fake(keyRelease, keys[i], image.Point{}); err != nil {
			return err
		}
	}
	return nil
}

// Wheel turns the mouse wheel down by one notch, or up.
func (s *Screen) Wheel(down bool) error {
	if down {
		return s.Click(5)
	}
	return s.Click(4)
}

// Click presses a button of the mouse, 1 being the left one, and lets it go, where the pointer is.
func (s *Screen) Click(button byte) error {
	if err := s.eye.fake(buttonPress, button, image.Point{}); err != nil {
		return err
	}
	return s.eye.fake(buttonRelease, button, image.Point{})
}

// Point puts the pointer there.
func (s *Screen) Point(at image.Point) error { return s.eye.fake(motion, 0, at) }

// Peek is what stands at a place of the window of that name, wherever that stands now; nil while there is none.
func (s *Screen) Peek(name string, in image.Rectangle) (*image.RGBA, error) {
	w, err := s.eye.find(s.eye.root, name)
	if err != nil || w == 0 {
		return nil, err
	}
	place, err := s.eye.place(w)
	if err != nil {
		return nil, nil // it has just gone
	}
	img, err := s.eye.picture(in.Add(place.Min))
	if gone(err) && err != nil {
		return nil, nil // a part of it is not on the screen
	}
	return img, err
}
