package config

import (
	"context"
	"os"
	"time"
)

const (
	settle    = 100 * time.Millisecond // a program that saves touches the file several times
	pollEvery = 2 * time.Second
)

// poll calls changed whenever the file looks different. It is for systems and folders that tell nothing by themselves.
func poll(ctx context.Context, path string, changed func()) {
	look := func() (os.FileInfo, string) {
		fi, err := os.Stat(path)
		return fi, text(err)
	}
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	last, lastErr := look()
	changed() // it may have changed before the first look
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		fi, err := look()
		same := err == lastErr
		if same && fi != nil {
			same = os.SameFile(fi, last) && fi.ModTime().Equal(last.ModTime()) && fi.Size() == last.Size() && fi.Mode() == last.Mode()
		}
		if !same {
			last, lastErr = fi, err
			changed()
		}
	}
}
