//go:build unix

package desktest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Desk is a place for programs: a home folder, at first without a bus and without a screen.
type Desk struct {
	Dir string // short enough for the path of a socket, which may have 107 bytes only

	t      testing.TB
	used   bool
	env    map[string]string
	frames string // the file that the screen is in
}

// New returns one that is gone when the test ends.
func New(t testing.TB) *Desk {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf-desk-")
	Must(t, err)
	// What a bus has started writes its files once more when the bus ends, and outlives it by a moment.
	t.Cleanup(func() { Eventually(t, "the folder is gone", func() bool { return os.RemoveAll(dir) == nil }) })
	run := filepath.Join(dir, "run")
	Must(t, os.Mkdir(run, 0o700))
	return &Desk{Dir: dir, t: t, env: map[string]string{
		"HOME": dir, "XDG_CONFIG_HOME": dir + "/config", "XDG_CACHE_HOME": dir + "/cache", "XDG_DATA_HOME": dir + "/data",
		"XDG_STATE_HOME": dir + "/state", "XDG_RUNTIME_DIR": run, "XDG_CURRENT_DESKTOP": "", "LC_ALL": "C.UTF-8",
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + run + "/none", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + run + "/none", "DISPLAY": "", "WAYLAND_DISPLAY": "",
		"NO_AT_BRIDGE": "1", "GTK_A11Y": "none", "LIBGL_ALWAYS_SOFTWARE": "1",
	}}
}

// Use makes the environment of the desk that of this process, which is not for tests that run beside others.
func (d *Desk) Use() {
	d.t.Helper()
	d.used = true
	for key, value := range d.env {
		d.t.Setenv(key, value)
	}
}

// Set changes the environment.
func (d *Desk) Set(key, value string) {
	d.t.Helper()
	d.env[key] = value
	if d.used {
		d.t.Setenv(key, value)
	}
}

// Env is the whole environment, for a program.
func (d *Desk) Env() []string {
	env := os.Environ()
	for key, value := range d.env {
		env = append(env, key+"="+value)
	}
	return env
}

// Write writes a file below the home folder.
func (d *Desk) Write(name, text string) {
	d.t.Helper()
	file := filepath.Join(d.Dir, name)
	Must(d.t, os.MkdirAll(filepath.Dir(file), 0o700))
	Must(d.t, os.WriteFile(file, []byte(text), 0o600))
}

// Command is a program that has not been started.
func (d *Desk) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = d.Env()
	return cmd
}

// Do runs a program and returns what it said, less the white space around it.
func (d *Desk) Do(name string, args ...string) string {
	d.t.Helper()
	out, err := d.Command(name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// A Program runs, with all that it starts.
type Program struct {
	t     testing.TB
	cmd   *exec.Cmd
	said  string // the file with it
	ended chan struct{}
	err   error // of its end
}

// Start runs a program until the test ends.
func (d *Desk) Start(name string, args ...string) *Program {
	d.t.Helper()
	return d.Run(d.Command(name, args...))
}

// Run is Start for a command that was made ready otherwise.
func (d *Desk) Run(cmd *exec.Cmd) *Program {
	d.t.Helper()
	said, err := os.CreateTemp(d.Dir, "said-")
	Must(d.t, err)
	defer said.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = said
	}
	cmd.Stderr = said
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	Must(d.t, cmd.Start())
	p := &Program{t: d.t, cmd: cmd, said: said.Name(), ended: make(chan struct{})}
	go func() { defer close(p.ended); p.err = cmd.Wait() }()
	d.t.Cleanup(func() {
		p.End()
		if said := p.Said(); d.t.Failed() && said != "" {
			d.t.Logf("%s said:\n%s", cmd.Path, said[max(0, len(said)-8000):])
		}
	})
	return p
}

// End ends it; a second time does nothing. One that does not go is killed.
func (p *Program) End() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(5 * time.Second):
	}
	p.t.Logf("%s does not end: killed", p.cmd.Path)
	p.Kill()
}

// Kill ends it at once.
func (p *Program) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Signal sends one to all of it.
func (p *Program) Signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // it may have gone by now
	}
}

// PID is the number of its process.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Wait waits until it ends by itself, and returns how.
func (p *Program) Wait() error {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatalf("%s does not end\n%s", p.cmd.Path, p.Said())
	}
	return p.err
}

// Said is all that it wrote until now.
func (p *Program) Said() string {
	b, _ := os.ReadFile(p.said)
	return string(b)
}

// tells starts a server that writes a line to descriptor 3 when it is ready, and returns the line.
func (d *Desk) tells(cmd *exec.Cmd) (*Program, string) {
	d.t.Helper()
	read, write, err := os.Pipe()
	Must(d.t, err)
	defer read.Close()
	cmd.ExtraFiles = []*os.File{write}
	p := d.Run(cmd)
	write.Close()
	Must(d.t, read.SetReadDeadline(time.Now().Add(Patience)))
	line, err := bufio.NewReader(io.LimitReader(read, 4096)).ReadString('\n')
	if err != nil {
		d.t.Fatalf("%s does not say that it is ready: %v\n%s", cmd.Path, err, p.Said())
	}
	return p, strings.TrimSpace(line)
}

// Screen starts an X server of that size on a free number, with more arguments.
func (d *Desk) Screen(width, height int, more ...string) {
	d.t.Helper()
	Need(d.t, "Xvfb")
	size := strconv.Itoa(width) + "x" + strconv.Itoa(height) + "x24"
	_, number := d.tells(d.Command("Xvfb", append(more, "-displayfd", "3", "-screen", "0", size, "-fbdir", d.Dir, "-nolisten", "tcp", "-noreset")...))
	d.frames = filepath.Join(d.Dir, "Xvfb_screen0")
	d.Set("DISPLAY", ":"+number)
}
