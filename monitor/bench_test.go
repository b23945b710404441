package monitor

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkBeat is one heartbeat of an Up session over loopback: sent, read, answered, timed. Nothing else of the process
// allocates, so allocations are the session's.
func BenchmarkBeat(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				buf := make([]byte, 512)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	m, err := New(Target{Name: "bench", Address: l.Addr().String(), Heartbeat: "echo"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.ctx = ctx
	m.set(timerBegin, m.hub.now())
	step := func() {
		m.drain()
		m.wait(m.act(m.hub.now()))
	}
	for m.s.State != Up {
		step()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		n := m.sess.answered
		m.beat(m.hub.now())
		for m.sess.answered == n {
			step()
		}
	}
	b.StopTimer()
	if m.s.State != Up {
		b.Fatalf("%v in the end", m.s.State)
	}
	m.endTrouble()
	m.dropSession()
	m.asking.Wait()
	m.drain()
	m.forgetWay()
	m.hub.asking.Wait()
}

// echoElsewhere starts an echo server in a process of its own, so that its memory is not ours.
func echoElsewhere(tb testing.TB) (address string) {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MONITOR_TEST_ECHO=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// serveEcho is that process; it ends with its standard input.
func serveEcho() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func resident(tb testing.TB) int64 {
	tb.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skip("needs a system that tells resident memory in /proc/self/status:", err)
	}
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) > 1 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kib << 10
		}
	}
	tb.Fatal("no VmRSS")
	return 0
}

// BenchmarkSessionMemory is what each of a thousand more sessions of a running Fleet costs at rest: resident memory, and
// of it the heap and the stacks. The server is in another process.
func BenchmarkSessionMemory(b *testing.B) {
	const few, many = 100, 1100
	address := echoElsewhere(b)
	for range b.N {
		f := NewFleet(Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = f.Run(ctx) })
		grow := func(n int) (rss int64, m runtime.MemStats) {
			var list []Target
			for i := range n {
				list = append(list, Target{Name: "target " + strconv.Itoa(i), Address: address, Heartbeat: "echo"})
			}
			if err := f.Set(list); err != nil {
				b.Fatal(err)
			}
			upBy := time.Now().Add(time.Minute)
			for up := 0; up < n; {
				if time.Now().After(upBy) {
					b.Fatalf("%d of %d are up", up, n)
				}
				time.Sleep(100 * time.Millisecond)
				up = 0
				for _, s := range f.Snapshots() {
					if s.State == Up {
						up++
					}
				}
			}
			time.Sleep(2 * time.Second)
			rss = resident(b) // collects, too
			runtime.ReadMemStats(&m)
			return rss, m
		}
		before, m0 := grow(few)
		after, m1 := grow(many)
		per := func(a, b uint64) float64 { return (float64(b) - float64(a)) / (many - few) }
		b.ReportMetric(per(uint64(before), uint64(after)), "RSS-B/session")
		b.ReportMetric(per(m0.HeapAlloc, m1.HeapAlloc), "heap-B/session")
		b.ReportMetric(per(m0.StackInuse, m1.StackInuse), "stack-B/session")
		cancel()
		wg.Wait()
	}
}
