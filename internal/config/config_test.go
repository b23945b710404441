package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"holdfast/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const documented = `# my servers
language = "zh"

[[target]]
name      = "Office gateway"
address   = "gate.example.net:7000"
via       = "direct"
heartbeat = "line"                            # none, echo, line
send      = 'PING {nonce}\n'
expect    = 'PONG {nonce}\n'
interval  = "500ms"
keepalive = { idle = "1s", interval = "1s", count = 3, user_timeout = "2s" }

# the cache
[[target]]
address = "[2001:db8::7]:6379"
name = "redis"
heartbeat = "line"
send = "PING\r\n"
expect = "+PONG"
  [target.keepalive]
  idle = "2s"
`

var documentedSettings = Settings{Language: "zh", Targets: []monitor.Target{
	{
		Name: "Office gateway", Address: "gate.example.net:7000", Via: "direct", Heartbeat: "line", Send: "PING {nonce}\n", Expect: "PONG {nonce}\n",
		Interval:  500 * time.Millisecond,
		Keepalive: monitor.Keepalive{Idle: time.Second, Interval: time.Second, Count: 3, UserTimeout: 2 * time.Second},
	},
	{Name: "redis", Address: "[2001:db8::7]:6379", Heartbeat: "line", Send: "PING\r\n", Expect: "+PONG", Keepalive: monitor.Keepalive{Idle: 2 * time.Second}},
}}

func TestDocumentedFile(t *testing.T) {
	for name, text := range map[string]string{
		"as it is":                    documented,
		"with carriage returns":       strings.ReplaceAll(documented, "\n", "\r\n"),
		"with a byte order mark":      "\uFEFF" + documented,
		"dotted keepalive":            strings.Replace(documented, "  [target.keepalive]\n  idle", "keepalive.idle", 1),
		"quoted keys":                 strings.ReplaceAll(documented, "address", `"address"`),
		"without the last line's end": strings.TrimSuffix(documented, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("holdfast.toml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(documentedSettings, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOtherGoodFiles(t *testing.T) {
	a := monitor.Target{Name: "a", Address: "192.0.2.7:7"}
	for name, c := range map[string]struct {
		text string
		want Settings
	}{
		"empty":             {"", Settings{}},
		"comments only":     {"# nothing yet\n\n", Settings{}},
		"the demo":          {"demo = true\n", Settings{Demo: true}},
		"inline array":      {`target = [{name = "a", address = "192.0.2.7:7"}]`, Settings{Targets: []monitor.Target{a}}},
		"bytes, not text":   {"[[target]]\nname='a'\naddress='192.0.2.7:7'\nheartbeat='line'\nsend='\\xff\\x00\\\\'\nexpect=\"ok\\\\n\"", Settings{Targets: []monitor.Target{{Name: "a", Address: "192.0.2.7:7", Heartbeat: "line", Send: "\xff\x00\\", Expect: `ok\n`}}}},
		"hexadecimal count": {"[[target]]\nname='a'\naddress='192.0.2.7:7'\nkeepalive.count = 0x1_0", Settings{Targets: []monitor.Target{{Name: "a", Address: "192.0.2.7:7", Keepalive: monitor.Keepalive{Count: 16}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("holdfast.toml", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	const ok = "[[target]]\nname = 'a'\naddress = '192.0.2.7:7'\n"
	for name, c := range map[string]struct {
		text string
		want []string // each a line of the error, in order: how it begins and what else it has
	}{
		"unknown key, near one":     {ok + "adress = 'x'\n", []string{`f:4:1: target.adress: unknown key; did you mean "address"?`}},
		"swapped letters":           {ok + "vai = 'x'\n", []string{`f:4:1: target.vai: unknown key; did you mean "via"?`}},
		"key in capitals":           {ok + "Interval = '1s'\n", []string{`f:4:1: target.Interval: unknown key; did you mean "interval"?`}},
		"unknown key, near none":    {ok + "colour = 'x'\n", []string{`f:4:1: target.colour: unknown key; known here: name, address`}},
		"unknown table":             {ok + "[theme]\ndark = true\n", []string{`f:4:2: theme: unknown key; known here: target`}},
		"target without brackets":   {"[target]\nname = 'a'\n", []string{`f:1:2: target: write [[target]]`}},
		"misspelled target":         {"[[targets]]\nname = 'a'\n", []string{`f:1:3: targets: unknown key; did you mean "target"?`}},
		"target's key at the top":   {"name = 'a'\n", []string{`f:1:1: name: belongs below a [[target]]`}},
		"unknown keepalive key":     {ok + "keepalive = { idel = '1s' }\n", []string{`f:4:15: target.keepalive.idel: unknown key; did you mean "idle"?`}},
		"keepalive switched on":     {ok + "keepalive = true\n", []string{`f:4:13: target.keepalive: a table was expected`}},
		"number for a duration":     {ok + "interval = 500\n", []string{`f:4:12: target.interval: a duration in quotes was expected, like "500ms"`}},
		"no unit":                   {ok + "interval = '500'\n", []string{`f:4:12: target.interval: "500" is not a duration like "500ms"`}},
		"negative duration":         {ok + "interval = '-1s'\n", []string{`f:4:12: target.interval: "-1s": a duration of more than 0`}},
		"zero duration":             {ok + "timeout = '0s'\n", []string{`f:4:11: target.timeout: "0s": a duration of more than 0`}},
		"absurd duration":           {ok + "interval = '9999h'\n", []string{`f:4:12: target.interval: 9999h0m0s is outside`}},
		"too short":                 {ok + "interval = '1ns'\n", []string{`f:4:12: target.interval: 1ns is outside`}},
		"count of none":             {ok + "keepalive.count = 0\n", []string{`f:4:19: target.keepalive.count: a whole number`}},
		"count in words":            {ok + "keepalive = { count = 'three' }\n", []string{`f:4:23: target.keepalive.count: a whole number`}},
		"no port":                   {"[[target]]\nname = 'a'\naddress = '192.0.2.7'\n", []string{`f:3:11: target.address: "192.0.2.7"`}},
		"port out of range":         {"[[target]]\nname = 'a'\naddress = '192.0.2.7:70000'\n", []string{`f:3:11: target.address: port "70000"`}},
		"no address":                {"\n[[target]]\nname = 'a'\n", []string{`f:2:1: target.address: `}},
		"no name":                   {"[[target]]\naddress = 'a:1'\n", []string{`f:1:1: target.name: `}},
		"unknown heartbeat":         {ok + "heartbeat = 'pulse'\n", []string{`f:4:13: target.heartbeat: "pulse"`}},
		"line without send":         {ok + "heartbeat = 'line'\nexpect = 'PONG'\n", []string{`f:1:1: target.send: `}},
		"line without expect":       {ok + "heartbeat = 'line'\nsend = 'PING'\n", []string{`f:1:1: target.expect: `}},
		"bad escape":                {ok + "heartbeat = 'line'\nsend = 'PING\\q'\nexpect='x'\n", []string{`f:5:8: target.send: \q is not known`}},
		"no such kind of proxy":     {ok + "via = 'ftp://me:s3same@proxy.example.net'\n", []string{`f:4:7: target.via: ftp: no such kind of proxy`}},
		"proxy without a scheme":    {ok + "via = 'me:s3same@proxy.example.net:3128'\n", []string{`f:4:7: target.via: "direct", "system" or a proxy was expected`}},
		"proxy with a bad port":     {ok + "via = 'http://me:s3same@proxy.example.net:0'\n", []string{`f:4:7: target.via: port: a number from 1`}},
		"proxy with a password":     {ok + "via = 'http://me:s3same@proxy.example.net:3128'\n", []string{`f:4:7: target.via: the settings keep no password: write "http://me@proxy.example.net:3128", and put the password into the environment variable HOLDFAST_PROXY_PASSWORD`}},
		"password without a user":   {ok + "via = 'http://:s3same@proxy.example.net'\n", []string{`f:4:7: target.via: the settings keep no password: write "http://@proxy.example.net:80"`}},
		"two of one name":           {ok + ok, []string{`f:5:8: target.name: "a" is the name of the target at line 2 already`}},
		"name that is a number":     {"[[target]]\nname = 5\naddress = 'a:1'\n", []string{`f:2:8: target.name: text in quotes was expected`}},
		"unknown language":          {"language = 'tlh'\n", []string{`f:1:1: language: "en", "zh"`}},
		"demo in quotes":            {"demo = 'yes'\n", []string{`f:1:1: demo: true or false`}},
		"a key twice":               {ok + "via = 'direct'\nvia = 'direct'\n", []string{`f:5:1: `}},
		"no TOML":                   {"hello\n", []string{`f:1:6: not TOML: `}},
		"a quote left open":         {"[[target]]\nname = 'a\n", []string{`f:2:`}},
		"a zero byte":               {"demo = true\n\x00", []string{`f:2:1: a zero byte`}},
		"not UTF-8":                 {"# Gr\xfc\xdfe\n", []string{`f:1:5: not UTF-8`}},
		"columns are letters":       {"# 北京\n[[target]]\nname = '北京'\naddress = 'a:1'\n'北京' = 1\n", []string{`f:5:1: target.北京: unknown`}},
		"keepalive before a target": {"[target.keepalive]\nidle = '1s'\n", []string{`f:1:2: target.keepalive: comes before the first [[target]]`}},
		"several at once": {
			"demo = 1\n[[target]]\nname = 'a'\naddress = 'a'\ninterval = 5\nvia = 'x'\nfoo = 1\n[[target]]\nname = 'a'\naddress = 'b:2'\n",
			[]string{"f:1:1: demo", "f:4:11: target.address", "f:5:12: target.interval", "f:6:7: target.via", "f:7:1: target.foo", "f:9:8: target.name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			var list Errors
			if !errors.As(err, &list) {
				t.Fatalf("got %v, want Errors", err)
			}
			for i, e := range list {
				if i >= len(c.want) || !strings.HasPrefix(e.Error(), c.want[i]) {
					t.Errorf("got %q", e)
				}
			}
			if len(list) != len(c.want) {
				t.Errorf("got %d errors, want %d", len(list), len(c.want))
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "holdfast.toml")
	if s, err := Load(file); err != nil || !s.Equal(Default()) {
		t.Errorf("no file: got %v, %v", s, err)
	}
	if s, err := Load(filepath.Join(dir, "no", "folder", "holdfast.toml")); err != nil || !s.Equal(Default()) {
		t.Errorf("no folder: got %v, %v", s, err)
	}
	check := func(name, path, want string) {
		t.Helper()
		_, err := Load(path)
		var e *Error
		if !errors.As(err, &e) || e.File != path || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	check("a folder", dir, "is a folder")
	put(t, file, strings.Repeat("#", maxFile+1))
	check("too large", file, "more than 1 MiB")
	if runtime.GOOS != "windows" { // where that is a folder that is not there
		check("below a file", filepath.Join(file, "x.toml"), "cannot be read")
	}
	put(t, file, "# small\n")
	if runtime.GOOS != "windows" && os.Geteuid() != 0 {
		if err := os.Chmod(file, 0); err != nil {
			t.Fatal(err)
		}
		check("unreadable", file, "permission denied")
	}
	if runtime.GOOS == "linux" {
		check("a device", "/dev/zero", "no ordinary file")
	}
}

func TestEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		e := Escape(want)
		if got, err := Unescape(e); err != nil || got != want {
			t.Fatalf("%q became %q became %q, %v", want, e, got, err)
		}
		if strings.ContainsAny(e, "\n\x00\x1b") {
			t.Fatalf("%q is not one printable line", e)
		}
	})
	for _, bad := range []string{`\`, `\q`, `\x`, `\x1`, `\xgg`} {
		if _, err := Unescape(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// FuzzParse: whatever is read without an error can be written and read again, and every error has a place in the file.
func FuzzParse(f *testing.F) {
	f.Add(documented)
	f.Add("\uFEFF[[target]]\r\nname='a'\r\naddress=\"a:1\"\r\nkeepalive={count=1}\r\n")
	f.Add("target=[{name='a',address='b:1',keepalive.idle='1s'},{}]")
	f.Add("[[target]]\n[target.keepalive]\nidle='1s'\n[[target.keepalive]]\n[target]\n[a.b]\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f", []byte(text))
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("%T", err)
			}
			for _, e := range list {
				if e.Line < 1 || e.Line > strings.Count(text, "\n")+1 || e.Column < 1 || strings.ContainsAny(e.Key, "\x00") {
					t.Fatalf("%+v", e)
				}
			}
			return
		}
		again, err := Parse("f", fresh(s))
		if err != nil || !again.Equal(s) {
			t.Fatalf("%v\n%s\n%s", err, cmp.Diff(s, again), fresh(s))
		}
		// An edit gives what was asked for, or says that it cannot; the rest of the file stays.
		changed, next, err := edited("f", []byte(text), false, []Change{SetTarget("new one", monitor.Target{Name: "new one", Address: "192.0.2.1:1"}), setDemo(!s.Demo)})
		if errors.Is(err, ErrLayout) || errors.Is(err, ErrDuplicate) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse("f", changed); err != nil || !got.Equal(next) {
			t.Fatalf("%v\n%s", err, changed)
		}
	})
}

func ExampleErrors() {
	_, err := Parse("holdfast.toml", []byte("[[target]]\nname = \"a\"\nadress = \"192.0.2.7:7\"\ninterval = 500\n"))
	fmt.Println(err)
	// Output:
	// holdfast.toml:1:1: target.address: must not be empty
	// holdfast.toml:3:1: target.adress: unknown key; did you mean "address"?
	// holdfast.toml:4:12: target.interval: a duration in quotes was expected, like "500ms"
}
