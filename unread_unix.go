//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// untilUnread runs work and ends it when the reader of out is gone. Writing would tell as well, but while all is well
// there is nothing to write, and the program would outlive its reader by hours.
func untilUnread(ctx context.Context, out *os.File, work func(context.Context) error) error {
	info, err := out.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return work(ctx)
	}
	wakeR, wakeW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("watching standard output: %w", err)
	}
	defer wakeR.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// No events asked for: POLLERR, a pipe's "no reader left", is always reported (poll(2)).
		fds := []unix.PollFd{{Fd: int32(out.Fd())}, {Fd: int32(wakeR.Fd()), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(fds, -1); err != unix.EINTR {
				break
			}
		}
		cancel()
	}()
	err = work(ctx)
	wakeW.Close() // the other end reads POLLHUP
	<-done
	return err
}

// readerGone reports whether err says that nobody reads what is written.
func readerGone(err error) bool { return errors.Is(err, unix.EPIPE) }
