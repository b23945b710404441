//go:build linux

package lab

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// FakePort is where a Fake listens.
const FakePort = 3129

// What a Fake can be told to do. Numbers are replies: "407" of HTTP, "socks 5" of SOCKS.
const (
	FakeWorks   = "works"                   // it is a proxy, both HTTP and SOCKS
	FakeCloses  = "closes without a word"   // once it has read the question
	FakeGarbage = "speaks garbage"          // once it has read the question
	FakeMute    = "accepts and stays mute"  // from the first byte on
	FakeStuck   = "mute after the greeting" // SOCKS: the greeting is answered, the request is not
	FakeNoAuth  = "no method"               // SOCKS: none of the client's methods will do
)

// A Fake is a proxy of ours that does what it is told. Its methods may be called from any goroutine.
type Fake struct {
	*server
	host *Host
	mode atomic.Value // a string
}

// Fake starts one on the proxy machine. It ends with the lab at the latest.
func (l *Lab) Fake() (f *Fake, err error) {
	f = &Fake{host: l.Proxy}
	f.mode.Store(FakeWorks)
	f.server, err = l.serve(l.Proxy, FakePort, func(c net.Conn) { f.serve(c, f.mode.Load().(string)) })
	return f, err
}

// Say tells it what to do from now on; what is connected is ended, as by a proxy that starts anew.
func (f *Fake) Say(mode string) {
	f.mode.Store(mode)
	f.endAll()
}

func (f *Fake) serve(c net.Conn, mode string) {
	r := bufio.NewReader(c)
	if mode == FakeMute {
		io.Copy(io.Discard, r)
		return
	}
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if first[0] == 5 {
		f.socks(c, r, mode)
	} else {
		f.http(c, r, mode)
	}
}

// garbage is no protocol at all.
const garbage = "\x00\x01\x02 what do you want?\r\n\x1b[31m\r\n\r\n"

// lingering writes the last words and waits a moment for the other side to end, so that they are not lost to a reset.
func lingering(c net.Conn, words string) {
	io.WriteString(c, words)
	c.(*net.TCPConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	io.Copy(io.Discard, c)
}

func (f *Fake) http(c net.Conn, r *bufio.Reader, mode string) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	switch mode {
	case FakeWorks:
		if req.Method != http.MethodConnect {
			lingering(c, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		up, err := f.host.Dial("tcp", req.Host, 5*time.Second)
		if err != nil {
			lingering(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		f.tunnel(c, r, up)
	case FakeCloses:
	case FakeGarbage:
		lingering(c, garbage)
	default:
		status, _ := strconv.Atoi(mode)
		extra := ""
		if status == http.StatusProxyAuthRequired {
			extra = "Proxy-Authenticate: Basic realm=\"the lab\"\r\n"
		}
		lingering(c, fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
			status, http.StatusText(status), extra))
	}
}

func (f *Fake) socks(c net.Conn, r *bufio.Reader, mode string) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, r, int64(head[1])); err != nil {
		return
	}
	switch mode {
	case FakeCloses:
		return
	case FakeGarbage:
		lingering(c, garbage)
		return
	case FakeNoAuth:
		lingering(c, "\x05\xff")
		return
	}
	io.WriteString(c, "\x05\x00")
	to, err := socksRequest(r)
	if err != nil {
		return
	}
	if mode == FakeStuck {
		io.Copy(io.Discard, r)
		return
	}
	reply := func(code byte) string { return string([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0}) }
	if mode != FakeWorks {
		code, _ := strconv.ParseUint(strings.TrimPrefix(mode, "socks "), 10, 8)
		lingering(c, reply(byte(code)))
		return
	}
	up, err := f.host.Dial("tcp", to, 5*time.Second)
	if err != nil {
		lingering(c, reply(5))
		return
	}
	io.WriteString(c, reply(0))
	f.tunnel(c, r, up)
}

// socksRequest reads a request (RFC 1928, section 4) and returns the address in it.
func socksRequest(r *bufio.Reader) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	size := map[byte]int{1: 4, 4: 16}[head[3]]
	if head[3] == 3 {
		n, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		size = int(n)
	}
	rest := make([]byte, size+2)
	if _, err := io.ReadFull(r, rest); err != nil {
		return "", err
	}
	host := string(rest[:size])
	if addr, ok := netip.AddrFromSlice(rest[:size]); ok && head[3] != 3 {
		host = addr.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(rest[size:])))), nil
}

// tunnel copies both ways until one of them ends.
func (f *Fake) tunnel(c net.Conn, r io.Reader, up net.Conn) {
	var back sync.WaitGroup
	defer back.Wait()
	defer c.Close()
	defer up.Close()
	back.Go(func() {
		io.Copy(c, up)
		c.Close()
	})
	io.Copy(up, r)
}
