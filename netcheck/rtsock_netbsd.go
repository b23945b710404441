package netcheck

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// particular is what only NetBSD has. Its RTM_LLINFO_UPD tells of neighbours.
func (w *wire) particular() {
	var i unix.IfMsghdr
	w.align = 8
	w.iface.link = int(unsafe.Offsetof(i.Data) + unsafe.Offsetof(i.Data.Link_state)) // its lowest byte
	if w.order.Uint16([]byte{0, 1}) == 1 {
		w.iface.link += 3
	}
	w.linkUp = 2 // LINK_STATE_UP
	w.cloned = unix.RTF_CLONED
	w.deaf = []byte{unix.RTM_LLINFO_UPD}
}
