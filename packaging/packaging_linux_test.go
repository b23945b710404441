package packaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/desktest"
)

const id = "net.holdfast.Holdfast"

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

// do runs a program in the folder of the project and returns what it said.
func do(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// binaries is a folder with both programs, built as `make build` does.
func binaries(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "holdfast-packaging-"); built.err != nil {
			return
		}
		cc, err := exec.Command("../scripts/cc").Output()
		if err != nil {
			built.err = err
			return
		}
		for _, b := range []struct {
			name, pkg string
			env       []string
		}{
			{"holdfast", ".", []string{"CGO_ENABLED=0"}},
			{"holdfast-window", "./cmd/holdfast-window", []string{"CGO_ENABLED=1", "CC=" + strings.TrimSpace(string(cc))}},
		} {
			cmd := exec.Command("go", "build", "-trimpath", "-tags", "migrated_fynedo", "-ldflags", "-s -w -X main.version=1.2.3-dev+abc1234",
				"-o", filepath.Join(built.dir, b.name), b.pkg)
			cmd.Dir, cmd.Env = "..", append(os.Environ(), b.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("build %s: %w\n%s", b.name, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// tree is every file below a folder with its mode and the beginning of its sum.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	desktest.Must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, fmt.Sprintf("%s %v %x", rel, info.Mode(), sha256.Sum256(b))[:len(rel)+28])
		return err
	}))
	slices.Sort(files)
	return files
}

// value is a key of a desktop entry's first group.
func value(t *testing.T, entry []byte, key string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(entry)
	if m == nil {
		t.Fatalf("there is no %s in\n%s", key, entry)
	}
	return string(m[1])
}

func TestMenuEntryAndMetadata(t *testing.T) {
	t.Parallel()
	entry, err := os.ReadFile("../assets/" + id + ".desktop")
	desktest.Must(t, err)
	meta, err := os.ReadFile("../assets/" + id + ".metainfo.xml")
	desktest.Must(t, err)
	var m struct {
		ID         string `xml:"id"`
		Licence    string `xml:"project_license"`
		Launchable string `xml:"launchable"`
		Icon       string `xml:"icon"`
		Releases   []struct {
			Version string `xml:"version,attr"`
		} `xml:"releases>release"`
	}
	desktest.Must(t, xml.Unmarshal(meta, &m))
	app, err := os.ReadFile("../FyneApp.toml")
	desktest.Must(t, err)
	version := regexp.MustCompile(`(?m)^Version *= *"(.*)"`).FindSubmatch(app)
	if m.ID != id || m.Launchable != id+".desktop" || m.Icon != value(t, entry, "Icon") || m.Licence != "MIT" {
		t.Errorf("metadata and entry do not belong together: %+v", m)
	}
	if len(m.Releases) == 0 || version == nil || m.Releases[0].Version != string(version[1]) {
		t.Errorf("the newest release is %+v, FyneApp.toml says %s", m.Releases, version[1])
	}
	for tool, args := range map[string][]string{
		"desktop-file-validate": {"assets/" + id + ".desktop"},
		"appstreamcli":          {"validate", "--no-net", "--explain", "assets/" + id + ".metainfo.xml"},
	} {
		t.Run(tool, func(t *testing.T) {
			desktest.Need(t, tool)
			out := do(t, nil, tool, args...)
			if tool == "desktop-file-validate" && out != "" || strings.Contains(out, "W: ") || strings.Contains(out, "E: ") {
				t.Error(out)
			}
		})
	}
}

var installed = []string{
	"bin/holdfast -rwxr-xr-x",
	"lib/holdfast/holdfast-window -rwxr-xr-x",
	"share/applications/net.holdfast.Holdfast.desktop -rw-r--r--",
	"share/bash-completion/completions/holdfast -rw-r--r--",
	"share/fish/vendor_completions.d/holdfast.fish -rw-r--r--",
	"share/icons/hicolor/128x128/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/16x16/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/22x22/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/24x24/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/256x256/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/32x32/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/48x48/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/64x64/apps/holdfast.png -rw-r--r--",
	"share/icons/hicolor/scalable/apps/holdfast.svg -rw-r--r--",
	"share/man/man1/holdfast.1 -rw-r--r--",
	"share/man/zh_CN/man1/holdfast.1 -rw-r--r--",
	"share/metainfo/net.holdfast.Holdfast.metainfo.xml -rw-r--r--",
	"share/zsh/site-functions/_holdfast -rw-r--r--",
}

