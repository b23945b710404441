package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/monitor"
	"holdfast/ui"
)

// addressFlags are the flags of every command that is given addresses instead of settings.
type addressFlags struct {
	via, heartbeat, send, expect string
	interval                     time.Duration
}

func (f *addressFlags) add(p *program, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.via, "via", "direct", "the way there: direct, http://…, socks5://…, socks5h://… or system (see above)")
	flags.StringVar(&f.heartbeat, "heartbeat", "", "none, echo or line (default: line with --send and --expect, else none)")
	flags.StringVar(&f.send, "send", "", `line: what is sent, with \n \r \t \xNN; {nonce} is a fresh number`)
	flags.StringVar(&f.expect, "expect", "", "line: what the answer contains, written like --send")
	flags.DurationVar(&f.interval, "interval", 0, "time between heartbeats (default 500ms)")
	complete(cmd, "heartbeat", "none", "echo", "line")
	if err := cmd.RegisterFlagCompletionFunc("via", p.completeVia); err != nil {
		panic(err) // as in complete
	}
}

// given reports whether any of the flags was used.
func (f *addressFlags) given(cmd *cobra.Command) (string, bool) {
	for _, name := range []string{"via", "heartbeat", "send", "expect", "interval"} {
		if cmd.Flags().Changed(name) {
			return name, true
		}
	}
	return "", false
}

// addressHelp says what an address is.
const addressHelp = "ADDRESS is host:port, or a URL such as redis://cache.example.net, which says the port, and the heartbeat where one is known."

// complete offers fixed words for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a slip in this program, seen by every test
	}
}

// completeVia offers the ways; behind a scheme the host follows without a space.
func (p *program) completeVia(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	directive := cobra.ShellCompDirectiveNoFileComp
	var offers []cobra.Completion
	l := p.language("", p.getenv)
	for _, way := range [][2]string{
		{"direct", "the network's own way"},
		{"http://", "an HTTP proxy"},
		{"socks5://", "a SOCKS 5 proxy"},
		{"socks5h://", "the same as socks5"},
		{"system", "what https_proxy, all_proxy and no_proxy say; on Windows else its proxy settings"},
	} {
		if !strings.HasPrefix(way[0], begun) {
			continue
		}
		if strings.HasSuffix(way[0], "/") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		offers = append(offers, cobra.CompletionWithDesc(way[0], l.Help(way[1])))
	}
	return offers, directive
}

// targets makes a target of each address, named like it.
func (f *addressFlags) targets(cmd *cobra.Command, addresses []string) ([]monitor.Target, error) {
	base := monitor.Target{Via: f.via, Heartbeat: f.heartbeat, Interval: f.interval}
	var err error
	if base.Send, err = config.Unescape(f.send); err != nil {
		return nil, usageError{fmt.Errorf("--send: %w", err)}
	}
	if base.Expect, err = config.Unescape(f.expect); err != nil {
		return nil, usageError{fmt.Errorf("--expect: %w", err)}
	}
	line := f.send != "" || f.expect != ""
	switch {
	case cmd.Flags().Changed("interval") && f.interval <= 0:
		return nil, usageError{fmt.Errorf("--interval %v: a time above zero is needed, such as 500ms", f.interval)}
	case f.heartbeat == "" && line:
		base.Heartbeat = "line"
	case f.heartbeat != "" && f.heartbeat != "line" && line:
		return nil, usageError{fmt.Errorf("--send and --expect belong to --heartbeat line, not %s", f.heartbeat)}
	}
	if base.Heartbeat == "line" && (f.send == "" || f.expect == "") {
		return nil, usageError{errors.New("--heartbeat line needs both --send and --expect")}
	}
	used := make(map[string]bool, len(addresses))
	targets := make([]monitor.Target, 0, len(addresses))
	for _, a := range addresses {
		t := base
		if p := ui.Understand(a); strings.Contains(a, "://") && p.Address != "" {
			a = p.Address // without the login: whoever pastes a URL with a password shall not read it again
			if f.heartbeat == "" && !line {
				t.Heartbeat, t.Send, t.Expect = p.Heartbeat, p.Send, p.Expect
			}
		}
		t.Name, t.Address = a, a
		for n := 2; used[t.Name]; n++ {
			t.Name = a + " (" + strconv.Itoa(n) + ")"
		}
		used[t.Name] = true
		if strings.Contains(a, "@") { // before anything repeats it
			return nil, usageError{fmt.Errorf("%q: an address is host:port; the proxy, its user and its password belong to --via", veiled(a))}
		}
		if err := t.Check(); err != nil {
			return nil, usageError{addressError(a, err)}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// addressError says which address a check failed for, and the flag in the place of the field.
func addressError(address string, err error) error {
	var te *monitor.TargetError
	if !errors.As(err, &te) {
		return fmt.Errorf("%s: %w", address, err)
	}
	switch te.Field {
	case "", "name", "address":
		if strings.HasPrefix(te.Err.Error(), strconv.Quote(address)) {
			return te.Err
		}
		return fmt.Errorf("%q: %w", address, te.Err)
	}
	return fmt.Errorf("--%s: %w", te.Field, te.Err)
}
