package monitor

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// readTCPInfo asks the kernel for its view of the connection (TCP_CONNECTION_INFO, netinet/tcp.h).
func readTCPInfo(conn net.Conn) (info tcpInfo, ok bool) {
	control(conn, func(fd int) {
		i, err := unix.GetsockoptTCPConnectionInfo(fd, unix.IPPROTO_TCP, unix.TCP_CONNECTION_INFO)
		if err == nil {
			info, ok = tcpInfoOfMac(int(i.Snd_sbbytes), i.Srtt, i.Txretransmitpackets), true
		}
	})
	return info, ok
}

// boottimeAhead is how long this computer has slept since it was started: CLOCK_MONOTONIC_RAW goes on meanwhile,
// CLOCK_UPTIME_RAW, by which Go's timers go, does not (clock_gettime(3)). It only grows.
func boottimeAhead() time.Duration {
	return clocksApart(unix.CLOCK_UPTIME_RAW, unix.CLOCK_MONOTONIC_RAW)
}
