package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_TEST_KEYRING") != "" {
		if err := Help(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// The Credential Manager through the helper, as the program speaks to it.
func TestCredentialManager(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := &Keyring{Wait: 20 * time.Second, Helper: func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), "HOLDFAST_TEST_KEYRING=1")
		return cmd, nil
	}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	account := Account("me-"+fmt.Sprint(os.Getpid()), "proxy.example.net:3128") // of nobody
	t.Cleanup(func() {
		if err := keyring.Delete(Service, account); err != nil {
			t.Error(err)
		}
	})
	if _, err := k.Get(ctx, account); !errors.Is(err, ErrNotFound) {
		t.Fatalf("nothing was kept: %v", err)
	}
	for _, password := range []string{"s3same", `p:w@%2f/ #?+ü"\` + strings.Repeat("长", 60)} {
		if err := k.Set(ctx, account, password); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Get(ctx, account); err != nil || got != password {
			t.Errorf("got %q, %v, want %q", got, err, password)
		}
	}
	if err := k.Set(ctx, account, strings.Repeat("长", 1000)); err == nil { // 2560 bytes at most
		t.Error("a password that is too long was kept")
	}
	if got, err := k.Get(ctx, account); err != nil || !strings.HasPrefix(got, "p:w") {
		t.Errorf("the old one became %q, %v", got, err)
	}
}
