//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"golang.org/x/sys/unix"

	"holdfast/internal/lab"
)

const servePort = 7000

// budget prints one line: what, how much, what is asked.
func (b *bench) budget(what string, got, asked float64, unit string) {
	fmt.Printf("%-58s  %s%8.3g %s (%.4g)\n", what, b.mark(got <= asked), got, unit, asked)
}

// settled is how long a program is left alone before it is measured.
const settled = 8 * time.Second

// tenTargets are settings with ten targets, all the lab's responder.
func tenTargets() string {
	var toml strings.Builder
	for i := range 10 {
		fmt.Fprintf(&toml, "[[target]]\nname = \"target %d\"\naddress = %q\nheartbeat = \"line\"\nsend = 'PING {nonce}\\n'\nexpect = 'PONG {nonce}\\n'\n\n",
			i, lab.ServerAt(servePort))
	}
	return toml.String()
}

// tenUp asks a resident until all ten are up.
func tenUp(ask func(args ...string) (string, error)) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		status, err := ask("status", "--json")
		if err == nil && strings.Count(status, `"state":"up"`) >= 10 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("ten targets are not up: %v\n%s", err, status)
		}
	}
}

// resident measures the resident with ten targets, its tray on a session bus of its own, then the same one paused.
func (b *bench) resident() error {
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		fmt.Println("\nResident: not measured, dbus-daemon is not installed")
		return nil
	}
	l, err := lab.Open()
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Serve(b.program, servePort); err != nil {
		return err
	}

	// A path, not an abstract name: those belong to a network namespace.
	bus := "unix:path=" + filepath.Join(l.Dir, "bus")
	if _, err := l.Client.Start(daemon, "--session", "--nofork", "--nopidfile", "--address="+bus); err != nil {
		return err
	}
	conn, err := panel(bus)
	if err != nil {
		return err
	}
	defer conn.Close()

	config := filepath.Join(l.Dir, "config", "holdfast")
	run := filepath.Join(l.Dir, "run")
	for _, dir := range []string{config, run, filepath.Join(l.Dir, "state"), filepath.Join(l.Dir, "cache")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(config, "holdfast.toml"), []byte(tenTargets()), 0o600); err != nil {
		return err
	}
	env := []string{"HOME=" + l.Dir, "XDG_CONFIG_HOME=" + filepath.Join(l.Dir, "config"), "XDG_RUNTIME_DIR=" + run,
		"XDG_STATE_HOME=" + filepath.Join(l.Dir, "state"), "XDG_CACHE_HOME=" + filepath.Join(l.Dir, "cache"),
		"DBUS_SESSION_BUS_ADDRESS=" + bus, "DISPLAY=", "WAYLAND_DISPLAY="}
	p, err := l.Client.StartEnv(env, nil, b.program)
	if err != nil {
		return err
	}
	ask := func(args ...string) (string, error) {
		cmd := exec.Command(b.program, args...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("holdfast %s: %w: %s\nthe resident says:\n%s", strings.Join(args, " "), err, out, p.Tail())
		}
		return string(out), nil
	}
	if err := tenUp(ask); err != nil {
		return err
	}
	time.Sleep(settled)
	if listed, err := items(bus); err != nil || len(listed) != 1 {
		return fmt.Errorf("the icon is not on the bus: %q (%v)\n%s", listed, err, p.Tail())
	}
	span := time.Duration(b.seconds) * time.Second
	c, err := lab.CostOf(p.PID, span)
	if err != nil {
		return err
	}
	fmt.Printf("\nResident with ten targets, a beat each 500 ms, over %v (asked)\n\n", span)
	b.budget("processor", c.PerMinute().Seconds(), .1, "s a minute")
	b.budget("wake-ups", c.WakeupsPerSecond(), 50, "a second")
	b.budget("resident memory", float64(c.End.RSS)/1e6, 20, "MB")
	fmt.Printf("%-58s   %8.3g MB, %d threads, %d files\n", "of it shared out (PSS)", float64(c.End.PSS)/1e6, c.End.Threads, c.End.Files)

	if _, err := ask("pause"); err != nil {
		return err
	}
	time.Sleep(settled)
	if c, err = lab.CostOf(p.PID, 30*time.Second); err != nil {
		return err
	}
	fmt.Printf("\nResident, paused, over 30s (asked)\n\n")
	b.budget("wake-ups in all", float64(c.Wakeups), 0, "")
	b.budget("resident memory", float64(c.End.RSS)/1e6, 20, "MB")
	return nil
}

