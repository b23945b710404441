package responder

import (
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

const errnoRefused = windows.WSAECONNREFUSED

// On the sockets that were accepted keepalive is on, as it was asked for; ten probes are what every Windows sends.
func TestKeepaliveOfAcceptedSockets(t *testing.T) {
	s, _ := start(t, Options{})
	ask(t, dial(t, s), "PING 1\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	want := keepalive{enabled: true, idle: time.Second, interval: time.Second, count: 10, userTimeout: s.socket.userTimeout}
	if s.socket != want || s.warned {
		t.Errorf("the kernel has %+v (warned %v), want %+v", s.socket, s.warned, want)
	}
	switch s.socket.userTimeout {
	case 10 * time.Second:
	case 0:
		t.Log("this system has no TCP_MAXRT")
	default:
		t.Errorf("user timeout %v", s.socket.userTimeout)
	}
}
