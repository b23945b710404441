//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/desktest"
)

// setResources changes the property as xrdb does, over a connection of its own, and waits until it is done.
func setResources(t *testing.T, text string) {
	t.Helper()
	network, address, number, err := xAddress(os.Getenv("DISPLAY"))
	desktest.Must(t, err)
	conn, err := net.Dial(network, address)
	desktest.Must(t, err)
	defer conn.Close()
	name, cookie := xCookie(number)
	root, err := xEnter(conn, conn, name, cookie)
	desktest.Must(t, err)
	u32 := binary.LittleEndian.AppendUint32
	const changeProperty = 18
	padded := text + strings.Repeat("\x00", -len(text)&3)
	change := u32(u32(u32([]byte{changeProperty, 0, byte(6 + len(padded)/4), 0}, root), xAtomResources), xAtomString)
	change = append(u32(append(change, 8, 0, 0, 0), uint32(len(text))), padded...)
	const getInputFocus = 43 // its answer says that all before it is done
	_, err = conn.Write(append(change, getInputFocus, 0, 1, 0))
	desktest.Must(t, err)
	_, err = io.ReadFull(conn, make([]byte, 32))
	desktest.Must(t, err)
}

// Real resources of a real X server, with and without a portal.
func TestTheTextSizeOfX(t *testing.T) {
	desktest.Need(t, "Xvfb", "dbus-daemon")
	d := desktest.New(t)
	d.Screen(320, 240)
	d.Use()
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	setResources(t, "*customization:\t-color\nXft.dpi:\t144\nXft.hinting:\t1\n")
	said := watch(t)
	wantComfort(t, said, comfort{scale: 1.5, whole: true})
	setResources(t, "Xft.dpi:\t192\n")
	wantComfort(t, said, comfort{scale: 2, whole: true})
	setResources(t, "Xft.antialias:\t1\n")
	wantComfort(t, said, comfort{scale: 1})
}

func TestResources(t *testing.T) {
	for text, want := range map[string]float64{
		"":                                     0,
		"Xft.dpi: 120":                         120,
		"Xft.hinting:\t1\nXft.dpi:\t 144 \n":   144,
		"Xft.dpi:\t96.5\n\x00":                 96.5,
		"Xft.dpi: big\n":                       0,
		"Xft.dpi: NaN\n":                       0,
		"Xft.dpi: 0\n":                         0,
		"Xft.dpi: -96\n":                       0,
		"Xft.dpi: 1e9\n":                       0,
		"XTerm.Xft.dpi: 144\nXft.dpi.x: 200\n": 0,
	} {
		if got := dpiOf(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for display, want := range map[string]string{
		":0": "unix /tmp/.X11-unix/X0", "unix:3.1": "unix /tmp/.X11-unix/X3", "localhost:10.0": "tcp localhost:6010", "[::1]:1": "tcp [::1]:6001",
		"": " ", "0": " ", ":": " ", ":x": " ", ":-1": " ", ":99999999": " ",
	} {
		network, address, _, err := xAddress(display)
		if got := network + " " + address; got != want || (err == nil) != (want != " ") {
			t.Errorf("%q: %q, %v, want %q", display, got, err, want)
		}
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"X11":                        {map[string]string{"DISPLAY": ":0"}, true},
		"Wayland":                    {map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, false},
		"Wayland with an X server":   {map[string]string{"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, false},
		"X11 with a Wayland of ours": {map[string]string{"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, true},
		"neither":                    {nil, false},
	} {
		if got := ofX(func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCookies(t *testing.T) {
	entry := func(host, number, name, data string) string {
		s := "\x01\x00"
		for _, one := range []string{host, number, name, data} {
			s += string(rune(len(one)>>8)) + string(rune(len(one))) + one
		}
		return s
	}
	const magic = "MIT-MAGIC-COOKIE-1"
	for name, c := range map[string]struct{ file, want string }{
		"empty":                     {"", ""},
		"this host's":               {entry("other", "1", magic, "a") + entry("here", "1", magic, "b"), "b"},
		"any host's":                {entry("other", "1", magic, "a") + entry("third", "1", magic, "c"), "a"},
		"of any display":            {entry("here", "", magic, "d"), "d"},
		"of another display":        {entry("here", "2", magic, "e"), ""},
		"of another kind":           {entry("here", "1", "XDM-AUTHORIZATION-1", "f"), ""},
		"torn off":                  {entry("here", "1", magic, "g")[:9], ""},
		"torn off after a good one": {entry("other", "1", magic, "h") + "\x01\x00\x00\x09x", "h"},
	} {
		if _, got := cookieOf([]byte(c.file), "here", 1); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A server may say what it likes.
func FuzzXServer(f *testing.F) {
	setup := append([]byte{1, 0, 11, 0, 0, 0, 10, 0}, make([]byte, 40)...)
	setup[8+20] = 1
	reply := append([]byte{xReply, 8, 1, 0, 4, 0, 0, 0}, make([]byte, 24)...)
	f.Add(append(append(setup, reply...), "Xft.dpi:\t144\n\x00\x00\x00"...))
	f.Add([]byte{0, 0, 11, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		root, err := xEnter(r, io.Discard, "MIT-MAGIC-COOKIE-1", "0123456789abcdef")
		if err != nil {
			return
		}
		if err := xListen(r, io.Discard, root, func(dpi float64) {
			if dpi != 0 && (dpi < usualDPI/4 || dpi > 20*usualDPI) {
				t.Errorf("%v dots per inch", dpi)
			}
		}); err == nil {
			t.Error("a server that hung up is listened to")
		}
	})
}

func FuzzCookies(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x04here\x00\x011\x00\x12MIT-MAGIC-COOKIE-1\x00\x02ab"), 1)
	f.Fuzz(func(t *testing.T, b []byte, number int) {
		if name, data := cookieOf(b, "here", number); name == "" && data != "" || len(data) > len(b) {
			t.Errorf("%q %q", name, data)
		}
	})
}

// A server that takes the connection and says nothing holds nobody up.
func TestAMuteXServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	desktest.Must(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if port < 6000 {
		t.Skip("needs a port of 6000 or more, where displays are: the system gave", port)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	begin := time.Now()
	go func() {
		done <- watchResources(ctx, "127.0.0.1:"+strconv.Itoa(port-6000), func(float64) { t.Error("it said something") })
	}()
	conn, err := l.Accept()
	desktest.Must(t, err)
	defer conn.Close()
	cancel()
	if err := <-done; err == nil || time.Since(begin) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}
