//go:build linux

package lab

import (
	"slices"
	"time"
)

// MedianWorst returns the median and the largest of some figures. Where one of them is None the worst is None; the median
// is of those that happened, None when none did.
func MedianWorst(all []time.Duration) (median, worst time.Duration) {
	happened := slices.DeleteFunc(slices.Clone(all), func(d time.Duration) bool { return d == None })
	if len(happened) == 0 {
		return None, None
	}
	slices.Sort(happened)
	n := len(happened)
	median = (happened[(n-1)/2] + happened[n/2]) / 2
	if n < len(all) {
		return median, None
	}
	return median, happened[n-1]
}
