//go:build linux

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Fault is something broken in the lab, from the call that made it until Repair.
type Fault struct {
	At     time.Time // taken just before the call that breaks
	repair func() error
	mended time.Time // set by a repair that takes its time: the last moment at which it was still broken
}

// Repair mends what is broken. The moment it returns was taken just before the first call that mends; where that takes
// time, as a server that starts does, it is the last moment that still was broken.
func (f *Fault) Repair() (time.Time, error) {
	at := time.Now()
	if err := f.repair(); err != nil {
		return at, err
	}
	if !f.mended.IsZero() {
		at = f.mended
	}
	return at, nil
}

// inject notes the moment and breaks.
func inject(what string, breakIt, repair func() error) (*Fault, error) {
	f := &Fault{repair: repair}
	f.At = time.Now()
	if err := breakIt(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return f, nil
}

// port switches one end of a cable.
func (h *Host) port(name string) (off, on func() error, err error) {
	l, err := h.link(name)
	if err != nil {
		return nil, nil, err
	}
	return func() error { return h.nl.LinkSetDown(l) }, func() error { return h.nl.LinkSetUp(l) }, nil
}

// PullCable takes the carrier of the client's egress interface, which stays switched on.
func (l *Lab) PullCable() (*Fault, error) {
	off, on, err := l.Switch.port("p-client")
	if err != nil {
		return nil, err
	}
	return inject("pull the cable", off, on)
}

// DisableInterface switches the client's egress interface off. IPv4 addresses stay on it, IPv6 addresses and all routes
// go; the repair puts them back, as a network manager does.
func (l *Lab) DisableInterface() (*Fault, error) {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return nil, err
	}
	return inject("disable the interface",
		func() error { return l.Client.nl.LinkSetDown(eth0) },
		func() error {
			if err := l.Client.nl.LinkSetUp(eth0); err != nil {
				return err
			}
			return l.lease(eth0, ClientV4, ClientV6)
		})
}

// lease gives the client addresses and its default routes.
func (l *Lab) lease(eth0 netlink.Link, prefixes ...netip.Prefix) error {
	for _, p := range prefixes {
		if err := l.Client.addAddress(eth0, p.String()); err != nil {
			return err
		}
	}
	for _, gw := range []netip.Addr{GatewayV4.Addr(), GatewayV6.Addr()} {
		if err := l.Client.addDefault(eth0, gw, egressMetric); err != nil {
			return err
		}
	}
	return nil
}

// RemoveInterface takes the client's egress interface out of the computer; the repair plugs a new one in, of the same
// name and another index.
func (l *Lab) RemoveInterface() (*Fault, error) {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return nil, err
	}
	return inject("remove the interface",
		func() error { return l.Client.nl.LinkDel(eth0) },
		func() error {
			attrs := netlink.NewLinkAttrs()
			attrs.Name = Egress
			v := netlink.NewVeth(attrs)
			v.PeerName, v.PeerNamespace = "p-client", netlink.NsFd(l.Switch.ns)
			if err := l.Client.nl.LinkAdd(v); err != nil {
				return err
			}
			if err := l.Switch.plug("p-client", inside); err != nil {
				return err
			}
			if err := l.Switch.setup("p-client"); err != nil {
				return err
			}
			if err := l.Client.setup(Egress); err != nil {
				return err
			}
			eth0, err := l.Client.link(Egress)
			if err != nil {
				return err
			}
			if err := l.handOver(); err != nil {
				return err
			}
			return l.lease(eth0, ClientV4, ClientV6)
		})
}

// RemoveAddress takes the client's addresses, of both families, off its egress interface. The kernel then drops the IPv4
// routes over it; the IPv6 default route stays, and a new connection is tried with the virtual adapter's address.
func (l *Lab) RemoveAddress() (*Fault, error) {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return nil, err
	}
	return inject("remove the address",
		func() error {
			return errors.Join(l.Client.delAddress(eth0, ClientV4.String()), l.Client.delAddress(eth0, ClientV6.String()))
		},
		func() error { return l.lease(eth0, ClientV4, ClientV6) })
}

