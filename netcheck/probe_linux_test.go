package netcheck

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A line is a client (the test), two routers and a server, one behind the other.
type line struct {
	r1, r2, server            *host
	gateway, second, far, dst netip.Addr // r1, r2 and the server as the client sees them; far is r1 as r2 sees it
	way                       Way
}

type lineAddrs struct{ client, r1, r1far, r2, r2far, server string }

var lines = map[string]lineAddrs{
	"IPv4": {"192.0.2.10/24", "192.0.2.1/24", "198.51.100.1/24", "198.51.100.2/24", "203.0.113.1/24", "203.0.113.7/24"},
	"IPv6": {"2001:db8:1::10/64", "2001:db8:1::1/64", "2001:db8:2::1/64", "2001:db8:2::2/64", "2001:db8:3::1/64", "2001:db8:3::7/64"},
}

func newLine(t *testing.T, a lineAddrs) *line {
	t.Helper()
	addr := func(s string) netip.Addr { return netip.MustParsePrefix(s).Addr() }
	l := &line{r1: newHost(t), r2: newHost(t), server: newHost(t), gateway: addr(a.r1), second: addr(a.r2), far: addr(a.r1far), dst: addr(a.server)}
	pair := func(one, other string) {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: one}, PeerName: other}))
	}
	pair("eth9", "r1a")
	pair("r1b", "r2a")
	pair("r2b", "srv")
	l.r1.take(t, "r1a", a.r1)
	l.r1.take(t, "r1b", a.r1far)
	l.r2.take(t, "r2a", a.r2)
	l.r2.take(t, "r2b", a.r2far)
	l.server.take(t, "srv", a.server)
	eth := mustLink(t, "eth9")
	must(t, netlink.LinkSetUp(eth))
	addAddr(t, eth, a.client)
	waitCarrier(t, eth.Attrs().Index)
	addRoute(t, eth, "", addr(a.r1).String(), 0)
	via := func(h *host, name, dst, gw string) {
		link, err := h.LinkByName(name)
		must(t, err)
		must(t, h.RouteAdd(routeOf(t, link, dst, addr(gw).String(), 0)))
	}
	network := func(s string) string { return netip.MustParsePrefix(s).Masked().String() }
	via(l.r1, "r1b", network(a.server), a.r2)
	via(l.r2, "r2a", network(a.client), a.r1far)
	via(l.server, "srv", "", a.r2far)
	for _, h := range []*host{l.r1, l.r2} {
		h.set(t, "/proc/sys/net/ipv4/ip_forward", "1")
		h.set(t, "/proc/sys/net/ipv6/conf/all/forwarding", "1")
	}
	var err error
	l.way, err = Egress(l.dst)
	must(t, err)
	// The first packet finds the neighbours; a probe should not have to.
	eventually(t, "the server answers", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		outcome, _ := askTCP(ctx, l.way, netip.AddrPortFrom(l.dst, 9))
		return outcome == Refused
	})
	return l
}

// passed counts the packets from the client.
func (l *line) passed(t *testing.T) uint64 {
	t.Helper()
	r1a, err := l.r1.LinkByName("r1a")
	must(t, err)
	return r1a.Attrs().Statistics.RxPackets
}

func within(d time.Duration, f func(ctx context.Context)) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	start := time.Now()
	f(ctx)
	return time.Since(start)
}

