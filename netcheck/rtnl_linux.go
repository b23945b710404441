package netcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtnetlink by hand: the questions here run for each way on each kernel news, and github.com/vishvananda/netlink
// allocates a 64 KiB buffer for each answer, decodes all of it and dumps every address of the machine to find those of
// one interface. See BenchmarkJudge and BenchmarkJudgeLibrary.

var ne = binary.NativeEndian

// rtextSkipStats leaves the counters out of a link message (RTEXT_FILTER_SKIP_STATS, linux/rtnetlink.h).
const rtextSkipStats = 1 << 3

var (
	errShort    = errors.New("short netlink message")
	errMismatch = errors.New("netlink answer to another question")
)

// A talk is one rtnetlink socket and its buffers. It asks one question at a time.
type talk struct {
	fd  int
	seq uint32
	req []byte // the question being built
	buf []byte // the answer
	in  []byte // what of buf is not yet parsed
}

// talks keeps a few sockets open. A socket belongs to the network namespace in which it was opened, so a program that
// moves its threads between namespaces must not use this package from more than one of them.
var talks = make(chan *talk, 4)

func openTalk() (*talk, error) {
	select {
	case t := <-talks:
		return t, nil
	default:
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	// Strict checking makes the kernel (4.20 and later) filter a dump by interface index; an older one sends all, and
	// the caller filters.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	// The kernel answers within sendmsg(2), so nothing is ever waited for; this only keeps a surprise from hanging us.
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	return &talk{fd: fd, req: make([]byte, 0, 128), buf: make([]byte, 32<<10)}, nil
}

// done gives the socket back; after a failed exchange an answer may still be queued, so the socket is closed.
func (t *talk) done(err error) {
	var errno unix.Errno
	if err == nil || errors.As(err, &errno) && !errors.Is(err, errIO) {
		select {
		case talks <- t:
			return
		default:
		}
	}
	unix.Close(t.fd)
}

// errIO marks an error of the exchange itself; an errno without it is the kernel's answer.
var errIO = errors.New("netlink exchange")

// begin starts a question with its fixed header, attr adds an attribute.
func (t *talk) begin(typ, flags uint16, header []byte) {
	t.seq++
	t.req = append(t.req[:0], make([]byte, unix.SizeofNlMsghdr)...)
	ne.PutUint16(t.req[4:], typ)
	ne.PutUint16(t.req[6:], unix.NLM_F_REQUEST|flags)
	ne.PutUint32(t.req[8:], t.seq)
	t.req = append(t.req, header...)
}

func (t *talk) attr(typ uint16, value []byte) {
	var h [4]byte
	ne.PutUint16(h[0:], uint16(4+len(value)))
	ne.PutUint16(h[2:], typ)
	t.req = append(t.req, h[:]...)
	t.req = append(t.req, value...)
	for len(t.req)%4 != 0 {
		t.req = append(t.req, 0)
	}
}

func (t *talk) attr32(typ uint16, v uint32) {
	var b [4]byte
	ne.PutUint32(b[:], v)
	t.attr(typ, b[:])
}

func (t *talk) attrAddr(typ uint16, a netip.Addr) {
	if a.Is4() {
		b := a.As4()
		t.attr(typ, b[:])
		return
	}
	b := a.As16()
	t.attr(typ, b[:])
}

// send asks what was built.
func (t *talk) send() error {
	ne.PutUint32(t.req, uint32(len(t.req)))
	t.in = nil
	for {
		_, err := unix.Write(t.fd, t.req)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: send: %w", errIO, err)
		}
		return nil
	}
}

// next returns the next message of the answer. end is true after the last one of a dump. A kernel error is returned as
// its bare errno.
func (t *talk) next() (m message, end bool, err error) {
	for {
		for len(t.in) == 0 {
			n, err := unix.Read(t.fd, t.buf)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return message{}, false, fmt.Errorf("%w: receive: %w", errIO, err)
			}
			t.in = t.buf[:n]
		}
		m, t.in, err = nextMessage(t.in)
		if err != nil {
			return message{}, false, fmt.Errorf("%w: %w", errIO, err)
		}
		if m.seq != t.seq {
			continue // left over from a question that was given up
		}
		switch m.typ {
		case unix.NLMSG_NOOP:
			continue
		case unix.NLMSG_DONE:
			if len(m.data) >= 4 {
				if code := int32(ne.Uint32(m.data)); code < 0 {
					return m, true, unix.Errno(-code)
				}
			}
			return m, true, nil
		case unix.NLMSG_ERROR:
			if len(m.data) < 4 {
				return m, false, fmt.Errorf("%w: %w", errIO, errShort)
			}
			if code := int32(ne.Uint32(m.data)); code < 0 {
				return m, true, unix.Errno(-code)
			}
			return m, true, nil // an acknowledgement
		}
		return m, false, nil
	}
}