// ChangeAddress gives the client other addresses, as a new lease does: delete, add, route. The repair changes them back.
func (l *Lab) ChangeAddress() (*Fault, error) {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return nil, err
	}
	move := func(old, next []netip.Prefix) func() error {
		return func() error {
			for _, p := range old {
				if err := l.Client.delAddress(eth0, p.String()); err != nil {
					return err
				}
			}
			return l.lease(eth0, next...)
		}
	}
	a, b := []netip.Prefix{ClientV4, ClientV6}, []netip.Prefix{ClientV4B, ClientV6B}
	return inject("change the address", move(a, b), move(b, a))
}

// RemoveDefaultRoute takes the client's default routes by its egress interface.
func (l *Lab) RemoveDefaultRoute() (*Fault, error) {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return nil, err
	}
	return inject("remove the default route",
		func() error {
			return errors.Join(l.Client.delDefault(eth0, GatewayV4.Addr(), egressMetric),
				l.Client.delDefault(eth0, GatewayV6.Addr(), egressMetric))
		},
		l.clientRoutes)
}

// onTheWay wakes a table of the host.
func (h *Host) onTheWay(what, table string) (*Fault, error) {
	return inject(what,
		func() error { return h.nft.set(table, true) },
		func() error { return h.nft.set(table, false) })
}

// DropAll makes the gateway drop, without a word, whatever it should forward. It still answers for itself.
func (l *Lab) DropAll() (*Fault, error) { return l.Gateway.onTheWay("drop all", tableDropAll) }

// RejectRST makes the gateway answer whatever TCP it should forward with a reset.
func (l *Lab) RejectRST() (*Fault, error) {
	return l.Gateway.onTheWay("reject with RST", tableRejectRST)
}

// RejectICMP makes the gateway answer whatever it should forward with "administratively prohibited".
func (l *Lab) RejectICMP() (*Fault, error) {
	return l.Gateway.onTheWay("reject with ICMP", tableRejectMsg)
}

// RejectNoHost makes the gateway answer whatever it should forward with "host unreachable".
func (l *Lab) RejectNoHost() (*Fault, error) {
	return l.Gateway.onTheWay("reject: no host", tableNoHost)
}

// DropPort makes the gateway drop what goes to or comes from a TCP port; the host answers elsewhere.
func (l *Lab) DropPort(port uint16) (*Fault, error) {
	if err := l.Gateway.nft.ports(tableDropPort, port); err != nil {
		return nil, err
	}
	return l.Gateway.onTheWay("drop the port", tableDropPort)
}

// DropFlow makes the gateway drop the client's present connections to that port, as a NAT that forgot them; new
// connections pass.
func (l *Lab) DropFlow(port uint16) (*Fault, error) { return l.Client.dropFlow(port, l.Gateway) }

// dropFlow makes a host on the way drop the present connections of h to a port.
func (h *Host) dropFlow(port uint16, by *Host) (*Fault, error) {
	flows, err := h.tcp(established, func(_, remote uint16) bool { return remote == port })
	if err != nil {
		return nil, err
	}
	if len(flows) == 0 {
		return nil, fmt.Errorf("drop the flow: %s has no connection to port %d", h.Name, port)
	}
	if err := by.nft.ports(tableDropFlow, flows...); err != nil {
		return nil, err
	}
	return by.onTheWay("drop the flow", tableDropFlow)
}

// States of a TCP socket as /proc has them (include/net/tcp_states.h).
const (
	established = "01"
	closeWait   = "08"
	listening   = "0A"
)

