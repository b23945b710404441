//go:build unix

package ui

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Platform names the system that this program runs on and the Go that built it, for reports: "Linux 6.1.0-31-amd64
// x86_64, go1.26.1".
func Platform() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS + " " + runtime.GOARCH + ", " + runtime.Version()
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " +
		unix.ByteSliceToString(u.Machine[:]) + ", " + runtime.Version()
}
