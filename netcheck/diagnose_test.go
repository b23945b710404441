package netcheck

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

var (
	eth0   = Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.10"), Gateway: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("203.0.113.7")}
	onLink = Way{Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.10"), Destination: netip.MustParseAddr("192.0.2.77")}
	local  = Way{Index: 1, Interface: "lo", Source: netip.MustParseAddr("127.0.0.1"), Destination: netip.MustParseAddr("127.0.0.1"), Loopback: true}
	router = netip.MustParseAddr("198.51.100.9")
)

func icmp(typ, code uint8, from netip.Addr) ICMPError {
	return ICMPError{Type: typ, Code: code, Sender: from}
}

type diagnoseCase struct {
	name string
	f    Facts
	want Cause
	also []Cause
}

var diagnoseCases = []diagnoseCase{
	{"nothing known", Facts{}, CauseNone, nil},
	{"session up, all is well", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Answered}, CauseNone, nil},
	{"a beat is overdue, nothing else known yet", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Asked}, CauseNone, nil},
	{"a late beat came, the fresh connection was slower", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Answered, Fresh: Silent, Gateway: Silent}, CauseNone, nil},

	{"interface gone", Facts{HadSession: true, Way: eth0, Link: LinkGone}, InterfaceGone, nil},
	{"interface switched off", Facts{HadSession: true, Way: eth0, Link: LinkDisabled}, InterfaceDisabled, nil},
	{"cable out", Facts{HadSession: true, Way: eth0, Link: LinkNoCarrier}, CableUnplugged, nil},
	{"address changed", Facts{HadSession: true, Way: eth0, Link: LinkAddressChanged}, AddressChanged, nil},
	{"address gone", Facts{HadSession: true, Way: eth0, Link: LinkNoAddress}, NoAddress, nil},
	{"cable out beats a reset", Facts{HadSession: true, Way: eth0, Link: LinkNoCarrier, Session: Reset, Fresh: Refused}, CableUnplugged, nil},
	{"way moved to a VPN, session well", Facts{HadSession: true, Way: eth0, Link: LinkMoved, Session: Asked}, CauseNone, nil},

	{"route gone", Facts{HadSession: true, Way: eth0, Link: LinkNoRoute}, NoRoute, nil},
	{"route gone, a disabled interface explains nothing to a session", Facts{HadSession: true, Way: eth0, Link: LinkNoRoute, OtherDisabled: "eth1"}, NoRoute, nil},
	{"before connecting, no route, an interface is off", Facts{RouteErr: syscall.ENETUNREACH, OtherDisabled: "eth1", OtherNoCarrier: "eth2"}, InterfaceDisabled, nil},
	{"before connecting, no route, a cable is out", Facts{RouteErr: syscall.ENETUNREACH, OtherNoCarrier: "eth2", OtherNoAddress: "eth3"}, CableUnplugged, nil},
	{"before connecting, no route, no address", Facts{RouteErr: syscall.ENETUNREACH, OtherNoAddress: "eth3"}, NoAddress, nil},
	{"before connecting, no route at all", Facts{RouteErr: syscall.ENETUNREACH}, NoRoute, nil},
	{"connect says network unreachable", Facts{Fresh: Unreachable, FreshErrno: syscall.ENETUNREACH}, NoRoute, nil},
	{"macOS says refused, of a reset or of what a firewall said", Facts{Way: eth0, Link: LinkWhole, Fresh: Refused, RefusalUnsure: true}, ServerRefused, []Cause{PathProhibited}},
	{"macOS says refused, of this computer", Facts{Way: Way{Index: 1, Loopback: true}, Link: LinkWhole, Fresh: Refused, RefusalUnsure: true}, ServerRefused, nil},
	{"Windows says network unreachable", Facts{Fresh: Unreachable, FreshErrno: wsaENETUNREACH}, NoRoute, nil},
	{"Windows says network unreachable, and the link is whole", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: wsaENETUNREACH}, ServerUnreachable, []Cause{PathProhibited}},
	{"a router far away says network unreachable", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.ENETUNREACH, FreshICMP: icmp(3, 0, router)}, PathLost, nil},

	{"name unknown", Facts{Way: eth0, Link: LinkWhole, Name: Failed, NameUnknown: true}, NameNotFound, nil},
	{"resolver silent", Facts{Way: eth0, Link: LinkWhole, Name: Silent}, ResolverUnreachable, nil},
	{"resolver silent, its gateway silent too and used to answer", Facts{Way: eth0, Link: LinkWhole, Name: Silent, Gateway: Silent, GatewayNeighbour: NeighbourPresent, GatewayUsedTo: Yes}, GatewayUnreachable, []Cause{ResolverUnreachable}},
	{"resolver silent, its gateway silent as ever", Facts{Way: eth0, Link: LinkWhole, Name: Silent, Gateway: Silent, GatewayNeighbour: NeighbourPresent, GatewayUsedTo: No}, ResolverUnreachable, nil},
	{"resolver silent, its gateway is still being asked", Facts{Way: eth0, Link: LinkWhole, Name: Silent, Gateway: Asked}, CauseNone, nil},
	{"resolver refuses", Facts{Way: eth0, Link: LinkWhole, Name: Refused}, ResolverUnreachable, nil},
	{"resolver behind a dead gateway", Facts{Way: eth0, Link: LinkWhole, Name: Silent, Gateway: Silent, GatewayNeighbour: NeighbourFailed}, GatewayUnreachable, nil},
	{"resolver fails, the address from before serves: refused", Facts{Way: eth0, Link: LinkWhole, Name: Failed, Fresh: Refused}, ServerRefused, nil},

	{"session reset", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Reset}, ServerReset, nil},
	{"session closed", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Closed}, ServerClosed, nil},
	{"session reset, fresh connection under way", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Reset, Fresh: Asked}, CauseNone, nil},
	{"session reset, fresh connection refused", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Reset, Fresh: Refused}, ServerRefused, nil},
	{"session closed, fresh connection refused", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Closed, Fresh: Refused}, ServerRefused, nil},
	{"session closed, fresh connection stands", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Closed, Fresh: Answered, FreshBeat: Answered}, ServerClosed, nil},
	{"session reset, then silence", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Reset, Fresh: Silent, Gateway: Silent}, ServerReset, nil},

	{"nothing listens", Facts{Way: eth0, Link: LinkWhole, Fresh: Refused}, ServerRefused, nil},
	{"nothing listens, on this computer", Facts{Way: local, Link: LinkWhole, Fresh: Refused}, ServerRefused, nil},
	{"the server's own port unreachable", Facts{Way: eth0, Link: LinkWhole, Fresh: Refused, FreshICMP: icmp(3, 3, eth0.Destination)}, ServerRefused, nil},
	{"a firewall's port unreachable", Facts{Way: eth0, Link: LinkWhole, Fresh: Refused, FreshICMP: icmp(3, 3, router)}, ServerRefused, []Cause{PathProhibited}},

	{"host unreachable, the host answers UDP", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, Host: Answered}, PathProhibited, nil},
	{"administratively prohibited", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, FreshICMP: icmp(3, 13, router)}, PathProhibited, nil},
	{"prohibited, IPv6", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EACCES, FreshICMP: ICMPError{Type: 1, Code: 1, V6: true, Sender: netip.MustParseAddr("2001:db8::1")}}, PathProhibited, nil},
	{"the last router finds no host", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, FreshICMP: icmp(3, 1, router)}, ServerUnreachable, nil},
	{"host unreachable, nobody says more", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, Host: Silent, Gateway: Answered}, ServerUnreachable, []Cause{PathProhibited}},
	{"host unreachable, questions under way", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, Host: Asked, Gateway: Answered}, CauseNone, nil},
	{"host unreachable because the gateway's ARP failed", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, FreshICMP: icmp(3, 1, eth0.Source), GatewayNeighbour: NeighbourFailed, Gateway: Silent}, GatewayUnreachable, nil},
	{"host unreachable on the own network", Facts{Way: onLink, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EHOSTUNREACH, ServerNeighbour: NeighbourFailed}, ServerUnreachable, nil},
	{"a local rule forbids it", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.EPERM}, PathProhibited, nil},

	{"silent by another route, the interface that was used is off", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered, OtherDisabled: "eth1"}, InterfaceDisabled, []Cause{PathLost}},
	{"silent, a disabled interface, but stations far away answer", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered, OtherDisabled: "eth1", LastHop: router}, PathLost, []Cause{ServerUnreachable}},
	{"session silent, a disabled interface elsewhere", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, Fresh: Silent, Gateway: Answered, OtherDisabled: "eth1"}, PathLost, []Cause{ServerUnreachable}},
	{"silent on the own network", Facts{Way: onLink, Link: LinkWhole, Fresh: Silent, ServerNeighbour: NeighbourIncomplete, Host: Asked}, ServerUnreachable, nil},
	{"port filtered on the own network", Facts{Way: onLink, Link: LinkWhole, Fresh: Silent, Host: Answered}, PortFiltered, nil},
	{"port filtered", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Host: Refused}, PortFiltered, []Cause{PathLost}},
	{"silent, on this computer", Facts{Way: local, Link: LinkWhole, Fresh: Silent}, PortFiltered, []Cause{ServerHung}},
	{"silent, gateway answers", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered, Host: Silent}, PathLost, []Cause{ServerUnreachable}},
	{"silent, a probe was told that the host is not there", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, FreshICMP: icmp(3, 1, router)}, ServerUnreachable, nil},
	{"silent, a probe was told that it is prohibited", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, FreshICMP: icmp(3, 13, router)}, PathLost, []Cause{ServerUnreachable, PathProhibited}},
	{"silent, gateway confirmed by ARP", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, GatewayConfirmed: true, GatewayUsedTo: No}, PathLost, []Cause{ServerUnreachable}},
	{"silent, gateway silent, a station behind it answers", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, LastHop: router}, PathLost, []Cause{ServerUnreachable}},
	{"silent, gateway's ARP unanswered", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, GatewayNeighbour: NeighbourIncomplete}, GatewayUnreachable, nil},
	{"silent, gateway silent, it used to answer", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, GatewayNeighbour: NeighbourPresent, GatewayUsedTo: Yes}, GatewayUnreachable, []Cause{PathLost}},
	{"silent, gateway silent, not known whether it ever answered", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, GatewayNeighbour: NeighbourPresent}, GatewayUnreachable, []Cause{PathLost}},
	{"silent, gateway silent as ever", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent, GatewayNeighbour: NeighbourPresent, GatewayUsedTo: No}, PathLost, []Cause{GatewayUnreachable}},
	{"silent, gateway still asked", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Asked}, CauseNone, nil},
	{"silent, gateway not asked", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent}, CauseNone, nil},
	{"silent, link not looked at", Facts{Way: eth0, Fresh: Silent, Gateway: Answered}, CauseNone, nil},
	{"silent, a system that tells nothing", Facts{Fresh: Silent}, PathLost, []Cause{GatewayUnreachable, ServerUnreachable}},
	{"timed out by the kernel", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshErrno: syscall.ETIMEDOUT, Gateway: Answered}, PathLost, []Cause{ServerUnreachable}},

	{"session acknowledged, not answered", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, SessionAcked: Yes, Fresh: Asked}, ServerHung, nil},
	{"backlog full: fresh connection silent, session acknowledged", Facts{HadSession: true, Way: onLink, Link: LinkWhole, Session: Silent, SessionAcked: Yes, Fresh: Silent}, ServerHung, nil},
	{"hung: fresh beat silent too", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, SessionAcked: Yes, Fresh: Answered, FreshBeat: Silent}, ServerHung, nil},
	{"only this session's handler hangs", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, SessionAcked: Yes, Fresh: Answered, FreshBeat: Answered}, ServerHung, nil},
	{"a middlebox forgot the session", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, SessionAcked: No, Fresh: Answered, FreshBeat: Answered}, FlowLost, nil},
	{"the same without heartbeats", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Silent, SessionAcked: No, Fresh: Answered}, FlowLost, nil},
	{"fresh beat answered, the session's retransmission still has time", Facts{HadSession: true, Way: eth0, Link: LinkWhole, Session: Asked, Fresh: Answered, FreshBeat: Answered}, CauseNone, nil},
	{"before connecting, hung", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Silent}, ServerHung, nil},
	{"before connecting, closes at once", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Closed}, ServerClosed, nil},
	{"before connecting, resets at once", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Reset}, ServerReset, nil},
	{"before connecting, talks nonsense", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Failed}, ProtocolError, nil},
	{"TLS fails", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, TLSFailed: true}, TLSFailed, nil},
	{"login fails", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Closed, AuthFailed: true}, AuthFailed, nil},
	{"connected", Facts{Way: eth0, Link: LinkWhole, Fresh: Answered, FreshBeat: Answered}, CauseNone, nil},
}

