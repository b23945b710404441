//go:build unix

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Path is where the control socket is, see the package comment. It creates nothing.
func Path() (string, error) {
	return filepath.Join(runtimeDir(), "control.sock"), nil
}

func runtimeDir() string {
	// The XDG base directory specification: the path must be absolute.
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "holdfast")
	}
	uid := strconv.Itoa(os.Getuid())
	if dir := filepath.Join("/run/user", uid); private(dir) == nil {
		return filepath.Join(dir, "holdfast")
	}
	return filepath.Join(os.TempDir(), "holdfast-"+uid)
}

// Listen makes this process the one Holdfast of the user, and returns the socket to Serve on; path "" is the usual place.
// ErrRunning: there is one already. ErrUnsafe: the place could be somebody else's. The socket is removed when the
// listener is closed; one that a killed process left behind is replaced.
func Listen(path string) (net.Listener, error) {
	if path == "" {
		var err error
		if path, err = Path(); err != nil {
			return nil, err
		}
	}
	// sun_path: 108 bytes on Linux, 104 on the BSDs, the last one a zero.
	limit := 107
	if runtime.GOOS != "linux" {
		limit = 103
	}
	if len(path) > limit {
		return nil, fmt.Errorf("control socket %s: the path has more than %d bytes; choose a shorter XDG_RUNTIME_DIR", path, limit)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the control socket: %w", err)
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	if err := checkOwner(path, false); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := dial(ctx, path)
	switch {
	case err == nil:
		_ = conn.Close()
		return nil, ErrRunning
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, context.DeadlineExceeded):
		return nil, ErrRunning // it listens, and is too busy or stopped to accept
	}

	lock, err := os.OpenFile(filepath.Join(dir, filepath.Base(path)+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the control socket: %w", err)
	}
	if err := flock(lock); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning // it is just starting, or lost its socket
		}
		return nil, fmt.Errorf("lock the control socket: %w", err)
	}
	l, err := listen(path)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &locked{Listener: l, lock: lock}, nil
}

// listen replaces a dead socket. The lock is held.
func listen(path string) (net.Listener, error) {
	switch fi, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	case fi.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("control socket %s: there is something that is no socket; move it away", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the stale control socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // the folder has kept others out so far
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}

// locked holds the lock for as long as it listens.
type locked struct {
	net.Listener
	lock *os.File
	once sync.Once
}

func (l *locked) Close() error {
	err := l.Listener.Close() // removes the socket, while the lock is still held
	l.once.Do(func() { _ = l.lock.Close() })
	return err
}

// private reports why dir is not a folder that this user alone can enter; nil when it is.
func private(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("folder of the control socket: %w", err)
	}
	switch st, ok := fi.Sys().(*syscall.Stat_t); {
	case fi.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("folder of the control socket %s is a symbolic link: %w", dir, ErrUnsafe)
	case !fi.IsDir():
		return fmt.Errorf("folder of the control socket %s is not a folder: %w", dir, ErrUnsafe)
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("folder of the control socket %s belongs to user %d, not to you: %w", dir, st.Uid, ErrUnsafe)
	case fi.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("folder of the control socket %s can be entered by others (mode %04o): %w; chmod 700 it", dir, fi.Mode().Perm(), ErrUnsafe)
	}
	return nil
}

// checkOwner refuses what is somebody else's. Root may speak to anybody's Holdfast, when told the path.
func checkOwner(path string, rootMay bool) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return nil // nothing there, or dial will say why
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Geteuid() && !(rootMay && os.Geteuid() == 0) {
		return fmt.Errorf("control socket %s belongs to user %d, not to you: %w", path, st.Uid, ErrUnsafe)
	}
	return nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}
