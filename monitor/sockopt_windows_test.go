package monitor

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"holdfast/internal/desktest"
	"holdfast/netcheck"
)

// pair is a session and the server's end of it.
func pair(t *testing.T, k Keepalive) (session, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dialSession(t.Context(), netip.MustParseAddrPort(l.Addr().String()), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func TestSocketOptionsAreReadBack(t *testing.T) {
	asked := Keepalive{Idle: 2 * time.Second, Interval: time.Second, Count: 3, UserTimeout: 2 * time.Second}
	c, _ := pair(t, asked)
	want := Keepalive{Enabled: true, Idle: asked.Idle, Interval: asked.Interval, Count: asked.Count}
	if got := readSocket(c, asked); got.Count == 10 {
		t.Log("this system has no TCP_KEEPCNT: ten probes in the same time")
		want.Interval, want.Count = 300*time.Millisecond, 10
	}
	if got := readSocket(c, asked); got.UserTimeout == 0 {
		t.Log("this system has no TCP_MAXRT")
	} else {
		want.UserTimeout = asked.UserTimeout
	}
	if got := readSocket(c, asked); got != want {
		t.Errorf("reads back %+v, want %+v", got, want)
	}
	keepaliveOn(c, asked, false)
	if got := readSocket(c, asked); got.Enabled {
		t.Errorf("switched off: %+v", got)
	}
	keepaliveOn(c, asked, true)
	if got := readSocket(c, asked); got != want {
		t.Errorf("switched on again: %+v, want %+v", got, want)
	}
	setUserTimeout(c, time.Minute)
	if got := readSocket(c, asked); want.UserTimeout != 0 && got.UserTimeout != time.Minute {
		t.Errorf("user timeout %v, want 1m", got.UserTimeout)
	}
	if info, ok := readTCPInfo(c); ok {
		t.Logf("SIO_TCP_INFO: %+v", info)
	} else {
		t.Log("this system has no SIO_TCP_INFO")
	}
}

// TestErrorsAreToldApart has the system make each error.
func TestErrorsAreToldApart(t *testing.T) {
	k := Target{}.WithDefaults().Keepalive
	read := func(c net.Conn) error {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(make([]byte, 1))
		return err
	}
	t.Run("refused", func(t *testing.T) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dst := netip.MustParseAddrPort(l.Addr().String())
		l.Close()
		_, err = dialSession(t.Context(), dst, k)
		if e := errnoOf(err); !isRefused(e) || isReset(e) || isUnreachable(e) || isSilence(e) {
			t.Errorf("%v (%d) is not told", err, e)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			t.Error("syscall.ECONNREFUSED is told after all")
		}
	})
	t.Run("reset", func(t *testing.T) {
		// Wine tells a reset only to who is reading when it comes, and an end to who reads later.
		err := io.EOF
		for range 20 {
			c, s := pair(t, k)
			if err := s.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(20*time.Millisecond, func() { s.Close() })
			if err = read(c); err != io.EOF {
				break
			}
		}
		if e := errnoOf(err); !isReset(e) || isRefused(e) || isUnreachable(e) || isSilence(e) {
			t.Errorf("%v (%d) is not told", err, e)
		}
		if got := endOf(err); got != netcheck.Reset {
			t.Errorf("the session ended by %v", got)
		}
	})
	t.Run("closed", func(t *testing.T) {
		c, s := pair(t, k)
		s.Close()
		if err := read(c); err != io.EOF || endOf(err) != netcheck.Closed {
			t.Errorf("%v, ended by %v", err, endOf(err))
		}
	})
	t.Run("a deadline", func(t *testing.T) {
		c, _ := pair(t, k)
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
			t.Errorf("%v is no timeout", err)
		}
	})
}

