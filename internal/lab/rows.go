//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Row is one kind of break, what the program must say to it, and how fast.
type Row struct {
	Case   int // of the twelve field cases; 0: another one
	Name   string
	Way    string // how the session goes; empty is Direct
	Before bool   // the fault stands before the program starts; else it comes upon a session that is up
	V6     bool
	None   bool // heartbeat none; else PING and +PONG
	Named  bool // the target is given by name, and there is a name server
	Cold   bool // Before: the client knows none of its neighbours
	Break  func(*Site) (*Fault, error)
	Heals  bool // nothing is to be repaired: the way is another now, and it works
	Stays  bool // nobody repairs it: the row ends once it is named

	// Prepare, where it is set, changes the site before the program starts: its lab, where the target is, and by what way.
	Prepare func(*Site) error

	Causes []string // what the first cause may be, and those that may replace it
	Also   []string // what must be named beside the first; it may replace it
	Then   []string // what else may replace it
	Extra  bool     // left out of the short table
	Long   bool     // worth playing with a fault that lasts a minute

	// Asked; 0: nothing is asked. Median is of leaving Up, over all rows of its kind. Before: Down is when the cause must be out.
	Median, LeavesUp, Down, Back time.Duration
}

// The ways of a session.
const (
	Direct    = "direct"
	HTTP      = "http"       // tinyproxy on the proxy machine
	Squid     = "squid"      // squid there
	SOCKS     = "socks"      // dante there
	FakeHTTP  = "fake http"  // a Fake there
	FakeSOCKS = "fake socks" // the same
	OutHTTP   = "far http"   // tinyproxy on the host outside, reached by the gateway
	OutSOCKS  = "far socks"  // dante there
)

// tools are the programs that a way needs, beside redis-server.
func tools(way string) []string {
	switch way {
	case HTTP, OutHTTP:
		return []string{"tinyproxy"}
	case Squid:
		return []string{"squid"}
	case SOCKS, OutSOCKS:
		return []string{"danted"}
	}
	return nil
}

// Tools are the programs of the distribution that the row needs.
func (r Row) Tools() []string { return append([]string{"redis-server", "ss"}, tools(r.Way)...) }

// Tools are the programs of the distribution that the row needs.
func (h Harmless) Tools() []string { return append([]string{"redis-server"}, tools(h.Way)...) }

// A Site is a lab with a server on it and the program watching.
type Site struct {
	*Lab
	Server0 *Proc       // redis-server
	Proxy0  *Service    // nil where the way has none, or a fake
	Fake0   *Fake       // nil where the way has none
	Names0  *NameServer // nil where nothing is given by name
	Relay0  *Relay      // nil where the way is a short one
	Watch0  *Watch
	At      netip.AddrPort // the server
	Target  string         // what the program is told to watch; At or a name
	Via     string         // the way there, as the program takes it; empty direct
	V6      bool
}

// Port is where the server of a Site listens.
const Port = 6379

const ms = time.Millisecond

func local(f func(*Lab) (*Fault, error)) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return f(s.Lab) }
}

// startServer starts redis-server anew.
func (s *Site) startServer() (p *Proc, err error) {
	s.Server0, err = s.StartRedis(Port)
	return s.Server0, err
}

func killServer(s *Site) (*Fault, error) { return s.KillServer(s.Server0, Port, s.startServer) }

func hangServer(s *Site) (*Fault, error) { return s.HangServer(s.Server0) }

func rebootServer(s *Site) (*Fault, error) { return s.RebootServer(s.Server0, Port, s.startServer) }

func restartServer(s *Site) (*Fault, error) {
	f, err := killServer(s)
	if err != nil {
		return nil, err
	}
	err = f.repair()
	f.repair = func() error { return nil }
	return f, err
}

// muteServer puts a server in the place of the other that accepts and says nothing.
func muteServer(s *Site) (*Fault, error) {
	var mute *Mute
	f, err := inject("mute server", func() (err error) {
		if err := s.Server0.Kill(); err != nil {
			return err
		}
		mute, err = s.Mute(s.Server, Port)
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	f.repair = func() error {
		mute.Close()
		p, err := s.startServer()
		if err != nil {
			return err
		}
		f.mended, err = s.Server.listens(p, Port)
		return err
	}
	return f, nil
}

func proxy(f func(*Service) (*Fault, error)) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return f(s.Proxy0) }
}

func fake(says string) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return s.Fake0.Fail(says) }
}

func resolver(mode NamesMode) func(*Site) (*Fault, error) {
	return func(s *Site) (*Fault, error) { return s.Names0.Fail(mode) }
}

func resolverOff(s *Site) (*Fault, error) { return s.Names0.FailOff() }

