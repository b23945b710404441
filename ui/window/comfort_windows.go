package window

import (
	"context"
	"image"
	"image/color"
	"runtime"
	"time"
	"unsafe"

	"fyne.io/fyne/v2/driver"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var (
	user32               = windows.NewLazySystemDLL("user32.dll")
	systemParametersInfo = user32.NewProc("SystemParametersInfoW")
	getSysColor          = user32.NewProc("GetSysColor")
	getDpiForWindow      = user32.NewProc("GetDpiForWindow") // Windows 10, 1607
	getWindowRect        = user32.NewProc("GetWindowRect")
	setWindowPos         = user32.NewProc("SetWindowPos")
	isIconic             = user32.NewProc("IsIconic")
	showWindow           = user32.NewProc("ShowWindow")
	isZoomed             = user32.NewProc("IsZoomed")
	monitorFromWindow    = user32.NewProc("MonitorFromWindow")
	getMonitorInfo       = user32.NewProc("GetMonitorInfoW")
)

// What is asked of SystemParametersInfo and GetSysColor (winuser.h).
const (
	spiGetHighContrast        = 0x0042
	spiGetClientAreaAnimation = 0x1042

	highContrastOn = 1 // HCF_HIGHCONTRASTON

	colorWindow     = 5
	colorWindowText = 8
	colorHotlight   = 26 // of what can be clicked, such as links
)

// comfortKeys are where Windows keeps it, below HKEY_CURRENT_USER. The first is there only once a person has changed the text
// size: its parent tells when it comes.
var comfortKeys = []struct {
	path string
	deep bool
}{
	{`Software\Microsoft\Accessibility`, false},
	{`Software\Microsoft`, false},
	{`Control Panel\Accessibility`, true},
	{`Control Panel\Desktop`, false}, // the bits of UserPreferencesMask
	{`Control Panel\Colors`, false},
}

// comfortLag is how long after a change in the registry Windows itself surely answers with the new values.
const comfortLag = 2 * time.Second

// watchComfort calls apply with what Windows says, first at once, then at each change, until ctx ends: the size of texts
// (Settings, Accessibility, Text size), whether things may move (Visual effects), and the colours of a contrast theme.
func watchComfort(ctx context.Context, apply func(comfort)) {
	last := readComfort()
	apply(last)
	look := func() {
		if c := readComfort(); c != last {
			last = c
			apply(c)
		}
	}
	stop, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return
	}
	told := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		_ = windows.SetEvent(stop) // the handle is closed below only
		close(told)
	})
	defer func() {
		if !cancel() {
			<-told
		}
		_ = windows.CloseHandle(stop)
	}()
	// A notification of the registry ends with the thread that asked for it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for wait := uint32(windows.INFINITE); ; {
		keys, events := armKeys()
		look() // after that: what changes now is told
		n, err := windows.WaitForMultipleObjects(append([]windows.Handle{stop}, events...), false, wait)
		for _, e := range events {
			_ = windows.CloseHandle(e)
		}
		for _, k := range keys {
			_ = k.Close()
		}
		switch {
		case ctx.Err() != nil || err != nil || len(events) == 0 || n == windows.WAIT_OBJECT_0:
			return
		case n == uint32(windows.WAIT_TIMEOUT):
			wait = windows.INFINITE
		default:
			wait = uint32(comfortLag.Milliseconds())
		}
	}
}

// armKeys opens the keys that are there, and has each of them set its event at the next change.
func armKeys() (keys []registry.Key, events []windows.Handle) {
	for _, k := range comfortKeys {
		key, err := registry.OpenKey(registry.CURRENT_USER, k.path, registry.NOTIFY)
		if err != nil {
			continue
		}
		event, err := windows.CreateEvent(nil, 1, 0, nil)
		if err != nil {
			_ = key.Close()
			continue
		}
		filter := uint32(windows.REG_NOTIFY_CHANGE_NAME | windows.REG_NOTIFY_CHANGE_LAST_SET)
		if k.path == `Software\Microsoft` {
			filter = windows.REG_NOTIFY_CHANGE_NAME
		}
		if windows.RegNotifyChangeKeyValue(windows.Handle(key), k.deep, filter, event, true) != nil {
			_, _ = windows.CloseHandle(event), key.Close()
			continue
		}
		keys, events = append(keys, key), append(events, event)
	}
	return keys, events
}

