package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/control"
)

// A noteServer is a desktop's notification server; what it is told comes out of shown.
type noteServer struct{ shown chan string }

func (s noteServer) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"body", "actions"}, nil
}

func (s noteServer) Notify(_ string, replaces uint32, _, title, _ string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.shown <- title
	return 7, nil
}

// sessionBus starts a message bus of the test's own and returns a connection to it.
func sessionBus(t *testing.T) *dbus.Conn {
	t.Helper()
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=1", "--address=unix:dir="+t.TempDir())
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Skip("dbus-daemon cannot be started: ", err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	conn, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A break becomes a notification, and its buttons do what they say: the whole program, with the window that it opens.
func TestNotificationsOfTheWholeProgram(t *testing.T) {
	bus := sessionBus(t)
	notes := noteServer{make(chan string, 64)}
	const name, path = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
	if err := bus.Export(notes, path, name); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.RequestName(name, 0); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil { // the control socket is to be in it
		t.Fatal(err)
	}
	log := filepath.Join(dir, "window.log")
	for key, value := range map[string]string{
		"HOLDFAST_TEST_WINDOW": "works", "HOLDFAST_TEST_LOG": log, "DISPLAY": ":99", "XDG_RUNTIME_DIR": dir, "XDG_STATE_HOME": dir, "XDG_DATA_HOME": dir,
	} {
		t.Setenv(key, value)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	window := filepath.Join(filepath.Dir(self), windowProgram) // looked for beside the program's own file
	if err := os.Symlink(self, window); err != nil {
		t.Skip("cannot put a window program beside the test: ", err)
	}
	t.Cleanup(func() { os.Remove(window) })
	settings := filepath.Join(dir, "holdfast.toml")
	if err := os.WriteFile(settings, []byte("demo = true\nlanguage = \"en\"\n[notify]\nafter = \"200ms\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	p := &program{out: said, errs: said, getenv: os.Getenv, socket: filepath.Join(dir, "control.sock")}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.resident(ctx, residentFlags{config: settings, noTray: true}) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(said.Name()); err != nil || t.Failed() {
			t.Errorf("%v; it said: %s", err, b)
		}
	}()

	ask := func(f func(*control.Client) error) error { return p.ask(f) }
	demo := func() (state string, attempt int, retry time.Time) {
		err := ask(func(c *control.Client) error {
			st, err := c.Status(ctx)
			if err == nil && len(st.Targets) == 1 {
				s, err := st.Targets[0].Snapshot()
				state, attempt, retry = s.State.String(), s.Attempt, s.RetryAt
				return err
			}
			return err
		})
		if err != nil {
			return "", 0, time.Time{}
		}
		return state, attempt, retry
	}
	eventually(t, "the demo is connected", func() bool { state, _, _ := demo(); return state == "up" })
	drill := func(mode string) {
		t.Helper()
		if err := ask(func(c *control.Client) error { return c.Demo(ctx, mode) }); err != nil {
			t.Fatal(err)
		}
	}
	want := func(title string) {
		t.Helper()
		select {
		case got := <-notes.shown:
			if got != title {
				t.Fatalf("%q was shown, want %q", got, title)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q was never shown", title)
		}
	}
	click := func(key string) {
		t.Helper()
		if err := bus.Emit(path, name+".ActionInvoked", uint32(7), key); err != nil {
			t.Fatal(err)
		}
	}
	drill("stopped")
	want("Demo server (built in) is broken")
	click("open")
	eventually(t, "the window is open", func() bool { b, _ := os.ReadFile(log); return strings.HasPrefix(string(b), "started ") })

	// Between two attempts that are far apart a click makes one at once.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, before, retry := demo()
		if time.Until(retry) > 2*time.Second {
			click("reconnect")
			clicked := time.Now()
			eventually(t, "another attempt", func() bool { _, after, _ := demo(); return after > before })
			if !time.Now().Before(retry) {
				t.Errorf("the attempt came %v after the click, when it was due anyway", time.Since(clicked))
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the attempts never came to be far apart")
		}
	}
	drill("normal")
	want("Demo server (built in) is connected again")
}
