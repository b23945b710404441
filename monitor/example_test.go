package monitor_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"holdfast/monitor"
)

// serve answers heartbeats as an echo server does (RFC 862), and says where it listens.
func serve() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return l
}

// Another program keeps a session to one server alive, and is told of every change.
func ExampleNew() {
	server := serve()
	defer server.Close()

	m, err := monitor.New(monitor.Target{Name: "office", Address: server.Addr().String(), Heartbeat: "echo"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()

	events := m.Subscribe(false)
	defer events.Close()
	for {
		e, err := events.Next(ctx)
		if err != nil || e.Snapshot.State == monitor.Up {
			break
		}
	}
	fmt.Println(m.Snapshot().Target.Name, "is", m.Snapshot().State)

	cancel()
	fmt.Println(<-ended)
	// Output:
	// office is up
	// context canceled
}

// A Fleet watches many targets; they may change while it runs.
func ExampleFleet() {
	server := serve()
	defer server.Close()
	address := server.Addr().String()

	f := monitor.NewFleet(monitor.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()

	events := f.Subscribe(false)
	defer events.Close()
	up := func(names ...string) {
		for waiting := len(names); waiting > 0; {
			e, err := events.Next(ctx)
			if err != nil {
				return
			}
			if e.Kind == monitor.StateEvent && e.Snapshot.State == monitor.Up {
				waiting--
			}
		}
		for _, s := range f.Snapshots() {
			fmt.Println(s.Target.Name, s.State)
		}
	}

	office := monitor.Target{Name: "office", Address: address, Heartbeat: "echo"}
	if err := f.Set([]monitor.Target{office}); err != nil {
		fmt.Println(err)
	}
	up("office")

	// The office keeps its session, the stock is new.
	stock := monitor.Target{Name: "stock", Address: address, Heartbeat: "line", Send: "PING {nonce}\n", Expect: "PING {nonce}"}
	if err := f.Set([]monitor.Target{office, stock}); err != nil {
		fmt.Println(err)
	}
	up("stock")

	// What cannot be used changes nothing.
	fmt.Println(f.Set([]monitor.Target{{Name: "office", Address: "nowhere"}}))

	cancel()
	fmt.Println(<-ended)
	// Output:
	// office up
	// office up
	// stock up
	// target "office": address: "nowhere": expected host:port, an IPv6 address in brackets
	// context canceled
}

// A verdict names the hop that broke, and why.
func ExampleMonitor_Snapshot() {
	server := serve()
	address := server.Addr().String()
	server.Close() // nobody listens there any more

	m, err := monitor.New(monitor.Target{Name: "office", Address: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	events := m.Subscribe(false)
	defer events.Close()
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()
	for m.Snapshot().State != monitor.Down {
		if _, err := events.Next(ctx); err != nil {
			break
		}
	}
	s := m.Snapshot()
	fmt.Println(s.State, s.Verdict.Hop, s.Verdict.Cause)

	cancel()
	<-ended
	// Output:
	// down server server-refused
}
