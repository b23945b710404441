//go:build unix && !darwin

package main

import (
	"testing"

	"holdfast/internal/desktest"
)

// On a display without OpenGL it says so and ends, in place of a line of Fyne's source and no error.
func TestNoOpenGL(t *testing.T) {
	d := desktest.New(t)
	d.Screen(320, 240, "-extension", "GLX")
	fails(t, append(d.Env(), "WAYLAND_DISPLAY="), "OpenGL 2.1 cannot be had on this display")
}
