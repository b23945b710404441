package monitor

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// A name may have an address on which nobody listens: localhost is ::1 as well on most computers.
func TestNameWithSeveralAddresses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	port := ln.Addr().(*net.TCPAddr).Port
	for name, addrs := range map[string][]netip.Addr{
		"the first refuses": {netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")},
		"the other family":  {netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(Target{Name: name, Address: net.JoinHostPort("two.example", strconv.Itoa(port)), Heartbeat: "echo"})
			if err != nil {
				t.Fatal(err)
			}
			m.hub.sys.resolve = func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			done := make(chan error, 1)
			events := m.Subscribe(false)
			go func() { done <- m.Run(ctx) }()
			for {
				ev, err := events.Next(ctx)
				if err != nil {
					t.Error(err)
					break
				}
				if ev.Snapshot.State == Up {
					if got, want := ev.Snapshot.Remote, ln.Addr().String(); got != want {
						t.Errorf("Up with %s, want %s", got, want)
					}
					break
				}
				if ev.Snapshot.State == Down {
					t.Errorf("down: %v", ev.Snapshot.Verdict.Cause)
				}
			}
			cancel()
			<-done
		})
	}
}
