package tray

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/assets"
	"holdfast/ui"
)

var (
	user32  = windows.NewLazySystemDLL("user32.dll")
	gdi32   = windows.NewLazySystemDLL("gdi32.dll")
	shell32 = windows.NewLazySystemDLL("shell32.dll")

	pShellNotifyIcon = shell32.NewProc("Shell_NotifyIconW")

	pRegisterClassEx       = user32.NewProc("RegisterClassExW")
	pCreateWindowEx        = user32.NewProc("CreateWindowExW")
	pDestroyWindow         = user32.NewProc("DestroyWindow")
	pDefWindowProc         = user32.NewProc("DefWindowProcW")
	pGetMessage            = user32.NewProc("GetMessageW")
	pDispatchMessage       = user32.NewProc("DispatchMessageW")
	pPostMessage           = user32.NewProc("PostMessageW")
	pPostQuitMessage       = user32.NewProc("PostQuitMessage")
	pRegisterWindowMessage = user32.NewProc("RegisterWindowMessageW")
	pMessageFilter         = user32.NewProc("ChangeWindowMessageFilterEx") // Windows 7
	pFindWindow            = user32.NewProc("FindWindowW")
	pSetTimer              = user32.NewProc("SetTimer")
	pKillTimer             = user32.NewProc("KillTimer")
	pGetSystemMetrics      = user32.NewProc("GetSystemMetrics")
	pMetricsForDPI         = user32.NewProc("GetSystemMetricsForDpi") // Windows 10 1607
	pDPIForWindow          = user32.NewProc("GetDpiForWindow")        // Windows 10 1607
	pCreateIcon            = user32.NewProc("CreateIconFromResourceEx")
	pDestroyIcon           = user32.NewProc("DestroyIcon")
	pCreatePopupMenu       = user32.NewProc("CreatePopupMenu")
	pInsertMenuItem        = user32.NewProc("InsertMenuItemW")
	pTrackPopupMenu        = user32.NewProc("TrackPopupMenuEx")
	pEndMenu               = user32.NewProc("EndMenu")
	pDestroyMenu           = user32.NewProc("DestroyMenu")
	pSetForegroundWindow   = user32.NewProc("SetForegroundWindow")
	pGetCursorPos          = user32.NewProc("GetCursorPos")

	pCreateDIBSection = gdi32.NewProc("CreateDIBSection")
	pDeleteObject     = gdi32.NewProc("DeleteObject")
)

// Messages of a window (winuser.h).
const (
	wmDestroy       = 0x02
	wmClose         = 0x10
	wmEndSession    = 0x16
	wmSettingChange = 0x1a
	wmNull          = 0x00
	wmDisplayChange = 0x7e
	wmTimer         = 0x113
	wmDPIChanged    = 0x2e0
	wmApp           = 0x8000
)

// Our own messages.
const (
	msgTaskbar = wmApp + iota // from the taskbar
	msgWake                   // what is wanted has changed
	msgBalloon                // a notification waits
	msgEnd
)

// className is the class of the window that the taskbar talks to. It is there as long as Holdfast runs, and never seen.
const className = "HoldfastTray"

// A window is a tray on Windows: the hidden window that hears of clicks, and what was made for the taskbar. Its thread owns it.
//
// systray, which makes the menu on other systems, is not used here (1.12.2, read and tried): an icon that the taskbar does not
// take at the start, as at a login, never comes; pictures are files in the temporary folder, which stay there and without
// which there are none; they are loaded at 32 pixels and scaled to the taskbar's 16 to 64; it takes clicks in the way from
// before Windows Vista, without the keyboard's; its end lets no other tray follow in the process; and a notification has to
// belong to the icon.
type window struct {
	t    *Tray
	ctx  context.Context
	hwnd uintptr
	bar  taskbar

	created  uint32              // the message "TaskbarCreated"
	icons    map[plate]uintptr   // HICON, by picture and size
	waiting  chan balloonRequest // capacity 1
	tracking bool                // the menu is open
}

// theWindow is the window whose messages come. It is written by its own thread only, and read by none else.
var theWindow *window

// windowClass registers the class once in the life of the process: callbacks are never freed.
var windowClass = sync.OnceValues(func() (*uint16, error) {
	name := windows.StringToUTF16Ptr(className)
	class := struct { // WNDCLASSEXW
		size, style                        uint32
		proc                               uintptr
		classExtra, windowExtra            int32
		instance, icon, cursor, background uintptr
		menu, name                         *uint16
		small                              uintptr
	}{proc: windows.NewCallback(onMessage), instance: ownModule(), name: name}
	class.size = uint32(unsafe.Sizeof(class))
	if atom, _, err := pRegisterClassEx.Call(uintptr(unsafe.Pointer(&class))); atom == 0 {
		return nil, fmt.Errorf("register a window class: %w", err)
	}
	return name, nil
})

