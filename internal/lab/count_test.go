//go:build linux

package lab

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// frames of the lab's own addresses, as a capture shows them.
var frames = map[string]string{
	"who has the gateway":     "ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a c000020a 000000000000 c0000201",
	"answer to the gateway":   "020000000001 02000000000a 0806 0001 0800 06 04 0002 02000000000a c000020a 020000000001 c0000201",
	"SYN to the server":       "020000000001 02000000000a 0800 4500 0028 0000 4000 40 06 0000 c000020a c633640a 9c40 18eb 00000000 00000000 5002 faf0 0000 0000",
	"SYN with options of IP":  "020000000001 02000000000a 0800 4600 002c 0000 4000 40 06 0000 c000020a c633640a 01010101 9c40 18eb 00000000 00000000 5002 faf0 0000 0000",
	"UDP with one hop":        "020000000001 02000000000a 0800 4500 001c 0000 4000 01 11 0000 c000020a c633640a 9c40 8235 0008 0000",
	"a further fragment":      "020000000001 02000000000a 0800 4500 001c 0000 0010 40 11 0000 c000020a c633640a 9c40 8235 0008 0000",
	"ping to the gateway":     "020000000001 02000000000a 0800 4500 001c 0000 4000 40 01 0000 c000020a c0000201 0800 0000 0001 0001",
	"solicitation":            "3333ff000001 02000000000a 86dd 60000000 0018 3a ff 20010db8000100000000000000000010 ff0200000000000000000001ff000001 8700 0000 00000000 20010db8000100000000000000000001",
	"report of groups":        "333300000016 02000000000a 86dd 60000000 0014 00 01 20010db8000100000000000000000010 ff020000000000000000000000000016 3a 00 0502 00000100 8f00 0000 0000 0001 00000000",
	"RST over IPv6":           "020000000001 02000000000a 86dd 60000000 0014 06 40 20010db8000100000000000000000010 20010db8000200000000000000000010 9c40 18eb 00000000 00000000 5014 0000 0000 0000",
	"cut in the addresses":    "020000000001 02000000000a 0800 4500 0028 0000 4000 40 06",
	"cut in the ports":        "020000000001 02000000000a 0800 4500 0028 0000 4000 40 06 0000 c000020a c633640a 9c",
	"ARP of another hardware": "ffffffffffff 02000000000a 0806 0006 0800 08 04 0001 02000000000a c000020a 000000000000 c0000201 00000000",
}

func frame(t testing.TB, name string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(frames[name], " ", ""))
	if err != nil || len(b) == 0 {
		t.Fatalf("frame %q: %v", name, err)
	}
	return b
}

func TestParsePacket(t *testing.T) {
	port := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	bare := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 0) }
	tests := []struct {
		name  string
		want  Packet
		class string // of ToGateway
	}{
		{"who has the gateway", Packet{Kind: "arp", From: bare("192.0.2.10"), To: bare("192.0.2.1"), Asked: GatewayV4.Addr()}, "arp"},
		{"answer to the gateway", Packet{Kind: "arp", From: bare("192.0.2.10"), To: bare("192.0.2.1")}, "arp"},
		{"SYN to the server", Packet{Kind: "tcp", From: port("192.0.2.10:40000"), To: port("198.51.100.10:6379"), TTL: 64, Flags: FlagSYN}, ""},
		{"SYN with options of IP", Packet{Kind: "tcp", From: port("192.0.2.10:40000"), To: port("198.51.100.10:6379"), TTL: 64, Flags: FlagSYN}, ""},
		{"UDP with one hop", Packet{Kind: "udp", From: port("192.0.2.10:40000"), To: port("198.51.100.10:33333"), TTL: 1}, "ttl"},
		{"a further fragment", Packet{Kind: "other", From: bare("192.0.2.10"), To: bare("198.51.100.10"), TTL: 64}, ""},
		{"ping to the gateway", Packet{Kind: "icmp", From: bare("192.0.2.10"), To: bare("192.0.2.1"), TTL: 64, Type: 8}, "icmp"},
		{"solicitation", Packet{Kind: "icmp", From: bare("2001:db8:1::10"), To: bare("ff02::1:ff00:1"), TTL: 255, Type: 135, Asked: GatewayV6.Addr()}, "arp"},
		{"report of groups", Packet{Kind: "icmp", From: bare("2001:db8:1::10"), To: bare("ff02::16"), TTL: 1, Type: 143}, ""},
		{"RST over IPv6", Packet{Kind: "tcp", From: port("[2001:db8:1::10]:40000"), To: port("[2001:db8:2::10]:6379"), TTL: 64, Flags: FlagRST | FlagACK}, ""},
		{"cut in the addresses", Packet{Kind: "other"}, ""},
		{"cut in the ports", Packet{Kind: "other", From: bare("192.0.2.10"), To: bare("198.51.100.10"), TTL: 64}, ""},
		{"ARP of another hardware", Packet{Kind: "other"}, ""},
	}
	class := ToGateway(GatewayV4.Addr(), GatewayV6.Addr())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := frame(t, tt.name)
			tt.want.Length = len(b)
			got := ParsePacket(b)
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if c := class(got); c != "" {
				t.Errorf("received, it goes to the gateway as %q", c)
			}
			got.Out = true
			if c := class(got); c != tt.class {
				t.Errorf("to the gateway as %q, want %q", c, tt.class)
			}
		})
	}
}

