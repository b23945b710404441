package main

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// timerSlack is how much later than asked the kernel may wake a thread of a program that sleeps almost always. The
	// runtime's monitor thread asks for 20 µs over and over while anything runs, and the poller cuts its waits to whole
	// milliseconds and then waits for the rest (runtime.sysmon, runtime.netpoll): with this, one sleep is enough for each.
	// Only timers wait; what comes from a socket wakes as ever. The shortest patience here is 20 ms.
	timerSlack = 2 * time.Millisecond
	// usualSlack is what a thread has unless somebody asked for something else (prctl(2), PR_SET_TIMERSLACK).
	usualSlack = 50 * time.Microsecond
	// startedAgainVar holds the process that has been through sleepLoosely, so that no system makes it start for ever.
	startedAgainVar = "HOLDFAST_STARTED_AGAIN"
)

// sleepLoosely gives every thread of this program timerSlack. A thread can do that for itself only, hands it on to the
// threads it makes, and keeps it when it starts a program in its place; the runtime's monitor thread is there before any
// code of ours. So the program starts once more in its own place, with the same process number, arguments and streams.
//
// It is to be called before signals are asked for: one that was caught and not yet obeyed would be lost. It returns where
// the program goes on as it is: it has been started again, is none that sleeps, was given another slack by somebody, or
// cannot be started again. A password on the command line, overwritten by now, is not shown a second time.
func sleepLoosely(args []string) {
	pid := strconv.Itoa(os.Getpid())
	again := os.Getenv(startedAgainVar) == pid
	_ = os.Unsetenv(startedAgainVar) // the name is a good one
	if again || !sleeps(args[1:]) || len(secretsOf(args)) > 0 {
		return
	}
	self, ok := ownFile()
	if !ok {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if slackNow() != usualSlack || setSlack(timerSlack) != nil {
		return
	}
	var files syscall.Rlimit
	limited := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil
	_ = syscall.Exec(self, args, append(os.Environ(), startedAgainVar+"="+pid))
	// It did not happen. Exec has put the limit of open files back to what it was before the runtime raised it.
	if limited {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
	}
	_ = setSlack(usualSlack)
}

// ownFile is the file of this program by a name that still leads to it: not while it is being replaced. /proc/self/exe
// itself always would, but the process would be called "exe" then.
func ownFile() (path string, ok bool) {
	path, err := os.Executable()
	if err != nil {
		return "", false
	}
	named, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	running, err := os.Stat("/proc/self/exe")
	return path, err == nil && os.SameFile(named, running)
}

// punctual calls start, which starts another program, on a thread that has the usual slack: the other inherits it, and may
// have more to do than sleep.
func punctual(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if slackNow() == timerSlack && setSlack(usualSlack) == nil {
		defer func() { _ = setSlack(timerSlack) }() // it was allowed a moment ago
	}
	return start()
}

// slackNow is the slack of the calling thread; 0 where this is not to be had.
func slackNow() time.Duration {
	ns, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(ns)
}

func setSlack(d time.Duration) error {
	return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(d), 0, 0, 0)
}