// ownModule is the handle of the program; 0, which stands for it too, should it not be told.
func ownModule() uintptr {
	var module windows.Handle
	_ = windows.GetModuleHandleEx(windows.GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, nil, &module)
	return uintptr(module)
}

// run keeps an icon on the taskbar.
func (t *Tray) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &window{t: t, ctx: ctx, icons: map[plate]uintptr{}, waiting: make(chan balloonRequest, 1)}
	w.bar = taskbar{t: t, call: w.notify, toast: w.toast, after: w.after, sizes: iconEdge}
	if err := w.create(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTray, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { t.answer(ctx) })
	work.Go(func() { w.forward(ctx) })
	w.bar.raise()
	err := w.loop()
	cancel()
	work.Wait()
	for _, icon := range w.icons {
		_, _, _ = pDestroyIcon.Call(icon)
	}
	theWindow = nil
	return err
}

// create makes the window. Not a message-only one: those hear nothing of what is told to all.
func (w *window) create() error {
	class, err := windowClass()
	if err != nil {
		return err
	}
	created, _, _ := pRegisterWindowMessage.Call(uintptr(unsafe.Pointer(windows.StringToUTF16Ptr("TaskbarCreated"))))
	w.created = uint32(created)
	const wsPopup, wsExToolWindow = 0x80000000, 0x80
	theWindow = w
	w.hwnd, _, err = pCreateWindowEx.Call(wsExToolWindow, uintptr(unsafe.Pointer(class)), uintptr(unsafe.Pointer(windows.StringToUTF16Ptr("Holdfast"))),
		wsPopup, 0, 0, 0, 0, 0, 0, ownModule(), 0)
	if w.hwnd == 0 {
		theWindow = nil
		return fmt.Errorf("create a window: %w", err)
	}
	// A program that runs as administrator otherwise does not hear that the taskbar, which does not, has begun anew.
	const allow = 1 // MSGFLT_ALLOW
	if created != 0 && pMessageFilter.Find() == nil {
		_, _, _ = pMessageFilter.Call(w.hwnd, created, allow, 0)
	}
	return nil
}

// post puts a message into the queue of the window; it may be called from any goroutine.
func (w *window) post(msg uintptr) { _, _, _ = pPostMessage.Call(w.hwnd, msg, 0, 0) }

// forward turns what other goroutines want into messages, until ctx ends.
func (w *window) forward(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			w.post(msgEnd)
			return
		case <-w.t.wake:
			w.post(msgWake)
		case r := <-w.t.balloons:
			select {
			case w.waiting <- r:
				w.post(msgBalloon)
			case <-ctx.Done():
				w.post(msgEnd)
				return
			}
		}
	}
}

// loop hands messages to the window until that has gone.
func (w *window) loop() error {
	var m struct { // MSG
		hwnd           uintptr
		message        uint32
		wParam, lParam uintptr
		time           uint32
		x, y           int32
		private        uint32
	}
	for {
		switch got, _, err := pGetMessage.Call(uintptr(unsafe.Pointer(&m)), 0, 0, 0); int32(got) {
		case 0:
			return nil
		case -1:
			w.end()
			return fmt.Errorf("%w: read messages: %w", ErrNoTray, err)
		}
		_, _, _ = pDispatchMessage.Call(uintptr(unsafe.Pointer(&m)))
	}
}

// onMessage is the window's procedure (WNDPROC). It is called by DispatchMessage and, while the menu is open, from within.
func onMessage(hwnd uintptr, msg uint32, wParam, lParam uintptr) uintptr {
	if w := theWindow; w != nil && w.hwnd == hwnd && w.handle(msg, wParam, lParam) {
		return 0
	}
	r, _, _ := pDefWindowProc.Call(hwnd, uintptr(msg), wParam, lParam)
	return r
}

