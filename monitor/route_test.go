package monitor

import (
	"context"
	"fmt"
	"testing"

	"holdfast/internal/desktest"
)

// What the environment says stands for the system's settings, which change while a program runs.
func TestReroute(t *testing.T) {
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		t.Setenv(name, "")
	}
	t.Setenv("https_proxy", "http://127.0.0.1:1") // nobody listens there
	f := NewFleet(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	targets := []Target{
		{Name: "watched", Address: "192.0.2.1:9", Via: systemWay},
		{Name: "paused", Address: "192.0.2.1:9", Via: systemWay},
		{Name: "named", Address: "192.0.2.1:9", Via: "http://127.0.0.1:1"},
	}
	if err := f.Set(targets); err != nil {
		t.Fatal(err)
	}
	state := func(name string, want State, proxy string) {
		t.Helper()
		desktest.Until(t, fmt.Sprintf("%s is %v through %q", name, want, proxy), func() (string, bool) {
			s, ok := f.Snapshot(name)
			return fmt.Sprintf("%v through %q", s.State, s.Proxy), ok && s.State == want && s.Proxy == proxy
		})
	}
	state("paused", Down, "http://127.0.0.1:1")
	if err := f.Pause("paused"); err != nil {
		t.Fatal(err)
	}
	state("paused", Idle, "http://127.0.0.1:1")
	state("watched", Down, "http://127.0.0.1:1")
	before := f.monitors()
	f.reroute()
	for i, m := range f.monitors() {
		if m != before[i] {
			t.Errorf("%s began anew, and nothing changed", m.name)
		}
	}
	t.Setenv("https_proxy", "socks5://127.0.0.1:2")
	f.reroute()
	for i, m := range f.monitors() {
		if anew := m != before[i]; anew != (m.name != "named") {
			t.Errorf("%s began anew: %v", m.name, anew)
		}
	}
	state("watched", Down, "socks5://127.0.0.1:2")
	state("paused", Idle, "socks5://127.0.0.1:2")
	state("named", Down, "http://127.0.0.1:1")
	before = f.monitors()
	t.Setenv("https_proxy", "https://127.0.0.1:3")
	f.reroute()
	for i, m := range f.monitors() {
		if m != before[i] {
			t.Errorf("%s began anew by a way that cannot be used", m.name)
		}
	}
	if err := f.Resume("paused"); err != nil {
		t.Fatal(err)
	}
	state("paused", Down, "socks5://127.0.0.1:2")
	cancel()
	<-ended
}
