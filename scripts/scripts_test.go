package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A system is a computer that scripts/need is shown: its files and programs, and who asks.
type system struct {
	t    *testing.T
	root string // files are looked for below it
	path string // the only folder of programs
	log  string // what apt-get was asked
}

// programs that the script itself calls, and that every system has.
var basic = []string{"sed", "cat", "env", "sh"}

func newSystem(t *testing.T) *system {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a POSIX shell")
	}
	dir := t.TempDir()
	s := &system{t: t, root: filepath.Join(dir, "root"), path: filepath.Join(dir, "bin"), log: filepath.Join(dir, "apt.log")}
	for _, d := range []string{s.root, s.path} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range basic {
		p, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("needs %s: %v", name, err)
		}
		if err := os.Symlink(p, filepath.Join(s.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.program("go", "echo go1.26.0")
	s.program("uname", "echo x86_64")
	s.program("id", "echo 0")
	return s
}

// program adds one that does what the shell script says.
func (s *system) program(name, script string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// file adds an empty one.
func (s *system) file(name string) {
	s.t.Helper()
	p := filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(p, nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// complete adds all that `make run` needs.
func (s *system) complete() {
	s.program("clang-14", "")
	s.program("pkg-config", "")
	for _, f := range []string{
		"stdlib.h", "GL/gl.h", "EGL/egl.h", "X11/Xlib.h", "X11/Xcursor/Xcursor.h", "X11/extensions/Xrandr.h",
		"X11/extensions/Xinerama.h", "X11/extensions/XInput2.h", "X11/extensions/xf86vmode.h", "wayland-client.h", "xkbcommon/xkbcommon.h",
	} {
		s.file("/usr/include/" + f)
	}
	s.file("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
}

// allForTests adds all that the tests need but what is only wished for.
func (s *system) allForTests() {
	s.complete()
	for _, name := range strings.Fields("ip nft redis-server sshd ssh-keygen tinyproxy squid danted microsocks curl tmux Xvfb xauth dbus-daemon gnome-keyring-daemon " +
		"xfwm4 xfce4-panel dunst xdotool wmctrl import lxqt-panel mate-panel sway desktop-file-validate appstreamcli groff dpkg-shlibdeps lintian debootstrap") {
		s.program(name, "")
	}
	s.file("/usr/lib/x86_64-linux-gnu/dri/swrast_dri.so")
}

// apt adds an apt-get that notes what it is asked, and then does what the shell script says.
func (s *system) apt(script string) {
	s.program("apt-get", `echo "apt-get $*" >>`+s.log+"\n"+script)
}

func (s *system) need(what string, env ...string) (output string, asked []string, code int) {
	s.t.Helper()
	cmd := exec.Command("/bin/sh", "scripts/need", what)
	cmd.Dir = ".."
	cmd.Env = append([]string{"PATH=" + s.path, "NEED_ROOT=" + s.root}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		s.t.Fatal(err)
	}
	if b, err := os.ReadFile(s.log); err == nil {
		asked = strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	return string(out), asked, cmd.ProcessState.ExitCode()
}

func TestNeed(t *testing.T) {
	const update = "apt-get -o DPkg::Lock::Timeout=300 update"
	install := func(packages string) string {
		return "apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends " + packages
	}
	const mingw = "gcc-mingw-w64-x86-64-win32"
	const forWindows = "wine64 " + mingw
	for _, tt := range []struct {
		name  string
		what  string
		setUp func(s *system)
		env   []string
		asked []string // of apt-get
		says  []string // each must be in the output; none: there must be no output
		code  int
	}{
		{name: "nothing is missing", setUp: func(s *system) { s.complete(); s.apt("") }},
		{
			name: "two headers are missing, package lists are there",
			setUp: func(s *system) {
				s.complete()
				s.apt("")
				s.file("/var/lib/apt/lists/deb_main_Packages.lz4")
				os.Remove(s.root + "/usr/include/X11/extensions/Xrandr.h")
				os.Remove(s.root + "/usr/include/wayland-client.h")
			},
			asked: []string{install("libxrandr-dev libwayland-dev")},
			says:  []string{"libxrandr-dev: ", "its screens", "libwayland-dev: ", "under Wayland", "Installing: libxrandr-dev libwayland-dev"},
		},
		{
			name:  "a bare system without package lists",
			setUp: func(s *system) { s.apt("") },
			asked: []string{update, install("clang pkg-config libc6-dev libgl-dev libegl-dev libx11-dev libxcursor-dev " +
				"libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev libwayland-dev libxkbcommon-dev fonts-noto-cjk")},
			says: []string{"half of gcc's time"},
		},
		{
			name: "package lists are old: tried once more",
			setUp: func(s *system) {
				s.complete()
				s.file("/var/lib/apt/lists/deb_main_Packages")
				os.Remove(s.root + "/usr/include/GL/gl.h")
				s.apt(`case "$*" in *update) >"$NEED_ROOT/updated";; *) [ -e "$NEED_ROOT/updated" ];; esac`)
			},
			asked: []string{install("libgl-dev"), update, install("libgl-dev")},
			says:  []string{"Once more"},
		},
		{
			name: "apt-get fails for good",
			setUp: func(s *system) {
				s.complete()
				os.Remove(s.root + "/usr/include/GL/gl.h")
				s.apt("case \"$*\" in *install*) exit 100;; esac")
			},
			asked: []string{update, install("libgl-dev")},
			says:  []string{"libgl-dev"},
			code:  1,
		},
		{
			name: "not root, with sudo",
			setUp: func(s *system) {
				s.complete()
				s.program("id", "echo 1000")
				s.program("sudo", `echo "sudo $1" >>`+s.log+`; exec "$@"`)
				s.file("/var/lib/apt/lists/deb_main_Packages")
				os.Remove(s.root + "/usr/include/GL/gl.h")
				s.apt(`[ "$DEBIAN_FRONTEND" = noninteractive ]`)
			},
			asked: []string{"sudo env", install("libgl-dev")},
			says:  []string{"libgl-dev"},
		},
		{
			name: "not root, without sudo",
			setUp: func(s *system) {
				s.program("id", "echo 1000")
				s.apt("")
			},
			says: []string{"there is no sudo", "apt-get install --no-install-recommends clang"},
			code: 1,
		},
		{
			name:  "no apt-get",
			setUp: func(s *system) { s.complete(); os.Remove(s.root + "/usr/include/GL/gl.h") },
			says:  []string{"libgl-dev", "/usr/include/GL/gl.h", "no apt-get"},
			code:  1,
		},
		{
			name:  "asked not to install",
			setUp: func(s *system) { s.apt("") },
			env:   []string{"NEED_INSTALL=no"},
			says:  []string{"Install with: apt-get install"},
			code:  1,
		},
		{
			name: "no Go", setUp: func(s *system) { os.Remove(s.path + "/go") },
			says: []string{"Go is missing", "https://go.dev/dl/"}, code: 1,
		},
		{
			name: "Go of Debian 12", setUp: func(s *system) { s.program("go", "echo go1.19.8") },
			says: []string{"go1.19.8, too old"}, code: 1,
		},
		{
			name: "tests, with all that run needs", what: "test", setUp: func(s *system) { s.complete(); s.apt("") },
			asked: []string{update, install("iproute2 nftables redis-server openssh-server openssh-client tinyproxy squid dante-server microsocks curl tmux xvfb xauth " +
				"libgl1-mesa-dri dbus-daemon gnome-keyring xfwm4 xfce4-panel dunst xdotool wmctrl imagemagick " +
				"lxqt-panel mate-panel sway desktop-file-utils appstream groff-base dpkg-dev lintian debootstrap"), install(forWindows)},
			says: []string{"redis-server: redis-server, a real server", "a service of their own: redis-server openssh-server tinyproxy squid dante-server."},
		},
		{
			name: "for Windows", what: "windows", setUp: func(s *system) { s.program("clang", ""); s.apt("") },
			asked: []string{update, install(mingw + " nsis zip")},
			says:  []string{"build Holdfast for Windows", "nsis: makensis, makes the installer"},
		},
		{
			name: "for Windows, where gcc would take ten minutes", what: "windows", setUp: func(s *system) {
				for _, p := range []string{"gcc", "cc", "x86_64-w64-mingw32-gcc", "makensis", "zip"} {
					s.program(p, "")
				}
				s.apt("")
			},
			asked: []string{update, install("clang")}, says: []string{"gcc takes ten times as long"},
		},
		{
			name: "tests, gcc does where nothing is built for Windows", what: "test", setUp: func(s *system) {
				s.allForTests()
				s.program("uname", "echo aarch64")
				os.Remove(s.path + "/clang-14")
				s.program("gcc", "")
			},
		},
		{
			name: "tests, which will build the window for Windows with what is wished for", what: "test", setUp: func(s *system) {
				s.allForTests()
				s.file("/usr/lib/wine/wine64")
				os.Remove(s.path + "/clang-14")
				s.program("gcc", "")
				s.apt("")
			},
			asked: []string{update, install(mingw + " clang")}, says: []string{"Installing: " + mingw + " clang"},
		},
		{
			name: "tests, no C compiler at all", what: "test", setUp: func(s *system) {
				s.allForTests()
				s.file("/usr/lib/wine/wine64")
				os.Remove(s.path + "/clang-14")
				s.apt("")
			},
			asked: []string{update, install("clang"), install(mingw)}, says: []string{"clang takes half of gcc's time"},
		},
		{
			name: "tests, which build the window for Windows where mingw-w64 is", what: "test", setUp: func(s *system) {
				s.allForTests()
				s.file("/usr/lib/wine/wine64")
				os.Remove(s.path + "/clang-14")
				s.program("gcc", "")
				s.program("x86_64-w64-mingw32-gcc", "")
				s.apt("")
			},
			asked: []string{update, install("clang")}, says: []string{"test Holdfast", "gcc takes ten times as long"},
		},
		{
			name: "for Windows, signed", what: "windows", env: []string{"SIGN=-pkcs12 me.p12"}, setUp: func(s *system) {
				for _, p := range []string{"clang", "x86_64-w64-mingw32-gcc", "makensis", "zip"} {
					s.program(p, "")
				}
				s.apt("")
			},
			asked: []string{update, install("osslsigncode")}, says: []string{"signs programs"},
		},
		{
			name: "tests, on a computer of another kind", what: "test", setUp: func(s *system) { s.allForTests(); s.program("uname", "echo aarch64") },
		},
		{
			name: "tests, wine and mingw-w64 are there", what: "test",
			setUp: func(s *system) {
				s.allForTests()
				s.file("/usr/lib/wine/wine64")
				s.program("x86_64-w64-mingw32-gcc", "")
			},
		},
		{
			name: "tests, only wine is missing", what: "test",
			setUp: func(s *system) {
				s.allForTests()
				s.program("x86_64-w64-mingw32-gcc", "")
				s.apt("")
				s.file("/var/lib/apt/lists/deb_main_Packages")
			},
			asked: []string{install("wine64")}, says: []string{"Installing: wine64"},
		},
		{
			name: "tests, only mingw-w64 is missing", what: "test",
			setUp: func(s *system) {
				s.allForTests()
				s.program("wine", "")
				s.apt("")
				s.file("/var/lib/apt/lists/deb_main_Packages")
			},
			asked: []string{install(mingw)}, says: []string{"Installing: " + mingw},
		},
		{
			name: "tests, there is no wine to be had", what: "test",
			setUp: func(s *system) { s.allForTests(); s.apt(`case "$*" in *install*) exit 100;; esac`) },
			asked: []string{update, install(forWindows)}, says: []string{"Without " + forWindows + " tests of what is for Windows are skipped"},
		},
		{
			name: "tests, no apt-get", what: "test", setUp: func(s *system) { s.allForTests() },
			says: []string{"Without " + forWindows + " tests of what is for Windows are skipped", "apt-get install --no-install-recommends " + forWindows},
		},
		{name: "a wrong word", what: "fly", setUp: func(*system) {}, says: []string{"usage"}, code: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSystem(t)
			tt.setUp(s)
			if tt.what == "" {
				tt.what = "run"
			}
			out, asked, code := s.need(tt.what, tt.env...)
			if code != tt.code {
				t.Errorf("status %d, want %d", code, tt.code)
			}
			if got, want := strings.Join(asked, "\n"), strings.Join(tt.asked, "\n"); got != want {
				t.Errorf("asked\n%s\nwant\n%s", got, want)
			}
			for _, w := range tt.says {
				if !strings.Contains(out, w) {
					t.Errorf("does not say %q", w)
				}
			}
			if len(tt.says) == 0 && out != "" {
				t.Error("says something")
			}
			if t.Failed() {
				t.Logf("output:\n%s", out)
			}
		})
	}
}

// Without a display, run watches in the terminal and says why.
func TestRun(t *testing.T) {
	s := newSystem(t)
	script, err := filepath.Abs("run")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ env, want string }{
		"no display": {"X=", "No display (DISPLAY and WAYLAND_DISPLAY are empty): watching in the terminal. Ctrl+C ends it.\nholdfast watch\n"},
		"X11":        {"DISPLAY=:0", "holdfast \n"},
		"Wayland":    {"WAYLAND_DISPLAY=wayland-0", "holdfast \n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "bin/holdfast"), []byte("#!/bin/sh\necho holdfast $1\"\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("/bin/sh", script)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + s.path, tt.env}
			out, err := cmd.CombinedOutput()
			if got := strings.ReplaceAll(string(out), "holdfast\n", "holdfast \n"); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, p := range []string{"git", "sed"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s: %v", p, err)
		}
	}
	script, err := filepath.Abs("version")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "FyneApp.toml"), []byte("[Details]\nVersion = \"0.1.0\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	do := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.net", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.net",
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := do(script); got != "0.1.0" {
		t.Errorf("without git: %q", got)
	}
	do("git", "init", "-q")
	do("git", "add", ".")
	do("git", "commit", "-qm", "x")
	commit := do("git", "rev-parse", "--short", "HEAD")
	if got := do(script); got != "0.1.0-dev+"+commit {
		t.Errorf("without a tag: %q", got)
	}
	do("git", "tag", "-a", "v0.1.0", "-m", "x")
	if got := do(script); got != "0.1.0" {
		t.Errorf("with a tag: %q", got)
	}
}
