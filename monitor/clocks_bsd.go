//go:build darwin || openbsd

package monitor

import (
	"time"

	"golang.org/x/sys/unix"
)

// clocksApart is how far the second clock is ahead of the first, which is read first.
func clocksApart(awake, always int32) time.Duration {
	var a, b unix.Timespec
	if unix.ClockGettime(awake, &a) != nil || unix.ClockGettime(always, &b) != nil {
		return 0
	}
	return time.Duration(b.Nano() - a.Nano())
}
