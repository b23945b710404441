//go:build !windows

package launch

import "os/exec"

// Quiet does nothing: this system opens no console.
func Quiet(*exec.Cmd) {}

// GiveWay does nothing: this system lets a program that is asked to come to the front do so.
func GiveWay() {}
