package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"holdfast/monitor"
	"holdfast/ui"
)

// Actions are called when something on a notification is clicked: one at a time, from a goroutine that serves nothing
// else. They may take their time.
type Actions struct {
	Reconnect func(names []string) // of targets; one may have gone meanwhile
	Open      func()               // the window
}

// Options of a Notifier. Next, Close and Snapshots are a monitor.Subscription's and a monitor.Fleet's.
type Options struct {
	Next      func(ctx context.Context) (monitor.Event, error)
	Close     func()
	Snapshots func() []monitor.Snapshot
	Actions   Actions
	Logger    *slog.Logger // nil: nothing is logged

	// Windows shows notifications at an icon, and nothing else uses these two, a tray.Tray's: Balloon shows one, in place of
	// the one that stands; Balloons says what becomes of them. Nil: there is no icon.
	Balloon  func(ctx context.Context, b ui.Balloon) error
	Balloons <-chan ui.BalloonEvent
}

// A Notifier tells a person what happens, as Settings say.
type Notifier struct {
	o    Options
	desk *desk

	mu      sync.Mutex // guards what follows
	set     Settings
	stalled bool
	asleep  bool
	wake    chan struct{} // capacity 1: one of them has changed
}

// New returns a Notifier that tells nothing before Set was called.
func New(o Options) *Notifier {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Notifier{o: o, set: Settings{Off: true}, wake: make(chan struct{}, 1), desk: newDesk(o)}
}

// Set changes the settings. It may be called from any goroutine and waits for nobody.
func (n *Notifier) Set(s Settings) { n.change(func() { n.set = s }) }

// Stalled says whether nobody judges at the moment: what is said of the targets is not known to be true. It may be called
// from any goroutine and waits for nobody.
func (n *Notifier) Stalled(yes bool) { n.change(func() { n.stalled = yes }) }

func (n *Notifier) change(f func()) {
	n.mu.Lock()
	set, stalled, asleep := n.set, n.stalled, n.asleep
	f()
	same := set == n.set && stalled == n.stalled && asleep == n.asleep
	n.mu.Unlock()
	if !same {
		ring(n.wake)
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it rings already
	}
}

// gap is the least time between two looks at all targets, when events come in a burst.
const gap = 100 * time.Millisecond

// Run works until ctx ends or Next fails. It sleeps while nothing happens, and needs no session bus before there is
// something to tell.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.o.Close()
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	happened := make(chan struct{}, 1)
	failed := make(chan error, 1)
	group.Go(func() {
		for {
			if _, err := n.o.Next(ctx); err != nil {
				failed <- err
				return
			}
			ring(happened)
		}
	})
	group.Go(func() { n.desk.run(ctx) })
	group.Go(func() { watchSleep(ctx, n.o.Logger, func(asleep bool) { n.change(func() { n.asleep = asleep }) }) })

	var book Book
	var asked time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case err := <-failed:
			if ctx.Err() != nil || errors.Is(err, monitor.ErrClosed) {
				return nil
			}
			return err
		case <-happened:
			if wait := gap - time.Since(asked); wait > 0 {
				timer.Reset(wait)
				continue
			}
		case <-n.wake:
		case <-timer.C:
		}
		n.mu.Lock()
		w, set := World{Slept: sleptFor(), Asleep: n.asleep, Stalled: n.stalled}, n.set
		n.mu.Unlock()
		w.Now = time.Now()
		w.Targets = n.o.Snapshots()
		asked = w.Now
		var p Plan
		book, p = book.Next(w, set)
		for _, note := range p.Show {
			n.desk.show(note, set)
		}
		for _, id := range p.Close {
			n.desk.close(id)
		}
		timer.Stop()
		if p.Wait > 0 {
			timer.Reset(p.Wait)
		}
	}
}
