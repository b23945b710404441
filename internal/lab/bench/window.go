//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/internal/control"
	"holdfast/internal/lab"
	"holdfast/internal/lab/screen"
	"holdfast/internal/wire"
	"holdfast/monitor"
)

// timing prints one line: what, its median and worst, and what is asked of the median and of the worst (0: nothing).
func (b *bench) timing(what string, all []time.Duration, median, worst time.Duration) {
	m, w := lab.MedianWorst(all)
	cell := func(got, asked time.Duration) string {
		text := fmt.Sprintf("%7.1f", float64(got)/1e6)
		if asked == 0 {
			return " " + text + "       "
		}
		return b.mark(got <= asked) + text + fmt.Sprintf(" %-6s", fmt.Sprintf("(%g)", float64(asked)/1e6))
	}
	fmt.Printf("%-62s %s %s\n", what, cell(m, median), cell(w, worst))
}

// A stage is a desktop with a resident on it.
type stage struct {
	*screen.Screen
	client *control.Client
	tray   *dbus.Conn
	server *exec.Cmd // what all targets are sessions to
	pid    int       // of the resident
}

// outagesKept is how long the history is that the window has to show.
const outagesKept = 10000

// The window with so much on it is looked at; the size is that with which it opens.
const screenWidth, screenHeight = 1280, 900

// Where, in the window, the first of more than eight targets has its glyph: drawn when the resident has answered, with all else.
var firstGlyph = image.Rect(20, 146, 40, 166)

// window measures the window as a person meets it: a real resident, a desktop of its own, pixels of its screen.
func (b *bench) window() error {
	for _, tool := range append(screen.Tools, "xdotool", "pkg-config") {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Printf("\nWindow: not measured, %s is not installed\n", tool)
			return nil
		}
	}
	bin := b.windowBin
	if bin == "" {
		var err error
		if bin, err = b.windowPrograms(); err != nil {
			return err
		}
		if err := drawing(b); err != nil {
			return err
		}
		if os.Geteuid() == 0 {
			return b.asNobody(bin)
		}
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	fmt.Printf("\nWindow, software OpenGL, Xvfb and xfwm4, %d runs each; the machine's load before: %s\n", b.runs, strings.Join(strings.Fields(string(load))[:3], " "))
	if err := b.windowTimes(bin); err != nil {
		return err
	}
	return b.windowMany(bin)
}

// nobody is the user that what is measured of the window runs as where this is root: libX11 keeps nothing for root.
const nobody = 65534

// asNobody has a copy of this program measure the window as an ordinary user does.
func (b *bench) asNobody(bin string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program := filepath.Join(bin, "bench")
	if err := copyProgram(self, program); err != nil {
		return err
	}
	cmd := exec.Command(program, "-window", bin, "-runs", fmt.Sprint(b.runs), "-seconds", fmt.Sprint(b.seconds))
	cmd.Dir = bin
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err = cmd.Run()
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() > notAsAsked {
		b.failed += cmd.ProcessState.ExitCode() - notAsAsked
		return nil
	}
	return err
}

func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// The programs of what is measured, in one folder, where the resident finds the window.
const (
	residentFile = "holdfast"
	windowFile   = "holdfast-window"
	helloFile    = "hello" // what the window is compared with
)

// windowPrograms makes that folder.
func (b *bench) windowPrograms() (string, error) {
	bin := filepath.Join(b.dir, "window")
	if err := os.Chmod(b.dir, 0o755); err != nil { // for nobody
		return "", err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	if err := copyProgram(b.program, filepath.Join(bin, residentFile)); err != nil {
		return "", err
	}
	hello, err := packageFile("bench/testdata/hello")
	if err != nil {
		return "", err
	}
	env, err := windowEnv()
	if err != nil {
		return "", err
	}
	for file, source := range map[string]string{windowFile: "holdfast/cmd/holdfast-window", helloFile: hello} {
		if err := command(env, "go", "build", "-trimpath", "-tags", windowTags, "-ldflags", "-s -w", "-o", filepath.Join(bin, file), source); err != nil {
			return "", err
		}
	}
	return bin, nil
}

const windowTags = "migrated_fynedo"

// windowEnv is what the window is built with.
func windowEnv() ([]string, error) {
	root, err := packageFile("../..")
	if err != nil {
		return nil, err
	}
	cc, err := exec.Command(filepath.Join(root, "scripts/cc")).Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/cc: %w", err)
	}
	return []string{"CGO_ENABLED=1", "CC=" + strings.TrimSpace(string(cc))}, nil
}

