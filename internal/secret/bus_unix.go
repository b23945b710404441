//go:build linux || freebsd || openbsd || netbsd || dragonfly

package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// present reports ErrNone where there is no session bus. Asked for one that is not there, package dbus starts one with
// dbus-launch, and it would stay.
func present() error {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return nil
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		if _, err := os.Stat(filepath.Join(run, "bus")); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: no session bus", ErrNone)
}

// sort finds out what an error of the Secret Service, or of the way to it, means.
func sort(err error) error {
	var e dbus.Error
	var p *dbus.Error
	name := ""
	switch {
	case errors.As(err, &e):
		name = e.Name
	case errors.As(err, &p):
		name = p.Name
	}
	switch {
	case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner",
		strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn."):
		return fmt.Errorf("%w: no program on this desktop offers the Secret Service", ErrNone)
	case name == "org.freedesktop.Secret.Error.IsLocked", strings.HasPrefix(err.Error(), "failed to unlock "):
		return ErrLocked
	case name == "" || name == "org.freedesktop.DBus.Error.NoReply" || name == "org.freedesktop.DBus.Error.Disconnected":
		return fmt.Errorf("%w: %w", ErrNone, err) // the bus cannot be reached, or went away
	}
	return err
}
