package dial

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var (
	winhttp                   = windows.NewLazySystemDLL("winhttp.dll")
	procGetIEProxyConfig      = winhttp.NewProc("WinHttpGetIEProxyConfigForCurrentUser")
	procWinHTTPOpen           = winhttp.NewProc("WinHttpOpen")
	procWinHTTPClose          = winhttp.NewProc("WinHttpCloseHandle")
	procWinHTTPSetTimeouts    = winhttp.NewProc("WinHttpSetTimeouts")
	procWinHTTPGetProxyForURL = winhttp.NewProc("WinHttpGetProxyForUrl")
	procGlobalFree            = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalFree")
)

// thisSystem asks WinHTTP, which runs the scripts. Its own settings (netsh winhttp) are for services and do not count: what
// the person has set does.
var thisSystem = func() *systemProxies {
	p := newSystemProxies()
	p.settings, p.script = readProxySettings, runScript
	return p
}()

// ieProxyConfig is a WINHTTP_CURRENT_USER_IE_PROXY_CONFIG.
type ieProxyConfig struct {
	detect                int32
	script, proxy, bypass *uint16
}

func readProxySettings() (s proxySettings, err error) {
	if err := procGetIEProxyConfig.Find(); err != nil {
		return s, err
	}
	var c ieProxyConfig
	if r, _, err := procGetIEProxyConfig.Call(uintptr(unsafe.Pointer(&c))); int32(r) == 0 {
		if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) { // none were ever made
			return s, nil
		}
		return s, err
	}
	s = proxySettings{detect: c.detect != 0, script: taken(c.script), proxy: taken(c.proxy), bypass: taken(c.bypass)}
	if s.script == "" && s.proxy == "" {
		s = withValues(s)
	}
	return s, nil
}

// withValues adds what stands in values of their own. The dialog writes both, tools that know no better only these.
func withValues(s proxySettings) proxySettings {
	root := registry.CURRENT_USER
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, settingsPolicy, registry.QUERY_VALUE); err == nil {
		if v, _, err := k.GetIntegerValue("ProxySettingsPerUser"); err == nil && v == 0 {
			root = registry.LOCAL_MACHINE // the policy: one for all who use this computer
		}
		k.Close()
	}
	k, err := registry.OpenKey(root, internetSettings, registry.QUERY_VALUE)
	if err != nil {
		return s
	}
	defer k.Close()
	text := func(name string) string {
		v, _, _ := k.GetStringValue(name)
		return v
	}
	s.script = text("AutoConfigURL")
	if on, _, err := k.GetIntegerValue("ProxyEnable"); err == nil && on != 0 {
		s.proxy, s.bypass = text("ProxyServer"), text("ProxyOverride")
	}
	return s
}

// taken is a string that WinHTTP leaves to its caller to free.
func taken(p *uint16) string {
	if p == nil {
		return ""
	}
	s := windows.UTF16PtrToString(p)
	_, _, _ = procGlobalFree.Call(uintptr(unsafe.Pointer(p)))
	return s
}

// autoProxyOptions is a WINHTTP_AUTOPROXY_OPTIONS.
type autoProxyOptions struct {
	flags, detectFlags uint32
	script             *uint16
	reserved           uintptr
	reserved2          uint32
	logon              int32
}

// proxyInfo is a WINHTTP_PROXY_INFO.
type proxyInfo struct {
	access        uint32
	proxy, bypass *uint16
}

const (
	accessNoProxy     = 1 // WINHTTP_ACCESS_TYPE_NO_PROXY
	autoDetect        = 1 // WINHTTP_AUTOPROXY_AUTO_DETECT
	autoConfigURL     = 2 // WINHTTP_AUTOPROXY_CONFIG_URL
	detectByDHCP      = 1 // WINHTTP_AUTO_DETECT_TYPE_DHCP
	detectByDNS       = 2 // WINHTTP_AUTO_DETECT_TYPE_DNS_A
	errorLoginFailure = windows.Errno(12015)

	fetchWithin = 5000 // milliseconds, for each step of fetching a script
)

// runScript has WinHTTP find and fetch the script and run it for one URL after the other. Each call may take long: nobody
// but the goroutine that asks may wait for it. WinHTTP keeps some of its state by thread, so all is called on one.
func runScript(s proxySettings, urls []string) func() scriptAnswer {
	var session uintptr
	end := func() {
		if session != 0 {
			_, _, _ = procWinHTTPClose.Call(session)
			session = 0
		}
		runtime.UnlockOSThread()
	}
	runtime.LockOSThread()
	err := func() error {
		for _, p := range []*windows.LazyProc{procWinHTTPOpen, procWinHTTPClose, procWinHTTPSetTimeouts, procWinHTTPGetProxyForURL} {
			if err := p.Find(); err != nil {
				return err
			}
		}
		r, _, err := procWinHTTPOpen.Call(0, accessNoProxy, 0, 0, 0)
		if session = r; r == 0 {
			return err
		}
		_, _, _ = procWinHTTPSetTimeouts.Call(session, fetchWithin, fetchWithin, fetchWithin, fetchWithin)
		return nil
	}()
	return func() (a scriptAnswer) {
		url := urls[0]
		if urls = urls[1:]; err == nil {
			a.list, a.err = askScript(session, s, url, false)
			if errors.Is(a.err, errorLoginFailure) { // only then: with it the answers are not kept by the service
				a.list, a.err = askScript(session, s, url, true)
			}
		} else {
			a.err = err
		}
		if a.err != nil {
			a.err = fmt.Errorf("%w: %w", errNoScript, a.err)
		}
		if a.err != nil || len(urls) == 0 {
			end()
		}
		return a
	}
}

