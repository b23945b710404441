//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/systray"
	"github.com/godbus/dbus/v5"

	"holdfast/assets"
)

const (
	watcherName  = "org.kde.StatusNotifierWatcher"
	watcherPath  = dbus.ObjectPath("/StatusNotifierWatcher")
	watcherIface = watcherName
	busName      = "org.freedesktop.DBus"
)

// run keeps an icon on the bus. What of that systray does: it exports the item and its menu, registers, and registers
// again when the watcher comes back. What is done here: to look whether anybody shows icons, before and after; to register
// once more when systray has missed a watcher; all of the item's properties ([item]); and to begin again on a new
// connection when the bus has died, which systray does not notice. What systray has to say it writes with package log; a
// few lines when the bus dies. It counts revisions of the menu without a lock, which the race detector may report.
func (t *Tray) run(ctx context.Context) error {
	bus, err := connect(ctx, t.pace.call)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: connect to session bus: %w", ErrNoTray, err)
	}
	// systray calls these from goroutines of the bus and reads them without a lock: they are set once, before it starts.
	current.Store(t)
	tapped()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var clicks sync.WaitGroup
		defer clicks.Wait()
		clicks.Go(func() { t.answer(ctx) })
		clicks.Go(func() { theMenu().listen(ctx, t) })
		s := &screen{t: t, patience: time.NewTimer(t.pace.first)}
		s.item.theme = newTheme(os.Getenv)
		defer s.patience.Stop()
		for bus != nil {
			s.serve(ctx, bus)
			bus = s.reconnect(ctx)
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	// A bus that was stopped takes nothing, and godbus holds a lock over a write that Close needs as well.
	select {
	case <-ended:
	case <-time.After(t.pace.end):
		t.o.Logger.Warn("tray: the session bus does not answer; left as it is")
	}
	return nil
}

// current is the tray whose icon is clicked.
var current atomic.Pointer[Tray]

// tapped sets the library's handlers once. Middle click and, on hosts that cannot draw a menu, right click come as one.
var tapped = sync.OnceFunc(func() {
	to := func(w what) func() {
		return func() {
			if t := current.Load(); t != nil {
				t.clicked(click{what: w})
			}
		}
	}
	systray.SetOnTapped(to(clickLeft))
	systray.SetOnSecondaryTapped(to(clickMiddle))
})

// beforeFirst tells systray what it publishes in the moment before [item] takes over, and fills the menu while nobody
// listens yet. Later these calls would go to a connection that may have ended, and SetIcon panics on such a one.
var beforeFirstOnce sync.Once

func beforeFirst(icon string, fill func()) {
	beforeFirstOnce.Do(func() {
		systray.SetTitle("holdfast") // it makes this the Id as well, by which panels remember what is to be hidden
		systray.SetIcon(assets.Icon(icon, 22))
		fill()
	})
}

// connect opens a connection of our own. It never starts a bus: one that nobody else is on shows no icon.
func connect(ctx context.Context, limit time.Duration) (*dbus.Conn, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		// systray connects by the same variable, and would look in /run/user only, then start a bus.
		if path := filepath.Join(dir, "bus"); exists(path) {
			os.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+dbus.EscapeBusAddressValue(path))
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	tooLong := time.AfterFunc(limit, cancel) // a bus that is stopped accepts and says nothing
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err == nil {
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
		if err != nil {
			conn.Close()
		}
	}
	if !tooLong.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, err
	}
	context.AfterFunc(conn.Context(), cancel)
	return conn, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A screen is what hosts see of a tray, and what is known of the hosts. One goroutine owns it.
type screen struct {
	t    *Tray
	item item

	conn       *dbus.Conn // systray's connection, while the icon is up
	host       bool       // somebody shows icons
	registered bool       // and has ours
	missed     bool       // the watcher did not have it a second ago: systray has not seen this watcher
	told       bool       // HostGone(true) was called last

	nextTry time.Time     // a lost registration is not repeated before
	tryWait time.Duration // and then not for this long

	patience *time.Timer // until HostGone(true)
	look     *time.Timer // until the watcher is asked again
	pause    *time.Timer // until the menu may change
	menuAt   time.Time   // when it last did
}

