//go:build linux

package lab

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// builtExe is the real program for Windows, built once for all tests.
var builtExe = sync.OnceValues(func() (*Wine, error) {
	exe, err := build("holdfast.exe", "GOOS=windows", "GOARCH=amd64")
	if err != nil {
		return nil, err
	}
	return NewWine(exe)
})

// wine skips the test where there is none.
func wine(t *testing.T) *Wine {
	t.Helper()
	if why := MissingWine(); why != "" {
		t.Skip("skipped: " + why)
	}
	w, err := builtExe()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sampledOnWine are the rows that stand for all where there is no time for all of them; make bench has more.
func (r Row) sampledOnWine() bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(r.Name, name) })
	}
	switch r.way() {
	case Direct:
		return r.Sampled() && !r.Cold && !r.None && (!r.V6 || r.Case != 0)
	case HTTP:
		return !r.Cold && !r.V6 && (r.Case != 0 || has("hung", "restarted", "all dropped", "login", "resolver silent"))
	case Squid, SOCKS:
		return !r.Cold && !r.V6 && (r.Case == 3 || has("server program exits"))
	case OutHTTP:
		return !r.V6 && has("all dropped", "proxy program exits")
	}
	return false
}

// The program for Windows sees the same breaks, names them with the same words, in the same time, and is back as soon: what
// is asked is what the tests of the program for Linux ask, twice what was promised, as for a busy machine.
func TestIntegrationWindows(t *testing.T) {
	w := wine(t)
	Need(t, "redis-server")
	for _, r := range Rows() {
		r, ok := r.OnWine()
		if !ok || !r.sampledOnWine() {
			continue
		}
		t.Run(r.Title(), func(t *testing.T) {
			t.Parallel()
			r.try(t, w.Program)
		})
	}
}

// What is no break makes no outage there either.
func TestIntegrationWindowsHarmless(t *testing.T) {
	w := wine(t)
	Need(t, "redis-server")
	for _, h := range HarmlessRows() {
		if !h.OnWine() || !h.Sampled() || h.V6 {
			continue
		}
		t.Run(h.Title(), func(t *testing.T) {
			t.Parallel()
			h.try(t, w.Program)
		})
	}
}
