package monitor

import (
	"context"

	"holdfast/internal/winpower"
)

// watchResume calls resumed each time that the computer has woken, until ctx ends. Where the system does not say it the
// clocks do, at the next timer.
func watchResume(ctx context.Context, resumed func()) {
	winpower.Watch(ctx, func(asleep bool) {
		if !asleep {
			resumed()
		}
	})
}
