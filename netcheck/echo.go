package netcheck

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A reply is an answer to a question of an asker.
type reply struct {
	icmp   ICMPError // zero for a datagram
	data   bool      // a datagram came back
	sender netip.Addr
	to     netip.Addr // whom we had asked
	ttl    int        // the TTL that the question had; 0 the system's
	rtt    time.Duration
}

// What IcmpSendEcho2 says of a question (ipexport.h).
const (
	ipSuccess         = 0
	ipNetUnreachable  = 11002 // IPv6: no route
	ipHostUnreachable = 11003
	ipProtUnreachable = 11004 // IPv6: prohibited
	ipPortUnreachable = 11005
	ipTTLExpired      = 11013
	ipDestUnreachable = 11040 // IPv6
	ipTimeExceeded    = 11041
)

// echoReplySize is how much of a reply is read: an ICMP_ECHO_REPLY of 64-bit programs begins with the address, the status
// and the round trip in milliseconds, four bytes each; an ICMPV6_ECHO_REPLY with a port, a flow, the address and its zone,
// 26 bytes, and the status at 28.
const echoReplySize = 36

// parseEcho says what the reply to an echo request tells; false: that nobody answered.
func parseEcho(b *[echoReplySize]byte, v6 bool) (r reply, ok bool) {
	status := binary.LittleEndian.Uint32(b[4:])
	r.sender = netip.AddrFrom4([4]byte(b[:4]))
	if v6 {
		status = binary.LittleEndian.Uint32(b[28:])
		r.sender = netip.AddrFrom16([16]byte(b[6:22]))
	}
	if r.sender.IsUnspecified() {
		return reply{}, false
	}
	r.icmp = ICMPError{V6: v6, Sender: r.sender}
	switch {
	case status == ipSuccess:
		r.icmp, r.data = ICMPError{}, true
	case (status == ipTTLExpired || status == ipTimeExceeded) && v6:
		r.icmp.Type = 3
	case status == ipTTLExpired:
		r.icmp.Type = 11
	case v6:
		r.icmp.Type = 1
		switch status { // RFC 4443, section 3.1
		case ipNetUnreachable:
			r.icmp.Code = 0
		case ipHostUnreachable, ipDestUnreachable:
			r.icmp.Code = 3
		case ipProtUnreachable:
			r.icmp.Code = 1
		case ipPortUnreachable:
			r.icmp.Code = 4
		default:
			return reply{}, false
		}
	default:
		r.icmp.Type = 3
		switch status {
		case ipNetUnreachable:
			r.icmp.Code = 0
		case ipHostUnreachable:
			r.icmp.Code = 1
		case ipProtUnreachable:
			r.icmp.Code = 13 // every host knows ICMP: a rule says so, and Windows has no number of its own for that
		case ipPortUnreachable:
			r.icmp.Code = 3
		default:
			return reply{}, false
		}
	}
	return r, true
}

// icmpInfoSize is the size of an ICMP_ERROR_INFO: who sent it as a SOCKADDR_INET, a protocol, type and code, padding.
const icmpInfoSize = sockaddrSize + 8

// parseICMPInfo reads what Windows keeps of the ICMP error that ended a connection attempt; false: there was none.
func parseICMPInfo(b *[icmpInfoSize]byte) (e ICMPError, ok bool) {
	e.Sender = inetAddr((*[sockaddrSize]byte)(b[:]))
	if !e.Sender.IsValid() || e.Sender.IsUnspecified() {
		return ICMPError{}, false
	}
	e.V6 = binary.LittleEndian.Uint32(b[sockaddrSize:]) == 58 // IPPROTO_ICMPV6
	e.Type, e.Code = b[sockaddrSize+4], b[sockaddrSize+5]
	return e, true
}
