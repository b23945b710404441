//go:build !((linux || freebsd || openbsd || netbsd || dragonfly) && !android)

package autostart

// Enabled returns ErrUnavailable: this system has no XDG autostart.
func Enabled() (State, error) { return State{}, ErrUnavailable }

// Set returns ErrUnavailable: this system has no XDG autostart.
func Set(bool, string) error { return ErrUnavailable }
