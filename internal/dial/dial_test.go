package dial

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

func listen(t *testing.T) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

func TestDirect(t *testing.T) {
	l, addr := listen(t)
	called := 0
	c, err := Direct(t.Context(), addr, func(raw syscall.RawConn) error {
		called++
		return raw.Control(func(uintptr) {})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if called != 1 {
		t.Errorf("control was called %d times, want once", called)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestDirectWithoutControl(t *testing.T) {
	_, addr := listen(t)
	c, err := Direct(t.Context(), addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func wantError(t *testing.T, c *net.TCPConn, err error) *Error {
	t.Helper()
	var de *Error
	if !errors.As(err, &de) {
		t.Fatalf("error %v, want an *Error", err)
	}
	if de.Hop != "server" || de.Step != "connect" || de.Took <= 0 || c != nil {
		t.Errorf("hop %q, step %q, took %v, connection %v", de.Hop, de.Step, de.Took, c)
	}
	if !strings.HasPrefix(err.Error(), "server: connect: ") {
		t.Errorf("message %q", err)
	}
	return de
}

func TestControlFails(t *testing.T) {
	_, addr := listen(t)
	no := errors.New("no such option")
	c, err := Direct(t.Context(), addr, func(syscall.RawConn) error { return no })
	wantError(t, c, err)
	if !errors.Is(err, no) {
		t.Errorf("error %v does not say what control said", err)
	}
}
