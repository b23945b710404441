//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Usage is what a process had used at one moment.
type Usage struct {
	At          time.Time
	CPU         time.Duration // on a processor, as the scheduler counts it, of all threads that live
	Wakeups     int64         // voluntary context switches of all threads that live: each is a wake-up that follows
	Threads     int
	Files       int
	RSS, PSS    int64 // bytes
	AnonPrivate int64 // bytes of memory of its own: heap and stacks
}

// UsageOf reads the usage of a process.
func UsageOf(pid int) (Usage, error) {
	u := Usage{At: time.Now()}
	dir := fmt.Sprintf("/proc/%d/", pid)
	tasks, err := os.ReadDir(dir + "task")
	if err != nil {
		return u, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	for _, t := range tasks {
		sched, err := os.ReadFile(dir + "task/" + t.Name() + "/schedstat")
		if err != nil {
			continue // the thread has just ended
		}
		status, err := os.ReadFile(dir + "task/" + t.Name() + "/status")
		if err != nil {
			continue
		}
		u.Threads++
		fields := strings.Fields(string(sched)) // time on the processor, time in the queue, slices (Documentation/scheduler/sched-stats.rst)
		if len(fields) > 0 {
			ns, err := strconv.ParseInt(fields[0], 10, 64)
			if err != nil {
				return u, fmt.Errorf("schedstat of process %d: %w", pid, err)
			}
			u.CPU += time.Duration(ns)
		}
		n, err := field(status, "voluntary_ctxt_switches:")
		if err != nil {
			return u, fmt.Errorf("process %d: %w", pid, err)
		}
		u.Wakeups += n
	}
	files, err := os.ReadDir(dir + "fd")
	if err != nil {
		return u, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	u.Files = len(files)
	memory, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return u, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	for _, f := range []struct {
		name string
		to   *int64
	}{{"Rss:", &u.RSS}, {"Pss:", &u.PSS}, {"Anonymous:", &u.AnonPrivate}} {
		kib, err := field(memory, f.name)
		if err != nil {
			return u, fmt.Errorf("process %d: %w", pid, err)
		}
		*f.to = kib << 10
	}
	return u, nil
}

// field reads the number after a name at the beginning of a line.
func field(text []byte, name string) (int64, error) {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("no line %q", name)
}

// A Cost is what a process used over a span.
type Cost struct {
	Span    time.Duration
	CPU     time.Duration
	Wakeups int64
	End     Usage
}

// PerMinute is the processor time of a minute.
func (c Cost) PerMinute() time.Duration {
	return time.Duration(float64(c.CPU) * float64(time.Minute) / float64(c.Span))
}

// WakeupsPerSecond is the mean over the span.
func (c Cost) WakeupsPerSecond() float64 { return float64(c.Wakeups) / c.Span.Seconds() }

// CostOf measures a process over a span.
func CostOf(pid int, span time.Duration) (Cost, error) {
	a, err := UsageOf(pid)
	if err != nil {
		return Cost{}, err
	}
	time.Sleep(span)
	b, err := UsageOf(pid)
	if err != nil {
		return Cost{}, err
	}
	return Cost{Span: b.At.Sub(a.At), CPU: b.CPU - a.CPU, Wakeups: b.Wakeups - a.Wakeups, End: b}, nil
}
