package monitor

import (
	"time"

	"holdfast/internal/winsock"
)

// What follows from the answers of Windows; they are asked for in sockopt_windows.go.

func tcpInfoOfWindows(i winsock.TCPInfo) tcpInfo {
	info := tcpInfo{bytes: i.InFlight, lastAck: ackAgeUnknown, rtt: i.RTT, again: i.FastRetrans + i.Timeouts}
	if i.InFlight > 0 && i.Timeouts > 0 {
		info.again-- // it may be the loss that lasts
	}
	return info
}

// sleptOf is how long the computer has slept since it was started, by its two clocks: the one that goes on meanwhile and
// the one that stands still, in steps of 100 ns (QueryUnbiasedInterruptTime). They are read one after the other, and the
// first goes in steps of up to 16 ms.
func sleptOf(sinceBoot time.Duration, unbiased uint64) time.Duration {
	return max(0, sinceBoot-time.Duration(unbiased)*100)
}
