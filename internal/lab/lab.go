//go:build linux

package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The addresses of the lab, from RFC 5737 and RFC 3849.
var (
	ClientV4  = netip.MustParsePrefix("192.0.2.10/24")
	ClientV4B = netip.MustParsePrefix("192.0.2.11/24") // what ChangeAddress moves the client to
	GatewayV4 = netip.MustParsePrefix("192.0.2.1/24")
	OuterV4   = netip.MustParsePrefix("198.51.100.1/24") // the gateway's other side
	ServerV4  = netip.MustParsePrefix("198.51.100.10/24")
	AdapterV4 = netip.MustParsePrefix("203.0.113.10/25")  // of the virtual adapter
	DeadEndV4 = netip.MustParsePrefix("203.0.113.1/25")   // where its route leads; nobody is there
	ProxyV4   = netip.MustParsePrefix("192.0.2.7/24")     // the proxy machine's near side
	NamesV4   = netip.MustParsePrefix("192.0.2.53/24")    // the name server
	FarV4     = netip.MustParsePrefix("203.0.113.130/25") // the proxy machine's far side
	InnerV4   = netip.MustParsePrefix("203.0.113.129/25") // the firewall, seen from there
	BeyondV4  = netip.MustParsePrefix("198.51.100.2/24")  // the firewall, seen from the server
	OutsideV4 = netip.MustParsePrefix("198.51.100.20/24") // a host beside the server

	ClientV6  = netip.MustParsePrefix("2001:db8:1::10/64")
	ClientV6B = netip.MustParsePrefix("2001:db8:1::11/64")
	GatewayV6 = netip.MustParsePrefix("2001:db8:1::1/64")
	OuterV6   = netip.MustParsePrefix("2001:db8:2::1/64")
	ServerV6  = netip.MustParsePrefix("2001:db8:2::10/64")
	AdapterV6 = netip.MustParsePrefix("2001:db8:3::10/64")
	DeadEndV6 = netip.MustParsePrefix("2001:db8:3::1/64")
	ProxyV6   = netip.MustParsePrefix("2001:db8:1::7/64")
	NamesV6   = netip.MustParsePrefix("2001:db8:1::53/64")
	FarV6     = netip.MustParsePrefix("2001:db8:4::7/64")
	InnerV6   = netip.MustParsePrefix("2001:db8:4::1/64")
	BeyondV6  = netip.MustParsePrefix("2001:db8:2::2/64")
	OutsideV6 = netip.MustParsePrefix("2001:db8:2::20/64")
)

// The interfaces of the client.
const (
	Egress  = "eth0" // leads to the gateway
	Adapter = "vm0"  // the virtual machine's
)

// The proxy machine's interfaces, and the two bridges in the switch.
const (
	near    = "near0" // on the client's network
	far     = "far0"  // a cable to the firewall
	inside  = "br0"   // the client's network
	outside = "br1"   // the server's network
)

// A Lab is one network of eight hosts. Several may stand side by side.
type Lab struct {
	Client, Switch, Gateway, Server *Host

	Proxy    *Host // between the client's network and the firewall; it forwards nothing
	Firewall *Host // between the proxy machine and the server
	Names    *Host // the name server, on the client's network
	Outside  *Host // beside the server: a proxy or a name server that is reached by the gateway

	Dir string // for configurations and data of servers; removed with the lab

	adapter *tap // on the client

	mu      sync.Mutex // guards procs and closers
	procs   []*Proc
	closers []func() // what this process does on the lab's hosts
	once    sync.Once
}

// hosts are all of them, as far as they are built.
func (l *Lab) hosts() []*Host {
	all := []*Host{l.Client, l.Switch, l.Gateway, l.Server, l.Proxy, l.Firewall, l.Names, l.Outside}
	return slices.DeleteFunc(all, func(h *Host) bool { return h == nil })
}

// atClose has f called when the lab is closed, before its hosts go.
func (l *Lab) atClose(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, f)
}

// counter numbers the labs of this process.
var counter atomic.Int32

