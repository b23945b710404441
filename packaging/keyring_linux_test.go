package packaging

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/desktest"
)

// answering is a server that keeps each connection until it is closed.
func answering(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	desktest.Must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

// lockedProxy starts a real proxy that wants user and password.
func lockedProxy(t *testing.T, d *desktest.Desk, user, password string) string {
	t.Helper()
	desktest.Need(t, "tinyproxy")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	desktest.Must(t, err)
	at := ln.Addr().(*net.TCPAddr)
	ln.Close()
	conf := fmt.Sprintf("Port %d\nListen 127.0.0.1\nTimeout 600\nLogLevel Critical\nBasicAuth %s %s\n", at.Port, user, password)
	file := filepath.Join(t.TempDir(), "tinyproxy.conf") // not where the password is looked for afterwards
	desktest.Must(t, os.WriteFile(file, []byte(conf), 0o600))
	d.Start("tinyproxy", "-d", "-c", file)
	desktest.Eventually(t, "the proxy answers", func() bool {
		c, err := net.Dial("tcp", at.String())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return at.String()
}

// A person adds a target behind a proxy that wants a password, with the keyboard, in the real window: the password goes into
// the real keyring and into no file, and the next start takes it from there.
func TestAPasswordFromTheWindowIsInTheKeyring(t *testing.T) {
	t.Parallel()
	const password = "s3same-Street"
	i := newInstallation(t)
	server, proxy := answering(t), lockedProxy(t, i.Desk, "me", password)
	i.Bus("").Keyring()
	i.WindowManager()
	i.Write("config/holdfast/holdfast.toml", "# mine\ndemo = false\n")
	defer i.Keep()

	end := i.start("--no-tray")
	i.Do(i.program, "open")
	desktest.Eventually(t, "a window of the class "+i.class, i.windows)
	before := i.Shot()
	desktest.Eventually(t, "it is drawn", func() bool {
		last := before
		before = i.Shot()
		return differs(image.NewNRGBA(before.Rect), before) > 0.5 && differs(last, before) == 0
	})
	desktest.Eventually(t, "the dialog is open", func() bool {
		i.Do("xdotool", "key", "ctrl+n")
		time.Sleep(100 * time.Millisecond)
		return differs(before, i.Shot()) > 0.5 // a shade lies on the rest
	})
	i.Do("xdotool", "type", server)
	i.Do("xdotool", "key", "Tab", "Tab", "Tab", "Right", "shift+Tab", "shift+Tab", "shift+Tab")
	i.Do("xdotool", "type", proxy)
	i.Do("xdotool", "key", "Tab")
	i.Do("xdotool", "type", "me")
	i.Do("xdotool", "key", "Tab")
	i.Do("xdotool", "type", password)
	var settings []byte
	desktest.Eventually(t, "it is saved", func() bool {
		time.Sleep(200 * time.Millisecond) // Enter saves what has been tried, and else has it tried
		i.Do("xdotool", "key", "Return")
		settings, _ = os.ReadFile(filepath.Join(i.Dir, "config/holdfast/holdfast.toml"))
		return bytes.Contains(settings, []byte("[[target]]"))
	})
	if !bytes.HasPrefix(settings, []byte("# mine\n")) || !bytes.Contains(settings, []byte(`"http://me@`+proxy+`"`)) {
		t.Errorf("the settings are\n%s", settings)
	}
	up := func() bool { return strings.Contains(i.Do(i.program, "status", "--json"), `"state":"up"`) }
	desktest.Eventually(t, "it is connected", up)
	end()

	helper := i.Command(i.program, "keyring-helper")
	helper.Stdin = strings.NewReader(`{"account":"me@` + proxy + `"}`)
	out, err := helper.Output()
	if err != nil || !bytes.Contains(out, []byte(password)) {
		t.Errorf("the keyring has %s (%v)", out, err)
	}
	desktest.Must(t, filepath.WalkDir(i.Dir, func(path string, f fs.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() || strings.HasPrefix(f.Name(), "Xvfb") {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(password)) {
			t.Errorf("the password is in %s", path)
		}
		return err
	}))

	end = i.start("--no-tray")
	desktest.Eventually(t, "the next one is connected", up)
	if said := end(); strings.Contains(said, password) {
		t.Error("the password was logged")
	}
}

// differs is the part of two pictures that is not the same.
func differs(a, b *image.NRGBA) float64 {
	n := 0
	for i := 0; i < len(a.Pix); i += 4 {
		if [3]byte(a.Pix[i:]) != [3]byte(b.Pix[i:]) {
			n++
		}
	}
	return float64(4*n) / float64(len(a.Pix))
}
