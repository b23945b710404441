package notify

import (
	"bufio"
	"bytes"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/ui"
)

// The real thing: dunst on a screen of its own shows the notification with its picture and its text, another takes its
// place, a click on it opens the window, and it can be taken away.
func TestOnARealServer(t *testing.T) {
	for _, program := range []string{"Xvfb", "dunst", "dunstctl", "import", "xdotool"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	home := t.TempDir()
	for key, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "XDG_DATA_HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8", "WAYLAND_DISPLAY": "",
	} {
		t.Setenv(key, value)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	start := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x360x24", "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{write}
	start(x)
	write.Close()
	if err := read.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb named no display: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	b := startBus(t, "")

	conf := filepath.Join(home, "dunstrc")
	if err := os.WriteFile(conf, []byte("[global]\norigin = top-right\nmouse_left_click = do_action\nmarkup = full\nscale = 1\nmax_icon_size = 64\nmin_icon_size = 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said lockedBuffer
	d := exec.Command("dunst", "-print", "-conf", conf)
	d.Stdout, d.Stderr = &said, &said
	start(d)
	conn := b.connect()
	eventually(t, "dunst is there", func() bool {
		var owned bool
		return conn.BusObject().Call(busName+".NameHasOwner", 0, serverName).Store(&owned) == nil && owned
	})

	desk, asked := newTestDesk()
	runDesk(t, desk)
	shown := func() string {
		out, err := exec.Command("dunstctl", "count", "displayed").CombinedOutput()
		if err != nil {
			t.Fatalf("dunstctl: %v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	note := broken
	note.Body = "127.0.0.1:7000 <refuses> & sulks. Since 12:00:05.\nStart the program on that computer."
	desk.show(note, english)
	eventually(t, "it is on the screen", func() bool { return shown() == "1" })
	for _, want := range []string{
		"summary: 'office is broken'", "body: '127.0.0.1:7000 &lt;refuses&gt; &amp; sulks. Since 12:00:05.\nStart the program on that computer.'",
		"raw_icon set: true", `"reconnect": "Reconnect now"`, `"open": "Open"`, "category: network.disconnected",
	} {
		eventually(t, "dunst says "+want, func() bool { return strings.Contains(said.String(), want) })
	}
	red, green := color.NRGBA{0xff, 0x5f, 0x52, 0xff}, color.NRGBA{0x3d, 0xdc, 0x84, 0xff}
	eventually(t, "the red X is seen", func() bool { return count(t, red) > 500 })
	healed := healed
	healed.Body = "It was broken for 0:58: server refused."
	desk.show(changed, english)
	desk.show(healed, english)
	eventually(t, "the green tick is seen, and no X", func() bool { return count(t, green) > 500 && count(t, red) == 0 })
	if n := shown(); n != "1" {
		t.Errorf("%s notifications stand, want one in the place of another", n)
	}

	// dunst closes what was clicked.
	desk.show(broken, english)
	eventually(t, "the red X is seen", func() bool { return count(t, red) > 500 })
	for _, args := range [][]string{{"mousemove", "560", "50"}, {"click", "1"}} {
		if out, err := exec.Command("xdotool", args...).CombinedOutput(); err != nil {
			t.Fatalf("xdotool %v: %v: %s", args, err, out)
		}
	}
	asked.want(t, "open")
	eventually(t, "it is gone", func() bool { return shown() == "0" })
	desk.show(Note{ID: 3, Look: ui.LookUp, Title: "office is connected again"}, english)
	eventually(t, "a new one is on the screen", func() bool { return shown() == "1" })
	desk.close(3)
	eventually(t, "it is taken away", func() bool { return shown() == "0" })
}

// count is how many pixels of the screen have a colour.
func count(t *testing.T, c color.NRGBA) (n int) {
	t.Helper()
	out, err := exec.Command("import", "-window", "root", "png:-").Output()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if color.NRGBAModel.Convert(img.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// A lockedBuffer is written to by a program and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
