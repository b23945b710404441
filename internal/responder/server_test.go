package responder

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A heard keeps the events of a server.
type heard struct {
	mu   sync.Mutex
	all  []Event
	more chan struct{}
}

func (h *heard) add(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, e)
	select {
	case h.more <- struct{}{}:
	default:
	}
}

func (h *heard) kinds() []Kind {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ks []Kind
	for _, e := range h.all {
		ks = append(ks, e.Kind)
	}
	return ks
}

// forget drops what was heard so far, and its memory.
func (h *heard) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = nil
}

// wait returns the first event of the kind, which must come within 10 s.
func (h *heard) wait(t *testing.T, k Kind) Event {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		h.mu.Lock()
		i := slices.IndexFunc(h.all, func(e Event) bool { return e.Kind == k })
		if i >= 0 {
			e := h.all[i]
			h.mu.Unlock()
			return e
		}
		h.mu.Unlock()
		select {
		case <-h.more:
		case <-limit:
			t.Fatalf("no event %v within 10 s, only %v", k, h.kinds())
		}
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serve has s serve ln; stop ends that.
func serve(t testing.TB, s *Server, ln net.Listener) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, ln) }()
	waitFor(t, "Serve", func() bool { return s.Addr() != nil })
	return func() error { cancel(); return <-done }
}

// start runs a server on loopback until the test ends.
func start(t testing.TB, o Options) (*Server, *heard) {
	t.Helper()
	h := &heard{more: make(chan struct{}, 1)}
	if o.OnEvent == nil {
		o.OnEvent = h.add
	}
	ln := listen(t)
	addr := ln.Addr()
	s := New(o)
	stop := serve(t, s, ln)
	if s.Addr().String() != addr.String() {
		t.Errorf("Addr is %v, want %v", s.Addr(), addr)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := s.Clients(); n != 0 {
			t.Errorf("%d clients left after Serve", n)
		}
	})
	return s, h
}

func dial(t testing.TB, s *Server) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// ask sends a line and returns the line that comes back.
func ask(t testing.TB, c net.Conn, l string) string {
	t.Helper()
	if _, err := io.WriteString(c, l); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v, got %q", l, err, got)
	}
	return got
}

func TestServerAnswersAndReports(t *testing.T) {
	s, h := start(t, Options{})
	c := dial(t, s)
	if got := ask(t, c, "PING 42\n"); got != "PONG 42\n" {
		t.Errorf("got %q", got)
	}
	if got := ask(t, c, "PING\r\n"); got != "+PONG\r\n" {
		t.Errorf("got %q", got)
	}
	if n := s.Clients(); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
	c.Close()
	e := h.wait(t, Went)
	if e.Beats != 2 || e.Client.String() != c.LocalAddr().String() {
		t.Errorf("got %v", e)
	}
	if got, want := h.kinds(), []Kind{Came, Went}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestServerStoppedRefusesAndComesBack(t *testing.T) {
	s, h := start(t, Options{})
	c := dial(t, s)
	ask(t, c, "PING 1\n")
	s.SetMode(Stopped)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the session ended with %v, want end of stream", err)
	}
	h.wait(t, Ended)
	if _, err := net.Dial("tcp", s.Addr().String()); !errors.Is(err, errnoRefused) {
		t.Errorf("dialling a stopped server: %v, want refused", err)
	}
	s.SetMode(Normal)
	if got := ask(t, dial(t, s), "PING 2\n"); got != "PONG 2\n" {
		t.Errorf("after healing: %q", got)
	}
}

func TestServerModesOnRealSockets(t *testing.T) {
	t.Run("closing ends each session at once", func(t *testing.T) {
		s, h := start(t, Options{})
		old := dial(t, s)
		ask(t, old, "PING 1\n")
		s.SetMode(Closing)
		for _, c := range []net.Conn{old, dial(t, s), dial(t, s)} {
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("got %v, want end of stream", err)
			}
		}
		if e := h.wait(t, Ended); e.Why != "the server is closing" {
			t.Errorf("why: %q", e.Why)
		}
	})
	t.Run("stopped, and the port taken meanwhile", func(t *testing.T) {
		s, _ := start(t, Options{})
		s.SetMode(Stopped)
		other, err := net.Listen("tcp", s.Addr().String())
		if err != nil {
			t.Fatalf("the port of a stopped server: %v", err)
		}
		s.SetMode(Normal)
		other.Close()
		waitFor(t, "the port to be opened again", func() bool {
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				return false
			}
			c.Close()
			return true
		})
	})
	t.Run("stopped before Serve", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{})
		s.SetMode(Stopped)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, ln) }()
		waitFor(t, "the socket to be closed", func() bool {
			_, err := net.Dial("tcp", ln.Addr().String())
			return errors.Is(err, errnoRefused)
		})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("through all modes under load", func(t *testing.T) {
		s, _ := start(t, Options{LateBy: time.Millisecond})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for ctx.Err() == nil {
					c, err := net.Dial("tcp", s.Addr().String())
					if err != nil {
						continue
					}
					c.SetDeadline(time.Now().Add(20 * time.Millisecond))
					io.WriteString(c, "PING 1\n")
					c.Read(make([]byte, 16))
					c.Close()
				}
			})
		}
		for range 20 {
			for m := Normal; m <= Closing; m++ {
				s.SetMode(m)
				time.Sleep(2 * time.Millisecond) // some load in each mode; nothing is asserted of it
			}
		}
		s.SetMode(Normal)
		cancel()
		wg.Wait()
		if got := ask(t, dial(t, s), "PING 9\n"); got != "PONG 9\n" {
			t.Errorf("afterwards: %q", got)
		}
	})
}