func TestInstallAndUninstall(t *testing.T) {
	t.Parallel()
	dest := t.TempDir()
	env := []string{"BIN=" + binaries(t), "DESTDIR=" + dest, "PREFIX=/usr/local"}
	other := filepath.Join(dest, "usr/local/bin/other")
	desktest.Must(t, os.MkdirAll(filepath.Dir(other), 0o755))
	desktest.Must(t, os.WriteFile(other, nil, 0o644))
	for range 2 { // over itself, too
		do(t, env, "make", "install")
		var got []string
		for _, f := range tree(t, filepath.Join(dest, "usr/local")) {
			if fields := strings.Fields(f); fields[0] != "bin/other" {
				got = append(got, fields[0]+" "+fields[1])
			}
		}
		if !slices.Equal(got, installed) {
			t.Fatalf("installed:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(installed, "\n"))
		}
	}
	do(t, env, "make", "uninstall")
	left := tree(t, dest)
	if len(left) != 1 || !strings.HasPrefix(left[0], "usr/local/bin/other ") {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(dest, "usr/local/lib/holdfast")); err == nil {
		t.Error("lib/holdfast is still there")
	}

	for what, env := range map[string][]string{
		"a relative prefix":    {"BIN=" + binaries(t), "PREFIX=usr"},
		"a prefix with blanks": {"BIN=" + binaries(t), "PREFIX=" + dest + "/a b"},
		"nothing built":        {"BIN=" + dest, "PREFIX=" + dest + "/x"},
	} {
		cmd := exec.Command("scripts/install", "put")
		cmd.Dir, cmd.Env = "..", append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: installed all the same: %s", what, out)
		}
	}
}

