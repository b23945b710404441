// Package netcheck knows what the operating system knows about the way to a destination, asks the hops on that way
// questions that need no privileges, and says which hop broke. It never acts: it changes no setting, opens no session
// and contacts only the hosts that its caller names and the next hop on the way to them.
//
// [Egress] finds the [Way] to a destination, [Judge] says whether that way is still whole, a [Watcher] says when to
// judge again, and [Diagnose] turns what was found out ([Facts]) into a [Verdict]. On Linux all of it rests on the
// kernel's own answers (rtnetlink), on Windows on those of IP Helper, on macOS, FreeBSD, NetBSD and OpenBSD on those of a
// routing socket. Elsewhere the functions say [ErrUnsupported] or "not known": nothing is guessed.
package netcheck

import (
	"errors"
	"net/netip"
	"syscall"
	"time"
)

// ErrUnsupported says that this operating system's view of interfaces and routes is not read, or not to be had.
var ErrUnsupported = errors.New("netcheck: not supported on this operating system")

// A Change says what kernel news may concern; it never says what changed. Whoever gets one judges again: with All every
// way, with Index only the ways by that interface. News about other interfaces never arrives.
type Change struct {
	Index int  // the interface that the news is about; 0 with All
	All   bool // routes or rules changed, or news was lost: it may concern every way
	// Neighbour: a station on that interface was found or given up by ARP or NDP, nothing else changed. Judge would
	// say the same as before; a diagnosis may not. Only Linux tells such news.
	Neighbour bool
}

// WatcherStats counts what a Watcher has seen since it was made.
type WatcherStats struct {
	Messages     uint64 // kernel messages that reached this process; what the filter in the kernel drops is not counted
	Changes      uint64 // changes handed to the listeners
	Overruns     uint64 // times the kernel dropped news because we were slow (ENOBUFS)
	Resubscribed uint64 // times the subscription was renewed after an error
	CarrierReads uint64 // reads of a carrier file
}

// A GatewayAnswer is what AskGateway found out.
type GatewayAnswer struct {
	Outcome Outcome       // Answered, Silent, Unreachable (nothing could be sent), NotAsked (there is no gateway)
	RTT     time.Duration // of the answer
	How     string        // which question was answered: "ttl 1", "udp", "tcp", on Windows also "ping", "arp", on macOS "ping"; empty when none
	Sender  netip.Addr    // who answered
}

// A PathAnswer is what AskPath has found out so far.
type PathAnswer struct {
	Deepest netip.Addr    // the deepest station behind the next hop that answered; invalid none
	TTL     int           // how many hops away it is, at most; 0 not known
	RTT     time.Duration // of its answer
	Host    Outcome       // Answered: the destination's host itself answered; Asked until then; Silent at the end
	HostRTT time.Duration // of that answer
	Refusal ICMPError     // a station said that the destination is prohibited or unreachable; zero none
}

// TimeExceeded reports whether a station on the way let the packet's TTL end: that station is alive.
func (e ICMPError) TimeExceeded() bool {
	return !e.IsZero() && (!e.V6 && e.Type == 11 || e.V6 && e.Type == 3)
}

// PortUnreachable reports whether e says that nobody listens (RFC 792 type 3 code 3, RFC 4443 type 1 code 4).
// From the destination itself it proves that the host is alive; from anybody else it is a firewall's "no".
func (e ICMPError) PortUnreachable() bool {
	return !e.IsZero() && (!e.V6 && e.Type == 3 && e.Code == 3 || e.V6 && e.Type == 1 && e.Code == 4)
}

// Prohibited reports whether e says that a rule forbids the way: codes 9, 10, 13 (RFC 1812, section 5.2.7.1), for IPv6
// codes 1, 5, 6 (RFC 4443, section 3.1).
func (e ICMPError) Prohibited() bool {
	if e.IsZero() {
		return false
	}
	if e.V6 {
		return e.Type == 1 && (e.Code == 1 || e.Code == 5 || e.Code == 6)
	}
	return e.Type == 3 && (e.Code == 9 || e.Code == 10 || e.Code == 13)
}

// HostUnreachable reports whether the last router found nobody at the address (code 1; for IPv6 code 3).
func (e ICMPError) HostUnreachable() bool {
	return !e.IsZero() && (!e.V6 && e.Type == 3 && e.Code == 1 || e.V6 && e.Type == 1 && e.Code == 3)
}

// NetUnreachable reports whether a router on the way knows no route (code 0).
func (e ICMPError) NetUnreachable() bool {
	return !e.IsZero() && e.Code == 0 && (!e.V6 && e.Type == 3 || e.V6 && e.Type == 1)
}

// Errno is what connect(2) makes of the error: EHOSTUNREACH, ENETUNREACH, ECONNREFUSED; 0 for an error that ends no
// connection attempt.
func (e ICMPError) Errno() syscall.Errno {
	switch {
	case e.PortUnreachable():
		return syscall.ECONNREFUSED
	case e.NetUnreachable():
		return syscall.ENETUNREACH
	case e.Prohibited(), e.HostUnreachable():
		return syscall.EHOSTUNREACH
	}
	return 0
}