// Missing says what this machine lacks for a lab, in words for a skipped test; empty when nothing. tools are programs
// that are needed besides ip and nft.
func Missing(tools ...string) string {
	if os.Geteuid() != 0 {
		return "needs root, for network namespaces"
	}
	for _, tool := range append([]string{"ip", "nft"}, tools...) {
		if _, err := lookTool(tool); err != nil {
			return "needs " + tool + ", which is not installed"
		}
	}
	if _, err := os.Stat(tunDevice); err != nil {
		return "needs " + tunDevice + ", which is not there"
	}
	return noNamespaces()
}

// noNamespaces tries once whether namespaces can be made here: a container may run as root and not be allowed to.
var noNamespaces = sync.OnceValue(func() string {
	name := fmt.Sprintf("hf%d-try", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return "needs network namespaces, which cannot be made here: " + strings.TrimSpace(string(out))
	}
	if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
		return "needs network namespaces, which cannot be removed here: " + strings.TrimSpace(string(out))
	}
	return ""
})

// lookTool finds a program also where an ordinary user's PATH does not look.
func lookTool(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return filepath.Abs(p)
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// Need skips the test, saying why, where a lab with these tools cannot be built.
func Need(t testing.TB, tools ...string) {
	t.Helper()
	if why := Missing(tools...); why != "" {
		t.Skip(why)
	}
}

// New builds a lab for the test and removes it when the test ends, in whatever way. It skips the test where a lab
// cannot be built.
func New(t testing.TB) *Lab {
	t.Helper()
	Need(t)
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// Open builds a lab. The caller closes it.
func Open() (*Lab, error) {
	sweepOnce()
	listenForSignals()
	l := &Lab{}
	if !open.add(l) {
		return nil, errors.New("build the lab: this process is ending")
	}
	if err := l.build(); err != nil {
		l.Close()
		return nil, fmt.Errorf("build the lab: %w", err)
	}
	return l, nil
}

func (l *Lab) build() (err error) {
	if l.Dir, err = os.MkdirTemp("", "holdfast-lab"); err != nil {
		return err
	}
	// Servers that give up root read and write in there.
	if err := os.Chmod(l.Dir, 0o711); err != nil {
		return err
	}
	prefix := fmt.Sprintf("hf%d-%d-", os.Getpid(), counter.Add(1))
	hosts := []struct {
		at   **Host
		name string
	}{
		{&l.Client, "client"}, {&l.Switch, "switch"}, {&l.Gateway, "gateway"}, {&l.Server, "server"},
		{&l.Proxy, "proxy"}, {&l.Firewall, "firewall"}, {&l.Names, "names"}, {&l.Outside, "outside"},
	}
	var batch strings.Builder
	for _, h := range hosts {
		fmt.Fprintf(&batch, "netns add %s%s\n", prefix, h.name)
	}
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		removeNamespaces(prefix)
		return fmt.Errorf("ip netns add: %w: %s", err, out)
	}
	for _, h := range hosts {
		*h.at = &Host{Name: prefix + h.name, lab: l, ns: netns.None()}
	}
	for _, h := range hosts {
		host := *h.at
		if host.ns, err = netns.GetFromName(host.Name); err != nil {
			return fmt.Errorf("open %s: %w", host.Name, err)
		}
		if host.nl, err = netlink.NewHandleAt(host.ns, unix.NETLINK_ROUTE); err != nil {
			return fmt.Errorf("netlink in %s: %w", host.Name, err)
		}
		// No surprises: addresses are usable at once, no filter by source, no router discovery beside our routes.
		if err := host.sysctl(
			"net/ipv4/conf/all/rp_filter=0", "net/ipv4/conf/default/rp_filter=0",
			"net/ipv6/conf/all/accept_dad=0", "net/ipv6/conf/default/accept_dad=0",
			"net/ipv6/conf/all/accept_ra=0", "net/ipv6/conf/default/accept_ra=0",
			"net/ipv6/conf/default/router_solicitations=0",
		); err != nil {
			return err
		}
		if err := host.setup("lo"); err != nil {
			return err
		}
	}
	for _, h := range []*Host{l.Gateway, l.Firewall} {
		if err := h.sysctl("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1"); err != nil {
			return err
		}
	}
	// They keep their IPv6 addresses over a down and up, as a host does whose daemon puts them back.
	for _, h := range []*Host{l.Gateway, l.Firewall, l.Proxy, l.Names} {
		if err := h.sysctl("net/ipv6/conf/all/keep_addr_on_down=1", "net/ipv6/conf/default/keep_addr_on_down=1"); err != nil {
			return err
		}
	}
	for _, h := range []*Host{l.Client, l.Proxy, l.Outside} {
		if err := h.Resolver(NamesV4.Addr()); err != nil {
			return err
		}
	}
	return l.wire()
}

// wire lays the cables and gives out addresses and routes.
func (l *Lab) wire() error {
	cables := []struct {
		a    *Host
		aEnd string
		b    *Host
		bEnd string
	}{
		{l.Client, Egress, l.Switch, "p-client"},
		{l.Gateway, "lan0", l.Switch, "p-gateway"},
		{l.Proxy, near, l.Switch, "p-proxy"},
		{l.Names, "eth0", l.Switch, "p-names"},
		{l.Gateway, "wan0", l.Switch, "o-gateway"},
		{l.Server, "eth0", l.Switch, "o-server"},
		{l.Firewall, "eth0", l.Switch, "o-firewall"},
		{l.Outside, "eth0", l.Switch, "o-outside"},
		{l.Proxy, far, l.Firewall, "in0"},
	}
	for _, bridge := range []string{inside, outside} {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = bridge
		snoop := false // neighbour discovery is multicast: flood it
		if err := l.Switch.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snoop}); err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
		if err := l.Switch.setup(bridge); err != nil {
			return err
		}
	}
	for _, c := range cables {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = c.aEnd
		v := netlink.NewVeth(attrs)
		v.PeerName, v.PeerNamespace = c.bEnd, netlink.NsFd(c.b.ns)
		if err := c.a.nl.LinkAdd(v); err != nil {
			return fmt.Errorf("cable from %s of %s: %w", c.aEnd, c.a.Name, err)
		}
		if c.b != l.Switch {
			continue
		}
		bridge := inside
		if strings.HasPrefix(c.bEnd, "o-") {
			bridge = outside
		}
		if err := l.Switch.plug(c.bEnd, bridge); err != nil {
			return err
		}
		if err := l.Switch.setup(c.bEnd); err != nil {
			return err
		}
	}
	var err error
	if l.adapter, err = l.Client.newTap(Adapter); err != nil {
		return err
	}

	for _, s := range []struct {
		h        *Host
		name     string
		prefixes []netip.Prefix
	}{
		{l.Gateway, "lan0", []netip.Prefix{GatewayV4, GatewayV6}},
		{l.Gateway, "wan0", []netip.Prefix{OuterV4, OuterV6}},
		{l.Server, "eth0", []netip.Prefix{ServerV4, ServerV6}},
		{l.Proxy, near, []netip.Prefix{ProxyV4, ProxyV6}},
		{l.Proxy, far, []netip.Prefix{FarV4, FarV6}},
		{l.Firewall, "in0", []netip.Prefix{InnerV4, InnerV6}},
		{l.Firewall, "eth0", []netip.Prefix{BeyondV4, BeyondV6}},
		{l.Names, "eth0", []netip.Prefix{NamesV4, NamesV6}},
		{l.Outside, "eth0", []netip.Prefix{OutsideV4, OutsideV6}},
		{l.Client, Egress, []netip.Prefix{ClientV4, ClientV6}},
		{l.Client, Adapter, []netip.Prefix{AdapterV4, AdapterV6}},
	} {
		var texts []string
		for _, p := range s.prefixes {
			texts = append(texts, p.String())
		}
		if err := s.h.setup(s.name, texts...); err != nil {
			return err
		}
	}
	for _, routes := range []func() error{l.serverRoutes, l.proxyRoutes, l.clientRoutes, l.otherRoutes} {
		if err := routes(); err != nil {
			return err
		}
	}
	if err := l.handOver(); err != nil {
		return err
	}
	for _, h := range []*Host{l.Gateway, l.Firewall, l.Server, l.Proxy} {
		if h.nft, err = newNFT(h); err != nil {
			return err
		}
	}
	return l.settle()
}

