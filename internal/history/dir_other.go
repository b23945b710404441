//go:build !windows

package history

import (
	"os"
	"path/filepath"
)

// stateDir is where programs of this user keep what they remember.
func stateDir() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}

// openJournal opens a journal to read and to append; create makes it, and fails with os.ErrExist where it is there.
func openJournal(path string, create bool) (*os.File, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE | os.O_EXCL
	}
	return os.OpenFile(path, flag, 0o600)
}
