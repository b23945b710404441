//go:build linux

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Line is one line that a process printed, and when it was read.
type Line struct {
	At   time.Time
	Text string
}

// A Proc is a process on a host. Its methods may be called from any goroutine.
type Proc struct {
	PID int

	cmd  *exec.Cmd
	name string
	done chan struct{}
	err  error // what Wait answered; read after done

	mu   sync.Mutex // guards tail
	tail []string   // the last lines of both outputs, for the report of a failure
}

// tailLines is how much of a process' output is kept.
const tailLines = 20000

// maxLineBytes bounds one line of output.
const maxLineBytes = 1 << 20

// spawn starts commands on a thread that lives as long as this process: the kernel kills children marked with
// Pdeathsig when the *thread* that made them ends, and so only when the whole process does, however it dies.
var spawn = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go spawnLoop(jobs)
	return jobs
})

func spawnLoop(jobs <-chan func()) {
	runtime.LockOSThread()
	for f := range jobs {
		f()
	}
}

// Start runs a program on the host. It ends with the lab at the latest.
func (h *Host) Start(name string, args ...string) (*Proc, error) {
	return h.StartLines(nil, name, args...)
}

// StartLines runs a program on the host and calls line, on one goroutine, for each line that it prints to its standard
// output.
func (h *Host) StartLines(line func(Line), name string, args ...string) (*Proc, error) {
	return h.start(nil, line, name, args...)
}

// StartEnv is StartLines with further environment variables ("NAME=value").
func (h *Host) StartEnv(env []string, line func(Line), name string, args ...string) (*Proc, error) {
	return h.start(env, line, name, args...)
}

func (h *Host) start(env []string, line func(Line), name string, args ...string) (*Proc, error) {
	path, err := lookTool(name)
	if err != nil {
		return nil, err
	}
	// ip netns exec also mounts the /sys of the namespace, which setns alone does not, and replaces itself by the program:
	// the process id stays.
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.Name, path}, args...)...)
	cmd.Dir = h.lab.Dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	// Pipes of our own: Wait then tells the end of the process itself, even where a child of it keeps them open.
	stdout, toStdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, toStderr, err := os.Pipe()
	if err != nil {
		stdout.Close()
		toStdout.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = toStdout, toStderr
	started := make(chan error)
	spawn() <- func() { started <- cmd.Start() }
	err = <-started
	toStdout.Close()
	toStderr.Close()
	if err != nil {
		stdout.Close()
		stderr.Close()
		return nil, fmt.Errorf("start %s on %s: %w", name, h.Name, err)
	}
	p := &Proc{PID: cmd.Process.Pid, cmd: cmd, name: name, done: make(chan struct{})}
	read := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { p.read(stdout, line) })
	readers.Go(func() { p.read(stderr, nil) })
	go func() {
		readers.Wait()
		stdout.Close()
		stderr.Close()
		close(read)
	}()
	go func() {
		p.err = cmd.Wait()
		select {
		case <-read:
		case <-time.After(time.Second): // a child has them still
		}
		close(p.done)
	}()
	h.lab.mu.Lock()
	h.lab.procs = append(h.lab.procs, p)
	h.lab.mu.Unlock()
	return p, nil
}

func (p *Proc) read(r io.Reader, line func(Line)) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	for s.Scan() {
		l := Line{At: time.Now(), Text: s.Text()}
		p.mu.Lock()
		if len(p.tail) >= tailLines {
			p.tail = append(p.tail[:0], p.tail[len(p.tail)/2:]...)
		}
		p.tail = append(p.tail, l.At.Format("05.000 ")+l.Text)
		p.mu.Unlock()
		if line != nil {
			line(l)
		}
	}
	io.Copy(io.Discard, r) // a line beyond the bound: never block the process
}

// Tail returns the last lines that the process printed, each with the second it was read at.
func (p *Proc) Tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// Signal sends a signal to the process.
func (p *Proc) Signal(s unix.Signal) error {
	if p.Ended() {
		return os.ErrProcessDone
	}
	return p.cmd.Process.Signal(s)
}

// all sends a signal to the process and to those that it made.
func (p *Proc) all(s unix.Signal) error {
	if p.Ended() {
		return os.ErrProcessDone
	}
	err := unix.Kill(-p.PID, s)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Stop halts the process, and those that it made, without ending them; their kernel goes on answering for their sockets.
func (p *Proc) Stop() error { return p.all(unix.SIGSTOP) }

// Cont lets stopped processes go on.
func (p *Proc) Cont() error { return p.all(unix.SIGCONT) }

// Kill ends the process, and those that it made, at once, and waits until it has gone.
func (p *Proc) Kill() error {
	err := p.all(unix.SIGKILL)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// Ended reports whether the process has gone.
func (p *Proc) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait blocks until the process has ended or the time is over, and returns how it ended.
func (p *Proc) Wait(timeout time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(timeout):
		return fmt.Errorf("%s still runs after %v", p.name, timeout)
	}
}
