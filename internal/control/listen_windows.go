package control

import (
	"context"
	"errors"
	"fmt"
	"net"

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
	// P: nothing inherited; generic all for this user, nobody else. Only one process can hold the first instance.
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: "D:P(A;;GA;;;" + sid + ")"})
	switch {
	case err == nil:
		return l, nil
	case !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_PIPE_BUSY):
		return nil, fmt.Errorf("control pipe: %w", err)
	}
	// The name is taken. Who may open it is the same user.
	conn, err := dial(context.Background(), path)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, fmt.Errorf("control pipe %s belongs to another user: %w", path, ErrUnsafe)
	}
	if err == nil {
		_ = conn.Close()
	}
	return nil, ErrRunning
}

// checkOwner: the pipe's own access list does it.
func checkOwner(string, bool) error { return nil }

func dial(ctx context.Context, path string) (net.Conn, error) {
	return winio.DialPipeContext(ctx, path)
}
