package monitor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/netcheck"
)

var (
	echoTarget = Target{Heartbeat: "echo"}
	lineTarget = Target{Heartbeat: "line", Send: "PING {nonce}\n", Expect: "PONG {nonce}"}
	noneTarget = Target{Heartbeat: "none"}
)

// answerLine answers lineTarget.
func answerLine(c *conn, data []byte) {
	c.reply([]byte(strings.ReplaceAll(string(data), "PING", "PONG")))
}

func TestUpAndBeatingOnTheGrid(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10*time.Second + 100*ms)
		w.wantMoves(t, 0, "0s idle, 0s connecting, 4ms up")
		s := w.m.Snapshot()
		if s.RTT != 2*oneWay || s.LegRTT != 2*oneWay || s.Attempt != 0 || len(s.Attempts) != 1 || !s.Attempts[0].OK || len(s.Outages) != 0 {
			t.Errorf("snapshot %+v", s)
		}
		if got := time.Since(s.LastAnswer); got != 98*ms {
			t.Errorf("last answer %v ago, want 98ms", got)
		}
		if s.Remote != serverAddr.String() || s.Way != wayThere || !s.Keepalive.Enabled || !s.UpSince.Equal(w.start.Add(4*ms)) || !s.Since.Equal(s.UpSince) {
			t.Errorf("snapshot %+v", s)
		}
		want := 500 * ms
		for _, at := range w.conns[0].beats(5*ms, time.Minute) {
			if at != want {
				t.Fatalf("a beat at %v, want %v", at, want)
			}
			want += 500 * ms
		}
		if want != 10500*ms {
			t.Errorf("the last beat left at %v", want-500*ms)
		}
		if s.Seq > 8 {
			t.Errorf("%d snapshots were made of a session at rest", s.Seq)
		}
	})
}

// The first lost beat leaves at 10.5 s. Its deadline is 250 ms, and silence has had its time 670 ms after it.
func TestSilence(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*world)
		begin   func(*world)
		down    time.Duration
		cause   netcheck.Cause
	}{
		{"the server's host falls silent, the gateway answers", nil, func(w *world) { w.hole(10100*ms, forever) }, 11178 * ms, netcheck.PathLost},
		{"the same, nothing known of the kernel", func(w *world) { w.noInfo = true }, func(w *world) { w.hole(10100*ms, forever) }, 11178 * ms, netcheck.PathLost},
		{"everything falls silent", nil, func(w *world) {
			w.hole(10100*ms, forever)
			w.set(func() { w.gateway = netcheck.Silent })
		}, 11178 * ms, netcheck.GatewayUnreachable},
		{"the server hangs, its kernel acknowledges", nil, func(w *world) { w.set(func() { w.serve = mute }) }, 11178 * ms, netcheck.ServerHung},
		{"the server's host falls silent, the kernel tells bytes", func(w *world) { w.inBytes = true }, func(w *world) { w.hole(10100*ms, forever) }, 11178 * ms, netcheck.PathLost},
		{"the server hangs, the kernel tells bytes", func(w *world) { w.inBytes = true }, func(w *world) { w.set(func() { w.serve = mute }) }, 11178 * ms, netcheck.ServerHung},
		// Without the kernel's word the fresh connection's silence needs 650 ms, and a round trip.
		{"the server hangs, nothing known of the kernel", func(w *world) { w.noInfo = true },
			func(w *world) { w.set(func() { w.serve = mute }) }, 11404 * ms, netcheck.ServerHung},
		// Acknowledged, and the fresh SYN silent: the backlog of a stopped server is full.
		{"the server hangs, its backlog is full", nil, func(w *world) {
			w.set(func() {
				w.serve = mute
				w.lost = func(time.Duration) bool { return len(w.dials) > 1 && w.carrying == nil }
			})
		}, 11178 * ms, netcheck.ServerHung},
		{"the old session hangs, a new one does not", nil, func(w *world) {
			w.set(func() { w.serve = w.echoUnlessFirst })
		}, 11268 * ms, netcheck.ServerHung},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			watch(t, echoTarget, tt.prepare, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				tt.begin(w)
				w.until(13 * time.Second)
				suspect := w.reached(t, 10*time.Second, Suspect)
				if suspect != 10750*ms {
					t.Errorf("suspect at %v, want 10.75s", suspect)
				}
				_, e, _ := w.when(10*time.Second, in(Suspect))
				if !e.Snapshot.Verdict.IsZero() {
					t.Errorf("a cause %v was shown on the first sign", e.Snapshot.Verdict.Cause)
				}
				down := w.reached(t, suspect, Down)
				_, e, _ = w.when(suspect, in(Down))
				if down != tt.down || e.Snapshot.Verdict.Cause != tt.cause {
					t.Errorf("down at %v with %v, want %v with %v", down, e.Snapshot.Verdict.Cause, tt.down, tt.cause)
				}
				s := e.Snapshot
				if !s.BrokenSince.Equal(w.start.Add(suspect)) || len(s.Outages) != 1 || !s.Outages[0].End.IsZero() || s.Attempt != 1 || !s.UpSince.IsZero() {
					t.Errorf("snapshot of the outage: %+v", s)
				}
				if len(s.Verdict.Evidence) == 0 {
					t.Errorf("a verdict without evidence")
				}
			})
		})
	}
}

// The session's packets vanish, a new connection works at 254 ms: the old one has until 2·254 + 260 ms. Then the new one
// takes its place: the cause is told, and nobody was without a session.
func TestFlowLost(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.set(func() { w.lost = func(time.Duration) bool { return w.carrying == w.conns[0] } })
		w.until(13 * time.Second)
		w.wantMoves(t, 10*time.Second, "10.75s suspect, 11.268s up")
		at, e, ok := w.when(10*time.Second, blamed(netcheck.FlowLost))
		if !ok || at != 11268*ms || e.Kind != VerdictEvent || e.Snapshot.State != Suspect || len(e.Snapshot.Verdict.Evidence) == 0 {
			t.Errorf("told at %v: %+v", at, e)
		}
		_, e, ok = w.when(at, in(Up))
		if s := w.m.Snapshot(); !ok || !e.Renewed || s.Renewals != 1 || s.RenewEvery != 0 || len(s.Outages) != 0 {
			t.Errorf("renewed %v, %+v", e.Renewed, s)
		}
	})
}

// TestLostSYNs: while a session is silent, lost SYNs and a lost first beat are no witnesses against the server.
func TestLostSYNs(t *testing.T) {
	tests := []struct {
		name   string
		oneWay time.Duration
		syns   int // so many are lost
	}{
		{"near", oneWay, 1},
		{"a long way", 150 * ms, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			watch(t, echoTarget, func(w *world) { w.oneWay, w.shake = tt.oneWay, 2*tt.oneWay }, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				left := tt.syns
				w.set(func() {
					w.lost = func(time.Duration) bool {
						if w.carrying == nil && left > 0 {
							left--
							return true
						}
						return w.carrying == w.conns[0]
					}
				})
				w.until(15 * time.Second)
				if at, e, ok := w.when(10*time.Second, in(Down)); ok {
					t.Errorf("down at %v with %v", at, e.Snapshot.Verdict.Cause)
				}
				if s := w.m.Snapshot(); s.State != Up || s.Renewals != 1 || len(s.Outages) != 0 {
					t.Errorf("%v, renewed %d times, %d outages", s.State, s.Renewals, len(s.Outages))
				}
				if n := w.open(); n != 1 {
					t.Errorf("%d connections are open, want the session alone", n)
				}
			})
		})
	}
}

// farAway is a world with a round trip of 300 ms.
func farAway(w *world) { w.oneWay, w.shake = 150*ms, 300*ms }

// What the kernel hears behind a gap says that the server lives, though this program can read none of it yet.
func TestGapsAreHeard(t *testing.T) {
	for _, heard := range []bool{true, false} {
		t.Run(fmt.Sprint(heard), func(t *testing.T) {
			watch(t, echoTarget, farAway, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				// The answer to the beat at 10.5 s is sent again and again until it comes; its kernel acknowledges all.
				w.set(func() { w.serve = mute })
				w.until(10900 * ms)
				if heard {
					w.set(func() { w.gaps++ })
				}
				w.until(11600 * ms)
				w.set(func() { w.serve = echo })
				w.until(15 * time.Second)
				_, e, down := w.when(10*time.Second, in(Down))
				if down == heard {
					t.Errorf("down %v with %q", down, e.Snapshot.Verdict.Cause)
				}
				if !heard && e.Snapshot.Verdict.Cause != netcheck.ServerHung {
					t.Errorf("down with %q", e.Snapshot.Verdict.Cause)
				}
			})
		})
	}
}

