package dial

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrProtocol is wrapped by the error of a proxy that does not speak its protocol.
var ErrProtocol = errors.New("not what a proxy says")

const (
	maxHead    = 128 << 10 // bytes of a reply's head, 1xx replies before it included; squid itself stops at 64 KiB
	maxLine    = 4 << 10   // bytes kept of a line of it; a field that is longer is read over
	maxInterim = 8         // 1xx replies before the real one; net/http takes 5
	httpPrefix = "HTTP/1."
)

// connectRequest is the request for a tunnel (RFC 9110, section 9.3.6). target has been checked by splitTarget.
func connectRequest(target string, v Via) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\nUser-Agent: holdfast\r\n"...)
	if v.HasCredentials() {
		b = append(b, "Proxy-Authorization: Basic "+v.basic()+"\r\n"...)
	}
	return append(b, "\r\n"...)
}

// A headReader reads the head of the reply to CONNECT, however it is cut into pieces.
type headReader struct {
	reply   Reply
	total   int    // bytes taken
	interim int    // 1xx replies read over
	line    []byte // of the line that is being read, what is kept
	lineLen int    // its whole length
	show    func(string) string
}

// feed takes what was received. Done means that the head is complete and that b[n:] is what follows it.
func (h *headReader) feed(b []byte) (n int, done bool, err error) {
	for n < len(b) && !done && err == nil {
		part := b[n:]
		end := bytes.IndexByte(part, '\n')
		if end >= 0 {
			part = part[:end+1]
		}
		n += len(part)
		if h.total += len(part); h.total > maxHead {
			return n, false, fmt.Errorf("%w: headers without end, over %d KiB", ErrProtocol, maxHead>>10)
		}
		h.lineLen += len(part)
		h.line = append(h.line, part[:min(len(part), maxLine-len(h.line))]...)
		if h.reply.Status == 0 {
			got, want := h.line, httpPrefix
			if k := min(len(got), len(want)); string(got[:k]) != want[:k] {
				return n, false, h.garbage()
			}
			if h.lineLen > maxLine {
				return n, false, h.garbage()
			}
		}
		if end >= 0 {
			done, err = h.endOfLine()
			h.line, h.lineLen = h.line[:0], 0
		}
	}
	return n, done, err
}

func (h *headReader) garbage() error {
	line := strings.TrimRight(string(h.line), "\r\n")
	words := h.show(line)
	if words == "" && line != "" {
		return fmt.Errorf("%w: no HTTP reply but what we sent", ErrProtocol)
	}
	return fmt.Errorf("%w: no HTTP reply but %s", ErrProtocol, quote(printable(words, 80)))
}

func (h *headReader) endOfLine() (done bool, err error) {
	line := strings.TrimSuffix(strings.TrimSuffix(string(h.line), "\n"), "\r")
	r := &h.reply
	switch {
	case r.Status == 0:
		if !h.statusLine(line) {
			return false, h.garbage()
		}
	case line == "":
		if r.Status >= 200 {
			return true, nil
		}
		if r.Status == 101 { // nobody asked for another protocol
			return false, fmt.Errorf("%w: 101 to CONNECT", ErrProtocol)
		}
		if h.interim++; h.interim > maxInterim {
			return false, fmt.Errorf("%w: over %d interim replies", ErrProtocol, maxInterim)
		}
		*r = Reply{}
	case line[0] == ' ' || line[0] == '\t' || h.lineLen > maxLine: // a folded line; too long to be meant for us
	default:
		h.field(line)
	}
	return false, nil
}

// statusLine reads HTTP/1.1 200 Connection established (RFC 9112, section 4); the reason may be missing, and with it
// the space before it.
func (h *headReader) statusLine(line string) bool {
	if len(line) < 12 || line[7] < '0' || line[7] > '9' || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return false
	}
	for _, c := range []byte(line[9:12]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	h.reply.Status, _ = strconv.Atoi(line[9:12])
	h.reply.Reason = h.show(strings.TrimSpace(line[12:]))
	return h.reply.Status >= 100
}

func (h *headReader) field(line string) {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return
	}
	value = strings.Trim(value, " \t")
	r := &h.reply
	switch strings.ToLower(name) {
	case "via":
		r.Via = h.join(r.Via, value)
	case "server":
		r.Server = h.show(value)
	case "proxy-authenticate":
		r.Auth = h.join(r.Auth, value)
	case "proxy-status":
		if r.ProxyError == "" {
			r.ProxyError = h.show(proxyError(value))
		}
		r.ProxyStatus = h.join(r.ProxyStatus, value)
	case "x-squid-error":
		name, number, _ := strings.Cut(value, " ")
		if !isToken(name) {
			return
		}
		r.SquidError = h.show(name)
		r.SquidErrno = 0
		if n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 16); err == nil {
			r.SquidErrno = int(n)
		}
	}
}

// join adds one more line of a field that is a list.
func (h *headReader) join(old, more string) string {
	more = h.show(more)
	if old == "" || more == "" {
		return old + more
	}
	return printable(old+", "+more, maxText)
}

// quote puts marks around words that are printable already.
func quote(s string) string { return "\"" + s + "\"" }
