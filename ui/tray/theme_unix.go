//go:build (linux || freebsd || openbsd || netbsd) && !android

package tray

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"holdfast/assets"
)

// The panel of Xfce (4.18, read and photographed) takes the largest picture it is given and shrinks it by a fraction,
// which blurs every edge. From a folder of icons it takes the size that fits. So there, and only there, the icon has a
// name as well: KDE and GNOME choose well among pictures, and a name whose file a host cannot read (from inside a
// sandbox, say) would show nothing on some.

// A theme is a folder of icons by size. The zero value has none.
type theme struct {
	dir  string
	have map[string]bool
}

// themeSizes are those of our sizes that the icon theme "hicolor" has folders for.
var themeSizes = []int{16, 22, 24, 32, 48, 64}

// newTheme returns a theme below the runtime directory of the user, where the desktop needs one.
func newTheme(getenv func(string) string) theme {
	dir := getenv("XDG_RUNTIME_DIR")
	inSandbox := getenv("FLATPAK_ID") != "" || getenv("SNAP") != "" || getenv("container") != ""
	for _, desktop := range strings.Split(getenv("XDG_CURRENT_DESKTOP"), ":") {
		if strings.EqualFold(desktop, "XFCE") && filepath.IsAbs(dir) && !inSandbox {
			return theme{dir: filepath.Join(dir, "holdfast", "icons"), have: map[string]bool{}}
		}
	}
	return theme{}
}

// icon returns the name of a picture in the folder, and the folder. Its files are written at the first call for it. Both
// are empty when they cannot be. The name holds a sum of the content: after an update no host shows an old picture.
func (th *theme) icon(picture string) (name, dir string) {
	if th.dir == "" {
		return "", ""
	}
	sum := fnv.New32a()
	for _, n := range themeSizes {
		sum.Write(assets.Icon(picture, n))
	}
	name = fmt.Sprintf("holdfast-%s-%08x", picture, sum.Sum32())
	if th.have[name] {
		return name, th.dir
	}
	for _, n := range themeSizes {
		folder := filepath.Join(th.dir, "hicolor", fmt.Sprintf("%dx%d", n, n), "apps")
		if err := writeOnce(folder, name+".png", assets.Icon(picture, n)); err != nil {
			th.dir = "" // a full disk, or no right to write: pictures alone will do
			return "", ""
		}
	}
	th.have[name] = true
	return name, th.dir
}

// writeOnce writes a file that is never seen half written, unless it is there.
func writeOnce(folder, name string, data []byte) error {
	path := filepath.Join(folder, name)
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(data)) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}
