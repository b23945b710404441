package ui

import (
	"slices"
	"time"

	"holdfast/monitor"
)

// A Point is what is known of the round trips of a stretch of time that begins at Time.
type Point struct {
	Time           time.Time
	Over           time.Duration // how long the stretch is
	Min, Mean, Max time.Duration
}

// PointsOf turns round trips by the second into points.
func PointsOf(samples []monitor.Sample) []Point {
	points := make([]Point, 0, len(samples))
	for _, s := range samples {
		if s.RTT > 0 {
			points = append(points, Point{Time: s.Time, Over: time.Second, Min: s.RTT, Mean: s.RTT, Max: s.RTT})
		}
	}
	return points
}

// Joined puts recent, which is finer, in the place of what is as new in old. Both are in the order of time.
func Joined(old, recent []Point) []Point {
	if len(recent) == 0 {
		return old
	}
	n, _ := slices.BinarySearchFunc(old, recent[0].Time, func(p Point, t time.Time) int { return p.Time.Compare(t) })
	if n > 0 && old[n-1].Time.Add(old[n-1].Over).After(recent[0].Time) {
		n-- // the minute in which the finer ones begin would be shown twice
		first := old[n].Time.Add(old[n].Over)
		m, _ := slices.BinarySearchFunc(recent, first, func(p Point, t time.Time) int { return p.Time.Compare(t) })
		return slices.Concat(old[:n+1], recent[m:])
	}
	return slices.Concat(old[:n], recent)
}

// A Column is what one column of pixels shows: the least, the mean and the longest of the round trips in it.
type Column struct {
	Min, Mean, Max time.Duration // Max is 0 where nothing was measured
	Joined         bool          // nothing is missing between this one and the column before that has something
}

// Columns folds points, which are in the order of time, into n columns from from to to. Nothing that hurt is lost: each
// column keeps its extremes. Points further apart than gap are not joined.
func Columns(to []Column, points []Point, from, until time.Time, n int, gap time.Duration) []Column {
	to = slices.Grow(to[:0], max(n, 0))[:max(n, 0)]
	clear(to)
	whole := until.Sub(from)
	if n <= 0 || whole <= 0 {
		return to
	}
	first, _ := slices.BinarySearchFunc(points, from, func(p Point, t time.Time) int { return p.Time.Compare(t) })
	var last time.Time // where the last point ended
	at, weight, sum := -1, time.Duration(0), float64(0)
	for _, p := range points[first:] {
		if !p.Time.Before(until) {
			break
		}
		if p.Max <= 0 {
			continue
		}
		middle := p.Time.Sub(from) + p.Over/2
		i := min(int(float64(middle)/float64(whole)*float64(n)), n-1)
		c := &to[i]
		over := max(p.Over, time.Millisecond)
		if i != at {
			at, weight, sum = i, 0, 0
			*c = Column{Min: p.Min, Joined: !last.IsZero() && p.Time.Sub(last) <= gap}
		}
		c.Min, c.Max = min(c.Min, p.Min), max(c.Max, p.Max)
		weight, sum = weight+over, sum+float64(p.Mean)*float64(over)
		c.Mean = time.Duration(sum / float64(weight))
		last = p.Time.Add(p.Over)
	}
	return to
}
