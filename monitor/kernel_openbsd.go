package monitor

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// readTCPInfo cannot tell here: a hung server is told from a broken way by fresh connections only.
func readTCPInfo(net.Conn) (tcpInfo, bool) { return tcpInfo{}, false }

// boottimeAhead is how long this computer has slept since it was started: CLOCK_BOOTTIME goes on meanwhile, CLOCK_UPTIME
// does not (clock_gettime(2)). It only grows.
func boottimeAhead() time.Duration { return clocksApart(unix.CLOCK_UPTIME, unix.CLOCK_BOOTTIME) }
