package control

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	const sid = "S-1-5-21-1-2-3-1001"
	want := "O:" + sid + "D:P(A;;GA;;;" + sid + ")" // any entry more would let somebody in, or shut this user's own sessions out
	if got := access(sid); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMutexName(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"the usual one", `\\.\pipe\holdfast-S-1-5-21-1-2-3-1001`, `Local\holdfast-s-1-5-21-1-2-3-1001`},
		{"with a backslash of its own", `\\.\pipe\team\holdfast`, `Local\team/holdfast`},
		{"in other letters it is the same pipe", `\\.\PIPE\Team\HoldFast`, `Local\team/holdfast`},
		{"in slashes it is the same pipe", `//./pipe/team/holdfast`, `Local\team/holdfast`},
		{"not a pipe", `C:\holdfast`, `Local\c:/holdfast`},
	} {
		if got := mutexName(tt.path); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Who may come from other computers is not for the access list to say, see access: the library must go on refusing them.
func TestPipesRefuseOtherComputers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs the go command: it reads the source of a library, and does so in the tests on Linux")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/Microsoft/go-winio").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pipe.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "typ := uint32(windows.FILE_PIPE_REJECT_REMOTE_CLIENTS)") {
		t.Error("go-winio does not make its pipes so any more: see how, and whether access must deny NU")
	}
}
