package netcheck

import (
	"slices"
	"syscall"
	"testing"

	"holdfast/internal/dial"
	"pgregory.net/rapid"
)

// Facts about a target behind a proxy. The way is the one to the proxy: eth0's destination is its address.
func before() Facts { return Facts{Proxied: true, Way: eth0, Link: LinkWhole} }

func connected(session Outcome) Facts {
	return Facts{Proxied: true, HadSession: true, Way: eth0, Link: LinkWhole, Session: session}
}

// to: the fresh connection to the proxy.
func (f Facts) to(fresh Outcome) Facts { f.Fresh = fresh; return f }

func (f Facts) unreachable(errno syscall.Errno, e ICMPError) Facts {
	f.Fresh, f.FreshErrno, f.FreshICMP = Unreachable, errno, e
	return f
}

// tunnel: what became of the request for a tunnel, on a connection that the proxy took.
func (f Facts) tunnel(o Outcome) Facts { f.Fresh, f.Tunnel = Answered, o; return f }

func (f Facts) says(s Said) Facts { f.Says = s; return f.tunnel(Failed) }

func (f Facts) late() Facts { f.TunnelLate = true; return f }

func (f Facts) beat(o Outcome) Facts { f.FreshBeat = o; return f.tunnel(Answered) }

func (f Facts) name(o Outcome) Facts { f.FarName = o; return f }

func (f Facts) unknown() Facts { f.FarName, f.FarNameUnknown = Failed, true; return f }

func (f Facts) alive(o Outcome) Facts { f.ProxyAlive = o; return f }

func (f Facts) greeting(o Outcome) Facts { f.Greeting = o; return f }

func (f Facts) acked(k Tri) Facts { f.SessionAcked = k; return f }

func (f Facts) gone() Facts { f.ProxyGone = true; return f }

func (f Facts) by(w Way) Facts { f.Way = w; return f }

func (f Facts) with(change func(*Facts)) Facts { change(&f); return f }

