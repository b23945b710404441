//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// The settings of a desktop are read through its portal (org.freedesktop.portal.Settings), which those of GNOME, KDE, Xfce
// and others bring.
const (
	portalName  = "org.freedesktop.portal.Desktop"
	portalPath  = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	portalIface = "org.freedesktop.portal.Settings"

	gnomeSpace      = "org.gnome.desktop.interface"
	appearanceSpace = "org.freedesktop.appearance"

	portalWithin = 5 * time.Second // it may have to be started
)

// watchComfort calls apply with what the desktop says, first as soon as it has answered, then at each change, until ctx ends
// or nobody is left to say more. Under X11 the size is that of the X server's resources, where it has one: the person's text
// size is in it, and that of the portal is but a part. Without a portal and without resources it returns, and nothing was said.
func watchComfort(ctx context.Context, apply func(comfort)) {
	var mu sync.Mutex
	var last comfort
	said, portal, dpi := false, comfort{scale: 1}, 0.0
	tell := func(change func() bool) {
		mu.Lock()
		defer mu.Unlock()
		if !change() {
			return
		}
		c := portal
		if dpi > 0 {
			c.scale, c.whole = dpi/usualDPI, true
		}
		if c = c.sane(); !said || c != last {
			said, last = true, c
			apply(c)
		}
	}
	var wg sync.WaitGroup
	if ofX(os.Getenv) {
		wg.Go(func() {
			// A server that is not there, or that lets nobody in, says nothing; the window will not open on it either.
			_ = watchResources(ctx, os.Getenv("DISPLAY"), func(x float64) {
				tell(func() bool {
					dpi = x
					return said || dpi > 0 // else the portal may still have something to say
				})
			})
		})
	}
	watchPortal(ctx, func(c comfort) { tell(func() bool { portal = c; return true }) })
	wg.Wait()
}

// watchPortal calls apply with what the portal says, at once and at each change.
func watchPortal(ctx context.Context, apply func(comfort)) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return
	}
	defer conn.Close()
	if conn.Auth(nil) != nil || conn.Hello() != nil {
		return
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	bounded, cancel := context.WithTimeout(ctx, portalWithin)
	defer cancel()
	for _, space := range []string{gnomeSpace, appearanceSpace} {
		if conn.AddMatchSignalContext(bounded, dbus.WithMatchSender(portalName), dbus.WithMatchInterface(portalIface),
			dbus.WithMatchMember("SettingChanged"), dbus.WithMatchArg(0, space)) != nil {
			return
		}
	}
	var all map[string]map[string]dbus.Variant
	if conn.Object(portalName, portalPath).CallWithContext(bounded, portalIface+".ReadAll", 0, []string{gnomeSpace, appearanceSpace}).Store(&all) != nil {
		return
	}
	said := portalWords{scale: 1, move: true}
	for space, keys := range all {
		for key, v := range keys {
			said.hear(space, key, v)
		}
	}
	apply(said.comfort())
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-signals:
			if !ok {
				return
			}
			if len(s.Body) != 3 || s.Name != portalIface+".SettingChanged" {
				continue
			}
			space, _ := s.Body[0].(string)
			key, _ := s.Body[1].(string)
			if v, ok := s.Body[2].(dbus.Variant); ok && said.hear(space, key, v) {
				apply(said.comfort())
			}
		}
	}
}

// portalWords is what the portal has said so far.
type portalWords struct {
	scale   float64
	move    bool // GNOME's switch
	reduced bool // the one that all desktops share
}

// hear notes one setting and reports whether it is one that counts. One of another type than it should be does not.
func (p *portalWords) hear(space, key string, v dbus.Variant) bool {
	switch space + " " + key {
	case gnomeSpace + " text-scaling-factor":
		x, ok := v.Value().(float64)
		if ok {
			p.scale = x
		}
		return ok
	case gnomeSpace + " enable-animations":
		x, ok := v.Value().(bool)
		if ok {
			p.move = x
		}
		return ok
	case appearanceSpace + " reduced-motion":
		x, ok := v.Value().(uint32)
		if ok {
			p.reduced = x == 1
		}
		return ok
	}
	return false
}

func (p portalWords) comfort() comfort {
	return comfort{scale: p.scale, still: p.reduced || !p.move}.sane()
}