// residentOnWine measures the same of holdfast.exe under wine, which does its work in two processes: the program, and the
// server of its Windows, where sockets, timers and pipes are waited for. It has no tray: nothing there shows one.
func (b *bench) residentOnWine() error {
	l, err := lab.Open()
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Serve(b.program, servePort); err != nil {
		return err
	}
	win, err := b.onWine.Windows(l.Client)
	if err != nil {
		return err
	}
	config := filepath.Join(l.Dir, "holdfast.toml")
	if err := os.WriteFile(config, []byte(tenTargets()), 0o600); err != nil {
		return err
	}
	p, err := l.Client.Start(win.Path, "--no-tray", "--config", "Z:"+config)
	if err != nil {
		return err
	}
	ask := func(args ...string) (string, error) {
		out, err := l.Client.Run(win.Path, args...)
		if err != nil {
			err = fmt.Errorf("%w\nthe resident says:\n%s", err, p.Tail())
		}
		return out, err
	}
	if err := tenUp(ask); err != nil {
		return err
	}
	time.Sleep(settled)
	servers := win.PIDs(func(args []string) bool { return strings.Contains(args[0], "wineserver") })
	if len(servers) != 1 {
		return fmt.Errorf("%d servers of one Windows", len(servers))
	}
	measure := func(span time.Duration) (program, server lab.Cost, err error) {
		var measuring sync.WaitGroup
		var serverErr error
		measuring.Go(func() { server, serverErr = lab.CostOf(servers[0], span) })
		program, err = lab.CostOf(p.PID, span)
		measuring.Wait()
		return program, server, errors.Join(err, serverErr)
	}
	span := time.Duration(b.seconds) * time.Second
	program, server, err := measure(span)
	if err != nil {
		return err
	}
	other := func(c lab.Cost) {
		fmt.Printf("%-58s   %8.3g s a minute, %.3g wake-ups a second, %.3g MB\n", "and the server of that Windows, which is wine's", c.PerMinute().Seconds(), c.WakeupsPerSecond(), float64(c.End.RSS)/1e6)
	}
	fmt.Printf("\nholdfast.exe under wine, ten targets, a beat each 500 ms, no tray, over %v (asked on Linux)\n\n", span)
	b.budget("processor", program.PerMinute().Seconds(), .1, "s a minute")
	b.budget("wake-ups", program.WakeupsPerSecond(), 50, "a second")
	b.budget("memory of its own (heap, stacks, data)", float64(program.End.AnonPrivate)/1e6, 20, "MB")
	fmt.Printf("%-58s   %8.3g MB, with wine's libraries; PSS %.3g MB, %d threads\n", "resident memory", float64(program.End.RSS)/1e6, float64(program.End.PSS)/1e6, program.End.Threads)
	other(server)
	if _, err := ask("pause"); err != nil {
		return err
	}
	time.Sleep(settled)
	if program, server, err = measure(30 * time.Second); err != nil {
		return err
	}
	fmt.Printf("\nholdfast.exe under wine, paused, over 30s (asked on Linux)\n\n")
	b.budget("wake-ups in all", float64(program.Wakeups), 0, "")
	other(server)
	return nil
}

// panel is the panel's half of a tray: it lets icons register, and says that somebody shows them.
func panel(address string) (*dbus.Conn, error) {
	var conn *dbus.Conn
	var err error
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err = dbus.Connect(address); err == nil {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("session bus: %w", err)
		}
	}
	const name, path = watcherName, dbus.ObjectPath("/StatusNotifierWatcher")
	props, err := prop.Export(conn, path, prop.Map{name: {
		"IsStatusNotifierHostRegistered": {Value: true, Emit: prop.EmitTrue},
		"ProtocolVersion":                {Value: int32(0), Emit: prop.EmitTrue},
		itemsProperty:                    {Value: []string{}, Emit: prop.EmitTrue},
	}})
	if err != nil {
		return nil, err
	}
	if err := conn.Export(&watcher{conn: conn, props: props}, path, name); err != nil {
		return nil, err
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		return nil, err
	}
	return conn, nil
}

