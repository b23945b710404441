package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast/monitor"
)

// setDemo is what SetAll does to the demo.
func setDemo(on bool) Change {
	return Change{func(s *draft) error { s.Demo = on; return nil }}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holdfast.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// office is the first target of the documented file, changed by f.
func office(f func(*monitor.Target)) monitor.Target {
	t := documentedSettings.Targets[0]
	f(&t)
	return t
}

func redis(f func(*monitor.Target)) monitor.Target {
	t := documentedSettings.Targets[1]
	f(&t)
	return t
}

func TestEditKeepsWhatItDoesNotChange(t *testing.T) {
	for name, c := range map[string]struct {
		changes []Change
		edits   []string // of the documented text: what stood there, what stands there now
	}{
		"nothing": {nil, nil},
		"a value with a comment behind it": {
			[]Change{SetTarget("Office gateway", office(func(t *monitor.Target) { t.Heartbeat, t.Send, t.Expect = "echo", "", "" }))},
			[]string{`"line"                            #`, `"echo"                            #`, "send      = 'PING {nonce}\\n'\nexpect    = 'PONG {nonce}\\n'\n", ""},
		},
		"a value in single quotes": {
			[]Change{SetTarget("Office gateway", office(func(t *monitor.Target) { t.Send = "it's {nonce}\r\n" }))},
			[]string{`'PING {nonce}\n'`, `'it\x27s {nonce}\r\n'`},
		},
		"part of an inline table": {
			[]Change{SetTarget("Office gateway", office(func(t *monitor.Target) { t.Keepalive.Count = 5; t.Keepalive.Idle = 0 }))},
			[]string{`{ idle = "1s", interval = "1s", count = 3,`, `{ interval = "1s", count = 5,`},
		},
		"the whole inline table": {
			[]Change{SetTarget("Office gateway", office(func(t *monitor.Target) { t.Keepalive = monitor.Keepalive{} }))},
			[]string{"keepalive = { idle = \"1s\", interval = \"1s\", count = 3, user_timeout = \"2s\" }\n", ""},
		},
		"a new key, aligned": {
			[]Change{SetTarget("Office gateway", office(func(t *monitor.Target) { t.Timeout = time.Minute }))},
			[]string{"user_timeout = \"2s\" }\n", "user_timeout = \"2s\" }\ntimeout   = \"1m\"\n"},
		},
		"a new name": {
			[]Change{SetTarget("redis", redis(func(t *monitor.Target) { t.Name = `Redis "北京"` }))},
			[]string{`name = "redis"`, `name = "Redis \"北京\""`},
		},
		"a sub-table": {
			[]Change{SetTarget("redis", redis(func(t *monitor.Target) {
				t.Keepalive.Idle = 3 * time.Second
				t.Keepalive.Count = 4
				t.Interval = time.Second
			}))},
			[]string{"expect = \"+PONG\"\n", "expect = \"+PONG\"\ninterval = \"1s\"\n", `idle = "2s"` + "\n", `idle = "3s"` + "\n  count = 4\n"},
		},
		"language and demo": {
			[]Change{setLanguage("en"), setDemo(true)},
			[]string{`language = "zh"` + "\n", `language = "en"` + "\ndemo = true\n"},
		},
		"no language": {[]Change{setLanguage("")}, []string{"language = \"zh\"\n", ""}},
		"without the first": {
			[]Change{RemoveTarget("Office gateway")},
			[]string{documented[strings.Index(documented, "[[target]]"):strings.Index(documented, "# the cache")], ""},
		},
		"without the last": {
			[]Change{RemoveTarget("redis")},
			[]string{documented[strings.Index(documented, "# the cache"):], ""},
		},
		"one more": {
			[]Change{SetTarget("new", monitor.Target{Name: "new", Address: "192.0.2.9:7", Keepalive: monitor.Keepalive{Count: 2}})},
			[]string{`idle = "2s"` + "\n", `idle = "2s"` + "\n\n[[target]]\nname      = \"new\"\naddress   = \"192.0.2.9:7\"\nkeepalive = { count = 2 }\n"},
		},
		"several at once": {
			[]Change{RemoveTarget("redis"), SetTarget("new", monitor.Target{Name: "new", Address: "192.0.2.9:7"}), setDemo(true)},
			[]string{
				documented[strings.Index(documented, "# the cache"):], "\n[[target]]\nname      = \"new\"\naddress   = \"192.0.2.9:7\"\n",
				`language = "zh"` + "\n", `language = "zh"` + "\ndemo = true\n",
			},
		},
	} {
		for _, nl := range []string{"\n", "\r\n"} {
			t.Run(name, func(t *testing.T) {
				path := file(t, strings.ReplaceAll(documented, "\n", nl))
				want := documented
				for i := 0; i+1 < len(c.edits); i += 2 {
					if !strings.Contains(want, c.edits[i]) {
						t.Fatalf("the case is wrong: no %q", c.edits[i])
					}
					want = strings.Replace(want, c.edits[i], c.edits[i+1], 1)
				}
				said, err := Edit(path, c.changes...)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(strings.ReplaceAll(want, "\n", nl), contents(t, path)); d != "" {
					t.Error(d)
				}
				if s, err := Load(path); err != nil || !s.Equal(said) {
					t.Errorf("%v: %s", err, cmp.Diff(said, s))
				}
			})
		}
	}
}

func TestEditOtherLayouts(t *testing.T) {
	a := monitor.Target{Name: "a", Address: "192.0.2.7:7"}
	with := func(f func(*monitor.Target)) Change {
		t := a
		f(&t)
		return SetTarget("a", t)
	}
	const plain = "[[target]]\nname='a'\naddress='192.0.2.7:7'\n"
	for name, c := range map[string]struct {
		text, want string // want "": ErrLayout
		change     Change
	}{
		"no end of line":                 {strings.TrimSpace(plain), plain + "interval = \"1s\"\n", with(func(t *monitor.Target) { t.Interval = time.Second })},
		"one more after no end of line":  {strings.TrimSpace(plain), plain + "\n[[target]]\nname      = \"b\"\naddress   = \"b:1\"\n", SetTarget("b", monitor.Target{Name: "b", Address: "b:1"})},
		"the demo above a comment":       {"# a is mine\n" + plain, "demo = true\n\n# a is mine\n" + plain, setDemo(true)},
		"the demo below a heading":       {"# settings\n\n# a is mine\n" + plain, "# settings\n\ndemo = true\n\n# a is mine\n" + plain, setDemo(true)},
		"the demo, nothing else there":   {"", "demo = true\n", setDemo(true)},
		"the demo, switched off":         {"demo = true # for now\n", "demo = false # for now\n", setDemo(false)},
		"dotted keys":                    {plain + "keepalive.count = 2\n", plain + "keepalive.count = 2\nkeepalive.idle = \"2s\"\n", with(func(t *monitor.Target) { t.Keepalive = monitor.Keepalive{Count: 2, Idle: 2 * time.Second} })},
		"a sub-table without keys":       {plain + "[target.keepalive] # later\n", plain + "[target.keepalive] # later\ncount = 2\n", with(func(t *monitor.Target) { t.Keepalive.Count = 2 })},
		"a long string":                  {"[[target]]\nname=\"\"\"a\"\"\"\naddress=\"\"\"\n192.0.2.\\\n   7:7\"\"\"\n", "[[target]]\nname=\"\"\"a\"\"\"\naddress=\"b:1\"\n", with(func(t *monitor.Target) { t.Address = "b:1" })},
		"a comment that is none":         {"[[target]]\nname='x'\naddress='b:1'\nheartbeat='line'\nexpect='y'\nsend='''z\n# w'''\n" + plain, "[[target]]\nname='x'\naddress='b:1'\nheartbeat='line'\nexpect='y'\nsend='''z\n# w'''\n", RemoveTarget("a")},
		"an inline array":                {"target = [{name='a', address='192.0.2.7:7'}]\n", "", RemoveTarget("a")},
		"an inline array, only the demo": {"target = [{name='a', address='192.0.2.7:7'}]\n", "target = [{name='a', address='192.0.2.7:7'}]\ndemo = true\n", setDemo(true)},
		"another order":                  {plain + "\n[[target]]\nname='b'\naddress='b:1'\n", "", SetAll(Settings{Targets: []monitor.Target{{Name: "b", Address: "b:1"}, a}})},
		"comments between targets":       {"# top\n\n" + plain + "# end of a\n\n# between\n\n# b is theirs\n[[target]]\nname='b'\naddress='b:1'\n", "# top\n\n# end of a\n\n# between\n\n# b is theirs\n[[target]]\nname='b'\naddress='b:1'\n", RemoveTarget("a")},
		"a byte order mark":              {"\uFEFF" + plain, "\uFEFF" + plain + "timeout = \"3s\"\n", with(func(t *monitor.Target) { t.Timeout = 3 * time.Second })},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.text)
			_, err := Edit(path, c.change)
			if c.want == "" {
				if !errors.Is(err, ErrLayout) || contents(t, path) != c.text {
					t.Errorf("got %v, want ErrLayout, and the file as it was", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, contents(t, path)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		change Change
		want   error // nil: an *Error
	}{
		"a broken file":      {"hello", setDemo(true), ErrBroken},
		"an unknown target":  {documented, RemoveTarget("nobody"), ErrUnknownTarget},
		"a name that is had": {documented, SetTarget("redis", office(func(*monitor.Target) {})), ErrDuplicate},
		"a bad target":       {documented, SetTarget("redis", redis(func(t *monitor.Target) { t.Address = "x" })), nil},
		"a bad language":     {documented, setLanguage("tlh"), nil},
		"two of one name":    {documented, SetAll(Settings{Targets: []monitor.Target{{Name: "a", Address: "a:1"}, {Name: "a", Address: "b:1"}}}), ErrDuplicate},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.text)
			_, err := Edit(path, setDemo(true), c.change)
			var e *Error
			if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &e) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if contents(t, path) != c.text {
				t.Error("the file was changed")
			}
		})
	}
}

func TestEditMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "holdfast", "holdfast.toml")
	if s, err := Edit(path, setLanguage("zh")); err != nil || !s.Equal(Settings{Demo: true, Language: "zh"}) {
		t.Errorf("the language alone: %+v, %v; the demo should have stayed", s, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	a := monitor.Target{Name: "a", Address: "a:1"}
	if s, err := Edit(path, SetTarget("a", a)); err != nil || !s.Equal(Settings{Demo: true, Targets: []monitor.Target{a}}) {
		t.Errorf("a first target: %+v, %v; the demo should have stayed", s, err)
	}
	if runtime.GOOS != "windows" {
		for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if fi, err := os.Stat(p); err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want %v", p, fi.Mode(), err, want)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".holdfast*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestEditFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "dotfiles", "hf.toml")
	if err := os.Mkdir(filepath.Dir(real), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real, []byte(documented), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "holdfast.toml")
	symlink(t, filepath.Join("dotfiles", "hf.toml"), link)
	if _, err := Edit(link, setDemo(true)); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link was replaced: %v, %v", fi.Mode(), err)
	}
	if s, err := Load(real); err != nil || !s.Demo {
		t.Errorf("the file was not: %+v, %v", s, err)
	}
	if fi, err := os.Stat(real); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; it was 0640", fi.Mode(), err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if _, err := Edit(loop, setDemo(true)); err == nil {
		t.Error("a link to itself was taken")
	}
}

