package netcheck

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

const childEnv = "NETCHECK_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "prepare namespace:", err)
			os.Exit(3)
		}
	}
	goleak.VerifyTestMain(m)
}

// settle prepares the fresh namespaces of a child process: its own /sys, so that the carrier files are its own too.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if os.Getenv(childEnv) == "sysfs" {
		if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
			return fmt.Errorf("mount sysfs: %w", err)
		}
	}
	// Duplicate address detection takes a second or two, and its end is news.
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// inNamespace runs the rest of the calling test in a child process with a network namespace of its own (a namespace
// belongs to a thread, and Go moves goroutines between threads). It returns true in the child.
func inNamespace(t *testing.T) bool { return inNamespaceWith(t, "sysfs") }

func inNamespaceWith(t *testing.T, how string) bool {
	t.Helper()
	if os.Getenv(childEnv) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	t.Parallel() // each in a world of its own, and mostly waiting
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+name, "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childEnv+"="+how)
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread that forked
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "operation not permitted") && cmd.ProcessState == nil {
		t.Skipf("needs a network namespace: %v", err)
	}
	if err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("in the namespace:\n%s", out)
	}
	return false
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustLink(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

// cable makes a veth pair; both ends are up. The test's own end is name, the other is name+"p".
func cable(t testing.TB, name string, addresses ...string) netlink.Link {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}))
	l := mustLink(t, name)
	must(t, netlink.LinkSetUp(mustLink(t, name+"p")))
	must(t, netlink.LinkSetUp(l))
	for _, a := range addresses {
		addAddr(t, l, a)
	}
	waitCarrier(t, l.Attrs().Index)
	return l
}

func addAddr(t testing.TB, l netlink.Link, a string) {
	t.Helper()
	must(t, netlink.AddrAdd(l, addrOf(t, a)))
}

func delAddr(t testing.TB, l netlink.Link, a string) {
	t.Helper()
	must(t, netlink.AddrDel(l, addrOf(t, a)))
}

func addrOf(t testing.TB, a string) *netlink.Addr {
	t.Helper()
	p, err := netlink.ParseAddr(a)
	must(t, err)
	if p.IP.To4() == nil {
		p.Flags = unix.IFA_F_NODAD
	}
	return p
}

// routeOf describes a route: dst "" is the default route of via's family.
func routeOf(t testing.TB, l netlink.Link, dst, via string, metric int) *netlink.Route {
	t.Helper()
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Priority: metric}
	if via != "" {
		r.Gw = net.ParseIP(via)
	}
	if dst == "" {
		dst = "0.0.0.0/0"
		if r.Gw != nil && r.Gw.To4() == nil {
			dst = "::/0"
		}
	}
	_, n, err := net.ParseCIDR(dst)
	must(t, err)
	r.Dst = n
	return r
}

func addRoute(t testing.TB, l netlink.Link, dst, via string, metric int) {
	t.Helper()
	must(t, netlink.RouteAdd(routeOf(t, l, dst, via, metric)))
}

func delRoute(t testing.TB, l netlink.Link, dst, via string, metric int) {
	t.Helper()
	must(t, netlink.RouteDel(routeOf(t, l, dst, via, metric)))
}

// eventually waits for the kernel, which tells some things late (the carrier up to a second).
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func waitCarrier(t testing.TB, index int) {
	t.Helper()
	eventually(t, "carrier", func() bool {
		l, err := netlink.LinkByIndex(index)
		return err == nil && l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 && l.Attrs().RawFlags&unix.IFF_RUNNING != 0
	})
}

// A host is another network namespace: a thread of its own that never leaves it, and that ends with the test.
type host struct {
	*netlink.Handle
	ns   netns.NsHandle
	jobs chan func()
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{jobs: make(chan func())}
	ready, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			h.ns, err = netns.Get()
		}
		ready <- err
		for job := range h.jobs {
			job()
		}
	}()
	must(t, <-ready)
	var err error
	h.Handle, err = netlink.NewHandleAt(h.ns)
	must(t, err)
	t.Cleanup(func() {
		close(h.jobs)
		<-ended
		h.Close()
		must(t, h.ns.Close())
	})
	lo, err := h.LinkByName("lo")
	must(t, err)
	must(t, h.LinkSetUp(lo))
	h.set(t, "/proc/sys/net/ipv6/conf/default/accept_dad", "0")
	return h
}

// set writes a setting of the namespace.
func (h *host) set(t testing.TB, file, value string) {
	t.Helper()
	var err error
	h.do(func() { err = os.WriteFile(file, []byte(value), 0) })
	must(t, err)
}

// do runs f in the namespace.
func (h *host) do(f func()) {
	done := make(chan struct{})
	h.jobs <- func() { defer close(done); f() }
	<-done
}

// take moves an interface of the test's namespace here, gives it addresses and switches it on.
func (h *host) take(t testing.TB, name string, addresses ...string) {
	t.Helper()
	must(t, netlink.LinkSetNsFd(mustLink(t, name), int(h.ns)))
	h.up(t, name, addresses...)
}

func (h *host) up(t testing.TB, name string, addresses ...string) netlink.Link {
	t.Helper()
	l, err := h.LinkByName(name)
	must(t, err)
	for _, a := range addresses {
		must(t, h.AddrAdd(l, addrOf(t, a)))
	}
	must(t, h.LinkSetUp(l))
	return l
}
