//go:build (linux || freebsd || openbsd || netbsd || dragonfly) && !android

package autostart

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// login is a user's and a system's configuration folder, both empty, and a program that can be run.
func login(t *testing.T) (own, system, program string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_CONFIG_DIRS", "relative:"+filepath.Join(dir, "etc"))
	t.Setenv("XDG_CURRENT_DESKTOP", "X-Distro:XFCE")
	program = filepath.Join(dir, "a b", `hold$"fast`)
	put(t, program, "#!/bin/sh\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "config", "autostart", name), filepath.Join(dir, "etc", "autostart", name), program
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, on bool, file, why string) {
	t.Helper()
	s, err := Enabled()
	if err != nil || s.On != on || s.File != file || (why == "") != (s.Why == "") || !strings.Contains(s.Why, why) {
		t.Errorf("%+v, %v; want %v by %s because %q", s, err, on, file, why)
	}
}

func TestOnAndOff(t *testing.T) {
	own, _, program := login(t)
	is(t, false, own, "")
	for range 2 { // twice is once
		if err := Set(true, program); err != nil {
			t.Fatal(err)
		}
		is(t, true, own, "")
	}
	text, err := os.ReadFile(own)
	if err != nil || !strings.Contains(string(text), "--background\n") {
		t.Errorf("%q, %v", text, err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(own), ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for range 2 {
		if err := Set(false, program); err != nil {
			t.Fatal(err)
		}
		is(t, false, own, "")
	}
	if _, err := os.Stat(own); err == nil {
		t.Error("the file is still there")
	}
	if err := Set(true, "holdfast"); err == nil {
		t.Error("a program without its path was taken")
	}
}

func TestWhatSwitchesOff(t *testing.T) {
	own, _, program := login(t)
	for why, line := range map[string]string{
		"Hidden":                    "Hidden=true",
		"X-GNOME-Autostart-enabled": "X-GNOME-Autostart-enabled = false",
		"not there":                 "TryExec=/no/such/holdfast",
		"NotShowIn":                 "NotShowIn=KDE;XFCE;",
		"OnlyShowIn":                "OnlyShowIn=KDE;",
		"":                          "OnlyShowIn=KDE;XFCE;",
	} {
		put(t, own, "# mine\n[Desktop Entry]\nExec="+quote(program)+" --config /x\n"+line+"\n[Desktop Action a]\nHidden=true\nExec=a\n")
		is(t, why == "", own, why)
	}
	put(t, own, "[Desktop Entry]\nExec=/no/such/holdfast\n")
	is(t, false, own, "/no/such/holdfast")
	put(t, own, "not an entry")
	is(t, false, own, "names no program")
}

// What somebody has changed in the file outlives the switch of another program.
func TestSwitchedOnAgainKeepsWhatWasChanged(t *testing.T) {
	own, _, program := login(t)
	mine := "[Desktop Entry]\nExec=" + quote(program) + " --background --config /x\n"
	put(t, own, mine+"Hidden=true\nX-GNOME-Autostart-enabled=false\n[Desktop Action a]\nHidden=true\n")
	if err := Set(true, "/elsewhere/holdfast"); err != nil {
		t.Fatal(err)
	}
	is(t, true, own, "")
	if got, _ := os.ReadFile(own); string(got) != mine+"[Desktop Action a]\nHidden=true\n" {
		t.Errorf("%q", got)
	}
	// A program that has moved is named anew.
	put(t, own, "[Desktop Entry]\nExec=/old/holdfast\nTryExec=/old/holdfast\nHidden=true\n")
	if err := Set(true, program); err != nil {
		t.Fatal(err)
	}
	is(t, true, own, "")
}

func TestTheSystemsFileIsHidden(t *testing.T) {
	own, system, program := login(t)
	put(t, system, "[Desktop Entry]\nExec="+quote(program)+"\n")
	is(t, true, system, "")
	if err := Set(false, program); err != nil {
		t.Fatal(err)
	}
	is(t, false, own, "Hidden")
	if err := Set(true, program); err != nil {
		t.Fatal(err)
	}
	is(t, true, own, "")
}

func TestWhatIsNoFile(t *testing.T) {
	own, _, program := login(t)
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		if s, err := Enabled(); err == nil {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if err := syscall.Mkfifo(own, 0o600); err != nil {
		t.Fatal(err)
	}
	check("a pipe")
	if err := Set(true, program); err != nil { // it is replaced
		t.Error(err)
	}
	is(t, true, own, "")
	put(t, own, strings.Repeat("x", maxEntry+1))
	check("a file without end")
	if err := Set(false, program); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	check("a folder")
	// A folder that cannot be written to: told, nothing left behind.
	t.Setenv("XDG_CONFIG_HOME", own+"/file")
	put(t, own+"/file", "")
	if err := Set(true, program); err == nil || !strings.Contains(err.Error(), "write the autostart file") {
		t.Errorf("%v", err)
	}
}
