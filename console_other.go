//go:build !windows

package main

import "os"

// leaveConsole does nothing: this system opens no console for a program.
func leaveConsole() (bool, error) { return false, nil }

// unheard: this system keeps what a program says that has no terminal (journald, ~/.xsession-errors), or was asked not to.
func unheard(*os.File) bool { return false }

// crashTo does nothing; see unheard.
func crashTo(*os.File) {}

// tellStart does nothing; see unheard.
func tellStart(string) {}

// atLoginProgram is what is to be started at login: this program.
func atLoginProgram(self string) string { return self }
