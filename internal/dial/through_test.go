package dial

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// A line of a script of a fake proxy: what it must receive, then what it sends, or what else it does.
type line struct {
	want  string        // exactly this is read first
	after time.Duration // then it waits
	send  string        // then it sends this
	drip  time.Duration // a byte each so long
}

// play runs the script on c and then hangs up, or with hold waits until the other end does.
func play(c net.Conn, script []line, hold bool) error {
	defer c.Close()
	for _, l := range script {
		got := make([]byte, len(l.want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != l.want {
			return errors.New("the proxy received " + string(got) + " instead of " + l.want)
		}
		time.Sleep(l.after)
		if l.drip == 0 {
			if l.send == "" {
				continue
			}
			if _, err := io.WriteString(c, l.send); err != nil {
				return nil // the client has left: it has heard enough
			}
			continue
		}
		for i := range l.send {
			if _, err := io.WriteString(c, l.send[i:i+1]); err != nil {
				return nil
			}
			time.Sleep(l.drip)
		}
	}
	if hold {
		_, _ = io.Copy(io.Discard, c)
	}
	return nil
}

const (
	plainCONNECT = "CONNECT server.example.net:7000 HTTP/1.1\r\nHost: server.example.net:7000\r\nUser-Agent: holdfast\r\n\r\n"
	loginCONNECT = "CONNECT server.example.net:7000 HTTP/1.1\r\nHost: server.example.net:7000\r\nUser-Agent: holdfast\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n\r\n"
	socksName    = "\x05\x01\x00\x03\x12server.example.net\x1b\x58"
	socksOK      = "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"
)

// against is a way to a fake proxy that plays the script, with our end of a connection to it, and what the play came to.
func against(t *testing.T, via string, script []line, hold bool) (v Via, ours net.Conn, played <-chan error) {
	t.Helper()
	v, err := ParseVia(via)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	result := make(chan error, 1)
	go func() { result <- play(theirs, script, hold) }()
	return v, ours, result
}

func TestThrough(t *testing.T) {
	const (
		viaHTTP  = "http://proxy.example.net:3128"
		viaLogin = "http://me:hunter2@proxy.example.net:3128"
		viaSOCKS = "socks5h://proxy.example.net"
		viaUser  = "socks5h://me:hunter2@proxy.example.net"
	)
	for _, tt := range []struct {
		name, via string
		target    string // "server.example.net:7000" when empty
		script    []line
		hold      bool // the proxy keeps the connection open
		patience  map[Step]time.Duration
		ctx       time.Duration // bound of the context; 0 none

		rest string // what the session finds
		more string // and what is still to come
		// Or the error:
		hop  string
		step Step
		took time.Duration // of the step
		text string        // part of it
		is   error
		got  int
		says Said
	}{
		{name: "CONNECT", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 200 OK\r\n\r\n"}}, hold: true},
		{name: "CONNECT with a login", via: viaLogin, script: []line{{want: loginCONNECT, send: "HTTP/1.1 200 OK\r\n\r\nhello"}}, hold: true, rest: "hello"},
		{name: "CONNECT to an IPv6 address", via: viaHTTP, target: "[2001:db8::7]:22", script: []line{{want: strings.ReplaceAll(plainCONNECT, "server.example.net:7000", "[2001:db8::7]:22"), send: "HTTP/1.1 200 OK\r\n\r\n"}}, hold: true},
		{name: "CONNECT, a byte at a time", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 200 OK\r\n\r\nab", drip: 50 * time.Millisecond}}, hold: true, more: "ab"},
		{name: "interim replies", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 100 C\r\n\r\n"}, {after: time.Second, send: "HTTP/1.1 200 OK\r\n\r\nx"}}, hold: true, rest: "x"},
		{name: "SOCKS by name", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: socksOK}}, hold: true},
		{name: "SOCKS, the server spoke at once", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: socksOK}, {send: "hello"}}, hold: true, more: "hello"},
		{name: "SOCKS with a login", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "\x01\x00"}, {want: socksName, send: socksOK}}, hold: true},
		{name: "SOCKS with a login that is not wanted", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x00"}, {want: socksName, send: socksOK}}, hold: true},
		{name: "SOCKS to an IPv4 address", via: viaSOCKS, target: "192.0.2.7:22", script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: "\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x16", send: socksOK}}, hold: true},
		{name: "SOCKS, a byte at a time", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02", drip: time.Millisecond}, {want: "\x01\x02me\x07hunter2", send: "\x01\x00", drip: time.Millisecond}, {want: socksName, send: "\x05\x00\x00\x03\x02ab\x00\x01", drip: time.Millisecond}}, hold: true},

		{name: "refused at once", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n<html>"}}, hop: HopServer, step: StepReply, text: "503 Service Unavailable (ERR_CONNECT_FAIL 111)", got: 79, says: SaidRefused},
		{name: "a 502 after 700 ms", via: viaHTTP, script: []line{{want: plainCONNECT, after: 700 * time.Millisecond, send: "HTTP/1.1 502 Bad\r\n\r\n"}}, hold: true, hop: HopProxy, step: StepReply, took: 700 * time.Millisecond, text: "502 Bad", got: 20, says: SaidFailed},
		{name: "an error whose body never ends is not waited for", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 500 E\r\nTransfer-Encoding: chunked\r\n\r\n"}, {send: strings.Repeat("1\r\na\r\n", 100), drip: time.Hour}}, hold: true, hop: HopProxy, step: StepReply, text: "500 E", got: 46, says: SaidFailed},
		{name: "an error cut short", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 403 Forbidden\r\nContent-"}}, hop: HopProxy, step: StepReply, text: "403 Forbidden", got: 32, says: SaidDenied},
		{name: "407", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n\r\n"}}, hop: HopProxy, step: StepReply, text: "407 Login", got: 49, says: SaidAuth},
		{name: "closed without a word", via: viaHTTP, script: []line{{want: plainCONNECT}}, hop: HopProxy, step: StepReply, text: "closed the connection without a word", is: io.EOF},
		{name: "closed before the request", via: viaHTTP, hop: HopProxy, step: StepReply, text: "closed the connection without a word", is: io.EOF},
		{name: "closed in the middle of a word", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 2"}}, hop: HopProxy, step: StepReply, text: "closed the connection after 10 bytes", is: io.EOF, got: 10},
		{name: "closed within the headers of a success", via: viaHTTP, script: []line{{want: plainCONNECT, send: "HTTP/1.1 200 OK\r\nVia: a\r\n"}}, hop: HopProxy, step: StepReply, text: "closed the connection after 25 bytes", is: io.EOF, got: 25},
		{name: "garbage", via: viaHTTP, script: []line{{want: plainCONNECT, send: "220 mail\r\n"}}, hold: true, hop: HopProxy, step: StepReply, text: `no HTTP reply but "220 mail"`, is: ErrProtocol, got: 10},
		{name: "an echo", via: viaLogin, script: []line{{want: loginCONNECT, send: loginCONNECT}}, hold: true, hop: HopProxy, step: StepReply, text: `no HTTP reply but "CONNECT server.example.net:7000 HTTP/1.1"`, is: ErrProtocol, got: len(loginCONNECT)},
		{name: "an echo within a reply", via: viaLogin, script: []line{{want: loginCONNECT, send: "HTTP/1.1 400 hunter2\r\nServer: bWU6aHVudGVyMg==\r\n\r\n"}}, hold: true, hop: HopProxy, step: StepReply, text: `the proxy says 400`, got: 50, says: SaidUnsupported},
		{name: "an echo on one line", via: viaLogin, script: []line{{want: loginCONNECT, send: "Basic bWU6aHVudGV"}}, hold: true, hop: HopProxy, step: StepReply, text: `no HTTP reply but what we sent`, is: ErrProtocol, got: 17},
		{name: "silent until the context ends", via: viaHTTP, script: []line{{want: plainCONNECT}}, hold: true, ctx: 800 * time.Millisecond, hop: HopProxy, step: StepReply, took: 800 * time.Millisecond, is: context.DeadlineExceeded},
		{name: "silent until patience ends", via: viaHTTP, script: []line{{want: plainCONNECT}}, hold: true, patience: map[Step]time.Duration{StepReply: 650 * time.Millisecond}, hop: HopProxy, step: StepReply, took: 650 * time.Millisecond, text: "no answer", is: context.DeadlineExceeded},
		{name: "does not even read", via: viaHTTP, script: []line{{after: time.Hour}}, hold: true, patience: map[Step]time.Duration{StepRequest: time.Second}, hop: HopProxy, step: StepRequest, took: time.Second, text: "no answer", is: context.DeadlineExceeded},
		{name: "headers a byte a second", via: viaHTTP, script: []line{{want: plainCONNECT, after: time.Minute, send: "HTTP/1.1 200 OK\r\n\r\n", drip: 1100 * time.Millisecond}}, hold: true, hop: HopProxy, step: StepReply, took: time.Minute + 5*time.Second, text: "began an answer and did not end it", is: context.DeadlineExceeded, got: 5},
		{name: "a flood of interim replies", via: viaHTTP, script: []line{{want: plainCONNECT, send: strings.Repeat("HTTP/1.1 100 a\r\n\r\n", 9)}}, hold: true, hop: HopProxy, step: StepReply, text: "over 8 interim replies", is: ErrProtocol, got: 162},

		{name: "SOCKS: closed after the greeting", via: viaSOCKS, script: []line{{want: "\x05\x01\x00"}}, hop: HopProxy, step: StepGreeting, text: "closed the connection without a word", is: io.EOF},
		{name: "SOCKS: no answer to the greeting", via: viaSOCKS, script: []line{{want: "\x05\x01\x00"}}, hold: true, patience: map[Step]time.Duration{StepGreeting: 650 * time.Millisecond}, hop: HopProxy, step: StepGreeting, took: 650 * time.Millisecond, text: "no answer", is: context.DeadlineExceeded},
		{name: "SOCKS: half an answer to the greeting", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05"}}, hold: true, hop: HopProxy, step: StepGreeting, took: 5 * time.Second, text: "began an answer", is: context.DeadlineExceeded, got: 1},
		{name: "SOCKS: an HTTP proxy", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "HTTP/1.1 400 Bad Request\r\n\r\n"}}, hop: HopProxy, step: StepGreeting, text: `no SOCKS 5 but "HT"`, is: ErrProtocol, got: 2},
		{name: "SOCKS: version 4", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x04"}}, hold: true, hop: HopProxy, step: StepGreeting, text: `no SOCKS 5 but "\x04"`, is: ErrProtocol, got: 1},
		{name: "SOCKS: no method", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\xff"}}, hop: HopProxy, step: StepGreeting, text: "none of the ways to log in", got: 2, says: SaidAuth},
		{name: "SOCKS: a method that was not offered", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x02"}}, hop: HopProxy, step: StepGreeting, text: "method 2, which was not offered", is: ErrProtocol, got: 2},
		{name: "SOCKS: GSSAPI", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x01"}}, hop: HopProxy, step: StepGreeting, text: "method 1, which was not offered", is: ErrProtocol, got: 2},
		{name: "SOCKS: wrong password", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "\x01\x01"}}, hop: HopProxy, step: StepAuth, text: "did not take user and password (1)", got: 2, says: SaidAuth},
		{name: "SOCKS: login, version 5 in its answer", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "\x05\x00"}, {want: socksName, send: socksOK}}, hold: true},
		{name: "SOCKS: the login is echoed", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "hunter2"}}, hop: HopProxy, step: StepAuth, text: `no SOCKS 5 but "hu"`, is: ErrProtocol, got: 2},
		{name: "SOCKS: no answer to the login", via: viaUser, script: []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2"}}, hold: true, patience: map[Step]time.Duration{StepAuth: time.Second}, hop: HopProxy, step: StepAuth, took: time.Second, text: "no answer", is: context.DeadlineExceeded},
		{name: "SOCKS: silent after the request", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName}}, hold: true, ctx: time.Second, hop: HopProxy, step: StepReply, took: time.Second, is: context.DeadlineExceeded},
		{name: "SOCKS: closed after the request", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName}}, hop: HopProxy, step: StepReply, text: "closed the connection without a word", is: io.EOF},
		{name: "SOCKS: closed within the reply", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: "\x05\x00\x00\x01"}}, hop: HopProxy, step: StepReply, text: "closed the connection after 4 bytes", is: io.EOF, got: 4},
		{name: "SOCKS: refused", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}}, hop: HopServer, step: StepReply, text: "connection refused (SOCKS reply 5)", got: 2, says: SaidRefused},
		{name: "SOCKS: a code nobody knows", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: "\x05\x63"}}, hop: HopProxy, step: StepReply, text: "undefined (SOCKS reply 99)", got: 2, says: SaidFailed},
		{name: "SOCKS: an address type nobody knows", via: viaSOCKS, script: []line{{want: "\x05\x01\x00", send: "\x05\x00"}, {want: socksName, send: "\x05\x00\x00\x09\x01"}}, hop: HopProxy, step: StepReply, text: "address type 9", is: ErrProtocol, got: 5},

		{name: "a target with a line break", via: viaHTTP, target: "a\r\nX:80", hop: HopProxy, step: StepRequest, text: "target: host"},
		{name: "a target with a space", via: viaHTTP, target: "a b:80", hop: HopProxy, step: StepRequest, text: "target: host"},
		{name: "a target with a zero byte", via: viaSOCKS, target: "a\x00b:80", hop: HopProxy, step: StepRequest, text: "target: host"},
		{name: "a target without a port", via: viaHTTP, target: "server", hop: HopProxy, step: StepRequest, text: "host:port"},
		{name: "port 0", via: viaHTTP, target: "server:0", hop: HopProxy, step: StepRequest, text: "target: port"},
		{name: "a zone", via: viaSOCKS, target: "[fe80::1%eth0]:80", hop: HopProxy, step: StepRequest, text: "zone"},
		{name: "no proxy", via: "direct", hop: HopProxy, step: StepRequest, text: "a proxy was expected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, ours, played := against(t, tt.via, tt.script, tt.hold)
				ctx, cancel := context.WithCancel(t.Context())
				if tt.ctx > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), tt.ctx)
				}
				defer cancel()
				target := tt.target
				if target == "" {
					target = "server.example.net:7000"
				}
				var events []Event
				reply, rest, err := Through(ctx, ours, v, target, Options{Patience: tt.patience, Trace: func(e Event) { events = append(events, e) }})
				checkEvents(t, events, err)
				if tt.hop == "" {
					if err != nil {
						t.Fatal(err)
					}
					if string(rest) != tt.rest || reply.Says() != SaidNothing {
						t.Errorf("rest %q, want %q; says %q", rest, tt.rest, reply.Says())
					}
					// The session: no deadline is left behind, and all that comes is heard.
					time.Sleep(time.Hour)
					_ = ours.SetReadDeadline(time.Now().Add(time.Second))
					if more, err := io.ReadAll(ours); !errors.Is(err, os.ErrDeadlineExceeded) || string(more) != tt.more {
						t.Errorf("the session reads %q (%v), want %q", more, err, tt.more)
					}
					if err := ours.Close(); err != nil {
						t.Error(err)
					}
				} else {
					var de *Error
					if !errors.As(err, &de) {
						t.Fatalf("got %v", err)
					}
					if de.Hop != tt.hop || de.Step != tt.step || de.Took != tt.took || de.Got != tt.got || de.Reply.Says() != tt.says {
						t.Errorf("got %s, %s, %v, %d bytes, says %q, want %s, %s, %v, %d bytes, %q", de.Hop, de.Step, de.Took, de.Got, de.Reply.Says(), tt.hop, tt.step, tt.took, tt.got, tt.says)
					}
					text := err.Error()
					if !strings.Contains(text, tt.text) || utf8.RuneCountInString(text) > maxText || text != printable(text, maxText) {
						t.Errorf("got %q, want %q", text, tt.text)
					}
					if strings.Contains(text, "hunter2") || strings.Contains(text, "bWU6") || de.Reply.Server != "" {
						t.Errorf("it shows the password: %q, %+v", text, de.Reply)
					}
					if tt.is != nil && !errors.Is(err, tt.is) {
						t.Errorf("%v is not %v", err, tt.is)
					}
					if timeout := errors.Is(err, context.DeadlineExceeded); timeout != isTimeout(err) {
						t.Errorf("a timeout: %v, and yet %v", timeout, isTimeout(err))
					}
					if _, err := ours.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("the connection was not closed: %v", err)
					}
				}
				if perr := <-played; perr != nil && err == nil {
					t.Error(perr)
				}
			})
		})
	}
}

