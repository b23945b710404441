package dial

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAlive(t *testing.T) {
	tests := []struct {
		name, via, want, answer string
		alive                   bool
	}{
		{"HTTP", "http://me:pass@proxy.example.net:3128", "OPTIONS * HTTP/1.1\r\nHost: proxy.example.net:3128\r\nMax-Forwards: 0\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", true},
		{"SOCKS", "socks5://me:pass@proxy.example.net", "\x05\x01\x00", "\x05\xff", true},
		{"silence", "http://proxy.example.net:3128", "OPTIONS", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := ParseVia(tt.via)
				if err != nil {
					t.Fatal(err)
				}
				here, there := net.Pipe()
				defer here.Close()
				asked := make(chan string, 1)
				go func() {
					defer there.Close()
					b := make([]byte, 4096)
					n, _ := there.Read(b)
					asked <- string(b[:n])
					if tt.answer != "" {
						_, _ = io.WriteString(there, tt.answer)
					}
					_, _ = there.Read(b)
				}()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				err = Alive(ctx, here, v)
				if got := <-asked; !strings.HasPrefix(got, tt.want) || strings.Contains(got, "Authorization") {
					t.Errorf("asked %q", got)
				}
				switch {
				case tt.alive && err != nil:
					t.Errorf("%v", err)
				case !tt.alive && (err != context.DeadlineExceeded || time.Since(began) != time.Second):
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}
