package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/desktest"
)

// windowHelper is the window program of these tests: what it does is said by the environment.
func windowHelper() int {
	switch os.Getenv("HOLDFAST_TEST_WINDOW") {
	case "no-display":
		fmt.Fprintln(os.Stderr, "cannot open display \x1b[31m:99")
		return 1
	case "crash":
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			fmt.Fprint(os.Stderr, "panic: nothing to draw on\n", strings.Repeat("noise\n", 100_000), "SIGSEGV in the driver\n")
		}
		return 139
	}
	// Everything that is asked is written down.
	file, err := os.OpenFile(os.Getenv("HOLDFAST_TEST_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	defer file.Close()
	fmt.Fprintf(file, "started %s\n", os.Getenv("HOLDFAST_SOCKET"))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Fprintln(file, in.Text())
	}
	fmt.Fprintln(file, "end of input")
	return 0
}

// A heard collects what is said.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) say(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(&h.text, format+"\n", args...)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func newChild(t *testing.T, mode string) (*child, *heard, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("HOLDFAST_TEST_WINDOW", mode)
	t.Setenv("HOLDFAST_TEST_LOG", log)
	h := new(heard)
	w := &child{
		socket: "/run/test/control.sock", say: h.say, getenv: func(string) string { return ":99" },
		find: func() (string, error) { return os.Executable() },
	}
	t.Cleanup(w.close)
	return w, h, log
}

func TestWindowIsStartedOnceAndRaised(t *testing.T) {
	w, h, log := newChild(t, "works")
	for range 3 {
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
	}
	w.look()
	want := "started /run/test/control.sock\nraise\nraise\nlook\n"
	desktest.Eventually(t, "raised twice, and told to look", func() bool { b, _ := os.ReadFile(log); return string(b) == want })
	w.close()
	w.look() // nobody is there to
	if got := h.String(); got != "" {
		t.Errorf("said about an orderly end: %q", got)
	}
	if err := w.open(); err == nil {
		t.Error("opened after the end")
	}
}

func TestWindowClosedByThePersonIsOpenedAgain(t *testing.T) {
	w, h, log := newChild(t, "works")
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.stdin.Close() // what the helper takes for a click on its X
	ended := w.ended
	w.mu.Unlock()
	<-ended
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	desktest.Eventually(t, "two starts", func() bool { b, _ := os.ReadFile(log); return strings.Count(string(b), "started") == 2 })
	if got := h.String(); got != "" {
		t.Errorf("said about an orderly end: %q", got)
	}
}

func TestWindowThatCannotReachTheDisplay(t *testing.T) {
	w, _, _ := newChild(t, "no-display")
	err := w.open()
	if err == nil || !strings.Contains(err.Error(), "cannot open display") {
		t.Errorf("got %v, want the reason that the window gave", err)
	}
}

func TestWindowThatCrashes(t *testing.T) {
	w, h, _ := newChild(t, "crash")
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	if err := w.open(); err != nil { // its raise is what makes the helper crash
		t.Fatal(err)
	}
	<-ended
	got := h.String()
	for _, want := range []string{"exit status 139", "panic: nothing to draw on", "\n...\n", "SIGSEGV in the driver"} {
		if !strings.Contains(got, want) {
			t.Errorf("said %q, without %q", got[:min(len(got), 200)], want)
		}
	}
	if len(got) > firstBytes+lastBytes+200 {
		t.Errorf("%d bytes of its words were kept", len(got))
	}
}

func TestWindowThatIsNotThere(t *testing.T) {
	w, _, _ := newChild(t, "works")
	w.find = func() (string, error) { return "", errNoWindow }
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v, want what brings it", err)
	}
	if runtime.GOOS != "linux" {
		return // there is always a display, or nobody can know
	}
	w.find = func() (string, error) { return os.Executable() }
	w.getenv = func(string) string { return "" }
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "no display") {
		t.Errorf("got %v, want that there is no display", err)
	}
}

func TestWhereTheWindowIsLookedFor(t *testing.T) {
	got := windowPlaces("/opt/holdfast/bin/holdfast")
	want := []string{"/opt/holdfast/bin/holdfast-window", "/opt/holdfast/lib/holdfast/holdfast-window", "/usr/lib/holdfast/holdfast-window"}
	if runtime.GOOS == "windows" {
		got, want = windowPlaces(`C:\a b\holdfast.exe`), []string{`C:\a b\holdfast-window.exe`}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWordsKeepBothEnds(t *testing.T) {
	for _, size := range []int{1, 7, 100, 2000, 5000} {
		var all strings.Builder
		w := new(words)
		for i := range 10_000 / size {
			b := strings.Repeat(string(rune('a'+i%26)), size)
			all.WriteString(b)
			if n, err := w.Write([]byte(b)); n != size || err != nil {
				t.Fatal(n, err)
			}
		}
		s := all.String()
		want := s[:firstBytes] + "\n...\n" + s[len(s)-lastBytes:]
		if got := w.text(); got != want {
			t.Errorf("in pieces of %d: %d bytes are kept, of %d wanted", size, len(got), len(want))
		}
	}
}
