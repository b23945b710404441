//go:build linux

package lab

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/desktest"
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
		t.Skip(why)
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

// holdfast.exe serve sets SIO_KEEPALIVE_VALS on what it accepts: the kernel below wine counts down to the first probe.
func TestIntegrationWindowsServe(t *testing.T) {
	w := wine(t)
	Need(t, "ss")
	t.Parallel()
	l := New(t)
	win, err := w.Windows(l.Server)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Serve(win.Path, 7000)
	if err != nil {
		t.Fatal(err)
	}
	s, err := dial(l, ServerAt(7000), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.c.Close()
	if _, err := io.WriteString(s.c, "PING\n"); err != nil {
		t.Fatal(err)
	}
	s.c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if answer, err := s.r.ReadString('\n'); err != nil || strings.TrimSpace(answer) != "+PONG" {
		t.Errorf("PING is answered by %q, %v\n%s", answer, err, p.Tail())
	}
	// "timer:(keepalive,860ms,0)"; it is another's turn for as long as an answer is not acknowledged.
	counting := regexp.MustCompile(`timer:\(keepalive,(\d{1,3}ms|1(\.\d+)?sec),`)
	desktest.Until(t, "a keepalive after a second is counted down to", func() (string, bool) {
		said, err := l.Server.Run("ss", "-Htno", "state", "established", "sport", "=", ":7000")
		desktest.Must(t, err)
		return said, counting.MatchString(said)
	})
}

// Questions to nobody end with their time limit and leave nothing behind; netcheck's own test asks, where nobody answers.
func TestIntegrationWindowsNobody(t *testing.T) {
	w := wine(t)
	t.Parallel()
	dir := t.TempDir()
	exe := filepath.Join(dir, "netcheck.test.exe")
	cmd := exec.Command("go", "test", "-c", "-o", exe, "holdfast/netcheck")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l := New(t)
	win, err := w.Windows(l.Client)
	if err != nil {
		t.Fatal(err)
	}
	nobody := ServerV4.Masked().Addr().As4()
	nobody[3] = 99
	out, err := l.Client.Run("env", "WINEPREFIX="+win.Dir, "HOLDFAST_NOBODY="+netip.AddrFrom4(nobody).String(), w.wine, exe, "-test.v", "-test.run", "^TestAskNobody$")
	if err != nil || !strings.Contains(out, "--- PASS: TestAskNobody") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The one Holdfast of a user on Windows: a second start finds the first, the next one starts after the first was killed,
// and the outage that the killed one had seen is kept.
func TestIntegrationWindowsResident(t *testing.T) {
	w := wine(t)
	Need(t, "redis-server")
	t.Parallel()
	l := New(t)
	redis, err := l.Redis(Port)
	if err != nil {
		t.Fatal(err)
	}
	win, err := w.Windows(l.Client)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(l.Dir, "holdfast.toml")
	text := fmt.Sprintf("[[target]]\nname = \"gate\"\naddress = %q\nheartbeat = \"line\"\nsend = 'PING\\r\\n'\nexpect = '+PONG'\n", ServerAt(Port))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *Proc {
		t.Helper()
		p, err := l.Client.Start(win.Path, "--no-tray", "--config", "Z:"+config)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := start()
	until := func(what string, args ...string) {
		t.Helper()
		desktest.Until(t, fmt.Sprintf("%q says %q", args, what), func() (string, bool) {
			said, err := l.Client.Run(win.Path, args...)
			return fmt.Sprintf("%s (%v)\nthe resident:\n%s", said, err, p.Tail()), strings.Contains(said, what)
		})
	}
	until(`"state":"up"`, "status", "--json")
	if said, _ := l.Client.Run(win.Path, "--no-tray", "--config", "Z:"+config); !strings.Contains(said, "already running") {
		t.Errorf("a second start says %q", said)
	}
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	until(`"cause":"server-refused"`, "status", "--json")
	if _, err := l.Redis(Port); err != nil {
		t.Fatal(err)
	}
	until(`"state":"up"`, "status", "--json")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	p = start()
	until(`"state":"up"`, "status", "--json")
	until(`server-refused`, "history", "--json")
}
