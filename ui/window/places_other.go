//go:build !windows

package window

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// systemErrors are this system's own reasons why a file is not saved: none.
var systemErrors []codedError

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

// brief is a path as people write it: what is told of it has little room.
func brief(path string) string {
	home, err := os.UserHomeDir()
	if rest, within := strings.CutPrefix(path, home+string(filepath.Separator)); err == nil && within && home != "" {
		return "~" + string(filepath.Separator) + rest
	}
	return path
}
