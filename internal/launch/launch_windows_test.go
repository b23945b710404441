package launch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"holdfast/internal/desktest"
)

const (
	modeVariable = "HOLDFAST_TEST_LAUNCH"
	saidVariable = "HOLDFAST_TEST_SAID"
)

func TestMain(m *testing.M) {
	switch mode := os.Getenv(modeVariable); {
	case mode == "":
		os.Exit(m.Run())
	case filepath.Base(os.Args[0]) == resident: // what was started
		describe()
	case mode == "resident":
		if err := Resident(os.Args[1:]...); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// describe writes what this program was started as to where the environment says.
func describe() {
	console, err := windows.UTF16PtrFromString("CONOUT$")
	if err != nil {
		panic(err)
	}
	h, err := windows.CreateFile(console, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err == nil {
		_ = windows.CloseHandle(h)
	}
	text := fmt.Sprintf("%q console %t", os.Args[1:], err == nil)
	said := os.Getenv(saidVariable)
	if err := os.WriteFile(said+".part", []byte(text), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(said+".part", said); err != nil {
		panic(err)
	}
}

// programs is a folder, with a blank and Chinese in its path, with two programs that are this test.
func programs(t *testing.T) (dir, window string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "a b 中文")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self) // no links: what runs cannot be removed by any of its names
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{resident, "window.exe"} {
		if err := os.WriteFile(filepath.Join(dir, name), program, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir, filepath.Join(dir, "window.exe")
}

// What is started has no console, gets its arguments as they were, and outlives who started it.
func TestResidentIsDetached(t *testing.T) {
	dir, window := programs(t)
	said := filepath.Join(dir, "said")
	cmd := exec.Command(window, "--background", "", `a "b" c\`)
	cmd.Env = append(os.Environ(), modeVariable+"=resident", saidVariable+"="+said)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v, it wrote %q", err, out)
	}
	var b []byte
	desktest.Eventually(t, "it was started", func() bool { text, err := os.ReadFile(said); b = text; return err == nil })
	if want := `["--background" "" "a \"b\" c\\"] console false`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	desktest.Eventually(t, "it has ended, and its file can be removed", func() bool { return os.Remove(filepath.Join(dir, resident)) == nil })
	cmd = exec.Command(window)
	cmd.Env = append(os.Environ(), modeVariable+"=resident")
	if out, err := cmd.CombinedOutput(); err == nil || strings.TrimSpace(string(out)) != errNoResident.Error() {
		t.Errorf("without %s: %v, %q", resident, err, out)
	}
}

// A quiet program has the streams it is given.
func TestQuietHasItsStreams(t *testing.T) {
	dir, _ := programs(t)
	said := filepath.Join(dir, "said")
	cmd := exec.Command(filepath.Join(dir, resident))
	cmd.Env = append(os.Environ(), modeVariable+"=quiet", saidVariable+"="+said)
	Quiet(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(said); err != nil || string(b) != "[] console false" {
		t.Errorf("%s, %v", b, err)
	}
}
