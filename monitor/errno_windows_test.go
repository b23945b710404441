package monitor

import "golang.org/x/sys/windows"

const (
	errnoRefused  = windows.WSAECONNREFUSED
	errnoReset    = windows.WSAECONNRESET
	errnoTimedOut = windows.WSAETIMEDOUT
)
