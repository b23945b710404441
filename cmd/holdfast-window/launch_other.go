//go:build !windows

package main

// launched is about consoles, which only Windows opens unasked.
func launched() bool { return false }
