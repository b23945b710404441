package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStaticProxy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		proxy  string
		bypass string
		target string
		want   string
		err    string
	}{
		{name: "none", want: "direct"},
		{name: "one for every protocol", proxy: "proxy.example.net:3128", want: "http://proxy.example.net:3128"},
		{name: "without a port", proxy: "proxy.example.net", want: "http://proxy.example.net:80"},
		{name: "with a scheme and a slash", proxy: "http://proxy.example.net:3128/", want: "http://proxy.example.net:3128"},
		{name: "one for each protocol", proxy: "http=a:80;https=b:81;ftp=c:82;socks=d:1080", want: "http://b:81"},
		{name: "blanks between, capitals", proxy: "  HTTP=a:80 \t HTTPS=http://b:81 ;; SOCKS=d:1080", want: "http://b:81"},
		{name: "SOCKS and web pages", proxy: "http=a:80;socks=d:1080", want: "socks5://d:1080"},
		{name: "SOCKS without a port", proxy: "socks=d", want: "socks5://d:1080"},
		{name: "SOCKS with its version", proxy: "socks=socks5://d:1081", want: "socks5://d:1081"},
		{name: "one for web pages only is not for a TCP service", proxy: "http=a:80;ftp=c:82", want: "direct"},
		{name: "of two the first counts", proxy: "a:80;b:81", want: "http://a:80"},
		{name: "https before the one for all", proxy: "a:80;https=b:81", want: "http://b:81"},
		{name: "IPv6", proxy: "[2001:db8::7]:3128", want: "http://[2001:db8::7]:3128"},
		{name: "reached over TLS", proxy: "https=https://b:443", err: "the system's proxy: https: a proxy that is itself reached over TLS"},
		{name: "SOCKS 4", proxy: "socks=socks4://d:1080", err: "the system's proxy: socks4: only version 5"},
		{name: "nonsense", proxy: "https=a b:99999", want: "http://a:80"},
		{name: "a port that is none", proxy: "b:99999", err: "the system's proxy: port:"},

		{name: "excepted by name", proxy: "p:1", bypass: "other;gate.example.net", want: "direct"},
		{name: "excepted, in capitals and with a dot at the end", proxy: "p:1", bypass: "GATE.example.NET", target: "gate.EXAMPLE.net.:7000", want: "direct"},
		{name: "excepted by domain", proxy: "p:1", bypass: "*.example.net", want: "direct"},
		{name: "excepted by domain, as elsewhere", proxy: "p:1", bypass: ".example.net", want: "direct"},
		{name: "a domain does not except itself", proxy: "p:1", bypass: "*.example.net", target: "example.net:1", want: "http://p:1"},
		{name: "asterisks in the middle", proxy: "p:1", bypass: "g*.ex*le.*", want: "direct"},
		{name: "an asterisk may stand for nothing, not for less", proxy: "p:1", bypass: "gate.example.net*gate.example.net", want: "http://p:1"},
		{name: "all", proxy: "p:1", bypass: "*", want: "direct"},
		{name: "by address", proxy: "p:1", bypass: "192.0.2.*", target: "192.0.2.9:1", want: "direct"},
		{name: "another address", proxy: "p:1", bypass: "192.0.2.*", target: "192.0.22.9:1", want: "http://p:1"},
		{name: "by IPv6 address", proxy: "p:1", bypass: "[2001:db8::7]", target: "[2001:db8::7]:1", want: "direct"},
		{name: "by IPv6 address and port", proxy: "p:1", bypass: "[2001:db8::7]:9", target: "[2001:db8::7]:1", want: "http://p:1"},
		{name: "by port", proxy: "p:1", bypass: "gate.example.net:7000", want: "direct"},
		{name: "another port", proxy: "p:1", bypass: "https://gate.example.net:443", want: "http://p:1"},
		{name: "with a scheme", proxy: "p:1", bypass: "https://gate.example.net/", want: "direct"},
		{name: "local: a name without a dot", proxy: "p:1", bypass: "<local>", target: "nas:1", want: "direct"},
		{name: "local: not a name with one", proxy: "p:1", bypass: "<LOCAL>", want: "http://p:1"},
		{name: "local: not an address", proxy: "p:1", bypass: "<local>", target: "[2001:db8::7]:1", want: "http://p:1"},
		{name: "a name without a dot, and no word of it", proxy: "p:1", target: "nas:1", want: "http://p:1"},
		{name: "this computer", proxy: "p:1", target: "127.0.0.1:1", want: "direct"},
		{name: "this computer by name", proxy: "p:1", target: "LOCALHOST:1", want: "direct"},
		{name: "this computer, IPv6", proxy: "p:1", target: "[::1]:1", want: "direct"},
		{name: "link-local", proxy: "p:1", target: "169.254.7.7:1", want: "direct"},
		{name: "this computer too is to go through the proxy", proxy: "p:1", bypass: "<-loopback>", target: "127.0.0.1:1", want: "http://p:1"},
		{name: "no proxy, whatever is excepted", bypass: "<-loopback>", target: "127.0.0.1:1", want: "direct"},
		{name: "an exception spares a proxy that cannot be used", proxy: "b:99999", bypass: "*.net", want: "direct"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.target == "" {
				tt.target = "gate.example.net:7000"
			}
			p := newSystemProxies()
			p.settings = func() (proxySettings, error) { return proxySettings{proxy: tt.proxy, bypass: tt.bypass}, nil }
			got, err := p.way(tt.target)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("got %v (%v), want %q", got, err, tt.err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("got %v (%v), want %v", got, err, tt.want)
			}
		})
	}
}

