package netcheck

import (
	"fmt"
	"net/netip"
	"syscall"

	"holdfast/internal/dial"
)

// A Way is how packets to a destination leave this computer: what the kernel's route look-up answered at one moment.
// A session keeps the Way it was opened on; that way is judged, not what a fresh look-up would find (another default
// route, of a virtual machine or a VPN, proves nothing about this session). The zero Way is "no way known".
type Way struct {
	Index       int        // interface index: the identity; names can be reused
	Interface   string     // its name at that moment
	Source      netip.Addr // the source address
	Gateway     netip.Addr // next hop; invalid when the destination is on-link or local
	Destination netip.Addr
	Loopback    bool // the destination is this computer: no carrier, no neighbour, no gateway to judge
}

// A LinkState is the judgement on the local part of a Way.
type LinkState uint8

const (
	LinkUnknown        LinkState = iota // not measured
	LinkWhole                           // interface, carrier, source address and route are in order
	LinkGone                            // no interface of that index
	LinkDisabled                        // not IFF_UP
	LinkNoCarrier                       // IFF_UP without IFF_LOWER_UP
	LinkAddressChanged                  // the source address left; the interface has another of that family
	LinkNoAddress                       // the source address left; none of that family is there
	LinkNoRoute                         // the route by this interface and gateway is gone
	LinkMoved                           // whole, but the kernel now prefers another way: no break by itself
)

// Broken reports whether the state is a break on this computer.
func (s LinkState) Broken() bool { return s >= LinkGone && s <= LinkNoRoute }

var linkStateNames = [...]string{"not known", "whole", "gone", "disabled", "no carrier", "address changed", "no address", "no route", "moved"}

// String returns a few English words for logs.
func (s LinkState) String() string {
	if int(s) < len(linkStateNames) {
		return linkStateNames[s]
	}
	return fmt.Sprintf("link state %d", uint8(s))
}

// Cause of a broken LinkState; CauseNone otherwise.
func (s LinkState) Cause() Cause {
	switch s {
	case LinkGone:
		return InterfaceGone
	case LinkDisabled:
		return InterfaceDisabled
	case LinkNoCarrier:
		return CableUnplugged
	case LinkAddressChanged:
		return AddressChanged
	case LinkNoAddress:
		return NoAddress
	case LinkNoRoute:
		return NoRoute
	}
	return CauseNone
}

// An Outcome is what has become of one question. The zero value is "not asked". Whoever asks decides when silence has
// lasted long enough to be called silent; until then the outcome is Asked.
type Outcome uint8

const (
	NotAsked    Outcome = iota
	Asked               // under way
	Answered            // accepted, echoed, replied
	Refused             // RST to a SYN, ICMP port unreachable
	Reset               // an established connection was reset
	Closed              // an established connection was ended in order
	Silent              // nothing in time
	Unreachable         // a local or ICMP error: see the errno beside it
	Failed              // any other answer that is a failure, see the text beside it
)

// Tri is yes, no, or not known (the zero value).
type Tri uint8

const (
	NotKnown Tri = iota
	Yes
	No
)

// NeighbourState is what the kernel's neighbour table says of an on-link address (ARP, NDP), reduced to what matters.
type NeighbourState uint8

const (
	NeighbourUnknown    NeighbourState = iota // not read, or the link has no neighbour resolution (tun, loopback)
	NeighbourAbsent                           // no entry
	NeighbourIncomplete                       // being asked, no answer yet
	NeighbourFailed                           // asked in vain
	NeighbourPresent                          // an address is known; says nothing about now: REACHABLE outlives a dead host by tens of seconds
)

// Said is what a proxy's reply says of a failure, in one word whatever its protocol: "auth-required", "denied",
// "refused", "host-unreachable", "timeout", "network-unreachable", "name-failed", "unsupported", "failed".
type Said = dial.Said

// SaidNonsense is what somebody says who does not speak a proxy's protocol.
const SaidNonsense Said = "nonsense"

