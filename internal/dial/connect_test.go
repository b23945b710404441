package dial

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

var connectReplies = []struct {
	name, in string
	want     Reply
	rest     string // what belongs to the session
	err      string
	more     bool // the head is not complete
}{
	{name: "tinyproxy", in: "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n", want: Reply{Status: 200, Reason: "Connection established"}},
	{name: "squid", in: "HTTP/1.1 200 Connection established\r\n\r\n", want: Reply{Status: 200, Reason: "Connection established"}},
	{name: "the server spoke at once", in: "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n", want: Reply{Status: 200, Reason: "OK"}, rest: "SSH-2.0-OpenSSH_9.2\r\n"},
	{name: "no reason", in: "HTTP/1.1 200\r\n\r\n", want: Reply{Status: 200}},
	{name: "no reason but its space", in: "HTTP/1.1 200 \r\n\r\n", want: Reply{Status: 200}},
	{name: "line feeds alone", in: "HTTP/1.1 200 OK\nVia: 1.1 a\n\n\n", want: Reply{Status: 200, Reason: "OK", Via: "1.1 a"}, rest: "\n"},
	{name: "any 2xx is a tunnel, whatever its length says", in: "HTTP/1.1 204 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", want: Reply{Status: 204, Reason: "No"}, rest: "hello"},
	{name: "interim replies first", in: "HTTP/1.1 100 Continue\r\nVia: x\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", want: Reply{Status: 200, Reason: "OK"}, rest: "x"},
	{name: "eight interim replies", in: strings.Repeat("HTTP/1.1 100 a\r\n\r\n", 8) + "HTTP/1.1 200 OK\r\n\r\n", want: Reply{Status: 200, Reason: "OK"}},
	{name: "a flood of interim replies", in: strings.Repeat("HTTP/1.1 100 a\r\n\r\n", 9), err: "over 8 interim replies"},
	{name: "another protocol", in: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", err: "101 to CONNECT"},
	{name: "all the fields", in: "HTTP/1.1 503 Service Unavailable\r\nserver: squid/5.7\r\nVIA: 1.1 a\r\nVia: 1.1 b\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\nProxy-Status: p1; error=connection_refused, p2\r\nProxy-Status: p3;error=x\r\n\r\nbody",
		want: Reply{Status: 503, Reason: "Service Unavailable", Server: "squid/5.7", Via: "1.1 a, 1.1 b", SquidError: "ERR_CONNECT_FAIL", SquidErrno: 111, ProxyStatus: "p1; error=connection_refused, p2, p3;error=x", ProxyError: "connection_refused"}, rest: "body"},
	{name: "407", in: "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a\"\r\nProxy-Authenticate: NTLM\r\n\r\n", want: Reply{Status: 407, Reason: "Proxy Authentication Required", Auth: `Basic realm="a", NTLM`}},
	{name: "a chunked error body is left alone", in: "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", want: Reply{Status: 502, Reason: "Bad Gateway"}, rest: "5\r\nhello\r\n0\r\n\r\n"},
	{name: "a line of 64 KiB", in: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 64<<10) + "\r\nVia: b\r\n\r\n", want: Reply{Status: 200, Reason: "OK", Via: "b"}},
	{name: "a Via of 64 KiB is read over", in: "HTTP/1.1 200 OK\r\nVia: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", want: Reply{Status: 200, Reason: "OK"}},
	{name: "headers without end", in: "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 22000), err: "headers without end"},
	{name: "one header without end", in: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 140<<10), err: "headers without end"},
	{name: "a status line without end", in: "HTTP/1.1 200 " + strings.Repeat("b", 5<<10), err: "no HTTP reply"},
	{name: "a folded line", in: "HTTP/1.1 200 OK\r\nVia: a\r\n Via: b\r\n\tServer: c\r\n\r\n", want: Reply{Status: 200, Reason: "OK", Via: "a"}},
	{name: "no colon", in: "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", want: Reply{Status: 200, Reason: "OK"}},
	{name: "zero bytes and controls", in: "HTTP/1.1 403 a\x00b\x1b[2J\u202eab\xff\r\nServer: a\x00\rb\r\n\r\n", want: Reply{Status: 403, Reason: `a\x00b\x1b[2J\u202eab\xff`, Server: `a\x00\rb`}},
	{name: "a squid error without its number", in: "HTTP/1.1 403 F\r\nX-Squid-Error: ERR_X\r\n\r\n", want: Reply{Status: 403, Reason: "F", SquidError: "ERR_X"}},
	{name: "a squid error that is none", in: "HTTP/1.1 403 F\r\nX-Squid-Error: \x00 1\r\nX-Squid-Error: E 99999999\r\n\r\n", want: Reply{Status: 403, Reason: "F", SquidError: "E"}},
	{name: "nothing", in: "", more: true},
	{name: "an SSH server", in: "SSH-2.0-OpenSSH_9.2\r\n", err: `no HTTP reply but "SSH-2.0-OpenSSH_9.2"`},
	{name: "a SOCKS proxy", in: "\x05\xff", err: `no HTTP reply but "\x05\xff"`},
	{name: "HTTP 2", in: "HTTP/2 200\r\n\r\n", err: "no HTTP reply"},
	{name: "no number", in: "HTTP/1.1 2x0 OK\r\n\r\n", err: "no HTTP reply"},
	{name: "four digits", in: "HTTP/1.1 2000 OK\r\n\r\n", err: "no HTTP reply"},
	{name: "a status below 100", in: "HTTP/1.1 099 OK\r\n\r\n", err: "no HTTP reply"},
	{name: "an empty line first", in: "\r\nHTTP/1.1 200 OK\r\n\r\n", err: "no HTTP reply"},
	{name: "garbage is bounded", in: strings.Repeat("\x01", 10000), err: "no HTTP reply"},
}

