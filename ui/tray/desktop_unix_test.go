//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/assets"
	"holdfast/internal/desktest"
	"holdfast/ui"
)

// A desktop is a desk with a window manager, for panels of the distribution.
type desktop struct {
	*desktest.Desk
	t *testing.T
}

// A panelKind is one of the panels that people have.
type panelKind struct {
	program string
	args    []string
	desktop string // in XDG_CURRENT_DESKTOP
	config  string // its file of settings, in the user's configuration folder
	text    string
	bottom  bool // it stands there, else at the top of the screen
	high    int  // how high it is
	icon    int  // how large its icons are
	misses  bool // now and then an icon that comes while it starts
}

var (
	xfcePanel = panelKind{"xfce4-panel", []string{"--disable-wm-check"}, "XFCE", "xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml", xfceConfig, false, 32, 24, false}
	matePanel = panelKind{"mate-panel", nil, "MATE", "glib-2.0/settings/keyfile", mateConfig, true, 32, 32, true}
	lxqtPanel = panelKind{"lxqt-panel", nil, "LXQt", "lxqt/panel.conf", lxqtConfig, true, 32, 24, false}
)

// sized returns p with icons of that size.
func (p panelKind) sized(icon int) panelKind {
	p.high, p.icon = icon+p.high-p.icon, icon
	p.text = strings.NewReplacer(
		`"size" type="uint" value="32"`, fmt.Sprintf(`"size" type="uint" value="%d"`, p.high),
		`"icon-size" type="int" value="24"`, fmt.Sprintf(`"icon-size" type="int" value="%d"`, icon),
		"\nsize=32\n", fmt.Sprintf("\nsize=%d\n", p.high),
		"panelSize=32", fmt.Sprintf("panelSize=%d", p.high),
		"iconSize=24", fmt.Sprintf("iconSize=%d", icon),
	).Replace(p.text)
	return p
}

const screenHeight = 400

// startDesktop starts one without a panel, or skips the test and says what is missing. The first of the panels is that of
// the desktop it is.
func startDesktop(t *testing.T, panels ...panelKind) *desktop {
	t.Helper()
	desktest.Need(t, "xdotool")
	d := &desktop{desktest.New(t), t}
	for _, p := range panels {
		desktest.Need(t, p.program)
		d.Write("config/"+p.config, p.text)
	}
	d.Use()
	d.Set("XDG_CURRENT_DESKTOP", panels[0].desktop)
	d.Set("GSETTINGS_BACKEND", "keyfile") // of MATE's
	d.Screen(800, screenHeight)
	d.Bus("<standard_session_servicedirs/>") // Xfce's panel reads its settings from a service
	d.WindowManager()
	return d
}

func (d *desktop) startPanel(p panelKind) *desktest.Program { return d.Start(p.program, p.args...) }

// appear starts a panel and waits until it shows a look. MATE's (1.27) reads the list of icons and then listens for new
// ones: what comes in between it never shows, once in some eighty starts.
func (d *desktop) appear(p panelKind, look string) *desktest.Program {
	d.t.Helper()
	for range 2 {
		panel := d.startPanel(p)
		if !p.misses {
			d.find(p, look)
			return panel
		}
		if _, off := d.look(p, look, 10*time.Second); off < same {
			return panel
		}
		panel.End()
	}
	panel := d.startPanel(p)
	d.find(p, look)
	return panel
}

// same is how much a look may differ from its drawing, of 255: panels blend in their own ways.
const same = 0.5

// find waits until a panel shows a look, pixel for pixel, and returns the middle of it.
func (d *desktop) find(p panelKind, look string) image.Point {
	d.t.Helper()
	at, off := d.look(p, look, desktest.Patience)
	if off >= same {
		d.t.Fatalf("%s does not show %s; what comes nearest differs by %.1f of 255", p.program, look, off)
	}
	d.t.Logf("%s on %s at %d: %.2f of 255 from the drawing", look, p.program, p.icon, off)
	return at
}

