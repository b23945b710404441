// Package desktest is a desktop for tests, as httptest is a server for them: folders, a message bus and a screen that
// nobody else uses, and real programs on them. What it starts ends with the test.
package desktest

import (
	"os/exec"
	"testing"
	"time"
)

// Patience is how long a test waits for something that takes milliseconds, on a machine that may be busy.
const Patience = 60 * time.Second

// Eventually waits until something is so, and fails the test if it never is.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Until(t, what, func() (string, bool) { return "", ok() })
}

// Until is Eventually for where more can be told: look returns what it saw, and whether that is it.
func Until(t testing.TB, what string, look func() (saw string, ok bool)) {
	t.Helper()
	for end := time.Now().Add(Patience); ; {
		start := time.Now()
		saw, ok := look()
		switch {
		case ok:
			return
		case time.Now().After(end) && saw != "":
			t.Fatalf("never happened: %s; it is %s", what, saw)
		case time.Now().After(end):
			t.Fatal("never happened: ", what)
		}
		time.Sleep(max(5*time.Millisecond, time.Since(start))) // some looks start a program
	}
}

// Next waits for what comes next, and fails the test if that is not what is wanted.
func Next[T comparable](t testing.TB, c <-chan T, want T) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	case <-time.After(Patience):
		t.Fatalf("nothing came, want %v", want)
	}
}

// Must fails the test over an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Need skips the test where a program is missing.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s, which is not installed", p)
		}
	}
}
