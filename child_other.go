//go:build !unix

package main

import "os"

// terminate ends a program; this system has no way to ask one that has no console of ours.
func terminate(p *os.Process) error { return p.Kill() }
