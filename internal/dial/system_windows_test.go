package dial

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows/registry"

	"holdfast/internal/desktest"
)

// Where what Windows reads and writes lies, as gcc for mingw-w64 has it from winhttp.h and mstcpip.h, for 64 bits.
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("needs a program for 64 bits: of one for 32 the layout differs")
	}
	var c ieProxyConfig
	var o autoProxyOptions
	var i proxyInfo
	var rto tcpInitialRTO
	for _, s := range [...]struct {
		name      string
		got, want uintptr
	}{
		{"WINHTTP_CURRENT_USER_IE_PROXY_CONFIG", unsafe.Sizeof(c), 32}, {"its script", unsafe.Offsetof(c.script), 8},
		{"its proxy", unsafe.Offsetof(c.proxy), 16}, {"its bypass list", unsafe.Offsetof(c.bypass), 24},
		{"WINHTTP_AUTOPROXY_OPTIONS", unsafe.Sizeof(o), 32}, {"its script", unsafe.Offsetof(o.script), 8}, {"its logon", unsafe.Offsetof(o.logon), 28},
		{"WINHTTP_PROXY_INFO", unsafe.Sizeof(i), 24}, {"its proxy", unsafe.Offsetof(i.proxy), 8}, {"its bypass list", unsafe.Offsetof(i.bypass), 16},
		{"TCP_INITIAL_RTO_PARAMETERS", unsafe.Sizeof(rto), 4}, {"its retransmissions", unsafe.Offsetof(rto.max), 2},
		{"SIO_TCP_INITIAL_RTO", sioTCPInitialRTO, 0x98000011},
	} {
		if s.got != s.want {
			t.Errorf("%s: %d, want %d", s.name, s.got, s.want)
		}
	}
}

// A person's settings are read, and nobody's are changed: only under wine, whose Windows is thrown away.
func TestProxySettingsOfThisWindows(t *testing.T) {
	s, err := readProxySettings()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s)
	k, c := desktest.InternetSettings(t)
	write := func(values map[string]any) {
		t.Helper()
		for name, v := range values {
			var err error
			switch v := v.(type) {
			case string:
				err = k.SetStringValue(name, v)
			case int:
				err = k.SetDWordValue(name, uint32(v))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
		t.Setenv(name, "")
	}
	system, err := ParseVia("system")
	if err != nil {
		t.Fatal(err)
	}
	expect := func(target, want string) {
		t.Helper()
		if got, err := system.For(target); err != nil || got.String() != want {
			t.Errorf("%s: %v (%v), want %s", target, got, err, want)
		}
	}
	// Followed, it is told of each change.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var changes atomic.Int32
	changed, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		FollowSystem(ctx, nil, func() []string { return nil }, func() { changes.Add(1); wake(changed) })
	}()
	told := func() {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			t.Fatal("not told in 30 s")
		}
	}
	told() // at first
	expect("gate.example.net:7000", "direct")
	write(map[string]any{"ProxyServer": "http=192.0.2.7:80;https=192.0.2.8:81;socks=192.0.2.9:1080", "ProxyOverride": "*.example.org;<local>", "ProxyEnable": 1})
	told()
	expect("gate.example.net:7000", "http://192.0.2.8:81")
	expect("gate.example.org:7000", "direct")
	expect("nas:7000", "direct")
	expect("127.0.0.1:7000", "direct")
	write(map[string]any{"ProxyEnable": 0})
	told()
	expect("gate.example.net:7000", "direct")
	// As the dialog writes it (DefaultConnectionSettings): the same, and whether the network is asked for a script.
	blob := func(flags uint32, proxy, bypass, script string) {
		t.Helper()
		b := []byte{0x46, 0, 0, 0, 1, 0, 0, 0}
		b = binary.LittleEndian.AppendUint32(b, flags)
		for _, s := range []string{proxy, bypass, script} {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
		}
		if err := c.SetBinaryValue("DefaultConnectionSettings", append(b, make([]byte, 32)...)); err != nil {
			t.Fatal(err)
		}
	}
	blob(1|2, "192.0.2.10:3128", "*.example.com", "")
	expect("gate.example.net:7000", "http://192.0.2.10:3128")
	expect("gate.example.com:7000", "direct")
	blob(1, "192.0.2.10:3128", "", "")
	expect("gate.example.net:7000", "direct")
	if s, err := readProxySettings(); err != nil || s != (proxySettings{}) {
		t.Errorf("direct: %+v, %v", s, err)
	}
	cancel()
	<-ended

	// A script, where this system runs scripts.
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		fmt.Fprint(w, `function FindProxyForURL(url, host) { if (host == "near.example.net") return "DIRECT"; return "PROXY 192.0.2.7:3128; PROXY 192.0.2.8:3128"; }`)
	}))
	web.Listener.Close()
	if web.Listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	web.Start()
	defer web.Close()
	write(map[string]any{"AutoConfigURL": web.URL + "/proxy.pac", "ProxyServer": "192.0.2.9:3128", "ProxyEnable": 1})
	if s, err := readProxySettings(); err != nil || s.script != web.URL+"/proxy.pac" {
		t.Fatalf("%+v, %v", s, err)
	}
	// What runs scripts starts programs of its own, which would keep the output of this one open: so another runs them.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "says")
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), scriptVar+"="+out)
	if err := cmd.Run(); err != nil { // its output goes nowhere
		t.Fatal(err)
	}
	says, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	switch string(says) {
	case "http://192.0.2.7:3128 direct":
	case "no script":
		t.Log("this system runs no scripts: the settings besides hold")
		expect("gate.example.net:7000", "http://192.0.2.9:3128")
	default:
		t.Errorf("the script says %q", says)
	}

	// Nothing answers where the script is said to be.
	write(map[string]any{"AutoConfigURL": "http://127.0.0.1:1/proxy.pac"})
	within, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	start := time.Now()
	thisSystem.ask(within, []string{"gate.example.net:7000"}, false)
	t.Logf("no script: after %v", time.Since(start))
	expect("gate.example.net:7000", "http://192.0.2.9:3128")
}