// An installation is what was installed below a folder of its own, and a screen to run it on.
type installation struct {
	*desktest.Desk
	t       *testing.T
	program string // as the menu entry starts it
	class   string // of the window, as docks are told
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	desktest.Need(t, "xdotool")
	i := &installation{Desk: desktest.New(t), t: t}
	do(t, []string{"BIN=" + binaries(t), "DESTDIR=", "PREFIX=" + i.Dir}, "scripts/install", "put")
	entry, err := os.ReadFile(filepath.Join(i.Dir, "share/applications", id+".desktop"))
	desktest.Must(t, err)
	i.program, i.class = value(t, entry, "Exec"), value(t, entry, "StartupWMClass")
	if i.program != i.Dir+"/bin/holdfast" || value(t, entry, "TryExec") != i.program {
		t.Errorf("the entry starts %s", i.program)
	}
	i.Screen(1280, 800)
	i.Set("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
	return i
}

// start runs the resident; end has it quit and returns what it said.
func (i *installation) start(args ...string) (end func() string) {
	i.t.Helper()
	resident := i.Start(i.program, args...)
	desktest.Eventually(i.t, "Holdfast answers", func() bool { return i.Command(i.program, "status").Run() == nil })
	return func() string {
		i.t.Helper()
		i.Do(i.program, "quit")
		if err := resident.Wait(); err != nil {
			i.t.Errorf("ended with %v\n%s", err, resident.Said())
		}
		return resident.Said()
	}
}

// windows reports whether a window is to be seen by which docks find the menu entry.
func (i *installation) windows() bool {
	return i.Command("xdotool", "search", "--onlyvisible", "--class", "^"+i.class+"$").Run() == nil
}

// What was installed runs: the resident finds its window in the library folder.
func TestInstalledRuns(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	page, err := os.ReadFile(filepath.Join(i.Dir, "share/man/man1/holdfast.1"))
	if err != nil || !bytes.Contains(page, []byte(`Holdfast 1.2.3\-dev+abc1234`)) {
		t.Errorf("the manual page is of another version (%v)", err)
	}
	if page, err := os.ReadFile(filepath.Join(i.Dir, "share/man/zh_CN/man1/holdfast.1")); err != nil || !bytes.Contains(page, []byte(".SH 名称")) {
		t.Errorf("the Chinese manual page is none (%v)", err)
	}
	end := i.start("--no-tray")
	i.Do(i.program, "open")
	desktest.Eventually(t, "a window of the class "+i.class, i.windows)
	end()
	do(t, []string{"PREFIX=" + i.Dir, "DESTDIR="}, "scripts/install", "remove")
	if left := tree(t, filepath.Join(i.Dir, "share")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A desktop that shows no tray icons, as GNOME without its extension: whoever starts Holdfast there gets the window, and is
// told what is missing. At a login nothing comes up unasked.
func TestDesktopWithoutATray(t *testing.T) {
	t.Parallel()
	desktest.Need(t, "curl")
	i := newInstallation(t)
	i.Bus("")
	noIcon := func() bool {
		out := i.Do("curl", "-s", "--unix-socket", i.Dir+"/run/holdfast/control.sock", "http://holdfast/v1/status")
		return strings.Contains(out, `"no_icon":true`)
	}
	const hint = "This desktop shows no tray icons. Holdfast still watches. Install the AppIndicator extension"

	end := i.start()
	desktest.Eventually(t, "the window opens by itself", i.windows)
	if said := end(); !noted(said, hint) {
		t.Errorf("says %q", said)
	}
	end = i.start("--background")
	desktest.Eventually(t, "it is known that nobody shows the icon", noIcon)
	<-time.After(time.Second) // it is what does not happen in this time that counts
	if i.windows() {
		t.Error("a window opened unasked")
	}
	i.Do(i.program) // from the menu: the window of the one that runs
	desktest.Eventually(t, "the window of the one that runs", i.windows)
	if said := end(); !noted(said, hint) {
		t.Errorf("says %q", said)
	}
}

func noted(said, what string) bool { return strings.Count(said, what) == 1 }

// packages makes both Debian packages and returns their files.
func packages(t *testing.T) (main, window string) {
	t.Helper()
	desktest.Need(t, "dpkg-deb", "dpkg-shlibdeps", "gzip")
	out := t.TempDir()
	said := do(t, []string{"BIN=" + binaries(t), "OUT=" + out, "SOURCE_DATE_EPOCH=1795334400", "COMPRESSION=gzip", "LEVEL=1"}, "scripts/deb")
	files := strings.Fields(said)
	if len(files) != 2 || !strings.HasPrefix(filepath.Base(files[0]), "holdfast_1.2.3~git20261122.080000.abc1234-1_") {
		t.Fatalf("made %q", said)
	}
	return files[0], files[1]
}

func TestDebianPackages(t *testing.T) {
	t.Parallel()
	main, window := packages(t)

	t.Run("the same again", func(t *testing.T) {
		t.Parallel()
		again, againWindow := packages(t)
		for old, fresh := range map[string]string{main: again, window: againWindow} {
			a, err := os.ReadFile(old)
			desktest.Must(t, err)
			b, err := os.ReadFile(fresh)
			desktest.Must(t, err)
			if !bytes.Equal(a, b) {
				t.Errorf("%s differs when it is made again", filepath.Base(old))
			}
		}
	})
	t.Run("lintian", func(t *testing.T) {
		t.Parallel()
		desktest.Need(t, "lintian")
		// Words within programs: it says nothing worse than "info" of them, and takes half of the time for it.
		cmd := exec.Command("lintian", "--no-cfg", "--dont-check-part", "binaries/spelling", "--fail-on", "error,warning", "--allow-root", main, window)
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil || bytes.Contains(out, []byte("E: ")) || bytes.Contains(out, []byte("W: ")) {
			t.Error(err)
		}
	})
	t.Run("what they need can be had", func(t *testing.T) {
		t.Parallel()
		desktest.Need(t, "apt-get")
		lists, _ := filepath.Glob("/var/lib/apt/lists/*_Packages*")
		if len(lists) == 0 {
			t.Skip("needs apt's lists of packages, which apt-get update brings")
		}
		out := do(t, []string{"LC_ALL=C"}, "apt-get", "install", "--simulate", "--no-install-recommends", main, window)
		for _, p := range []string{"Inst holdfast ", "Inst holdfast-window "} {
			if !strings.Contains(out, p) {
				t.Errorf("%q is not in\n%s", p, out)
			}
		}
	})
	t.Run("put in and taken out", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("needs root, as dpkg does")
		}
		root := t.TempDir()
		for _, d := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "var/cache"} {
			desktest.Must(t, os.MkdirAll(filepath.Join(root, d), 0o755))
		}
		for _, f := range []string{"status", "available"} {
			desktest.Must(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg", f), nil, 0o644))
		}
		dpkg := func(args ...string) {
			t.Helper()
			do(t, nil, "dpkg", append([]string{"--root=" + root, "--log=/dev/null"}, args...)...)
		}
		dpkg("-i", main)
		if out := do(t, nil, filepath.Join(root, "usr/bin/holdfast"), "version"); !strings.HasPrefix(out, "holdfast 1.2.3-dev+abc1234 ") {
			t.Errorf("says %q", out)
		}
		dpkg("--force-depends", "-i", window) // the libraries are the host's
		if out := do(t, nil, "ldd", filepath.Join(root, "usr/lib/holdfast/holdfast-window")); strings.Contains(out, "not found") {
			t.Error(out)
		}
		for _, p := range []string{"holdfast", "holdfast-window"} {
			text, err := os.ReadFile(filepath.Join(root, "usr/share/doc", p, "copyright"))
			desktest.Must(t, err)
			for _, want := range []string{"The Holdfast authors", "godbus/dbus", "The Go Authors"} {
				if p == "holdfast" && !bytes.Contains(text, []byte(want)) {
					t.Errorf("%s: %q is not in its copyright", p, want)
				}
			}
			if p == "holdfast-window" && !bytes.Contains(text, []byte("Camilla")) { // GLFW's author
				t.Error("GLFW's licence is not in the copyright of the window")
			}
		}
		dpkg("--purge", "holdfast-window", "holdfast")
		if _, err := os.Stat(filepath.Join(root, "usr")); err == nil {
			t.Errorf("left behind: %v", tree(t, filepath.Join(root, "usr")))
		}
	})
}

// The packages in a Debian that has nothing else: apt brings what they need, they run, and go without a trace.
func TestDebianPackagesInAFreshDebian(t *testing.T) {
	if os.Getenv("HOLDFAST_CHROOT") == "" {
		t.Skip("needs what make deb-test sets: it fetches a whole Debian")
	}
	desktest.Need(t, "debootstrap")
	if os.Getuid() != 0 {
		t.Skip("needs root, as debootstrap does")
	}
	release, err := os.ReadFile("/etc/os-release")
	desktest.Must(t, err)
	name := regexp.MustCompile(`(?m)^VERSION_CODENAME=(\w+)$`).FindSubmatch(release)
	if name == nil {
		t.Skip("needs a system whose /etc/os-release names a release that debootstrap knows")
	}
	main, window := packages(t)
	root, err := os.MkdirTemp("", "holdfast-debian-")
	desktest.Must(t, err)
	t.Cleanup(func() {
		_ = syscall.Unmount(filepath.Join(root, "proc"), syscall.MNT_DETACH)
		os.RemoveAll(root)
	})
	args := []string{"--variant=minbase", string(name[1]), root}
	if mirror := os.Getenv("HOLDFAST_MIRROR"); mirror != "" {
		args = append(args, mirror)
	}
	do(t, nil, "debootstrap", args...)
	for _, deb := range []string{main, window} {
		b, err := os.ReadFile(deb)
		desktest.Must(t, err)
		desktest.Must(t, os.WriteFile(filepath.Join(root, "tmp", filepath.Base(deb)), b, 0o644))
	}
	for _, f := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		if b, err := os.ReadFile(f); err == nil {
			desktest.Must(t, os.WriteFile(root+f, b, 0o644))
		}
	}
	desktest.Must(t, syscall.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""))
	in := func(script string) string {
		t.Helper()
		return do(t, []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "chroot", root, "sh", "-ec", script)
	}
	in("apt-get update && apt-get install -y --no-install-recommends man-db xvfb xdotool") // to look with
	before := in("find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var -prune -o -print | sort; dpkg -l")
	in("apt-get install -y --no-install-recommends /tmp/*.deb")
	t.Log(in("dpkg -l holdfast holdfast-window | tail -2; apt-mark showauto | wc -l"))
	if out := in("holdfast version; holdfast check 127.0.0.1:9 || echo $?"); !strings.Contains(out, "refuses connections") || !strings.HasSuffix(out, "\n15\n") {
		t.Errorf("says\n%s", out)
	}
	if out := in("ldd /usr/lib/holdfast/holdfast-window"); strings.Contains(out, "not found") {
		t.Error(out)
	}
	// The resident finds the window, and the libraries are all it needs to show itself.
	out := in(`export XDG_RUNTIME_DIR=/root/run; mkdir -m 700 $XDG_RUNTIME_DIR
apt-get install -y --no-install-recommends libgl1-mesa-dri >/dev/null
Xvfb :77 -nolisten tcp >/dev/null 2>&1 & x=$!
DISPLAY=:77 LIBGL_ALWAYS_SOFTWARE=1 holdfast --no-tray >/root/log 2>&1 & h=$!
n=0; until holdfast status >/dev/null 2>&1 || [ $n = 100 ]; do sleep .1; n=$((n+1)); done
holdfast open
n=0; until DISPLAY=:77 xdotool search --onlyvisible --class '^Holdfast$' >/dev/null 2>&1 || [ $n = 300 ]; do sleep .1; n=$((n+1)); done
echo "waited $n"
holdfast quit; wait $h; echo "ended $?"; kill $x; wait $x || :; cat /root/log; rm -rf /root/run /root/log /root/.cache /root/.config /root/.local`)
	if !strings.Contains(out, "ended 0") || strings.Contains(out, "waited 300") {
		t.Error(out)
	}
	in("apt-get purge -y --autoremove holdfast holdfast-window libgl1-mesa-dri")
	after := in("find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var -prune -o -print | sort; dpkg -l")
	had := strings.Split(before, "\n")
	for line := range strings.SplitSeq(after, "\n") {
		if strings.Contains(strings.ToLower(line), "holdfast") && !slices.Contains(had, line) {
			t.Errorf("left behind: %s", line)
		}
	}
	if out := in("find / -xdev -iname '*holdfast*' -not -path '/tmp/*' -not -path '/proc/*'"); out != "" {
		t.Errorf("left behind: %s", out)
	}
}