// checkEvents: every step begins once and ends once, in order, and only the last may end badly.
func checkEvents(t *testing.T, events []Event, err error) {
	t.Helper()
	if len(events)%2 != 0 {
		t.Fatalf("%d events", len(events))
	}
	for i := 0; i < len(events); i += 2 {
		a, b := events[i], events[i+1]
		if a.Ended || !b.Ended || a.Step != b.Step || a.At.Add(b.Took) != b.At || i > 0 && a.At.Before(events[i-1].At) {
			t.Errorf("events %+v, %+v", a, b)
		}
		if last := i+2 == len(events); a.Err != nil || b.Err != nil != (last && err != nil) || last && b.Err != err {
			t.Errorf("event %+v with %v", b, err)
		}
	}
}

func TestThroughStepsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := ParseVia("socks5h://me:hunter2@proxy")
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		go func() {
			_ = play(theirs, []line{
				{want: "\x05\x02\x00\x02", after: 10 * time.Millisecond, send: "\x05\x02"},
				{want: "\x01\x02me\x07hunter2", after: 20 * time.Millisecond, send: "\x01\x00"},
				{want: socksName, after: 40 * time.Millisecond, send: socksOK},
			}, true)
		}()
		var got []Event
		if _, _, err := Through(t.Context(), ours, v, "server.example.net:7000", Options{Trace: func(e Event) {
			if e.Ended {
				got = append(got, e)
			}
		}}); err != nil {
			t.Fatal(err)
		}
		want := []Event{{Step: StepGreeting, Took: 10 * time.Millisecond}, {Step: StepAuth, Took: 20 * time.Millisecond}, {Step: StepRequest}, {Step: StepReply, Took: 40 * time.Millisecond}}
		if len(got) != len(want) {
			t.Fatalf("got %+v", got)
		}
		for i, w := range want {
			if got[i].Step != w.Step || got[i].Took != w.Took {
				t.Errorf("got %s after %v, want %s after %v", got[i].Step, got[i].Took, w.Step, w.Took)
			}
		}
		_ = ours.Close()
	})
}

