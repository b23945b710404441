package netcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"holdfast/internal/desktest"
)

// What is read lies where the headers have it: as gcc 12 for x86_64-w64-mingw32 prints sizeof and offsetof of netioapi.h,
// ws2ipdef.h and ipexport.h (mingw-w64 10.0, _WIN32_WINNT 0x0a00).
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("needs a program for 64 bits: of one for 32 the layout differs")
	}
	var (
		ifr windows.MibIfRow2
		adr windows.MibUnicastIpAddressRow
		fwd windows.MibIpForwardRow2
		ipi windows.MibIpInterfaceRow
		net netRow
		opt echoOptions
	)
	for _, s := range [...]struct {
		name      string
		got, want uintptr
	}{
		{"MIB_IF_ROW2", unsafe.Sizeof(ifr), 1352},
		{"MIB_IF_ROW2.InterfaceIndex", unsafe.Offsetof(ifr.InterfaceIndex), 8},
		{"MIB_IF_ROW2.Alias", unsafe.Offsetof(ifr.Alias), 28},
		{"MIB_IF_ROW2.Type", unsafe.Offsetof(ifr.Type), 1128},
		{"MIB_IF_ROW2.PhysicalMediumType", unsafe.Offsetof(ifr.PhysicalMediumType), 1140},
		{"MIB_IF_ROW2.InterfaceAndOperStatusFlags", unsafe.Offsetof(ifr.InterfaceAndOperStatusFlags), 1152},
		{"MIB_IF_ROW2.OperStatus", unsafe.Offsetof(ifr.OperStatus), 1156},
		{"MIB_IF_ROW2.AdminStatus", unsafe.Offsetof(ifr.AdminStatus), 1160},
		{"MIB_IF_ROW2.MediaConnectState", unsafe.Offsetof(ifr.MediaConnectState), 1164},
		{"MIB_IF_ROW2.TransmitLinkSpeed", unsafe.Offsetof(ifr.TransmitLinkSpeed), 1192},
		{"MIB_IF_TABLE2.Table", unsafe.Offsetof(windows.MibIfTable2{}.Table), 8},
		{"MIB_UNICASTIPADDRESS_ROW", unsafe.Sizeof(adr), 80},
		{"MIB_UNICASTIPADDRESS_ROW.InterfaceIndex", unsafe.Offsetof(adr.InterfaceIndex), 40},
		{"MIB_UNICASTIPADDRESS_ROW.OnLinkPrefixLength", unsafe.Offsetof(adr.OnLinkPrefixLength), 60},
		{"MIB_UNICASTIPADDRESS_ROW.SkipAsSource", unsafe.Offsetof(adr.SkipAsSource), 61},
		{"MIB_UNICASTIPADDRESS_ROW.DadState", unsafe.Offsetof(adr.DadState), 64},
		{"MIB_UNICASTIPADDRESS_TABLE.Table", unsafe.Offsetof(windows.MibUnicastIpAddressTable{}.Table), 8},
		{"MIB_IPFORWARD_ROW2", unsafe.Sizeof(fwd), 104},
		{"MIB_IPFORWARD_ROW2.InterfaceIndex", unsafe.Offsetof(fwd.InterfaceIndex), 8},
		{"MIB_IPFORWARD_ROW2.DestinationPrefix", unsafe.Offsetof(fwd.DestinationPrefix), 12},
		{"IP_ADDRESS_PREFIX.PrefixLength", unsafe.Offsetof(fwd.DestinationPrefix.PrefixLength), 28},
		{"MIB_IPFORWARD_ROW2.NextHop", unsafe.Offsetof(fwd.NextHop), 44},
		{"MIB_IPFORWARD_ROW2.Metric", unsafe.Offsetof(fwd.Metric), 84},
		{"MIB_IPFORWARD_TABLE2.Table", unsafe.Offsetof(windows.MibIpForwardTable2{}.Table), 8},
		{"MIB_IPINTERFACE_ROW.InterfaceIndex", unsafe.Offsetof(ipi.InterfaceIndex), 16},
		{"MIB_IPINTERFACE_ROW.Metric", unsafe.Offsetof(ipi.Metric), 148},
		{"MIB_IPNET_ROW2", unsafe.Sizeof(net), 88},
		{"MIB_IPNET_ROW2.InterfaceIndex", unsafe.Offsetof(net.index), 28},
		{"MIB_IPNET_ROW2.InterfaceLuid", unsafe.Offsetof(net.luid), 32},
		{"MIB_IPNET_ROW2.PhysicalAddressLength", unsafe.Offsetof(net.physicalLength), 72},
		{"MIB_IPNET_ROW2.State", unsafe.Offsetof(net.state), 76},
		{"MIB_IPNET_ROW2.Flags", unsafe.Offsetof(net.flags), 80},
		{"SOCKADDR_INET", sockaddrSize, 28},
		{"IP_OPTION_INFORMATION", unsafe.Sizeof(opt), 16},
		{"IP_OPTION_INFORMATION.OptionsData", unsafe.Offsetof(opt.data), 8},
	} {
		if s.got != s.want {
			t.Errorf("%s: %d, want %d", s.name, s.got, s.want)
		}
	}
	if got := unsafe.Sizeof(ipi); got < 168 { // x/sys has eight bytes more at its end, which Windows leaves alone
		t.Errorf("MIB_IPINTERFACE_ROW: %d, want 168 at least", got)
	}
}

