//go:build (!unix && !windows) || aix || solaris || illumos

package terminal

import (
	"context"
	"errors"
	"os"
)

// Usable reports whether the live view can be drawn on out. On this system it cannot yet: plain lines are printed.
func Usable(*os.File, func(string) string) bool { return false }

type tty struct{ signals chan os.Signal }

func openTTY(*os.File) (*tty, error) {
	return nil, errors.New("the live view is not there on this system yet; use --plain")
}

func (*tty) start() error                         { return nil }
func (*tty) close() error                         { return nil }
func (*tty) size() (columns, rows int)            { return 80, 24 }
func (*tty) meaning(os.Signal) signalMeaning      { return signalRedraw }
func (*tty) suspend(*screen) error                { return nil }
func (*tty) readKeys(context.Context, chan<- key) {}
func (*tty) stopReading()                         {}
