package heartbeat

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// open returns one session's Protocol.
func open(t testing.TB, name, send, expect string) Protocol {
	t.Helper()
	build, err := New(name, send, expect)
	if err != nil {
		t.Fatalf("New(%q, %q, %q): %v", name, send, expect, err)
	}
	return build()
}

// nonceOf is the number in what a beat sent.
func nonceOf(t testing.TB, sent []byte) string {
	t.Helper()
	i := bytes.IndexFunc(sent, func(r rune) bool { return r >= '0' && r <= '9' })
	if i < 0 {
		t.Fatalf("no number in %q", sent)
	}
	j := i
	for j < len(sent) && sent[j] >= '0' && sent[j] <= '9' {
		j++
	}
	return string(sent[i:j])
}

// A case sends a number of beats, then receives text in which <k> stands for the nonce of beat k.
func TestAnswers(t *testing.T) {
	const ping, pong = "PING {nonce}\n", "PONG {nonce}"
	tests := []struct {
		name         string
		proto        string
		send, expect string
		beats        int
		got          []string // one Feed each
		want         []uint64
	}{
		{"echo: its own line comes back", "echo", "", "", 1, []string{"holdfast <1>\n"}, []uint64{1}},
		{"echo: with CRLF", "echo", "", "", 1, []string{"holdfast <1>\r\n"}, []uint64{1}},
		{"echo: nothing but a newline", "echo", "", "", 1, []string{"\n"}, []uint64{0}},
		{"echo: the number alone", "echo", "", "", 1, []string{"<1>\n"}, []uint64{0}},
		{"echo: a server that talks first", "echo", "", "", 1, []string{"220 welcome\r\nholdfast <1>\n"}, []uint64{1}},
		{"line: nonce in both", "line", ping, pong, 1, []string{"PONG <1>\n"}, []uint64{1}},
		{"line: expect ends in a newline as well", "line", ping, "PONG {nonce}\n", 1, []string{"PONG <1>\n"}, []uint64{1}},
		{"line: expect ends in CRLF, the answer in LF", "line", "PING {nonce}\r\n", "PONG {nonce}\r\n", 1, []string{"PONG <1>\n"}, []uint64{1}},
		{"line: CRLF", "line", ping, pong, 1, []string{"PONG <1>\r\n"}, []uint64{1}},
		{"line: text around the answer", "line", ping, pong, 1, []string{"at 12:00 PONG <1> load 3\n"}, []uint64{1}},
		{"line: text behind the nonce is asked for", "line", ping, "PONG {nonce} ok", 1, []string{"PONG <1> no\n", "PONG <1> ok\n"}, []uint64{0, 1}},
		{"line: nonce first", "line", "{nonce}\n", "{nonce} ack", 1, []string{"id <1> ack\n"}, []uint64{1}},
		{"line: the head stands twice", "line", ping, pong, 1, []string{"PONG PONG <1>\n"}, []uint64{1}},
		{"line: nobody's nonce", "line", ping, pong, 1, []string{"PONG 17\n"}, []uint64{0}},
		{"line: somebody else's nonce of the same length", "line", ping, pong, 1, []string{"PONG 9999999999\n"}, []uint64{0}},
		{"line: a digit more than the nonce", "line", ping, pong, 1, []string{"PONG <1>0\n"}, []uint64{0}},
		{"line: no nonce where one is wanted", "line", ping, pong, 1, []string{"PONG\n", "PONG \n"}, []uint64{0, 0}},
		{"line: a nonce that was not sent yet", "line", ping, pong, 1, []string{"PONG <2>\n"}, []uint64{0}},
		{"line: forty digits", "line", ping, pong, 1, []string{"PONG " + strings.Repeat("9", 40) + "\n"}, []uint64{0}},
		{"line: an older beat's answer", "line", ping, pong, 3, []string{"PONG <2>\n"}, []uint64{2}},
		{"line: answers out of order", "line", ping, pong, 3, []string{"PONG <3>\nPONG <1>\n", "PONG <2>\n"}, []uint64{3, 2}},
		{"line: several answers in one read", "line", ping, pong, 3, []string{"PONG <1>\nPONG <2>\nPONG <3>\n"}, []uint64{3}},
		{"line: answer and half of the next", "line", ping, pong, 2, []string{"PONG <1>\nPO", "NG <2>\n"}, []uint64{1, 2}},
		{"line: no end of line yet", "line", ping, pong, 1, []string{"PONG <1>", "\n"}, []uint64{0, 1}},
		{"line: terminal escapes around it", "line", ping, pong, 1, []string{"\x1b[2J\x1b]0;owned\aPONG <1>\x1b[0m\n"}, []uint64{1}},
		{"line: terminal escapes in the nonce", "line", ping, pong, 1, []string{"PONG \x1b[1m<1>\n"}, []uint64{0}},
		{"line: zero bytes and invalid UTF-8", "line", ping, pong, 1, []string{"\x00\xff\xfePONG <1>\x00\n"}, []uint64{1}},
		{"line: nonce in send only, answers in order", "line", ping, "+PONG", 3, []string{"+PONG\r\n", "+PONG\r\n+PONG\r\n"}, []uint64{1, 3}},
		{"line: no nonce at all, Redis", "line", "PING\r\n", "+PONG", 2, []string{"+PONG\r\n", "+PONG\r\n"}, []uint64{1, 2}},
		{"line: no nonce, an error line between", "line", "PING\r\n", "+PONG", 2, []string{"-LOADING\r\n+PONG\r\n"}, []uint64{1}},
		{"line: no nonce, more answers than questions", "line", "PING\r\n", "+PONG", 1, []string{"+PONG\r\n+PONG\r\n+PONG\r\n"}, []uint64{1}},
		{"line: no nonce, an answer before the first question", "line", "PING\r\n", "+PONG", 0, []string{"+PONG\r\n"}, []uint64{0}},
		{"line: a line of 4096 bytes", "line", ping, pong, 1, []string{strings.Repeat("x", MaxLine-15) + "PONG <1>\n"}, []uint64{1}},
		{"line: a longer line is skipped, the next one read", "line", ping, pong, 1, []string{strings.Repeat("x", MaxLine) + "PONG <1>\nPONG <1>\n"}, []uint64{1}},
		{"line: only the longer line", "line", ping, pong, 1, []string{strings.Repeat("x", MaxLine) + "PONG <1>\n"}, []uint64{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, tt.proto, tt.send, tt.expect)
			nonce := make([]string, 0, 10)
			for n := range tt.beats + 1 { // one more than was sent, for what is not sent yet
				if n == tt.beats {
					if q := open(t, tt.proto, tt.send, tt.expect).Beat(nil, 1); tt.beats > 0 && bytes.ContainsAny(q, "0123456789") {
						var last uint64
						_, _ = fmt.Sscan(nonce[n-1], &last)
						nonce = append(nonce, fmt.Sprint(last+1))
					}
					break
				}
				sent := p.Beat(nil, uint64(n+1))
				if bytes.ContainsAny(sent, "0123456789") {
					nonce = append(nonce, nonceOf(t, sent))
				}
			}
			fill := func(s string) []byte {
				for k, n := range nonce {
					s = strings.ReplaceAll(s, fmt.Sprintf("<%d>", k+1), n)
				}
				return []byte(s)
			}
			for i, s := range tt.got {
				if got := p.Feed(fill(s)); got != tt.want[i] {
					t.Errorf("Feed %d: answered %d, want %d", i+1, got, tt.want[i])
				}
			}
		})
	}
}

