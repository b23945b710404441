//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast/internal/lab"
)

// many plays breaks upon a hundred targets at once, and counts what they and what one alone sends.
func (b *bench) many() error {
	title := false
	for _, m := range lab.ManyRows() {
		if !b.only.MatchString(m.Title()) {
			continue
		}
		if !title {
			title = true
			fmt.Printf("\nMany targets, %d runs each, the worst run: seconds until the last of them (asked); packets sent in the first 2 s.\n\n", b.runs)
			fmt.Printf("%-58s  %-15s  %-15s  %-15s  %-12s  %-12s  %-8s  %-9s  %-9s  %s\n", "event", "leaves Up", "named", "Down", "back",
				"to gateway", "in all", "after", "Up, pkt/s", "right cause")
		}
		var left, named, down, back []time.Duration
		gateway, sent, busiest, returning, right := 0, 0, 0, 0, m.Targets
		up := 0.0
		kinds, wrong := "", make(map[string]int)
		failed := false
		for range b.runs {
			p, err := m.Play(lab.Here(b.program), time.Second)
			if err != nil {
				failed = true
				fmt.Fprintf(os.Stderr, "%s: %v\n%s", m.Title(), err, p.Report)
			}
			left, named, down, back = append(left, p.LeftUp), append(named, p.Named), append(down, p.Down), append(back, p.Back)
			if n := p.GatewayPackets(); n >= gateway {
				gateway, kinds = n, tally(p.ToGateway)
			}
			sent, busiest, returning, up, right = max(sent, p.Sent), max(busiest, p.Busiest), max(returning, p.Returning), max(up, p.Up), min(right, p.Right)
			if p.Right < m.Targets {
				for cause, n := range p.Causes {
					wrong[cause] += n
				}
				for cause, n := range p.Later {
					wrong["then "+cause] += n
				}
			}
			if p.Stalled > 50*time.Millisecond {
				fmt.Fprintf(os.Stderr, "%s: this machine was busy, for up to %v\n", m.Title(), p.Stalled)
			}
		}
		toGateway := fmt.Sprintf("  %d", gateway)
		if m.ToGateway > 0 {
			toGateway = fmt.Sprintf("%s %d (%d)", b.mark(gateway <= m.ToGateway), gateway, m.ToGateway)
		}
		fmt.Printf("%-58s  %-15s  %-15s  %-15s  %-12s  %-12s  %-8d  %-9d  %-9s  %s%d/%d", m.Title(), b.worst(left, m.LeavesUp), b.worst(named, m.Down),
			b.worst(down, m.Down), b.worst(back, m.Back), toGateway, sent, returning, b.upRate(up), b.mark(right == m.Targets && !failed), right, m.Targets)
		fmt.Printf(" to gateway: %s; busiest target %d", kinds, busiest)
		if len(wrong) > 0 {
			fmt.Printf("; causes: %s", tally(wrong))
		}
		fmt.Println()
	}
	return nil
}

// alone counts what one target alone sends.
func (b *bench) alone() error {
	title := false
	for _, a := range lab.AloneRows() {
		if !b.only.MatchString(a.Title()) {
			continue
		}
		if !title {
			title = true
			fmt.Printf("\nOne target, %d runs each, the worst run: packets sent in the first 2 s of an outage (asked).\n\n", b.runs)
			fmt.Printf("%-58s  %-10s  %-9s  %s\n", "event", "in all", "Up, pkt/s", "of which")
		}
		var worst lab.AlonePlayed
		up := 0.0
		for range b.runs {
			p, err := a.Play(lab.Here(b.program))
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", a.Title(), err, p.Report)
			}
			up = max(up, p.Up)
			if p.Sent >= worst.Sent {
				worst = p
			}
		}
		fmt.Printf("%-58s  %s %-8s  %-9s  %s\n", a.Title(), b.mark(worst.Sent <= lab.MostAlone), fmt.Sprintf("%d (%d)", worst.Sent, lab.MostAlone),
			b.upRate(up), tally(worst.Kinds))
		if worst.Sent > lab.MostAlone {
			for _, p := range worst.Packets {
				fmt.Fprintln(os.Stderr, p)
			}
			fmt.Fprint(os.Stderr, worst.Report)
		}
	}
	return nil
}

// worst is the worst of some figures beside what is asked.
func (b *bench) worst(all []time.Duration, asked time.Duration) string {
	_, worst := lab.MedianWorst(all)
	return b.mark(worst != lab.None && worst <= asked) + " " + seconds(worst) + fmt.Sprintf(" (%.4g)", asked.Seconds())
}

// upRate is packets a second and target in peace, beside what is asked. A beat more or less at the ends of the time
// that is counted is no fault.
func (b *bench) upRate(up float64) string {
	return fmt.Sprintf("%s%.2f (%d)", b.mark(up <= lab.MostUp*1.07), up, lab.MostUp)
}

func tally(n map[string]int) string {
	var texts []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		texts = append(texts, fmt.Sprintf("%d %s", n[k], k))
	}
	return strings.Join(texts, ", ")
}
