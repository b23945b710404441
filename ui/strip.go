package ui

import (
	"net/netip"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// evidenceSlack is how much older than the trouble itself an observation may be and still speak of it: the reading that
// raised the suspicion is taken just before the state changes.
const evidenceSlack = 250 * time.Millisecond

// strip fills in the stations. Three rules: what was not measured is never ok; what answered proves every station
// before it; behind the broken hop nothing was asked, whatever was known before.
func (c *clock) strip(v *View, s monitor.Snapshot) {
	seen := newest(s)
	for _, hop := range hopsOf(s, seen) {
		v.Stations[v.NStations] = Station{Hop: hop, Label: c.l.Say("hop." + string(hop)), Where: where(hop, s, seen[hop], c.l)}
		v.NStations++
	}
	strip := v.Strip()

	trouble := s.Since
	if s.State == monitor.Down && !s.BrokenSince.IsZero() {
		trouble = s.BrokenSince
	}
	far := s.Proxy != "" && farName(s, s.Verdict.Evidence, s.Evidence)
	fresh := func(e netcheck.Evidence) bool {
		return e.Seen != netcheck.SeenNotAsked && !e.Time.Before(trouble.Add(-evidenceSlack))
	}

	broken := len(strip) // index of the broken hop
	switch s.State {
	case monitor.Idle:
		for i := range strip {
			strip[i].Seen = c.l.Say("seen.not-asked")
		}
		return
	case monitor.Down:
		for i := range strip {
			if strip[i].Hop == s.Verdict.Cause.Hop() {
				broken = i
				break
			}
		}
	}
	nothing := s.Verdict.Cause == netcheck.Asleep || s.Verdict.Cause == netcheck.Stalled // we did not look; no hop is to blame

	// proved is the farthest station that said anything, yes or no, in this trouble.
	proved := -1
	for i := range strip {
		e := seen[strip[i].Hop]
		if i > broken || !fresh(e) && s.State != monitor.Up || far && strip[i].Hop == netcheck.HopResolver {
			continue // that look-up is this computer's own, and tells nothing of the stations before it
		}
		switch e.Seen {
		case netcheck.SeenOK, netcheck.SeenAnswers, netcheck.SeenRefused, netcheck.SeenBroken:
			proved = i
		}
	}
	if broken < len(strip) {
		// Some causes are only found where something answered, whatever was seen last.
		for i := range strip[:broken+1] {
			if i == broken && spoke(s) || strip[i].Hop == netcheck.HopProxy && beyondProxy(s.Verdict.Cause) {
				proved = max(proved, i)
			}
		}
	}
	if s.State == monitor.Up {
		proved = len(strip) - 1
	}
	if broken < len(strip) && strip[broken].Hop == netcheck.HopLink {
		proved = -1
	}

	for i := range strip {
		st := &strip[i]
		e := seen[st.Hop]
		switch {
		case i > broken:
			st.Mark, st.Seen = NotAsked, c.l.Say("seen.not-asked")
			continue
		case i == broken && nothing:
			st.Mark, st.Seen = Unknown, short(s.Verdict.Cause, c.l)
			continue
		case i == broken:
			st.Mark, st.Seen = Broken, c.brokenText(s, e)
			at := e
			if !fresh(e) { // it was concluded from what others said
				for _, e := range seen {
					if fresh(e) && e.Time.After(at.Time) {
						at = e
					}
				}
			}
			if fresh(at) {
				st.When = c.l.Clock(at.Time, c.now)
			}
			continue
		case s.State == monitor.Up && st.Hop == netcheck.HopService && noHeartbeat(s.Target):
			st.Mark, st.Seen = NotAsked, c.l.Say("seen.not-asked")
			continue
		}
		known := fresh(e) || s.State == monitor.Up && e.Seen != netcheck.SeenNotAsked
		if fresh(e) && s.State != monitor.Up {
			st.When = c.l.Clock(e.Time, c.now)
		}
		switch {
		case s.State == monitor.Suspect && i == lateStation(strip, s):
			st.Mark, st.Seen = Late, c.l.Say("seen.late", "duration", c.late(s.Since))
			if st.Hop == netcheck.HopLink {
				st.Seen = c.l.Say("seen.changed")
			}
		case known && (e.Seen == netcheck.SeenOK || e.Seen == netcheck.SeenAnswers):
			st.Mark, st.Seen = OK, c.okText(st.Hop, s, e)
		case i < proved || i == proved && s.State == monitor.Up:
			st.Mark, st.Seen = OK, c.provedText(st.Hop, s)
			if e := seen[strip[proved].Hop]; s.State != monitor.Up && fresh(e) {
				st.When = c.l.Clock(e.Time, c.now)
			}
		case known && e.Seen == netcheck.SeenRefused:
			st.Mark, st.Seen = Unknown, c.refusedText(e)
		case known && e.Seen == netcheck.SeenAsked:
			st.Mark, st.Seen = Asked, c.l.Say("seen.asked", "duration", c.late(e.Time))
		case known && e.Seen == netcheck.SeenLate:
			st.Mark, st.Seen = Late, c.l.Say("seen.late", "duration", c.late(e.Time))
		case known:
			st.Mark, st.Seen = Unknown, c.l.Say("seen.unknown")
		case s.State == monitor.Connecting && s.RetryAt.IsZero() && st.Hop == dialled(s):
			// A dial is under way, and that is all there is to know yet.
			st.Mark, st.Seen = Asked, c.l.Say("seen.asking")
		case s.State == monitor.Down && broken < len(strip):
			st.Mark, st.Seen = Unknown, c.l.Say("seen.unknown")
		default:
			st.Mark, st.Seen = NotAsked, c.l.Say("seen.not-asked")
		}
	}
	for i := 1; i < len(strip); i++ {
		strip[i].Link = strip[i].Mark
		if i == broken && !nothing {
			strip[i].Link = linkInto(s, seen[strip[i].Hop], far)
		}
	}
	c.legs(v, s, broken)
}

// dialled is the hop that a new connection is opened to.
func dialled(s monitor.Snapshot) netcheck.Hop {
	if s.Proxy != "" {
		return netcheck.HopProxy
	}
	return netcheck.HopServer
}

// newest returns the youngest evidence on each hop.
func newest(s monitor.Snapshot) map[netcheck.Hop]netcheck.Evidence {
	seen := make(map[netcheck.Hop]netcheck.Evidence, maxStations)
	for _, list := range [][]netcheck.Evidence{s.Verdict.Evidence, s.Evidence} {
		for _, e := range list {
			if e.Hop == netcheck.HopNone {
				continue // hearsay
			}
			if old, found := seen[e.Hop]; !found || !e.Time.Before(old.Time) {
				seen[e.Hop] = e
			}
		}
	}
	return seen
}

// hopsOf returns the stations on the way of s, nearest first: no gateway and no network where the way has none, the
// name look-up only when it is asked or broken. A name that the proxy is given stands behind the proxy: nobody needs it
// before.
func hopsOf(s monitor.Snapshot, seen map[netcheck.Hop]netcheck.Evidence) []netcheck.Hop {
	hops := make([]netcheck.Hop, 0, maxStations)
	hops = append(hops, netcheck.HopLink)
	blamed := s.Verdict.Cause.Hop()
	if s.State != monitor.Down {
		blamed = netcheck.HopNone
	}
	proxy := s.Proxy != ""
	local := s.Way.Loopback || s.Way.Index == 0 && loopback(s)
	direct := local || s.Way.Index != 0 && !s.Way.Gateway.IsValid() // the next host on the wire is the one dialled
	if !direct || blamed == netcheck.HopGateway {
		hops = append(hops, netcheck.HopGateway)
	}
	resolving := false
	switch seen[netcheck.HopResolver].Seen {
	case netcheck.SeenAsked, netcheck.SeenLate, netcheck.SeenSilent, netcheck.SeenRefused, netcheck.SeenBroken, netcheck.SeenUnknown:
		resolving = s.State != monitor.Up && s.State != monitor.Idle
	}
	resolving = resolving || blamed == netcheck.HopResolver
	far := proxy && farName(s, s.Verdict.Evidence, s.Evidence)
	if resolving && !far {
		hops = append(hops, netcheck.HopResolver)
	}
	if proxy || blamed == netcheck.HopProxy {
		hops = append(hops, netcheck.HopProxy)
	}
	if resolving && far {
		hops = append(hops, netcheck.HopResolver)
	}
	if !direct || proxy || blamed == netcheck.HopPath {
		hops = append(hops, netcheck.HopPath)
	}
	return append(hops, netcheck.HopServer, netcheck.HopService)
}

// loopback reports whether what is dialled is this computer by its address alone, before any way is known.
func loopback(s monitor.Snapshot) bool {
	host := hostOf(s.Target.Address)
	if s.Proxy != "" {
		host = hostOf(proxyOf(s))
	}
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// where says what stands under a hop's name.
func where(hop netcheck.Hop, s monitor.Snapshot, e netcheck.Evidence, l Lang) string {
	switch hop {
	case netcheck.HopLink:
		if s.Way.Loopback || s.Way.Index == 0 && loopback(s) {
			return l.Say("where.loopback")
		}
		name := s.Verdict.Interface
		if name == "" || s.State != monitor.Down {
			name = s.Way.Interface
		}
		if name = Printable(name, 32); name != "" && s.Way.Source.IsValid() && s.Way.Interface == name {
			name += " · " + Printable(s.Way.Source.String(), 64)
		}
		return name
	case netcheck.HopGateway:
		if s.Way.Gateway.IsValid() {
			return Printable(s.Way.Gateway.String(), 64)
		}
		if s.Verdict.Gateway.IsValid() {
			return Printable(s.Verdict.Gateway.String(), 64)
		}
	case netcheck.HopProxy:
		return proxyOf(s)
	case netcheck.HopPath:
		if s.State == monitor.Down && s.Verdict.Hop == netcheck.HopPath && s.Verdict.LastHop.IsValid() && s.Verdict.Cause != netcheck.FlowLost {
			code := "where.last"
			if s.Verdict.Cause == netcheck.PathProhibited {
				code = "where.by"
			}
			return l.Say(code, "text", Printable(s.Verdict.LastHop.String(), 64))
		}
		if s.State == monitor.Down && s.Verdict.Cause == netcheck.FlowLost { // before or behind the proxy or the gateway
			return l.Say("where.somewhere")
		}
		if s.Proxy != "" {
			return l.Say("where.beyond-proxy")
		}
		return l.Say("where.beyond-gateway")
	case netcheck.HopServer:
		return serverOf(s.Target)
	case netcheck.HopService:
		if noHeartbeat(s.Target) {
			return l.Say("heartbeat.none")
		}
		return l.Say("where.heartbeat", "text", heartbeatName(s.Target.Heartbeat, l))
	}
	return Printable(e.Where, maxAddress)
}

// heartbeatName is the short name of a heartbeat; of one that this table does not know, the name itself.
func heartbeatName(heartbeat string, l Lang) string {
	code := "heartbeat." + heartbeat + ".short"
	if _, known := words()[code]; known {
		return l.Say(code)
	}
	return Printable(heartbeat, 32)
}

// suspectsLink reports whether the suspicion is about this computer.
func suspectsLink(s monitor.Snapshot) bool {
	for _, e := range s.Evidence {
		if e.Hop == netcheck.HopLink && !e.Time.Before(s.Since.Add(-evidenceSlack)) {
			return e.Seen == netcheck.SeenBroken || e.Seen == netcheck.SeenLate || e.Seen == netcheck.SeenAsked
		}
	}
	return s.Verdict.Hop == netcheck.HopLink
}

// lateStation is the one whose answer is overdue: the service, or the server's kernel where no heartbeat is asked for.
func lateStation(strip []Station, s monitor.Snapshot) int {
	switch {
	case suspectsLink(s):
		return 0
	case noHeartbeat(s.Target):
		return len(strip) - 2
	}
	return len(strip) - 1
}

// okText says what was seen of a hop that is in order.
func (c *clock) okText(hop netcheck.Hop, s monitor.Snapshot, e netcheck.Evidence) string {
	rtt := e.RTT
	if s.State == monitor.Up && hop == netcheck.HopProxy { // the answer to CONNECT held the way to the server as well
		rtt = s.LegRTT
	}
	if s.State == monitor.Up && hop == netcheck.HopService && s.RTT > 0 {
		rtt = s.RTT
	}
	if rtt > 0 {
		return c.l.Say("seen.answers", "rtt", c.l.RTT(rtt))
	}
	switch hop {
	case netcheck.HopLink:
		switch {
		case s.Way.Loopback:
		case strings.HasPrefix(s.Way.Interface, "e"): // eth0, enp3s0: it has a cable
			return c.l.Say("seen.link")
		case wireless(s.Way.Interface):
			return c.l.Say("seen.link.wifi")
		}
	case netcheck.HopPath, netcheck.HopServer:
		if s.State == monitor.Up {
			return c.provedText(hop, s)
		}
		if hop == netcheck.HopServer {
			return c.provedText(hop, s)
		}
	}
	if e.Seen == netcheck.SeenAnswers && hop != netcheck.HopLink {
		return c.l.Say("seen.answers.plain")
	}
	return c.l.Say("seen.ok")
}

// provedText says why a hop that was not asked itself is in order: something behind it answered through it.
func (c *clock) provedText(hop netcheck.Hop, s monitor.Snapshot) string {
	switch hop {
	case netcheck.HopService:
		if rtt := c.l.RTT(s.RTT); rtt != "" {
			return c.l.Say("seen.answers", "rtt", rtt)
		}
		return c.l.Say("seen.answers.plain")
	case netcheck.HopServer:
		switch {
		case s.Proxy != "":
			return c.l.Say("seen.reached")
		case s.State != monitor.Up:
			return c.l.Say("seen.acks")
		}
		return c.l.Say("seen.accepts")
	case netcheck.HopLink:
		return c.l.Say("seen.ok")
	case netcheck.HopProxy:
		if rtt := c.l.RTT(s.LegRTT); rtt != "" && s.State == monitor.Up {
			return c.l.Say("seen.answers", "rtt", rtt)
		}
	}
	if s.State == monitor.Up && !noHeartbeat(s.Target) {
		return c.l.Say("seen.heartbeat")
	}
	return c.l.Say("seen.carries")
}

func (c *clock) refusedText(e netcheck.Evidence) string {
	if rtt := c.l.RTT(e.RTT); rtt != "" {
		return c.l.Say("seen.refused", "rtt", rtt)
	}
	return c.l.Say("seen.refused.plain")
}

// brokenText says what was seen of the broken hop.
func (c *clock) brokenText(s monitor.Snapshot, e netcheck.Evidence) string {
	proxied := s.Proxy != ""
	switch {
	case proxied && s.Verdict.Cause == netcheck.ServerRefused && e.Seen == netcheck.SeenRefused:
		return c.l.Say("seen.refused.proxied")
	case proxied && s.Verdict.Cause == netcheck.ServerUnreachable:
		return c.l.Say("seen.silent.proxied")
	case e.Seen == netcheck.SeenRefused && (s.Verdict.Cause == netcheck.ServerRefused || s.Verdict.Cause == netcheck.ProxyRefused):
		return c.refusedText(e)
	case s.Verdict.Cause == netcheck.PathLost:
		return c.l.Say("seen.silent.after")
	case silent(s.Verdict.Cause) && !s.BrokenSince.IsZero():
		return c.l.Say("seen.silent", "duration", c.silence(s.BrokenSince))
	}
	// The station's name stands above: no need to say again who it is.
	if code := "seen." + string(s.Verdict.Cause); c.l.Say(code) != code {
		return c.l.Say(code)
	}
	return short(s.Verdict.Cause, c.l)
}

// spoke reports whether the cause of s means that something at the broken hop answered, or took a connection: the hops
// before it let that through. What a proxy says of a server is no such answer.
func spoke(s monitor.Snapshot) bool {
	switch s.Verdict.Cause {
	case netcheck.ProxyRefused, netcheck.ProxyClosed, netcheck.ProxyHung, netcheck.ProxyAuthRequired, netcheck.ProxyDenied,
		netcheck.ProxyUpstreamFailed, netcheck.ProxyProtocolError:
		return true
	case netcheck.ServerRefused, netcheck.ServerClosed, netcheck.ServerReset, netcheck.ServerHung, netcheck.TLSFailed, netcheck.ProtocolError, netcheck.AuthFailed:
		return s.Proxy == ""
	}
	return false
}

// beyondProxy reports a cause behind a proxy that is only found by a proxy that works.
func beyondProxy(c netcheck.Cause) bool {
	switch c.Hop() {
	case netcheck.HopServer, netcheck.HopService:
		return true
	}
	return c == netcheck.FlowLost
}

// silent reports a cause that means: asked, and nothing came back.
func silent(cause netcheck.Cause) bool {
	switch cause {
	case netcheck.GatewayUnreachable, netcheck.ResolverUnreachable, netcheck.ProxyUnreachable, netcheck.ServerUnreachable,
		netcheck.ProxyHung, netcheck.ServerHung:
		return true
	}
	return false
}

// silence writes how long nothing was heard: "0.4 s", "0:42".
func (c *clock) silence(since time.Time) string {
	if c.now.Sub(since) < 3*time.Second {
		return c.late(since)
	}
	return c.l.Duration(c.since(since, seconds))
}

// linkInto is the link into the broken hop. A hop that refuses is broken, the link into it is not: something answered.
// A hop that is silent breaks both: the wire cannot tell which.
func linkInto(s monitor.Snapshot, e netcheck.Evidence, far bool) Mark {
	switch s.Verdict.Cause {
	case netcheck.GatewayUnreachable, netcheck.ProxyUnreachable, netcheck.ServerUnreachable:
		return Broken
	case netcheck.ResolverUnreachable:
		if !far && (e.Seen == netcheck.SeenSilent || e.Seen == netcheck.SeenNotAsked) {
			return Broken
		}
	}
	return OK
}

// legs: through a proxy the kernel measures the way to the proxy, the heartbeat the whole way. They overlap on purpose:
// nobody measures the part between alone.
func (c *clock) legs(v *View, s monitor.Snapshot, broken int) {
	proxy := -1
	for i, st := range v.Strip() {
		if st.Hop == netcheck.HopProxy && s.Proxy != "" {
			proxy = i
		}
	}
	if proxy < 0 {
		return
	}
	last := v.NStations - 1
	leg := func(from, to int, code string, rtt time.Duration) Leg {
		if rtt <= 0 {
			return Leg{From: from, To: to, Label: c.l.Say("leg.none"), Mark: NotAsked}
		}
		return Leg{From: from, To: to, Label: c.l.Say(code, "rtt", c.l.RTT(rtt)), Mark: OK}
	}
	near, whole := s.LegRTT, s.RTT
	if s.State != monitor.Up && s.State != monitor.Suspect {
		near, whole = 0, 0
		// A refusal is the kernel's. What a proxy answers to CONNECT may have taken the whole way.
		if e := newest(s)[netcheck.HopProxy]; broken == proxy && s.Verdict.Cause == netcheck.ProxyRefused && e.Seen == netcheck.SeenRefused {
			near = e.RTT
		}
	}
	v.Legs[0] = leg(0, proxy, "leg.proxy", near)
	v.Legs[1] = leg(0, last, "leg.whole", whole)
	if v.Legs[1].Mark == NotAsked {
		v.Legs[1].From = proxy
	}
	v.NLegs = 2
}

// pathLine is the strip in one line, for a terminal and a screen reader. Stations at the end that were not asked are
// one word, and what is in order without a figure is just "ok".
func pathLine(v *View, l Lang, times bool) string {
	strip := v.Strip()
	end := len(strip)
	for end > 0 && strip[end-1].Mark == NotAsked {
		end--
	}
	if len(strip)-end == 1 {
		end++ // a single one is named
	}
	var parts []string
	for _, st := range strip[:end] {
		text := st.Seen
		switch {
		case st.Mark == OK && !strings.ContainsAny(text, "0123456789"):
			text = l.Say("seen.ok")
		}
		if times && st.When != "" {
			text = l.Say("path.when", "text", text, "time", st.When)
		}
		parts = append(parts, l.Say("path.entry", "name", st.Label, "text", text))
	}
	switch {
	case end == 0:
		parts = append(parts, l.Say("path.none"))
	case end < len(strip):
		parts = append(parts, l.Say("path.rest"))
	}
	return strings.Join(parts, l.Say("path.space")) + l.Say("stop")
}
