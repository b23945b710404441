//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"holdfast/assets"
)

const (
	itemPath  = dbus.ObjectPath("/StatusNotifierItem")
	menuPath  = dbus.ObjectPath("/StatusNotifierItem/menu")
	itemIface = "org.kde.StatusNotifierItem"
	propIface = "org.freedesktop.DBus.Properties"
)

// An item answers hosts that read the properties of the icon. It takes the place of systray's own answers, on the same
// connection, for three reasons: those hold one picture, and a panel that is not of its size then scales by a fraction,
// while ours hold seven; they have the tooltip in one line; and they panic when the bus is gone.
type item struct {
	mu      sync.Mutex
	name    string // of the picture, in package assets
	tip     tooltip
	pixmaps dbus.Variant // of name
	made    map[string]dbus.Variant

	theme              theme
	iconName, iconPath string // in theme, where there is one
}

// tooltip is StatusNotifierItem's (sa(iiay)ss).
type tooltip struct {
	Icon    string
	Pixmaps []assets.Pixmap
	Title   string
	Text    string
}

// set notes what is to be seen and says what of it is new.
func (p *item) set(v look) (icon, tip bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name := v.icon(); name != p.name {
		made, ok := p.made[name]
		if !ok {
			made = dbus.MakeVariant(assets.Pixmaps(name))
			if p.made == nil {
				p.made = map[string]dbus.Variant{}
			}
			p.made[name] = made
		}
		p.name, p.pixmaps, icon = name, made, true
		p.iconName, p.iconPath = p.theme.icon(name)
	}
	if title, text := plain(v.Title), plain(v.Text); p.tip.Title != title || p.tip.Text != text {
		p.tip.Title, p.tip.Text, tip = title, text, true
	}
	return icon, tip
}

// plain keeps a target's name from being read as markup in a tooltip, which the specification allows and every host does
// in its own way: Xfce shows an empty box for a lone "&", KDE reads tags but shows "&amp;" as it is. So neither escaped nor
// raw text comes out right everywhere; letters that look alike do.
func plain(s string) string { return lookAlike.Replace(s) }

var lookAlike = strings.NewReplacer("&", "＆", "<", "‹", ">", "›")

// Get implements org.freedesktop.DBus.Properties.
func (p *item) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	all, err := p.GetAll(iface)
	if err != nil {
		return dbus.Variant{}, err
	}
	v, ok := all[name]
	if !ok {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", []any{"no property " + name})
	}
	return v, nil
}

// GetAll implements org.freedesktop.DBus.Properties.
func (p *item) GetAll(iface string) (map[string]dbus.Variant, *dbus.Error) {
	if iface != itemIface {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownInterface", []any{"no properties of " + iface})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]dbus.Variant{
		"Category":            dbus.MakeVariant("Communications"),
		"Id":                  dbus.MakeVariant("holdfast"),
		"Title":               dbus.MakeVariant("Holdfast"),
		"Status":              dbus.MakeVariant("Active"),
		"WindowId":            dbus.MakeVariant(int32(0)),
		"IconName":            dbus.MakeVariant(p.iconName),
		"IconPixmap":          p.pixmaps,
		"IconThemePath":       dbus.MakeVariant(p.iconPath),
		"IconAccessibleDesc":  dbus.MakeVariant(p.tip.Title),
		"OverlayIconName":     dbus.MakeVariant(""),
		"OverlayIconPixmap":   dbus.MakeVariant([]assets.Pixmap{}),
		"AttentionIconName":   dbus.MakeVariant(""),
		"AttentionIconPixmap": dbus.MakeVariant([]assets.Pixmap{}),
		"AttentionMovieName":  dbus.MakeVariant(""),
		"ToolTip":             dbus.MakeVariant(p.tip),
		"ItemIsMenu":          dbus.MakeVariant(false),
		"Menu":                dbus.MakeVariant(menuPath),
	}, nil
}

// Set implements org.freedesktop.DBus.Properties: nothing can be set from outside.
func (p *item) Set(_, name string, _ dbus.Variant) *dbus.Error {
	return dbus.NewError("org.freedesktop.DBus.Error.PropertyReadOnly", []any{"cannot set " + name})
}
