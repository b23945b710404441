package monitor

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"holdfast/netcheck"
)

// A session goes the way that the settings of Windows name, and another when they change. They are written under wine only,
// whose Windows is thrown away.
func TestFleetFollowsTheSettings(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("this is a real Windows, and its settings are a person's")
	}
	// Other tests write there too.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mine, err := windows.CreateMutex(nil, false, windows.StringToUTF16Ptr("holdfast-tests-proxy-settings"))
	if mine == 0 {
		t.Fatal(err)
	}
	defer windows.CloseHandle(mine)
	if _, err := windows.WaitForSingleObject(mine, 120_000); err != nil {
		t.Fatal(err)
	}
	defer windows.ReleaseMutex(mine)
	const path = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	key := func(path string) registry.Key {
		k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.ALL_ACCESS)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, c := key(path), key(path+`\Connections`)
	defer k.Close()
	defer c.Close()
	direct := append([]byte{0x46, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 40)...) // no script is looked for
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	try(c.SetBinaryValue("DefaultConnectionSettings", direct))
	try(k.SetStringValue("ProxyServer", "https=127.0.0.1:1"))
	try(k.SetStringValue("ProxyOverride", "<-loopback>"))
	try(k.SetDWordValue("ProxyEnable", 0))
	defer func() {
		_ = c.DeleteValue("DefaultConnectionSettings")
		for _, v := range []string{"ProxyServer", "ProxyOverride", "ProxyEnable"} {
			_ = k.DeleteValue(v)
		}
	}()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	try(err)
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
	try(f.Set([]Target{{Name: "a", Address: l.Addr().String(), Via: systemWay, Heartbeat: "echo"}}))
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
	try(k.SetDWordValue("ProxyEnable", 1))
	until("through a proxy where nobody listens", func(s Snapshot) bool {
		return s.State == Down && s.Proxy == "http://127.0.0.1:1" && s.Verdict.Cause == netcheck.ProxyRefused
	})
	t.Logf("followed, and named, after %v", time.Since(start))
	start = time.Now()
	try(k.SetDWordValue("ProxyEnable", 0))
	until("direct again", func(s Snapshot) bool { return s.State == Up && s.Proxy == "" })
	t.Logf("up again after %v", time.Since(start))
	events.Close()
	cancel()
	<-ended
}
