package responder

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
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

// start runs a server on loopback until the test ends.
func start(t testing.TB, o Options) (*Server, *heard) {
	t.Helper()
	h := &heard{more: make(chan struct{}, 1)}
	if o.OnEvent == nil {
		o.OnEvent = h.add
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	addr := ln.Addr()
	go func() { done <- s.Serve(ctx, ln) }()
	for s.Addr() == nil {
		time.Sleep(time.Millisecond)
	}
	if s.Addr().String() != addr.String() {
		t.Errorf("Addr is %v, want %v", s.Addr(), addr)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
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
	if _, err := net.Dial("tcp", s.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a stopped server: %v, want refused", err)
	}
	s.SetMode(Normal)
	if got := ask(t, dial(t, s), "PING 2\n"); got != "PONG 2\n" {
		t.Errorf("after healing: %q", got)
	}
}
