package netcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	iphlpapi = windows.NewLazySystemDLL("iphlpapi.dll")

	procGetBestInterfaceEx  = iphlpapi.NewProc("GetBestInterfaceEx")
	procGetBestRoute2       = iphlpapi.NewProc("GetBestRoute2")
	procGetIfEntry2         = iphlpapi.NewProc("GetIfEntry2")
	procGetIfEntry2Ex       = iphlpapi.NewProc("GetIfEntry2Ex")
	procGetIPInterfaceEntry = iphlpapi.NewProc("GetIpInterfaceEntry")
	procGetIPNetEntry2      = iphlpapi.NewProc("GetIpNetEntry2")
	procGetIPNetTable2      = iphlpapi.NewProc("GetIpNetTable2")
	procResolveIPNetEntry2  = iphlpapi.NewProc("ResolveIpNetEntry2")
)

// call calls a function that returns an error number; where the system has not got it the error is ErrUnsupported. What
// the arguments point to must not move meanwhile, as a stack may.
//
//go:uintptrescapes
func call(p *windows.LazyProc, args ...uintptr) error {
	if err := p.Find(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, ErrUnsupported)
	}
	r, _, _ := p.Call(args...)
	return answer(p.Name, windows.Errno(r))
}

func answer(name string, e windows.Errno) error {
	switch e {
	case windows.ERROR_SUCCESS:
		return nil
	case windows.ERROR_NOT_SUPPORTED, windows.ERROR_CALL_NOT_IMPLEMENTED:
		return fmt.Errorf("%s: %w", name, ErrUnsupported)
	}
	return fmt.Errorf("%s: %w", name, e)
}

// helper asks this computer.
var helper = &ipHelper{
	iface: readIface, ifaces: readIfaces, addrs: readAddrs, routes: readRoutes, metric: readMetric,
	best: bestRoute, bestIface: bestIface, neighbour: readNeighbour, nameServers: readNameServers, switchedOff: readSwitchedOff,
	resolving: func(index int, ip netip.Addr) bool {
		return neighbours.UnderWay(func(k neighbourKey) bool { return k.index == index && k.ip == ip.WithZone("") })
	},
}

// countersToo: this system knows no GetIfEntry2Ex without counters (before Windows 10 1703).
var countersToo atomic.Bool

// readIface reads an interface without its counters: those its driver is asked for, which may take its time.
func readIface(index int) (ifRow, error) {
	row, err := windows.MibIfRow2{InterfaceIndex: uint32(index)}, error(nil)
	if !countersToo.Load() {
		err = call(procGetIfEntry2Ex, windows.MibIfEntryNormalWithoutStatistics, uintptr(unsafe.Pointer(&row)))
		if errors.Is(err, ErrUnsupported) || errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
			countersToo.Store(true)
		}
	}
	if countersToo.Load() {
		row = windows.MibIfRow2{InterfaceIndex: uint32(index)}
		err = call(procGetIfEntry2, uintptr(unsafe.Pointer(&row)))
	}
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_NOT_FOUND) {
		return ifRow{}, errNoInterface
	}
	return ifRowOf(&row), err
}

func ifRowOf(r *windows.MibIfRow2) ifRow {
	row := ifRow{
		index: int(r.InterfaceIndex), name: windows.UTF16ToString(r.Alias[:]),
		typ: r.Type, medium: r.PhysicalMediumType,
		flags: r.InterfaceAndOperStatusFlags, oper: r.OperStatus, admin: r.AdminStatus, media: r.MediaConnectState,
	}
	copy(row.mac[:], r.PhysicalAddress[:min(int(r.PhysicalAddressLength), len(r.PhysicalAddress))])
	return row
}

