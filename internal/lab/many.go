//go:build linux

package lab

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// first is how long after a break packets are counted: what is asked is asked of the first two seconds.
const first = 2 * time.Second

// A Many row is one break upon many targets at once, and what is asked of it.
type Many struct {
	Name    string
	V6      bool
	Targets int
	Servers int // over how many addresses of the server's host they are spread
	Break   func(*Site) (*Fault, error)

	Cause string
	Also  []string

	ToGateway int // packets to the gateway itself in the first two seconds: at most; 0 nothing is asked

	LeavesUp, Down, Back time.Duration // asked of the last of them
}

// ManyRows are all of them.
func ManyRows() []Many {
	gatewayOff := Many{Name: "gateway off", Break: local((*Lab).GatewayOff), Cause: "gateway-unreachable", ToGateway: 30}
	dropped := Many{Name: "all dropped on the way", Break: local((*Lab).DropAll), Cause: "path-lost", Also: []string{"server-unreachable"}, ToGateway: 30}
	cable := Many{Name: "cable pulled", Break: local((*Lab).PullCable), Cause: "cable-unplugged", ToGateway: 30, LeavesUp: 100 * ms, Down: 600 * ms}
	var rows []Many
	for _, v6 := range []bool{false, true} {
		for _, servers := range []int{1, 20} {
			for _, r := range []Many{gatewayOff, dropped, cable} {
				r.V6, r.Servers = v6, servers
				rows = append(rows, r)
			}
		}
	}
	rows = append(rows,
		Many{Name: "server program exits", Servers: 1, Break: killServer, Cause: "server-refused", LeavesUp: 100 * ms, Down: 100 * ms},
		Many{Name: "server stopped (SIGSTOP)", Servers: 1, Break: hangServer, Cause: "server-hung"},
	)
	for i := range rows {
		r := &rows[i]
		r.Targets, r.Back = 100, 2*time.Second
		if r.Down == 0 {
			r.LeavesUp, r.Down = 850*ms, 1200*ms
		}
	}
	return rows
}

// Title is the row's name with its numbers.
func (m Many) Title() string {
	title := fmt.Sprintf("%d targets: %s", m.Targets, m.Name)
	if m.Servers > 1 {
		title += fmt.Sprintf(", %d servers", m.Servers)
	}
	if m.V6 {
		title += ", IPv6"
	}
	return title
}

// ManyPlayed is what became of a Many row.
type ManyPlayed struct {
	Up float64 // packets a second and target that were sent or received in peace

	LeftUp, Named, Down, Back time.Duration // of the last of them; None where it did not happen to all

	Causes map[string]int // how many targets had which first cause, with what may also be
	Later  map[string]int // and which was shown instead of it later
	Right  int            // targets whose first cause was right and that showed no other

	ToGateway map[string]int // packets to the gateway itself in the first two seconds, by kind
	Sent      int            // all packets sent then
	Busiest   int            // those of the target that sent and received most then
	Returning int            // all packets sent in the first two seconds after the repair

	Report  string
	Stalled time.Duration
}

// GatewayPackets is the sum of ToGateway.
func (p ManyPlayed) GatewayPackets() (n int) {
	for _, some := range p.ToGateway {
		n += some
	}
	return n
}

// firstPort is where the first of many targets is; the others follow.
const firstPort = 7000

// manyServers gives the server's host further addresses, and makes its redis answer on all of the targets' ports.
func (s *Site) manyServers(servers, targets int, v6 bool) ([]netip.AddrPort, error) {
	eth0, err := s.Server.link("eth0")
	if err != nil {
		return nil, err
	}
	own, next := ServerV4, netip.MustParseAddr("198.51.100.100")
	if v6 {
		own, next = ServerV6, netip.MustParseAddr("2001:db8:2::100")
	}
	addrs := []netip.Addr{own.Addr()}
	for ; len(addrs) < servers; next = next.Next() {
		if err := s.Server.addAddress(eth0, netip.PrefixFrom(next, own.Bits()).String()); err != nil {
			return nil, err
		}
		addrs = append(addrs, next)
	}
	var at []netip.AddrPort
	for i := range targets {
		at = append(at, netip.AddrPortFrom(addrs[i%servers], uint16(firstPort+i)))
	}
	script := fmt.Sprintf(`table inet lab_many {
 chain prerouting {
  type nat hook prerouting priority dstnat
  meta nfproto ipv4 tcp dport %[1]d-%[2]d dnat ip to %[3]v
  meta nfproto ipv6 tcp dport %[1]d-%[2]d dnat ip6 to %[4]v
 }
}
`, firstPort, firstPort+targets-1, ServerAt(Port), ServerAtV6(Port))
	cmd := exec.Command("ip", "netns", "exec", s.Server.Name, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("nft: %w: %s", err, out)
	}
	return at, nil
}

