//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/assets"
	"holdfast/ui"
)

// A desktop is a display of its own with a window manager, and panels of the distribution on it.
type desktop struct {
	t   *testing.T
	bus *privateBus
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
}

var (
	xfcePanel = panelKind{"xfce4-panel", []string{"--disable-wm-check"}, "XFCE", "xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml", xfceConfig, false, 32, 24}
	lxqtPanel = panelKind{"lxqt-panel", nil, "LXQt", "lxqt/panel.conf", lxqtConfig, true, 32, 24}
)

// sized returns p with icons of that size.
func (p panelKind) sized(icon int) panelKind {
	p.high, p.icon = icon+8, icon
	p.text = strings.NewReplacer(
		`"size" type="uint" value="32"`, fmt.Sprintf(`"size" type="uint" value="%d"`, p.high),
		`"icon-size" type="int" value="24"`, fmt.Sprintf(`"icon-size" type="int" value="%d"`, icon),
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
	needed := []string{"Xvfb", "xfwm4", "xdotool", "import"}
	for _, p := range panels {
		needed = append(needed, p.program)
	}
	for _, program := range needed {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	home, err := os.MkdirTemp("", "hf-desk-")
	must(t, err)
	// What the bus started (xfconfd) writes its file once more when the bus ends, and outlives it by a moment.
	t.Cleanup(func() {
		eventually(t, "the desktop's folder is gone", func() bool { return os.RemoveAll(home) == nil })
	})
	must(t, os.Mkdir(filepath.Join(home, "run"), 0o700))
	for _, p := range panels {
		file := filepath.Join(home, "config", p.config)
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, []byte(p.text), 0o600))
	}
	for key, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home + "/config", "XDG_CACHE_HOME": home + "/cache", "XDG_DATA_HOME": home + "/data",
		"XDG_RUNTIME_DIR": home + "/run", "NO_AT_BRIDGE": "1", "GTK_A11Y": "none", "LC_ALL": "C.UTF-8", "WAYLAND_DISPLAY": "",
	} {
		t.Setenv(key, value)
	}
	d := &desktop{t: t}
	t.Setenv("DISPLAY", d.display())
	d.bus = startBusWith(t, "<standard_session_servicedirs/>") // Xfce's panel reads its settings from a service
	t.Setenv("XDG_CURRENT_DESKTOP", panels[0].desktop)
	d.start("xfwm4", "--compositor=off")
	return d
}

// keep leaves a photograph of the end of a test that failed, or of every one in the folder HOLDFAST_PHOTOS. It is to be
// deferred: a cleanup would come when the panels have gone.
func (d *desktop) keep() {
	dir := os.Getenv("HOLDFAST_PHOTOS")
	if dir == "" && !d.t.Failed() {
		return
	}
	if dir == "" {
		dir = os.TempDir()
	}
	file := filepath.Join(dir, strings.ReplaceAll(d.t.Name(), "/", "-")+".png")
	if out, err := exec.Command("import", "-window", "root", "png:"+file).CombinedOutput(); err != nil {
		d.t.Logf("photograph: %v: %s", err, out)
		return
	}
	d.t.Logf("photographed: %s", file)
}

// display starts an X server on a free number.
func (d *desktop) display() string {
	d.t.Helper()
	read, write, err := os.Pipe()
	must(d.t, err)
	defer read.Close()
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("800x%dx24", screenHeight), "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{write}
	d.run(x)
	write.Close()
	must(d.t, read.SetReadDeadline(time.Now().Add(patience)))
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		d.t.Fatalf("Xvfb named no display: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

// start runs a program, with all that it starts, until the test ends.
func (d *desktop) start(name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	d.run(cmd)
	return cmd
}

func (d *desktop) run(cmd *exec.Cmd) {
	d.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(d.t, cmd.Start())
	d.t.Cleanup(func() { end(cmd) })
}

// end ends a program and its group; a second time does nothing.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		hard := time.AfterFunc(5*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		cmd.Wait()
		hard.Stop()
	}
}

func (d *desktop) startPanel(p panelKind) *exec.Cmd { return d.start(p.program, p.args...) }

func (d *desktop) shot() *image.NRGBA {
	d.t.Helper()
	out, err := exec.Command("import", "-window", "root", "png:-").Output()
	must(d.t, err)
	img, err := png.Decode(bytes.NewReader(out))
	must(d.t, err)
	n := image.NewNRGBA(img.Bounds())
	draw.Draw(n, n.Bounds(), img, image.Point{}, draw.Src)
	return n
}

// find waits until a panel shows a look, pixel for pixel, and returns the middle of it. The pointer is taken away first:
// what it lies on is drawn brighter.
func (d *desktop) find(p panelKind, look string) image.Point {
	d.t.Helper()
	d.xdotool("mousemove", "100", strconv.Itoa(screenHeight/2))
	icon, err := png.Decode(bytes.NewReader(assets.Icon(look, p.icon)))
	must(d.t, err)
	best, at := 255.0, image.Point{}
	top := 0
	if p.bottom {
		top = screenHeight - p.high
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		shot := d.shot()
		best = 255
		for y := top; y <= top+p.high-p.icon; y++ {
			for x := 600; x <= 800-p.icon; x++ {
				if off := distance(shot, icon, image.Pt(x, y)); off < best {
					best, at = off, image.Pt(x+p.icon/2, y+p.icon/2)
				}
			}
		}
		if best < 0.5 {
			d.t.Logf("%s on %s at %d: %.2f of 255 from the drawing", look, p.program, p.icon, best)
			return at
		}
	}
	d.t.Fatalf("%s does not show %s; what comes nearest differs by %.1f of 255", p.program, look, best)
	return at
}