func readIfaces() ([]ifRow, error) {
	var t *windows.MibIfTable2
	err := windows.GetIfTable2Ex(windows.MibIfTableNormalWithoutStatistics, &t)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) { // before Windows 10 1703
		err = windows.GetIfTable2Ex(windows.MibIfTableNormal, &t)
	}
	if err != nil {
		return nil, fmt.Errorf("GetIfTable2Ex: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(t))
	rows := make([]ifRow, 0, t.NumEntries)
	for i := range t.NumEntries {
		rows = append(rows, ifRowOf(&unsafe.Slice(&t.Table[0], t.NumEntries)[i]))
	}
	return rows, nil
}

func readAddrs() ([]addrRow, error) {
	var t *windows.MibUnicastIpAddressTable
	err := windows.GetUnicastIpAddressTable(windows.AF_UNSPEC, &t)
	if errors.Is(err, windows.ERROR_NOT_FOUND) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("GetUnicastIpAddressTable: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(t))
	rows := make([]addrRow, 0, t.NumEntries)
	for i := range t.NumEntries {
		r := &unsafe.Slice(&t.Table[0], t.NumEntries)[i]
		rows = append(rows, addrRow{
			index: int(r.InterfaceIndex), ip: inetAddr((*[sockaddrSize]byte)(unsafe.Pointer(&r.Address))),
			bits: int(r.OnLinkPrefixLength), dad: r.DadState, skip: r.SkipAsSource != 0,
		})
	}
	return rows, nil
}

func family(v6 bool) uint16 {
	if v6 {
		return windows.AF_INET6
	}
	return windows.AF_INET
}

func readRoutes(v6 bool) ([]routeRow, error) {
	var t *windows.MibIpForwardTable2
	err := windows.GetIpForwardTable2(family(v6), &t)
	if errors.Is(err, windows.ERROR_NOT_FOUND) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
		return nil, nil // no route of that family, or no such family
	} else if err != nil {
		return nil, fmt.Errorf("GetIpForwardTable2: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(t))
	rows := make([]routeRow, 0, t.NumEntries)
	for i := range t.NumEntries {
		rows = append(rows, routeRowOf(&unsafe.Slice(&t.Table[0], t.NumEntries)[i]))
	}
	return rows, nil
}

func routeRowOf(r *windows.MibIpForwardRow2) routeRow {
	dst := inetAddr((*[sockaddrSize]byte)(unsafe.Pointer(&r.DestinationPrefix.Prefix)))
	hop := inetAddr((*[sockaddrSize]byte)(unsafe.Pointer(&r.NextHop)))
	if hop.IsUnspecified() {
		hop = netip.Addr{}
	}
	return routeRow{index: int(r.InterfaceIndex), dst: netip.PrefixFrom(dst, int(r.DestinationPrefix.PrefixLength)), hop: hop, metric: r.Metric}
}

func readMetric(index int, v6 bool) uint32 {
	row := windows.MibIpInterfaceRow{Family: family(v6), InterfaceIndex: uint32(index)}
	if call(procGetIPInterfaceEntry, uintptr(unsafe.Pointer(&row))) != nil {
		return 0
	}
	return row.Metric
}

func bestRoute(dst netip.Addr, index int) (routeRow, netip.Addr, error) {
	to := putInet(dst, index)
	var row windows.MibIpForwardRow2
	var source [sockaddrSize]byte
	err := call(procGetBestRoute2, 0, uintptr(index), 0, uintptr(unsafe.Pointer(&to)), 0, uintptr(unsafe.Pointer(&row)), uintptr(unsafe.Pointer(&source)))
	return routeRowOf(&row), inetAddr(&source), err
}

func bestIface(dst netip.Addr) (int, error) {
	to := putInet(dst, 0)
	var index uint32
	err := call(procGetBestInterfaceEx, uintptr(unsafe.Pointer(&to)), uintptr(unsafe.Pointer(&index)))
	return int(index), err
}

// A netRow is a MIB_IPNET_ROW2.
type netRow struct {
	address        [sockaddrSize / 4]uint32
	index          uint32
	luid           uint64
	physical       [32]byte
	physicalLength uint32
	state          uint32
	flags          uint8
	reachability   uint32 // its meaning is not documented well enough to rest a judgement on
}

func netRowOf(index int, ip netip.Addr) (row netRow) {
	row.index = uint32(index)
	*(*[sockaddrSize]byte)(unsafe.Pointer(&row.address)) = putInet(ip, index)
	return row
}

func readNeighbour(index int, ip netip.Addr) (uint32, error) {
	row := netRowOf(index, ip)
	err := call(procGetIPNetEntry2, uintptr(unsafe.Pointer(&row)))
	switch {
	case errors.Is(err, windows.ERROR_NOT_FOUND), errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return 0, errNoNeighbour
	case !errors.Is(err, ErrUnsupported):
		return row.state, err
	}
	var t unsafe.Pointer
	if err := call(procGetIPNetTable2, uintptr(family(ip.Is6())), uintptr(unsafe.Pointer(&t))); err != nil {
		return 0, err
	}
	defer windows.FreeMibTable(t)
	rows := unsafe.Slice((*netRow)(unsafe.Add(t, unsafe.Alignof(row.luid))), *(*uint32)(t))
	for i := range rows {
		if r := &rows[i]; int(r.index) == index && inetAddr((*[sockaddrSize]byte)(unsafe.Pointer(&r.address))) == ip {
			return r.state, nil
		}
	}
	return 0, errNoNeighbour
}

// readNameServers reads the resolvers of all adapters that work, the preferred adapter's first.
func readNameServers() (servers []netip.Addr) {
	b, err := growing(15<<10, func(b []byte, size *uint32) error {
		return windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_SKIP_UNICAST|windows.GAA_FLAG_SKIP_ANYCAST|
			windows.GAA_FLAG_SKIP_MULTICAST|windows.GAA_FLAG_SKIP_FRIENDLY_NAME, 0, (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0])), size)
	})
	if err != nil {
		return nil
	}
	var first uint32
	for a := (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0])); a != nil; a = a.Next {
		if a.OperStatus != windows.IfOperStatusUp {
			continue
		}
		var here []netip.Addr
		for d := a.FirstDnsServerAddress; d != nil; d = d.Next {
			if ip, ok := netip.AddrFromSlice(d.Address.IP()); ok && !siteLocal.Contains(ip) {
				here = append(here, ip.Unmap())
			}
		}
		switch {
		case len(here) == 0:
		case len(servers) == 0 || a.Ipv4Metric < first:
			servers, first = append(here, servers...), a.Ipv4Metric
		default:
			servers = append(servers, here...)
		}
	}
	runtime.KeepAlive(b)
	return servers
}