func askScript(session uintptr, s proxySettings, url string, logon bool) (string, error) {
	to, err := windows.UTF16PtrFromString(url)
	if err != nil {
		return "", err
	}
	var o autoProxyOptions
	if s.detect {
		o.flags, o.detectFlags = autoDetect, detectByDHCP|detectByDNS
	}
	if s.script != "" {
		if o.script, err = windows.UTF16PtrFromString(s.script); err != nil {
			return "", err
		}
		o.flags |= autoConfigURL
	}
	if logon {
		o.logon = 1
	}
	var info proxyInfo
	r, _, err := procWinHTTPGetProxyForURL.Call(session, uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&o)), uintptr(unsafe.Pointer(&info)))
	runtime.KeepAlive(o.script)
	if int32(r) == 0 {
		return "", err
	}
	list := taken(info.proxy)
	taken(info.bypass)
	if info.access == accessNoProxy {
		list = ""
	}
	return list, nil
}

// internetSettings is where the settings are kept, connections what the dialog writes there, and settingsPolicy what says
// whether a person's hold or the computer's.
const (
	internetSettings = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	connections      = internetSettings + `\Connections`
	settingsPolicy   = `Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`
)

// watchSettings calls heard whenever the settings may have changed, until ctx ends, and once when it begins to hear. It costs
// a thread, and no wake-up.
func watchSettings(ctx context.Context, heard func()) {
	watchKeys(ctx, heard, []keyWatch{
		{root: registry.CURRENT_USER, path: internetSettings},
		{root: registry.CURRENT_USER, path: connections},
		{root: registry.LOCAL_MACHINE, path: settingsPolicy},
		{root: registry.LOCAL_MACHINE, path: internetSettings},
		{root: registry.LOCAL_MACHINE, path: connections},
	})
}

// watchKeys calls heard once when it begins to hear, and whenever one of the keys may have changed, come or gone.
func watchKeys(ctx context.Context, heard func(), keys []keyWatch) {
	runtime.LockOSThread() // a thread that ends takes what it asked for with it
	defer runtime.UnlockOSThread()
	ended, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return
	}
	defer windows.CloseHandle(ended)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = windows.SetEvent(ended)
		close(done)
	})
	defer func() {
		if !stop() {
			<-done // it uses the event
		}
	}()
	defer func() {
		for i := range keys {
			keys[i].close()
		}
	}()
	var rang *keyWatch
	for {
		events, of := []windows.Handle{ended}, []*keyWatch{nil}
		for i := range keys {
			w := &keys[i]
			if w.follow(w == rang); w.key != 0 {
				events, of = append(events, w.event), append(of, w)
			}
		}
		heard() // now: what changes from here on rings again
		n, err := windows.WaitForMultipleObjects(events, false, windows.INFINITE)
		at := int(n) - windows.WAIT_OBJECT_0
		if err != nil || at <= 0 || at >= len(events) {
			return
		}
		rang = of[at]
	}
}

// A keyWatch hears of the values of one key and of the keys below it; while the key is not there, of what comes below the
// nearest one above.
type keyWatch struct {
	root registry.Key
	path string

	key   registry.Key   // is heard of; 0: none
	at    string         // its path
	event windows.Handle // is set by the next change
}

// follow sees to it that the next change is heard of. rang is whether one was.
func (w *keyWatch) follow(rang bool) {
	if w.key != 0 {
		_, gone := w.key.Stat() // ERROR_KEY_DELETED
		if gone == nil && (!rang || w.at == w.path && notify(w.key, w.event, ofKey)) {
			return
		}
	}
	w.close()
	below, again := "", 3 // not for ever: one may be there and not be heard of
	for path := w.path; path != ""; {
		of := uint32(ofAbove)
		if path == w.path {
			of = ofKey
		}
		switch k, e := listenTo(w.root, path, of); {
		case k == 0:
			below, path = path, path[:max(strings.LastIndexByte(path, '\\'), 0)]
		case again > 0 && below != "" && opens(w.root, below): // it came meanwhile
			release(k, e)
			below, path, again = "", w.path, again-1
		default:
			w.key, w.at, w.event = k, path, e
			return
		}
	}
}

func (w *keyWatch) close() {
	if w.key != 0 {
		release(w.key, w.event)
		w.key = 0
	}
}

// hearing are the rights to hear of a key, which whoever may read it has.
const hearing = registry.NOTIFY | registry.QUERY_VALUE

func opens(root registry.Key, path string) bool {
	k, err := registry.OpenKey(root, path, hearing)
	if err == nil {
		k.Close()
	}
	return err == nil
}

// listenTo opens a key, and makes an event that is set by the next change: a new one, for what is closed sets its own. The key
// is 0 if that is not to be had.
func listenTo(root registry.Key, path string, of uint32) (registry.Key, windows.Handle) {
	k, err := registry.OpenKey(root, path, hearing)
	if err != nil {
		return 0, 0
	}
	e, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		k.Close()
		return 0, 0
	}
	if !notify(k, e, of) {
		release(k, e)
		return 0, 0
	}
	return k, e
}

func release(k registry.Key, e windows.Handle) {
	k.Close()
	_ = windows.CloseHandle(e)
}

// What is heard of a key, and of one above it.
const (
	ofKey   = windows.REG_NOTIFY_CHANGE_LAST_SET | windows.REG_NOTIFY_CHANGE_NAME // also: one below it goes, which has its own watch
	ofAbove = windows.REG_NOTIFY_CHANGE_NAME
)

// notify has the next change set the event, once.
func notify(k registry.Key, e windows.Handle, of uint32) bool {
	return windows.RegNotifyChangeKeyValue(windows.Handle(k), false, of, e, true) == nil
}
