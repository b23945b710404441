package packaging

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/pe"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/png" // what the icons are
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/desktest"
)

// windowsBuild is what `make windows` built: the folder HOLDFAST_DIST, its newest archive and installer, and both programs
// out of the archive.
type windowsBuild struct {
	version          string
	archive, setup   string
	programs         string // a folder
	holdfast, window string
}

// exit statuses of the installer.
const (
	done   = 0
	gaveUp = 2
)

func builtForWindows(t *testing.T) windowsBuild {
	t.Helper()
	dir := os.Getenv("HOLDFAST_DIST")
	if dir == "" {
		t.Skip("needs what make windows built: make windows-test runs this")
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	desktest.Must(t, err)
	b := windowsBuild{programs: t.TempDir()}
	for line := range strings.Lines(string(sums)) {
		f := strings.Fields(line)
		path := filepath.Join(dir, f[1])
		content, err := os.ReadFile(path)
		desktest.Must(t, err)
		if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != f[0] {
			t.Errorf("%s: its sum is %s, not %s", f[1], got, f[0])
		}
		switch {
		case strings.HasSuffix(path, ".zip"):
			b.archive = path
		case strings.HasSuffix(path, "-setup.exe"):
			b.setup = path
		}
	}
	m := regexp.MustCompile(`^holdfast-(.+)-windows-amd64\.zip$`).FindStringSubmatch(filepath.Base(b.archive))
	if m == nil || b.setup == "" {
		t.Fatalf("SHA256SUMS has\n%s", sums)
	}
	b.version = m[1]
	z, err := zip.OpenReader(b.archive)
	desktest.Must(t, err)
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		desktest.Must(t, err)
		content, err := io.ReadAll(r)
		desktest.Must(t, err)
		r.Close()
		desktest.Must(t, os.WriteFile(filepath.Join(b.programs, filepath.Base(f.Name)), content, 0o755))
	}
	b.holdfast, b.window = filepath.Join(b.programs, "holdfast.exe"), filepath.Join(b.programs, "holdfast-window.exe")
	return b
}

func TestArchiveOnWindows(t *testing.T) {
	t.Parallel()
	b := builtForWindows(t)
	for _, path := range []string{b.archive, b.setup} {
		info, err := os.Stat(path)
		desktest.Must(t, err)
		t.Logf("%s: %.1f MB", filepath.Base(path), float64(info.Size())/1e6)
		if info.Size() > 25e6 {
			t.Errorf("%s has %d bytes", path, info.Size())
		}
	}
	z, err := zip.OpenReader(b.archive)
	desktest.Must(t, err)
	defer z.Close()
	var names []string
	times := map[time.Time]bool{}
	for _, f := range z.File {
		names = append(names, f.Name)
		times[f.Modified] = true
	}
	want := []string{"holdfast/LICENCES.txt", "holdfast/LICENSE.txt", "holdfast/README.txt", "holdfast/holdfast-window.exe", "holdfast/holdfast.exe"}
	if !slices.Equal(names, want) || len(times) != 1 {
		t.Errorf("holds %q, of %d times", names, len(times))
	}
	licences, err := os.ReadFile(filepath.Join(b.programs, "LICENCES.txt"))
	desktest.Must(t, err)
	for _, who := range []string{"The Holdfast authors", "The Go Authors", "Camilla", "mingw-w64 project", "Microsoft"} { // GLFW's author; go-winio's
		if !bytes.Contains(licences, []byte(who)) {
			t.Errorf("%s is not in LICENCES.txt", who)
		}
	}
	for _, name := range []string{"README.txt", "LICENSE.txt", "LICENCES.txt"} {
		text, err := os.ReadFile(filepath.Join(b.programs, name))
		desktest.Must(t, err)
		if bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
			t.Errorf("%s has lines that old editors do not end", name)
		}
	}
}

