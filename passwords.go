package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/launch"
	"holdfast/internal/secret"
	"holdfast/monitor"
	"holdfast/ui"
)

// helperCommand is this program as secret.Help.
const helperCommand = "keyring-helper"

// newHelper is the command that internal/secret starts, not people.
func (p *program) newHelper() *cobra.Command {
	return &cobra.Command{
		Use: helperCommand, Hidden: true, Args: atMost(0),
		RunE: func(*cobra.Command, []string) error { return secret.Help(os.Stdin, p.out) },
	}
}

// keyring is that of this user.
func keyring() *secret.Keyring {
	return &secret.Keyring{Helper: func(ctx context.Context) (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self)
		cmd.Args = []string{os.Args[0], helperCommand}
		launch.Quiet(cmd)
		return cmd, nil
	}}
}

// How soon a keyring that was not there is asked again, while a target wants a password of it.
const (
	firstRetry = 30 * time.Second
	lastRetry  = 10 * time.Minute
	// early is how long the other targets wait for passwords. A keyring answers in some 20 ms.
	early = 150 * time.Millisecond
)

// Passwords are those of proxies, as far as they are known. Each is asked for once, in the background. Its methods may be
// called from any goroutine.
type passwords struct {
	get     func(ctx context.Context, account string) (string, error)
	set     func(ctx context.Context, account, password string) error
	changed func()                             // one came, later than it was waited for
	missing func(account string, reason error) // told once for each reason

	ctx  context.Context
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows
	known  map[string]string
	asking map[string]chan struct{} // closed when there is an answer
	failed map[string]error
	retry  time.Duration
	timer  *time.Timer
}

func newPasswords(ctx context.Context, ring *secret.Keyring) *passwords {
	return &passwords{
		get: ring.Get, set: ring.Set, ctx: ctx, known: map[string]string{}, asking: map[string]chan struct{}{}, failed: map[string]error{}, retry: firstRetry,
	}
}

// end returns when nothing is asked any more; the context has ended before.
func (p *passwords) end() {
	p.mu.Lock()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.work.Wait()
}

// of returns the password of an account; "" while it is not known.
func (p *passwords) of(account string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[account]
}

// ask sees to it that the accounts are asked for, and returns those that have no answer yet, and a channel that is closed
// when they have one, or after secret.Patience.
func (p *passwords) ask(accounts []string) (pending map[string]bool, done <-chan struct{}) {
	pending = map[string]bool{}
	var waits []chan struct{}
	p.mu.Lock()
	for _, a := range accounts {
		_, known := p.known[a]
		if known || p.failed[a] != nil || pending[a] || p.ctx.Err() != nil {
			continue
		}
		if p.asking[a] == nil {
			p.askLocked(a)
		}
		pending[a] = true
		waits = append(waits, p.asking[a])
	}
	p.mu.Unlock()
	all := make(chan struct{})
	if waits == nil {
		close(all)
		return pending, all
	}
	p.work.Go(func() {
		defer close(all)
		patience := time.NewTimer(secret.Patience)
		defer patience.Stop()
		for _, w := range waits {
			select {
			case <-w:
			case <-patience.C:
				return
			case <-p.ctx.Done():
				return
			}
		}
	})
	return pending, all
}

// askLocked asks for one in the background: until somebody has unlocked the keyring, if need be.
func (p *passwords) askLocked(account string) {
	answered := make(chan struct{})
	p.asking[account] = answered
	begun := time.Now()
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, secret.Unlocking)
		defer cancel()
		password, err := p.get(ctx, account)
		p.mu.Lock()
		delete(p.asking, account)
		_, given := p.known[account] // by a person, meanwhile
		switch {
		case given:
		case err == nil:
			p.known[account] = password
			p.retry = firstRetry
		default:
			p.failed[account] = err
			if errors.Is(err, secret.ErrNone) && p.ctx.Err() == nil {
				p.retryLocked()
			}
		}
		p.mu.Unlock()
		close(answered)
		switch {
		case p.ctx.Err() != nil || given:
		case err != nil && p.missing != nil:
			p.missing(account, err)
		case err == nil && time.Since(begun) > early && p.changed != nil:
			p.changed() // it may have been waited for all the same; then this changes nothing
		}
	})
}