// handle acts on a message, and reports whether it is one of those that are answered here.
func (w *window) handle(msg uint32, wParam, lParam uintptr) bool {
	switch msg {
	case msgTaskbar:
		switch w.bar.meaning(lParam) {
		case eventOpen:
			w.t.clicked(click{what: clickOpen})
		case eventMiddle:
			w.t.clicked(click{what: clickMiddle})
		case eventMenu:
			w.menu(wParam)
		case eventBalloonClicked:
			w.t.balloonEvent(ui.BalloonClicked)
		case eventBalloonGone:
			w.t.balloonEvent(ui.BalloonGone)
		}
	case msgWake:
		w.bar.paint()
	case msgBalloon:
		select {
		case r := <-w.waiting:
			r.taken <- w.balloon(r.balloon)
		default: // it went with another message
		}
	case msgEnd:
		w.end()
	case wmTimer:
		_, _, _ = pKillTimer.Call(w.hwnd, wParam)
		w.bar.ran(taskbarTimer(wParam))
	case wmClose: // by the installer, or taskkill: a person who quits
		w.t.clicked(click{what: clickQuit})
	case wmEndSession:
		if wParam != 0 {
			w.sessionEnds()
		}
	case wmDestroy:
		_, _, _ = pPostQuitMessage.Call(0)
	case wmDisplayChange, wmSettingChange, wmDPIChanged:
		w.bar.paint() // icons may have another size now
		return false
	default:
		if msg != w.created || msg == 0 {
			return false
		}
		w.bar.raise()
	}
	return true
}

func (w *window) balloon(b ui.Balloon) error {
	if !w.bar.up {
		return ErrNoTray
	}
	if !w.bar.balloon(b) {
		return errors.New("the taskbar took no notification")
	}
	return nil
}

// end takes the icon and the window away.
func (w *window) end() {
	w.bar.lower()
	if w.tracking {
		_, _, _ = pEndMenu.Call()
	}
	_, _, _ = pDestroyWindow.Call(w.hwnd)
}

// sessionEndWithin is how long the end of a session is held up. After five seconds Windows would show a person that this
// program does (HungAppTimeout).
const sessionEndWithin = 4 * time.Second

// sessionEnds quits while the user logs off or the computer shuts down. The program may be ended as soon as this returns; a
// process with windows is told by nothing else (SetConsoleCtrlHandler).
func (w *window) sessionEnds() {
	w.t.clicked(click{what: clickQuit})
	ended := w.t.o.Ended
	if ended == nil {
		ended = w.ctx.Done()
	}
	limit := time.NewTimer(sessionEndWithin)
	defer limit.Stop()
	select {
	case <-ended:
	case <-limit.C:
	}
	w.bar.lower()
}

func (w *window) after(t taskbarTimer, d time.Duration) {
	if d == 0 {
		_, _, _ = pKillTimer.Call(w.hwnd, uintptr(t))
		return
	}
	_, _, _ = pSetTimer.Call(w.hwnd, uintptr(t), uintptr(max(d.Milliseconds(), 1)), 0)
}

// System metrics (winuser.h).
const (
	smCXIcon            = 11
	smMenuDropAlignment = 40
	smCXSmallIcon       = 49
)

func metric(which uintptr) int {
	n, _, _ := pGetSystemMetrics.Call(which)
	return int(int32(n))
}

// iconEdge is the size of small icons where the taskbar is now; before Windows 10 1607 that of the system when it started.
func iconEdge() int {
	n := 0
	if pDPIForWindow.Find() == nil && pMetricsForDPI.Find() == nil {
		if bar, _, _ := pFindWindow.Call(uintptr(unsafe.Pointer(windows.StringToUTF16Ptr("Shell_TrayWnd"))), 0); bar != 0 {
			if dpi, _, _ := pDPIForWindow.Call(bar); dpi != 0 {
				edge, _, _ := pMetricsForDPI.Call(smCXSmallIcon, dpi)
				n = int(int32(edge))
			}
		}
	}
	if n <= 0 {
		n = metric(smCXSmallIcon)
	}
	return min(max(n, 16), 256)
}

// balloonEdge is the size of a notification's picture: with NIIF_LARGE_ICON Windows takes one of SM_CXICON × SM_CYICON, which
// both are what they were for this process when it started, and no other.
func balloonEdge() int { return min(max(metric(smCXIcon), 16), 256) }

// icon returns the HICON of a picture at a size; 0 if the system makes none. It is made once; when the size of icons changes,
// those of the size before go at the end of Run: there are few.
func (w *window) icon(name string, edge int) uintptr {
	key := plate{icon: name, edge: edge}
	if made := w.icons[key]; made != 0 {
		return made
	}
	p := assets.Centred(name, edge)
	if p.ARGB == nil {
		return 0
	}
	bits := iconBits(p)
	const isIcon, version = 1, 0x00030000
	made, _, _ := pCreateIcon.Call(uintptr(unsafe.Pointer(&bits[0])), uintptr(len(bits)), isIcon, version, uintptr(p.Width), uintptr(p.Height), 0)
	if made != 0 {
		w.icons[key] = made
	}
	return made
}

