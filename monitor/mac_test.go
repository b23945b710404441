package monitor

import (
	"math"
	"testing"
	"time"
)

func TestTCPInfoOfMac(t *testing.T) {
	for _, tt := range []struct {
		name    string
		unacked int
		srtt    uint32
		again   uint64
		want    tcpInfo
	}{
		{"all acknowledged", 0, 12, 0, tcpInfo{lastAck: ackAgeUnknown, rtt: 12 * time.Millisecond}},
		{"20 bytes are not", 20, 12, 0, tcpInfo{bytes: 20, lastAck: ackAgeUnknown, rtt: 12 * time.Millisecond}},
		{"a loss that lasts is not counted", 20, 12, 5, tcpInfo{bytes: 20, lastAck: ackAgeUnknown, rtt: 12 * time.Millisecond, again: 3}},
		{"the first loss, which lasts", 20, 12, 1, tcpInfo{bytes: 20, lastAck: ackAgeUnknown, rtt: 12 * time.Millisecond}},
		{"losses that are over", 0, 12, 5, tcpInfo{lastAck: ackAgeUnknown, rtt: 12 * time.Millisecond, again: 5}},
		{"more than can be", 0, 0, math.MaxUint64, tcpInfo{lastAck: ackAgeUnknown, again: 1 << 20}},
	} {
		if got := tcpInfoOfMac(tt.unacked, tt.srtt, tt.again); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
