//go:build linux

package lab

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// A Mute accepts at a port of a host, both families, and never says anything.
type Mute struct{ s *server }

// Mute starts one. It ends with the lab at the latest.
func (l *Lab) Mute(h *Host, port uint16) (*Mute, error) {
	s, err := l.serve(h, port, func(c net.Conn) { io.Copy(io.Discard, c) })
	return &Mute{s}, err
}

// Close ends it and its connections.
func (m *Mute) Close() { m.s.close() }

// Slow starts a server at a port of a host, both families, that answers each "PING" line with "+PONG", this late. It ends
// with the lab.
func (l *Lab) Slow(h *Host, port uint16, late time.Duration) error {
	_, err := l.serve(h, port, func(c net.Conn) {
		// Each answer is as late as the others, however fast the questions come.
		due := make(chan time.Time, 1<<10)
		var writer sync.WaitGroup
		defer writer.Wait()
		defer close(due)
		writer.Go(func() {
			for t := range due {
				time.Sleep(time.Until(t))
				io.WriteString(c, "+PONG\r\n")
			}
		})
		in := bufio.NewScanner(c)
		for in.Scan() {
			due <- time.Now().Add(late)
		}
	})
	return err
}

// A server is one in this process, on a host of the lab.
type server struct {
	ln   net.Listener
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows
	open   map[net.Conn]struct{}
	closed bool
}

// serve calls f, on a goroutine of its own, for each connection at a port of the host.
func (l *Lab) serve(h *Host, port uint16, f func(net.Conn)) (*server, error) {
	ln, err := h.Listen("tcp", ":"+strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	s := &server{ln: ln, open: make(map[net.Conn]struct{})}
	l.atClose(s.close)
	s.work.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if !s.keep(c) {
				c.Close()
				return
			}
			s.work.Go(func() {
				defer s.forget(c)
				f(c)
			})
		}
	})
	return s, nil
}

func (s *server) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[c] = struct{}{}
	}
	return !s.closed
}

func (s *server) forget(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// endAll ends the connections there are.
func (s *server) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
}

// close may be called more than once.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.ln.Close()
	s.mu.Unlock()
	s.endAll()
	s.work.Wait()
}
