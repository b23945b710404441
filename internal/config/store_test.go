package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/monitor"
)

type told struct {
	s   Settings
	err error
}

// run runs a Store until the test ends, and hands over what it tells.
func run(t *testing.T, s *Store) <-chan told {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	news := make(chan told, 16)
	done := make(chan bool)
	go func() {
		defer close(done)
		s.Run(ctx, func(s Settings, err error) { news <- told{s, err} })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return news
}

func next(t *testing.T, news <-chan told, what string) told {
	t.Helper()
	select {
	case n := <-news:
		return n
	case <-time.After(10 * time.Second):
		t.Fatalf("was not told: %s", what)
		return told{}
	}
}

// quiet waits longer than it takes to be told.
func quiet(t *testing.T, news <-chan told, what string) {
	t.Helper()
	select {
	case n := <-news:
		t.Errorf("told %+v, %v; want nothing: %s", n.s, n.err, what)
	case <-time.After(4 * settle):
	}
}

const one = "[[target]]\nname = 'a'\naddress = 'a:1'\n"

var oneSettings = Settings{Targets: []monitor.Target{{Name: "a", Address: "a:1"}}}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conf", "holdfast.toml")
	s := Open(path)
	news := run(t, s)
	want := func(what string, settings Settings, problem string) {
		t.Helper()
		n := next(t, news, what)
		switch {
		case !n.s.Equal(settings):
			t.Fatalf("%s: told %+v, want %+v", what, n.s, settings)
		case (n.err == nil) != (problem == "") || n.err != nil && !strings.Contains(n.err.Error(), problem):
			t.Fatalf("%s: told %v, want %q", what, n.err, problem)
		}
		if now, err := s.Current(); !now.Equal(settings) || text(err) != text(n.err) {
			t.Fatalf("%s: Current differs: %+v, %v", what, now, err)
		}
	}
	want("the start", Default(), "")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	quiet(t, news, "a folder, and no file yet")
	put(t, path, one)
	want("a file comes", oneSettings, "")

	two := Settings{Demo: true, Targets: oneSettings.Targets}
	must(t, os.WriteFile(path+".new", []byte("demo = true\n"+one), 0o600))
	must(t, os.Rename(path+".new", path))
	want("replaced, as editors do", two, "")

	put(t, path, "demo = true # still\n"+one)
	quiet(t, news, "only a comment changed")

	put(t, path, "demo = maybe\n")
	want("a mistake", two, "not TOML")
	put(t, path, "# oh\ndemo = maybe\n")
	want("the same mistake on another line", two, ":2:8: not TOML")
	must(t, os.Chtimes(path, time.Now(), time.Now()))
	quiet(t, news, "the same mistake")

	put(t, path, "")
	want("emptied", two, "is empty")
	must(t, os.Remove(path))
	want("deleted", two, "has gone")
	must(t, os.Mkdir(path, 0o700))
	want("a folder in its place", two, "is a folder")
	must(t, os.Remove(path))
	want("deleted again", two, "has gone")
	put(t, path, one)
	want("mended", oneSettings, "")

	must(t, os.Rename(filepath.Dir(path), filepath.Join(dir, "elsewhere")))
	want("its folder moved away", oneSettings, "has gone")
	put(t, filepath.Join(dir, "elsewhere", "holdfast.toml"), "demo = true\n")
	quiet(t, news, "the file that is elsewhere now")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	put(t, path, "demo = true\n"+one)
	want("a new folder", two, "")

	must(t, s.Edit(false, setDemo(false)))
	want("an edit of our own", oneSettings, "")
	quiet(t, news, "the same edit, seen in the file")
	must(t, s.Edit(false, RemoveTarget("a")))
	want("no target any more", Settings{}, "")
	quiet(t, news, "that is no accident")
}

// symlink makes a symbolic link, or skips the test where there can be none.
func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skip("needs the right to make symbolic links:", err)
	}
	if _, err := os.Readlink(at); err != nil {
		t.Skip("needs symbolic links, and this one was not made although wine says so:", err)
	}
}

func TestReloadThroughLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "v1"), 0o700))
	must(t, os.Mkdir(filepath.Join(dir, "v2"), 0o700))
	put(t, filepath.Join(dir, "v1", "holdfast.toml"), one)
	put(t, filepath.Join(dir, "v2", "holdfast.toml"), "demo = true\n")
	symlink(t, "v1", filepath.Join(dir, "now"))
	must(t, os.Mkdir(filepath.Join(dir, "conf"), 0o700))
	path := filepath.Join(dir, "conf", "holdfast.toml")
	symlink(t, filepath.Join(dir, "now", "holdfast.toml"), path)
	news := run(t, Open(path))
	next(t, news, "the start")

	put(t, filepath.Join(dir, "v1", "holdfast.toml"), "demo = true\n"+one)
	if n := next(t, news, "the file behind the link"); !n.s.Demo || len(n.s.Targets) != 1 {
		t.Errorf("told %+v, %v", n.s, n.err)
	}
	symlink(t, "v2", filepath.Join(dir, "next"))
	must(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now")))
	if n := next(t, news, "the folder's link"); !n.s.Demo || len(n.s.Targets) != 0 {
		t.Errorf("told %+v, %v", n.s, n.err)
	}
}

func TestPolling(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short leaves: it looks every two seconds")
	}
	t.Parallel()
	path := file(t, one)
	s := Open(path)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	news := make(chan told, 4)
	s.apply = func(s Settings, err error) { news <- told{s, err} }
	done := make(chan bool)
	go func() { defer close(done); poll(ctx, path, s.reload) }()
	put(t, path, "demo = true\n"+one)
	if n := next(t, news, "a change"); !n.s.Demo {
		t.Errorf("told %+v, %v", n.s, n.err)
	}
	must(t, os.Remove(path))
	if n := next(t, news, "that it was deleted"); !n.s.Demo || n.err == nil {
		t.Errorf("told %+v, %v", n.s, n.err)
	}
	cancel()
	<-done
}

func TestStoreRewrites(t *testing.T) {
	path := file(t, one)
	s := Open(path)
	put(t, path, "hello")
	if err := s.Edit(false, setDemo(true)); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
	must(t, s.Edit(true, setDemo(true)))
	want := Settings{Demo: true, Targets: oneSettings.Targets}
	if got, err := Load(path); err != nil || !got.Equal(want) {
		t.Errorf("got %+v, %v", got, err)
	}
}