// drawing runs the window's own benchmarks.
func drawing(b *bench) error {
	env, err := windowEnv()
	if err != nil {
		return err
	}
	fmt.Printf("\nDrawing in software, without a screen (asked: 16 ms for the ten charts of a day)\n\n")
	return goBench(env, "holdfast/ui/window", "-tags", windowTags)
}

// newStage starts a desktop, and on it a resident with so many targets, all up, and so many outages in its history.
func (b *bench) newStage(bin string, targets, outages int) (st *stage, err error) {
	st = &stage{}
	if st.Screen, err = screen.Open(screenWidth, screenHeight); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			st.end()
		}
	}()
	bus := ""
	for _, e := range st.Env {
		if v, ok := strings.CutPrefix(e, "DBUS_SESSION_BUS_ADDRESS="); ok {
			bus = v
		}
	}
	if st.tray, err = panel(bus); err != nil { // without a tray the window would open by itself
		return nil, err
	}
	program := filepath.Join(bin, residentFile)
	at, err := freePort()
	if err != nil {
		return nil, err
	}
	if st.server, err = st.Start(program, "serve", at.String()); err != nil {
		return nil, err
	}
	var toml strings.Builder
	for i := range targets {
		fmt.Fprintf(&toml, "[[target]]\nname = \"Server %02d\"\naddress = %q\nheartbeat = \"line\"\nsend = 'PING {nonce}\\n'\nexpect = 'PONG {nonce}\\n'\n\n", i, at)
	}
	config := filepath.Join(st.Home, "config", "holdfast")
	if err := os.MkdirAll(config, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(config, "holdfast.toml"), []byte(toml.String()), 0o600); err != nil {
		return nil, err
	}
	if err := keepOutages(filepath.Join(st.Home, "state", "holdfast"), targets, outages); err != nil {
		return nil, err
	}
	resident, err := st.Start(program)
	if err != nil {
		return nil, err
	}
	st.pid = resident.Process.Pid
	err = screen.Until(func() (bool, error) {
		client, err := control.Dial(filepath.Join(st.Home, "run", "holdfast", "control.sock"))
		if err == nil {
			st.client = client
		}
		return err == nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("the resident does not answer: %w", err)
	}
	err = screen.Until(func() (bool, error) {
		status, err := st.client.Status(context.Background())
		up := 0
		for _, o := range status.Targets {
			if o.State == "up" {
				up++
			}
		}
		return up == targets, err
	})
	if err != nil {
		return nil, fmt.Errorf("%d targets are not up: %w", targets, err)
	}
	return st, nil
}

func (st *stage) end() {
	if st.tray != nil {
		st.tray.Close()
	}
	if st.client != nil {
		st.client.Close()
	}
	st.Close()
}

// freePort is an address of this computer that nobody listens at.
func freePort() (netip.AddrPort, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer l.Close()
	return netip.ParseAddrPort(l.Addr().String())
}

