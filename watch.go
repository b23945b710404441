package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/ui/terminal"
)

func (p *program) newWatch() *cobra.Command {
	var f addressFlags
	var w watchFlags
	cmd := &cobra.Command{
		Use:   "watch [ADDRESS]...",
		Short: "Watch addresses in this terminal",
		Long: "Watch keeps a session to each address and shows how it stands, until it is told to end. Without an address it watches\n" +
			"the targets of the settings, or without settings a demo server inside this program.\n\n" +
			"On a terminal it draws; into a pipe it prints a line for each change; --json prints an object a line.\n\n" + addressHelp + "\n\n" + viaHelp,
		Example: `  holdfast watch gate.example.net:7000
  holdfast watch --send "PING\r\n" --expect PONG localhost:6379
  holdfast watch --via socks5://proxy.example.net gate.example.net:7000
  holdfast watch --json --beats [2001:db8::7]:22`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.watch(cmd.Context(), cmd, w, f, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.add(p, cmd)
	cmd.Flags().BoolVar(&p.json, "json", false, "one object a line for each change and each attempt")
	cmd.Flags().BoolVar(&w.beats, "beats", false, "also report every heartbeat")
	cmd.Flags().StringVar(&w.config, "config", "", "settings file (default: the user's)")
	return cmd
}

type watchFlags struct {
	beats  bool
	config string
}

func (p *program) watch(ctx context.Context, cmd *cobra.Command, w watchFlags, f addressFlags, addresses []string) error {
	targets, err := f.targets(cmd, addresses)
	if err != nil {
		return err
	}
	if targets, err = p.lookUp(ctx, targets); err != nil {
		return err
	}
	note := ""
	parts := make([]func(context.Context) error, 0, 2)
	if len(addresses) == 0 {
		if flag, given := f.given(cmd); given {
			return usageError{fmt.Errorf("--%s says something of an address, and there is none", flag)}
		}
		var d *demo
		if targets, d, err = p.settled(ctx, w.config); err != nil {
			return err
		}
		if d != nil {
			parts = append(parts, d.serve)
			if len(targets) == 1 {
				note = fmt.Sprintf("no targets are set up; this is a demo server inside this program, at %v", d.ln.Addr())
			}
		}
	}
	p.beThrifty()
	fleet := monitor.NewFleet(monitor.Options{})
	if err := fleet.Set(targets); err != nil {
		return err
	}
	parts = append(parts, func(ctx context.Context) error { return giveBack(ctx, len(targets)) })
	engine := func(ctx context.Context) error { return together(ctx, append(parts, fleet.Run)...) }
	live := !p.json && !p.plain && terminal.Usable(p.out, p.getenv)
	// Before the engine starts, so that nothing is missed of what it does first.
	events := fleet.Subscribe(w.beats || live && len(targets) <= liveBeats)
	defer events.Close()
	next := skipUnstarted(events.Next)
	return running(ctx, engine, func(ctx context.Context) error {
		return untilUnread(ctx, p.out, func(ctx context.Context) error {
			if live {
				return p.draw(ctx, fleet, next, targets, note)
			}
			return p.print(ctx, next, note)
		})
	})
}

// settled is what the settings say to watch; the demo server, when that is part of it, is to be served.
func (p *program) settled(ctx context.Context, path string) ([]monitor.Target, *demo, error) {
	if path != "" { // one that was asked for has to be there; the user's own need not
		if _, err := os.Stat(path); err != nil {
			return nil, nil, fmt.Errorf("settings: %w", err)
		}
	}
	path, err := settingsPath(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := config.Load(path)
	if err != nil {
		return nil, nil, err
	}
	targets, err := p.lookUp(ctx, s.Targets)
	if err != nil {
		return nil, nil, err
	}
	if len(targets) > 0 && !s.Demo {
		return targets, nil, nil
	}
	d, err := newDemo()
	if err != nil {
		return nil, nil, err
	}
	return withDemo(d, targets), d, nil
}

// liveBeats is up to how many targets the live view follows every heartbeat, so that the round trips on it are those of
// now. With more nobody reads them, and beats cost.
const liveBeats = 16

// nextEvent is Next of a monitor.Subscription.
type nextEvent = func(ctx context.Context) (monitor.Event, error)

// skipUnstarted leaves out what is said of a target before its first step: Idle, which anybody would take for paused.
func skipUnstarted(next nextEvent) nextEvent {
	return func(ctx context.Context) (monitor.Event, error) {
		for {
			e, err := next(ctx)
			if err != nil || e.Snapshot.State != monitor.Idle || e.Snapshot.Seq > 1 {
				return e, err
			}
		}
	}
}

// draw shows the live view until ctx ends or the person asks for the end.
func (p *program) draw(ctx context.Context, fleet *monitor.Fleet, next nextEvent, targets []monitor.Target, note string) error {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Name
	}
	view := terminal.Live{
		Next: next, Reconnect: fleet.Reconnect, Pause: fleet.Pause, Resume: fleet.Resume,
		Lang: p.language("", p.getenv), Glyphs: p.glyphs(), Colour: p.coloured(), Note: note, Order: names,
	}
	return view.Run(ctx, p.out)
}

// print writes a line, or an object, for each event until ctx ends.
func (p *program) print(ctx context.Context, next nextEvent, note string) error {
	write := wire.NewEncoder(p.out).Encode
	if !p.json {
		if note != "" {
			p.say("%s", note)
		}
		lines := terminal.Lines{Lang: p.language("", p.getenv)}
		var buf []byte
		write = func(e monitor.Event) error {
			if !lines.Worth(e) {
				return nil
			}
			buf = lines.Append(buf[:0], e)
			_, err := p.out.Write(buf)
			return err
		}
	}
	for {
		e, err := next(ctx)
		if err != nil {
			return orderly(ctx, err)
		}
		if err := write(e); err != nil {
			return fmt.Errorf("writing events: %w", err)
		}
	}
}

// endTime is how long an engine may take to end. It ends at once unless the system is asked something and hangs.
const endTime = 5 * time.Second

var errSystemHangs = errors.New("this computer's network does not answer questions about itself")

// running runs engine beside work: when either ends the other is told to, and both have ended when it returns, unless with
// errSystemHangs.
func running(ctx context.Context, engine, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- orderly(ctx, engine(ctx))
	}()
	err := work(ctx)
	cancel()
	select {
	case engineErr := <-ended:
		return errors.Join(err, engineErr)
	case <-time.After(endTime):
		return errors.Join(err, errSystemHangs)
	}
}

// orderly is err, unless it only says that ctx ended.
func orderly(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}
