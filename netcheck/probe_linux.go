package netcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// probePort is where UDP questions go, as traceroute's do: nobody listens there, so the host says "port
	// unreachable". 16 ports for each round: the number of the port tells round and TTL.
	probePort = 33434
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

// AskGateway asks the next hop of w three questions and returns with the first answer: at once a UDP packet towards the
// destination with TTL 1 and a TCP SYN to itself (a refusal is an answer, and unlike ICMP errors it is not rate-limited),
// after 300 ms the first one again and a UDP packet to itself. Routers often leave some of them unanswered for ever:
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
	answers := make(chan GatewayAnswer, 2)
	var both sync.WaitGroup
	defer both.Wait() // after cancel
	defer cancel()
	both.Go(func() { answers <- askGatewayUDP(ctx, w) })
	both.Go(func() {
		outcome, rtt := askTCP(ctx, w, netip.AddrPortFrom(w.Gateway, gatewayPort))
		if outcome == Refused || outcome == Answered {
			answers <- GatewayAnswer{Outcome: Answered, RTT: rtt, How: "tcp", Sender: w.Gateway}
			return
		}
		answers <- GatewayAnswer{Outcome: outcome}
	})
	var worst GatewayAnswer
	for range 2 {
		a := <-answers
		if a.Outcome == Answered {
			return a
		}
		if worst.Outcome != Silent { // one question that left and got no answer weighs more than one that could not leave
			worst = a
		}
	}
	return worst
}

func askGatewayUDP(ctx context.Context, w Way) GatewayAnswer {
	p, err := openUDP(ctx, w)
	if err != nil {
		return GatewayAnswer{Outcome: Unreachable}
	}
	defer p.close()
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
			return GatewayAnswer{Outcome: Answered, RTT: r.rtt, How: "udp", Sender: r.sender}
		}
	}
}

// AskPath asks how far packets to dst get: UDP to the host itself, whose "port unreachable" proves that it is alive, and
// with a rising TTL to the stations before it. The next hop is left to AskGateway, which many can share: a Linux router
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
	a := PathAnswer{Host: Asked}
	p, err := openUDP(ctx, w)
	if err != nil {
		a.Host = Unreachable
		return a
	}
	defer p.close()
	sent := p.send(host, 0, 0)
	// The rest is sent from a second goroutine, while answers are read here.
	var sender sync.WaitGroup
	sendCtx, stop := context.WithCancel(ctx)
	defer sender.Wait()
	defer stop()
	learnt := make(chan PathAnswer, 1)
	sender.Go(func() { p.askStations(sendCtx, learnt) })
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
func (p *udpProbe) askStations(ctx context.Context, learnt <-chan PathAnswer) {
	host := p.way.Destination
	deepest := 0 // TTL of the deepest station known
	last := pathTTLs
	switch {
	case p.way.Gateway.IsValid():
		deepest = 1
	case p.way.Index > 0:
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

// bind keeps a probe on the way that it is about. Both steps are tried only: since Linux 5.7 the interface needs no
// privilege, and without it the route decides, as it does for everybody else.
func (w Way) bind(c syscall.RawConn) error {
	if w.Loopback || w.Index <= 0 {
		return nil
	}
	return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, w.Index) })
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

// scoped adds the interface to a link-local address.
func (w Way) scoped(a netip.Addr) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() && w.Interface != "" {
		return a.WithZone(w.Interface)
	}
	return a
}

// askTCP sends a SYN and ends whatever comes of it at once: Answered, Refused (the RST came from dst itself), Unreachable
// or Silent.
func askTCP(ctx context.Context, w Way, dst netip.AddrPort) (Outcome, time.Duration) {
	twin := -1
	defer func() {
		if twin >= 0 {
			unix.Close(twin)
		}
	}()
	d := net.Dialer{KeepAlive: -1, Control: func(network, address string, c syscall.RawConn) error {
		if err := w.bind(c); err != nil {
			return err
		}
		if err := ControlICMPErrors(network, address, c); err != nil {
			return err
		}
		// The dialler closes a socket that failed, and with it what ICMP said.
		return c.Control(func(fd uintptr) {
			if n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
				twin = n
			}
		})
	}}
	network := "tcp4"
	if dst.Addr().Is6() {
		network = "tcp6"
	}
	d.LocalAddr = net.TCPAddrFromAddrPort(w.local())
	start := time.Now()
	c, err := d.DialContext(ctx, network, netip.AddrPortFrom(w.scoped(dst.Addr()), dst.Port()).String())
	rtt := time.Since(start)
	if err == nil {
		_ = c.(*net.TCPConn).SetLinger(0) // a reset: nothing was ever to be said
		_ = c.Close()
		return Answered, rtt
	}
	var icmp ICMPError
	for twin >= 0 {
		q, err := readErrQueue(twin)
		if err != nil {
			break
		}
		if !q.IsZero() {
			icmp = q.ICMPError
		}
	}
	switch {
	case ctx.Err() != nil, errors.Is(err, unix.ETIMEDOUT):
		return Silent, 0
	case errors.Is(err, unix.ECONNREFUSED) && (icmp.IsZero() || icmp.Sender == dst.Addr().WithZone("")):
		return Refused, rtt
	}
	return Unreachable, 0 // an ICMP error, or a rule of this computer's firewall
}

