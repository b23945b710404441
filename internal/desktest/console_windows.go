package desktest

import (
	"io"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A Console is a program in a console of its own, which nobody sees (Creating a Pseudoconsole session).
type Console struct {
	t       testing.TB
	keys    *os.File
	process windows.Handle
	end     func() // ends the console; what it said is then complete

	mu   sync.Mutex // guards said
	said []byte
}

// InConsole starts a program in a console of 80 columns and 24 rows, with the environment of this one. It is ended with the
// test.
func InConsole(t testing.TB, program string, args ...string) *Console {
	t.Helper()
	c := &Console{t: t}
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		Must(t, err)
		return r, w
	}
	inR, inW := pipe()
	outR, outW := pipe()
	c.keys = inW
	var pc windows.Handle
	Must(t, windows.CreatePseudoConsole(windows.Coord{X: 80, Y: 24}, windows.Handle(inR.Fd()), windows.Handle(outW.Fd()), 0, &pc))
	read := make(chan struct{})
	go func() { // ends with the last writer
		defer close(read)
		_, _ = io.Copy(c, outR)
	}()
	c.end = sync.OnceFunc(func() {
		windows.ClosePseudoConsole(pc)
		outW.Close()
		inR.Close()
		inW.Close()
		<-read
		outR.Close()
	})
	t.Cleanup(c.end)

	attributes, err := windows.NewProcThreadAttributeList(1)
	Must(t, err)
	defer attributes.Delete()
	// The handle itself is the value, as the page of UpdateProcThreadAttribute has it.
	Must(t, attributes.Update(windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, *(*unsafe.Pointer)(unsafe.Pointer(&pc)), unsafe.Sizeof(pc)))
	command, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(append([]string{program}, args...)))
	Must(t, err)
	startup := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	startup.Cb = uint32(unsafe.Sizeof(startup))
	startup.Flags = windows.STARTF_USESTDHANDLES // with none: else this test's own would be handed on
	var process windows.ProcessInformation
	Must(t, windows.CreateProcess(nil, command, nil, nil, false, windows.EXTENDED_STARTUPINFO_PRESENT, nil, nil, &startup.StartupInfo, &process))
	_ = windows.CloseHandle(process.Thread)
	c.process = process.Process
	t.Cleanup(func() {
		_ = windows.TerminateProcess(c.process, 1) // it has ended, mostly
		_ = windows.CloseHandle(c.process)
	})
	return c
}

// Write takes what the console says.
func (c *Console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, b...)
	return len(b), nil
}

// Said is what the console has said until now, control sequences and all.
func (c *Console) Said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.said)
}

// Type types.
func (c *Console) Type(keys string) {
	c.t.Helper()
	_, err := c.keys.WriteString(keys)
	Must(c.t, err)
}

// Close closes the console under its programs, as a click on its X does.
func (c *Console) Close() { c.end() }

// Wait returns the exit status of the program, when it has ended and all that it said is there.
func (c *Console) Wait() int {
	c.t.Helper()
	which, err := windows.WaitForSingleObject(c.process, uint32(Patience/time.Millisecond))
	if err != nil || which != windows.WAIT_OBJECT_0 {
		c.t.Fatalf("the program has not ended within %v (%v); it said %q", Patience, err, c.Said())
	}
	var status uint32
	Must(c.t, windows.GetExitCodeProcess(c.process, &status))
	c.end()
	return int(status)
}

// ConsoleStreams gives a program that runs in a Console the streams that Windows would have given it: Wine gives none.
func ConsoleStreams() error {
	for _, s := range []struct {
		id   uint32
		name string
		file **os.File
	}{
		{windows.STD_INPUT_HANDLE, "CONIN$", &os.Stdin}, {windows.STD_OUTPUT_HANDLE, "CONOUT$", &os.Stdout}, {windows.STD_ERROR_HANDLE, "CONOUT$", &os.Stderr},
	} {
		if h, err := windows.GetStdHandle(s.id); err == nil && h != 0 {
			continue
		}
		f, err := os.OpenFile(s.name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := windows.SetStdHandle(s.id, windows.Handle(f.Fd())); err != nil {
			return err
		}
		*s.file = f
	}
	return nil
}
