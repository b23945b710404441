//go:build linux

package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// longTrip is the round trip of the rows over a long way.
const longTrip = 300 * ms

// overLongWay is the row with a relay on its way. What is asked grows by the round trips that are needed:
//
//   - leaving Up by one: an answer is not overdue before it could be there; the end of a session is told half of one later.
//     What the kernel of this computer tells needs none.
//   - Down by two. Of silence: a lost beat is sent again after TCP's RTO, one round trip and 200 ms, and the answer to that
//     takes another. Of an end: the news half a round trip, and a fresh connection's refusal a whole one. Behind a proxy by
//     three: a tunnel has to be opened before anything can be asked.
//   - a cause before connecting by one: the answer, or the silence of a question that one would be back to.
//   - being back by two: a handshake and the first beat; a session that was never lost by one, its beat.
func overLongWay(r Row) Row {
	r.Name += fmt.Sprintf(", round trip %v", longTrip)
	r.Prepare = relayAt(r.Way, RoundTrip(longTrip))
	grow := func(d *time.Duration, trips int) {
		if *d != 0 {
			*d += time.Duration(trips) * longTrip
		}
	}
	here := r.LeavesUp == breaksHere(Row{}).LeavesUp && r.Down == breaksHere(Row{}).Down
	switch {
	case r.Before:
		grow(&r.Down, 1)
		grow(&r.Back, 2)
	case here:
		grow(&r.Back, 1)
	default:
		grow(&r.Median, 1)
		grow(&r.LeavesUp, 1)
		grow(&r.Down, 2)
		if r.way() != Direct {
			grow(&r.Down, 1)
		}
		grow(&r.Back, 2)
	}
	return r
}

// relayAt puts a relay on the way to the server: behind the proxy machine, where that is on it, else behind the gateway.
func relayAt(way string, c Conditions) func(*Site) error {
	return func(s *Site) (err error) {
		place := BeyondGateway
		switch way {
		case HTTP, Squid, SOCKS:
			place = BeforeServer
		}
		s.Relay0, err = s.Relay(place, c)
		return err
	}
}

// RelayRows are breaks on a long way.
func RelayRows() []Row {
	killed := ends(Row{Name: "server program exits", Break: killServer, Causes: []string{"server-refused"}, Down: 100 * ms, Back: 1000 * ms})
	hung := falls(Row{Name: "server stopped (SIGSTOP)", Break: hangServer, Causes: []string{"server-hung"}, Back: 500 * ms})
	drop := falls(Row{Name: "all dropped on the way", Break: local((*Lab).DropAll), Causes: pathLost, Also: unreachable})
	// The same at the relay itself: the gateway goes on answering, and so does every question that needs no more than it.
	silence := falls(Row{Name: "silence in the middle", Break: func(s *Site) (*Fault, error) { return s.Relay0.Silence() }, Causes: hostSilent, Also: nil})
	gateway := falls(Row{Name: "gateway off", Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}})
	cable := breaksHere(Row{Name: "cable pulled", Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, Back: cableBack})
	disabled := breaksHere(Row{Name: "interface disabled", Break: local((*Lab).DisableInterface), Causes: []string{"interface-disabled"}})
	reset := falls(Row{Name: "reset on the way", Break: local((*Lab).RejectRST), Causes: []string{"server-refused"}})
	filtered := falls(Row{Name: "port filtered", Break: dropPort, Causes: []string{"port-filtered"}, Also: pathLost})
	rebooted := ends(Row{Name: "server rebooted", Heals: true, Break: rebootServer, Causes: []string{"server-reset"}, Back: 1100 * ms})
	rebooted.LeavesUp, rebooted.Median, rebooted.Down = 850*ms, 600*ms, 0
	none := func(r Row) Row {
		r.Name, r.None = r.Name+", heartbeat none", true
		return r
	}
	drop0 := falls(none(Row{Name: "all dropped on the way", Break: local((*Lab).DropAll), Causes: pathLost, Also: unreachable}))
	rows := []Row{
		killed, hung, drop, silence, gateway, cable, disabled, reset, filtered, rebooted, none(killed), none(cable), drop0,
		before(killed), before(hung), before(drop), before(silence), before(gateway), before(cable), before(filtered),
	}
	for _, way := range []string{HTTP, SOCKS} {
		killed, hung, disabled := killed, hung, disabled
		gone := falls(Row{Name: "server's machine off", Break: local((*Lab).ServerGone), Causes: unreachable, Also: beyondAlso, Back: farBack})
		behind := falls(Row{Name: "all dropped behind the proxy", Break: local((*Lab).FarDropAll), Causes: unreachable, Also: beyondAlso, Back: farBack})
		exits := ends(Row{Name: "proxy program exits", Break: proxy((*Service).Fail), Causes: []string{"proxy-refused"}})
		stopped := falls(Row{Name: "proxy hung (SIGSTOP)", Break: proxy((*Service).Hang), Causes: []string{"proxy-hung"}})
		unplugged := falls(Row{Name: "proxy machine's cable pulled", Break: local((*Lab).ProxyUnplugged), Causes: []string{"proxy-unreachable"}})
		refused := before(killed)
		if way == HTTP { // tinyproxy says 500 for everything
			refused.Causes = []string{"proxy-upstream-failed"}
		}
		killed.Down = 1200 * ms // as asked of every end behind a proxy
		for _, r := range []Row{killed, hung, disabled, gone, behind, exits, stopped, unplugged, refused, before(gone), before(behind), before(unplugged)} {
			r.Way = way
			rows = append(rows, r)
		}
	}
	for i := range rows {
		rows[i] = overLongWay(rows[i])
		rows[i].Extra = true
	}
	for _, r := range slices.Clone(rows) {
		if r.way() == Direct && !r.None {
			r.V6 = true
			rows = append(rows, r)
		}
	}
	return rows
}

