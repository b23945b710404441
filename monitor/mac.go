package monitor

import "time"

// tcpInfoOfMac is what follows from a struct tcp_connection_info: bytes in the send buffer, which leave it when they are
// acknowledged; the smoothed round trip in milliseconds; segments sent again so far. The kernel tells no age of an
// acknowledgement, and counts each retransmission: of a loss that lasts two may have left by the time that it is looked at.
func tcpInfoOfMac(unacked int, srtt uint32, again uint64) tcpInfo {
	const many = 1 << 20 // more counts as that
	info := tcpInfo{bytes: unacked, lastAck: ackAgeUnknown, rtt: time.Duration(srtt) * time.Millisecond, again: int(min(again, many))}
	if unacked > 0 {
		info.again = max(0, info.again-2)
	}
	return info
}
