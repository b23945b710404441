//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeysAreRemembered(t *testing.T) {
	unset := func() {
		t.Setenv(composeVar, "") // and back at the end
		if err := os.Unsetenv(composeVar); err != nil {
			t.Fatal(err)
		}
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	unset()
	rememberKeys()
	dir := os.Getenv(composeVar)
	if info, err := os.Stat(dir); filepath.Dir(filepath.Dir(dir)) != cache || err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("kept in %q: %v", dir, err)
	}
	t.Setenv(composeVar, "/somewhere/else")
	rememberKeys()
	if got := os.Getenv(composeVar); got != "/somewhere/else" {
		t.Errorf("what a person has set became %q", got)
	}
	unset()
	file := filepath.Join(cache, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", file)
	rememberKeys()
	if got := os.Getenv(composeVar); got != "" {
		t.Errorf("a folder that cannot be: %q", got)
	}
}
