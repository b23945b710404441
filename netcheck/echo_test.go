package netcheck

import (
	"encoding/hex"
	"testing"
)

// echoBytes makes the beginning of a reply as Windows lays it out.
func echoBytes(v6 bool, sender string, status uint32) (b [echoReplySize]byte) {
	a := ip(sender)
	le := func(at int) {
		b[at], b[at+1], b[at+2], b[at+3] = byte(status), byte(status>>8), byte(status>>16), byte(status>>24)
	}
	if v6 {
		six := a.As16()
		copy(b[6:], six[:])
		le(28)
		return b
	}
	four := a.As4()
	copy(b[:], four[:])
	le(4)
	return b
}

func TestParseEcho(t *testing.T) {
	const router, host, router6 = "198.51.100.9", "203.0.113.7", "2001:db8::1"
	tests := []struct {
		name   string
		v6     bool
		sender string
		status uint32
		says   func(ICMPError) bool // nil: a datagram
		ok     bool
	}{
		{"the host answers", false, host, 0, nil, true},
		{"the host answers, IPv6", true, router6, 0, nil, true},
		{"a station lets it end", false, router, 11013, ICMPError.TimeExceeded, true},
		{"a station lets it end, IPv6", true, router6, 11013, ICMPError.TimeExceeded, true},
		{"no route", false, router, 11002, ICMPError.NetUnreachable, true},
		{"no route, IPv6", true, router6, 11002, ICMPError.NetUnreachable, true},
		{"no host", false, router, 11003, ICMPError.HostUnreachable, true},
		{"no host, IPv6", true, router6, 11003, ICMPError.HostUnreachable, true},
		{"a rule", false, router, 11004, ICMPError.Prohibited, true},
		{"a rule, IPv6", true, router6, 11004, ICMPError.Prohibited, true},
		{"a port", false, host, 11005, ICMPError.PortUnreachable, true},
		{"a port, IPv6", true, router6, 11005, ICMPError.PortUnreachable, true},
		{"no host, or a rule, or whatever, IPv6", true, router6, 11040, ICMPError.HostUnreachable, true},
		{"its time was up, IPv6", true, router6, 11041, ICMPError.TimeExceeded, true},
		{"nobody", false, "0.0.0.0", 11010, nil, false},
		{"nobody, IPv6", true, "::", 11010, nil, false},
		{"it could not be sent", false, "192.0.2.10", 11050, nil, false},
		{"it could not be sent, IPv6", true, "2001:db8::10", 11050, nil, false},
		{"success of nobody", false, "0.0.0.0", 0, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := echoBytes(tt.v6, tt.sender, tt.status)
			r, ok := parseEcho(&b, tt.v6)
			if ok != tt.ok {
				t.Fatalf("%+v, %v", r, ok)
			}
			if ok && (r.sender != ip(tt.sender) || r.data != (tt.says == nil) || r.data == !r.icmp.IsZero() || tt.says != nil && !tt.says(r.icmp)) {
				t.Errorf("%+v", r)
			}
		})
	}
	// What wine 8.0 wrote in a network of namespaces.
	for _, tt := range [...]struct {
		name, bytes, sender string
		says                func(ICMPError) bool
	}{
		{"the host", "0a480007000000000b00000008000100c8d23400000000003f00000002000000c8d23400", "10.72.0.7", nil},
		{"a router on the way", "0a470001052b00000a0000000000010038d534000000000040c000000200000038d53400", "10.71.0.1", ICMPError.TimeExceeded},
		{"a router that has no route", "0a470001fa2a00000000000000000100c8d234000000000040c0000002000000c8d23400", "10.71.0.1", ICMPError.NetUnreachable},
	} {
		var b [echoReplySize]byte
		if n, err := hex.Decode(b[:], []byte(tt.bytes)); err != nil || n != len(b) {
			t.Fatal(n, err)
		}
		if r, ok := parseEcho(&b, false); !ok || r.sender != ip(tt.sender) || r.data != (tt.says == nil) || tt.says != nil && !tt.says(r.icmp) {
			t.Errorf("%s: %+v, %v", tt.name, r, ok)
		}
	}
}

func FuzzParseEcho(f *testing.F) {
	four, six := echoBytes(false, "198.51.100.9", 11013), echoBytes(true, "2001:db8::1", 11003)
	f.Add(four[:], false)
	f.Add(six[:], true)
	f.Fuzz(func(t *testing.T, in []byte, v6 bool) {
		var b [echoReplySize]byte
		copy(b[:], in)
		r, ok := parseEcho(&b, v6)
		if ok && (!r.sender.IsValid() || r.sender.IsUnspecified() || r.data == !r.icmp.IsZero() || r.sender.Is6() != v6) {
			t.Errorf("%+v", r)
		}
	})
}

func TestParseICMPInfo(t *testing.T) {
	make := func(sender string, protocol, typ, code byte) (b [icmpInfoSize]byte) {
		a := putInet(ip(sender), 0)
		copy(b[:], a[:])
		b[sockaddrSize], b[sockaddrSize+4], b[sockaddrSize+5] = protocol, typ, code
		return b
	}
	b := make("198.51.100.9", 1, 3, 13)
	if e, ok := parseICMPInfo(&b); !ok || e != (ICMPError{Type: 3, Code: 13, Sender: ip("198.51.100.9")}) || !e.Prohibited() {
		t.Errorf("%+v, %v", e, ok)
	}
	b = make("2001:db8::1", 58, 1, 3)
	if e, ok := parseICMPInfo(&b); !ok || !e.V6 || !e.HostUnreachable() || e.Sender != ip("2001:db8::1") {
		t.Errorf("%+v, %v", e, ok)
	}
	for _, none := range [...][icmpInfoSize]byte{{}, make("0.0.0.0", 1, 3, 1), make("::", 58, 1, 3)} {
		if e, ok := parseICMPInfo(&none); ok {
			t.Errorf("%+v", e)
		}
	}
}