// settle waits until every cable carries: the kernel wakes the queue of a new port a moment after its carrier, and loses
// what is sent before. Then each host knows its neighbours.
func (l *Lab) settle() error {
	end := time.Now().Add(20 * time.Second)
	for _, h := range l.hosts() {
		for ; ; time.Sleep(2 * time.Millisecond) {
			links, err := h.nl.LinkList()
			if err != nil {
				return fmt.Errorf("interfaces of %s: %w", h.Name, err)
			}
			dead := slices.IndexFunc(links, func(l netlink.Link) bool {
				name := l.Attrs().Name // lo and a tap do not tell; they need no moment
				return name != "lo" && name != Adapter && l.Attrs().OperState != netlink.OperUp
			})
			if dead < 0 {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s of %s is %v", links[dead].Attrs().Name, h.Name, links[dead].Attrs().OperState)
			}
		}
	}
	const nobody = 9 // the discard port: refused, and so answered
	for _, way := range []struct {
		from *Host
		to   []netip.Prefix
	}{
		{l.Client, []netip.Prefix{GatewayV4, GatewayV6, ServerV4, ServerV6, ProxyV4, ProxyV6, NamesV4, NamesV6, OutsideV4, OutsideV6}},
		{l.Proxy, []netip.Prefix{ServerV4, ServerV6, NamesV4, NamesV6}},
		{l.Outside, []netip.Prefix{ServerV4, ServerV6}},
	} {
		for _, to := range way.to {
			for {
				_, err := way.from.Dial("tcp", netip.AddrPortFrom(to.Addr(), nobody).String(), 200*time.Millisecond)
				if errors.Is(err, unix.ECONNREFUSED) {
					break
				}
				if time.Now().After(end) {
					return fmt.Errorf("%s does not answer %s: %w", to, way.from.Name, err)
				}
			}
		}
	}
	return nil
}

