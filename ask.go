package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/launch"
	"holdfast/internal/wire"
	"holdfast/ui"
)

// ask runs f with a client of the running Holdfast, and makes its refusals errors of the command line.
func (p *program) ask(f func(c *control.Client) error) error {
	c, err := control.Dial(p.socket)
	if err != nil {
		return asked(err)
	}
	defer c.Close()
	return asked(f(c))
}

func asked(err error) error {
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return errNotRunning
	case errors.Is(err, config.ErrUnknownTarget):
		return usageError{err}
	}
	return err
}

func (p *program) newReconnect() *cobra.Command {
	return &cobra.Command{
		Use:   "reconnect [NAME]...",
		Short: "Try again at once: what is broken, or the targets named",
		RunE: func(cmd *cobra.Command, names []string) error {
			return p.ask(func(c *control.Client) error { return c.Reconnect(cmd.Context(), named(names)...) })
		},
		ValidArgsFunction: p.completeTargets,
	}
}

func (p *program) newPause() *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "pause [NAME]...",
		Short: "Stop watching all targets, or those named",
		Example: `  holdfast pause --for 1h
  holdfast pause "Office gateway"`,
		RunE: func(cmd *cobra.Command, names []string) error {
			var until time.Time
			if cmd.Flags().Changed("for") {
				if length <= 0 || length > 366*24*time.Hour {
					return usageError{fmt.Errorf("--for %v: expected a time between 1s and a year, such as 1h", length)}
				}
				until = time.Now().Add(length)
			}
			return p.ask(func(c *control.Client) error { return c.Pause(cmd.Context(), until, named(names)...) })
		},
		ValidArgsFunction: p.completeTargets,
	}
	cmd.Flags().DurationVar(&length, "for", 0, "resume after this time (default: only when told)")
	return cmd
}

func (p *program) newResume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume [NAME]...",
		Short: "Watch again what was paused",
		RunE: func(cmd *cobra.Command, names []string) error {
			return p.ask(func(c *control.Client) error { return c.Resume(cmd.Context(), named(names)...) })
		},
		ValidArgsFunction: p.completeTargets,
	}
}

func (p *program) newOpen() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Open the window of the running Holdfast",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			launch.GiveWay()
			return p.ask(func(c *control.Client) error { return c.Window(cmd.Context()) })
		},
	}
}

// quitWithin is how long quit waits for the other to be gone.
const quitWithin = 5 * time.Second

func (p *program) newQuit() *cobra.Command {
	return &cobra.Command{
		Use:   "quit",
		Short: "End the running Holdfast",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.ask(func(c *control.Client) error { return quit(cmd.Context(), c) })
		},
	}
}

// quit ends the other and returns when it is gone, so that a script can start it anew at once.
func quit(ctx context.Context, c *control.Client) error {
	ctx, cancel := context.WithTimeout(ctx, quitWithin)
	defer cancel()
	gone := make(chan error, 1)
	listening := make(chan struct{})
	go func() {
		first := true
		for _, err := range c.Events(ctx, false) { // ends when the other does
			if first {
				close(listening)
				first = false
			}
			if err != nil {
				gone <- err
				return
			}
		}
	}()
	select { // without a target there is no first event
	case <-listening:
	case <-time.After(200 * time.Millisecond):
	}
	if err := c.Quit(ctx); err != nil {
		cancel()
		<-gone
		return err
	}
	if err := <-gone; !errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("Holdfast was asked to end, and has not within %v", quitWithin)
	}
	return nil
}

// completeTargets offers the names of the running one's targets.
func (p *program) completeTargets(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	l := p.language("", p.getenv)
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	// An error leaves nothing to offer: a completion has no place to say why.
	_ = p.ask(func(c *control.Client) error {
		s, err := c.Status(ctx)
		for _, t := range s.Targets {
			if !slices.Contains(named(given), t.Target) {
				names = append(names, cobra.CompletionWithDesc(t.Target, stateWord(t, l)))
			}
		}
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// stateWord is how a target stands, in a word.
func stateWord(o wire.Object, l ui.Lang) string {
	s, err := o.Snapshot()
	switch {
	case o.Stalled:
		return ui.LookUnknown.Word(l)
	case err != nil:
		return o.State // of a newer version
	}
	return ui.LookOf(s.State).Word(l)
}

// named are the targets that a person names as they were shown.
func named(shown []string) []string {
	names := make([]string, len(shown))
	for i, s := range shown {
		names[i] = ui.Named(s)
	}
	return names
}
