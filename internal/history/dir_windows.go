package history

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// stateDir is %LocalAppData%. Where that is missing (an emptied environment, a service) the system is asked for the folder.
func stateDir() (string, error) {
	if dir, err := os.UserCacheDir(); err == nil && filepath.IsAbs(dir) {
		return dir, nil
	}
	return windows.KnownFolderPath(windows.FOLDERID_LocalAppData, windows.KF_FLAG_DONT_VERIFY)
}

// openJournal opens a journal to read and to append; create makes it, and fails with os.ErrExist where it is there. It can
// be removed and renamed while it is open, which what package os opens on Windows cannot: the lock must hold until then.
func openJournal(path string, create bool) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	how := uint32(windows.OPEN_EXISTING)
	if create {
		how = windows.CREATE_NEW
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}
