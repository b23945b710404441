package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"holdfast/internal/control"
	"holdfast/internal/responder"
)

// leaks runs the tests and then looks for goroutines that none of them ended.
type leaks struct{ *testing.M }

func (l leaks) Run() int {
	status := l.M.Run()
	// go-winio's own never ends: one for the whole program.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor")); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		return 1
	}
	return status
}

func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_TEST_WINDOW") != "" {
		os.Exit(windowHelper())
	}
	if os.Getenv("HOLDFAST_TEST_ARGV") != "" {
		os.Exit(argvHelper())
	}
	testscript.Main(leaks{m}, map[string]func(){"holdfast": scripted, "sleep": sleep})
}

// scripted is main for scripts. On Windows, where the usual place of the control pipe is the user's and not the
// environment's, it is given one of the script's own.
func scripted() {
	if socket := os.Getenv("SOCKET"); socket != "" && runtime.GOOS == "windows" {
		os.Args = slices.Insert(os.Args, 1, "--socket="+socket)
	}
	main()
}

// sleep is sleep(1), which Windows lacks.
func sleep() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
}

// The scripts in testdata/script are what somebody types, and what comes back.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup:               setup,
		Deadline:            time.Now().Add(2 * time.Minute), // what still runs then is ended, and its output shown
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  status,
			"unread":  unread,
			"running": waitRunning,
			"socket":  staleSocket,
			"grows":   grows,
			"accepts": accepts,
			"cmdline": cmdline,
			"until":   until,
			"write":   write,
		},
	})
}

// setup gives each script a folder for the control socket, a heartbeat server that answers ($ANSWERS), one that accepts and
// never does ($HUNG), and a port where nothing listens ($REFUSED).
func setup(env *testscript.Env) error {
	run := filepath.Join(env.WorkDir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		return err
	}
	listen := func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	answers, err := listen()
	if err != nil {
		return err
	}
	hung, err := listen()
	if err != nil {
		return err
	}
	refused, err := listen()
	if err != nil {
		return err
	}
	refused.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- responder.New(responder.Options{}).Serve(ctx, answers) }()
	mute := responder.New(responder.Options{})
	mute.SetMode(responder.Hung)
	go func() { ended <- mute.Serve(ctx, hung) }()
	env.Defer(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			env.T().Log(err)
		}
	})
	env.Setenv("XDG_RUNTIME_DIR", run)
	socket := filepath.Join(run, "holdfast", "control.sock")
	if runtime.GOOS == "windows" {
		socket = fmt.Sprintf(`\\.\pipe\holdfast-test-%d-%s`, os.Getpid(), filepath.Base(env.WorkDir))
	}
	env.Setenv("SOCKET", socket)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("ANSWERS", answers.Addr().String())
	env.Setenv("HUNG", hung.Addr().String())
	env.Setenv("REFUSED", refused.Addr().String())
	for _, name := range []string{"PROXY", "LOGINPROXY", "STRICTPROXY"} { // ports for proxies that a script may start
		ln, err := listen()
		if err != nil {
			return err
		}
		ln.Close()
		env.Setenv(name, ln.Addr().String())
		env.Setenv(name+"PORT", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
	}
	return nil
}

// status STATUS COMMAND…: runs it and checks the exit status; stdout and stderr are then looked at as after exec.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status STATUS command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// unread COMMAND…: runs it with a reader that takes one line and leaves. It must end at once, in order and without a word.
func unread(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: unread command [args...]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := command(ctx, ts, args)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	_, err = bufio.NewReaderSize(out, 16).ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		ts.Logf("read: %v", err)
	}
	out.Close()
	if err := cmd.Wait(); err != nil || errs.Len() > 0 {
		ts.Fatalf("ended with %v, and said %q", err, errs.String())
	}
}

func command(ctx context.Context, ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) { // the commands of TestMain stand in a folder of testscript's
		if p := filepath.Join(dir, path) + ts.Getenv("exe"); exists(p) {
			path = p
			break
		}
	}
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LANG", "SOCKET", "SYSTEMROOT"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// running [STATE]: waits until a Holdfast answers, and all its targets are in that state.
func waitRunning(ts *testscript.TestScript, neg bool, args []string) {
	limit := time.Now().Add(20 * time.Second)
	path := ts.Getenv("SOCKET")
	for last := error(nil); ; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			ts.Fatalf("not within 20 s: %v", last)
		}
		c, err := control.Dial(path)
		if last = err; err != nil {
			if neg {
				return
			}
			continue
		}
		s, err := c.Status(context.Background())
		c.Close()
		if last = err; err != nil || neg {
			continue
		}
		ready := true
		for _, t := range s.Targets {
			if len(args) > 0 && t.State != args[0] {
				ready, last = false, fmt.Errorf("%s is %s", t.Target, t.State)
			}
		}
		if ready && (len(args) == 0 || len(s.Targets) > 0) {
			return
		}
	}
}

// accepts ADDRESS: waits until somebody listens there.
func accepts(ts *testscript.TestScript, _ bool, args []string) {
	limit := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", args[0])
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("nobody listens on %s within 20 s: %v", args[0], err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cmdline TEXT…: the command line of the newest background command, as everybody can read it, has each TEXT in it; with
// "!" none of them.
func cmdline(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.BackgroundCmds()
	if len(all) == 0 {
		ts.Fatalf("nothing runs")
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", all[len(all)-1].Process.Pid))
	ts.Check(err)
	for _, text := range args {
		if strings.Contains(string(b), text) == neg {
			ts.Fatalf("the command line is %q", b)
		}
	}
}

// socket: leaves a control socket behind that nobody listens on, as a killed Holdfast does.
func staleSocket(ts *testscript.TestScript, _ bool, _ []string) {
	dir := filepath.Join(ts.Getenv("XDG_RUNTIME_DIR"), "holdfast")
	ts.Check(os.MkdirAll(dir, 0o700))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "control.sock"), Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	ts.Check(l.Close())
}

// until PATTERN COMMAND…: runs it again and again until it says something that fits, or with "!" nothing that does.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] until pattern command [args...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(context.Background(), limit)
		out, err := command(ctx, ts, args[1:]).CombinedOutput()
		cancel()
		if pattern.Match(out) != neg {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("not within 20 s; the last time (%v):\n%s", err, out)
		}
	}
}

// write FILE LINE…: writes a file.
func write(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: write file line...")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(args[1:], "\n")+"\n"), 0o600))
}

// grows FILE TEXT: waits until the file has that text in it.
func grows(ts *testscript.TestScript, _ bool, args []string) {
	limit := time.Now().Add(20 * time.Second)
	for {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("%s has no %q within 20 s (%v):\n%s", args[0], args[1], err, b)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
