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
			if err := l.Switch.plug("p-client", "br0"); err != nil {
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

// onTheWay wakes a table of the gateway.
func (l *Lab) onTheWay(what, table string) (*Fault, error) {
	return inject(what,
		func() error { return l.nft.set(table, true) },
		func() error { return l.nft.set(table, false) })
}

// DropAll makes the gateway drop, without a word, whatever it should forward. It still answers for itself.
func (l *Lab) DropAll() (*Fault, error) { return l.onTheWay("drop all", tableDropAll) }

// RejectRST makes the gateway answer whatever TCP it should forward with a reset.
func (l *Lab) RejectRST() (*Fault, error) { return l.onTheWay("reject with RST", tableRejectRST) }

// RejectICMP makes the gateway answer whatever it should forward with "administratively prohibited".
func (l *Lab) RejectICMP() (*Fault, error) { return l.onTheWay("reject with ICMP", tableRejectMsg) }

// RejectNoHost makes the gateway answer whatever it should forward with "host unreachable".
func (l *Lab) RejectNoHost() (*Fault, error) { return l.onTheWay("reject: no host", tableNoHost) }

// DropPort makes the gateway drop what goes to or comes from a TCP port; the host answers elsewhere.
func (l *Lab) DropPort(port uint16) (*Fault, error) {
	if err := l.nft.ports(tableDropPort, port); err != nil {
		return nil, err
	}
	return l.onTheWay("drop the port", tableDropPort)
}

// DropFlow makes the gateway drop the client's present connections to that port, as a NAT that forgot them; new
// connections pass.
func (l *Lab) DropFlow(port uint16) (*Fault, error) {
	flows, err := l.Client.tcp(established, func(_, remote uint16) bool { return remote == port })
	if err != nil {
		return nil, err
	}
	if len(flows) == 0 {
		return nil, fmt.Errorf("drop the flow: %s has no connection to port %d", l.Client.Name, port)
	}
	if err := l.nft.ports(tableDropFlow, flows...); err != nil {
		return nil, err
	}
	return l.onTheWay("drop the flow", tableDropFlow)
}

// States of a TCP socket as /proc has them (include/net/tcp_states.h).
const (
	established = "01"
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
			err := errors.Join(l.Server.addAddress(eth0, ServerV4.String()), l.Server.addAddress(eth0, ServerV6.String()))
			for _, gw := range []netip.Addr{OuterV4.Addr(), OuterV6.Addr()} {
				err = errors.Join(err, l.Server.addDefault(eth0, gw, 0))
			}
			return err
		})
}

// KillServer kills a server; the repair starts it again and waits until it listens on the port.
func (l *Lab) KillServer(p *Proc, port uint16, start func() (*Proc, error)) (*Fault, error) {
	f, err := inject("kill the server", p.Kill, nil)
	if err != nil {
		return nil, err
	}
	f.repair = func() error {
		p, err := start()
		if err != nil {
			return err
		}
		for end := time.Now().Add(15 * time.Second); ; time.Sleep(500 * time.Microsecond) {
			at := time.Now()
			// The kernel's table tells without a connection, which a server would have to answer.
			ports, err := l.Server.tcp(listening, func(local, _ uint16) bool { return local == port })
			if err != nil {
				return err
			}
			if len(ports) > 0 {
				return nil
			}
			f.mended = at
			if p.Ended() || at.After(end) {
				return fmt.Errorf("%s does not listen on port %d:\n%s", p.name, port, p.Tail())
			}
		}
	}
	return f, nil
}

// HangServer stops a server: its kernel goes on accepting and acknowledging, and nothing is ever answered.
func (l *Lab) HangServer(p *Proc) (*Fault, error) { return inject("hang the server", p.Stop, p.Cont) }

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