// one asks what was built and returns the single answer, which must be of type want.
func (t *talk) one(want uint16) (message, error) {
	if err := t.send(); err != nil {
		return message{}, err
	}
	m, end, err := t.next()
	if err != nil {
		return m, err
	}
	if end || m.typ != want {
		return m, fmt.Errorf("%w: %w", errIO, errMismatch)
	}
	return m, nil
}

// A message is one netlink message; data begins behind the netlink header and lies in the receive buffer.
type message struct {
	typ, flags uint16
	seq        uint32
	data       []byte
}

// nextMessage takes one message off b. It never reads beyond b, whatever the length fields say.
func nextMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return m, nil, errShort
	}
	n := int(ne.Uint32(b))
	if n < unix.SizeofNlMsghdr || n > len(b) {
		return m, nil, errShort
	}
	m = message{typ: ne.Uint16(b[4:]), flags: ne.Uint16(b[6:]), seq: ne.Uint32(b[8:]), data: b[unix.SizeofNlMsghdr:n]}
	if next := (n + 3) &^ 3; next < len(b) {
		rest = b[next:]
	}
	return m, rest, nil
}

// nextAttr takes one attribute off b; ok is false at the end and at anything malformed.
func nextAttr(b []byte) (typ uint16, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	n := int(ne.Uint16(b))
	if n < 4 || n > len(b) {
		return 0, nil, nil, false
	}
	typ = ne.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	value = b[4:n]
	if next := (n + 3) &^ 3; next < len(b) {
		rest = b[next:]
	}
	return typ, value, rest, true
}

