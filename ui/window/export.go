package window

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/wire"
	"holdfast/ui"
)

// freeName is a path in dir at which nothing is yet: name, name-2, …
func freeName(dir, name, ext string) string {
	path := filepath.Join(dir, name+ext)
	for n := 2; n < 1000; n++ {
		if _, err := os.Lstat(path); err != nil {
			break
		}
		path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, n, ext))
	}
	return path
}

// export writes outages into a file. Where there is one of that name the error is fs.ErrExist, unless it is to be replaced;
// it stays whole until the new one is. Of a file that could not be written whole nothing stays.
func export(path string, replace bool, kind string, raw []wire.PastOutage, outages []ui.PastOutage, now time.Time) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
	}
	var f *os.File
	var err error
	if replace {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			path = to
		}
		f, err = os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	} else {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return err
	}
	err = write(f, kind, raw, outages, now)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil && replace {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if left := os.Remove(f.Name()); left != nil {
			return errors.Join(err, left)
		}
	}
	return err
}

func write(w io.Writer, kind string, raw []wire.PastOutage, outages []ui.PastOutage, now time.Time) error {
	if kind == "csv" {
		return ui.WriteCSV(w, outages, now)
	}
	h := wire.History{Outages: raw}
	_, err := w.Write(append(h.Append(nil), '\n'))
	return err
}
