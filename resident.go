package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/autostart"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/dial"
	"holdfast/internal/history"
	"holdfast/internal/launch"
	"holdfast/internal/responder"
	"holdfast/monitor"
	"holdfast/ui"
	"holdfast/ui/notify"
	"holdfast/ui/terminal"
	"holdfast/ui/tray"
)

// traceSeconds is how many seconds of round trips the resident keeps of each target, for the window's chart.
const traceSeconds = 600

type residentFlags struct {
	config     string
	noTray     bool
	background bool
	window     bool
}

func (f *residentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "settings file (default: holdfast.toml in ~/.config/holdfast, on Windows in %AppData%\\holdfast)")
	cmd.Flags().BoolVar(&f.background, "background", false, "open no window unasked; what starts at login is started so")
	cmd.Flags().BoolVar(&f.window, "window", false, "open the window too")
	cmd.Flags().BoolVar(&f.noTray, "no-tray", false, "show no icon; print what happens instead")
}

// A resident is the one Holdfast of a user: engine, tray, control socket, and the window as its child.
type resident struct {
	p     *program
	store *config.Store
	fleet *monitor.Fleet
	made  time.Time // when fleet was: its beats are on a grid that begins there
	demo  *demo
	child *child
	tray  *tray.Tray // nil: none wanted
	notes *notify.Notifier
	past  *history.Recorder // nil: nothing is kept
	end   context.CancelFunc
	quiet bool        // no window is opened unasked
	opens bool        // the window is opened at the start
	bare  atomic.Bool // nothing on this desktop shows the icon

	passwords *passwords
	spoken    chan struct{} // capacity 1: the language is another

	demoOn  sync.Mutex // guards demoIn
	demoIn  bool       // the demo is among the targets
	first   sync.Once
	applied chan struct{} // closed when the settings were looked at for the first time

	once   sync.Once
	noIcon chan struct{} // closed when it is known that no icon can be shown: what happens is printed instead
}

// settingsPath is where the settings are, the flag first.
func settingsPath(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	return config.Path()
}

// resident runs the one Holdfast of this user until ctx ends, or asks the one that runs to open its window.
func (p *program) resident(ctx context.Context, f residentFlags) error {
	if !f.noTray {
		if left, err := leaveConsole(); left {
			return err
		}
	}
	p.keepMessages()
	p.shown = p.stamped && !f.background
	ln, err := control.Listen(p.socket)
	if errors.Is(err, control.ErrRunning) {
		if f.background {
			return nil // one runs, and that is all that was wanted
		}
		return p.second(ctx)
	}
	if err != nil {
		return err
	}
	p.beThrifty()
	defer ln.Close() // twice does no harm, and not everything below gets as far as serving it
	path, err := settingsPath(f.config)
	if err != nil {
		return err
	}
	store := config.Open(path)
	settings, _ := store.Current()
	r := &resident{
		p: p, store: store, noIcon: make(chan struct{}), applied: make(chan struct{}), spoken: make(chan struct{}, 1),
		quiet: f.background, opens: f.window, made: time.Now(),
	}
	r.fleet = monitor.NewFleet(monitor.Options{Trace: traceSeconds, Logger: p.logger(), Beat: r.beat})
	r.speak(p.language(settings.Language, p.getenv))
	r.child = &child{socket: ln.Addr().String(), say: p.say, getenv: p.getenv, find: findWindow}
	ctx, r.end = context.WithCancel(ctx)
	defer r.end()
	ended := make(chan struct{}) // closed when what happened is written down
	r.passwords = newPasswords(ctx, keyring())
	r.passwords.changed = r.reapply
	r.passwords.missing = func(account string, err error) { p.say("%s", noPassword(account, err, r.language())) }
	if f.noTray {
		close(r.noIcon)
	} else {
		// No logger: what it would say, hostGone says for people.
		r.tray = tray.New(tray.Options{Lang: r.language(), Actions: r.actions(), HostGone: r.hostGone, Ended: ended})
	}

	// The icon is registered first and meanwhile the rest is built. It wants the main goroutine on macOS, so the rest is
	// what gets another.
	rest := make(chan error, 1)
	go func() {
		defer r.end()
		rest <- r.run(ctx, ln)
		close(ended)
	}()
	r.showIcon(ctx)
	err = <-rest
	r.passwords.end()
	r.child.close()
	return err
}