func TestDiagnose(t *testing.T) {
	for _, tt := range slices.Concat(diagnoseCases, proxyCases) {
		name := tt.name
		if tt.f.Proxied {
			name = "proxied: " + name
		}
		t.Run(name, func(t *testing.T) {
			v := Diagnose(tt.f)
			if v.Cause != tt.want || !slices.Equal(v.Also, tt.also) || v.Hop != tt.want.Hop() {
				t.Errorf("got %q at %q, also %v; want %q, also %v", v.Cause, v.Hop, v.Also, tt.want, tt.also)
			}
		})
	}
}

// A nameCase is about what a verdict names beside its cause.
type nameCase struct {
	name string
	f    Facts
	want Verdict
}

var nameCases = []nameCase{
	{"the way's interface and gateway", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered, LastHop: router},
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: router}},
	{"another interface, so not this way's gateway", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered, OtherDisabled: "eth1"},
		Verdict{Interface: "eth1"}},
	{"who prohibits", Facts{Way: eth0, Link: LinkWhole, Fresh: Unreachable, FreshICMP: icmp(3, 13, router), LastHop: eth0.Gateway},
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: router}},
	{"nobody behind the gateway answers", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Answered},
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: eth0.Gateway}},
	{"the gateway does not answer either", Facts{Way: eth0, Link: LinkWhole, Fresh: Silent, Gateway: Silent},
		Verdict{Interface: "eth0", Gateway: eth0.Gateway}},
	{"the server itself refuses", Facts{Way: eth0, Link: LinkWhole, Fresh: Refused, Gateway: Answered}, Verdict{Interface: "eth0", Gateway: eth0.Gateway}},
	{"a broken link has no last hop", Facts{Way: eth0, Link: LinkNoCarrier, LastHop: router}, Verdict{Interface: "eth0", Gateway: eth0.Gateway}},
}