// A long way that fell silent and recovered gets one more retransmission's time before its next silence is believed.
func TestShakyWay(t *testing.T) {
	for _, shaken := range []bool{true, false} {
		t.Run(fmt.Sprint(shaken), func(t *testing.T) {
			watch(t, echoTarget, farAway, func(t *testing.T, w *world) {
				if shaken {
					w.hole(10400*ms, 10600*ms)
				}
				w.until(14900 * ms)
				if _, _, ok := w.when(10*time.Second, in(Suspect)); ok != shaken {
					t.Fatalf("suspected %v", ok)
				}
				w.hole(15400*ms, 16900*ms)
				w.until(20 * time.Second)
				if at, e, ok := w.when(10*time.Second, in(Down)); ok == shaken {
					t.Errorf("down %v at %v with %q", ok, at, e.Snapshot.Verdict.Cause)
				}
			})
		})
	}
}

// A fresh connection over a long way is asked three times in a row: what follows a lost beat shows that it is lost.
func TestEarlyBeatsOverALongWay(t *testing.T) {
	for _, tt := range []struct {
		oneWay time.Duration
		beats  int // in the first 250 ms
	}{{oneWay, 1}, {150 * ms, 3}} {
		watch(t, echoTarget, func(w *world) { w.oneWay, w.shake, w.serve = tt.oneWay, 2*tt.oneWay, mute }, func(t *testing.T, w *world) {
			w.until(time.Second)
			if got := w.conns[0].beats(0, 2*tt.oneWay+250*ms); len(got) != tt.beats {
				t.Errorf("one way %v: beats at %v, want %d", tt.oneWay, got, tt.beats)
			}
		})
	}
}

// echoUnlessFirst answers on every connection but the first.
func (w *world) echoUnlessFirst(c *conn, data []byte) {
	if w.conns[0] != c {
		c.reply(data)
	}
}

func TestLateAnswerIsNoOutage(t *testing.T) {
	for _, late := range []time.Duration{260 * ms, 400 * ms, 660 * ms} {
		t.Run(late.String(), func(t *testing.T) {
			watch(t, echoTarget, nil, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				w.set(func() {
					w.serve = func(c *conn, data []byte) { time.AfterFunc(late-2*oneWay, func() { c.reply(data) }) }
				})
				w.until(11500*ms - 5*ms)
				w.set(func() { w.serve = echo })
				w.until(20 * time.Second)
				w.wantMoves(t, 10*time.Second, fmt.Sprintf("10.75s suspect, %v up", 10500*ms+late))
				if s := w.m.Snapshot(); s.Attempt != 0 || len(s.Attempts) != 1 || len(s.Outages) != 0 || !s.UpSince.Equal(w.start.Add(4*ms)) {
					t.Errorf("something was counted: %+v", s)
				}
				if n := w.open(); n != 1 {
					t.Errorf("%d connections are open, want the session alone", n)
				}
			})
		})
	}
}

func TestHoleOf300msIsNeverDown(t *testing.T) {
	for _, target := range []Target{echoTarget, noneTarget} {
		for phase := range 50 {
			from := 10*time.Second + time.Duration(phase)*10*ms
			watch(t, target, nil, func(t *testing.T, w *world) {
				w.hole(from, from+300*ms)
				w.until(20 * time.Second)
				if at, e, ok := w.when(10*time.Second, in(Down)); ok {
					t.Errorf("heartbeat %s, hole from %v: down at %v with %v", target.Heartbeat, from, at, e.Snapshot.Verdict.Cause)
				}
				if s := w.m.Snapshot(); s.State != Up || len(s.Outages) != 0 {
					t.Errorf("heartbeat %s, hole from %v: %v, %d outages", target.Heartbeat, from, s.State, len(s.Outages))
				}
			})
		}
	}
}

func TestHoleWhileConnecting(t *testing.T) {
	for phase := range 30 {
		from := time.Duration(phase) * 10 * ms
		watch(t, echoTarget, func(w *world) { w.lost = func(at time.Duration) bool { return at >= from-290*ms && at < from+10*ms } },
			func(t *testing.T, w *world) {
				w.until(5 * time.Second)
				if at, _, ok := w.when(0, in(Down)); ok {
					t.Errorf("hole until %v: down at %v", from+10*ms, at)
				}
			})
	}
}

func TestSessionEnds(t *testing.T) {
	hangUp := func(how error) func(*world) {
		return func(w *world) { w.conns[0].hangUp(how) }
	}
	tests := []struct {
		name   string
		lived  time.Duration
		end    func(*world)
		moves  string
		down   netcheck.Cause
		outage bool
	}{
		{"closed, and refused", 10100 * ms, func(w *world) {
			w.set(func() { w.refuses = true })
			w.conns[0].hangUp(io.EOF)
			time.AfterFunc(time.Second, func() { w.set(func() { w.refuses = false }) })
		}, "", netcheck.ServerRefused, true},
		{"reset, and refused", 10100 * ms, func(w *world) {
			w.set(func() { w.refuses = true })
			w.conns[0].hangUp(reset)
			time.AfterFunc(time.Second, func() { w.set(func() { w.refuses = false }) })
		}, "", netcheck.ServerRefused, true},
		{"closed, and a last connection reset before it refuses", 10100 * ms, func(w *world) {
			w.set(func() {
				w.accept = func(c *conn) {
					c.hangUp(reset)
					w.set(func() { w.accept, w.refuses = nil, true })
				}
			})
			w.conns[0].hangUp(io.EOF)
			time.AfterFunc(time.Second, func() { w.set(func() { w.refuses = false }) })
		}, "", netcheck.ServerRefused, true},
		{"reset, and accepted", 10100 * ms, hangUp(reset), "10.101s suspect, 10.105s down server-reset, 10.105s up", netcheck.ServerReset, true},
		{"closed after one second, and accepted", 1100 * ms, hangUp(io.EOF), "1.101s suspect, 1.105s down server-closed, 1.105s up", netcheck.ServerClosed, true},
		{"closed in order after ten seconds", 10100 * ms, hangUp(io.EOF), "10.101s connecting, 10.105s up", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			watch(t, echoTarget, nil, func(t *testing.T, w *world) {
				w.until(tt.lived)
				tt.end(w)
				w.until(tt.lived + 5*time.Second)
				if tt.moves != "" {
					w.wantMoves(t, tt.lived, tt.moves)
				}
				s := w.m.Snapshot()
				if s.State != Up {
					t.Fatalf("%v in the end", s.State)
				}
				if (len(s.Outages) == 1) != tt.outage {
					t.Fatalf("%d outages", len(s.Outages))
				}
				if !tt.outage {
					// The cause is shown as soon as the server is seen to be there.
					if at, e, _ := w.when(tt.lived, blamed(netcheck.ServerClosed)); at > tt.lived+5*ms || e.Snapshot.State != Connecting {
						t.Errorf("server-closed is shown at %v while %v", at, e.Snapshot.State)
					}
					return
				}
				o := s.Outages[0]
				if at := o.Start.Sub(w.start); at != tt.lived+oneWay || o.End.IsZero() || o.Verdict.Cause != tt.down {
					t.Errorf("outage from %v to %v by %v, want one from %v by %v", at, o.End, o.Verdict.Cause, tt.lived+oneWay, tt.down)
				}
				down, e, _ := w.when(tt.lived, in(Down))
				if e.Snapshot.Verdict.Cause != tt.down || down > tt.lived+100*ms {
					t.Errorf("first %v at %v, want %v within 0.1 s", e.Snapshot.Verdict.Cause, down, tt.down)
				}
				if tt.down == netcheck.ServerRefused {
					if up := w.reached(t, down, Up); up > tt.lived+time.Second+800*ms {
						t.Errorf("listening again at %v, up only at %v", tt.lived+time.Second, up)
					}
				}
			})
		})
	}
}

