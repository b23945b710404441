//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"bufio"
	"bytes"
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

// A desktop is a display of its own with Xfce's window manager and panel on it.
type desktop struct {
	t     *testing.T
	bus   *privateBus
	panel *exec.Cmd
}

// startDesktop starts one, or skips the test and says what is missing.
func startDesktop(t *testing.T) *desktop {
	t.Helper()
	for _, program := range []string{"Xvfb", "xfwm4", "xfce4-panel", "xdotool", "import"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	home := t.TempDir()
	for _, dir := range []string{"run", "config/xfce4/xfconf/xfce-perchannel-xml"} {
		must(t, os.MkdirAll(filepath.Join(home, dir), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(home, "config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"), []byte(panelConfig), 0o600))
	for key, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home + "/config", "XDG_CACHE_HOME": home + "/cache", "XDG_DATA_HOME": home + "/data",
		"XDG_RUNTIME_DIR": home + "/run", "NO_AT_BRIDGE": "1", "GTK_A11Y": "none", "LC_ALL": "C.UTF-8", "WAYLAND_DISPLAY": "",
	} {
		t.Setenv(key, value)
	}
	d := &desktop{t: t}
	t.Setenv("DISPLAY", d.display())
	d.bus = startBusWith(t, "<standard_session_servicedirs/>") // the panel reads its settings from a service
	t.Setenv("XDG_CURRENT_DESKTOP", "XFCE")
	d.start("xfwm4", "--compositor=off")
	d.startPanel()
	return d
}

// display starts an X server on a free number.
func (d *desktop) display() string {
	d.t.Helper()
	read, write, err := os.Pipe()
	must(d.t, err)
	defer read.Close()
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "800x400x24", "-nolisten", "tcp", "-noreset")
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

func (d *desktop) startPanel() { d.panel = d.start("xfce4-panel", "--disable-wm-check") }

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

// find waits until the panel shows a look, pixel for pixel, and returns the middle of it.
func (d *desktop) find(look string) image.Point {
	d.t.Helper()
	icon, err := png.Decode(bytes.NewReader(assets.Icon(look, 24)))
	must(d.t, err)
	best, at := 255.0, image.Point{}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		shot := d.shot()
		best = 255
		for y := range 33 - 24 {
			for x := 600; x <= 800-24; x++ {
				if off := distance(shot, icon, image.Pt(x, y)); off < best {
					best, at = off, image.Pt(x+12, y+12)
				}
			}
		}
		if best < 0.5 {
			d.t.Logf("%s: %.2f of 255 from the drawing", look, best)
			return at
		}
	}
	d.t.Fatalf("the panel does not show %s; what comes nearest differs by %.1f of 255", look, best)
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

// The real thing: icon, mouse and menu on the panel that a desktop comes with.
func TestOnARealPanel(t *testing.T) {
	d := startDesktop(t)
	asked := make(asked, 64)
	ready := make(chan bool, 8)
	tray := New(Options{Actions: asked.actions(), OnReady: func() { ready <- true }})
	tray.pace.first = time.Hour // the panel is still starting
	tray.Show(allUp)
	runTray(t, tray)
	wantNext(t, ready, true)

	for _, look := range []ui.Look{ui.LookUnknown, ui.LookSuspect, ui.LookConnecting, ui.LookPaused, ui.LookUp, ui.LookDown} {
		v := oneDown
		v.Look = look
		tray.Show(v)
		// The pointer must not lie on the icon: what it lies on is drawn brighter.
		d.xdotool("mousemove", "100", "300")
		d.find(look.String())
	}
	at := d.find("down")
	d.mouse(at, 1)
	wantNext(t, asked, "reconnect")
	d.mouse(at, 2)
	wantNext(t, asked, "open")
	tray.Show(allUp)
	d.xdotool("mousemove", "100", "300")
	d.find("up")
	d.mouse(at, 1)
	wantNext(t, asked, "open")

	// The menu comes when it has been read; the arrow up from nowhere is the last line.
	d.mouse(at, 3)
	for end := time.Now().Add(patience); len(asked) == 0 && time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		d.xdotool("key", "Up", "Return")
	}
	wantNext(t, asked, "quit")

	end(d.panel)
	tray.Show(oneDown)
	d.startPanel()
	wantNext(t, ready, true)
	d.xdotool("mousemove", "100", "300")
	d.find("down")
}

const panelConfig = `<?xml version="1.0" encoding="UTF-8"?>
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
