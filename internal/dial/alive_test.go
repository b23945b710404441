package dial

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

const optionsAsked = "OPTIONS * HTTP/1.1\r\nHost: proxy.example.net:3128\r\nMax-Forwards: 0\r\nConnection: close\r\nUser-Agent: holdfast\r\n\r\n"

func TestAlive(t *testing.T) {
	const (
		viaHTTP  = "http://me:hunter2@proxy.example.net:3128"
		viaSOCKS = "socks5://me:hunter2@proxy.example.net"
	)
	for _, tt := range []struct {
		name, via string
		script    []line
		hold      bool
		took      time.Duration
		text      string // of the error; empty: alive
		is        error
	}{
		{name: "HTTP, 200", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 200 OK\r\n\r\n"}}},
		{name: "HTTP, 400", via: viaHTTP, script: []line{{want: optionsAsked, after: 300 * time.Millisecond, send: "HTTP/1.0 400 Bad Request\r\n\r\n<html>"}}, hold: true, took: 300 * time.Millisecond},
		{name: "HTTP, 407", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 407 Login\r\n"}}, hold: true},
		{name: "HTTP, 501 and no more than its first line", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 501\r\n"}}},
		{name: "HTTP, an interim reply", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 100 Continue\r\n\r\n"}}, hold: true},
		{name: "HTTP, another protocol", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 101 X\r\n\r\n"}}, hold: true},
		{name: "HTTP, a byte at a time", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 403 No\r\n", drip: 10 * time.Millisecond}}, hold: true, took: 160 * time.Millisecond},
		{name: "HTTP, silent", via: viaHTTP, script: []line{{want: optionsAsked}}, hold: true, took: time.Minute, text: "proxy: reply:", is: context.DeadlineExceeded},
		{name: "HTTP, does not even read", via: viaHTTP, script: []line{{after: time.Hour}}, took: time.Minute, text: "proxy: request:", is: context.DeadlineExceeded},
		{name: "HTTP, half a line and then nothing", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 2"}}, hold: true, took: replyPatience, text: "began an answer", is: context.DeadlineExceeded},
		{name: "HTTP, a line without end", via: viaHTTP, script: []line{{want: optionsAsked, send: "HTTP/1.1 " + strings.Repeat("2", maxLine)}}, hold: true, text: "no HTTP reply", is: ErrProtocol},
		{name: "HTTP, hangs up", via: viaHTTP, script: []line{{want: optionsAsked}}, text: "without a word", is: io.EOF},
		{name: "HTTP, an SSH server", via: viaHTTP, script: []line{{want: optionsAsked, send: "SSH-2.0-x\r\n"}}, hold: true, text: `no HTTP reply but "SSH-2.0-x"`, is: ErrProtocol},
		{name: "SOCKS, takes the login", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}}, hold: true},
		{name: "SOCKS, takes none of the methods", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\xff"}}},
		{name: "SOCKS, one byte and then another", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x00", drip: time.Second}}, hold: true, took: time.Second},
		{name: "SOCKS, silent", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02"}}, hold: true, took: time.Minute, text: "proxy: greeting:", is: context.DeadlineExceeded},
		{name: "SOCKS, hangs up", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02"}}, text: "without a word", is: io.EOF},
		{name: "SOCKS, an HTTP proxy", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02", send: "HTTP/1.1 400 Bad\r\n\r\n"}}, text: "no SOCKS 5", is: ErrProtocol},
		{name: "SOCKS, version 1", via: viaSOCKS, script: []line{{want: "\x05\x02\x00\x02", send: "\x01\x00"}}, text: "no SOCKS 5", is: ErrProtocol},
		{name: "no proxy", via: "direct", text: "a proxy was expected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, ours, played := against(t, tt.via, tt.script, tt.hold)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				err := Alive(ctx, ours, v)
				if took := time.Since(began); took != tt.took {
					t.Errorf("after %v, want %v", took, tt.took)
				}
				var de *Error
				if alive := tt.text == ""; alive != (err == nil) || !alive && (!errors.As(err, &de) || de.Hop != HopProxy) {
					t.Fatalf("got %v", err)
				}
				if err != nil {
					text := err.Error()
					if !strings.Contains(text, tt.text) || utf8.RuneCountInString(text) > maxText || text != printable(text, maxText) {
						t.Errorf("got %q, want %q", text, tt.text)
					}
					if tt.is != nil && !errors.Is(err, tt.is) {
						t.Errorf("%v is not %v", err, tt.is)
					}
				}
				if err := ours.Close(); err != nil {
					t.Error(err)
				}
				if perr := <-played; perr != nil && err == nil {
					t.Error(perr)
				}
			})
		})
	}
}

func TestAliveNamesTheProxy(t *testing.T) {
	for via, want := range map[string]string{
		"http://proxy.example.net":   "proxy.example.net:80",
		"http://[2001:db8::1]:3128":  "[2001:db8::1]:3128",
		"http://[fe80::1%eth0]:3128": "[fe80::1]:3128",
		"http://me:pw@192.0.2.1:1":   "192.0.2.1:1",
	} {
		v, err := ParseVia(via)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(optionsRequest(v)); got != strings.Replace(optionsAsked, "proxy.example.net:3128", want, 1) {
			t.Errorf("%s: asks %q", via, got)
		}
	}
}

// TestThroughCut has the proxy stop at every byte of what it has to say, by hanging up and by falling silent: what was
// said decides when it was enough, and a tunnel never stands on half an answer.
func TestThroughCut(t *testing.T) {
	type talk struct {
		name, via string
		says      []line
		enough    int // bytes that say all
		failed    Said
	}
	login := []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "\x01\x00"}}
	const head = "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy\r\n\r\n"
	const squid = "HTTP/1.1 503 Service Unavailable\r\nServer: squid\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
	for _, tt := range []talk{
		{"a tunnel", "http://me:hunter2@proxy", []line{{want: loginCONNECT, send: head}}, len(head), SaidNothing},
		{"interim replies", "http://me:hunter2@proxy", []line{{want: loginCONNECT, send: "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + head}}, 31 + len(head), SaidNothing},
		{"an error with a chunked body", "http://me:hunter2@proxy", []line{{want: loginCONNECT, send: squid}}, strings.Index(squid, "\n") + 1, SaidFailed},
		{"SOCKS to a name", "socks5://me:hunter2@proxy", append(login, line{want: socksName, send: "\x05\x00\x00\x03\x05proxy\x1b\x58"}), 4 + 12, SaidNothing},
		{"SOCKS to an IPv6 address", "socks5://me:hunter2@proxy", append(login, line{want: socksName, send: "\x05\x00\x00\x04" + strings.Repeat("\x20", 16) + "\x1b\x58"}), 4 + 22, SaidNothing},
		{"SOCKS, refused", "socks5://me:hunter2@proxy", append(login, line{want: socksName, send: "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}), 4 + 2, SaidRefused},
	} {
		v, err := ParseVia(tt.via)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, l := range tt.says {
			whole += len(l.send)
		}
		for cut := 0; cut <= whole; cut++ {
			for _, silent := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					var script []line
					left := cut
					for _, l := range tt.says {
						n := min(left, len(l.send))
						l.send = l.send[:n]
						script = append(script, l)
						if left -= n; left == 0 {
							break
						}
					}
					ours, theirs := net.Pipe()
					go func() { _ = play(theirs, script, silent) }()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					reply, rest, err := Through(ctx, ours, v, "server.example.net:7000", Options{})
					var de *Error
					switch {
					case err == nil:
						if cut < tt.enough || tt.failed != SaidNothing || len(rest) != 0 {
							t.Errorf("%s, cut at %d: a tunnel, rest %q", tt.name, cut, rest)
						}
						_ = ours.Close()
					case !errors.As(err, &de):
						t.Errorf("%s, cut at %d: %v", tt.name, cut, err)
					case tt.failed != SaidNothing && cut >= tt.enough && reply.Says() == SaidNothing,
						tt.failed == SaidNothing && cut >= tt.enough, cut < tt.enough && reply.Says() != SaidNothing:
						t.Errorf("%s, cut at %d: %v", tt.name, cut, err)
					case cut < tt.enough && errors.Is(err, io.EOF) == silent, cut < tt.enough && errors.Is(err, context.DeadlineExceeded) != silent:
						t.Errorf("%s, cut at %d (silent: %v): %v", tt.name, cut, silent, err)
					}
				})
			}
		}
	}
}

// TestOddCredentials: what a person writes is what the proxy is told, byte by byte, and never more than that.
func TestOddCredentials(t *testing.T) {
	for _, tt := range []struct{ written, user, password string }{
		{"me:pass", "me", "pass"},
		{"me:", "me", ""},
		{"me", "me", ""},
		{"w%C3%A9%20ird:p@ss:w/o%2541+%22#", "wé ird", `p@ss:w/o%41+"#`},
		{"我:密码", "我", "密码"},
		{"DOM%5Cme:a%26b%3Dc%3F", `DOM\me`, "a&b=c?"},
		{"me%40example.net:%20 %20", "me@example.net", "   "},
		{"me:'\"`$(id);|<>", "me", "'\"`$(id);|<>"},
		{"me:%F0%9F%94%91%E2%80%AE", "me", "🔑\u202e"},
		{strings.Repeat("u", 255) + ":" + strings.Repeat("p", 255), strings.Repeat("u", 255), strings.Repeat("p", 255)},
	} {
		for _, scheme := range []string{"http", "socks5"} {
			v, err := ParseVia(scheme + "://" + tt.written + "@proxy")
			if err != nil {
				t.Errorf("%.40q: %v", tt.written, err)
				continue
			}
			if scheme == "socks5" {
				want := "\x01" + string([]byte{byte(len(tt.user))}) + tt.user + string([]byte{byte(len(tt.password))}) + tt.password
				if got := string(socksLogin(v)); got != want {
					t.Errorf("%.40q: logs in with %q, want %q", tt.written, got, want)
				}
				continue
			}
			_, field, _ := strings.Cut(string(connectRequest("a:1", v)), "\r\nProxy-Authorization: Basic ")
			token, end, _ := strings.Cut(field, "\r\n")
			if got, err := base64.StdEncoding.DecodeString(token); err != nil || string(got) != tt.user+":"+tt.password || end != "\r\n" {
				t.Errorf("%.40q: logs in with %q (%v), then %q", tt.written, got, err, end)
			}
		}
	}
}

// A wire is a connection whose peer says what it has to say, so many bytes at a time, and hangs up.
type wire struct {
	net.Conn // nil: nothing else may be used
	says     []byte
	piece    int
	closed   bool
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.says) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.says[:min(w.piece, len(w.says))])
	w.says = w.says[n:]
	return n, nil
}
func (w *wire) Write(p []byte) (int, error) { return len(p), nil }
func (w *wire) SetDeadline(time.Time) error { return nil }
func (w *wire) Close() error                { w.closed = true; return nil }

// FuzzTalk holds whole conversations with a peer that says anything.
func FuzzTalk(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 100 a\r\n\r\nHTTP/1.1 503 hunter2\r\n\r\n", loginCONNECT, optionsAsked,
		"\x05\x02\x01\x00" + socksOK + "hello", "\x05\x00\x05\x05", "\x05\xff", "\x05\x02\x01\x01", "\x05\x02\x05\x00\x05\x00\x00\x03\x02ab\x00\x01", "\x04\x5a"} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(1))
	}
	http, err := ParseVia("http://me:hunter2@proxy")
	if err != nil {
		f.Fatal(err)
	}
	socks, err := ParseVia("socks5://me:hunter2@proxy")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		for _, v := range []Via{http, socks} {
			w := &wire{says: b, piece: int(piece) + 1}
			reply, rest, err := Through(t.Context(), w, v, "server.example.net:7000", Options{})
			if err == nil != !w.closed {
				t.Fatalf("%q: closed %v, %v", b, w.closed, err)
			}
			if err == nil {
				// What was taken ends with the reply, and the session has all that follows.
				taken, follows := bytes.CutSuffix(b, append(bytes.Clone(rest), w.says...))
				if !follows || v == http && !bytes.HasSuffix(taken, []byte("\n\r\n")) && !bytes.HasSuffix(taken, []byte("\n\n")) || v == socks && len(taken) < 2+7 {
					t.Fatalf("%q: %q was taken, and the session would begin with %q", b, taken, rest)
				}
			}
			texts := []string{reply.Reason, reply.Via, reply.Server, reply.Auth, reply.ProxyStatus, reply.ProxyError, reply.SquidError}
			if err != nil {
				texts = append(texts, checkText(t, err))
			}
			w = &wire{says: b, piece: int(piece) + 1}
			if err := Alive(t.Context(), w, v); err != nil {
				texts = append(texts, checkText(t, err))
			} else if !strings.HasPrefix(string(b), "HTTP/1.") && b[0] != socksVersion {
				t.Fatalf("%q passes for life", b)
			}
			if w.closed {
				t.Fatal("it is the caller's to close")
			}
			for _, s := range texts {
				if s != printable(s, len(s)) || strings.Contains(s, "hunter2") || strings.Contains(s, v.basic()[:8]) {
					t.Fatalf("%q must not be shown", s)
				}
			}
		}
	})
}

func checkText(t *testing.T, err error) string {
	var de *Error
	if !errors.As(err, &de) || utf8.RuneCountInString(err.Error()) > maxText || de.Got < 0 {
		t.Fatalf("got %v", err)
	}
	return err.Error()
}
