package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// unreadCheck is how often it is looked whether a pipe is read: Windows tells nobody by itself.
const unreadCheck = time.Second

// untilUnread runs work and ends it when the reader of out is gone. Writing would tell as well, but while all is well there
// is nothing to write, and the program would outlive its reader by hours.
func untilUnread(ctx context.Context, out *os.File, work func(context.Context) error) error {
	pipe := windows.Handle(out.Fd())
	if kind, err := windows.GetFileType(pipe); err != nil || kind != windows.FILE_TYPE_PIPE {
		return work(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(unreadCheck)
		defer tick.Stop()
		for !closing(pipe) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	})
	err := work(ctx)
	cancel()
	group.Wait()
	return err
}

// A pipeState is FILE_PIPE_LOCAL_INFORMATION (ntifs.h).
type pipeState struct {
	NamedPipeType, NamedPipeConfiguration, MaximumInstances, CurrentInstances uint32
	InboundQuota, ReadDataAvailable, OutboundQuota, WriteQuotaAvailable       uint32
	NamedPipeState, NamedPipeEnd                                              uint32
}

const (
	filePipeLocalInformation = 24 // FILE_INFORMATION_CLASS
	filePipeClosingState     = 4  // FILE_PIPE_CLOSING_STATE: the other end has been closed
)

// closing reports whether the other end of a pipe has been closed.
func closing(pipe windows.Handle) bool {
	var status windows.IO_STATUS_BLOCK
	var state pipeState
	err := windows.NtQueryInformationFile(pipe, &status, (*byte)(unsafe.Pointer(&state)), uint32(unsafe.Sizeof(state)), filePipeLocalInformation)
	return err == nil && state.NamedPipeState == filePipeClosingState
}

// readerGone reports whether err says that nobody reads what is written.
func readerGone(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_PIPE_NOT_CONNECTED)
}
