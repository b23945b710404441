//go:build linux

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// built is the real program, built once for all tests.
var built = sync.OnceValues(func() (string, error) { return build("holdfast") })

// builtDir is where built programs are.
var builtDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "holdfast-lab-program") })

// build builds the real program under that name, with more in the environment.
func build(name string, env ...string) (string, error) {
	dir, err := builtDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// slack is what a busy machine may add to twice the figure.
const slack = 300 * time.Millisecond

// tooSlow names the figures that are beyond twice what was asked.
func (r Row) tooSlow(f Figures) (slow []string) {
	check := func(what string, got, asked time.Duration) {
		if asked != 0 && (got == None || got > 2*asked+slack) {
			slow = append(slow, fmt.Sprintf("%s %v, asked %v", what, got, asked))
		}
	}
	if r.Before {
		check("cause out after", f.Named, r.Down)
		check("back after", f.Back, r.Back)
		return slow
	}
	check("leaves up after", f.LeftUp, r.LeavesUp)
	check("down after", f.Down, r.Down)
	check("back after", f.Back, r.Back)
	return slow
}

// alone is held for writing by a row that was held up twice: nobody else plays beside it then.
var alone sync.RWMutex

// playBeside plays the row beside others, or with nobody beside it.
func (r Row) playBeside(others bool, hold Program, broken time.Duration) (Played, error) {
	if others {
		alone.RLock()
		defer alone.RUnlock()
	} else {
		alone.Lock()
		defer alone.Unlock()
	}
	return r.Play(hold, broken)
}

// try plays the row and judges what was seen. What was seen on a machine that did not even run this test in time counts only
// where it is good.
func (r Row) try(t *testing.T, hold Program) {
	Need(t, r.Tools()...)
	for try := 1; ; try++ {
		p, err := r.playBeside(try < 3, hold, 700*time.Millisecond+rand.N(time.Second))
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
}

// try plays it: there must be no outage.
func (h Harmless) try(t *testing.T, hold Program) {
	Need(t, h.Tools()...)
	suspected, down, report, err := h.Play(hold)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("needs amd64: the code that moves a clock is written for that only")
	}
	if err != nil || down > 0 {
		t.Errorf("down %d times, %v\n%s", down, err, report)
	}
	t.Logf("suspected %d times", suspected)
}

// Each break is noticed in time, named rightly at the first word, and healed when its repair is.
func TestIntegrationBreaks(t *testing.T) {
	Need(t, "redis-server")
	hold := program(t)
	for _, r := range Rows() {
		if testing.Short() && r.Extra || !r.Sampled() {
			continue
		}
		t.Run(r.Title(), func(t *testing.T) {
			t.Parallel()
			r.try(t, Here(hold))
		})
	}
}

// A proxy that lives and whose far side is silent is not worn out by asking: tinyproxy keeps each question until its own
// connect gives up, and takes a hundred clients. What is back after so long is found as soon.
func TestIntegrationProxyNotWornOut(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: takes a minute")
	}
	Need(t, "redis-server", "tinyproxy")
	t.Parallel()
	hold := program(t)
	for _, r := range Rows() {
		if r.Name != "all dropped behind the proxy" || r.Way != HTTP || r.Before || r.V6 {
			continue
		}
		p, err := r.Play(Here(hold), time.Minute)
		if err != nil || p.Clients > 40 || p.Back > 2*r.Back+slack || !r.RightCause(p.Figures) {
			t.Errorf("%v; after a minute the proxy has %d clients; causes %q, back after %v\n%s", err, p.Clients, p.Causes, p.Back, p.Report)
		}
		t.Logf("%d clients, back after %v", p.Clients, p.Back)
		return
	}
	t.Error("the row is not there")
}

// What is no break never makes an outage.
func TestIntegrationHarmless(t *testing.T) {
	Need(t, "redis-server")
	hold := program(t)
	for _, h := range HarmlessRows() {
		if !h.Sampled() {
			continue
		}
		t.Run(h.Title(), func(t *testing.T) {
			t.Parallel()
			h.try(t, Here(hold))
		})
	}
}

// A server that is halted but whose kernel acknowledges is alive as far as keepalive can tell: heartbeat none says so.
func TestIntegrationHungServerWithoutHeartbeat(t *testing.T) {
	Need(t, "redis-server")
	h := Harmless{Name: "server stopped", None: true, Rest: 4 * time.Second, Do: func(s *Site) error { return s.Server0.Stop() }}
	t.Parallel()
	h.try(t, Here(program(t)))
}