// tcp returns the local ports of the host's TCP sockets in a state, of those that want says yes to.
func (h *Host) tcp(state string, want func(local, remote uint16) bool) (ports []uint16, err error) {
	err = h.Do(func() error {
		for _, name := range []string{"tcp", "tcp6"} {
			f, err := os.Open("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			s := bufio.NewScanner(f)
			for s.Scan() {
				fields := strings.Fields(s.Text()) // sl local_address rem_address st ..., addresses as HEX:PORT (proc_pid_net(5))
				if len(fields) < 4 || fields[3] != state {
					continue
				}
				local, ok1 := hexPort(fields[1])
				remote, ok2 := hexPort(fields[2])
				if ok1 && ok2 && want(local, remote) {
					ports = append(ports, local)
				}
			}
			f.Close()
			if err := s.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	return ports, err
}

func hexPort(s string) (uint16, bool) {
	i := strings.LastIndexByte(s, ':')
	p, err := strconv.ParseUint(s[i+1:], 16, 16)
	return uint16(p), i >= 0 && err == nil
}

// GatewayOff takes the gateway off the client's network: it answers nothing any more, ARP and NDP included. The client
// keeps its carrier, which comes from the switch.
func (l *Lab) GatewayOff() (*Fault, error) {
	off, on, err := l.Gateway.port("lan0")
	if err != nil {
		return nil, err
	}
	return inject("gateway off", off, on)
}

// UplinkDown takes the gateway's way to the server: it says at once, by ICMP, that there is no network there any more.
func (l *Lab) UplinkDown() (*Fault, error) {
	off, on, err := l.Gateway.port("wan0")
	if err != nil {
		return nil, err
	}
	return inject("uplink down", off, on)
}

// ServerGone takes the server's addresses: its host is silent, ARP and NDP included. The gateway learns that after some
// seconds, and then says so by ICMP.
func (l *Lab) ServerGone() (*Fault, error) {
	eth0, err := l.Server.link("eth0")
	if err != nil {
		return nil, err
	}
	return inject("server gone",
		func() error {
			return errors.Join(l.Server.delAddress(eth0, ServerV4.String()), l.Server.delAddress(eth0, ServerV6.String()))
		},
		func() error {
			return errors.Join(l.Server.addAddress(eth0, ServerV4.String()), l.Server.addAddress(eth0, ServerV6.String()), l.serverRoutes())
		})
}

// listens waits until the program listens on a port of the host. at is the last moment at which it did not.
func (h *Host) listens(p *Proc, port uint16) (at time.Time, err error) {
	last := time.Now()
	for end := last.Add(15 * time.Second); ; time.Sleep(500 * time.Microsecond) {
		at := time.Now()
		// The kernel's table tells without a connection, which a server would have to answer.
		ports, err := h.tcp(listening, func(local, _ uint16) bool { return local == port })
		if err != nil {
			return last, err
		}
		if len(ports) > 0 {
			return last, nil
		}
		last = at
		if p.Ended() || at.After(end) {
			return last, fmt.Errorf("%s does not listen on port %d (%v):\n%s", p.name, port, p.Wait(time.Second), p.Tail())
		}
	}
}

// kill kills a program; the repair starts it again and waits until it listens on the port.
func (h *Host) kill(what string, p *Proc, port uint16, start func() (*Proc, error)) (*Fault, error) {
	f, err := inject(what, p.Kill, nil)
	if err != nil {
		return nil, err
	}
	f.repair = func() error {
		p, err := start()
		if err != nil {
			return err
		}
		f.mended, err = h.listens(p, port)
		return err
	}
	return f, nil
}

// KillServer kills a server; the repair starts it again and waits until it listens on the port.
func (l *Lab) KillServer(p *Proc, port uint16, start func() (*Proc, error)) (*Fault, error) {
	return l.Server.kill("kill the server", p, port, start)
}

// RebootServer ends a server as its computer does whose power fails: nobody is told. It is there again a moment later and
// answers the old sessions with resets. There is nothing to repair.
func (l *Lab) RebootServer(p *Proc, port uint16, start func() (*Proc, error)) (*Fault, error) {
	if err := l.Server.nft.ports(tableDropEnd, port); err != nil {
		return nil, err
	}
	return inject("reboot the server",
		func() (err error) {
			if err := l.Server.nft.set(tableDropEnd, true); err != nil {
				return err
			}
			// Silence is over before the server listens again: a SYN that it has to refuse meanwhile is sent once more.
			defer func() { err = errors.Join(err, l.Server.nft.set(tableDropEnd, false)) }()
			if err := l.Server.forget(port); err != nil {
				return err
			}
			if err := p.Kill(); err != nil {
				return err
			}
			if p, err = start(); err != nil {
				return err
			}
			_, err = l.Server.listens(p, port)
			return err
		},
		func() error { return nil })
}

// forget has the kernel of the host destroy its connections on a port (ss -K).
func (h *Host) forget(port uint16) error {
	if _, err := h.Run("ss", "-K", "-t", "state", "connected", "sport", "=", ":"+strconv.Itoa(int(port))); err != nil {
		return err
	}
	left, err := h.tcp(established, func(local, _ uint16) bool { return local == port })
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s: this kernel does not destroy connections (CONFIG_INET_DIAG_DESTROY): %w", h.Name, errors.ErrUnsupported)
	}
	return err
}

// HangServer stops a server: its kernel goes on accepting and acknowledging, and nothing is ever answered.
func (l *Lab) HangServer(p *Proc) (*Fault, error) { return inject("hang the server", p.Stop, p.Cont) }

// Fail kills the service; the repair starts it again.
func (s *Service) Fail() (*Fault, error) {
	return s.Host.kill("kill "+s.name, s.Proc, s.Port, func() (p *Proc, err error) {
		s.Proc, err = s.start()
		return s.Proc, err
	})
}

// Hang stops the service with all its processes: its kernel goes on accepting and acknowledging.
func (s *Service) Hang() (*Fault, error) {
	p := s.Proc
	return inject("hang "+s.name, p.Stop, p.Cont)
}

// Restart kills the service and starts it at once. There is nothing to repair.
func (s *Service) Restart() (*Fault, error) {
	f, err := s.Fail()
	if err != nil {
		return nil, err
	}
	err = f.repair()
	f.repair = func() error { return nil }
	return f, err
}

// fault is a Fault that switches one end of a cable off and on.
func (h *Host) fault(what, name string) (*Fault, error) {
	off, on, err := h.port(name)
	if err != nil {
		return nil, err
	}
	return inject(what, off, on)
}

// ProxyDisabled switches the proxy machine's interface to the client's network off. The machine itself runs on.
func (l *Lab) ProxyDisabled() (*Fault, error) {
	return l.Proxy.fault("disable the proxy machine's network", near)
}

// ProxyUnplugged pulls the cable between the proxy machine and the client's network.
func (l *Lab) ProxyUnplugged() (*Fault, error) {
	return l.Switch.fault("pull the proxy machine's cable", "p-proxy")
}

// ProxyOff takes the proxy machine's power: both its cables are dead. What runs on it is not touched.
func (l *Lab) ProxyOff() (*Fault, error) {
	nearOff, nearOn, err := l.Switch.port("p-proxy")
	if err != nil {
		return nil, err
	}
	farOff, farOn, err := l.Firewall.port("in0")
	if err != nil {
		return nil, err
	}
	return inject("switch the proxy machine off",
		func() error { return errors.Join(nearOff(), farOff()) },
		func() error { return errors.Join(farOn(), nearOn()) })
}

// FarUnplugged pulls the cable between the proxy machine and the firewall.
func (l *Lab) FarUnplugged() (*Fault, error) {
	return l.Firewall.fault("pull the proxy machine's far cable", "in0")
}

// FarDisabled switches the proxy machine's far interface off: it has no way to the server any more.
func (l *Lab) FarDisabled() (*Fault, error) {
	off, on, err := l.Proxy.port(far)
	if err != nil {
		return nil, err
	}
	return inject("disable the proxy machine's far side", off, func() error { return errors.Join(on(), l.proxyRoutes()) })
}

// FarDropAll makes the firewall drop whatever it should forward between proxy machine and server.
func (l *Lab) FarDropAll() (*Fault, error) {
	return l.Firewall.onTheWay("drop all behind the proxy", tableDropAll)
}

// FarRejectRST makes the firewall answer TCP between proxy machine and server with a reset.
func (l *Lab) FarRejectRST() (*Fault, error) {
	return l.Firewall.onTheWay("reject with RST behind the proxy", tableRejectRST)
}

// FarRejectICMP makes the firewall answer whatever it should forward with "administratively prohibited".
func (l *Lab) FarRejectICMP() (*Fault, error) {
	return l.Firewall.onTheWay("reject with ICMP behind the proxy", tableRejectMsg)
}

// FarDropFlow makes the firewall forget the proxy's present connections to a port of the server.
func (l *Lab) FarDropFlow(port uint16) (*Fault, error) { return l.Proxy.dropFlow(port, l.Firewall) }

// OutsideOff takes the host beside the server off its network.
func (l *Lab) OutsideOff() (*Fault, error) {
	return l.Switch.fault("switch the host outside off", "o-outside")
}

// NamesOff takes the name server's machine off the network.
func (l *Lab) NamesOff() (*Fault, error) {
	return l.Switch.fault("switch the name server's machine off", "p-names")
}

// Fail makes the name server do something else; the repair makes it answer again.
func (s *NameServer) Fail(mode NamesMode) (*Fault, error) {
	set := func(m NamesMode) func() error {
		return func() error {
			s.Mode.Store(int32(m))
			return nil
		}
	}
	return inject("name server", set(mode), set(NamesAnswer))
}

// FailOff ends the name server; the repair starts it again.
func (s *NameServer) FailOff() (*Fault, error) {
	return inject("end the name server", func() error { s.Off(); return nil }, s.On)
}

// Fail makes the proxy say this, and end what is open; the repair makes it a proxy again.
func (f *Fake) Fail(mode string) (*Fault, error) {
	set := func(mode string) func() error {
		return func() error { f.Say(mode); return nil }
	}
	return inject("fake proxy "+mode, set(mode), set(FakeWorks))
}

// Cold empties the host's neighbour tables, as after a start or a long pause.
func (h *Host) Cold() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all, err := h.nl.NeighList(0, family)
		if err != nil {
			return fmt.Errorf("neighbours of %s: %w", h.Name, err)
		}
		for _, n := range all {
			if n.State&(netlink.NUD_NOARP|netlink.NUD_PERMANENT) != 0 {
				continue
			}
			if err := h.nl.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("forget neighbour %s of %s: %w", n.IP, h.Name, err)
			}
		}
	}
	return nil
}