func TestHeadReader(t *testing.T) {
	for _, tt := range connectReplies {
		t.Run(tt.name, func(t *testing.T) {
			h := headReader{show: Via{}.show}
			n, done, err := h.feed([]byte(tt.in))
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) || !errors.Is(err, ErrProtocol) || done {
					t.Fatalf("got %v, %v, want %q", done, err, tt.err)
				}
				if text := (&Error{Hop: HopProxy, Step: StepReply, Err: err}).Error(); utf8.RuneCountInString(text) > maxText || text != printable(text, maxText) {
					t.Errorf("the text cannot be shown: %q", text)
				}
				return
			case err != nil || done == tt.more:
				t.Fatalf("got %v, %v", done, err)
			}
			if h.reply != tt.want {
				t.Errorf("got  %+v\nwant %+v", h.reply, tt.want)
			}
			if rest := tt.in[n:]; rest != tt.rest {
				t.Errorf("rest %q, want %q", rest, tt.rest)
			}
		})
	}
}

// TestHeadReaderCut cuts every reply at every byte: each beginning asks for more, and both pieces together say what
// the whole says.
func TestHeadReaderCut(t *testing.T) {
	for _, tt := range connectReplies {
		if len(tt.in) > 2000 {
			continue
		}
		for cut := range len(tt.in) {
			h := headReader{show: Via{}.show}
			n, done, err := h.feed([]byte(tt.in[:cut]))
			if end := len(tt.in) - len(tt.rest); tt.err == "" && (err != nil || done != (cut >= end && !tt.more)) {
				t.Fatalf("%s, cut at %d: %v, %v", tt.name, cut, done, err)
			}
			if !done && err == nil {
				if n != cut {
					t.Fatalf("%s, cut at %d: took %d", tt.name, cut, n)
				}
				_, _, err = h.feed([]byte(tt.in[cut:]))
			}
			if (err != nil) != (tt.err != "") || err == nil && h.reply != tt.want {
				t.Fatalf("%s, cut at %d: got %+v, %v", tt.name, cut, h.reply, err)
			}
		}
	}
}

