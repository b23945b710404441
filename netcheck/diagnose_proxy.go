package netcheck

import "holdfast/internal/dial"

// The rows of a way through a proxy. The near ones (this computer, its gateway, the proxy's own name) are those of the
// direct way; then come the way to the proxy, what the proxy says, and what is known of the far side.

// proxyRefused, proxyUnreachable and proxySilent are the rows of the same names about the server of a direct way.
func proxyRefused(f *Facts) finding {
	if f.Fresh == Reset { // its kernel took the connection, and then it was broken off
		return hungUp(f)
	}
	return ofProxy(f, refused(f))
}

func proxyUnreachable(f *Facts) finding { return ofProxy(f, unreachable(f)) }

func proxySilent(f *Facts) finding {
	switch {
	case f.Fresh != Silent:
		return finding{}
	case f.HadSession && f.SessionAcked == Yes && f.Session == Silent:
		return is(ProxyHung) // its kernel takes what it does not pass on, and its backlog is full
	case f.HadSession && f.SessionAcked == Yes && f.Session == Asked:
		return wait
	}
	return ofProxy(f, silent(f))
}

// ofProxy makes what a row of the direct way says of the server say the same of the proxy.
func ofProxy(f *Facts, v finding) finding {
	switch {
	case v.Cause == ServerRefused:
		v.Cause = ProxyRefused
	case v.Cause == ServerUnreachable:
		v.Cause = ProxyUnreachable
	case v.Cause == PortFiltered && f.Way.Loopback:
		return is(ProxyHung, PortFiltered) // a full backlog is likelier than a rule against oneself
	case v.Cause == PortFiltered:
		return is(ProxyUnreachable, PortFiltered, ProxyHung)
	case v.Cause == PathLost && f.Fresh == Silent:
		// Nobody cares at which station the way to the proxy ends: its computer is what can be looked after first.
		v.Cause = ProxyUnreachable
		also := []Cause{PathLost}
		for _, c := range v.also {
			if c != ServerUnreachable {
				also = append(also, c)
			}
		}
		v.also = also
	case v.Cause == InterfaceDisabled && v.also != nil:
		v.also = []Cause{ProxyUnreachable, PathLost}
	}
	return v
}

// hungUp: the proxy ended a fresh connection before it had answered. One that had served a session has stopped or is
// being restarted; whoever asks tries it for a while before that is to be named. Without a session it may as well be a
// rule (dante's client rules hang up), or no proxy at all.
func hungUp(f *Facts) finding {
	switch {
	case f.TunnelLate: // it waited for somebody first
		return is(ProxyClosed, ServerUnreachable, ProxyUpstreamFailed)
	case f.HadSession:
		return is(ProxyClosed)
	}
	return is(ProxyClosed, ProxyDenied, ProxyProtocolError)
}

// throughProxy is about a proxy that took a fresh connection, and about all that lies behind it. No row follows.
func throughProxy(f *Facts) finding {
	tunnel := f.Tunnel
	if f.Fresh != Answered {
		tunnel = NotAsked // it belonged to a connection from before
	}
	var v finding
	switch tunnel {
	case Closed, Reset:
		return hungUp(f)
	case Failed:
		v = tunnelRefused(f)
	case Silent:
		v = tunnelSilent(f)
	case Answered:
		v = tunnelStands(f)
	default:
		if c := f.above(); c != CauseNone && f.HadSession {
			return is(c) // the session has shown it
		}
		return wait
	}
	if h := v.Hop(); (h == HopPath || h == HopServer || h == HopService) && !v.sender.IsValid() {
		v.sender = f.Way.Destination // the proxy is the farthest station that answered
	}
	if v.Cause == CauseNone {
		return wait
	}
	return v
}

// tunnelRefused is about a proxy that said no.
func tunnelRefused(f *Facts) finding {
	switch f.Says {
	case dial.SaidAuth:
		return is(ProxyAuthRequired)
	case dial.SaidDenied:
		return is(ProxyDenied)
	case SaidNonsense:
		return is(ProxyProtocolError)
	case dial.SaidUnsupported:
		// A web server says 400, 404, 405 or 501 to CONNECT. So may a proxy where it is switched off; privoxy says 404 of
		// a name that it does not find.
		return unlessName(f, is(ProxyProtocolError, ProxyDenied))
	case dial.SaidRefused:
		return is(ServerRefused)
	case dial.SaidTimeout:
		return is(ServerUnreachable, PathLost, ProxyUpstreamFailed)
	case dial.SaidNetUnreachable:
		return is(ProxyUpstreamFailed, PathLost) // it has no route, or a router behind it has none
	case dial.SaidName:
		switch {
		case f.FarName == Asked:
			return wait
		case f.FarNameUsedTo == No: // it says nothing new
		case f.FarNameUnknown:
			return is(NameNotFound, ProxyUpstreamFailed)
		case f.farNameFailed():
			return is(ResolverUnreachable, ProxyUpstreamFailed)
		}
		return is(ProxyUpstreamFailed, NameNotFound, ResolverUnreachable)
	case dial.SaidHostUnreachable:
		// EHOSTUNREACH may be an ICMP "prohibited"; dante says the same of a name that it cannot look up.
		return unlessName(f, is(ServerUnreachable, PathLost, PathProhibited, ProxyUpstreamFailed))
	}
	// It failed, and does not say why: tinyproxy's 500, SOCKS reply 1.
	switch {
	case f.TunnelLate:
		return unlessName(f, is(ServerUnreachable, PathLost, ProxyUpstreamFailed))
	case f.HadSession && (f.Session == Closed || f.Session == Reset) && !f.ProxyGone:
		// A proxy that lives ends a tunnel because the far end did, and now it gets no further at once.
		return unlessName(f, is(ServerRefused, ProxyUpstreamFailed))
	case f.HadSession:
		return unlessName(f, is(ProxyUpstreamFailed, ServerUnreachable, PathProhibited))
	}
	return unlessName(f, is(ProxyUpstreamFailed, ServerRefused, PathProhibited))
}