func TestThisComputer(t *testing.T) {
	rows, err := helper.ifaces()
	if err != nil || len(rows) == 0 {
		t.Fatalf("interfaces: %v, %v", rows, err)
	}
	loopback := 0
	for _, r := range rows {
		t.Logf("%+v: %v", r, r.state())
		one, err := helper.iface(r.index)
		if err != nil || one.name != r.name || one.typ != r.typ || one.name == "" {
			t.Errorf("interface %d alone: %+v, %v", r.index, one, err)
		}
		if r.typ == ifTypeLoopback {
			loopback = r.index
		}
	}
	was := countersToo.Load()
	for _, old := range [...]bool{false, true} {
		countersToo.Store(old)
		one, err := helper.iface(loopback)
		if err != nil || one.typ != ifTypeLoopback {
			t.Errorf("with counters %v: %+v, %v", old, one, err)
		}
		if _, err := helper.iface(1 << 20); !errors.Is(err, errNoInterface) {
			t.Errorf("an interface that is not there, with counters %v: %v", old, err)
		}
		t.Logf("asked for counters too: %v", countersToo.Load())
	}
	countersToo.Store(was)
	addrs, err := helper.addrs()
	t.Logf("addresses: %+v", addrs)
	if err != nil || loopback == 0 || !slices.ContainsFunc(addrs, func(a addrRow) bool {
		return a.ip == netip.MustParseAddr("127.0.0.1") && a.index == loopback && a.usable() && a.bits == 8
	}) {
		t.Errorf("addresses: %v", err)
	}
	for _, v6 := range [...]bool{false, true} {
		routes, err := helper.routes(v6)
		t.Logf("routes: %+v", routes)
		if err != nil {
			t.Errorf("routes: %v", err)
		}
		for _, r := range routes {
			if !r.dst.IsValid() || r.dst.Addr().Is6() != v6 || r.index <= 0 {
				t.Errorf("route %+v", r)
			}
		}
	}
	t.Logf("resolvers: %v", helper.nameServers())
	if a := NameServer(); !a.IsValid() || a.IsLoopback() {
		t.Errorf("a resolver: %v", a)
	}
	t.Log(Explain(NameServer()))
}

// The table of adapters is fetched with too little room first.
func TestAdaptersGrow(t *testing.T) {
	calls := 0
	b, err := growing(64, func(b []byte, size *uint32) error {
		calls++
		return windows.GetAdaptersAddresses(windows.AF_UNSPEC, 0, 0, (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0])), size)
	})
	if err != nil || calls < 2 || (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0])).Length == 0 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

