package netcheck

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// particular is what only FreeBSD has.
func (w *wire) particular() {
	var i unix.IfMsghdr
	w.align = int(unsafe.Sizeof(uintptr(0)))
	w.iface.link = int(unsafe.Offsetof(i.Data) + unsafe.Offsetof(i.Data.Link_state))
	w.linkUp = 2 // LINK_STATE_UP
}
