//go:build linux || windows || darwin || freebsd || netbsd || openbsd

package netcheck

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// pathTTLs is how far AskPath looks.
	pathTTLs = 8
	// pathAhead is how many stations beyond the deepest one known AskPath asks at a time, so that one that never answers
	// hides nobody.
	pathAhead = 2
	// askAgain is when a question that may have died in a short hole is put once more: TCP's own 200 ms have passed by
	// then, so the retransmission of a session is on its way too.
	askAgain = 300 * time.Millisecond
	// pathStart is when AskPath begins with the stations: a host that is near has answered by then, and needs none.
	pathStart = 50 * time.Millisecond
	// pathPace is the pause between the stations: once a router has refused, no more is sent. A Linux router with a
	// "prohibit" route allows each host two or three such errors, then one in two seconds (ip_error and
	// icmpv4_xrlim_allow share one account), and a connection attempt needs one of them.
	pathPace = 20 * time.Millisecond
	// gatewayPort is for a SYN to the gateway: most answer DNS, the others refuse.
	gatewayPort = 53
	// longestAsk bounds a question whose context has no deadline.
	longestAsk = 3 * time.Second
)

// An asker puts questions that any hop answers without knowing us: on Linux UDP to a port where nobody listens, on Windows
// and macOS ICMP echo requests. On the BSDs only root may send these; for others TCP asks the host, and no station.
type asker interface {
	send(to netip.Addr, round, ttl int) bool // asks once; ttl 0 is the system's; reports whether the packet left
	receive() (reply, error)                 // the next answer; an error when the context that it was opened with ended
	own(netip.Addr) bool                     // whether the address is this computer's: it speaks for hops that are silent
	close()
}

// AskGateway asks the next hop of w three questions and returns with the first answer: at once a UDP packet towards the
// destination with TTL 1 and a TCP SYN to itself (a refusal is an answer, and unlike ICMP errors it is not rate-limited),
// after 300 ms the first one again and a UDP packet to itself. On Windows and macOS these are ICMP echo requests instead of
// UDP; on Windows it is asked for its hardware address too, after 300 ms, and on the BSDs whoever is not root asks by TCP alone. Routers often leave some of them unanswered for ever:
// their silence means something only for one that used to answer. Two packets, one ICMP error at most, where it answers
// soon: a Linux router sends one host six at once and then one a second, and whoever asks on through a long outage would
// use them up. Four where it is silent.
//
// Silent means that ctx ended first; without a gateway the outcome is NotAsked.
func AskGateway(ctx context.Context, w Way) GatewayAnswer {
	if !w.Gateway.IsValid() || w.Loopback || w.Index <= 0 {
		return GatewayAnswer{}
	}
	ctx, cancel := context.WithTimeout(ctx, longestAsk)
	answers := make(chan GatewayAnswer, len(gatewayQuestions))
	var all sync.WaitGroup
	defer all.Wait() // after cancel
	defer cancel()
	for _, ask := range gatewayQuestions {
		all.Go(func() { answers <- ask(ctx, w) })
	}
	var worst GatewayAnswer
	cannot := 0
	for range gatewayQuestions {
		a := <-answers
		if a.Outcome == Answered {
			return a
		}
		if a.Outcome == Unreachable {
			if cannot++; cannot == 2 { // both that are put at once: a later one could not leave either
				return a
			}
		}
		// One question that left and got no answer weighs more than one that could not leave.
		if worst.Outcome != Silent && a.Outcome != NotAsked {
			worst = a
		}
	}
	return worst
}

func askGatewayTCP(ctx context.Context, w Way) GatewayAnswer {
	outcome, rtt := askTCP(ctx, w, netip.AddrPortFrom(w.Gateway, gatewayPort))
	if outcome == Refused || outcome == Answered {
		return GatewayAnswer{Outcome: Answered, RTT: rtt, How: "tcp", Sender: w.Gateway}
	}
	return GatewayAnswer{Outcome: outcome}
}

func askGatewayTTL(ctx context.Context, w Way) GatewayAnswer {
	p, err := openProbe(ctx, w)
	if err != nil {
		return GatewayAnswer{Outcome: Unreachable}
	}
	defer p.close()
	return askHop(p, w)
}

func askHop(p asker, w Way) GatewayAnswer {
	sent := p.send(w.Destination, 0, 1)
	again := time.AfterFunc(askAgain, func() {
		p.send(w.Destination, 1, 1)
		p.send(w.Gateway, 1, 0)
	})
	defer again.Stop()
	for {
		r, err := p.receive()
		switch {
		case err != nil && !sent:
			return GatewayAnswer{Outcome: Unreachable}
		case err != nil:
			return GatewayAnswer{Outcome: Silent}
		case p.own(r.sender):
			continue // our own kernel: the gateway did not answer ARP
		case r.ttl == 1:
			// A packet with TTL 1 gets no farther than the gateway, whatever it says about it.
			return GatewayAnswer{Outcome: Answered, RTT: r.rtt, How: "ttl 1", Sender: r.sender}
		case r.to == w.Gateway.WithZone(""):
			return GatewayAnswer{Outcome: Answered, RTT: r.rtt, How: toItself, Sender: r.sender}
		}
	}
}

