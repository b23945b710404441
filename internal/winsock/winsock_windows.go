package winsock

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of is the socket of a descriptor, for as long as that is open.
func Of(fd uintptr) Socket {
	h := windows.Handle(fd)
	return Socket{
		set: func(level, name, value int) error { return windows.SetsockoptInt(h, level, name, value) },
		get: func(level, name int) (int, error) { return windows.GetsockoptInt(h, level, name) },
		vals: func(idle, interval time.Duration) error {
			in := windows.TCPKeepalive{OnOff: 1, Time: uint32(idle.Milliseconds()), Interval: uint32(interval.Milliseconds())}
			var n uint32
			return windows.WSAIoctl(h, windows.SIO_KEEPALIVE_VALS, (*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &n, nil, 0)
		},
	}
}

// Control runs f on the descriptor of c, if it has one.
func Control(c any, f func(fd uintptr)) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return windows.WSAENOTSOCK
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// sioTCPInfo is SIO_TCP_INFO (mstcpip.h, Windows 10 1703); x/sys has it not.
const sioTCPInfo = windows.IOC_INOUT | windows.IOC_VENDOR | 39

// ReadTCPInfo asks the kernel for its view of a connection; false where it has none to give.
func ReadTCPInfo(fd uintptr) (info TCPInfo, ok bool) {
	var version, n uint32 // version 0 of the structure
	var out [infoSize]byte
	err := windows.WSAIoctl(windows.Handle(fd), sioTCPInfo, (*byte)(unsafe.Pointer(&version)), uint32(unsafe.Sizeof(version)), &out[0], uint32(len(out)), &n, nil, 0)
	if err != nil {
		return TCPInfo{}, false
	}
	return parseTCPInfo(out[:min(int(n), len(out))])
}

// wsaPoll is WSAPoll; x/sys has it not.
var wsaPoll = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSAPoll")

// HasInput reports whether bytes, an end or an error wait to be read.
func HasInput(fd uintptr) bool {
	const pollRDNorm = 0x100 // POLLHUP and POLLERR are told unasked
	p := struct {            // WSAPOLLFD
		fd              uintptr
		events, revents int16
	}{fd: fd, events: pollRDNorm}
	n, _, _ := wsaPoll.Call(uintptr(unsafe.Pointer(&p)), 1, 0)
	return int32(n) > 0
}
