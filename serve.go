package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/responder"
)

const serveAddress = "127.0.0.1:7000"

func (p *program) newServe() *cobra.Command {
	var o responder.Options
	cmd := &cobra.Command{
		Use:   "serve [ADDRESS]",
		Short: "Answer heartbeats, and tell which clients came, went and fell silent",
		Long: "Serve answers the line heartbeat (PING to PONG) and the echo heartbeat of any number of clients on ADDRESS, " + serveAddress + "\n" +
			"unless said otherwise, and tells which client came, went in order, was reset, or fell silent and after how long.",
		Example: `  holdfast serve
  holdfast serve --json 192.0.2.7:7000
  holdfast serve :7000                     # every address of this computer`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := serveAddress
			if len(args) > 0 {
				address = args[0]
			}
			if o.SilentAfter < 0 {
				return usageError{fmt.Errorf("--silent-after %v: a time above zero is needed, such as 2s", o.SilentAfter)}
			}
			if o.MaxClients < 0 {
				return usageError{fmt.Errorf("--max-clients %d: a number above zero is needed", o.MaxClients)}
			}
			return p.serve(cmd.Context(), address, o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&p.json, "json", false, "one object a line for each event")
	cmd.Flags().DurationVar(&o.SilentAfter, "silent-after", 0, "the shortest silence that is reported (default 1.25s)")
	cmd.Flags().IntVar(&o.MaxClients, "max-clients", 0, "clients at one time; more are closed at once (default 10000)")
	return cmd
}

func (p *program) serve(ctx context.Context, address string, o responder.Options) error {
	if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
		return usageError{fmt.Errorf("%q: expected host:port, an IPv6 address in brackets: %w", address, err)}
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("waiting for clients: %w", err)
	}
	p.say("answering heartbeats on %v", ln.Addr())
	var unwritten error // what OnEvent met; it is called by one goroutine, which has ended when Serve returns
	err = untilUnread(ctx, p.out, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		o.OnEvent = func(e responder.Event) {
			if unwritten != nil {
				return
			}
			if unwritten = p.printClient(e); unwritten != nil {
				cancel()
			}
		}
		return responder.New(o).Serve(ctx, ln)
	})
	if err != nil {
		return err
	}
	return unwritten
}

// printClient writes one event of one client, with one write.
func (p *program) printClient(e responder.Event) error {
	line := e.Line(p.language("", p.getenv).Error)
	if p.json {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("writing an event of %s: %w", e.Time.Format(time.TimeOnly), err)
		}
		line = string(b)
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}
