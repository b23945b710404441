package monitor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/netcheck"
)

// A fakeProxy is an HTTP proxy in the world: the program at the other end of every connection.
type fakeProxy struct {
	mu      sync.Mutex // guards what follows
	open    map[*conn]bool
	order   []*conn
	asked   []time.Duration // when each request for a tunnel came
	heads   []string
	alive   []time.Duration // when it was asked whether it lives
	connect func(n int) (reply string, after time.Duration)
	hangs   bool                       // it answers nothing at all
	far     func(c *conn, data []byte) // the server
}

const (
	tunnelOpen = "HTTP/1.1 200 Connection established\r\n\r\n"
	silence    = ""
	hangUp     = "hang up"
)

func opens(int) (string, time.Duration) { return tunnelOpen, 0 }

func says(reply string) func(int) (string, time.Duration) {
	return func(int) (string, time.Duration) { return reply, 0 }
}

// throughProxy makes the world's program a proxy.
func throughProxy(w *world) *fakeProxy {
	p := &fakeProxy{open: map[*conn]bool{}, connect: opens, far: echo}
	w.serve = func(c *conn, data []byte) { p.serve(w, c, data) }
	return p
}

func (p *fakeProxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *fakeProxy) serve(w *world, c *conn, data []byte) {
	p.mu.Lock()
	through, far := p.open[c], p.far
	head := string(data)
	if p.hangs {
		p.mu.Unlock()
		return
	}
	var reply string
	var after time.Duration
	switch {
	case through:
	case strings.HasPrefix(head, "CONNECT "):
		p.asked = append(p.asked, w.at())
		p.heads = append(p.heads, head)
		reply, after = p.connect(len(p.asked))
	default:
		p.alive = append(p.alive, w.at())
		reply = "HTTP/1.1 400 Bad Request\r\n\r\n"
	}
	p.mu.Unlock()
	answer := func() {
		switch reply {
		case silence:
		case hangUp:
			c.hangUp(io.EOF)
		default:
			if reply == tunnelOpen {
				p.set(func() { p.open[c], p.order = true, append(p.order, c) })
			}
			c.reply([]byte(reply))
		}
	}
	switch {
	case through:
		far(c, data)
	case after > 0:
		time.AfterFunc(after, answer)
	default:
		answer()
	}
}

// first is the connection of the first tunnel.
func (p *fakeProxy) first() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order[0]
}

// requests counts the requests for a tunnel from one moment to another.
func (p *fakeProxy) requests(from, to time.Duration) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.asked {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

var proxied = Target{Heartbeat: "echo", Address: "server.example.net:7000", Via: "http://me:correct%20horse@" + serverAddr.String()}

func withoutLogin() Target {
	t := proxied
	t.Via = "http://" + serverAddr.String()
	return t
}

func TestThroughAProxy(t *testing.T) {
	var p *fakeProxy
	watch(t, proxied, func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
		w.until(10*time.Second + 100*ms)
		w.wantMoves(t, 0, "0s idle, 0s connecting, 6ms up")
		s := w.m.Snapshot()
		if s.Proxy != "http://"+serverAddr.String() || s.Remote != serverAddr.String() || s.RTT != 2*oneWay {
			t.Errorf("snapshot %+v", s)
		}
		for _, e := range w.events {
			if text := fmt.Sprintf("%+v", e.Snapshot); strings.Contains(text, "horse") {
				t.Errorf("a password is published: %s", text)
			}
		}
		if len(p.heads) != 1 || !strings.HasPrefix(p.heads[0], "CONNECT server.example.net:7000 HTTP/1.1\r\n") ||
			!strings.Contains(p.heads[0], "Proxy-Authorization: Basic bWU6Y29ycmVjdCBob3JzZQ==\r\n") {
			t.Errorf("it was asked %q", p.heads)
		}
		if w.lookUps != 0 || len(p.alive) != 0 || len(w.dials) != 1 {
			t.Errorf("%d look-ups, %d questions to the proxy and %d connections while all was well", w.lookUps, len(p.alive), len(w.dials))
		}
	})
}

