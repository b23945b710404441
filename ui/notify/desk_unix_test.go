//go:build (linux || freebsd || openbsd || netbsd) && !android

package notify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"holdfast/internal/desktest"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

func TestMain(m *testing.M) {
	busAgain, busAtMost = 20*time.Millisecond, 200*time.Millisecond
	goleak.VerifyTestMain(m)
}

// atWork is a desk on a bus of its own, with a server that can what can says.
func atWork(t *testing.T, can ...string) (*desktest.Bus, *server, *desk, asked) {
	t.Helper()
	b := desktest.SessionBus(t)
	s := newServer(t, b, can...)
	d, a := newTestDesk()
	runDesk(t, d)
	return b, s, d, a
}

// hasShown waits until broken is the server's number 8, and the desk knows that.
func hasShown(t *testing.T, s *server, d *desk) {
	t.Helper()
	d.show(broken, english)
	s.next("GetCapabilities")
	s.next("Notify")
	knows(t, d, 8, true)
}

// knows waits until the desk has a notification of that number, or has none.
func knows(t *testing.T, d *desk, number uint32, want bool) {
	t.Helper()
	desktest.Eventually(t, fmt.Sprintf("%d is known: %v", number, want), func() bool { _, ok := d.named(number); return ok == want })
}

func newTestDesk() (*desk, asked) {
	a := make(asked, 64)
	return newDesk(Options{Actions: a.actions(), Logger: slog.New(slog.DiscardHandler)}), a
}

// A journal is what a desk logs.
type journal chan string

// Write implements io.Writer.
func (j journal) Write(line []byte) (int, error) {
	select {
	case j <- string(line):
	default: // nobody reads so much of it
	}
	return len(line), nil
}

// wants waits for a line.
func (j journal) wants(t *testing.T, what string) {
	t.Helper()
	for limit := time.After(desktest.Patience); ; {
		select {
		case line := <-j:
			if strings.Contains(line, what) {
				return
			}
		case <-limit:
			t.Fatalf("%q was never logged", what)
		}
	}
}

// newJournalDesk is newTestDesk for what is seen in the log only.
func newJournalDesk() (*desk, asked, journal) {
	d, a := newTestDesk()
	j := make(journal, 64)
	d.log = slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return d, a, j
}

// It is shown, another takes its place, it is closed; and a click does what it says.
func TestShown(t *testing.T) {
	b, s, d, a := atWork(t, everything...)
	if n := clients(t, b); n != 1 {
		t.Errorf("%d are on the bus besides the server, though there is nothing to show", n-1)
	}
	d.show(broken, english)
	s.next("GetCapabilities")
	got := s.next("Notify")
	if got.number != 0 || got.title != "office is broken" || got.body != "a &lt; b &amp; c\nwhat to do" {
		t.Errorf("got %v", got)
	}
	if want := []string{"default", "Open Holdfast", "reconnect", "Reconnect now", "open", "Open"}; !slices.Equal(got.actions, want) {
		t.Errorf("actions: %q, want %q", got.actions, want)
	}
	if got.hints["suppress-sound"].Value() != true || got.hints["urgency"].Value() != byte(1) || got.hints["sound-name"].Value() != nil {
		t.Errorf("hints: %v", got.hints)
	}
	var image struct {
		W, H, Stride   int32
		Alpha          bool
		Bits, Channels int32
		Pixels         []byte
	}
	if err := dbus.Store([]any{got.hints["image-data"].Value()}, &image); err != nil || image.W != 64 || image.Stride != 256 || len(image.Pixels) != 64*64*4 {
		t.Errorf("the picture: %v, %d × %d, %d bytes", err, image.W, image.H, len(image.Pixels))
	}
	for key, want := range map[string]string{"reconnect": "reconnect office", "open": "open", "default": "open"} {
		s.click(8, key)
		desktest.Next(t, a, want)
	}
	s.click(8, "something else")
	s.click(9, "open") // another program's
	loud := changed
	loud.Sound = true
	d.show(loud, Settings{Lang: ui.Chinese})
	got = s.next("Notify")
	if got.number != 8 || got.hints["sound-name"].Value() == nil || got.hints["suppress-sound"].Value() != nil || !slices.Contains(got.actions, "立即重连") {
		t.Errorf("got %v", got)
	}
	d.show(healed, english)
	if got = s.next("Notify"); got.number != 8 || slices.Contains(got.actions, "reconnect") {
		t.Errorf("got %v", got)
	}
	s.click(8, "reconnect") // of the one before: it is connected again
	s.click(8, "open")
	desktest.Next(t, a, "open")
	d.close(3)
	if got = s.next("CloseNotification"); got.number != 8 {
		t.Errorf("got %v", got)
	}
	s.none(b)
	if len(a) > 0 {
		t.Errorf("something was asked for: %q", <-a)
	}
}