// items asks the panel's half which icons there are.
func items(address string) (list []string, err error) {
	conn, err := dbus.Connect(address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return list, conn.Object(watcherName, "/StatusNotifierWatcher").StoreProperty(watcherName+"."+itemsProperty, &list)
}

const (
	watcherName   = "org.kde.StatusNotifierWatcher"
	itemsProperty = "RegisteredStatusNotifierItems"
)

type watcher struct {
	conn  *dbus.Conn
	props *prop.Properties
	mu    sync.Mutex // guards items
	items []string
}

// RegisterStatusNotifierItem takes the bus name of an icon, or its path on the caller's connection.
func (w *watcher) RegisterStatusNotifierItem(service string, sender dbus.Sender) *dbus.Error {
	if strings.HasPrefix(service, "/") {
		service = string(sender) + service
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.items, service) {
		w.items = append(w.items, service)
		w.props.SetMust(watcherName, itemsProperty, slices.Clone(w.items))
	}
	if err := w.conn.Emit("/StatusNotifierWatcher", watcherName+".StatusNotifierItemRegistered", service); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

// RegisterStatusNotifierHost lets other panels come too.
func (*watcher) RegisterStatusNotifierHost(string) *dbus.Error { return nil }

// manySessions compares watch, with many sessions on loopback, with a C epoll loop that does the same.
func (b *bench) manySessions() error {
	cc, err := exec.LookPath("cc")
	if err != nil {
		fmt.Println("\nMany sessions: not measured, cc is not installed")
		return nil
	}
	loop := filepath.Join(b.dir, "epoll")
	source, err := packageFile("epoll/epoll.c")
	if err != nil {
		return err
	}
	if err := command(nil, cc, "-O2", "-o", loop, source); err != nil {
		return err
	}
	l, err := lab.Open()
	if err != nil {
		return err
	}
	defer l.Close()
	// One address each, all on the loopback interface of a host that has nothing else to do.
	first := netip.MustParseAddr("127.0.1.1")
	serve, err := l.Server.Start(b.program, "serve", fmt.Sprintf("0.0.0.0:%d", servePort))
	if err != nil {
		return err
	}
	if err := l.Server.Ready(serve, netip.AddrPortFrom(first, servePort)); err != nil {
		return err
	}
	watch := func(n int) (lab.Cost, error) {
		args := []string{"--heartbeat", "line", "--send", `PING {nonce}\n`, "--expect", `PONG {nonce}\n`}
		for i, a := 0, first; i < n; i, a = i+1, a.Next() {
			args = append(args, netip.AddrPortFrom(a, servePort).String())
		}
		w, err := l.Server.Watch(b.program, args...)
		if err != nil {
			return lab.Cost{}, err
		}
		defer w.Kill()
		if err := w.UntilUp(n, 60*time.Second); err != nil {
			return lab.Cost{}, err
		}
		time.Sleep(settled)
		c, err := lab.CostOf(w.PID, time.Duration(b.seconds)*time.Second)
		if err != nil {
			return c, err
		}
		for _, e := range w.Events() {
			if e.State == "down" {
				return c, fmt.Errorf("a session went down while it was measured:\n%s", e)
			}
		}
		return c, nil
	}
	one, err := watch(1)
	if err != nil {
		return fmt.Errorf("watch with one session: %w", err)
	}
	many, err := watch(b.sessions)
	if err != nil {
		return fmt.Errorf("watch with %d sessions: %w", b.sessions, err)
	}
	c, err := b.epoll(l, loop, first)
	if err != nil {
		return fmt.Errorf("epoll with %d sessions: %w", b.sessions, err)
	}
	fmt.Printf("\nwatch with %d sessions on loopback, a beat each 500 ms, over %d s (asked)\n\n", b.sessions, b.seconds)
	each := func(f func(lab.Usage) int64) float64 {
		return float64(f(many.End)-f(one.End)) / float64(b.sessions-1) / 1024
	}
	b.budget("memory a session, resident (RSS)", each(func(u lab.Usage) int64 { return u.RSS }), 8, "KiB")
	fmt.Printf("%-58s   %8.3g KiB\n", "memory a session, shared out (PSS)", each(func(u lab.Usage) int64 { return u.PSS }))
	fmt.Printf("%-58s   %8.3g MB with one session, %.3g MB with %d\n", "resident memory", float64(one.End.RSS)/1e6, float64(many.End.RSS)/1e6, b.sessions)
	fmt.Printf("%-58s   %8.3g s a minute, %.3g wake-ups a second\n", "processor, watch", many.PerMinute().Seconds(), many.WakeupsPerSecond())
	fmt.Printf("%-58s   %8.3g s a minute, %.3g wake-ups a second\n", "processor, one epoll loop in C", c.PerMinute().Seconds(), c.WakeupsPerSecond())
	b.budget("processor, watch to the loop", float64(many.PerMinute())/float64(c.PerMinute()), 2.5, "x")
	beats := float64(b.sessions) * 2 * 60
	fmt.Printf("%-58s   %8.3g us, the loop %.3g us\n", "processor a beat, watch", float64(many.PerMinute().Microseconds())/beats, float64(c.PerMinute().Microseconds())/beats)
	return nil
}

// epoll measures the C loop.
func (b *bench) epoll(l *lab.Lab, loop string, first netip.Addr) (lab.Cost, error) {
	lines := make(chan string, 16)
	p, err := l.Server.StartLines(func(l lab.Line) { lines <- l.Text }, loop, first.String(), strconv.Itoa(servePort), strconv.Itoa(b.sessions), "500")
	if err != nil {
		return lab.Cost{}, err
	}
	defer p.Kill()
	next := func() (string, error) {
		select {
		case line := <-lines:
			return line, nil
		case <-time.After(60 * time.Second):
			return "", fmt.Errorf("it says nothing: %s", p.Tail())
		}
	}
	if line, err := next(); err != nil || line != "up" {
		return lab.Cost{}, fmt.Errorf("it says %q (%v): %s", line, err, p.Tail())
	}
	start := time.Now()
	time.Sleep(settled)
	c, err := lab.CostOf(p.PID, time.Duration(b.seconds)*time.Second)
	if err != nil {
		return c, err
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		return c, err
	}
	line, err := next()
	if err != nil {
		return c, err
	}
	// A loop that did not do the work is no measure.
	var beats, late, wrong, ended int
	if _, err := fmt.Sscanf(line, "beats %d late %d wrong %d ended %d", &beats, &late, &wrong, &ended); err != nil {
		return c, fmt.Errorf("it says %q: %w", line, err)
	}
	if want := int(time.Since(start).Seconds()-2) * 2 * b.sessions; beats < want || wrong > 0 || ended > 0 || late > beats/1000 {
		return c, fmt.Errorf("it says %q, want at least %d beats and nothing wrong", line, want)
	}
	return c, nil
}

// tray runs the tray's own benchmarks: start to icon, and state change to new icon.
func (b *bench) tray() error {
	fmt.Printf("\nTray (asked: 50 ms from start to icon, 50 ms from a state to its icon)\n\n")
	return goBench(nil, "holdfast/ui/tray")
}

// goBench runs the benchmarks of a package and prints what they say.
func goBench(env []string, pkg string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"test", "-run", "^$", "-bench", "."}, flags...), pkg)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	found := false
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Benchmark") {
			found = true
			fmt.Print(line)
		}
	}
	if !found {
		return fmt.Errorf("%s has no benchmark that ran here:\n%s", pkg, out)
	}
	return nil
}

// packageFile finds a file of the lab's sources.
func packageFile(name string) (string, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "holdfast/internal/lab").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources of the lab: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), name), nil
}
