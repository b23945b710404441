// Command testsum reads the output of go test -json and prints what a person wants to know: each package with its time,
// the output of what failed, the slowest tests, every skipped one with its reason, and as its last line the sum. It exits with 1 unless
// everything passed or was skipped.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// An event is a line of go test -json (see go doc test2json); "exit-status" is added by scripts/test when go test itself
// failed.
type event struct {
	Action, Package, ImportPath, Test, Output string
	FailedBuild                               string
	Elapsed                                   float64
}

type key struct{ pkg, test string }

type sum struct {
	w                       io.Writer
	passed, failed, skipped int
	output                  map[key][]string // of tests that have not ended, and of packages and builds ("")
	parents                 map[key]bool     // tests with subtests, which are counted instead
	failures                map[string]int   // by package, and below each test with subtests
	names                   []string         // of what failed
	skips                   []string
	took                    []took
}

// A took is how long a test ran, without the time that it waited for its turn.
type took struct {
	name    string
	seconds float64
}

// slowest is how many of the slowest tests are named, and from where on a test is slow.
const (
	slowest     = 10
	slowSeconds = 5
)

func main() {
	s := newSum(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	if !s.end() {
		os.Exit(1)
	}
}

func newSum(w io.Writer) *sum {
	return &sum{w: w, output: map[key][]string{}, parents: map[key]bool{}, failures: map[string]int{}}
}

func (s *sum) read(r io.Reader) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				s.w.Write(line) // a message of the go command itself
			} else {
				s.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *sum) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		k = key{e.ImportPath, ""}
		s.output[k] = append(s.output[k], e.Output)
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			s.parents[key{e.Package, e.Test[:i]}] = true
		}
	case "output":
		s.output[k] = append(s.output[k], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
			return
		}
		s.endTest(k, e.Action, e.Elapsed)
	case "exit-status":
		if s.failed == 0 {
			s.fail(e.Package, "go test "+e.Package)
		}
	}
}

func (s *sum) endTest(k key, action string, seconds float64) {
	output := s.output[k]
	delete(s.output, k)
	if s.parents[k] && (action != "fail" || s.failures[k.pkg+" "+k.test] > 0) {
		return // its subtests were counted
	}
	if seconds >= slowSeconds {
		s.took = append(s.took, took{k.pkg + " " + k.test, seconds})
	}
	switch action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		s.skips = append(s.skips, k.pkg+" "+k.test+reason(output))
	case "fail":
		s.fail(k.pkg, k.pkg+" "+k.test)
		for t := k.test; ; {
			i := strings.LastIndexByte(t, '/')
			if i < 0 {
				break
			}
			t = t[:i]
			s.failures[k.pkg+" "+t]++
		}
		fmt.Fprintf(s.w, "FAILED  %s %s\n%s", k.pkg, k.test, strings.Join(output, ""))
	}
}

func (s *sum) fail(pkg, name string) {
	s.failed++
	s.failures[pkg]++
	s.names = append(s.names, name)
}

func (s *sum) endPackage(e event) {
	k := key{e.Package, ""}
	switch e.Action {
	case "pass":
		fmt.Fprintf(s.w, "ok      %s  %.1f s\n", e.Package, e.Elapsed)
	case "skip":
		fmt.Fprintf(s.w, "        %s  no tests\n", e.Package)
	case "fail":
		// What went wrong outside any test: the build, TestMain, a panic, a leaked goroutine, the time limit.
		if s.failures[e.Package] == 0 {
			s.fail(e.Package, e.Package)
			fmt.Fprintf(s.w, "%s%s", strings.Join(s.output[key{e.FailedBuild, ""}], ""), strings.Join(s.output[k], ""))
		}
		for t, out := range s.output {
			if t.pkg == e.Package && t.test != "" {
				fmt.Fprintf(s.w, "UNFINISHED  %s %s\n%s", t.pkg, t.test, strings.Join(out, ""))
			}
		}
		fmt.Fprintf(s.w, "FAILED  %s  %.1f s\n", e.Package, e.Elapsed)
	}
	for t := range s.output {
		if t.pkg == e.Package {
			delete(s.output, t)
		}
	}
}

// reason is what a skipped test said, as ": why".
func reason(output []string) string {
	for _, o := range slices.Backward(output) {
		o = strings.TrimSpace(o)
		if o == "" || strings.HasPrefix(o, "---") || strings.HasPrefix(o, "===") {
			continue
		}
		if _, said, ok := strings.Cut(o, ".go:"); ok {
			if _, said, ok = strings.Cut(said, ": "); ok {
				return ": " + said
			}
		}
		return ": " + o
	}
	return ""
}

func (s *sum) end() bool {
	slices.SortStableFunc(s.took, func(a, b took) int { return cmp.Compare(b.seconds, a.seconds) })
	for _, t := range s.took[:min(len(s.took), slowest)] {
		fmt.Fprintf(s.w, "slow    %s  %.1f s\n", t.name, t.seconds)
	}
	for _, n := range s.skips {
		fmt.Fprintln(s.w, "skipped", n)
	}
	for _, n := range s.names {
		fmt.Fprintln(s.w, "failed ", n)
	}
	fmt.Fprintf(s.w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s.failed == 0 && s.passed > 0
}
