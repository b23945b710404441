//go:build linux

package lab

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// A Row is one kind of break, what the program must say to it, and how fast.
type Row struct {
	Name   string
	Before bool // the fault stands before the program starts; else it comes upon a session that is up
	V6     bool
	None   bool // heartbeat none; else PING and +PONG
	Break  func(*Site) (*Fault, error)
	Heals  bool // nothing is to be repaired: the way is another now, and it works

	Causes []string // what the first cause may be, and those that may replace it
	Also   []string // what must be named beside the first
	Extra  bool     // not in the table that was asked for, but promised elsewhere

	LeavesUp, Down, Back time.Duration // asked; Before: Down is when the cause must be out. 0: nothing is asked
}

// A Site is a lab with a server on it and the program watching.
type Site struct {
	*Lab
	Server0 *Proc // redis-server; nil where the row needs nothing listening
	Watch0  *Watch
	At      netip.AddrPort
}

// Port is where the server of a Site listens.
const Port = 6379

const ms = time.Millisecond

func local(f func(*Lab) (*Fault, error)) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return f(s.Lab) }
}

func killServer(s *Site) (*Fault, error) {
	return s.KillServer(s.Server0, Port, func() (p *Proc, err error) {
		s.Server0, err = s.StartRedis(Port)
		return s.Server0, err
	})
}

func hangServer(s *Site) (*Fault, error) { return s.HangServer(s.Server0) }

