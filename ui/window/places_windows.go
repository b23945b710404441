package window

import (
	"os"

	"golang.org/x/sys/windows"
)

// systemErrors are Windows' own reasons why a file is not saved (winerror.h).
var systemErrors = []codedError{
	{windows.ERROR_DISK_FULL, "export.full"}, {windows.ERROR_HANDLE_DISK_FULL, "export.full"},
	{windows.ERROR_WRITE_PROTECT, "export.forbidden"},
	{windows.ERROR_SHARING_VIOLATION, "export.used"}, {windows.ERROR_LOCK_VIOLATION, "export.used"}, {windows.ERROR_USER_MAPPED_FILE, "export.used"},
	{windows.ERROR_INVALID_NAME, "export.name"}, {windows.ERROR_FILENAME_EXCED_RANGE, "export.name"}, {windows.ERROR_BAD_PATHNAME, "export.name"},
}

// downloads is the user's folder for what was fetched, else the home folder.
func downloads() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_Downloads, 0)
	if err == nil {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return os.TempDir()
	}
	return home
}

// brief is a path as people write it: on Windows they write all of it.
func brief(path string) string { return path }
