package dial

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"
)

// Alive puts one question to the proxy at the other end of c, which is fresh from [Proxy], that a proxy answers by itself
// and asks nobody else for: OPTIONS * that may not be forwarded (RFC 9110, sections 9.3.7 and 7.6.2), or a SOCKS
// greeting. Nil means that it said something, whatever it was. User and password are not sent. The caller closes c.
//
// The error is the connection's, or ctx's. A peer that hangs up is alive as well: the kernel of a stopped program
// accepts connections and does not end them.
func Alive(ctx context.Context, c net.Conn, v Via) error {
	if !v.IsProxy() {
		return errors.New("via: a proxy was expected")
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	question := socksGreeting(v.WithoutCredentials())
	if v.scheme == "http" {
		host := net.JoinHostPort(v.host, strconv.Itoa(int(v.port)))
		question = []byte("OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\nMax-Forwards: 0\r\nUser-Agent: holdfast\r\nConnection: close\r\n\r\n")
	}
	_, err := c.Write(question)
	if err == nil {
		var b [1]byte
		_, err = c.Read(b[:])
	}
	if !stop() {
		<-interrupted
		if err != nil {
			return ctx.Err()
		}
	}
	return err
}
