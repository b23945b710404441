//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A table of nftables that is dormant has no hooks. Each fault on the way is one prepared table; waking it up is one
// netlink transaction of three messages, without starting a program.
const (
	tableDropAll   = "lab_drop_all"   // silence beyond the gateway, which itself still answers
	tableDropFlow  = "lab_drop_flow"  // some flows vanish, new ones pass
	tableDropPort  = "lab_drop_port"  // one port is filtered, its host answers
	tableRejectRST = "lab_reject_rst" // TCP is reset on the way
	tableRejectMsg = "lab_reject_msg" // ICMP: administratively prohibited
	tableNoHost    = "lab_no_host"    // ICMP: host unreachable
	tableDropNear  = "lab_drop_near"  // the host itself is deaf and dumb on its near side, ARP and NDP aside
	tableDropEnd   = "lab_drop_end"   // some of the host's own ports end no connection aloud: as when its power fails
)

func rules() string {
	var b strings.Builder
	table := func(name, body string) {
		fmt.Fprintf(&b, "table inet %s {\n flags dormant\n%s\n}\n", name, body)
	}
	chain := func(rules ...string) string {
		return " chain forward {\n  type filter hook forward priority 0\n  " + strings.Join(rules, "\n  ") + "\n }"
	}
	set := " set ports {\n  type inet_service\n }\n"
	table(tableDropAll, chain("drop"))
	table(tableDropFlow, set+chain("tcp sport @ports drop", "tcp dport @ports drop"))
	table(tableDropPort, set+chain("tcp sport @ports drop", "tcp dport @ports drop"))
	table(tableRejectRST, chain("meta l4proto tcp reject with tcp reset"))
	table(tableRejectMsg, chain("reject with icmpx admin-prohibited"))
	table(tableNoHost, chain("reject with icmpx host-unreachable"))
	table(tableDropNear, ` chain input {
  type filter hook input priority 0
  iifname "`+near+`" meta l4proto != ipv6-icmp drop
 }
 chain output {
  type filter hook output priority 0
  oifname "`+near+`" meta l4proto != ipv6-icmp drop
 }`)
	table(tableDropEnd, set+` chain output {
  type filter hook output priority 0
  tcp sport @ports tcp flags & (fin | rst) != 0 drop
 }`)
	return b.String()
}

// nftSwitch wakes prepared tables of one host and puts them to sleep again.
type nftSwitch struct {
	host *Host
	mu   sync.Mutex // one transaction at a time
	fd   int
	seq  uint32
}

func newNFT(h *Host) (*nftSwitch, error) {
	cmd := exec.Command("ip", "netns", "exec", h.Name, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules())
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("nft: %w: %s", err, out)
	}
	n := &nftSwitch{host: h, fd: -1}
	err := h.Do(func() (err error) {
		n.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("netfilter socket: %w", err)
		}
		return unix.SetsockoptTimeval(n.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	})
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *nftSwitch) close() {
	if n.fd >= 0 {
		unix.Close(n.fd)
		n.fd = -1
	}
}

// ports puts TCP ports into the set of a table, instead of what was there.
func (n *nftSwitch) ports(table string, ports ...uint16) error {
	script := fmt.Sprintf("flush set inet %s ports\n", table)
	for _, p := range ports {
		script += fmt.Sprintf("add element inet %s ports { %d }\n", table, p)
	}
	cmd := exec.Command("ip", "netns", "exec", n.host.Name, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

const (
	nfnlBatchBegin = 0x10 // NFNL_MSG_BATCH_BEGIN, linux/netfilter/nfnetlink.h
	nfnlBatchEnd   = 0x11
)

// set wakes a table (awake) or makes it dormant.
func (n *nftSwitch) set(table string, awake bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	flags := uint32(unix.NFT_TABLE_F_DORMANT)
	if awake {
		flags = 0
	}
	n.seq += 3
	body := attribute(nil, unix.NFTA_TABLE_NAME, append([]byte(table), 0))
	body = attribute(body, unix.NFTA_TABLE_FLAGS, binary.BigEndian.AppendUint32(nil, flags))
	msg := message(nil, nfnlBatchBegin, unix.NLM_F_REQUEST, n.seq, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	msg = message(msg, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE, unix.NLM_F_REQUEST|unix.NLM_F_ACK, n.seq+1,
		unix.NFPROTO_INET, 0, body)
	msg = message(msg, nfnlBatchEnd, unix.NLM_F_REQUEST, n.seq+2, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	if err := unix.Sendto(n.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("switch table %s: %w", table, err)
	}
	// The acknowledgement is an error message of errno 0 (netlink(7)); a refused transaction may answer first for the batch.
	buf := make([]byte, 4096)
	for {
		got, _, err := unix.Recvfrom(n.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("switch table %s: %w", table, err)
		}
		for b := buf[:got]; len(b) >= unix.NLMSG_HDRLEN+4; {
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.NLMSG_HDRLEN+4 || size > len(b) {
				break
			}
			kind, seq := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:])
			if kind == unix.NLMSG_ERROR && seq >= n.seq {
				if e := int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:])); e != 0 {
					return fmt.Errorf("switch table %s: %w", table, unix.Errno(-e))
				}
				return nil
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}

// attribute appends one netlink attribute.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// message appends one netlink message with its nfgenmsg header.
func message(b []byte, kind, flags uint16, seq uint32, family uint8, resource uint16, body []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.NLMSG_HDRLEN+4+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, family, 0)
	b = binary.BigEndian.AppendUint16(b, resource)
	return append(b, body...)
}
