//go:build linux

package lab

import (
	"errors"
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

	Causes []string // what the first cause may be
	Also   []string // what must be named beside it
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

// breaks are the rows of one family and one moment, before or after connecting.
func local(f func(*Lab) (*Fault, error)) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return f(s.Lab) }
}

func killServer(s *Site) (*Fault, error) {
	return s.KillServer(s.Server0, func() (err error) {
		s.Server0, err = s.StartRedis(Port)
		return err
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
		{Name: "server unplugged", Break: local((*Lab).UnplugServer), Causes: []string{"path-lost", "server-unreachable"}, LeavesUp: 850 * ms, Down: 1200 * ms, Back: 1100 * ms},
		{Name: "server process killed, heartbeat none", None: true, Break: killServer, Causes: []string{"server-refused"}, LeavesUp: 100 * ms, Down: 100 * ms, Back: 1000 * ms},
		{Name: "cable pulled, heartbeat none", None: true, Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 1500 * ms},
		{Name: "interface disabled, the adapter has a route", Break: withAdapter((*Lab).DisableInterface), Causes: []string{"interface-disabled"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},
		{Name: "default route removed, the adapter has a route", Break: withAdapter((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, LeavesUp: 100 * ms, Down: 600 * ms, Back: 300 * ms},

		{Name: "address removed", Before: true, Break: local((*Lab).RemoveAddress), Causes: []string{"no-address"}, Down: 1500 * ms},
		{Name: "default route removed", Before: true, Break: local((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, Down: 1500 * ms},
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

// Play builds a lab for the row, breaks, repairs, and returns the figures. A row that does not come back is an error; a
// wrong cause or a slow figure is the caller's to judge.
func (r Row) Play(program string) (f Figures, report string, err error) {
	l, err := Open()
	if err != nil {
		return f, "", err
	}
	defer l.Close()
	s := &Site{Lab: l, At: ServerAt(Port)}
	if r.V6 {
		s.At = ServerAtV6(Port)
	}
	if s.Server0, err = l.Redis(Port); err != nil {
		return f, "", err
	}
	var fault *Fault
	if r.Before {
		if fault, err = r.Break(s); err != nil {
			return f, "", err
		}
	}
	if s.Watch0, err = l.Watch(program, r.Args(s.At)...); err != nil {
		return f, "", err
	}
	w := s.Watch0
	defer func() { report = w.Report() }()
	if r.Before {
		fault.At = w.Started
	} else {
		if err := w.UntilUp(1, 5*time.Second); err != nil {
			return f, "", err
		}
		// Some beats in peace, and then at any moment between two of them.
		time.Sleep(1500*ms + rand.N(500*ms))
		if state := w.Now(""); state != "up" {
			return f, "", fmt.Errorf("the session did not stay up in peace: %s", state)
		}
		if fault, err = r.Break(s); err != nil {
			return f, "", err
		}
	}
	if r.Heals {
		err = w.Until("return to up", 10*time.Second, func(events []Event) bool {
			return Measure(events, "", fault.At, time.Time{}).Back != None
		})
		return Measure(w.Events(), "", fault.At, time.Time{}), "", errors.Join(err, w.Bad())
	}
	// Until it is down and named, and a while longer: a cause may be replaced by a wrong one.
	if err := w.Until("outage with a cause", 10*time.Second, func(events []Event) bool {
		m := Measure(events, "", fault.At, time.Time{})
		return m.Named != None && m.Down != None
	}); err != nil {
		return Measure(w.Events(), "", fault.At, time.Time{}), "", err
	}
	time.Sleep(700*ms + rand.N(700*ms))
	at, err := fault.Repair()
	if err != nil {
		return f, "", fmt.Errorf("repair: %w", err)
	}
	err = w.Until("return to up", 20*time.Second, func(events []Event) bool {
		return Measure(events, "", fault.At, at).Back != None
	})
	return Measure(w.Events(), "", fault.At, at), "", errors.Join(err, w.Bad())
}
