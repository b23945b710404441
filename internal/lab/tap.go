//go:build linux

package lab

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const tunDevice = "/dev/net/tun"

// A tap is the adapter of a virtual machine: the kernel sends frames to it, the machine behind it is this process, which
// reads and never answers.
type tap struct {
	file *os.File
	done chan struct{}
}

// newTap makes one on the host. It is there until it is closed.
func (h *Host) newTap(name string) (*tap, error) {
	var fd int
	if err := h.Do(func() (err error) {
		if fd, err = unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		ifr, err := unix.NewIfreq(name)
		if err == nil {
			ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
		}
		if err != nil {
			unix.Close(fd)
		}
		return err
	}); err != nil {
		return nil, fmt.Errorf("adapter %s of %s: %w", name, h.Name, err)
	}
	t := &tap{file: os.NewFile(uintptr(fd), tunDevice), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		io.Copy(io.Discard, t.file) // should it end early, frames wait in the kernel's queue until that drops them
	}()
	return t, nil
}

func (t *tap) close() {
	t.file.Close()
	<-t.done
}