// NearHole makes the proxy machine deaf and dumb on the client's network for a while.
func (l *Lab) NearHole(d time.Duration) error {
	return blink(func() (*Fault, error) { return l.Proxy.onTheWay("deaf proxy machine", tableDropNear) }, d)
}

// FarHole drops all packets between proxy machine and server for a while.
func (l *Lab) FarHole(d time.Duration) error { return blink(l.FarDropAll, d) }

// Hole drops all packets on the way for a while.
func (l *Lab) Hole(d time.Duration) error { return blink(l.DropAll, d) }

// CableFlap pulls the cable and plugs it back in after a while.
func (l *Lab) CableFlap(d time.Duration) error { return blink(l.PullCable, d) }

func blink(fault func() (*Fault, error), d time.Duration) error {
	f, err := fault()
	if err != nil {
		return err
	}
	time.Sleep(time.Until(f.At.Add(d)))
	_, err = f.Repair()
	return err
}

// AdapterFlap switches the virtual adapter off and on, times over, as fast as the kernel does it with a pause between.
func (l *Lab) AdapterFlap(times int, pause time.Duration) error {
	vm, err := l.Client.link(Adapter)
	if err != nil {
		return err
	}
	for range times {
		if err := l.Client.nl.LinkSetDown(vm); err != nil {
			return fmt.Errorf("adapter off: %w", err)
		}
		time.Sleep(pause)
		if err := l.Client.nl.LinkSetUp(vm); err != nil {
			return fmt.Errorf("adapter on: %w", err)
		}
		time.Sleep(pause)
	}
	return nil
}
