//go:build darwin || freebsd || netbsd || openbsd

package netcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// toItself is what the question to a hop itself is called, in GatewayAnswer.How.
const toItself = "ping"

// gatewayQuestions are what AskGateway puts to a next hop.
var gatewayQuestions = [...]func(context.Context, Way) GatewayAnswer{askGatewayTTL, askGatewayTCP}

// askTCP sends a SYN and ends whatever comes of it at once: Answered, Refused, Unreachable or Silent.
func askTCP(ctx context.Context, w Way, dst netip.AddrPort) (Outcome, time.Duration) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { bindTo(int(fd), w, dst.Addr().Is6()) })
	}}
	rtt, err := knock(ctx, &d, w, dst)
	switch {
	case err == nil:
		return Answered, rtt
	case ctx.Err() != nil, errors.Is(err, unix.ETIMEDOUT):
		return Silent, 0
	case errors.Is(err, unix.ECONNREFUSED):
		return Refused, rtt
	}
	return Unreachable, 0
}

// A pingProbe asks by ICMP echo requests. On macOS everybody may (icmp(4), "Non-privileged ICMP"), and hears what stations
// on the way say; on the BSDs only root.
type pingProbe struct {
	socket *os.File
	raw    syscall.RawConn
	way    Way
	v6     bool
	id     uint16
	mine   func(netip.Addr) bool
	stop   func() bool

	mu   sync.Mutex // guards sent, and a TTL until its packet left
	sent map[uint16]time.Time
}

var pingID atomic.Uint32

// openProbe makes the socket that questions are asked by; receive is interrupted when ctx ends. Where ICMP may not be sent
// the host alone is asked, by TCP.
func openProbe(ctx context.Context, w Way) (asker, error) {
	mine := func(a netip.Addr) bool {
		if a == w.Source.WithZone("") {
			return true
		}
		addrs, err := helper.addrs()
		return err == nil && isLocalRow(addrs, a)
	}
	p, err := openPing(w)
	if err != nil {
		return newTCPProbe(ctx, w, probePort, askTCP, mine), nil
	}
	p.mine = mine
	p.id = uint16(os.Getpid()) + uint16(pingID.Add(1))
	p.stop = context.AfterFunc(ctx, func() { _ = p.socket.SetReadDeadline(time.Unix(1, 0)) })
	return p, nil
}

func openPing(w Way) (*pingProbe, error) {
	p := &pingProbe{way: w, v6: w.Destination.Is6(), sent: make(map[uint16]time.Time)}
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if p.v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, pingSocket, proto)
	if err != nil {
		fd, err = unix.Socket(family, unix.SOCK_RAW, proto)
	}
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	bindTo(fd, w, p.v6)
	err = unix.SetNonblock(fd, true)
	if from := p.sockaddr(w.local().Addr().WithZone("")); err == nil && w.Source.IsValid() && !w.Loopback {
		err = unix.Bind(fd, from)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	p.socket = os.NewFile(uintptr(fd), "icmp")
	if p.raw, err = p.socket.SyscallConn(); err == nil {
		err = p.socket.SetReadDeadline(time.Time{}) // fails where reading could not be interrupted
	}
	if err != nil {
		_ = p.socket.Close()
		return nil, err
	}
	return p, nil
}

func (p *pingProbe) close() {
	p.stop()
	_ = p.socket.Close()
}

// own reports whether a is this computer's.
func (p *pingProbe) own(a netip.Addr) bool { return p.mine(a) }

func (p *pingProbe) sockaddr(a netip.Addr) unix.Sockaddr {
	if !p.v6 {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	sa := &unix.SockaddrInet6{Addr: a.As16()}
	if a.IsLinkLocalUnicast() {
		sa.ZoneId = uint32(p.way.Index)
	}
	return sa
}

// usualTTL is what a question to the host itself gets.
const usualTTL = 64

// send asks once; ttl 0 is the usual one. It reports whether the packet left.
func (p *pingProbe) send(to netip.Addr, round, ttl int) bool {
	seq := seqOf(round, ttl)
	if ttl == 0 {
		ttl = usualTTL
	}
	level, name := unix.IPPROTO_IP, unix.IP_TTL
	if p.v6 {
		level, name = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if e := p.raw.Control(func(fd uintptr) {
		if err = unix.SetsockoptInt(int(fd), level, name, ttl); err == nil {
			p.sent[seq] = time.Now()
			err = unix.Sendto(int(fd), putPing(p.v6, p.id, seq), unix.MSG_DONTWAIT, p.sockaddr(to))
		}
	}); e != nil {
		return false
	}
	return err == nil
}

// receive returns the next answer to a question of ours; an error when the context ended.
func (p *pingProbe) receive() (reply, error) {
	b := make([]byte, 1500)
	for failed := 0; ; {
		var (
			n    int
			from unix.Sockaddr
			err  error
		)
		if e := p.raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			return err != unix.EAGAIN && err != unix.EINTR
		}); e != nil {
			return reply{}, e
		}
		if err != nil { // what ICMP left on the socket; reading has cleared it
			if failed++; failed > 64 {
				return reply{}, err
			}
			continue
		}
		said, ok := parsePing(b[:n], p.v6)
		if !ok || said.id != p.id {
			continue
		}
		p.mu.Lock()
		at, ok := p.sent[said.seq]
		p.mu.Unlock()
		if sender := senderOf(from); ok && sender.IsValid() {
			return said.reply(sender, p.v6, at), nil
		}
	}
}

func senderOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{}
}