// RelayHarmlessRows are what a way may do for a while, each so long, and nobody is to be alarmed.
func RelayHarmlessRows(lasts time.Duration) []Harmless {
	type weather struct {
		name   string
		before Conditions // in force from the start
		then   Conditions // and once the session is up
	}
	var rows []Harmless
	for _, w := range []weather{
		{"5 % loss", Conditions{}, Conditions{Loss: .05}},
		{"jitter 0 to 200 ms", Conditions{}, Conditions{Jitter: 200 * ms}},
		{"jitter 0 to 200 ms in order", Conditions{}, Conditions{Jitter: 200 * ms, Order: true}},
		{"10 % reordered by 20 ms", Conditions{}, Conditions{Reorder: .1, Held: 20 * ms}},
		{"round trip 300ms", RoundTrip(longTrip), RoundTrip(longTrip)},
		{"round trip 300ms all of a sudden", Conditions{}, RoundTrip(longTrip)},
		{"round trip 300ms and 5 % loss", RoundTrip(longTrip), Conditions{Delay: longTrip / 2, Loss: .05}},
		{"round trip 300ms and jitter 0 to 200 ms", RoundTrip(longTrip), Conditions{Delay: longTrip / 2, Jitter: 200 * ms}},
	} {
		row := func(way string, v6, none bool) {
			name := w.name
			if none {
				name += ", heartbeat none"
			}
			rows = append(rows, Harmless{
				Name: name, Way: way, V6: v6, None: none, Prepare: relayAt(way, w.before), Rest: 4 * time.Second,
				Do: func(s *Site) error {
					if err := s.Relay0.Set(w.then); err != nil {
						return err
					}
					time.Sleep(lasts)
					return s.Relay0.Set(w.before)
				},
			})
		}
		row(Direct, false, false)
		row(Direct, false, true)
		row(Direct, true, false)
		row(HTTP, false, false)
		row(SOCKS, false, false)
		row(OutHTTP, false, false)
	}
	for _, none := range []bool{false, true} {
		h := Harmless{Name: "round trip 300ms and a 300 ms hole now and then", Way: Direct, None: none, Prepare: relayAt(Direct, RoundTrip(longTrip)), Rest: 4 * time.Second}
		if none {
			h.Name += ", heartbeat none"
		}
		h.Do = func(s *Site) error {
			// At any moment between two beats, and far enough from each other that each is the only one.
			for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(4*time.Second + rand.N(2*time.Second)) {
				if err := blink(s.Relay0.Silence, 300*ms); err != nil {
					return err
				}
			}
			return nil
		}
		rows = append(rows, h)
	}
	return rows
}
