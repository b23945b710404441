//go:build !windows

package config

import (
	"os"
	"path/filepath"
)

// userDir is the user's configuration folder; relative says that XDG_CONFIG_HOME holds a relative path, which
// os.UserConfigDir would refuse.
func userDir(relative bool) (string, error) {
	if !relative {
		return os.UserConfigDir()
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".config"), err
}

func rename(from, to string) error { return os.Rename(from, to) }
