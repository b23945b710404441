//go:build !windows

package main

import (
	"fmt"
	"os"
)

const noOpenGL = "error.no-opengl"

// tell says it to whoever started this.
func tell(text string) { fmt.Fprintln(os.Stderr, "holdfast-window: "+text) }

// launched is about consoles, which only Windows opens unasked.
func launched() bool { return false }
