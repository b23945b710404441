package main

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/internal/launch"
)

var getConsoleProcessList = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetConsoleProcessList")

// onConsole is how many programs share this one's console, more than one where it was started from a shell; 0: it has none.
func onConsole() int {
	var list [8]uint32
	n, _, _ := getConsoleProcessList.Call(uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)))
	return int(n) // also where the list is too short for all (GetConsoleProcessList)
}

// isConsole reports whether f is a console, or one end of one.
func isConsole(f *os.File) bool {
	var mode uint32
	return f != nil && windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// leaveConsole starts this program once more without a console where it has one to itself: it was double-clicked, or started
// at login, and the black window that appeared is nobody's. True: this one may end.
func leaveConsole() (bool, error) {
	if onConsole() != 1 || !isConsole(os.Stderr) {
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, nil // then it stays in its window
	}
	return true, launch.Detached(self, os.Args[1:]...)
}

// unheard reports whether nobody can read what is written to f: there is no such stream, or it is the null device.
func unheard(f *os.File) bool {
	if f == nil {
		return true
	}
	switch kind, err := windows.GetFileType(windows.Handle(f.Fd())); {
	case err != nil, kind == windows.FILE_TYPE_UNKNOWN:
		return true
	case kind == windows.FILE_TYPE_CHAR:
		return !isConsole(f)
	}
	return false
}

// crashTo has a crash of this program told in f: the Go runtime writes to the standard error of that moment.
func crashTo(f *os.File) {
	if windows.SetStdHandle(windows.STD_ERROR_HANDLE, windows.Handle(f.Fd())) == nil {
		os.Stderr = f
	}
}

// tellStart shows a person why Holdfast does not start, where that could not be read elsewhere.
func tellStart(text string) { launch.Tell(text) }

// atLoginProgram is what is to be started at login: the program beside this one that never opens a console, where it is
// there.
func atLoginProgram(self string) string {
	for _, window := range windowPlaces(self) {
		if info, err := os.Stat(window); err == nil && info.Mode().IsRegular() {
			return window
		}
	}
	return self
}