// What a server says before it is asked belongs to the session.
func TestBytesBehindTheReply(t *testing.T) {
	line := withoutLogin()
	line.Heartbeat, line.Send, line.Expect = lineTarget.Heartbeat, lineTarget.Send, lineTarget.Expect
	watch(t, line, func(w *world) {
		p := throughProxy(w)
		p.connect = says(tunnelOpen + "WELCOME\n")
		p.far = answerLine
		w.serve = func(c *conn, data []byte) {
			if strings.HasPrefix(string(data), "CONNECT") {
				p.set(func() { p.open[c] = true })
				c.reply([]byte(tunnelOpen + "WELCOME\nPO"))
				return
			}
			c.reply([]byte("\n"))
			answerLine(c, data)
		}
	}, func(t *testing.T, w *world) {
		w.until(2 * time.Second)
		w.wantMoves(t, 0, "0s idle, 0s connecting, 6ms up")
	})
}

// The first lost beat leaves at 10.5 s, is overdue at 10.75 s, and silence has had its time at 11.17 s.
func TestBreaksBehindAProxy(t *testing.T) {
	upstream := []netcheck.Cause{netcheck.PathLost, netcheck.ProxyUpstreamFailed}
	tests := []struct {
		name  string
		begin func(w *world, p *fakeProxy)
		down  time.Duration
		cause netcheck.Cause
		also  []netcheck.Cause
	}{
		{"the far side is silent", func(w *world, p *fakeProxy) {
			p.set(func() { p.far, p.connect = mute, says(silence) })
		}, 11172 * ms, netcheck.ServerUnreachable, upstream},
		{"the proxy hangs", func(w *world, p *fakeProxy) {
			p.set(func() { p.hangs = true })
		}, 11172 * ms, netcheck.ProxyHung, nil},
		{"the proxy's machine is off", func(w *world, p *fakeProxy) {
			w.hole(10100*ms, forever)
		}, 11172 * ms, netcheck.ProxyUnreachable, []netcheck.Cause{netcheck.PathLost}},
		{"the gateway before it is off", func(w *world, p *fakeProxy) {
			w.hole(10100*ms, forever)
			w.set(func() { w.gateway = netcheck.Silent })
		}, 11172 * ms, netcheck.GatewayUnreachable, []netcheck.Cause{netcheck.PathLost}},
		{"the server hangs", func(w *world, p *fakeProxy) {
			p.set(func() { p.far = mute })
		}, 11172 * ms, netcheck.ServerHung, nil},
		{"the proxy says that it has no way", func(w *world, p *fakeProxy) {
			p.set(func() { p.far, p.connect = mute, says("HTTP/1.1 500 Unable to connect\r\n\r\n") })
		}, 10754 * ms, netcheck.ProxyUpstreamFailed, nil},
		{"new rules forbid it, and the session is silent", func(w *world, p *fakeProxy) {
			p.set(func() { p.far, p.connect = mute, says("HTTP/1.1 403 Filtered\r\n\r\n") })
		}, 11170 * ms, netcheck.ProxyDenied, nil},
		{"the server is killed", func(w *world, p *fakeProxy) {
			p.set(func() { p.connect = says("HTTP/1.1 500 Unable to connect\r\n\r\n") })
			p.first().hangUp(io.EOF)
		}, 10105 * ms, netcheck.ServerRefused, nil},
		{"the server is killed, and the proxy says so", func(w *world, p *fakeProxy) {
			p.set(func() { p.connect = says("HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n") })
			p.first().hangUp(reset)
		}, 10105 * ms, netcheck.ServerRefused, nil},
		{"the proxy is killed", func(w *world, p *fakeProxy) {
			w.set(func() { w.refuses = true })
			p.first().hangUp(io.EOF)
		}, 10537 * ms, netcheck.ProxyRefused, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p *fakeProxy
			watch(t, withoutLogin(), func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				tt.begin(w, p)
				w.until(13 * time.Second)
				down := w.reached(t, 10*time.Second, Down)
				_, e, _ := w.when(10*time.Second, in(Down))
				v := e.Snapshot.Verdict
				for name, also := range tt.also {
					if !slices.Contains(v.Also, also) {
						t.Errorf("%v: %s is not named beside it (%v)", name, also, v.Also)
					}
				}
				if down < tt.down-2*ms || down > tt.down+40*ms || v.Cause != tt.cause {
					t.Errorf("down at %v with %v %v, want %v with %v", down, v.Cause, v.Also, tt.down, tt.cause)
				}
				if len(v.Evidence) == 0 {
					t.Error("a verdict without evidence")
				}
			})
		})
	}
}