func TestAnswerSplitAtEveryByte(t *testing.T) {
	for _, text := range []string{"PONG %s\n", "hello\r\nPONG %s\r\n"} {
		for cut := range 24 {
			p := open(t, "line", "PING {nonce}\n", "PONG {nonce}")
			whole := fmt.Appendf(nil, text, nonceOf(t, p.Beat(nil, 1)))
			if cut >= len(whole) {
				break
			}
			first, second := p.Feed(bytes.Clone(whole[:cut])), p.Feed(bytes.Clone(whole[cut:]))
			if first != 0 || second != 1 {
				t.Errorf("%q cut at %d: answered %d then %d, want 0 then 1", whole, cut, first, second)
			}
		}
	}
	p := open(t, "echo", "", "")
	whole := p.Beat(nil, 1)
	for i := range whole {
		want := uint64(0)
		if i == len(whole)-1 {
			want = 1
		}
		if got := p.Feed(whole[i : i+1]); got != want {
			t.Errorf("byte %d: answered %d, want %d", i, got, want)
		}
	}
}

// Feed must keep nothing of what it was given: the caller reads into the same buffer again.
func TestFeedKeepsNothing(t *testing.T) {
	p := open(t, "line", "PING {nonce}\n", "PONG {nonce}")
	nonce := nonceOf(t, p.Beat(nil, 1))
	buf := []byte("PONG " + nonce[:4])
	p.Feed(buf)
	copy(buf, "!!!!!!!!!")
	if got := p.Feed([]byte(nonce[4:] + "\n")); got != 1 {
		t.Errorf("answered %d after the buffer was written to, want 1", got)
	}
}

