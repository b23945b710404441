package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

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
}

// newDemo opens a port of the loopback interface. Serve, or close the listener.
func newDemo(lang ui.Lang) (*demo, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the demo server: %w", err)
	}
	return &demo{
		server: responder.New(responder.Options{MaxClients: 64}),
		ln:     ln,
		target: monitor.Target{
			Name: lang.Say("demo.name"), Address: ln.Addr().String(),
			Heartbeat: "line", Send: "PING {nonce}\n", Expect: "PONG {nonce}\n",
		},
	}, nil
}

func (d *demo) serve(ctx context.Context) error { return d.server.Serve(ctx, d.ln) }

// set is what the drill asks for.
func (d *demo) set(mode string) error {
	m, err := responder.ParseMode(mode)
	if err != nil {
		return err
	}
	d.server.SetMode(m)
	return nil
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
	return append([]monitor.Target{t}, targets...)
}

var errNoDemo = errors.New("the demo server is switched off in the settings")
