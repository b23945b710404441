// Package responder is the heartbeat server: it answers the line and echo heartbeats of many clients and says which of
// them came, went in order, was reset, or fell silent although nobody closed anything. It is `holdfast serve` and the
// built-in demo, whose drill is [Server.SetMode].
//
// # Protocol
//
// The first bytes of a session decide how it is answered, for as long as it lasts.
//
//   - Line: the session begins with the four bytes PING followed by a space or the end of a line. "PING text" is
//     answered by "PONG text", a bare "PING" by "+PONG" (as a Redis server does), each with the line ending it was
//     asked with, "\n" or "\r\n". Any other line is answered by "-ERR expected PING". A line of more than 4096 bytes
//     ends the session.
//   - Echo: the session begins with anything else. Each byte is sent back, none is looked at.
//
// A session that begins with part of "PING" and then pauses for 200 ms is an echo session: an echo client may send a
// single P.
//
// # Silence
//
// A client that keeps a rhythm is missed when it breaks it: after twice its mean interval plus four times its mean
// deviation plus a quarter of a second, and never before [Options.SilentAfter]. A client that has sent less than four
// times has no rhythm; it is missed when its computer has left TCP keepalive probes unanswered, which only Linux can
// say before the kernel gives the session up.
package responder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Mode is how the server behaves towards its clients. The zero value is Normal; the others are faults to practise with.
type Mode uint32

const (
	Normal  Mode = iota // answers
	Stopped             // as if the program had ended: every session is closed and the port refuses
	Hung                // accepts and reads, and never answers
	Late                // answers after Options.LateBy: slow, and no reason for an alarm
	Closing             // closes each session at once
)

var modeNames = [...]string{"normal", "stopped", "hung", "late", "closing"}

// String returns the name that ParseMode reads.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint32(m))
}

// ParseMode is the inverse of Mode.String.
func ParseMode(name string) (Mode, error) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), nil
		}
	}
	return Normal, fmt.Errorf("unknown mode %q", name)
}

// Options of a Server. The zero value is ready to use.
type Options struct {
	Logger *slog.Logger // nil: nothing is logged

	// Keepalive is set on every accepted session; the zero value means enabled, 1 s, 1 s, 10. UserTimeout is its
	// TCP_USER_TIMEOUT where there is one: 0 means 10 s, less than 0 the system's default. They decide when a session is
	// given up, so they are patient: a client back from a short hole finds its session as it left it.
	Keepalive   net.KeepAliveConfig
	UserTimeout time.Duration

	// SilentAfter is the shortest silence that is reported, 0 means 1.25 s: a beat each 500 ms of which one was lost in
	// a 300 ms hole and came with TCP's second retransmission, 0.65 s late, is not silence yet.
	SilentAfter time.Duration

	LateBy     time.Duration // delay of each answer in mode Late; 0 means 300 ms
	MaxClients int           // clients at one time, more are closed at once; 0 means 10 000

	// OnEvent is told what happened, one event at a time, in order for each client; nil: nobody is. It may be slow: up to
	// 32 768 events wait for it, more are counted in Event.Dropped. It must return for Serve to return.
	OnEvent func(Event)
}

// keepalive as read back from a socket; fields that the system cannot tell are zero.
type keepalive struct {
	enabled        bool
	idle, interval time.Duration
	count          int
	userTimeout    time.Duration
}

// A Server answers heartbeats. Its methods may be called from any goroutine.
type Server struct {
	o      Options
	log    *slog.Logger
	mode   atomic.Uint32
	count  atomic.Int64
	events queue

	mu      sync.Mutex // guards what follows
	served  bool
	addr    net.Addr
	ln      net.Listener // nil: not listening
	clients map[*client]struct{}
	ended   bool          // Serve is on its way out
	changed chan struct{} // closed and replaced at each SetMode
	socket  keepalive     // of the newest client
	warned  bool          // the difference between socket and what was asked has been logged
}

// New returns a Server that Serve starts.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keepalive == (net.KeepAliveConfig{}) {
		o.Keepalive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 10}
	}
	if o.UserTimeout == 0 {
		o.UserTimeout = 10 * time.Second
	}
	if o.SilentAfter <= 0 {
		o.SilentAfter = 1250 * time.Millisecond
	}
	if o.LateBy <= 0 {
		o.LateBy = 300 * time.Millisecond
	}
	if o.MaxClients <= 0 {
		o.MaxClients = 10_000
	}
	return &Server{
		o: o, log: o.Logger,
		clients: make(map[*client]struct{}),
		changed: make(chan struct{}),
		events:  queue{wake: make(chan struct{}, 1)},
	}
}

// Clients is the number of sessions at this moment.
func (s *Server) Clients() int { return int(s.count.Load()) }

// Addr is where Serve listens, also while Stopped; nil before Serve.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Mode is the mode set last.
func (s *Server) Mode() Mode { return Mode(s.mode.Load()) }