func FuzzSystemProxy(f *testing.F) {
	f.Add("http=a:80;https=b:81", "<local>;*.example.net:7000", "a:1;DIRECT")
	f.Add("socks=[::1]", "[::1]:*;http://*", "PROXY a:1")
	f.Fuzz(func(t *testing.T, proxy, bypass, list string) {
		s := proxySettings{proxy: proxy, bypass: bypass}
		if v, err := s.static("gate.example.net", 7000); err != nil && (v != (Via{}) || err.Error() != printable(err.Error(), 2*maxText)) {
			t.Errorf("%v, %q", v, err)
		}
		ways, err := scripted(list)
		if (len(ways) == 0) == (err == nil) {
			t.Errorf("%q: %v, %v", list, ways, err)
		}
		for _, v := range ways {
			if back, err := ParseVia(v.String()); err != nil || back.String() != v.String() {
				t.Errorf("%q: %v does not read back: %v", list, v, err)
			}
		}
	})
}

// scripting is a system whose settings name a script.
type scripting struct {
	*systemProxies
	mu    sync.Mutex // guards what follows
	s     proxySettings
	says  map[string]string // by URL; "!" is none
	asked []string
	dead  []string // proxies that take no connection
	hang  chan struct{}
}

func newScripting() *scripting {
	f := &scripting{systemProxies: newSystemProxies(), s: proxySettings{script: "http://192.0.2.3/proxy.pac"}, says: map[string]string{}}
	f.settings = func() (proxySettings, error) { f.mu.Lock(); defer f.mu.Unlock(); return f.s, nil }
	f.script = func(_ proxySettings, urls []string) func() scriptAnswer {
		return func() scriptAnswer {
			f.mu.Lock()
			url, hang := urls[0], f.hang
			urls = urls[1:]
			f.asked = append(f.asked, url)
			list := f.says[url]
			f.mu.Unlock()
			if hang != nil {
				<-hang
			}
			if list == "!" {
				return scriptAnswer{err: fmt.Errorf("%w: 12167", errNoScript)}
			}
			return scriptAnswer{list: list}
		}
	}
	f.accepts = func(v Via) bool { f.mu.Lock(); defer f.mu.Unlock(); return !slices.Contains(f.dead, v.String()) }
	return f
}

func (f *scripting) set(change func()) { f.mu.Lock(); defer f.mu.Unlock(); change() }

func (f *scripting) expect(t *testing.T, target, want string) {
	t.Helper()
	if got, err := f.way(target); err != nil || got.String() != want {
		t.Errorf("%s: got %v (%v), want %v", target, got, err, want)
	}
}