func TestBeats(t *testing.T) {
	p := open(t, "line", "PING {nonce} now\r\n", "PONG {nonce}")
	seen := map[string]bool{}
	for n := range uint64(100) {
		sent := p.Beat([]byte("kept "), n+1)
		nonce := nonceOf(t, sent)
		if want := "kept PING " + nonce + " now\r\n"; string(sent) != want {
			t.Fatalf("beat %d is %q, want %q", n+1, sent, want)
		}
		if seen[nonce] {
			t.Fatalf("beat %d has the nonce of an earlier one", n+1)
		}
		seen[nonce] = true
	}
	if other := nonceOf(t, open(t, "line", "PING {nonce}\n", "PONG {nonce}").Beat(nil, 1)); seen[other] {
		t.Errorf("another session began with a nonce of this one")
	}
	if got := string(open(t, "line", "PING\r\n", "+PONG").Beat(nil, 7)); got != "PING\r\n" {
		t.Errorf("a beat without a nonce is %q", got)
	}
}

func TestBeatAndAnswerAllocateNothing(t *testing.T) {
	for _, name := range []string{"echo", "line"} {
		p := open(t, name, map[string]string{"line": "PING {nonce}\n"}[name], map[string]string{"line": "PING {nonce}"}[name])
		var buf [128]byte
		n := uint64(0)
		if got := testing.AllocsPerRun(200, func() {
			n++
			if p.Feed(p.Beat(buf[:0], n)) != n {
				t.Fatal("not answered")
			}
		}); got != 0 {
			t.Errorf("%s: %v allocations a beat, want none", name, got)
		}
	}
}

func TestMegabytesWithoutNewlineCostNothing(t *testing.T) {
	p := open(t, "line", "PING {nonce}\n", "PONG {nonce}")
	nonce := nonceOf(t, p.Beat(nil, 1))
	chunk := bytes.Repeat([]byte{'x'}, 512)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2 * 16 * 1024 { // 16 MB
		if p.Feed(chunk) != 0 {
			t.Fatal("answered by noise")
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
		t.Errorf("16 MB without a newline took %d bytes, want at most 64 KiB", got)
	}
	if l := p.(*line); cap(l.part) > 2*MaxLine {
		t.Errorf("%d bytes are held back", cap(l.part))
	}
	if got := p.Feed([]byte("PONG " + nonce + "\n")); got != 0 {
		t.Errorf("the end of the long line answered %d", got)
	}
	if got := p.Feed([]byte("PONG " + nonce + "\n")); got != 1 {
		t.Errorf("after the long line: answered %d, want 1", got)
	}
}

// A line that keeps a byte-wise matcher busy: what is looked for fits again and again and never ends right.
func TestHostileLineIsBoundedWork(t *testing.T) {
	p := open(t, "line", "PING {nonce}\n", strings.Repeat("a", 2000)+"{nonce}")
	p.Beat(nil, 1)
	worst := append(bytes.Repeat([]byte{'a'}, MaxLine-1), '\n')
	if got := p.Feed(worst); got != 0 {
		t.Errorf("answered %d", got)
	}
}

func TestBadSettings(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	tests := []struct {
		name               string
		proto, send, xpect string
		field              string // empty: all is well
	}{
		{"none", "none", "", "", ""},
		{"echo", "echo", "", "", ""},
		{"line", "line", "PING\n", "PONG", ""},
		{"line, several lines are sent", "line", "EHLO x\r\nNOOP {nonce}\r\n", "250", ""},
		{"unknown", "carrier-pigeon", "", "", "heartbeat"},
		{"empty name", "", "", "", "heartbeat"},
		{"another spelling", "Line", "a", "b", "heartbeat"},
		{"none with send", "none", "PING", "", "send"},
		{"none with expect", "none", "", "PONG", "expect"},
		{"echo with send", "echo", "PING", "", "send"},
		{"echo with expect", "echo", "", "PONG", "expect"},
		{"line without send", "line", "", "PONG", "send"},
		{"line without expect", "line", "PING", "", "expect"},
		{"line with neither", "line", "", "", "send"},
		{"expect is only an end of line", "line", "PING", "\r\n", "expect"},
		{"expect of two lines", "line", "PING", "a\nb", "expect"},
		{"expect wants a nonce that is not sent", "line", "PING\n", "PONG {nonce}", "expect"},
		{"two nonces in send", "line", "{nonce} {nonce}\n", "PONG", "send"},
		{"two nonces in expect", "line", "{nonce}\n", "{nonce} {nonce}", "expect"},
		{"send too long", "line", long, "PONG", "send"},
		{"expect too long", "line", "PING", long, "expect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			build, err := New(tt.proto, tt.send, tt.xpect)
			if tt.field == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				if (build == nil) != (tt.proto == "none") {
					t.Errorf("constructor nil: %v", build == nil)
				}
				return
			}
			var fe *FieldError
			if !errors.As(err, &fe) {
				t.Fatalf("error %v, want a *FieldError", err)
			}
			if fe.Field != tt.field || fe.Err == nil || !strings.HasPrefix(fe.Error(), tt.field+": ") || build != nil {
				t.Errorf("field %q (%v), want %q", fe.Field, err, tt.field)
			}
			if !errors.Is(err, fe.Err) {
				t.Errorf("the reason is not wrapped")
			}
		})
	}
	if got := Names(); fmt.Sprint(got) != "[echo line none]" {
		t.Errorf("Names: %v", got)
	}
}

