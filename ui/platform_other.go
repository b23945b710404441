//go:build !unix && !windows

package ui

import "runtime"

// Platform names the system that this program runs on and the Go that built it, for reports.
func Platform() string { return runtime.GOOS + " " + runtime.GOARCH + ", " + runtime.Version() }
