package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Without the variable the system knows the folder.
func TestPathWithoutAppData(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "")
	want, err := Path()
	if err != nil || !filepath.IsAbs(want) {
		t.Fatalf("%q, %v", want, err)
	}
	for _, v := range []string{"", "relative"} {
		t.Setenv("AppData", v)
		if got, err := Path(); err != nil || got != want {
			t.Errorf("%%AppData%% %q: got %q (%v), want %q", v, got, err, want)
		}
	}
}

// Somebody reads the settings while they are saved.
func TestSaveWhileTheFileIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.toml")
	if err := os.WriteFile(path, []byte("demo = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(renameFor/4, func() { f.Close() })
	if err := write(path, []byte("demo = false\n"), nil); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "demo = false\n" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".holdfast-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}
