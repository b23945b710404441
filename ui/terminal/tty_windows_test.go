package terminal

import (
	"context"
	"os"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/internal/desktest"
)

var writeConsoleInputW = kernel32.NewProc("WriteConsoleInputW")

// inConsole runs the test once more, by itself in a console of its own, and is true there.
func inConsole(t *testing.T) bool {
	t.Helper()
	const here = "HOLDFAST_TEST_IN_CONSOLE"
	if os.Getenv(here) != "" {
		return true
	}
	t.Setenv(here, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := desktest.InConsole(t, self, "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	if status := c.Wait(); status != 0 {
		t.Errorf("status %d, it said %q", status, c.Said())
	}
	return false
}

// console is the one that this test runs in.
func console(t *testing.T) *os.File {
	t.Helper()
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out
}

func typed(t *testing.T, in windows.Handle, records ...inputRecord) {
	t.Helper()
	var n uint32
	if ok, _, err := writeConsoleInputW.Call(uintptr(in), uintptr(unsafe.Pointer(&records[0])), uintptr(len(records)), uintptr(unsafe.Pointer(&n))); ok == 0 || int(n) != len(records) {
		t.Fatalf("%d of %d records were taken: %v", n, len(records), err)
	}
}

func TestTheKeysOfAConsole(t *testing.T) {
	if got := unsafe.Sizeof(inputRecord{}); got != 20 {
		t.Fatalf("an INPUT_RECORD of %d bytes", got)
	}
	if !inConsole(t) {
		return
	}
	out := console(t)
	c, err := openTTY(out)
	if err != nil {
		t.Fatal(err)
	}
	if c.in == windows.InvalidHandle {
		t.Fatal("the console has no keys")
	}
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	mode := func() (m uint32) {
		if err := windows.GetConsoleMode(windows.Handle(in.Fd()), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := mode()
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if m := mode(); m&(windows.ENABLE_LINE_INPUT|windows.ENABLE_ECHO_INPUT) != 0 || m&windows.ENABLE_PROCESSED_INPUT == 0 {
		t.Errorf("mode %#x: lines, an echo, or no Ctrl-C", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	keys := make(chan key)
	ended := make(chan struct{})
	go func() { defer close(ended); c.readKeys(ctx, keys) }()
	down := func(virtual, char uint16) inputRecord {
		return inputRecord{eventType: keyEvent, keyDown: 1, repeat: 1, virtualKey: virtual, char: char}
	}
	up := down('Q', 'q')
	up.keyDown = 0
	typed(t, windows.Handle(in.Fd()), up, down('R', 'r'), inputRecord{eventType: 2}, down(0x26, 0), down(0x10, 0), inputRecord{eventType: windowBufferSizeEvent}, down('P', 'p'))
	var got []key
	for range 3 {
		got = append(got, <-keys)
	}
	if want := []key{keyReconnect, keyUp, keyPause}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := <-c.signals; c.meaning(s) != signalRedraw {
		t.Errorf("another size is told as %v", s)
	}
	c.stopReading()
	<-ended
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if m := mode(); m != before {
		t.Errorf("afterwards the mode is %#x, it was %#x", m, before)
	}
}

// A console that does not obey, and says that it does, is found out, and looks as before.
func TestSequencesAreTried(t *testing.T) {
	if !inConsole(t) {
		return
	}
	out := console(t)
	h := windows.Handle(out.Fd())
	var before, after windows.ConsoleScreenBufferInfo
	var mode, now uint32
	if windows.GetConsoleScreenBufferInfo(h, &before) != nil || windows.GetConsoleMode(h, &mode) != nil {
		t.Fatal("this console says nothing of itself")
	}
	ok, restore := Sequences(out, func(string) string { return "" })
	if windows.GetConsoleScreenBufferInfo(h, &after) != nil || after.CursorPosition != before.CursorPosition {
		t.Errorf("the cursor went from %v to %v", before.CursorPosition, after.CursorPosition)
	}
	restore()
	if windows.GetConsoleMode(h, &now) != nil || now != mode {
		t.Errorf("the mode became %#x, it was %#x", now, mode)
	}
	t.Logf("this console obeys: %t", ok)
	if ok != Usable(out, func(string) string { return "" }) {
		t.Error("the live view is drawn where nothing obeys, or the other way round")
	}
	if ok, _ := Sequences(out, func(string) string { return "dumb" }); ok {
		t.Error("TERM=dumb is not obeyed")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if ok, _ := Sequences(w, func(string) string { return "" }); ok {
		t.Error("a pipe obeys")
	}
}
