//go:build darwin || freebsd || netbsd || openbsd

package netcheck

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// helper asks this computer.
var helper = (&bsdSystem{wire: &thisWire, fetch: fetchRIB, get: askRoute, source: sourceFor, media: mediumOf}).helper()

// thisWire is how the kernel speaks that this program is built for.
var thisWire = func() (w wire) {
	var (
		r unix.RtMsghdr
		i unix.IfMsghdr
		a unix.IfaMsghdr
	)
	w.order, w.version, w.inet6 = binary.NativeEndian, unix.RTM_VERSION, unix.AF_INET6
	w.ifInfo, w.newAddr = unix.RTM_IFINFO, unix.RTM_NEWADDR
	w.route.size, w.route.index = unix.SizeofRtMsghdr, int(unsafe.Offsetof(r.Index))
	w.route.flags, w.route.addrs = int(unsafe.Offsetof(r.Flags)), int(unsafe.Offsetof(r.Addrs))
	w.route.pid, w.route.seq, w.route.errno = int(unsafe.Offsetof(r.Pid)), int(unsafe.Offsetof(r.Seq)), int(unsafe.Offsetof(r.Errno))
	w.iface.size, w.iface.index = unix.SizeofIfMsghdr, int(unsafe.Offsetof(i.Index))
	w.iface.flags, w.iface.addrs = int(unsafe.Offsetof(i.Flags)), int(unsafe.Offsetof(i.Addrs))
	w.addr.size, w.addr.index, w.addr.addrs = unix.SizeofIfaMsghdr, int(unsafe.Offsetof(a.Index)), int(unsafe.Offsetof(a.Addrs))
	w.particular()
	return w
}()

func fetchRIB(what ribTable, v6 bool, index int) ([]byte, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	switch what {
	case ribInterfaces:
		return route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeInterface, index)
	case ribRoutes:
		return route.FetchRIB(family, route.RIBTypeRoute, 0)
	}
	return route.FetchRIB(family, route.RIBType(unix.NET_RT_FLAGS), rtfNeighbour)
}

// routingSocket opens one whose reading ends when it is closed.
func routingSocket() (*os.File, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("set nonblocking", err)
	}
	return os.NewFile(uintptr(fd), "routing socket"), nil
}

// answerWithin is how long the kernel may take to answer RTM_GET: it does so while it is asked, or right after.
const answerWithin = 250 * time.Millisecond

var routeSeq atomic.Uint32

// askRoute puts RTM_GET, which needs no privilege, and reads until the answer is there.
func askRoute(dst netip.Addr) (heard []byte, pid, seq uint32, err error) {
	socket, err := routingSocket()
	if err != nil {
		return nil, 0, 0, cannot("ask for a route", err)
	}
	defer socket.Close()
	pid, seq = uint32(os.Getpid()), routeSeq.Add(1)
	addrs := make([]route.Addr, unix.RTAX_MAX)
	addrs[unix.RTAX_DST] = &route.Inet6Addr{IP: dst.As16()}
	if dst.Is4() {
		addrs[unix.RTAX_DST] = &route.Inet4Addr{IP: dst.As4()}
	}
	addrs[unix.RTAX_IFP] = &route.LinkAddr{}
	m := route.RouteMessage{
		Version: unix.RTM_VERSION, Type: unix.RTM_GET, Flags: unix.RTF_UP | unix.RTF_HOST, ID: uintptr(pid), Seq: int(seq), Addrs: addrs,
	}
	question, err := m.Marshal()
	if err != nil {
		return nil, 0, 0, cannot("ask for a route", err)
	}
	inTable(question)
	if err := socket.SetReadDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, 0, 0, cannot("ask for a route", err)
	}
	if _, err := socket.Write(question); err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return nil, 0, 0, noEntry(errno)
		}
		return nil, 0, 0, cannot("ask for a route", err)
	}
	b := make([]byte, 4096)
	for {
		n, err := socket.Read(b)
		if err != nil {
			return nil, 0, 0, cannot("read the answer about a route", err)
		}
		if _, _, ok, _ := thisWire.answer(b[:n], pid, seq, dst); ok {
			return b[:n], pid, seq, nil
		}
	}
}

// sourceFor connects a UDP socket, which sends nothing, and asks where it would send from.
func sourceFor(dst netip.Addr) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, probePort)))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
}

// resubscribeAfter is the pause before a routing socket is opened again that failed.
const resubscribeAfter = time.Second

// subscribe listens to a routing socket. There is one for all kinds of news, and the kernel tells all of them.
func subscribe(heard func(kind int)) (stop func(), err error) {
	all := func() {
		for kind := range newsKinds {
			heard(kind)
		}
	}
	socket, err := routingSocket()
	if err != nil {
		return func() {}, err
	}
	var (
		mu     sync.Mutex // guards socket and ended
		ended  bool
		over   = make(chan struct{})
		reader sync.WaitGroup
	)
	all()
	reader.Go(func() {
		b := make([]byte, 8192)
		for {
			mu.Lock()
			s := socket
			mu.Unlock()
			n, err := s.Read(b)
			switch {
			case err == nil:
				if thisWire.isNews(b[:n]) {
					heard(0)
				}
				continue
			case errors.Is(err, unix.ENOBUFS):
				heard(0) // news was lost
				continue
			}
			for {
				select {
				case <-over:
					return
				case <-time.After(resubscribeAfter):
				}
				fresh, err := routingSocket()
				if err != nil {
					continue
				}
				mu.Lock()
				if ended {
					mu.Unlock()
					_ = fresh.Close()
					return
				}
				_ = socket.Close()
				socket = fresh
				mu.Unlock()
				break
			}
			all()
		}
	})
	return func() {
		mu.Lock()
		ended = true
		close(over)
		_ = socket.Close()
		mu.Unlock()
		reader.Wait()
	}, nil
}
