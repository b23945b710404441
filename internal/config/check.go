package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"holdfast/monitor"
)

// checkTarget returns which field cannot be used, and why.
func checkTarget(t monitor.Target) (key string, err error) {
	if strings.TrimSpace(t.Name) == "" || len(t.Name) > 200 || strings.ContainsFunc(t.Name, unicode.IsControl) {
		return "name", errors.New("a name of 1 to 200 bytes was expected, without control characters")
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil || host == "" {
		return "address", fmt.Errorf("%q: expected host:port, an IPv6 address in brackets", t.Address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "address", fmt.Errorf("port %q: expected a number from 1 to 65535", port)
	}
	if t.Via != "" && t.Via != "direct" {
		return "via", fmt.Errorf("%q: only \"direct\" is there so far", t.Via)
	}
	switch t.Heartbeat {
	case "", "none", "echo", "line":
	default:
		return "heartbeat", fmt.Errorf("%q is not known; there are echo, line, none", t.Heartbeat)
	}
	switch {
	case t.Heartbeat == "line" && t.Send == "":
		return "send", errors.New("must not be empty with heartbeat \"line\"")
	case t.Heartbeat == "line" && t.Expect == "":
		return "expect", errors.New("must not be empty with heartbeat \"line\"")
	}
	if t.Interval != 0 && (t.Interval < 100*time.Millisecond || t.Interval > 24*time.Hour) {
		return "interval", fmt.Errorf("%v is outside 100ms to 24h", t.Interval)
	}
	return "", nil
}
