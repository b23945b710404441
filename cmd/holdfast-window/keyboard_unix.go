//go:build unix

package main

import (
	"os"
	"path/filepath"
)

// composeVar names the folder in which libX11 keeps what it has read of the table of composed characters, where it is set
// (Compose(5)). Reading that table takes 45 ms of each start, reading what was kept 2.
const composeVar = "XCOMPOSECACHE"

// rememberKeys has libX11 keep it in the user's cache folder. Where that cannot be, starting takes longer, no more.
func rememberKeys() {
	if _, set := os.LookupEnv(composeVar); set {
		return
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return
	}
	dir = filepath.Join(dir, "holdfast", "compose")
	if os.MkdirAll(dir, 0o700) == nil {
		_ = os.Setenv(composeVar, dir) // it was not set before either
	}
}
