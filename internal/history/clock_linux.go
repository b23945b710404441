package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// wallOffset is how far the clock on the wall is ahead of the one that nobody sets and that goes on in a sleep. It changes
// when the clock is set.
func wallOffset() time.Duration {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - boot.Nano())
}
