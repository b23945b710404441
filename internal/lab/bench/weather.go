//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"holdfast/internal/lab"
)

// weather plays what a way may do for a while and nobody is to be alarmed: loss, jitter, reordering, a long way.
func (b *bench) weather() {
	if !b.all {
		return
	}
	lasts := 10 * time.Second
	if b.long {
		lasts = time.Minute
	}
	rows := b.chosenHarmless(lab.RelayHarmlessRows(lasts))
	if len(rows) == 0 {
		return
	}
	type outcome struct {
		suspected, down, failed int
		said                    strings.Builder
	}
	fmt.Printf("\nWeather, %d runs of %v each: how often in all of them a session was suspected, which is allowed, and down, which is not.\n\n", b.runs, lasts)
	fmt.Printf("%-7s  %-72s  %-10s  %s\n", "system", "event", "suspected", "outages (0)")
	down := 0
	// They mostly wait: more of them than elsewhere.
	each(len(rows), 4*b.jobs, func(i int) *outcome {
		h, o := rows[i], &outcome{}
		for range b.runs {
			s, d, report, err := h.Play(h.by.program)
			if err != nil || d > 0 {
				fmt.Fprintf(&o.said, "%s: %v\n%s", h.Title(), err, report)
			}
			if err != nil {
				o.failed++
			}
			o.suspected += s
			o.down += d
		}
		return o
	}, func(i int, o *outcome) {
		io.WriteString(os.Stderr, o.said.String())
		note := ""
		if o.failed > 0 {
			note = fmt.Sprintf(", %d runs failed", o.failed)
		}
		fmt.Printf("%-7s  %-72s  %-10d %s%d%s\n", rows[i].by.name, rows[i].Title(), o.suspected, b.mark(o.down == 0 && o.failed == 0), o.down, note)
		down += o.down
	})
	fmt.Printf("\n%sOutages by weather: %d in %d runs (0 asked).\n", b.mark(down == 0), down, len(rows)*b.runs)
}