// Keys are heard of that come, go and come again. They are our own, and go with the test.
func TestKeysThatAreNotThereYet(t *testing.T) {
	root := fmt.Sprintf(`Software\HoldfastTest%d`, os.Getpid())
	parent, child := root+`\Settings`, root+`\Settings\Connections`
	remove := func(paths ...string) {
		t.Helper()
		for _, p := range paths {
			if err := registry.DeleteKey(registry.CURRENT_USER, p); err != nil && !errors.Is(err, registry.ErrNotExist) {
				t.Error(err)
			}
		}
	}
	defer remove(child, parent, root)
	read := func(path string) string { // what is there, "" without a value, or "no key"
		k, err := registry.OpenKey(registry.CURRENT_USER, path, registry.QUERY_VALUE)
		if err != nil {
			return "no key"
		}
		defer k.Close()
		v, _, _ := k.GetStringValue("value")
		return v
	}
	write := func(path, v string) {
		t.Helper()
		k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		if err := k.SetStringValue("value", v); err != nil {
			t.Fatal(err)
		}
	}
	write(root, "")
	seen := make(chan string, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watchKeys(ctx, func() { seen <- read(parent) + "; " + read(child) }, []keyWatch{
			{root: registry.CURRENT_USER, path: parent}, {root: registry.CURRENT_USER, path: child},
			{root: registry.CURRENT_USER, path: root}, // stays: Wine tells nobody but who hears of the key above that one has gone
		})
	}()
	defer func() { cancel(); <-ended }()
	until := func(when, want string) {
		t.Helper()
		limit := time.After(30 * time.Second)
		for last := "nothing"; ; {
			select {
			case last = <-seen:
				if last == want {
					return
				}
			case <-limit:
				t.Fatalf("%s: %q was seen last, want %q", when, last, want)
			}
		}
	}
	until("at first", "no key; no key")
	for _, round := range []string{"first", "second"} {
		write(parent, round)
		until("the parent comes", round+"; no key")
		write(child, "a")
		until("the child comes", round+"; a")
		for _, v := range []string{"b", "c", "d", "e"} { // each is heard of, not only what follows soon
			write(child, v)
			until("the child's value", round+"; "+v)
			write(parent, round+v)
			until("the parent's value", round+v+"; "+v)
			write(parent, round)
			until("the parent's value again", round+"; "+v)
		}
		remove(child)
		until("the child goes", round+"; no key")
		write(child, "f")
		until("it comes again", round+"; f")
		write(child, "g")
		until("its value", round+"; g")
		remove(child, parent)
		until("both go", "no key; no key")
	}
}

// Where a policy has the settings be the computer's, these are followed. They are written under wine only.
func TestSettingsOfTheComputer(t *testing.T) {
	desktest.InternetSettings(t)
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
		t.Setenv(name, "")
	}
	system, err := ParseVia("system")
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 1)
	told := func(when, want string) {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: not told in 30 s", when)
		}
		if got, err := system.For("gate.example.net:7000"); err != nil || got.String() != want {
			t.Errorf("%s: %v (%v), want %s", when, got, err, want)
		}
	}
	set := func(path, name string, value any) {
		t.Helper()
		k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
		desktest.Must(t, err)
		defer k.Close()
		t.Cleanup(func() {
			k, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
			desktest.Must(t, err)
			defer k.Close()
			if err := k.DeleteValue(name); err != nil && !errors.Is(err, registry.ErrNotExist) {
				t.Error(err)
			}
		})
		switch v := value.(type) {
		case string:
			err = k.SetStringValue(name, v)
		case int:
			err = k.SetDWordValue(name, uint32(v))
		}
		desktest.Must(t, err)
	}
	set(internetSettings, "ProxyServer", "192.0.2.7:3128") // a person's hold
	set(internetSettings, "ProxyEnable", 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		FollowSystem(ctx, nil, func() []string { return nil }, func() { wake(changed) })
	}()
	defer func() { cancel(); <-ended }()
	told("at first", "direct")
	set(settingsPolicy, "ProxySettingsPerUser", 0)
	told("the policy comes", "http://192.0.2.7:3128")
	set(internetSettings, "ProxyServer", "192.0.2.8:3128")
	told("another proxy", "http://192.0.2.8:3128")
	set(settingsPolicy, "ProxySettingsPerUser", 1)
	told("a person's again", "direct")
}

// scriptVar names the file that another process of this program writes what the script says to.
const scriptVar = "HOLDFAST_TEST_SCRIPT"

func init() { // not in TestMain: there is such a process on Windows only
	if out := os.Getenv(scriptVar); out != "" {
		if err := sayWays(out); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
}

// sayWays writes which ways the script of the settings says.
func sayWays(out string) error {
	system, err := ParseVia("system")
	if err != nil {
		return err
	}
	thisSystem.accepts = func(Via) bool { return true }
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	targets := []string{"gate.example.net:7000", "near.example.net:7000"}
	thisSystem.ask(ctx, targets, false)
	var says []string
	for _, target := range targets {
		v, err := system.For(target)
		if err != nil {
			return err
		}
		says = append(says, v.String())
	}
	if errors.Is(thisSystem.answers[targets[0]].err, errNoScript) {
		says = []string{"no script"}
	}
	return os.WriteFile(out, []byte(strings.Join(says, " ")), 0o600)
}
