//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Packet is one frame that a Counter saw, as far as it was understood. What does not apply is the zero value.
type Packet struct {
	At     time.Time      // by the kernel's clock
	Out    bool           // sent by the host, not received
	Kind   string         // arp, tcp, udp, icmp (of either family) or other
	From   netip.AddrPort // of ARP the sender's protocol address; without a port outside TCP and UDP
	To     netip.AddrPort // of ARP the target's
	Asked  netip.Addr     // whose hardware address an ARP request or a neighbour solicitation wants to know
	TTL    uint8          // or hop limit
	Flags  uint8          // of TCP: FlagSYN and so on
	Type   uint8          // of ICMP
	Length int            // of the whole frame
}

// Flags of a TCP segment (RFC 9293, section 3.1).
const (
	FlagFIN = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
)

// String is the packet in a few words, for the report of a failure.
func (p Packet) String() string {
	way := "in "
	if p.Out {
		way = "out"
	}
	s := fmt.Sprintf("%s %s %s %v to %v ttl %d", p.At.Format("05.000"), way, p.Kind, p.From, p.To, p.TTL)
	switch {
	case p.Kind == "tcp":
		s += fmt.Sprintf(" flags %#x", p.Flags)
	case p.Asked.IsValid():
		s += " who has " + p.Asked.String()
	case p.Kind == "icmp":
		s += fmt.Sprintf(" type %d", p.Type)
	}
	return s
}

// IsNeighbour reports whether the packet is ARP or neighbour discovery (RFC 4861), which stay on their own link.
func (p Packet) IsNeighbour() bool {
	return p.Kind == "arp" || p.Kind == "icmp" && p.To.Addr().Is6() && p.Type >= 133 && p.Type <= 137
}

// ParsePacket reads an Ethernet frame. Of one that is cut short it returns what could be read.
func ParsePacket(b []byte) Packet {
	p := Packet{Kind: "other", Length: len(b)}
	const ethernet = 14
	if len(b) < ethernet {
		return p
	}
	ethertype, b := binary.BigEndian.Uint16(b[12:]), b[ethernet:]
	switch ethertype {
	case unix.ETH_P_ARP:
		// RFC 826, for Ethernet and IPv4 only: hardware type, protocol, lengths, operation, then two pairs of addresses.
		if len(b) < 28 || binary.BigEndian.Uint16(b[2:]) != unix.ETH_P_IP || b[4] != 6 || b[5] != 4 {
			return p
		}
		p.Kind = "arp"
		p.From, p.To = portless(b[14:18]), portless(b[24:28])
		if binary.BigEndian.Uint16(b[6:]) == 1 {
			p.Asked = p.To.Addr()
		}
	case unix.ETH_P_IP:
		header := 20
		if len(b) < header {
			return p
		}
		if header = int(b[0]&0xf) * 4; header < 20 || len(b) < header {
			return p
		}
		p.TTL = b[8]
		p.From, p.To = portless(b[12:16]), portless(b[16:20])
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return p // a further fragment
		}
		p.transport(b[9], b[header:])
	case unix.ETH_P_IPV6:
		if len(b) < 40 {
			return p
		}
		p.TTL = b[7]
		p.From, p.To = portless(b[8:24]), portless(b[24:40])
		next, rest := b[6], b[40:]
		for next == unix.IPPROTO_HOPOPTS || next == unix.IPPROTO_ROUTING || next == unix.IPPROTO_DSTOPTS {
			if len(rest) < 8 || len(rest) < int(rest[1])*8+8 {
				return p
			}
			next, rest = rest[0], rest[int(rest[1])*8+8:]
		}
		p.transport(next, rest)
	}
	return p
}

// transport reads what an IP packet carries.
func (p *Packet) transport(protocol byte, b []byte) {
	switch protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		if len(b) < 4 {
			return
		}
		p.From = netip.AddrPortFrom(p.From.Addr(), binary.BigEndian.Uint16(b))
		p.To = netip.AddrPortFrom(p.To.Addr(), binary.BigEndian.Uint16(b[2:]))
		if p.Kind = "udp"; protocol == unix.IPPROTO_TCP {
			p.Kind = "tcp"
			if len(b) >= 14 {
				p.Flags = b[13]
			}
		}
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if len(b) < 1 {
			return
		}
		p.Kind, p.Type = "icmp", b[0]
		const neighbourSolicitation = 135
		if protocol == unix.IPPROTO_ICMPV6 && p.Type == neighbourSolicitation && len(b) >= 24 {
			p.Asked = netip.AddrFrom16([16]byte(b[8:24]))
		}
	}
}

func portless(b []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, 0)
}

