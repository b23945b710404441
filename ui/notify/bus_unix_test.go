//go:build (linux || freebsd || openbsd || netbsd) && !android

package notify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/desktest"
)

// clients counts who is on the bus, the bus and the one who asks left out.
func clients(t testing.TB, b *desktest.Bus) int {
	t.Helper()
	conn := b.Connect()
	defer conn.Close()
	var names []string
	desktest.Must(t, conn.BusObject().Call(busName+".ListNames", 0).Store(&names))
	return len(slices.DeleteFunc(names, func(n string) bool { return n[0] != ':' })) - 1
}

// forge sends a signal straight to all who are on the bus, past the rules that they have given it.
func forge(t *testing.T, conn *dbus.Conn, path dbus.ObjectPath, iface, member string, body ...any) {
	t.Helper()
	var names []string
	desktest.Must(t, conn.BusObject().Call(busName+".ListNames", 0).Store(&names))
	for _, to := range names {
		if to[0] == ':' {
			<-conn.Send(&dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member), dbus.FieldPath: dbus.MakeVariant(path),
				dbus.FieldDestination: dbus.MakeVariant(to), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
			}, Body: body}, nil).Done
		}
	}
}

// A call is what a server was told.
type call struct {
	method      string
	number      uint32 // of Notify: what it replaces
	title, body string
	actions     []string
	hints       map[string]dbus.Variant
}

// String leaves the hints out: a picture is among them.
func (c call) String() string {
	return fmt.Sprintf("%s %d %q %q %q", c.method, c.number, c.title, c.body, c.actions)
}

// A server shows notifications, as a desktop's does; what it is told comes out of calls.
type server struct {
	t     testing.TB
	conn  *dbus.Conn
	calls chan call

	mu    sync.Mutex
	can   []string
	first uint32        // the number of the next new one
	hang  chan struct{} // not nil: nothing is answered before it is closed
	fail  *dbus.Error
	die   bool // the connection ends over each Notify
	open  []uint32
}

var everything = []string{"actions", "body", "body-markup", "icon-static", "sound"}

func newServer(t testing.TB, b *desktest.Bus, can ...string) *server {
	t.Helper()
	s := &server{t: t, conn: b.Connect(), calls: make(chan call, 1024), can: can, first: 7}
	desktest.Must(t, s.conn.Export(s, serverPath, serverName))
	s.appear()
	return s
}

func (s *server) appear() {
	s.t.Helper()
	desktest.Eventually(s.t, "the server before it has gone", func() bool {
		r, err := s.conn.RequestName(serverName, dbus.NameFlagDoNotQueue)
		if err != nil {
			s.t.Fatalf("take the server's name: %v", err)
		}
		return r == dbus.RequestNameReplyPrimaryOwner
	})
}

func (s *server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *server) wait() *dbus.Error {
	s.mu.Lock()
	hang, fail := s.hang, s.fail
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return fail
}

func (s *server) GetCapabilities() ([]string, *dbus.Error) {
	s.calls <- call{method: "GetCapabilities"}
	return s.can, s.wait()
}

func (s *server) Notify(app string, replaces uint32, icon, title, body string, actions []string, hints map[string]dbus.Variant, expire int32) (uint32, *dbus.Error) {
	s.calls <- call{"Notify", replaces, title, body, actions, hints}
	s.mu.Lock()
	die := s.die
	s.mu.Unlock()
	if die {
		s.conn.Close()
		return 0, nil
	}
	err := s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if replaces != 0 && slices.Contains(s.open, replaces) {
		return replaces, err
	}
	s.first++
	s.open = append(s.open, s.first)
	return s.first, err
}

func (s *server) CloseNotification(number uint32) *dbus.Error {
	s.calls <- call{method: "CloseNotification", number: number}
	err := s.wait()
	s.conn.Emit(serverPath, serverName+".NotificationClosed", number, uint32(3))
	return err
}

// next returns what it was told next.
func (s *server) next(method string) call {
	s.t.Helper()
	select {
	case c := <-s.calls:
		if c.method != method {
			s.t.Fatalf("it was told %v, want %s", c, method)
		}
		return c
	case <-time.After(desktest.Patience):
		s.t.Fatalf("%s never came", method)
		return call{}
	}
}

// none checks that nothing more comes: what another connection does afterwards has been done.
func (s *server) none(b *desktest.Bus) {
	s.t.Helper()
	clients(s.t, b)
	select {
	case c := <-s.calls:
		s.t.Fatalf("it was told %v, want nothing", c)
	case <-time.After(50 * time.Millisecond):
	}
}

func (s *server) click(number uint32, key string) {
	s.t.Helper()
	if err := s.conn.Emit(serverPath, serverName+".ActionInvoked", number, key); err != nil {
		s.t.Fatal(err)
	}
}

// asked collects what clicks ask for.
type asked chan string

func (a asked) actions() Actions {
	return Actions{
		Reconnect: func(names []string) { a <- "reconnect " + names[0] },
		Open:      func() { a <- "open" },
	}
}

// runDesk runs a desk until the test ends; its end is part of the test.
func runDesk(t testing.TB, d *desk) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(desktest.Patience):
			t.Error("run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}