func TestScript(t *testing.T) {
	const a, urlA, b, urlB = "a.example.net:7000", "https://a.example.net:7000/", "[2001:db8::1]:1", "https://[2001:db8::1]:1/"
	ask := func(f *scripting, afresh bool) { f.ask(context.Background(), []string{a, b, "no target"}, afresh) }

	t.Run("each target by itself, asked once", func(t *testing.T) {
		f := newScripting()
		f.s.proxy = "static:1"
		f.expect(t, a, "http://static:1") // nothing was said yet
		if !f.silent(a) {
			t.Error("the script has spoken?")
		}
		f.says = map[string]string{urlA: "p:3128", urlB: ""}
		ask(f, false)
		f.expect(t, a, "http://p:3128")
		f.expect(t, b, "direct")
		if f.silent(a) || f.silent(b) {
			t.Error("the script has not spoken?")
		}
		ask(f, false)
		if want := []string{urlA, urlB}; !slices.Equal(f.asked, want) {
			t.Errorf("asked %q, want %q", f.asked, want)
		}
		f.set(func() { f.s.script = "http://192.0.2.3/another.pac" })
		f.expect(t, a, "http://static:1") // what another script said does not count
		if !f.silent(a) {
			t.Error("another script has spoken?")
		}
		ask(f, false)
		f.expect(t, a, "http://p:3128")
	})
	t.Run("no script: what the settings say besides, and nobody else is asked about", func(t *testing.T) {
		f := newScripting()
		f.s.proxy = "static:1"
		f.says[urlA] = "!"
		ask(f, false)
		f.expect(t, a, "http://static:1")
		f.expect(t, b, "http://static:1")
		if len(f.asked) != 1 {
			t.Errorf("asked %q", f.asked)
		}
		if f.silent(a) || f.silent(b) {
			t.Error("it is waited for again")
		}
	})
	t.Run("a script that cannot be fetched any more: what it said holds on", func(t *testing.T) {
		f := newScripting()
		f.says[urlA] = "p:3128"
		ask(f, false)
		f.set(func() { f.says[urlA] = "!" })
		ask(f, true)
		f.expect(t, a, "http://p:3128")
		f.set(func() { f.says[urlA] = "q:3128" })
		ask(f, true)
		f.expect(t, a, "http://q:3128")
	})
	t.Run("several: the first that takes connections, and it stays", func(t *testing.T) {
		f := newScripting()
		f.says[urlA] = "p:1; q:1 r:1"
		f.dead = []string{"http://p:1"}
		ask(f, false)
		f.expect(t, a, "http://q:1")
		f.set(func() { f.dead = nil })
		ask(f, true)
		f.expect(t, a, "http://q:1")
		f.set(func() { f.dead = []string{"http://q:1", "http://p:1"} })
		ask(f, true)
		f.expect(t, a, "http://r:1")
		f.set(func() { f.dead = []string{"http://q:1", "http://p:1", "http://r:1"} })
		ask(f, true)
		f.expect(t, a, "http://p:1")
		f.set(func() { f.says[urlA] = "p:1;DIRECT" })
		ask(f, true)
		f.expect(t, a, "direct")
	})
	t.Run("an answer that cannot be used", func(t *testing.T) {
		f := newScripting()
		f.says[urlA], f.says[urlB] = "https=x", "socks4://x q:1"
		ask(f, false)
		if v, err := f.way(a); err == nil {
			t.Errorf("got %v", v)
		}
		f.expect(t, b, "http://q:1")
	})
	t.Run("settings that cannot be read", func(t *testing.T) {
		f := newScripting()
		f.settings = func() (proxySettings, error) { return proxySettings{}, errors.New("no registry") }
		ask(f, false)
		if v, err := f.way(a); err == nil || len(f.asked) > 0 {
			t.Errorf("got %v", v)
		}
	})
	t.Run("a system that hangs costs one goroutine, and whoever waits goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newScripting()
			f.says[urlA], f.hang = "p:1", make(chan struct{})
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), scriptPatience)
				start := time.Now()
				f.ask(ctx, []string{a}, false)
				cancel()
				if took := time.Since(start); took != scriptPatience {
					t.Errorf("waited %v", took)
				}
				f.expect(t, a, "direct")
			}
			if len(f.asked) != 1 {
				t.Errorf("asked %d times", len(f.asked))
			}
			close(f.hang)
			synctest.Wait()
			f.expect(t, a, "http://p:1")
		})
	})
}

func TestFollowSystem(t *testing.T) {
	const target, url = "a:7000", "https://a:7000/"
	synctest.Test(t, func(t *testing.T) {
		f := newScripting()
		f.says[url] = "p:1"
		ctx, cancel := context.WithCancel(t.Context())
		heard, again := make(chan struct{}, 1), make(chan struct{}, 1)
		changed := make(chan string, 100)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.follow(ctx, heard, again, func() []string { return []string{target} }, func() {
				v, err := f.way(target)
				changed <- fmt.Sprint(v, err)
			})
		}()
		expect := func(why, want string, after time.Duration) {
			t.Helper()
			start := time.Now()
			select {
			case got := <-changed:
				if took := time.Since(start); got != want || took != after {
					t.Errorf("%s: %s after %v, want %s after %v", why, got, took, want, after)
				}
			case <-time.After(time.Hour):
				if want != "" {
					t.Errorf("%s: never told of %s", why, want)
				}
			}
		}
		expect("at first", "http://p:1 <nil>", 0)
		wake(heard)
		expect("something else was written there", "", 0)
		f.set(func() { f.says[url] = "q:1" })
		wake(again)
		expect("the script is asked again", "http://q:1 <nil>", settled)
		f.set(func() { f.s = proxySettings{proxy: "s:1"} })
		wake(heard)
		expect("the script is no more", "http://s:1 <nil>", settled)
		f.set(func() { f.hang, f.s = make(chan struct{}), proxySettings{detect: true, proxy: "s:1"} })
		wake(heard)
		expect("it hangs", "http://s:1 <nil>", settled+followWithin)
		cancel()
		<-ended
		close(f.hang)
	})
}

func TestAccepts(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseVia("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if !accepts(v) || !accepts(Via{}) {
		t.Error("nobody accepts")
	}
	l.Close()
	if accepts(v) {
		t.Error("nobody listens, and yet")
	}
}
