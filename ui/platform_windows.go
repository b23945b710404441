package ui

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Platform names the system that this program runs on and the Go that built it, for reports: "Windows 10.0.22631 amd64,
// go1.26.1".
func Platform() string {
	v := windows.RtlGetVersion() // GetVersionEx says what the manifest does
	return fmt.Sprintf("Windows %d.%d.%d %s, %s", v.MajorVersion, v.MinorVersion, v.BuildNumber, runtime.GOARCH, runtime.Version())
}
