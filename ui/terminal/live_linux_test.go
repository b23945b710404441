package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

const helperVariable = "HOLDFAST_LIVE_HELPER"

// helper is the program under the terminal: one target that is down, that a reconnect mends, and that breaks again when
// paused twice. Everything that happens, happens because of a key.
func helper() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	events := make(chan monitor.Event, 8)
	broken := func() monitor.Snapshot {
		s := monitor.Snapshot{
			Time: time.Now(), Target: monitor.Target{Name: "office", Address: "gate.example.net:7000"}, State: monitor.Down,
			Since: time.Now(), BrokenSince: time.Now(), Attempt: 1, RetryAt: time.Now().Add(time.Hour),
			Verdict: netcheck.Verdict{Cause: netcheck.ServerRefused, Hop: netcheck.HopServer},
		}
		if os.Getenv(helperVariable) == "soon" {
			s.RetryAt = time.Now().Add(2500 * time.Millisecond)
		}
		return s
	}
	events <- monitor.Event{Snapshot: broken()}
	became := func(state monitor.State) func(...string) error {
		return func(...string) error {
			s := broken()
			s.State, s.Verdict, s.RetryAt = state, netcheck.Verdict{}, time.Time{}
			events <- monitor.Event{Snapshot: s}
			return nil
		}
	}
	l := Live{
		Next: func(ctx context.Context) (monitor.Event, error) {
			select {
			case e := <-events:
				return e, nil
			case <-ctx.Done():
				return monitor.Event{}, ctx.Err()
			}
		},
		Reconnect: became(monitor.Up), Pause: became(monitor.Idle), Resume: became(monitor.Connecting),
		Lang: ui.English, Glyphs: Drawn(), Colour: true,
	}
	if !Usable(os.Stdout, os.Getenv) {
		fmt.Fprintln(os.Stderr, "not usable")
		return 3
	}
	if err := l.Run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		return 1
	}
	return 0
}

// A session is helper running under a pseudo-terminal of this test.
type session struct {
	t      *testing.T
	master *os.File
	slave  *os.File // kept open, so that the modes can be read after the program has ended
	term   *vt
	cmd    *exec.Cmd
	read   chan struct{} // closed when the last byte was read
	before unix.Termios
}

func start(t *testing.T, mode string) *session {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	s := &session{t: t, master: master, term: newVT(90, 24), read: make(chan struct{})}
	var number int
	s.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) })
	s.control(func(fd int) (err error) { number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); return err })
	s.size(90, 24)
	if s.slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.slave.Close() })
	s.before = s.modes()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), helperVariable+"="+mode, "TERM=xterm")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.slave, s.slave, s.slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	go func() {
		defer close(s.read)
		_, _ = io.Copy(s.term, master) // EIO when the last slave is closed, or the deadline
	}()
	t.Cleanup(func() {
		_ = master.SetReadDeadline(time.Unix(1, 0))
		<-s.read
	})
	return s
}

func (s *session) control(f func(fd int) error) {
	s.t.Helper()
	raw, err := s.master.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	var inner error
	if err := errors.Join(raw.Control(func(fd uintptr) { inner = f(int(fd)) }), inner); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) size(columns, rows uint16) {
	s.t.Helper()
	s.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	})
}

func (s *session) modes() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *m
}

// until waits for something about the screen.
func (s *session) until(what string, is func(screen string) bool) {
	s.t.Helper()
	limit := time.After(10 * time.Second)
	for !is(s.term.String()) {
		select {
		case <-s.term.changed:
		case <-limit:
			s.t.Fatalf("not within 10 s: %s; the screen is:\n%s", what, s.term)
		}
	}
}

func (s *session) shows(text string) {
	s.t.Helper()
	s.until("shows "+strconv.Quote(text), func(screen string) bool { return strings.Contains(screen, text) })
}

func (s *session) press(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of the program, in order, and checks that the terminal is as it was.
func (s *session) ends() {
	s.t.Helper()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("ended with %v; the screen is:\n%s", err, s.term)
	}
	s.until("is as it was", func(string) bool { return !s.term.alternateNow() })
	s.restored()
}

