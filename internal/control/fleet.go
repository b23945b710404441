package control

import (
	"context"

	"holdfast/monitor"
)

// ForFleet is the fleet as a Server wants it.
func ForFleet(f *monitor.Fleet) Engine { return fleet{f} }

type fleet struct{ *monitor.Fleet }

func (f fleet) Subscribe(beats bool) Subscription { return f.Fleet.Subscribe(beats) }

// Try watches t by itself until ctx ends, and hands over its events, heartbeats included. It is meant for Server.Try.
func Try(ctx context.Context, t monitor.Target, event func(monitor.Event)) {
	m, err := monitor.New(t)
	if err != nil {
		return // it was checked before
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	sub := m.Subscribe(true)
	defer sub.Close()
	go func() {
		defer close(done)
		_ = m.Run(ctx) // ends with ctx
	}()
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			break
		}
		event(e)
	}
	cancel()
	<-done
}
