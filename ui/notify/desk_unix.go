//go:build (linux || freebsd || openbsd || netbsd) && !android

package notify

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/assets"
	"holdfast/ui"
)

const (
	serverName = "org.freedesktop.Notifications"
	serverPath = dbus.ObjectPath("/org/freedesktop/Notifications")
	busName    = "org.freedesktop.DBus"
)

// Bounds of what is sent and kept.
const (
	maxTitle = 200
	maxBody  = 800 // of a line
	maxLines = 4
)

// Times of the desk. Variables only for tests.
var (
	busWithin = 5 * time.Second  // one answer of the bus itself
	busAgain  = 1 * time.Second  // between two tries to reach a bus; doubles
	busAtMost = 60 * time.Second // up to this
	endWithin = 1 * time.Second  // at the end, for a bus that does not take what was sent
)

// A desk shows notifications by org.freedesktop.Notifications (Desktop Notifications Specification 1.2). There is never more
// than one call under way, so a server that hangs costs one message. The bus is not looked for before there is something to
// show.
type desk struct {
	*shelf
	actions Actions
	log     *slog.Logger
	clicks  chan func()
}

func newDesk(o Options) *desk {
	return &desk{shelf: newShelf(), actions: o.Actions, log: o.Logger, clicks: make(chan func(), 4)}
}

// run works until ctx ends.
func (d *desk) run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { answer(ctx, d.clicks) })
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.serve(ctx)
	}()
	select {
	case <-served:
	case <-ctx.Done():
		// A bus that was stopped takes nothing, and godbus holds a lock over a write that Close needs as well.
		select {
		case <-served:
		case <-time.After(endWithin):
			d.log.Warn("notify: the session bus does not answer; left as it is")
		}
	}
	group.Wait()
}

// serve connects when there is something to show, and again when the bus has gone and there still is.
func (d *desk) serve(ctx context.Context) {
	wait := busAgain
	for {
		if !d.any() {
			select {
			case <-d.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		conn, in, err := connect(ctx)
		if err == nil {
			began := time.Now()
			err = d.talk(ctx, conn, in)
			conn.Close()
			d.forget(true)
			if time.Since(began) > busAtMost {
				wait = busAgain
			}
		}
		if ctx.Err() != nil {
			return
		}
		d.log.Debug("notify: no session bus", "error", err)
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
		wait = min(2*wait, busAtMost)
	}
}

// An inbox takes the signals of a connection. It never waits: what a server sends too fast is lost. That the server has
// changed hands is kept apart, and is never lost.
type inbox struct {
	signals chan *dbus.Signal
	owner   chan struct{} // capacity 1
}

// DeliverSignal implements dbus.SignalHandler.
func (b *inbox) DeliverSignal(iface, name string, s *dbus.Signal) {
	switch {
	case iface == busName && name == "NameOwnerChanged" && s.Sender == busName:
		ring(b.owner)
	case iface == serverName:
		select {
		case b.signals <- s:
		default:
		}
	}
}

// address is where the session bus is; "" where there is none. One is never started: nobody would see what is on it.
func address() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		return a
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())} {
		path := filepath.Join(dir, "bus")
		if _, err := os.Stat(path); err == nil && filepath.IsAbs(path) {
			return "unix:path=" + dbus.EscapeBusAddressValue(path)
		}
	}
	return ""
}

func connect(ctx context.Context) (*dbus.Conn, *inbox, error) {
	at := address()
	if at == "" {
		return nil, nil, errors.New("there is no session bus")
	}
	in := &inbox{signals: make(chan *dbus.Signal, 16), owner: make(chan struct{}, 1)}
	conn, err := dial(ctx, at, in)
	return conn, in, err
}

// dial connects to the bus at an address; the connection ends with ctx.
func dial(ctx context.Context, at string, in dbus.SignalHandler) (*dbus.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	tooLong := time.AfterFunc(busWithin, cancel) // a bus that is stopped accepts and says nothing
	conn, err := dbus.Connect(at, dbus.WithContext(ctx), dbus.WithSignalHandler(in))
	if !tooLong.Stop() && err == nil {
		conn.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, err
	}
	context.AfterFunc(conn.Context(), cancel)
	return conn, nil
}