// serve works on one connection until it ends or ctx does.
func (s *screen) serve(ctx context.Context, bus *dbus.Conn) {
	defer bus.Close()
	signals := make(chan *dbus.Signal, 64)
	bus.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		// Hosts and items that come and go.
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherIface)},
	} {
		if err := bus.AddMatchSignalContext(ctx, match...); err != nil {
			return
		}
	}
	s.look, s.pause = time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer s.look.Stop()
	defer s.pause.Stop()
	defer s.lower()

	// Questions to the watcher are asked aside: a panel that hangs must not hold up the icon. News say only that
	// something changed; everything is read again.
	answers := make(chan finding, 1)
	asking, again := false, false
	ask := func() {
		if again = asking; asking {
			return
		}
		asking = true
		own := s.conn
		go func() { answers <- find(ctx, bus, own, s.t.pace.call) }()
	}
	defer func() {
		if asking {
			<-answers
		}
	}()
	ask()
	for {
		var ours <-chan struct{} // the bus dies on two connections, and either may see it first
		if s.conn != nil {
			ours = s.conn.Context().Done()
		}
		select {
		case <-ctx.Done():
			return
		case <-bus.Context().Done():
			return
		case <-ours:
			return
		case _, ok := <-signals:
			if !ok {
				return
			}
			ask()
		case <-s.look.C:
			ask()
		case f := <-answers:
			asking = false
			if again {
				ask()
			} else if !s.found(f) {
				return
			}
		case <-s.patience.C:
			s.gone()
		case <-s.t.wake:
			s.paint()
		case <-s.pause.C:
			s.paintMenu()
		}
	}
}

// reconnect waits until the bus is back. It returns nil when ctx ends.
func (s *screen) reconnect(ctx context.Context) *dbus.Conn {
	if ctx.Err() != nil {
		return nil
	}
	s.t.o.Logger.Warn("tray: the session bus is gone; waiting for it")
	s.noHost()
	for wait := s.t.pace.bus; ; wait = min(2*wait, 30*s.t.pace.bus) {
		again := time.NewTimer(wait)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				again.Stop()
				return nil
			case <-s.patience.C:
				s.gone()
			case <-again.C:
				waiting = false
			}
		}
		if bus, err := connect(ctx, s.t.pace.call); err == nil {
			s.t.o.Logger.Info("tray: the session bus is back")
			return bus
		}
	}
}

// A finding is what the bus says of those who show icons.
type finding struct {
	silent     bool // it did not say in time
	watcher    bool // there is one
	host       bool // and a host that shows what it watches
	registered bool // and it has our icon
}

func find(ctx context.Context, bus, own *dbus.Conn, limit time.Duration) finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var there bool
	if err := bus.BusObject().CallWithContext(ctx, busName+".NameHasOwner", 0, watcherName).Store(&there); err != nil || !there {
		return finding{silent: err != nil}
	}
	f := finding{watcher: true, host: true}
	watcher := bus.Object(watcherName, watcherPath)
	property := func(name string, into any) bool {
		var v dbus.Variant
		err := watcher.CallWithContext(ctx, propIface+".Get", dbus.FlagNoAutoStart, watcherIface, name).Store(&v)
		return err == nil && v.Store(into) == nil
	}
	// Small panels leave properties out; the watcher itself is then taken for the host.
	var host bool
	if property("IsStatusNotifierHostRegistered", &host) {
		f.host = host
	}
	if own == nil {
		return f
	}
	var items []string
	if !property("RegisteredStatusNotifierItems", &items) {
		f.registered = true // cannot be told
		return f
	}
	// ":1.42/StatusNotifierItem", a name alone, or a name with a path: each panel writes it its own way.
	for _, item := range items {
		name, _, _ := strings.Cut(item, "/")
		if slices.Contains(own.Names(), name) {
			f.registered = true
		}
	}
	return f
}

