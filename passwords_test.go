package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/secret"
	"holdfast/monitor"
)

// A keyring that hangs, or waits for somebody to unlock it, holds nobody up for longer than its patience, and what comes
// late is used.
func TestPasswordsThatComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var changed, asked atomic.Int32
		p := newPasswords(ctx, &secret.Keyring{})
		p.changed = func() { changed.Add(1) }
		p.missing = func(account string, err error) { t.Errorf("%s: %v", account, err) }
		p.get = func(ctx context.Context, account string) (string, error) {
			asked.Add(1)
			select {
			case <-time.After(40 * time.Second): // the person was away
				return "s3same", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		begun := time.Now()
		pending, done := p.ask([]string{"me@a:1", "me@b:1", "me@a:1"})
		if <-done; len(pending) != 2 || time.Since(begun) != secret.Patience {
			t.Errorf("%v pending, waited %v", pending, time.Since(begun))
		}
		pending, done = p.ask([]string{"me@a:1"}) // asked already
		if <-done; len(pending) != 1 || asked.Load() != 2 {
			t.Errorf("%v pending, asked %d times", pending, asked.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if p.of("me@a:1") != "s3same" || changed.Load() != 2 {
			t.Errorf("%q, told %d times", p.of("me@a:1"), changed.Load())
		}
		if pending, done = p.ask([]string{"me@a:1", "me@b:1"}); len(pending) > 0 {
			t.Errorf("%v asked again", pending)
		}
		<-done
		cancel()
		p.end()
	})
}

func TestPasswordsThatAreNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		retries bool // without a click
	}{
		"no keyring":       {secret.ErrNone, true},
		"not in it":        {secret.ErrNotFound, false},
		"locked":           {secret.ErrLocked, false},
		"something broken": {errors.New("broken"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var changed, asked, told atomic.Int32
			p := newPasswords(ctx, &secret.Keyring{})
			p.changed = func() { changed.Add(1) }
			p.missing = func(_ string, err error) {
				if told.Add(1); !errors.Is(err, c.err) {
					t.Errorf("%s: told %v", name, err)
				}
			}
			there := atomic.Bool{}
			p.get = func(context.Context, string) (string, error) {
				asked.Add(1)
				time.Sleep(200 * time.Millisecond)
				if there.Load() {
					return "s3same", nil
				}
				return "", c.err
			}
			_, done := p.ask([]string{"me@a:1"})
			<-done
			time.Sleep(time.Hour)
			synctest.Wait()
			// Doubling from half a minute to ten: 6 in the first quarter of an hour, then one every ten minutes.
			if n := asked.Load(); c.retries && (n < 8 || n > 12) || !c.retries && n != 1 {
				t.Errorf("%s: asked %d times in an hour", name, n)
			}
			there.Store(true)
			before := asked.Load()
			p.again() // a click
			time.Sleep(time.Second)
			synctest.Wait()
			if asked.Load() != before+1 || p.of("me@a:1") != "s3same" || changed.Load() != 1 {
				t.Errorf("%s: after a click asked %d times, %q, told %d times", name, asked.Load()-before, p.of("me@a:1"), changed.Load())
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if asked.Load() != before+1 {
				t.Errorf("%s: asked again for what is known", name)
			}
			cancel()
			p.end()
		})
	}
}

// What a person types counts at once, whatever the keyring says, and an older answer does not replace it.
func TestAPasswordThatIsTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPasswords(ctx, &secret.Keyring{})
		p.get = func(context.Context, string) (string, error) { time.Sleep(time.Second); return "old", nil }
		p.set = func(context.Context, string, string) error { return secret.ErrNone }
		_, done := p.ask([]string{"me@a:1"})
		if err := p.keep(ctx, "me@a:1", "new"); !errors.Is(err, secret.ErrNone) {
			t.Errorf("got %v", err)
		}
		<-done
		synctest.Wait()
		if got := p.of("me@a:1"); got != "new" {
			t.Errorf("got %q", got)
		}
		cancel()
		p.end()
	})
}

func TestWhoNeedsAPassword(t *testing.T) {
	t.Setenv("https_proxy", "http://env@proxy.example.net:3128")
	t.Setenv("no_proxy", "near.example.net")
	targets := []monitor.Target{
		{Address: "a:1", Via: "http://me@proxy.example.net:3128"},
		{Address: "b:1", Via: "http://me@proxy.example.net:3128"},
		{Address: "c:1", Via: "socks5://me:own@proxy.example.net"},
		{Address: "d:1", Via: "http://proxy.example.net"},
		{Address: "e.example.net:1", Via: "system"},
		{Address: "near.example.net:1", Via: "system"},
		{Address: "f:1", Via: "direct"},
		{Address: "g:1", Via: "nonsense"},
		{Address: "h:1", Via: "socks5://me@[2001:db8::1]"},
	}
	want := []string{"me@proxy.example.net:3128", "env@proxy.example.net:3128", "me@[2001:db8::1]:1080"}
	if got := accountsOf(targets); len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %q, want %q", got, want)
	}
	got, err := fill(targets, func(account string) string { return "pw of " + account[:2] })
	if err != nil {
		t.Fatal(err)
	}
	for i, via := range map[int]string{
		0: "http://me:pw%20of%20me@proxy.example.net:3128", 2: "socks5://me:own@proxy.example.net", 3: "http://proxy.example.net",
		4: "http://env:pw%20of%20en@proxy.example.net:3128", 5: "system", 8: "socks5://me:pw%20of%20me@[2001:db8::1]:1080",
	} {
		if got[i].Via != via {
			t.Errorf("%s: %q, want %q", got[i].Address, got[i].Via, via)
		}
	}
	if targets[0].Via != "http://me@proxy.example.net:3128" {
		t.Error("the settings were written to")
	}
}
