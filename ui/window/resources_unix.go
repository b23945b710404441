//go:build (linux || freebsd || openbsd || netbsd) && !android

package window

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// How fine a screen is under X11, the desktop says by a resource of the X server: Xft.dpi in the property RESOURCE_MANAGER of
// the root window. Those of GNOME, KDE, Xfce and MATE set it, the person's text size in it, and so does xrdb by hand. Fyne
// asks for the width of the monitor in millimetres instead. The property is read through the X protocol itself
// (X Window System Protocol, X Consortium Standard, appendix B); atoms and opcodes below are from there.
const (
	xAtomResources = 23 // RESOURCE_MANAGER, predefined
	xAtomString    = 31

	xChangeAttributes = 2
	xGetProperty      = 20

	xReply          = 1
	xPropertyNotify = 28

	xMostBytes = 1 << 20 // nobody has resources of a megabyte

	xWithin = 2 * time.Second // until the server has let us in
)

// ofX reports whether the window is one of X11: Fyne's GLFW takes Wayland where there is one, unless the session says X11.
func ofX(env func(string) string) bool {
	return env("DISPLAY") != "" && (env("WAYLAND_DISPLAY") == "" || env("XDG_SESSION_TYPE") == "x11")
}

// watchResources calls tell with the X server's Xft.dpi, 0 where there is none, first as soon as it is known, then at each
// change, until ctx ends or the server hangs up. Without a server it returns, and nothing was said.
func watchResources(ctx context.Context, display string, tell func(dpi float64)) error {
	network, address, number, err := xAddress(display)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{Timeout: xWithin}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(xWithin)); err != nil {
		return err
	}
	name, cookie := xCookie(number)
	r := bufio.NewReader(conn)
	root, err := xEnter(r, conn, name, cookie)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return xListen(r, conn, root, tell)
}

// xAddress takes DISPLAY apart: ":0", "unix:0.0", "host:10.0".
func xAddress(display string) (network, address string, number int, err error) {
	colon := strings.LastIndexByte(display, ':')
	if colon < 0 {
		return "", "", 0, fmt.Errorf("DISPLAY=%q has no colon", display)
	}
	host, rest := display[:colon], display[colon+1:]
	rest, _, _ = strings.Cut(rest, ".") // the screen: resources are those of the first
	if number, err = strconv.Atoi(rest); err != nil || number < 0 || number > 59535 {
		return "", "", 0, fmt.Errorf("DISPLAY=%q has no number", display)
	}
	if host == "" || host == "unix" {
		return "unix", filepath.Join("/tmp/.X11-unix", "X"+rest), number, nil
	}
	return "tcp", net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(6000+number)), number, nil
}

// xCookie is what lets us in, from the file of xauth; empty where there is none.
func xCookie(number int) (name, data string) {
	path := os.Getenv("XAUTHORITY")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", ""
		}
		path = filepath.Join(home, ".Xauthority")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, xMostBytes))
	if err != nil {
		return "", ""
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return cookieOf(b, host, number)
}

// cookieOf finds the cookie of a display in what stands in the file of xauth: that of this host, else one of any.
func cookieOf(b []byte, host string, number int) (name, data string) {
	field := func() (string, bool) {
		if len(b) < 2 {
			return "", false
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			return "", false
		}
		text := string(b[2 : 2+n])
		b = b[2+n:]
		return text, true
	}
	for len(b) >= 2 {
		b = b[2:] // the family of the address
		var fields [4]string
		for i := range fields {
			var ok bool
			if fields[i], ok = field(); !ok {
				return name, data
			}
		}
		if fields[2] != "MIT-MAGIC-COOKIE-1" || fields[1] != "" && fields[1] != strconv.Itoa(number) {
			continue
		}
		if fields[0] == host {
			return fields[2], fields[3]
		}
		if name == "" {
			name, data = fields[2], fields[3]
		}
	}
	return name, data
}

// xEnter opens the session and returns the root window of the first screen.
func xEnter(r io.Reader, w io.Writer, name, cookie string) (root uint32, err error) {
	padded := func(s string) string { return s + strings.Repeat("\x00", -len(s)&3) }
	hello := []byte{'l', 0, 11, 0, 0, 0, byte(len(name)), byte(len(name) >> 8), byte(len(cookie)), byte(len(cookie) >> 8), 0, 0}
	if _, err := w.Write(append(hello, padded(name)+padded(cookie)...)); err != nil {
		return 0, err
	}
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	body := make([]byte, 4*int(binary.LittleEndian.Uint16(head[6:])))
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, err
	}
	if head[0] != 1 {
		return 0, errors.New("the X server lets nobody in")
	}
	if len(body) < 32 {
		return 0, errors.New("the X server says too little")
	}
	vendor, formats := int(binary.LittleEndian.Uint16(body[16:])), int(body[21])
	screen := 32 + (vendor+3)&^3 + 8*formats
	if body[20] == 0 || len(body) < screen+4 {
		return 0, errors.New("the X server has no screen")
	}
	return binary.LittleEndian.Uint32(body[screen:]), nil
}

// xListen reads the resources, now and at each change.
func xListen(r io.Reader, w io.Writer, root uint32, tell func(float64)) error {
	u32 := binary.LittleEndian.AppendUint32
	ask := u32(u32(u32(u32(u32([]byte{xGetProperty, 0, 6, 0}, root), xAtomResources), xAtomString), 0), xMostBytes/4)
	const eventMask, propertyChange = 0x800, 0x400000
	first := u32(u32(u32([]byte{xChangeAttributes, 0, 4, 0}, root), eventMask), propertyChange)
	if _, err := w.Write(append(first, ask...)); err != nil {
		return err
	}
	var one [32]byte
	for {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return err
		}
		switch one[0] & 0x7f {
		case xReply:
			n := int64(binary.LittleEndian.Uint32(one[4:])) * 4
			if n > xMostBytes {
				return errors.New("the X server has more resources than anybody")
			}
			var text bytes.Buffer
			if _, err := io.CopyN(&text, r, n); err != nil {
				return err
			}
			tell(dpiOf(text.String()))
		case xPropertyNotify:
			if binary.LittleEndian.Uint32(one[8:]) == xAtomResources {
				if _, err := w.Write(ask); err != nil {
					return err
				}
			}
		}
	}
}

// dpiOf is Xft.dpi in resources as xrdb writes them; 0: it is not there, or nothing that can be meant.
func dpiOf(resources string) float64 {
	for line := range strings.Lines(resources) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) != "Xft.dpi" {
			continue
		}
		if dpi, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimRight(value, "\x00")), 64); err == nil && dpi >= usualDPI/4 && dpi <= 20*usualDPI {
			return dpi
		}
	}
	return 0
}
