package responder

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// bufferBytes is what one read takes; a heartbeat is far smaller, and each client holds one buffer.
	bufferBytes = 512
	// burst: what is heard within it counts as one beat.
	burst = 10 * time.Millisecond
	// undecidedFor is how long the beginning of "PING" may wait for its rest; longer than TCP's first retransmission.
	undecidedFor = 200 * time.Millisecond
	// writeWait is how long a client may leave its answers unread.
	writeWait = 2 * time.Second
	// lateTimer: a timer of ours that fires later than this says that we were not run, and proves nothing of the client.
	lateTimer = 120 * time.Millisecond
)

// answers are the buffers in which answers are put together, for the moment that takes.
var answers = sync.Pool{New: func() any { b := make([]byte, 0, 2*bufferBytes); return &b }}

// A client is one session. Its goroutine owns it, except for end.
type client struct {
	s     *Server
	conn  net.Conn
	addr  netip.AddrPort
	came  time.Time
	last  time.Time // when anything was heard; came at first
	start time.Time // of the burst that was heard last
	beats uint64

	rhythm   rhythm
	lines    lines
	held     int8 // bytes at the start of buf that are the undecided beginning of the session
	protocol protocol
	silent   bool

	mu  sync.Mutex // guards why
	why string     // why this server ended the session; empty while it did not

	buf [bufferBytes]byte
}

// end closes the session from outside its goroutine.
func (c *client) end(why string) {
	c.mu.Lock()
	if c.why == "" {
		c.why = why
	}
	c.mu.Unlock()
	c.conn.Close()
}

func (c *client) tell(k Kind, after time.Duration, why string) {
	c.s.events.put(Event{Time: time.Now(), Client: c.addr, Kind: k, After: after, Beats: c.beats, Why: why})
}

// run answers the client until the session ends.
func (c *client) run() {
	defer c.conn.Close()
	c.last, c.start = c.came, c.came
	due := c.judge(c.came)
	for {
		c.conn.SetReadDeadline(due) // fails only when closed, and so does Read then
		n, err := c.conn.Read(c.buf[c.held:])
		now := time.Now()
		if n > 0 {
			c.heard(now)
			if why := c.take(int(c.held) + n); why != "" {
				c.abort(why)
				return
			}
			due = c.due()
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if now.Sub(due) > lateTimer {
				due = now.Add(c.s.o.SilentAfter) // what the client sent meanwhile is still to be read
				continue
			}
			if c.held > 0 {
				c.protocol = echo
				if why := c.take(int(c.held)); why != "" {
					c.abort(why)
					return
				}
				due = c.due()
				continue
			}
			due = c.judge(now)
		default:
			c.over(err, now)
			return
		}
	}
}

// heard notes a sign of life.
func (c *client) heard(now time.Time) {
	if c.silent {
		c.silent = false
		c.tell(Back, now.Sub(c.last), "")
	}
	if gap := now.Sub(c.start); gap >= burst {
		if c.start != c.came { // the wait before the first beat is no interval
			c.rhythm.heard(gap)
		}
		c.start = now
	} else if c.start == c.came {
		c.start = now
	}
	c.last = now
}

// take answers the first n bytes of buf. It returns why the session is to be ended, empty if it is not.
func (c *client) take(n int) string {
	b := c.buf[:n]
	if c.protocol == undecided {
		if c.protocol = decide(b); c.protocol == undecided {
			c.held = int8(n)
			return ""
		}
	}
	c.held = 0
	if c.protocol == echo {
		c.beats++
		return c.write(b)
	}
	p := answers.Get().(*[]byte)
	out, beats, ok := c.lines.feed((*p)[:0], b)
	c.beats += beats
	why := c.write(out)
	if cap(out) <= 16<<10 {
		*p = out
		answers.Put(p)
	}
	if !ok {
		return "a line of more than 4096 bytes"
	}
	return why
}

// write sends b as the mode demands. It returns why the session is to be ended, empty if it is not.
func (c *client) write(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	switch c.s.Mode() {
	case Hung:
		return ""
	case Late:
		c.s.mu.Lock()
		changed := c.s.changed
		c.s.mu.Unlock()
		t := time.NewTimer(c.s.o.LateBy)
		select {
		case <-t.C:
		case <-changed:
			t.Stop()
		}
	}
	c.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if _, err := c.conn.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
		return "it does not read its answers"
	}
	return "" // the next read tells of any other error
}

// abort ends a session that asks for too much, without leaving its unsent answers to the kernel.
func (c *client) abort(why string) {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.conn.Close()
	c.tell(Ended, time.Since(c.came), why)
}

// due is when the client is to be judged next if nothing is heard; zero never.
func (c *client) due() time.Time {
	if c.held > 0 {
		return c.last.Add(undecidedFor)
	}
	if limit, ok := c.rhythm.limit(c.s.o.SilentAfter); ok {
		return c.last.Add(limit)
	}
	return c.judge(c.last)
}

// judge says whether silence has become too long, reports it, and returns when to judge again; zero only when something is
// heard.
func (c *client) judge(now time.Time) time.Time {
	quiet := now.Sub(c.last)
	limit, rhythmic := c.rhythm.limit(c.s.o.SilentAfter)
	if rhythmic && !c.silent {
		if quiet < limit {
			return c.last.Add(limit)
		}
		why := ""
		// The probe of the keepalive was acknowledged after the last beat and its answer were: the program is hung.
		if age, ok := ackAge(c.conn); ok && age < quiet-500*time.Millisecond {
			why = "its computer still answers"
		}
		c.silent = true
		c.tell(Silent, quiet, why)
		return time.Time{}
	}
	if rhythmic || c.s.o.Keepalive.Idle <= 0 || c.s.o.Keepalive.Interval <= 0 {
		return time.Time{}
	}
	// No rhythm: one keepalive probe may be lost, the second must not be.
	allowed := c.s.o.Keepalive.Idle + c.s.o.Keepalive.Interval + 250*time.Millisecond
	age, ok := ackAge(c.conn)
	switch {
	case !ok:
		return time.Time{} // the kernel's giving up is all there is
	case age < allowed:
		if c.silent {
			c.silent = false
			c.tell(Back, now.Sub(c.last), "")
			c.last = now
		}
		return now.Add(max(allowed-age, 100*time.Millisecond))
	case !c.silent:
		c.silent = true
		c.last = now.Add(-age)
		c.tell(Silent, age, "its computer does not answer")
	}
	return now.Add(time.Second)
}

// over reports the end of the session that err is.
func (c *client) over(err error, now time.Time) {
	c.mu.Lock()
	why := c.why
	c.mu.Unlock()
	lasted, quiet := now.Sub(c.came), now.Sub(c.last)
	switch {
	case why != "":
		c.tell(Ended, lasted, why)
	case errors.Is(err, io.EOF):
		c.tell(Went, lasted, "")
	case isReset(err):
		c.tell(Reset, lasted, "")
	default: // ETIMEDOUT, EHOSTUNREACH: silence by another name
		if !c.silent {
			c.tell(Silent, quiet, "")
		}
		c.tell(Lost, quiet, "")
	}
}
