package monitor

import (
	"testing"
	"time"

	"holdfast/internal/winsock"
)

func TestTCPInfoOfWindows(t *testing.T) {
	const rtt = 1500 * time.Microsecond
	for _, tt := range []struct {
		name string
		in   winsock.TCPInfo
		want tcpInfo
	}{
		{"all acknowledged", winsock.TCPInfo{RTT: rtt}, tcpInfo{lastAck: ackAgeUnknown, rtt: rtt}},
		{"20 bytes are not", winsock.TCPInfo{RTT: rtt, InFlight: 20}, tcpInfo{bytes: 20, lastAck: ackAgeUnknown, rtt: rtt}},
		{"a loss that lasts is not counted", winsock.TCPInfo{RTT: rtt, InFlight: 20, FastRetrans: 2, Timeouts: 3}, tcpInfo{bytes: 20, lastAck: ackAgeUnknown, rtt: rtt, again: 4}},
		{"losses that are over", winsock.TCPInfo{RTT: rtt, FastRetrans: 2, Timeouts: 3}, tcpInfo{lastAck: ackAgeUnknown, rtt: rtt, again: 5}},
	} {
		if got := tcpInfoOfWindows(tt.in); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
