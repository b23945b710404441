package desktest

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// OnlyWine skips the test, or what is left of it, on a real Windows, whose registry is a person's: wine's is thrown away.
func OnlyWine(t testing.TB) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("needs wine, whose registry is thrown away: this is a real Windows, and what is set there is a person's")
	}
}

// InternetSettings opens the key of the proxy settings and the one below it that their dialog writes to. No other test, of
// whatever package, has them until this one ends, and nothing is set at first. It skips the test on a real Windows.
func InternetSettings(t testing.TB) (settings, connections registry.Key) {
	t.Helper()
	OnlyWine(t)
	runtime.LockOSThread() // to which the mutex belongs
	t.Cleanup(runtime.UnlockOSThread)
	mine, err := windows.CreateMutex(nil, false, windows.StringToUTF16Ptr("holdfast-tests-proxy-settings"))
	if mine == 0 {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = windows.CloseHandle(mine) })
	switch is, err := windows.WaitForSingleObject(mine, 120_000); is {
	case windows.WAIT_OBJECT_0, windows.WAIT_ABANDONED: // abandoned: whoever had it was killed
	default:
		t.Fatalf("another test has had the proxy settings for two minutes (%#x, %v)", is, err)
	}
	t.Cleanup(func() { _ = windows.ReleaseMutex(mine) })
	const path = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	open := func(path string) registry.Key {
		k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.ALL_ACCESS)
		Must(t, err)
		t.Cleanup(func() { _ = k.Close() })
		return k
	}
	settings, connections = open(path), open(path+`\Connections`)
	clean := func() {
		remove := func(k registry.Key, values ...string) {
			for _, v := range values {
				if err := k.DeleteValue(v); err != nil && !errors.Is(err, registry.ErrNotExist) {
					t.Error(err)
				}
			}
		}
		remove(settings, "ProxyEnable", "ProxyServer", "ProxyOverride", "AutoConfigURL")
		remove(connections, "DefaultConnectionSettings")
	}
	clean()
	t.Cleanup(clean)
	return settings, connections
}