func TestIntegrationProbes(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		a := lines[family]
		t.Run(family+" whole line", func(t *testing.T) {
			if !inNamespace(t) {
				return
			}
			l := newLine(t, a)
			before := l.passed(t)
			var g GatewayAnswer
			took := within(time.Second, func(ctx context.Context) { g = AskGateway(ctx, l.way) })
			if g.Outcome != Answered || g.Sender != l.gateway || g.RTT <= 0 || took > 200*time.Millisecond {
				t.Errorf("gateway: %+v after %v", g, took)
			}
			if n := l.passed(t) - before; n > 8 {
				t.Errorf("AskGateway sent %d packets", n)
			}
			before = l.passed(t)
			var p PathAnswer
			var reports int
			took = within(time.Second, func(ctx context.Context) {
				p = AskPath(ctx, l.way, netip.AddrPortFrom(l.dst, 7000), func(PathAnswer) { reports++ })
			})
			if p.Host != Answered || p.Deepest != l.dst || p.HostRTT <= 0 || reports == 0 || took > 300*time.Millisecond {
				t.Errorf("path: %+v after %v", p, took)
			}
			if n := l.passed(t) - before; n > 12 {
				t.Errorf("AskPath sent %d packets", n)
			}
			t.Logf("gateway %v by %s, host %v", g.RTT, g.How, p.HostRTT)

			// Nothing of this needs a privilege.
			must(t, syscall.Setresgid(65534, 65534, 65534))
			must(t, syscall.Setresuid(65534, 65534, 65534))
			within(time.Second, func(ctx context.Context) {
				if g := AskGateway(ctx, l.way); g.Outcome != Answered {
					t.Errorf("as nobody: gateway %+v", g)
				}
				if p := AskPath(ctx, l.way, netip.AddrPortFrom(l.dst, 7000), nil); p.Host != Answered {
					t.Errorf("as nobody: path %+v", p)
				}
				if w, s, err := Alive(l.dst); err != nil || s != LinkWhole || w != l.way {
					t.Errorf("as nobody: %+v %v %v", w, s, err)
				}
				if s, age := Neighbour(l.way); s != NeighbourPresent || age < 0 {
					t.Errorf("as nobody: neighbour %v, %v", s, age)
				}
			})
			w := NewWatcher(nil)
			w.readAll = true // an end of a veth pair is not read otherwise
			w.Bear(l.way.Index)
			heard := listen(t, w)
			heard.quiet(t)
			if w.Stats().CarrierReads == 0 || w.Stats().Resubscribed != 0 {
				t.Errorf("as nobody: %+v", w.Stats())
			}
		})
		for _, tt := range []struct {
			name  string
			fault func(t *testing.T, l *line)
			check func(t *testing.T, l *line, g GatewayAnswer, p PathAnswer)
		}{
			{"server's cable out", func(t *testing.T, l *line) {
				srv, err := l.server.LinkByName("srv")
				must(t, err)
				must(t, l.server.LinkSetDown(srv))
			}, func(t *testing.T, l *line, g GatewayAnswer, p PathAnswer) {
				if g.Outcome != Answered || p.Host != Silent || p.Deepest != l.second || p.TTL != 0 && p.TTL != 2 {
					t.Errorf("gateway %+v, path %+v", g, p)
				}
			}},
			{"second router drops", func(t *testing.T, l *line) {
				r1b, err := l.r1.LinkByName("r1b")
				must(t, err)
				must(t, l.r1.NeighSet(&netlink.Neigh{LinkIndex: r1b.Attrs().Index, IP: l.second.AsSlice(), State: netlink.NUD_PERMANENT, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
			}, func(t *testing.T, l *line, g GatewayAnswer, p PathAnswer) {
				if g.Outcome != Answered || p.Host != Silent || p.Deepest.IsValid() {
					t.Errorf("gateway %+v, path %+v", g, p)
				}
			}},
			{"second router prohibits", func(t *testing.T, l *line) {
				bits := l.dst.BitLen()
				must(t, l.r2.RouteAdd(&netlink.Route{Dst: &net.IPNet{IP: l.dst.AsSlice(), Mask: net.CIDRMask(bits, bits)}, Type: unix.RTN_PROHIBIT, Priority: 1}))
			}, func(t *testing.T, l *line, g GatewayAnswer, p PathAnswer) {
				if p.Host != Silent || !p.Refusal.Prohibited() || p.Refusal.Sender != l.second || p.Deepest != l.second || p.TTL != 0 && p.TTL != 2 {
					t.Errorf("path %+v", p)
				}
				e, errno := dialICMP(t, l)
				if !e.Prohibited() || e.Sender != l.second || errno == 0 {
					t.Errorf("TCP: %+v, %v", e, errno)
				}
				if v := Diagnose(Facts{Way: l.way, Link: Judge(l.way), Fresh: Unreachable, FreshErrno: errno, FreshICMP: e}); v.Cause != PathProhibited || v.LastHop != l.second {
					t.Errorf("verdict %+v", v)
				}
			}},
			{"gateway gone", func(t *testing.T, l *line) {
				r1a, err := l.r1.LinkByName("r1a")
				must(t, err)
				// Its cable stays in: the client's own carrier must not tell.
				must(t, l.r1.LinkSetARPOff(r1a))
				must(t, netlink.NeighDel(&netlink.Neigh{LinkIndex: l.way.Index, IP: l.gateway.AsSlice()}))
				must(t, l.r1.AddrDel(r1a, addrOf(t, a.r1)))
			}, func(t *testing.T, l *line, g GatewayAnswer, p PathAnswer) {
				if g.Outcome != Silent || p.Host != Silent || p.Deepest.IsValid() || !p.Refusal.IsZero() {
					t.Errorf("gateway %+v, path %+v", g, p)
				}
				if s, _ := Neighbour(l.way); s != NeighbourIncomplete && s != NeighbourFailed {
					t.Errorf("neighbour %v", s)
				}
			}},
		} {
			t.Run(family+" "+tt.name, func(t *testing.T) {
				if !inNamespace(t) {
					return
				}
				l := newLine(t, a)
				tt.fault(t, l)
				var g GatewayAnswer
				var p PathAnswer
				before := l.passed(t)
				gotten := make(chan struct{})
				took := within(700*time.Millisecond, func(ctx context.Context) {
					go func() { defer close(gotten); g = AskGateway(ctx, l.way) }()
					p = AskPath(ctx, l.way, netip.AddrPortFrom(l.dst, 7000), nil)
					<-gotten
				})
				n := l.passed(t) - before
				t.Logf("%d packets, gateway %+v, path %+v", n, g, p)
				if n > 18 {
					t.Errorf("%d packets", n)
				}
				if took > time.Second {
					t.Errorf("took %v", took)
				}
				tt.check(t, l, g, p)
			})
		}
	}
}

// dialICMP dials as a caller would and takes what ICMP said from a duplicate of the socket.
func dialICMP(t *testing.T, l *line) (e ICMPError, errno syscall.Errno) {
	t.Helper()
	var twin *os.File
	d := net.Dialer{Timeout: time.Second, Control: func(network, address string, c syscall.RawConn) error {
		err := ControlICMPErrors(network, address, c)
		_ = c.Control(func(fd uintptr) {
			n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
			must(t, err)
			twin = os.NewFile(uintptr(n), "twin")
		})
		return err
	}}
	c, err := d.Dial("tcp", netip.AddrPortFrom(l.dst, 7000).String())
	if err == nil {
		c.Close()
		t.Fatal("connected")
	}
	defer twin.Close()
	raw, err2 := twin.SyscallConn()
	must(t, err2)
	e, _ = ICMPErrorOf(raw)
	if !errors.As(err, &errno) { // through namespaces the answer is back before connect(2) lets go of the socket
		errno = e.Errno()
	}
	return e, errno
}

func TestProbesWithoutAWay(t *testing.T) {
	ctx := context.Background()
	if g := AskGateway(ctx, Way{}); g.Outcome != NotAsked {
		t.Errorf("no way: gateway %+v", g)
	}
	if p := AskPath(ctx, Way{}, netip.AddrPort{}, nil); p.Host != NotAsked {
		t.Errorf("no destination: %+v", p)
	}
}

func TestIntegrationProbesOnThisComputer(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, dst := range []string{"127.0.0.1", "::1"} {
		w, err := Egress(ip(dst))
		must(t, err)
		within(time.Second, func(ctx context.Context) {
			if g := AskGateway(ctx, w); g.Outcome != NotAsked {
				t.Errorf("%s: gateway %+v", dst, g)
			}
			if p := AskPath(ctx, w, netip.AddrPortFrom(w.Destination, 7000), nil); p.Host != Answered {
				t.Errorf("%s: path %+v", dst, p)
			}
			if o, _ := askTCP(ctx, w, netip.AddrPortFrom(w.Destination, 9)); o != Refused {
				t.Errorf("%s: a SYN is answered with %v", dst, o)
			}
		})
	}
	// Nothing can leave: no interface.
	w := Way{Index: 77, Interface: "eth9", Source: ip("192.0.2.10"), Gateway: ip("192.0.2.1"), Destination: ip("203.0.113.7")}
	within(time.Second, func(ctx context.Context) {
		if g := AskGateway(ctx, w); g.Outcome != Unreachable {
			t.Errorf("no interface: gateway %+v", g)
		}
		if p := AskPath(ctx, w, netip.AddrPortFrom(w.Destination, 7000), nil); p.Host != Unreachable {
			t.Errorf("no interface: path %+v", p)
		}
	})
}

// controlMessage makes what the kernel puts beside an entry of the error queue.
func controlMessage(level, typ int, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	putCmsg(b[:unix.CmsgSpace(4)], level, typ, 0)
	binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(len(data))))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func extended(origin, typ, code uint8, sender []byte) []byte {
	return append([]byte{111, 0, 0, 0, origin, typ, code, 0, 0, 0, 0, 0, 0, 0, 0, 0}, sender...)
}

func TestParseErrQueue(t *testing.T) {
	four := append([]byte{2, 0, 0, 0, 198, 51, 100, 9}, make([]byte, 8)...)
	six := append(append([]byte{10, 0, 0, 0, 0, 0, 0, 0}, ip("2001:db8::9").AsSlice()...), 0, 0, 0, 0)
	for _, tt := range []struct {
		name string
		oob  []byte
		want ICMPError
	}{
		{"time exceeded", controlMessage(unix.SOL_IP, unix.IP_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP, 11, 0, four)), ICMPError{Type: 11, Sender: router}},
		{"time exceeded, IPv6", controlMessage(unix.SOL_IPV6, unix.IPV6_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP6, 3, 0, six)), ICMPError{Type: 3, V6: true, Sender: ip("2001:db8::9")}},
		{"a local error", controlMessage(unix.SOL_IP, unix.IP_RECVERR, extended(unix.SO_EE_ORIGIN_LOCAL, 0, 0, four)), ICMPError{}},
		{"sender cut off", controlMessage(unix.SOL_IP, unix.IP_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP, 11, 0, four[:6])), ICMPError{}},
		{"sender of no family", controlMessage(unix.SOL_IP, unix.IP_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP, 11, 0, make([]byte, 16))), ICMPError{}},
		{"too short", controlMessage(unix.SOL_IP, unix.IP_RECVERR, []byte{1, 2, 3}), ICMPError{}},
		{"another control message", controlMessage(unix.SOL_IP, unix.IP_TTL, []byte{64, 0, 0, 0}), ICMPError{}},
		{"nothing", nil, ICMPError{}},
	} {
		if got := parseErrQueue(tt.oob).ICMPError; got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzErrQueue(f *testing.F) {
	f.Add(controlMessage(unix.SOL_IP, unix.IP_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP, 3, 3, append([]byte{2, 0, 0, 0, 198, 51, 100, 9}, make([]byte, 8)...))))
	f.Add(controlMessage(unix.SOL_IPV6, unix.IPV6_RECVERR, extended(unix.SO_EE_ORIGIN_ICMP6, 1, 4, append([]byte{10, 0}, make([]byte, 26)...))))
	f.Fuzz(func(t *testing.T, oob []byte) {
		e := parseErrQueue(oob).ICMPError
		if e.IsZero() && (e.TimeExceeded() || e.PortUnreachable() || e.Prohibited() || e.HostUnreachable() || e.NetUnreachable()) {
			t.Errorf("nobody said %+v", e)
		}
	})
}