// Fields of NOTIFYICONDATAW, in UTF-16 units, the zero at the end included.
const (
	tipUnits   = 128
	titleUnits = 64
	textUnits  = 256
)

// notifyIconData is NOTIFYICONDATAW (shellapi.h): 976 bytes on amd64 and arm64.
type notifyIconData struct {
	size                uint32
	hwnd                uintptr
	id, flags, callback uint32
	icon                uintptr
	tip                 [tipUnits]uint16
	state, stateMask    uint32
	info                [textUnits]uint16
	version             uint32 // or the time that it stands, before Windows Vista
	infoTitle           [titleUnits]uint16
	infoFlags           uint32
	guid                windows.GUID
	balloonIcon         uintptr
}

// Values in it.
const (
	nifMessage = 0x01
	nifIcon    = 0x02
	nifTip     = 0x04
	nifInfo    = 0x10
	nifShowTip = 0x80 // else version 4 shows no tooltip

	niifInfo        = 0x01
	niifWarning     = 0x02
	niifUser        = 0x04
	niifNoSound     = 0x10
	niifLargeIcon   = 0x20
	niifRespectRest = 0x80 // NIIF_RESPECT_QUIET_TIME

	ownIcon = 1 // our number of it
)

func (w *window) data() *notifyIconData {
	d := &notifyIconData{hwnd: w.hwnd, id: ownIcon}
	d.size = uint32(unsafe.Sizeof(*d))
	return d
}

func shellNotify(what taskbarCall, d *notifyIconData) bool {
	nim := [...]uintptr{taskbarAdd: 0, taskbarModify: 1, taskbarVersion: 4, taskbarDelete: 2}[what]
	ok, _, _ := pShellNotifyIcon.Call(nim, uintptr(unsafe.Pointer(d)))
	return int32(ok) != 0
}

// notify asks the taskbar for something.
func (w *window) notify(what taskbarCall, p plate) bool {
	d := w.data()
	switch what {
	case taskbarAdd, taskbarModify:
		d.flags, d.callback = nifMessage|nifTip|nifShowTip, msgTaskbar
		copy(d.tip[:], field(p.tip, tipUnits))
		if d.icon = w.icon(p.icon, p.edge); d.icon != 0 {
			d.flags |= nifIcon
		}
	case taskbarVersion:
		d.version = 4 // NOTIFYICON_VERSION_4
	}
	return shellNotify(what, d)
}

// toast shows a notification, with our picture or one of Windows; the zero Balloon takes away what stands.
func (w *window) toast(b ui.Balloon, ours bool) bool {
	return shellNotify(taskbarModify, w.balloonData(b, ours))
}

func (w *window) balloonData(b ui.Balloon, ours bool) *notifyIconData {
	d := w.data()
	d.flags = nifInfo
	if b == (ui.Balloon{}) {
		return d
	}
	copy(d.infoTitle[:], field(b.Title, titleUnits))
	copy(d.info[:], field(b.Text, textUnits))
	d.infoFlags = niifRespectRest
	if !b.Sound {
		d.infoFlags |= niifNoSound
	}
	if ours {
		d.balloonIcon = w.icon(b.Look.String(), balloonEdge())
	}
	switch {
	case d.balloonIcon != 0:
		d.infoFlags |= niifUser | niifLargeIcon
	case b.Look == ui.LookDown || b.Look == ui.LookSuspect:
		d.infoFlags |= niifWarning
	default:
		d.infoFlags |= niifInfo
	}
	return d
}