// renewals ends each session after the given life and says what came of it.
func renewals(t *testing.T, target Target, serve func(*conn, []byte), lives ...time.Duration) (renewed, outages int, last Snapshot) {
	t.Helper()
	watch(t, target, func(w *world) {
		w.serve = serve
		k := 0
		w.accept = func(c *conn) {
			if k < len(lives) {
				time.AfterFunc(lives[k], func() { c.hangUp(io.EOF) })
				k++
			}
		}
	}, func(t *testing.T, w *world) {
		var total time.Duration
		for _, l := range lives {
			total += l + 100*ms
		}
		w.until(total + 30*time.Second)
		for _, e := range w.events {
			if e.Renewed {
				renewed++
				if e.Snapshot.State != Up || e.Kind != StateEvent {
					t.Errorf("%v", e)
				}
			}
		}
		last = w.m.Snapshot()
		outages = len(last.Outages)
	})
	return renewed, outages, last
}

func TestRenewal(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name             string
		lives            []time.Duration
		renewed, outages int
		every            time.Duration
	}{
		{"once", []time.Duration{120 * s}, 1, 0, 0},
		{"twice after the same time", []time.Duration{120 * s, 120 * s}, 2, 0, 120 * s},
		{"three times", []time.Duration{60 * s, 61 * s, 60 * s}, 3, 0, 60 * s},
		{"at once twice faster each time", []time.Duration{60 * s, 29 * s}, 1, 1, 0},
		{"ever faster", []time.Duration{40 * s, 18 * s, 8 * s, 3500 * ms}, 1, 3, 0},
		{"too short a life for a habit", []time.Duration{2 * s}, 0, 1, 0},
	}
	for _, tt := range tests {
		for _, target := range []Target{echoTarget, noneTarget} {
			t.Run(tt.name+", "+target.Heartbeat, func(t *testing.T) {
				renewed, outages, s := renewals(t, target, echo, tt.lives...)
				if renewed != tt.renewed || outages != tt.outages || s.RenewEvery != tt.every || s.Renewals != tt.renewed || s.State != Up {
					t.Errorf("%d renewed (%d counted), %d outages, every %v, %v; want %d, %d, %v, up", renewed, s.Renewals, outages, s.RenewEvery, s.State, tt.renewed, tt.outages, tt.every)
				}
			})
		}
	}
}

func TestRenewalThatFails(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.conns[0].hangUp(io.EOF)
		w.set(func() { w.lost = func(at time.Duration) bool { return at > 10100*ms && w.carrying == nil } })
		w.until(15 * time.Second)
		at := w.reached(t, 10100*ms, Down)
		if at > 11101*ms {
			t.Errorf("down at %v, want a second after the end at most", at)
		}
		if s := w.m.Snapshot(); len(s.Outages) != 1 || s.Renewals != 0 || !s.BrokenSince.Equal(w.start.Add(10101*ms)) {
			t.Errorf("outages %+v, renewals %d", s.Outages, s.Renewals)
		}
	})
}

func TestClosesAtOnceOnEveryConnect(t *testing.T) {
	for _, target := range []Target{noneTarget, echoTarget, lineTarget} {
		for _, how := range []error{io.EOF, reset} {
			t.Run(fmt.Sprintf("%s, %v", target.Heartbeat, how), func(t *testing.T) {
				watch(t, target, func(w *world) { w.accept = func(c *conn) { c.hangUp(how) } }, func(t *testing.T, w *world) {
					w.until(time.Minute)
					if n := len(w.dialled(0, time.Minute)); n > 30 {
						t.Errorf("%d dials in a minute", n)
					}
					if n := len(w.events); n > 120 {
						t.Errorf("%d events in a minute", n)
					}
					s := w.m.Snapshot()
					if s.State != Down || s.Verdict.Cause != netcheck.ServerClosed && s.Verdict.Cause != netcheck.ServerReset {
						t.Errorf("%v by %v", s.State, s.Verdict.Cause)
					}
					if s.RetryAt.IsZero() && s.Attempts[len(s.Attempts)-1].Took != 0 {
						t.Errorf("it is not said when the next attempt is")
					}
				})
			})
		}
	}
}

// The server stops hanging up: it is Up again with the next attempt, and a break later is mended as quickly as ever.
func TestKnocksAgainAfterAServerThatHungUp(t *testing.T) {
	for _, target := range []Target{noneTarget, echoTarget} {
		t.Run(target.Heartbeat, func(t *testing.T) {
			watch(t, target, func(w *world) {
				w.accept = func(c *conn) {
					if w.at() < 20*time.Second {
						c.hangUp(io.EOF)
					}
				}
			}, func(t *testing.T, w *world) {
				w.until(60 * time.Second)
				if w.state() != Up {
					t.Fatalf("%v although the server holds its sessions", w.state())
				}
				w.until(10 * time.Minute)
				w.hole(10*time.Minute, 10*time.Minute+40*time.Second)
				w.until(12 * time.Minute)
				down := w.reached(t, 10*time.Minute, Down)
				up := w.reached(t, down, Up)
				if back := up - 10*time.Minute - 40*time.Second; back > 1100*ms {
					t.Errorf("back %v after the repair, want 1.1 s at most", back)
				}
			})
		})
	}
}

func TestLinkNews(t *testing.T) {
	const t0 = 10100 * ms
	t.Run("a cable pulled", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(t0)
			w.breakLink(netcheck.LinkNoCarrier)
			w.until(40 * time.Second)
			w.wantMoves(t, t0, "10.1s suspect, 10.54s down cable-unplugged")
			at, e, _ := w.when(t0, blamed(netcheck.CableUnplugged))
			if at != t0+40*ms || e.Snapshot.State != Suspect {
				t.Errorf("named at %v while %v, want at 10.14s while suspect", at, e.Snapshot.State)
			}
			if w.lastOn {
				t.Errorf("the kernel's keepalive was not switched off")
			}
			if n := w.dialled(t0, forever); len(n) != 0 {
				t.Errorf("dialled at %v without a carrier", n)
			}
			if got := w.conns[0].beats(t0, forever); len(got) != 0 {
				t.Errorf("beats at %v without a carrier", got)
			}
			w.breakLink(netcheck.LinkWhole)
			w.until(42 * time.Second)
			if up := w.reached(t, 40*time.Second, Up); up > 40*time.Second+60*ms {
				t.Errorf("up at %v, want 50 ms and a round trip or two after the repair", up)
			}
			if first := append(w.conns[0].beats(40*time.Second, forever), w.dialled(40*time.Second, forever)...); slices.Min(first) != 40*time.Second+50*ms {
				t.Errorf("the first packet left at %v, want 50 ms after the repair", slices.Min(first))
			}
			if !w.lastOn {
				t.Errorf("the kernel's keepalive was not switched on again")
			}
			if s := w.m.Snapshot(); len(s.Outages) != 1 || s.Outages[0].Verdict.Cause != netcheck.CableUnplugged || !s.Outages[0].Start.Equal(w.start.Add(t0)) {
				t.Errorf("outages %+v", s.Outages)
			}
		})
	})
	for _, healed := range []time.Duration{10 * ms, 39 * ms, 41 * ms, 300 * ms, 380 * ms, 430 * ms} {
		t.Run(fmt.Sprintf("a flap of %v", healed), func(t *testing.T) {
			watch(t, echoTarget, nil, func(t *testing.T, w *world) {
				w.until(t0)
				w.breakLink(netcheck.LinkNoCarrier)
				w.until(t0 + healed)
				w.breakLink(netcheck.LinkWhole)
				w.until(30 * time.Second)
				if at, _, ok := w.when(t0, in(Down)); ok {
					t.Errorf("down at %v", at)
				}
				up := w.reached(t, t0+oneWay, Up)
				if up > t0+max(healed, 40*ms)+60*ms {
					t.Errorf("up at %v", up)
				}
				if s := w.m.Snapshot(); len(s.Outages) != 0 || s.Attempt != 0 || len(s.Attempts) != 1 || len(w.dials) != 1 {
					t.Errorf("something was counted: %d outages, attempt %d, dials %v", len(s.Outages), s.Attempt, w.dials)
				}
				if _, e, ok := w.when(t0, blamed(netcheck.CableUnplugged)); ok && healed < 40*ms {
					t.Errorf("named within 40 ms: %v", e)
				}
			})
		})
	}
	for state, cause := range map[netcheck.LinkState]netcheck.Cause{
		netcheck.LinkDisabled: netcheck.InterfaceDisabled, netcheck.LinkNoAddress: netcheck.NoAddress, netcheck.LinkNoRoute: netcheck.NoRoute,
	} {
		t.Run(string(cause), func(t *testing.T) {
			watch(t, echoTarget, nil, func(t *testing.T, w *world) {
				w.until(t0)
				w.breakLink(state)
				w.until(15 * time.Second)
				w.wantMoves(t, t0, "10.1s suspect, 10.54s down "+string(cause))
				w.breakLink(netcheck.LinkWhole)
				w.until(16 * time.Second)
				if up := w.reached(t, 15*time.Second, Up); up > 15*time.Second+60*ms {
					t.Errorf("up at %v", up)
				}
			})
		})
	}
}

