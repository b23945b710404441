//go:build unix

package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRefused(t *testing.T) {
	l, addr := listen(t)
	_ = l.Close()
	c, err := Direct(t.Context(), addr, nil)
	de := wantError(t, c, err)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want ECONNREFUSED inside", err)
	}
	if strings.Contains(de.Error(), addr.String()) {
		t.Errorf("%q repeats the address that the caller knows", de)
	}
}

// A listener whose backlog is full answers no SYN: the dial ends when its context does.
func TestSilenceEndsWithContext(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*syscall.SockaddrInet4).Port))
	for range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		start := time.Now()
		c, err := Direct(ctx, addr, nil)
		took := time.Since(start)
		cancel()
		if err == nil {
			defer c.Close() // it fills the backlog
			continue
		}
		wantError(t, c, err)
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("error %v, want a timeout", err)
		}
		if took < 100*time.Millisecond || took > 5*time.Second {
			t.Errorf("took %v, want about 150 ms", took)
		}

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		c, err = Direct(ctx, addr, nil)
		wantError(t, c, err)
		return
	}
	t.Skip("needs a backlog that eight connections fill: that of this system they do not")
}