// sshd sends a client away that does not log in. That is its habit: the session is renewed, and nobody is alarmed.
func TestIntegrationSSHDRenewed(t *testing.T) {
	Need(t, "sshd", "ssh-keygen")
	t.Parallel()
	hold := program(t)
	l := New(t)
	if _, err := l.SSHD(22, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	w, err := l.Watch(hold, "--heartbeat", "none", ServerAt(22).String())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Until("second renewal", 20*time.Second, func(events []Event) bool {
		renewed := 0
		for _, e := range events {
			if e.Renewed {
				renewed++
			}
		}
		return renewed >= 2
	}); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.Events() {
		if e.State == "down" || e.State == "suspect" {
			t.Fatalf("an alarm:\n%s", w.Report())
		}
	}
	if state := w.Now(""); state != "up" {
		t.Errorf("%s after the renewal:\n%s", state, w.Report())
	}
}

// A restless server takes connections, answers PING for a while, and ends them, every second one with a reset.
type restless struct {
	accepted, closed atomic.Int64
	calm             atomic.Bool // ends no more sessions

	mu   sync.Mutex            // guards open
	open map[net.Conn]struct{} // the sessions there are
}

// endAll ends the sessions that there are, and is restless again.
func (r *restless) endAll() {
	r.calm.Store(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		r.closed.Add(1)
		c.Close()
	}
}

func (r *restless) keep(c net.Conn, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !open {
		delete(r.open, c)
		return
	}
	if r.open == nil {
		r.open = make(map[net.Conn]struct{})
	}
	r.open[c] = struct{}{}
}

func (r *restless) serve(t *testing.T, l *Lab, port uint16) {
	t.Helper()
	ln, err := l.Server.Listen("tcp", ServerAt(port).String())
	if err != nil {
		t.Fatal(err)
	}
	var sessions sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		sessions.Wait()
	})
	sessions.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n := r.accepted.Add(1)
			life := 300*time.Millisecond + rand.N(400*time.Millisecond)
			sessions.Go(func() {
				r.keep(c, true)
				defer r.keep(c, false)
				defer c.Close()
				bye := time.AfterFunc(life, func() {
					if r.calm.Load() {
						return
					}
					if n%2 == 0 {
						c.(*net.TCPConn).SetLinger(0)
					}
					r.closed.Add(1)
					c.Close()
				})
				defer bye.Stop()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := io.WriteString(c, strings.Replace(line, "PING", "PONG", 1)); err != nil {
						return
					}
				}
			})
		}
	})
}

// kinds counts a process' file descriptors by what they are.
func kinds(pid int) map[string]int {
	n := make(map[string]int)
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		to, _ := os.Readlink(filepath.Join(dir, e.Name()))
		kind, _, _ := strings.Cut(to, ":[")
		n[kind]++
	}
	return n
}

// goroutineHeader begins each goroutine of a dump; Tail puts the second before each line.
var goroutineHeader = regexp.MustCompile(`(?m)^\S+ goroutine \d+ .*\[`)

// Over a thousand reconnects the program gains no file descriptor and no goroutine.
func TestIntegrationThousandReconnects(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: takes half a minute")
	}
	t.Parallel()
	hold := program(t)
	l := New(t)
	const targets, warm, reconnects = 200, 200, 1000
	var server restless
	args := []string{"--heartbeat", "line", "--send", `PING {nonce}\n`, "--expect", "PONG {nonce}"}
	for i := range uint16(targets) {
		server.serve(t, l, 7000+i)
		args = append(args, ServerAt(7000+i).String())
	}
	// goroutines asks a Go program for its goroutines, which ends it.
	goroutines := func(w *Watch) int {
		if err := w.Signal(unix.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		w.Wait(10 * time.Second)
		n := len(goroutineHeader.FindAllString(w.Tail(), -1))
		if n < targets {
			t.Fatalf("a dump of %d goroutines for %d targets:\n%s", n, targets, w.Tail())
		}
		return n
	}
	start := func(calm bool) *Watch {
		server.calm.Store(calm)
		w, err := l.Watch(hold, args...)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	settle := func(w *Watch) Usage {
		if err := w.UntilUp(targets, 40*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second) // questions that were under way have their time
		u, err := UsageOf(w.PID)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	fresh := start(true)
	settle(fresh)
	wantGoroutines := goroutines(fresh)

	server.accepted.Store(0)
	w := start(false)
	// restlessUntil lets the server be restless for some more reconnects, and then waits for quiet.
	restlessUntil := func(reconnects int64) (Usage, map[string]int) {
		server.calm.Store(false)
		for end := time.Now().Add(150 * time.Second); server.accepted.Load() < targets+reconnects; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) || w.Ended() {
				t.Fatalf("only %d connections:\n%s", server.accepted.Load(), w.Tail())
			}
		}
		server.calm.Store(true)
		return settle(w), kinds(w.PID)
	}
	before, kindsBefore := restlessUntil(warm)
	// Sessions outlive the calm; from here on they are ended as they are found.
	server.endAll()
	after, kindsAfter := restlessUntil(warm + reconnects)
	t.Logf("%d connections taken, %d of them ended; files %d then %d; RSS %d then %d KiB", server.accepted.Load(), server.closed.Load(),
		before.Files, after.Files, before.RSS>>10, after.RSS>>10)
	// Some sockets to ask the kernel are made when first needed, and kept: that is no growth.
	if after.Files > before.Files+4 {
		t.Errorf("%d file descriptors after %d reconnects, %d before: %v, were %v", after.Files, reconnects, before.Files, kindsAfter, kindsBefore)
	}
	if got := goroutines(w); got > wantGoroutines {
		t.Errorf("%d goroutines after %d reconnects, %d before:\n%s", got, server.closed.Load(), wantGoroutines, w.Tail())
	} else {
		t.Logf("goroutines %d then %d", wantGoroutines, got)
	}
}