// An address was replaced, or the interface is gone: waiting cannot help.
func TestRedialAtOnce(t *testing.T) {
	for state, cause := range map[netcheck.LinkState]netcheck.Cause{
		netcheck.LinkAddressChanged: netcheck.AddressChanged, netcheck.LinkGone: netcheck.InterfaceGone,
	} {
		t.Run(string(cause), func(t *testing.T) {
			watch(t, echoTarget, nil, func(t *testing.T, w *world) {
				other := wayThere
				other.Source = netip.MustParseAddr("198.51.100.99")
				if state == netcheck.LinkGone {
					other.Index, other.Interface = 8, "eth1"
				}
				w.until(10100 * ms)
				w.set(func() {
					w.route = func(netip.Addr) (netcheck.Way, error) { return other, nil }
					w.judged = func(way netcheck.Way) netcheck.LinkState {
						if way == wayThere {
							return state
						}
						return netcheck.LinkWhole
					}
				})
				w.hub.changed(netcheck.Change{Index: wayThere.Index})
				w.until(15 * time.Second)
				w.wantMoves(t, 10100*ms, fmt.Sprintf("10.1s suspect, 10.14s down %s, 10.144s up", cause))
				s := w.m.Snapshot()
				if s.Way != other {
					t.Errorf("the way is %+v, want the new one", s.Way)
				}
				if len(s.Outages) != 1 || s.Outages[0].Verdict.Cause != cause {
					t.Errorf("outages %+v", s.Outages)
				}
				if last := s.Attempts[len(s.Attempts)-1]; !last.OK {
					t.Errorf("the attempt that became the session is %+v", last)
				}
			})
		})
	}
}

// The way was broken before the first attempt.
func TestBrokenBeforeConnecting(t *testing.T) {
	watch(t, echoTarget, func(w *world) { w.link = netcheck.LinkNoCarrier }, func(t *testing.T, w *world) {
		w.until(time.Minute)
		w.wantMoves(t, 0, "0s idle, 0s connecting, 40ms down cable-unplugged")
		if len(w.dials) != 0 {
			t.Errorf("dialled at %v", w.dials)
		}
		w.breakLink(netcheck.LinkWhole)
		w.until(61 * time.Second)
		if up := w.reached(t, time.Minute, Up); up != time.Minute+54*ms {
			t.Errorf("up at %v", up)
		}
	})
	t.Run("no route", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) {
			w.route = func(netip.Addr) (netcheck.Way, error) { return netcheck.Way{}, errNetUnreach }
		}, func(t *testing.T, w *world) {
			w.until(20 * time.Second)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 40ms down no-route")
			w.set(func() { w.route = func(netip.Addr) (netcheck.Way, error) { return wayThere, nil } })
			w.hub.changed(netcheck.Change{All: true})
			w.until(21 * time.Second)
			if up := w.reached(t, 20*time.Second, Up); up != 20*time.Second+54*ms {
				t.Errorf("up at %v", up)
			}
		})
	})
}

// News that leaves the way whole costs nothing.
func TestForeignNews(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(5 * time.Second)
		before := w.m.Snapshot().Seq
		for i := range 100 {
			w.hub.changed(netcheck.Change{Index: 30 + i})
			w.hub.changed(netcheck.Change{All: true})
			w.pass(7 * ms)
		}
		w.until(10 * time.Second)
		w.wantMoves(t, ms*5, "")
		if got := w.m.Snapshot().Seq; got != before {
			t.Errorf("%d snapshots were made", got-before)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.m.Pause()
		w.m.Pause()
		w.until(time.Hour)
		s := w.m.Snapshot()
		if s.State != Idle || w.open() != 0 || len(w.dials) != 1 || !s.UpSince.IsZero() || !s.RetryAt.IsZero() || s.RTT != 0 || !s.Verdict.IsZero() {
			t.Errorf("paused: %+v, %d open", s, w.open())
		}
		if w.m.judgeBy.Load() != 0 {
			t.Errorf("a timer runs while paused")
		}
		w.m.Reconnect()
		w.pass(time.Second)
		if w.state() != Idle {
			t.Errorf("Reconnect ended the pause")
		}
		w.m.Resume()
		w.m.Resume()
		w.pass(100 * ms)
		w.wantMoves(t, 10*time.Second, "10.1s idle, 1h0m1s connecting, 1h0m1.004s up")
		w.m.Resume()
		w.pass(time.Second)
		if w.state() != Up || len(w.dials) != 2 {
			t.Errorf("Resume while up: %v, %d dials", w.state(), len(w.dials))
		}
	})
	t.Run("while down", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.refuses = true }, func(t *testing.T, w *world) {
			w.until(5 * time.Second)
			w.m.Pause()
			w.until(time.Minute)
			s := w.m.Snapshot()
			if s.State != Idle || !s.BrokenSince.IsZero() || len(s.Outages) != 1 || !s.Outages[0].End.Equal(w.start.Add(5*time.Second)) {
				t.Errorf("paused: %+v", s)
			}
			if n := w.dialled(5*time.Second, forever); len(n) != 0 {
				t.Errorf("dialled at %v while paused", n)
			}
		})
	})
	t.Run("while an attempt is under way", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.lost = func(time.Duration) bool { return true } }, func(t *testing.T, w *world) {
			w.until(500 * ms)
			w.m.Pause()
			w.until(time.Second)
			s := w.m.Snapshot()
			if s.State != Idle || len(s.Attempts) != 1 {
				t.Fatalf("paused: %+v", s)
			}
			if s.Attempts[0].Took == 0 {
				t.Errorf("attempt 1 is still said to be under way: %+v", s.Attempts[0])
			}
		})
	})
}

func TestReconnect(t *testing.T) {
	t.Run("while up it does nothing", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(10 * time.Second)
			before := w.m.Snapshot().Seq
			for range 10 {
				w.m.Reconnect()
			}
			w.until(20 * time.Second)
			if s := w.m.Snapshot(); s.Seq != before || len(w.dials) != 1 {
				t.Errorf("%d snapshots, %d dials", s.Seq-before, len(w.dials))
			}
		})
	})
	t.Run("while down it cuts the wait", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.refuses = true; w.accept = func(c *conn) {} }, func(t *testing.T, w *world) {
			w.until(60100 * ms)
			w.untilWaiting()
			w.set(func() { w.refuses = false })
			if w.state() != Down {
				t.Fatal(w.state())
			}
			clicked := w.at()
			w.m.Reconnect()
			w.pass(time.Second)
			if up := w.reached(t, clicked, Up); up != clicked+4*oneWay {
				t.Errorf("clicked at %v, up at %v", clicked, up)
			}
		})
	})
	t.Run("twenty clicks are one attempt", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.lost = func(time.Duration) bool { return true } }, func(t *testing.T, w *world) {
			w.until(60100 * ms)
			w.untilWaiting()
			before := w.m.Snapshot().Attempt
			dials := len(w.dials)
			for range 20 {
				w.m.Reconnect()
			}
			w.pass(30 * ms)
			if got := w.m.Snapshot().Attempt - before; got != 1 {
				t.Errorf("twenty clicks made %d attempts, want one", got)
			}
			if got := len(w.dials) - dials; got > 1 {
				t.Errorf("twenty clicks made %d dials, want one", got)
			}
			for range 20 {
				w.m.Reconnect()
				w.pass(10 * ms)
			}
			if got := w.m.Snapshot().Attempt - before; got > 2 {
				t.Errorf("twenty more clicks within 0.2 s made %d attempts", got-1)
			}
		})
	})
}

