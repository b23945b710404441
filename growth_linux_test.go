package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/control"
	"holdfast/internal/desktest"
	"holdfast/internal/responder"
)

// A tray host of the least kind: it takes every icon, and reads one again whenever it is told to.
type trayHost struct {
	conn  *dbus.Conn
	icons atomic.Int64 // how often an icon was read again
}

const (
	trayWatcher = "org.kde.StatusNotifierWatcher"
	trayItem    = "org.kde.StatusNotifierItem"
)

// startTrayHost starts a message bus with one on it, both until the test ends.
func startTrayHost(t *testing.T, d *desktest.Desk) *trayHost {
	t.Helper()
	h := &trayHost{conn: d.Bus("").Connect()}
	signals := make(chan *dbus.Signal, 4096)
	h.conn.Signal(signals)
	go func() { // ends with the connection
		for s := range signals {
			if s.Name != trayItem+".NewIcon" {
				continue
			}
			var icon dbus.Variant
			if h.conn.Object(s.Sender, s.Path).Call("org.freedesktop.DBus.Properties.Get", 0, trayItem, "IconPixmap").Store(&icon) == nil {
				h.icons.Add(1)
			}
		}
	}()
	for _, err := range []error{
		h.conn.Export(h, "/StatusNotifierWatcher", trayWatcher),
		h.conn.AddMatchSignal(dbus.WithMatchInterface(trayItem)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	desktest.Own(t, h.conn, trayWatcher)
	return h
}

// RegisterStatusNotifierItem is called over the bus.
func (h *trayHost) RegisterStatusNotifierItem(string) *dbus.Error { return nil }

// A switchedServer answers heartbeats at one address, and can be taken away and put back.
type switchedServer struct {
	t       *testing.T
	address string
	stop    func()
}

func (s *switchedServer) on() {
	s.t.Helper()
	var ln net.Listener
	desktest.Eventually(s.t, "the port can be listened on", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", s.address)
		return err == nil
	})
	s.address = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- responder.New(responder.Options{}).Serve(ctx, ln) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

// targets are so many of it, for the settings.
func (s *switchedServer) targets(n int) (text string) {
	for i := range n {
		text += fmt.Sprintf("[[target]]\nname = \"%d\"\naddress = %q\nheartbeat = \"line\"\nsend = 'PING {nonce}\\n'\nexpect = 'PONG {nonce}\\n'\n", i, s.address)
	}
	return text
}

// dialled reaches the resident of a desk, as soon as it answers.
func dialled(t *testing.T, d *desktest.Desk) (c *control.Client) {
	t.Helper()
	desktest.Eventually(t, "Holdfast answers", func() bool {
		var err error
		c, err = control.Dial(filepath.Join(d.Dir, "run/holdfast/control.sock"))
		return err == nil
	})
	return c
}

// allAre waits until all targets are in that state.
func allAre(t *testing.T, c *control.Client, state string) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // on a busy machine, too
		s, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, o := range s.Targets {
			if o.State == state {
				n++
			}
		}
		if n > 0 && n == len(s.Targets) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("after a minute %d of %d are %s", n, len(s.Targets), state)
		}
	}
}

// TestTheResidentDoesNotGrow lives through 10 000 changes of state and 1 000 of the icon (a sixth of that unless
// HOLDFAST_LONG is set, as make bench does): breaks and repairs of ten targets at once, pauses and resumptions. What is
// measured is the program that is shipped, not this one.
func TestTheResidentDoesNotGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: a quarter of a minute")
	}
	d := desktest.New(t)
	program := filepath.Join(d.Dir, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host := startTrayHost(t, d)
	server := &switchedServer{t: t, address: "127.0.0.1:0"}
	server.on()
	defer func() { server.stop() }()
	d.Write("config/holdfast/holdfast.toml", "demo = false\n[tray]\nbadge = true\n"+server.targets(10))
	d.Set("XDG_CURRENT_DESKTOP", "KDE")
	resident := d.Start(program)
	c := dialled(t, d)
	defer c.Close()

	ctx, cancel := context.WithCancel(context.Background())
	var changes atomic.Int64
	listened := make(chan bool)
	go func() {
		defer close(listened)
		for o, err := range c.Events(ctx, false) {
			if err != nil {
				return
			}
			if o.Event == "state" {
				changes.Add(1)
			}
		}
	}()
	defer func() { cancel(); <-listened }()
	all := func(state string) { t.Helper(); allAre(t, c, state) }
	did := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	live := func(wantChanges, wantIcons int64) {
		t.Helper()
		for changes.Load() < wantChanges || host.icons.Load() < wantIcons {
			server.stop()
			all("down")
			server.on()
			all("up")
			for range 6 {
				did(c.Pause(ctx, time.Time{}))
				all("idle")
				did(c.Resume(ctx))
				all("up")
			}
		}
	}
	all("up")
	live(500, 50)
	before, files := residentMemory(t, resident.PID()), residentFiles(t, resident.PID())
	if os.Getenv("HOLDFAST_LONG") != "" {
		live(10500, 1050)
	} else {
		live(2000, 150)
	}
	after := residentMemory(t, resident.PID())
	t.Logf("%d changes of state, %d of the icon: %.1f MB before, %.1f MB after", changes.Load(), host.icons.Load(), before, after)
	if after > before+2 {
		t.Errorf("grew by %.1f MB", after-before)
	}
	desktest.Eventually(t, "no more files are open than before", func() bool { return residentFiles(t, resident.PID()) <= files })
	did(c.Quit(ctx))
}

var memoryLine = regexp.MustCompile(`(?m)^Rss(Anon|File):\s+(\d+) kB`)

// residentMemory is the least that a process has in memory within some seconds, in MB: what is garbage comes and goes.
func residentMemory(t *testing.T, pid int) float64 {
	t.Helper()
	least := 0.0
	for range 6 {
		time.Sleep(500 * time.Millisecond) // a measurement, not a wait
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, m := range memoryLine.FindAllStringSubmatch(string(b), -1) {
			kb, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
			sum += float64(kb) / 1024
		}
		if least == 0 || sum < least {
			least = sum
		}
	}
	return least
}

func residentFiles(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range list {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
		if err == nil && !strings.Contains(to, "socket:") { // sessions come and go
			n++
		}
	}
	return n
}