// distance is the average difference of a channel between the screen and an icon on the panel's ground.
func distance(screen *image.NRGBA, icon image.Image, at image.Point) float64 {
	want := image.NewNRGBA(icon.Bounds())
	draw.Draw(want, want.Bounds(), image.NewUniform(screen.At(at.X, at.Y)), image.Point{}, draw.Src)
	draw.Draw(want, want.Bounds(), icon, image.Point{}, draw.Over)
	sum := 0
	for y := range want.Rect.Dy() {
		a, b := want.PixOffset(0, y), screen.PixOffset(at.X, at.Y+y)
		for i := range 4 * want.Rect.Dx() {
			off := int(want.Pix[a+i]) - int(screen.Pix[b+i])
			sum += max(off, -off)
		}
	}
	return float64(sum) / float64(3*want.Rect.Dx()*want.Rect.Dy())
}

func (d *desktop) mouse(at image.Point, button int) {
	d.t.Helper()
	d.xdotool("mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y))
	d.xdotool("click", strconv.Itoa(button))
}

func (d *desktop) xdotool(args ...string) {
	d.t.Helper()
	if out, err := exec.Command("xdotool", args...).CombinedOutput(); err != nil {
		d.t.Fatalf("xdotool %v: %v: %s", args, err, out)
	}
}

// The real thing: icon, mouse and menu on the panels that desktops come with. Xfce's is GTK, LXQt's is Qt.
func TestOnARealPanel(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel} {
		t.Run(kind.program, func(t *testing.T) {
			d := startDesktop(t, kind)
			defer d.keep()
			asked := make(asked, 64)
			ready := make(chan bool, 8)
			tray := New(Options{Actions: asked.actions(), OnReady: func() { ready <- true }})
			tray.pace.first = time.Hour
			tray.Show(allUp)
			runTray(t, tray)
			panel := d.startPanel(kind) // after us, as at a login
			wantNext(t, ready, true)

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
			d.mouse(at, 1)
			wantNext(t, asked, "reconnect")
			d.mouse(at, 2)
			wantNext(t, asked, "open")
			for _, wheel := range []int{4, 5, 6, 7} { // up, down, left, right: nothing
				d.mouse(at, wheel)
			}
			tray.Show(allUp)
			d.find(kind, "up")
			d.mouse(at, 1)
			wantNext(t, asked, "open") // and not what the wheel asked for

			// The menu comes when it has been read; the arrow up from nowhere is the last line.
			d.mouse(at, 3)
			for end := time.Now().Add(patience); len(asked) == 0 && time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
				d.xdotool("key", "Up", "Return")
			}
			wantNext(t, asked, "quit")

			end(panel)
			tray.Show(oneDown)
			d.startPanel(kind)
			wantNext(t, ready, true)
			d.find(kind, "down")
		})
	}
}

// Every size that panels ask for comes out as it was drawn, pixel for pixel. The largest are those of screens with twice the
// pixels.
func TestSharpOnRealPanels(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel} {
		t.Run(kind.program, func(t *testing.T) {
			for _, size := range []int{16, 22, 32, 48} {
				t.Run(strconv.Itoa(size), func(t *testing.T) {
					kind := kind.sized(size)
					d := startDesktop(t, kind)
					defer d.keep()
					tray := New(Options{})
					tray.pace.first = time.Hour
					tray.Show(allUp)
					runTray(t, tray)
					d.startPanel(kind)
					d.find(kind, "up")
				})
			}
		})
	}
}

// On a screen with twice the pixels a panel of 32 has 64, and its icons 48.
func TestSharpAtTwiceThePixels(t *testing.T) {
	for _, kind := range []panelKind{xfcePanel, lxqtPanel} {
		t.Run(kind.program, func(t *testing.T) {
			d := startDesktop(t, kind)
			defer d.keep()
			t.Setenv("GDK_SCALE", "2")
			t.Setenv("QT_SCALE_FACTOR", "2")
			tray := New(Options{})
			tray.pace.first = time.Hour
			tray.Show(allUp)
			runTray(t, tray)
			d.startPanel(kind)
			kind.high, kind.icon = 2*kind.high, 2*kind.icon
			d.find(kind, "up")
		})
	}
}

// Two panels at once: the first that came keeps the list of icons, and both show what is on it. When it goes the other
// begins a list of its own. (The other way round it is LXQt's panel, 1.2, that shows nobody's icons: it reads no list but
// its own.)
func TestOnTwoRealPanels(t *testing.T) {
	d := startDesktop(t, lxqtPanel, xfcePanel)
	defer d.keep()
	t.Setenv("XDG_CURRENT_DESKTOP", "LXQt:XFCE") // Xfce's shrinks what has no name in a theme
	ready := make(chan bool, 8)
	tray := New(Options{OnReady: func() { ready <- true }, HostGone: func(gone bool) { t.Errorf("HostGone(%v)", gone) }})
	tray.pace.first, tray.pace.later = time.Hour, time.Hour
	tray.Show(allUp)
	runTray(t, tray)
	first := d.startPanel(lxqtPanel)
	wantNext(t, ready, true)
	d.find(lxqtPanel, "up")
	d.startPanel(xfcePanel)
	d.find(xfcePanel, "up")
	tray.Show(oneDown)
	for _, p := range []panelKind{xfcePanel, lxqtPanel} {
		d.find(p, "down")
	}
	end(first)
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
