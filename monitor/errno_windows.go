package monitor

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// What a socket says on Windows has numbers of its own (WSA…): syscall.ECONNREFUSED and its like never occur. Where a call
// ends late the number may also be one of Win32.

func isRefused(e syscall.Errno) bool {
	return e == windows.WSAECONNREFUSED || e == windows.ERROR_CONNECTION_REFUSED
}

// isReset: the peer said so. WSAECONNABORTED and WSAENETRESET are no resets: this computer gave the connection up, because
// nothing was acknowledged or because its own address went.
func isReset(e syscall.Errno) bool {
	return e == windows.WSAECONNRESET || e == windows.ERROR_NETNAME_DELETED
}

func isUnreachable(e syscall.Errno) bool {
	switch e {
	case windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAEACCES, windows.WSAENETDOWN, windows.WSAEADDRNOTAVAIL,
		windows.ERROR_HOST_UNREACHABLE, windows.ERROR_NETWORK_UNREACHABLE:
		return true
	}
	return false
}

// isSilence: TCP has tried for as long as it does, and nobody answered.
func isSilence(e syscall.Errno) bool {
	switch e {
	case windows.WSAETIMEDOUT, windows.ERROR_SEM_TIMEOUT, windows.WSAECONNABORTED, windows.WSAENETRESET, windows.ERROR_CONNECTION_ABORTED:
		return true
	}
	return false
}