// settings writes a settings file with these targets, named by their addresses.
func (l *Lab) settings(at []netip.AddrPort) (string, error) {
	var b strings.Builder
	for _, a := range at {
		fmt.Fprintf(&b, "[[target]]\nname = %[1]q\naddress = %[1]q\nheartbeat = \"line\"\nsend = 'PING\\r\\n'\nexpect = '+PONG'\n\n", a.String())
	}
	path := filepath.Join(l.Dir, "many.toml")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

// manyPeace is how long many targets are counted in peace, once what they want to know of their ways has been asked.
const manyPeace = 4 * time.Second

// rate is packets a second, without what kernels say to each other for themselves: of neighbours and of groups.
func rate(packets []Packet, d time.Duration) float64 {
	n := 0
	for _, p := range packets {
		if !p.IsNeighbour() && !p.To.Addr().IsMulticast() {
			n++
		}
	}
	return float64(n) / d.Seconds()
}

// Play builds a lab for the row, breaks, counts, leaves it broken for a while, repairs, and returns the figures.
func (m Many) Play(program Program, broken time.Duration) (played ManyPlayed, err error) {
	s, err := newSite(siteOf{v6: m.V6})
	if err != nil {
		return played, err
	}
	defer s.Close()
	at, err := s.manyServers(m.Servers, m.Targets, m.V6)
	if err != nil {
		return played, err
	}
	config, err := s.settings(at)
	if err != nil {
		return played, err
	}
	stalls := watchStalls()
	defer func() { played.Stalled = stalls() }()
	path, err := program(s.Lab)
	if err != nil {
		return played, err
	}
	w, err := s.Watch(path, "--config", config)
	if err != nil {
		return played, err
	}
	s.Watch0 = w
	if err := w.UntilUp(m.Targets, 20*time.Second); err != nil {
		return played, err
	}
	time.Sleep(3 * time.Second) // the questions of the first moments
	counter, err := s.Client.Count(Egress)
	if err != nil {
		return played, err
	}
	defer counter.Close()
	peace := time.Now()
	time.Sleep(manyPeace)
	played.Up = rate(counter.Packets(peace, manyPeace), manyPeace) / float64(m.Targets)
	for _, e := range w.Events() {
		if e.State == "down" || e.State == "suspect" && e.Time.After(peace) {
			return played, fmt.Errorf("not at peace: %s", e)
		}
	}

	fault, err := m.Break(s)
	if err != nil {
		return played, err
	}
	var repaired time.Time
	// Only now and then: to look at all after every line would take the processor from what is measured.
	until := func(what string, timeout time.Duration, ok func(Figures) bool) error {
		for end := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
			missing := 0
			for _, f := range m.measure(w.Events(), fault.At, repaired) {
				if !ok(f) {
					missing++
				}
			}
			if missing == 0 {
				return w.Bad()
			}
			if time.Now().After(end) || w.Ended() {
				return fmt.Errorf("%d of %d targets without %s after %v", missing, m.Targets, what, timeout)
			}
		}
	}
	err = until("outage and cause", 10*time.Second, func(f Figures) bool { return f.Named != None && f.Down != None })
	if err == nil {
		time.Sleep(time.Until(fault.At.Add(first + 500*time.Millisecond)))
		time.Sleep(broken)
		if repaired, err = fault.Repair(); err != nil {
			err = fmt.Errorf("repair: %w", err)
		}
	}
	if err == nil {
		err = until("return to up", 20*time.Second, func(f Figures) bool { return f.Back != None })
		time.Sleep(time.Until(repaired.Add(first)))
	}
	if e := counter.Close(); err == nil {
		err = e
	}
	played.judge(m, m.measure(w.Events(), fault.At, repaired))
	played.count(counter, fault.At, repaired, at)
	played.Report = s.reportOf(at[0].String())
	return played, err
}

// reportOf is what was said of one target, and what there was to say of none.
func (s *Site) reportOf(target string) string {
	var b strings.Builder
	for _, e := range s.Watch0.Events() {
		if e.Target == target {
			fmt.Fprintln(&b, e)
		}
	}
	return b.String()
}

// measure reads the figures of each target.
func (m Many) measure(events []Event, broken, repaired time.Time) map[string]Figures {
	by := make(map[string][]Event)
	for _, e := range events {
		by[e.Target] = append(by[e.Target], e)
	}
	figures := make(map[string]Figures)
	for name, events := range by {
		figures[name] = Measure(events, name, broken, repaired)
	}
	return figures
}

