//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/desktest"
)

// A panel is what desktops put icons on: a StatusNotifierWatcher that is also the host.
type panel struct {
	t    testing.TB
	conn *dbus.Conn

	mu      sync.Mutex
	items   []string // as registered: "name/path"
	host    bool
	deaf    int  // so many registrations are lost
	asked   int  // registrations so far
	forgets bool // tells of registrations, and lists none
	mute    bool // properties are never answered

	registered chan string
	raised     string            // the bus name whose icon item has returned
	signals    chan *dbus.Signal // of all items
}

func newPanel(t testing.TB, b *desktest.Bus) *panel {
	t.Helper()
	p := &panel{t: t, conn: b.Connect(), host: true, registered: make(chan string, 64), signals: make(chan *dbus.Signal, 1024)}
	desktest.Must(t, p.conn.Export(p, watcherPath, watcherIface))
	desktest.Must(t, p.conn.Export(properties{p}, watcherPath, propIface))
	desktest.Must(t, p.conn.AddMatchSignal(dbus.WithMatchPathNamespace(itemPath)))
	p.conn.Signal(p.signals)
	return p
}

// appear takes the watcher's name, vanish gives it up: a panel that starts and ends.
func (p *panel) appear() {
	p.t.Helper()
	desktest.Own(p.t, p.conn, watcherName)
}

func (p *panel) vanish() {
	p.t.Helper()
	p.mu.Lock()
	p.items = nil
	p.mu.Unlock()
	_, err := p.conn.ReleaseName(watcherName)
	desktest.Must(p.t, err)
}

func (p *panel) setHost(there bool) {
	p.mu.Lock()
	p.host = there
	p.mu.Unlock()
	member := ".StatusNotifierHostRegistered"
	if !there {
		member = ".StatusNotifierHostUnregistered"
	}
	desktest.Must(p.t, p.conn.Emit(watcherPath, watcherIface+member))
}

func (p *panel) RegisterStatusNotifierItem(service string, sender dbus.Sender) *dbus.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.deaf > 0 {
		p.deaf--
		return nil
	}
	if p.forgets {
		p.conn.Emit(watcherPath, watcherIface+".StatusNotifierItemRegistered", service)
		return nil
	}
	item := service
	if strings.HasPrefix(service, "/") {
		item = string(sender) + service
	}
	p.items = append(p.items, item)
	p.registered <- item
	p.conn.Emit(watcherPath, watcherIface+".StatusNotifierItemRegistered", item)
	return nil
}

type properties struct{ p *panel }

func (w properties) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	w.p.mu.Lock()
	mute := w.p.mute
	w.p.mu.Unlock()
	if mute {
		<-w.p.conn.Context().Done()
	}
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	switch name {
	case "IsStatusNotifierHostRegistered":
		return dbus.MakeVariant(w.p.host), nil
	case "RegisteredStatusNotifierItems":
		return dbus.MakeVariant(append([]string{}, w.p.items...)), nil
	}
	return dbus.Variant{}, &dbus.ErrMsgInvalidArg
}

// item waits until an icon is registered, and returns it. A new one says at last that it is to be read again: what was
// read before were systray's answers.
func (p *panel) item() dbus.BusObject {
	p.t.Helper()
	select {
	case item := <-p.registered:
		name, _, _ := strings.Cut(item, "/")
		if name != p.raised {
			p.hears("NewTitle")
			p.raised = name
		}
		return p.conn.Object(name, itemPath)
	case <-time.After(desktest.Patience):
		p.t.Fatal("no icon was registered")
		return nil
	}
}

// property reads a property of an icon as a host does.
func property[T any](t testing.TB, item dbus.BusObject, name string) T {
	t.Helper()
	var v dbus.Variant
	var out T
	desktest.Must(t, item.Call(propIface+".Get", 0, itemIface, name).Store(&v))
	desktest.Must(t, v.Store(&out))
	return out
}

// hears waits for a signal by its member name and drops others that come before it.
func (p *panel) hears(member string) {
	p.t.Helper()
	for timeout := time.After(desktest.Patience); ; {
		select {
		case s := <-p.signals:
			if strings.HasSuffix(s.Name, "."+member) {
				return
			}
		case <-timeout:
			p.t.Fatalf("no signal %s", member)
		}
	}
}

// A line is one line of the menu as a host reads it.
type line struct {
	id       int32
	label    string
	icon     []byte
	off      bool
	on       bool // marked
	parent   int32
	children int
}

type layout struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

// menu reads the visible lines of the menu, submenus after their parents. all counts the hidden ones, too.
func (p *panel) menu(item dbus.BusObject) (lines []line, all int) {
	p.t.Helper()
	menu := p.conn.Object(item.Destination(), menuPath)
	for range 100 { // the first layout that systray hands out has no submenus in it
		lines, all = nil, 0
		var revision uint32
		var root layout
		desktest.Must(p.t, menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root))
		sub := false
		var walk func(l layout, parent int32, shown bool)
		walk = func(l layout, parent int32, shown bool) {
			if l.ID != 0 {
				all++
				text := func(name string) string { s, _ := l.Props[name].Value().(string); return s }
				if visible, ok := l.Props["visible"].Value().(bool); ok && !visible {
					shown = false
				}
				if shown {
					out := line{id: l.ID, label: text("label"), parent: parent, children: len(l.Children)}
					if text("type") == "separator" {
						out.label = "---"
					}
					if on, ok := l.Props["enabled"].Value().(bool); ok {
						out.off = !on
					}
					if state, ok := l.Props["toggle-state"].Value().(int32); ok {
						out.on = state == 1
					}
					out.icon, _ = l.Props["icon-data"].Value().([]byte)
					lines = append(lines, out)
				}
			}
			for _, c := range l.Children {
				var child layout
				desktest.Must(p.t, dbus.Store([]any{c.Value()}, &child))
				sub = sub || l.ID != 0
				walk(child, l.ID, shown)
			}
		}
		walk(root, 0, true)
		if sub {
			return lines, all
		}
	}
	p.t.Fatal("the menu never had its submenus")
	return nil, 0
}

func labels(lines []line) string {
	var out []string
	for _, l := range lines {
		s := l.label
		if l.parent != 0 {
			s = "  " + s
		}
		if l.off {
			s += " (off)"
		}
		if l.on {
			s += " (on)"
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

// click does what a host does when a line of the menu is chosen.
func (p *panel) click(item dbus.BusObject, id int32) {
	p.t.Helper()
	menu := p.conn.Object(item.Destination(), menuPath)
	desktest.Must(p.t, menu.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err)
}

func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc/self/fd, to count open files:", err)
	}
	return len(list)
}

// listen accepts connections on a socket and says nothing.
func listen(t testing.TB, path string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	desktest.Must(t, err)
	return func() { l.Close() }
}
