package netcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/internal/dial"
)

var (
	procIcmpCreateFile    = iphlpapi.NewProc("IcmpCreateFile")
	procIcmp6CreateFile   = iphlpapi.NewProc("Icmp6CreateFile")
	procIcmpCloseHandle   = iphlpapi.NewProc("IcmpCloseHandle")
	procIcmpSendEcho2Ex   = iphlpapi.NewProc("IcmpSendEcho2Ex")
	procIcmp6SendEcho2    = iphlpapi.NewProc("Icmp6SendEcho2")
	procIcmpParseReplies  = iphlpapi.NewProc("IcmpParseReplies")
	procIcmp6ParseReplies = iphlpapi.NewProc("Icmp6ParseReplies")
)

// toItself is what the question to a hop itself is called, in GatewayAnswer.How.
const toItself = "ping"

// gatewayQuestions are what AskGateway puts to a next hop. Where a connection is only made again by Windows before it says
// "refused", the echo request and the neighbour's own answer are there first.
var gatewayQuestions = [...]func(context.Context, Way) GatewayAnswer{askGatewayTTL, askGatewayTCP, askGatewayNeighbour}

// neighbours asks next hops for their hardware address, which no call can be told to give up.
var neighbours patient[neighbourKey, error]

type neighbourKey struct {
	index  int
	ip     netip.Addr
	source netip.Addr
}

