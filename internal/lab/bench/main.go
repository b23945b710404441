//go:build linux

// Command bench measures what Holdfast promises: how soon it notices, names and heals each kind of break, in the lab with
// real kernels and a real server, and what it costs. It prints tables, with what is asked beside what was measured.
//
//	go run ./internal/lab/bench [-runs 10] [-only regexp] [-all] [-long] [-costs=false]
//
// The window is measured with the costs, alone by -only '^window$'.
//
// Without the costs every break there is in the lab is made, over every way, before connecting and after; with them, the
// short table unless -all asks for the long one.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"holdfast/internal/lab"
)

func main() {
	var b bench
	flag.IntVar(&b.runs, "runs", 10, "how often each break is made")
	only := flag.String("only", "", "only the lines whose name this regular expression finds")
	all := flag.Bool("all", false, "every break there is (default: with -costs=false)")
	flag.BoolVar(&b.long, "long", false, "also faults that last a minute before they are repaired, and weather of a minute")
	flag.IntVar(&b.jobs, "jobs", runtime.NumCPU(), "how many labs at a time; what was measured while the machine was busy is measured again")
	costs := flag.Bool("costs", true, "also processor time, memory and wake-ups")
	flag.IntVar(&b.seconds, "seconds", 60, "how long each cost is measured")
	flag.IntVar(&b.sessions, "sessions", 1000, "how many sessions for the comparison with a C epoll loop")
	flag.StringVar(&b.program, "program", "", "the program to measure (default: built from this tree)")
	flag.StringVar(&b.windowBin, "window", "", "only the window, by the programs in this folder")
	flag.Parse()
	var err error
	if b.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintf(os.Stderr, "bench: -only: %v\n", err)
		os.Exit(2)
	}
	b.all = *all || !*costs
	if b.runs < 1 || b.jobs < 1 {
		fmt.Fprintln(os.Stderr, "bench: -runs and -jobs: 1 at least")
		os.Exit(2)
	}
	run := func() error { return b.run(*costs) }
	if b.windowBin != "" {
		run = b.window
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
	if b.failed > 0 {
		if b.windowBin == "" {
			fmt.Fprintf(os.Stderr, "bench: %d figures are not what is asked\n", b.failed)
		}
		os.Exit(notAsAsked + min(b.failed, 99))
	}
}

// notAsAsked is, with the number of such figures, the exit status when all was measured and some are not what is asked.
const notAsAsked = 100

