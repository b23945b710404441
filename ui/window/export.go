package window

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/wire"
	"holdfast/ui"
)

// export writes outages into a new file in dir and returns its path; nothing that is there is overwritten, and of a file
// that could not be written whole nothing stays.
func export(dir, name, kind string, raw []wire.PastOutage, outages []ui.PastOutage, now time.Time) (string, error) {
	for n := 1; n < 1000; n++ {
		path := filepath.Join(dir, name+"."+kind)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d.%s", name, n, kind))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		err = write(f, kind, raw, outages, now)
		if err == nil {
			err = f.Sync()
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return "", errors.Join(err, os.Remove(path))
		}
		return path, nil
	}
	return "", fs.ErrExist
}

func write(w io.Writer, kind string, raw []wire.PastOutage, outages []ui.PastOutage, now time.Time) error {
	if kind == "csv" {
		return ui.WriteCSV(w, outages, now)
	}
	h := wire.History{Outages: raw}
	_, err := w.Write(append(h.Append(nil), '\n'))
	return err
}

// downloads is the user's folder for what was fetched, else the home folder.
func downloads() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return os.TempDir()
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	dir := filepath.Join(home, "Downloads")
	if f, err := os.Open(filepath.Join(config, "user-dirs.dirs")); err == nil {
		lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
		for lines.Scan() {
			if value, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "XDG_DOWNLOAD_DIR="); ok {
				dir = strings.ReplaceAll(strings.Trim(value, `"`), "$HOME", home)
			}
		}
		_ = f.Close()
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || !filepath.IsAbs(dir) {
		return home
	}
	return dir
}
