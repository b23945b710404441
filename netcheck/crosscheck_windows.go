package netcheck

import (
	"context"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/internal/patient"
)

var (
	procIsNetworkAlive   = windows.NewLazySystemDLL("sensapi.dll").NewProc("IsNetworkAlive")
	procCoCreateInstance = windows.NewLazySystemDLL("ole32.dll").NewProc("CoCreateInstance")

	classNetworkListManager = windows.GUID{Data1: 0xdcb00c01, Data2: 0x570f, Data3: 0x4a9b, Data4: [8]byte{0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b}}
	ifaceNetworkListManager = windows.GUID{Data1: 0xdcb00000, Data2: 0x570f, Data3: 0x4a9b, Data4: [8]byte{0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b}}
)

// hearsay asks services of Windows, which may take their time or hang.
var hearsay patient.Questions[struct{}, systemSays]

// CrossCheck returns what Windows itself says of the network as a whole: IsNetworkAlive and the Network List Manager, which
// the symbol in its own tray rests on. It is hearsay, for reports: both say that all is well as long as any adapter is up, a
// virtual machine's too, and are wrong for a while after a change. Diagnose never hears of it. It returns none when ctx ends
// first.
func CrossCheck(ctx context.Context) []Evidence {
	says, ok := hearsay.Ask(ctx, struct{}{}, askSystem)
	if !ok {
		return nil
	}
	return says.evidence(time.Now())
}

func askSystem() (s systemSays) {
	if procIsNetworkAlive.Find() == nil {
		var flags uint32
		r, _, err := procIsNetworkAlive.Call(uintptr(unsafe.Pointer(&flags)))
		if r != 0 { // without the service that knows it the answer is no, with an error
			s.alive, s.aliveFlags = Yes, flags
		} else if err == windows.ERROR_SUCCESS {
			s.alive = No
		}
	}
	s.listed, s.connectivity = askNetworkList()
	return s
}

// networkListTable is the beginning of the functions of an INetworkListManager (netlistmgr.h).
type networkListTable struct {
	_               [2]uintptr // QueryInterface, AddRef
	release         uintptr
	_               [4 + 6]uintptr // IDispatch's, and those that list networks
	getConnectivity uintptr
}

func askNetworkList() (known bool, connectivity uint32) {
	runtime.LockOSThread() // what is initialised belongs to the thread
	defer runtime.UnlockOSThread()
	if err := windows.CoInitializeEx(0, windows.COINIT_MULTITHREADED); err != nil && err != syscall.Errno(1) { // S_FALSE: it was before
		return false, 0
	}
	defer windows.CoUninitialize()
	if procCoCreateInstance.Find() != nil {
		return false, 0
	}
	const clsctxAll = 0x17
	var manager *struct{ table *networkListTable }
	if r, _, _ := procCoCreateInstance.Call(uintptr(unsafe.Pointer(&classNetworkListManager)), 0, clsctxAll,
		uintptr(unsafe.Pointer(&ifaceNetworkListManager)), uintptr(unsafe.Pointer(&manager))); r != 0 || manager == nil {
		return false, 0
	}
	defer syscall.SyscallN(manager.table.release, uintptr(unsafe.Pointer(manager)))
	r, _, _ := syscall.SyscallN(manager.table.getConnectivity, uintptr(unsafe.Pointer(manager)), uintptr(unsafe.Pointer(&connectivity)))
	return r == 0, connectivity
}
