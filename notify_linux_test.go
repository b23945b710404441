package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/control"
	"holdfast/internal/desktest"
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

// A break becomes a notification, and its buttons do what they say: the whole program, with the window that it opens.
func TestNotificationsOfTheWholeProgram(t *testing.T) {
	desk := desktest.New(t)
	desk.Use()
	bus := desk.Bus("").Connect()
	notes := noteServer{make(chan string, 64)}
	const name, path = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
	desktest.Must(t, bus.Export(notes, path, name))
	desktest.Own(t, bus, name)

	dir := filepath.Join(desk.Dir, "run")
	log := filepath.Join(dir, "window.log")
	for key, value := range map[string]string{"HOLDFAST_TEST_WINDOW": "works", "HOLDFAST_TEST_LOG": log, "DISPLAY": ":99"} {
		desk.Set(key, value)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	window := filepath.Join(filepath.Dir(self), windowProgram) // looked for beside the program's own file
	if err := os.Symlink(self, window); err != nil {
		t.Skip("needs a folder that can be written to, for a window program beside the test:", err)
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
	desktest.Eventually(t, "the demo is connected", func() bool { state, _, _ := demo(); return state == "up" })
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
	desktest.Eventually(t, "the window is open", func() bool { b, _ := os.ReadFile(log); return strings.HasPrefix(string(b), "started ") })

	// Between two attempts that are far apart a click makes one at once.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, before, retry := demo()
		if time.Until(retry) > 2*time.Second {
			click("reconnect")
			clicked := time.Now()
			desktest.Eventually(t, "another attempt", func() bool { _, after, _ := demo(); return after > before })
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
