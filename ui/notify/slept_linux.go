package notify

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleptFor returns how long this computer has slept since it was started: how far CLOCK_BOOTTIME, which goes on meanwhile,
// is ahead of CLOCK_MONOTONIC, which does not (clock_gettime(2)).
func sleptFor() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}
