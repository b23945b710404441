// Holdfast keeps a session to each server that matters alive, turns red within about a second of a break, says which hop
// broke and why, and reconnects by itself or at a click.
//
// Without a command it is the resident: engine, tray and control socket. Each command has its file; this one reads the
// command line and turns an error into words and an exit status.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/ui"
)

func main() {
	args := takeArgs()
	sleepLoosely(args)
	os.Exit(run(args[1:]))
}

// run is main without the exit, so that every deferred call has run by then.
func run(args []string) int {
	// A pipe whose reader went away must show as EPIPE, not end the program in mid-step: Go lets SIGPIPE on descriptors
	// 1 and 2 kill it unless someone asked for the signal (package os/signal, "SIGPIPE").
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	ctx, stop := endings(context.Background())
	defer stop()
	p := &program{out: os.Stdout, errs: os.Stderr, getenv: os.Getenv, restore: func() {}}
	defer func() { p.restore() }()
	root := newRoot(p)
	root.SetArgs(args)
	p.completes(root, args)
	cmd, err := root.ExecuteContextC(ctx)
	return p.report(cmd, err)
}

// endings returns a context that ends at the signals that ask a program to end. A second signal then kills, as the
// system's default is.
func endings(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup asked for it to be ignored, and is obeyed
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// A program is what the commands of one run share: the streams, the environment, and the flags that all of them know.
type program struct {
	out    *os.File
	errs   io.Writer
	getenv func(string) string
	json   bool
	plain  bool
	lang   string // "", "en", "zh"
	socket string // of the running Holdfast; "" the usual place

	stamped bool // errs is a file of our own
	shown   bool // a person waits for something to be seen, and cannot read errs

	once    sync.Once // obeyed has been asked
	obeys   bool
	restore func()

	spoken atomic.Pointer[ui.Lang] // what the resident's settings say; nil: this is none
}

func newRoot(p *program) *cobra.Command {
	var f residentFlags
	cobra.MousetrapHelpText = "" // on Windows: a double click starts the resident, not a lecture on command lines
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "keep sessions alive, and name what broke",
		Long: "Holdfast keeps a session to each of your servers alive, turns red within about a second of a break, says which hop\n" +
			"broke and why, and reconnects by itself or at a click.\n\n" +
			"Without a command it watches from the tray. Started a second time it opens the window of the first.\n\n" + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			name := veiled(args[0])
			if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
				return usageError{fmt.Errorf("no command %q; did you mean %q?", name, s[0])}
			}
			if strings.Contains(name, ":") {
				return usageError{fmt.Errorf("no command %q; to watch an address: holdfast watch %s", name, name)}
			}
			return usageError{fmt.Errorf("no command %q", name)}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return p.resident(cmd.Context(), f) },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if p.lang != "" && p.lang != string(ui.English) && p.lang != string(ui.Chinese) {
				return usageError{fmt.Errorf("--lang %q: expected en or zh", p.lang)}
			}
			return nil
		},
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	all := root.PersistentFlags()
	all.BoolVar(&p.plain, "plain", false, "no colours, no drawing characters, no redrawing: for screen readers and log files")
	all.StringVar(&p.lang, "lang", "", "language, en or zh (default: the system's)")

	all.StringVar(&p.socket, "socket", "", "control socket, a named pipe on Windows (default: the user's own)")
	f.add(root)
	takeVersion(root)
	complete(root, "lang", "en", "zh")
	root.AddCommand(
		p.newWatch(), p.newCheck(), p.newServe(), p.newStatus(), p.newReconnect(), p.newPause(), p.newResume(), p.newOpen(),
		p.newQuit(), p.newAutostart(), p.newHistory(), p.newReport(), p.newKeep(), p.newVersion(), p.newMan(), p.newHelper(),
	)
	p.speakHelp(root)
	return root
}

// report says what went wrong and returns the exit status.
func (p *program) report(cmd *cobra.Command, err error) int {
	status := statusOf(err)
	switch {
	case err == nil, readerGone(err): // whoever read us has gone: nobody to tell, and nothing wrong
		return exitOK
	case errors.As(err, new(silentError)):
		return status
	}
	l := p.reader()
	text := printable(l.Error(err.Error()))
	fmt.Fprintf(p.errs, "%sholdfast: %s\n", p.stamp(), text)
	if p.shown {
		tellStart(text)
	}
	if status == exitUsage {
		fmt.Fprintln(p.errs, strings.ReplaceAll(l.Help("Try '{a} --help'."), "{a}", cmd.CommandPath()))
	}
	return status
}

// exactly is cobra.ExactArgs with a message that names what is missing.
func exactly(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(what) {
			return usageError{fmt.Errorf("%s is missing", what[len(args)])}
		}
		return atMost(len(what))(nil, args)
	}
}

// atMost is cobra.MaximumNArgs with a message that names what is too much.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("%q is one argument too many", veiled(args[n]))}
		}
		return nil
	}
}

// flagError says what a flag takes, where pflag would say what a function of Go said of it.
func flagError(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	flag := fmt.Sprintf("--%s %q", wrong.GetFlag().Name, wrong.GetValue())
	switch wrong.GetFlag().Value.Type() {
	case "bool":
		return fmt.Errorf("%s: true or false was expected", flag)
	case "int":
		return fmt.Errorf("%s: a whole number was expected", flag)
	case "duration":
		return fmt.Errorf("%s: a length of time was expected, such as 500ms, 2s or 1h", flag)
	}
	return err
}

// printable keeps what came from outside (a file, a peer) from acting on the terminal; line breaks stay.
func printable(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = ui.Printable(strings.ReplaceAll(l, "\t", "    "), 2000)
	}
	return strings.Join(lines, "\n")
}
