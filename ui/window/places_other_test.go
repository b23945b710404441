//go:build !windows

package window

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhereDownloadsGo(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "conf"))
	if got := downloads(); got != home {
		t.Errorf("with nothing there: %s", got)
	}
	for _, dir := range []string{"Downloads", "下载", "conf"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := downloads(); got != filepath.Join(home, "Downloads") {
		t.Errorf("the usual one: %s", got)
	}
	for _, c := range []struct{ file, want string }{
		{"XDG_DOWNLOAD_DIR=\"$HOME/下载\"\n", filepath.Join(home, "下载")},
		{"XDG_DOWNLOAD_DIR=\"relative\"\n", home},
		{"garbage\x00\n", filepath.Join(home, "Downloads")},
	} {
		if err := os.WriteFile(filepath.Join(home, "conf", "user-dirs.dirs"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := downloads(); got != c.want {
			t.Errorf("%q: %s, want %s", c.file, got, c.want)
		}
	}
}

func TestBriefPaths(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for path, want := range map[string]string{"/home/me/a/b": "~/a/b", "/home/me": "/home/me", "/home/meyer/a": "/home/meyer/a", "/media/usb/a": "/media/usb/a"} {
		if got := brief(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if back := whole(brief(path)); back != path {
			t.Errorf("%s: and back: %s", path, back)
		}
	}
}
