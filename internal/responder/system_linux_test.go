package responder

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKeepaliveIsReadBack(t *testing.T) {
	s, _ := start(t, Options{})
	ask(t, dial(t, s), "PING 1\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	want := keepalive{enabled: true, idle: time.Second, interval: time.Second, count: 10, userTimeout: 10 * time.Second}
	if s.socket != want || s.warned {
		t.Errorf("the kernel has %+v (warned %v), want %+v", s.socket, s.warned, want)
	}
}

// descriptors raises the limit of open files to n, or skips.
func descriptors(t testing.TB, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Cur >= n {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(old.Max, n)}); err != nil {
		t.Skipf("needs %d open files, the limit is %d: %v", n, old.Max, err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: old.Cur, Max: max(old.Max, n)}) })
}

// memory is what the program's objects, stacks and bookkeeping take up once it is still.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse + m.MSpanInuse + m.MCacheInuse + m.GCSys + m.OtherSys
}

// pipes are the standard streams of a process that is still to be started.
func pipes(t testing.TB, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// A crowd is many clients in a process of their own: half the descriptors in each, and the memory measured is the server's.
type crowd struct {
	in  io.Writer
	out *bufio.Scanner
}

func newCrowd(t testing.TB, s *Server) *crowd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"=crowd", crowdEnv+"="+strconv.Itoa(s.Addr().(*net.TCPAddr).Port))
	in, out := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the clients' process: %v", err)
		}
	})
	return &crowd{in, bufio.NewScanner(out)}
}

// do has the crowd "join" or "leave" with n clients, or "beat" n times, and waits until it is done.
func (c *crowd) do(t testing.TB, what string, n int) {
	t.Helper()
	fmt.Fprintln(c.in, what, n)
	if !c.out.Scan() || c.out.Text() != "done" {
		t.Fatalf("%s %d: %q, %v", what, n, c.out.Text(), c.out.Err())
	}
}

// crowdMain is the clients' process, as bare descriptors, until its input ends.
func crowdMain() error {
	port, err := strconv.Atoi(os.Getenv(crowdEnv))
	if err != nil {
		return err
	}
	server := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	var fds []int
	join := func(i int) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
		// Several source addresses, or ten thousand clients could run out of ports.
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i%8)}}); err != nil {
			return err
		}
		return unix.Connect(fd, server)
	}
	beat := func() error {
		for _, fd := range fds {
			if _, err := unix.Write(fd, []byte("PING 0123456789\n")); err != nil {
				return err
			}
		}
		var b [64]byte
		for _, fd := range fds {
			n, err := unix.Read(fd, b[:])
			if err != nil || string(b[:max(n, 0)]) != "PONG 0123456789\n" {
				return fmt.Errorf("%q, %w", b[:max(n, 0)], err)
			}
		}
		return nil
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var what string
		var n int
		if _, err := fmt.Sscan(in.Text(), &what, &n); err != nil {
			return err
		}
		for i := range n {
			switch what {
			case "join":
				err = join(i)
			case "leave":
				err = unix.Close(fds[0])
				fds = fds[1:]
			case "beat":
				err = beat()
			}
			if err != nil {
				return fmt.Errorf("%s, client %d: %w", what, i, err)
			}
		}
		fmt.Println("done")
	}
	return nil
}

