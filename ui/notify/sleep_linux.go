package notify

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	logindName  = "org.freedesktop.login1"
	logindPath  = dbus.ObjectPath("/org/freedesktop/login1")
	logindIface = logindName + ".Manager"
)

// systemTries is how often a system bus that was there is looked for again, after 1, 2, 4 and more seconds.
const systemTries = 7

// watchSleep tells when this computer is about to sleep, some seconds before it does, and when it has woken up, or has not
// slept after all: what logind says on the system bus (org.freedesktop.login1(5), PrepareForSleep). Where there is no such
// bus it returns at once; the jump of the clock is left then.
func watchSleep(ctx context.Context, log *slog.Logger, tell func(asleep bool)) {
	tries := systemTries // before there was one
	for {
		err := hearSleep(ctx, func() { tries = 0 }, tell)
		tell(false)
		if ctx.Err() != nil || tries == systemTries {
			log.Debug("notify: nobody tells of sleep", "error", err)
			return
		}
		again := time.NewTimer(busAgain << tries)
		tries++
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
		}
	}
}

// sleepSignals takes the signals of a connection; PrepareForSleep comes twice in a sleep; what comes too fast is lost.
type sleepSignals chan *dbus.Signal

// DeliverSignal implements dbus.SignalHandler.
func (c sleepSignals) DeliverSignal(iface, name string, s *dbus.Signal) {
	if iface == logindIface && name == "PrepareForSleep" && s.Path == logindPath {
		select {
		case c <- s:
		default:
		}
	}
}

// hearSleep does so on one connection.
func hearSleep(ctx context.Context, connected func(), tell func(asleep bool)) error {
	at := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS")
	if at == "" {
		at = "unix:path=/run/dbus/system_bus_socket"
	}
	in := make(sleepSignals, 64)
	conn, err := dial(ctx, at, in)
	if err != nil {
		return err
	}
	defer conn.Close()
	bus := asker(ctx, conn)
	if err := bus("AddMatch", "type='signal',sender='"+logindName+"',path='"+string(logindPath)+"',interface='"+logindIface+"',member='PrepareForSleep'").Err; err != nil {
		return err
	}
	connected()
	for {
		select {
		case <-conn.Context().Done():
			return conn.Context().Err()
		case s := <-in:
			var asleep bool
			var owner string // anybody on the bus can send us a signal
			if dbus.Store(s.Body, &asleep) == nil && bus("GetNameOwner", logindName).Store(&owner) == nil && owner == s.Sender {
				tell(asleep)
			}
		}
	}
}
