//go:build !windows && !(darwin && cgo) && !((linux || freebsd || openbsd || netbsd) && !android)

package tray

import (
	"context"
	"fmt"
	"runtime"
)

// run says that there is no tray: on macOS the menu bar is reached through cgo only, elsewhere there is none.
func (t *Tray) run(context.Context) error {
	if runtime.GOOS == "darwin" {
		return fmt.Errorf("%w: this build has no cgo, which the menu bar of macOS needs", ErrNoTray)
	}
	return fmt.Errorf("%w on %s", ErrNoTray, runtime.GOOS)
}
