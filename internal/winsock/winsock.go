// Package winsock sets TCP keepalive on Windows sockets and reads back what took effect, on systems of every age. What is
// asked of the system stands behind functions, so that what follows from its answers is tested everywhere.
package winsock

import (
	"encoding/binary"
	"time"
)

// The options of a socket (winsock2.h, ws2ipdef.h). TCP_KEEPCNT is there since Windows 10 1703, TCP_KEEPIDLE and
// TCP_KEEPINTVL since 1709, TCP_MAXRT mostly.
const (
	solSocket   = 0xffff
	soKeepalive = 8
	ipprotoTCP  = 6
	tcpKeepIdle = 3 // seconds
	tcpMaxRT    = 5 // seconds that TCP tries before it ends the connection
	tcpKeepCnt  = 16
	tcpKeepIntv = 17 // seconds
)

const (
	probes   = 10                     // how often Windows asks where there is no TCP_KEEPCNT ("SIO_KEEPALIVE_VALS")
	fastest  = 100 * time.Millisecond // between probes
	infoSize = 88                     // of TCP_INFO_v0
)

// A Socket is what can be asked of a Windows socket.
type Socket struct {
	set  func(level, name, value int) error
	get  func(level, name int) (int, error)
	vals func(idle, interval time.Duration) error // SIO_KEEPALIVE_VALS with onoff 1; milliseconds
}

// Keepalive is how a dead peer is found; see monitor.Keepalive.
type Keepalive struct {
	Enabled     bool // as read back
	Idle        time.Duration
	Interval    time.Duration
	Count       int
	UserTimeout time.Duration // TCP_MAXRT; 0 as read back: the system's default
}

// SetKeepalive switches probes on as k has it. Older systems do not take their number: there they are sent so often that a
// dead peer is given up after the same time. Newer ones take each value, in whole seconds.
func (s Socket) SetKeepalive(k Keepalive) error {
	err := s.vals(k.Idle, oldInterval(k))
	if s.set(ipprotoTCP, tcpKeepIntv, int(k.Interval/time.Second)) == nil && // the newest of the three
		s.set(ipprotoTCP, tcpKeepIdle, int(k.Idle/time.Second)) == nil &&
		s.set(ipprotoTCP, tcpKeepCnt, k.Count) == nil {
		return s.set(solSocket, soKeepalive, 1)
	}
	return err
}

// KeepaliveOff switches probes off.
func (s Socket) KeepaliveOff() error { return s.set(solSocket, soKeepalive, 0) }

// oldInterval is the time between probes where there are always ten of them.
func oldInterval(k Keepalive) time.Duration {
	return max((k.Interval * time.Duration(k.Count) / probes).Round(time.Millisecond), fastest)
}

// SetUserTimeout has the kernel try for d, in whole seconds, before it ends the connection. Where that cannot be set there
// is an error, and the system's own bound stays: about 20 s.
func (s Socket) SetUserTimeout(d time.Duration) error {
	return s.set(ipprotoTCP, tcpMaxRT, int((d+time.Second-1)/time.Second))
}

// Read reads back what was set; asked is what SetKeepalive was given. SIO_KEEPALIVE_VALS cannot be read: where it was taken
// and probes are on, what it was given holds. What cannot be known stays zero.
func (s Socket) Read(asked Keepalive) (k Keepalive) {
	on, err := s.get(solSocket, soKeepalive)
	k.Enabled = err == nil && on != 0
	seconds := func(name int) (time.Duration, error) {
		v, err := s.get(ipprotoTCP, name)
		return time.Duration(v) * time.Second, err
	}
	idle, ierr := seconds(tcpKeepIdle)
	every, eerr := seconds(tcpKeepIntv)
	count, cerr := s.get(ipprotoTCP, tcpKeepCnt)
	switch {
	case ierr == nil && eerr == nil && cerr == nil:
		k.Idle, k.Interval, k.Count = idle, every, count
	case k.Enabled:
		k.Idle, k.Interval, k.Count = asked.Idle, oldInterval(asked), probes
	}
	if d, err := seconds(tcpMaxRT); err == nil && d > 0 {
		k.UserTimeout = d
	}
	return k
}

// TCPInfo is the part of TCP_INFO_v0 that is used (mstcpip.h).
type TCPInfo struct {
	RTT         time.Duration
	InFlight    int // bytes that were sent and not acknowledged
	FastRetrans int // losses that repeated acknowledgements told of
	Timeouts    int // losses that silence told of, each counted once
}

// parseTCPInfo reads what SIO_TCP_INFO gave.
func parseTCPInfo(b []byte) (info TCPInfo, ok bool) {
	if len(b) < infoSize {
		return TCPInfo{}, false
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	return TCPInfo{RTT: time.Duration(u32(20)) * time.Microsecond, InFlight: u32(28), FastRetrans: u32(72), Timeouts: u32(80)}, true
}
