package notify

import (
	"context"
	"log/slog"
	"time"

	"holdfast/internal/winpower"
)

// watchSleep tells when this computer is about to sleep, and when it has woken up. Where the system does not say so, the
// jump of the clock is left.
func watchSleep(ctx context.Context, _ *slog.Logger, tell func(asleep bool)) {
	winpower.Watch(ctx, tell)
}

// sleptFor returns how long this computer has slept since it was started.
func sleptFor() time.Duration { return winpower.Slept() }