// menu opens the menu where the pointer is, or the icon, and notes what is chosen: what was read, not what came meanwhile.
func (w *window) menu(at uintptr) {
	if w.tracking {
		return
	}
	lines := visible(menuOf(w.t.wanted()))
	m := newMenu(lines, iconEdge())
	if m.handle == 0 {
		w.t.o.Logger.Warn("tray: Windows makes no menu")
		return
	}
	defer m.free()
	x, y := int32(int16(at)), int32(int16(at>>16)) // version 4 says where
	if !w.bar.new {
		var point struct{ x, y int32 }
		_, _, _ = pGetCursorPos.Call(uintptr(unsafe.Pointer(&point)))
		x, y = point.x, point.y
	}
	const rightButton, rightAlign, bottomAlign, returnCommand, noNotify = 0x2, 0x8, 0x20, 0x100, 0x80
	flags := uintptr(rightButton | bottomAlign | returnCommand | noNotify)
	if metric(smMenuDropAlignment) != 0 {
		flags |= rightAlign
	}
	// In the foreground it goes at a click elsewhere; the empty message afterwards lets it open again (TrackPopupMenu, "Remarks").
	_, _, _ = pSetForegroundWindow.Call(w.hwnd)
	w.tracking = true
	chosen, _, _ := pTrackPopupMenu.Call(m.handle, flags, uintptr(x), uintptr(y), w.hwnd, 0)
	w.tracking = false
	w.post(wmNull)
	if i := int(int32(chosen)) - 1; i >= 0 && i < len(lines) && !lines[i].off {
		w.t.clicked(lines[i].click())
	}
}

// A popup is a menu of Windows, made for one time. handle is 0 if it could not be made.
type popup struct {
	handle  uintptr
	bitmaps map[string]uintptr
}

// newMenu makes a menu of lines; what is chosen is the place of the line, from 1. Pictures are edge × edge.
func newMenu(lines []menuLine, edge int) popup {
	p := popup{bitmaps: map[string]uintptr{}}
	p.handle, _, _ = pCreatePopupMenu.Call()
	if p.handle == 0 {
		return p
	}
	below := uintptr(0) // the menu that opens from the line above
	for i, l := range lines {
		into := p.handle
		if l.sub {
			into = below
		}
		if l.gap {
			insert(into, menuItemInfo{mask: miimType, kind: mftSeparator})
		}
		title := windows.StringToUTF16Ptr(menuTitle(l.title))
		item := menuItemInfo{mask: miimType | miimString | miimID | miimState, id: uint32(i + 1), text: title}
		if l.off {
			item.state |= mfsDisabled
		}
		if l.ticked {
			item.state |= mfsChecked
		}
		if l.icon != "" {
			if item.bitmap = p.bitmap(l.icon, edge); item.bitmap != 0 {
				item.mask |= miimBitmap
			}
		}
		if !l.sub && i+1 < len(lines) && lines[i+1].sub {
			if below, _, _ = pCreatePopupMenu.Call(); below == 0 {
				below = p.handle
			} else {
				item.mask |= miimSubmenu
				item.submenu = below // it goes with the menu that it is in
			}
		}
		insert(into, item)
	}
	return p
}

// bitmap returns a picture for lines, made once for each menu.
func (p popup) bitmap(name string, edge int) uintptr {
	if made, ok := p.bitmaps[name]; ok {
		return made
	}
	picture := assets.Centred(name, edge)
	if picture.ARGB == nil {
		return 0
	}
	header := appendHeader(nil, int(picture.Width), -int(picture.Height))
	var pixels unsafe.Pointer
	made, _, _ := pCreateDIBSection.Call(0, uintptr(unsafe.Pointer(&header[0])), 0, uintptr(unsafe.Pointer(&pixels)), 0, 0)
	if made == 0 {
		return 0
	}
	if pixels != nil {
		copy(unsafe.Slice((*byte)(pixels), len(picture.ARGB)), menuBits(picture))
	}
	p.bitmaps[name] = made
	return made
}

// free takes it away, with its submenus and pictures.
func (p popup) free() {
	_, _, _ = pDestroyMenu.Call(p.handle)
	for _, b := range p.bitmaps {
		_, _, _ = pDeleteObject.Call(b)
	}
}

// menuItemInfo is MENUITEMINFOW (winuser.h): 80 bytes on amd64 and arm64.
type menuItemInfo struct {
	size, mask, kind, state             uint32
	id                                  uint32
	submenu, bitmapChecked, bitmapPlain uintptr
	data                                uintptr
	text                                *uint16
	units                               uint32
	bitmap                              uintptr
}

// Values in it.
const (
	miimState    = 0x01
	miimID       = 0x02
	miimSubmenu  = 0x04
	miimString   = 0x40
	miimBitmap   = 0x80
	miimType     = 0x100
	mftSeparator = 0x800
	mfsDisabled  = 0x03
	mfsChecked   = 0x08
)

// insert puts a line at the end of a menu.
func insert(menu uintptr, item menuItemInfo) {
	item.size = uint32(unsafe.Sizeof(item))
	const end, byPosition = 0xffffffff, 1
	_, _, _ = pInsertMenuItem.Call(menu, end, byPosition, uintptr(unsafe.Pointer(&item)))
}
