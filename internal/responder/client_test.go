package responder

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipe is one client of a server under the fake clock.
type pipe struct {
	net.Conn
	in     *bufio.Reader
	server *Server
	h      *heard
	start  time.Time
}

// inBubble runs f with a client connected to a server under a fake clock.
func inBubble(t *testing.T, o Options, f func(t *testing.T, c *pipe)) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{more: make(chan struct{}, 1)}
		s := New(o)
		ours, theirs := net.Pipe()
		var wg sync.WaitGroup
		s.events.open()
		wg.Go(func() { s.events.run(h.add) })
		s.take(ours, &wg)
		f(t, &pipe{theirs, bufio.NewReader(theirs), s, h, time.Now()})
		theirs.Close()
		synctest.Wait()
		s.events.close()
		wg.Wait()
	})
}

func (c *pipe) ask(t *testing.T, l string) string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		a, _ := c.in.ReadString('\n')
		got <- a
	}()
	if _, err := io.WriteString(c, l); err != nil {
		t.Fatal(err)
	}
	return <-got
}

// at waits until the fake clock is d after the start.
func (c *pipe) at(d time.Duration) { time.Sleep(time.Until(c.start.Add(d))); synctest.Wait() }

func (c *pipe) told(t *testing.T, want ...Kind) {
	t.Helper()
	synctest.Wait()
	if got := c.h.kinds(); !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
}

func (c *pipe) beat(t *testing.T, n int, every time.Duration) {
	t.Helper()
	for range n {
		if got := c.ask(t, "PING 1\n"); got != "PONG 1\n" {
			t.Fatalf("got %q", got)
		}
		time.Sleep(every)
	}
}

func TestSilenceByTheLearnedRhythm(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, c *pipe) {
		c.beat(t, 40, 500*time.Millisecond) // the last beat was 0.5 s ago
		time.Sleep(745 * time.Millisecond)
		c.told(t, Came)
		time.Sleep(10 * time.Millisecond)
		c.told(t, Came, Silent)
		if e := c.h.wait(t, Silent); e.After < 1250*time.Millisecond || e.After > 1255*time.Millisecond || e.Beats != 40 {
			t.Errorf("got %v", e)
		}
		time.Sleep(time.Minute)
		c.told(t, Came, Silent) // said once
		c.beat(t, 1, 0)
		c.told(t, Came, Silent, Back)
		if e := c.h.wait(t, Back); e.After.Round(time.Second) != 61*time.Second {
			t.Errorf("got %v", e)
		}
	})
}

func TestNoSilence(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(t *testing.T, c *pipe)
	}{
		{"one beat lost in a 300 ms hole, 0.65 s late", func(t *testing.T, c *pipe) {
			c.beat(t, 30, 500*time.Millisecond)
			time.Sleep(650 * time.Millisecond)
			c.beat(t, 5, 500*time.Millisecond)
		}},
		{"each 30 s", func(t *testing.T, c *pipe) { c.beat(t, 20, 30*time.Second) }},
		{"a person who types now and then", func(t *testing.T, c *pipe) {
			for _, gap := range []time.Duration{5, 11, 3, 8, 14, 6, 9, 4, 12} {
				c.beat(t, 1, gap*time.Second)
			}
		}},
		{"fewer than four beats, then nothing", func(t *testing.T, c *pipe) {
			c.beat(t, 3, time.Second)
			time.Sleep(time.Hour)
		}},
		{"never a byte", func(t *testing.T, c *pipe) { time.Sleep(time.Hour) }},
		{"one byte a second", func(t *testing.T, c *pipe) {
			for range 300 {
				io.WriteString(c, "P")
				time.Sleep(time.Second)
				io.CopyN(io.Discard, c.in, int64(c.in.Buffered()))
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, c *pipe) {
				if tt.name == "one byte a second" {
					// The answers must be drained, and the writes of a pipe block until they are.
					go io.Copy(io.Discard, c.Conn)
				}
				tt.f(t, c)
				c.told(t, Came)
			})
		})
	}
}

func TestHowEchoAndLineAreToldApart(t *testing.T) {
	t.Run("PING in pieces", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			io.WriteString(c, "PI")
			time.Sleep(150 * time.Millisecond)
			if got := c.ask(t, "NG 5\n"); got != "PONG 5\n" {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("a lone P is echoed after 200 ms", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			io.WriteString(c, "P")
			b, err := c.in.ReadByte()
			if b != 'P' || err != nil || time.Since(c.start) != undecidedFor {
				t.Errorf("%q (%v) after %v", b, err, time.Since(c.start))
			}
			if got := c.ask(t, "PING 1\n"); got != "PING 1\n" {
				t.Errorf("an echo session answered %q", got)
			}
		})
	})
	t.Run("megabytes without a newline come back", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			const size = 4 << 20
			go io.Copy(c, io.LimitReader(strings.NewReader(strings.Repeat("\x00", size)), size))
			n, err := io.CopyN(io.Discard, c.in, size)
			if n != size || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	})
}

func TestProtocolAbuse(t *testing.T) {
	t.Run("a line without an end", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			go io.WriteString(c, "PING "+strings.Repeat("x", 1<<20))
			if _, err := c.in.ReadByte(); err != io.EOF {
				t.Errorf("got %v, want end of stream", err)
			}
			c.told(t, Came, Ended)
		})
	})
	t.Run("answers left unread", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			io.WriteString(c, "PING 1\n")
			c.at(writeWait - time.Millisecond)
			c.told(t, Came)
			c.at(writeWait + time.Millisecond)
			c.told(t, Came, Ended)
		})
	})
}

func TestModes(t *testing.T) {
	t.Run("late", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			c.server.SetMode(Late)
			for i := range 10 {
				asked := time.Now()
				if got := c.ask(t, "PING 1\n"); got != "PONG 1\n" || time.Since(asked) != 300*time.Millisecond {
					t.Errorf("beat %d: %q after %v", i, got, time.Since(asked))
				}
				time.Sleep(200 * time.Millisecond)
			}
			c.told(t, Came)
		})
	})
	t.Run("hung, then normal", func(t *testing.T) {
		inBubble(t, Options{}, func(t *testing.T, c *pipe) {
			c.beat(t, 5, 500*time.Millisecond)
			c.server.SetMode(Hung)
			for range 20 {
				if _, err := io.WriteString(c, "PING lost\n"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(500 * time.Millisecond)
			}
			c.server.SetMode(Normal)
			if got := c.ask(t, "PING 2\n"); got != "PONG 2\n" {
				t.Errorf("got %q: what was asked while hung is not answered", got)
			}
			c.told(t, Came)
		})
	})
	for m := Normal; m <= Closing; m++ {
		if got, err := ParseMode(m.String()); got != m || err != nil {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMode("broken"); err == nil {
		t.Error("an unknown mode was accepted")
	}
}