// Each number of Windows Sockets, and of Win32 where a call ends late, to what it means: of a connection that is made, of a
// session that stands, and in the words of a person's own language.
func TestEachNumber(t *testing.T) {
	const refused, reset, unreachable, silence, own = "refused", "reset", "unreachable", "silence", "a shortage of our own"
	link := netcheck.Way{Index: 7, Interface: "Ethernet", Source: netip.MustParseAddr("192.0.2.10"), Gateway: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("203.0.113.7")}
	for _, tt := range []struct {
		e       syscall.Errno
		number  int // winsock2.h, winerror.h
		dial    string
		session netcheck.Outcome
		cause   netcheck.Cause // where the dial alone says it, all else being in order
	}{
		{windows.WSAEACCES, 10013, unreachable, netcheck.Silent, netcheck.PathProhibited},
		{windows.WSAEMFILE, 10024, own, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAEADDRINUSE, 10048, own, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAEADDRNOTAVAIL, 10049, unreachable, netcheck.Silent, netcheck.NoRoute},
		{windows.WSAENETDOWN, 10050, unreachable, netcheck.Silent, netcheck.NoRoute},
		{windows.WSAENETUNREACH, 10051, unreachable, netcheck.Silent, netcheck.ServerUnreachable}, // a router says so, for the link is whole
		{windows.WSAENETRESET, 10052, silence, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAECONNABORTED, 10053, silence, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAECONNRESET, 10054, reset, netcheck.Reset, netcheck.CauseNone},
		{windows.WSAENOBUFS, 10055, own, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAETIMEDOUT, 10060, silence, netcheck.Silent, netcheck.CauseNone},
		{windows.WSAECONNREFUSED, 10061, refused, netcheck.Silent, netcheck.ServerRefused},
		{windows.WSAEHOSTDOWN, 10064, unreachable, netcheck.Silent, netcheck.ServerUnreachable},
		{windows.WSAEHOSTUNREACH, 10065, unreachable, netcheck.Silent, netcheck.ServerUnreachable},
		{windows.ERROR_NETNAME_DELETED, 64, reset, netcheck.Reset, netcheck.CauseNone},
		{windows.ERROR_SEM_TIMEOUT, 121, silence, netcheck.Silent, netcheck.CauseNone},
		{windows.ERROR_CONNECTION_REFUSED, 1225, refused, netcheck.Silent, netcheck.ServerRefused},
		{windows.ERROR_NETWORK_UNREACHABLE, 1231, unreachable, netcheck.Silent, netcheck.ServerUnreachable},
		{windows.ERROR_HOST_UNREACHABLE, 1232, unreachable, netcheck.Silent, netcheck.ServerUnreachable},
		{windows.ERROR_CONNECTION_ABORTED, 1236, silence, netcheck.Silent, netcheck.CauseNone},
	} {
		kinds := map[string]bool{refused: isRefused(tt.e), reset: isReset(tt.e), unreachable: isUnreachable(tt.e), silence: isSilence(tt.e)}
		for kind, is := range kinds {
			if is != (kind == tt.dial) {
				t.Errorf("%d: %s: %v", tt.e, kind, is)
			}
		}
		if int(tt.e) != tt.number || endOf(tt.e) != tt.session {
			t.Errorf("%d (%d): ends a session by %v, want %v", tt.e, tt.number, endOf(tt.e), tt.session)
		}
		if words := saying(tt.e); strings.ContainsAny(words, ".%") || len(words) > 40 {
			t.Errorf("%d is told as %q", tt.e, words)
		}
		f := netcheck.Facts{Way: link, Link: netcheck.LinkWhole, Gateway: netcheck.Answered, Host: netcheck.Silent, FreshErrno: tt.e}
		switch tt.dial {
		case refused:
			f.Fresh = netcheck.Refused
		case unreachable:
			f.Fresh = netcheck.Unreachable
		default:
			continue
		}
		if v := netcheck.Diagnose(f); v.Cause != tt.cause {
			t.Errorf("%d: %q, want %q", tt.e, v.Cause, tt.cause)
		}
	}
}

func TestHasInput(t *testing.T) {
	for name, tt := range map[string]struct {
		send func(s *net.TCPConn)
		want bool
	}{
		"nothing": {func(*net.TCPConn) {}, false},
		"a byte":  {func(s *net.TCPConn) { s.Write([]byte{1}) }, true},
		"an end":  {func(s *net.TCPConn) { s.CloseWrite() }, true},
		"a reset": {func(s *net.TCPConn) { s.SetLinger(0); s.Close() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := pair(t, Target{}.WithDefaults().Keepalive)
			tt.send(s)
			if tt.want {
				desktest.Eventually(t, "it is seen", func() bool { return hasInput(c) })
			} else if hasInput(c) {
				t.Error("there is something")
			}
		})
	}
}