func TestRewriteKeepsTheOldFileBesideIt(t *testing.T) {
	path := file(t, "hello")
	if err := Rewrite(path, documentedSettings); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path); err != nil || !s.Equal(documentedSettings) {
		t.Errorf("%v: %s", err, cmp.Diff(documentedSettings, s))
	}
	if got := contents(t, path+".bak"); got != "hello" {
		t.Errorf("the old file is %q", got)
	}
}

// Whatever is changed, in whatever order, the file says it, and every comment that stands above a target that is left
// stands there still.
func TestEditsOfAllKinds(t *testing.T) {
	names := []string{"a", "b", "北京", "d d"}
	gen := rapid.Custom(func(t *rapid.T) monitor.Target {
		x := monitor.Target{
			Name: rapid.SampledFrom(names).Draw(t, "name"), Address: rapid.SampledFrom([]string{"a:1", "[2001:db8::1]:7000"}).Draw(t, "address"),
			Via: rapid.SampledFrom([]string{"", "direct"}).Draw(t, "via"),
		}
		if rapid.Bool().Draw(t, "line") {
			x.Heartbeat = "line"
			x.Send = string(rapid.SliceOfN(rapid.Byte(), 1, 6).Draw(t, "send"))
			x.Expect = rapid.SampledFrom([]string{"PONG", `"`, `'\`, "pong {x}"}).Draw(t, "expect")
		}
		span := func(what string) time.Duration {
			return time.Duration(rapid.SampledFrom([]int{0, 1, 2, 90, 3600}).Draw(t, what)) * time.Second
		}
		x.Interval, x.Timeout = span("interval"), span("timeout")
		x.Keepalive = monitor.Keepalive{Idle: span("idle"), Interval: span("every"), Count: rapid.IntRange(0, 5).Draw(t, "count"), UserTimeout: span("user timeout")}
		return x
	})
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "holdfast.toml")
		if err := os.WriteFile(path, []byte("# top\n\n# of a\n[[target]]\nname = 'a' # behind\naddress = 'a:1'\n\n# of b\n[[target]]\n  name = 'b'\n  address = 'b:1'\n  [target.keepalive]\n  count = 3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		touched := map[string]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			var c Change
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				name := rapid.SampledFrom(names).Draw(t, "removed")
				touched[name] = true
				c = RemoveTarget(name)
			case 1:
				c = setDemo(rapid.Bool().Draw(t, "demo"))
			default:
				name := rapid.SampledFrom(names).Draw(t, "old name")
				touched[name] = true
				c = SetTarget(name, gen.Draw(t, "target"))
			}
			next, wantErr := Apply(want, c)
			got, err := Edit(path, c)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("got %v, want %v", err, wantErr)
			}
			if err != nil {
				continue
			}
			want = next
			if loaded, err := Load(path); err != nil || !loaded.Equal(want) || !got.Equal(want) {
				t.Fatalf("%v %s", err, cmp.Diff(want, loaded))
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		comments := []string{"# top\n"}
		for _, n := range []string{"a", "b"} {
			if !touched[n] && slices.ContainsFunc(want.Targets, func(x monitor.Target) bool { return x.Name == n }) {
				comments = append(comments, "# of "+n+"\n[[target]]\n")
			}
		}
		for _, c := range comments {
			if !strings.Contains(string(b), c) {
				t.Fatalf("%q was lost:\n%s", c, b)
			}
		}
	})
}