// handOver makes the gateway receive on one processor and the client on another, and likewise firewall and proxy machine. On a veth everything up to the answer
// happens inside the system call that sent the question: an ICMP error would come while connect still holds the socket,
// and the kernel would only note it (tcp_v4_err: sock_owned_by_user). On real cables an answer comes later than that. So
// it does here, whichever of the two the program runs on; with a single processor it cannot be helped.
func (l *Lab) handOver() error {
	if runtime.NumCPU() < 2 {
		return nil
	}
	for _, at := range []struct {
		h          *Host
		name, mask string
	}{{l.Gateway, "lan0", "1"}, {l.Client, Egress, "2"}, {l.Firewall, "in0", "1"}, {l.Proxy, far, "2"}} {
		if _, err := at.h.Run("sh", "-c", "echo "+at.mask+" >/sys/class/net/"+at.name+"/queues/rx-0/rps_cpus"); err != nil {
			return err
		}
	}
	return nil
}

// egressMetric is what a DHCP client gives an Ethernet interface (NetworkManager's figure).
const egressMetric = 100

// clientRoutes sets the client's default routes, as its DHCP client would.
func (l *Lab) clientRoutes() error {
	eth0, err := l.Client.link(Egress)
	if err != nil {
		return err
	}
	for _, gw := range []netip.Addr{GatewayV4.Addr(), GatewayV6.Addr()} {
		if err := l.Client.addDefault(eth0, gw, egressMetric); err != nil {
			return err
		}
	}
	return nil
}

// serverRoutes sets the server's routes: the client's side by the gateway, the proxy machine's by the firewall.
func (l *Lab) serverRoutes() error { return l.outerRoutes(l.Server) }

func (l *Lab) outerRoutes(h *Host) error {
	eth0, err := h.link("eth0")
	if err != nil {
		return err
	}
	for _, gw := range []netip.Addr{OuterV4.Addr(), OuterV6.Addr()} {
		err = errors.Join(err, h.addDefault(eth0, gw, 0))
	}
	for to, gw := range map[netip.Prefix]netip.Addr{FarV4: BeyondV4.Addr(), FarV6: BeyondV6.Addr()} {
		err = errors.Join(err, h.addRoute(eth0, to, gw))
	}
	return err
}

// proxyRoutes sets the proxy machine's default routes, by the firewall.
func (l *Lab) proxyRoutes() error {
	link, err := l.Proxy.link(far)
	if err != nil {
		return err
	}
	return errors.Join(l.Proxy.addDefault(link, InnerV4.Addr(), 0), l.Proxy.addDefault(link, InnerV6.Addr(), 0))
}