func TestDiagnoseNames(t *testing.T) {
	for _, tt := range slices.Concat(nameCases, proxyNameCases) {
		v := Diagnose(tt.f)
		if v.Interface != tt.want.Interface || v.Gateway != tt.want.Gateway || v.LastHop != tt.want.LastHop {
			t.Errorf("%s: got %q %v %v, want %q %v %v", tt.name, v.Interface, v.Gateway, v.LastHop, tt.want.Interface, tt.want.Gateway, tt.want.LastHop)
		}
	}
}

// anyFacts draws facts, contradictory ones too.
func anyFacts() *rapid.Generator[Facts] {
	return rapid.Custom(func(t *rapid.T) Facts {
		outcome := func(name string) Outcome { return Outcome(rapid.IntRange(0, int(Failed)).Draw(t, name)) }
		yes := func(name string) bool { return rapid.Bool().Draw(t, name) }
		name := func(what string) string { return rapid.SampledFrom([]string{"", "", "eth5"}).Draw(t, what) }
		hop := func(what string) netip.Addr {
			return rapid.SampledFrom([]netip.Addr{{}, {}, router, eth0.Gateway, eth0.Source, eth0.Destination}).Draw(t, what)
		}
		errno := rapid.SampledFrom([]syscall.Errno{0, 0, 0, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ETIMEDOUT, syscall.EACCES, syscall.EADDRNOTAVAIL})
		return Facts{
			HadSession: yes("session"), Way: rapid.SampledFrom([]Way{{}, eth0, onLink, local}).Draw(t, "way"),
			Link: LinkState(rapid.IntRange(0, int(LinkMoved)).Draw(t, "link")), RouteErr: errno.Draw(t, "route"),
			OtherDisabled: name("disabled"), OtherNoCarrier: name("no carrier"), OtherNoAddress: name("no address"),
			Name: outcome("name"), NameUnknown: yes("unknown"), Session: outcome("session"), SessionAcked: Tri(rapid.IntRange(0, 2).Draw(t, "acked")),
			Fresh: outcome("fresh"), FreshErrno: errno.Draw(t, "errno"),
			FreshICMP: ICMPError{Type: uint8(rapid.IntRange(0, 12).Draw(t, "type")), Code: uint8(rapid.IntRange(0, 15).Draw(t, "code")), V6: yes("v6"), Sender: hop("sender")},
			FreshBeat: outcome("beat"), TLSFailed: yes("tls"), ProtocolError: yes("protocol"), AuthFailed: yes("auth"),
			Host: outcome("host"), Gateway: outcome("gateway"), GatewayNeighbour: NeighbourState(rapid.IntRange(0, 4).Draw(t, "neighbour")),
			GatewayConfirmed: yes("confirmed"), GatewayUsedTo: Tri(rapid.IntRange(0, 2).Draw(t, "used to")),
			ServerNeighbour: NeighbourState(rapid.IntRange(0, 4).Draw(t, "server neighbour")), LastHop: hop("last hop"),
		}
	})
}

func TestDiagnoseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts().Draw(t, "facts")
		v := Diagnose(f)
		if v.Hop != v.Cause.Hop() || v.Cause != CauseNone && v.Hop == HopNone {
			t.Fatalf("cause %q at hop %q", v.Cause, v.Hop)
		}
		if slices.Contains(v.Also, v.Cause) || v.IsZero() && v.Also != nil {
			t.Fatalf("%q, also %v", v.Cause, v.Also)
		}

		// The nearest hop wins: break the link, and the link is named, whatever else is known.
		cut := f
		cut.Link = LinkState(rapid.IntRange(int(LinkGone), int(LinkNoRoute)).Draw(t, "break"))
		if got := Diagnose(cut); got.Hop != HopLink {
			t.Fatalf("link %v broken, yet %q", cut.Link.Cause(), got.Cause)
		}

		// Unmeasured is never fine: silence of the server says nothing about a path whose first hop was not asked.
		far := Facts{HadSession: f.HadSession, Way: eth0, Link: f.Link, Fresh: Silent, Session: Silent, GatewayNeighbour: f.GatewayNeighbour,
			GatewayUsedTo: f.GatewayUsedTo, ServerNeighbour: f.ServerNeighbour, Gateway: rapid.SampledFrom([]Outcome{NotAsked, Asked}).Draw(t, "unasked")}
		if got := Diagnose(far); !got.IsZero() && got.Hop != HopLink {
			t.Fatalf("gateway unmeasured, yet %q", got.Cause)
		}
		// Nor is a link that was not looked at.
		far.Link, far.Gateway, far.LastHop = LinkUnknown, f.Gateway, f.LastHop
		if got := Diagnose(far); !got.IsZero() {
			t.Fatalf("link unmeasured, yet %q", got.Cause)
		}
		// A beat that came ends the search, unless this computer's own way broke since.
		well := f
		well.HadSession, well.Session, well.Link, well.RouteErr, well.Fresh = true, Answered, LinkWhole, 0, Silent
		if got := Diagnose(well); !got.IsZero() {
			t.Fatalf("a beat was answered, yet %q", got.Cause)
		}
	})
}