func (s *session) restored() {
	s.t.Helper()
	s.term.mu.Lock()
	defer s.term.mu.Unlock()
	if s.term.cursorHidden || s.term.noWrap || s.term.alternate {
		s.t.Errorf("left behind: cursor hidden %v, no wrap %v, alternate screen %v", s.term.cursorHidden, s.term.noWrap, s.term.alternate)
	}
	if got := s.modes(); got != s.before {
		s.t.Errorf("terminal modes are %+v, were %+v", got, s.before)
	}
	if len(s.term.unknown) > 0 {
		s.t.Errorf("sequences that a plain terminal may not know: %v", s.term.unknown)
	}
}

func (v *vt) alternateNow() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.alternate
}

func TestKeysOnATerminal(t *testing.T) {
	s := start(t, "later")
	s.shows("✗ office  gate.example.net:7000 refuses connections")
	s.shows("1 broken, 0 connected")
	if got := s.modes(); got.Lflag&(unix.ECHO|unix.ICANON) != 0 || got.Lflag&unix.ISIG == 0 {
		t.Errorf("while it runs keys are echoed or held, or Ctrl-C is no signal: %#x", got.Lflag)
	}
	s.press("r")
	s.shows("✓ office  Connected")
	s.press("p")
	s.shows("‖ office  Paused")
	s.shows("p Resume")
	s.press("p")
	s.shows("○ office  Connecting")
	s.press("q")
	s.ends()
	s.shows("office: Connecting") // what is left below the prompt
}

func TestEndsBySignal(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(s *session)
	}{
		{"Ctrl-C", func(s *session) { s.press("\x03") }},
		{"SIGTERM", func(s *session) { _ = s.cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, "later")
			s.shows("1 broken")
			c.send(s)
			s.ends()
		})
	}
}

func TestStoppedAndContinued(t *testing.T) {
	s := start(t, "later")
	s.shows("1 broken")
	pid := s.cmd.Process.Pid
	for range 2 {
		s.press("\x1a") // Ctrl-Z
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Fatalf("wait: %v, %#x: not stopped", err, status)
		}
		s.until("gives the terminal back", func(string) bool { return !s.term.alternateNow() })
		s.restored()
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		s.until("takes it again", func(screen string) bool { return s.term.alternateNow() && strings.Contains(screen, "1 broken") })
	}
	// Stopped from outside, without a chance to give anything back; another program then used the terminal.
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(s.slave, leaveSequence)
	s.until("another program's screen", func(string) bool { return !s.term.alternateNow() })
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.until("takes it again", func(screen string) bool { return s.term.alternateNow() && strings.Contains(screen, "1 broken") })
	s.press("q")
	s.ends()
}

func TestResized(t *testing.T) {
	s := start(t, "later")
	s.shows("r Reconnect now")
	s.term.resize(44, 10)
	s.size(44, 10) // the kernel sends SIGWINCH
	s.until("is drawn for the new size", func(screen string) bool {
		lines := strings.Split(screen, "\n")
		return strings.Contains(lines[0], "1 broken") && strings.Contains(lines[9], "r Reconnect now")
	})
	s.press("q")
	s.ends()
}

// A view on which nothing counts writes nothing; one that counts writes only while it does.
func TestStandsStillWhileNothingHappens(t *testing.T) {
	s := start(t, "later")
	s.press("r")
	s.shows("Connected")
	written := func() int {
		s.term.mu.Lock()
		defer s.term.mu.Unlock()
		return s.term.written
	}
	before := written()
	for range 3 { // not luck: a wrong extra drawing is what fails, and only with enough time to happen
		select {
		case <-s.term.changed:
		case <-time.After(500 * time.Millisecond):
		}
	}
	if got := written(); got != before {
		t.Errorf("%d bytes were written while nothing happened", got-before)
	}
	s.press("q")
	s.ends()
}

func TestCountsDown(t *testing.T) {
	s := start(t, "soon")
	s.shows("Attempt 2 in 1.0 s")
	s.shows("Attempt 2 under way")
	s.press("q")
	s.ends()
}

// The terminal is closed: the program ends by itself, and does not spin.
func TestTerminalGone(t *testing.T) {
	s := start(t, "later")
	s.shows("1 broken")
	_ = s.master.SetReadDeadline(time.Unix(1, 0))
	<-s.read
	s.slave.Close()
	s.master.Close() // SIGHUP to the session, and EIO to whoever writes
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.cmd.Wait() // an error may be its status: there is no terminal to restore
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("still runs 10 s after its terminal has gone")
	}
}
