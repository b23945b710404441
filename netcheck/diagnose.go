package netcheck

import (
	"net/netip"
	"syscall"
)

// Diagnose names the nearest hop that the facts show to be broken. It is pure; whoever collects the facts calls it again
// with each new one. The zero Verdict means that nothing is broken, or that it cannot be told yet.
//
// It fills everything but Evidence. A question whose outcome is Asked may still change the answer, so it holds back
// whatever its answer could overturn: silence of a fresh connection is not blamed on the way while Gateway or Host are
// Asked, and the end of a session is not named while Fresh is Asked (a refusal says more). Who wants a name by a certain
// moment turns what is then unanswered into Silent. What was not asked at all holds nothing back, but proves nothing
// either: without any answer from or beyond the gateway the path is never blamed. Behind a proxy a session whose answer
// is still Asked holds back what silence there would say.
func Diagnose(f Facts) Verdict {
	if (f.FreshErrno == wsaENETUNREACH || f.FreshErrno == errorNetworkUnreachable) && f.Link == LinkWhole {
		f.FreshErrno = wsaEHOSTUNREACH // Windows has one number for "no route" and for a router that says so
	}
	f.FreshErrno = posix(f.FreshErrno)
	if f.Fresh == Unreachable && f.FreshErrno == syscall.ETIMEDOUT { // silence by another name
		f.Fresh, f.FreshErrno = Silent, 0
	}
	if f.FreshICMP.Sender == f.Way.Source {
		f.FreshICMP = ICMPError{} // our own kernel says so, because the next hop did not answer ARP or NDP
	}
	rows := direct[:]
	if f.Proxied {
		rows = proxied[:]
	}
	for _, row := range rows {
		v := row(&f)
		if v.Cause == CauseNone && !v.wait {
			continue
		}
		if v.Cause == CauseNone {
			return Verdict{}
		}
		out := Verdict{Cause: v.Cause, Hop: v.Cause.Hop(), Also: v.also, Interface: f.Way.Interface, Gateway: f.Way.Gateway, LastHop: f.LastHop}
		if v.iface != "" && v.iface != f.Way.Interface {
			out.Interface, out.Gateway, out.LastHop = v.iface, netip.Addr{}, netip.Addr{}
		}
		if !out.LastHop.IsValid() && f.Gateway == Answered && (f.Fresh == Silent || f.Fresh == Unreachable) {
			out.LastHop = out.Gateway // nobody behind it has answered
		}
		if v.sender.IsValid() {
			out.LastHop = v.sender
		}
		if out.Hop == HopLink {
			out.LastHop = netip.Addr{}
		}
		return out
	}
	return Verdict{}
}

// A finding is what one row of the table says. The zero finding says nothing: the next row is asked.
type finding struct {
	Cause
	also   []Cause
	iface  string     // the interface to name, where it is not the way's
	sender netip.Addr // who sent the ICMP error that it rests on
	wait   bool       // it cannot be told yet, and no later row may tell
}

func is(c Cause, also ...Cause) finding { return finding{Cause: c, also: also} }

var wait = finding{wait: true}

// direct and proxied are the truth tables; the first row that fits decides.
var (
	direct = [...]func(*Facts) finding{
		brokenLink, noRoute, beatCame, deadGatewayBeforeName, noName,
		sessionEnded, refused, unreachable, acknowledged, silent, answered,
	}
	proxied = [...]func(*Facts) finding{
		brokenLink, noRoute, beatCame, deadGatewayBeforeName, noName,
		proxyRefused, proxyUnreachable, proxySilent, throughProxy,
	}
)

func brokenLink(f *Facts) finding {
	if f.Link.Broken() && f.Link != LinkNoRoute {
		return is(f.Link.Cause())
	}
	return finding{}
}

func noRoute(f *Facts) finding {
	switch {
	case f.Link != LinkNoRoute && f.RouteErr == 0 && (f.Fresh != Unreachable || !localErrno(f.FreshErrno) || !f.FreshICMP.IsZero()):
		return finding{}
	case f.HadSession: // its interface, carrier and address are in order: brokenLink has seen to that
	case f.OtherDisabled != "":
		return finding{Cause: InterfaceDisabled, iface: f.OtherDisabled}
	case f.OtherNoCarrier != "":
		return finding{Cause: CableUnplugged, iface: f.OtherNoCarrier}
	case f.OtherNoAddress != "":
		return finding{Cause: NoAddress, iface: f.OtherNoAddress}
	}
	return is(NoRoute)
}

