//go:build !unix && !windows

package main

import (
	"context"
	"os"
)

// untilUnread only runs work: this system does not tell when the reader of out is gone before something is written.
func untilUnread(ctx context.Context, _ *os.File, work func(context.Context) error) error {
	return work(ctx)
}

// readerGone: this system does not say it in a way of its own.
func readerGone(error) bool { return false }
