// Package bsdsock sets TCP keepalive on the sockets of macOS and the BSDs, each of which has other options, and reads back
// what took effect. What is asked of the system stands behind functions, so that what follows from its answers is tested
// everywhere.
package bsdsock

import (
	"errors"
	"time"
)

// Options are the numbers of a system's options (netinet/tcp.h); 0 it has none. All count in whole seconds.
type Options struct {
	idle, interval, count int
	// unacked is after how long without an acknowledgement TCP ends the connection: TCP_RXT_CONNDROPTIME, which counts from
	// the first retransmission, or TCP_MAXUNACKTIME.
	unacked int
}

// Numbers that are the same in each of them (sys/socket.h).
const (
	solSocket   = 0xffff
	soKeepalive = 8
	ipprotoTCP  = 6
)

// Systems are the options by the names that Go gives systems. OpenBSD lets a socket only switch keepalive on: when it asks
// and how often, the whole computer is set to (sysctl net.inet.tcp.keepidle, two hours).
var Systems = map[string]Options{
	"darwin":  {idle: 0x10, interval: 0x101, count: 0x102, unacked: 0x80},
	"freebsd": {idle: 0x100, interval: 0x200, count: 0x400, unacked: 68}, // the last since FreeBSD 14
	"netbsd":  {idle: 3, interval: 5, count: 6},
	"openbsd": {},
}

// A Socket is what can be asked of a socket.
type Socket struct {
	has Options
	set func(level, name, value int) error
	get func(level, name int) (int, error)
}

// Keepalive is how a dead peer is found; see monitor.Keepalive.
type Keepalive struct {
	Enabled     bool // as read back
	Idle        time.Duration
	Interval    time.Duration
	Count       int
	UserTimeout time.Duration // 0 as read back: not known, or the system's own bound
}

// SetKeepalive switches probes on as k has it, as far as this system lets a socket choose; Read says what came of it.
func (s Socket) SetKeepalive(k Keepalive) error {
	for _, o := range [...]struct{ name, value int }{
		{s.has.idle, seconds(k.Idle)}, {s.has.interval, seconds(k.Interval)}, {s.has.count, k.Count},
	} {
		if o.name == 0 {
			continue
		}
		if err := s.set(ipprotoTCP, o.name, o.value); err != nil {
			return err
		}
	}
	return s.set(solSocket, soKeepalive, 1)
}

// KeepaliveOff switches probes off.
func (s Socket) KeepaliveOff() error { return s.set(solSocket, soKeepalive, 0) }

// SetUserTimeout has the kernel end the connection when what was sent is not acknowledged for d, rounded up to seconds. The
// error wraps [errors.ErrUnsupported] where that cannot be set: the system's own bound stays, of minutes.
func (s Socket) SetUserTimeout(d time.Duration) error {
	if s.has.unacked == 0 {
		return errors.ErrUnsupported
	}
	if err := s.set(ipprotoTCP, s.has.unacked, seconds(d)); err != nil {
		return errors.Join(errors.ErrUnsupported, err)
	}
	return nil
}

// seconds rounds up: 0 would mean the system's own time.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// Read reads back what holds. What cannot be read stays zero.
func (s Socket) Read() (k Keepalive) {
	get := func(level, name int) int {
		if name == 0 {
			return 0
		}
		v, err := s.get(level, name)
		if err != nil || v < 0 {
			return 0
		}
		return v
	}
	k.Enabled = get(solSocket, soKeepalive) != 0
	k.Idle = time.Duration(get(ipprotoTCP, s.has.idle)) * time.Second
	k.Interval = time.Duration(get(ipprotoTCP, s.has.interval)) * time.Second
	k.Count = get(ipprotoTCP, s.has.count)
	k.UserTimeout = time.Duration(get(ipprotoTCP, s.has.unacked)) * time.Second
	return k
}