func (p *ManyPlayed) judge(m Many, figures map[string]Figures) {
	p.Causes, p.Later = make(map[string]int), make(map[string]int)
	last := func(worst *time.Duration, f Figures, figure time.Duration) {
		if figure == None || *worst == None {
			*worst = None
		} else {
			*worst = max(*worst, figure)
		}
	}
	row := Row{Causes: []string{m.Cause}, Also: m.Also}
	for _, f := range figures {
		last(&p.LeftUp, f, f.LeftUp)
		last(&p.Named, f, f.Named)
		last(&p.Down, f, f.Down)
		last(&p.Back, f, f.Back)
		p.Causes[strings.TrimSpace(f.Cause+" "+fmt.Sprint(f.Also))]++
		for _, c := range f.Causes {
			if c != f.Cause {
				p.Later[c]++
			}
		}
		if row.RightCause(f) {
			p.Right++
		}
	}
}

func (p *ManyPlayed) count(c *Counter, broken, repaired time.Time, at []netip.AddrPort) {
	out := func(p Packet) string {
		if p.Out {
			return "out"
		}
		return ""
	}
	seen := c.Packets(broken, first)
	p.ToGateway = Tally(seen, ToGateway(GatewayV4.Addr(), GatewayV6.Addr()))
	p.Sent = Tally(seen, out)["out"]
	if !repaired.IsZero() {
		p.Returning = Tally(c.Packets(repaired, first), out)["out"]
	}
	of := Tally(seen, func(p Packet) string {
		for _, end := range []netip.AddrPort{p.From, p.To} {
			if p.Kind == "tcp" && slices.Contains(at, end) {
				return end.String()
			}
		}
		return ""
	})
	for n := range maps.Values(of) {
		p.Busiest = max(p.Busiest, n)
	}
}

// An Alone row counts what one target alone sends while all is well, and in the first two seconds of an outage.
type Alone struct {
	Row
}

// MostAlone is how many packets one target alone may send in the first two seconds of an outage, its beats included.
const MostAlone = 25

// MostUp is how many packets a second may be sent and received for a target that is up: two beats, each question, answer
// and acknowledgement.
const MostUp = 6

// AloneRows are all of them.
func AloneRows() []Alone {
	var rows []Alone
	for _, r := range Rows() {
		if r.Before || r.Heals || r.Named || r.Cold || r.V6 && r.way() != Direct {
			continue
		}
		names := []string{"server program exits", "cable pulled", "interface disabled", "server stopped (SIGSTOP)", "server's machine off",
			"all dropped on the way", "all dropped on the way, heartbeat none", "gateway off", "port filtered", "prohibited by ICMP"}
		switch r.way() {
		case HTTP, SOCKS:
			names = []string{"server program exits", "server's machine off", "all dropped behind the proxy", "proxy program exits",
				"proxy machine's cable pulled", "proxy hung (SIGSTOP)", "server stopped (SIGSTOP)"}
		case Direct:
		default:
			continue
		}
		if slices.Contains(names, r.Name) {
			rows = append(rows, Alone{r})
		}
	}
	return rows
}

// Title is the row's name.
func (a Alone) Title() string { return "one target: " + a.Row.Title() }

// AlonePlayed is what became of an Alone row.
type AlonePlayed struct {
	Up      float64 // packets a second that were sent or received in peace
	Sent    int     // packets sent in the first two seconds
	Packets []Packet
	Kinds   map[string]int // what those were
	Report  string
}

// Play builds a lab for the row, counts in peace, breaks, and counts.
func (a Alone) Play(program Program) (played AlonePlayed, err error) {
	s, err := newSite(siteOf{a.Way, a.V6, a.Named, a.Prepare})
	if err != nil {
		return played, err
	}
	defer s.Close()
	if err := s.watchInPeace(program, s.args(a.None)); err != nil {
		return played, err
	}
	defer func() { played.Report = s.Watch0.Report() }()
	time.Sleep(2 * time.Second)
	counter, err := s.Client.Count(Egress)
	if err != nil {
		return played, err
	}
	defer counter.Close()
	peace := time.Now()
	time.Sleep(manyPeace)
	played.Up = rate(counter.Packets(peace, manyPeace), manyPeace)
	fault, err := a.Break(s)
	if err != nil {
		return played, err
	}
	time.Sleep(time.Until(fault.At.Add(first)))
	if err := counter.Close(); err != nil {
		return played, err
	}
	for _, p := range counter.Packets(fault.At, first) {
		if p.Out {
			played.Packets = append(played.Packets, p)
		}
	}
	played.Sent = len(played.Packets)
	gateway := ToGateway(GatewayV4.Addr(), GatewayV6.Addr())
	played.Kinds = Tally(played.Packets, func(p Packet) string {
		if kind := gateway(p); kind != "" {
			return "gateway " + kind
		}
		if p.Kind == "tcp" && p.Flags&FlagSYN != 0 {
			return "SYN"
		}
		return p.Kind
	})
	return played, nil
}
