package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
)

// checkTime bounds a check. A silent server is named after 1.1 s, and a name server has 0.65 s before that.
const checkTime = 3 * time.Second

func (p *program) newCheck() *cobra.Command {
	var f addressFlags
	cmd := &cobra.Command{
		Use:   "check ADDRESS",
		Short: "Try an address once, and name the hop that is broken",
		Long: "Check opens one session to ADDRESS, with a heartbeat where one is given, and says within three seconds whether it\n" +
			"works, or which hop is broken, why, and what to do.\n\n" + addressHelp + "\n\n" + viaHelp + "\n\n" + exitHelp,
		Example: `  holdfast check gate.example.net:7000
  holdfast check --via http://proxy.example.net:3128 gate.example.net:7000
  holdfast check --send "PING\r\n" --expect PONG localhost:6379 && echo fine`,
		Args: exactly("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := f.targets(cmd, args)
			if err != nil {
				return err
			}
			if targets, err = p.lookUp(cmd.Context(), targets); err != nil {
				return err
			}
			return p.check(cmd.Context(), targets[0])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.add(p, cmd)
	cmd.Flags().BoolVar(&p.json, "json", false, "one object")
	return cmd
}

func (p *program) check(ctx context.Context, t monitor.Target) error {
	fleet := monitor.NewFleet(monitor.Options{})
	if err := fleet.Set([]monitor.Target{t}); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	events := fleet.Subscribe(true)
	defer events.Close()
	var s monitor.Snapshot
	err := running(limited, fleet.Run, func(ctx context.Context) error {
		for !checked(s) {
			e, err := events.Next(ctx)
			if err != nil {
				return orderly(ctx, err)
			}
			s = e.Snapshot
		}
		return nil
	})
	switch {
	case err != nil && !(checked(s) && errors.Is(err, errSystemHangs)):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%q: ended before there was an answer", t.Address)
	}
	return p.diagnosis(s)
}

// checked reports whether s answers the question: the session stands, or what is broken has a name.
func checked(s monitor.Snapshot) bool {
	return s.State == monitor.Up || s.Verdict.Cause != netcheck.CauseNone
}

// diagnosis prints s and gives the exit status.
func (p *program) diagnosis(s monitor.Snapshot) error {
	cause := s.Verdict.Cause
	if cause != netcheck.CauseNone {
		s.State, s.RetryAt = monitor.Down, time.Time{} // it is not tried again
	}
	if p.json {
		o := wire.FromSnapshot(s)
		if _, err := p.out.Write(append(o.Append(nil), '\n')); err != nil {
			return err
		}
	} else if cause != netcheck.CauseNone || s.State == monitor.Up {
		still := p.still()
		still.Once = true
		if _, err := p.out.Write(still.Append(nil, s, time.Now())); err != nil {
			return err
		}
	}
	switch {
	case cause != netcheck.CauseNone:
		return silentError(hopStatus(cause.Hop()))
	case s.State != monitor.Up:
		return fmt.Errorf("%q: no session within %v, and no cause found", s.Target.Address, checkTime)
	}
	return nil
}