func dropPort(s *Site) (*Fault, error)    { return s.DropPort(Port) }
func dropFlow(s *Site) (*Fault, error)    { return s.DropFlow(Port) }
func farDropFlow(s *Site) (*Fault, error) { return s.FarDropFlow(Port) }

// toProxy drops the client's session with a proxy that is reached by the gateway.
func dropFlowToProxy(s *Site) (*Fault, error) { return s.DropFlow(s.Proxy0.Port) }

// What is asked of the median of leaving Up, over all rows of a kind.
const (
	MedianHere    = 50 * ms  // breaks on this computer
	MedianEnds    = 100 * ms // a session that is closed or reset
	MedianSilence = 600 * ms // silence
)

// What is asked of each kind of break, by how it shows.
func breaksHere(r Row) Row { // on this computer, told by the kernel
	r.Median, r.LeavesUp, r.Down = MedianHere, 100*ms, 600*ms
	if r.Back == 0 {
		r.Back = 300 * ms
	}
	return r
}

func ends(r Row) Row { // the session is closed or reset
	r.Median, r.LeavesUp = MedianEnds, 100*ms
	if r.Down == 0 {
		r.Down = 1200 * ms
	}
	if r.Back == 0 {
		r.Back = 1100 * ms
	}
	return r
}

func falls(r Row) Row { // silent
	r.Median, r.LeavesUp, r.Down = MedianSilence, 850*ms, 1200*ms
	if r.None { // the kernel's keepalive is the heartbeat: an acknowledgement is overdue after 1.4 s
		r.Median, r.LeavesUp, r.Down = 0, 1600*ms, 2000*ms
	}
	if r.Back == 0 {
		r.Back = 1100 * ms
	}
	return r
}

// before is the same break before connecting.
func before(r Row) Row {
	r.Before = true
	r.Median, r.LeavesUp, r.Down = 0, 0, 1500*ms
	if r.Back == 0 {
		r.Back = 1100 * ms
	}
	return r
}

// Back asked of particular repairs.
const (
	cableBack = 1500 * ms // an old session, or the first ARP on a fresh carrier
	farBack   = 2000 * ms // behind a proxy that lives and whose far side was silent
)

// Causes that stand in many rows.
var (
	pathLost    = []string{"path-lost"}
	unreachable = []string{"server-unreachable"}
	hostSilent  = []string{"path-lost", "server-unreachable"}
	beyondAlso  = []string{"path-lost", "proxy-upstream-failed"} // behind a proxy that gets no answer from there
)