func TestTunnelForgotten(t *testing.T) {
	var p *fakeProxy
	watch(t, withoutLogin(), func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		old := p.first()
		p.set(func() {
			p.far = func(c *conn, data []byte) {
				if c != old {
					echo(c, data)
				}
			}
		})
		w.until(13 * time.Second)
		w.wantMoves(t, 10*time.Second, "10.75s suspect, 11.272s up")
		if at, _, ok := w.when(10*time.Second, blamed(netcheck.FlowLost)); !ok || at != 11272*ms {
			t.Errorf("told at %v", at)
		}
	})
}

// TestTunnelLost: behind a proxy and a long way one request for a tunnel that is not answered is no witness.
func TestTunnelLost(t *testing.T) {
	var p *fakeProxy
	far := func(c *conn, data []byte) { time.AfterFunc(300*ms, func() { c.reply(data) }) }
	watch(t, proxied, func(w *world) {
		p = throughProxy(w)
		p.far = far
	}, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		old := p.first()
		p.set(func() {
			p.connect = func(n int) (string, time.Duration) {
				if n == 2 {
					return silence, 0
				}
				return tunnelOpen, 300 * ms
			}
			p.far = func(c *conn, data []byte) {
				if c != old {
					far(c, data)
				}
			}
		})
		w.until(20 * time.Second)
		if at, e, ok := w.when(10*time.Second, in(Down)); ok {
			t.Errorf("down at %v with %q", at, e.Snapshot.Verdict.Cause)
		}
		if n := p.requests(10*time.Second, 20*time.Second); n > longWayAsk {
			t.Errorf("%d requests for a tunnel", n)
		}
		if n := w.open(); n != 1 {
			t.Errorf("%d connections are open, want the session alone", n)
		}
		if s := w.m.Snapshot(); s.State != Up || s.Renewals != 1 {
			t.Errorf("%v, renewed %d times", s.State, s.Renewals)
		}
	})
}

func TestProxyRestarted(t *testing.T) {
	var p *fakeProxy
	watch(t, withoutLogin(), func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.set(func() { w.refuses = true })
		p.first().hangUp(io.EOF)
		w.until(10300 * ms)
		w.set(func() { w.refuses = false })
		p.set(func() { p.connect = says("HTTP/1.1 502 not yet\r\n\r\n") })
		w.until(10400 * ms)
		p.set(func() { p.connect = opens })
		w.until(12 * time.Second)
		if at := w.reached(t, 10200*ms, Up); at > 10500*ms {
			t.Errorf("back at %v", at)
		}
		for _, e := range w.events {
			if c := e.Snapshot.Verdict.Cause; c != netcheck.CauseNone && c != netcheck.ProxyClosed {
				t.Errorf("%v", e)
			}
		}
		if _, _, ok := w.when(10*time.Second, blamed(netcheck.ProxyClosed)); !ok {
			t.Errorf("it never said proxy-closed: %s", w.moves(0))
		}
	})
}

