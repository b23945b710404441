//go:build linux

package secret

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/desktest"
)

func TestIntegrationGnomeKeyring(t *testing.T) {
	b := desktest.SessionBus(t)
	b.Keyring()
	conn := b.Connect()
	k, ctx := ring(t), within(t)
	k.Wait = 20 * time.Second // of a busy machine
	account := Account("me", "proxy.example.net:3128")
	if _, err := k.Get(ctx, account); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an empty keyring: %v", err)
	}
	for _, password := range []string{"s3same", "", `p:w@%2f/ #?+ü"\` + strings.Repeat("长", 60)} {
		if err := k.Set(ctx, account, password); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Get(ctx, account); err != nil || got != password {
			t.Errorf("got %q, %v, want %q", got, err, password)
		}
	}
	if err := k.Set(ctx, Account("other", "proxy.example.net:3128"), "another"); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(ctx, account); err != nil || !strings.HasPrefix(got, "p:w") {
		t.Errorf("two accounts: %q, %v", got, err)
	}
	if path, err := exec.LookPath("secret-tool"); err == nil { // what others see is where the package comment says
		if out, err := exec.Command(path, "lookup", "service", Service, "username", "other@proxy.example.net:3128").Output(); err != nil || string(out) != "another" {
			t.Errorf("secret-tool found %q, %v", out, err)
		}
	}

	// Locked, and nobody there to unlock it.
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").CallWithContext(ctx, "org.freedesktop.Secret.Service.Lock", 0,
		[]dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("it could not be locked: %v, %v", locked, err)
	}
	// It asks for a person to unlock it, and there is none: it says so, or nothing at all.
	k.Wait = Patience
	short, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if got, err := k.Get(short, account); !errors.Is(err, ErrLocked) && !errors.Is(err, ErrSlow) {
		t.Errorf("locked: %q, %v", got, err)
	}
	if err := k.Set(ctx, account, "new"); !errors.Is(err, ErrLocked) && !errors.Is(err, ErrSlow) {
		t.Errorf("locked: %v", err)
	}
}

func TestNoKeyring(t *testing.T) {
	b := desktest.SessionBus(t)
	k, ctx := ring(t), within(t)
	k.Wait = 20 * time.Second
	check := func(what string) {
		t.Helper()
		if _, err := k.Get(ctx, "me@proxy:1"); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", what, err)
		}
		if err := k.Set(ctx, "me@proxy:1", "x"); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("a bus without a Secret Service")
	b.Stop()
	check("the bus gone")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	check("no bus at all")
}

// oddService owns the name of the Secret Service and answers every call as it is told.
type oddService struct{ answer func() *dbus.Error }

func (s oddService) LookupObject(dbus.ObjectPath) (dbus.ServerObject, bool) { return s, true }
func (s oddService) LookupInterface(string) (dbus.Interface, bool)          { return s, true }
func (s oddService) LookupMethod(string) (dbus.Method, bool)                { return s, true }
func (s oddService) NumArguments() int                                      { return 0 }
func (s oddService) NumReturns() int                                        { return 1 }
func (s oddService) ArgumentValue(int) any                                  { return nil }
func (s oddService) ReturnValue(int) any                                    { return dbus.MakeVariant("nonsense") }
func (s oddService) DecodeArguments(*dbus.Conn, string, *dbus.Message, []any) ([]any, error) {
	return nil, nil
}

func (s oddService) Call(...any) ([]any, error) {
	if err := s.answer(); err != nil {
		return nil, *err
	}
	return []any{dbus.MakeVariant("nonsense")}, nil
}

func odd(t *testing.T, b *desktest.Bus, answer func() *dbus.Error) {
	t.Helper()
	desktest.Own(t, b.Connect(dbus.WithHandler(oddService{answer})), "org.freedesktop.secrets")
}

func TestAKeyringThatHangsIsNotWaitedFor(t *testing.T) {
	b := desktest.SessionBus(t)
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	asked := make(chan struct{}, 8)
	odd(t, b, func() *dbus.Error { asked <- struct{}{}; <-hung; return nil })
	k := ring(t)
	begun := time.Now()
	if err := k.Set(context.Background(), "me@proxy:1", "x"); !errors.Is(err, ErrSlow) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took < Patience || took > Patience+8*time.Second {
		t.Errorf("given up after %v, want %v", took, Patience)
	}
	<-asked // it was the keyring that hung, not something on the way to it
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := k.Get(ctx, "me@proxy:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAKeyringThatAnswersNonsense(t *testing.T) {
	b := desktest.SessionBus(t)
	odd(t, b, func() *dbus.Error { return nil })
	k := ring(t)
	k.Wait = 20 * time.Second
	if got, err := k.Get(within(t), "me@proxy:1"); err == nil {
		t.Errorf("a password came back: %q", got)
	}
	if err := k.Set(context.Background(), "me@proxy:1", "x"); err == nil {
		t.Error("it was kept")
	}
}

func TestWhatTheHelperIsAsked(t *testing.T) {
	none := &Keyring{Helper: func(context.Context) (*exec.Cmd, error) { return nil, errors.New("no such program") }}
	for _, account := range []string{"", "a\nb", "\xff", strings.Repeat("a", 2000)} {
		if _, err := none.Get(context.Background(), account); err == nil || strings.Contains(err.Error(), "no such program") {
			t.Errorf("%q was asked for: %v", account, err)
		}
	}
	if _, err := none.Get(context.Background(), "me@proxy:1"); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("got %v", err)
	}
	for _, script := range []string{"true", "echo hello", "exit 3", "yes | head -c 200000", "cat >/dev/null; echo '{\"password\":1}'"} {
		k := &Keyring{Helper: func(ctx context.Context) (*exec.Cmd, error) { return exec.CommandContext(ctx, "sh", "-c", script), nil }}
		if got, err := k.Get(within(t), "me@proxy:1"); err == nil || got != "" {
			t.Errorf("%s: %q, %v", script, got, err)
		}
	}
	for _, in := range []string{"", "hello", `{"account":1}`} {
		var out bytes.Buffer
		if err := Help(strings.NewReader(in), &out); err != nil || !strings.Contains(out.String(), `"error"`) {
			t.Errorf("%q: %v, %s", in, err, out.String())
		}
	}
}
