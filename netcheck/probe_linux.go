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

// toItself is what the question to a hop itself is called, in GatewayAnswer.How.
const toItself = "udp"

// gatewayQuestions are what AskGateway puts to a next hop.
var gatewayQuestions = [...]func(context.Context, Way) GatewayAnswer{askGatewayTTL, askGatewayTCP}

// bind keeps a probe on the way that it is about. Both steps are tried only: since Linux 5.7 the interface needs no
// privilege, and without it the route decides, as it does for everybody else.
func (w Way) bind(c syscall.RawConn) error {
	if w.Loopback || w.Index <= 0 {
		return nil
	}
	return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, w.Index) })
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
	d := net.Dialer{Control: func(network, address string, c syscall.RawConn) error {
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
	rtt, err := knock(ctx, &d, w, dst)
	if err == nil {
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

// openProbe makes the socket; it is interrupted when ctx ends.
func openProbe(ctx context.Context, w Way) (asker, error) {
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
