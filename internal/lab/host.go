//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Host is one network namespace. Its methods may be called from any goroutine.
type Host struct {
	Name string // the namespace's name, as ip netns shows it
	lab  *Lab
	ns   netns.NsHandle
	nl   *netlink.Handle // a netlink socket in that namespace: changing a link is one system call
	nft  *nftSwitch      // of hosts that lose or refuse packets on demand
}

// Do calls f on a thread inside the host's namespace: sockets that f opens belong to the host. A goroutine started by f
// runs elsewhere.
func (h *Host) Do(f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the namespace of this thread: %w", err)
	}
	defer home.Close()
	if err := netns.Set(h.ns); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", h.Name, err)
	}
	defer func() {
		// A thread that cannot come home stays locked, and the runtime ends it with its goroutine.
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// Dial opens a connection from the host to a literal address.
func (h *Host) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	var c net.Conn
	err := h.Do(func() (err error) {
		c, err = net.DialTimeout(network, address, timeout)
		return err
	})
	return c, err
}

// Listen opens a TCP listener on the host.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// Run runs a command on the host and returns what it printed.
func (h *Host) Run(name string, args ...string) (string, error) {
	return h.run(20*time.Second, name, args...)
}

func (h *Host) run(timeout time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Name, name}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s on %s: %w: %s", name, h.Name, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// sysctl writes values below /proc/sys; the files under net belong to the namespace of the thread that opens them.
func (h *Host) sysctl(pairs ...string) error {
	return h.Do(func() error {
		for _, p := range pairs {
			k, v, _ := strings.Cut(p, "=")
			if err := os.WriteFile("/proc/sys/"+k, []byte(v), 0o644); err != nil {
				return fmt.Errorf("sysctl on %s: %w", h.Name, err)
			}
		}
		return nil
	})
}

// link returns the host's interface of that name.
func (h *Host) link(name string) (netlink.Link, error) {
	l, err := h.nl.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s of %s: %w", name, h.Name, err)
	}
	return l, nil
}

// setup gives an interface its addresses and switches it on.
func (h *Host) setup(name string, prefixes ...string) error {
	l, err := h.link(name)
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		if err := h.addAddress(l, p); err != nil {
			return err
		}
	}
	if err := h.nl.LinkSetUp(l); err != nil {
		return fmt.Errorf("switch on %s of %s: %w", name, h.Name, err)
	}
	return nil
}

// plug makes an interface of the host a port of its bridge.
func (h *Host) plug(port, bridge string) error {
	p, err := h.link(port)
	if err != nil {
		return err
	}
	b, err := h.link(bridge)
	if err != nil {
		return err
	}
	if err := h.nl.LinkSetMaster(p, b); err != nil {
		return fmt.Errorf("plug %s into %s of %s: %w", port, bridge, h.Name, err)
	}
	return nil
}

func (h *Host) addAddress(l netlink.Link, prefix string) error {
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		return fmt.Errorf("address %q: %w", prefix, err)
	}
	// Even where duplicates are not looked for, an IPv6 address is tentative for a moment and the kernel picks another source.
	if a.IP.To4() == nil {
		a.Flags |= unix.IFA_F_NODAD
	}
	if err := h.nl.AddrReplace(l, a); err != nil {
		return fmt.Errorf("add %s to %s of %s: %w", prefix, l.Attrs().Name, h.Name, err)
	}
	return nil
}

func (h *Host) delAddress(l netlink.Link, prefix string) error {
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		return fmt.Errorf("address %q: %w", prefix, err)
	}
	if err := h.nl.AddrDel(l, a); err != nil {
		return fmt.Errorf("remove %s from %s of %s: %w", prefix, l.Attrs().Name, h.Name, err)
	}
	return nil
}

// defaultRoute is the route of that metric by gateway over l; the family is the gateway's.
func defaultRoute(l netlink.Link, gateway netip.Addr, metric int) *netlink.Route {
	all := net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	if gateway.Is6() {
		all = net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	}
	return &netlink.Route{LinkIndex: l.Attrs().Index, Dst: &all, Gw: gateway.AsSlice(), Priority: metric}
}

func (h *Host) addDefault(l netlink.Link, gateway netip.Addr, metric int) error {
	if err := h.nl.RouteReplace(defaultRoute(l, gateway, metric)); err != nil {
		return fmt.Errorf("default route of %s by %s: %w", h.Name, gateway, err)
	}
	return nil
}

// addRoute is one to a network, by gateway over l.
func (h *Host) addRoute(l netlink.Link, to netip.Prefix, gateway netip.Addr) error {
	net := net.IPNet{IP: to.Masked().Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())}
	if err := h.nl.RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: &net, Gw: gateway.AsSlice()}); err != nil {
		return fmt.Errorf("route of %s to %s by %s: %w", h.Name, to, gateway, err)
	}
	return nil
}

func (h *Host) delDefault(l netlink.Link, gateway netip.Addr, metric int) error {
	if err := h.nl.RouteDel(defaultRoute(l, gateway, metric)); err != nil {
		return fmt.Errorf("remove the default route of %s by %s: %w", h.Name, gateway, err)
	}
	return nil
}

// etcDir is where ip netns exec finds files that cover those of /etc, in a folder for each namespace (ip-netns(8)).
const etcDir = "/etc/netns"

// Resolver makes the programs on the host ask this name server. Those that run already may not read it again.
func (h *Host) Resolver(server netip.Addr) error {
	dir := filepath.Join(etcDir, h.Name)
	// Another lab that is closed at this moment removes the folder above when it is empty.
	var err error
	for range 5 {
		if err = os.MkdirAll(dir, 0o755); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"resolv.conf": "nameserver " + server.String() + "\n",
		// Nobody else is to be asked: not the system's resolver, which sits in a namespace of its own.
		"nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\nshadow: files\n",
	} {
		if _, err := os.Stat(filepath.Join("/etc", name)); err != nil {
			continue // ip has nothing to cover, and would say so
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