// localErrno reports whether connect(2) failed with what only this computer says, unless an ICMP error brought it.
func localErrno(e syscall.Errno) bool {
	return e == syscall.ENETUNREACH || e == syscall.ENETDOWN || e == syscall.EADDRNOTAVAIL
}

// beatCame ends the search: the whole way works.
func beatCame(f *Facts) finding {
	if f.HadSession && f.Session == Answered {
		return wait
	}
	return finding{}
}

// deadGatewayBeforeName keeps a resolver behind a dead gateway from being blamed: the nearest broken hop wins.
func deadGatewayBeforeName(f *Facts) finding {
	switch {
	case !f.nameFailed() || f.Fresh == Answered || f.Fresh == Refused:
	case f.gatewayDead() && f.Gateway == Silent:
		return is(GatewayUnreachable)
	case f.Name != Silent: // somebody has answered
	case f.Gateway == Asked:
		return wait
	case f.Gateway == Silent && f.Way.Gateway.IsValid() && !f.gatewayAlive() && f.GatewayUsedTo != No:
		return is(GatewayUnreachable, ResolverUnreachable)
	}
	return finding{}
}

func noName(f *Facts) finding {
	switch {
	case !f.nameFailed() || f.Fresh == Answered || f.Fresh == Refused: // an address from earlier still served
		return finding{}
	case f.NameUnknown:
		return is(NameNotFound)
	}
	return is(ResolverUnreachable)
}

func (f *Facts) nameFailed() bool {
	return f.NameUnknown || f.Name == Refused || f.Name == Failed || f.Name == Silent || f.Name == Unreachable
}

func sessionEnded(f *Facts) finding {
	if !f.HadSession || f.Session != Reset && f.Session != Closed || f.Fresh == Refused {
		return finding{}
	}
	switch {
	case f.Fresh == Asked:
		return wait
	case f.Session == Reset:
		return is(ServerReset)
	}
	return is(ServerClosed)
}

func refused(f *Facts) finding {
	switch {
	case f.Fresh == Reset:
		return is(ServerReset)
	case f.Fresh != Refused:
		return finding{}
	case f.FreshICMP.Prohibited(), f.FreshICMP.PortUnreachable() && f.FreshICMP.Sender != f.Way.Destination:
		// A firewall rejects in its own name, the connection perhaps, or only the probes beside it.
		return finding{Cause: ServerRefused, also: []Cause{PathProhibited}, sender: f.FreshICMP.Sender}
	case f.RefusalUnsure && !f.Way.Loopback:
		return is(ServerRefused, PathProhibited)
	}
	return is(ServerRefused)
}

// unreachable is about a fresh connection that ended in an error other than a refusal.
func unreachable(f *Facts) finding {
	if f.Fresh != Unreachable {
		return finding{}
	}
	e := f.FreshICMP
	onLink := f.Way.Index > 0 && !f.Way.Gateway.IsValid()
	switch {
	case f.FreshErrno == syscall.EACCES || f.FreshErrno == syscall.EPERM || e.Prohibited():
		return finding{Cause: PathProhibited, sender: e.Sender}
	case e.NetUnreachable():
		return finding{Cause: PathLost, sender: e.Sender}
	case f.Way.Index > 0 && f.Link == LinkUnknown:
		return wait
	case f.hostAlive():
		return is(PathProhibited)
	case e.HostUnreachable():
		return finding{Cause: ServerUnreachable, sender: e.Sender}
	case onLink && f.ServerNeighbour != NeighbourPresent && e.IsZero():
		return is(ServerUnreachable) // ARP or NDP got no answer
	case !onLink && f.gatewayDead():
		return is(GatewayUnreachable)
	case f.Host == Asked || f.Gateway == Asked:
		return wait
	}
	return is(ServerUnreachable, PathProhibited)
}

// hostAlive reports whether the server's host itself answered another question.
func (f *Facts) hostAlive() bool { return f.Host == Answered || f.Host == Refused }