// keepOutages writes a journal of a month with so many outages, as a resident that has ended leaves it.
func keepOutages(dir string, targets, n int) error {
	if n == 0 {
		return nil
	}
	begin := time.Now().Add(-29 * 24 * time.Hour)
	var text []byte
	put := func(key string, v any) error {
		one, err := json.Marshal(v)
		if err == nil {
			text = append(append(append(append(append(text, `{"`...), key...), `":`...), one...), "}\n"...)
		}
		return err
	}
	text = append(text, fmt.Sprintf(`{"run":"bench","journal":"bench","at":%q}`+"\n", begin.UTC().Format(time.RFC3339Nano))...)
	causes := [][2]string{{"server-closed", "server"}, {"path-lost", "path"}, {"cable-unplugged", "link"}, {"server-hung", "service"}, {"gateway-unreachable", "gateway"}}
	for i := range n {
		from := begin.Add(time.Duration(i) * 4 * time.Minute)
		cause := causes[i%len(causes)]
		if err := put("outage", wire.PastOutage{
			ID: int64(i + 1), Target: fmt.Sprintf("Server %02d", i%targets), Start: wire.Time{Time: from},
			End: wire.Time{Time: from.Add(time.Duration(i%200+3) * time.Second)}, Ended: "healed", Cause: cause[0], Hop: cause[1], Attempts: i%9 + 1,
			Evidence: []wire.Evidence{{Time: wire.Time{Time: from}, Hop: cause[1], Saw: "timeout"}}, Causes: []wire.CauseTime{{Time: wire.Time{Time: from}, Cause: cause[0]}},
		}); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "history-0000000001.log"), text, 0o600)
}

// drawn reports whether a picture has a glyph or letters in it.
func drawn(img *image.RGBA) bool { return screen.Colours(img) > 3 }

// first waits until something is drawn at a place of the window of that name, wherever the window stands by then.
func (st *stage) first(name string, in image.Rectangle) (time.Time, error) {
	var at time.Time
	err := screen.Until(func() (bool, error) {
		img, err := st.Peek(name, in)
		at = time.Now()
		return img != nil && drawn(img), err
	})
	return at, err
}

// open asks the resident for the window and returns how long the first picture takes.
func (st *stage) open() (time.Duration, error) {
	begin := time.Now()
	errs := make(chan error, 1)
	go func() { errs <- st.client.Window(context.Background()) }()
	at, err := st.first("Holdfast", firstGlyph)
	if e := <-errs; e != nil {
		err = e
	}
	return at.Sub(begin), err
}

// shut closes the window as a person does.
func (st *stage) shut() error {
	if err := st.Press(screen.Control, screen.KeyW); err != nil {
		return err
	}
	if err := st.Gone("Holdfast"); err != nil {
		return err
	}
	return screen.Until(func() (bool, error) { pid, err := st.windowPID(); return pid == 0, err })
}

// windowPID is the process of the window, 0 while there is none.
func (st *stage) windowPID() (int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", st.pid))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(text)) {
			name, err := os.ReadFile("/proc/" + pid + "/comm")
			if err == nil && strings.TrimSpace(string(name)) == windowFile {
				var n int
				_, err := fmt.Sscan(pid, &n)
				return n, err
			}
		}
	}
	return 0, nil
}

// hello starts the bare program and returns how long its first picture takes.
func (st *stage) hello(program string) (time.Duration, error) {
	begin := time.Now()
	cmd, err := st.Start(program)
	if err != nil {
		return 0, err
	}
	defer st.End(cmd)
	at, err := st.first("Hello", image.Rect(0, 0, 80, 48))
	return at.Sub(begin), err
}

// windowTimes measures ten targets: first picture, changes, and what the window costs.
func (b *bench) windowTimes(bin string) error {
	fmt.Printf("Milliseconds:%67s %15s\n\n", "median (asked)", "worst (asked)")
	st, err := b.newStage(bin, 10, 0)
	if err != nil {
		return err
	}
	defer st.end()
	ever, err := st.open()
	if err != nil {
		return err
	}
	b.timing("first start ever: click to first picture", []time.Duration{ever}, 600*time.Millisecond, 0)
	if err := st.shut(); err != nil {
		return err
	}
	var opens, bare []time.Duration
	for range b.runs {
		d, err := st.open()
		if err != nil {
			return err
		}
		if err := st.shut(); err != nil {
			return err
		}
		opens = append(opens, d)
		if d, err = st.hello(filepath.Join(bin, helloFile)); err != nil {
			return err
		}
		if err := st.Gone("Hello"); err != nil {
			return err
		}
		bare = append(bare, d)
	}
	b.timing("click to first picture", opens, 400*time.Millisecond, 0)
	b.timing("the same of a bare Fyne program with one word in it", bare, 0, 0)

	if _, err := st.open(); err != nil {
		return err
	}
	if err := b.changes(st); err != nil {
		return err
	}
	return b.windowCosts(st)
}

