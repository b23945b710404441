//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// windows is holdfast.exe as a program that can be started on a host: a Windows of its own for each start, because the
// sockets of all programs of one belong to its server, which stands in one network namespace.
type windows struct {
	wine, first, exe, dir string
	n                     atomic.Int32
}

// firstEnded ends the Windows that is copied: its registry is written when its server ends.
var firstEnded = sync.OnceValue(func() error {
	for _, flag := range []string{"-k", "-w"} {
		if out, err := exec.Command(os.Getenv("WINESERVER"), flag).CombinedOutput(); err != nil {
			return fmt.Errorf("end the first Windows: %w\n%s", err, out)
		}
	}
	return nil
})

func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{wine: os.Getenv("HOLDFAST_WINE"), first: os.Getenv("WINEPREFIX")}
	if w.wine == "" {
		t.Skip("skipped: is run by make test-windows")
	}
	w.dir = filepath.Dir(w.first) // what is below it ends with scripts/wine at the latest
	if err := firstEnded(); err != nil {
		t.Fatal(err)
	}
	w.exe = filepath.Join(w.dir, "holdfast.exe")
	cmd := exec.Command("go", "build", "-o", w.exe, ".")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build holdfast.exe: %v\n%s", err, out)
	}
	return w
}

// program makes one more Windows, and returns what starts the program in it; end ends all that runs there.
func (w *windows) program(t *testing.T) (path string, end func()) {
	t.Helper()
	prefix := filepath.Join(w.dir, fmt.Sprint(w.n.Add(1)))
	// The system's files are shared; what it writes anew, it replaces.
	if out, err := exec.Command("cp", "-al", w.first, prefix).CombinedOutput(); err != nil {
		t.Fatalf("a second Windows: %v\n%s", err, out)
	}
	path = prefix + ".sh"
	script := fmt.Sprintf("#!/bin/sh\nWINEPREFIX='%s' exec '%s' '%s' \"$@\"\n", prefix, w.wine, w.exe)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		for _, pid := range inWindows(prefix) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err := os.RemoveAll(prefix); err != nil {
			t.Error(err)
		}
	}
}

// inWindows are the processes of that Windows, by their environment.
func inWindows(prefix string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil || !bytes.Contains(env, []byte("WINEPREFIX="+prefix+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// onWindows are the breaks of a session that are played with the program for Windows: the twelve cases' six, and what else
// breaks on the way or at its end. Before connecting nothing can be timed: a Windows takes seconds to start.
func (r Row) onWindows() bool {
	if r.Before || r.V6 || r.None || r.Named || r.way() != Direct && r.Way != HTTP {
		return false
	}
	switch r.Name {
	case "server stopped (SIGSTOP)", "proxy hung (SIGSTOP)", "gateway off", "all dropped on the way", "all dropped behind the proxy",
		"default route removed", "address changed", "server rebooted", "flow dropped", "port filtered":
		return true
	}
	return r.Case != 0
}

// asWineTells is the row as far as wine lets it be seen.
func (r Row) asWineTells() Row {
	switch r.Name {
	case "interface disabled": // wine 8 says of every interface that it is switched on: it looks as without a cable
		r.Causes = []string{"cable-unplugged"}
	case "server rebooted": // it tells a reset only to who reads at that moment, and an end to who reads later
		r.Causes = append(slices.Clone(r.Causes), "server-closed")
	}
	return r
}

// The program for Windows sees the same breaks, names them with the same words, and is back. Twice the time of Linux is
// allowed, as for a busy machine there.
func TestIntegrationWindows(t *testing.T) {
	w := newWindows(t)
	Need(t, "redis-server")
	for _, r := range Rows() {
		if !r.onWindows() {
			continue
		}
		r = r.asWineTells()
		t.Run(r.Title(), func(t *testing.T) {
			Need(t, r.Tools()...)
			for try := 1; ; try++ {
				hold, end := w.program(t)
				p, err := r.Play(hold, 700*time.Millisecond+rand.N(time.Second))
				end()
				slow := r.tooSlow(p.Figures)
				good := err == nil && slow == nil && r.RightCause(p.Figures)
				if !good && p.Stalled > 60*time.Millisecond && try < 4 {
					t.Logf("held up for %v: once more", p.Stalled)
					continue
				}
				if !good {
					t.Errorf("%v; %v; cause %q also %q, want %q also %q (then %q)\n%s", err, slow, p.Cause, p.Also, r.Causes, r.Also, p.Causes, p.Report)
				}
				t.Logf("leaves up %v, down %v, named %v %s, back %v; held up for %v", p.LeftUp, p.Down, p.Named, p.Causes, p.Back, p.Stalled)
				return
			}
		})
	}
}

// What is no break makes no outage there either.
func TestIntegrationWindowsHarmless(t *testing.T) {
	w := newWindows(t)
	Need(t, "redis-server")
	for _, h := range HarmlessRows() {
		if h.V6 || h.Named || h.Way != "" && h.Way != HTTP || strings.Contains(h.Name, "clock") {
			continue // a clock is moved inside a program of Linux
		}
		t.Run(h.Title(), func(t *testing.T) {
			Need(t, h.Tools()...)
			t.Parallel() // no time is asked
			hold, end := w.program(t)
			defer end()
			suspected, down, report, err := h.Play(hold)
			if err != nil || down > 0 {
				t.Errorf("down %d times, %v\n%s", down, err, report)
			}
			t.Logf("suspected %d times", suspected)
		})
	}
}
