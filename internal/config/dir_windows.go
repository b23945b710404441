package config

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// userDir is %AppData%. Where that is missing (an emptied environment, a service) the system is asked for the folder.
func userDir(bool) (string, error) {
	if dir, err := os.UserConfigDir(); err == nil && filepath.IsAbs(dir) {
		return dir, nil
	}
	return windows.KnownFolderPath(windows.FOLDERID_RoamingAppData, windows.KF_FLAG_DONT_VERIFY)
}

// renameFor is how long a rename is tried again.
const renameFor = time.Second

// rename puts a file in the place of another. While somebody has that open, to read it or to look for viruses, Windows
// refuses: it is tried again for a moment.
func rename(from, to string) error {
	for until := time.Now().Add(renameFor); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil || !inUse(err) || time.Now().After(until) {
			return err
		}
	}
}

func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
