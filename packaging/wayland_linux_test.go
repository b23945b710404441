package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/desktest"
)

// Under a real Wayland compositor the window needs no X, and docks know it by the name of the menu entry.
func TestUnderWayland(t *testing.T) {
	t.Parallel()
	desktest.Need(t, "sway", "swaymsg")
	i := newInstallation(t)
	i.Set("DISPLAY", "")
	dir := t.TempDir() // for whom it runs as
	conf := filepath.Join(dir, "config")
	desktest.Must(t, os.WriteFile(conf, []byte("xwayland disable\noutput HEADLESS-1 resolution 1280x800\n"), 0o644))
	cmd := i.Command("sway", "-c", conf)
	cmd.Env = append(cmd.Env, "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "SWAYSOCK="+dir+"/ipc", "WLR_BACKENDS=headless", "WLR_LIBINPUT_NO_DEVICES=1", "WLR_RENDERER=pixman")
	if os.Getuid() == 0 { // sway refuses to be root
		const nobody = 65534
		desktest.Must(t, os.Chmod(filepath.Dir(dir), 0o755))
		desktest.Must(t, os.Chown(dir, nobody, nobody))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	sway := i.Run(cmd)
	tree := func() string {
		out, _ := i.Command("swaymsg", "-s", dir+"/ipc", "-t", "get_tree", "-r").Output()
		return string(out)
	}
	desktest.Eventually(t, "sway answers", func() bool { return strings.Contains(tree(), "HEADLESS-1") })
	sockets, err := filepath.Glob(filepath.Join(dir, "wayland-*[0-9]"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sway has the sockets %q (%v)\n%s", sockets, err, sway.Said())
	}
	i.Set("WAYLAND_DISPLAY", sockets[0])

	end := i.start("--no-tray")
	i.Do(i.program, "open")
	desktest.Eventually(t, "a window that docks know", func() bool {
		now := tree()
		return strings.Contains(now, `"app_id": "`+id+`"`) && strings.Contains(now, `"shell": "xdg_shell"`)
	})
	end()
}