func TestBackoff(t *testing.T) {
	watch(t, echoTarget, func(w *world) { w.refuses = true }, func(t *testing.T, w *world) {
		w.until(5 * time.Minute)
		var waits []time.Duration
		seen := map[int]bool{}
		for _, e := range w.events {
			s := e.Snapshot
			if s.State != Down || s.RetryAt.IsZero() || seen[s.Attempt] {
				continue
			}
			seen[s.Attempt] = true
			waits = append(waits, s.RetryAt.Sub(w.start)-e.at)
			if began := s.RetryAt.Sub(w.start); began < 5*time.Minute {
				if at, next, ok := w.when(e.at, func(e Event) bool { return e.Snapshot.Attempt == s.Attempt+1 }); !ok || at != began {
					t.Errorf("attempt %d was announced for %v and began at %v (%v)", s.Attempt+1, began, at, next.Kind)
				}
			}
		}
		base := 250 * ms
		for i, wait := range waits {
			if wait < base*8/10-ms || wait > base*12/10+ms || wait > 15*time.Second {
				t.Errorf("wait %d is %v, want %v ± 20 %%, 15 s at most", i+1, wait, base)
			}
			base = min(base*16/10, 12500*ms)
		}
		if len(waits) < 20 || slices.Equal(waits[len(waits)-2:len(waits)-1], waits[len(waits)-1:]) {
			t.Errorf("waits %v: too few, or without jitter at the cap", waits)
		}
	})
}

// After a session that lived, the next outage begins with short waits again, however the last one ended.
func TestBackoffBeginsAnew(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.hole(10*time.Second, 5*time.Minute)
		w.until(20 * time.Minute)
		if w.state() != Up {
			t.Fatal(w.state())
		}
		w.hole(20*time.Minute, forever)
		w.until(20*time.Minute + 10*time.Second)
		at, e, ok := w.when(20*time.Minute, func(e Event) bool { return e.Snapshot.State == Down && !e.Snapshot.RetryAt.IsZero() })
		if !ok {
			t.Fatal("no retry was announced")
		}
		if wait := e.Snapshot.RetryAt.Sub(w.start) - at; wait > 300*ms {
			t.Errorf("the first wait of a new outage is %v, want 0.2 to 0.3 s", wait)
		}
	})
}

// Knocks are the dials that are no attempts. The refusal takes no time here: a knock while an attempt is under way is
// left out.
func TestKnocks(t *testing.T) {
	watch(t, echoTarget, func(w *world) { w.refuses, w.shake = true, 0 }, func(t *testing.T, w *world) {
		w.until(30 * time.Second)
		down := w.reached(t, 0, Down)
		attempts := map[time.Duration]bool{}
		for _, a := range w.m.Snapshot().Attempts {
			attempts[a.Start.Sub(w.start)] = true
		}
		var knocks []time.Duration
		for _, at := range w.dials {
			if !attempts[at] {
				knocks = append(knocks, at-down)
			}
		}
		if len(knocks) < 30 || len(knocks) > 50 {
			t.Fatalf("%d knocks in 30 s: %v", len(knocks), knocks)
		}
		for i, want := range []time.Duration{250 * ms, 400 * ms, 640 * ms} {
			if knocks[i] != want {
				t.Errorf("knock %d at %v, want %v", i+1, knocks[i], want)
			}
		}
		same := true
		for i := 3; i < len(knocks); i++ {
			gap := knocks[i] - knocks[i-1]
			if gap < 630*ms || gap > 770*ms {
				t.Errorf("%v between two knocks, want 0.7 s ± 10 %%", gap)
			}
			same = same && gap == knocks[3]-knocks[2]
		}
		if same {
			t.Errorf("the knocks have no jitter")
		}
	})
}

// A repair anywhere is found within 1.1 s, whenever it comes.
func TestBackAfterRepair(t *testing.T) {
	for _, target := range []Target{echoTarget, noneTarget} {
		for i := range 30 {
			lasted := 2*time.Second + time.Duration(i)*733*ms
			watch(t, target, nil, func(t *testing.T, w *world) {
				w.hole(10*time.Second, 10*time.Second+lasted)
				w.until(10*time.Second + lasted + 5*time.Second)
				up := w.reached(t, 10*time.Second+lasted, Up)
				if back := up - 10*time.Second - lasted; back > 1100*ms {
					t.Errorf("%s: down for %v, back %v after the repair", target.Heartbeat, lasted, back)
				}
			})
		}
	}
}

func TestMuteServer(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.set(func() { w.serve = mute })
		for at := 13 * time.Second; at < 90*time.Second; at += 331 * ms {
			w.until(at)
			if n := w.open(); n != 2 {
				t.Fatalf("%v: %d connections are open, want the old one and one fresh", at, n)
			}
		}
		if n := len(w.conns); n != 2 {
			t.Errorf("%d connections were opened in all", n)
		}
		for i, c := range w.conns {
			beats := c.beats(20*time.Second, 80*time.Second)
			for k := 1; k < len(beats); k++ {
				if gap := beats[k] - beats[k-1]; gap != 500*ms {
					t.Errorf("connection %d is asked after %v", i, gap)
				}
			}
			if len(beats) < 100 {
				t.Errorf("connection %d was asked %d times in a minute", i, len(beats))
			}
		}
		w.until(90100 * ms)
		w.set(func() { w.serve = echo })
		w.until(95 * time.Second)
		if up := w.reached(t, 90*time.Second, Up); up > 90605*ms {
			t.Errorf("up at %v", up)
		}
		if n := w.open(); n != 1 {
			t.Errorf("%d connections are open", n)
		}
	})
}

// A server that is stopped for a long time and then answers everything at once.
func TestStoppedServerComesBack(t *testing.T) {
	for _, target := range []Target{echoTarget, lineTarget} {
		t.Run(target.Heartbeat, func(t *testing.T) {
			answer := echo
			if target.Heartbeat == "line" {
				answer = answerLine
			}
			watch(t, target, func(w *world) { w.serve = answer }, func(t *testing.T, w *world) {
				type kept struct {
					c    *conn
					data []byte
				}
				var held []kept
				w.until(10100 * ms)
				w.set(func() {
					w.serve = func(c *conn, data []byte) { w.set(func() { held = append(held, kept{c, data}) }) }
				})
				w.until(10 * time.Minute)
				w.set(func() { w.serve = answer })
				synctest.Wait()
				for _, k := range held {
					answer(k.c, k.data)
				}
				synctest.Wait()
				w.until(10*time.Minute + 30*time.Second)
				if up := w.reached(t, 10*time.Minute, Up); up > 10*time.Minute+10*ms {
					t.Errorf("up at %v", up)
				}
				if _, _, ok := w.when(10*time.Minute+ms*10, func(e Event) bool { return e.Snapshot.State != Up }); ok {
					t.Errorf("it left up again: %s", w.moves(10*time.Minute))
				}
				if s := w.m.Snapshot(); s.RTT > 10*ms {
					t.Errorf("round trip %v", s.RTT)
				}
			})
		})
	}
}