// look waits for a while until a panel shows a look, and returns the middle of what comes nearest, and how much it differs.
// The pointer is taken away first: what it lies on is drawn brighter.
func (d *desktop) look(p panelKind, look string, within time.Duration) (image.Point, float64) {
	d.t.Helper()
	d.Point(image.Pt(100, screenHeight/2))
	icon, err := png.Decode(bytes.NewReader(assets.Icon(look, p.icon)))
	desktest.Must(d.t, err)
	ground, want := color.NRGBA{}, image.NewNRGBA(icon.Bounds())
	limit, at := 0, image.Point{}
	top := 0
	if p.bottom {
		top = screenHeight - p.high - 1 // MATE's is never less than 17 high
	}
	per := func(sum int) float64 { return float64(sum) / float64(3*p.icon*p.icon) }
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		shot := d.Shot()
		limit = 255 * 3 * p.icon * p.icon
		for y := top; y <= top+p.high-p.icon+1 && y <= screenHeight-p.icon; y++ {
			for x := 600; x <= 800-p.icon; x++ {
				if g := shot.NRGBAAt(x, y); g != ground { // the icon on the panel's ground
					ground = g
					draw.Draw(want, want.Bounds(), image.NewUniform(g), image.Point{}, draw.Src)
					draw.Draw(want, want.Bounds(), icon, image.Point{}, draw.Over)
				}
				if off := distance(shot, want, image.Pt(x, y), limit); off < limit {
					limit, at = off, image.Pt(x+p.icon/2, y+p.icon/2)
				}
			}
		}
		if per(limit) < same || time.Now().After(end) {
			return at, per(limit)
		}
	}
}

// distance is the sum of all differences of a channel between the screen and a picture there, or a sum from limit on.
func distance(screen, want *image.NRGBA, at image.Point, limit int) (sum int) {
	for y := range want.Rect.Dy() {
		a := want.Pix[want.PixOffset(0, y):][:4*want.Rect.Dx()]
		for i, v := range screen.Pix[screen.PixOffset(at.X, at.Y+y):][:len(a)] {
			off := int(a[i]) - int(v)
			sum += max(off, -off)
		}
		if sum >= limit {
			break
		}
	}
	return sum
}

// The real thing: icon, mouse and menu on the panels that desktops come with. Xfce's and MATE's are GTK, LXQt's is Qt.
func TestOnARealPanel(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel, matePanel} {
		t.Run(kind.program, func(t *testing.T) {
			d := startDesktop(t, kind)
			defer d.Keep()
			asked := make(asked, 64)
			ready := make(chan bool, 8)
			tray := New(Options{Actions: asked.actions(), OnReady: func() { ready <- true }})
			tray.pace.first = time.Hour
			tray.Show(allUp)
			runTray(t, tray)
			panel := d.appear(kind, "up") // after us, as at a login
			desktest.Next(t, ready, true)

			for _, look := range []ui.Look{ui.LookUnknown, ui.LookSuspect, ui.LookConnecting, ui.LookPaused, ui.LookUp, ui.LookEmpty, ui.LookDown} {
				v := oneDown
				v.Look = look
				tray.Show(v)
				d.find(kind, look.String())
			}
			v := oneDown
			v.Broken = 3
			tray.ShowBadge(true)
			tray.Show(v)
			d.find(kind, "down-3")
			tray.Show(oneDown)
			at := d.find(kind, "down")
			d.Click(at, 1)
			desktest.Next(t, asked, "reconnect")
			d.Click(at, 2)
			desktest.Next(t, asked, "open")
			for _, wheel := range []int{4, 5, 6, 7} { // up, down, left, right: nothing
				d.Click(at, wheel)
			}
			tray.Show(allUp)
			d.find(kind, "up")
			d.Click(at, 1)
			desktest.Next(t, asked, "open") // and not what the wheel asked for

			// The menu comes when it has been read; the arrow up from nowhere is the last line.
			d.Click(at, 3)
			for end := time.Now().Add(desktest.Patience); len(asked) == 0 && time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
				d.Do("xdotool", "key", "Up", "Return")
			}
			desktest.Next(t, asked, "quit")

			panel.End()
			tray.Show(oneDown)
			d.appear(kind, "down")
			desktest.Next(t, ready, true)
		})
	}
}