// SetMode changes the behaviour, for sessions that exist too, also before Serve. When it returns from Stopped or Closing,
// the sessions are closed and, Stopped, the listening socket as well. Leaving Stopped opens the same port again; when
// somebody else has taken it meanwhile, Serve goes on trying.
func (s *Server) SetMode(m Mode) {
	if m > Closing {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode.Store(uint32(m))
	close(s.changed)
	s.changed = make(chan struct{})
	if s.addr == nil || s.ended {
		return
	}
	if m == Stopped && s.ln != nil {
		s.ln.Close()
		s.ln = nil
	}
	if m == Stopped || m == Closing {
		s.endAll("the server is " + m.String())
	}
	if m != Stopped && s.ln == nil {
		s.reopen()
	}
}

// reopen listens on the old address again; s.mu is held.
func (s *Server) reopen() bool {
	ln, err := net.Listen(s.addr.Network(), s.addr.String())
	if err != nil {
		s.log.Warn("opening the port again", "addr", s.addr.String(), "err", err)
		return false
	}
	s.ln = ln
	return true
}

// endAll closes every session; s.mu is held.
func (s *Server) endAll(why string) {
	for c := range s.clients {
		c.end(why)
	}
}

// Serve answers clients of ln until ctx ends, and returns nil then; it returns an error when ln fails for good. Every
// session is closed and every goroutine has ended when it returns. It may be called once, and owns ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.mu.Lock()
	if s.served {
		s.mu.Unlock()
		ln.Close()
		return errors.New("responder: Serve called twice")
	}
	s.served = true
	s.addr = ln.Addr()
	s.ln = ln
	if s.Mode() == Stopped {
		ln.Close()
		s.ln = nil
	}
	s.mu.Unlock()

	var sessions, dispatch sync.WaitGroup
	if s.o.OnEvent != nil {
		s.events.open()
		dispatch.Go(func() { s.events.run(s.o.OnEvent) })
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ln != nil {
			s.ln.Close()
		}
	})
	err := s.accept(ctx, &sessions)
	stop()
	s.mu.Lock()
	s.ended = true
	if s.ln != nil {
		s.ln.Close()
		s.ln = nil
	}
	s.endAll("the server ends")
	close(s.changed) // whoever waits in mode Late
	s.changed = make(chan struct{})
	s.mu.Unlock()
	sessions.Wait()
	s.events.close()
	dispatch.Wait()
	return err
}

// accept takes clients until ctx ends, whatever becomes of the listening socket meanwhile.
func (s *Server) accept(ctx context.Context, sessions *sync.WaitGroup) error {
	// A failing accept (out of file descriptors, mostly) is tried again after this pause, doubled up to a second.
	const shortest = 5 * time.Millisecond
	pause := shortest
	for {
		s.mu.Lock()
		ln, changed := s.ln, s.changed
		if ln == nil && s.Mode() != Stopped && ctx.Err() == nil && s.reopen() {
			ln = s.ln
		}
		s.mu.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		if ln == nil {
			var again <-chan time.Time
			if s.Mode() != Stopped {
				again = time.After(500 * time.Millisecond) // the port is somebody else's for now
			}
			select {
			case <-ctx.Done():
			case <-changed:
			case <-again:
			}
			continue
		}
		conn, err := ln.Accept()
		if err == nil {
			pause = shortest
			s.take(conn, sessions)
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			s.mu.Lock()
			ours := s.ln != ln // SetMode closed it
			s.mu.Unlock()
			if ours {
				continue
			}
			return fmt.Errorf("responder: accept: %w", err)
		}
		if wentBefore(err) {
			continue
		}
		if pause == shortest {
			s.log.Warn("accepting clients", "clients", s.Clients(), "err", err)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

// take makes a session of an accepted connection, or closes it.
func (s *Server) take(conn net.Conn, sessions *sync.WaitGroup) {
	c := &client{s: s, conn: conn, came: time.Now()}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	s.prepare(conn)

	refused := ""
	s.mu.Lock()
	mode := s.Mode()
	switch {
	case s.ended:
		refused = "the server ends"
	case mode == Stopped || mode == Closing:
		refused = "the server is " + mode.String()
	case len(s.clients) >= s.o.MaxClients:
		refused = "too many clients"
	default:
		s.clients[c] = struct{}{}
		s.count.Add(1)
	}
	s.mu.Unlock()

	c.tell(Came, 0, "")
	if refused != "" {
		conn.Close()
		c.tell(Ended, 0, refused)
		return
	}
	sessions.Add(1)
	go s.session(c, sessions)
}

func (s *Server) session(c *client, sessions *sync.WaitGroup) {
	defer sessions.Done()
	c.run()
	s.mu.Lock()
	delete(s.clients, c)
	s.mu.Unlock()
	s.count.Add(-1)
}

// late waits as long as an answer is late, or until the mode changes.
func (s *Server) late() {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	t := time.NewTimer(s.o.LateBy)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	}
}

// prepare sets keepalive and user timeout and reads back what took effect. A socket that refuses is served all the same:
// its silence is then noticed by its rhythm alone.
func (s *Server) prepare(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	err := setKeepalive(tcp, s.o.Keepalive)
	if s.o.UserTimeout > 0 {
		err = errors.Join(err, setUserTimeout(tcp, s.o.UserTimeout))
	}
	got, rerr := readKeepalive(tcp, s.o.Keepalive)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket = got
	// A client that has gone already makes every call fail on some systems: no reason to warn.
	if err = errors.Join(err, rerr); err != nil && !s.warned && !errors.Is(err, errUnsupported) {
		s.warned = true
		s.log.Warn("setting keepalive on a client's socket", "err", err)
	}
}
