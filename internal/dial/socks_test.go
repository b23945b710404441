package dial

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

var socksReplies = []struct {
	name, in string
	code     byte
	used     int // bytes of the reply; 0: more are needed
	err      string
}{
	{name: "IPv4", in: "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38", used: 10},
	{name: "IPv4, and the server spoke at once", in: "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38hello", used: 10},
	{name: "IPv6", in: "\x05\x00\x00\x04" + strings.Repeat("\x20", 16) + "\x04\x38", used: 22},
	{name: "a name", in: "\x05\x00\x00\x03\x05proxy\x04\x38", used: 12},
	{name: "a name without letters", in: "\x05\x00\x00\x03\x00\x04\x38", used: 7},
	{name: "the longest name", in: "\x05\x00\x00\x03\xff" + strings.Repeat("\x00", 255) + "\x04\x38", used: 262},
	{name: "a name longer than what came", in: "\x05\x00\x00\x03\xff" + strings.Repeat("a", 20)},
	{name: "the reserved byte does not matter", in: "\x05\x00\xee\x01\x7f\x00\x00\x01\x04\x38", used: 10},
	{name: "refused", in: "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", code: 5, used: 2},
	{name: "refused, and no more", in: "\x05\x05", code: 5, used: 2},
	{name: "refused, an address type nobody knows", in: "\x05\x05\x00\x00", code: 5, used: 2},
	{name: "a code nobody knows", in: "\x05\xfe", code: 0xfe, used: 2},
	{name: "nothing"},
	{name: "one byte", in: "\x05"},
	{name: "SOCKS 4", in: "\x00\x5a", err: `no SOCKS 5 but "\x00"`},
	{name: "an HTTP proxy", in: "HT", err: `no SOCKS 5 but "H"`},
	{name: "address type 0", in: "\x05\x00\x00\x00", err: "address type 0"},
	{name: "address type 2", in: "\x05\x00\x00\x02\x01\x01", err: "address type 2"},
}

func TestSOCKSReply(t *testing.T) {
	for _, tt := range socksReplies {
		t.Run(tt.name, func(t *testing.T) {
			for n := 0; ; {
				code, need, done, err := socksReply([]byte(tt.in[:n]))
				switch {
				case err != nil:
					if tt.err == "" || !strings.Contains(err.Error(), tt.err) || !errors.Is(err, ErrProtocol) {
						t.Fatalf("got %v, want %q", err, tt.err)
					}
					return
				case done:
					if tt.err != "" || code != tt.code || n != tt.used {
						t.Fatalf("got code %d with %d bytes, want %d with %d, %q", code, n, tt.code, tt.used, tt.err)
					}
					return
				case need <= n || need > 4+1+255+2:
					t.Fatalf("has %d, needs %d", n, need)
				case n == len(tt.in):
					if tt.used != 0 || tt.err != "" {
						t.Fatalf("at the end it still needs %d", need)
					}
					return
				}
				n++ // a byte at a time: cut everywhere
			}
		})
	}
}

func FuzzSOCKSReply(f *testing.F) {
	for _, tt := range socksReplies {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it is read: only ever as much as is needed.
		have := 0
		for {
			code, need, done, err := socksReply(b[:have])
			if err != nil {
				if s := err.Error(); !errors.Is(err, ErrProtocol) || utf8.RuneCountInString(s) > maxText || s != printable(s, maxText) {
					t.Fatalf("%q", s)
				}
				return
			}
			if done {
				if have < 2 || b[0] != 5 || code != b[1] || code == 0 && (have < 7 || have > 262) || code != 0 && have != 2 {
					t.Fatalf("code %d from %q", code, b[:have])
				}
				return
			}
			if need <= have || need > 262 {
				t.Fatalf("has %d, needs %d", have, need)
			}
			if need > len(b) {
				return
			}
			have = need
		}
	})
}

func FuzzSOCKSMethod(f *testing.F) {
	f.Add([]byte{5, 0})
	f.Add([]byte{5, 2})
	f.Add([]byte{5, 0xff})
	f.Add([]byte("HT"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		for _, offer := range [][]byte{{5, 1, 0}, {5, 2, 0, 2}} {
			m, err := socksMethod(b[:2], offer)
			if err == nil && (b[0] != 5 || b[1] != m || m != methodNothing && bytes.IndexByte(offer[2:], m) < 0) {
				t.Fatalf("%v from %q", m, b[:2])
			}
		}
		_, _ = socksVerdict(b[:2])
	})
}

func TestSOCKSMessages(t *testing.T) {
	plain, _ := ParseVia("socks5://proxy")
	login, err := ParseVia("socks5://me:p%40ss@proxy")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a.", 126) + "b"
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"greeting", socksGreeting(plain), "\x05\x01\x00"},
		{"greeting with a login", socksGreeting(login), "\x05\x02\x00\x02"},
		{"login", socksLogin(login), "\x01\x02me\x04p@ss"},
		{"name", socksRequest("server.example.net", 7000), "\x05\x01\x00\x03\x12server.example.net\x1b\x58"},
		{"IPv4", socksRequest("192.0.2.1", 80), "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"},
		{"IPv6", socksRequest("2001:db8::1", 80), "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"},
		{"IPv4 in IPv6", socksRequest("::ffff:192.0.2.1", 80), "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"},
		{"the longest name", socksRequest(long, 1), "\x05\x01\x00\x03\xfd" + long + "\x00\x01"},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}