func TestThroughIsInterrupted(t *testing.T) {
	for _, step := range []Step{StepGreeting, StepAuth, StepReply} {
		synctest.Test(t, func(t *testing.T) {
			v, err := ParseVia("socks5h://me:hunter2@proxy")
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := net.Pipe()
			script := []line{{want: "\x05\x02\x00\x02", send: "\x05\x02"}, {want: "\x01\x02me\x07hunter2", send: "\x01\x00"}, {want: socksName, send: socksOK}}
			n := map[Step]int{StepGreeting: 0, StepAuth: 1, StepReply: 2}[step]
			script[n].send = ""
			go func() { _ = play(theirs, script[:n+1], true) }()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(300*time.Millisecond, cancel)
			began := time.Now()
			_, _, err = Through(ctx, ours, v, "server.example.net:7000", Options{})
			var de *Error
			if !errors.As(err, &de) || de.Step != step || !errors.Is(err, context.Canceled) || time.Since(began) != 300*time.Millisecond {
				t.Errorf("%s: got %v after %v", step, err, time.Since(began))
			}
		})
	}
	// Before it has begun.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, _ := ParseVia("http://proxy")
	ours, theirs := net.Pipe()
	if _, _, err := Through(ctx, ours, v, "a:1", Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = theirs.Close()
}

// TestThroughTCP is about what only real sockets do: a reset, and a rest in the same segment.
func TestThroughTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			switch i {
			case 0: // reset
				_, _ = bufio.NewReader(c).ReadString('\n')
				_ = c.(*net.TCPConn).SetLinger(0)
			case 1: // an answer before the question, and a rest
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello ")
				_, _ = io.CopyN(io.Discard, c, int64(len(plainCONNECT)))
				_, _ = io.WriteString(c, "world")
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			case 2: // says why and hangs up before it is asked
				_, _ = io.WriteString(c, "HTTP/1.0 503 Maximum number of open connections reached\r\n\r\n")
			}
			_ = c.Close()
		}
	}()
	v, err := ParseVia("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr(v.Host()), v.Port())
	open := func() *net.TCPConn {
		called := false
		c, err := Direct(t.Context(), addr, func(syscall.RawConn) error { called = true; return nil })
		if err != nil || !called {
			t.Fatal(err, called)
		}
		return c
	}

	_, _, err = Through(t.Context(), open(), v, "server.example.net:7000", Options{})
	var de *Error
	if !errors.As(err, &de) || de.Hop != HopProxy || de.Step != StepReply || !errors.As(err, new(syscall.Errno)) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("reset: got %v", err)
	}

	tcp := open()
	_, rest, err := Through(t.Context(), tcp, v, "server.example.net:7000", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if more, err := io.ReadAll(tcp); err != nil || string(rest)+string(more) != "hello world" {
		t.Errorf("the session reads %q and %q (%v)", rest, more, err)
	}
	_ = tcp.Close()

	_, _, err = Through(t.Context(), open(), v, "server.example.net:7000", Options{})
	if !errors.As(err, &de) || de.Reply.Status != 503 || !strings.Contains(err.Error(), "Maximum number") {
		t.Errorf("hung up before it was asked: got %v", err)
	}

	_ = l.Close()
	<-accepted
	_, err = Direct(t.Context(), addr, nil)
	if !errors.As(err, &de) || de.Step != StepConnect || !errors.As(err, new(syscall.Errno)) {
		t.Errorf("nothing listens: got %v", err)
	}
	_, err = Direct(t.Context(), addr, func(syscall.RawConn) error { return errors.ErrUnsupported })
	if !errors.As(err, &de) || de.Hop != HopServer || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the socket cannot be prepared: got %v", err)
	}
}
