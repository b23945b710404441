package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// Quiet has cmd, one of our programs that is not started yet, run without a console: none appears, and no conhost.exe is
// started for it. Its streams are what cmd says (Process Creation Flags, DETACHED_PROCESS).
func Quiet(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.CreationFlags |= windows.DETACHED_PROCESS
}

// Detached starts a program that goes on when this one has ended: without a console, and with nothing to read or write. The
// path is a whole one. It does not wait for it; an error says that it could not be started.
func Detached(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	Quiet(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start Holdfast: %w", err)
	}
	return cmd.Process.Release()
}

// resident is the program that Resident starts.
const resident = "holdfast.exe"

// errNoResident says what is missing, and what brings it.
var errNoResident = errors.New("holdfast.exe is not beside this program; unpack the whole archive into one folder, or install Holdfast anew")

// Resident starts the holdfast.exe beside this program with these arguments, detached.
func Resident(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	GiveWay()
	err = Detached(filepath.Join(filepath.Dir(self), resident), args...)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoResident
	}
	return err
}

var allowSetForegroundWindow = windows.NewLazySystemDLL("user32.dll").NewProc("AllowSetForegroundWindow")

// GiveWay lets the next program come to the front that wants to: Windows keeps that right for whatever the person used
// last, and that is this one, when it is about to ask another for its window (AllowSetForegroundWindow, ASFW_ANY).
func GiveWay() {
	const any = 1<<32 - 1
	_, _, _ = allowSetForegroundWindow.Call(any) // refused where this program has no such right either
}

// Tell shows a message and returns when the person has read it. It is for programs without a console.
func Tell(text string) {
	body, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return // it has a NUL in it
	}
	caption, err := windows.UTF16PtrFromString("Holdfast")
	if err != nil {
		return
	}
	_, _ = windows.MessageBox(0, body, caption, windows.MB_OK|windows.MB_ICONERROR|windows.MB_SETFOREGROUND) // nobody else could be told
}
