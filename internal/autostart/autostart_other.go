//go:build !((linux || freebsd || openbsd || netbsd || dragonfly) && !android) && !windows

package autostart

// Enabled returns ErrUnavailable: this system's own way is not built.
func Enabled() (State, error) { return State{}, ErrUnavailable }

// Set returns ErrUnavailable: this system's own way is not built.
func Set(bool, string) error { return ErrUnavailable }