// found acts on what was found. It returns false when the bus has died meanwhile.
func (s *screen) found(f finding) bool {
	if f.silent { // no news will come of a watcher that was there before
		s.look.Reset(s.t.pace.look)
		return true
	}
	s.registered = s.registered && f.registered
	if !f.host {
		s.noHost()
	} else {
		s.patience.Stop()
		s.host = true
		if s.told {
			s.told = false
			s.t.o.Logger.Info("tray: a tray host is there")
			s.t.clicked(click{what: tellBack})
		}
	}
	switch {
	case !f.watcher:
		s.missed = false
	case s.conn == nil:
		if !s.raise() {
			return false
		}
		s.look.Reset(s.t.pace.look)
	case f.registered && !s.registered:
		s.registered, s.missed, s.tryWait = true, false, 0
		s.t.clicked(click{what: tellReady})
	case !f.registered && !s.missed:
		// systray registers as soon as it sees the watcher; give it the time.
		s.missed = true
		s.look.Reset(s.t.pace.look)
	case !f.registered && time.Now().Before(s.nextTry):
		// A watcher that answers a registration with news and without listing us must not keep us busy.
		s.look.Reset(time.Until(s.nextTry))
	case !f.registered:
		// It has not seen this watcher: one that came between its first try and its watching.
		s.tryWait = min(max(2*s.tryWait, 10*s.t.pace.look), 600*s.t.pace.look)
		s.nextTry = time.Now().Add(s.tryWait)
		s.t.o.Logger.Info("tray: registering once more")
		watcher := s.conn.Object(watcherName, watcherPath)
		watcher.Go(watcherIface+".RegisterStatusNotifierItem", dbus.FlagNoAutoStart|dbus.FlagNoReplyExpected, nil, string(itemPath))
		s.look.Reset(s.tryWait)
	}
	return true
}

// noHost notes that nobody shows icons. HostGone follows if it stays so.
func (s *screen) noHost() {
	if s.host {
		s.host = false
		s.patience.Reset(s.t.pace.later)
	}
}

func (s *screen) gone() {
	if s.told {
		return
	}
	s.told = true
	s.t.o.Logger.Warn("tray: nothing on this desktop shows tray icons")
	s.t.clicked(click{what: tellGone})
}

// raise lets systray put the icon on the bus.
func (s *screen) raise() bool {
	v := s.t.wanted()
	s.item.set(v)
	before, err := dbus.SessionBus() // systray takes this one
	if err != nil {
		return false
	}
	beforeFirst(v.icon(), func() { theMenu().show(v) })
	start, _ := systray.RunWithExternalLoop(nil, nil)
	start()
	conn, err := dbus.SessionBus()
	if err != nil || conn != before {
		return false
	}
	if err := conn.Export(&s.item, itemPath, propIface); err != nil {
		s.t.o.Logger.Error("tray: export properties", "error", err)
	}
	// systray has registered already. A host that was quick has read systray's own answers: one picture, and that of the
	// first bus if this is not the first. It is told to read again.
	for _, news := range []string{".NewIcon", ".NewToolTip", ".NewTitle"} {
		_ = conn.Emit(itemPath, itemIface+news)
	}
	s.conn = conn
	theMenu().show(v) // differs when the icon was up before, on another bus
	s.menuAt = time.Now()
	return true
}

// lower takes the icon away: the bus tells the panel when its connection ends. systray's own end may not be used: it
// lets no tray follow in this process, and falls over when it has no connection.
func (s *screen) lower() {
	if s.conn != nil {
		s.conn.Close()
		s.conn, s.registered, s.missed = nil, false, false
	}
}

// paint shows what is wanted: icon and tooltip now, the menu in its time.
func (s *screen) paint() {
	icon, tip := s.item.set(s.t.wanted())
	if s.conn == nil {
		return
	}
	// An error means that the connection has ended, which serve sees.
	if icon {
		_ = s.conn.Emit(itemPath, itemIface+".NewIcon")
	}
	if tip {
		_ = s.conn.Emit(itemPath, itemIface+".NewToolTip")
	}
	if wait := s.t.pace.menu - time.Since(s.menuAt); wait > 0 {
		s.pause.Reset(wait)
		return
	}
	s.paintMenu()
}

func (s *screen) paintMenu() {
	if s.conn == nil {
		return
	}
	theMenu().show(s.t.wanted())
	s.menuAt = time.Now()
}
