package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/history"
	"holdfast/internal/launch"
	"holdfast/internal/wire"
)

// keepCommand is the child that files and reads the history: the resident itself stays without SQLite's memory.
const keepCommand = "keep-history"

// A keepRequest is what the child reads from its standard input.
type keepRequest struct {
	Dir     string
	Request history.Request
}

func (p *program) newKeep() *cobra.Command {
	return &cobra.Command{
		Use:    keepCommand,
		Short:  "File the history of the running Holdfast (which starts this by itself)",
		Hidden: true,
		Args:   atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var k keepRequest
			if err := json.NewDecoder(io.LimitReader(os.Stdin, 1<<20)).Decode(&k); err != nil || k.Dir == "" {
				return usageError{errors.New("this is started by a running Holdfast; see holdfast history")}
			}
			a, err := history.Serve(cmd.Context(), k.Dir, k.Request)
			if err != nil {
				return err
			}
			out := []byte(a.Problem) // a question only to file
			switch {
			case k.Request.Outages != nil:
				out = a.History.Append(nil)
			case k.Request.RoundTrips != nil:
				out = a.RoundTrips.Append(nil)
			}
			_, err = p.out.Write(out)
			return err
		},
	}
}

// keeper starts the child for requests about the history in dir.
func (p *program) keeper(dir string) func(ctx context.Context, r history.Request, w io.Writer) error {
	return func(ctx context.Context, r history.Request, w io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		path := "/proc/self/exe" // this very version, even while another is being installed
		if runtime.GOOS != "linux" {
			var err error
			if path, err = os.Executable(); err != nil {
				return fmt.Errorf("filing the history: %w", err)
			}
		}
		request, err := json.Marshal(keepRequest{Dir: dir, Request: r})
		if err != nil {
			return fmt.Errorf("filing the history: %w", err)
		}
		cmd := exec.CommandContext(ctx, path, keepCommand)
		cmd.Args[0] = "holdfast"
		cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, passwordVar+"=") })
		cmd.Stdin = strings.NewReader(string(request))
		cmd.Stdout = w
		said := new(words)
		cmd.Stderr = said
		cmd.WaitDelay = time.Second
		launch.Quiet(cmd)
		if err := punctual(cmd.Start); err != nil {
			return fmt.Errorf("filing the history: %w", err)
		}
		if err := cmd.Wait(); err != nil {
			if msg := strings.TrimPrefix(said.lastLine(), "holdfast: "); msg != "" && ctx.Err() == nil {
				return errors.New(msg)
			}
			return fmt.Errorf("filing the history: %w", err)
		}
		return nil
	}
}

// keepHistory makes the part that keeps the history; nil where there is no place for one.
func (r *resident) keepHistory() *history.Recorder {
	dir, err := history.Dir()
	if err != nil {
		r.p.say("no history is kept: %v", err)
		return nil
	}
	return history.NewRecorder(history.Options{
		Engine: r.fleet, Dir: dir, Grid: r.made, Say: r.p.say, Child: r.p.keeper(dir),
		Days: func() int {
			s, err := r.store.Current()
			if err != nil { // it is not known how long the past is wanted: nothing is thrown away
				return 0
			}
			return s.History.Kept()
		},
	})
}

// outagesKept and roundTripsKept are what the control socket asks for.
func outagesKept(h *history.Recorder) func(context.Context, wire.HistoryQuery, io.Writer) error {
	return func(ctx context.Context, q wire.HistoryQuery, w io.Writer) error {
		return h.Ask(ctx, history.Request{Outages: &q}, w)
	}
}

func roundTripsKept(h *history.Recorder) func(context.Context, string, time.Time, io.Writer) error {
	return func(ctx context.Context, target string, since time.Time, w io.Writer) error {
		return h.Ask(ctx, history.Request{RoundTrips: &history.RoundTripsQuery{Target: target, Since: since}}, w)
	}
}
