package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/ui"
)

func (p *program) newReport() *cobra.Command {
	since := ""
	cmd := &cobra.Command{
		Use:   "report [NAME]",
		Short: "Sum up the past in a text to show to somebody",
		Long: "Report sums up a stretch of the past, of one target or of all: availability, outages, the longest of them, time by\n" +
			"cause; and beside it the stretch of the same length before. What was not watched counts for nothing.",
		Example: `  holdfast report
  holdfast report --since 30d --lang zh "Office gateway" ` + sentOn("Last month"),
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sumUp(cmd.Context(), since, named(args))
		},
		ValidArgsFunction: p.completeTargets,
	}
	cmd.Flags().StringVar(&since, "since", "7d", `how far back: a length as "36h", "7d" or "2w", a day "2026-11-21", a moment as RFC 3339 has it`)
	return cmd
}

func (p *program) sumUp(ctx context.Context, since string, names []string) error {
	now := time.Now()
	from, err := control.ParseSince(since, now)
	if err == nil && !from.Before(now) {
		err = fmt.Errorf("since: %q has not been yet", since)
	}
	if err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	before := earlier(since, from, now)
	past, err := p.openPast()
	if err != nil {
		return err
	}
	defer past.close()
	there, err := past.targets(ctx)
	if err != nil {
		return err
	}
	q := wire.HistoryQuery{Since: before, Limit: everything, Watched: true}
	if len(names) > 0 {
		q.Target = names[0]
	}
	h, err := past.outages(ctx, q)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = there
	} else if !slices.Contains(there, names[0]) && len(h.Outages)+len(h.Watched) == 0 {
		return usageError{fmt.Errorf("no target named %q", names[0])}
	}
	watch := ui.Watch{}
	for _, name := range names {
		watch[name] = nil
	}
	for _, w := range h.Watched {
		if spans, asked := watch[w.Target]; asked {
			watch[w.Target] = append(spans, ui.Span{From: w.From.Time, To: w.To.Time})
		}
	}
	outages := make([]ui.PastOutage, 0, len(h.Outages))
	for i := range h.Outages {
		if _, asked := watch[h.Outages[i].Target]; asked {
			outages = append(outages, pastOutage(&h.Outages[i]))
		}
	}
	lang := p.language("", p.getenv)
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = ui.Called(name, lang, 80)
	}
	of := strings.Join(shown, lang.Say("comma"))
	if len(names) > 5 {
		of = lang.Say("hop.shared", "n", strconv.Itoa(len(names)))
	}
	this, last := ui.Summarize(outages, watch, from, now, now), ui.Summarize(outages, watch, before, from, now)
	if _, err := p.out.WriteString(ui.SummaryText(this, last, of, lang, versionString()+", "+ui.Platform())); err != nil {
		return err
	}
	if h.Problem != "" {
		p.say("%s", h.Problem)
	}
	return nil
}

// earlier is when the stretch begins with which the one from from to now is compared: seven days before seven days, though an
// hour of them be missing; as long before where a moment was given.
func earlier(since string, from, now time.Time) time.Time {
	if before, err := control.ParseSince(since, from); err == nil && before.Before(from) {
		return before
	}
	return from.Add(from.Sub(now))
}
