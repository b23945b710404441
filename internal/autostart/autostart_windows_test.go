package autostart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// login is a user whom nothing was set up for, and a program that can be run.
func login(t *testing.T) (program string) {
	t.Helper()
	was := valueName
	valueName = fmt.Sprintf("Holdfast-test-%d", os.Getpid()) // the user's own is let be
	t.Cleanup(func() { valueName = was })
	for _, path := range []string{runKey, approvedKey} {
		key, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.QUERY_VALUE|registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := key.DeleteValue(valueName); err != nil && !errors.Is(err, registry.ErrNotExist) {
				t.Error(err)
			}
			key.Close()
		})
	}
	program = filepath.Join(t.TempDir(), "a b 中文", "holdfast-window.exe")
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

func put(t *testing.T, path string, set func(registry.Key) error) {
	t.Helper()
	if err := withKey(path, registry.SET_VALUE, set); err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, on bool, why string) {
	t.Helper()
	s, err := Enabled()
	if err != nil || s.On != on || s.File != where() || (why == "") != (s.Why == "") || !strings.Contains(s.Why, why) {
		t.Errorf("%+v, %v; want %v because %q", s, err, on, why)
	}
}

func TestOnAndOff(t *testing.T) {
	program := login(t)
	is(t, false, "")
	for range 2 { // twice is once
		if err := Set(true, program); err != nil {
			t.Fatal(err)
		}
		is(t, true, "")
	}
	e, _, err := readRun()
	if want := `"` + program + `" --background`; err != nil || e.command != want {
		t.Errorf("%q, %v; want %q", e.command, err, want)
	}
	for range 2 {
		if err := Set(false, program); err != nil {
			t.Fatal(err)
		}
		is(t, false, "")
	}
	if err := Set(true, "holdfast"); err == nil {
		t.Error("a program without its path was taken")
	}
	is(t, false, "")
}

func TestSwitchedOffByTaskManager(t *testing.T) {
	program := login(t)
	mine := `"` + program + `" --background --config C:\x`
	put(t, runKey, func(key registry.Key) error { return key.SetStringValue(valueName, mine) })
	is(t, true, "")
	put(t, approvedKey, func(key registry.Key) error {
		return key.SetBinaryValue(valueName, []byte{3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	})
	is(t, false, "Task Manager")
	if err := Set(true, program); err != nil {
		t.Fatal(err)
	}
	is(t, true, "")
	if e, _, err := readRun(); err != nil || e.command != mine {
		t.Errorf("what somebody had changed became %q (%v)", e.command, err)
	}
}

func TestWhatOthersWrote(t *testing.T) {
	program := login(t)
	t.Setenv("HOLDFAST_TEST_DIR", filepath.Dir(program))
	put(t, runKey, func(key registry.Key) error {
		return key.SetExpandStringValue(valueName, `"%HOLDFAST_TEST_DIR%\holdfast-window.exe"`)
	})
	is(t, true, "")
	put(t, runKey, func(key registry.Key) error { return key.SetStringValue(valueName, `C:\gone\holdfast.exe`) })
	is(t, false, "is not there")
	if err := Set(true, program); err != nil { // it is replaced
		t.Fatal(err)
	}
	is(t, true, "")
	put(t, runKey, func(key registry.Key) error { return key.SetDWordValue(valueName, 7) })
	is(t, false, "names no program")
	put(t, runKey, func(key registry.Key) error { return key.SetStringValue(valueName, program) })
	put(t, approvedKey, func(key registry.Key) error { return key.SetStringValue(valueName, "3") })
	if err := Set(true, program); err != nil {
		t.Fatal(err)
	}
	if err := Set(false, program); err != nil {
		t.Fatal(err)
	}
	is(t, false, "")
}
