package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/dial"
	"holdfast/monitor"
)

func TestSecretsOfACommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"none":                       {[]string{"watch", "gate.example.net:7000"}, nil},
		"a user alone":               {[]string{"check", "--via", "http://me@proxy:3128", "gate:1"}, nil},
		"behind --via":               {[]string{"check", "--via", "http://me:s3same@proxy:3128", "gate:1"}, []string{"s3same"}},
		"after an equals sign":       {[]string{"check", "--via=socks5://me:s3same@proxy", "gate:1"}, []string{"s3same"}},
		"no user":                    {[]string{"--via", "http://:s3same@proxy"}, []string{"s3same"}},
		"odd characters":             {[]string{"--via", "http://me:s3:s@me/%40@proxy"}, []string{"s3:s@me/%40"}},
		"two ways, the last holds":   {[]string{"--via", "http://me:one@a", "--via", "http://me:two@b"}, []string{"one", "two"}},
		"no scheme":                  {[]string{"--via", "me:s3same@proxy:3128"}, []string{"s3same"}},
		"a slip in the scheme":       {[]string{"--via", "http:/me:s3same@proxy:3128"}, []string{"/me:s3same"}},
		"in the place of an address": {[]string{"watch", "http://me:s3same@proxy:3128"}, []string{"s3same"}},
		"in a flag that is not":      {[]string{"watch", "--vai=http://me:s3same@proxy:3128"}, []string{"s3same"}},
		"what is sent is no way":     {[]string{"watch", "--send", "HELO me:x@y", "--via", "direct"}, nil},
		"an IPv6 proxy":              {[]string{"--via", "http://me@[2001:db8::1]:3128"}, nil},
	} {
		if got := secretsOf(c.args); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Errors that may repeat what was typed leave the password out.
func TestVeiled(t *testing.T) {
	for s, want := range map[string]string{
		"gate.example.net:7000":         "gate.example.net:7000",
		"http://me:s3same@proxy:3128":   "http://me:***@proxy:3128",
		"me:s3@same@proxy":              "me:***@proxy",
		"me@proxy":                      "me@proxy",
		"http://me@[2001:db8::1]:3128/": "http://me@[2001:db8::1]:3128/",
		"":                              "",
	} {
		if got := veiled(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestThePasswordOfTheEnvironment(t *testing.T) {
	const odd = `p:w@%2f/ #?+ü"\`
	env := func(password string) func(string) string {
		return func(name string) string {
			if name != passwordVar {
				t.Errorf("%s was read", name)
			}
			return password
		}
	}
	parse := func(s string) dial.Via {
		v, err := dial.ParseVia(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return v
	}
	with := func(s, password string) dial.Via {
		v := parse(s)
		v, err := v.WithCredentials(v.User(), password)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		via  string
		want dial.Via
	}{
		"a user and no password":    {"http://me@proxy.example.net:3128", with("http://me@proxy.example.net:3128", odd)},
		"a user and an empty one":   {"http://me:@proxy.example.net", with("http://me@proxy.example.net", odd)},
		"SOCKS, IPv6":               {"socks5h://me%2Fyou@[2001:db8::1]", with("socks5h://me%2Fyou@[2001:db8::1]", odd)},
		"a zone":                    {"http://me@[fe80::1%25eth0]:3128", with("http://me@[fe80::1%25eth0]:3128", odd)},
		"a password of its own":     {"http://me:own@proxy.example.net", parse("http://me:own@proxy.example.net")},
		"no user: nobody to log in": {"http://proxy.example.net", parse("http://proxy.example.net")},
		"direct":                    {"direct", dial.Via{}},
		"system":                    {"system", parse("system")},
	} {
		given := []monitor.Target{{Name: "a", Address: "a:1", Via: c.via}}
		got, err := withPassword(given, env(odd))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err := dial.ParseVia(got[0].Via); err != nil || v != c.want {
			t.Errorf("%s: %v, %v, want %v", name, v, err, c.want)
		}
		if given[0].Via != c.via {
			t.Errorf("%s: the settings were written to", name)
		}
	}
	_, err := withPassword([]monitor.Target{{Name: "a", Address: "a:1", Via: "http://me@proxy"}}, env("s3\nsame"))
	if err == nil || !strings.HasPrefix(err.Error(), passwordVar+": ") || strings.Contains(err.Error(), "same") {
		t.Errorf("a password that cannot be sent: %v", err)
	}
	same := []monitor.Target{{Name: "a", Address: "a:1", Via: "http://me@proxy"}}
	if got, err := withPassword(same, env("")); err != nil || got[0] != same[0] {
		t.Errorf("no password: %+v, %v", got, err)
	}
}

// argvHelper prints what it was given and what others see of it.
func argvHelper() int {
	args := takeArgs()
	seen, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("%q\n%q\n", args[1:], strings.Split(strings.TrimSuffix(string(seen), "\x00"), "\x00")[1:])
	return 0
}

func TestAPasswordLeavesTheProcessList(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: nowhere else can a program change what others see of its command line")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	given := []string{"watch", "--via", "http://me:s3same@192.0.2.7:3128", "--via=socks5://me:päss@192.0.2.7", "gate:1"}
	cmd := exec.Command(self, given...)
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_ARGV=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := fmt.Sprintf("%q\n%q\n", given, []string{"watch", "--via", "http://me:******@192.0.2.7:3128", "--via=socks5://me:*****@192.0.2.7", "gate:1"})
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// Strings that are not the kernel's are left alone: they may be memory that cannot be written.
func TestArgumentsFromElsewhereAreLeftAlone(t *testing.T) {
	old := os.Args
	defer func() { os.Args = old }()
	os.Args = []string{"holdfast", "--via", "http://me:s3same@192.0.2.7"}
	if got := takeArgs(); got[2] != "http://me:s3same@192.0.2.7" || os.Args[2] != got[2] {
		t.Errorf("got %q, and os.Args is %q", got, os.Args)
	}
}
