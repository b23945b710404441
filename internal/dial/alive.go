package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// Alive asks the proxy at the other end of c, which is fresh from [Direct], something that a proxy that works answers by
// itself: nobody else is contacted for it, and no user and no password is sent. It returns nil once the proxy has
// answered, whatever it says, and waits for as long as ctx does. The caller closes c.
//
// The question is OPTIONS * with Max-Forwards 0 (RFC 9110, sections 9.3.7 and 7.6.2) or a SOCKS greeting. The error is an
// *Error like that of [Through]: silence is [context.DeadlineExceeded], a hang-up [io.EOF] or its errno, and an answer
// in another protocol [ErrProtocol]. Only silence says that the proxy hangs: the kernel of a stopped program accepts
// connections, and does not end them.
func Alive(ctx context.Context, c net.Conn, v Via) error {
	t := &talk{ctx: ctx, c: c, v: v}
	switch {
	case !v.IsProxy():
		return &Error{Hop: HopProxy, Step: StepRequest, Err: errors.New("via: a proxy was expected")}
	case v.scheme != "http":
		return t.do(StepGreeting, func() error {
			b, err := t.ask(socksGreeting(v))
			if err == nil && b[0] != socksVersion {
				err = badVersion(b)
			}
			return err
		})
	}
	if err := t.do(StepRequest, func() error { return t.write(optionsRequest(v)) }); err != nil {
		return err
	}
	return t.do(StepReply, func() error {
		h := headReader{show: v.show}
		buf := make([]byte, 512)
		for {
			n, err := t.read(buf)
			_, _, perr := h.feed(buf[:n])
			switch {
			case h.reply.Status != 0, h.interim > 0:
				return nil
			case perr != nil:
				return perr
			case err != nil:
				return err
			}
		}
	})
}

// optionsRequest asks v's proxy about itself.
func optionsRequest(v Via) []byte {
	host := v.host
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.WithZone("").String() // a zone is this computer's own business (RFC 6874, section 1)
	}
	host = net.JoinHostPort(host, strconv.Itoa(int(v.port)))
	return []byte("OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\nMax-Forwards: 0\r\nConnection: close\r\nUser-Agent: holdfast\r\n\r\n")
}