// What a server cannot is not asked of it.
func TestServersThatCanLess(t *testing.T) {
	for name, c := range map[string]struct {
		can         []string
		title, body string
		actions     int
	}{
		"nothing":            {nil, "office is broken: a < b & c", "", 0},
		"the body":           {[]string{"body"}, "office is broken", "a < b & c\nwhat to do", 0},
		"actions only":       {[]string{"actions"}, "office is broken: a < b & c", "", 6},
		"the body in markup": {[]string{"body", "body-markup"}, "office is broken", "a &lt; b &amp; c\nwhat to do", 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, d, _ := atWork(t, c.can...)
			d.show(broken, english)
			s.next("GetCapabilities")
			if got := s.next("Notify"); got.title != c.title || got.body != c.body || len(got.actions) != c.actions {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("it does not say what it can", func(t *testing.T) {
		b := desktest.SessionBus(t)
		s := newServer(t, b)
		s.set(func() { s.fail = dbus.MakeFailedError(fmt.Errorf("no")) })
		d, _ := newTestDesk()
		runDesk(t, d)
		d.show(broken, english)
		s.next("GetCapabilities")
		s.next("Notify") // refused as well: it is not sent again
		d.show(changed, english)
		if got := s.next("Notify"); got.number != 0 || got.title != "office is still broken: now" {
			t.Errorf("got %v", got)
		}
		s.none(b)
	})
}

func TestNoServer(t *testing.T) {
	b := desktest.SessionBus(t)
	d, _ := newTestDesk()
	runDesk(t, d)
	other := Note{ID: 4, Look: ui.LookDown, Title: "b is broken", Body: "why"}
	d.show(broken, english)
	d.show(other, english)
	desktest.Eventually(t, "it looks for a server", func() bool { return clients(t, b) == 1 })
	d.show(healed, english) // nobody has seen that it was broken
	s := newServer(t, b, everything...)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.title != "b is broken" {
		t.Errorf("got %v", got)
	}
	s.none(b)
}

// Another server knows none of the notifications and may use their numbers again: it is told nothing twice, and what
// changes is a new one.
func TestServerRestarts(t *testing.T) {
	b, s, d, a := atWork(t, everything...)
	hasShown(t, s, d)
	s.conn.Close()
	s = newServer(t, b, "body")
	knows(t, d, 8, false)
	s.click(8, "open") // another program's notification
	s.none(b)
	d.show(changed, english)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.number != 0 || len(got.actions) != 0 {
		t.Errorf("got %v", got)
	}
	if len(a) > 0 {
		t.Errorf("somebody else's click asked for %q", <-a)
	}
}

// A person who closes a notification has seen it: what changes is a new one, and nothing is there to be taken away.
func TestClosedByHand(t *testing.T) {
	b, s, d, _ := atWork(t, everything...)
	hasShown(t, s, d)
	if err := s.conn.Emit(serverPath, serverName+".NotificationClosed", uint32(8), uint32(2)); err != nil {
		t.Fatal(err)
	}
	knows(t, d, 8, false)
	d.show(changed, english)
	if got := s.next("Notify"); got.number != 0 {
		t.Errorf("got %v", got)
	}
	knows(t, d, 9, true)
	if err := s.conn.Emit(serverPath, serverName+".NotificationClosed", uint32(9), uint32(2)); err != nil {
		t.Fatal(err)
	}
	knows(t, d, 9, false)
	d.close(3)
	s.none(b)
}

// A server that hangs costs one message, and is told the newest when it goes on.
func TestServerHangs(t *testing.T) {
	b := desktest.SessionBus(t)
	s := newServer(t, b, everything...)
	d, _ := newTestDesk()
	stop := runDesk(t, d)
	hang := make(chan struct{})
	s.set(func() { s.hang = hang })
	t.Cleanup(func() { close(hang) })
	d.show(broken, english)
	s.next("GetCapabilities")
	hang <- struct{}{}
	s.next("Notify")
	for i := range 1000 {
		d.show(Note{ID: 3 + i%100, Look: ui.LookDown, Title: fmt.Sprint("number ", i), Body: "b"}, english)
	}
	d.show(changed, english)
	s.none(b)
	d.mu.Lock()
	kept := len(d.slips)
	d.mu.Unlock()
	if kept > maxSlips {
		t.Errorf("%d notifications wait, at most %d were expected", kept, maxSlips)
	}
	s.set(func() { s.hang = nil })
	hang <- struct{}{}
	last := call{}
	for range kept {
		last = s.next("Notify")
	}
	if last.title != "office is still broken" {
		t.Errorf("the last was %v", last)
	}
	s.none(b)

	s.set(func() { s.hang = hang })
	d.show(broken, english)
	s.next("Notify")
	began := time.Now()
	stop()
	if took := time.Since(began); took > endWithin+5*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

// It changes while the server is being told, and heals, and is to be closed: the server hears of the last.
func TestChangesWhileTheServerIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*desk)
		want string
	}{
		"changed": {func(d *desk) { d.show(changed, english) }, "Notify"},
		"healed":  {func(d *desk) { d.show(healed, english) }, "Notify"},
		"closed":  {func(d *desk) { d.close(3) }, "CloseNotification"},
	} {
		t.Run(name, func(t *testing.T) {
			b, s, d, _ := atWork(t, everything...)
			hang := make(chan struct{})
			s.set(func() { s.hang = hang })
			d.show(broken, english)
			s.next("GetCapabilities")
			hang <- struct{}{}
			s.next("Notify")
			c.then(d)
			close(hang)
			if got := s.next(c.want); got.number != 8 {
				t.Errorf("got %v", got)
			}
			s.none(b)
		})
	}
}

// A server that falls over a notification gets it twice, and no more.
func TestServerDies(t *testing.T) {
	b := desktest.SessionBus(t)
	d, _ := newTestDesk()
	runDesk(t, d)
	d.show(broken, english)
	for range 2 {
		s := newServer(t, b, everything...)
		s.set(func() { s.die = true })
		s.next("GetCapabilities")
		s.next("Notify")
		<-s.conn.Context().Done()
	}
	s := newServer(t, b, everything...)
	s.none(b)
	d.show(Note{ID: 4, Look: ui.LookDown, Title: "b"}, english)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.title != "b" {
		t.Errorf("got %v", got)
	}
}

func TestBusGoneAndBack(t *testing.T) {
	b := desktest.SessionBus(t)
	s := newServer(t, b, everything...)
	d, a, j := newJournalDesk()
	runDesk(t, d)
	d.show(broken, english)
	s.next("GetCapabilities")
	s.next("Notify")
	b.Stop()
	d.show(changed, english)
	for range 2 { // it went, and is looked for
		j.wants(t, "no session bus")
	}
	b.Start()
	s = newServer(t, b, everything...)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.number != 0 || got.title != changed.Title {
		t.Errorf("got %v", got)
	}
	knows(t, d, 8, true)
	s.click(8, "reconnect")
	desktest.Next(t, a, "reconnect office")
}

func TestNoBus(t *testing.T) {
	for name, address := range map[string]string{"none there": "unix:path=/nonexistent/bus", "not an address": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			d, _, j := newJournalDesk()
			runDesk(t, d)
			d.show(broken, english)
			d.close(3)
			d.show(changed, english)
			for range 2 { // it goes on looking
				j.wants(t, "no session bus")
			}
		})
	}
}

