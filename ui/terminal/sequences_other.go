//go:build !windows

package terminal

import (
	"os"

	"golang.org/x/term"
)

// Sequences reports whether out is a terminal that obeys control sequences. There is nothing to restore.
func Sequences(out *os.File, getenv func(string) string) (ok bool, restore func()) {
	t := getenv("TERM")
	return t != "" && t != "dumb" && term.IsTerminal(int(out.Fd())), func() {}
}