// Rows are all breaks of the lab, the field cases first.
func Rows() []Row {
	var rows []Row
	add := func(r ...Row) { rows = append(rows, r...) }
	ways := []string{Direct, HTTP, Squid, SOCKS}
	proxied := ways[1:]

	// The twelve cases, each over its ways.
	for _, phase := range []func(Row) Row{nil, before} {
		at := func(after func(Row) Row, r Row) {
			if phase != nil {
				after = phase
			}
			add(after(r))
		}
		for _, way := range ways {
			at(breaksHere, Row{Case: 1, Name: "cable pulled", Way: way, Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, Back: cableBack, Long: way == Direct || way == HTTP})
			at(breaksHere, Row{Case: 2, Name: "interface disabled", Way: way, Break: local((*Lab).DisableInterface), Causes: []string{"interface-disabled"}, Back: 300 * ms})
		}
		for _, way := range proxied {
			at(ends, Row{Case: 3, Name: "proxy program exits", Way: way, Break: proxy((*Service).Fail), Causes: []string{"proxy-refused"}, Back: 1100 * ms})
			at(falls, Row{Case: 4, Name: "proxy machine's network disabled", Way: way, Break: local((*Lab).ProxyDisabled), Causes: []string{"proxy-unreachable"}, Back: 1100 * ms})
			at(falls, Row{Case: 5, Name: "proxy machine's cable pulled", Way: way, Break: local((*Lab).ProxyUnplugged), Causes: []string{"proxy-unreachable"}, Back: 1100 * ms})
		}
		for _, way := range ways {
			r := Row{Case: 6, Name: "server program exits", Way: way, Break: killServer, Causes: []string{"server-refused"}, Back: 1000 * ms}
			if way == HTTP && phase != nil { // tinyproxy says 500 for everything
				r.Causes = []string{"proxy-upstream-failed"}
			}
			if way == Direct {
				r.Down = 100 * ms
			}
			at(ends, r)
			r = Row{Case: 6, Name: "server's machine off", Way: way, Break: local((*Lab).ServerGone), Causes: unreachable, Also: beyondAlso, Back: farBack, Long: way == Direct || way == HTTP}
			if way == Direct {
				r.Causes, r.Also, r.Back = hostSilent, nil, 1100*ms
			}
			at(falls, r)
		}
	}

	slices.SortStableFunc(rows, func(x, y Row) int {
		return cmp.Or(cmp.Compare(x.Case, y.Case), cmp.Compare(y.Phase(), x.Phase()))
	})

	// The other breaks of the direct way.
	drop := Row{Name: "all dropped on the way", Break: local((*Lab).DropAll), Causes: pathLost, Also: unreachable}
	hung := Row{Name: "server stopped (SIGSTOP)", Break: hangServer, Causes: []string{"server-hung"}, Back: 500 * ms}
	mute := Row{Name: "server accepts and stays mute", Break: muteServer, Causes: []string{"server-hung"}}
	gateway := Row{Name: "gateway off", Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}, Long: true}
	noAddress := Row{Name: "address removed", Break: local((*Lab).RemoveAddress), Causes: []string{"no-address"}, Back: 300 * ms}
	noRoute := Row{Name: "default route removed", Break: local((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}, Back: 300 * ms}
	filtered := Row{Name: "port filtered", Break: dropPort, Causes: []string{"port-filtered"}, Also: pathLost}
	prohibited := Row{Name: "prohibited by ICMP", Break: local((*Lab).RejectICMP), Causes: []string{"path-prohibited"}}
	reset := Row{Name: "reset on the way", Break: local((*Lab).RejectRST), Causes: []string{"server-refused"}}
	uplink := Row{Name: "gateway's uplink down", Break: local((*Lab).UplinkDown), Causes: hostSilent}
	forgotten := Row{Name: "flow dropped", Heals: true, Break: dropFlow, Causes: []string{"flow-lost"}}
	moved := Row{Name: "address changed", Heals: true, Break: local((*Lab).ChangeAddress), Causes: []string{"address-changed"}}
	gone := Row{Name: "interface gone", Break: local((*Lab).RemoveInterface), Causes: []string{"interface-gone"}}
	restarted := Row{Name: "server restarted at once", Heals: true, Break: restartServer, Causes: []string{"server-closed", "server-reset", "server-refused"}}
	rebooted := Row{Name: "server rebooted", Heals: true, Break: rebootServer, Causes: []string{"server-reset"}}
	none := func(r Row) Row {
		r.Name += ", heartbeat none"
		r.None = true
		return r
	}
	exits := Row{Name: "server program exits", Break: killServer, Causes: []string{"server-refused"}, Down: 100 * ms, Back: 1000 * ms}
	cable := Row{Name: "cable pulled", Break: local((*Lab).PullCable), Causes: []string{"cable-unplugged"}, Back: cableBack}
	add(
		breaksHere(noAddress), breaksHere(noRoute), falls(hung), falls(drop), falls(none(drop)),
		before(noAddress), before(noRoute), before(hung), before(mute), before(drop),
	)
	silent := falls(forgotten) // nothing is down for long: it heals itself
	silent.Down, silent.Back = 0, 0
	for _, r := range []*Row{&restarted, &rebooted, &moved} {
		*r = ends(*r)
		r.Down, r.Back = 0, 1100*ms
	}
	moved.Down, moved.Back = 600*ms, 300*ms
	rebooted.LeavesUp, rebooted.Median = 850*ms, MedianSilence // the next beat is what the reset answers
	extra := []Row{
		silent, moved, restarted, rebooted, breaksHere(gone), falls(gateway), falls(none(gateway)), falls(filtered), falls(prohibited), falls(reset),
		falls(uplink), ends(none(exits)), breaksHere(none(cable)),
		breaksHere(Row{Name: "interface disabled, the adapter has a route", Break: withAdapter((*Lab).DisableInterface), Causes: []string{"interface-disabled"}}),
		breaksHere(Row{Name: "default route removed, the adapter has a route", Break: withAdapter((*Lab).RemoveDefaultRoute), Causes: []string{"no-route"}}),
		before(uplink), before(gateway), before(filtered), before(prohibited), before(reset),
	}

	// The other breaks behind, at and before a proxy.
	for _, way := range proxied {
		via := func(r Row) Row {
			r.Way = way
			return r
		}
		proxyHung := via(Row{Name: "proxy hung (SIGSTOP)", Break: proxy((*Service).Hang), Causes: []string{"proxy-hung"}, Long: way == HTTP})
		proxyRestarted := ends(via(Row{Name: "proxy restarted at once", Heals: true, Break: proxy((*Service).Restart), Causes: []string{"proxy-closed", "proxy-refused"}}))
		proxyRestarted.Down, proxyRestarted.Back = 0, 1100*ms
		proxyOff := via(Row{Name: "proxy machine off", Break: local((*Lab).ProxyOff), Causes: []string{"proxy-unreachable"}, Back: farBack, Long: way == HTTP})
		farCable := via(Row{Name: "proxy's far cable pulled", Break: local((*Lab).FarUnplugged), Causes: unreachable, Also: beyondAlso, Back: farBack})
		farOff := via(Row{Name: "proxy's far side disabled", Break: local((*Lab).FarDisabled), Causes: []string{"proxy-upstream-failed"}, Back: farBack})
		farDrop := via(Row{Name: "all dropped behind the proxy", Break: local((*Lab).FarDropAll), Causes: unreachable, Also: beyondAlso, Back: farBack, Long: way == HTTP})
		farReset := via(Row{Name: "reset behind the proxy", Break: local((*Lab).FarRejectRST), Causes: []string{"server-refused"}})
		farProhibited := via(Row{Name: "prohibited by ICMP behind the proxy", Break: local((*Lab).FarRejectICMP), Causes: []string{"proxy-upstream-failed"}, Back: farBack})
		if way == HTTP { // 500 at once, or after a second where the firewall says so to the second SYN only
			farProhibited.Then = unreachable
		} else { // they tell EHOSTUNREACH; of EACCES, which IPv6 makes of it, they say that it failed
			farProhibited.Causes = []string{"server-unreachable", "proxy-upstream-failed"}
		}
		farForgotten := falls(via(Row{Name: "flow dropped behind the proxy", Heals: true, Break: farDropFlow, Causes: []string{"flow-lost"}}))
		farForgotten.Down, farForgotten.Back = 0, 0
		farRestarted, farRebooted := via(restarted), via(rebooted)
		farRestarted.Causes, farRebooted.Causes = []string{"server-closed", "server-refused"}, []string{"server-closed"}
		beforeReset := before(farReset)
		if way == HTTP {
			beforeReset.Causes = []string{"proxy-upstream-failed"}
		}
		extra = append(extra,
			falls(proxyHung), proxyRestarted, falls(proxyOff), falls(farCable), falls(farOff), falls(farDrop), falls(farReset), falls(farProhibited),
			farForgotten, falls(via(hung)), farRestarted, farRebooted, breaksHere(via(noAddress)), via(moved), breaksHere(via(gone)),
			before(proxyHung), before(proxyOff), before(farCable), before(farOff), before(farDrop), beforeReset, before(farProhibited),
			before(via(hung)), before(via(mute)), before(via(noAddress)),
		)
	}
	for _, way := range []string{OutHTTP, OutSOCKS} {
		via := func(r Row) Row {
			r.Way = way
			return r
		}
		toProxy := falls(via(Row{Name: "flow to the proxy dropped", Heals: true, Break: dropFlowToProxy, Causes: []string{"flow-lost"}}))
		toProxy.Down, toProxy.Back = 0, 0
		proxyDrop := via(Row{Name: "all dropped on the way", Break: local((*Lab).DropAll), Causes: []string{"proxy-unreachable"}, Also: pathLost})
		proxyOff := via(Row{Name: "proxy machine off", Break: local((*Lab).OutsideOff), Causes: []string{"proxy-unreachable"}})
		proxyExits := via(Row{Name: "proxy program exits", Break: proxy((*Service).Fail), Causes: []string{"proxy-refused"}})
		behind := via(Row{Name: "server's machine off", Break: local((*Lab).ServerGone), Causes: unreachable, Also: beyondAlso, Back: farBack})
		extra = append(extra,
			toProxy, falls(proxyDrop), falls(proxyOff), ends(proxyExits), falls(behind), falls(via(gateway)), breaksHere(via(noRoute)), breaksHere(via(cable)),
			before(proxyDrop), before(proxyOff), before(proxyExits), before(behind), before(via(gateway)), before(via(noRoute)),
		)
	}

	// What a proxy may say.
	for _, f := range []struct {
		way, says string
		causes    []string
	}{
		{FakeHTTP, "407", []string{"proxy-auth-required"}},
		{FakeHTTP, "403", []string{"proxy-denied"}},
		{FakeHTTP, "502", []string{"proxy-upstream-failed"}},
		{FakeHTTP, "503", []string{"proxy-upstream-failed"}},
		{FakeHTTP, "504", []string{"proxy-upstream-failed"}}, // some say so of a refusal too
		{FakeHTTP, FakeCloses, []string{"proxy-closed"}},
		{FakeHTTP, FakeGarbage, []string{"proxy-protocol-error"}},
		{FakeHTTP, FakeMute, []string{"proxy-hung"}},
		{FakeSOCKS, "socks 1", []string{"proxy-upstream-failed"}},
		{FakeSOCKS, "socks 2", []string{"proxy-denied"}},
		{FakeSOCKS, "socks 3", []string{"proxy-upstream-failed"}},
		{FakeSOCKS, "socks 4", unreachable},
		{FakeSOCKS, "socks 5", []string{"server-refused"}},
		{FakeSOCKS, "socks 6", unreachable},
		{FakeSOCKS, "socks 7", []string{"proxy-protocol-error"}},
		{FakeSOCKS, "socks 8", []string{"proxy-protocol-error"}},
		{FakeSOCKS, FakeNoAuth, []string{"proxy-auth-required"}},
		{FakeSOCKS, FakeCloses, []string{"proxy-closed"}},
		{FakeSOCKS, FakeGarbage, []string{"proxy-protocol-error"}},
		{FakeSOCKS, FakeMute, []string{"proxy-hung"}},
		{FakeSOCKS, FakeStuck, []string{"server-unreachable"}},
	} {
		r := Row{Name: "proxy " + f.says, Way: f.way, Break: fake(f.says), Causes: f.causes}
		if f.says == FakeStuck {
			r.Also, r.Back = beyondAlso, farBack
		}
		r = before(r)
		extra = append(extra, r)
		switch f.says { // and when it says so to a session that was up
		case "407", "403", "503", FakeCloses, FakeGarbage, FakeMute, "socks 1", FakeNoAuth:
			r.Before, r.Back = false, 0
			if f.says == "503" || f.says == "socks 1" { // a living proxy that closes a tunnel does so because the far end did
				r.Causes = []string{"server-refused", "proxy-upstream-failed"}
			}
			extra = append(extra, ends(r))
		}
	}

	// Names.
	for _, way := range []string{Direct, HTTP, SOCKS} {
		named := func(name string, f func(*Site) (*Fault, error), cause string) Row {
			r := Row{Name: name, Way: way, Named: true, Break: f, Causes: []string{cause}}
			if way != Direct && cause == "resolver-unreachable" {
				// The proxy has a resolver of its own, which waits as any far side does.
				r.Also, r.Back = []string{"proxy-upstream-failed"}, farBack
			}
			return before(r)
		}
		nowhere := before(Row{Name: "no such name (NXDOMAIN)", Way: way, Named: true, Stays: true, Prepare: nameNobody, Break: nothing, Causes: []string{"name-not-found"}})
		nowhere.Back = 0
		extra = append(extra,
			nowhere,
			named("resolver off", resolverOff, "resolver-unreachable"),
			named("resolver refuses", resolver(NamesRefuse), "resolver-unreachable"),
			named("resolver silent", resolver(NamesSilent), "resolver-unreachable"),
			named("resolver's machine off", local((*Lab).NamesOff), "resolver-unreachable"),
		)
	}
	outOff := before(Row{Name: "resolver behind the gateway off", Named: true, Prepare: namesOutside, Break: local((*Lab).OutsideOff), Causes: []string{"resolver-unreachable"}})
	gatewayOff := before(Row{Name: "gateway off, resolver behind it", Named: true, Prepare: namesOutside, Break: local((*Lab).GatewayOff), Causes: []string{"gateway-unreachable"}})
	login := before(Row{Name: "proxy wants a login", Way: HTTP, Stays: true, Prepare: wantLogin(""), Break: nothing, Causes: []string{"proxy-auth-required"}})
	wrong := before(Row{Name: "wrong password for the proxy", Way: HTTP, Stays: true, Prepare: wantLogin("me:wrong@"), Break: nothing, Causes: []string{"proxy-auth-required"}})
	login.Back, wrong.Back = 0, 0
	extra = append(extra, outOff, gatewayOff, login, wrong)
	extra = append(extra, before(Row{Name: "resolver silent, proxy given by name", Way: HTTP, Named: true, Prepare: proxyByName, Break: resolver(NamesSilent), Causes: []string{"resolver-unreachable"}}))

	for _, r := range extra {
		r.Extra = true
		rows = append(rows, r)
	}
	for _, r := range slices.Clone(rows) {
		// An address that is removed leaves an IPv6 route: see RemoveAddress. Nor does a family change what a fake says.
		if r.V6 || r.None || r.Before && r.Name == "address removed" || r.Fake() || r.Prepare != nil {
			continue
		}
		r.V6, r.Extra = true, true
		rows = append(rows, r)
	}
	for _, r := range slices.Clone(rows) {
		if r.Before && r.Case != 0 && !r.V6 {
			r.Cold, r.Extra = true, true
			rows = append(rows, r)
		}
	}
	return rows
}