// askGatewayNeighbour asks by ARP or NDP, whatever the neighbour table says: a gateway that answers nothing else answers
// that. NotAsked where the system cannot be made to.
func askGatewayNeighbour(ctx context.Context, w Way) GatewayAnswer {
	start := time.Now()
	k := neighbourKey{w.Index, w.Gateway.WithZone(""), w.Source.WithZone("")}
	err, ok := neighbours.ask(ctx, k, func() error {
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

// An echoProbe asks by ICMP echo requests, which need no rights here.
type echoProbe struct {
	ctx  context.Context
	way  Way
	v6   bool
	file windows.Handle
	stir windows.Handle // an event: something was sent, or the context ended
	stop func() bool

	mu   sync.Mutex // guards what follows
	sent []*echo
	shut bool
}

// An echo is one request. The system writes the reply into its memory until its event is set.
type echo struct {
	event windows.Handle
	mem   *echoMemory // not Go's: nobody can tell the system to give it up
	to    netip.Addr
	ttl   int
	at    time.Time
}

type echoMemory struct {
	source, destination [sockaddrSize]byte
	data                [8]byte
	options             echoOptions
	reply               [512]byte
}

// echoOptions is an IP_OPTION_INFORMATION.
type echoOptions struct {
	ttl, tos, flags, size uint8
	data                  uintptr
}

// burials are the requests that outlived their probe: each ends with its time limit.
var burials sync.WaitGroup

// openProbe makes the handle that questions are asked by; receive is interrupted when ctx ends.
func openProbe(ctx context.Context, w Way) (asker, error) {
	p := &echoProbe{ctx: ctx, way: w, v6: w.Destination.Is6()}
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
	if p.stir, err = windows.CreateEvent(nil, 0, 0, nil); err != nil {
		_, _, _ = procIcmpCloseHandle.Call(uintptr(p.file))
		return nil, err
	}
	p.stop = context.AfterFunc(ctx, p.wake)
	return p, nil
}

func (p *echoProbe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shut {
		_ = windows.SetEvent(p.stir)
	}
}

func (p *echoProbe) close() {
	p.stop()
	p.mu.Lock()
	p.shut = true
	left := p.sent
	p.mu.Unlock()
	windows.CloseHandle(p.stir)
	_, _, _ = procIcmpCloseHandle.Call(uintptr(p.file))
	for _, e := range left {
		if n, _ := windows.WaitForSingleObject(e.event, 0); n == windows.WAIT_OBJECT_0 {
			e.free()
			continue
		}
		burials.Go(func() {
			// Longer than any request may take. Memory that the system has not let go of by then is never freed.
			if n, _ := windows.WaitForSingleObject(e.event, uint32((longestAsk+2*time.Second)/time.Millisecond)); n == windows.WAIT_OBJECT_0 {
				e.free()
			}
		})
	}
}

func (e *echo) free() {
	windows.CloseHandle(e.event)
	_, _ = windows.LocalFree(windows.Handle(unsafe.Pointer(e.mem)))
}

// newEcho makes the memory of a request.
func newEcho() (*echo, error) {
	const fixedZeroed = 0x40 // LPTR
	mem, err := windows.LocalAlloc(fixedZeroed, uint32(unsafe.Sizeof(echoMemory{})))
	if err != nil {
		return nil, err
	}
	e := &echo{mem: *(**echoMemory)(unsafe.Pointer(&mem))}
	if e.event, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		_, _ = windows.LocalFree(windows.Handle(mem))
		return nil, err
	}
	return e, nil
}

// send asks once, for as long as the context allows; ttl 0 is the system's. It reports whether the packet left.
func (p *echoProbe) send(to netip.Addr, _, ttl int) bool {
	limit := longestAsk
	if deadline, ok := p.ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	if p.ctx.Err() != nil || limit < time.Millisecond {
		return false
	}
	e, err := newEcho()
	if err != nil {
		return false
	}
	e.to, e.ttl = to.WithZone(""), ttl
	m := e.mem
	copy(m.data[:], "holdfast")
	options := uintptr(unsafe.Pointer(&m.options))
	if m.options.ttl = uint8(ttl); ttl == 0 {
		options = 0
	}
	source := p.way.local().Addr()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		e.free()
		return false
	}
	e.at = time.Now()
	var r uintptr
	if p.v6 {
		m.source, m.destination = putInet(source, p.way.Index), putInet(to, p.way.Index)
		r, _, err = procIcmp6SendEcho2.Call(uintptr(p.file), uintptr(e.event), 0, 0, uintptr(unsafe.Pointer(&m.source)), uintptr(unsafe.Pointer(&m.destination)),
			uintptr(unsafe.Pointer(&m.data)), unsafe.Sizeof(m.data), options, uintptr(unsafe.Pointer(&m.reply)), unsafe.Sizeof(m.reply), uintptr(limit/time.Millisecond))
	} else {
		from, dst := source.As4(), to.As4()
		r, _, err = procIcmpSendEcho2Ex.Call(uintptr(p.file), uintptr(e.event), 0, 0, uintptr(*(*uint32)(unsafe.Pointer(&from))), uintptr(*(*uint32)(unsafe.Pointer(&dst))),
			uintptr(unsafe.Pointer(&m.data)), unsafe.Sizeof(m.data), options, uintptr(unsafe.Pointer(&m.reply)), unsafe.Sizeof(m.reply), uintptr(limit/time.Millisecond))
	}
	switch {
	case r != 0:
		_ = windows.SetEvent(e.event) // answered at once
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		e.free()
		return false
	}
	p.sent = append(p.sent, e)
	_ = windows.SetEvent(p.stir)
	return true
}

// receive returns the next answer to a question of ours; an error when the context ended.
func (p *echoProbe) receive() (reply, error) {
	for {
		if err := p.ctx.Err(); err != nil {
			return reply{}, err
		}
		p.mu.Lock()
		sent := p.sent[max(0, len(p.sent)-60):] // as many as can be waited for; nobody asks half as often
		p.mu.Unlock()
		events := []windows.Handle{p.stir}
		for _, e := range sent {
			events = append(events, e.event)
		}
		n, err := windows.WaitForMultipleObjects(events, false, windows.INFINITE)
		at := int(n) - windows.WAIT_OBJECT_0
		switch {
		case err != nil:
			return reply{}, err
		case at == 0:
			continue // there is more to wait for, or nothing
		case at < 0 || at >= len(events):
			return reply{}, syscall.EINVAL
		}
		e := sent[at-1]
		r, ok := e.read(p.v6)
		p.mu.Lock()
		for i := range p.sent {
			if p.sent[i] == e {
				p.sent = append(p.sent[:i:i], p.sent[i+1:]...)
				break
			}
		}
		p.mu.Unlock()
		e.free()
		if ok {
			return r, nil
		}
	}
}

// read takes the reply; false: nobody answered.
func (e *echo) read(v6 bool) (reply, bool) {
	rtt := time.Since(e.at)
	parse := procIcmpParseReplies
	if v6 {
		parse = procIcmp6ParseReplies
	}
	if parse.Find() == nil { // without it the reply lies there as it is
		if n, _, _ := parse.Call(uintptr(unsafe.Pointer(&e.mem.reply)), unsafe.Sizeof(e.mem.reply)); n == 0 {
			return reply{}, false
		}
	}
	r, ok := parseEcho((*[echoReplySize]byte)(e.mem.reply[:]), v6)
	r.to, r.ttl, r.rtt = e.to, e.ttl, rtt
	return r, ok
}

// own reports whether a is this computer's: it says "host unreachable" to itself when ARP gets no answer.
func (p *echoProbe) own(a netip.Addr) bool {
	if a == p.way.Source.WithZone("") {
		return true
	}
	addrs, err := helper.addrs()
	return err == nil && isLocalRow(addrs, a)
}
