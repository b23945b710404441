//go:build !windows

package responder

import (
	"errors"
	"syscall"
)

// isReset: EPIPE is none. It says that we answered after the client had ended the session in order.
func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// wentBefore: accept(2) passes over a client that has reset its connection, or gives its end.
func wentBefore(error) bool { return false }