// tunnelSilent is about a proxy that took the request for a tunnel and says nothing.
func tunnelSilent(f *Facts) finding {
	switch {
	case f.Greeting == Silent && !f.HadSession:
		return is(ProxyHung, ProxyProtocolError) // an HTTP proxy waits for the end of a line
	case f.Greeting == Silent, f.ProxyAlive == Silent:
		return is(ProxyHung)
	case f.ProxyAlive == Refused: // since then it has stopped
		return is(ProxyRefused)
	case f.ProxyAlive == Asked:
		return wait
	case f.Greeting != Answered && !f.proxyAlive():
		return wait // nobody has asked whether it hangs
	case f.HadSession && f.Session == Asked:
		return wait
	}
	beyond := is(ServerUnreachable, PathLost, ProxyUpstreamFailed)
	if f.HadSession && (f.Session == Closed || f.Session == Reset) && !f.ProxyGone {
		// A proxy that lives ended the session because the far end did. One that starts again may lose the proxy's SYN.
		beyond = is(ServerClosed, ServerUnreachable, PathLost, ProxyUpstreamFailed)
	}
	if f.HadSession && f.Session != Closed && f.Session != Reset {
		return beyond // the session needs no name, and is silent too
	}
	return unlessName(f, beyond)
}

// proxyAlive reports whether the proxy dealt with a second question. To hang up is to deal with it: who hangs cannot.
func (f *Facts) proxyAlive() bool {
	switch f.ProxyAlive {
	case Answered, Failed, Closed, Reset:
		return true
	}
	return false
}

// unlessName says v, unless this computer's own look-up shows that the name is what the proxy fails at. v is then among
// what else it may be: the two need not ask the same resolver.
func unlessName(f *Facts, v finding) finding {
	var name finding
	switch {
	case f.FarName == Asked:
		return wait
	case f.FarNameUsedTo == No, f.HadSession && f.FarNameUnknown:
		// Many networks with a proxy leave names outside to it. And a name that a session was opened by is known.
		return v
	case f.FarNameUnknown:
		name = is(NameNotFound, ProxyUpstreamFailed)
	case f.farNameFailed():
		name = is(ResolverUnreachable, ProxyUpstreamFailed)
	default:
		return v
	}
	if v.Cause != ProxyUpstreamFailed {
		name.also = append(name.also, v.Cause)
	}
	return name
}

func (f *Facts) farNameFailed() bool {
	switch f.FarName {
	case Refused, Failed, Silent, Unreachable:
		return true
	}
	return false
}

// tunnelStands is about what came of the beat through a fresh tunnel.
func tunnelStands(f *Facts) finding {
	if c := f.above(); c != CauseNone {
		return is(c)
	}
	ended := f.HadSession && (f.Session == Closed || f.Session == Reset)
	switch f.FreshBeat {
	case Closed, Reset:
		// Who says yes before it is connected (OpenSSH's -D) can only hang up then.
		return is(ServerClosed, ProxyClosed, ProxyUpstreamFailed)
	case Silent:
		switch {
		case f.ProxyAlive == Silent:
			return is(ProxyHung)
		case f.ProxyAlive == Asked, f.HadSession && f.Session == Asked:
			return wait
		}
		return is(ServerHung, ServerUnreachable) // for the same reason
	case Failed, Refused:
		return is(ProtocolError)
	case Answered:
		switch {
		case f.ProxyGone && (ended || f.HadSession && f.Session == Silent):
			return is(ProxyClosed)
		case ended:
			return is(ServerClosed, ProxyClosed) // RST too: a proxy makes one out of the other
		case !f.HadSession || f.Session != Silent:
		case f.SessionAcked == No:
			return is(FlowLost) // already on the way to the proxy
		default:
			return is(FlowLost, ServerHung)
		}
	}
	return finding{}
}
