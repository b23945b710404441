package monitor

import "holdfast/internal/winsock"

// What follows from the answers of Windows; they are asked for in sockopt_windows.go.

func tcpInfoOfWindows(i winsock.TCPInfo) tcpInfo {
	info := tcpInfo{bytes: i.InFlight, lastAck: ackAgeUnknown, rtt: i.RTT, again: i.FastRetrans + i.Timeouts}
	if i.InFlight > 0 && i.Timeouts > 0 {
		info.again-- // it may be the loss that lasts
	}
	return info
}
