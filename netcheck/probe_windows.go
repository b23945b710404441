package netcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/internal/dial"
	"holdfast/internal/patient"
)

var (
	procIcmpCreateFile   = iphlpapi.NewProc("IcmpCreateFile")
	procIcmp6CreateFile  = iphlpapi.NewProc("Icmp6CreateFile")
	procIcmpCloseHandle  = iphlpapi.NewProc("IcmpCloseHandle")
	procIcmpSendEcho2Ex  = iphlpapi.NewProc("IcmpSendEcho2Ex")
	procIcmp6SendEcho2   = iphlpapi.NewProc("Icmp6SendEcho2")
	procIcmpParseReplies = iphlpapi.NewProc("IcmpParseReplies")
)

// toItself is what the question to a hop itself is called, in GatewayAnswer.How.
const toItself = "ping"

// gatewayQuestions are what AskGateway puts to a next hop. Where a connection is only made again by Windows before it says
// "refused", the echo request is there first.
var gatewayQuestions = [...]func(context.Context, Way) GatewayAnswer{askGatewayTTL, askGatewayTCP, askGatewayNeighbour}

// neighbours asks next hops for their hardware address, which no call can be told to give up.
var neighbours patient.Questions[neighbourKey, error]

type neighbourKey struct {
	index  int
	ip     netip.Addr
	source netip.Addr
}

// askGatewayNeighbour asks by ARP or NDP, whatever the neighbour table says: a gateway that answers nothing else answers
// that. It does so when the other questions have not been answered for a while, because what is sent by the gateway has to
// wait meanwhile. NotAsked where the system cannot be made to, or where the answer would say nothing.
func askGatewayNeighbour(ctx context.Context, w Way) GatewayAnswer {
	k := neighbourKey{w.Index, w.Gateway.WithZone(""), w.Source.WithZone("")}
	if procResolveIPNetEntry2.Find() != nil || !helper.neighbourTells(k.index, k.ip) {
		return GatewayAnswer{}
	}
	select {
	case <-ctx.Done():
		return GatewayAnswer{}
	case <-time.After(askAgain):
	}
	start := time.Now()
	err, ok := neighbours.Ask(ctx, k, func() error {
		row, source := netRowOf(k.index, k.ip), putInet(k.source, k.index)
		from := &source
		if !k.source.IsValid() {
			from = nil
		}
		return call(procResolveIPNetEntry2, uintptr(unsafe.Pointer(&row)), uintptr(unsafe.Pointer(from)))
	})
	switch {
	case !ok:
		return GatewayAnswer{Outcome: Silent}
	case err == nil:
		return GatewayAnswer{Outcome: Answered, RTT: time.Since(start), How: "arp", Sender: w.Gateway}
	case errors.Is(err, windows.ERROR_BAD_NET_NAME), errors.Is(err, windows.ERROR_NOT_FOUND):
		return GatewayAnswer{Outcome: Silent} // asked, and nobody answered
	}
	return GatewayAnswer{}
}

// scoped adds the interface to a link-local address.
func (w Way) scoped(a netip.Addr) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() && w.Index > 0 {
		return a.WithZone(strconv.Itoa(w.Index))
	}
	return a
}

// askTCP sends a SYN and ends whatever comes of it at once: Answered, Refused (the RST came from dst itself), Unreachable
// or Silent.
func askTCP(ctx context.Context, w Way, dst netip.AddrPort) (Outcome, time.Duration) {
	d := net.Dialer{Control: func(network, address string, c syscall.RawConn) error {
		return c.Control(dial.OneSYN)
	}}
	rtt, err := knock(ctx, &d, w, dst)
	var errno syscall.Errno
	errors.As(err, &errno)
	switch {
	case err == nil:
		return Answered, rtt
	case ctx.Err() != nil, posix(errno) == syscall.ETIMEDOUT:
		return Silent, 0
	case posix(errno) == syscall.ECONNREFUSED:
		return Refused, rtt
	}
	return Unreachable, 0
}

