package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/monitor"
	"holdfast/ui"
)

func (p *program) newStatus() *cobra.Command {
	report := false
	cmd := &cobra.Command{
		Use:   "status [NAME]...",
		Short: "Say how the targets of the running Holdfast stand",
		Long: "Status says of each target how it stands, why, since when, when it is tried next, and what is known of each hop.\n" +
			"What breaks several targets is said once, with their names; a NAME has all about that one.\n" +
			"With --json it prints one object a line, one for each target; with --report a text to send to whoever can help: what is\n" +
			"broken since when, what was seen on each hop and when, attempts, versions. No password is ever in it.",
		Example: `  holdfast status
  holdfast status --report "Office gateway" ` + sentOn("No connection"),
		RunE: func(cmd *cobra.Command, names []string) error {
			if report && p.json {
				return usageError{errors.New("--json and --report are two forms of one thing: choose one")}
			}
			var s control.Status
			if err := p.ask(func(c *control.Client) (err error) { s, err = c.Status(cmd.Context()); return err }); err != nil {
				return err
			}
			if err := choose(&s, named(names)); err != nil {
				return err
			}
			if report {
				return p.printReports(s)
			}
			return p.printStatus(s, len(names) > 0)
		},
		ValidArgsFunction: p.completeTargets,
	}
	cmd.Flags().BoolVar(&p.json, "json", false, "one object a line")
	cmd.Flags().BoolVar(&report, "report", false, "a text to send to whoever can help")
	return cmd
}

// choose keeps the named targets, in the order in which they were named.
func choose(s *control.Status, names []string) error {
	if len(names) == 0 {
		return nil
	}
	all := s.Targets
	s.Targets = nil
next:
	for _, name := range names {
		for _, t := range all {
			if t.Target == name {
				s.Targets = append(s.Targets, t)
				continue next
			}
		}
		return usageError{fmt.Errorf("no target named %q", name)}
	}
	return nil
}

// printReports writes what the window's "Copy report" copies.
func (p *program) printReports(s control.Status) error {
	lang, now := p.language("", p.getenv), time.Now()
	for i, o := range s.Targets {
		snap, err := o.Snapshot()
		if err != nil {
			return fmt.Errorf("the running Holdfast said of %q: %w", o.Target, err)
		}
		text := ui.Report(snap, now, lang, s.Version+", "+ui.Platform())
		if o.Stalled {
			text = lang.Say("state.unknown") + lang.Say("path.space") + lang.Tell("state.unknown") + "\n" + text
		}
		if i > 0 {
			text = "\n" + text
		}
		if _, err := p.out.WriteString(text); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) printStatus(s control.Status, named bool) error {
	var buf []byte
	if p.json {
		for i := range s.Targets {
			buf = append(s.Targets[i].Append(buf), '\n')
		}
		_, err := p.out.Write(buf)
		return err
	}
	still := p.still()
	snaps := make([]monitor.Snapshot, len(s.Targets))
	for i, o := range s.Targets {
		snap, err := o.Snapshot()
		if err != nil {
			return fmt.Errorf("the running Holdfast said of %q: %w", o.Target, err)
		}
		if snaps[i] = snap; o.Stalled {
			snaps[i].State = monitor.Idle // it belongs to no cause: it is not known what it does
		}
	}
	cause := map[int]ui.Root{} // of several targets, for each of them
	if !named {                // whoever asks for one wants all of it
		for _, r := range ui.Roots(snaps) {
			for _, i := range r.Members {
				if r.Many() {
					cause[i] = r
				}
			}
		}
	}
	for i, o := range s.Targets {
		r, several := cause[i]
		if several && i != r.Members[0] {
			continue // it was named already
		}
		if i > 0 && !p.plain {
			buf = append(buf, '\n')
		}
		switch {
		case o.Stalled:
			buf = still.AppendUnknown(buf, snaps[i])
			continue
		case several:
			buf = still.AppendRoot(buf, r, snaps, time.Now())
			continue
		}
		buf = still.Append(buf, snaps[i], time.Now())
		if until, ok := s.PausedUntil[o.Target]; ok {
			buf = fmt.Appendf(buf, "  %s\n", still.Lang.Say("term.until", "time", still.Lang.Clock(until.Local(), time.Now())))
		}
	}
	if len(s.Targets) == 0 {
		buf = fmt.Appendln(buf, still.Lang.Say("state.empty")+still.Lang.Say("path.space")+still.Lang.Tell("state.empty"))
	}
	if s.Problem != "" { // it came from a file
		p.say("the settings in force are older than their file, which cannot be used:\n%s", s.Problem)
	}
	if s.Version != versionString() {
		p.say("the running one is version %s, this is %s", ui.Printable(s.Version, 60), versionString())
	}
	_, err := p.out.WriteString(strings.TrimPrefix(string(buf), "\n"))
	return err
}