// second is a start while another runs: what the person wants to see is that one's window.
func (p *program) second(ctx context.Context) error {
	launch.GiveWay()
	err := p.ask(func(c *control.Client) error { return c.Window(ctx) })
	if err == nil {
		p.say("Holdfast is already running; its window is open now")
		return nil
	}
	if e := (*control.Error)(nil); errors.As(err, &e) { // it runs, and that was the question
		p.say("Holdfast is already running; %v", err)
		return nil
	}
	return fmt.Errorf("Holdfast is already running, and its window could not be opened: %w", err)
}

// showIcon keeps the icon until ctx ends.
func (r *resident) showIcon(ctx context.Context) {
	if r.tray == nil {
		<-ctx.Done()
		return
	}
	if err := r.tray.Run(ctx); err != nil && ctx.Err() == nil {
		r.bare.Store(true)
		r.p.say("no icon is shown (%v); Holdfast watches all the same and says here what changes: ask it with holdfast status, or use holdfast watch instead", err)
		r.giveUpIcon()
		<-ctx.Done()
	}
}

func (r *resident) giveUpIcon() { r.once.Do(func() { close(r.noIcon) }) }

// hostGone is told by the tray that nothing shows icons, or that something does again.
func (r *resident) hostGone(gone bool) {
	r.bare.Store(gone)
	if !gone {
		r.p.say("%s", r.language().Say("tray.back"))
		return
	}
	code := "notray." + ui.TrayHost(r.p.getenv)
	r.p.say("%s. %s", r.language().Say(code), r.language().Tell(code))
	if r.quiet {
		return // it was started at login, where a panel may be slower than this program
	}
	// Only at the start, where a person waits for something to appear. A panel that is gone later took nobody's window.
	r.once.Do(func() {
		if err := r.child.open(); err != nil {
			r.p.say("%v", err)
		}
	})
}

// openFirst opens the window that was asked for with the start.
func (r *resident) openFirst(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-r.applied: // it is to open on what is watched
		if err := r.child.open(); err != nil {
			r.p.say("%v", err)
		}
	}
}

// run is all but the icon: it ends when ctx does, or with the first part that fails, and everything has ended then.
func (r *resident) run(ctx context.Context, ln net.Listener) (err error) {
	if r.demo, err = newDemo(); err != nil {
		return err
	}
	events := r.fleet.Subscribe(false)
	notes := notify.Options{
		Next: events.Next, Close: events.Close, Snapshots: r.fleet.Snapshots, Logger: r.p.logger(),
		Actions: notify.Actions{Reconnect: r.reconnectAll, Open: r.actions().Open},
	}
	if r.tray != nil {
		notes.Balloon, notes.Balloons = r.tray.Balloon, r.tray.Balloons()
	}
	r.notes = notify.New(notes)
	server := &control.Server{
		Engine: kicking{control.ForFleet(r.fleet), r.passwords.again}, Settings: r.store, Version: versionString(), Logger: r.p.logger(),
		OpenWindow: r.child.open, Try: r.try, Quit: r.end, Password: r.setPassword, NoIcon: r.bare.Load,
		Demo: func(mode string) error { return r.drill(ctx, mode) }, Drilled: r.drilled,
		SetAutostart: func(on bool) error { return atLogin(setAutostart(on)) },
		Autostart: func() (control.Autostart, error) {
			s, err := autostart.Enabled()
			return control.Autostart(s), atLogin(err)
		},
	}
	parts := []func(context.Context) error{
		r.fleet.Run,
		r.demo.serve,
		func(ctx context.Context) error { return server.Serve(ctx, ln) },
		func(ctx context.Context) error { r.store.Run(ctx, r.changed); return nil },
		r.printWithoutIcon,
		r.notes.Run,
	}
	if r.opens {
		parts = append(parts, func(ctx context.Context) error { r.openFirst(ctx); return nil })
	}
	if r.past = r.keepHistory(); r.past != nil {
		server.History, server.RoundTrips = outagesKept(r.past), roundTripsKept(r.past)
		events := r.fleet.Subscribe(false) // before the first target is there
		parts = append(parts, func(ctx context.Context) error { return r.past.Run(ctx, events) })
	}
	if r.tray != nil {
		parts = append(parts, func(ctx context.Context) error {
			select { // "nothing set up" is not to flash before the settings are in force
			case <-r.applied:
				return r.icon().feed(ctx)
			case <-ctx.Done():
				return nil
			}
		})
	}
	return together(ctx, parts...)
}

