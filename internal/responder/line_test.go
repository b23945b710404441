package responder

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name, first string
		want        protocol
	}{
		{"nothing yet", "", undecided},
		{"one letter of it", "P", undecided},
		{"the word alone", "PING", undecided},
		{"half an ending", "PING\r", undecided},
		{"bare, newline", "PING\n", line},
		{"bare, carriage return", "PING\r\n", line},
		{"with a nonce", "PING 7\n", line},
		{"with a nonce to come", "PING ", line},
		{"another word", "PINGPONG\n", echo},
		{"lower case", "ping\n", echo},
		{"RESP array", "*1\r\n$4\r\nPING\r\n", echo},
		{"binary", "\x00\x01", echo},
		{"PINX", "PINX", echo},
		{"a lone carriage return", "PING\rX", echo},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := decide([]byte(tt.first)); got != tt.want {
				t.Errorf("decide(%q) = %d, want %d", tt.first, got, tt.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		beats          uint64
		ok             bool
	}{
		{"nonce", "PING 17\n", "PONG 17\n", 1, true},
		{"nonce, carriage return", "PING 17\r\n", "PONG 17\r\n", 1, true},
		{"bare", "PING\r\n", "+PONG\r\n", 1, true},
		{"bare, newline only", "PING\n", "+PONG\n", 1, true},
		{"empty text keeps its space", "PING \n", "PONG \n", 1, true},
		{"many in one piece", "PING 1\nPING 2\nPING\n", "PONG 1\nPONG 2\n+PONG\n", 3, true},
		{"another command", "QUIT\r\n", "-ERR expected PING\r\n", 0, true},
		{"empty line", "\n", "-ERR expected PING\n", 0, true},
		{"PINGS", "PINGS\n", "-ERR expected PING\n", 0, true},
		{"escapes come back to their sender alone", "PING \x1b[2J\n", "PONG \x1b[2J\n", 1, true},
		{"no end yet", "PING 1", "", 0, true},
		{"as long as allowed", "PING " + strings.Repeat("x", maxLine-5) + "\n", "PONG " + strings.Repeat("x", maxLine-5) + "\n", 1, true},
		{"too long", "PING " + strings.Repeat("x", maxLine-4) + "\n", "", 0, false},
		{"too long without an end", strings.Repeat("x", maxLine+1), "", 0, false},
		{"answers before the long one", "PING 1\n" + strings.Repeat("x", maxLine+1), "PONG 1\n", 1, false},
	} {
		for _, piece := range []int{len(tt.in), 512, 7, 1} {
			t.Run(tt.name, func(t *testing.T) {
				var p lines
				got, beats, ok := feedAll(&p, []byte(tt.in), max(piece, 1))
				if string(got) != tt.want || beats != tt.beats || ok != tt.ok {
					t.Errorf("in pieces of %d: %q, %d beats, %v; want %q, %d, %v", piece, got, beats, ok, tt.want, tt.beats, tt.ok)
				}
			})
		}
	}
}

func feedAll(p *lines, in []byte, piece int) (out []byte, beats uint64, ok bool) {
	for len(in) > 0 {
		n := min(piece, len(in))
		var b uint64
		out, b, ok = p.feed(out, bytes.Clone(in[:n]))
		beats += b
		if !ok {
			return out, beats, false
		}
		in = in[n:]
	}
	return out, beats, true
}

// FuzzLines: whatever arrives, in whatever pieces, the answers are the same, bounded, and one for each line.
func FuzzLines(f *testing.F) {
	f.Add([]byte("PING 1\nPING\r\nQUIT\n"), 3)
	f.Add([]byte("PING \x1b]0;x\x07\r\n\r\n\n"), 1)
	f.Add(bytes.Repeat([]byte("x"), maxLine+2), 512)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		piece = max(1, min(piece, bufferBytes))
		var whole, pieces lines
		w, wb, wok := feedAll(&whole, in, len(in)+1)
		p, pb, pok := feedAll(&pieces, in, piece)
		if !bytes.Equal(w, p) || wb != pb || (len(in) > 0 && wok != pok) {
			t.Fatalf("whole: %q %d %v, in pieces of %d: %q %d %v", w, wb, wok, piece, p, pb, pok)
		}
		if wok || len(in) == 0 {
			if got, want := bytes.Count(w, []byte("\n")), bytes.Count(in, []byte("\n")); got != want {
				t.Errorf("%d answers to %d lines", got, want)
			}
		}
		if len(pieces.part) > maxLine {
			t.Errorf("%d bytes kept", len(pieces.part))
		}
		if decide(in) == undecided && len(in) > 5 {
			t.Errorf("undecided after %q", in)
		}
	})
}

func TestRhythm(t *testing.T) {
	const floor = 1250 * time.Millisecond
	repeat := func(n int, gaps ...time.Duration) (all []time.Duration) {
		for range n {
			all = append(all, gaps...)
		}
		return all
	}
	ms := time.Millisecond
	for _, tt := range []struct {
		name     string
		gaps     []time.Duration
		min, max time.Duration // of the limit; 0 and 0: no rhythm yet
	}{
		{"nothing heard", nil, 0, 0},
		{"two gaps", repeat(2, 500*ms), 0, 0},
		{"three gaps, still careful", repeat(3, 500*ms), floor, 2300 * ms},
		{"a beat each 500 ms", repeat(30, 500*ms), floor, floor + 5*ms},
		{"faster than the floor", repeat(30, 50*ms), floor, floor},
		{"each 30 s", repeat(40, 30*time.Second), 60 * time.Second, 61 * time.Second},
		{"irregular", repeat(40, 200*ms, 3*time.Second), 5 * time.Second, 12 * time.Second},
		{"one pause of an hour, then 10 s of beats", append(append(repeat(30, 500*ms), time.Hour), repeat(20, 500*ms)...), floor, 1600 * ms},
		{"slowed down from 500 ms to 5 s", append(repeat(30, 500*ms), repeat(30, 5*time.Second)...), 10 * time.Second, 13 * time.Second},
		{"sped up from 5 s to 500 ms", append(repeat(30, 5*time.Second), repeat(40, 500*ms)...), floor, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r rhythm
			for _, g := range tt.gaps {
				r.heard(g)
			}
			got, ok := r.limit(floor)
			if ok != (tt.max > 0) || got < tt.min || got > tt.max {
				t.Errorf("limit %v (%v), want %v to %v", got, ok, tt.min, tt.max)
			}
		})
	}
}
