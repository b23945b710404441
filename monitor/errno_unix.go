//go:build !windows

package monitor

import (
	"syscall"
)

func isRefused(e syscall.Errno) bool { return e == syscall.ECONNREFUSED }

func isReset(e syscall.Errno) bool { return e == syscall.ECONNRESET || e == syscall.EPIPE }

// isSilence: TCP has tried for as long as it does, and nobody answered.
func isSilence(e syscall.Errno) bool { return e == syscall.ETIMEDOUT }

// saying is e in words.
func saying(e syscall.Errno) string { return e.Error() }

func isUnreachable(e syscall.Errno) bool {
	switch e {
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.EPERM, syscall.ENETDOWN, syscall.EADDRNOTAVAIL:
		return true
	}
	return false
}