func TestNameLookUp(t *testing.T) {
	byName := Target{Heartbeat: "echo", Address: "gate.example.net:7000"}
	t.Run("a name that is found", func(t *testing.T) {
		watch(t, byName, nil, func(t *testing.T, w *world) {
			w.until(5 * time.Second)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 4ms up")
			if s := w.m.Snapshot(); s.Remote != serverAddr.String() {
				t.Errorf("remote %q", s.Remote)
			}
		})
	})
	unknown := &net.DNSError{Err: "no such host", Name: "gate.example.net", IsNotFound: true}
	t.Run("an unknown name", func(t *testing.T) {
		watch(t, byName, func(w *world) {
			w.lookUp = func(context.Context, string) ([]netip.Addr, error) { return nil, unknown }
		}, func(t *testing.T, w *world) {
			w.until(time.Minute)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 0s down name-not-found")
			if n := len(w.m.Snapshot().Attempts); n < 4 || n > 7 {
				t.Errorf("%d attempts in a minute, want the slowest pace", n)
			}
			if w.lookUps > 14 || len(w.dials) != 0 {
				t.Errorf("%d look-ups, dials %v", w.lookUps, w.dials)
			}
			w.set(func() {
				w.lookUp = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{serverAddr.Addr()}, nil }
			})
			w.m.Reconnect()
			w.until(61 * time.Second)
			if w.state() != Up {
				t.Errorf("%v after the name became known", w.state())
			}
		})
	})
	t.Run("a silent resolver", func(t *testing.T) {
		watch(t, byName, func(w *world) {
			w.lookUp = func(ctx context.Context, _ string) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, &net.DNSError{Err: ctx.Err().Error(), IsTimeout: true}
			}
		}, func(t *testing.T, w *world) {
			w.until(30 * time.Second)
			down := w.reached(t, 0, Down)
			_, e, _ := w.when(0, in(Down))
			if e.Snapshot.Verdict.Cause != netcheck.ResolverUnreachable || down < 650*ms || down > 1105*ms {
				t.Errorf("down at %v by %v", down, e.Snapshot.Verdict.Cause)
			}
			w.set(func() {
				w.lookUp = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{serverAddr.Addr()}, nil }
			})
			w.until(32 * time.Second)
			if up := w.reached(t, 30*time.Second, Up); up > 31100*ms {
				t.Errorf("up at %v, the name answers since 30 s", up)
			}
		})
	})
	t.Run("one look-up lost", func(t *testing.T) {
		watch(t, byName, func(w *world) {
			w.lookUp = func(ctx context.Context, _ string) ([]netip.Addr, error) {
				w.mu.Lock()
				first := w.lookUps == 1
				w.mu.Unlock()
				if first {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []netip.Addr{serverAddr.Addr()}, nil
			}
		}, func(t *testing.T, w *world) {
			w.until(5 * time.Second)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 404ms up")
		})
	})
	t.Run("a failing resolver", func(t *testing.T) {
		watch(t, byName, func(w *world) {
			w.lookUp = func(context.Context, string) ([]netip.Addr, error) {
				return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
			}
		}, func(t *testing.T, w *world) {
			w.until(5 * time.Second)
			if _, e, _ := w.when(0, in(Down)); e.Snapshot.Verdict.Cause != netcheck.ResolverUnreachable {
				t.Errorf("by %v", e.Snapshot.Verdict.Cause)
			}
		})
	})
	// The session stands while its name is lost: nobody asks for it.
	t.Run("the name is lost while up", func(t *testing.T) {
		watch(t, byName, nil, func(t *testing.T, w *world) {
			w.until(5 * time.Second)
			w.set(func() { w.lookUp = func(context.Context, string) ([]netip.Addr, error) { return nil, unknown } })
			w.until(time.Minute)
			w.wantMoves(t, 5*time.Second, "")
		})
	})
}

func TestBeforeConnecting(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.refuses = true }, func(t *testing.T, w *world) {
			w.until(100 * ms)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 2ms down server-refused")
		})
	})
	t.Run("silent", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.lost = func(time.Duration) bool { return true } }, func(t *testing.T, w *world) {
			w.until(20 * time.Second)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 1.1s down path-lost")
			if got := fmt.Sprint(w.dialled(0, 1100*ms)); got != "[0s 400ms]" {
				t.Errorf("dials at %s, want a second one beside the first after 0.4 s", got)
			}
			w.hole(0, 20*time.Second)
			w.until(22 * time.Second)
			if up := w.reached(t, 20*time.Second, Up); up > 21100*ms {
				t.Errorf("up at %v", up)
			}
		})
	})
	t.Run("accepts and says nothing", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.serve = mute }, func(t *testing.T, w *world) {
			w.until(time.Minute)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 1.25s down server-hung")
			if len(w.conns) != 1 {
				t.Errorf("%d connections were opened", len(w.conns))
			}
		})
	})
}

func TestHeldUpForFiveSeconds(t *testing.T) {
	for i := range 20 {
		at := 10*time.Second + time.Duration(i)*37*ms
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(at)
			w.set(func() { w.held = 5 * time.Second })
			w.until(40 * time.Second)
			if at, _, ok := w.when(10*time.Second, in(Down)); ok {
				t.Errorf("down at %v", at)
			}
			at, e, ok := w.when(10*time.Second, in(Suspect))
			if !ok || e.Snapshot.Verdict.Cause != netcheck.Stalled {
				t.Fatalf("not shown: %s", w.moves(10*time.Second))
			}
			if up := w.reached(t, at, Up); up > at+10*ms {
				t.Errorf("held up at %v, up only at %v", at, up)
			}
			if s := w.m.Snapshot(); len(s.Outages) != 0 || len(w.dials) != 1 || s.RTT > 10*ms {
				t.Errorf("%d outages, dials %v, round trip %v", len(s.Outages), w.dials, s.RTT)
			}
		})
	}
}

// What is broken may change while it is: the cause follows, though the new one is only silence.
func TestCauseFollows(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.set(func() { w.refuses = true })
		w.conns[0].hangUp(reset)
		w.until(20 * time.Second)
		if c := w.m.Snapshot().Verdict.Cause; c != netcheck.ServerRefused {
			t.Errorf("%v while it refuses", c)
		}
		w.set(func() { w.refuses, w.serve = false, mute })
		w.until(32 * time.Second)
		if c := w.m.Snapshot().Verdict.Cause; c != netcheck.ServerHung {
			t.Errorf("%v while it accepts and is mute", c)
		}
	})
}

// The carrier came back within the patience for a flap, and the news of it is late.
func TestFlapWithLateNews(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.breakLink(netcheck.LinkNoCarrier)
		w.until(10500 * ms)
		w.set(func() { w.link = netcheck.LinkWhole })
		w.until(15 * time.Second)
		w.wantMoves(t, 10*time.Second, "10.1s suspect, 10.592s up")
	})
}

// Without a heartbeat the kernel asks once a second, whoever sleeps: its next answer may be a second away.
func TestHeldUpWithoutAHeartbeat(t *testing.T) {
	for i := range 30 {
		at := 10*time.Second + time.Duration(i)*53*ms
		watch(t, noneTarget, nil, func(t *testing.T, w *world) {
			w.until(at)
			w.set(func() { w.held = 5 * time.Second })
			w.until(40 * time.Second)
			if at, e, ok := w.when(10*time.Second, in(Down)); ok {
				t.Errorf("down at %v by %v: %s", at, e.Snapshot.Verdict.Cause, w.moves(10*time.Second))
			}
			if w.state() != Up {
				t.Error(w.moves(10 * time.Second))
			}
		})
	}
}

// The server broke while this program did not run: the outage is found, with its own cause.
func TestBrokenWhileHeldUp(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.set(func() { w.held = 5 * time.Second })
		w.hole(10200*ms, forever)
		w.until(40 * time.Second)
		at, _, _ := w.when(10*time.Second, in(Suspect))
		down, e, ok := w.when(at, in(Down))
		if !ok || e.Snapshot.Verdict.Cause != netcheck.PathLost || down > at+3*time.Second {
			t.Errorf("down at %v by %v after being held up until %v: %s", down, e.Snapshot.Verdict.Cause, at, w.moves(10*time.Second))
		}
	})
}

