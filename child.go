package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/launch"
)

// windowProgram is the name of the second program.
const windowProgram = "holdfast-window"

// A child is the window: a program of its own, started by a click and ended when closed. One at most runs. Its methods
// may be called from any goroutine.
type child struct {
	socket string // given to it as HOLDFAST_SOCKET
	say    func(format string, args ...any)
	getenv func(string) string
	find   func() (string, error)

	mu      sync.Mutex // guards all below
	process *os.Process
	stdin   io.WriteCloser
	ended   chan struct{} // closed when process has been waited for; nil: never started
	closed  bool
}

// errNoWindow and errNoWindowHere say what brings the window program, elsewhere and on Windows.
var (
	errNoWindow     = errors.New(windowProgram + " is not installed; the package holdfast-window brings it, or `make build` in the source. Everything else works without it: see holdfast status, holdfast watch")
	errNoWindowHere = errors.New(windowProgram + ".exe is not beside holdfast.exe; unpack the whole archive into one folder, or install Holdfast anew. Everything else works without it: see holdfast status, holdfast watch")
)

// windowPlaces are where the window program is looked for, in this order, given the file of this one.
func windowPlaces(self string) []string {
	dir := filepath.Dir(self)
	if runtime.GOOS == "windows" {
		return []string{filepath.Join(dir, windowProgram+".exe")}
	}
	return slices.Compact([]string{
		filepath.Join(dir, windowProgram),                          // a build, an unpacked archive
		filepath.Join(dir, "..", "lib", "holdfast", windowProgram), // an installation under any prefix
		"/usr/lib/holdfast/" + windowProgram,
	})
}

// findWindow is the first of windowPlaces that can be run.
func findWindow() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", windowProgram, err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	for _, place := range windowPlaces(self) {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0) {
			return place, nil
		}
	}
	if runtime.GOOS == "windows" {
		return "", errNoWindowHere
	}
	return "", errNoWindow
}

// startWithin is how long open looks whether the window ends at once, as it does where it cannot reach the display.
const startWithin = 400 * time.Millisecond

// open starts the window, or brings it to the front when it runs.
func (w *child) open() error {
	ended, said, err := w.raiseOrStart()
	if err != nil || ended == nil {
		return err
	}
	select {
	case <-ended:
		if msg := said.lastLine(); msg != "" {
			return fmt.Errorf("the window could not be opened: %s", msg)
		}
		return errors.New("the window ended as soon as it was started")
	case <-time.After(startWithin):
		return nil
	}
}

func (w *child) raiseOrStart() (ended chan struct{}, said *words, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, nil, errors.New("Holdfast is ending")
	}
	launch.GiveWay() // a click on the icon gave this program the right to come to the front, and the window is to
	if w.process != nil {
		if _, err := io.WriteString(w.stdin, "raise\n"); err == nil {
			return nil, nil, nil
		}
		// It no longer reads: it is about to end, or hangs. Ending is soon known; a second one would not help a hung one.
		return nil, nil, errors.New("the window is open already, and does not listen")
	}
	path, err := w.find()
	if err != nil {
		return nil, nil, err
	}
	if runtime.GOOS == "linux" && w.getenv("DISPLAY") == "" && w.getenv("WAYLAND_DISPLAY") == "" {
		return nil, nil, errors.New("there is no display here to open the window on (neither DISPLAY nor WAYLAND_DISPLAY is set)")
	}
	cmd := exec.Command(path)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, passwordVar+"=") // whatever dials is this program
	}), "HOLDFAST_SOCKET="+w.socket)
	said = new(words)
	cmd.Stderr = said
	cmd.WaitDelay = time.Second // whatever it has started may hold its standard error open
	if w.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, nil, fmt.Errorf("opening the window: %w", err)
	}
	// Not punctually: what the window draws, it draws when something comes from a socket, and what only the runtime sleeps
	// for may come late there too: it wakes a third as often.
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("opening the window: %w", err)
	}
	w.process, w.ended = cmd.Process, make(chan struct{})
	ended = w.ended
	go func() {
		defer close(ended)
		err := cmd.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.process = nil
		if err != nil && !w.closed {
			w.say("the window ended: %v%s", err, said.quoted())
		}
	}()
	return ended, said, nil
}

// look tells the window, if one is open, that the settings are others.
func (w *child) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil {
		_, _ = io.WriteString(w.stdin, "look\n") // one that no longer reads is about to end
	}
}

// close ends the window, with force after two seconds, and returns when it is gone.
func (w *child) close() {
	w.mu.Lock()
	w.closed = true
	process, ended := w.process, w.ended
	if process != nil {
		_, _ = io.WriteString(w.stdin, "quit\n") // it may have ended this moment
		w.stdin.Close()
		_ = terminate(process)
	}
	w.mu.Unlock()
	if ended == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
		_ = process.Kill()
		<-ended
	}
}

// How much of the window's standard error is kept: a crash of Go code is named in its first lines, one of a driver in the
// last.
const (
	firstBytes = 1 << 10
	lastBytes  = 3 << 10
)

// Words keep the beginning and the end of what is written to them. They are safe for several goroutines.
type words struct {
	mu          sync.Mutex // guards all below
	first, last []byte
	cut         bool // something between the two is missing
}

// Write implements io.Writer and never fails.
func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(b), firstBytes-len(w.first))
	w.first = append(w.first, b[:n]...)
	rest := b[n:]
	if over := len(w.last) + len(rest) - lastBytes; over > 0 {
		w.cut = true
		drop := min(over, len(w.last))
		w.last = append(w.last[:0], w.last[drop:]...)
		rest = rest[over-drop:]
	}
	w.last = append(w.last, rest...)
	return len(b), nil
}

// text is what was kept.
func (w *words) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	between := ""
	if w.cut {
		between = "\n...\n"
	}
	return strings.TrimSpace(string(w.first) + between + string(w.last))
}

// quoted is what was kept, for a log; empty when nothing was written.
func (w *words) quoted() string {
	if s := w.text(); s != "" {
		return "; it said:\n" + s
	}
	return ""
}

// lastLine is the last line that says something.
func (w *words) lastLine() string {
	s := w.text()
	return s[strings.LastIndexByte(s, '\n')+1:]
}
