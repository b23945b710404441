//go:build (linux || freebsd || openbsd || netbsd) && !android

package notify

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience is how long a test waits for what takes milliseconds, on a machine that may be busy.
const patience = 20 * time.Second

// A privateBus is a session bus of a test's own, which knows no services that it could start.
type privateBus struct {
	t       testing.TB
	dir     string
	address string
	daemon  *exec.Cmd
}

// startBus starts a bus and makes it the session bus of this process until the test ends. More is what its configuration
// says besides.
func startBus(t testing.TB, more string) *privateBus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("dbus-daemon is not installed")
	}
	dir, err := os.MkdirTemp("", "hf-note-") // a socket's path may have 107 bytes only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &privateBus{t: t, dir: dir, address: "unix:path=" + filepath.Join(dir, "bus")}
	conf := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>` + b.address + `</listen><auth>EXTERNAL</auth>` + more + `
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.address)
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *privateBus) start() {
	b.t.Helper()
	b.daemon = exec.Command("dbus-daemon", "--config-file="+filepath.Join(b.dir, "conf"), "--nofork", "--print-address=1")
	out, err := b.daemon.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.t.Fatalf("dbus-daemon said no address: %v", err)
	}
}

func (b *privateBus) stop() {
	if b.daemon != nil {
		b.daemon.Process.Signal(syscall.SIGCONT)
		b.daemon.Process.Kill()
		b.daemon.Wait()
		b.daemon = nil
	}
}

func (b *privateBus) connect() *dbus.Conn {
	b.t.Helper()
	conn, err := dbus.Connect(b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// clients counts who is on the bus, the bus and the one who asks left out.
func (b *privateBus) clients() int {
	b.t.Helper()
	conn := b.connect()
	defer conn.Close()
	var names []string
	if err := conn.BusObject().Call(busName+".ListNames", 0).Store(&names); err != nil {
		b.t.Fatal(err)
	}
	return len(slices.DeleteFunc(names, func(n string) bool { return n[0] != ':' })) - 1
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

func newServer(b *privateBus, can ...string) *server {
	b.t.Helper()
	s := &server{t: b.t, conn: b.connect(), calls: make(chan call, 1024), can: can, first: 7}
	if err := s.conn.Export(s, serverPath, serverName); err != nil {
		b.t.Fatal(err)
	}
	s.appear()
	return s
}

func (s *server) appear() {
	s.t.Helper()
	eventually(s.t, "the server before it has gone", func() bool {
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
	case <-time.After(patience):
		s.t.Fatalf("%s never came", method)
		return call{}
	}
}

// none checks that nothing more comes: what another connection does afterwards has been done.
func (s *server) none(b *privateBus) {
	s.t.Helper()
	b.clients()
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

func (a asked) want(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-a:
		if got != want {
			t.Fatalf("asked for %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("nobody asked for %q", want)
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
		case <-time.After(patience):
			t.Error("run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: ", what)
		}
	}
}