func TestSleep(t *testing.T) {
	t.Run("while up", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() { w.ahead = 8 * time.Hour })
			w.until(30 * time.Second)
			at, e, ok := w.when(10*time.Second, in(Suspect))
			if !ok || e.Snapshot.Verdict.Cause != netcheck.Asleep || at > 11600*ms {
				t.Fatalf("not shown: %s", w.moves(10*time.Second))
			}
			if up := w.reached(t, at, Up); up > at+10*ms {
				t.Errorf("up only at %v", up)
			}
			if s := w.m.Snapshot(); s.RTT != 2*oneWay || len(s.Outages) != 0 || len(w.dials) != 1 {
				t.Errorf("round trip %v, %d outages, %d dials", s.RTT, len(s.Outages), len(w.dials))
			}
			// Detection goes on as before.
			w.hole(30*time.Second, forever)
			w.until(40 * time.Second)
			if down := w.reached(t, 30*time.Second, Down); down > 31200*ms {
				t.Errorf("the next break is down only at %v", down)
			}
		})
	})
	t.Run("while up, and the system says so", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() { w.ahead = 8 * time.Hour })
			w.hub.resumed()
			w.until(20 * time.Second)
			at, e, ok := w.when(10*time.Second, in(Suspect))
			if !ok || e.Snapshot.Verdict.Cause != netcheck.Asleep || at != 10100*ms {
				t.Fatalf("not shown at once: %s", w.moves(10*time.Second))
			}
			if up := w.reached(t, at, Up); up > at+10*ms {
				t.Errorf("up only at %v", up)
			}
			if n := len(w.m.Snapshot().Outages); n != 0 {
				t.Errorf("%d outages", n)
			}
		})
	})
	t.Run("while up, in Modern Standby: no clock stands still, and the system says so", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.m.post(func() { time.Sleep(3 * time.Second) }) // it is not run
			w.until(11 * time.Second)
			w.hub.resumed()
			w.hole(13*time.Second, 15*time.Second) // the network takes its time
			w.until(30 * time.Second)
			at, e, ok := w.when(10*time.Second, in(Suspect))
			if !ok || e.Snapshot.Verdict.Cause != netcheck.Asleep || at > 13200*ms {
				t.Fatalf("not shown: %s", w.moves(10*time.Second))
			}
			if n := len(w.m.Snapshot().Outages); n != 0 || w.state() != Up {
				t.Errorf("%d outages, %v: %s", n, w.state(), w.moves(10*time.Second))
			}
		})
	})
	t.Run("while up, in Modern Standby, and a timer is before the news", func(t *testing.T) {
		watch(t, echoTarget, nil, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() { w.held = 3 * time.Second })
			w.hole(11*time.Second, 16*time.Second) // the network takes its time
			w.until(14 * time.Second)
			if s := w.m.Snapshot(); s.State != Suspect || s.Verdict.Cause != netcheck.Stalled {
				t.Fatalf("%v by %v before the news: %s", s.State, s.Verdict.Cause, w.moves(10*time.Second))
			}
			at := w.at() + 100*ms
			w.until(at)
			w.hub.resumed()
			w.until(30 * time.Second)
			if told, e, ok := w.when(10*time.Second, blamed(netcheck.Asleep)); !ok || told != at || e.Snapshot.State != Suspect {
				t.Errorf("asleep told at %v, %v; the news came at %v", told, ok, at)
			}
			if back, _, ok := w.when(at, blamed(netcheck.Stalled)); ok {
				t.Errorf("stalled again at %v", back)
			}
			if n := len(w.m.Snapshot().Outages); n != 0 || w.state() != Up {
				t.Errorf("%d outages, %v: %s", n, w.state(), w.moves(10*time.Second))
			}
		})
	})
	for _, tt := range []struct {
		name string
		news time.Duration // after it was run again
		want netcheck.Cause
	}{
		{"the news of Modern Standby is late", 2500 * ms, netcheck.Asleep},
		{"news that is too late is that of another sleep", 3500 * ms, netcheck.Stalled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			watch(t, Target{Heartbeat: "echo", Timeout: 800 * ms}, nil, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				w.set(func() { w.held, w.dialErr = 3*time.Second, errLocal })
				w.hole(11*time.Second, 18*time.Second)
				w.until(14500 * ms)
				w.until(w.reached(t, 11*time.Second, Suspect) + tt.news)
				if s := w.m.Snapshot(); s.State != Down || s.Verdict.Cause != netcheck.Stalled || len(s.Outages) != 1 {
					t.Fatalf("%v by %v before the news: %s", s.State, s.Verdict.Cause, w.moves(10*time.Second))
				}
				w.hub.resumed()
				w.set(func() { w.dialErr = nil })
				w.until(40 * time.Second)
				s := w.m.Snapshot()
				if s.State != Up || len(s.Outages) != 1 {
					t.Fatalf("%v, outages %v: %s", s.State, s.Outages, w.moves(10*time.Second))
				}
				if got := s.Outages[0].Verdict.Cause; got != tt.want {
					t.Errorf("the outage is told as %v, want %v", got, tt.want)
				}
			})
		})
	}
	t.Run("while down, and the system says so", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.refuses = true }, func(t *testing.T, w *world) {
			w.until(60 * time.Second)
			w.untilWaiting()
			w.set(func() { w.ahead, w.refuses = 8*time.Hour, false })
			at := w.at()
			w.hub.resumed()
			w.until(at + time.Second)
			if up := w.reached(t, at, Up); up > at+10*ms {
				t.Errorf("up at %v, woken at %v", up, at)
			}
		})
	})
	t.Run("while down", func(t *testing.T) {
		watch(t, echoTarget, func(w *world) { w.refuses = true }, func(t *testing.T, w *world) {
			w.until(60 * time.Second)
			w.set(func() { w.ahead = 8 * time.Hour })
			w.until(90 * time.Second)
			w.set(func() { w.refuses = false })
			w.until(120 * time.Second)
			if w.state() != Up {
				t.Fatalf("still %v; dials since the sleep: %v", w.state(), w.dialled(60*time.Second, forever))
			}
			if up := w.reached(t, 90*time.Second, Up); up > 91100*ms {
				t.Errorf("up at %v", up)
			}
		})
	})
}

// What the system says of a sleep reaches the hub, whose clocks are then read anew.
func TestResumeReachesTheHub(t *testing.T) {
	h := newHub(nil, 0)
	h.aheadAt.Store(int64(time.Hour))
	told := make(chan struct{})
	h.sys.onResume = func(ctx context.Context, resumed func()) {
		resumed()
		close(told)
		<-ctx.Done()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.watch(ctx) }()
	<-told
	if at := h.aheadAt.Load(); at != 0 {
		t.Errorf("the clocks count as read at %v", time.Duration(at))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The peer talks all the time and answers nothing.
func TestNoiseIsAProtocolError(t *testing.T) {
	for _, every := range []time.Duration{20 * ms, 100 * ms, 200 * ms, 400 * ms} {
		t.Run(every.String(), func(t *testing.T) {
			watch(t, lineTarget, func(w *world) { w.serve = answerLine }, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				w.set(func() { w.serve = mute })
				stop := time.Now().Add(20 * time.Second)
				for _, c := range w.conns {
					go func() {
						for time.Now().Before(stop) {
							c.reply([]byte("\x1b[31mlog line\r\n"))
							time.Sleep(every)
						}
					}()
				}
				w.until(31 * time.Second)
				down, e, ok := w.when(10*time.Second, in(Down))
				if !ok || e.Snapshot.Verdict.Cause != netcheck.ProtocolError {
					t.Fatalf("by %v: %s", e.Snapshot.Verdict.Cause, w.moves(10*time.Second))
				}
				// The first beat without an answer left at 10.5 s.
				if down < 13500*ms || down > 15500*ms {
					t.Errorf("down at %v, want 3 s after the first beat without an answer, or as long as an answer may take more", down)
				}
				for _, ev := range e.Snapshot.Verdict.Evidence {
					if strings.ContainsAny(ev.Saw, "\x1b\r\n") {
						t.Errorf("evidence %q", ev.Saw)
					}
				}
			})
		})
	}
}

func TestOneByteASecond(t *testing.T) {
	watch(t, lineTarget, func(w *world) { w.serve = answerLine }, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		stop := w.start.Add(10 * time.Minute)
		trickle := func(c *conn) {
			go func() {
				for time.Now().Before(stop) {
					c.reply([]byte("x"))
					time.Sleep(time.Second)
				}
			}()
		}
		w.set(func() { w.serve = mute; w.accept = trickle })
		trickle(w.conns[0])
		w.until(10*time.Minute + time.Second)
		if down := w.reached(t, 10*time.Second, Down); down > 15*time.Second {
			t.Errorf("down at %v", down)
		}
		if _, _, ok := w.when(16*time.Second, in(Up)); ok {
			t.Errorf("it came up again: %s", w.moves(10*time.Second))
		}
		if n := len(w.dials); n > 200 {
			t.Errorf("%d dials", n)
		}
	})
}

func TestFloodOfMegabytes(t *testing.T) {
	for _, what := range []string{"x", "\n", "PONG 9999999999\n", "\x1b]0;"} {
		t.Run(fmt.Sprintf("%q", what), func(t *testing.T) {
			flood := []byte(strings.Repeat(what, 1<<16/len(what)))
			watch(t, lineTarget, func(w *world) { w.serve = answerLine }, func(t *testing.T, w *world) {
				w.until(10100 * ms)
				w.set(func() {
					w.serve = func(c *conn, data []byte) {
						c.reply(flood)
						c.reply([]byte("\n"))
						answerLine(c, data)
					}
				})
				w.until(30 * time.Second) // 40 beats: two and a half megabytes
				w.wantMoves(t, 10*time.Second, "")
			})
		})
	}
}

