//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Program makes holdfast ready to be started on the client of a lab, and tells by what path; it ends with the lab.
type Program func(*Lab) (path string, err error)

// Here is a program for this system.
func Here(path string) Program { return func(*Lab) (string, error) { return path, nil } }

// Wine runs holdfast.exe: each lab has a Windows of its own, because the sockets of all programs of one belong to its
// server, which stands in one network namespace. Its methods may be called from any goroutine.
type Wine struct {
	exe, wine, server string
	first, dir        string
	n                 atomic.Int32
}

// MissingWine says, in words for a skipped test, that this process was not started by scripts/wine; empty when it was.
func MissingWine() string {
	for _, name := range []string{"HOLDFAST_WINE", "HOLDFAST_WINDOWS", "WINESERVER"} {
		if os.Getenv(name) == "" {
			return "needs wine: scripts/wine starts what does"
		}
	}
	return ""
}

// NewWine is for a process that was started by scripts/wine, and for a program for Windows.
func NewWine(exe string) (*Wine, error) {
	if why := MissingWine(); why != "" {
		return nil, errors.New(why)
	}
	w := &Wine{exe: exe, wine: os.Getenv("HOLDFAST_WINE"), server: os.Getenv("WINESERVER"), first: os.Getenv("HOLDFAST_WINDOWS")}
	w.dir = filepath.Dir(w.first) // what is below it ends with scripts/wine at the latest
	return w, nil
}

// booting is how long a Windows may take to start: half a second on a machine that has nothing else to do.
const booting = 60 * time.Second

// A Windows is one on a host of a lab.
type Windows struct {
	Dir  string // WINEPREFIX
	Path string // starts the program in it
}

// Copy makes one more Windows, as fresh as the first, in which nothing runs yet. Whoever asked for it closes it.
func (w *Wine) Copy() (*Windows, error) {
	win := &Windows{Dir: filepath.Join(w.dir, fmt.Sprintf("%d-%d", os.Getpid(), w.n.Add(1)))}
	win.Path = win.Dir + ".sh"
	// The system's files are shared; what it writes anew, it replaces.
	if out, err := exec.Command("cp", "-al", w.first, win.Dir).CombinedOutput(); err != nil {
		win.Close()
		return nil, fmt.Errorf("copy a Windows: %w: %s", err, out)
	}
	script := fmt.Sprintf("#!/bin/sh\nWINEPREFIX='%s' exec '%s' '%s' \"$@\"\n", win.Dir, w.wine, w.exe)
	if err := os.WriteFile(win.Path, []byte(script), 0o700); err != nil {
		win.Close()
		return nil, err
	}
	return win, nil
}

// Windows is Copy, started on the host. It ends with the lab at the latest.
func (w *Wine) Windows(h *Host) (*Windows, error) {
	win, err := w.Copy()
	if err != nil {
		return nil, err
	}
	h.lab.atClose(win.Close)
	// Its server stays when no program runs. The first program waits until all that belongs to a Windows has started. What
	// they inherit they keep: no pipe.
	const start = `exec >"$2.log" 2>&1; WINEPREFIX=$1 "$3" -p && exec "$2" version`
	if _, err := h.run(booting, "sh", "-c", start, "sh", win.Dir, win.Path, w.server); err != nil {
		said, _ := os.ReadFile(win.Path + ".log")
		return nil, fmt.Errorf("start a Windows: %w: %s", err, said)
	}
	return win, nil
}

// Program is a Windows on the client of the lab, and the program in it.
func (w *Wine) Program(l *Lab) (path string, err error) {
	win, err := w.Windows(l.Client)
	if err != nil {
		return "", err
	}
	return win.Path, nil
}

// PIDs are those of its processes whose command lines are so.
func (win *Windows) PIDs(of func(args []string) bool) (pids []int) {
	for _, pid := range win.processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		if args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00"); of(args) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processes are all of it, by their environment.
func (win *Windows) processes() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil || !slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return string(v) == "WINEPREFIX="+win.Dir }) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Close ends all that runs in it and removes it.
func (win *Windows) Close() {
	for range 200 { // a process may be born while we look
		pids := win.processes()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	os.RemoveAll(win.Dir)
	os.Remove(win.Path)
	os.Remove(win.Path + ".log")
}

// OnWine is the row as far as wine lets it be seen; false where it cannot be. Where nothing is said here all is asked that is
// asked on Linux.
func (r Row) OnWine() (Row, bool) {
	if r.V6 && r.Case != 6 {
		return r, false // Wine 8 tells no routes of IPv6, so nothing is known of the way to the gateway
	}
	if r.None && r.LeavesUp > time.Second { // falls silent
		return r, false // It makes whole seconds of the times of keepalive and asks nine times: silence is seen after ten
	}
	name, _, _ := strings.Cut(r.Name, ",")
	switch {
	case name == "interface disabled":
		// Wine 8 says of every interface that it is switched on: it looks as without a cable.
		r.Causes = []string{"cable-unplugged"}
	case name == "interface gone":
		// It goes on listing one that it has seen once.
		r.Causes = []string{"no-address"}
	case name == "address removed" && r.Before:
		// A virtual adapter is hardware to it, and this one has an address: a computer with another network.
		r.Causes = []string{"no-route", "no-address"}
	case name == "prohibited by ICMP":
		// It tells all codes of "destination unreachable" as "host unreachable".
		r.Causes = append(slices.Clone(r.Causes), unreachable...)
	case name == "server rebooted":
		// It tells a reset only to who reads at that moment, and an end to who reads later.
		r.Causes = append(slices.Clone(r.Causes), "server-closed")
	case name == "proxy restarted at once":
		// It tells an end some milliseconds later: the proxy may be back by then, and both are named.
		r.Causes = append(slices.Clone(r.Causes), "server-closed")
	}
	switch name {
	case "interface gone", "address removed", "address changed", "default route removed":
		// It tells no news of addresses and routes, as an odd Windows may not: they are read every 500 ms.
		if !r.Before {
			r.Median, r.LeavesUp, r.Down = 0, r.LeavesUp+500*ms, r.Down+500*ms
		}
	}
	return r, true
}

// OnWine reports whether wine lets it be played.
func (h Harmless) OnWine() bool {
	if h.V6 && strings.Contains(h.Name, "cable") {
		return false // it tells no routes of IPv6: that the silence is the own cable's is not known
	}
	return !strings.Contains(h.Name, "clock") // a clock is moved inside a program of Linux
}
