package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// childDoes names what this very program does, started by a test: "main", or "nothing" when its packages have begun.
const childDoes = "HOLDFAST_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childDoes) {
	case "main":
		main()
	case "nothing":
	default:
		os.Exit(m.Run())
	}
}

// fails checks that the window, opened in this environment, ends with status 1 and says why.
func fails(t *testing.T, env []string, why string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(env, childDoes+"=main")
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 || !bytes.Contains(said.Bytes(), []byte("holdfast-window: "+why)) {
		t.Errorf("%v, it wrote %q", err, said.String())
	}
}

// Without a display it says so and ends, in place of GLFW's panic.
func TestNoDisplay(t *testing.T) {
	fails(t, append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "DISPLAY=", "WAYLAND_DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir()), "no display can be opened here")
}

// Before main runs nothing may be written to standard error, whatever the locale: this very program is started with one
// that Fyne cannot read.
func TestQuiet(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", childDoes+"=nothing")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("it wrote %q", said.String())
	}
}
