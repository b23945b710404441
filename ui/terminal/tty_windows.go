package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Sequences has the console on out obey control sequences (Console Virtual Terminal Sequences), and reports whether it
// does. Restore makes it as it was; other programs use it afterwards. Consoles older than Windows 10 know no sequences, nor
// does one in the legacy mode of its properties. Wine's says that it does, and does not; so it is tried.
func Sequences(out *os.File, getenv func(string) string) (ok bool, restore func()) {
	const obey = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	h := windows.Handle(out.Fd())
	var mode uint32
	if getenv("TERM") == "dumb" || windows.GetConsoleMode(h, &mode) != nil {
		return false, func() {}
	}
	if windows.SetConsoleMode(h, mode|obey) != nil {
		return false, func() {}
	}
	restore = func() { _ = windows.SetConsoleMode(h, mode) } // it was allowed before
	if !obeys(h) {
		restore()
		return false, func() {}
	}
	return true, restore
}

// obeys reports whether a sequence that changes nothing is taken for one: the cursor stays. What was printed in its place is
// wiped away.
func obeys(h windows.Handle) bool {
	const nothing = "\x1b[m" // the colours that there are by default
	var before, after windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(h, &before) != nil || !writeConsole(h, nothing) || windows.GetConsoleScreenBufferInfo(h, &after) != nil {
		return false
	}
	if before.CursorPosition == after.CursorPosition {
		return true
	}
	if windows.SetConsoleCursorPosition(h, before.CursorPosition) == nil && writeConsole(h, strings.Repeat(" ", len(nothing))) {
		_ = windows.SetConsoleCursorPosition(h, before.CursorPosition)
	}
	return false
}

// writeConsole writes ASCII.
func writeConsole(h windows.Handle, text string) bool {
	buf := make([]uint16, len(text))
	for i := range text {
		buf[i] = uint16(text[i])
	}
	var n uint32
	return windows.WriteConsole(h, &buf[0], uint32(len(buf)), &n, nil) == nil && int(n) == len(buf)
}

// Usable reports whether the live view can be drawn on out: it is a console that obeys control sequences.
func Usable(out *os.File, getenv func(string) string) bool {
	ok, restore := Sequences(out, getenv)
	restore()
	return ok
}

// A tty is the console on out, and its keys, where they can be had.
type tty struct {
	out     *os.File
	restore func()
	in      windows.Handle // InvalidHandle: no keys
	old     uint32         // mode of in
	stop    windows.Handle // an event: readKeys is to end
	signals chan os.Signal
}

// resized is what a tty signals when the console has another size.
type resized struct{}

func (resized) Signal()        {}
func (resized) String() string { return "resized" }

func openTTY(out *os.File) (*tty, error) {
	t := &tty{out: out, in: windows.InvalidHandle, signals: make(chan os.Signal, 4)}
	stop, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("setting up the terminal: %w", err)
	}
	t.stop = stop
	_, t.restore = Sequences(out, func(string) string { return "" })
	// The console itself, and not standard input, which may be a file.
	name, err := windows.UTF16PtrFromString("CONIN$")
	if err != nil {
		return t, nil
	}
	in, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return t, nil
	}
	if windows.GetConsoleMode(in, &t.old) != nil {
		_ = windows.CloseHandle(in)
		return t, nil
	}
	t.in = in
	return t, nil
}

// start takes the keys as they are typed and unechoed. Ctrl-C stays with the system.
func (t *tty) start() error {
	if t.in == windows.InvalidHandle {
		return nil
	}
	const off = windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT | windows.ENABLE_MOUSE_INPUT | windows.ENABLE_VIRTUAL_TERMINAL_INPUT
	if err := windows.SetConsoleMode(t.in, t.old&^off|windows.ENABLE_PROCESSED_INPUT|windows.ENABLE_WINDOW_INPUT); err != nil {
		return fmt.Errorf("setting up the terminal: %w", err)
	}
	return nil
}

func (t *tty) close() error {
	var err error
	if t.in != windows.InvalidHandle {
		err = errors.Join(windows.SetConsoleMode(t.in, t.old), windows.CloseHandle(t.in))
	}
	t.restore()
	err = errors.Join(err, windows.CloseHandle(t.stop))
	if err != nil {
		return fmt.Errorf("setting up the terminal: %w", err)
	}
	return nil
}

// meaning: the console has another size, and nothing else is ever signalled.
func (t *tty) meaning(os.Signal) signalMeaning { return signalRedraw }

// suspend is never asked for: programs are not stopped by a key here.
func (t *tty) suspend(*screen) error { return nil }

var (
	kernel32          = windows.NewLazySystemDLL("kernel32.dll")
	readConsoleInputW = kernel32.NewProc("ReadConsoleInputW")
)

// An inputRecord is INPUT_RECORD with a KEY_EVENT_RECORD in it (wincon.h): 20 bytes, like every other.
type inputRecord struct {
	eventType  uint16
	_          uint16
	keyDown    int32
	repeat     uint16
	virtualKey uint16
	scanCode   uint16
	char       uint16
	control    uint32
}

const (
	keyEvent              = 1
	windowBufferSizeEvent = 4
)

// readKeys sends keys until ctx ends, stopReading is called or the console cannot be read.
func (t *tty) readKeys(ctx context.Context, keys chan<- key) {
	if t.in == windows.InvalidHandle {
		return
	}
	records := make([]inputRecord, 32)
	for {
		// stop comes first: of two that are set, the first is told.
		which, err := windows.WaitForMultipleObjects([]windows.Handle{t.stop, t.in}, false, windows.INFINITE)
		if err != nil || which != windows.WAIT_OBJECT_0+1 {
			return
		}
		var n uint32
		ok, _, _ := readConsoleInputW.Call(uintptr(t.in), uintptr(unsafe.Pointer(&records[0])), uintptr(len(records)), uintptr(unsafe.Pointer(&n)))
		if ok == 0 || int(n) > len(records) {
			return
		}
		for _, r := range records[:n] {
			switch {
			case r.eventType == windowBufferSizeEvent:
				select {
				case t.signals <- resized{}:
				default: // it looks for the size anyway
				}
			case r.eventType == keyEvent && r.keyDown != 0:
				if k := consoleKey(r.virtualKey, r.char); k != keyNone {
					select {
					case keys <- k:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	}
}

// stopReading ends readKeys.
func (t *tty) stopReading() { _ = windows.SetEvent(t.stop) }
