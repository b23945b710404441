//go:build freebsd || netbsd

package monitor

import (
	"net"
	"time"
)

// readTCPInfo cannot tell here: a hung server is told from a broken way by fresh connections only, and heartbeat "none" sees a
// break only when the kernel's keepalive ends the connection.
func readTCPInfo(net.Conn) (tcpInfo, bool) { return tcpInfo{}, false }

// boottimeAhead cannot tell here: no clock of this kernel goes on in a sleep but the wall clock, which is also set.
func boottimeAhead() time.Duration { return 0 }
