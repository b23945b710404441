package netcheck

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A Hop is a place on the way from this computer to the service. The order of the constants is the order on the way.
type Hop string

const (
	HopNone     Hop = ""         // no hop: nothing is broken, or nothing is known
	HopLink     Hop = "link"     // this computer's interface
	HopGateway  Hop = "gateway"  // the next hop of the route
	HopResolver Hop = "resolver" // the name look-up
	HopProxy    Hop = "proxy"    // the HTTP or SOCKS proxy
	HopPath     Hop = "path"     // beyond the last hop that answered
	HopServer   Hop = "server"   // the target's computer and its kernel
	HopService  Hop = "service"  // the program there
)

// A Cause is a stable code for what broke. Users, JSON, metrics and tests rely on the codes; they are never renamed.
type Cause string

// The causes, hop by hop.
const (
	CauseNone Cause = ""

	CableUnplugged    Cause = "cable-unplugged"    // no carrier
	InterfaceDisabled Cause = "interface-disabled" // not IFF_UP
	InterfaceGone     Cause = "interface-gone"     // the index is no longer there
	NoAddress         Cause = "no-address"         // the session's source address left, and none took its place
	NoRoute           Cause = "no-route"           // the kernel knows no way to the destination
	AddressChanged    Cause = "address-changed"    // the session's source address left, another came
	Asleep            Cause = "asleep"             // the computer was suspended: nothing was measured
	Stalled           Cause = "stalled"            // this program was not run in time: nothing was measured

	GatewayUnreachable Cause = "gateway-unreachable"

	ResolverUnreachable Cause = "resolver-unreachable"
	NameNotFound        Cause = "name-not-found"

	ProxyRefused        Cause = "proxy-refused"         // host up, program gone
	ProxyUnreachable    Cause = "proxy-unreachable"     // host silent: its network or its cable
	ProxyClosed         Cause = "proxy-closed"          // it ended the tunnel
	ProxyHung           Cause = "proxy-hung"            // it accepts and says nothing
	ProxyAuthRequired   Cause = "proxy-auth-required"   // 407
	ProxyDenied         Cause = "proxy-denied"          // 403, SOCKS reply 2
	ProxyUpstreamFailed Cause = "proxy-upstream-failed" // the proxy says so and not why
	ProxyProtocolError  Cause = "proxy-protocol-error"  // not a proxy

	PathLost       Cause = "path-lost"       // silence beyond the last hop that answered
	PathProhibited Cause = "path-prohibited" // an ICMP error forbids it
	FlowLost       Cause = "flow-lost"       // this session's packets vanish, a new connection works

	ServerRefused     Cause = "server-refused"
	ServerClosed      Cause = "server-closed"
	ServerReset       Cause = "server-reset"
	ServerUnreachable Cause = "server-unreachable"
	PortFiltered      Cause = "port-filtered" // the host answers, this port is silent

	ServerHung    Cause = "server-hung" // the kernel acknowledges, the program does not answer
	TLSFailed     Cause = "tls-failed"
	ProtocolError Cause = "protocol-error"
	AuthFailed    Cause = "auth-failed"
)

var causeHops = map[Cause]Hop{
	CableUnplugged: HopLink, InterfaceDisabled: HopLink, InterfaceGone: HopLink, NoAddress: HopLink,
	NoRoute: HopLink, AddressChanged: HopLink, Asleep: HopLink, Stalled: HopLink,
	GatewayUnreachable:  HopGateway,
	ResolverUnreachable: HopResolver, NameNotFound: HopResolver,
	ProxyRefused: HopProxy, ProxyUnreachable: HopProxy, ProxyClosed: HopProxy, ProxyHung: HopProxy,
	ProxyAuthRequired: HopProxy, ProxyDenied: HopProxy, ProxyUpstreamFailed: HopProxy, ProxyProtocolError: HopProxy,
	PathLost: HopPath, PathProhibited: HopPath, FlowLost: HopPath,
	ServerRefused: HopServer, ServerClosed: HopServer, ServerReset: HopServer, ServerUnreachable: HopServer, PortFiltered: HopServer,
	ServerHung: HopService, TLSFailed: HopService, ProtocolError: HopService, AuthFailed: HopService,
}

// Causes is every cause that can be shown, in the order of their codes.
func Causes() []Cause { return slices.Sorted(maps.Keys(causeHops)) }

// Hop is the hop that c blames; HopNone for CauseNone and for a code this version does not know.
func (c Cause) Hop() Hop { return causeHops[c] }

// Seen says in one word what was observed on a hop. Views have a sentence for each.
type Seen string

const (
	SeenNotAsked Seen = ""        // no question was put to this hop
	SeenAsked    Seen = "asked"   // a question is under way
	SeenOK       Seen = "ok"      // in order, without a round trip: carrier, address, route, an acknowledgement
	SeenAnswers  Seen = "answers" // it answered after Evidence.RTT
	SeenRefused  Seen = "refused" // it said no after Evidence.RTT
	SeenSilent   Seen = "silent"  // asked, no answer in time
	SeenLate     Seen = "late"    // the answer is overdue
	SeenBroken   Seen = "broken"  // in disorder, as Saw says: no carrier, reset, closed, prohibited
	SeenUnknown  Seen = "unknown" // asked; what came back proves nothing
)

// Evidence is one dated observation on one hop.
type Evidence struct {
	Time  time.Time
	Hop   Hop
	Where string        // what was asked: "eth0", "192.0.2.1", "192.0.2.7:7000"; empty when not known
	Seen  Seen          // one word for views
	RTT   time.Duration // of the answer; 0 where none was measured
	Saw   string        // plain English for reports and logs, one line, printable: "connection refused"
}

// A Verdict names what broke. The zero Verdict names nothing.
type Verdict struct {
	Cause     Cause
	Hop       Hop        // Cause.Hop()
	Also      []Cause    // what the wire cannot tell apart from Cause; nil when nothing
	Interface string     // the interface of the way; empty when not known
	Gateway   netip.Addr // the next hop of the way; invalid when the destination is on-link
	LastHop   netip.Addr // the farthest station that answered, or the sender of the ICMP error; invalid when none
	Evidence  []Evidence // what it rests on, oldest first
}

// IsZero reports whether v names nothing.
func (v Verdict) IsZero() bool { return v.Cause == CauseNone }
