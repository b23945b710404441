// Package winpower knows when Windows sleeps. On other systems it knows nothing.
package winpower

import "time"

// sleptOf is how long the computer has slept since it was started, by its two clocks: the one that goes on meanwhile and
// the one that stands still, in steps of 100 ns (QueryUnbiasedInterruptTime). They are read one after the other, and the
// first goes in steps of up to 16 ms.
func sleptOf(sinceBoot time.Duration, unbiased uint64) time.Duration {
	return max(0, sinceBoot-time.Duration(unbiased)*100)
}

// The events of PowerRegisterSuspendResumeNotification (winuser.h, "PBT_...").
const (
	suspend         = 0x04 // PBT_APMSUSPEND: it is about to sleep; two seconds are left
	resumeSuspend   = 0x07 // PBT_APMRESUMESUSPEND: a person woke it
	resumeAutomatic = 0x12 // PBT_APMRESUMEAUTOMATIC: it has woken; always comes
)

// asleepAfter returns whether the computer sleeps after an event, to one for whom it did or did not before, and whether that
// is to be told. A person who is noticed after it has woken makes one event more, which may come much later and is no second
// sleep; resumeAutomatic is always told, for a sleep need not have been announced.
func asleepAfter(event uintptr, before bool) (asleep, news bool) {
	switch event {
	case suspend:
		return true, !before
	case resumeAutomatic:
		return false, true
	case resumeSuspend:
		return false, before
	}
	return before, false
}
