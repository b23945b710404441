package main

import (
	"context"
	"os"
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

// sleeps reports whether a command line asks for what goes on for long and sleeps almost always: the resident, or watch.
func sleeps(args []string) bool {
	root := newRoot(&program{out: os.Stdout, errs: os.Stderr, getenv: os.Getenv})
	cmd, rest, err := root.Find(args)
	if err != nil || cmd.ParseFlags(rest) != nil {
		return false // a mistake, or a question for help
	}
	return cmd == root && cmd.Flags().NArg() == 0 || cmd.Name() == "watch"
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
