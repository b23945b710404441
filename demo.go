package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"holdfast/internal/responder"
	"holdfast/monitor"
	"holdfast/ui"
)

// A demo is the heartbeat server inside this program, the first target of somebody who has none: green, red and the
// reconnect can be tried with it, and it contacts nobody.
type demo struct {
	server *responder.Server
	ln     net.Listener
	target monitor.Target

	turn sync.Mutex // one drill at a time

	mu    sync.Mutex // guards what follows
	name  string     // the target's, in the fleet
	mode  responder.Mode
	since time.Time // when it was set; zero: never
}

// newDemo opens a port of the loopback interface. Serve, or close the listener.
func newDemo() (*demo, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the demo server: %w", err)
	}
	return &demo{
		server: responder.New(responder.Options{MaxClients: 64}),
		ln:     ln,
		target: monitor.Target{
			Name: ui.DemoName(), Address: ln.Addr().String(),
			Heartbeat: "line", Send: "PING {nonce}\n", Expect: "PONG {nonce}\n",
		},
	}, nil
}

func (d *demo) serve(ctx context.Context) error { return d.server.Serve(ctx, d.ln) }

// now is which drill is on, and since when.
func (d *demo) now() (mode responder.Mode, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mode, d.since
}

// healWithin is how long a drill waits for the session of the demo to be back before it breaks it in another way.
const healWithin = 2 * time.Second

// drill is what a person asks for. Each break begins with a session: what is seen of one that follows another at once would
// be what two of them look like together. Fleet has the demo in it.
func (d *demo) drill(ctx context.Context, mode string, fleet *monitor.Fleet) error {
	m, err := responder.ParseMode(mode)
	if err != nil {
		return err
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	if was, _ := d.now(); was != responder.Normal && m != responder.Normal && m != was {
		d.set(responder.Normal)
		d.wait(ctx, fleet)
	}
	d.set(m)
	return nil
}

func (d *demo) set(m responder.Mode) {
	d.server.SetMode(m)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mode, d.since = m, time.Now()
}

// wait waits until the demo has a session, or is paused.
func (d *demo) wait(ctx context.Context, fleet *monitor.Fleet) {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	d.mu.Lock()
	name := d.name
	d.mu.Unlock()
	events := fleet.Subscribe(false)
	defer events.Close()
	_ = fleet.Reconnect(name) // it may have gone this moment
	for {
		e, err := events.Next(ctx)
		if s := e.Snapshot; err != nil || s.Target.Name == name && (s.State == monitor.Up || s.State == monitor.Idle || e.Removed) {
			return
		}
	}
}

// withDemo puts the demo target first, under a name that no other has.
func withDemo(d *demo, targets []monitor.Target) []monitor.Target {
	t := d.target
	used := make(map[string]bool, len(targets))
	for _, o := range targets {
		used[o.Name] = true
	}
	for n := 2; used[t.Name]; n++ {
		t.Name = d.target.Name + " " + strconv.Itoa(n)
	}
	d.mu.Lock()
	d.name = t.Name
	d.mu.Unlock()
	return append([]monitor.Target{t}, targets...)
}

var errNoDemo = errors.New("the demo server is switched off in the settings")
