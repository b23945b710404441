//go:build linux

// Command bench measures what Holdfast promises: how soon it notices, names and heals each kind of break, in the lab with
// real kernels and a real server, and what it costs. It prints tables, with what is asked beside what was measured.
//
//	go run ./internal/lab/bench [-runs 10] [-only regexp] [-all] [-costs=false]
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"holdfast/internal/lab"
)

func main() {
	var b bench
	flag.IntVar(&b.runs, "runs", 10, "how often each break is made")
	only := flag.String("only", "", "only the lines whose name this regular expression finds")
	flag.BoolVar(&b.all, "all", false, "also the breaks beyond the table that was asked for, and IPv6")
	costs := flag.Bool("costs", true, "also processor time, memory and wake-ups")
	flag.IntVar(&b.seconds, "seconds", 60, "how long each cost is measured")
	flag.IntVar(&b.sessions, "sessions", 1000, "how many sessions for the comparison with a C epoll loop")
	flag.StringVar(&b.program, "program", "", "the program to measure (default: built from this tree)")
	flag.Parse()
	var err error
	if b.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintf(os.Stderr, "bench: -only: %v\n", err)
		os.Exit(2)
	}
	if err := b.run(*costs); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type bench struct {
	runs, seconds, sessions int
	all                     bool
	only                    *regexp.Regexp
	program, dir            string
	failed                  int
}

func (b *bench) run(costs bool) (err error) {
	if why := lab.Missing("redis-server"); why != "" {
		return errors.New(why)
	}
	if b.dir, err = os.MkdirTemp("", "holdfast-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.program == "" {
		b.program = filepath.Join(b.dir, "holdfast")
		if err := command([]string{"CGO_ENABLED=0"}, "go", "build", "-o", b.program, "holdfast"); err != nil {
			return err
		}
	} else if b.program, err = filepath.Abs(b.program); err != nil {
		return err
	}
	if err := b.breaks(); err != nil {
		return err
	}
	if err := b.harmless(); err != nil {
		return err
	}
	if err := b.many(); err != nil {
		return err
	}
	if err := b.alone(); err != nil {
		return err
	}
	if costs {
		for _, c := range []struct {
			name string
			f    func() error
		}{{"resident", b.resident}, {"sessions", b.manySessions}, {"tray", b.tray}} {
			if !b.only.MatchString(c.name) {
				continue
			}
			if err := c.f(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	if b.failed > 0 {
		return fmt.Errorf("%d figures are not what is asked", b.failed)
	}
	return nil
}

// command runs a program of the tool chain and shows what it says only when it fails.
func command(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// mark is what stands before a figure that is not what is asked.
func (b *bench) mark(good bool) string {
	if good {
		return " "
	}
	b.failed++
	return "!"
}

// breaks plays each row again and again.
func (b *bench) breaks() error {
	title := false
	for _, r := range lab.Rows() {
		if r.Extra && !b.all || !b.only.MatchString(r.Title()) {
			continue
		}
		if !title {
			title = true
			fmt.Printf("Breaks, %d runs each: median / worst (asked), in seconds. ! is not what is asked.\n\n", b.runs)
			fmt.Printf("%-58s  %-24s  %-24s  %-24s  %s\n", "event", "leaves Up", "Down", "back after repair", "right cause")
		}
		var left, down, named, back []time.Duration
		right, again := 0, 0
		wrong := make(map[string]int)
		for n := 0; n < b.runs; n++ {
			p, err := r.Play(b.program, 700*time.Millisecond+rand.N(4*time.Second))
			if p.Stalled > 50*time.Millisecond && again < 2*b.runs { // the machine was busy: nothing was measured
				again++
				n--
				continue
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n%s", r.Title(), err, p.Report)
				wrong["not noticed or not back"]++
			} else if r.RightCause(p.Figures) {
				right++
			} else {
				fmt.Fprintf(os.Stderr, "%s: %q\n%s", r.Title(), p.Causes, p.Report)
				wrong[fmt.Sprintf("%s %q", p.Cause, p.Also)]++
			}
			left, down, named, back = append(left, p.LeftUp), append(down, p.Down), append(named, p.Named), append(back, p.Back)
		}
		if r.Before {
			fmt.Printf("%-58s  %-24s  %-24s  %-24s", r.Title(), "cause out:", b.cell(named, r.Down), b.cell(back, r.Back))
		} else {
			fmt.Printf("%-58s  %-24s  %-24s  %-24s", r.Title(), b.cell(left, r.LeavesUp), b.cell(down, r.Down), b.cell(back, r.Back))
		}
		fmt.Printf("  %s%d/%d", b.mark(right == b.runs), right, b.runs)
		for w, n := range wrong {
			fmt.Printf(", %d x %s", n, w)
		}
		if again > 0 {
			fmt.Printf(" (%d runs repeated: machine busy)", again)
		}
		fmt.Println()
	}
	return nil
}

// cell is the median and the worst of some figures beside what is asked.
func (b *bench) cell(all []time.Duration, asked time.Duration) string {
	median, worst := lab.MedianWorst(all)
	text := seconds(median) + " / " + seconds(worst)
	if asked == 0 {
		return "  " + text
	}
	return b.mark(worst != lab.None && worst <= asked) + " " + text + fmt.Sprintf(" (%.4g)", asked.Seconds())
}

func seconds(d time.Duration) string {
	if d == lab.None {
		return "-"
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

// harmless plays what must never make an outage.
func (b *bench) harmless() error {
	title := false
	for _, h := range lab.HarmlessRows() {
		if !b.only.MatchString(h.Title()) {
			continue
		}
		if !title {
			title = true
			fmt.Printf("\nHarmless, %d runs each: Suspect is allowed, Down is not.\n\n%-58s  %-10s  %s\n", b.runs, "event", "Suspect", "Down (0)")
		}
		suspected, down := 0, 0
		note := ""
		for range b.runs {
			s, d, report, err := h.Play(b.program)
			if errors.Is(err, errors.ErrUnsupported) {
				note = "not measured on this processor"
				break
			}
			if err != nil || d > 0 {
				fmt.Fprintf(os.Stderr, "%s: %v\n%s", h.Title(), err, report)
			}
			if err != nil {
				note = "failed: " + strings.SplitN(err.Error(), "\n", 2)[0]
			}
			suspected += min(s, 1)
			down += min(d, 1)
		}
		fmt.Printf("%-58s  %-10d %s%d %s\n", h.Title(), suspected, b.mark(down == 0 && !strings.HasPrefix(note, "failed")), down, note)
	}
	return nil
}
