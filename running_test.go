package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunning(t *testing.T) {
	broken := errors.New("broken")
	until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	hangs := make(chan struct{})
	for _, c := range []struct {
		name         string
		engine, work func(context.Context) error
		want         error
		after        time.Duration
	}{
		{"the work ends, and the engine with it", until, func(context.Context) error { return nil }, nil, 0},
		{"the work fails", until, func(context.Context) error { return broken }, broken, 0},
		{"the engine fails, and the work ends", func(context.Context) error { return broken }, func(ctx context.Context) error { <-ctx.Done(); return nil }, broken, 0},
		{"the engine is held up by the system for ever", func(context.Context) error { <-hangs; return nil }, func(context.Context) error { return nil }, errSystemHangs, endTime},
		{"it is held up, and the work failed", func(context.Context) error { <-hangs; return nil }, func(context.Context) error { return broken }, broken, endTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hangs = make(chan struct{})
				defer close(hangs)
				start := time.Now()
				if err := running(t.Context(), c.engine, c.work); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(start); took != c.after {
					t.Errorf("after %v, want %v", took, c.after)
				}
			})
		})
	}
}