// Sampled reports whether the row is one of those that stand for all where there is no time for all of them: every break
// in one family, and both of them where a case or the direct way is concerned.
func (r Row) Sampled() bool {
	switch {
	case r.Cold:
		return r.way() == Direct || r.Way == HTTP
	case r.V6:
		return r.way() == Direct && (r.Case != 0 || !r.Before) || r.Way == HTTP && r.Case > 2
	case r.Case == 0 && r.Way == Squid:
		return strings.Contains(r.Name, "proxy")
	}
	return true
}

// Fake reports whether the row's proxy is one of ours.
func (r Row) Fake() bool { return r.Way == FakeHTTP || r.Way == FakeSOCKS }

// nameNobody gives the target a name that does not exist.
func nameNobody(s *Site) error {
	s.Target = fmt.Sprintf("%s:%d", UnknownName, Port)
	return nil
}

// nothing is broken but what the site's Prepare has seen to.
func nothing(*Site) (*Fault, error) {
	none := func() error { return nil }
	return inject("nothing", none, none)
}

// namesOutside has the client ask a name server behind the gateway.
func namesOutside(s *Site) (err error) {
	if s.Names0, err = s.NameServer(s.Outside); err != nil {
		return err
	}
	return s.Client.Resolver(OutsideV4.Addr())
}

