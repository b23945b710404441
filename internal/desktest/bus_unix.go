//go:build unix

package desktest

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// A Bus is a message bus. It knows no services that it could start, unless it was told of some.
type Bus struct {
	Address string

	d      *Desk
	config string
	daemon *Program
}

// SessionBus starts one on a desk of its own and makes it that of this process.
func SessionBus(t testing.TB) *Bus {
	t.Helper()
	d := New(t)
	d.Use()
	return d.Bus("")
}

// Bus starts one and makes it the session bus of the desk. More is what its configuration says besides.
func (d *Desk) Bus(more string) *Bus {
	d.t.Helper()
	b := d.bus("session", more)
	d.Set("DBUS_SESSION_BUS_ADDRESS", b.Address)
	return b
}

func (d *Desk) bus(name, more string) *Bus {
	d.t.Helper()
	Need(d.t, "dbus-daemon")
	b := &Bus{d: d, Address: "unix:path=" + filepath.Join(d.Dir, "run", name), config: name + ".conf"}
	d.Write(b.config, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>`+b.Address+`</listen><auth>EXTERNAL</auth>`+more+`
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`)
	b.Start()
	d.t.Cleanup(b.Stop)
	return b
}

// SystemBus starts one and makes it the system bus of the desk.
func (d *Desk) SystemBus() *Bus {
	d.t.Helper()
	b := d.bus("system", "")
	d.Set("DBUS_SYSTEM_BUS_ADDRESS", b.Address)
	return b
}

// Start starts it again after Stop, at the same address.
func (b *Bus) Start() {
	b.d.t.Helper()
	b.daemon, _ = b.d.tells(b.d.Command("dbus-daemon", "--config-file="+filepath.Join(b.d.Dir, b.config), "--nofork", "--nopidfile", "--print-address=3"))
}

// Stop kills it, also when it stands still.
func (b *Bus) Stop() { b.daemon.Kill() }

// Freeze has it stand still, and Thaw go on: meanwhile it accepts, and answers nothing.
func (b *Bus) Freeze() { b.daemon.Signal(syscall.SIGSTOP) }

// Thaw ends what Freeze began.
func (b *Bus) Thaw() { b.daemon.Signal(syscall.SIGCONT) }

// Keyring starts a real keyring, unlocked, and waits for it.
func (b *Bus) Keyring() {
	b.d.t.Helper()
	Need(b.d.t, "gnome-keyring-daemon")
	cmd := b.d.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	cmd.Stdin = strings.NewReader("opensesame")
	b.d.Run(cmd)
	b.Owned("org.freedesktop.secrets")
}

// Connect returns a connection that is closed when the test ends.
func (b *Bus) Connect(options ...dbus.ConnOption) *dbus.Conn {
	b.d.t.Helper()
	conn, err := dbus.Connect(b.Address, options...)
	Must(b.d.t, err)
	b.d.t.Cleanup(func() { conn.Close() })
	return conn
}

// Own takes a name on the bus that nobody has.
func Own(t testing.TB, conn *dbus.Conn, name string) {
	t.Helper()
	if reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("take the name %s: %v, %v", name, reply, err)
	}
}

// Owned waits until somebody has a name.
func (b *Bus) Owned(name string) {
	b.d.t.Helper()
	conn := b.Connect()
	Eventually(b.d.t, name+" is on the bus", func() bool {
		var owned bool
		return conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned) == nil && owned
	})
}