func TestTenThousandClients(t *testing.T) {
	const many = 10_000
	descriptors(t, many+200)
	s, h := start(t, Options{SilentAfter: time.Minute}) // beats come when this test gets round to them
	before := memory()
	c := newCrowd(t, s)
	c.do(t, "join", many)
	c.do(t, "beat", 5)
	waitFor(t, "their events", func() bool { return len(h.kinds()) == many })
	h.forget()
	if n := s.Clients(); n != many {
		t.Errorf("%d clients, want %d", n, many)
	}
	each := float64(memory()-before) / many
	t.Logf("%.0f bytes a client", each)
	// The race detector's own bookkeeping is not the server's.
	if each > 6<<10 && !raceDetector {
		t.Errorf("%.0f bytes a client, want at most %d", each, 6<<10)
	}
	extra := dial(t, s)
	if _, err := extra.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("one more than the limit: %v, want end of stream", err)
	}
	c.do(t, "leave", many/2)
	waitFor(t, "half of them to be gone", func() bool { return s.Clients() == many/2 })
	c.do(t, "beat", 1)
	for i, k := range h.kinds() {
		if k != Went && i >= 2 { // after the one too many, which came and was ended
			t.Fatalf("event %d is %v", i, k)
		}
	}
}

func BenchmarkClients(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			descriptors(b, uint64(n+200))
			s, _ := start(b, Options{OnEvent: func(Event) {}, SilentAfter: time.Minute, MaxClients: n})
			before := memory()
			c := newCrowd(b, s)
			c.do(b, "join", n)
			c.do(b, "beat", 5)
			each := float64(memory()-before) / float64(n)
			b.ReportAllocs()
			var used, now unix.Rusage
			unix.Getrusage(unix.RUSAGE_SELF, &used)
			for b.Loop() {
				c.do(b, "beat", 1)
			}
			unix.Getrusage(unix.RUSAGE_SELF, &now)
			cpu := now.Utime.Nano() + now.Stime.Nano() - used.Utime.Nano() - used.Stime.Nano()
			b.ReportMetric(each, "B/client")
			b.ReportMetric(float64(cpu)/float64(b.N)/float64(n), "cpu-ns/beat")
		})
	}
}

// The tests below run the server in a process of its own: TestMain turns into it when this is set.
const childEnv, crowdEnv = "HOLDFAST_RESPONDER_TEST", "HOLDFAST_RESPONDER_PORT"

type jsonEvent struct {
	Event  string  `json:"event"`
	AfterS float64 `json:"after_s"`
	Why    string  `json:"why"`
}

func (e jsonEvent) String() string { return fmt.Sprintf("%s %.2f s %s", e.Event, e.AfterS, e.Why) }

// spawn starts the test binary in the given mode; lines of it go to the channel, the first one is returned.
func spawn(t *testing.T, mode string, attr *syscall.SysProcAttr) (cmd *exec.Cmd, first string, in io.Writer, events <-chan jsonEvent) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+mode)
	cmd.SysProcAttr = attr
	w, out := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Skipf("needs a process in namespaces of its own: %v", err)
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() {
		first = lines.Text()
	}
	ch := make(chan jsonEvent, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(ch)
		for lines.Scan() {
			var e jsonEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%q: %v", lines.Text(), err)
				return
			}
			ch <- e
		}
	}()
	t.Cleanup(func() {
		w.Close()
		cmd.Process.Signal(syscall.SIGCONT)
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server process: %v", err)
		}
	})
	return cmd, first, w, ch
}