var proxyCases = []diagnoseCase{
	{"nothing known", before(), CauseNone, nil},
	{"a beat is overdue, nothing else known yet", connected(Asked), CauseNone, nil},
	{"a late beat came, the fresh tunnel was slower", connected(Answered).tunnel(Silent).alive(Answered), CauseNone, nil},
	{"session up through the proxy", connected(Answered).beat(Answered), CauseNone, nil},

	// The way to the proxy.
	{"cable out", connected(Closed).to(Refused).with(func(f *Facts) { f.Link = LinkNoCarrier }), CableUnplugged, nil},
	{"cable out, the proxy had said no before", before().says(dial.SaidDenied).with(func(f *Facts) { f.Link = LinkNoCarrier }), CableUnplugged, nil},
	{"no route to the proxy", before().with(func(f *Facts) { f.RouteErr = syscall.ENETUNREACH }), NoRoute, nil},
	{"the proxy's name is not known", before().with(func(f *Facts) { f.Name, f.NameUnknown = Failed, true }), NameNotFound, nil},
	{"nobody looks the proxy's name up", before().with(func(f *Facts) { f.Name = Silent }), ResolverUnreachable, nil},
	{"nobody looks the proxy's name up, its address from before serves", connected(Silent).tunnel(Silent).alive(Silent).with(func(f *Facts) { f.Name = Silent }), ProxyHung, nil},

	{"before connecting, the proxy program is gone", before().to(Refused), ProxyRefused, nil},
	{"connected, the proxy program is gone", connected(Closed).to(Refused).gone(), ProxyRefused, nil},
	{"session silent, the proxy program is gone", connected(Silent).to(Refused), ProxyRefused, nil},
	{"a firewall rejects the proxy's port", before().to(Refused).with(func(f *Facts) { f.FreshICMP = icmp(3, 3, router) }), ProxyRefused, []Cause{PathProhibited}},
	{"a router forbids the way to the proxy", before().unreachable(syscall.EHOSTUNREACH, icmp(3, 13, router)), PathProhibited, nil},
	{"this computer's firewall forbids it", before().unreachable(syscall.EACCES, ICMPError{}), PathProhibited, nil},
	{"a router knows no route to the proxy", before().unreachable(syscall.ENETUNREACH, icmp(3, 0, router)), PathLost, nil},
	{"the last router finds no proxy", connected(Silent).unreachable(syscall.EHOSTUNREACH, icmp(3, 1, router)), ProxyUnreachable, nil},
	{"the proxy's ARP fails", before().by(onLink).unreachable(syscall.EHOSTUNREACH, ICMPError{}).with(func(f *Facts) { f.ServerNeighbour = NeighbourFailed }), ProxyUnreachable, nil},
	{"the gateway's ARP fails", before().unreachable(syscall.EHOSTUNREACH, icmp(3, 1, eth0.Source)).with(func(f *Facts) { f.GatewayNeighbour, f.Gateway = NeighbourFailed, Silent }), GatewayUnreachable, nil},
	{"host unreachable, nobody says more", before().unreachable(syscall.EHOSTUNREACH, ICMPError{}).with(func(f *Facts) { f.Host, f.Gateway = Silent, Answered }), ProxyUnreachable, []Cause{PathProhibited}},
	{"host unreachable, the proxy's computer answers", before().unreachable(syscall.EHOSTUNREACH, ICMPError{}).with(func(f *Facts) { f.Host = Answered }), PathProhibited, nil},
	{"host unreachable, questions under way", before().unreachable(syscall.EHOSTUNREACH, ICMPError{}).with(func(f *Facts) { f.Host = Asked }), CauseNone, nil},

	{"the proxy's computer is off, own network", before().by(onLink).to(Silent), ProxyUnreachable, nil},
	{"connected, the proxy's computer goes off, own network", connected(Silent).by(onLink).to(Silent).acked(No), ProxyUnreachable, nil},
	{"the proxy resets the session, then its computer goes off", connected(Reset).by(onLink).to(Silent), ProxyUnreachable, nil},
	{"the proxy's computer is off, behind a gateway that answers", before().to(Silent).with(func(f *Facts) { f.Gateway, f.Host = Answered, Silent }), ProxyUnreachable, []Cause{PathLost}},
	{"the last router tells a probe that it finds no proxy", before().to(Silent).with(func(f *Facts) { f.FreshICMP = icmp(3, 1, router) }), ProxyUnreachable, nil},
	{"a probe to the proxy is prohibited", before().to(Silent).with(func(f *Facts) { f.FreshICMP = icmp(3, 13, router) }), ProxyUnreachable, []Cause{PathLost, PathProhibited}},
	{"the proxy's computer answers, its port is silent", before().to(Silent).with(func(f *Facts) { f.Host = Answered }), ProxyUnreachable, []Cause{PortFiltered, ProxyHung}},
	{"the proxy's computer is still being asked", before().to(Silent).with(func(f *Facts) { f.Host, f.Gateway = Asked, Answered }), CauseNone, nil},
	{"the gateway is silent and used to answer", before().to(Silent).with(func(f *Facts) { f.Gateway, f.GatewayUsedTo = Silent, Yes }), GatewayUnreachable, []Cause{PathLost}},
	{"the gateway's ARP is unanswered", before().to(Silent).with(func(f *Facts) { f.Gateway, f.GatewayNeighbour = Silent, NeighbourFailed }), GatewayUnreachable, nil},
	{"the gateway is silent as ever", before().to(Silent).with(func(f *Facts) { f.Gateway, f.GatewayUsedTo = Silent, No }), ProxyUnreachable, []Cause{PathLost, GatewayUnreachable}},
	{"the gateway is still being asked", before().to(Silent).with(func(f *Facts) { f.Gateway = Asked }), CauseNone, nil},
	{"an interface that is off explains the silence", before().to(Silent).with(func(f *Facts) { f.OtherDisabled = "eth1" }), InterfaceDisabled, []Cause{ProxyUnreachable, PathLost}},
	{"a proxy on this computer takes no connection", before().by(local).to(Silent), ProxyHung, []Cause{PortFiltered}},
	{"a system that tells nothing, the proxy silent", Facts{Proxied: true, Fresh: Silent}, ProxyUnreachable, []Cause{PathLost, GatewayUnreachable}},
	{"the proxy's kernel acknowledges, its backlog is full", connected(Silent).to(Silent).acked(Yes), ProxyHung, nil},
	{"the proxy's kernel acknowledges, the session still has time", connected(Asked).to(Silent).acked(Yes), CauseNone, nil},
	{"acknowledged, nothing else known yet", connected(Silent).to(Asked).acked(Yes), CauseNone, nil},

	// What the proxy says.
	{"the tunnel is asked for", before().tunnel(Asked), CauseNone, nil},
	{"the proxy takes connections, no tunnel was asked for", before().tunnel(NotAsked), CauseNone, nil},
	{"a tunnel's fate from before, the proxy is asked anew", before().says(dial.SaidDenied).to(Asked), CauseNone, nil},
	{"407", before().says(dial.SaidAuth), ProxyAuthRequired, nil},
	{"403", connected(Closed).says(dial.SaidDenied), ProxyDenied, nil},
	{"garbage", before().says(SaidNonsense), ProxyProtocolError, nil},
	{"404, and the name is not known here either", before().says(dial.SaidUnsupported).with(func(f *Facts) { f.FarName, f.FarNameUnknown = Failed, true }), NameNotFound, []Cause{ProxyUpstreamFailed, ProxyProtocolError}},
	{"a web server: 405", before().says(dial.SaidUnsupported), ProxyProtocolError, []Cause{ProxyDenied}},
	{"squid: refused", before().says(dial.SaidRefused), ServerRefused, nil},
	{"SOCKS 5 while the look-up is under way", before().says(dial.SaidRefused).name(Asked), ServerRefused, nil},
	{"squid: timed out", before().says(dial.SaidTimeout).name(Silent), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"no route there", connected(Silent).says(dial.SaidNetUnreachable).name(Silent), ProxyUpstreamFailed, []Cause{PathLost}},
	{"SOCKS 4, by address", before().says(dial.SaidHostUnreachable), ServerUnreachable, []Cause{PathLost, PathProhibited, ProxyUpstreamFailed}},
	{"SOCKS 4, the name is in order", before().says(dial.SaidHostUnreachable).name(Answered), ServerUnreachable, []Cause{PathLost, PathProhibited, ProxyUpstreamFailed}},
	{"SOCKS 4, the name is being looked up", before().says(dial.SaidHostUnreachable).name(Asked), CauseNone, nil},
	{"SOCKS 4, the name does not exist", before().says(dial.SaidHostUnreachable).unknown(), NameNotFound, []Cause{ProxyUpstreamFailed, ServerUnreachable}},
	{"SOCKS 4, our resolver is silent too", before().says(dial.SaidHostUnreachable).name(Silent), ResolverUnreachable, []Cause{ProxyUpstreamFailed, ServerUnreachable}},

	{"it cannot look the name up, neither can we", before().says(dial.SaidName).unknown(), NameNotFound, []Cause{ProxyUpstreamFailed}},
	{"it cannot look the name up, our resolver refuses", before().says(dial.SaidName).name(Refused), ResolverUnreachable, []Cause{ProxyUpstreamFailed}},
	{"it cannot look the name up, we can", before().says(dial.SaidName).name(Answered), ProxyUpstreamFailed, []Cause{NameNotFound, ResolverUnreachable}},
	{"it cannot look the name up, we have not tried", before().says(dial.SaidName), ProxyUpstreamFailed, []Cause{NameNotFound, ResolverUnreachable}},
	{"it cannot look the name up, we are looking", before().says(dial.SaidName).name(Asked), CauseNone, nil},
	{"it cannot look the name up, we never could", before().says(dial.SaidName).unknown().with(func(f *Facts) { f.FarNameUsedTo = No }), ProxyUpstreamFailed, []Cause{NameNotFound, ResolverUnreachable}},

	{"500 at once before connecting", before().says(dial.SaidFailed), ProxyUpstreamFailed, []Cause{ServerRefused, PathProhibited}},
	{"500 at once, the name is in order", before().says(dial.SaidFailed).name(Answered), ProxyUpstreamFailed, []Cause{ServerRefused, PathProhibited}},
	{"500 at once, we are looking the name up", before().says(dial.SaidFailed).name(Asked), CauseNone, nil},
	{"500 at once, the name does not exist", before().says(dial.SaidFailed).unknown(), NameNotFound, []Cause{ProxyUpstreamFailed}},
	{"500 at once, our resolver fails", before().says(dial.SaidFailed).name(Failed), ResolverUnreachable, []Cause{ProxyUpstreamFailed}},
	{"500 at once, this network cannot look up any name outside", before().says(dial.SaidFailed).unknown().with(func(f *Facts) { f.FarNameUsedTo = No }), ProxyUpstreamFailed, []Cause{ServerRefused, PathProhibited}},
	{"500 late", before().says(dial.SaidFailed).late(), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"500 late, our resolver is silent too", before().says(dial.SaidFailed).late().name(Silent), ResolverUnreachable, []Cause{ProxyUpstreamFailed, ServerUnreachable}},
	{"a reply that says nothing we know", before().says(dial.SaidNothing), ProxyUpstreamFailed, []Cause{ServerRefused, PathProhibited}},
	{"the tunnel closed, 500 at once: the server program is gone", connected(Closed).says(dial.SaidFailed), ServerRefused, []Cause{ProxyUpstreamFailed}},
	{"the tunnel was reset, 500 at once", connected(Reset).says(dial.SaidFailed).name(Answered), ServerRefused, []Cause{ProxyUpstreamFailed}},
	{"the tunnel closed, 500 at once, a name that only the proxy knows", connected(Closed).says(dial.SaidFailed).unknown(), ServerRefused, []Cause{ProxyUpstreamFailed}},
	{"the tunnel closed, 500 late: the server's computer is gone", connected(Closed).says(dial.SaidFailed).late(), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"the proxy was gone for a moment, now 500 at once", connected(Closed).says(dial.SaidFailed).gone(), ProxyUpstreamFailed, []Cause{ServerUnreachable, PathProhibited}},
	{"the session is silent, 500 at once: the proxy's far side is dead", connected(Silent).says(dial.SaidFailed), ProxyUpstreamFailed, []Cause{ServerUnreachable, PathProhibited}},
	{"the session is overdue, 500 at once", connected(Asked).says(dial.SaidFailed), ProxyUpstreamFailed, []Cause{ServerUnreachable, PathProhibited}},

	{"before connecting, it closes without a word", before().tunnel(Closed), ProxyClosed, []Cause{ProxyDenied, ProxyProtocolError}},
	{"before connecting, it resets new connections", before().to(Reset), ProxyClosed, []Cause{ProxyDenied, ProxyProtocolError}},
	{"it waits and closes without a word", before().tunnel(Closed).late(), ProxyClosed, []Cause{ServerUnreachable, ProxyUpstreamFailed}},
	{"the tunnel closed, new ones are hung up on", connected(Closed).tunnel(Closed).gone(), ProxyClosed, nil},
	{"the session is silent, new ones are hung up on", connected(Silent).tunnel(Reset).gone(), ProxyClosed, nil},

	// Silence behind a proxy that accepts.
	{"SOCKS, not even the greeting is answered", before().tunnel(Silent).greeting(Silent), ProxyHung, []Cause{ProxyProtocolError}},
	{"HTTP, the second question is not answered either", connected(Silent).tunnel(Silent).alive(Silent).acked(Yes), ProxyHung, nil},
	{"SOCKS, it stopped after the greeting", before().tunnel(Silent).greeting(Answered).alive(Silent), ProxyHung, nil},
	{"the second question is under way", before().tunnel(Silent).alive(Asked), CauseNone, nil},
	{"SOCKS, the second question is under way", before().tunnel(Silent).greeting(Answered).alive(Asked), CauseNone, nil},
	{"no second question", before().tunnel(Silent), CauseNone, nil},
	{"the second question could not be put", before().tunnel(Silent).alive(Unreachable), CauseNone, nil},
	{"the second question is refused", before().tunnel(Silent).alive(Refused), ProxyRefused, nil},
	{"the proxy works and hears nothing from there", before().tunnel(Silent).alive(Answered), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"the second question is hung up on: it lives", before().tunnel(Silent).alive(Closed), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"SOCKS, greeted and then nothing", before().tunnel(Silent).greeting(Answered), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"connected, the far side goes silent", connected(Silent).tunnel(Silent).alive(Answered), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"connected, the far side silent, the session still has time", connected(Asked).tunnel(Silent).alive(Answered), CauseNone, nil},
	{"connected, the far side silent, our look-up too: the session needs no name", connected(Silent).tunnel(Silent).alive(Answered).name(Silent), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},
	{"the far side silent, we are looking the name up", before().tunnel(Silent).alive(Answered).name(Asked), CauseNone, nil},
	{"the far side silent, our resolver too", before().tunnel(Silent).alive(Answered).name(Silent), ResolverUnreachable, []Cause{ProxyUpstreamFailed, ServerUnreachable}},
	{"the session ended, then the far side and our resolver are silent", connected(Closed).tunnel(Silent).greeting(Answered).name(Silent), ResolverUnreachable, []Cause{ProxyUpstreamFailed, ServerClosed}},
	{"a living proxy ended the session, and now gets no answer", connected(Closed).tunnel(Silent).alive(Answered), ServerClosed, []Cause{ServerUnreachable, PathLost, ProxyUpstreamFailed}},
	{"the far side silent, the name is in order", before().tunnel(Silent).alive(Answered).name(Answered), ServerUnreachable, []Cause{PathLost, ProxyUpstreamFailed}},

	// A tunnel that stands.
	{"connected through the proxy", before().beat(Answered), CauseNone, nil},
	{"the tunnel stands, its beat is out", connected(Closed).beat(Asked), CauseNone, nil},
	{"the tunnel closed, a new one is answered", connected(Closed).beat(Answered), ServerClosed, []Cause{ProxyClosed}},
	{"the tunnel was reset, a new one is answered", connected(Reset).beat(Answered), ServerClosed, []Cause{ProxyClosed}},
	{"the tunnel closed, the proxy was gone for a moment", connected(Closed).beat(Answered).gone(), ProxyClosed, nil},
	{"the tunnel was reset, the proxy was gone for a moment", connected(Reset).beat(Answered).gone(), ProxyClosed, nil},
	{"the session is silent, the proxy was gone for a moment", connected(Silent).beat(Answered).gone(), ProxyClosed, nil},
	{"the session is silent, a new tunnel is answered", connected(Silent).beat(Answered), FlowLost, []Cause{ServerHung}},
	{"the same, the proxy's kernel acknowledges", connected(Silent).beat(Answered).acked(Yes), FlowLost, []Cause{ServerHung}},
	{"the same, the proxy's kernel does not", connected(Silent).beat(Answered).acked(No), FlowLost, nil},
	{"a new tunnel is answered, the session still has time", connected(Asked).beat(Answered), CauseNone, nil},
	{"the server takes connections and is mute", before().beat(Silent), ServerHung, []Cause{ServerUnreachable}},
	{"connected, the server hangs", connected(Silent).beat(Silent).acked(Yes), ServerHung, []Cause{ServerUnreachable}},
	{"connected, the new one is silent, the session still has time", connected(Asked).beat(Silent), CauseNone, nil},
	{"the session ended, the server is mute since", connected(Closed).beat(Silent), ServerHung, []Cause{ServerUnreachable}},
	{"the tunnel stood, and then the proxy stopped", connected(Silent).beat(Silent).alive(Silent), ProxyHung, nil},
	{"the tunnel stood, the second question is under way", before().beat(Silent).alive(Asked), CauseNone, nil},
	{"the server closes new sessions at once", before().beat(Closed), ServerClosed, []Cause{ProxyClosed, ProxyUpstreamFailed}},
	{"new sessions are reset at once", connected(Reset).beat(Reset), ServerClosed, []Cause{ProxyClosed, ProxyUpstreamFailed}},
	{"the server talks nonsense", before().beat(Failed), ProtocolError, nil},
	{"the session talked nonsense", connected(Silent).with(func(f *Facts) { f.ProtocolError = true }), ProtocolError, nil},
	{"the session talked nonsense, now the proxy is gone", connected(Silent).to(Refused).with(func(f *Facts) { f.ProtocolError = true }), ProxyRefused, nil},
	{"TLS fails through the tunnel", before().tunnel(Answered).with(func(f *Facts) { f.TLSFailed = true }), TLSFailed, nil},
}

