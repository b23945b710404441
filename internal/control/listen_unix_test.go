//go:build unix

package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPath(t *testing.T) {
	uid := os.Getuid()
	t.Setenv("XDG_RUNTIME_DIR", "/run/mine")
	if got, err := Path(); err != nil || got != "/run/mine/holdfast/control.sock" {
		t.Errorf("with XDG_RUNTIME_DIR: %s, %v", got, err)
	}
	for _, bad := range []string{"", "relative/folder"} {
		t.Setenv("XDG_RUNTIME_DIR", bad)
		t.Setenv("TMPDIR", "/tmp/elsewhere")
		got, err := Path()
		system := fmt.Sprintf("/run/user/%d/holdfast/control.sock", uid)
		own := fmt.Sprintf("/tmp/elsewhere/holdfast-%d/control.sock", uid)
		if err != nil || got != own && got != system {
			t.Errorf("XDG_RUNTIME_DIR=%q: %s, %v; want %s or %s", bad, got, err, system, own)
		}
	}
}

func TestWithoutXDGRuntimeDir(t *testing.T) {
	tmp := filepath.Dir(place(t))
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", tmp)
	if p, err := Path(); err != nil || !strings.HasPrefix(p, tmp) {
		t.Skipf("needs a system on which TMPDIR takes the place of XDG_RUNTIME_DIR: this one has %s for it", p)
	}
	l, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(tmp, fmt.Sprintf("holdfast-%d", os.Getuid()))
	for path, want := range map[string]os.FileMode{dir: os.ModeDir | 0o700, filepath.Join(dir, "control.sock"): os.ModeSocket | 0o600} {
		if fi, err := os.Lstat(path); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, fi.Mode(), err, want)
		}
	}
}

func TestTheOnlyOne(t *testing.T) {
	path := place(t)
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before: %v, want ErrNotRunning", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v, want ErrRunning", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one, the socket gone: %v, want ErrRunning", err)
	}
	_ = l.Close() // its socket has gone already
	if l, err = Listen(path); err != nil {
		t.Fatalf("after the end: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

func TestKilledAndStopped(t *testing.T) {
	path := place(t)
	cmd := another(t, path)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("while it is stopped: %v, want ErrRunning", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if fi, err := os.Lstat(path); err != nil || fi.Mode().Type() != os.ModeSocket {
		t.Fatalf("it left no stale socket: %v", err)
	}
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a stale socket: %v, want ErrNotRunning", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	_ = l.Close()
}

func TestPlacesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"a folder that others can enter": {func(p string) error { return os.Chmod(filepath.Dir(p), 0o755) }, "entered by others"},
		"a folder that is a link": {func(p string) error {
			dir := filepath.Dir(p)
			if err := os.Mkdir(dir+".real", 0o700); err != nil {
				return err
			}
			if err := os.Remove(dir); err != nil {
				return err
			}
			return os.Symlink(dir+".real", dir)
		}, "symbolic link"},
		"a folder that is a file": {func(p string) error {
			if err := os.Remove(filepath.Dir(p)); err != nil {
				return err
			}
			return os.WriteFile(filepath.Dir(p), nil, 0o600)
		}, "not a directory"},
		"a file for the socket":   {func(p string) error { return os.WriteFile(p, []byte("mine"), 0o600) }, "no socket"},
		"a folder for the socket": {func(p string) error { return os.Mkdir(p, 0o700) }, "no socket"},
		"a link for the socket":   {func(p string) error { return os.Symlink("/dev/null", p) }, "no socket"},
		"a link for the lock":     {func(p string) error { return os.Symlink("/dev/null", p+".lock") }, "lock"},
		"somebody else's folder":  {func(p string) error { return root(os.Chown(filepath.Dir(p), 12345, 12345)) }, "belongs to user 12345"},
		"somebody else's socket": {func(p string) error {
			l, err := net.Listen("unix", p)
			if err != nil {
				return err
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			_ = l.Close()
			return root(os.Chown(p, 12345, 12345))
		}, "belongs to user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(filepath.Dir(place(t)), "d", "control.sock")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(path); errors.Is(err, errNotRoot) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			l, err := Listen(path)
			if err == nil {
				_ = l.Close()
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrRunning) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	long := filepath.Join(filepath.Dir(place(t)), strings.Repeat("x", 120), "control.sock")
	if _, err := Listen(long); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
}

var errNotRoot = errors.New("needs root: nobody else can give files away")

func root(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return errNotRoot
	}
	return err
}