// Where the system tells a socket to leave from is where Egress says.
func TestEgressAsSocketsDo(t *testing.T) {
	for _, dst := range [...]string{"127.0.0.1", "::1", "192.0.2.200", "203.0.113.7", "2001:db8::7"} {
		w, err := Egress(ip(dst))
		source, dialErr := sourceOfSocket(ip(dst))
		if dialErr != nil {
			if err == nil && !w.Loopback {
				t.Errorf("%s: a socket says %v, Egress %+v", dst, dialErr, w)
			}
			t.Logf("%s: %v, %v", dst, dialErr, err)
			continue
		}
		if errors.Is(err, ErrUnsupported) {
			t.Logf("%s: a socket leaves from %v; %v", dst, source, err)
			continue
		}
		if err != nil || w.Source != source || w.Index == 0 || w.Interface == "" {
			t.Errorf("%s: %+v, %v; a socket leaves from %v", dst, w, err, source)
			continue
		}
		way, state, err := Alive(ip(dst))
		if err != nil || way != w || state.Broken() || state == LinkUnknown {
			t.Errorf("%s: %+v, %v, %v", dst, way, state, err)
		}
		neighbour, age := Neighbour(w)
		t.Logf("%s: %+v, %v, neighbour %d", dst, w, state, neighbour)
		if age >= 0 {
			t.Errorf("age %v", age)
		}
		// The same way through an interface, or from an address, that is not there.
		gone := w
		if gone.Index = 1 << 20; Judge(gone) != LinkGone {
			t.Errorf("%s by no interface: %v", dst, Judge(gone))
		}
		gone = w
		if gone.Source = ip("198.51.100.250"); !w.Loopback && w.Source.Is4() && Judge(gone) != LinkAddressChanged {
			t.Errorf("%s from another address: %v", dst, Judge(gone))
		}
	}
}

// sourceOfSocket connects a UDP socket, which sends nothing. It does without package net, whose UDP sockets want an option
// that wine 8 has not.
func sourceOfSocket(dst netip.Addr) (netip.Addr, error) {
	family, to := windows.AF_INET6, windows.Sockaddr(&windows.SockaddrInet6{Port: 9, Addr: dst.As16()})
	if dst.Is4() {
		family, to = windows.AF_INET, &windows.SockaddrInet4{Port: 9, Addr: dst.As4()}
	}
	s, err := windows.Socket(family, windows.SOCK_DGRAM, windows.IPPROTO_UDP)
	if err != nil {
		return netip.Addr{}, err
	}
	defer windows.Closesocket(s)
	if err := windows.Connect(s, to); err != nil {
		return netip.Addr{}, err
	}
	sa, err := windows.Getsockname(s)
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr), err
	case *windows.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr), err
	}
	return netip.Addr{}, err
}

