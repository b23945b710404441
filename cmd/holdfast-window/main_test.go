package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

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