// address reads an address attribute; anything but 4 or 16 bytes is invalid.
func address(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// A link is what a link message says, as far as it is needed.
type link struct {
	index     int
	flags     uint32
	hardware  uint16 // ARPHRD_...
	name      string
	kind      string // "" for an interface with a driver of its own, else "veth", "bridge", ...
	slaveKind string
	master    int
	stacked   bool // on or beside another interface: a VLAN, a macvlan, an end of a veth pair
	parent    bool // a device of a bus stands behind it; kernels before 5.14 never say so
}

// parseLink reads a link message; names only when asked for, as they are the only allocation.
func parseLink(data []byte, names bool) (l link, err error) {
	if len(data) < unix.SizeofIfInfomsg {
		return l, errShort
	}
	l.hardware = ne.Uint16(data[2:])
	l.index = int(int32(ne.Uint32(data[4:])))
	l.flags = ne.Uint32(data[8:])
	if !names {
		return l, nil
	}
	for typ, v, rest, ok := nextAttr(data[unix.SizeofIfInfomsg:]); ok; typ, v, rest, ok = nextAttr(rest) {
		switch typ {
		case unix.IFLA_IFNAME:
			l.name = text(v)
		case unix.IFLA_MASTER:
			if len(v) >= 4 {
				l.master = int(ne.Uint32(v))
			}
		case unix.IFLA_LINK:
			l.stacked = len(v) >= 4 && int(int32(ne.Uint32(v))) != l.index
		case unix.IFLA_PARENT_DEV_NAME:
			l.parent = true
		case unix.IFLA_LINKINFO:
			for typ, v, rest, ok := nextAttr(v); ok; typ, v, rest, ok = nextAttr(rest) {
				switch typ {
				case unix.IFLA_INFO_KIND:
					l.kind = text(v)
				case unix.IFLA_INFO_SLAVE_KIND:
					l.slaveKind = text(v)
				}
			}
		}
	}
	return l, nil
}

// An addr is one address of an interface.
type addr struct {
	index int
	flags uint32 // IFA_F_...
	ip    netip.Addr
}

func parseAddr(data []byte) (a addr, err error) {
	if len(data) < unix.SizeofIfAddrmsg {
		return a, errShort
	}
	a.flags = uint32(data[2])
	a.index = int(ne.Uint32(data[4:]))
	for typ, v, rest, ok := nextAttr(data[unix.SizeofIfAddrmsg:]); ok; typ, v, rest, ok = nextAttr(rest) {
		switch typ {
		case unix.IFA_LOCAL: // the own end; IFA_ADDRESS is the peer's on a point-to-point link
			a.ip = address(v)
		case unix.IFA_ADDRESS:
			if !a.ip.IsValid() {
				a.ip = address(v)
			}
		case unix.IFA_FLAGS:
			if len(v) >= 4 {
				a.flags = ne.Uint32(v)
			}
		}
	}
	return a, nil
}

// A route is what a route message says, as far as it is needed.
type route struct {
	family  uint8
	table   uint8
	typ     uint8 // unix.RTN_...
	flags   uint32
	dst     netip.Prefix // 0/0 of its family for a default route
	index   int
	gateway netip.Addr
	source  netip.Addr
	hops    int  // next hops in RTA_MULTIPATH
	through bool // one of them is the next hop that was asked for, see parseRoute
}

// parseRoute reads a route message. For a route with several next hops, through tells whether (index, gateway) is one.
func parseRoute(data []byte, index int, gateway netip.Addr) (r route, err error) {
	if len(data) < unix.SizeofRtMsg {
		return r, errShort
	}
	r.family, r.table, r.typ = data[0], data[4], data[7]
	r.flags = ne.Uint32(data[8:])
	var dst netip.Addr
	switch r.family {
	case unix.AF_INET:
		dst = netip.IPv4Unspecified()
	case unix.AF_INET6:
		dst = netip.IPv6Unspecified()
	}
	for typ, v, rest, ok := nextAttr(data[unix.SizeofRtMsg:]); ok; typ, v, rest, ok = nextAttr(rest) {
		switch typ {
		case unix.RTA_DST:
			if a := address(v); a.IsValid() && a.BitLen() == dst.BitLen() {
				dst = a
			}
		case unix.RTA_OIF:
			if len(v) >= 4 {
				r.index = int(ne.Uint32(v))
			}
		case unix.RTA_GATEWAY:
			r.gateway = address(v)
		case unix.RTA_VIA: // an IPv4 route by an IPv6 next hop (RFC 5549)
			if len(v) > 2 {
				r.gateway = address(v[2:])
			}
		case unix.RTA_PREFSRC:
			r.source = address(v)
		case unix.RTA_MULTIPATH:
			for len(v) >= unix.SizeofRtNexthop {
				n := int(ne.Uint16(v))
				if n < unix.SizeofRtNexthop || n > len(v) {
					break
				}
				var via netip.Addr
				for typ, a, rest, ok := nextAttr(v[unix.SizeofRtNexthop:n]); ok; typ, a, rest, ok = nextAttr(rest) {
					switch {
					case typ == unix.RTA_GATEWAY:
						via = address(a)
					case typ == unix.RTA_VIA && len(a) > 2:
						via = address(a[2:])
					}
				}
				r.hops++
				r.through = r.through || int(ne.Uint32(v[4:])) == index && via == gateway
				if n = (n + 3) &^ 3; n >= len(v) {
					break
				}
				v = v[n:]
			}
		}
	}
	if r.hops == 0 {
		r.through = r.index == index && r.gateway == gateway
	}
	if dst.IsValid() && int(data[1]) <= dst.BitLen() {
		r.dst = netip.PrefixFrom(dst, int(data[1]))
	}
	return r, nil
}

// linkByIndex reads one interface; unix.ENODEV when it is gone.
func (t *talk) linkByIndex(index int, names bool) (link, error) {
	h := unix.IfInfomsg{Family: unix.AF_UNSPEC, Index: int32(index)}
	t.begin(unix.RTM_GETLINK, 0, (*[unix.SizeofIfInfomsg]byte)(unsafe.Pointer(&h))[:])
	t.attr32(unix.IFLA_EXT_MASK, rtextSkipStats)
	m, err := t.one(unix.RTM_NEWLINK)
	if err != nil {
		return link{}, err
	}
	return parseLink(m.data, names)
}

// linkByName finds the index for an IPv6 zone.
func (t *talk) linkByName(name string) (link, error) {
	h := unix.IfInfomsg{Family: unix.AF_UNSPEC}
	t.begin(unix.RTM_GETLINK, 0, (*[unix.SizeofIfInfomsg]byte)(unsafe.Pointer(&h))[:])
	t.attr32(unix.IFLA_EXT_MASK, rtextSkipStats)
	t.attr(unix.IFLA_IFNAME, append([]byte(name), 0))
	m, err := t.one(unix.RTM_NEWLINK)
	if err != nil {
		return link{}, err
	}
	return parseLink(m.data, true)
}

// links calls f for each interface.
func (t *talk) links(f func(link)) error {
	h := unix.IfInfomsg{Family: unix.AF_UNSPEC}
	t.begin(unix.RTM_GETLINK, unix.NLM_F_DUMP, (*[unix.SizeofIfInfomsg]byte)(unsafe.Pointer(&h))[:])
	t.attr32(unix.IFLA_EXT_MASK, rtextSkipStats)
	return t.dump(unix.RTM_NEWLINK, func(data []byte) error {
		l, err := parseLink(data, true)
		if err == nil {
			f(l)
		}
		return err
	})
}

// addrs calls f for each address of the family (unix.AF_UNSPEC: of both) on the interface; on all when index is 0.
func (t *talk) addrs(family uint8, index int, f func(addr)) error {
	h := unix.IfAddrmsg{Family: family, Index: uint32(index)}
	t.begin(unix.RTM_GETADDR, unix.NLM_F_DUMP, (*[unix.SizeofIfAddrmsg]byte)(unsafe.Pointer(&h))[:])
	return t.dump(unix.RTM_NEWADDR, func(data []byte) error {
		a, err := parseAddr(data)
		if err == nil && (index == 0 || a.index == index) {
			f(a)
		}
		return err
	})
}

// errInterrupted says that what was dumped changed meanwhile (NLM_F_DUMP_INTR): ask again.
var errInterrupted = errors.New("dump interrupted")

func (t *talk) dump(want uint16, f func(data []byte) error) error {
	if err := t.send(); err != nil {
		return err
	}
	var interrupted bool
	for {
		m, end, err := t.next()
		if err != nil {
			return err
		}
		interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
		if end {
			break
		}
		if m.typ != want {
			return fmt.Errorf("%w: %w", errIO, errMismatch)
		}
		if err := f(m.data); err != nil {
			return fmt.Errorf("%w: %w", errIO, err)
		}
	}
	if interrupted {
		return errInterrupted
	}
	return nil
}

// A lookup is one question to the kernel's routing.
type lookup struct {
	dst, src netip.Addr // src may be invalid
	oif      int        // leave by this interface only; 0 any
	match    bool       // answer with the routing entry itself, and fail where the kernel would assume "on-link"
}

// route asks. expect is the next hop that route.through is about. A missing route is the kernel's errno.
func (t *talk) route(q lookup, index int, gateway netip.Addr) (route, error) {
	h := unix.RtMsg{Family: unix.AF_INET, Dst_len: 32}
	if q.dst.Is6() {
		h.Family, h.Dst_len = unix.AF_INET6, 128
	}
	if q.src.IsValid() {
		h.Src_len = h.Dst_len
	}
	if q.match {
		h.Flags = unix.RTM_F_FIB_MATCH
	}
	t.begin(unix.RTM_GETROUTE, 0, (*[unix.SizeofRtMsg]byte)(unsafe.Pointer(&h))[:])
	t.attrAddr(unix.RTA_DST, q.dst)
	if q.src.IsValid() {
		t.attrAddr(unix.RTA_SRC, q.src)
	}
	if q.oif > 0 {
		t.attr32(unix.RTA_OIF, uint32(q.oif))
	}
	m, err := t.one(unix.RTM_NEWROUTE)
	if err != nil {
		return route{}, err
	}
	return parseRoute(m.data, index, gateway)
}

// neighbour asks for one entry of the neighbour table.
func (t *talk) neighbour(index int, ip netip.Addr) (state uint16, confirmed uint32, err error) {
	h := unix.NdMsg{Family: unix.AF_INET, Ifindex: int32(index)}
	if ip.Is6() {
		h.Family = unix.AF_INET6
	}
	t.begin(unix.RTM_GETNEIGH, 0, (*[unix.SizeofNdMsg]byte)(unsafe.Pointer(&h))[:])
	t.attrAddr(unix.NDA_DST, ip)
	m, err := t.one(unix.RTM_NEWNEIGH)
	if err != nil {
		return 0, 0, err
	}
	return parseNeighbour(m.data)
}

func parseNeighbour(data []byte) (state uint16, confirmed uint32, err error) {
	if len(data) < unix.SizeofNdMsg {
		return 0, 0, errShort
	}
	state = ne.Uint16(data[8:])
	for typ, v, rest, ok := nextAttr(data[unix.SizeofNdMsg:]); ok; typ, v, rest, ok = nextAttr(rest) {
		if typ == unix.NDA_CACHEINFO && len(v) >= 4 {
			confirmed = ne.Uint32(v) // struct nda_cacheinfo: ndm_confirmed comes first
		}
	}
	return state, confirmed, nil
}