// Facts is everything that one round of questions has found out so far about one target. The zero value of each field
// means "not measured", and Diagnose never takes it for "fine".
type Facts struct {
	// HadSession: the break came while a session was up. False: before connecting.
	HadSession bool
	// Way is the session's, or without a session the present look-up's; Link is the judgement on it.
	Way  Way
	Link LinkState
	// RouteErr is the errno of a failed present look-up (ENETUNREACH, EHOSTUNREACH, ...); 0 none.
	RouteErr syscall.Errno
	// OtherDisabled names an interface that is switched off while holding an address; empty none. OtherNoCarrier and
	// OtherNoAddress likewise name one without carrier, or up and without any address. They explain a missing route.
	OtherDisabled, OtherNoCarrier, OtherNoAddress string

	// Name: the look-up of the target's name. Answered, Refused (the resolver refuses), Failed with NameUnknown
	// (NXDOMAIN), Silent. NotAsked for an address.
	Name        Outcome
	NameUnknown bool

	// Session: how the old session stands: Asked (a beat is out), Reset, Closed, Silent; Answered once a beat came.
	Session Outcome
	// SessionAcked: the kernel has seen the peer acknowledge the overdue beat (TCP_INFO: nothing unacknowledged, and
	// the last acknowledgement is younger than the beat).
	SessionAcked Tri

	// Fresh: a fresh TCP connection to the server. Answered = the handshake completed. FreshErrno tells Unreachable apart.
	Fresh      Outcome
	FreshErrno syscall.Errno
	// RefusalUnsure: a Refused may also be what a firewall said by ICMP, see [RefusalUnsure].
	RefusalUnsure bool
	// FreshICMP is the ICMP error that ended it or a probe to the same host, when one was seen.
	FreshICMP ICMPError
	// FreshBeat: a heartbeat on that fresh connection.
	FreshBeat Outcome

	// Proxied: the way leads through a proxy. Way, Link, Name of a proxy given by name, Fresh and what is asked beside it
	// (Host, Gateway, the neighbours) are then about the way to the proxy; what follows here is about what lies behind it.
	Proxied bool
	// Tunnel: the newest request for a tunnel (CONNECT, SOCKS). Answered = it stands, and FreshBeat is the heartbeat
	// through it. Failed = the proxy's reply says no, see Says. Closed, Reset = it hung up before it had answered; right
	// after a session it may only be starting again, so try it for a moment before that is handed in, and likewise Fresh
	// Refused.
	Tunnel Outcome
	// Says is what the reply of a Failed tunnel says.
	Says Said
	// TunnelLate: the reply, or the end without one, came so late that the proxy must have waited for the server.
	TunnelLate bool
	// Greeting is Silent where not even a SOCKS greeting was answered, Answered where it was; NotAsked for HTTP.
	Greeting Outcome
	// ProxyAlive: a second question on a connection of its own, which a proxy that works answers by itself.
	ProxyAlive Outcome
	// ProxyGone: since the break began the proxy has refused a connection, or hung up on one before it answered.
	ProxyGone bool
	// FarName: this computer's own look-up of the target's name, which the proxy is given to look up; FarNameUnknown is
	// NXDOMAIN. NotAsked for an address.
	FarName        Outcome
	FarNameUnknown bool
	// FarNameUsedTo: whether this computer could ever look that name up (No: while a session by it was up, it could not).
	FarNameUsedTo Tri

	// TLS and Protocol: the failures above TCP.
	TLSFailed, ProtocolError, AuthFailed bool

	// Host: the server's host itself answered another question (UDP port unreachable, RST from another port).
	Host Outcome

	// Gateway: any question to the next hop (TTL 1, UDP to itself, SYN to itself): Answered, Silent.
	// GatewayNeighbour and GatewayConfirmed (ARP or NDP confirmed since the round began) come from the neighbour table.
	// GatewayUsedTo: whether it ever answered such a question (No: asked when all was well, and it never did).
	Gateway          Outcome
	GatewayNeighbour NeighbourState
	GatewayConfirmed bool
	GatewayUsedTo    Tri

	// ServerNeighbour: for an on-link server.
	ServerNeighbour NeighbourState

	// LastHop is the deepest station behind the gateway that answered a probe with rising TTL; invalid none.
	LastHop netip.Addr
}

// ICMPError is an ICMP or ICMPv6 error as IP_RECVERR delivers it. The zero value is none.
type ICMPError struct {
	Type, Code uint8
	V6         bool
	Sender     netip.Addr // who said so
}

// IsZero reports whether there was none.
func (e ICMPError) IsZero() bool { return !e.Sender.IsValid() }