// What Windows reads of a program before it runs.
func TestProgramsOnWindows(t *testing.T) {
	t.Parallel()
	b := builtForWindows(t)
	own := []string{"kernel32.dll"} // all else the Go runtime loads from the folder of the system
	for _, p := range []struct {
		name, path string
		subsystem  uint16
		libraries  []string
	}{
		{"holdfast.exe", b.holdfast, pe.IMAGE_SUBSYSTEM_WINDOWS_CUI, own},
		{
			"holdfast-window.exe", b.window, pe.IMAGE_SUBSYSTEM_WINDOWS_GUI,
			append(own, "gdi32.dll", "msvcrt.dll", "opengl32.dll", "shell32.dll", "user32.dll"),
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			f, err := pe.Open(p.path)
			desktest.Must(t, err)
			defer f.Close()
			header := f.OptionalHeader.(*pe.OptionalHeader64)
			if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || header.Subsystem != p.subsystem {
				t.Errorf("machine %#x, subsystem %d, want %d", f.Machine, header.Subsystem, p.subsystem)
			}
			const safe = pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT
			if header.DllCharacteristics&safe != safe {
				t.Errorf("characteristics %#x", header.DllCharacteristics)
			}
			libraries, err := f.ImportedLibraries()
			desktest.Must(t, err)
			symbols, err := f.ImportedSymbols()
			desktest.Must(t, err)
			for _, s := range symbols {
				_, library, _ := strings.Cut(s, ":")
				libraries = append(libraries, library)
			}
			if len(libraries) == 0 {
				t.Error("asks for no library at all")
			}
			for _, l := range libraries {
				if !slices.Contains(p.libraries, strings.ToLower(l)) {
					t.Errorf("asks for %s, which not every Windows has", l)
				}
			}
			content, err := os.ReadFile(p.path)
			desktest.Must(t, err)
			for _, path := range []string{filepath.Dir(mustAbs(t, "..")), os.TempDir() + "/holdfast-windows"} {
				if bytes.Contains(content, []byte(path+"/")) {
					t.Errorf("names the folder %s, where it was built", path)
				}
			}
			checkResources(t, p.path, p.name, b.version)
		})
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	desktest.Must(t, err)
	return abs
}

