package autostart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows/registry"
)

// The names are Windows' own (Run and RunOnce Registry Keys); the second is where Task Manager and the settings keep what is
// switched there.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
)

// valueName is what both values are called. Only tests change it.
var valueName = "Holdfast"

// where is the value, as regedit finds it.
func where() string { return `HKEY_CURRENT_USER\` + runKey + `\` + valueName }

// Enabled says whether Holdfast is started at login.
func Enabled() (State, error) {
	e, there, err := readRun()
	if err != nil || !there {
		return State{File: where()}, err
	}
	why := e.off(exists)
	return State{On: why == "", File: where(), Why: why}, nil
}

// Set has program, a whole path, started at login with --background, or not. What starts a program already is left as it
// is; what was only switched off is switched on, and keeps what somebody has changed in it. To switch off, both values are
// removed.
func Set(on bool, program string) error {
	if !on {
		return errors.Join(remove(runKey), remove(approvedKey))
	}
	if !filepath.IsAbs(program) {
		return fmt.Errorf("start %q at login: a whole path is needed", program)
	}
	e, there, err := readRun()
	if err != nil {
		return err
	}
	if switchedOff(e.approved) {
		if err := remove(approvedKey); err != nil { // as if it had never been touched
			return err
		}
		e.approved = nil
	}
	if there && e.off(exists) == "" {
		return nil
	}
	c, err := command(program)
	if err != nil {
		return err
	}
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("write the registry: %w", err)
	}
	defer key.Close()
	if err := key.SetStringValue(valueName, c); err != nil {
		return fmt.Errorf("write the registry: %w", err)
	}
	return nil
}

// readRun reads both values; there: Windows has a command.
func readRun() (e runEntry, there bool, err error) {
	err = withKey(runKey, registry.QUERY_VALUE, func(key registry.Key) error {
		text, kind, err := key.GetStringValue(valueName)
		if err == nil && kind == registry.EXPAND_SZ {
			text, err = registry.ExpandString(text)
		}
		e.command = text
		if errors.Is(err, registry.ErrUnexpectedType) { // somebody wrote a number
			return nil
		}
		return err
	})
	if err != nil {
		return e, false, absent(err, "read the registry")
	}
	err = withKey(approvedKey, registry.QUERY_VALUE, func(key registry.Key) (err error) {
		e.approved, _, err = key.GetBinaryValue(valueName)
		if errors.Is(err, registry.ErrUnexpectedType) {
			return nil
		}
		return err
	})
	return e, true, absent(err, "read the registry")
}

// remove removes the value from a key.
func remove(path string) error {
	return absent(withKey(path, registry.SET_VALUE, func(key registry.Key) error { return key.DeleteValue(valueName) }), "write the registry")
}

func withKey(path string, access uint32, f func(registry.Key) error) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, path, access)
	if err != nil {
		return err
	}
	defer key.Close()
	return f(key)
}

// absent is err with what was done, unless it says that a key or a value is not there.
func absent(err error, doing string) error {
	if err == nil || errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func exists(program string) bool {
	info, err := os.Stat(program)
	return err == nil && info.Mode().IsRegular()
}
