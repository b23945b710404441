// Package secret keeps passwords in the keyring of the operating system: the Secret Service of a Linux desktop (GNOME
// Keyring, KWallet, KeePassXC), the Keychain, the Credential Manager.
//
// A keyring may hang, ask a person to unlock it, or answer nonsense; a client library of it may wait for ever. So it is
// spoken to by a process of its own, the helper, which ends with its one answer or is ended: whoever asks loses two
// seconds at most. Passwords go through its pipes, never through a command line or the environment.
package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zalando/go-keyring"
)

// Service is under which name all passwords are kept. With the account it finds them by hand too:
// secret-tool lookup service holdfast username ACCOUNT.
const Service = "holdfast"

var (
	// ErrNotFound: there is a keyring, and it has no such password.
	ErrNotFound = errors.New("the keyring has no such password")
	// ErrNone: no keyring answers here.
	ErrNone = errors.New("there is no keyring here")
	// ErrLocked: the keyring is locked, and was not unlocked.
	ErrLocked = errors.New("the keyring is locked")
	// ErrSlow: the keyring did not answer in time.
	ErrSlow = errors.New("the keyring does not answer; it may be waiting to be unlocked")
)

// kinds are the errors as the helper tells them.
var kinds = map[string]error{"not-found": ErrNotFound, "none": ErrNone, "locked": ErrLocked}

// Account is under which name the password of a user of a proxy is kept; proxy is host:port.
func Account(user, proxy string) string { return user + "@" + proxy }

const (
	// Patience is how long an answer is waited for.
	Patience = 2 * time.Second
	// Unlocking is how long a helper lives: as long as somebody may need to unlock the keyring.
	Unlocking  = 2 * time.Minute
	maxMessage = 64 << 10
)

type request struct {
	Account  string  `json:"account"`
	Password *string `json:"password,omitempty"` // to be kept; nil asks for it
}

type reply struct {
	Password string `json:"password"`
	Kind     string `json:"kind,omitempty"`  // of the error
	Error    string `json:"error,omitempty"` // its words; empty: there is none
}

// A Keyring is asked through its helper. Its methods may be called from any goroutine.
type Keyring struct {
	// Helper is a command that calls Help with its standard streams, and nothing else.
	Helper func(context.Context) (*exec.Cmd, error)
	// Wait bounds Set; 0: Patience.
	Wait time.Duration
}

// Get returns a password. It waits for as long as ctx lasts, for somebody may have to unlock the keyring first: give it
// Patience where something waits for it. The errors are those of this package, or what the keyring said.
func (k *Keyring) Get(ctx context.Context, account string) (string, error) {
	r, err := k.ask(ctx, request{Account: account})
	return r.Password, err
}

// Set keeps a password, in the place of one that is there.
func (k *Keyring) Set(ctx context.Context, account, password string) error {
	wait := k.Wait
	if wait == 0 {
		wait = Patience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_, err := k.ask(ctx, request{Account: account, Password: &password})
	return err
}

func (k *Keyring) ask(ctx context.Context, q request) (reply, error) {
	var r reply
	if q.Account == "" || len(q.Account) > 1024 || strings.ContainsFunc(q.Account, unicode.IsControl) || !utf8.ValidString(q.Account) {
		return r, errors.New("keyring: an account was expected, like me@proxy.example.net:3128")
	}
	cmd, err := k.Helper(ctx)
	if err != nil {
		return r, fmt.Errorf("keyring: %w", err)
	}
	in, err := json.Marshal(q)
	if err != nil {
		return r, fmt.Errorf("keyring: %w", err)
	}
	out := &bounded{most: maxMessage}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), out
	cmd.WaitDelay = 100 * time.Millisecond // it may have started something that holds its streams open
	err = cmd.Run()
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return r, ErrSlow
		}
		return r, ctx.Err()
	}
	if e := json.Unmarshal(out.Bytes(), &r); e != nil {
		if err == nil {
			err = e
		}
		return reply{}, fmt.Errorf("keyring: the helper gave no answer: %w", err)
	}
	if r.Error == "" {
		return r, nil
	}
	if kind, known := kinds[r.Kind]; known {
		if r.Error == kind.Error() {
			return reply{}, kind
		}
		return reply{}, fmt.Errorf("%w: %s", kind, r.Error)
	}
	return reply{}, fmt.Errorf("keyring: %s", r.Error)
}

// bounded keeps the first bytes that are written.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errors.New("too much")
	}
	return b.Buffer.Write(p)
}

// Help is the helper: it does what one request on in asks for, with the keyring of this user, and writes the reply to
// out. It may wait for somebody to unlock the keyring, Unlocking at most.
func Help(in io.Reader, out io.Writer) error {
	var q request
	r := reply{}
	err := json.NewDecoder(io.LimitReader(in, maxMessage)).Decode(&q)
	if err == nil {
		done := make(chan error, 1)
		go func() { // ends with this process, at the latest
			defer func() { // go-keyring trusts what the bus answers
				if p := recover(); p != nil {
					done <- fmt.Errorf("an answer that makes no sense (%v)", p)
				}
			}()
			done <- do(q, &r)
		}()
		limit := time.NewTimer(Unlocking)
		defer limit.Stop()
		select {
		case err = <-done:
		case <-limit.C:
			r, err = reply{}, ErrSlow
		}
	}
	if err != nil {
		r = reply{Error: err.Error()}
		for kind, known := range kinds {
			if errors.Is(err, known) {
				r.Kind = kind
			}
		}
	}
	return json.NewEncoder(out).Encode(r)
}

func do(q request, r *reply) (err error) {
	if err := present(); err != nil {
		return err
	}
	if q.Password != nil {
		err = keyring.Set(Service, q.Account, *q.Password)
	} else {
		r.Password, err = keyring.Get(Service, q.Account)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return ErrNone
	}
	return sort(err)
}
