//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"context"
	"crypto/rand"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	chooserIface = "org.freedesktop.portal.FileChooser"
	requestIface = "org.freedesktop.portal.Request"
	requestPath  = dbus.ObjectPath("/org/freedesktop/portal/desktop/request")
)

// choosePlace asks by the desktop's own dialog where a file is to be saved, "" for nowhere, and whether one that is there may
// be replaced. It waits for the person, until ctx ends. The error is errNoChooser where the desktop has no such dialog.
//
// https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.FileChooser.html
func choosePlace(ctx context.Context, parent, title, dir, name string) (string, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return "", errNoChooser
	}
	defer conn.Close() // the portal takes its dialog away with us
	if conn.Auth(nil) != nil || conn.Hello() != nil {
		return "", errNoChooser
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	bounded, cancel := context.WithTimeout(ctx, portalWithin)
	defer cancel()
	// The answer may come before the call returns: its path is known before (section "Requests").
	token := "holdfast" + rand.Text()
	sender := strings.ReplaceAll(strings.TrimPrefix(conn.Names()[0], ":"), ".", "_")
	answer := requestPath + dbus.ObjectPath("/"+sender+"/"+token)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(portalName), dbus.WithMatchInterface(requestIface), dbus.WithMatchObjectPath(answer)},
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, portalName)},
	} {
		if conn.AddMatchSignalContext(bounded, match...) != nil {
			return "", errNoChooser
		}
	}
	options := map[string]dbus.Variant{
		"handle_token":   dbus.MakeVariant(token),
		"current_name":   dbus.MakeVariant(name),
		"current_folder": dbus.MakeVariant(append([]byte(dir), 0)),
	}
	if err := conn.Object(portalName, portalPath).CallWithContext(bounded, chooserIface+".SaveFile", 0, parent, title, options).Err; err != nil {
		return "", errNoChooser
	}
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case s, ok := <-signals:
			switch {
			case !ok: // the session bus is gone
				return "", errNoChooser
			case s.Name == requestIface+".Response" && s.Path == answer:
				return placeIn(s.Body)
			case s.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(s.Body) == 3 && s.Body[2] == "":
				return "", errNoChooser // the dialog is gone with it
			}
		}
	}
}

// placeIn reads the portal's answer: 0 and where, or 1, nowhere; anything else says that it could not ask.
func placeIn(body []any) (string, error) {
	var response uint32
	var results map[string]dbus.Variant
	if dbus.Store(body, &response, &results) != nil || response > 1 {
		return "", errNoChooser
	}
	if response == 1 {
		return "", nil
	}
	uris, _ := results["uris"].Value().([]string)
	if len(uris) != 1 {
		return "", errNoChooser
	}
	u, err := url.Parse(uris[0])
	if err != nil || u.Scheme != "file" || !filepath.IsAbs(u.Path) {
		return "", errNoChooser
	}
	return u.Path, nil
}
