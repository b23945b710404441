package main

import (
	"testing"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/desktest"
)

// The week in which the clocks change is compared with seven days, and a stretch of hours with as many.
func TestReportComparesLikeWithLike(t *testing.T) {
	berlin := desktest.Berlin(t)
	for _, r := range []struct {
		now, since, from, before string
	}{
		{"2026-10-28 12:00", "7d", "2026-10-21 12:00", "2026-10-14 12:00"}, // 169 hours, and 168
		{"2026-11-01 12:00", "1w", "2026-10-25 12:00", "2026-10-18 12:00"}, // 168 hours, and 169
		{"2026-04-01 12:00", "7d", "2026-03-25 12:00", "2026-03-18 12:00"}, // 167 hours, and 168
		{"2026-10-25 12:00", "24h", "2026-10-24 13:00", "2026-10-23 13:00"},
		{"2026-10-26 00:00", "2026-10-25", "2026-10-25 00:00", "2026-10-23 23:00"}, // a day of 25 hours
	} {
		at := func(s string) time.Time {
			t.Helper()
			tm, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
			if err != nil {
				t.Fatal(err)
			}
			return tm
		}
		from, err := control.ParseSince(r.since, at(r.now))
		if err != nil || !from.Equal(at(r.from)) {
			t.Errorf("%s at %s: from %v, %v", r.since, r.now, from, err)
		}
		if got := earlier(r.since, from, at(r.now)); !got.Equal(at(r.before)) {
			t.Errorf("%s at %s: compared with what was since %v, want %s", r.since, r.now, got, r.before)
		}
	}
}