// A server that was not run for 5 s has no right to call its clients silent.
func TestStoppedAndContinued(t *testing.T) {
	t.Parallel()
	cmd, addr, _, events := spawn(t, "serve", nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dead, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	stop := time.NewTimer(2 * time.Second)
	cont := time.NewTimer(7 * time.Second)
	end := time.NewTimer(10 * time.Second)
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	var got []string
	for over := false; !over; {
		select {
		case <-beat.C:
			if _, err := io.WriteString(c, "PING 1\n"); err != nil {
				t.Fatal(err)
			}
		case <-stop.C:
			cmd.Process.Signal(syscall.SIGSTOP)
		case <-cont.C:
			cmd.Process.Signal(syscall.SIGCONT)
		case e := <-events:
			got = append(got, e.Event)
		case <-end.C:
			over = true
		}
	}
	if want := []string{"came", "came"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// TestIntegrationSilence has packets dropped by a real kernel, in a network namespace of its own.
func TestIntegrationSilence(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s (iproute2, nftables): %v", tool, err)
		}
	}
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if os.Getuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	_, first, in, events := spawn(t, "namespace", attr)
	if why, skip := strings.CutPrefix(first, "skip "); skip {
		t.Skip(why)
	}
	next := func() jsonEvent {
		t.Helper()
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatal("the server process ended")
			}
			return e
		case <-time.After(20 * time.Second):
			t.Fatal("no event within 20 s")
		}
		return jsonEvent{}
	}
	expect := func(kind, why string, least, most float64) {
		t.Helper()
		e := next()
		t.Log(e)
		if e.Event != kind || e.Why != why || e.AfterS < least || e.AfterS > most {
			t.Fatalf("got %v; want %s, %q, after %.2f to %.2f s", e, kind, why, least, most)
		}
	}
	expect("came", "", 0, 0) // beats each 200 ms
	expect("came", "", 0, 0) // never sends
	io.WriteString(in, "hang\n")
	expect("silent", "its computer still answers", 1.2, 4)
	io.WriteString(in, "resume\n")
	expect("back", "", 1.2, 4)
	io.WriteString(in, "drop\n")
	expect("silent", "", 1.2, 4)
	expect("silent", "its computer does not answer", 2.2, 5)
	io.WriteString(in, "heal\n")
	for range 2 {
		expect("back", "", 1.2, 8)
	}
	io.WriteString(in, "drop\n")
	expect("silent", "", 1.2, 4) // the interruptions have made its rhythm looser for some seconds
	expect("silent", "its computer does not answer", 2.2, 5)
	for range 2 {
		expect("lost", "", 9, 16)
	}
}

// beChild says whether this process was started by spawn, and is that server then.
func beChild() bool {
	mode := os.Getenv(childEnv)
	if mode == "" {
		return false
	}
	if err := childMain(mode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// childMain is a server process: "serve" until its input ends; "namespace" with two clients and, on command, faults.
func childMain(mode string) error {
	if mode == "crowd" {
		return crowdMain()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fault := func(rule string) error { return nil }
	if mode == "namespace" {
		fault = func(rule string) error {
			cmd := exec.Command("nft", "-f", "-")
			cmd.Stdin = strings.NewReader("table inet t\ndelete table inet t\n" + rule)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("nft: %v: %s", err, bytes.ReplaceAll(out, []byte("\n"), []byte(" ")))
			}
			return nil
		}
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			fmt.Printf("skip needs the right to set lo up: %v: %s\n", err, out)
			return nil
		}
		if err := fault(""); err != nil {
			fmt.Printf("skip needs the right to set rules with nft: %v\n", err)
			return nil
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	s := New(Options{OnEvent: func(e Event) {
		if b, err := e.MarshalJSON(); err == nil {
			fmt.Printf("%s\n", b)
		}
	}})
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(ctx, ln) })
	var hung atomic.Bool
	if mode == "namespace" {
		beats, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer beats.Close()
		mute, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer mute.Close()
		wg.Go(func() {
			t := time.NewTicker(200 * time.Millisecond)
			defer t.Stop()
			b := make([]byte, 512)
			for ctx.Err() == nil {
				if !hung.Load() {
					beats.SetDeadline(time.Now().Add(50 * time.Millisecond))
					io.WriteString(beats, "PING 1\n")
					beats.Read(b)
				}
				<-t.C
			}
		})
		// A second and a half of beats make a rhythm before the first command comes.
		time.Sleep(1500 * time.Millisecond)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var err error
		switch in.Text() {
		case "hang":
			hung.Store(true)
		case "resume":
			hung.Store(false)
		case "drop":
			err = fault("table inet t { chain c { type filter hook input priority 0; policy drop; }\n}")
		case "heal":
			err = fault("")
		}
		if err != nil {
			return err
		}
	}
	cancel()
	wg.Wait()
	return nil
}
