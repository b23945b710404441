package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"holdfast/internal/control"
	"holdfast/internal/desktest"
	"holdfast/internal/launch"
)

func init() { // not in TestMain: there is such a helper on Windows only
	if os.Getenv("HOLDFAST_TEST_CONSOLE") != "" {
		p := &program{errs: os.Stderr, getenv: os.Getenv}
		p.keepMessages()
		p.say("consoles: %d", onConsole())
		panic("as a test wants it")
	}
	if os.Getenv("HOLDFAST_TEST_MAIN") != "" {
		if onConsole() > 0 && desktest.ConsoleStreams() != nil {
			os.Exit(99)
		}
		main()
	}
}

// A program without a console keeps what it says, and what Go says when it crashes, in its file.
func TestWhatNobodyReadsIsKept(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(heard bool) string {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "HOLDFAST_TEST_CONSOLE=1", "XDG_STATE_HOME="+dir)
		launch.Quiet(cmd)
		said := new(words)
		if heard {
			cmd.Stderr = said
		}
		if err := cmd.Run(); err == nil {
			t.Fatal("it did not crash")
		}
		return said.text()
	}
	want := []string{"holdfast: consoles: 0", "panic: as a test wants it", "goroutine "}
	path := filepath.Join(dir, "holdfast", messagesFile)
	text := run(true)
	if _, err := os.Stat(path); err == nil {
		t.Error("what somebody reads was kept in the file")
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("standard error has no %q: %s", w, text)
		}
	}
	run(false)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range append(want, "holdfast: version ") {
		if !strings.Contains(string(b), w) {
			t.Errorf("the file has no %q: %s", w, b)
		}
	}
}

func TestAPipeThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteString("not read yet\n"); err != nil {
		t.Fatal(err)
	}
	if closing(windows.Handle(w.Fd())) {
		t.Error("its reader is there")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	desktest.Eventually(t, "the reader is gone", func() bool { return closing(windows.Handle(w.Fd())) })
	if _, err := w.WriteString("more"); !readerGone(err) {
		t.Errorf("writing says %v", err)
	}
	if unheard(w) {
		t.Error("a pipe counts as no stream")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if !unheard(null) || !unheard(nil) {
		t.Error("the null device is somebody who reads")
	}
}

func TestWhatIsStartedAtLogin(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "holdfast.exe")
	if got := atLoginProgram(self); got != self {
		t.Errorf("without the window's program: %q", got)
	}
	window := filepath.Join(dir, "holdfast-window.exe")
	if err := os.WriteFile(window, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := atLoginProgram(self); got != window {
		t.Errorf("got %q, want the one that never opens a console", got)
	}
}

// inConsole has a holdfast of these tests run in a console of its own.
func inConsole(t *testing.T, args ...string) *desktest.Console {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOLDFAST_TEST_MAIN", "1")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	state, err := os.MkdirTemp("", "holdfast-console")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) }) // wine's desktop, when a resident is what starts it, keeps the messages of that open
	t.Setenv("XDG_STATE_HOME", state)
	return desktest.InConsole(t, self, args...)
}

// Commands print to the console that they were started from, the exit status is theirs, and Ctrl-C ends them in order.
func TestCommandsInAConsole(t *testing.T) {
	c := inConsole(t, "status", "--lang", "zh", "--socket", `\\.\pipe\holdfast-of-nobody`)
	if status := c.Wait(); status != 3 || !strings.Contains(c.Said(), "没有运行") {
		t.Errorf("status %d, it said %q", status, c.Said())
	}
	c = inConsole(t, "watch", "--plain", "127.0.0.1:1")
	desktest.Eventually(t, "the refusal is printed", func() bool { return strings.Contains(c.Said(), "refuses connections") })
	c.Type("\x03")
	if status := c.Wait(); status != 0 {
		t.Errorf("after Ctrl-C: status %d, it said %q", status, c.Said())
	}
	c = inConsole(t, "serve", "--plain", "127.0.0.1:0")
	desktest.Eventually(t, "it serves", func() bool { return strings.Contains(c.Said(), "answering heartbeats on 127.0.0.1:") })
	c.Type("\x03")
	if status := c.Wait(); status != 0 {
		t.Errorf("serve after Ctrl-C: status %d, it said %q", status, c.Said())
	}
}

// Alone on its console, as after a double click, the resident goes on without one: a program that has a console to itself
// ends, and another answers.
func TestTheResidentLeavesItsConsole(t *testing.T) {
	pipe := fmt.Sprintf(`\\.\pipe\holdfast-test-%d`, os.Getpid())
	c := inConsole(t, "--background", "--socket", pipe)
	if status := c.Wait(); status != 0 || strings.Contains(c.Said(), "holdfast:") {
		t.Errorf("status %d, it said %q", status, c.Said())
	}
	var client *control.Client
	desktest.Eventually(t, "one answers", func() (ok bool) {
		var err error
		client, err = control.Dial(pipe)
		return err == nil
	})
	defer client.Close()
	s, err := client.Status(t.Context())
	if err != nil || s.PID == os.Getpid() {
		t.Errorf("process %d answers, %v", s.PID, err)
	}
	process, err := os.FindProcess(s.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := quit(t.Context(), client); err != nil {
		t.Error(err)
	}
	if _, err := process.Wait(); err != nil { // which has its messages open
		t.Error(err)
	}
	b, err := os.ReadFile(filepath.Join(os.Getenv("XDG_STATE_HOME"), "holdfast", messagesFile))
	if err != nil || !strings.Contains(string(b), "holdfast: version ") {
		t.Errorf("its messages are %q, %v", b, err)
	}
}

// Whoever closes the console of a command ends it, in order.
func TestAConsoleIsClosed(t *testing.T) {
	c := inConsole(t, "watch", "--plain", "127.0.0.1:1")
	desktest.Eventually(t, "the refusal is printed", func() bool { return strings.Contains(c.Said(), "refuses connections") })
	c.Close()
	if status := c.Wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}