// A udpProbe is a socket for UDP questions, bound to a way.
type udpProbe struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	way  Way
	stop func() bool

	mu   sync.Mutex // guards sent
	sent map[uint16]time.Time
}

// A reply is an answer to one of them.
type reply struct {
	icmp   ICMPError // zero for a datagram
	data   bool      // a datagram came back
	sender netip.Addr
	to     netip.Addr // whom we had asked
	ttl    int        // the TTL that the question had; 0 the system's
	rtt    time.Duration
}

// openUDP makes the socket; it is interrupted when ctx ends.
func openUDP(ctx context.Context, w Way) (*udpProbe, error) {
	lc := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		if err := w.bind(c); err != nil {
			return err
		}
		return ControlICMPErrors(network, address, c)
	}}
	network := "udp4"
	if w.Destination.Is6() {
		network = "udp6"
	}
	pc, err := lc.ListenPacket(ctx, network, w.local().String())
	if err != nil {
		return nil, err
	}
	p := &udpProbe{conn: pc.(*net.UDPConn), way: w, sent: make(map[uint16]time.Time)}
	if p.raw, err = p.conn.SyscallConn(); err != nil {
		pc.Close()
		return nil, err
	}
	p.stop = context.AfterFunc(ctx, func() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) })
	return p, nil
}

func (p *udpProbe) close() {
	p.stop()
	p.conn.Close()
}

// send asks once; ttl 0 is the system's. It reports whether the packet left.
func (p *udpProbe) send(to netip.Addr, round, ttl int) bool {
	port := uint16(probePort + 16*round + ttl)
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{}}
	if to.Is4() {
		sa = &unix.SockaddrInet4{Port: int(port), Addr: to.As4()}
	} else {
		six := &unix.SockaddrInet6{Port: int(port), Addr: to.As16()}
		if to.IsLinkLocalUnicast() {
			six.ZoneId = uint32(p.way.Index)
		}
		sa = six
	}
	var oob []byte
	if ttl > 0 {
		oob = make([]byte, unix.CmsgSpace(4))
		level, typ := unix.SOL_IP, unix.IP_TTL
		if to.Is6() {
			level, typ = unix.SOL_IPV6, unix.IPV6_HOPLIMIT
		}
		putCmsg(oob, level, typ, uint32(ttl))
	}
	p.mu.Lock()
	p.sent[port] = time.Now()
	p.mu.Unlock()
	var err error
	if e := p.raw.Control(func(fd uintptr) {
		for range 2 { // an error that is pending fails the next send, and is cleared by it
			if _, err = unix.SendmsgN(int(fd), []byte("holdfast"), oob, sa, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err == nil {
				return
			}
		}
	}); e != nil {
		return false
	}
	return err == nil
}

// putCmsg writes a control message with one 32-bit number.
func putCmsg(oob []byte, level, typ int, v uint32) {
	h := unix.CmsgLen(0)
	if h == 16 { // struct cmsghdr: the length is a size_t
		ne.PutUint64(oob, uint64(unix.CmsgLen(4)))
	} else {
		ne.PutUint32(oob, uint32(unix.CmsgLen(4)))
	}
	ne.PutUint32(oob[h-8:], uint32(level))
	ne.PutUint32(oob[h-4:], uint32(typ))
	ne.PutUint32(oob[h:], v)
}

// receive returns the next answer to a question of ours; an error when the context ended.
func (p *udpProbe) receive() (reply, error) {
	for {
		var r reply
		var port uint16
		var failed error
		err := p.raw.Read(func(fd uintptr) bool {
			for range 64 { // errors pending on the socket come before the datagrams
				q, err := readErrQueue(int(fd))
				if err == nil {
					if q.IsZero() {
						continue
					}
					r, port = reply{icmp: q.ICMPError, sender: q.Sender, to: q.to.Addr()}, q.to.Port()
					return true
				}
				var b [64]byte
				_, from, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT)
				switch {
				case err == nil:
					at := addrPort(from)
					r, port = reply{data: true, sender: at.Addr(), to: at.Addr()}, at.Port()
					return true
				case err == unix.EAGAIN:
					return false
				case err == unix.EBADF || err == unix.ENOTSOCK:
					failed = err
					return true
				}
			}
			return false
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return reply{}, err
		}
		p.mu.Lock()
		at, ok := p.sent[port]
		p.mu.Unlock()
		if !ok {
			continue // nothing that we asked
		}
		r.ttl, r.rtt = int(port-probePort)%16, time.Since(at)
		return r, nil
	}
}

// own reports whether a is this computer's: its kernel sends "host unreachable" to itself when ARP gets no answer.
func (p *udpProbe) own(a netip.Addr) bool {
	if a == p.way.Source.WithZone("") {
		return true
	}
	t, err := openTalk()
	if err != nil {
		return false
	}
	local := t.isLocal(a)
	t.done(nil)
	return local
}
