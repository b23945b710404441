package control

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/monitor"
)

// echo is a server that sends back what it gets, until the test ends or it is stopped.
func echo(t *testing.T, address string) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			wg.Go(func() { _, _ = io.Copy(c, c); _ = c.Close() })
		}
	})
	stop = sync.OnceFunc(func() {
		_ = l.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// The whole of it: settings, a real fleet, its events through the socket.
func TestWithARealFleet(t *testing.T) {
	addr, stop := echo(t, "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "holdfast.toml")
	settings := config.Open(path)
	f := monitor.NewFleet(monitor.Options{Trace: 60})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.Run(ctx) })
	wg.Go(func() {
		settings.Run(ctx, func(s config.Settings, err error) {
			if err := f.Set(s.Targets); err != nil {
				t.Error(err)
			}
		})
	})
	defer wg.Wait()
	defer cancel()
	_, c := start(t, &Server{Engine: ForFleet(f), Settings: settings, Try: func(ctx context.Context, t monitor.Target, _ string, event func(monitor.Event)) { Try(ctx, t, event) }})

	up := false
	target := monitor.Target{Name: "echo", Address: addr, Heartbeat: "echo", Interval: 100 * time.Millisecond}
	for o, err := range c.Try(t.Context(), target, "") {
		if err != nil {
			t.Fatal(err)
		}
		if up = o.State == "up" && o.RTT > 0; up {
			break
		}
	}
	if !up {
		t.Fatal("the trial never became up")
	}
	if st, err := c.Status(t.Context()); err != nil || len(st.Targets) != 0 {
		t.Fatalf("a trial is watched: %+v, %v", st.Targets, err)
	}

	if err := c.SaveTarget(t.Context(), "echo", target, false); err != nil {
		t.Fatal(err)
	}
	if st, err := c.Status(t.Context()); err != nil || len(st.Targets) != 1 {
		t.Fatalf("what was saved is not watched: %+v, %v", st.Targets, err)
	}
	phase := 0
	wait, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	for o, err := range c.Events(wait, true) {
		if err != nil {
			t.Fatalf("in phase %d: %v", phase, err)
		}
		switch {
		case phase == 0 && o.Event == "beat" && o.State == "up":
			phase = 1
			stop()
		case phase == 1 && o.State == "down":
			if o.Cause != "server-refused" && o.Cause != "server-closed" && o.Cause != "server-reset" || len(o.Outages) == 0 {
				t.Errorf("down for %q with %d outages", o.Cause, len(o.Outages))
			}
			phase = 2
			echo(t, addr)
			if err := c.Reconnect(wait, "echo"); err != nil {
				t.Error(err)
			}
		case phase == 2 && o.State == "up":
			phase = 3
			if err := c.Pause(wait, time.Time{}); err != nil {
				t.Error(err)
			}
		case phase == 3 && o.State == "idle":
			phase = 4
			if err := c.RemoveTarget(wait, "echo", false); err != nil {
				t.Error(err)
			}
		case phase == 4 && o.Removed:
			phase = 5
		}
		if phase == 5 {
			break
		}
	}
	if phase != 5 {
		t.Errorf("the stream ended in phase %d", phase)
	}
}