// wantLogin puts a tinyproxy in the place of the other that lets in "me" with another password than this one.
func wantLogin(login string) func(*Site) error {
	return func(s *Site) (err error) {
		if err := s.Proxy0.Kill(); err != nil {
			return err
		}
		s.Via = strings.Replace(s.Via, "://", "://"+login, 1)
		s.Proxy0, err = s.tinyproxy(s.Proxy, "BasicAuth me secret")
		return err
	}
}

// proxyByName gives the proxy by name, and the target by address.
func proxyByName(s *Site) error {
	s.Target, s.Via = s.At.String(), fmt.Sprintf("http://%s:%d", ProxyName, s.Proxy0.Port)
	return nil
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

// Title is the row's case, phase, name, way and family: "case 4, before connecting: proxy machine's network disabled, http".
func (r Row) Title() string {
	title := ""
	if r.Case != 0 {
		title = fmt.Sprintf("case %d, ", r.Case)
	}
	return title + r.Phase() + ": " + r.Name + r.variant()
}

// Phase is when the break comes.
func (r Row) Phase() string {
	if r.Before {
		return "before connecting"
	}
	return "after connected"
}

// WayText is the way, with a "6" where it is IPv6's.
func (r Row) WayText() string {
	if r.V6 {
		return r.way() + " 6"
	}
	return r.way()
}

func (r Row) variant() string {
	text := ", " + r.way()
	if r.Named {
		text += ", by name"
	}
	if r.V6 {
		text += ", IPv6"
	}
	if r.Cold {
		text += ", cold"
	}
	return text
}

func (r Row) way() string { return cmp.Or(r.Way, Direct) }

// args is what the program is told to watch.
func (s *Site) args(none bool) []string {
	args := []string{"--heartbeat", "line", "--send", `PING\r\n`, "--expect", "+PONG"}
	if none {
		args = []string{"--heartbeat", "none"}
	}
	if s.Via != "" {
		args = append(args, "--via", s.Via)
	}
	return append(args, s.Target)
}

// A siteOf says what a site needs.
type siteOf struct {
	way       string
	v6, named bool
	prepare   func(*Site) error
}

// newSite builds a lab with redis-server on it, and whatever else is needed.
func newSite(of siteOf) (s *Site, err error) {
	l, err := Open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	s = &Site{Lab: l, At: ServerAt(Port), V6: of.v6}
	name, at := ServerName, ProxyV4.Addr()
	if of.way == OutHTTP || of.way == OutSOCKS {
		at = OutsideV4.Addr()
	}
	if of.v6 {
		s.At, name, at = ServerAtV6(Port), ServerNameV6, ProxyV6.Addr()
		if of.way == OutHTTP || of.way == OutSOCKS {
			at = OutsideV6.Addr()
		}
	}
	s.Target = s.At.String()
	if of.named {
		if s.Names0, err = l.NameServer(l.Names); err != nil {
			return nil, err
		}
		s.Target = fmt.Sprintf("%s:%d", name, Port)
	}
	if s.Server0, err = l.Redis(Port); err != nil {
		return nil, err
	}
	scheme, port := "http", uint16(FakePort)
	switch of.way {
	case HTTP:
		s.Proxy0, err = l.Tinyproxy(l.Proxy)
	case OutHTTP:
		s.Proxy0, err = l.Tinyproxy(l.Outside)
	case Squid:
		s.Proxy0, err = l.Squid(l.Proxy)
	case SOCKS:
		scheme = "socks5"
		s.Proxy0, err = l.Dante(l.Proxy)
	case OutSOCKS:
		scheme = "socks5"
		s.Proxy0, err = l.Dante(l.Outside)
	case FakeHTTP:
		s.Fake0, err = l.Fake()
	case FakeSOCKS:
		scheme = "socks5"
		s.Fake0, err = l.Fake()
	}
	if err != nil {
		return nil, err
	}
	if s.Proxy0 != nil {
		port = s.Proxy0.Port
	}
	if s.Proxy0 != nil || s.Fake0 != nil {
		s.Via = scheme + "://" + netip.AddrPortFrom(at, port).String()
	}
	if of.prepare != nil {
		err = of.prepare(s)
	}
	return s, err
}

// peace is how long a session is left alone before its way is broken: some beats, and what the program wants to know of
// the way while all is well.
const peace = 1500 * ms

// watchInPeace starts the program and waits until it has been up for a while.
func (s *Site) watchInPeace(program Program, args []string) (err error) {
	path, err := program(s.Lab)
	if err != nil {
		return err
	}
	if s.Watch0, err = s.Watch(path, args...); err != nil {
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
func (r Row) Play(program Program, broken time.Duration) (played Played, err error) {
	s, err := newSite(siteOf{r.Way, r.V6, r.Named, r.Prepare})
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
		path, err := program(s.Lab)
		if err != nil {
			return played, err
		}
		if fault, err = r.Break(s); err != nil {
			return played, err
		}
		if r.Cold {
			if err := s.Client.Cold(); err != nil {
				return played, err
			}
		}
		if s.Watch0, err = s.Watch(path, s.args(r.None)...); err != nil {
			return played, err
		}
		fault.At = s.Watch0.Started
	} else {
		if err := s.watchInPeace(program, s.args(r.None)); err != nil {
			return played, err
		}
		if fault, err = r.Break(s); err != nil {
			return played, err
		}
	}
	w := s.Watch0
	var mending, repaired time.Time
	measure := func(events []Event) Figures {
		if mending.IsZero() {
			return Measure(events, "", fault.At, repaired)
		}
		// What is seen of a repair that takes its time, as a server that starts does, is neither the break nor the return.
		return Measure(slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Time.After(mending) && e.Time.Before(repaired) }), "", fault.At, repaired)
	}
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
		if s.Proxy0 != nil {
			if played.Clients, err = s.Proxy0.clients(); err != nil {
				return played, err
			}
		}
		if r.Stays {
			return played, w.Bad()
		}
		mending = time.Now()
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
	Clients int           // connections that the proxy had to keep just before the repair
	Stalled time.Duration // the longest time that this process, and so perhaps the program, was not run though it was due
}

