package responder

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isReset: syscall.ECONNRESET never compares equal on Windows. WSAECONNABORTED is no reset: this computer gave the client
// up, because nothing was acknowledged.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.ERROR_NETNAME_DELETED)
}

// wentBefore: the client had reset its connection before it was accepted. Package net takes the usual numbers for that
// upon itself; where the address of who came is asked for too late, it is this one.
func wentBefore(err error) bool { return errors.Is(err, windows.WSAENOTCONN) }
