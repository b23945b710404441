//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast/internal/lab"
)

// A system is what rows are played by.
type system struct {
	name    string
	program lab.Program
	row     func(lab.Row) (lab.Row, bool)
	plays   func(lab.Harmless) bool
}

// wine starts this program once more below scripts/wine, where it was not started by that.
func (b *bench) wine() error {
	if lab.MissingWine() == "" {
		return nil
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find scripts/wine: %w", err)
	}
	script := filepath.Join(strings.TrimSpace(string(out)), "scripts", "wine")
	if said, err := exec.Command(script).CombinedOutput(); err != nil {
		if !b.linux {
			return fmt.Errorf("%w: %s", err, said)
		}
		fmt.Printf("holdfast.exe is not measured: %s\n", said)
		b.windows = false
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(script, append([]string{script, self}, os.Args[1:]...), os.Environ())
}

// prepare builds what is not given, and the systems.
func (b *bench) prepare() error {
	build := func(to *string, name string, env ...string) (err error) {
		if *to != "" {
			*to, err = filepath.Abs(*to)
			return err
		}
		*to = filepath.Join(b.dir, name)
		return command(append(env, "CGO_ENABLED=0"), "go", "build", "-o", *to, "holdfast")
	}
	if err := build(&b.program, "holdfast"); err != nil {
		return err
	}
	if b.linux {
		b.systems = append(b.systems, system{
			"linux", lab.Here(b.program),
			func(r lab.Row) (lab.Row, bool) { return r, true },
			func(lab.Harmless) bool { return true },
		})
	}
	if !b.windows {
		return nil
	}
	if err := build(&b.exe, "holdfast.exe", "GOOS=windows", "GOARCH=amd64"); err != nil {
		return err
	}
	wine, err := lab.NewWine(b.exe)
	if err != nil {
		return err
	}
	b.onWine = wine
	b.systems = append(b.systems, system{"wine", wine.Program, lab.Row.OnWine, lab.Harmless.OnWine})
	return nil
}