func (p *passwords) retryLocked() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(p.retry, p.again)
	p.retry = min(2*p.retry, lastRetry)
}

// again asks once more for what was not to be had. A person who clicks may have unlocked the keyring, or be there to do it.
func (p *passwords) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	for account := range p.failed {
		delete(p.failed, account)
		if p.asking[account] == nil {
			p.askLocked(account)
		}
	}
}

// keep takes a password from a person: for now at once, and for later into the keyring. The error is about the latter.
func (p *passwords) keep(ctx context.Context, account, password string) error {
	p.mu.Lock()
	p.known[account] = password
	delete(p.failed, account)
	p.mu.Unlock()
	return p.set(ctx, account, password)
}

// kicking is an engine whose Reconnect also asks the keyring again.
type kicking struct {
	control.Engine
	kick func()
}

func (k kicking) Reconnect(names ...string) error {
	k.kick()
	return k.Engine.Reconnect(names...)
}

// lookUp is passwords for a command that runs once: it waits for secret.Patience at most, and says what it did not get.
func (p *program) lookUp(ctx context.Context, targets []monitor.Target) ([]monitor.Target, error) {
	targets, err := withPassword(targets, p.getenv)
	if err != nil {
		return nil, usageError{err}
	}
	accounts := accountsOf(targets)
	if accounts == nil {
		return targets, nil
	}
	ctx, cancel := context.WithTimeout(ctx, secret.Patience)
	defer cancel()
	ring, found := keyring(), map[string]string{}
	for _, a := range accounts {
		if found[a], err = ring.Get(ctx, a); err != nil {
			p.say("%s", noPassword(a, err, p.language("", p.getenv)))
		}
	}
	return fill(targets, func(account string) string { return found[account] })
}

// noPassword says why there is no password for an account, and what to do.
func noPassword(account string, err error, l ui.Lang) string {
	return l.Say("keyring.missing", "text", ui.Printable(account, 200)) + l.Say("path.space") + keyringText(err, l) + l.Say("stop")
}

// keyringText puts an error of package secret into words.
func keyringText(err error, l ui.Lang) string {
	for code, kind := range map[string]error{"not-found": secret.ErrNotFound, "none": secret.ErrNone, "locked": secret.ErrLocked, "slow": secret.ErrSlow} {
		if errors.Is(err, kind) {
			return l.Say("keyring."+code) + l.Say("path.space") + l.Tell("keyring."+code)
		}
	}
	return l.Say("keyring.failed", "text", ui.Printable(err.Error(), 300)) + l.Say("path.space") + l.Tell("keyring.none")
}

// setPassword keeps what a person typed for the proxy of t, and lets the targets use it.
func (r *resident) setPassword(ctx context.Context, t monitor.Target, password string) error {
	v, account, ok := login(t)
	if !ok {
		return &control.Error{Status: 422, Code: control.CodeBadSetting, Field: "via", Msg: "a proxy with a user and no password was expected"}
	}
	if _, err := v.WithCredentials(v.User(), password); err != nil {
		return &control.Error{Status: 422, Code: control.CodeBadSetting, Field: "password", Msg: err.Error()}
	}
	err := r.passwords.keep(ctx, account, password)
	r.reapply()
	if err != nil {
		return &control.Error{Status: 503, Code: control.CodeKeyring, Msg: keyringText(err, r.language())}
	}
	return nil
}

// withTyped is t with the password that a person typed for its proxy.
func withTyped(t monitor.Target, password string) (monitor.Target, error) {
	list, err := fill([]monitor.Target{t}, func(string) string { return password })
	if err != nil {
		return t, fmt.Errorf("password: %w", err)
	}
	return list[0], nil
}