// A peer that answers a beat of somebody else, or the same answer again and again, is not answering.
func TestForeignAnswers(t *testing.T) {
	for _, what := range []string{"PONG 9999999999\n", "PONG 1\n"} {
		watch(t, lineTarget, func(w *world) { w.serve = answerLine }, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() { w.serve = func(c *conn, _ []byte) { c.reply([]byte(what)) } })
			w.until(30 * time.Second)
			down, e, ok := w.when(10*time.Second, in(Down))
			if !ok || e.Snapshot.Verdict.Cause != netcheck.ProtocolError || down > 17*time.Second {
				t.Errorf("%q: %s", what, w.moves(10*time.Second))
			}
		})
	}
}

// Heartbeat none: the kernel asks after a second of quiet, and an acknowledgement older than 1.4 s is overdue.
func TestSilenceWithoutAHeartbeat(t *testing.T) {
	watch(t, noneTarget, nil, func(t *testing.T, w *world) {
		w.until(20 * time.Second)
		w.wantMoves(t, 0, "0s idle, 0s connecting, 2ms up")
		c := w.conns[0]
		c.mu.Lock()
		acked := c.lastAck.Sub(w.start)
		c.mu.Unlock()
		w.hole(20*time.Second, forever)
		w.until(30 * time.Second)
		suspect, down := w.reached(t, 20*time.Second, Suspect), w.reached(t, 20*time.Second, Down)
		if late := suspect - acked; late < 1400*ms || late > 1450*ms {
			t.Errorf("suspect %v after the last acknowledgement, want 1.4 s", late)
		}
		if late := down - suspect; late != 422*ms {
			t.Errorf("down %v later, want 0.42 s and a round trip", late)
		}
	})
	t.Run("the kernel tells nothing", func(t *testing.T) {
		watch(t, noneTarget, func(w *world) { w.noInfo = true }, func(t *testing.T, w *world) {
			w.until(20 * time.Second)
			w.hole(20*time.Second, forever)
			w.until(40 * time.Second)
			w.reached(t, 20*time.Second, Down) // by the kernel's keepalive, which gives up
		})
	})
	t.Run("a stopped server is not noticed, and that is said", func(t *testing.T) {
		watch(t, noneTarget, func(w *world) { w.serve = mute }, func(t *testing.T, w *world) {
			w.until(time.Minute)
			w.wantMoves(t, 0, "0s idle, 0s connecting, 2ms up")
			ev := w.m.Snapshot().Evidence
			if last := ev[len(ev)-1]; last.Hop != netcheck.HopService || last.Seen != netcheck.SeenUnknown {
				t.Errorf("evidence %+v", last)
			}
		})
	})
}

// Where the system tells nothing of ways, silence is noticed all the same.
func TestSystemWithoutWays(t *testing.T) {
	watch(t, echoTarget, func(w *world) {
		w.noInfo = true
		w.route = func(netip.Addr) (netcheck.Way, error) { return netcheck.Way{}, netcheck.ErrUnsupported }
		w.judged = func(netcheck.Way) netcheck.LinkState { return netcheck.LinkUnknown }
	}, func(t *testing.T, w *world) {
		w.until(10 * time.Second)
		if w.state() != Up {
			t.Fatal(w.state())
		}
		w.hole(10*time.Second, 20*time.Second)
		w.until(30 * time.Second)
		w.reached(t, 10*time.Second, Down)
		if up := w.reached(t, 20*time.Second, Up); up > 21100*ms {
			t.Errorf("up at %v", up)
		}
	})
}

// What the system says of the network as a whole stands in the report and changes nothing, however late it comes.
func TestHearsay(t *testing.T) {
	says := netcheck.Evidence{Where: "IsNetworkAlive", Seen: netcheck.SeenUnknown, Saw: "alive (LAN)"}
	for _, late := range []time.Duration{0, 300 * ms, time.Hour} {
		watch(t, echoTarget, func(w *world) {
			w.hearsay = func(ctx context.Context) []netcheck.Evidence {
				select {
				case <-time.After(late):
					return []netcheck.Evidence{says}
				case <-ctx.Done():
					return nil
				}
			}
		}, func(t *testing.T, w *world) {
			w.until(10100 * ms)
			w.breakLink(netcheck.LinkNoCarrier)
			w.until(20 * time.Second)
			w.wantMoves(t, 10100*ms, "10.1s suspect, 10.54s down cable-unplugged")
			told := slices.Contains(w.m.Snapshot().Verdict.Evidence, says)
			if told != (late < time.Hour) {
				t.Errorf("said after %v, told: %v", late, told)
			}
			w.breakLink(netcheck.LinkWhole)
			w.until(30 * time.Second)
			if s := w.m.Snapshot(); s.State != Up || slices.Contains(s.Evidence, says) {
				t.Errorf("%v, %+v", s.State, s.Evidence)
			}
		})
	}
}

// Run returns when everything that it started has ended.
func TestRunLeavesNothingBehind(t *testing.T) {
	t.Run("a click that comes with the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hub = w.newHub(0)
			target := echoTarget
			target.Name, target.Address = "office", serverAddr.String()
			m, err := newMonitor(w.hub, target, 0)
			if err != nil {
				t.Fatal(err)
			}
			real, dials := w.hub.sys.dial, 0
			w.hub.sys.dial = func(ctx context.Context, a netip.AddrPort, k Keepalive) (net.Conn, error) {
				if dials++; dials == 1 {
					<-ctx.Done()
					m.Reconnect()
					return nil, ctx.Err()
				}
				return real(ctx, a, k)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
			defer cancel()
			defer context.AfterFunc(ctx, m.stop)()
			runWhole(m, ctx)
			before := m.Snapshot().Seq
			synctest.Wait()
			if dials != 1 || m.Snapshot().Seq != before {
				t.Errorf("%d dials, want none after the end", dials-1)
			}
		})
	})
}

func TestTrace(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(100*time.Second + 600*ms)
		got := w.m.trace.samples(time.Now())
		if len(got) != 60 {
			t.Fatalf("%d samples, want 60", len(got))
		}
		for i, s := range got {
			if s.RTT != 2*oneWay || i > 0 && s.Time.Sub(got[i-1].Time) != time.Second {
				t.Errorf("sample %d: %+v", i, s)
			}
		}
		w.hole(101*time.Second, 111*time.Second)
		w.until(120 * time.Second)
		for _, s := range w.m.trace.samples(time.Now()) {
			if at := s.Time.Sub(w.start); at > 102*time.Second && at < 110*time.Second {
				t.Errorf("a sample at %v, within the gap", at)
			}
		}
	})
}

// The next attempt may be due in the moment in which the cable comes back. Frames in the first milliseconds of a port are
// lost, and an ARP request among them costs a second.
func TestAttemptDueWhileARepairSettles(t *testing.T) {
	watch(t, echoTarget, nil, func(t *testing.T, w *world) {
		w.until(10100 * ms)
		w.breakLink(netcheck.LinkNoCarrier)
		w.until(20 * time.Second)
		retry := w.m.Snapshot().RetryAt.Sub(w.start)
		for early, want := range map[time.Duration]time.Duration{30 * ms: 50 * ms, ms: 51 * ms} {
			w.until(retry - early)
			if want == 50*ms {
				w.breakLink(netcheck.LinkWhole)
			} else {
				w.set(func() { w.link = netcheck.LinkWhole }) // and the news does not come
			}
			repair := w.at()
			w.pass(time.Second)
			if first := slices.Min(append(w.conns[len(w.conns)-1].beats(repair, forever), w.dialled(repair, forever)...)); first != repair+want {
				t.Errorf("repaired %v before the attempt: the first packet left %v after it, want %v", early, first-repair, want)
			}
			w.breakLink(netcheck.LinkNoCarrier)
			w.pass(10 * time.Second)
			retry = w.m.Snapshot().RetryAt.Sub(w.start)
		}
		w.breakLink(netcheck.LinkWhole)
	})
}