// gatewayDead reports whether nothing speaks for the gateway and its neighbour entry against it.
func (f *Facts) gatewayDead() bool {
	if !f.Way.Gateway.IsValid() || f.gatewayAlive() {
		return false
	}
	switch f.GatewayNeighbour {
	case NeighbourAbsent, NeighbourIncomplete, NeighbourFailed:
		return true
	}
	return false
}

// gatewayAlive reports whether the gateway, or anybody behind it, answered since the round began.
func (f *Facts) gatewayAlive() bool {
	return f.Gateway == Answered || f.Gateway == Refused || f.GatewayConfirmed || f.LastHop.IsValid() || !f.FreshICMP.IsZero() || f.hostAlive()
}

// acknowledged: the peer's kernel takes what its program does not answer, so the whole way is in order. A fresh
// connection that is silent all the same met a full backlog.
func acknowledged(f *Facts) finding {
	switch {
	case !f.HadSession || f.SessionAcked != Yes || f.Session != Silent:
		return finding{}
	case f.Fresh == Answered && (f.FreshBeat == Reset || f.FreshBeat == Closed || f.above() != CauseNone):
		return finding{} // answered says more
	}
	return is(ServerHung)
}

// silent is about a fresh connection that gets no answer at all.
func silent(f *Facts) finding {
	if f.Fresh != Silent {
		return finding{}
	}
	onLink := f.Way.Index > 0 && !f.Way.Gateway.IsValid()
	beyond := f.LastHop.IsValid() && f.LastHop != f.Way.Gateway // the way works beyond the gateway
	switch {
	case f.Way.Loopback:
		return is(PortFiltered, ServerHung) // this computer drops the SYN: a rule, or a full backlog
	case f.Way.Index > 0 && f.Link == LinkUnknown:
		return wait // nothing behind a link that was not looked at can be judged
	case f.OtherDisabled != "" && !f.HadSession && !beyond && !f.hostAlive():
		return finding{Cause: InterfaceDisabled, also: []Cause{PathLost}, iface: f.OtherDisabled}
	case f.hostAlive() && onLink:
		return is(PortFiltered)
	case f.hostAlive():
		return is(PortFiltered, PathLost)
	case f.Host == Asked && f.ServerNeighbour != NeighbourIncomplete && f.ServerNeighbour != NeighbourFailed:
		return wait
	case onLink:
		return is(ServerUnreachable)
	case f.FreshICMP.HostUnreachable():
		return finding{Cause: ServerUnreachable, sender: f.FreshICMP.Sender} // its last router has asked for it in vain
	case f.FreshICMP.Prohibited():
		// It forbids the probe; TCP itself has not heard it.
		return finding{Cause: PathLost, also: []Cause{ServerUnreachable, PathProhibited}, sender: f.FreshICMP.Sender}
	case f.gatewayAlive():
		return is(PathLost, ServerUnreachable)
	case f.Way.Index == 0 && f.Gateway == NotAsked:
		// The system does not tell us the way: nothing on it was measured, so all of it is listed.
		return is(PathLost, GatewayUnreachable, ServerUnreachable)
	case f.Gateway != Silent && f.Gateway != Unreachable:
		return wait
	case f.gatewayDead():
		return is(GatewayUnreachable)
	case f.GatewayUsedTo == No:
		return is(PathLost, GatewayUnreachable)
	}
	return is(GatewayUnreachable, PathLost)
}

// answered is about a fresh connection that stands, and what came of the beat on it.
func answered(f *Facts) finding {
	if c := f.above(); c != CauseNone {
		return is(c)
	}
	if f.Fresh != Answered {
		return finding{}
	}
	switch f.FreshBeat {
	case Reset:
		return is(ServerReset)
	case Closed:
		return is(ServerClosed)
	case Silent:
		return is(ServerHung)
	case Failed, Refused:
		return is(ProtocolError)
	case Asked, Unreachable:
		return finding{}
	}
	// A new connection works, the session's packets vanish. Before its retransmissions had their time (Session is then
	// still Asked) the session may only have lost one.
	if f.HadSession && f.Session == Silent && (f.FreshBeat == Answered || f.SessionAcked == No) {
		return is(FlowLost)
	}
	return finding{}
}

// above is the failure of a layer above TCP.
func (f *Facts) above() Cause {
	switch {
	case f.TLSFailed:
		return TLSFailed
	case f.ProtocolError:
		return ProtocolError
	case f.AuthFailed:
		return AuthFailed
	}
	return CauseNone
}
