//go:build (unix && !aix && !solaris && !illumos) || windows

package terminal

import "golang.org/x/term"

// size is columns and rows; 80 by 24 where the terminal does not say.
func (t *tty) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil || columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}
