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
//
// Everything that is done for each beat is called from here directly, however long that makes it: three frames more and
// the goroutine's stack would grow from 2 KiB to 4 KiB and stay there (6.4 KiB a client measured, so 5.0).
func (c *client) run() {
	defer c.conn.Close()
	c.last, c.start = c.came, c.came
	due := c.judge(c.came)
	for {
		c.conn.SetReadDeadline(due) // fails only when closed, and so does Read then
		n, err := c.conn.Read(c.buf[c.held:])
		now := time.Now()
		b := c.buf[:int(c.held)+n]
		if n > 0 {
			c.heard(now)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			if now.Sub(due) > lateTimer {
				due = now.Add(c.s.o.SilentAfter) // what the client sent meanwhile is still to be read
				continue
			}
			if c.held == 0 {
				due = c.judge(now)
				continue
			}
			c.protocol, err = echo, nil
		}
		if err != nil && n == 0 {
			c.over(err, now)
			return
		}
		out, pooled, why := c.answer(b)
		if len(out) > 0 && c.willing() {
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			_, err := c.conn.Write(out)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				why = "it does not read its answers"
			case isReset(err): // told once: the next read would find an orderly end
				c.over(err, now)
				return
			} // any other error comes again with the next read
		}
		recycle(pooled, out)
		if why != "" {
			c.abort(why)
			return
		}
		due = c.due()
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

// answer returns what to answer to b, the beginning of buf, and the buffer from the pool in which it stands, if in any.
// It also returns why the session is to be ended, empty if it is not.
func (c *client) answer(b []byte) (out []byte, pooled *[]byte, why string) {
	if c.protocol == undecided {
		if c.protocol = decide(b); c.protocol == undecided {
			c.held = int8(len(b))
			return nil, nil, ""
		}
	}
	c.held = 0
	if c.protocol == echo {
		c.beats++
		return b, nil, ""
	}
	pooled = answers.Get().(*[]byte)
	out, beats, ok := c.lines.feed((*pooled)[:0], b)
	c.beats += beats
	if !ok {
		why = "a line of more than 4096 bytes"
	}
	return out, pooled, why
}

// recycle gives a buffer back to the pool, unless it has grown large.
func recycle(pooled *[]byte, out []byte) {
	if pooled != nil && cap(out) <= 16<<10 {
		*pooled = out
		answers.Put(pooled)
	}
}

// willing reports whether the mode allows an answer, and waits as the mode demands.
func (c *client) willing() bool {
	switch c.s.Mode() {
	case Hung:
		return false
	case Late:
		c.s.late()
	}
	return true
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
