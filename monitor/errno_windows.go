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

// saying is e in the words that other systems have for it; the system's own are long, and in its language.
func saying(e syscall.Errno) string {
	if words, ok := wsaWords[e]; ok {
		return words
	}
	return e.Error()
}

var wsaWords = map[syscall.Errno]string{
	windows.WSAEACCES:        "permission denied", // a firewall of this computer's
	windows.WSAEMFILE:        "too many open files",
	windows.WSAEADDRINUSE:    "address already in use", // no port is left to connect from
	windows.WSAEADDRNOTAVAIL: "cannot assign requested address",
	windows.WSAENETDOWN:      "network is down",
	windows.WSAENETUNREACH:   "network is unreachable",
	windows.WSAENETRESET:     "connection timed out", // keepalive had no answer
	windows.WSAECONNABORTED:  "software caused connection abort",
	windows.WSAECONNRESET:    "connection reset by peer",
	windows.WSAENOBUFS:       "no buffer space available",
	windows.WSAETIMEDOUT:     "connection timed out",
	windows.WSAECONNREFUSED:  "connection refused",
	windows.WSAEHOSTDOWN:     "host is down",
	windows.WSAEHOSTUNREACH:  "no route to host",

	windows.ERROR_NETNAME_DELETED:     "connection reset by peer",
	windows.ERROR_SEM_TIMEOUT:         "connection timed out",
	windows.ERROR_CONNECTION_REFUSED:  "connection refused",
	windows.ERROR_CONNECTION_ABORTED:  "software caused connection abort",
	windows.ERROR_NETWORK_UNREACHABLE: "network is unreachable",
	windows.ERROR_HOST_UNREACHABLE:    "no route to host",
}