// RightCause reports whether the first cause was right, what must be named beside it was, and none that replaced it was
// wrong.
func (r Row) RightCause(f Figures) bool {
	for _, c := range f.Causes {
		if !slices.Contains(r.Causes, c) && !slices.Contains(r.Also, c) && !slices.Contains(r.Then, c) {
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

// RightFirst reports whether the first cause was right, whatever came with or after it.
func (r Row) RightFirst(f Figures) bool { return slices.Contains(r.Causes, f.Cause) }

// Misled reports whether a cause was shown that is wrong, and none beside it that is right.
func (r Row) Misled(f Figures) bool {
	right := func(c string) bool { return slices.Contains(r.Causes, c) }
	return f.Cause != "" && !right(f.Cause) && !slices.ContainsFunc(f.Also, right)
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
	Name    string
	Way     string // empty is Direct
	V6      bool
	None    bool
	Named   bool
	Prepare func(*Site) error // as in Row
	Do      func(*Site) error
	Rest    time.Duration // watched after it
}

// Title is the row's name, way and family.
func (h Harmless) Title() string {
	return h.Name + Row{Way: h.Way, V6: h.V6, Named: h.Named}.variant()
}

// lasting breaks something for a while.
func lasting(f func(*Site) (*Fault, error), d time.Duration) func(*Site) error {
	return func(s *Site) error { return blink(func() (*Fault, error) { return f(s) }, d) }
}

// HarmlessRows are all of them.
func HarmlessRows() []Harmless {
	const short, long, rest = 300 * ms, 5 * time.Second, 4 * time.Second
	hole := func(s *Site) error { return s.Hole(short) }
	flap := func(s *Site) error { return s.CableFlap(short) }
	adapter := func(s *Site) error { return s.AdapterFlap(100, 10*ms) }
	adapterRoute := func(s *Site) error {
		if err := s.AdapterRoute(); err != nil {
			return err
		}
		return s.AdapterFlap(100, 10*ms)
	}
	step := func(by time.Duration) func(*Site) error {
		return func(s *Site) error { return s.Watch0.ShiftClock(by) }
	}
	slowly := func(s *Site) error { time.Sleep(long); return nil }
	rows := []Harmless{
		{Name: "300 ms hole", Do: hole},
		{Name: "300 ms hole", V6: true, Do: hole},
		{Name: "300 ms hole, heartbeat none", None: true, Do: hole},
		{Name: "300 ms cable flap", Do: flap},
		{Name: "300 ms cable flap", V6: true, Do: flap},
		{Name: "300 ms cable flap, heartbeat none", None: true, Do: flap},
		{Name: "virtual adapter up and down 100 times", Do: adapter},
		{Name: "virtual adapter with a default route up and down 100 times", Do: adapterRoute},
		{Name: "wall clock set back an hour", Do: step(-time.Hour)},
		{Name: "wall clock set forward an hour", Do: step(time.Hour)},
		{Name: "the program stopped for 5 s", Do: holdUp},
		{Name: "the program stopped for 5 s, heartbeat none", None: true, Do: holdUp},
		{Name: "every answer 1.2 s late", Prepare: slowServer(1200 * ms), Do: slowly},
		{Name: "resolver off while connected", Named: true, Do: lasting(resolverOff, long)},
		{Name: "resolver silent while connected", Named: true, Do: lasting(resolver(NamesSilent), long)},
	}
	for _, way := range []string{HTTP, Squid, SOCKS} {
		rows = append(rows,
			// A flap of the proxy's own cable is not among them: its kernel may try ARP while the cable is out, and asks again
			// a second later. For whoever waits that is 1.2 s of silence.
			Harmless{Name: "300 ms hole before the proxy", Way: way, Do: func(s *Site) error { return s.NearHole(short) }},
			Harmless{Name: "300 ms hole behind the proxy", Way: way, Do: func(s *Site) error { return s.FarHole(short) }},
			Harmless{Name: "300 ms cable flap", Way: way, Do: flap},
			Harmless{Name: "every answer 1.2 s late", Way: way, Prepare: slowServer(1200 * ms), Do: slowly},
			Harmless{Name: "a gateway that is not on the way goes off", Way: way, Do: lasting(local((*Lab).GatewayOff), long)},
			Harmless{Name: "the default route goes, which the way does not need", Way: way, Do: lasting(local((*Lab).RemoveDefaultRoute), long)},
			Harmless{Name: "resolver off while connected", Way: way, Named: true, Do: lasting(resolverOff, long)},
			Harmless{Name: "resolver silent while connected", Way: way, Named: true, Do: lasting(resolver(NamesSilent), long)},
		)
	}
	rows = append(rows,
		Harmless{Name: "300 ms hole before the proxy", Way: HTTP, V6: true, Do: func(s *Site) error { return s.NearHole(short) }},
		Harmless{Name: "300 ms hole behind the proxy", Way: HTTP, V6: true, Do: func(s *Site) error { return s.FarHole(short) }},
		Harmless{Name: "300 ms hole", Way: OutHTTP, Do: hole},
		Harmless{Name: "virtual adapter with a default route up and down 100 times", Way: HTTP, Do: adapterRoute},
		Harmless{Name: "wall clock set back an hour", Way: HTTP, Do: step(-time.Hour)},
		Harmless{Name: "the program stopped for 5 s", Way: HTTP, Do: holdUp},
	)
	for i := range rows {
		rows[i].Rest = rest
	}
	return rows
}

// Sampled reports whether the row is one of those that stand for all where there is no time for all of them.
func (h Harmless) Sampled() bool {
	// What squid and dante could do worse than tinyproxy is told by the holes.
	return h.Way != Squid && h.Way != SOCKS || strings.Contains(h.Name, "hole") || strings.Contains(h.Name, "late")
}

// slowServer puts a server in the place of redis-server that answers each line late.
func slowServer(by time.Duration) func(*Site) error {
	return func(s *Site) error {
		if err := s.Server0.Kill(); err != nil {
			return err
		}
		return s.Slow(s.Server, Port, by)
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
func (h Harmless) Play(program Program) (suspected, down int, report string, err error) {
	s, err := newSite(siteOf{h.Way, h.V6, h.Named, h.Prepare})
	if err != nil {
		return 0, 0, "", err
	}
	defer s.Close()
	if err := s.watchInPeace(program, s.args(h.None)); err != nil {
		return 0, 0, "", err
	}
	w := s.Watch0
	calm := len(w.Events())
	defer func() {
		report = w.Report()
		last := "up"
		for _, e := range w.Events()[calm:] {
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