// beat counts a heartbeat.
func (r *resident) beat(target string, at time.Time, rtt time.Duration) {
	if r.past != nil {
		r.past.Beat(target, at, rtt)
	}
}

func (r *resident) icon() icon {
	events := r.fleet.Subscribe(false)
	return icon{
		next: events.Next, close: events.Close, snapshots: r.fleet.Snapshots, stalled: r.fleet.Stalled, show: r.show, lang: r.language, spoken: r.spoken, since: r.made,
	}
}

// show brings the icon up to t. Whether the engine still judges is looked at for the icon only, and told to the notifications.
func (r *resident) show(t ui.Tray) {
	r.tray.Show(t)
	r.notes.Stalled(t.Look == ui.LookUnknown)
}

// reconnectAll reconnects what a notification was about. A target that has gone meanwhile needs nothing.
func (r *resident) reconnectAll(names []string) {
	for _, name := range names {
		if err := r.fleet.Reconnect(name); err != nil && !errors.Is(err, monitor.ErrUnknownTarget) {
			r.p.say("%v", err)
		}
	}
}

// together runs all parts until ctx ends or one of them fails; all have ended when it returns.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, part := range parts {
		go func() { ended <- orderly(ctx, part(ctx)) }()
	}
	var errs []error
	for range parts {
		if err := <-ended; err != nil {
			errs = append(errs, err)
			cancel()
		}
	}
	return errors.Join(errs...)
}

// apply makes settings the targets; those that did not change keep their sessions. Passwords come from the keyring: what
// it does not tell at once holds up only those that need it, for secret.Patience at most, and likewise what a script of the
// system's says of their way.
func (r *resident) apply(s config.Settings) error {
	targets, err := withPassword(s.Targets, r.p.getenv)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	pending, done := r.passwords.ask(accountsOf(targets))
	known := len(pending) == 0
	if !known {
		select {
		case <-done:
			known = true
		case <-time.After(early):
		}
	}
	wait := func(t monitor.Target) bool {
		_, account, ok := login(t)
		return !known && ok && pending[account] || t.Via == "system" && dial.SystemSilent(t.Address)
	}
	if slices.ContainsFunc(s.Targets, wait) {
		others := s
		others.Targets = slices.DeleteFunc(slices.Clone(s.Targets), wait)
		if err := r.watch(func() config.Settings { return others }); err != nil {
			return err
		}
		if len(others.Targets) > 0 { // else "nothing set up" would flash
			r.first.Do(func() { close(r.applied) })
		}
	}
	if !known {
		<-done
	}
	return r.watch(func() config.Settings { return s })
}

// reapply is for when a password is known that was not.
func (r *resident) reapply() {
	if err := r.watch(func() config.Settings { s, _ := r.store.Current(); return s }); err != nil {
		r.p.say("%v", err)
	}
}

// watch makes the settings that current returns the targets, with the passwords that are known.
func (r *resident) watch(current func() config.Settings) error {
	r.demoOn.Lock()
	defer r.demoOn.Unlock()
	s := current() // only now: what came meanwhile is newer
	targets, err := fill(s.Targets, r.passwords.of)
	if err == nil {
		targets, err = withPassword(targets, r.p.getenv)
	}
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if s.Demo {
		targets = withDemo(r.demo, targets)
	}
	if err := r.fleet.Set(targets); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if r.demoIn && !s.Demo {
		r.demo.set(responder.Normal) // whoever tries it again later finds it whole
	}
	r.demoIn = s.Demo
	r.notes.Set(notify.Settings{
		Off: s.Notify.Off, After: s.Notify.Wait(), Sound: s.Notify.Sound, From: s.Notify.Quiet.From, To: s.Notify.Quiet.To,
		Lang: r.p.language(s.Language, r.p.getenv),
	})
	if r.tray != nil {
		r.tray.ShowDrill(s.Demo, drillNow(r.demo))
		r.tray.ShowBadge(s.Tray.Badge)
	}
	return nil
}

// language is what the person reads now.
func (r *resident) language() ui.Lang { return r.p.reader() }

// speak changes it, for what is said on standard error too.
func (r *resident) speak(l ui.Lang) { r.p.spoken.Store(&l) }

