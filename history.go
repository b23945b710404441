package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/history"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

type historyFlags struct {
	since, target, cause, text string
	limit                      int
	csv                        bool
}

func (p *program) newHistory() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the outages that were kept, the newest first",
		Long: "History lists outages: when, how long, which target, why, what was seen. It asks the running Holdfast, and where none\n" +
			"runs it reads what the last one kept. They are kept for 30 days, or as the settings say ([history] days).\n\n" +
			"An outage that lasted when Holdfast itself ended has an end that is not known, and says so.",
		Example: `  holdfast history --since 36h --target "Office gateway"
  holdfast history --cause cable-unplugged
  holdfast history --since 2026-11-01 --csv > outages.csv`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.csv && p.json {
				return usageError{errors.New("--json and --csv are two forms of one thing: choose one")}
			}
			if f.limit < 0 {
				return usageError{fmt.Errorf("--limit %d: a number above zero is needed", f.limit)}
			}
			return p.history(cmd.Context(), f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "7d", `how far back: a length as "36h", "7d" or "2w", a day "2026-11-21", a moment as RFC 3339 has it`)
	flags.StringVar(&f.target, "target", "", "only outages of the target of this name")
	flags.StringVar(&f.cause, "cause", "", "only outages of this cause, by its code: server-refused")
	flags.StringVar(&f.text, "search", "", "only outages with all of these words in target, address, cause or evidence")
	flags.IntVar(&f.limit, "limit", 0, "so many at most (default: all)")
	flags.BoolVar(&p.json, "json", false, "one object a line for each outage, with all that was seen")
	flags.BoolVar(&f.csv, "csv", false, "for a spreadsheet")
	_ = cmd.RegisterFlagCompletionFunc("target", p.completeTargets)
	return cmd
}

// everything is more outages than are kept.
const everything = 1 << 20

func (p *program) history(ctx context.Context, f historyFlags) error {
	now := time.Now()
	since, err := control.ParseSince(f.since, now)
	if err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	q := wire.HistoryQuery{Since: since, Target: ui.Named(f.target), Cause: f.cause, Text: f.text, Limit: f.limit}
	if q.Limit == 0 {
		q.Limit = everything
	}
	past, err := p.openPast()
	if err != nil {
		return err
	}
	defer past.close()
	h, err := past.outages(ctx, q)
	if err != nil {
		return err
	}
	if err := p.printHistory(h, f, since, now); err != nil {
		return err
	}
	if h.Problem != "" {
		p.say("%s", h.Problem)
	}
	return nil
}

func (p *program) printHistory(h wire.History, f historyFlags, since, now time.Time) error {
	var buf []byte
	switch {
	case p.json:
		for i := range h.Outages {
			buf = append(h.Outages[i].Append(buf), '\n')
		}
	case f.csv:
		all := make([]ui.PastOutage, len(h.Outages))
		for i := range h.Outages {
			all[i] = pastOutage(&h.Outages[i])
		}
		return ui.WriteCSV(p.out, all, now)
	default:
		lang := p.language("", p.getenv)
		for i := range h.Outages {
			buf = appendPast(buf, &h.Outages[i], now, lang)
		}
		if len(h.Outages) == 0 {
			buf = fmt.Appendln(nil, lang.Say("past.none", "time", lang.Clock(since.In(now.Location()), now)))
		}
	}
	_, err := p.out.Write(buf)
	return err
}

// pastOutage is u as views have it.
func pastOutage(u *wire.PastOutage) ui.PastOutage {
	past := ui.PastOutage{
		ID: u.ID, Target: u.Target, Address: u.Address, Proxy: u.Proxy, Unsure: u.Ended != "" && u.Ended != wire.Healed, Outage: u.Outage(),
	}
	past.Start, past.End = here(u.Start), here(u.End)
	for _, c := range u.Causes {
		past.Causes = append(past.Causes, ui.CauseSince{Time: c.Time.Time, Cause: netcheck.Cause(c.Cause)})
	}
	return past
}

// here is t in the time zone of this computer.
func here(t wire.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Local()
}

// appendPast writes an outage for a person: a line, and more where there is more to say.
func appendPast(b []byte, u *wire.PastOutage, now time.Time, l ui.Lang) []byte {
	const moment = "2006-01-02 15:04:05"
	stamp := func(t wire.Time) string { return here(t).Format(moment) }
	o := u.Outage()
	length := l.Say("past.lasts", "duration", l.Duration(now.Sub(o.Start)))
	if !o.End.IsZero() {
		length = l.Lasted(o.End.Sub(o.Start))
	}
	b = fmt.Appendf(b, "%s  %s  %s\n", stamp(u.Start), length,
		l.Say("path.entry", "name", ui.Called(u.Target, l, 80), "text", ui.Printable(ui.OutageWord(o, l), 80)))
	more := func(text string) {
		if text != "" {
			b = fmt.Appendf(b, "    %s\n", text)
		}
	}
	if n := len(o.Verdict.Evidence); n > 0 {
		seen := o.Verdict.Evidence[n-1]
		for _, e := range o.Verdict.Evidence {
			if e.Hop == o.Verdict.Hop {
				seen = e
			}
		}
		more(ui.SeenText(seen, l))
	}
	if len(u.Causes) > 1 {
		text := ""
		for _, c := range u.Causes {
			word := ui.Printable(ui.OutageWord(monitor.Outage{Verdict: netcheck.Verdict{Cause: netcheck.Cause(c.Cause)}}, l), 80)
			if text == "" {
				text = word
				continue
			}
			text = l.Say("past.then", "text", text, "next", word)
		}
		more(l.Say("past.causes", "text", text))
	}
	switch u.Ended {
	case wire.Paused, wire.Removed:
		more(l.Say("past." + u.Ended))
	case wire.Unwatched:
		if u.WatchedAgain.IsZero() {
			more(l.Say("past.unwatched.since", "time", stamp(u.End)))
		} else {
			more(l.Say("past.unwatched", "time", stamp(u.End), "until", stamp(u.WatchedAgain)))
		}
	}
	return b
}

// A past is where the history is read from: the running Holdfast, or what the last one left.
type past struct {
	client *control.Client // nil: none runs
	dir    string
}

func (p *program) openPast() (*past, error) {
	c, err := control.Dial(p.socket)
	if err == nil {
		return &past{client: c}, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return nil, err
	}
	dir, err := history.Dir()
	return &past{dir: dir}, err
}

func (s *past) close() {
	if s.client != nil {
		s.client.Close()
	}
}

func (s *past) outages(ctx context.Context, q wire.HistoryQuery) (wire.History, error) {
	if s.client != nil {
		return s.client.History(ctx, q)
	}
	a, err := history.Serve(ctx, s.dir, history.Request{Outages: &q})
	return a.History, err
}

// targets are the names of the targets of now, or where none runs, of all that something is kept of.
func (s *past) targets(ctx context.Context) ([]string, error) {
	if s.client == nil {
		a, err := history.Serve(ctx, s.dir, history.Request{})
		return a.Targets, err
	}
	st, err := s.client.Status(ctx)
	var names []string
	for _, t := range st.Targets {
		names = append(names, t.Target)
	}
	return names, err
}
