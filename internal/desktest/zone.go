package desktest

import (
	"testing"
	"time"
	_ "time/tzdata" // not every computer has a table of its own
)

// Berlin is a place whose clocks change twice a year.
func Berlin(t testing.TB) *time.Location {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	Must(t, err)
	return berlin
}