type bench struct {
	runs, seconds, sessions int
	jobs                    int
	all, long               bool
	only                    *regexp.Regexp
	program, dir            string
	windowBin               string // where the window's programs are; empty: they are to be built
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
	b.breaks()
	if b.long {
		b.lasting()
	}
	b.harmless()
	b.weather()
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
		}{{"resident", b.resident}, {"sessions", b.manySessions}, {"tray", b.tray}, {"window", b.window}} {
			if !b.only.MatchString(c.name) {
				continue
			}
			if err := c.f(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
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

// busy is how long the machine may keep this process waiting before what it measured meanwhile is worth nothing.
const busy = 50 * time.Millisecond

// A rowRuns is what became of all runs of a row.
type rowRuns struct {
	left, down, named, back []time.Duration
	right, first            int            // runs with the whole verdict right, and with its first cause
	misled                  int            // runs with a wrong first cause and none beside it that is right
	unseen                  int            // runs that were not noticed, or did not come back
	causes                  map[string]int // first causes, with what was named beside a wrong one
	clients                 int            // at most, of the proxy
	again                   int            // runs repeated: the machine was busy
	said                    strings.Builder
}

// play plays a row so often, each time broken for as long as broken says.
func (b *bench) play(r lab.Row, runs int, broken func() time.Duration) *rowRuns {
	o := &rowRuns{causes: make(map[string]int)}
	for n := 0; n < runs; n++ {
		p, err := r.Play(b.program, broken())
		if p.Stalled > busy && o.again < max(10, 2*runs) {
			o.again++
			n--
			continue
		}
		if err != nil {
			o.unseen++
			o.causes["not noticed or not back"]++
			fmt.Fprintf(&o.said, "%s: %v\n%s", r.Title(), err, p.Report)
		} else {
			right := r.RightCause(p.Figures)
			if right {
				o.right++
				o.causes[p.Cause]++
			} else {
				o.causes[fmt.Sprintf("%s %q", p.Cause, p.Also)]++
				fmt.Fprintf(&o.said, "%s: causes %q\n%s", r.Title(), p.Causes, p.Report)
			}
			if r.RightFirst(p.Figures) {
				o.first++
			}
			if r.Misled(p.Figures) {
				o.misled++
			}
		}
		o.left, o.down = append(o.left, p.LeftUp), append(o.down, p.Down)
		o.named, o.back = append(o.named, p.Named), append(o.back, p.Back)
		o.clients = max(o.clients, p.Clients)
	}
	return o
}

// each calls f for 0 to n-1, some at a time, and show with what it answered, in order.
func each[T any](n, jobs int, f func(int) T, show func(int, T)) {
	results := make([]chan T, n)
	for i := range results {
		results[i] = make(chan T, 1)
	}
	slots := make(chan struct{}, jobs)
	go func() {
		for i := range n {
			slots <- struct{}{}
			go func() {
				results[i] <- f(i)
				<-slots
			}()
		}
	}()
	for i := range n {
		show(i, <-results[i])
	}
}

// chosen are the rows that were asked for.
func (b *bench) chosen() (rows []lab.Row) {
	for _, r := range slices.Concat(lab.Rows(), lab.RelayRows()) {
		if (b.all || !r.Extra) && b.only.MatchString(r.Title()) {
			if why := lab.Missing(r.Tools()...); why != "" {
				fmt.Printf("left out, %s: %s\n", why, r.Title())
				continue
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// ofCase is the first column.
func ofCase(r lab.Row) string {
	if r.Case == 0 {
		return "-"
	}
	return fmt.Sprint(r.Case)
}

func phase(r lab.Row) string {
	if r.Before {
		return "before"
	}
	return "after"
}

// breaks plays each row again and again.
func (b *bench) breaks() {
	rows := b.chosen()
	if len(rows) == 0 {
		return
	}
	fmt.Printf("Breaks, %d runs each: median / worst (asked), in seconds, from the break and from its repair. ! is not what is asked.\n", b.runs)
	fmt.Printf("Before connecting: Down is when the cause is out, from the start of the program.\n\n")
	const format = "%-4s  %-6s  %-10s  %-56s  %-24s  %-24s  %-24s  %s\n"
	fmt.Printf(format, "case", "phase", "way", "what breaks", "leaves Up", "Down", "back", "right verdicts, first causes")
	runs, first, misled, unseen := 0, 0, 0, 0
	noticed := make(map[time.Duration][]time.Duration) // by what is asked of the median
	each(len(rows), b.jobs, func(i int) *rowRuns {
		return b.play(rows[i], b.runs, func() time.Duration { return 700*time.Millisecond + rand.N(4*time.Second) })
	}, func(i int, o *rowRuns) {
		r := rows[i]
		io.WriteString(os.Stderr, o.said.String())
		left, down := b.cell(o.left, r.LeavesUp), b.cell(o.down, r.Down)
		if r.Before {
			left, down = "", b.cell(o.named, r.Down)
		}
		verdicts := fmt.Sprintf("%s%d/%d %s", b.mark(o.right == b.runs), o.right, b.runs, count(o.causes))
		if o.again > 0 {
			verdicts += fmt.Sprintf(" (%d runs repeated: machine busy)", o.again)
		}
		fmt.Printf(format, ofCase(r), phase(r), r.WayText(), r.Name, left, down, b.cell(o.back, r.Back), verdicts)
		runs, first, misled, unseen = runs+b.runs, first+o.first, misled+o.misled, unseen+o.unseen
		noticed[r.Median] = append(noticed[r.Median], o.left...)
	})
	fmt.Println()
	for _, kind := range []struct {
		what   string
		median time.Duration
	}{{"breaks on this computer", lab.MedianHere}, {"a session that ends", lab.MedianEnds}, {"silence", lab.MedianSilence}} {
		if all := noticed[kind.median]; len(all) > 0 {
			median, worst := lab.MedianWorst(all)
			fmt.Printf("%sLeaves Up, %s: median %s (%.4g), worst %s, %d runs.\n", b.mark(median <= kind.median), kind.what, seconds(median), kind.median.Seconds(), seconds(worst), len(all))
		}
	}
	fmt.Printf("%sFirst cause right: %d of %d runs (%.1f %%, at least 98 are asked).\n", b.mark(float64(first) >= 0.98*float64(runs)), first, runs, 100*float64(first)/float64(runs))
	fmt.Printf("%sWrong with confidence (the right cause neither first nor named beside it): %d (0 asked).\n", b.mark(misled == 0), misled)
	fmt.Printf("%sNot noticed, or not back within 20 s: %d (0 asked).\n", b.mark(unseen == 0), unseen)
}

// count is what was seen how often, the most frequent first.
func count(seen map[string]int) string {
	if len(seen) == 1 {
		for what := range seen {
			return what
		}
	}
	var texts []string
	for _, what := range slices.SortedFunc(maps.Keys(seen), func(x, y string) int {
		return cmp.Or(cmp.Compare(seen[y], seen[x]), cmp.Compare(x, y))
	}) {
		texts = append(texts, fmt.Sprintf("%d x %s", seen[what], what))
	}
	return strings.Join(texts, ", ")
}

// The proxies of the lab take a hundred clients; what is asked stays well below.
const mostClients = 40

// lasting plays some rows with a fault that lasts a minute.
func (b *bench) lasting() {
	rows := slices.DeleteFunc(b.chosen(), func(r lab.Row) bool { return !r.Long || r.V6 || r.Cold })
	if len(rows) == 0 {
		return
	}
	fmt.Printf("\nFaults that last 60 s, %d runs each: median / worst (asked), in seconds, from the repair.\n\n", b.runs)
	const format = "%-4s  %-6s  %-10s  %-56s  %-24s  %-18s  %s\n"
	fmt.Printf(format, "case", "phase", "way", "what breaks", "back", "proxy's clients", "right verdicts, first causes")
	// They mostly wait: more of them than elsewhere.
	each(len(rows), 4*b.jobs, func(i int) *rowRuns {
		return b.play(rows[i], b.runs, func() time.Duration { return time.Minute })
	}, func(i int, o *rowRuns) {
		r := rows[i]
		io.WriteString(os.Stderr, o.said.String())
		clients := "  -"
		if r.Way != "" && r.Way != lab.Direct {
			clients = fmt.Sprintf("%s %d (%d)", b.mark(o.clients <= mostClients), o.clients, mostClients)
		}
		fmt.Printf(format, ofCase(r), phase(r), r.WayText(), r.Name, b.cell(o.back, r.Back), clients,
			fmt.Sprintf("%s%d/%d %s", b.mark(o.right == b.runs), o.right, b.runs, count(o.causes)))
	})
}

// cell is the median and the worst of some figures beside what is asked of the worst.
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
func (b *bench) harmless() {
	var rows []lab.Harmless
	for _, h := range lab.HarmlessRows() {
		if b.only.MatchString(h.Title()) && lab.Missing(h.Tools()...) == "" {
			rows = append(rows, h)
		}
	}
	if len(rows) == 0 {
		return
	}
	type outcome struct {
		suspected, down, runs int
		note                  string
		said                  strings.Builder
	}
	fmt.Printf("\nHarmless, %d runs each: Suspect is allowed, an outage is not.\n\n%-72s  %-6s  %-10s  %s\n", b.runs, "event", "runs", "suspected", "outages (0)")
	runs, down := 0, 0
	each(len(rows), b.jobs, func(i int) *outcome {
		h, o := rows[i], &outcome{}
		for range b.runs {
			s, d, report, err := h.Play(b.program)
			if errors.Is(err, errors.ErrUnsupported) {
				o.note = "not measured on this processor"
				break
			}
			if err != nil || d > 0 {
				fmt.Fprintf(&o.said, "%s: %v\n%s", h.Title(), err, report)
			}
			if err != nil {
				o.note = "failed: " + strings.SplitN(err.Error(), "\n", 2)[0]
			}
			o.runs++
			o.suspected += min(s, 1)
			o.down += min(d, 1)
		}
		return o
	}, func(i int, o *outcome) {
		io.WriteString(os.Stderr, o.said.String())
		fmt.Printf("%-72s  %-6d  %-10d %s%d %s\n", rows[i].Title(), o.runs, o.suspected, b.mark(o.down == 0 && !strings.HasPrefix(o.note, "failed")), o.down, o.note)
		runs, down = runs+o.runs, down+o.down
	})
	fmt.Printf("\n%sOutages: %d in %d harmless runs (0 asked).\n", b.mark(down == 0), down, runs)
}
