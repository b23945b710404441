package winsock

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// fakeSocket answers as a Windows of some age does.
type fakeSocket struct {
	has    []int // the options of TCP that it knows
	values map[int]int
	said   []string
}

var errNoOption = errors.New("WSAENOPROTOOPT")

func (f *fakeSocket) socket() Socket {
	f.values = map[int]int{}
	known := func(level, name int) bool { return level == solSocket || slices.Contains(f.has, name) }
	return Socket{
		set: func(level, name, value int) error {
			if !known(level, name) {
				return errNoOption
			}
			f.values[level<<8|name] = value
			return nil
		},
		get: func(level, name int) (int, error) {
			if !known(level, name) {
				return 0, errNoOption
			}
			return f.values[level<<8|name], nil
		},
		vals: func(idle, interval time.Duration) error {
			f.said = append(f.said, fmt.Sprint(idle, interval))
			f.values[solSocket<<8|soKeepalive] = 1
			return nil
		},
	}
}

func TestKeepalive(t *testing.T) {
	asked := Keepalive{Idle: 2 * time.Second, Interval: time.Second, Count: 3, UserTimeout: 1500 * time.Millisecond}
	now := []int{tcpKeepIdle, tcpKeepIntv, tcpKeepCnt, tcpMaxRT}
	for _, tt := range []struct {
		name  string
		has   []int
		asked Keepalive
		said  []string // to SIO_KEEPALIVE_VALS
		want  Keepalive
	}{
		{"Windows 10 1709 and later", now, asked, []string{"2s 300ms"},
			Keepalive{Enabled: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3, UserTimeout: 2 * time.Second}},
		{"no option at all: ten probes in the time of three", nil, asked, []string{"2s 300ms"},
			Keepalive{Enabled: true, Idle: 2 * time.Second, Interval: 300 * time.Millisecond, Count: 10}},
		{"Windows 10 1703: only the number can be set", []int{tcpKeepCnt, tcpMaxRT}, asked, []string{"2s 300ms"},
			Keepalive{Enabled: true, Idle: 2 * time.Second, Interval: 300 * time.Millisecond, Count: 10, UserTimeout: 2 * time.Second}},
		{"one probe a second is spread no thinner than 100 ms", nil, Keepalive{Idle: time.Second, Interval: time.Second, Count: 1}, []string{"1s 100ms"},
			Keepalive{Enabled: true, Idle: time.Second, Interval: 100 * time.Millisecond, Count: 10}},
		{"the longest", nil, Keepalive{Idle: 32767 * time.Second, Interval: 32767 * time.Second, Count: 127}, []string{"9h6m7s 115h35m40.9s"},
			Keepalive{Enabled: true, Idle: 32767 * time.Second, Interval: 416140900 * time.Millisecond, Count: 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeSocket{has: tt.has}
			s := f.socket()
			if err := s.SetKeepalive(tt.asked); err != nil {
				t.Fatal(err)
			}
			_ = s.SetUserTimeout(tt.asked.UserTimeout) // an error where it is not there
			if got := s.Read(tt.asked); got != tt.want {
				t.Errorf("reads back %+v, want %+v", got, tt.want)
			}
			if !slices.Equal(f.said, tt.said) {
				t.Errorf("SIO_KEEPALIVE_VALS was told %q, want %q", f.said, tt.said)
			}
			if err := s.KeepaliveOff(); err != nil {
				t.Fatal(err)
			}
			if got := s.Read(tt.asked); got.Enabled {
				t.Errorf("still on: %+v", got)
			}
		})
	}
}

func TestTCPInfo(t *testing.T) {
	// TCP_INFO_v0: established, 1460, 61 s old; no timestamps, round trip 1.5 ms, least 1 ms, some bytes under way, windows and
	// buffer, 4096 out, 8192 in; none reordered; bytes resent, fast retransmissions, repeated acknowledgements, timeouts, one SYN.
	structure := func(inFlight, fast, timeouts string) string {
		return "04000000b405000048ee000000000000" + "00000000dc050000e8030000" + inFlight + "10270000ffff0000ffff000000000100" +
			"00100000000000000020000000000000" + "0000000014000000" + fast + "00000000" + timeouts + "00000000"
	}
	for _, tt := range []struct {
		name string
		in   string
		want TCPInfo
		ok   bool
	}{
		{"all acknowledged", structure("00000000", "00000000", "00000000"), TCPInfo{RTT: 1500 * time.Microsecond}, true},
		{"20 bytes are not, and something was lost", structure("14000000", "02000000", "03000000"), TCPInfo{RTT: 1500 * time.Microsecond, InFlight: 20, FastRetrans: 2, Timeouts: 3}, true},
		{"cut short", structure("00000000", "00000000", "00000000")[:2*infoSize-2], TCPInfo{}, false},
		{"nothing", "", TCPInfo{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := parseTCPInfo(b); ok != tt.ok || got != tt.want {
				t.Errorf("got %+v (%v), want %+v (%v)", got, ok, tt.want, tt.ok)
			}
		})
	}
}