// checkResources holds icon, version and manifest of a program against what they are made from.
func checkResources(t *testing.T, path, name, version string) {
	t.Helper()
	dir := t.TempDir()
	do(t, nil, "go", "tool", "-modfile=tools.mod", "go-winres", "extract", "--xml-manifest", "--dir", dir, path)
	raw, err := os.ReadFile(filepath.Join(dir, "winres.json"))
	desktest.Must(t, err)
	var r struct {
		Icons    map[string]map[string]string `json:"RT_GROUP_ICON"`
		Manifest map[string]map[string]string `json:"RT_MANIFEST"`
		Version  map[string]map[string]struct {
			Fixed map[string]string            `json:"fixed"`
			Info  map[string]map[string]string `json:"info"`
		} `json:"RT_VERSION"`
	}
	desktest.Must(t, json.Unmarshal(raw, &r))

	v := r.Version["#1"]["0409"]
	release := regexp.MustCompile(`^\d+\.\d+\.\d+`).FindString(version)
	numbers := v.Fixed["file_version"]
	if release == "" || !strings.HasPrefix(numbers, release+".") || v.Fixed["product_version"] != numbers {
		t.Errorf("numbers %v of version %s", v.Fixed, version)
	}
	for key, want := range map[string]string{
		"ProductName": "Holdfast", "CompanyName": "The Holdfast authors", "FileDescription": "Holdfast", // Task Manager and notifications show it
		"OriginalFilename": name, "ProductVersion": version, "FileVersion": numbers,
	} {
		if got := v.Info["0409"][key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}

	if len(r.Icons) != 1 {
		t.Fatalf("icons %v", r.Icons)
	}
	for _, languages := range r.Icons {
		icon, err := os.ReadFile(filepath.Join(dir, languages["0000"]))
		desktest.Must(t, err)
		checkIcon(t, icon)
	}

	manifest, err := os.ReadFile(filepath.Join(dir, r.Manifest["#1"]["0409"]))
	desktest.Must(t, err)
	checkManifest(t, manifest)
}

// checkIcon: the drawing of the menu entry in each size.
func checkIcon(t *testing.T, icon []byte) {
	t.Helper()
	le := binary.LittleEndian
	var sizes []int
	for i := range int(le.Uint16(icon[4:])) {
		entry := icon[6+16*i:]
		at, length := le.Uint32(entry[12:]), le.Uint32(entry[8:])
		size := int(entry[0])
		if size == 0 {
			size = 256
		}
		sizes = append(sizes, size)
		got, _, err := image.Decode(bytes.NewReader(icon[at : at+length]))
		if err != nil {
			t.Fatalf("%d pixels: %v", size, err)
		}
		f, err := os.Open(fmt.Sprintf("../assets/png/app-%d.png", size))
		desktest.Must(t, err)
		want, _, err := image.Decode(f)
		f.Close()
		desktest.Must(t, err)
		if got.Bounds() != want.Bounds() {
			t.Fatalf("%d pixels: is %v", size, got.Bounds())
		}
		for y := range size {
			for x := range size {
				r, g, b, a := got.At(x, y).RGBA()
				wr, wg, wb, wa := want.At(x, y).RGBA()
				if [4]uint32{r, g, b, a} != [4]uint32{wr, wg, wb, wa} {
					t.Fatalf("%d pixels: differs at %d, %d", size, x, y)
				}
			}
		}
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{16, 24, 32, 48, 64, 128, 256}) {
		t.Errorf("sizes %v", sizes)
	}
}

// checkManifest: what it asks of Windows, by the names and places that Microsoft gives them ("Application manifests",
// "Console allocation policy").
func checkManifest(t *testing.T, manifest []byte) {
	t.Helper()
	var m struct {
		XMLName xml.Name `xml:"urn:schemas-microsoft-com:asm.v1 assembly"`
		Level   struct {
			Level    string `xml:"level,attr"`
			UIAccess string `xml:"uiAccess,attr"`
		} `xml:"urn:schemas-microsoft-com:asm.v3 trustInfo>security>requestedPrivileges>requestedExecutionLevel"`
		OS []struct {
			ID string `xml:"Id,attr"`
		} `xml:"urn:schemas-microsoft-com:compatibility.v1 compatibility>application>supportedOS"`
		Settings struct {
			All []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"urn:schemas-microsoft-com:asm.v3 application>windowsSettings"`
		Needs []struct {
			Name    string `xml:"name,attr"`
			Version string `xml:"version,attr"`
		} `xml:"dependency>dependentAssembly>assemblyIdentity"`
	}
	if err := xml.Unmarshal(manifest, &m); err != nil {
		t.Fatalf("%v in\n%s", err, manifest)
	}
	if m.Level.Level != "asInvoker" || m.Level.UIAccess != "false" {
		t.Errorf("wants to run as %+v", m.Level)
	}
	if len(m.OS) != 1 || m.OS[0].ID != "{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}" { // Windows 10 and 11
		t.Errorf("is for %v", m.OS)
	}
	if len(m.Needs) != 1 || m.Needs[0].Name != "Microsoft.Windows.Common-Controls" || m.Needs[0].Version != "6.0.0.0" {
		t.Errorf("needs %v", m.Needs)
	}
	got := map[string]string{}
	for _, s := range m.Settings.All {
		got[strings.TrimPrefix(s.XMLName.Space, "http://schemas.microsoft.com/SMI/")+" "+s.XMLName.Local] = s.Text
	}
	want := map[string]string{
		"2005/WindowsSettings dpiAware":                "true/pm",
		"2016/WindowsSettings dpiAwareness":            "PerMonitorV2, PerMonitor",
		"2016/WindowsSettings longPathAware":           "true",
		"2024/WindowsSettings consoleAllocationPolicy": "detached",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("settings %v, want %v", got, want)
	}
}

// A windows is the Windows of scripts/wine, with a user who has nothing of Holdfast yet.
type windows struct {
	t    *testing.T
	wine string
	home string // the user's folder, as this system names it
}

func newWindows(t *testing.T) windows {
	t.Helper()
	w := windows{t: t, wine: os.Getenv("HOLDFAST_WINE")}
	if w.wine == "" {
		t.Skip("needs a Windows: scripts/wine COMMAND brings one")
	}
	users, err := filepath.Glob(filepath.Join(os.Getenv("WINEPREFIX"), "drive_c/users/*/AppData"))
	desktest.Must(t, err)
	if len(users) != 1 {
		t.Fatalf("users: %q", users)
	}
	w.home = filepath.Dir(users[0])
	return w
}

// run starts a program and returns what it said and its exit status.
func (w windows) run(program string, args ...string) (string, int) {
	w.t.Helper()
	cmd := exec.Command(w.wine, append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // arguments in Chinese
	cmd.WaitDelay = 5 * time.Second                  // what it started may hold its output open
	out, err := cmd.Output()
	if err != nil && !errors.As(err, new(*exec.ExitError)) && !errors.Is(err, exec.ErrWaitDelay) {
		w.t.Fatalf("%s: %v", program, err)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// do is run for what must succeed.
func (w windows) do(program string, args ...string) string {
	w.t.Helper()
	out, code := w.run(program, args...)
	if code != 0 {
		w.t.Fatalf("%s %q: status %d\n%s", program, args, code, out)
	}
	return out
}

// value is one of the registry as "TYPE text"; empty: it is not there.
func (w windows) value(key, name string) string {
	w.t.Helper()
	out, code := w.run("reg", "query", `HKCU\`+key, "/v", name)
	if code != 0 {
		return ""
	}
	m := regexp.MustCompile(`(?im)^ +` + regexp.QuoteMeta(name) + ` +(REG_\w+) +(.*)$`).FindStringSubmatch(out)
	if m == nil {
		w.t.Fatalf("reg said\n%s", out)
	}
	return m[1] + " " + m[2]
}

// pathIs holds the user's PATH, with its type, against what it should be.
func (w windows) pathIs(when, want string) {
	w.t.Helper()
	want = strings.Map(func(r rune) rune { // as reg shows them on a console that has none of them
		if r > 0x7e {
			return '?'
		}
		return r
	}, want)
	got := w.value(environment, "Path")
	if got == want {
		return
	}
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	w.t.Errorf("%s: PATH is, after %d bytes that are right, %q, want %q", when, same, got[same:min(len(got), same+200)], want[same:min(len(want), same+200)])
}

func (w windows) set(key, name, kind, text string) {
	w.t.Helper()
	w.do("reg", "add", `HKCU\`+key, "/v", name, "/t", kind, "/d", text, "/f")
}

// version makes it this Windows for all that starts from now on.
func (w windows) version(name string) { w.set(`Software\Wine`, "Version", "REG_SZ", name) }

const (
	environment = "Environment"
	uninstall   = `Software\Microsoft\Windows\CurrentVersion\Uninstall\Holdfast`
	runAtLogin  = `Software\Microsoft\Windows\CurrentVersion\Run`
)

// The installer puts in, replaces what runs, and takes out, all without a question.
func TestInstallerOnWindows(t *testing.T) {
	b := builtForWindows(t)
	w := newWindows(t)
	dir := filepath.Join(w.home, "AppData/Local/Programs/Holdfast")
	there := `C:\users\` + filepath.Base(w.home) + `\AppData\Local\Programs\Holdfast`
	program, window := filepath.Join(dir, "holdfast.exe"), filepath.Join(dir, "holdfast-window.exe")
	shortcut := filepath.Join(w.home, "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Holdfast.lnk")
	settings := filepath.Join(w.home, "AppData/Roaming/holdfast/holdfast.toml")
	history := filepath.Join(w.home, "AppData/Local/holdfast")
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	left := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	all := []string{"LICENCES.txt", "LICENSE.txt", "README.txt", "holdfast-window.exe", "holdfast.exe", "uninstall.exe"}
	installs := func(want int, args ...string) {
		t.Helper()
		if _, code := w.run(b.setup, append([]string{"/S"}, args...)...); code != want {
			t.Fatalf("the installer ended with %d, want %d", code, want)
		}
	}
	install := func(args ...string) { t.Helper(); installs(done, args...) }
	// The uninstaller goes on in a copy of itself, and deletes this one last.
	remove := func(args ...string) {
		t.Helper()
		w.do(filepath.Join(dir, "uninstall.exe"), append([]string{"/S"}, args...)...)
		desktest.Eventually(t, "it is uninstalled", func() bool { return !exists(dir) && w.value(uninstall, "DisplayName") == "" })
	}
	runs := func() bool {
		out, code := w.run(program, "status")
		return code == 0 && strings.Contains(out, "onnect")
	}
	start := func() {
		t.Helper()
		// Without an icon: wine starts its desktop for the first window there is, and that desktop then holds the file with
		// the messages of whoever made the window.
		w.do(window, "--background", "--no-tray")
		desktest.Eventually(t, "it runs", runs)
	}

	// A Windows that Go's programs do not run on.
	w.version("win7")
	installs(gaveUp)
	if exists(dir) {
		t.Error("installed on Windows 7")
	}
	w.version("win10")

	// A PATH that is longer than what NSIS can hold in a string, with a variable and Chinese in it.
	long := `%USERPROFILE%\bin;C:\工具`
	for i := range 200 {
		long += fmt.Sprintf(`;C:\Program Files\some program number %d`, i)
	}
	w.set(environment, "Path", "REG_EXPAND_SZ", long)
	install("/AUTOSTART=on")
	if got := left(); !slices.Equal(got, all) {
		t.Errorf("installed %q", got)
	}
	w.pathIs("installed", "REG_EXPAND_SZ "+long+";"+there)
	for name, want := range map[string]string{
		"DisplayName": "REG_SZ Holdfast", "DisplayVersion": "REG_SZ " + b.version, "Publisher": "REG_SZ The Holdfast authors",
		"InstallLocation": "REG_SZ " + there, "DisplayIcon": "REG_SZ " + there + `\holdfast.exe,0`,
		"UninstallString": `REG_SZ "` + there + `\uninstall.exe"`, "QuietUninstallString": `REG_SZ "` + there + `\uninstall.exe" /S`,
	} {
		if got := w.value(uninstall, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var kilobytes int
	if _, err := fmt.Sscanf(w.value(uninstall, "EstimatedSize"), "REG_DWORD 0x%x", &kilobytes); err != nil || kilobytes < 20_000 || kilobytes > 80_000 {
		t.Errorf("it has %d kB (%v)", kilobytes, err)
	}
	if !exists(shortcut) {
		t.Error("nothing in the Start menu")
	}
	atLogin := w.value(runAtLogin, "Holdfast")
	if !strings.Contains(atLogin, there+`\`) {
		t.Errorf("starts %q at login", atLogin)
	}
	if out := w.do(program, "version"); !strings.HasPrefix(out, "holdfast "+b.version+" (") {
		t.Errorf("says %q", out)
	}
	if _, code := w.run(program, "status"); code != 3 {
		t.Error("a silent installation started it")
	}

	// Over one that runs, and is another: it ends, is replaced, and runs again. What was chosen stays.
	f, err := os.OpenFile(program, os.O_APPEND|os.O_WRONLY, 0)
	desktest.Must(t, err)
	_, err = f.WriteString("older")
	desktest.Must(t, err)
	desktest.Must(t, f.Close())
	start()
	desktest.Must(t, os.MkdirAll(filepath.Dir(settings), 0o755))
	desktest.Must(t, os.WriteFile(settings, []byte("demo = true\n"), 0o644))
	began := time.Now()
	install()
	t.Logf("replaced in %.1f s", time.Since(began).Seconds())
	desktest.Eventually(t, "it runs again", runs)
	for _, p := range []string{"holdfast.exe", "holdfast-window.exe"} {
		got, err := os.ReadFile(filepath.Join(dir, p))
		desktest.Must(t, err)
		want, err := os.ReadFile(filepath.Join(b.programs, p))
		desktest.Must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s is the old one still", p)
		}
	}
	if got := left(); !slices.Equal(got, all) {
		t.Errorf("after the upgrade there is %q", got)
	}
	w.pathIs("upgraded", "REG_EXPAND_SZ "+long+";"+there)
	if got := w.value(runAtLogin, "Holdfast"); got != atLogin {
		t.Errorf("starts %q at login now", got)
	}

	// A program in a terminal cannot be asked to end: it goes on, and its file goes with the next installation.
	watch := exec.Command(w.wine, program, "watch", "127.0.0.1:1")
	out, err := watch.StdoutPipe()
	desktest.Must(t, err)
	desktest.Must(t, watch.Start())
	_, err = out.Read(make([]byte, 1)) // it watches
	desktest.Must(t, err)
	install("/PATH=off", "/AUTOSTART=off")
	old := regexp.MustCompile(`^old-\d+-holdfast\.exe$`)
	if got := left(); len(got) != len(all)+1 || !slices.ContainsFunc(got, old.MatchString) {
		t.Errorf("beside one that runs there is %q", got)
	}
	desktest.Must(t, watch.Process.Kill())
	_ = watch.Wait() // killed
	w.pathIs("without it", "REG_EXPAND_SZ "+long)
	if got := w.value(runAtLogin, "Holdfast"); got != "" {
		t.Errorf("starts %q at login", got)
	}
	desktest.Eventually(t, "what was left goes", func() bool { install(); return slices.Equal(left(), all) })
	w.pathIs("upgraded without it", "REG_EXPAND_SZ "+long)
	desktest.Eventually(t, "it runs", runs)

	// Out, while it runs. Settings and history are the user's.
	remove()
	if exists(shortcut) {
		t.Error("still in the Start menu")
	}
	if !exists(settings) || !exists(history) {
		t.Error("settings or history are gone")
	}

	// PATHs of other kinds. Out again, it is what it was.
	for _, path := range []string{"", `REG_SZ C:\one`, `REG_SZ C:\one;`, `REG_EXPAND_SZ C:\one;;C:\two`} {
		w.run("reg", "delete", `HKCU\`+environment, "/v", "Path", "/f")
		want := "REG_EXPAND_SZ " + there
		if path != "" {
			kind, text, _ := strings.Cut(path, " ")
			w.set(environment, "Path", kind, text)
			if want = kind + " " + text + ";" + there; strings.HasSuffix(text, ";") {
				want = kind + " " + text + there + ";"
			}
		}
		install("/PATH=on")
		w.pathIs("with it", want)
		remove()
		w.pathIs("with it no more", path)
	}

	// In a folder with blanks and Chinese; all of it out.
	dir, there = filepath.Join(w.home, "My 程序"), `C:\users\`+filepath.Base(w.home)+`\My 程序`
	program, window = filepath.Join(dir, "holdfast.exe"), filepath.Join(dir, "holdfast-window.exe")
	install(append([]string{"/PATH=on"}, strings.Fields("/D="+there)...)...) // it takes the rest of the line, without quotation marks
	w.pathIs("elsewhere", `REG_EXPAND_SZ C:\one;;C:\two;`+there)
	start()
	remove("/PURGE")
	desktest.Eventually(t, "settings and history are gone too", func() bool { return !exists(filepath.Dir(settings)) && !exists(history) })
}

// Whoever has a certificate signs all that runs: both programs, the installer, and the uninstaller in it.
func TestSigningOnWindows(t *testing.T) {
	desktest.Need(t, "osslsigncode", "openssl", "makensis")
	b := builtForWindows(t)
	dir := t.TempDir()
	key, certificate := filepath.Join(dir, "key.pem"), filepath.Join(dir, "certificate.pem")
	do(t, nil, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
		"-subj", "/CN=Holdfast test", "-addext", "extendedKeyUsage=codeSigning", "-addext", "keyUsage=digitalSignature")
	verify := func(path string) string {
		t.Helper()
		return do(t, nil, "osslsigncode", "verify", "-CAfile", certificate, "-in", path)
	}
	out := filepath.Join(dir, "out")
	do(t, []string{"OUT=" + out, "PROGRAMS=" + b.programs, "SIGN=-certs " + certificate + " -key " + key, "SOURCE_VERSION=1.2.3-4-gabcdef0"}, "scripts/windows")
	setup := filepath.Join(out, "holdfast-1.2.3-4-gabcdef0-windows-amd64-setup.exe")
	verify(setup)
	z, err := zip.OpenReader(filepath.Join(out, "holdfast-1.2.3-4-gabcdef0-windows-amd64.zip"))
	desktest.Must(t, err)
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".exe") {
			continue
		}
		r, err := f.Open()
		desktest.Must(t, err)
		content, err := io.ReadAll(r)
		desktest.Must(t, err)
		r.Close()
		signed := filepath.Join(dir, filepath.Base(f.Name))
		desktest.Must(t, os.WriteFile(signed, content, 0o755))
		verify(signed)
		// The signature taken off, it is what everybody builds.
		bare := signed + ".bare"
		do(t, nil, "osslsigncode", "remove-signature", "-in", signed, "-out", bare)
		got, err := os.ReadFile(bare)
		desktest.Must(t, err)
		want, err := os.ReadFile(filepath.Join(b.programs, filepath.Base(f.Name)))
		desktest.Must(t, err)
		if n := len(want); len(got) < n || !bytes.Equal(withoutSum(got[:n]), withoutSum(want)) || strings.Trim(string(got[n:]), "\x00") != "" {
			t.Errorf("%s: without its signature it is another program", f.Name)
		}
		// And one changed byte is noticed.
		content[len(content)/3] ^= 1
		desktest.Must(t, os.WriteFile(signed, content, 0o755))
		if out, err := exec.Command("osslsigncode", "verify", "-CAfile", certificate, "-in", signed).CombinedOutput(); err == nil {
			t.Errorf("%s: a changed program is verified\n%s", f.Name, out)
		}
	}
	w := newWindows(t)
	w.version("win10")
	w.do(setup, "/S", `/D=C:\signed`)
	uninstaller := filepath.Join(os.Getenv("WINEPREFIX"), "drive_c/signed/uninstall.exe")
	verify(uninstaller)
	w.do(uninstaller, "/S")
	desktest.Eventually(t, "it is uninstalled", func() bool { return w.value(uninstall, "DisplayName") == "" })
}

// withoutSum is a program with a checksum of 0 in its header, where signing writes one.
func withoutSum(program []byte) []byte {
	program = bytes.Clone(program)
	at := binary.LittleEndian.Uint32(program[0x3c:]) + 4 + 20 + 64
	clear(program[at : at+4])
	return program
}
