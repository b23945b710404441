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

// anotherAt names the socket of a process that a test starts: see another.
const anotherAt = "HOLDFAST_TEST_SOCKET"

// listenAsAnother listens until it is killed.
func listenAsAnother(path string) {
	l, err := Listen(path)
	if err != nil {
		panic(err)
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
	cmd := exec.CommandContext(t.Context(), os.Args[0])
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