// FuzzFeed: whatever a peer says and however it comes in pieces, Feed never panics, never answers a beat that was not
// sent, answers no beat twice without a nonce, and holds back no more than a line.
func FuzzFeed(f *testing.F) {
	for _, seed := range []string{
		"PONG 1234567890\n", "+PONG\r\n+PONG\r\n", "holdfast 1\n", "PONG ", "\n\n\n", "\r\n", "\x1b[2J\x00\xff", "PONG <1>\n", "PONG <2>\r\nPONG <1>\n",
		"PONG 99999999999999999999999\n", "holdfast <3>\n", strings.Repeat("PONG ", 900) + "<1>\n",
	} {
		for kind := range byte(4) {
			f.Add([]byte(seed), kind, byte(3), uint64(7))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind, beats byte, cuts uint64) {
		var p Protocol
		switch kind % 4 {
		case 0:
			p = open(t, "echo", "", "")
		case 1:
			p = open(t, "line", "PING {nonce}\n", "PONG {nonce}")
		case 2:
			p = open(t, "line", "PING {nonce}\n", "+PONG")
		default:
			p = open(t, "line", "{nonce}\n", "{nonce}")
		}
		sent := uint64(beats % 9)
		var nonces [][]byte
		for n := range sent {
			nonces = append(nonces, []byte(nonceOf(t, p.Beat(nil, n+1))))
			data = bytes.ReplaceAll(data, fmt.Appendf(nil, "<%d>", n+1), nonces[n])
		}
		inOrder := kind%4 == 2
		mayAnswer := inOrder || slices.ContainsFunc(nonces, func(n []byte) bool { return bytes.Contains(data, n) })
		rng := rand.New(rand.NewPCG(cuts, 1))
		last := uint64(0)
		for len(data) > 0 {
			n := min(len(data), 1+rng.IntN(600))
			got := p.Feed(data[:n:n])
			data = data[n:]
			if got > sent {
				t.Fatalf("answered beat %d of %d", got, sent)
			}
			if got != 0 && !mayAnswer {
				t.Fatalf("answered beat %d without its nonce", got)
			}
			if inOrder && got != 0 {
				if got <= last {
					t.Fatalf("answered beat %d after %d", got, last)
				}
				last = got
			}
			if c := cap(p.(*line).part); c > 2*MaxLine {
				t.Fatalf("%d bytes are held back", c)
			}
		}
	})
}
