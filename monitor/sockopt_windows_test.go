package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

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
	// What only a real network makes.
	for e, want := range map[syscall.Errno]netcheck.Outcome{
		windows.WSAECONNABORTED: netcheck.Silent, windows.WSAETIMEDOUT: netcheck.Silent, windows.WSAENETRESET: netcheck.Silent,
		windows.ERROR_NETNAME_DELETED: netcheck.Reset, windows.WSAEHOSTUNREACH: netcheck.Silent,
	} {
		if got := endOf(e); got != want {
			t.Errorf("a session that ended by %v (%d): %v, want %v", e, e, got, want)
		}
	}
	for _, e := range []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAEACCES, windows.WSAENETDOWN, windows.WSAEADDRNOTAVAIL} {
		if !isUnreachable(e) || isRefused(e) || isReset(e) || isSilence(e) {
			t.Errorf("%v (%d) is not unreachable alone", e, e)
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
			for start := time.Now(); tt.want && !hasInput(c); time.Sleep(time.Millisecond) {
				if time.Since(start) > 10*time.Second {
					t.Fatal("not seen in 10 s")
				}
			}
			if !tt.want && hasInput(c) {
				t.Error("there is something")
			}
		})
	}
}

func TestResumeIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var told atomic.Int32
	woken, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		watchResume(ctx, func() { told.Add(1); woken <- struct{}{} })
	}()
	// The system has taken the subscription when it is in the list for good: no early return takes it out.
	who := uintptr(0)
	for start := time.Now(); who == 0; time.Sleep(time.Millisecond) {
		powerMu.Lock()
		for k := range powerSubscribers {
			who = k
		}
		powerMu.Unlock()
		if time.Since(start) > 10*time.Second {
			t.Fatal("no subscription in 10 s")
		}
	}
	const suspend = 4 // PBT_APMSUSPEND
	for _, what := range []uintptr{suspend, pbtAPMResumeAutomatic} {
		if code := powerChanged(who, what, 0); code != 0 {
			t.Errorf("%#x: %d", what, code)
		}
	}
	select {
	case <-woken:
	case <-ended:
		t.Fatal("the system did not take the subscription")
	case <-time.After(10 * time.Second):
		t.Fatal("not told in 10 s")
	}
	cancel()
	<-ended
	powerChanged(who, pbtAPMResumeAutomatic, 0) // late: nobody listens any more
	if n := told.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Both clocks go on while the computer is awake.
func TestNoSleepIsSeenWhileAwake(t *testing.T) {
	before := boottimeAhead()
	time.Sleep(200 * time.Millisecond)
	if by := boottimeAhead() - before; by < -50*time.Millisecond || by > 50*time.Millisecond {
		t.Errorf("%v were slept within 200 ms", by)
	}
}
