//go:build !windows

package netcheck

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestResolvers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# a comment\nsearch example.net\nnameserver 127.0.0.53\n nameserver\t192.0.2.53 \nnameserver\nnameserver nonsense\n" +
		"nameserver 2001:db8::53\nnameserver 198.51.100.53\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")}
	if got := resolvers(path); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := resolvers(path + ".not"); got != nil {
		t.Errorf("of a file that is not there: %v", got)
	}
}
