package main

import (
	"strings"
	"testing"

	"holdfast/monitor"
)

// A URL as it is pasted says where the server is and how it is asked; its login is not kept.
func TestAddressOfAURL(t *testing.T) {
	for _, c := range []struct {
		given string
		flags addressFlags
		want  monitor.Target
	}{
		{"redis://cache.example.net", addressFlags{}, monitor.Target{Address: "cache.example.net:6379", Heartbeat: "line", Send: "PING\r\n", Expect: "+PONG"}},
		{"redis://:secret@cache.example.net/0", addressFlags{}, monitor.Target{Address: "cache.example.net:6379", Heartbeat: "line", Send: "PING\r\n", Expect: "NOAUTH"}},
		{"redis://cache.example.net:7000", addressFlags{heartbeat: "none"}, monitor.Target{Address: "cache.example.net:7000", Heartbeat: "none"}},
		{"redis://cache.example.net", addressFlags{send: "a", expect: "b"}, monitor.Target{Address: "cache.example.net:6379", Heartbeat: "line", Send: "a", Expect: "b"}},
		{"https://me@[2001:db8::7]/path", addressFlags{}, monitor.Target{Address: "[2001:db8::7]:443"}},
		{"office:22", addressFlags{}, monitor.Target{Address: "office:22"}},
	} {
		f := c.flags
		got, err := f.targets((&program{}).newCheck(), []string{c.given})
		if err != nil {
			t.Errorf("%s: %v", c.given, err)
			continue
		}
		c.want.Name = c.want.Address
		if got[0] != c.want {
			t.Errorf("%s: %+v, want %+v", c.given, got[0], c.want)
		}
	}
	for given, says := range map[string]string{
		"nowhere":                 `"nowhere": expected host:port`,
		"nosuch://office":         `expected a number from 1 to 65535`,
		"office:70000":            `"office:70000": port "70000": expected`,
		"me@office:22":            "belong to --via",
		"nosuch://me:pass@office": "belong to --via",
	} {
		var f addressFlags
		_, err := f.targets((&program{}).newCheck(), []string{given})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), given) > 1 || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%s: %v, want %s", given, err, says)
		}
	}
}
