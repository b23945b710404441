package netcheck

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxFiltered bounds the program; with more interfaces the rest is sorted out in this process.
const maxFiltered = 500

// newsFilter is a socket filter (linux/filter.h) that keeps container chatter in the kernel: news about links, addresses
// and neighbours only of the given interfaces, of neighbours only "found" and "given up", no routes of the local table
// and no link-local or multicast routes of other interfaces. Whatever it does not know passes. News that it drops costs
// this process nothing, not even a wake-up.
func newsFilter(indexes []int) []unix.SockFilter {
	const (
		body  = unix.SizeofNlMsghdr // the fixed header starts here; the interface index of link, address and neighbour is at 4
		attrs = body + unix.SizeofRtMsg
		nla   = 0xfffff000 + 12 // SKF_AD_OFF + SKF_AD_NLATTR: find attribute X from offset A, 0 none
		ldw   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		ldh   = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		ldb   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		jeq   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jset  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		tax   = unix.BPF_MISC | unix.BPF_TAX
	)
	var p assembler
	attribute := func(typ uint32) { // A = value offset - 4, or on to "pass" when it is missing
		p.op(unix.BPF_LD|unix.BPF_IMM, attrs)
		p.op(unix.BPF_LDX|unix.BPF_IMM, typ)
		p.op(ldw, nla)
		p.jump(jeq, 0, "pass", "")
		p.op(tax, 0)
	}

	p.op(ldh, 4)
	for _, typ := range []uint16{unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWADDR, unix.RTM_DELADDR} {
		p.jump(jeq, wire16(typ), "link", "")
	}
	p.jump(jeq, wire16(unix.RTM_NEWNEIGH), "neighbour", "")
	p.jump(jeq, wire16(unix.RTM_DELNEIGH), "drop", "")
	p.jump(jeq, wire16(unix.RTM_NEWROUTE), "route", "")
	p.jump(jeq, wire16(unix.RTM_DELROUTE), "route", "")
	p.jump(unix.BPF_JMP|unix.BPF_JA, 0, "pass", "")

	p.label("route")
	p.op(ldb, body+4) // rtm_table
	p.jump(jeq, unix.RT_TABLE_LOCAL, "drop", "")
	p.op(ldb, body+7) // rtm_type
	for _, typ := range []uint32{unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST, unix.RTN_MULTICAST} {
		p.jump(jeq, typ, "drop", "")
	}
	p.op(ldw, body+8) // rtm_flags
	p.jump(jset, wire32(unix.RTM_F_CLONED), "drop", "")
	p.op(ldb, body) // rtm_family
	p.jump(jeq, unix.AF_INET6, "", "pass")
	attribute(unix.RTA_DST)
	p.op(unix.BPF_LD|unix.BPF_H|unix.BPF_IND, 4)
	p.op(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0xffc0)
	p.jump(jeq, 0xfe80, "own", "")
	p.op(unix.BPF_LD|unix.BPF_B|unix.BPF_IND, 4)
	p.jump(jeq, 0xff, "own", "pass")
	p.label("own")
	attribute(unix.RTA_OIF)
	p.op(unix.BPF_LD|unix.BPF_W|unix.BPF_IND, 4)
	p.jump(unix.BPF_JMP|unix.BPF_JA, 0, "list", "")

	p.label("neighbour")
	p.op(ldh, body+8) // ndm_state
	p.jump(jset, wire16(unix.NUD_REACHABLE|unix.NUD_FAILED), "link", "drop")

	p.label("pass")
	p.op(unix.BPF_RET|unix.BPF_K, 0xffffffff)
	p.label("drop")
	p.op(unix.BPF_RET|unix.BPF_K, 0)

	p.label("link")
	p.op(ldw, body+4)
	p.label("list")
	if len(indexes) > maxFiltered {
		p.op(unix.BPF_RET|unix.BPF_K, 0xffffffff)
	}
	for _, i := range indexes[:min(len(indexes), maxFiltered)] {
		p.op(jeq, wire32(uint32(i)), 0, 1)
		p.op(unix.BPF_RET|unix.BPF_K, 0xffffffff)
	}
	p.op(unix.BPF_RET|unix.BPF_K, 0)
	return p.link()
}

// wire16 and wire32 are what the filter's loads make of a number in host order: they read in network order.
func wire16(v uint16) uint32 { return uint32(binary.BigEndian.Uint16(ne.AppendUint16(nil, v))) }
func wire32(v uint32) uint32 { return binary.BigEndian.Uint32(ne.AppendUint32(nil, v)) }

// An assembler turns labels into the relative jumps of the filter, which only go forward.
type assembler struct {
	code  []unix.SockFilter
	jumps []jump
	at    map[string]int
}

type jump struct {
	from     int
	yes, not string // "" is the next instruction
}

func (a *assembler) op(code uint16, k uint32, to ...uint8) {
	i := unix.SockFilter{Code: code, K: k}
	if len(to) == 2 {
		i.Jt, i.Jf = to[0], to[1]
	}
	a.code = append(a.code, i)
}

func (a *assembler) jump(code uint16, k uint32, yes, not string) {
	a.jumps = append(a.jumps, jump{len(a.code), yes, not})
	a.op(code, k)
}

func (a *assembler) label(name string) {
	if a.at == nil {
		a.at = make(map[string]int)
	}
	a.at[name] = len(a.code)
}

func (a *assembler) link() []unix.SockFilter {
	for _, j := range a.jumps {
		i := &a.code[j.from]
		distance := func(label string) int {
			if label == "" {
				return 0
			}
			to, ok := a.at[label]
			if d := to - j.from - 1; ok && d >= 0 && d < 256 {
				return d
			}
			panic("filter: no jump to " + label)
		}
		if i.Code == unix.BPF_JMP|unix.BPF_JA {
			i.K = uint32(distance(j.yes))
			continue
		}
		i.Jt, i.Jf = uint8(distance(j.yes)), uint8(distance(j.not))
	}
	return a.code
}

// attachFilter replaces the socket's filter, which takes effect with the next message.
func attachFilter(fd int, indexes []int) error {
	code := newsFilter(indexes)
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
	if err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}