// A Counter sees every packet that an interface sends or receives, until it is closed.
type Counter struct {
	socket *os.File
	done   chan struct{}

	mu      sync.Mutex // guards what follows
	packets []Packet
	err     error
}

// maxPackets bounds what a Counter keeps: a hundred targets for more than ten minutes.
const maxPackets = 1 << 19

// Count begins to count at an interface of the host. The caller closes the Counter.
func (h *Host) Count(iface string) (*Counter, error) {
	l, err := h.link(iface)
	if err != nil {
		return nil, err
	}
	var fd int
	if err := h.Do(func() (err error) {
		fd, err = packetSocket(l.Attrs().Index, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		})
		return err
	}); err != nil {
		return nil, fmt.Errorf("count packets at %s of %s: %w", iface, h.Name, err)
	}
	c := &Counter{socket: os.NewFile(uintptr(fd), "packets at "+iface), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		err := c.run()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = errors.Join(c.err, err)
	}()
	return c, nil
}

// packetSocket opens a socket of the calling thread's namespace that sees all frames of one interface. What prepare sets is
// in force before the first frame comes.
func packetSocket(index int, prepare func(fd int) error) (int, error) {
	// Of no protocol, it receives nothing until it is bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	if err == nil {
		err = prepare(fd)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bigEndian16 is a number as the network has it, in a variable of this machine.
func bigEndian16(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

func (c *Counter) run() error {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	buf, oob := make([]byte, 256), make([]byte, 256) // headers are all that is looked at
	var failed error
	// one takes one frame, and reports whether there was one.
	one := func(fd uintptr) bool {
		n, oobn, _, from, err := unix.Recvmsg(int(fd), buf, oob, unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR || err == unix.ENETDOWN: // the interface was switched off; it may come back
			return true
		case err == unix.EAGAIN:
			return false
		case err != nil:
			failed = err
			return false
		}
		p := ParsePacket(buf[:min(n, len(buf))])
		p.Length = n
		if sll, ok := from.(*unix.SockaddrLinklayer); ok {
			p.Out = sll.Pkttype == unix.PACKET_OUTGOING
		}
		p.At = stamp(oob[:oobn])
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.packets) == maxPackets {
			failed = fmt.Errorf("more than %d packets", maxPackets)
			return false
		}
		c.packets = append(c.packets, p)
		return true
	}
	err = raw.Read(func(fd uintptr) bool {
		for one(fd) {
		}
		return failed != nil
	})
	if failed == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		// Close: what was seen before it counts.
		err = raw.Control(func(fd uintptr) {
			for one(fd) {
			}
			failed = dropped(int(fd))
		})
	}
	return errors.Join(failed, err)
}

// dropped is an error where the kernel had no room for a packet: what was counted then is no count.
func dropped(fd int) error {
	s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return err
	}
	if s.Drops > 0 {
		return fmt.Errorf("%d packets were not seen", s.Drops)
	}
	return nil
}

// stamp is when the kernel saw a packet; now where it does not say.
func stamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// Packets returns what was seen from a moment on, for a while. A packet of the last instant may still be on its way here:
// ask a little later, or after Close.
func (c *Counter) Packets(from time.Time, d time.Duration) []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	var some []Packet
	for _, p := range c.packets {
		if since := p.At.Sub(from); since >= 0 && since < d {
			some = append(some, p)
		}
	}
	return some
}

// Close ends the counting; all that was seen until now can still be asked for. Where not every packet was seen it returns an
// error.
func (c *Counter) Close() error {
	c.socket.SetReadDeadline(time.Unix(1, 0))
	<-c.done
	c.socket.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Tally counts packets by what class calls them; those called "" are left out.
func Tally(packets []Packet, class func(Packet) string) map[string]int {
	n := make(map[string]int)
	for _, p := range packets {
		if name := class(p); name != "" {
			n[name]++
		}
	}
	return n
}

// ToGateway tells which packets a host sends to one of these addresses itself, and by what: "arp" (or neighbour discovery) for
// it, "tcp", "udp" or "icmp" to it, and "ttl" what ends there for want of hops and makes it speak.
func ToGateway(gateways ...netip.Addr) func(Packet) string {
	return func(p Packet) string {
		switch {
		case !p.Out:
			return ""
		case p.IsNeighbour() && (slices.Contains(gateways, p.Asked) || slices.Contains(gateways, p.To.Addr())):
			return "arp"
		case slices.Contains(gateways, p.To.Addr()):
			return p.Kind
		case p.TTL == 1 && p.Kind != "arp" && !p.To.Addr().IsMulticast() && p.Kind != "other":
			return "ttl"
		}
		return ""
	}
}