// AskPath asks how far packets to dst get: UDP to the host itself, whose "port unreachable" proves that it is alive, and
// with a rising TTL to the stations before it; on Windows and macOS ICMP echo requests, and for who is not root on the BSDs a
// SYN to the host alone. The next hop is left to AskGateway, which many can share: a Linux router
// sends one host six ICMP errors at once and then one a second. report, which may be nil, is called with each thing
// learnt, from this goroutine. It returns when the host has answered or ctx ends, with all that was learnt; then Host is
// Silent unless the host answered, and Unreachable when nothing could be sent.
//
// A host that is near costs one packet, one on the own network two when it is silent, a way that is dead behind the next
// hop five, and no way more than nine.
func AskPath(ctx context.Context, w Way, dst netip.AddrPort, report func(PathAnswer)) PathAnswer {
	ctx, cancel := context.WithTimeout(ctx, longestAsk)
	defer cancel()
	host := dst.Addr().Unmap()
	if !host.IsValid() {
		return PathAnswer{}
	}
	w.Destination = host
	p, err := openProbe(ctx, w)
	if err != nil {
		return PathAnswer{Host: Unreachable}
	}
	defer p.close()
	return askPath(ctx, p, w, report)
}

func askPath(ctx context.Context, p asker, w Way, report func(PathAnswer)) PathAnswer {
	host := w.Destination
	a := PathAnswer{Host: Asked}
	sent := p.send(host, 0, 0)
	// The rest is sent from a second goroutine, while answers are read here.
	var sender sync.WaitGroup
	sendCtx, stop := context.WithCancel(ctx)
	defer sender.Wait()
	defer stop()
	learnt := make(chan PathAnswer, 1)
	sender.Go(func() { askStations(sendCtx, p, w, learnt) })
	for {
		r, err := p.receive()
		if err != nil {
			if a.Host = Silent; !sent {
				a.Host = Unreachable
			}
			return a
		}
		if p.own(r.sender) && !w.Loopback {
			continue
		}
		if !a.learn(r, host) {
			continue
		}
		select {
		case <-learnt:
		default:
		}
		learnt <- a // the newest is enough
		if report != nil {
			report(a)
		}
		if a.Host == Answered {
			return a
		}
	}
}

// askStations asks those between the next hop and the host, a few ahead of what is learnt, and the host once more.
func askStations(ctx context.Context, p asker, w Way, learnt <-chan PathAnswer) {
	host := w.Destination
	deepest := 0 // TTL of the deepest station known
	last := pathTTLs
	switch {
	case w.Gateway.IsValid():
		deepest = 1
	case w.Index > 0:
		last = 0 // nobody is between us and the host
	}
	next := deepest + 1
	pace := time.NewTimer(pathStart)
	defer pace.Stop()
	again := time.NewTimer(askAgain)
	defer again.Stop()
	more := pathAhead
	for ready := false; ; {
		if ready && next <= min(deepest+more, last) {
			p.send(host, 0, next)
			next++
			ready = false
			pace.Reset(pathPace)
		}
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			ready = true
		case a := <-learnt:
			if !a.Refusal.IsZero() {
				return
			}
			deepest = max(deepest, a.TTL)
		case <-again.C:
			p.send(host, 1, 0)
			more++ // two stations in a row may be silent as ever, and a short hole may have swallowed both questions
		}
	}
}

// learn takes an answer in and reports whether it says anything new.
func (a *PathAnswer) learn(r reply, host netip.Addr) bool {
	host = host.WithZone("")
	before := *a
	switch {
	case r.data && r.sender == host, r.icmp.PortUnreachable() && r.sender == host:
		a.Host, a.HostRTT = Answered, r.rtt
		a.Deepest, a.RTT = host, r.rtt
		return true
	case r.data:
		return false
	case r.sender == a.Deepest:
		if r.ttl > 0 && (a.TTL == 0 || r.ttl < a.TTL) {
			a.TTL = r.ttl // it says no to everything that would go farther
		}
	case !r.icmp.TimeExceeded(), a.Refusal.IsZero() && r.ttl > a.TTL, !a.Deepest.IsValid():
		a.Deepest, a.TTL, a.RTT = r.sender, r.ttl, r.rtt
	}
	// Somebody says no: nothing gets farther. A rule explains more than an address without a host.
	if !r.icmp.TimeExceeded() && (a.Refusal.IsZero() || r.icmp.Prohibited() && !a.Refusal.Prohibited()) {
		a.Refusal = r.icmp
	}
	return *a != before
}

// local is the address to bind to.
func (w Way) local() netip.AddrPort {
	a := w.Source
	if !a.IsValid() || w.Loopback {
		if a = netip.IPv4Unspecified(); w.Destination.Is6() {
			a = netip.IPv6Unspecified()
		}
	}
	return netip.AddrPortFrom(w.scoped(a), 0)
}

// knock opens a connection from the way's address and resets it at once: nothing was ever to be said.
func knock(ctx context.Context, d *net.Dialer, w Way, dst netip.AddrPort) (rtt time.Duration, err error) {
	network := "tcp4"
	if dst.Addr().Is6() {
		network = "tcp6"
	}
	d.KeepAlive, d.LocalAddr = -1, net.TCPAddrFromAddrPort(w.local())
	start := time.Now()
	c, err := d.DialContext(ctx, network, netip.AddrPortFrom(w.scoped(dst.Addr()), dst.Port()).String())
	rtt = time.Since(start)
	if err == nil {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	return rtt, err
}
