//go:build linux

// Command bench measures what Holdfast promises: how soon it notices, names and heals each kind of break, in the lab with
// real kernels and a real server, and what it costs. It prints tables, with what is asked beside what was measured.
//
//	go run ./internal/lab/bench [-runs 10] [-only regexp] [-all] [-long] [-costs=false] [-system linux|windows|both]
//
// The window is measured with the costs, alone by -only '^window$'.
//
// With -system windows the breaks, what is harmless and the resident are played by holdfast.exe under wine, with both they are
// beside each other, a line each.
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
	flag.StringVar(&b.exe, "exe", "", "the same for Windows")
	flag.StringVar(&b.windowBin, "window", "", "only the window, by the programs in this folder")
	system := flag.String("system", "linux", "linux, windows (holdfast.exe under wine), or both")
	flag.Parse()
	var err error
	switch *system {
	case "linux":
		b.linux = true
	case "windows", "both":
		b.windows, b.linux = true, *system == "both"
	default:
		fmt.Fprintf(os.Stderr, "bench: -system %q: linux, windows or both\n", *system)
		os.Exit(2)
	}
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
	if b.windows {
		if err := b.wine(); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
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
	linux, windows          bool
	program, exe, dir       string // the programs, for this system and for Windows
	systems                 []system
	onWine                  *lab.Wine // nil: holdfast.exe is not measured
	windowBin               string    // where the window's programs are; empty: they are to be built
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
	if err := b.prepare(); err != nil {
		return err
	}
	b.breaks()
	if b.long {
		b.lasting()
	}
	b.harmless()
	b.weather()
	if b.linux {
		if err := b.many(); err != nil {
			return err
		}
		if err := b.alone(); err != nil {
			return err
		}
	}
	if costs && b.windows && b.only.MatchString("resident") {
		if err := b.residentOnWine(); err != nil {
			return fmt.Errorf("resident under wine: %w", err)
		}
	}
	if costs && b.linux {
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
func (b *bench) play(program lab.Program, r lab.Row, runs int, broken func() time.Duration) *rowRuns {
	o := &rowRuns{causes: make(map[string]int)}
	for n := 0; n < runs; n++ {
		p, err := r.Play(program, broken())
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

// A chosenRow is a row and who plays it.
type chosenRow struct {
	lab.Row
	by *system
}

// chosen are the rows that were asked for, once for each system.
func (b *bench) chosen() (rows []chosenRow) {
	for _, r := range slices.Concat(lab.Rows(), lab.RelayRows()) {
		if (b.all || !r.Extra) && b.only.MatchString(r.Title()) {
			if why := lab.Missing(r.Tools()...); why != "" {
				fmt.Printf("left out, %s: %s\n", why, r.Title())
				continue
			}
			for i := range b.systems {
				if r, ok := b.systems[i].row(r); ok {
					rows = append(rows, chosenRow{r, &b.systems[i]})
				}
			}
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
	const format = "%-7s  %-4s  %-6s  %-10s  %-56s  %-24s  %-24s  %-24s  %s\n"
	fmt.Printf(format, "system", "case", "phase", "way", "what breaks", "leaves Up", "Down", "back", "right verdicts, first causes")
	type sum struct {
		runs, first, misled, unseen int
		noticed                     map[time.Duration][]time.Duration // by what is asked of the median
	}
	sums := make(map[*system]*sum)
	for i := range b.systems {
		sums[&b.systems[i]] = &sum{noticed: make(map[time.Duration][]time.Duration)}
	}
	each(len(rows), b.jobs, func(i int) *rowRuns {
		return b.play(rows[i].by.program, rows[i].Row, b.runs, func() time.Duration { return 700*time.Millisecond + rand.N(4*time.Second) })
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
		fmt.Printf(format, r.by.name, ofCase(r.Row), phase(r.Row), r.WayText(), r.Name, left, down, b.cell(o.back, r.Back), verdicts)
		s := sums[r.by]
		s.runs, s.first, s.misled, s.unseen = s.runs+b.runs, s.first+o.first, s.misled+o.misled, s.unseen+o.unseen
		s.noticed[r.Median] = append(s.noticed[r.Median], o.left...)
	})
	for i := range b.systems {
		o := sums[&b.systems[i]]
		fmt.Printf("\n%s:\n", b.systems[i].name)
		for _, kind := range []struct {
			what   string
			median time.Duration
		}{{"breaks on this computer", lab.MedianHere}, {"a session that ends", lab.MedianEnds}, {"silence", lab.MedianSilence}} {
			if all := o.noticed[kind.median]; len(all) > 0 {
				median, worst := lab.MedianWorst(all)
				fmt.Printf("%sLeaves Up, %s: median %s (%.4g), worst %s, %d runs.\n", b.mark(median <= kind.median), kind.what, seconds(median), kind.median.Seconds(), seconds(worst), len(all))
			}
		}
		fmt.Printf("%sFirst cause right: %d of %d runs (%.1f %%, at least 98 are asked).\n", b.mark(float64(o.first) >= 0.98*float64(o.runs)), o.first, o.runs, 100*float64(o.first)/float64(o.runs))
		fmt.Printf("%sWrong with confidence (the right cause neither first nor named beside it): %d (0 asked).\n", b.mark(o.misled == 0), o.misled)
		fmt.Printf("%sNot noticed, or not back within 20 s: %d (0 asked).\n", b.mark(o.unseen == 0), o.unseen)
	}
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
	rows := slices.DeleteFunc(b.chosen(), func(r chosenRow) bool { return !r.Long || r.V6 || r.Cold })
	if len(rows) == 0 {
		return
	}
	fmt.Printf("\nFaults that last 60 s, %d runs each: median / worst (asked), in seconds, from the repair.\n\n", b.runs)
	const format = "%-7s  %-4s  %-6s  %-10s  %-56s  %-24s  %-18s  %s\n"
	fmt.Printf(format, "system", "case", "phase", "way", "what breaks", "back", "proxy's clients", "right verdicts, first causes")
	// They mostly wait: more of them than elsewhere.
	each(len(rows), 4*b.jobs, func(i int) *rowRuns {
		return b.play(rows[i].by.program, rows[i].Row, b.runs, func() time.Duration { return time.Minute })
	}, func(i int, o *rowRuns) {
		r := rows[i]
		io.WriteString(os.Stderr, o.said.String())
		clients := "  -"
		if r.Way != "" && r.Way != lab.Direct {
			clients = fmt.Sprintf("%s %d (%d)", b.mark(o.clients <= mostClients), o.clients, mostClients)
		}
		fmt.Printf(format, r.by.name, ofCase(r.Row), phase(r.Row), r.WayText(), r.Name, b.cell(o.back, r.Back), clients,
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

// A chosenHarmless is such a row and who plays it.
type chosenHarmless struct {
	lab.Harmless
	by *system
}

// chosenHarmless are those of the rows that were asked for, once for each system that can play them.
func (b *bench) chosenHarmless(all []lab.Harmless) (rows []chosenHarmless) {
	for _, h := range all {
		for i := range b.systems {
			if b.only.MatchString(h.Title()) && lab.Missing(h.Tools()...) == "" && b.systems[i].plays(h) {
				rows = append(rows, chosenHarmless{h, &b.systems[i]})
			}
		}
	}
	return rows
}

// harmless plays what must never make an outage.
func (b *bench) harmless() {
	rows := b.chosenHarmless(lab.HarmlessRows())
	if len(rows) == 0 {
		return
	}
	type outcome struct {
		suspected, down, runs int
		note                  string
		said                  strings.Builder
	}
	fmt.Printf("\nHarmless, %d runs each: Suspect is allowed, an outage is not.\n\n%-7s  %-72s  %-6s  %-10s  %s\n", b.runs, "system", "event", "runs", "suspected", "outages (0)")
	runs, down := 0, 0
	each(len(rows), b.jobs, func(i int) *outcome {
		h, o := rows[i], &outcome{}
		for range b.runs {
			s, d, report, err := h.Play(h.by.program)
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
		fmt.Printf("%-7s  %-72s  %-6d  %-10d %s%d %s\n", rows[i].by.name, rows[i].Title(), o.runs, o.suspected, b.mark(o.down == 0 && !strings.HasPrefix(o.note, "failed")), o.down, o.note)
		runs, down = runs+o.runs, down+o.down
	})
	fmt.Printf("\n%sOutages: %d in %d harmless runs (0 asked).\n", b.mark(down == 0), down, runs)
}
