package config

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "holdfast.toml")
	if got, want := places(path), []place{{dir, foldersOf}, {filepath.Dir(dir), foldersOf}}; !slices.Equal(got, want) {
		t.Errorf("no folder yet: %v, want %v", got, want)
	}
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	if got, want := places(path), []place{{filepath.Dir(path), filesOf}, {filepath.Join(dir, "a"), foldersOf}}; !slices.Equal(got, want) {
		t.Errorf("the folder is there: %v, want %v", got, want)
	}
	for path, want := range map[string]bool{`\\server\share\x.toml`: true, `//server/share/x.toml`: true, path: false, `x.toml`: false} {
		if got := remote(path); got != want {
			t.Errorf("%s is on another computer: %t", path, got)
		}
	}
}

// A change is told long before it would be seen by looking every two seconds, and nothing is told, nor looked at, without one.
func TestWatchedWithoutPolling(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.toml")
	put(t, path, one)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan time.Time, 16)
	ended := make(chan struct{})
	go func() { defer close(ended); watchFile(ctx, path, func() { told <- time.Now() }) }()
	<-told // the first look
	quietFor(t, told, pollEvery+settle)
	before := time.Now()
	put(t, path, "demo = true\n")
	if took := (<-told).Sub(before); took > pollEvery-settle {
		t.Errorf("told after %v: no sooner than by polling", took)
	}
	cancel()
	<-ended
}

func quietFor(t *testing.T, told <-chan time.Time, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-told:
		t.Error("told of a change that was none")
	case <-timer.C:
	}
}
