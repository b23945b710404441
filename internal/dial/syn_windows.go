package dial

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// SIO_TCP_INITIAL_RTO sets how a SYN is sent again, and its structure TCP_INITIAL_RTO_PARAMETERS (mstcpip.h).
const (
	sioTCPInitialRTO    = windows.IOC_IN | windows.IOC_VENDOR | 17
	noSynRetransmission = 0xfe // TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS, since Windows 10 1709
	firstSYNRTT         = 1000 // milliseconds; a SYN is given up after three times this
)

type tcpInitialRTO struct {
	rtt uint16
	max uint8
}

// OneSYN has Windows send one SYN on a socket that is yet to connect. Left alone it sends a SYN that was refused again, twice
// and half a second apart, before it says so, and where TCP_MAXRT ends first it says "timed out" instead. Whoever dials sends
// a second SYN himself. Where the system does not take it nothing changes.
func OneSYN(fd uintptr) {
	rto := tcpInitialRTO{firstSYNRTT, noSynRetransmission}
	var n uint32
	_ = windows.WSAIoctl(windows.Handle(fd), sioTCPInitialRTO, (*byte)(unsafe.Pointer(&rto)), uint32(unsafe.Sizeof(rto)), nil, 0, &n, nil, 0)
}
