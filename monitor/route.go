package monitor

import (
	"context"

	"holdfast/internal/dial"
	"holdfast/netcheck"
)

// systemWay is the Via of a target whose way the system's settings name.
const systemWay = "system"

// askSystem finds out what the system says of the targets that leave their way to it.
func askSystem(ctx context.Context, targets []Target) {
	var leave []string
	for _, t := range targets {
		if t.Via == systemWay {
			leave = append(leave, t.Address)
		}
	}
	dial.AskSystem(ctx, leave)
}

// follow has targets take another way when the system's settings, or the script that they name, say so. The script is asked
// once more when the network changed, and when a proxy that it named is broken: it may name another.
func (f *Fleet) follow(ctx context.Context) {
	if !dial.SystemChanges() {
		return
	}
	again := make(chan struct{}, 1)
	defer f.hub.watcher.Changes(func(c netcheck.Change) {
		if c.All {
			wake(again)
		}
	})()
	events := f.Subscribe(false)
	defer events.Close()
	f.hub.asking.Go(func() {
		for {
			e, err := events.Next(ctx)
			if err != nil {
				return
			}
			if s := &e.Snapshot; s.State == Down && s.Verdict.Hop == netcheck.HopProxy && s.Target.Via == systemWay {
				wake(again)
			}
		}
	})
	dial.FollowSystem(ctx, again, f.left, f.reroute)
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending
	}
}

// left are the addresses whose way is left to the system.
func (f *Fleet) left() (addresses []string) {
	for _, m := range f.monitors() {
		if m.via == systemWay {
			addresses = append(addresses, m.snap.Load().Target.Address)
		}
	}
	return addresses
}

// reroute begins anew what would go another way now. What is paused stays so.
func (f *Fleet) reroute() {
	f.mu.Lock()
	defer f.mu.Unlock()
	targets := make([]Target, len(f.members))
	paused := map[string]bool{}
	for i, mb := range f.members {
		s := mb.m.snap.Load()
		targets[i] = s.Target
		targets[i].Via = mb.m.via
		paused[mb.m.name] = mb.started && s.State == Idle
		if way, err := targets[i].way(); err != nil || way == mb.m.route() {
			paused[mb.m.name] = false
		}
	}
	if err := f.set(targets); err != nil {
		f.hub.log.Warn("the system's proxy settings name a way that cannot be used; all stays as it is", "err", err)
		return
	}
	for _, mb := range f.members {
		if paused[mb.m.name] {
			mb.m.Pause()
		}
	}
}