func TestAskThisComputer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	w, err := Egress(ip("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := openProbe(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	ok := p.send(ip("127.0.0.1"), 0, 0)
	p.close()
	post.runs.Wait()
	if !ok {
		t.Skip("this computer lets nobody ask by ICMP: AskPath then says that nothing could be sent")
	}
	start := time.Now()
	a := AskPath(ctx, w, netip.MustParseAddrPort("127.0.0.1:9"), nil)
	post.runs.Wait()
	if a.Host != Answered || a.Deepest != ip("127.0.0.1") || a.HostRTT <= 0 || a.HostRTT > time.Since(start) {
		t.Errorf("%+v", a)
	}
	if a := AskGateway(ctx, w); a.Outcome != NotAsked {
		t.Errorf("loopback has no gateway: %+v", a)
	}
}

// A question to nobody ends with its context, and leaves nothing behind. The lab has an address where nobody answers, so
// that none is asked outside of this computer.
func TestAskNobody(t *testing.T) {
	nobody := os.Getenv("HOLDFAST_NOBODY")
	if nobody == "" {
		t.Skip("needs a network with an address where nobody answers: TestIntegrationWindowsNobody has one")
	}
	w, err := Egress(ip(nobody))
	if err != nil || !w.Gateway.IsValid() {
		t.Fatalf("the way to %s: %+v, %v", nobody, w, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	a := AskPath(ctx, w, netip.AddrPortFrom(ip(nobody), 9), nil)
	if took := time.Since(start); took > 2*time.Second || a.Host != Silent {
		t.Errorf("%+v after %v", a, took)
	}
	t.Logf("path %+v", a)
	post.runs.Wait()
	if len(post.under) != 0 || post.users != 0 || post.on {
		t.Errorf("left behind: %d requests, %d probes", len(post.under), post.users)
	}
}

func TestAskTCP(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dst := l.Addr().(*net.TCPAddr).AddrPort()
	w := Way{Index: 1, Source: ip("127.0.0.1"), Destination: dst.Addr(), Loopback: true}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, _ := askTCP(ctx, w, dst); got != Answered {
		t.Errorf("somebody listens: %v", got)
	}
	l.Close()
	if got, rtt := askTCP(ctx, w, dst); got != Refused || rtt <= 0 {
		t.Errorf("nobody listens: %v after %v", got, rtt)
	}
}

// Where the system keeps no ICMP errors of a socket, the functions say none, and a dialler can use them all the same.
func TestICMPErrorsOfASocket(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := (&net.Dialer{Control: ControlICMPErrors}).Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := ICMPErrorOf(raw); ok || !e.IsZero() {
		t.Errorf("%+v, %v", e, ok)
	}
}

// Subscriptions are taken and given back, again and again and by two at a time, and whoever bears is answered.
func TestWatcherWindows(t *testing.T) {
	w, err := Egress(ip("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	other := NewWatcher(nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	for range 3 {
		watcher := NewWatcher(nil)
		heard := make(chan Change, 100)
		watcher.Changes(func(c Change) { heard <- c })
		release := watcher.Bear(w.Index)
		unheed := watcher.Heed(ip("203.0.113.7"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- watcher.Run(ctx) }()
		for all, index := false, false; !all && !index; {
			select {
			case c := <-heard:
				all, index = all || c.All, index || c.Index == w.Index
			case <-time.After(10 * time.Second):
				t.Fatal("nothing heard")
			}
		}
		release()
		unheed()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		t.Logf("all subscriptions speak: %v; %+v", watcher.hears(), watcher.Stats())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	newsHearers.Range(func(_, _ any) bool { t.Error("a subscription is left"); return false })
}

// What the system says of the network as a whole is told, and at once the second time too.
func TestCrossCheck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 2 {
		says := CrossCheck(ctx)
		t.Logf("%+v", says)
		if len(says) == 0 || says[0].Where != "IsNetworkAlive" {
			t.Errorf("%+v", says)
		}
	}
	ended, end := context.WithCancel(ctx)
	end()
	CrossCheck(ended)
	hearsay.Wait()
}

// What one look costs: of an interface ten times a second where no news comes, of all else twice.
func BenchmarkReads(b *testing.B) {
	rows, err := helper.ifaces()
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"interface":  func() error { _, err := helper.iface(rows[len(rows)-1].index); return err },
		"interfaces": func() error { _, err := helper.ifaces(); return err },
		"addresses":  func() error { _, err := helper.addrs(); return err },
		"routes":     func() error { _, err := helper.routes(false); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Devices that are disabled are found by the names of their connections. Keys are written under wine only, whose Windows is
// thrown away.
func TestSwitchedOff(t *testing.T) {
	t.Logf("disabled here: %+v", readSwitchedOff())
	for device, want := range map[string]bool{
		`PCI\VEN_8086&DEV_15F3\3&11583659&0&FE`: true, `USB\VID_0BDA&PID_8153\000001`: true, `VMBUS\{F8615163}\1`: true,
		`ROOT\VMS_MP\0000`: false, `SWD\WIREGUARD\{ABC}`: false, `root\net\0000`: false, `BTH\MS_BTHPAN\6&1`: false,
		`{5D624F94-8850-40C3-A3FA-A4FD2080BAF3}\VWIFIMP_WFD\5&1`: false, `COMPOSITEBUS\MS_IMPLAT_MP\1`: false,
	} {
		if got := isHardware(device); got != want {
			t.Errorf("%s is hardware: %v", device, got)
		}
	}
	if isDisabled(`PCI\NOBODY\HAS\THIS`) || isDisabled("a\x00b") {
		t.Error("a device that is not there is disabled")
	}
	desktest.OnlyWine(t)
	add := func(id string, values map[string]string) {
		t.Helper()
		k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, networkAdapters+`\`+id, registry.ALL_ACCESS)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		for name, v := range values {
			if err := k.SetStringValue(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	enum, _, err := registry.CreateKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Enum\PCI\ONE`, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer enum.Close()
	for flags, want := range map[uint32]bool{0: false, 1: true, 0x80: false, 0x81: true} {
		if err := enum.SetDWordValue("ConfigFlags", flags); err != nil {
			t.Fatal(err)
		}
		if got := isToBeDisabled(`PCI\ONE`); got != want {
			t.Errorf("ConfigFlags %#x: %v", flags, got)
		}
	}
	if isToBeDisabled(`PCI\NOBODY`) {
		t.Error("a device that is not there is to be disabled")
	}
	add("Descriptions", nil)
	add(`{1}\Connection`, map[string]string{"Name": "Ethernet", "PnpInstanceID": `PCI\ONE`})
	add(`{2}\Connection`, map[string]string{"Name": "Wi-Fi", "PnpInstanceID": `PCI\TWO`})
	add(`{3}\Connection`, map[string]string{"Name": "TAP", "PnpInstanceID": `ROOT\NET\0000`})
	add(`{4}\Connection`, map[string]string{"Name": "from an older driver"})
	off := switchedOffBy(func(device string) bool { return device != `PCI\TWO` })
	slices.SortFunc(off, func(a, b offRow) int { return strings.Compare(a.name, b.name) })
	if want := []offRow{{"Ethernet", true}, {"TAP", false}}; !slices.Equal(off, want) {
		t.Errorf("got %+v, want %+v", off, want)
	}
}

// Whoever asks again and again leaves no handle open.
func TestHandlesAreClosed(t *testing.T) {
	count := func() (n uint32) {
		if r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount").Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); r == 0 {
			t.Fatal(err)
		}
		if n > 0 {
			return n
		}
		for range 64 { // wine does not count, but gives the lowest number that is free, in steps of four: beyond all gaps it tells
			e, err := windows.CreateEvent(nil, 0, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer windows.CloseHandle(e)
			n = max(n, uint32(e)/4)
		}
		return n
	}
	w := Way{Index: 1, Source: ip("127.0.0.1"), Destination: ip("127.0.0.1"), Loopback: true}
	ask := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		AskPath(ctx, w, netip.MustParseAddrPort("127.0.0.1:9"), nil)
		post.runs.Wait()
		watcher := NewWatcher(nil)
		ended, stop := context.WithCancel(ctx)
		stop()
		if err := watcher.Run(ended); err != nil {
			t.Error(err)
		}
		readSwitchedOff()
	}
	for range 5 {
		ask() // what is opened once for all
	}
	before := count()
	const times = 40
	for range times {
		ask()
	}
	if after := count(); after > before+times/2 {
		t.Errorf("%d handles, %d before %d rounds", after, before, times)
	} else {
		t.Logf("%d handles, then %d", before, after)
	}
}

// Answers come into memory that is kept for them, and nowhere else: Wine 8 writes the end of a request that an event tells
// of into 32 bytes that it has freed before, which by then may be anybody's.
func TestAnswersTouchNobodysMemory(t *testing.T) {
	kernel := windows.NewLazySystemDLL("kernel32.dll")
	heap, _, _ := kernel.NewProc("GetProcessHeap").Call()
	alloc, free := kernel.NewProc("HeapAlloc"), kernel.NewProc("HeapFree")
	type block [32]byte
	var mine block
	for i := range mine {
		mine[i] = 0xa5
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	w, err := Egress(ip("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []*block
	for range 20 {
		p, err := openProbe(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		p.send(ip("127.0.0.1"), 0, 0)
		for range 20 {
			mem, _, err := alloc.Call(heap, 0, unsafe.Sizeof(mine))
			if mem == 0 {
				t.Fatal(err)
			}
			b := *(**block)(unsafe.Pointer(&mem))
			*b = mine
			blocks = append(blocks, b)
		}
		_, _ = p.receive()
		p.close()
	}
	post.runs.Wait()
	for i, b := range blocks {
		if *b != mine {
			t.Errorf("block %d is % x now", i, *b)
		}
		_, _, _ = free.Call(heap, 0, uintptr(unsafe.Pointer(b)))
	}
}
