package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"holdfast/internal/config"
	"holdfast/internal/desktest"
	"holdfast/internal/wire"
	"holdfast/monitor"
)

// start serves on a socket of its own until the test ends.
func start(t *testing.T, s *Server) (path string, c *Client) {
	t.Helper()
	path = place(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	c, err = Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return path, c
}

// place is where a socket can be made.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") // 0700; t.TempDir is open to all, and too long for a socket on macOS
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if runtime.GOOS == "windows" {
		return `\\.\pipe\holdfast-test-` + filepath.Base(dir)
	}
	return filepath.Join(dir, "c")
}

// store is a settings file of its own.
func store(t *testing.T, text string) *config.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holdfast.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Open(path)
}

// strange names are all allowed, and all must come through a path.
var strange = []string{"office", "a/b", "..", ".", "北京 办公室", "100%", "a%2Fb", "what?", "#1", "a;b&c=d+e", `"quoted"`, "/", "//x//"}

func TestStatus(t *testing.T) {
	e := newEngine(strange...)
	e.stalled = []string{"#1"}
	_, c := start(t, &Server{Engine: e, Version: "1.2.3", Settings: store(t, "nonsense")})
	st, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Version != "1.2.3" || st.PID != os.Getpid() || len(st.Targets) != len(strange) || st.Demo || !strings.Contains(st.Problem, "not TOML") {
		t.Errorf("got %+v", st)
	}
	for i, o := range st.Targets {
		if o.Target != strange[i] || o.Stalled != (o.Target == "#1") {
			t.Errorf("target %d: got %q, stalled %v", i, o.Target, o.Stalled)
		}
		if s, err := o.Snapshot(); err != nil || s.State != monitor.Up {
			t.Errorf("%q: got %v, %v", o.Target, s.State, err)
		}
	}
}

