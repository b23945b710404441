package monitor

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"holdfast/internal/desktest"
	"holdfast/netcheck"
)

// A session goes the way that the settings of Windows name, and another when they change. They are written under wine only,
// whose Windows is thrown away.
func TestFleetFollowsTheSettings(t *testing.T) {
	k, c := desktest.InternetSettings(t)
	direct := append([]byte{0x46, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 40)...) // no script is looked for
	desktest.Must(t, c.SetBinaryValue("DefaultConnectionSettings", direct))
	desktest.Must(t, k.SetStringValue("ProxyServer", "https=127.0.0.1:1"))
	desktest.Must(t, k.SetStringValue("ProxyOverride", "<-loopback>"))
	desktest.Must(t, k.SetDWordValue("ProxyEnable", 0))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	desktest.Must(t, err)
	go func() {
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer s.Close(); _, _ = io.Copy(s, s) }()
		}
	}()
	t.Cleanup(func() { l.Close() })

	f := NewFleet(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	desktest.Must(t, f.Set([]Target{{Name: "a", Address: l.Addr().String(), Via: systemWay, Heartbeat: "echo"}}))
	events := f.Subscribe(false)
	until := func(what string, fits func(s Snapshot) bool) {
		t.Helper()
		within, stop := context.WithTimeout(ctx, 30*time.Second)
		defer stop()
		for {
			e, err := events.Next(within)
			if err != nil {
				s, _ := f.Snapshot("a")
				t.Fatalf("%s: never; it is %v through %q, %v", what, s.State, s.Proxy, s.Verdict)
			}
			if fits(e.Snapshot) && !e.Removed {
				return
			}
		}
	}
	until("direct", func(s Snapshot) bool { return s.State == Up && s.Proxy == "" })
	start := time.Now()
	desktest.Must(t, k.SetDWordValue("ProxyEnable", 1))
	until("through a proxy where nobody listens", func(s Snapshot) bool {
		return s.State == Down && s.Proxy == "http://127.0.0.1:1" && s.Verdict.Cause == netcheck.ProxyRefused
	})
	t.Logf("followed, and named, after %v", time.Since(start))
	start = time.Now()
	desktest.Must(t, k.SetDWordValue("ProxyEnable", 0))
	until("direct again", func(s Snapshot) bool { return s.State == Up && s.Proxy == "" })
	t.Logf("up again after %v", time.Since(start))
	events.Close()
	cancel()
	<-ended
}
