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
	r := startResident(t, l, win, "")
	r.until(`"state":"up"`, "status", "--json")
	if said, _ := l.Client.Run(r.path, r.args...); !strings.Contains(said, "already running") {
		t.Errorf("a second start says %q", said)
	}
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	r.until(`"cause":"server-refused"`, "status", "--json")
	if _, err := l.Redis(Port); err != nil {
		t.Fatal(err)
	}
	r.until(`"state":"up"`, "status", "--json")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.until(`"state":"up"`, "status", "--json")
	r.until(`server-refused`, "history", "--json")
}

// The proxy that is set in Windows is taken with "system", named when it breaks, and left as soon as it is switched off there.
func TestIntegrationWindowsSystemProxy(t *testing.T) {
	w := wine(t)
	Need(t, "redis-server", "tinyproxy")
	t.Parallel()
	l := New(t)
	if _, err := l.Redis(Port); err != nil {
		t.Fatal(err)
	}
	proxy, err := l.Tinyproxy(l.Proxy)
	if err != nil {
		t.Fatal(err)
	}
	win, err := w.Windows(l.Client)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, kind, value string) {
		t.Helper()
		const settings = `HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings`
		if said, err := l.Client.Run("env", "WINEPREFIX="+win.Dir, w.wine, "reg", "add", settings, "/f", "/v", name, "/t", kind, "/d", value); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	at := ProxyAt(TinyproxyPort).String()
	set("ProxyServer", "REG_SZ", at)
	set("ProxyEnable", "REG_DWORD", "1")
	r := startResident(t, l, win, "via = \"system\"\n")
	r.until(`"state":"up"`, "status", "--json")
	r.until(`"proxy":"http://`+at, "status", "--json")
	if err := proxy.Kill(); err != nil {
		t.Fatal(err)
	}
	r.until(`"cause":"proxy-refused"`, "status", "--json")
	set("ProxyEnable", "REG_DWORD", "0")
	r.until(`"state":"up"`, "status", "--json")
	r.until(`"proxy":null`, "status", "--json")
}

// A resident is the program without a command, in a Windows on a lab's client; its one target is the server there.
type resident struct {
	*Proc // the present one
	t     *testing.T
	l     *Lab
	path  string
	args  []string
}

// startResident starts it, with more lines for the target in its settings.
func startResident(t *testing.T, l *Lab, win *Windows, target string) *resident {
	t.Helper()
	config := filepath.Join(l.Dir, "holdfast.toml")
	text := fmt.Sprintf(redisTarget, "gate", ServerAt(Port)) + target
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &resident{t: t, l: l, path: win.Path, args: []string{"--no-tray", "--config", "Z:" + config}}
	r.start()
	return r
}

func (r *resident) start() {
	r.t.Helper()
	var err error
	if r.Proc, err = r.l.Client.Start(r.path, r.args...); err != nil {
		r.t.Fatal(err)
	}
}

// until asks by a command until it says that.
func (r *resident) until(what string, command ...string) {
	r.t.Helper()
	desktest.Until(r.t, fmt.Sprintf("%q says %q", command, what), func() (string, bool) {
		said, err := r.l.Client.Run(r.path, command...)
		return fmt.Sprintf("%s (%v)\nthe resident:\n%s", said, err, r.Tail()), strings.Contains(said, what)
	})
}
