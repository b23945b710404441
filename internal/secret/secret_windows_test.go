package secret

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

// The Credential Manager through the helper, as the program speaks to it.
func TestCredentialManager(t *testing.T) {
	k, ctx := ring(t), within(t)
	k.Wait = 20 * time.Second                                                   // of a busy machine
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