func TestCommands(t *testing.T) {
	e := newEngine(strange...)
	opened, quit, mode := 0, make(chan bool, 1), ""
	_, c := start(t, &Server{
		Engine:     e,
		OpenWindow: func() error { opened++; return nil },
		Quit:       func() { quit <- true },
		Demo: func(m string) error {
			if m != "pull/cable" {
				return fmt.Errorf("no such drill: %s", m)
			}
			mode = m
			return nil
		},
	})
	ctx := t.Context()
	for _, f := range []struct {
		name string
		call func(...string) error
	}{
		{"reconnect", func(n ...string) error { return c.Reconnect(ctx, n...) }},
		{"pause", func(n ...string) error { return c.Pause(ctx, time.Time{}, n...) }},
		{"resume", func(n ...string) error { return c.Resume(ctx, n...) }},
	} {
		if err := f.call(); err != nil {
			t.Error(err)
		}
		if got, want := <-e.called, f.name+"[]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, n := range strange {
			if err := f.call(n); err != nil {
				t.Errorf("%s %q: %v", f.name, n, err)
				continue
			}
			if got, want := <-e.called, fmt.Sprint(f.name, []string{n}); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		err := f.call("nobody")
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != 404 || !errors.Is(err, config.ErrUnknownTarget) {
			t.Errorf("%s nobody: got %v", f.name, err)
		}
	}
	if err := c.Window(ctx); err != nil || opened != 1 {
		t.Errorf("window: %v, opened %d times", err, opened)
	}
	if err := c.Demo(ctx, "pull/cable"); err != nil || mode != "pull/cable" {
		t.Errorf("demo: %v, %q", err, mode)
	}
	if err := c.Demo(ctx, "x"); err == nil || err.Error() != "no such drill: x" {
		t.Errorf("demo x: %v", err)
	}
	trace, err := c.Trace(ctx, "a/b")
	if d := cmp.Diff(e.Trace(""), trace); err != nil || d != "" {
		t.Errorf("trace: %v %s", err, d)
	}
	if err := c.Quit(ctx); err != nil || !<-quit {
		t.Errorf("quit: %v", err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	_, c := start(t, &Server{Engine: newEngine("a")})
	ctx := t.Context()
	for name, err := range map[string]error{
		"window": c.Window(ctx), "quit": c.Quit(ctx), "demo": c.Demo(ctx, "x"), "save": c.SaveTarget(ctx, "b", monitor.Target{Name: "b", Address: "b:1"}, false),
		"start at login": c.SetAutostart(ctx, true), "is it started at login": second(c.Autostart(ctx)),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnavailable || e.Status != 501 {
			t.Errorf("%s: got %v, want %s", name, err, CodeUnavailable)
		}
	}
}

func second(_ any, err error) error { return err }

func TestStartAtLogin(t *testing.T) {
	on := false
	_, c := start(t, &Server{
		Engine:       newEngine("a"),
		Autostart:    func() (Autostart, error) { return Autostart{On: on, File: "/f", Why: "because"}, nil },
		SetAutostart: func(want bool) error { on = want; return nil },
	})
	for _, want := range []bool{true, true, false} {
		if err := c.SetAutostart(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Autostart(t.Context()); err != nil || got != (Autostart{want, "/f", "because"}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, c = start(t, &Server{
		Engine:       newEngine("a"),
		Autostart:    func() (Autostart, error) { return Autostart{}, errors.New("a pipe") },
		SetAutostart: func(bool) error { return errors.New("disk full") },
	})
	if err := c.SetAutostart(t.Context(), true); err == nil || err.Error() != "disk full" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Autostart(t.Context()); err == nil || err.Error() != "a pipe" {
		t.Errorf("got %v", err)
	}
}

func TestEvents(t *testing.T) {
	e := newEngine("a", "b")
	_, c := start(t, &Server{Engine: e})
	var got []string
	for o, err := range c.Events(t.Context(), false) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := o.ToEvent()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %v %v %d", o.Target, ev.Kind, ev.Snapshot.State, len(ev.Snapshot.Attempts)))
		switch len(got) {
		case 2:
			e.change("b", monitor.StateEvent, down)
		case 3:
			e.change("b", monitor.BeatEvent, func(s *monitor.Snapshot) {}) // was not asked for
			e.change("b", monitor.VerdictEvent, func(s *monitor.Snapshot) {})
		}
		if len(got) == 4 {
			break
		}
	}
	want := []string{"a state up 0", "b state up 0", "b state down 1", "b verdict down 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	until(t, "the stream to end on the server too", func() bool { return e.readers() == 0 })
}

// until waits for what another goroutine is about to bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestTheEndOfTheServerIsToldToReaders(t *testing.T) {
	e := newEngine("a")
	path := place(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- (&Server{Engine: e}).Serve(ctx, l) }()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var last error
	for _, err := range c.Events(t.Context(), true) {
		last = err
		cancel()
	}
	if !errors.Is(last, ErrNotRunning) {
		t.Errorf("the stream ended with %v, want ErrNotRunning", last)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("afterwards: %v, want ErrNotRunning", err)
	}
}

// A reader that takes nothing costs neither the others nor the watching, and sees the newest when it reads on.
func TestASlowReaderIsSkipped(t *testing.T) {
	e := newEngine("a")
	path, c := start(t, &Server{Engine: e})
	slow := raw(t, path, "GET /v1/events?beats=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	until(t, "the slow reader to be there", func() bool { return e.readers() == 1 })
	const beats = 20000
	for i := range beats {
		e.change("a", monitor.BeatEvent, func(s *monitor.Snapshot) { s.RTT = time.Duration(i+1) * time.Microsecond })
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	dec := wire.NewDecoder(res.Body) // closing the body would wait for its end
	var last uint64
	n := 0
	for last < beats+1 {
		o, err := dec.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if o.Seq <= last {
			t.Fatalf("time ran backwards: %d after %d", o.Seq, last)
		}
		last = o.Seq
		n++
	}
	if n > beats/2 {
		t.Errorf("read %d of %d: nothing was skipped", n, beats)
	}
}

func TestNotMoreStreamsThanThereIsRoomFor(t *testing.T) {
	e := newEngine("a")
	path, c := start(t, &Server{Engine: e})
	for range maxStreams {
		raw(t, path, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	until(t, "the streams", func() bool { return e.readers() == maxStreams })
	for _, err := range c.Events(t.Context(), false) {
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != CodeTooMany {
			t.Errorf("got %v, want %s", err, CodeTooMany)
		}
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("other requests: %v", err)
	}
}

// raw is a connection on which the test says what it likes.
func raw(t *testing.T, path, request string) net.Conn {
	t.Helper()
	conn, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestBadRequests(t *testing.T) {
	e := newEngine("a")
	s := &Server{Engine: e, Settings: store(t, "[[target]]\nname='a'\naddress='a:1'\n"), Try: func(context.Context, monitor.Target, string, func(monitor.Event)) {}}
	_, c := start(t, s)
	for name, r := range map[string]struct {
		method, path, body string
		status             int
		code, field        string
	}{
		"no such path":             {"GET", "/v2/status", "", 404, CodeNoRoute, ""},
		"the root":                 {"GET", "/", "", 404, CodeNoRoute, ""},
		"wrong method":             {"DELETE", "/v1/status", "", 405, CodeNoRoute, ""},
		"reading what changes":     {"GET", "/v1/quit", "", 405, CodeNoRoute, ""},
		"unknown target":           {"POST", "/v1/targets/b/pause", "", 404, CodeUnknownTarget, ""},
		"pause for ever so long":   {"POST", "/v1/pause?for=100000h", "", 400, CodeBadRequest, ""},
		"pause for a while":        {"POST", "/v1/pause?for=a+while", "", 400, CodeBadRequest, ""},
		"pause until yesterday":    {"POST", "/v1/targets/a/pause?until=2020-01-01T00:00:00Z", "", 400, CodeBadRequest, ""},
		"pause until whenever":     {"POST", "/v1/pause?until=whenever", "", 400, CodeBadRequest, ""},
		"pause for and until":      {"POST", "/v1/pause?for=1h&until=2036-01-01T00:00:00Z", "", 400, CodeBadRequest, ""},
		"beats in words":           {"GET", "/v1/events?beats=many", "", 400, CodeBadRequest, ""},
		"no body":                  {"PUT", "/v1/settings/targets/b", "", 400, CodeBadRequest, ""},
		"not JSON":                 {"PUT", "/v1/settings/targets/b", "name = 'b'", 400, CodeBadRequest, ""},
		"cut off":                  {"PUT", "/v1/settings/targets/b", `{"name":"b"`, 400, CodeBadRequest, ""},
		"two values":               {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b:1"}{}`, 400, CodeBadRequest, ""},
		"unknown field":            {"PUT", "/v1/settings/targets/b", `{"name":"b","adress":"b:1"}`, 400, CodeBadRequest, "adress"},
		"number for a name":        {"PUT", "/v1/settings/targets/b", `{"name":7}`, 400, CodeBadRequest, "name"},
		"no duration":              {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b:1","interval":"soon"}`, 422, CodeBadSetting, "interval"},
		"negative duration":        {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b:1","keepalive":{"idle":"-1s"}}`, 422, CodeBadSetting, "keepalive.idle"},
		"bad escape":               {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b:1","send":"\\q"}`, 422, CodeBadSetting, "send"},
		"no port":                  {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b"}`, 422, CodeBadSetting, "address"},
		"no name":                  {"PUT", "/v1/settings/targets/b", `{"address":"b:1"}`, 422, CodeBadSetting, "name"},
		"name taken":               {"PUT", "/v1/settings/targets/b", `{"name":"a","address":"b:1"}`, 409, CodeDuplicate, "name"},
		"remove what is not there": {"DELETE", "/v1/settings/targets/b", "", 404, CodeUnknownTarget, ""},
		"too long":                 {"PUT", "/v1/settings", `{"language":"` + strings.Repeat("x", maxBody) + `"}`, 413, CodeTooLarge, ""},
		"two of one name":          {"PUT", "/v1/settings", `{"targets":[{"name":"x","address":"x:1"},{"name":"x","address":"y:1"}]}`, 409, CodeDuplicate, "name"},
		"unknown language":         {"PUT", "/v1/settings", `{"language":"tlh","targets":[]}`, 422, CodeBadSetting, "language"},
		"try without a port":       {"POST", "/v1/try", `{"address":"b"}`, 422, CodeBadSetting, "address"},
		"try by no proxy":          {"POST", "/v1/try", `{"address":"b:1","via":"ftp://me:s3same@192.0.2.1:3128"}`, 422, CodeBadSetting, "via"},
		"try with a password":      {"POST", "/v1/try", `{"address":"b:1","via":"http://me:s3same@192.0.2.1:3128"}`, 422, CodeBadSetting, "via"},
		"save a password":          {"PUT", "/v1/settings/targets/b", `{"name":"b","address":"b:1","via":"http://me:s3same@192.0.2.1:3128"}`, 422, CodeBadSetting, "via"},
		"save many with passwords": {"PUT", "/v1/settings", `{"targets":[{"name":"x","address":"x:1","via":"socks5://me:s3same@192.0.2.1"}]}`, 422, CodeBadSetting, "via"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), r.method, "http://holdfast"+r.path, strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Error, Code, Field string }
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatalf("the answer is no JSON: %s", b)
			}
			if bytes.Contains(b, []byte("s3same")) {
				t.Errorf("the answer repeats the password: %s", b)
			}
			if res.StatusCode != r.status || got.Code != r.code || got.Field != r.field || got.Error == "" {
				t.Errorf("got %d %+v, want %d %s %q", res.StatusCode, got, r.status, r.code, r.field)
			}
		})
	}
	if now, err := s.Settings.Current(); err != nil || len(now.Targets) != 1 {
		t.Errorf("a refused request changed the settings: %+v, %v", now, err)
	}
}

func TestRequestsThatAreNoHTTP(t *testing.T) {
	path, c := start(t, &Server{Engine: newEngine("a")})
	for name, r := range map[string]string{
		"noise":            "hello\r\n\r\n",
		"a long line":      "GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\n\r\n",
		"many headers":     "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 16<<10) + "\r\n",
		"a length of less": "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, r) }() // it may be cut off half way
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_ = res.Body.Close()
				if res.StatusCode/100 != 4 {
					t.Errorf("got %s", res.Status)
				}
			}
		})
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// What comes too slowly is dropped, and does not keep the server from ending.
func TestSlowRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: as much as a slow request may take")
	}
	t.Parallel()
	s := &Server{Engine: newEngine("a"), Settings: store(t, "")}
	path, _ := start(t, s)
	for name, r := range map[string]struct {
		request string
		within  time.Duration
	}{
		"no request":   {"", headerWithin},
		"half headers": {"GET /v1/status HTTP/1.1\r\nHost: ", headerWithin},
		"half a body":  {"PUT /v1/settings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", bodyWithin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := raw(t, path, r.request)
			began := time.Now()
			_ = conn.SetReadDeadline(began.Add(r.within + 5*time.Second))
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("still served after %v: %v", time.Since(began), err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	const text = "# mine\n[[target]]\nname = 'a' # first\naddress = 'a:1'\n"
	st := store(t, text)
	_, c := start(t, &Server{Engine: newEngine(), Settings: st})
	ctx := t.Context()
	read := func() string {
		b, err := os.ReadFile(st.Path())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	b := monitor.Target{
		Name: "b/北京", Address: "[2001:db8::1]:7000", Heartbeat: "line", Send: "PING {nonce}\r\n\xff", Expect: "PONG {nonce}", Interval: 1500 * time.Millisecond,
		Keepalive: monitor.Keepalive{Idle: 2 * time.Second, Count: 4},
	}
	if err := c.SaveTarget(ctx, b.Name, b, false); err != nil {
		t.Fatal(err)
	}
	got, err := c.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{Path: st.Path(), Settings: config.Settings{Targets: []monitor.Target{{Name: "a", Address: "a:1"}, b}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if now := read(); !strings.HasPrefix(now, text) {
		t.Errorf("the comments were lost:\n%s", now)
	}
	b2 := b
	b2.Name = ".."
	if err := c.SaveTarget(ctx, b.Name, b2, false); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveTarget(ctx, "a", false); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveTarget(ctx, "..", false); err != nil {
		t.Fatal(err)
	}
	all := config.Settings{
		Language: "zh", Demo: true, Targets: []monitor.Target{b, {Name: "c", Address: "c:1"}}, History: config.History{Days: 7},
		Tray:   config.Tray{Badge: true},
		Notify: config.Notify{Off: true, After: config.AtOnce, Sound: true, Quiet: config.Quiet{From: 22 * time.Hour, To: 7 * time.Hour}},
	}
	if err := c.SaveSettings(ctx, all, false); err != nil {
		t.Fatal(err)
	}
	if got, err = c.Settings(ctx); err != nil || !got.Equal(all) {
		t.Errorf("%v: %s", err, cmp.Diff(all, got.Settings))
	}

	// Who knows nothing of history and notifications leaves them as they are.
	old := map[string]any{"language": "zh", "demo": true, "targets": []targetJSON{fromTarget(b), {Name: "c", Address: "c:1"}}}
	if err := c.do(ctx, http.MethodPut, "/v1/settings", old, nil); err != nil {
		t.Error(err)
	}
	if got, err = c.Settings(ctx); err != nil || !got.Equal(all) {
		t.Errorf("%v: %s", err, cmp.Diff(all, got.Settings))
	}
	for field, value := range map[string]any{
		"history": map[string]any{"days": 0}, "notify": map[string]any{"after": "soon"},
	} {
		old[field] = value
		var e *Error
		if err := c.do(ctx, http.MethodPut, "/v1/settings", old, nil); !errors.As(err, &e) || e.Code != CodeBadSetting || !strings.HasPrefix(e.Field, field+".") {
			t.Errorf("%s: %v was taken: %v", field, value, err)
		}
		delete(old, field)
	}

	// A layout that cannot be kept.
	if err := os.WriteFile(st.Path(), []byte(`target = [{name = "a", address = "a:1"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveTarget(ctx, "a", false); !errors.Is(err, config.ErrLayout) {
		t.Errorf("got %v, want ErrLayout", err)
	}
	if err := c.SaveSettings(ctx, all, true); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(st.Path() + ".bak"); err != nil || !strings.HasPrefix(string(b), "target = [") {
		t.Errorf("the old file was not kept: %q, %v", b, err)
	}

	// A file with errors is not touched.
	if err := os.WriteFile(st.Path(), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveTarget(ctx, "c", false); !errors.Is(err, config.ErrBroken) || read() != "hello" {
		t.Errorf("got %v, want ErrBroken; the file is %q", err, read())
	}
}

func TestTry(t *testing.T) {
	target := monitor.Target{Name: "192.0.2.9:7", Address: "192.0.2.9:7", Heartbeat: "line", Send: "PING\n", Expect: "PONG"}
	ended := make(chan bool, 1)
	_, c := start(t, &Server{Engine: newEngine(), Try: func(ctx context.Context, got monitor.Target, _ string, event func(monitor.Event)) {
		if got != target {
			t.Errorf("asked to try %+v", got)
		}
		for i := range 3 {
			event(monitor.Event{Kind: monitor.AttemptEvent, Snapshot: monitor.Snapshot{Time: time.Now(), Seq: uint64(i + 1), Target: got, State: monitor.Connecting}})
		}
		<-ctx.Done()
		ended <- true
	}})
	n := 0
	nameless := target
	nameless.Name = ""
	for o, err := range c.Try(t.Context(), nameless, "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; o.Seq != uint64(n) {
			t.Errorf("got %d, want %d", o.Seq, n)
		}
		if n == 3 {
			break // a person has seen enough: the trial ends
		}
	}
	if !<-ended || n != 3 {
		t.Errorf("%d events", n)
	}
}

func TestPausesThatEnd(t *testing.T) {
	e := newEngine("a", "b", "c")
	_, c := start(t, &Server{Engine: e})
	ctx := t.Context()
	soon := time.Now().Add(300 * time.Millisecond)
	for _, err := range []error{
		c.Pause(ctx, soon, "a"), c.Pause(ctx, time.Now().Add(time.Hour), "b"), c.Pause(ctx, soon, "c"), c.Resume(ctx, "c"),
	} {
		if err != nil {
			t.Fatal(err)
		}
		<-e.called
	}
	if got := <-e.called; got != "resume[a]" || time.Now().Before(soon) {
		t.Errorf("got %s, %v early", got, time.Until(soon))
	}
	st, err := c.Status(ctx)
	if err != nil || len(st.PausedUntil) != 1 || st.PausedUntil["b"].IsZero() {
		t.Errorf("still to end: %v, %v; want b", st.PausedUntil, err)
	}
	if err := c.Pause(ctx, time.Time{}, "b"); err != nil { // now without an end
		t.Fatal(err)
	}
	if st, err = c.Status(ctx); err != nil || len(st.PausedUntil) != 0 {
		t.Errorf("still to end: %v, %v; want none", st.PausedUntil, err)
	}
}

func TestMetrics(t *testing.T) {
	e := newEngine("a", "b \"\\\n<")
	_, c := start(t, &Server{Engine: e, Version: "1.2.3"})
	e.change("a", monitor.StateEvent, down)
	var text string
	until(t, "the outage to be counted", func() bool {
		res, err := c.send(t.Context(), http.MethodGet, "/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
		return strings.Contains(text, `holdfast_target_outages_total{target="a"} 1`)
	})
	for _, want := range []string{
		`holdfast_target_up{target="a"} 0`, `holdfast_target_state{target="a",state="down"} 1`, `holdfast_target_state{target="a",state="up"} 0`,
		`holdfast_target_cause{target="a",hop="server",cause="server-refused"} 1`, `holdfast_target_attempts_total{target="a"} 1`,
		`holdfast_target_up{target="b \"\\\n<"} 1`, `holdfast_target_round_trip_seconds{target="b \"\\\n<"} 0.002`, `holdfast_build_info{version="1.2.3",`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// The examples of the documentation.
func TestCurl(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix socket, which curl can speak to: on Windows it is a named pipe, which curl cannot")
	}
	desktest.Need(t, "curl")
	e := newEngine("a/b")
	path, _ := start(t, &Server{Engine: e, Version: "1.2.3"})
	out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--fail", "--unix-socket", path, "http://holdfast/v1/status").Output()
	var st Status
	if err != nil || json.Unmarshal(out, &st) != nil || st.Version != "1.2.3" || st.Targets[0].Target != "a/b" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = exec.CommandContext(t.Context(), "curl", "-sS", "--fail", "--unix-socket", path, "-X", "POST", "http://holdfast/v1/targets/a%2Fb/reconnect").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	} else if got := <-e.called; got != "reconnect[a/b]" {
		t.Errorf("got %s", got)
	}
	// A stream comes line by line, not when curl's or the server's buffer is full.
	cmd := exec.CommandContext(t.Context(), "curl", "-sSN", "--unix-socket", path, "http://holdfast/v1/events")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(pipe).ReadString('\n'); err != nil || !strings.HasPrefix(line, `{"time":`) {
		t.Errorf("%v: %s", err, line)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// FuzzRequest: whatever comes, the server answers with JSON and does not fail.
func FuzzRequest(f *testing.F) {
	f.Add("PUT", "/v1/settings/targets/a", `{"name":"a","address":"192.0.2.1:7","interval":"500ms","keepalive":{"count":3}}`)
	f.Add("PUT", "/v1/settings", `{"demo":true,"language":"zh","targets":[{"name":"b","address":"b:1","send":"\\x00"}]}`)
	f.Add("DELETE", "/v1/settings/targets/%2E%2E?rewrite=1", "")
	f.Add("POST", "/v1/targets/a/pause?for=1h", "")
	f.Add("POST", "/v1/try", `{"address":"192.0.2.1:7"}`)
	f.Add("GET", "/metrics", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if strings.HasPrefix(path, "/v1/events") {
			return // has no end
		}
		r, err := http.NewRequest(method, "http://holdfast"+path, strings.NewReader(body))
		if err != nil || r.Method == "HEAD" {
			return
		}
		e := newEngine("a")
		s := &Server{Engine: e, Settings: &memory{}, Try: func(context.Context, monitor.Target, string, func(monitor.Event)) {}}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		s.pauses.stop()
		b := w.Body.Bytes()
		switch {
		case w.Code == 204 || strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") && w.Code == 200 || r.URL.Path == "/v1/try" && w.Code == 200:
		case w.Code/100 == 3: // a path that is not clean
		case !json.Valid(b):
			t.Fatalf("%s %s: %d %q", method, path, w.Code, b)
		}
	})
}

// memory is a Settler without a file.
type memory struct{ s config.Settings }

func (m *memory) Path() string                      { return "holdfast.toml" }
func (m *memory) Current() (config.Settings, error) { return m.s, nil }
func (m *memory) Edit(_ bool, changes ...config.Change) error {
	next, err := config.Apply(m.s, changes...)
	if err == nil {
		m.s = next
	}
	return err
}

// A stream on which nothing happens outlasts every time limit that a request has.
func TestAQuietStreamStays(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: more than a slow request may take")
	}
	t.Parallel()
	e := newEngine("a")
	_, c := start(t, &Server{Engine: e})
	ctx, cancel := context.WithTimeout(t.Context(), 2*bodyWithin)
	defer cancel()
	n := 0
	for o, err := range c.Events(ctx, false) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			if o.State != "down" {
				t.Errorf("got %s", o.State)
			}
			break
		}
		time.AfterFunc(bodyWithin+time.Second, func() { e.change("a", monitor.StateEvent, down) })
	}
}