func TestLearn(t *testing.T) {
	host := ip("203.0.113.7")
	from := func(typ, code uint8, sender string, ttl int) reply {
		return reply{icmp: ICMPError{Type: typ, Code: code, Sender: ip(sender)}, sender: ip(sender), ttl: ttl, rtt: time.Millisecond}
	}
	a := PathAnswer{Host: Asked}
	for _, step := range []struct {
		name string
		r    reply
		news bool
		want PathAnswer
	}{
		{"second station", from(11, 0, "198.51.100.2", 2), true, PathAnswer{Host: Asked, Deepest: ip("198.51.100.2"), TTL: 2, RTT: time.Millisecond}},
		{"the first comes later", from(11, 0, "192.0.2.1", 1), false, PathAnswer{Host: Asked, Deepest: ip("198.51.100.2"), TTL: 2, RTT: time.Millisecond}},
		{"host unreachable", from(3, 1, "198.51.100.2", 3), true, PathAnswer{Host: Asked, Deepest: ip("198.51.100.2"), TTL: 2, RTT: time.Millisecond, Refusal: icmp(3, 1, ip("198.51.100.2"))}},
		{"prohibited says more", from(3, 13, "198.51.100.2", 4), true, PathAnswer{Host: Asked, Deepest: ip("198.51.100.2"), TTL: 2, RTT: time.Millisecond, Refusal: icmp(3, 13, ip("198.51.100.2"))}},
		{"a stranger's datagram", reply{data: true, sender: ip("198.51.100.66")}, false, PathAnswer{Host: Asked, Deepest: ip("198.51.100.2"), TTL: 2, RTT: time.Millisecond, Refusal: icmp(3, 13, ip("198.51.100.2"))}},
	} {
		if got := a.learn(step.r, host); got != step.news || a != step.want {
			t.Errorf("%s: %v %+v, want %v %+v", step.name, got, a, step.news, step.want)
		}
	}
	if !a.learn(from(3, 3, "203.0.113.7", 0), host) || a.Host != Answered || a.Deepest != host {
		t.Errorf("the host answers: %+v", a)
	}
}
