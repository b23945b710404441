//go:build !windows

package monitor

import "syscall"

// What the sockets of the world say, in the numbers of this system.
const (
	errnoRefused  = syscall.ECONNREFUSED
	errnoReset    = syscall.ECONNRESET
	errnoTimedOut = syscall.ETIMEDOUT
)