// siteLocal holds the resolvers that Windows names where it knows none (RFC 3879 withdrew those addresses).
var siteLocal = netip.MustParsePrefix("fec0::/10")

// The system can only call functions that were made for it, and those are never freed: one serves all Watchers.
var (
	newsCallback = sync.OnceValue(func() uintptr { return windows.NewCallback(systemNews) })
	newsHearers  sync.Map // of uintptr, what a subscription was made with, to func()
)

// systemNews is called on a thread of the system's: wake and return.
func systemNews(context, _, _ uintptr) uintptr {
	if heard, ok := newsHearers.Load(context); ok {
		heard.(func())()
	}
	return 0
}

// subscribe asks for all news of interfaces, addresses and routes. Each subscription speaks at once, by which one that
// never will is known: old and odd systems take it and say nothing.
func subscribe(heard func(kind int)) (stop func(), err error) {
	contexts := new([newsKinds]uint64) // their addresses tell the subscriptions apart
	var handles []windows.Handle
	for kind, notify := range [newsKinds]func(uint16, uintptr, unsafe.Pointer, bool, *windows.Handle) error{
		windows.NotifyIpInterfaceChange, windows.NotifyUnicastIpAddressChange, windows.NotifyRouteChange2,
	} {
		context := unsafe.Pointer(&contexts[kind])
		newsHearers.Store(uintptr(context), func() { heard(kind) })
		var h windows.Handle
		if e := notify(windows.AF_UNSPEC, newsCallback(), context, true, &h); e != nil {
			err = fmt.Errorf("ask for news: %w", e)
		} else if h != 0 {
			handles = append(handles, h)
		}
	}
	return func() {
		for _, h := range handles { // each returns when no callback of it runs any more, so never call it in one
			_ = windows.CancelMibChangeNotify2(h)
		}
		for kind := range contexts {
			newsHearers.Delete(uintptr(unsafe.Pointer(&contexts[kind])))
		}
	}, err
}

// NameServer returns an address that leads where look-ups of names go: the first resolver of the adapter that Windows
// prefers or, where that is a program on this computer which asks others, one that only the default route leads to. It is
// for [Egress] and [Explain]; nothing need answer there.
func NameServer() netip.Addr { return helper.nameServer() }
