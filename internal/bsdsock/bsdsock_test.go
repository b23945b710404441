package bsdsock

import (
	"errors"
	"testing"
	"time"
)

var errNoOption = errors.New("protocol not available")

// fake is a socket of a system that knows these options.
func fake(system string, knows ...int) Socket {
	values := map[int]int{}
	check := func(level, name int) error {
		if level == solSocket && name == soKeepalive {
			return nil
		}
		for _, k := range knows {
			if level == ipprotoTCP && k == name {
				return nil
			}
		}
		return errNoOption
	}
	return Socket{
		has: Systems[system],
		set: func(level, name, value int) error {
			if err := check(level, name); err != nil {
				return err
			}
			values[name] = value
			return nil
		},
		get: func(level, name int) (int, error) { return values[name], check(level, name) },
	}
}

func TestKeepalive(t *testing.T) {
	asked := Keepalive{Idle: time.Second, Interval: 2 * time.Second, Count: 3, UserTimeout: 1500 * time.Millisecond}
	whole := Keepalive{Enabled: true, Idle: time.Second, Interval: 2 * time.Second, Count: 3, UserTimeout: 2 * time.Second}
	rest := whole
	rest.UserTimeout = 0
	for _, tt := range []struct {
		name, system string
		knows        []int
		want         Keepalive
		timeout      bool
	}{
		{"macOS", "darwin", []int{0x10, 0x101, 0x102, 0x80}, whole, true},
		{"FreeBSD 14", "freebsd", []int{0x100, 0x200, 0x400, 68}, whole, true},
		{"FreeBSD 13 has no user timeout", "freebsd", []int{0x100, 0x200, 0x400}, rest, false},
		{"NetBSD", "netbsd", []int{3, 5, 6}, rest, false},
		{"OpenBSD: only on or off", "openbsd", nil, Keepalive{Enabled: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := fake(tt.system, tt.knows...)
			if err := s.SetKeepalive(asked); err != nil {
				t.Fatal(err)
			}
			if err := s.SetUserTimeout(asked.UserTimeout); (err == nil) != tt.timeout || err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("user timeout: %v", err)
			}
			if got := s.Read(); got != tt.want {
				t.Errorf("reads back %+v, want %+v", got, tt.want)
			}
			if err := s.KeepaliveOff(); err != nil || s.Read().Enabled {
				t.Errorf("switched off: %+v, %v", s.Read(), err)
			}
		})
	}
	t.Run("a socket that takes nothing", func(t *testing.T) {
		s := fake("darwin")
		if err := s.SetKeepalive(asked); !errors.Is(err, errNoOption) {
			t.Errorf("%v", err)
		}
		if got := s.Read(); got != (Keepalive{}) {
			t.Errorf("reads back %+v", got)
		}
	})
}
