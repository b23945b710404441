package dial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
)

func TestParseVia(t *testing.T) {
	for _, tt := range []struct {
		in, want, user, password string
	}{
		{in: "", want: "direct"},
		{in: " Direct ", want: "direct"},
		{in: "SYSTEM", want: "system"},
		{in: "http://proxy.example.net:3128", want: "http://proxy.example.net:3128"},
		{in: "HTTP://proxy.example.net:3128/", want: "http://proxy.example.net:3128"},
		{in: "http://proxy", want: "http://proxy:80"},
		{in: "socks5://192.0.2.1", want: "socks5://192.0.2.1:1080"},
		{in: "socks5h://[2001:db8::1]:9050", want: "socks5h://[2001:db8::1]:9050"},
		{in: "socks5://[2001:db8::1]", want: "socks5://[2001:db8::1]:1080"},
		{in: "http://[::ffff:192.0.2.1]:1", want: "http://192.0.2.1:1"},
		{in: "http://[fe80::1%eth0]:3128", want: "http://[fe80::1%eth0]:3128"},
		{in: "http://[fe80::1%25eth0]:3128", want: "http://[fe80::1%eth0]:3128"},
		{in: "http://proxy_1.example.net.:3128", want: "http://proxy_1.example.net.:3128"},
		{in: "http://bücher.example:3128", want: "http://xn--bcher-kva.example:3128"},
		{in: "http://me:s3same@proxy:3128", want: "http://me@proxy:3128", user: "me", password: "s3same"},
		{in: "http://me@proxy:3128", want: "http://me@proxy:3128", user: "me"},
		{in: "http://:token@proxy:3128", want: "http://@proxy:3128", password: "token"},
		{in: "socks5://me:a%40b%3Ac%25%2F%20@proxy", want: "socks5://me@proxy:1080", user: "me", password: "a@b:c%/ "},
		{in: "http://me:p@ss:w/o#r?d+@proxy:1", want: "http://me@proxy:1", user: "me", password: "p@ss:w/o#r?d+"},
		{in: "http://%E6%88%91:%E5%AF%86@proxy:1", want: "http://%E6%88%91@proxy:1", user: "我", password: "密"},
		{in: "http://我:密@proxy:1", want: "http://%E6%88%91@proxy:1", user: "我", password: "密"},
		{in: "socks5://a%3Ab:c@proxy", want: "socks5://a%3Ab@proxy:1080", user: "a:b", password: "c"},
	} {
		v, err := ParseVia(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if got := v.String(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if v.User() != tt.user || v.password() != tt.password {
			t.Errorf("%q: got %q, %q", tt.in, v.User(), v.password())
		}
		if v.IsProxy() != strings.Contains(tt.in, "://") || v.HasCredentials() != strings.Contains(tt.in, "@") {
			t.Errorf("%q: proxy %v, credentials %v", tt.in, v.IsProxy(), v.HasCredentials())
		}
		if again, err := ParseVia(tt.in); err != nil || again != v {
			t.Errorf("%q: read twice, it is not the same", tt.in)
		}
		if back, err := ParseVia(v.String()); err != nil || back.String() != v.String() {
			t.Errorf("%q: %q reads back as %q (%v)", tt.in, v, back, err)
		}
	}
}

func TestParseViaRefuses(t *testing.T) {
	const hunter = "hunter2" // stands where a password may stand, and must not be in the error
	for in, want := range map[string]string{
		"proxy:3128":                                              `"direct", "system" or a proxy was expected`,
		"me:hunter2@proxy:3128":                                   "was expected",
		"me:hunter2://proxy:3128":                                 "was expected",
		"https://me:hunter2@proxy:443":                            "over TLS is not supported",
		"socks4://me:hunter2@proxy":                               "only version 5",
		"socks://proxy":                                           "only version 5",
		"ftp://me:hunter2@proxy":                                  "no such kind of proxy",
		"http://":                                                 "host: it is missing",
		"http://me:hunter2@":                                      "host: it is missing",
		"http://me:hunter2":                                       "port: a number from 1 to 65535",
		"http://me:hunter2@proxy:0":                               "port:",
		"http://me:hunter2@proxy:65536":                           "port:",
		"http://me:hunter2@proxy:+80":                             "port:",
		"http://me:hunter2@proxy:":                                "port:",
		"http://me:hunter2@proxy:80/p":                            "port:",
		"http://proxy/hunter2":                                    "host:",
		"http://me:hunter2@2001:db8::1":                           "between [ and ]",
		"http://me:hunter2@[2001:db8::1":                          "between [ and ]",
		"http://[fe80::1%a\r\nb]:80":                              "zone",
		"http://[192.0.2.1]:80":                                   "between [ and ]",
		"http://[2001:db8::1]80":                                  "after ]",
		"http://a..b:80":                                          "between dots",
		"http://me:hunter2@pro xy:80":                             "host:",
		"http://pro\x00xy:80":                                     "host:",
		"http://me:hunter2%@proxy":                                "%25",
		"http://me:hunter2%zz@proxy":                              "%25",
		"http://me%0d%0aX:hunter2@proxy":                          "control character",
		"http://me:hunter2%0A@proxy":                              "control character",
		"http://me:hunter2%00@proxy":                              "control character",
		"http://me:hunter2\r\n@proxy:80":                          "control character",
		"socks5://me:hunter2%0D@proxy":                            "control character",
		"http://me:hunter2%FF@proxy":                              "UTF-8",
		"http://a%3Ab:hunter2@proxy":                              "colon",
		"socks5://:hunter2@proxy":                                 "user: it is missing",
		"socks5://" + strings.Repeat("u", 256) + ":hunter2@proxy": "255 bytes",
		"http://me:" + strings.Repeat("p", 256) + "@proxy":        "255 bytes",
		"http://" + strings.Repeat("a", 64) + ":80":               "63",
		"http://" + strings.Repeat("a.", 127) + ":80":             "253",
		"http://" + strings.Repeat("ü", 300) + ":80":              "host:",
		"http://" + strings.Repeat("hunter2", 1000):               "longer than",
	} {
		v, err := ParseVia(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", in, err, want)
			continue
		}
		if v != (Via{}) {
			t.Errorf("%.60q: an error and a way: %v", in, v)
		}
		if strings.Contains(err.Error(), hunter) {
			t.Errorf("%.60q: the error shows the password: %v", in, err)
		}
	}
	if _, err := (Via{}).WithCredentials("a", "b"); err == nil {
		t.Error("credentials for the direct way were taken")
	}
}

// TestViaTellsNoPassword prints a Via in every way that Go has.
func TestViaTellsNoPassword(t *testing.T) {
	const password = "hunter2-s3same"
	v, err := ParseVia("http://me:" + password + "@proxy.example.net:3128")
	if err != nil {
		t.Fatal(err)
	}
	type private struct {
		via  Via
		list []Via
		p    *Via
	}
	var out strings.Builder
	for _, x := range []any{v, &v, []Via{v}, map[string]Via{"a": v}, map[Via]int{v: 1}, private{v, []Via{v}, &v}, struct{ V any }{v}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
	}
	fmt.Fprintln(&out, v)
	j, err := json.Marshal(struct {
		V Via
		P private
	}{v, private{via: v}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(j, []byte(`"V":"http://me@proxy.example.net:3128"`)) {
		t.Errorf("as JSON: %s", j)
	}
	out.Write(j)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("dial", "via", v, "in", private{via: v}, "list", []Via{v})
	}
	if !strings.Contains(out.String(), "http://me@proxy.example.net:3128") {
		t.Error("the proxy itself is not shown")
	}
	for _, secret := range []string{password, password[:7], v.basic(), fmt.Sprintf("%x", password)} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q was printed:\n%s", secret, out.String())
		}
	}
	if w := v.WithoutCredentials(); w.HasCredentials() || w.password() != "" || w.String() != "http://proxy.example.net:3128" {
		t.Errorf("without credentials: %v", w)
	}
	if fmt.Sprintf("%q", v) != `"http://me@proxy.example.net:3128"` {
		t.Errorf("quoted: %q", v)
	}
}

func TestViaFor(t *testing.T) {
	type env map[string]string
	for _, tt := range []struct {
		name, target string
		env          env
		want, err    string
	}{
		{name: "nothing set", target: "server.example.net:7000", want: "direct"},
		{name: "https_proxy", target: "server.example.net:7000", env: env{"https_proxy": "http://proxy.example.net:3128"}, want: "http://proxy.example.net:3128"},
		{name: "lower case first", target: "server.example.net:7000", env: env{"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, want: "http://a:1"},
		{name: "upper case", target: "server.example.net:7000", env: env{"HTTPS_PROXY": "socks5://me:pw@b"}, want: "socks5://me@b:1080"},
		{name: "no scheme", target: "server.example.net:7000", env: env{"HTTPS_PROXY": "proxy.example.net:3128"}, want: "http://proxy.example.net:3128"},
		{name: "all_proxy", target: "192.0.2.1:22", env: env{"ALL_PROXY": "socks5h://b:9"}, want: "socks5h://b:9"},
		{name: "http_proxy is not for tunnels", target: "192.0.2.1:22", env: env{"http_proxy": "http://b:9"}, want: "direct"},
		{name: "no_proxy by domain", target: "server.example.net:7000", env: env{"https_proxy": "http://a:1", "no_proxy": ".example.net"}, want: "direct"},
		{name: "no_proxy by network", target: "192.0.2.1:22", env: env{"all_proxy": "http://a:1", "NO_PROXY": "192.0.2.0/24"}, want: "direct"},
		{name: "no_proxy by port", target: "[2001:db8::1]:22", env: env{"https_proxy": "http://a:1", "no_proxy": "[2001:db8::1]:23"}, want: "http://a:1"},
		{name: "no_proxy all", target: "server.example.net:7000", env: env{"https_proxy": "http://a:1", "no_proxy": "*"}, want: "direct"},
		{name: "loopback is never proxied", target: "127.0.0.1:7000", env: env{"https_proxy": "http://a:1"}, want: "direct"},
		{name: "localhost is never proxied", target: "localhost:7000", env: env{"https_proxy": "http://a:1"}, want: "direct"},
		{name: "a variable that cannot be read", target: "192.0.2.1:22", env: env{"HTTPS_PROXY": "https://me:hunter2@a"}, err: "the environment's HTTPS_PROXY: https: a proxy that is itself reached over TLS"},
		{name: "a bad port in the environment", target: "192.0.2.1:22", env: env{"ALL_PROXY": "me:hunter2@a:x"}, err: "the environment's ALL_PROXY: port"},
		{name: "no target", target: "server", env: env{"HTTPS_PROXY": "http://a:1"}, err: "target:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// On Windows the names of variables have no case: of two the second holds.
			same := func(a, b string) bool { return a == b || runtime.GOOS == "windows" && strings.EqualFold(a, b) }
			if runtime.GOOS == "windows" && tt.env["https_proxy"] != "" && tt.env["HTTPS_PROXY"] != "" {
				t.Skip("needs a system that tells https_proxy from HTTPS_PROXY: on Windows they are one variable")
			}
			for _, k := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
				t.Setenv(k, "")
				t.Setenv(strings.ToUpper(k), "")
			}
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			v, err := ParseVia("system")
			if err != nil || !v.isSystem() || v.IsProxy() {
				t.Fatal(v, err)
			}
			got, err := v.For(tt.target)
			if tt.err != "" {
				if err == nil || len(err.Error()) < len(tt.err) || !same(err.Error()[:len(tt.err)], tt.err) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("got %v, want %v", err, tt.err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("got %v (%v), want %v", got, err, tt.want)
			}
		})
	}
	v, _ := ParseVia("http://a:1")
	if got, err := v.For("127.0.0.1:1"); err != nil || got != v {
		t.Errorf("a proxy that is named: got %v (%v)", got, err)
	}
}

func FuzzParseVia(f *testing.F) {
	for _, s := range []string{"direct", "http://me:secret@proxy:3128", "socks5://[2001:db8::1]:9", "http://a%41:%00@b", "https://x", "http://ü@ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVia(s)
		if err != nil {
			if e := err.Error(); e != printable(e, maxText) {
				t.Fatalf("%q: an error that cannot be shown: %q", s, e)
			}
			return
		}
		back, err := ParseVia(v.String())
		if err != nil || back.String() != v.String() {
			t.Fatalf("%q: %q does not read back: %q, %v", s, v, back, err)
		}
		if !v.IsProxy() {
			return
		}
		if s := v.String(); s != printable(s, len(s)) {
			t.Fatalf("cannot be shown: %q", s)
		}
		for _, b := range [][]byte{connectRequest("server.example.net:1", v), []byte(v.String())} {
			if n := bytes.Count(b, []byte("\n")); n != bytes.Count(b, []byte("\r\n")) || n > 5 || bytes.IndexByte(b, 0) >= 0 {
				t.Fatalf("%q: would be sent as %q", s, b)
			}
		}
		if v.Scheme() != "http" && v.HasCredentials() {
			if b := socksLogin(v); len(b) != 3+len(v.User())+len(v.password()) || int(b[1]) != len(v.User()) {
				t.Fatalf("%q: would log in with %q", s, b)
			}
		}
	})
}