// Rows are all breaks of the lab.
func Rows() []Row {
	rows := []Row{
		{Name: "server process killed", Break: killServer, Causes: []string{"server-refused"}, LeavesUp: 100 * ms, Down: 100 * ms, Back: 1000 * ms},
		{Name: "cable pulled", Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 1500 * ms},
		{Name: "interface disabled", Break: local((*Lab).DisableInterface), Causes: []string{"interface-disabled"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "address removed", Break: local((*Lab).RemoveAddress), Causes: []string{"no-address"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "default route removed", Break: local((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "server stopped (SIGSTOP)", Break: hangServer, Causes: []string{"server-hung"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 500 * ms},
		{Name: "all dropped on the way", Break: local((*Lab).DropAll), Causes: []string{"path-lost"}, Also: []string{"server-unreachable"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "all dropped on the way, heartbeat none", None: true, Break: local((*Lab).DropAll), Causes: []string{"path-lost"}, Also: []string{"server-unreachable"}, LeavesUp: 1600 * ms, Down: 2000 * ms, Back: 1000 * ms},

		{Name: "cable pulled", Before: true, Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, Down: 1500 * ms},
		{Name: "interface disabled", Before: true, Break: local((*Lab).DisableInterface), Causes: []string{"interface-disabled"}, Down: 1500 * ms},
		{Name: "nothing listening", Before: true, Break: killServer, Causes: []string{"server-refused"}, Down: 1500 * ms},
		{Name: "all dropped on the way", Before: true, Break: local((*Lab).DropAll), Causes: []string{"path-lost"}, Also: []string{"server-unreachable"}, Down: 1500 * ms},
	}
	extra := []Row{
		{Name: "address changed", Heals: true, Break: local((*Lab).ChangeAddress), Causes: []string{"address-changed"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "interface gone", Break: local((*Lab).RemoveInterface), Causes: []string{"interface-gone"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "gateway off", Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "gateway off, heartbeat none", None: true, Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}, LeavesUp: 1600 * ms, Down: 2000 * ms, Back: 1100 * ms},
		{Name: "port filtered", Break: func(s *Site) (*Fault, error) { return s.DropPort(Port) }, Causes: []string{"port-filtered"}, Also: []string{"path-lost"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "flow dropped", Heals: true, Break: func(s *Site) (*Fault, error) { return s.DropFlow(Port) }, Causes: []string{"flow-lost"}, LeavesUp: 850 * ms},
		{Name: "prohibited by ICMP", Break: local((*Lab).RejectICMP), Causes: []string{"path-prohibited"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "reset on the way", Break: local((*Lab).RejectRST), Causes: []string{"server-refused"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "server's host gone", Break: local((*Lab).ServerGone), Causes: []string{"path-lost", "server-unreachable"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "gateway's uplink down", Break: local((*Lab).UplinkDown), Causes: []string{"path-lost", "server-unreachable"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "server process killed, heartbeat none", None: true, Break: killServer, Causes: []string{"server-refused"}, LeavesUp: 100 * ms, Down: 100 * ms, Back: 1000 * ms},
		{Name: "cable pulled, heartbeat none", None: true, Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 1500 * ms},
		{Name: "interface disabled, the adapter has a route", Break: withAdapter((*Lab).DisableInterface), Causes: []string{"interface-disabled"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "default route removed, the adapter has a route", Break: withAdapter((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},

		{Name: "address removed", Before: true, Break: local((*Lab).RemoveAddress), Causes: []string{"no-address"}, Down: 1500 * ms},
		{Name: "default route removed", Before: true, Break: local((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, Down: 1500 * ms},
		{Name: "gateway's uplink down", Before: true, Break: local((*Lab).UplinkDown), Causes: []string{"path-lost", "server-unreachable"}, Down: 1500 * ms},
		{Name: "server's host gone", Before: true, Break: local((*Lab).ServerGone), Causes: []string{"path-lost", "server-unreachable"}, Down: 1500 * ms},
		{Name: "gateway off", Before: true, Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}, Down: 1500 * ms},
		{Name: "server stopped (SIGSTOP)", Before: true, Break: hangServer, Causes: []string{"server-hung"}, Down: 1500 * ms},
		{Name: "port filtered", Before: true, Break: func(s *Site) (*Fault, error) { return s.DropPort(Port) }, Causes: []string{"port-filtered"}, Also: []string{"path-lost"}, Down: 1500 * ms},
		{Name: "prohibited by ICMP", Before: true, Break: local((*Lab).RejectICMP), Causes: []string{"path-prohibited"}, Down: 1500 * ms},
	}
	for _, r := range extra {
		r.Extra = true
		rows = append(rows, r)
	}
	for _, r := range slices.Clone(rows) {
		if r.V6 || r.None || r.Before && r.Name == "address removed" { // its IPv6 route stays: see RemoveAddress
			continue
		}
		r.V6, r.Extra = true, true
		rows = append(rows, r)
	}
	return rows
}

// withAdapter breaks with the virtual adapter's default route in place: the kernel's look-up goes on succeeding.
func withAdapter(f func(*Lab) (*Fault, error)) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) {
		if err := s.AdapterRoute(); err != nil {
			return nil, err
		}
		// The program hears of the new route; that is no break, and the fault is to come upon a quiet computer.
		time.Sleep(300 * ms)
		return f(s.Lab)
	}
}

// Title is the row's name with its family and moment.
func (r Row) Title() string {
	title := r.Name
	if r.Before {
		title = "before connecting: " + title
	}
	if r.V6 {
		title += ", IPv6"
	}
	return title
}

// Args is what the program is told to watch.
func (r Row) Args(at netip.AddrPort) []string {
	if r.None {
		return []string{"--heartbeat", "none", at.String()}
	}
	return []string{"--heartbeat", "line", "--send", `PING\r\n`, "--expect", "+PONG", at.String()}
}

// newSite builds a lab with redis-server on it.
func newSite(v6 bool) (*Site, error) {
	l, err := Open()
	if err != nil {
		return nil, err
	}
	s := &Site{Lab: l, At: ServerAt(Port)}
	if v6 {
		s.At = ServerAtV6(Port)
	}
	if s.Server0, err = l.Redis(Port); err != nil {
		l.Close()
		return nil, err
	}
	return s, nil
}

// peace is how long a session is left alone before its way is broken: some beats, and what the program wants to know of
// the way while all is well.
const peace = 1500 * ms

// watchInPeace starts the program and waits until it has been up for a while.
func (s *Site) watchInPeace(program string, args []string) (err error) {
	if s.Watch0, err = s.Watch(program, args...); err != nil {
		return err
	}
	if err := s.Watch0.UntilUp(1, 5*time.Second); err != nil {
		return err
	}
	time.Sleep(peace + rand.N(500*ms)) // at any moment between two beats
	if state := s.Watch0.Now(""); state != "up" {
		return fmt.Errorf("the session did not stay up in peace: %s", state)
	}
	return nil
}

// Play builds a lab for the row, breaks, leaves it broken for a while once it is noticed, repairs, and returns the
// figures. A row that is not noticed or does not come back is an error; a wrong cause or a slow figure is the caller's to
// judge.
func (r Row) Play(program string, broken time.Duration) (played Played, err error) {
	s, err := newSite(r.V6)
	if err != nil {
		return played, err
	}
	defer s.Close()
	stalls := watchStalls()
	defer func() {
		played.Stalled = stalls()
		if s.Watch0 != nil {
			played.Report = s.Watch0.Report()
		}
	}()
	var fault *Fault
	if r.Before {
		if fault, err = r.Break(s); err != nil {
			return played, err
		}
		if s.Watch0, err = s.Watch(program, r.Args(s.At)...); err != nil {
			return played, err
		}
		fault.At = s.Watch0.Started
	} else {
		if err := s.watchInPeace(program, r.Args(s.At)); err != nil {
			return played, err
		}
		if fault, err = r.Break(s); err != nil {
			return played, err
		}
	}
	w := s.Watch0
	var repaired time.Time
	measure := func(events []Event) Figures { return Measure(events, "", fault.At, repaired) }
	defer func() { played.Figures = measure(w.Events()) }()
	if !r.Heals {
		// Until it is down and named, and a while longer: the cause may be replaced by a wrong one.
		if err := w.Until("outage with a cause", 10*time.Second, func(events []Event) bool {
			m := measure(events)
			return m.Named != None && m.Down != None
		}); err != nil {
			return played, err
		}
		time.Sleep(broken)
		if repaired, err = fault.Repair(); err != nil {
			return played, fmt.Errorf("repair: %w", err)
		}
	}
	if err := w.Until("return to up", 20*time.Second, func(events []Event) bool { return measure(events).Back != None }); err != nil {
		return played, err
	}
	return played, w.Bad()
}

// Played is what became of a row.
type Played struct {
	Figures
	Report  string        // all that the program said, for people
	Stalled time.Duration // the longest time that this process, and so perhaps the program, was not run though it was due
}

// RightCause reports whether the first cause was right, what must be named beside it was, and none that replaced it was
// wrong.
func (r Row) RightCause(f Figures) bool {
	for _, c := range f.Causes {
		if !slices.Contains(r.Causes, c) && !slices.Contains(r.Also, c) {
			return false
		}
	}
	for _, also := range r.Also {
		if !slices.Contains(f.Also, also) {
			return false
		}
	}
	return slices.Contains(r.Causes, f.Cause)
}

// watchStalls looks every 5 ms how late it is, until the function it returns is called, which tells the worst. Where it is
// late by much the machine was too busy to measure anything.
func watchStalls() func() time.Duration {
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		const step = 5 * ms
		tick := time.NewTicker(step)
		defer tick.Stop()
		last, late := time.Now(), time.Duration(0)
		for {
			select {
			case <-stop:
				worst <- late
				return
			case <-tick.C:
				now := time.Now()
				late = max(late, now.Sub(last)-step)
				last = now
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-worst
	}
}

// A Harmless row is something that must never make an outage.
type Harmless struct {
	Name string
	V6   bool
	None bool
	Do   func(*Site) error
	Rest time.Duration // watched after it
}

// HarmlessRows are all of them.
func HarmlessRows() []Harmless {
	hole := func(s *Site) error { return s.Hole(300 * ms) }
	flap := func(s *Site) error { return s.CableFlap(300 * ms) }
	step := func(by time.Duration) func(*Site) error {
		return func(s *Site) error { return s.Watch0.ShiftClock(by) }
	}
	const rest = 4 * time.Second
	return []Harmless{
		{Name: "300 ms hole", Do: hole, Rest: rest},
		{Name: "300 ms hole, IPv6", V6: true, Do: hole, Rest: rest},
		{Name: "300 ms hole, heartbeat none", None: true, Do: hole, Rest: rest},
		{Name: "300 ms cable flap", Do: flap, Rest: rest},
		{Name: "300 ms cable flap, IPv6", V6: true, Do: flap, Rest: rest},
		{Name: "300 ms cable flap, heartbeat none", None: true, Do: flap, Rest: rest},
		{Name: "virtual adapter up and down 100 times", Do: func(s *Site) error { return s.AdapterFlap(100, 10*ms) }, Rest: rest},
		{Name: "virtual adapter with a default route up and down 100 times", Do: func(s *Site) error {
			if err := s.AdapterRoute(); err != nil {
				return err
			}
			return s.AdapterFlap(100, 10*ms)
		}, Rest: rest},
		{Name: "wall clock set back an hour", Do: step(-time.Hour), Rest: rest},
		{Name: "wall clock set forward an hour", Do: step(time.Hour), Rest: rest},
		{Name: "the program stopped for 5 s", Do: holdUp, Rest: rest},
		{Name: "the program stopped for 5 s, heartbeat none", None: true, Do: holdUp, Rest: rest},
	}
}

func holdUp(s *Site) error {
	if err := s.Watch0.Stop(); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	return s.Watch0.Cont()
}

// Play does it to a session that is up, and returns how often the session was suspected and how often down. That it is
// not up in the end is an error.
func (h Harmless) Play(program string) (suspected, down int, report string, err error) {
	s, err := newSite(h.V6)
	if err != nil {
		return 0, 0, "", err
	}
	defer s.Close()
	if err := s.watchInPeace(program, Row{None: h.None}.Args(s.At)); err != nil {
		return 0, 0, "", err
	}
	w := s.Watch0
	defer func() {
		report = w.Report()
		last := ""
		for _, e := range w.Events() {
			if e.State != last && e.State == "suspect" {
				suspected++
			}
			if e.State != last && e.State == "down" {
				down++
			}
			last = e.State
		}
	}()
	if err := h.Do(s); err != nil {
		return 0, 0, "", err
	}
	time.Sleep(h.Rest)
	if state := w.Now(""); state != "up" {
		return 0, 0, "", fmt.Errorf("%s in the end", state)
	}
	return 0, 0, "", w.Bad()
}
