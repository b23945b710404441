//go:build linux || windows

package config

import (
	"os"
	"path/filepath"
	"slices"
)

// steps are the file, what it is a link to, and likewise the folder of each.
func steps(path string) []string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	list := chain(path)
	for _, p := range slices.Clone(list) {
		if dirs := chain(filepath.Dir(p)); len(dirs) > 1 {
			list = append(list, dirs...)
		}
	}
	return list
}

// chain is p and where its links lead.
func chain(p string) []string {
	list := []string{p}
	for range 40 {
		to, err := os.Readlink(p)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(p), to)
		}
		p = to
		list = append(list, p)
	}
	return list
}