func waitFor(t testing.TB, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

func TestServeErrors(t *testing.T) {
	s := New(Options{})
	stop := serve(t, s, listen(t))
	if err := s.Serve(t.Context(), listen(t)); err == nil {
		t.Error("Serve twice: no error")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	s.SetMode(Stopped) // after the end: no panic, no socket
	s.SetMode(Normal)

	gone := listen(t)
	gone.Close()
	if err := New(Options{}).Serve(context.Background(), gone); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener closed by somebody else: %v", err)
	}
}

// A shortListener fails now and then as accept does when descriptors run out.
type shortListener struct {
	net.Listener
	fails int
}

func (l *shortListener) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestServerSurvivesLackOfDescriptors(t *testing.T) {
	s := New(Options{})
	stop := serve(t, s, &shortListener{listen(t), 4})
	if got := ask(t, dial(t, s), "PING 1\n"); got != "PONG 1\n" {
		t.Errorf("got %q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServerAtItsLimit(t *testing.T) {
	s, h := start(t, Options{MaxClients: 2})
	first := dial(t, s)
	ask(t, first, "PING 1\n")
	ask(t, dial(t, s), "PING 1\n")
	if _, err := dial(t, s).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("one too many: %v, want end of stream", err)
	}
	if e := h.wait(t, Ended); e.Why != "too many clients" {
		t.Errorf("why: %q", e.Why)
	}
	first.Close()
	h.wait(t, Went)
	waitFor(t, "room", func() bool { return s.Clients() == 1 })
	if got := ask(t, dial(t, s), "PING 2\n"); got != "PONG 2\n" {
		t.Errorf("got %q", got)
	}
}

func TestServerTellsResetFromClose(t *testing.T) {
	s, h := start(t, Options{})
	tries := 1
	if runtime.GOOS == "windows" { // wine tells a reset only to who reads at that moment: the answer was just written
		tries = 20
	}
	for n := 1; ; n++ {
		c := dial(t, s)
		ask(t, c, "PING 1\n")
		c.SetLinger(0)
		c.Close()
		waitFor(t, "the end to be noticed", func() bool { return len(h.kinds()) == 2*n })
		switch got := h.kinds()[2*n-2:]; {
		case slices.Equal(got, []Kind{Came, Reset}):
			return
		case n == tries || !slices.Equal(got, []Kind{Came, Went}):
			t.Fatalf("events %v, want %v", got, []Kind{Came, Reset})
		}
	}
}

func TestThousandConnectsAndResets(t *testing.T) {
	s, h := start(t, Options{})
	for i := range 1000 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			io.WriteString(c, "PING 1\n")
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	// Windows tells nothing of those that went before they were accepted, and wine calls some resets an end.
	onWindows := runtime.GOOS == "windows"
	waitFor(t, "all to be noticed", func() bool { return onWindows || len(h.kinds()) == 2000 })
	if got := ask(t, dial(t, s), "PING 1\n"); got != "PONG 1\n" {
		t.Errorf("afterwards: %q", got)
	}
	waitFor(t, "no client but the last", func() bool { return s.Clients() == 1 })
	for i, k := range h.kinds() {
		if k != Came && k != Reset && !(onWindows && k == Went) {
			t.Fatalf("event %d is %v", i, k)
		}
	}
}

// A client that writes and never reads is ended, and nobody else waits for it.
func TestClientThatNeverReads(t *testing.T) {
	s, h := start(t, Options{})
	greedy := dial(t, s)
	flood := make(chan struct{})
	go func() {
		defer close(flood)
		b := make([]byte, 64<<10)
		for {
			if _, err := greedy.Write(b); err != nil {
				return
			}
		}
	}()
	c := dial(t, s)
	for range 20 {
		asked := time.Now()
		ask(t, c, "PING 1\n")
		if took := time.Since(asked); took > time.Second {
			t.Errorf("another client waited %v", took)
		}
	}
	if e := h.wait(t, Ended); e.Why != "it does not read its answers" {
		t.Errorf("why: %q", e.Why)
	}
	<-flood
}