func TestBeforeConnectingThroughAProxy(t *testing.T) {
	reply := func(head string) func(*world, *fakeProxy) {
		return func(_ *world, p *fakeProxy) { p.connect = says(head + "\r\n\r\n") }
	}
	noName := func(context.Context, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	silentName := func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tests := []struct {
		name  string
		begin func(w *world, p *fakeProxy)
		by    time.Duration
		cause netcheck.Cause
	}{
		{"nobody listens", func(w *world, _ *fakeProxy) { w.refuses = true }, 5 * ms, netcheck.ProxyRefused},
		{"its machine is off", func(w *world, _ *fakeProxy) { w.hole(0, forever) }, 1110 * ms, netcheck.ProxyUnreachable},
		{"it hangs", func(_ *world, p *fakeProxy) { p.hangs = true }, 1110 * ms, netcheck.ProxyHung},
		{"the far side is silent", func(_ *world, p *fakeProxy) { p.connect = says(silence) }, 1110 * ms, netcheck.ServerUnreachable},
		{"it hangs up", func(_ *world, p *fakeProxy) { p.connect = says(hangUp) }, 10 * ms, netcheck.ProxyClosed},
		{"407", reply("HTTP/1.1 407 Proxy Authentication Required"), 10 * ms, netcheck.ProxyAuthRequired},
		{"403", reply("HTTP/1.1 403 Filtered"), 10 * ms, netcheck.ProxyDenied},
		{"500 at once", reply("HTTP/1.1 500 Unable to connect"), 10 * ms, netcheck.ProxyUpstreamFailed},
		{"503 refused", reply("HTTP/1.1 503 x\r\nX-Squid-Error: ERR_CONNECT_FAIL 111"), 10 * ms, netcheck.ServerRefused},
		{"504 at once", reply("HTTP/1.1 504 Gateway Timeout"), 10 * ms, netcheck.ProxyUpstreamFailed},
		{"502 after 0.8 s", func(_ *world, p *fakeProxy) {
			p.connect = func(int) (string, time.Duration) { return "HTTP/1.1 502 Bad Gateway\r\n\r\n", 800 * ms }
		}, 810 * ms, netcheck.ServerUnreachable},
		{"an SSH server", func(_ *world, p *fakeProxy) { p.connect = says("SSH-2.0-OpenSSH_9.2\r\n") }, 10 * ms, netcheck.ProxyProtocolError},
		{"500, and the name is unknown here too", func(w *world, p *fakeProxy) {
			p.connect = says("HTTP/1.1 500 x\r\n\r\n")
			w.lookUp = noName
		}, 10 * ms, netcheck.NameNotFound},
		{"500, and our resolver is silent too", func(w *world, p *fakeProxy) {
			p.connect = says("HTTP/1.1 500 x\r\n\r\n")
			w.lookUp = silentName
		}, 1110 * ms, netcheck.ResolverUnreachable},
		{"silence, and our resolver is silent too", func(w *world, p *fakeProxy) {
			p.connect = says(silence)
			w.lookUp = silentName
		}, 1110 * ms, netcheck.ResolverUnreachable},
		{"the server hangs", func(_ *world, p *fakeProxy) { p.far = mute }, 1260 * ms, netcheck.ServerHung},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p *fakeProxy
			watch(t, withoutLogin(), func(w *world) {
				p = throughProxy(w)
				tt.begin(w, p)
			}, func(t *testing.T, w *world) {
				w.until(4 * time.Second)
				at, e, ok := w.when(0, func(e Event) bool { return !e.Snapshot.Verdict.IsZero() })
				if !ok || e.Snapshot.Verdict.Cause != tt.cause || at < tt.by-10*ms || at > tt.by { // too soon is a guess
					t.Errorf("%v %v at %v, want %v at %v", e.Snapshot.Verdict.Cause, e.Snapshot.Verdict.Also, at, tt.cause, tt.by)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				for _, e := range w.events {
					if c := e.Snapshot.Verdict.Cause; c != netcheck.CauseNone && c != tt.cause {
						t.Errorf("%v took it back", e)
					}
				}
			})
		})
	}
}

