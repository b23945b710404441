package netcheck

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// particular is what only OpenBSD has.
func (w *wire) particular() {
	var (
		r unix.RtMsghdr
		i unix.IfMsghdr
	)
	w.align = int(unsafe.Sizeof(uintptr(0)))
	w.header = int(unsafe.Offsetof(r.Hdrlen))
	w.route.priority = int(unsafe.Offsetof(r.Priority))
	w.iface.link = int(unsafe.Offsetof(i.Data) + unsafe.Offsetof(i.Data.Link_state))
	w.linkUp = 4 // LINK_STATE_UP; what is below and not 0 is invalid or down
	w.cloned = unix.RTF_CLONED
}

// inTable names the routing table of this process in a question.
func inTable(question []byte) {
	if table, err := unix.Getrtable(); err == nil {
		binary.NativeEndian.PutUint16(question[unsafe.Offsetof(unix.RtMsghdr{}.Tableid):], uint16(table))
	}
}
