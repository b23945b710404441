package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/monitor"
)

// A disk without room leaves the old file as it was, and no litter.
func TestIntegrationFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k,mode=700"); err != nil {
		t.Skip("needs the right to mount:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "holdfast.toml")
	put(t, path, documented)
	filler, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 512))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	s := Open(path)
	err = s.Edit(false, SetTarget("b", monitor.Target{Name: "b", Address: "b:1"}))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want no space left, and the file's name", err)
	}
	if got := contents(t, path); got != documented {
		t.Errorf("the old file is now %d bytes", len(got))
	}
	if now, err := s.Current(); err != nil || !now.Equal(documentedSettings) {
		t.Errorf("what was not saved is in force: %+v, %v", now, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".holdfast*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	must(t, os.Truncate(filler.Name(), 0))
	must(t, s.Edit(false, setDemo(true)))
}

// Who may not read the file, or write beside it, is told so.
func TestIntegrationWithoutRights(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs a user who is not root: root may read everything")
	}
	path := file(t, one)
	s := Open(path)
	must(t, os.Chmod(filepath.Dir(path), 0o500))
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
	if err := s.Edit(false, setDemo(true)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want no permission", err)
	}
	must(t, os.Chmod(path, 0))
	s.reload()
	if now, err := s.Current(); !errors.Is(err, os.ErrPermission) || !now.Equal(oneSettings) {
		t.Errorf("unreadable: %+v, %v; want the last good settings and the reason", now, err)
	}
}
