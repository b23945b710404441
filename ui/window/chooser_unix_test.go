//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// A fileDialog is the part of a portal that asks for files.
type fileDialog struct {
	p      *portal
	asked  chan string // what SaveFile was told
	answer func(request dbus.ObjectPath)
}

func (f *fileDialog) SaveFile(sender dbus.Sender, parent, title string, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	token, _ := options["handle_token"].Value().(string)
	dir, _ := options["current_folder"].Value().([]byte)
	request := requestPath + dbus.ObjectPath("/"+strings.ReplaceAll(string(sender)[1:], ".", "_")+"/"+token)
	f.asked <- strings.Join([]string{parent, title, string(dir), options["current_name"].String()}, "|")
	f.answer(request)
	return request, nil
}

func TestTheDesktopsDialogForFiles(t *testing.T) {
	p := startPortal(t, map[string]map[string]dbus.Variant{})
	if got, err := choosePlace(t.Context(), "", "Save", "/home/me", "out.csv"); !errors.Is(err, errNoChooser) {
		t.Errorf("a portal without one: %q, %v", got, err)
	}
	f := &fileDialog{p: p, asked: make(chan string, 1)}
	if err := p.conn.Export(f, portalPath, chooserIface); err != nil {
		t.Fatal(err)
	}
	respond := func(response uint32, uris ...string) func(dbus.ObjectPath) {
		return func(request dbus.ObjectPath) {
			// Somebody else's request is not this one's.
			for _, path := range []dbus.ObjectPath{request + "x", request} {
				results := map[string]dbus.Variant{"uris": dbus.MakeVariant(uris)}
				if path != request {
					results["uris"] = dbus.MakeVariant([]string{"file:///not/this"})
				}
				if err := p.conn.Emit(path, requestIface+".Response", response, results); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		answer func(dbus.ObjectPath)
		want   string
		err    error
	}{
		"a place":          {respond(0, "file:///home/me/%E4%B8%8B%E8%BD%BD/my%20out.csv"), "/home/me/下载/my out.csv", nil},
		"nowhere":          {respond(1), "", nil},
		"it could not ask": {respond(2), "", errNoChooser},
		"no file":          {respond(0, "https://192.0.2.7/out.csv"), "", errNoChooser},
		"no place at all":  {respond(0), "", errNoChooser},
		"two places":       {respond(0, "file:///a", "file:///b"), "", errNoChooser},
	} {
		f.answer = c.answer
		got, err := choosePlace(t.Context(), "x11:1a", "Save outages", "/home/me", "out.csv")
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
		if asked := <-f.asked; asked != "x11:1a|Save outages|/home/me\x00|\"out.csv\"" {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
	// The window is closed while the dialog is open.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	f.answer = func(dbus.ObjectPath) { cancel() }
	if got, err := choosePlace(ctx, "", "Save", "/home/me", "out.csv"); got != "" || err == nil {
		t.Errorf("closed: %q, %v", got, err)
	}
	<-f.asked
	// The portal ends while its dialog is open.
	f.answer = func(dbus.ObjectPath) {
		if _, err := p.conn.ReleaseName(portalName); err != nil {
			t.Error(err)
		}
	}
	if got, err := choosePlace(t.Context(), "", "Save", "/home/me", "out.csv"); !errors.Is(err, errNoChooser) {
		t.Errorf("a portal that ends: %q, %v", got, err)
	}
	<-f.asked
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	if got, err := choosePlace(t.Context(), "", "Save", "/home/me", "out.csv"); !errors.Is(err, errNoChooser) {
		t.Errorf("no bus: %q, %v", got, err)
	}
}