// changed is told what the settings are, at the start and when they change, and what is wrong with the file.
func (r *resident) changed(s config.Settings, err error) {
	defer r.first.Do(func() { close(r.applied) })
	if l := r.p.language(s.Language, r.p.getenv); l != r.language() {
		r.speak(l)
		if r.tray != nil {
			r.tray.Speak(l)
		}
		select {
		case r.spoken <- struct{}{}:
		default: // the icon has one to look at already
		}
	}
	r.child.look()
	if err == nil {
		err = r.apply(s)
	}
	switch {
	case err == nil:
	case len(r.fleet.Snapshots()) == 0:
		r.p.say("%v\nnothing is watched until this is mended", err)
	default:
		r.p.say("%v\nthe last good settings stay in force", err)
	}
}

// drill tells the demo server what to do.
func (r *resident) drill(ctx context.Context, mode string) error {
	r.demoOn.Lock()
	there := r.demoIn
	r.demoOn.Unlock()
	if !there {
		return &control.Error{Status: 501, Code: control.CodeUnavailable, Msg: errNoDemo.Error()}
	}
	err := r.demo.drill(ctx, mode, r.fleet)
	r.demoOn.Lock()
	defer r.demoOn.Unlock()
	if r.tray != nil {
		r.tray.ShowDrill(r.demoIn, drillNow(r.demo))
	}
	return err
}

// drillNow is which drill is on, for the menu.
func drillNow(d *demo) tray.Drill {
	mode, _ := d.now()
	return tray.Drill(mode.String())
}

// drilled is which drill is on, and since when, for the window.
func (r *resident) drilled() (mode string, since time.Time) {
	m, since := r.demo.now()
	return m.String(), since
}

// actions are what clicks on the icon and its menu ask for.
func (r *resident) actions() tray.Actions {
	check := func(err error) {
		if err != nil {
			r.p.say("%v", err)
		}
	}
	// The end of a timed pause is kept by the control server, for the commands and the window too; so ask it.
	client := func(f func(ctx context.Context, c *control.Client) error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		check(r.p.ask(func(c *control.Client) error { return f(ctx, c) }))
	}
	return tray.Actions{
		Reconnect:       func() { r.passwords.again(); check(r.fleet.Reconnect()) },
		ReconnectTarget: func(key string) { r.passwords.again(); check(r.fleet.Reconnect(key)) },
		Pause: func(until time.Time) {
			client(func(ctx context.Context, c *control.Client) error { return c.Pause(ctx, until) })
		},
		Resume: func() {
			client(func(ctx context.Context, c *control.Client) error { return c.Resume(ctx) })
		},
		Open:  func() { check(r.child.open()) },
		Drill: func(d tray.Drill) { check(r.drill(context.Background(), string(d))) },
		Quit:  r.end,
	}
}

// try watches t on its own until ctx ends, with a password that somebody typed for its proxy, if any.
func (r *resident) try(ctx context.Context, t monitor.Target, password string, event func(monitor.Event)) {
	if password == "" {
		if _, account, ok := login(t); ok && r.p.getenv(passwordVar) == "" {
			_, done := r.passwords.ask([]string{account})
			select {
			case <-done:
			case <-ctx.Done():
				return
			}
			password = r.passwords.of(account)
		}
	}
	t, err := withTyped(t, password)
	if err == nil {
		var list []monitor.Target
		if list, err = withPassword([]monitor.Target{t}, r.p.getenv); err == nil {
			t = list[0]
		}
	}
	if err != nil {
		r.p.say("%v", err)
		return
	}
	control.Try(ctx, t, event)
}

// printWithoutIcon prints what happens when no icon can: on a server, a log is what there is.
func (r *resident) printWithoutIcon(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.noIcon:
	}
	events := r.fleet.Subscribe(false)
	defer events.Close()
	next := skipUnstarted(events.Next)
	lines := terminal.Lines{Lang: r.language()}
	var buf []byte
	for {
		e, err := next(ctx)
		if err != nil {
			return err
		}
		if e.Kind == monitor.AttemptEvent { // a log is kept for weeks, and an outage may last as long
			continue
		}
		lines.Lang = r.language()
		buf = lines.Append(buf[:0], e)
		if _, err := r.p.errs.Write(buf); err != nil {
			return nil // nobody reads; nothing to end for
		}
	}
}

// say prints a message for the person who started this program, or for its log.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.errs, "%sholdfast: %s\n", p.stamp(), printable(p.reader().Error(fmt.Sprintf(format, args...))))
}

// logger is where the parts report what is nobody's question: warnings only, on standard error.
func (p *program) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
