//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"context"
	"slices"
	"testing"
	"time"

	"holdfast/internal/desktest"
)

// figures reports the median and the worst of what was measured, in milliseconds.
func figures(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(all[len(all)/2]), "ms-median")
	b.ReportMetric(ms(all[len(all)-1]), "ms-worst")
}

// BenchmarkStart measures from Run to the registration at the watcher. Budget: 50 ms from the start of the program.
func BenchmarkStart(b *testing.B) {
	p := newPanel(b, desktest.SessionBus(b))
	p.appear()
	var all []time.Duration
	for b.Loop() {
		tray := New(Options{})
		tray.Show(allUp)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		start := time.Now()
		go func() { ended <- tray.Run(ctx) }()
		p.item()
		all = append(all, time.Since(start))
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	figures(b, all)
}

// BenchmarkChange measures from Show to the signal at the panel, at the usual pace. Budget: 50 ms.
func BenchmarkChange(b *testing.B) {
	p := newPanel(b, desktest.SessionBus(b))
	p.appear()
	tray := New(Options{})
	tray.Show(allUp)
	runTray(b, tray)
	p.item()
	var all []time.Duration
	down := false
	for b.Loop() {
		down = !down
		start := time.Now()
		if down {
			tray.Show(oneDown)
		} else {
			tray.Show(allUp)
		}
		p.hears("NewIcon")
		all = append(all, time.Since(start))
	}
	figures(b, all)
}

// BenchmarkShowUnchanged measures what the tray costs at each event that changes nothing to be seen.
func BenchmarkShowUnchanged(b *testing.B) {
	tray := New(Options{})
	tray.Show(oneDown)
	b.ReportAllocs()
	for b.Loop() {
		tray.Show(oneDown)
	}
}
