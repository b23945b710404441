package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// beThrifty suits the runtime to a program that sleeps almost always. One processor is enough, and spares the wake-ups
// with which the runtime looks for work on others (ten targets with a tray: 58 a second on two, 38 on one). A quarter of
// the live heap as headroom instead of all of it costs next to no time, because a beat makes no garbage. Whoever sets
// GOMAXPROCS or GOGC is obeyed.
func (p *program) beThrifty() {
	if p.getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

// giveBack gives back, once, what the start of many sessions took and left: each collection also halves the stacks that
// grew in their handshakes.
func giveBack(ctx context.Context, targets int) error {
	if targets < 100 {
		return nil
	}
	for range 2 {
		t := time.NewTimer(4 * time.Second)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
			debug.FreeOSMemory()
		}
	}
	return nil
}
