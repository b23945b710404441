package responder

import "bytes"

// maxLine bounds a line, its ending not counted.
const maxLine = 4096

// A protocol is how a session is answered.
type protocol uint8

const (
	undecided protocol = iota
	echo
	line
)

var ping = []byte("PING")

// decide tells the protocol from the first bytes of a session; undecided while they could still become either.
func decide(first []byte) protocol {
	n := min(len(first), len(ping))
	switch {
	case !bytes.Equal(first[:n], ping[:n]):
		return echo
	case len(first) <= len(ping):
		return undecided
	}
	switch first[len(ping)] {
	case ' ', '\n':
		return line
	case '\r':
		if len(first) == len(ping)+1 {
			return undecided
		}
		if first[len(ping)+1] == '\n' {
			return line
		}
	}
	return echo
}

// answer appends to dst the answer to one whole line, which ends in \n, and says whether it was a heartbeat.
func answer(dst, l []byte) ([]byte, bool) {
	text, ending := l[:len(l)-1], "\n"
	if t, ok := bytes.CutSuffix(text, []byte("\r")); ok {
		text, ending = t, "\r\n"
	}
	rest, ok := bytes.CutPrefix(text, ping)
	switch {
	case ok && len(rest) == 0:
		dst = append(dst, "+PONG"...)
	case ok && rest[0] == ' ':
		dst = append(append(dst, "PONG"...), rest...)
	default:
		ok = false
		dst = append(dst, "-ERR expected PING"...)
	}
	return append(dst, ending...), ok
}

// A lines gathers lines from what arrives in pieces. The zero value is ready.
type lines struct {
	part []byte // the beginning of a line that has not ended; nil mostly
}

// feed appends to dst the answers to all lines that b completes and counts the heartbeats among them. It is false
// when a line is too long: nothing of it is kept.
func (p *lines) feed(dst, b []byte) (_ []byte, beats uint64, ok bool) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if len(p.part)+max(i, 0) > maxLine || i < 0 && len(p.part)+len(b) > maxLine {
			p.part = nil
			return dst, beats, false
		}
		if i < 0 {
			p.part = append(p.part, b...)
			return dst, beats, true
		}
		l := b[:i+1]
		if p.part != nil {
			l = append(p.part, l...)
			p.part = nil
		}
		var beat bool
		if dst, beat = answer(dst, l); beat {
			beats++
		}
		b = b[i+1:]
	}
	return dst, beats, true
}
