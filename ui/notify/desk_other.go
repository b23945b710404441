//go:build !windows && !((linux || freebsd || openbsd || netbsd) && !android)

package notify

import (
	"context"
)

// A desk shows notifications. Here it cannot: this system's own way is not built.
type desk struct{}

func newDesk(Options) *desk { return &desk{} }

func (*desk) show(Note, Settings)     {}
func (*desk) close(int)               {}
func (*desk) run(ctx context.Context) { <-ctx.Done() }