var proxyNameCases = []nameCase{
	{"behind the proxy, it is the last that answered", before().tunnel(Silent).alive(Answered).with(func(f *Facts) { f.LastHop = router }),
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: eth0.Destination}},
	{"the proxy is silent: the last station before it", before().to(Silent).with(func(f *Facts) { f.LastHop = router }),
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: router}},
	{"the last router finds no proxy: it says so", before().unreachable(syscall.EHOSTUNREACH, icmp(3, 1, router)),
		Verdict{Interface: "eth0", Gateway: eth0.Gateway, LastHop: router}},
}

var everySaid = []Said{dial.SaidNothing, dial.SaidAuth, dial.SaidDenied, dial.SaidRefused, dial.SaidHostUnreachable, dial.SaidTimeout,
	dial.SaidNetUnreachable, dial.SaidName, dial.SaidUnsupported, dial.SaidFailed, SaidNonsense, "a word of tomorrow"}

func anyOutcome(t *rapid.T, what string) Outcome {
	return Outcome(rapid.IntRange(0, int(Failed)).Draw(t, what))
}

// anyProxied draws facts about a target behind a proxy, contradictory ones too.
func anyProxied(t *rapid.T) Facts {
	f := anyFacts().Draw(t, "facts")
	f.Proxied = true
	f.Tunnel, f.Greeting, f.ProxyAlive, f.FarName = anyOutcome(t, "tunnel"), anyOutcome(t, "greeting"), anyOutcome(t, "alive"), anyOutcome(t, "far name")
	f.Says = rapid.SampledFrom(everySaid).Draw(t, "says")
	f.TunnelLate, f.ProxyGone, f.FarNameUnknown = rapid.Bool().Draw(t, "late"), rapid.Bool().Draw(t, "gone"), rapid.Bool().Draw(t, "far unknown")
	f.FarNameUsedTo = Tri(rapid.IntRange(0, 2).Draw(t, "far used to"))
	if rapid.Bool().Draw(t, "near side in order") { // half of them get as far as the proxy's words
		f.Way, f.Link, f.RouteErr, f.Name, f.NameUnknown, f.Fresh = eth0, LinkWhole, 0, NotAsked, false, Answered
		if f.Session == Answered {
			f.Session = Silent
		}
	}
	return f
}

