package netcheck_test

import (
	"context"
	"fmt"
	"net/netip"

	"holdfast/netcheck"
)

// "Is the network alive?" is asked for a destination: an adapter that does not lead there does not count.
func ExampleAlive() {
	way, state, err := netcheck.Alive(netip.MustParseAddr("127.0.0.1"))
	fmt.Println(way.Interface, state, err)
	// Output: lo whole <nil>
}

// A session keeps the way it was opened on and judges that way again whenever the kernel's news may concern it.
func ExampleWatcher() {
	way, err := netcheck.Egress(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	watcher := netcheck.NewWatcher(nil)
	wake := make(chan struct{}, 1)
	watcher.Changes(func(c netcheck.Change) {
		if c.All || c.Index == way.Index && !c.Neighbour {
			select {
			case wake <- struct{}{}:
			default: // one is already pending
			}
		}
	})
	release := watcher.Bear(way.Index)
	defer release()

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- watcher.Run(ctx) }()
	<-wake // the first news: judge now, and after each further one
	fmt.Println(netcheck.Judge(way))
	cancel()
	fmt.Println(<-ended)
	// Output:
	// whole
	// <nil>
}

// Facts come in one after the other; as soon as they suffice, Diagnose names the nearest broken hop.
func ExampleDiagnose() {
	facts := netcheck.Facts{
		Way:  netcheck.Way{Index: 2, Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("203.0.113.7")},
		Link: netcheck.LinkWhole,
	}
	facts.Fresh, facts.Gateway = netcheck.Silent, netcheck.Asked
	fmt.Println("still looking:", netcheck.Diagnose(facts).IsZero())
	facts.Gateway = netcheck.Answered
	v := netcheck.Diagnose(facts)
	fmt.Println(v.Hop, v.Cause, v.Also)
	// Output:
	// still looking: true
	// path path-lost [server-unreachable]
}
