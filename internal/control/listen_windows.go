package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"time"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// Path is the name of the user's control pipe. It creates nothing.
func Path() (string, error) {
	sid, err := userSID()
	if err != nil {
		return "", err
	}
	return `\\.\pipe\holdfast-` + sid, nil
}

func userSID() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("find out who the user is: %w", err)
	}
	return user.User.Sid.String(), nil
}

// Listen makes this process the one Holdfast of the user, and returns the pipe to Serve on; path "" is the usual one.
// ErrRunning: there is one already. ErrUnsafe: the pipe is somebody else's.
func Listen(path string) (net.Listener, error) {
	if path == "" {
		var err error
		if path, err = Path(); err != nil {
			return nil, err
		}
	}
	sid, err := userSID()
	if err != nil {
		return nil, err
	}
	if err := taken(path); err != nil {
		return nil, err
	}
	only, err := alone(path, sid)
	if err != nil {
		return nil, err
	}
	// Only one process can hold the first instance of a pipe.
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: access(sid)})
	if err == nil {
		return &locked{Listener: l, only: only}, nil
	}
	_ = windows.CloseHandle(only)
	if by := taken(path); by != nil { // somebody came between
		return nil, by
	}
	return nil, fmt.Errorf("control pipe: %w", err)
}

// taken is nil where there is no such pipe, else ErrRunning or ErrUnsafe.
func taken(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := dial(ctx, path)
	switch {
	case err == nil:
		_ = conn.Close()
		return ErrRunning
	case errors.Is(err, ErrUnsafe):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return ErrRunning // it is there, and too busy to accept
}

// alone takes what a second Holdfast of this session finds taken, before it has a pipe: wine lets two have the first
// instance. ErrRunning: somebody has it. Where another user has taken the name it proves nothing, and the pipe decides.
func alone(path, sid string) (windows.Handle, error) {
	sd, err := windows.SecurityDescriptorFromString(access(sid))
	if err != nil {
		return 0, fmt.Errorf("control pipe: %w", err)
	}
	sa := windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(sa))
	name, err := windows.UTF16PtrFromString(mutexName(path))
	if err != nil {
		return 0, fmt.Errorf("control pipe %s: %w", path, err)
	}
	h, err := windows.CreateMutex(&sa, false, name)
	switch {
	case err == nil:
		return h, nil
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		_ = windows.CloseHandle(h)
		return 0, ErrRunning
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return 0, nil
	}
	return 0, fmt.Errorf("control pipe: %w", err)
}

// locked is the only one for as long as it listens.
type locked struct {
	net.Listener
	only windows.Handle
	once sync.Once
}

func (l *locked) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { _ = windows.CloseHandle(l.only) })
	return err
}

// checkOwner: dial does it, when it has the pipe.
func checkOwner(string, bool) error { return nil }

// dial opens the pipe. Anybody may have made one of that name first: ErrUnsafe when it is not this user's.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := winio.DialPipeContext(ctx, path)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, fmt.Errorf("control pipe %s may not be opened from here, or belongs to another user: %w", path, ErrUnsafe)
	}
	if err != nil {
		return nil, err
	}
	if err := owned(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control pipe %s: %w", path, err)
	}
	return conn, nil
}

// owned reports why the pipe at the other end of conn is not this user's.
func owned(conn net.Conn) error {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return fmt.Errorf("nobody knows whose it is: %w", ErrUnsafe)
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(pipe.Fd()), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("find out whose it is: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("find out whose it is: %w", err)
	}
	sid, err := userSID()
	if err != nil {
		return err
	}
	if owner == nil || owner.String() != sid {
		return fmt.Errorf("it belongs to another user (%v): %w", owner, ErrUnsafe)
	}
	return nil
}