// saidByProxy are the causes that rest on the proxy's words and deeds.
var saidByProxy = []Cause{ProxyClosed, ProxyAuthRequired, ProxyDenied, ProxyUpstreamFailed, ProxyProtocolError}

func TestDiagnoseProxiedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyProxied(t)
		v := Diagnose(f)
		if v.Hop != v.Cause.Hop() || v.Cause != CauseNone && v.Hop == HopNone {
			t.Fatalf("cause %q at hop %q", v.Cause, v.Hop)
		}
		seen := append([]Cause{v.Cause}, v.Also...)
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 1+len(v.Also) || slices.Contains(v.Also, CauseNone) || v.IsZero() && v.Also != nil {
			t.Fatalf("%q, also %v", v.Cause, v.Also)
		}
		far := v.Hop == HopServer || v.Hop == HopService || v.Cause == FlowLost

		// The nearest broken hop wins.
		if f.Link.Broken() && v.Hop != HopLink {
			t.Fatalf("link %v broken, yet %q", f.Link.Cause(), v.Cause)
		}
		switch f.Fresh {
		case Refused, Unreachable, Silent:
			if far || slices.Contains(saidByProxy, v.Cause) {
				t.Fatalf("no connection to the proxy (%d), yet %q", f.Fresh, v.Cause)
			}
		}
		if f.Fresh == Answered && (f.Tunnel == Closed || f.Tunnel == Reset) && far {
			t.Fatalf("the proxy hung up, yet %q", v.Cause)
		}
		// Nobody behind the proxy is blamed unless the proxy, or somebody behind it, has shown as much.
		shown := f.Fresh == Answered && (f.Tunnel == Answered ||
			f.Tunnel == Failed && !slices.Contains([]Said{dial.SaidAuth, dial.SaidDenied, dial.SaidUnsupported, dial.SaidName, SaidNonsense}, f.Says) ||
			f.Tunnel == Silent && f.Greeting != Silent && f.ProxyAlive != Silent && (f.Greeting == Answered || f.ProxyAlive > Asked))
		bySession := f.HadSession && f.above() != CauseNone && v.Cause == f.above()
		if far && !shown && !bySession {
			t.Fatalf("nothing is known of what lies behind the proxy, yet %q", v.Cause)
		}
		if v.Hop == HopService && f.Tunnel != Answered && !bySession {
			t.Fatalf("no tunnel, yet %q", v.Cause)
		}
		// Its kernel's acknowledgement is the proxy's, never the server's.
		if v.Cause == ServerHung && f.FreshBeat != Silent {
			t.Fatalf("server-hung without silence in a tunnel")
		}

		// What was not measured proves nothing, what is under way holds back all that it could overturn.
		for _, q := range []struct {
			name string
			at   func(*Facts) *Outcome
		}{
			{"tunnel", func(f *Facts) *Outcome { return &f.Tunnel }},
			{"beat", func(f *Facts) *Outcome { return &f.FreshBeat }},
			{"second question", func(f *Facts) *Outcome { return &f.ProxyAlive }},
			{"look-up", func(f *Facts) *Outcome { return &f.FarName }},
		} {
			open := f
			open.FarNameUnknown = f.FarNameUnknown && q.name != "look-up"
			*q.at(&open) = Asked
			early := Diagnose(open)
			if early.IsZero() {
				continue
			}
			for o := Answered; o <= Failed; o++ {
				if q.name == "tunnel" && early.Cause == f.above() {
					break // the session has shown it: a nearer break may still come to light
				}
				if q.name == "second question" && o == Refused && f.Greeting == Silent {
					continue
				}
				*q.at(&open) = o
				if got := Diagnose(open); got.Cause != early.Cause {
					t.Fatalf("%q while the %s is under way, %q when it is outcome %d", early.Cause, q.name, got.Cause, o)
				}
			}
		}
		unasked := f
		unasked.Tunnel, unasked.TLSFailed, unasked.ProtocolError, unasked.AuthFailed = NotAsked, false, false, false
		if got := Diagnose(unasked); f.Fresh == Answered && !got.IsZero() && got.Hop != HopLink {
			t.Fatalf("no tunnel asked for, yet %q", got.Cause)
		}
		unasked = f
		unasked.Tunnel, unasked.Greeting, unasked.ProxyAlive = Silent, NotAsked, NotAsked
		if got := Diagnose(unasked); f.Fresh == Answered && !got.IsZero() && got.Hop != HopLink {
			t.Fatalf("nobody asked whether the proxy hangs, yet %q", got.Cause)
		}

		// A direct way knows nothing of all this.
		plain, bare := f, Facts{}
		plain.Proxied = false
		bare = plain
		bare.Tunnel, bare.Says, bare.TunnelLate, bare.Greeting, bare.ProxyAlive, bare.ProxyGone = 0, "", false, 0, 0, false
		bare.FarName, bare.FarNameUnknown, bare.FarNameUsedTo = 0, false, 0
		if a, b := Diagnose(plain), Diagnose(bare); a.Cause != b.Cause || !slices.Equal(a.Also, b.Also) || a.Cause.Hop() == HopProxy {
			t.Fatalf("direct: %q with what a proxy says, %q without", a.Cause, b.Cause)
		}
	})
}