func FuzzHeadReader(f *testing.F) {
	for _, tt := range connectReplies {
		if len(tt.in) < 2000 {
			f.Add([]byte(tt.in), uint16(len(tt.in)/2))
		}
	}
	v, err := ParseVia("http://me:hunter2@proxy")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(connectRequest("server.example.net:1", v), uint16(7))
	f.Add(append([]byte("HTTP/1.1 500 "), connectRequest("server.example.net:1", v)...), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		whole := headReader{show: v.show}
		n, done, err := whole.feed(b)
		if n > len(b) || done && err != nil || !done && err == nil && n != len(b) {
			t.Fatalf("took %d of %d, %v, %v", n, len(b), done, err)
		}
		pieces := headReader{show: v.show}
		at := int(cut) % (len(b) + 1)
		n2, done2, err2 := pieces.feed(b[:at])
		if !done2 && err2 == nil {
			var more int
			more, done2, err2 = pieces.feed(b[at:])
			n2 += more
		}
		if done != done2 || (err == nil) != (err2 == nil) || err == nil && (n != n2 || whole.reply != pieces.reply) {
			t.Fatalf("whole: %d %v %v %+v\ncut at %d: %d %v %v %+v", n, done, err, whole.reply, at, n2, done2, err2, pieces.reply)
		}
		if len(whole.line) > maxLine || cap(whole.line) > 2*maxLine {
			t.Fatalf("keeps %d bytes", cap(whole.line))
		}
		r := whole.reply
		texts := []string{r.Reason, r.Via, r.Server, r.Auth, r.ProxyStatus, r.ProxyError, r.SquidError, r.said()}
		if err != nil {
			texts = append(texts, err.Error(), err2.Error())
		}
		for _, s := range texts {
			if utf8.RuneCountInString(s) > maxText+100 || s != printable(s, len(s)) {
				t.Fatalf("cannot be shown: %q", s)
			}
			if strings.Contains(s, "hunter2") || strings.Contains(s, v.basic()[:8]) {
				t.Fatalf("shows the password: %q", s)
			}
		}
		_ = r.Says()
	})
}

