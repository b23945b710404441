package netcheck

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// particular is what only macOS has. It holds interfaces to be hardware by their names: en0, en1.
func (w *wire) particular() {
	w.align = 4
	w.cloned = unix.RTF_WASCLONED
	w.scoped = unix.RTF_IFSCOPE
	w.deaf = []byte{0x11, unix.RTM_GET2} // RTM_GET_SILENT (net/route.h)
	w.adapter = []string{"en"}
}

// inTable has nothing to do: there is one table.
func inTable([]byte) {}

// An ifMediaReq is a struct ifmediareq (net/if.h), which is packed to four bytes.
type ifMediaReq struct {
	name                                 [16]byte
	current, mask, status, active, count int32
	list                                 [8]byte
}

// mediumOf asks the driver whether there is a medium (SIOCGIFMEDIA): of Ethernet a cable with somebody at the other end, of
// Wi-Fi a network that was joined.
func mediumOf(name string) Tri {
	var r ifMediaReq
	if copy(r.name[:len(r.name)-1], name) < len(name) {
		return NotKnown
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return NotKnown
	}
	defer unix.Close(fd)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFMEDIA, uintptr(unsafe.Pointer(&r)))
	runtime.KeepAlive(&r)
	if errno != 0 {
		return NotKnown
	}
	return medium(uint32(r.status))
}

// The number of the request holds the size of the structure.
var _ = [1]struct{}{}[unsafe.Sizeof(ifMediaReq{})-unix.SIOCGIFMEDIA>>16&0x1fff]
