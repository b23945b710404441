package netcheck

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// What an asker by ICMP sockets sends and reads; the sockets are in probe_bsd.go.

const (
	icmpHeader   = 8
	echoRequest4 = 8
	echoReply4   = 0
	echoRequest6 = 128
	echoReply6   = 129
)

// A ping is what an ICMP message says about an echo request.
type ping struct {
	id, seq uint16
	data    bool // it is the reply
	icmp    struct{ typ, code byte }
	to      netip.Addr // whom the request went to, where an error quotes it
}

// putPing writes an echo request. The kernel fills in the checksum of ICMPv6 (RFC 3542, section 3.1).
func putPing(v6 bool, id, seq uint16) []byte {
	b := append(make([]byte, icmpHeader), "holdfast"...)
	b[0] = echoRequest4
	if v6 {
		b[0] = echoRequest6
	}
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	if !v6 {
		var sum uint32 // RFC 1071
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint16(b[2:], ^uint16(sum+sum>>16))
	}
	return b
}

// parsePing reads an ICMP message, with or without the IPv4 header that some kernels leave before it. false: it is about no
// echo request. Whoever listens hears what is for others too: id and seq tell.
func parsePing(b []byte, v6 bool) (p ping, ok bool) {
	if !v6 && len(b) > 0 && b[0]>>4 == 4 { // no ICMP type is 64 to 79 (IANA)
		if b, ok = behindIPv4(b); !ok {
			return p, false
		}
	}
	if len(b) < icmpHeader {
		return p, false
	}
	request, reply := byte(echoRequest4), byte(echoReply4)
	if v6 {
		request, reply = echoRequest6, echoReply6
	}
	p.icmp.typ, p.icmp.code = b[0], b[1]
	switch {
	case b[0] == reply:
		p.data = true
	case v6 && (b[0] == 1 || b[0] == 3): // unreachable, time exceeded
		const fixed = 40
		if b = b[icmpHeader:]; len(b) < fixed || b[0]>>4 != 6 || b[6] != 58 {
			return p, false
		}
		p.to = netip.AddrFrom16([16]byte(b[24:40]))
		b = b[fixed:]
	case !v6 && (b[0] == 3 || b[0] == 11):
		if b = b[icmpHeader:]; len(b) < 20 || b[0]>>4 != 4 {
			return p, false
		}
		p.to = netip.AddrFrom4([4]byte(b[16:20]))
		if b, ok = behindIPv4(b); !ok {
			return p, false
		}
	default:
		return p, false
	}
	if len(b) < icmpHeader || !p.data && b[0] != request {
		return p, false
	}
	p.id, p.seq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	return p, true
}

// behindIPv4 cuts an IPv4 header off; false when it is none, or one of another protocol than ICMP.
func behindIPv4(b []byte) ([]byte, bool) {
	if len(b) < 20 {
		return nil, false
	}
	n := int(b[0]&0xf) * 4
	if n < 20 || n > len(b) || b[9] != 1 {
		return nil, false
	}
	return b[n:], true
}

// seqOf puts round and TTL into the number of a request, and what the reply says into a reply.
func seqOf(round, ttl int) uint16 { return uint16(16*round + ttl) }

func (p ping) reply(sender netip.Addr, v6 bool, at time.Time) reply {
	r := reply{data: p.data, sender: sender, to: p.to, ttl: int(p.seq % 16), rtt: time.Since(at)}
	if p.data {
		r.to = sender
	} else {
		r.icmp = ICMPError{Type: p.icmp.typ, Code: p.icmp.code, V6: v6, Sender: sender}
	}
	return r
}

// A mailbox is where answers come in until ctx ends, for an asker that does not read them from a socket itself.
type mailbox struct {
	ctx     context.Context
	answers chan reply
}

// receive returns the next answer to a question of ours; an error when the context ended.
func (p mailbox) receive() (reply, error) {
	select {
	case r := <-p.answers:
		return r, nil
	case <-p.ctx.Done():
		return reply{}, p.ctx.Err()
	}
}

// A tcpProbe asks only the host itself: a SYN to a port where nobody listens, which it refuses. It is for where ICMP may not
// be sent; stations on the way cannot be asked so, and nothing is sent to them.
type tcpProbe struct {
	mailbox
	way    Way
	ask    func(context.Context, Way, netip.AddrPort) (Outcome, time.Duration)
	mine   func(netip.Addr) bool
	port   uint16
	cancel context.CancelFunc

	mu   sync.Mutex // guards shut, and that nothing is begun after it
	shut bool
	left sync.WaitGroup
}

func newTCPProbe(ctx context.Context, w Way, port uint16, ask func(context.Context, Way, netip.AddrPort) (Outcome, time.Duration), mine func(netip.Addr) bool) *tcpProbe {
	p := &tcpProbe{way: w, ask: ask, mine: mine, port: port}
	p.answers = make(chan reply)
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

func (p *tcpProbe) send(to netip.Addr, _, ttl int) bool {
	if ttl > 0 || to == p.way.Gateway { // the gateway is asked by TCP anyway
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return false
	}
	p.left.Go(func() {
		outcome, rtt := p.ask(p.ctx, p.way, netip.AddrPortFrom(to, p.port))
		if outcome != Answered && outcome != Refused {
			return
		}
		select {
		case p.answers <- reply{data: true, sender: to.WithZone(""), to: to.WithZone(""), rtt: rtt}:
		case <-p.ctx.Done():
		}
	})
	return true
}

func (p *tcpProbe) own(a netip.Addr) bool { return p.mine(a) }

func (p *tcpProbe) close() {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	p.cancel()
	p.left.Wait()
}
