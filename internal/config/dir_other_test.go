//go:build !windows

package config

import (
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for _, c := range []struct{ xdg, want string }{
		{"/etc/mine", "/etc/mine/holdfast/holdfast.toml"},
		{"relative", "/home/somebody/.config/holdfast/holdfast.toml"},
	} {
		t.Setenv("XDG_CONFIG_HOME", c.xdg)
		if got, err := Path(); err != nil || got != c.want {
			t.Errorf("XDG_CONFIG_HOME=%s: got %s, %v; want %s", c.xdg, got, err, c.want)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	if got, err := Path(); err != nil || !strings.HasPrefix(got, "/home/somebody/") {
		t.Errorf("unset: got %s, %v", got, err)
	}
}