// asker returns what calls the bus itself.
func asker(ctx context.Context, conn *dbus.Conn) func(method string, args ...any) *dbus.Call {
	return func(method string, args ...any) *dbus.Call {
		ctx, cancel := context.WithTimeout(ctx, busWithin)
		defer cancel()
		return conn.BusObject().CallWithContext(ctx, busName+"."+method, 0, args...)
	}
}

// talk tells the server on conn what there is, until conn or ctx ends.
func (d *desk) talk(ctx context.Context, conn *dbus.Conn, in *inbox) error {
	bus := asker(ctx, conn)
	for _, rule := range []string{
		"type='signal',sender='" + busName + "',interface='" + busName + "',member='NameOwnerChanged',arg0='" + serverName + "'",
		"type='signal',sender='" + serverName + "',path='" + string(serverPath) + "',interface='" + serverName + "'",
	} {
		if err := bus("AddMatch", rule).Err; err != nil {
			return err
		}
	}
	server := conn.Object(serverName, serverPath)
	answers := make(chan *dbus.Call, 1)
	var (
		can     []string // what the server can; nil: not asked yet
		absent  bool     // there is no server, nor one that the bus could start
		calling bool
		id      int // what it is told of; 0: it was asked what it can
		told    slip
	)
	answered := func(c *dbus.Call) {
		calling = false
		var number uint32
		switch {
		case errors.Is(c.Err, dbus.ErrClosed), errors.Is(c.Err, context.Canceled): // the bus has gone, which is seen below
		case errorIs(c.Err, "NoReply") && id > 0: // it ended
			d.lost(id, told)
		case noServer(c.Err):
			absent = true
		case id == 0:
			if can = []string{}; c.Err == nil {
				can = words(c.Body)
			}
		default:
			if c.Err != nil {
				d.log.Warn("notify: the server took no notification", "error", ui.Printable(c.Err.Error(), 200))
			} else if !told.gone {
				_ = c.Store(&number) // 0: it has no number, and cannot be replaced
			}
			d.done(id, told, number)
		}
	}
	for {
		switch {
		case calling || absent:
		case can == nil:
			if d.any() {
				calling, id = true, 0
				server.Go(serverName+".GetCapabilities", 0, answers)
			}
		default:
			if id, told, calling = d.take(anyNote); !calling {
				break
			}
			if told.gone {
				server.Go(serverName+".CloseNotification", 0, answers, told.id)
			} else {
				server.Go(serverName+".Notify", 0, answers, message(told, can)...)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-conn.Context().Done():
			return errors.New("the session bus has gone")
		case <-d.wake:
			absent = false
		case c := <-answers:
			answered(c)
		case <-in.owner:
			// Another server, or the same anew: it knows none of what the one before it had, and may use the numbers again. A
			// call under way is answered all the same, by the next one or by the bus.
			select {
			case c := <-answers: // what the one before said before it went
				answered(c)
			default:
			}
			can, absent = nil, false
			d.forget(false)
		case s := <-in.signals:
			d.heard(s, func() string {
				var owner string
				_ = bus("GetNameOwner", serverName).Store(&owner)
				return owner
			})
		}
	}
}

func errorIs(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == busName+".Error."+name
}

// noServer reports an error that says that nobody is there, and that the bus can start nobody.
func noServer(err error) bool {
	var e dbus.Error
	return errors.As(err, &e) && (errorIs(err, "ServiceUnknown") || errorIs(err, "NameHasNoOwner") || errorIs(err, "NoReply") ||
		errorIs(err, "TimedOut") || strings.HasPrefix(e.Name, busName+".Error.Spawn."))
}

// words reads the first values of an answer, if they are a list of words.
func words(body []any) []string {
	out := []string{}
	if len(body) > 0 {
		if list, ok := body[0].([]string); ok {
			out = append(out, list[:min(len(list), 64)]...)
		}
	}
	return out
}

// heard acts on a signal. Anybody on the bus can send one, so it counts only when owner, the server's name, sent it.
func (d *desk) heard(s *dbus.Signal, owner func() string) {
	if len(s.Body) < 2 || s.Path != serverPath {
		return
	}
	number, ok := s.Body[0].(uint32)
	if !ok {
		return
	}
	note, ours := d.named(number)
	if !ours || s.Sender != owner() {
		return
	}
	switch strings.TrimPrefix(s.Name, serverName+".") {
	case "NotificationClosed":
		d.ended(number)
	case "ActionInvoked":
		act := d.actions.Open
		if key, _ := s.Body[1].(string); key == actReconnect && note.Reconnect != nil && d.actions.Reconnect != nil {
			act = func() { d.actions.Reconnect(note.Reconnect) }
		} else if key != actDefault && key != actOpen {
			return
		}
		if act == nil {
			return
		}
		clicked(d.clicks, act, d.log)
	}
}

// Keys of the actions; the specification gives "default" to a click on the notification itself.
const (
	actDefault   = "default"
	actReconnect = "reconnect"
	actOpen      = "open"
)

// escape is for servers that read markup in the body.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// message is what Notify takes, for a server that can what can says.
func message(s slip, can []string) []any {
	n := s.note
	has := func(what string) bool { return slices.Contains(can, what) }
	title := ui.Printable(n.Title, maxTitle)
	var lines []string
	for _, line := range strings.SplitN(n.Body, "\n", maxLines+1)[:min(maxLines, strings.Count(n.Body, "\n")+1)] {
		lines = append(lines, ui.Printable(line, maxBody))
	}
	body := strings.Join(lines, "\n")
	switch {
	case !has("body"):
		title, body = ui.Printable(s.lang.Say("note.one", "title", title, "text", lines[0]), maxTitle), ""
	case has("body-markup"):
		body = escape.Replace(body)
	}
	actions := []string{}
	if has("actions") {
		actions = append(actions, actDefault, s.lang.Say("menu.open"))
		if n.Reconnect != nil {
			actions = append(actions, actReconnect, s.lang.Say("button.reconnect"))
		}
		actions = append(actions, actOpen, s.lang.Say("note.open"))
	}
	category := "network.error"
	switch n.Look {
	case ui.LookUp:
		category = "network.connected"
	case ui.LookDown:
		category = "network.disconnected"
	}
	hints := map[string]dbus.Variant{
		"urgency":       dbus.MakeVariant(byte(1)), // normal: critical ones never go away by themselves
		"category":      dbus.MakeVariant(category),
		"desktop-entry": dbus.MakeVariant("net.holdfast.Holdfast"), // the name of the menu entry
	}
	if n.Sound {
		sound := "network-connectivity-lost"
		if n.Look == ui.LookUp {
			sound = "network-connectivity-established"
		}
		hints["sound-name"] = dbus.MakeVariant(sound)
	} else {
		hints["suppress-sound"] = dbus.MakeVariant(true)
	}
	maps.Copy(hints, picture(n.Look))
	return []any{"Holdfast", s.id, "", title, body, actions, hints, int32(-1)}
}

// pictureSize is what servers show at scale 1 or 2.
const pictureSize = 64

// picture is the icon of a look: it needs no icon theme, and is the same as in the panel.
func picture(k ui.Look) map[string]dbus.Variant {
	for _, p := range assets.Pixmaps(k.String()) {
		if p.Width != pictureSize {
			continue
		}
		rgba := make([]byte, 0, len(p.ARGB))
		for i := 0; i+4 <= len(p.ARGB); i += 4 {
			rgba = append(rgba, p.ARGB[i+1], p.ARGB[i+2], p.ARGB[i+3], p.ARGB[i])
		}
		return map[string]dbus.Variant{"image-data": dbus.MakeVariant(struct {
			Width, Height, Stride int32
			Alpha                 bool
			Bits, Channels        int32
			Pixels                []byte
		}{p.Width, p.Height, 4 * p.Width, true, 8, 4, rgba})}
	}
	return nil
}