func FuzzParsePacket(f *testing.F) {
	for name := range frames {
		f.Add(frame(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := ParsePacket(b)
		if p.Kind == "tcp" && !(p.From.IsValid() && p.To.IsValid()) || p.Kind == "arp" && !p.To.Addr().Is4() {
			t.Errorf("%v of % x", p, b)
		}
		_ = p.String()
		ToGateway(GatewayV4.Addr())(p)
	})
}

// What a host sends and receives is counted, each once, at its moment, to the last packet before Close.
func TestIntegrationCount(t *testing.T) {
	t.Parallel()
	l := New(t)
	c, err := l.Client.Count(Egress)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for _, to := range []netip.AddrPort{netip.AddrPortFrom(GatewayV4.Addr(), 9), netip.AddrPortFrom(GatewayV6.Addr(), 9), ServerAt(9)} {
		for range 5 {
			if conn, err := l.Client.Dial("tcp", to.String(), time.Second); err == nil {
				conn.Close()
				t.Errorf("%v accepts", to)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	end := time.Since(start) + time.Millisecond
	seen := c.Packets(start, end)
	type key struct {
		out   bool
		to    netip.Addr
		flags uint8
	}
	got := make(map[key]int)
	for _, p := range seen {
		if p.Kind == "tcp" {
			got[key{p.Out, p.To.Addr(), p.Flags &^ FlagACK}]++
		}
	}
	want := map[key]int{
		{true, GatewayV4.Addr(), FlagSYN}: 5, {true, GatewayV6.Addr(), FlagSYN}: 5, {true, ServerV4.Addr(), FlagSYN}: 5,
		{false, ClientV4.Addr(), FlagRST}: 10, {false, ClientV6.Addr(), FlagRST}: 5,
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%+v %d times, want %d", k, got[k], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := Tally(seen, ToGateway(GatewayV4.Addr(), GatewayV6.Addr()))["tcp"]; n != 10 {
		t.Errorf("%d segments to the gateway, want 10", n)
	}
	if early := c.Packets(start.Add(-time.Hour), time.Hour); Tally(early, ToGateway(GatewayV4.Addr()))["tcp"] > 0 {
		t.Errorf("packets before they were sent: %v", early)
	}
}

// A counter outlives its interface being switched off and on.
func TestIntegrationCountOverInterfaceOff(t *testing.T) {
	t.Parallel()
	l := New(t)
	c, err := l.Client.Count(Egress)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := l.DisableInterface()
	if err != nil {
		t.Fatal(err)
	}
	at, err := f.Repair()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		l.Client.Dial("tcp", ServerAt(9).String(), 300*time.Millisecond)
		syns := Tally(c.Packets(at, time.Hour), func(p Packet) string {
			if p.Out && p.Flags&FlagSYN != 0 && p.To == ServerAt(9) {
				return "syn"
			}
			return ""
		})
		if syns["syn"] > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is seen after the interface is back: %v", c.Packets(at, time.Hour))
		}
	}
}