func FuzzProxyError(f *testing.F) {
	for _, s := range []string{`p; error=connection_refused`, `"a, b;error=x"; error=dns_error; rcode="NX"`, `p;error="\`, `,;=`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e := proxyError(s); e != "" && (!isToken(e) || !strings.Contains(s, "error="+e)) {
			t.Fatalf("%q: %q", s, e)
		}
	})
}

func TestProxyError(t *testing.T) {
	for in, want := range map[string]string{
		``:                            ``,
		`p`:                           ``,
		`p; error=connection_refused`: `connection_refused`,
		`p;received-status=503, q;error=dns_error;rcode="NXDOMAIN"`:   `dns_error`,
		`p; error=connection_timeout, q; error=proxy_internal_error`:  `connection_timeout`,
		`"p; error=no, \" error=no"; details="a;error=no"; error=yes`: `yes`,
		`p; error="quoted"`:                   ``,
		`p; error=`:                           ``,
		`p; error=a b`:                        ``,
		`p; errors=x`:                         ``,
		`p; details="never closed;error=x`:    ``,
		`p; details="\`:                       ``,
		`p; error=` + strings.Repeat("a", 61): ``,
	} {
		if got := proxyError(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestReplySays(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    Reply
		want Said
		hop  string
	}{
		{"no reply", Reply{}, SaidNothing, HopProxy},
		{"a tunnel", Reply{Status: 200}, SaidNothing, HopProxy},
		{"an interim reply and no more", Reply{Status: 100}, SaidNothing, HopProxy},
		{"login wanted", Reply{Status: 407, SquidError: "ERR_ACCESS_DENIED"}, SaidAuth, HopProxy},
		{"tinyproxy, wrong password", Reply{Status: 401}, SaidAuth, HopProxy},
		{"forbidden", Reply{Status: 403}, SaidDenied, HopProxy},
		{"no CONNECT there", Reply{Status: 405}, SaidUnsupported, HopProxy},
		{"a web server", Reply{Status: 404}, SaidUnsupported, HopProxy},
		{"500", Reply{Status: 500}, SaidFailed, HopProxy},
		{"502", Reply{Status: 502}, SaidFailed, HopProxy},
		{"503", Reply{Status: 503}, SaidFailed, HopProxy},
		{"504, which ncat says at once and of a refusal too", Reply{Status: 504}, SaidFailed, HopProxy},
		{"a redirect", Reply{Status: 302}, SaidFailed, HopProxy},
		{"a status nobody defined", Reply{Status: 999}, SaidFailed, HopProxy},
		{"squid, refused", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 111}, SaidRefused, HopServer},
		{"squid on FreeBSD, refused", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 61}, SaidRefused, HopServer},
		{"squid, host unreachable", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 113}, SaidHostUnreachable, HopServer},
		{"squid, timeout", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 110}, SaidTimeout, HopServer},
		{"squid, no route", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 101}, SaidNetUnreachable, HopProxy},
		{"squid, another number", Reply{Status: 503, SquidError: "ERR_CONNECT_FAIL", SquidErrno: 1}, SaidFailed, HopProxy},
		{"squid, name", Reply{Status: 503, SquidError: "ERR_DNS_FAIL"}, SaidName, HopProxy},
		{"squid, denied", Reply{Status: 403, SquidError: "ERR_ACCESS_DENIED"}, SaidDenied, HopProxy},
		{"Proxy-Status beats the status", Reply{Status: 504, ProxyError: "connection_refused"}, SaidRefused, HopServer},
		{"Proxy-Status, timeout", Reply{Status: 502, ProxyError: "connection_timeout"}, SaidTimeout, HopServer},
		{"Proxy-Status, name", Reply{Status: 502, ProxyError: "dns_error"}, SaidName, HopProxy},
		{"Proxy-Status, no way", Reply{Status: 502, ProxyError: "destination_ip_unroutable"}, SaidNetUnreachable, HopProxy},
		{"Proxy-Status, prohibited", Reply{Status: 502, ProxyError: "destination_ip_prohibited"}, SaidDenied, HopProxy},
		{"Proxy-Status, something else", Reply{Status: 502, ProxyError: "proxy_internal_error"}, SaidFailed, HopProxy},
		{"SOCKS 1", Reply{SOCKS: 1}, SaidFailed, HopProxy},
		{"SOCKS 2", Reply{SOCKS: 2}, SaidDenied, HopProxy},
		{"SOCKS 3", Reply{SOCKS: 3}, SaidNetUnreachable, HopProxy},
		{"SOCKS 4", Reply{SOCKS: 4}, SaidHostUnreachable, HopServer},
		{"SOCKS 5", Reply{SOCKS: 5}, SaidRefused, HopServer},
		{"SOCKS 6", Reply{SOCKS: 6}, SaidTimeout, HopServer},
		{"SOCKS 7", Reply{SOCKS: 7}, SaidUnsupported, HopProxy},
		{"SOCKS 8", Reply{SOCKS: 8}, SaidUnsupported, HopProxy},
		{"SOCKS 255", Reply{SOCKS: 255}, SaidFailed, HopProxy},
		{"SOCKS, no method", Reply{NoMethod: true}, SaidAuth, HopProxy},
		{"SOCKS, wrong password", Reply{AuthStatus: 1}, SaidAuth, HopProxy},
	} {
		if got := tt.r.Says(); got != tt.want || tt.r.hop() != tt.hop {
			t.Errorf("%s: got %q at %s, want %q at %s", tt.name, got, tt.r.hop(), tt.want, tt.hop)
		}
		if tt.want != SaidNothing && tt.r.said() == "" {
			t.Errorf("%s: no words", tt.name)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 5, ""},
		{"hello", 5, "hello"},
		{"hello!", 5, "hell…"},
		{"a\r\nb", 20, `a\r\nb`},
		{"a\x00\x1b\x7f\xff", 20, `a\x00\x1b\x7f\xff`},
		{"\u202e\u2028\u200b", 40, `\u202e\u2028\u200b`},
		{"密码", 2, "密码"},
		{"密码!", 2, "密…"},
		{"\n\n\n", 4, `\n…`},
		{"\ufffd", 5, "\ufffd"},
	} {
		if got := printable(tt.in, tt.limit); got != tt.want || utf8.RuneCountInString(got) > tt.limit {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestShowHidesThePassword(t *testing.T) {
	for _, password := range []string{"a", "abc", "abcd", "hunter2", "p@ss w/o"} {
		v, err := Via{scheme: "http", host: "proxy", port: 1}.WithCredentials("me", password)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{password, v.basic()} {
			for cut := min(4, len(secret)); cut <= len(secret); cut++ {
				for _, s := range []string{"XX" + secret[:cut], secret[len(secret)-cut:] + "XX", strings.Repeat(" ", 150) + secret[:cut]} {
					if got := v.show(s); got != "" {
						t.Errorf("password %q: %q is shown as %q", password, s, got)
					}
				}
			}
		}
	}
	v, _ := ParseVia("http://me:hunter2@proxy")
	if got := v.show("squid/5.7"); got != "squid/5.7" {
		t.Errorf("a harmless text is shown as %q", got)
	}
}
