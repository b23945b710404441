package control

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const anotherAt = "HOLDFAST_TEST_SOCKET"

// TestMainAsAnother is the process that another starts.
func TestMainAsAnother(t *testing.T) {
	path := os.Getenv(anotherAt)
	if path == "" {
		t.Skip("needs a test that starts it: it is the other process of such")
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("listens\n")
	for {
		if _, err := l.Accept(); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// another is a process that listens; who asked for it kills it.
func another(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMainAsAnother$", "-test.v")
	cmd.Env = append(os.Environ(), anotherAt+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewScanner(out); ; {
		if !r.Scan() {
			t.Fatal("it did not start")
		}
		if strings.TrimSpace(r.Text()) == "listens" {
			return cmd
		}
	}
}