// A bus that was stopped takes nothing and answers nothing; the program ends all the same.
func TestBusStopped(t *testing.T) {
	b := desktest.SessionBus(t)
	s := newServer(t, b, everything...)
	d, _ := newTestDesk()
	stop := runDesk(t, d)
	d.show(broken, english)
	s.next("GetCapabilities")
	s.next("Notify")
	b.Freeze()
	for i := range 100 {
		d.show(Note{ID: 3 + i, Look: ui.LookDown, Title: "x"}, english)
	}
	stop()
	b.Stop() // lets go of whatever is held
}

// Anybody on the bus can send a signal, and as many as it likes.
func TestForgedAndTooManySignals(t *testing.T) {
	b, s, d, a := atWork(t, everything...)
	hasShown(t, s, d)
	other := b.Connect()
	for range 500 {
		if err := other.Emit(serverPath, serverName+".ActionInvoked", uint32(8), "reconnect"); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		forge(t, other, serverPath, serverName, "ActionInvoked", uint32(8), "reconnect")
	}
	for _, body := range [][]any{{}, {"8", "open"}, {uint32(8)}, {uint32(8), int32(1)}, {uint32(0), "open"}} {
		if err := s.conn.Emit(serverPath, serverName+".ActionInvoked", body...); err != nil {
			t.Fatal(err)
		}
	}
	s.none(b)
	for range 10_000 {
		s.click(99, "open")
	}
	desktest.Eventually(t, "it hears the server again", func() bool {
		s.click(8, "open")
		select {
		case got := <-a:
			if got != "open" {
				t.Fatalf("a forged click asked for %q", got)
			}
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
}

// FuzzMessage: whatever a name holds, what is sent is bounded, is text, and has no markup but what it escaped.
func FuzzMessage(f *testing.F) {
	f.Add("a<b>&amp;", "line\nline", true)
	f.Add("\x00\xff\u202e", strings.Repeat("\n<", 3000), false)
	f.Fuzz(func(t *testing.T, title, body string, markup bool) {
		can := []string{"body", "actions"}
		if markup {
			can = append(can, "body-markup")
		}
		n := Note{ID: 1, Look: ui.LookDown, Title: title, Body: body}
		args := message(slip{note: n, lang: ui.English}, can)
		gotTitle, gotBody := args[3].(string), args[4].(string)
		for _, text := range []string{gotTitle, gotBody} {
			if strings.ContainsFunc(text, func(r rune) bool {
				return r < ' ' && r != '\n' || r == '\ufffd' && !strings.Contains(title+body, "\ufffd")
			}) {
				t.Errorf("%q", text)
			}
		}
		if len([]rune(gotTitle)) > maxTitle || len([]rune(gotBody)) > 5*maxLines*(maxBody+1) {
			t.Errorf("%d and %d characters", len([]rune(gotTitle)), len([]rune(gotBody)))
		}
		if markup && strings.ContainsAny(gotBody, "<>") {
			t.Errorf("markup: %q", gotBody)
		}
	})
}

// An office is a fleet of one target, which is up, and a Notifier that tells of it.
type office struct {
	*Notifier
	t        *testing.T
	asked    asked
	up, down monitor.Snapshot
	events   chan monitor.Event
	mu       sync.Mutex
	now      monitor.Snapshot
	looks    atomic.Int64 // of the Notifier
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, asked: make(asked, 8), events: make(chan monitor.Event, 8)}
	o.up = monitor.Snapshot{Target: monitor.Target{Name: "office", Address: "192.0.2.7:7000"}, State: monitor.Up, UpSince: time.Now()}
	o.down, o.now = o.up, o.up
	o.down.State, o.down.Verdict, o.down.BrokenSince, o.down.UpSince = monitor.Down, netcheck.Verdict{Cause: netcheck.ServerRefused}, time.Now(), time.Time{}
	o.Notifier = New(Options{
		Next: func(ctx context.Context) (monitor.Event, error) {
			select {
			case e := <-o.events:
				return e, nil
			case <-ctx.Done():
				return monitor.Event{}, ctx.Err()
			}
		},
		Close: func() {},
		Snapshots: func() []monitor.Snapshot {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.looks.Add(1)
			return []monitor.Snapshot{o.now}
		},
		Actions: o.asked.actions(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	o.Set(Settings{After: 50 * time.Millisecond, Lang: ui.English})
	o.is(o.up)
	return o
}

// is has the target be so, and waits until the Notifier has seen it.
func (o *office) is(s monitor.Snapshot) {
	o.t.Helper()
	o.mu.Lock()
	before := o.looks.Load()
	o.now = s
	o.mu.Unlock()
	o.events <- monitor.Event{Kind: monitor.StateEvent, Snapshot: s}
	o.looked(before)
}

// looked waits until the Notifier has looked more often than that.
func (o *office) looked(before int64) {
	o.t.Helper()
	desktest.Eventually(o.t, "the Notifier has looked", func() bool { return o.looks.Load() > before })
}

// The whole of it: what the fleet says becomes a notification, and a click on that asks for the target.
func TestNotifier(t *testing.T) {
	s := newServer(t, desktest.SessionBus(t), everything...)
	o := newOffice(t)
	o.is(o.down)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.title != "office is broken" {
		t.Errorf("got %v", got)
	}
	desktest.Eventually(t, "a click is heard", func() bool {
		s.click(8, "reconnect")
		select {
		case got := <-o.asked:
			return got == "reconnect office"
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	o.is(o.up)
	if got := s.next("Notify"); got.number != 8 || got.title != "office is connected again" {
		t.Errorf("got %v", got)
	}
	o.Stalled(true)
	if got := s.next("Notify"); got.title != "Holdfast has stopped watching" {
		t.Errorf("got %v", got)
	}
}