// readComfort asks for all of it.
func readComfort() comfort {
	c := comfort{scale: float64(textScale()) / 100}
	var moves int32 // BOOL
	if ok, _, _ := systemParametersInfo.Call(spiGetClientAreaAnimation, 0, uintptr(unsafe.Pointer(&moves)), 0); ok != 0 {
		c.still = moves == 0
	}
	high := struct { // HIGHCONTRASTW
		size, flags uint32
		scheme      uintptr
	}{}
	high.size = uint32(unsafe.Sizeof(high))
	if ok, _, _ := systemParametersInfo.Call(spiGetHighContrast, uintptr(high.size), uintptr(unsafe.Pointer(&high)), 0); ok != 0 && high.flags&highContrastOn != 0 {
		c.contrast = contrast{true, systemColor(colorWindow), systemColor(colorWindowText), systemColor(colorHotlight)}
	}
	return c.sane()
}

// textScale is by how many per cent texts are to be larger: 100 to 225, as the slider of the settings has it.
func textScale() uint64 {
	key, err := registry.OpenKey(registry.CURRENT_USER, comfortKeys[0].path, registry.QUERY_VALUE)
	if err != nil {
		return 100
	}
	defer key.Close()
	percent, _, err := key.GetIntegerValue("TextScaleFactor")
	if err != nil {
		return 100
	}
	return min(max(percent, 100), 225)
}

// systemColor is one of the colours that a person chose (COLORREF: 0x00bbggrr).
func systemColor(index uintptr) color.NRGBA {
	c, _, _ := getSysColor.Call(index)
	return color.NRGBA{R: uint8(c), G: uint8(c >> 8), B: uint8(c >> 16), A: 0xff}
}

// hwnd is the handle of the window, 0 where there is none.
func (w *Window) hwnd() (h uintptr) {
	if native, ok := w.win.(driver.NativeWindow); ok {
		native.RunNative(func(c any) {
			if win, ok := c.(driver.WindowsWindowContext); ok {
				h = win.HWND
			}
		})
	}
	return h
}

// fineness is for how many dots to the inch Windows has the window drawn; 0 where nobody can say.
func (w *Window) fineness() int {
	h := w.hwnd()
	if h == 0 || getDpiForWindow.Find() != nil {
		return w.fine // as it was
	}
	dpi, _, _ := getDpiForWindow.Call(h)
	return int(dpi)
}

// raise brings the window to the front, where Windows lets it: whoever was used last has let it (AllowSetForegroundWindow).
func (w *Window) raise() {
	const restore = 9 // SW_RESTORE; Fyne would show it minimised as it is
	if h := w.hwnd(); h != 0 {
		if minimised, _, _ := isIconic.Call(h); minimised != 0 {
			_, _, _ = showWindow.Call(h, restore)
		}
	}
	w.toFront()
}

// A winRect is a RECT.
type winRect struct{ left, top, right, bottom int32 }

func (r winRect) rect() image.Rectangle {
	return image.Rect(int(r.left), int(r.top), int(r.right), int(r.bottom))
}

// settle sees to it that the window is whole on its monitor, beside the task bar. GLFW puts it wherever Windows would put a
// small one.
func (w *Window) settle() {
	h := w.hwnd()
	if h == 0 {
		return
	}
	const (
		nearest    = 2              // MONITOR_DEFAULTTONEAREST
		noZ, still = 0x0004, 0x0010 // SWP_NOZORDER, SWP_NOACTIVATE
	)
	var at winRect
	info := struct { // MONITORINFO
		size          uint32
		monitor, work winRect
		flags         uint32
	}{}
	info.size = uint32(unsafe.Sizeof(info))
	if zoomed, _, _ := isZoomed.Call(h); zoomed != 0 {
		return
	}
	if ok, _, _ := getWindowRect.Call(h, uintptr(unsafe.Pointer(&at))); ok == 0 {
		return
	}
	monitor, _, _ := monitorFromWindow.Call(h, nearest)
	if ok, _, _ := getMonitorInfo.Call(monitor, uintptr(unsafe.Pointer(&info))); ok == 0 {
		return
	}
	if to := within(at.rect(), info.work.rect()); to != at.rect() {
		_, _, _ = setWindowPos.Call(h, 0, uintptr(to.Min.X), uintptr(to.Min.Y), uintptr(to.Dx()), uintptr(to.Dy()), noZ|still)
	}
}
