package netcheck

import (
	"slices"
	"syscall"
	"time"
)

// A FieldCase is a break of the field reports as Windows tells of it, on a computer whose virtual machines' adapters are up.
type FieldCase struct {
	Name  string
	Facts Facts
	Says  []Evidence // what IsNetworkAlive and the Network List Manager say meanwhile
}

// FieldCases are the six breaks, each before connecting and upon a session that stands. The way is that of a session by the
// cable's adapter, to a server beyond the gateway or through a proxy there.
func FieldCases() (cases []FieldCase) {
	cable := func(b *box) {
		r := &b.ifaces[1]
		r.oper, r.media, r.flags = down, 2, r.flags|ifFlagNoMedia
	}
	disabled := func(b *box) {
		b.ifaces = slices.Delete(b.ifaces, 1, 2)
		b.off = []offRow{{"Ethernet", true}}
	}
	lost := func(b *box) { // what Windows takes away with either, after a moment
		b.addrs = slices.DeleteFunc(b.addrs, func(a addrRow) bool { return a.index == 7 })
		b.routes = slices.DeleteFunc(b.routes, func(r routeRow) bool { return r.index == 7 })
	}
	fooled := systemSays{alive: Yes, aliveFlags: 1, listed: true, connectivity: 2}.evidence(time.Time{})
	dst := ip("203.0.113.7")
	way, _ := office().helper(false).egress(dst)
	add := func(name string, f Facts) { cases = append(cases, FieldCase{name, f, fooled}) }
	for _, c := range []struct {
		name   string
		change func(*box)
	}{{"1: the cable is pulled", cable}, {"2: the network is disabled", disabled}} {
		b := office()
		c.change(b)
		h := b.helper(false)
		add(c.name+", connected, in the first moment", Facts{HadSession: true, Way: way, Link: h.judge(way), Session: Asked})
		lost(b)
		add(c.name+", connected", Facts{HadSession: true, Way: way, Link: h.judge(way), Session: Asked})
		w, link, _ := h.alive(dst)
		f := Facts{Way: w, Link: link, RouteErr: errorNetworkUnreachable}
		f.OtherDisabled, f.OtherNoCarrier, f.OtherNoAddress = h.explain(dst)
		add(c.name+", before connecting", f)
	}
	whole := Facts{Way: way, Link: LinkWhole, Gateway: Answered, Host: Silent, Proxied: true}
	after := func(f Facts, ended Outcome) Facts { f.HadSession, f.Session = true, ended; return f }
	fresh := func(f Facts, o Outcome, e syscall.Errno) Facts { f.Fresh, f.FreshErrno = o, e; return f }
	gone := fresh(whole, Refused, wsaECONNREFUSED)
	gone.ProxyGone = true
	add("3: the proxy program exits, before connecting", gone)
	add("3: the proxy program exits, connected", after(gone, Reset))
	for _, n := range [...]string{"4: the proxy's network is disabled", "5: the proxy's cable is pulled"} {
		add(n+", before connecting", fresh(whole, Unreachable, wsaETIMEDOUT))
		add(n+", connected", after(fresh(whole, Silent, 0), Silent)) // 10053, 10060
	}
	direct := whole
	direct.Proxied = false
	add("6: the server program exits, before connecting", fresh(direct, Refused, wsaECONNREFUSED))
	add("6: the server program exits, connected", after(fresh(direct, Refused, errorConnectionRefused), Closed))
	add("6: the server's machine is off, before connecting", fresh(direct, Unreachable, wsaETIMEDOUT))
	add("6: the server's machine is off, connected: keepalive ends the session", after(fresh(direct, Silent, 0), Silent)) // 10052
	return cases
}
