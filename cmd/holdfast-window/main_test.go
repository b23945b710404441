package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// Without a display it says so and ends, in place of GLFW's panic.
func TestNoDisplay(t *testing.T) {
	if os.Getenv("HOLDFAST_TEST_CHILD") == "main" {
		main()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoDisplay$")
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOLDFAST_TEST_CHILD=main", "DISPLAY=", "WAYLAND_DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 || !bytes.Contains(said.Bytes(), []byte("holdfast-window: no display can be opened here")) {
		t.Errorf("%v, it wrote %q", err, said.String())
	}
}

// Before main runs nothing may be written to standard error, whatever the locale: this very program is started with one
// that Fyne cannot read.
func TestQuiet(t *testing.T) {
	if os.Getenv("HOLDFAST_TEST_CHILD") != "" {
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestQuiet$")
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOLDFAST_TEST_CHILD=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("it wrote %q", said.String())
	}
}
