//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"context"
	"os"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/godbus/dbus/v5"

	"holdfast/internal/desktest"
	"holdfast/ui"
)

// A portal is a desktop's settings.
type portal struct {
	conn *dbus.Conn
	all  map[string]map[string]dbus.Variant
}

func (p *portal) ReadAll([]string) (map[string]map[string]dbus.Variant, *dbus.Error) {
	return p.all, nil
}

// startPortal starts a session bus with a desktop's settings on it; nil: nobody has any.
func startPortal(t *testing.T, all map[string]map[string]dbus.Variant) *portal {
	t.Helper()
	p := &portal{conn: desktest.SessionBus(t).Connect(), all: all}
	if all == nil {
		return p
	}
	desktest.Must(t, p.conn.Export(p, portalPath, portalIface))
	desktest.Own(t, p.conn, portalName)
	return p
}

// watch runs watchComfort until the test ends and returns what it says.
func watch(t *testing.T) <-chan comfort {
	t.Helper()
	said := make(chan comfort, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); watchComfort(ctx, func(c comfort) { said <- c }); close(said) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return said
}

func wantComfort(t *testing.T, said <-chan comfort, want comfort) {
	t.Helper()
	select {
	case got := <-said:
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("nothing was said, want %+v", want)
	}
}

func TestComfortOfTheDesktop(t *testing.T) {
	t.Setenv("DISPLAY", "") // whatever the X server says
	v := dbus.MakeVariant
	for name, c := range map[string]struct {
		all  map[string]map[string]dbus.Variant
		want comfort
	}{
		"nothing said":        {map[string]map[string]dbus.Variant{}, comfort{scale: 1}},
		"as usual":            {map[string]map[string]dbus.Variant{gnomeSpace: {"text-scaling-factor": v(1.0), "enable-animations": v(true)}, appearanceSpace: {"reduced-motion": v(uint32(0))}}, comfort{scale: 1}},
		"large texts":         {map[string]map[string]dbus.Variant{gnomeSpace: {"text-scaling-factor": v(1.25)}}, comfort{scale: 1.25}},
		"GNOME's switch":      {map[string]map[string]dbus.Variant{gnomeSpace: {"enable-animations": v(false)}}, comfort{scale: 1, still: true}},
		"the shared switch":   {map[string]map[string]dbus.Variant{gnomeSpace: {"enable-animations": v(true)}, appearanceSpace: {"reduced-motion": v(uint32(1))}}, comfort{scale: 1, still: true}},
		"other types":         {map[string]map[string]dbus.Variant{gnomeSpace: {"text-scaling-factor": v("big"), "enable-animations": v(int32(0))}, appearanceSpace: {"reduced-motion": v("yes")}}, comfort{scale: 1}},
		"a hundred times":     {map[string]map[string]dbus.Variant{gnomeSpace: {"text-scaling-factor": v(100.0)}}, comfort{scale: 3}},
		"less than nothing":   {map[string]map[string]dbus.Variant{gnomeSpace: {"text-scaling-factor": v(-1.0)}}, comfort{scale: 1}},
		"other desktops' too": {map[string]map[string]dbus.Variant{"org.example": {"text-scaling-factor": v(2.0)}}, comfort{scale: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			startPortal(t, c.all)
			wantComfort(t, watch(t), c.want)
		})
	}
	t.Run("changes", func(t *testing.T) {
		p := startPortal(t, map[string]map[string]dbus.Variant{})
		said := watch(t)
		wantComfort(t, said, comfort{scale: 1})
		for _, c := range []struct {
			space, key string
			value      any
			want       comfort
		}{
			{gnomeSpace, "text-scaling-factor", 1.5, comfort{scale: 1.5}},
			{appearanceSpace, "color-scheme", uint32(1), comfort{}},
			{gnomeSpace, "text-scaling-factor", "big", comfort{}},
			{gnomeSpace, "enable-animations", false, comfort{scale: 1.5, still: true}},
			{gnomeSpace, "enable-animations", true, comfort{scale: 1.5}},
			{appearanceSpace, "reduced-motion", uint32(1), comfort{scale: 1.5, still: true}},
		} {
			if err := p.conn.Emit(portalPath, portalIface+".SettingChanged", c.space, c.key, dbus.MakeVariant(c.value)); err != nil {
				t.Fatal(err)
			}
			if c.want != (comfort{}) {
				wantComfort(t, said, c.want)
			}
		}
		if err := p.conn.Emit(portalPath, portalIface+".SettingChanged", gnomeSpace); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no portal", func(t *testing.T) {
		startPortal(t, nil)
		if c, there := <-watch(t); there {
			t.Errorf("said %+v", c)
		}
	})
	t.Run("no bus", func(t *testing.T) {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
		if c, there := <-watch(t); there {
			t.Errorf("said %+v", c)
		}
	})
}

func TestTheWindowSuitsTheDesktop(t *testing.T) {
	t.Setenv(scaleVar, "") // and back at the end
	t.Setenv(fineVar, "")
	if err := os.Unsetenv(scaleVar); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	app := fyne.CurrentApp()
	defer func() { fyne.SetCurrentApp(app) }()
	moves := func() bool { return fyne.CurrentApp().Settings().ShowAnimations() }
	before := moves()
	for _, c := range []struct {
		comfort
		scale string
	}{
		{comfort{scale: 1}, ""}, {comfort{scale: 1.25, still: true}, "1.25"}, {comfort{scale: 1.25, still: true}, "1.25"}, {comfort{scale: 2}, "2"}, {comfort{scale: 1}, "1"}, {comfort{still: true, scale: 99}, "3"}, {comfort{}, "1"},
		{comfort{scale: 1.5, whole: true}, "1.5"}, {comfort{scale: 1, whole: true}, "1"}, {comfort{}, "1"},
	} {
		d.suit(c.comfort)
		if got := os.Getenv(scaleVar); got != c.scale {
			t.Errorf("%+v: scale %q, want %q", c.comfort, got, c.scale)
		}
		if got := os.Getenv(fineVar) == "true"; got != c.whole {
			t.Errorf("%+v: the monitor is left out: %v", c.comfort, got)
		}
		if got := moves(); got != (before && !c.still) {
			t.Errorf("%+v: things move: %v", c.comfort, got)
		}
	}
	if d.app != app {
		t.Error("the app is not what it was")
	}
	d.ownScale = true // a person has set it
	d.suit(comfort{scale: 2})
	if got := os.Getenv(scaleVar); got != "1" {
		t.Errorf("what a person has set was changed to %q", got)
	}
}
