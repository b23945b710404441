package notify

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/desktest"
)

// A logind is as much of it as sleeps.
type logind struct {
	t    *testing.T
	conn *dbus.Conn
}

func newLogind(t *testing.T, b *desktest.Bus) *logind {
	t.Helper()
	l := &logind{t, b.Connect()}
	desktest.Own(t, l.conn, logindName)
	return l
}

func (l *logind) says(args ...any) {
	l.t.Helper()
	desktest.Must(l.t, l.conn.Emit(logindPath, logindIface+".PrepareForSleep", args...))
}

// From when this computer is about to sleep until it has woken up nothing is told.
func TestNothingIsToldOfASleep(t *testing.T) {
	d := desktest.New(t)
	d.Use()
	s := newServer(t, d.Bus(""), everything...)
	system := d.SystemBus()
	l := newLogind(t, system)
	o := newOffice(t)
	asleep := func() bool {
		o.Notifier.mu.Lock()
		defer o.Notifier.mu.Unlock()
		return o.asleep
	}
	desktest.Eventually(t, "it hears that it is about to sleep", func() bool { l.says(true); return asleep() })
	o.is(o.up)
	o.is(o.down)
	<-time.After(4 * 50 * time.Millisecond) // it is what does not happen in this time that counts
	l.says(false)
	desktest.Eventually(t, "it hears that it has woken up", func() bool { return !asleep() })
	o.is(o.up)
	if len(s.calls) > 0 {
		t.Errorf("it was told %v", <-s.calls)
	}
	o.up.UpSince = time.Now() // a session since it woke up, and then a break of its own
	o.is(o.up)
	o.is(o.down)
	s.next("GetCapabilities")
	if got := s.next("Notify"); got.title != "office is broken" {
		t.Errorf("got %v", got)
	}
}

// What others say on the bus, and what makes no sense, is not heard; a bus that starts again is.
func TestWatchSleep(t *testing.T) {
	d := desktest.New(t)
	d.Use()
	b := d.SystemBus()
	l := newLogind(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan bool, 64)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watchSleep(ctx, slog.New(slog.DiscardHandler), func(asleep bool) { told <- asleep })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	want := func(asleep bool) {
		t.Helper()
		select {
		case got := <-told:
			if got != asleep {
				t.Fatalf("told %v, want %v", got, asleep)
			}
		case <-time.After(desktest.Patience):
			t.Fatalf("%v was never told", asleep)
		}
	}
	// What comes before somebody listens is lost.
	listens := func() {
		t.Helper()
		desktest.Eventually(t, "it listens", func() bool {
			l.says(true)
			select {
			case got := <-told: // false: it has lost a bus, or found none yet
				return got
			case <-time.After(50 * time.Millisecond):
				return false
			}
		})
		l.says(false)
		for <-told {
		}
	}
	listens()
	forge(t, b.Connect(), logindPath, logindIface, "PrepareForSleep", true)
	for _, body := range [][]any{{}, {"true"}, {int32(1)}, {true, true}} {
		l.says(body...)
	}
	l.says(false) // none of those came before it
	want(false)
	l.says(true)
	want(true)
	b.Stop()
	want(false) // nobody would tell that it woke up
	b.Start()
	l = newLogind(t, b)
	listens()
}

// Without a system bus nobody looks for one.
func TestNoSystemBus(t *testing.T) {
	d := desktest.New(t)
	d.Use()
	var told []bool
	watchSleep(t.Context(), slog.New(slog.DiscardHandler), func(asleep bool) { told = append(told, asleep) })
	if len(told) != 1 || told[0] {
		t.Errorf("told %v, want once that it does not sleep", told)
	}
}