// otherRoutes sets those of the hosts that no fault takes any from.
func (l *Lab) otherRoutes() error {
	eth0, err := l.Names.link("eth0")
	if err != nil {
		return err
	}
	return errors.Join(l.outerRoutes(l.Outside), l.Names.addDefault(eth0, GatewayV4.Addr(), 0), l.Names.addDefault(eth0, GatewayV6.Addr(), 0))
}

// AdapterRoute gives the virtual adapter default routes of a higher metric: with the egress gone, the kernel's look-up
// still succeeds, and leads nowhere.
func (l *Lab) AdapterRoute() error {
	vm, err := l.Client.link(Adapter)
	if err != nil {
		return err
	}
	for _, gw := range []netip.Addr{DeadEndV4.Addr(), DeadEndV6.Addr()} {
		if err := l.Client.addDefault(vm, gw, 500); err != nil {
			return err
		}
	}
	return nil
}

// openLabs are those of this process.
type openLabs struct {
	mu     sync.Mutex // guards what follows
	labs   map[*Lab]struct{}
	ending bool // no more of them
}

var open = openLabs{labs: make(map[*Lab]struct{})}

func (o *openLabs) add(l *Lab) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ending {
		o.labs[l] = struct{}{}
	}
	return !o.ending
}

func (o *openLabs) remove(l *Lab) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.labs, l)
}

var listenForSignals = sync.OnceFunc(func() { go endOnSignal() })

// endOnSignal lets Ctrl-C and its like leave nothing behind: it closes all labs before this process ends.
func endOnSignal() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	by, _ := (<-asked).(unix.Signal)
	open.mu.Lock()
	open.ending = true
	labs := slices.Collect(maps.Keys(open.labs))
	open.mu.Unlock()
	var closing sync.WaitGroup
	for _, l := range labs {
		closing.Go(l.Close)
	}
	closing.Wait()
	os.Exit(128 + int(by))
}

// Close ends every process of the lab and removes its namespaces.
func (l *Lab) Close() {
	l.once.Do(func() {
		defer open.remove(l)
		l.mu.Lock()
		procs, closers := l.procs, l.closers
		l.mu.Unlock()
		for _, f := range closers {
			f()
		}
		for _, p := range procs {
			p.Kill()
		}
		if l.adapter != nil {
			l.adapter.close()
		}
		for _, h := range l.hosts() {
			killInside(h.Name)
			if h.nft != nil {
				h.nft.close()
			}
			if h.nl != nil {
				h.nl.Close()
			}
			if h.ns.IsOpen() {
				h.ns.Close()
			}
			deleteNamespace(h.Name)
		}
		if l.Dir != "" {
			os.RemoveAll(l.Dir)
		}
	})
}

// netnsDir is where ip keeps the names of namespaces.
const netnsDir = "/run/netns"

var ownName = regexp.MustCompile(`^hf(\d+)-(?:\d+-)?[a-z]+$`)

var sweepOnce = sync.OnceFunc(sweep)

// sweep removes what an earlier run left behind that was killed before it could clean up: namespaces of this form
// whose process no longer lives, with whatever still runs in them.
func sweep() {
	entries, err := os.ReadDir(netnsDir)
	if err != nil {
		return // none was ever made
	}
	files, _ := os.ReadDir(etcDir)
	for _, e := range append(entries, files...) {
		m := ownName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		if pid, err := strconv.Atoi(m[1]); err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			continue
		}
		killInside(e.Name())
		deleteNamespace(e.Name())
	}
}

func removeNamespaces(prefix string) {
	entries, _ := os.ReadDir(netnsDir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			deleteNamespace(e.Name())
		}
	}
}

func deleteNamespace(name string) {
	path := filepath.Join(netnsDir, name)
	unix.Unmount(path, unix.MNT_DETACH)
	os.Remove(path)
	os.RemoveAll(filepath.Join(etcDir, name))
	os.Remove(etcDir) // the last one: it stays where somebody else has files in it
}

// killInside kills the processes whose namespace is the named one: servers that made children of their own. Only
// processes of the lab are ever in there.
func killInside(name string) {
	var want unix.Stat_t
	if unix.Stat(filepath.Join(netnsDir, name), &want) != nil {
		return
	}
	for range 20 { // a child may be born while we look
		found := false
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == os.Getpid() {
				continue
			}
			var got unix.Stat_t
			if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &got) == nil && got.Ino == want.Ino && got.Dev == want.Dev {
				found = true
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		if !found {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