// tinyproxy serves 100 clients, and keeps each request whose server is silent for two minutes.
func TestSilentFarSideDoesNotWearTheProxyOut(t *testing.T) {
	var p *fakeProxy
	watch(t, withoutLogin(), func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		p.set(func() { p.far, p.connect = mute, says(silence) })
		w.until(105 * time.Second)
		if n := p.requests(10*time.Second, 105*time.Second); n < 15 || n > 26 {
			t.Errorf("%d requests for a tunnel in 95 s", n)
		}
		// The proxy's own SYN is answered: whichever request waited longest becomes the session.
		w.mu.Lock()
		waiting := slices.Clone(w.conns)
		w.mu.Unlock()
		p.set(func() { p.far, p.connect = echo, opens })
		for _, c := range waiting[len(waiting)-4:] {
			p.set(func() { p.open[c] = true })
			c.reply([]byte(tunnelOpen))
		}
		w.until(105*time.Second + 50*ms)
		if w.state() != Up {
			t.Errorf("%v: %s", w.state(), w.moves(100*time.Second))
		}
	})
}

// A wrong password sent again and again locks the user out.
func TestPasswordNotTaken(t *testing.T) {
	var p *fakeProxy
	watch(t, proxied, func(w *world) {
		p = throughProxy(w)
		p.connect = says("HTTP/1.1 407 no\r\n\r\n")
	}, func(t *testing.T, w *world) {
		w.until(9 * time.Minute)
		if n := p.requests(0, time.Hour); n != 1 {
			t.Errorf("the password was sent %d times", n)
		}
		w.m.Reconnect()
		w.pass(100 * ms)
		if n := p.requests(0, time.Hour); n != 2 {
			t.Errorf("after a click it was sent %d times", n)
		}
		p.set(func() { p.connect = opens })
		w.m.Reconnect()
		w.pass(100 * ms)
		if w.state() != Up {
			t.Errorf("%v", w.moves(0))
		}
	})
	watch(t, withoutLogin(), func(w *world) {
		p = throughProxy(w)
		p.connect = says("HTTP/1.1 407 no\r\n\r\n")
	}, func(t *testing.T, w *world) {
		w.until(5 * time.Second)
		p.set(func() { p.connect = opens })
		w.until(6100 * ms)
		if w.state() != Up {
			t.Errorf("%v", w.moves(0))
		}
	})
}

// A proxy whose far side is silent may die as well: that is seen although no request for a tunnel may be sent then.
func TestProxyDiesBehindASilentFarSide(t *testing.T) {
	var p *fakeProxy
	watch(t, withoutLogin(), func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		p.set(func() { p.far, p.connect = mute, says(silence) })
		w.until(30 * time.Second)
		w.set(func() { w.refuses = true })
		w.until(50 * time.Second)
		if s := w.m.Snapshot(); s.Verdict.Cause != netcheck.ProxyRefused {
			t.Errorf("%v", s.Verdict)
		}
		w.set(func() { w.refuses = false })
		p.set(func() { p.far, p.connect = echo, opens })
		w.until(51100 * ms)
		if w.state() != Up {
			t.Errorf("%v", w.moves(10*time.Second))
		}
	})
}

// Many targets behind one proxy whose far side is silent share what it can bear, and are back together.
func TestManyTargetsBehindAProxy(t *testing.T) {
	var p *fakeProxy
	fleetOf := make([]Target, 60)
	for i := range fleetOf {
		fleetOf[i] = withoutLogin()
		fleetOf[i].Name = fmt.Sprint("target ", i)
	}
	fleet(t, fleetOf, func(w *world) { p = throughProxy(w) }, func(t *testing.T, w *world, f *Fleet) {
		w.until(10100 * ms)
		p.set(func() { p.far, p.connect = mute, says(silence) })
		w.until(70 * time.Second)
		if n := p.requests(10*time.Second, 70*time.Second); n < tunnelsAtOnce || n > tunnelsMost {
			t.Errorf("%d requests wait at the proxy", n)
		}
		p.set(func() { p.far, p.connect = echo, opens })
		w.until(75 * time.Second)
		up := 0
		for _, s := range f.Snapshots() {
			if s.State == Up {
				up++
			}
		}
		if up != len(fleetOf) {
			t.Errorf("%d of %d are up", up, len(fleetOf))
		}
	})
}