// changes measures from a change of state on the socket to the window's pixels.
func (b *bench) changes(st *stage) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type change struct {
		state string
		at    time.Time
	}
	told, ended := make(chan change, 64), make(chan struct{})
	go func() {
		defer close(ended)
		for o, err := range st.client.Events(ctx, false) {
			if err != nil {
				return
			}
			if o.Target == "Server 00" {
				select {
				case told <- change{o.State, time.Now()}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	defer func() { cancel(); <-ended }()
	_, place, err := st.Find("Holdfast")
	if err != nil {
		return err
	}
	glyph := firstGlyph.Add(place.Min)
	var all []time.Duration
	for i := range 2 * b.runs {
		time.Sleep(500 * time.Millisecond) // what the last one brought with it has been drawn
		before, err := st.Look(glyph)
		if err != nil {
			return err
		}
		for len(told) > 0 {
			<-told
		}
		if i%2 == 0 {
			err = st.client.Pause(ctx, time.Time{}, "Server 00")
		} else {
			err = st.client.Resume(ctx, "Server 00")
		}
		if err != nil {
			return err
		}
		seen, err := st.Seen(glyph, func(img *image.RGBA) bool { return screen.Differs(img, before) })
		if err != nil {
			return err
		}
		c := <-told
		if want := [2]string{monitor.Idle.String(), monitor.Connecting.String()}[i%2]; c.state != want {
			return fmt.Errorf("the socket says %q, want %q", c.state, want)
		}
		all = append(all, seen.Sub(c.at))
	}
	b.timing("state change on the socket to pixels", all, 100*time.Millisecond, 100*time.Millisecond)
	return nil
}

// windowCosts measures what the open window costs: still, with something broken, and minimised.
func (b *bench) windowCosts(st *stage) error {
	pid, err := st.windowPID()
	if err != nil || pid == 0 {
		return fmt.Errorf("the window's process: %d, %w", pid, err)
	}
	share := func(c lab.Cost) float64 { return 100 * c.CPU.Seconds() / c.Span.Seconds() }
	cost := func(what string, seconds int) (lab.Cost, error) {
		time.Sleep(settled)
		c, err := lab.CostOf(pid, time.Duration(seconds)*time.Second)
		if err != nil {
			return c, err
		}
		b.budget(fmt.Sprintf("%s, over %d s", what, seconds), share(c), 1.5, "% of a core")
		return c, nil
	}
	fmt.Println("\nWhat it costs with ten targets (asked)")
	fmt.Println()
	began := time.Now()
	time.Sleep(settled)
	c, err := lab.CostOf(pid, time.Duration(b.seconds/2)*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("%-58s   %8.3g %% of a core\n", fmt.Sprintf("visible, just connected: seconds are counted, over %d s", b.seconds/2), share(c))
	time.Sleep(time.Until(began.Add(66 * time.Second))) // from then on minutes are
	if c, err = cost("still and visible", b.seconds); err != nil {
		return err
	}
	b.budget("its memory (RSS)", float64(c.End.RSS)/1e6, 150, "MB")
	fmt.Printf("%-58s   %8.3g MB, heap and stacks %.3g MB\n", "of it shared out (PSS)", float64(c.End.PSS)/1e6, float64(c.End.AnonPrivate)/1e6)
	w, _, err := st.Find("Holdfast")
	if err != nil {
		return err
	}
	if err := st.Command("xdotool", "windowminimize", fmt.Sprint(w)).Run(); err != nil {
		return fmt.Errorf("xdotool windowminimize: %w", err)
	}
	if _, err = cost("minimised", b.seconds/2); err != nil {
		return err
	}
	if err := st.Command("xdotool", "windowmap", fmt.Sprint(w)).Run(); err != nil {
		return fmt.Errorf("xdotool windowmap: %w", err)
	}
	if err := st.client.Pause(context.Background(), time.Time{}); err != nil {
		return err
	}
	if _, err = cost("all paused", b.seconds/2); err != nil {
		return err
	}
	if err := st.client.Resume(context.Background()); err != nil {
		return err
	}
	st.End(st.server)
	time.Sleep(settled)
	if c, err = lab.CostOf(pid, time.Duration(b.seconds/2)*time.Second); err != nil {
		return err
	}
	fmt.Printf("%-58s   %8.3g %% of a core\n", fmt.Sprintf("all ten broken, visible, over %d s", b.seconds/2), share(c))
	return nil
}

// windowMany measures a hundred targets and ten thousand outages.
func (b *bench) windowMany(bin string) error {
	const targets = 100
	st, err := b.newStage(bin, targets, outagesKept)
	if err != nil {
		return err
	}
	defer st.end()
	fmt.Printf("\nA hundred targets, %d outages kept, in milliseconds\n\n", outagesKept)
	first, err := st.open()
	if err != nil {
		return err
	}
	b.timing("click to first picture", []time.Duration{first}, 600*time.Millisecond, 0)
	_, place, err := st.Find("Holdfast")
	if err != nil {
		return err
	}
	// Each notch of the wheel is waited for: how long until the pixels have moved?
	scroll := func(what string, at image.Point, look image.Rectangle) error {
		if err := st.Point(at.Add(place.Min)); err != nil {
			return err
		}
		time.Sleep(time.Second) // the row under the pointer has changed its ground
		var all []time.Duration
		for i := range 80 {
			before, err := st.Look(look.Add(place.Min))
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := st.Wheel(i < 60); err != nil {
				return err
			}
			seen, err := st.Seen(look.Add(place.Min), func(img *image.RGBA) bool { return screen.Differs(img, before) })
			if err != nil {
				return fmt.Errorf("%s, notch %d: %w", what, i, err)
			}
			all = append(all, seen.Sub(begin))
		}
		b.timing(what, all, 50*time.Millisecond, 100*time.Millisecond)
		return nil
	}
	if err := scroll("scrolling the targets: wheel to pixels", image.Pt(150, 400), image.Rect(20, 200, 40, 500)); err != nil {
		return err
	}
	// The table of outages begins below the middle.
	table := image.Rect(360, 500, 900, 700).Add(place.Min)
	before, err := st.Look(table)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := st.Press(screen.Control, screen.KeyOne+1); err != nil {
		return err
	}
	at, err := st.Seen(table, func(img *image.RGBA) bool { return screen.Differs(img, before) && screen.Colours(img) > 100 })
	if err != nil {
		return err
	}
	b.timing("history: key to outages", []time.Duration{at.Sub(begin)}, 0, 0)
	time.Sleep(settled)
	if err := scroll("scrolling the outages: wheel to pixels", image.Pt(700, 500), image.Rect(340, 200, 900, 500)); err != nil {
		return err
	}
	pid, err := st.windowPID()
	if err != nil {
		return err
	}
	u, err := lab.UsageOf(pid)
	if err != nil {
		return err
	}
	b.budget("memory with all that (RSS)", float64(u.RSS)/1e6, 250, "MB")
	fmt.Printf("%-58s   %8.3g MB, heap and stacks %.3g MB\n", "of it shared out (PSS)", float64(u.PSS)/1e6, float64(u.AnonPrivate)/1e6)
	return nil
}