// An echoProbe asks by ICMP echo requests, which need no rights here. What it asks goes through the post, which owns file,
// pending and shut.
type echoProbe struct {
	mailbox
	way Way
	v6  bool

	file    windows.Handle
	pending int // requests under way
	shut    bool
}

// manyAnswers is more than anybody asks for by one probe.
const manyAnswers = 64

// openProbe makes the handle that questions are asked by; receive is interrupted when ctx ends.
func openProbe(ctx context.Context, w Way) (asker, error) {
	p := &echoProbe{mailbox: mailbox{ctx, make(chan reply, manyAnswers)}, way: w, v6: w.Destination.Is6()}
	create := procIcmpCreateFile
	if p.v6 {
		create = procIcmp6CreateFile
	}
	if err := create.Find(); err != nil {
		return nil, err
	}
	h, _, err := create.Call()
	if p.file = windows.Handle(h); p.file == windows.InvalidHandle {
		return nil, err
	}
	if err := post.enter(); err != nil {
		_, _, _ = procIcmpCloseHandle.Call(h)
		return nil, err
	}
	return p, nil
}

func (p *echoProbe) close() {
	post.do(func() {
		p.shut = true
		p.end()
	})
}

// end closes the file when nobody needs it any more: never while a request is under way, see post.
func (p *echoProbe) end() {
	if p.shut && p.pending == 0 {
		_, _, _ = procIcmpCloseHandle.Call(uintptr(p.file))
		post.leave()
	}
}

// send asks once, for as long as the context allows; ttl 0 is the system's. It reports whether the packet left.
func (p *echoProbe) send(to netip.Addr, _, ttl int) bool {
	left := make(chan bool, 1)
	post.do(func() { left <- !p.shut && p.ask(to, ttl) })
	select {
	case ok := <-left:
		return ok
	case <-p.ctx.Done(): // a system that hangs holds up the post
		return false
	}
}

// ask is send on the thread of the post.
func (p *echoProbe) ask(to netip.Addr, ttl int) bool {
	limit := longestAsk
	if deadline, ok := p.ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	if p.ctx.Err() != nil || limit < time.Millisecond {
		return false
	}
	e, err := newEcho(p, to, ttl)
	if err != nil {
		return false
	}
	m := e.mem
	options := uintptr(unsafe.Pointer(&m.options))
	if ttl == 0 {
		options = 0
	}
	source := p.way.local().Addr()
	told, key := post.expect(e)
	var r uintptr
	if p.v6 {
		m.source, m.destination = putInet(source, p.way.Index), putInet(to, p.way.Index)
		r, _, err = procIcmp6SendEcho2.Call(uintptr(p.file), 0, told, key, uintptr(unsafe.Pointer(&m.source)), uintptr(unsafe.Pointer(&m.destination)),
			uintptr(unsafe.Pointer(&m.data)), unsafe.Sizeof(m.data), options, uintptr(unsafe.Pointer(&m.reply)), unsafe.Sizeof(m.reply), uintptr(limit/time.Millisecond))
	} else {
		from, dst := source.As4(), to.As4()
		r, _, err = procIcmpSendEcho2Ex.Call(uintptr(p.file), 0, told, key, uintptr(*(*uint32)(unsafe.Pointer(&from))), uintptr(*(*uint32)(unsafe.Pointer(&dst))),
			uintptr(unsafe.Pointer(&m.data)), unsafe.Sizeof(m.data), options, uintptr(unsafe.Pointer(&m.reply)), unsafe.Sizeof(m.reply), uintptr(limit/time.Millisecond))
	}
	if r == 0 && !errors.Is(err, windows.ERROR_IO_PENDING) {
		post.forget(key)
		return false
	}
	if r != 0 {
		post.ended = append(post.ended, echoEnd{key, time.Now()}) // answered at once
	}
	return true
}

// own reports whether a is this computer's: it says "host unreachable" to itself when ARP gets no answer.
func (p *echoProbe) own(a netip.Addr) bool {
	if a == p.way.Source.WithZone("") {
		return true
	}
	addrs, err := helper.addrs()
	return err == nil && isLocalRow(addrs, a)
}
