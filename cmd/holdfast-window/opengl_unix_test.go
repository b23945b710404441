//go:build unix && !darwin

package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"holdfast/internal/desktest"
)

// On a display without OpenGL it says so and ends, in place of a line of Fyne's source and no error.
func TestNoOpenGL(t *testing.T) {
	if os.Getenv("HOLDFAST_TEST_CHILD") == "main" {
		main()
		return
	}
	d := desktest.New(t)
	d.Screen(320, 240, "-extension", "GLX")
	cmd := d.Command(os.Args[0], "-test.run=^TestNoOpenGL$")
	cmd.Env = append(d.Env(), "HOLDFAST_TEST_CHILD=main", "WAYLAND_DISPLAY=")
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 || !strings.Contains(string(out), "holdfast-window: OpenGL 2.1 cannot be had on this display") {
		t.Errorf("%v, it wrote %q", err, out)
	}
}
