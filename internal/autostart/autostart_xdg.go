//go:build (linux || freebsd || openbsd || netbsd || dragonfly) && !android

package autostart

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const name = "holdfast.desktop"

// Enabled says whether Holdfast is started at login. The user's file hides that of the system, as the specification says.
func Enabled() (State, error) {
	own, others, err := places()
	if err != nil {
		return State{}, err
	}
	for _, file := range append([]string{own}, others...) {
		text, err := read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return State{}, err
		}
		why := parse(text).off(strings.Split(os.Getenv("XDG_CURRENT_DESKTOP"), ":"), there)
		return State{On: why == "", File: file, Why: why}, nil
	}
	return State{File: own}, nil
}

// Set has program, a whole path, started at login with --background, or not. A file that starts a program already is left
// as it is; one that was only switched off is switched on, and keeps what somebody has changed in it. To switch off, the
// user's file is removed; where the system has one as well, it is hidden by one that says Hidden=true.
func Set(on bool, program string) error {
	own, others, err := places()
	if err != nil {
		return err
	}
	if !on {
		for _, file := range others {
			if exists(file) {
				return write(own, group+"\nType=Application\nName=Holdfast\nHidden=true\n")
			}
		}
		if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the autostart file: %w", err)
		}
		return nil
	}
	if !filepath.IsAbs(program) {
		return fmt.Errorf("start %q at login: a whole path is needed", program)
	}
	if now, err := Enabled(); err == nil && now.On {
		return nil
	}
	if old, err := read(own); err == nil {
		text := switchedOn(old)
		if parse(text).off(strings.Split(os.Getenv("XDG_CURRENT_DESKTOP"), ":"), there) == "" {
			return write(own, text)
		}
	}
	return write(own, made(program))
}

// places are the user's file and those of the system, the most important first (XDG Base Directory Specification).
func places() (own string, others []string, err error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // "should consider the path invalid and ignore it"
		home, err := os.UserHomeDir()
		if err != nil {
			return "", nil, fmt.Errorf("find the autostart folder: %w", err)
		}
		dir = filepath.Join(home, ".config")
	}
	system := os.Getenv("XDG_CONFIG_DIRS")
	if system == "" {
		system = "/etc/xdg"
	}
	for d := range strings.SplitSeq(system, ":") {
		if filepath.IsAbs(d) {
			others = append(others, filepath.Join(d, "autostart", name))
		}
	}
	return filepath.Join(dir, "autostart", name), others, nil
}

// read returns fs.ErrNotExist where there is nothing. A pipe is not waited for, and a file that never ends not read.
func read(file string) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("read the autostart file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the autostart file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read the autostart file: %s is no ordinary file", file)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err != nil {
		return "", fmt.Errorf("read the autostart file: %w", err)
	}
	if len(b) > maxEntry {
		return "", fmt.Errorf("read the autostart file: %s has more than 64 KiB", file)
	}
	return string(b), nil
}

// write replaces the file whole: a full disk or a crash leaves the old one as it was.
func write(file, text string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the autostart file: %w", err)
		}
	}()
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil { // the mode that the specification asks for
		return err
	}
	tmp, err := os.CreateTemp(dir, ".holdfast-*")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(tmp.Name()))
	}
	return err
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// there reports whether a program can be run: by its path, or by its name in PATH.
func there(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