// Every size that panels ask for comes out as it was drawn, pixel for pixel. The largest are those of screens with twice the
// pixels. Xfce's panel is made larger while it stands, the others begin anew.
func TestSharpOnRealPanels(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel, matePanel} {
		t.Run(kind.program, func(t *testing.T) {
			d := startDesktop(t, kind)
			defer d.Keep()
			tray := New(Options{})
			tray.pace.first, tray.pace.later = time.Hour, time.Hour
			tray.Show(allUp)
			runTray(t, tray)
			live := kind.program == xfcePanel.program
			if live {
				desktest.Need(t, "xfconf-query")
				d.appear(kind, "up")
			}
			for _, size := range []int{16, 22, 32, 48} {
				kind := kind.sized(size)
				if live {
					d.Do("xfconf-query", "-c", "xfce4-panel", "-p", "/panels/panel-1/size", "-s", strconv.Itoa(kind.high))
					d.Do("xfconf-query", "-c", "xfce4-panel", "-p", "/plugins/plugin-2/icon-size", "-s", strconv.Itoa(size))
					d.find(kind, "up")
				} else {
					d.Write("config/"+kind.config, kind.text)
					d.appear(kind, "up").End()
				}
			}
		})
	}
}

// On a screen with twice the pixels a panel of 32 has 64, and its icons 48.
func TestSharpAtTwiceThePixels(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel, matePanel} {
		t.Run(kind.program, func(t *testing.T) {
			d := startDesktop(t, kind)
			defer d.Keep()
			d.Set("GDK_SCALE", "2")
			d.Set("QT_SCALE_FACTOR", "2")
			tray := New(Options{})
			tray.pace.first = time.Hour
			tray.Show(allUp)
			runTray(t, tray)
			kind.high, kind.icon = 2*kind.high, 2*kind.icon
			d.appear(kind, "up")
		})
	}
}

// Two panels at once: the first that came keeps the list of icons, and both show what is on it. When it goes the other
// begins a list of its own. (The other way round it is LXQt's panel, 1.2, that shows nobody's icons: it reads no list but
// its own.)
func TestOnTwoRealPanels(t *testing.T) {
	d := startDesktop(t, lxqtPanel, xfcePanel)
	defer d.Keep()
	d.Set("XDG_CURRENT_DESKTOP", "LXQt:XFCE") // Xfce's shrinks what has no name in a theme
	ready := make(chan bool, 8)
	tray := New(Options{OnReady: func() { ready <- true }, HostGone: func(gone bool) { t.Errorf("HostGone(%v)", gone) }})
	tray.pace.first, tray.pace.later = time.Hour, time.Hour
	tray.Show(allUp)
	runTray(t, tray)
	first := d.startPanel(lxqtPanel)
	desktest.Next(t, ready, true)
	d.find(lxqtPanel, "up")
	d.startPanel(xfcePanel)
	d.find(xfcePanel, "up")
	tray.Show(oneDown)
	for _, p := range []panelKind{xfcePanel, lxqtPanel} {
		d.find(p, "down")
	}
	first.End()
	tray.Show(allUp)
	d.find(xfcePanel, "up")
}

const xfceConfig = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="background-style" type="uint" value="1"/>
      <property name="background-rgba" type="array">
        <value type="double" value="0.5"/><value type="double" value="0.5"/>
        <value type="double" value="0.5"/><value type="double" value="1.0"/>
      </property>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/><value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="icon-size" type="int" value="24"/>
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
`

const lxqtConfig = `[General]
panels=panel1

[panel1]
alignment=-1
background-color=@Variant(\0\0\0\x43\x1\xff\xff\x80\x80\x80\x80\x80\x80\0\0)
desktop=0
hidable=false
iconSize=24
lineCount=1
opacity=100
panelSize=32
plugins=spacer, statusnotifier
position=Bottom
width=100
width-percent=true

[spacer]
alignment=Left
expandable=true
type=spacer

[statusnotifier]
alignment=Right
type=statusnotifier
`

const mateConfig = `[org/mate/panel/general]
toplevel-id-list=['bottom']
object-id-list=['tray']
enable-sni-support=true

[org/mate/panel/toplevels/bottom]
orientation='bottom'
size=32
expand=true

[org/mate/panel/toplevels/bottom/background]
type='color'
color='rgb(128,128,128)'

[org/mate/panel/objects/tray]
object-type='applet'
applet-iid='NotificationAreaAppletFactory::NotificationArea'
toplevel-id='bottom'
position=0
panel-right-stick=true
locked=true

[org/mate/panel/objects/tray/prefs]
min-icon-size=16
`
