//go:build unix

package desktest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a desk started ends with its test, with all that it started in turn, and its folder goes.
func TestNothingOutlivesTheTest(t *testing.T) {
	var dir string
	var pids []int
	t.Run("the test", func(t *testing.T) {
		d := New(t)
		dir = d.Dir
		p := d.Start("sh", "-c", "sleep 1000 & echo $!; exec sleep 1000")
		Eventually(t, "it runs", func() bool { return strings.HasSuffix(p.Said(), "\n") })
		child, err := strconv.Atoi(strings.TrimSpace(p.Said()))
		Must(t, err)
		pids = []int{p.PID(), child}
		stubborn := d.Start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done")
		Eventually(t, "it runs", func() bool { return stubborn.Said() != "" })
		pids = append(pids, stubborn.PID())
		stubborn.Kill()
		d.Bus("")
		d.SystemBus()
	})
	for _, pid := range pids {
		Eventually(t, "it has ended", func() bool {
			state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // nobody here waits for a grandchild
			return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(state), ") Z ")
		})
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestBusThatStopsAndStartsAgain(t *testing.T) {
	b := SessionBus(t)
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != b.Address {
		t.Error("it is not this process's")
	}
	conn := b.Connect()
	Own(t, conn, "net.example.Test")
	b.Owned("net.example.Test")
	b.Freeze()
	b.Stop()
	<-conn.Context().Done()
	if _, err := dbus.Connect(b.Address); err == nil {
		t.Error("somebody still answers")
	}
	b.Start()
	Own(t, b.Connect(), "net.example.Test")
}

// What is read of the screen is what others see there.
func TestShot(t *testing.T) {
	Need(t, "import", "xdotool", "dunst", "dunstctl")
	d := New(t)
	d.Screen(320, 200)
	b := d.Bus("")
	d.Write("dunstrc", "[global]\norigin = top-left\noffset = 0x0\nframe_width = 0\n[urgency_normal]\nbackground = \"#c08040\"\ntimeout = 0\n")
	d.Start("dunst", "-conf", filepath.Join(d.Dir, "dunstrc"))
	Eventually(t, "dunst answers", func() bool { return d.Command("dunstctl", "count").Run() == nil })
	Must(t, b.Connect().Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").Call("org.freedesktop.Notifications.Notify", 0,
		"test", uint32(0), "", "hello", "", []string{}, map[string]dbus.Variant{}, int32(0)).Err)
	Eventually(t, "it is seen", func() bool { return d.Shot().NRGBAAt(2, 2) == color.NRGBA{0xc0, 0x80, 0x40, 0xff} })
	out, err := d.Command("import", "-window", "root", "png:-").Output()
	Must(t, err)
	want, err := png.Decode(bytes.NewReader(out))
	Must(t, err)
	got := d.Shot()
	if got.Bounds() != want.Bounds() || got.Bounds() != image.Rect(0, 0, 320, 200) {
		t.Fatalf("%v, others see %v", got.Bounds(), want.Bounds())
	}
	for y := range 200 {
		for x := range 320 {
			if c := color.NRGBAModel.Convert(want.At(x, y)); c != got.NRGBAAt(x, y) {
				t.Fatalf("at %d, %d: %v, others see %v", x, y, got.NRGBAAt(x, y), c)
			}
		}
	}
}

// FuzzXWD: whatever is in the file, there is a picture or an error.
func FuzzXWD(f *testing.F) {
	dump := make([]byte, 100+12+2*12)
	for i, v := range map[int]uint32{0: 100, 1: 7, 4: 3, 5: 2, 11: 32, 12: 12, 19: 1} {
		binary.BigEndian.PutUint32(dump[4*i:], v)
	}
	if img, err := xwd(dump); err != nil || img.Bounds() != image.Rect(0, 0, 3, 2) {
		f.Errorf("a small one: %v, %v", img, err)
	}
	f.Add(dump)
	f.Add(dump[:len(dump)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := xwd(b); (img == nil) != (err != nil) {
			t.Errorf("%v, %v", img, err)
		}
	})
}

// A program that ends by itself is waited for, and what it said is known.
func TestWait(t *testing.T) {
	p := New(t).Start("sh", "-c", "echo out; echo err >&2; exit 3")
	err := p.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 3 || p.Said() != "out\nerr\n" {
		t.Errorf("%v, and said %q", err, p.Said())
	}
}
