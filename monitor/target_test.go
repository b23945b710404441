package monitor

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTargetCheck(t *testing.T) {
	good := Target{Name: "office", Address: "192.0.2.7:7000", Heartbeat: "echo"}
	with := func(change func(*Target)) Target {
		t := good
		change(&t)
		return t
	}
	tests := []struct {
		name   string
		target Target
		field  string // empty: accepted
	}{
		{"name and address only", Target{Name: "a", Address: "192.0.2.7:1"}, ""},
		{"echo", good, ""},
		{"a name to look up", with(func(t *Target) { t.Address = "gate.example.net:65535" }), ""},
		{"IPv6 in brackets", with(func(t *Target) { t.Address = "[2001:db8::7]:7000" }), ""},
		{"IPv6 with a zone", with(func(t *Target) { t.Address = "[fe80::1%eth0]:7000" }), ""},
		{"a name in Chinese", with(func(t *Target) { t.Name = "办公室" }), ""},
		{"send and expect without a heartbeat mean line", with(func(t *Target) { t.Heartbeat, t.Send, t.Expect = "", "PING\n", "PONG" }), ""},
		{"direct", with(func(t *Target) { t.Via = "direct" }), ""},
		{"the shortest interval", with(func(t *Target) { t.Interval = 100 * time.Millisecond }), ""},

		{"no name", with(func(t *Target) { t.Name = "" }), "name"},
		{"a name of spaces", with(func(t *Target) { t.Name = "  " }), "name"},
		{"a name with a terminal escape", with(func(t *Target) { t.Name = "a\x1b[2J" }), "name"},
		{"a name with a newline", with(func(t *Target) { t.Name = "a\nb" }), "name"},
		{"a name that is not UTF-8", with(func(t *Target) { t.Name = "a\xff" }), "name"},
		{"a name of 201 bytes", with(func(t *Target) { t.Name = strings.Repeat("x", 201) }), "name"},

		{"no address", with(func(t *Target) { t.Address = "" }), "address"},
		{"no port", with(func(t *Target) { t.Address = "192.0.2.7" }), "address"},
		{"an empty port", with(func(t *Target) { t.Address = "192.0.2.7:" }), "address"},
		{"port 0", with(func(t *Target) { t.Address = "192.0.2.7:0" }), "address"},
		{"port 65536", with(func(t *Target) { t.Address = "192.0.2.7:65536" }), "address"},
		{"port -1", with(func(t *Target) { t.Address = "192.0.2.7:-1" }), "address"},
		{"port in words", with(func(t *Target) { t.Address = "192.0.2.7:http" }), "address"},
		{"port with a space", with(func(t *Target) { t.Address = "192.0.2.7: 80" }), "address"},
		{"no host", with(func(t *Target) { t.Address = ":7000" }), "address"},
		{"IPv6 without brackets", with(func(t *Target) { t.Address = "2001:db8::7:7000" }), "address"},
		{"a URL", with(func(t *Target) { t.Address = "http://192.0.2.7:80/" }), "address"},
		{"a user", with(func(t *Target) { t.Address = "me@192.0.2.7:80" }), "address"},
		{"a host with a space", with(func(t *Target) { t.Address = "the gate:80" }), "address"},
		{"a host with an escape", with(func(t *Target) { t.Address = "\x1b[2J:80" }), "address"},
		{"a host of 300 bytes", with(func(t *Target) { t.Address = strings.Repeat("x", 300) + ":80" }), "address"},

		{"a way that is not there", with(func(t *Target) { t.Via = "carrier-pigeon://loft" }), "via"},
		{"an unknown heartbeat", with(func(t *Target) { t.Heartbeat = "icmp" }), "heartbeat"},
		{"line without send", with(func(t *Target) { t.Heartbeat, t.Expect = "line", "PONG" }), "send"},
		{"line without expect", with(func(t *Target) { t.Heartbeat, t.Send = "line", "PING\n" }), "expect"},
		{"echo with send", with(func(t *Target) { t.Send = "PING\n" }), "send"},
		{"none with expect", with(func(t *Target) { t.Heartbeat, t.Expect = "none", "PONG" }), "expect"},

		{"a negative interval", with(func(t *Target) { t.Interval = -time.Second }), "interval"},
		{"an interval of a nanosecond", with(func(t *Target) { t.Interval = 1 }), "interval"},
		{"an interval of a year", with(func(t *Target) { t.Interval = 365 * 24 * time.Hour }), "interval"},
		{"the most negative interval", with(func(t *Target) { t.Interval = -1 << 63 }), "interval"},
		{"a negative timeout", with(func(t *Target) { t.Timeout = -1 }), "timeout"},
		{"a timeout below one retransmission", with(func(t *Target) { t.Timeout = 100 * time.Millisecond }), "timeout"},
		{"a timeout of a day", with(func(t *Target) { t.Timeout = 24 * time.Hour }), "timeout"},
		{"negative keepalive idle", with(func(t *Target) { t.Keepalive.Idle = -time.Second }), "keepalive.idle"},
		{"keepalive idle of half a second", with(func(t *Target) { t.Keepalive.Idle = 500 * time.Millisecond }), "keepalive.idle"},
		{"keepalive idle of one and a half", with(func(t *Target) { t.Keepalive.Idle = 1500 * time.Millisecond }), "keepalive.idle"},
		{"keepalive idle of ten hours", with(func(t *Target) { t.Keepalive.Idle = 10 * time.Hour }), "keepalive.idle"},
		{"keepalive interval of 2.5 s", with(func(t *Target) { t.Keepalive.Interval = 2500 * time.Millisecond }), "keepalive.interval"},
		{"keepalive count -1", with(func(t *Target) { t.Keepalive.Count = -1 }), "keepalive.count"},
		{"keepalive count 128", with(func(t *Target) { t.Keepalive.Count = 128 }), "keepalive.count"},
		{"a negative user timeout", with(func(t *Target) { t.Keepalive.UserTimeout = -time.Second }), "keepalive.user_timeout"},
		{"a user timeout of two days", with(func(t *Target) { t.Keepalive.UserTimeout = 48 * time.Hour }), "keepalive.user_timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.target.Check()
			_, nerr := New(tt.target)
			ferr := NewFleet(Options{}).Set([]Target{tt.target})
			if tt.field == "" {
				if err != nil || nerr != nil || ferr != nil {
					t.Fatalf("refused: Check %v, New %v, Set %v", err, nerr, ferr)
				}
				return
			}
			for where, err := range map[string]error{"Check": err, "New": nerr, "Set": ferr} {
				var te *TargetError
				if !errors.As(err, &te) {
					t.Fatalf("%s: error %v, want a *TargetError", where, err)
				}
				if te.Field != tt.field || te.Name != tt.target.Name {
					t.Errorf("%s: %q of %q (%v), want %q", where, te.Field, te.Name, err, tt.field)
				}
				if strings.ContainsAny(err.Error(), "\x1b\n\r") || !strings.Contains(err.Error(), tt.field) || te.Err == nil || !errors.Is(err, te.Err) {
					t.Errorf("%s: the message is %q", where, err)
				}
			}
		})
	}
}

func TestTargetDefaults(t *testing.T) {
	got := Target{Name: "a", Address: "192.0.2.7:1"}.WithDefaults()
	want := Target{Name: "a", Address: "192.0.2.7:1", Via: "direct", Heartbeat: "none", Interval: 500 * time.Millisecond, Timeout: 2 * time.Second,
		Keepalive: Keepalive{Idle: time.Second, Interval: time.Second, Count: 3, UserTimeout: 2 * time.Second}}
	if got != want {
		t.Errorf("defaults %+v, want %+v", got, want)
	}
	if again := got.WithDefaults(); again != got {
		t.Errorf("defaults of defaults differ: %+v", again)
	}
	set := Target{Name: "a", Address: "192.0.2.7:1", Via: "direct", Heartbeat: "echo", Interval: time.Second, Timeout: time.Minute,
		Keepalive: Keepalive{Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 9, UserTimeout: time.Minute}}
	if got := set.WithDefaults(); got != set {
		t.Errorf("what was set was changed: %+v", got)
	}
}
