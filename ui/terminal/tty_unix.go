//go:build unix && !aix && !solaris && !illumos

package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A tty is the terminal on out, and the keys of the controlling terminal where there is one.
type tty struct {
	out     *os.File
	in      *os.File // nil: no keys
	old     *unix.Termios
	signals chan os.Signal
}

// Usable reports whether the live view can be drawn on out: it is a terminal that understands cursor movement, and this
// program is in its foreground (in the background, taking the terminal over would stop it).
func Usable(out *os.File, getenv func(string) string) bool {
	if ok, _ := Sequences(out, getenv); !ok {
		return false
	}
	group, err := unix.IoctlGetInt(int(out.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // an error: not our controlling terminal, so there is no background
}

func openTTY(out *os.File) (*tty, error) {
	t := &tty{out: out, signals: make(chan os.Signal, 4)}
	// Opened anew, so that it can be read under a deadline and standard input is left alone.
	if in, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0); err == nil {
		t.in = in
		if err := t.modes(func(fd int) (err error) { t.old, err = unix.IoctlGetTermios(fd, getTermios); return err }); err != nil {
			t.in = nil
			in.Close()
		}
	}
	signal.Notify(t.signals, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT)
	return t, nil
}

// start takes the keys as they are typed and unechoed. Signals by key (Ctrl-C, Ctrl-Z) stay with the kernel.
func (t *tty) start() error {
	if t.in == nil {
		return nil
	}
	now := *t.old
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	return t.set(&now)
}

func (t *tty) set(to *unix.Termios) error {
	return t.modes(func(fd int) error { return unix.IoctlSetTermios(fd, setTermios, to) })
}

// modes runs f with the descriptor. Not by in.Fd, which would make it blocking and its deadlines useless.
func (t *tty) modes(f func(fd int) error) error {
	raw, err := t.in.SyscallConn()
	if err != nil {
		return fmt.Errorf("setting up the terminal: %w", err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		for {
			if inner = f(int(fd)); inner != unix.EINTR {
				return
			}
		}
	})
	if err = cmp.Or(err, inner); err != nil {
		return fmt.Errorf("setting up the terminal: %w", err)
	}
	return nil
}

func (t *tty) restore() error {
	if t.in == nil {
		return nil
	}
	return t.set(t.old)
}

func (t *tty) close() error {
	signal.Stop(t.signals)
	err := t.restore()
	if t.in != nil {
		err = errors.Join(err, t.in.Close())
	}
	return err
}

func (t *tty) meaning(s os.Signal) signalMeaning {
	switch s {
	case syscall.SIGTSTP:
		return signalStop
	case syscall.SIGCONT:
		return signalContinue
	}
	return signalRedraw
}

// suspend gives the terminal back, stops this program as Ctrl-Z asked, and takes the terminal again when continued.
func (t *tty) suspend(s *screen) error {
	if err := errors.Join(s.leave(), t.restore()); err != nil {
		return err
	}
	// SIGSTOP, for SIGTSTP is caught here; the shell sees the same. It reaches all threads a moment later than this call
	// returns, so wait for the SIGCONT that ends it.
	if err := unix.Kill(unix.Getpid(), unix.SIGSTOP); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	for sig := range t.signals {
		if sig == syscall.SIGCONT {
			break
		}
	}
	return errors.Join(t.start(), s.enter())
}

// readKeys sends keys until ctx ends or the terminal cannot be read.
func (t *tty) readKeys(ctx context.Context, keys chan<- key) {
	if t.in == nil {
		return
	}
	buf := make([]byte, 64)
	for {
		n, err := t.in.Read(buf)
		if err != nil { // the deadline, or the terminal is gone
			return
		}
		for _, k := range parseKeys(buf[:n]) {
			select {
			case keys <- k:
			case <-ctx.Done():
				return
			}
		}
	}
}

// stopReading ends readKeys.
func (t *tty) stopReading() {
	if t.in != nil {
		_ = t.in.SetReadDeadline(time.Unix(1, 0))
	}
}
