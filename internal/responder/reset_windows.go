package responder

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isReset: syscall.ECONNRESET never compares equal on Windows.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED)
}
