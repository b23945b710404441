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
	for end := time.Now().Add(Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: ", what)
		}
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
			t.Skipf("%s is not installed", p)
		}
	}
}
