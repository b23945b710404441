package monitor

import (
	"syscall"

	"golang.org/x/sys/windows"
)

func isRefused(e syscall.Errno) bool { return e == windows.WSAECONNREFUSED }

func isReset(e syscall.Errno) bool { return e == windows.WSAECONNRESET || e == windows.WSAECONNABORTED }

func isUnreachable(e syscall.Errno) bool {
	switch e {
	case windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEACCES, windows.WSAENETDOWN, windows.WSAEADDRNOTAVAIL:
		return true
	}
	return false
}
