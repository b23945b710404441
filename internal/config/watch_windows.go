package config

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/windows"
)

// watchFile calls changed after each change of the file, from this goroutine, until ctx ends. It sleeps in between: no
// timer runs. Folders are watched, not the file, because saving mostly replaces it; links on the way, and a folder that is
// not there yet, are watched where they are or would come. On a network drive, whose server may tell nothing, it polls.
//
// FindFirstChangeNotification tells what ReadDirectoryChangesW tells, without the names, which are not needed: what is told
// is that something changed. It has no buffer that the kernel writes to while others run.
func watchFile(ctx context.Context, path string, changed func()) {
	stop, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil || remote(path) {
		if err == nil {
			_ = windows.CloseHandle(stop)
		}
		poll(ctx, path, changed)
		return
	}
	set := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(set)
		_ = windows.SetEvent(stop)
	})
	defer func() {
		if !unhook() {
			<-set
		}
		_ = windows.CloseHandle(stop)
	}()
	for ctx.Err() == nil {
		watches, err := watchPlaces(path)
		if err != nil {
			poll(ctx, path, changed)
			return
		}
		changed() // also for what happened while nothing was watched
		which, err := windows.WaitForMultipleObjects(append([]windows.Handle{stop}, watches...), false, windows.INFINITE)
		unwatch(watches)
		switch {
		case err != nil:
			poll(ctx, path, changed)
			return
		case which == windows.WAIT_OBJECT_0:
			return
		}
		if left, err := windows.WaitForSingleObject(stop, uint32(settle.Milliseconds())); err != nil || left == windows.WAIT_OBJECT_0 {
			return
		}
	}
}

// A place is a folder, and what of it matters (FILE_NOTIFY_CHANGE_…).
type place struct {
	dir  string
	what uint32
}

const (
	filesOf   = windows.FILE_NOTIFY_CHANGE_FILE_NAME | windows.FILE_NOTIFY_CHANGE_DIR_NAME | windows.FILE_NOTIFY_CHANGE_SIZE | windows.FILE_NOTIFY_CHANGE_LAST_WRITE
	foldersOf = windows.FILE_NOTIFY_CHANGE_DIR_NAME
	// mostPlaces keeps the list of one wait below its limit of 64.
	mostPlaces = 48
)

// places are what is to be watched for a file as things are: its folder, and the one above, from where it can be moved away;
// or the nearest that is there, for what is missing to come. The same for what the file is a link to.
func places(path string) []place {
	var list []place
	add := func(p place) {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, step := range steps(path) {
		dir := filepath.Dir(step)
		what := uint32(filesOf)
		for !isFolder(dir) && dir != filepath.Dir(dir) {
			dir, what = filepath.Dir(dir), foldersOf
		}
		add(place{dir, what})
		if up := filepath.Dir(dir); up != dir {
			add(place{up, foldersOf})
		}
	}
	return list[:min(len(list), mostPlaces)]
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// watchPlaces begins to watch the places of path. The handles are set by the first change in each.
func watchPlaces(path string) (watches []windows.Handle, err error) {
	for range 10 { // what changes before it is watched is not told: look again behind each round
		list := places(path)
		var failed error
		for i, p := range list {
			h, err := windows.FindFirstChangeNotification(p.dir, false, p.what)
			switch {
			case err == nil:
				watches = append(watches, h)
			case i == 0 || p.what == filesOf: // without one of those above a folder that is moved away goes unnoticed, no more
				failed = err
			}
		}
		if failed == nil && slices.Equal(list, places(path)) {
			return watches, nil
		}
		unwatch(watches)
		watches, err = nil, failed
	}
	if err == nil {
		err = os.ErrNotExist // it never holds still
	}
	return nil, err
}

func unwatch(watches []windows.Handle) {
	for _, h := range watches {
		_ = windows.FindCloseChangeNotification(h)
	}
}

// remote reports whether path is on another computer.
func remote(path string) bool {
	volume := filepath.VolumeName(path)
	if len(volume) > 1 && os.IsPathSeparator(volume[0]) && os.IsPathSeparator(volume[1]) {
		return true // \\server\share; \\?\ as well, which people do not write
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	return err == nil && volume != "" && windows.GetDriveType(root) == windows.DRIVE_REMOTE
}
