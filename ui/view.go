package ui

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// A Look is what a person sees at a glance. The greatest of several wins, except that paused targets among others do
// not count. The zero value is "nothing set up".
type Look uint8

const (
	LookEmpty Look = iota
	LookUp
	LookPaused
	LookConnecting
	LookSuspect
	LookDown
	LookUnknown // nobody judges: the resident has stalled or is gone
)

var lookNames = [...]string{"empty", "up", "paused", "connecting", "suspect", "down", "unknown"}

// String returns the name of the icon's file.
func (k Look) String() string {
	if int(k) < len(lookNames) {
		return lookNames[k]
	}
	return "unknown"
}

// Word returns the look in one or two words: "Connected".
func (k Look) Word(l Lang) string {
	if k == LookPaused {
		return l.Say("state.idle")
	}
	return l.Say("state." + k.String())
}

// LookOf returns the look of one target in state s.
func LookOf(s monitor.State) Look {
	switch s {
	case monitor.Idle:
		return LookPaused
	case monitor.Connecting:
		return LookConnecting
	case monitor.Up:
		return LookUp
	case monitor.Suspect:
		return LookSuspect
	case monitor.Down:
		return LookDown
	}
	return LookUnknown
}

// How much of a name or an address is kept. Longer ones exist only by mistake or malice.
const (
	maxName    = 80
	maxAddress = 120
)

// A Mark says how a station of the path, or the link into it, is drawn.
type Mark uint8

const (
	NotAsked Mark = iota // dotted: nothing is known, and nobody asked
	Unknown              // dashed: asked, and nothing was proved
	Asked                // blue: the answer is to come
	Late                 // amber: the answer is overdue
	OK                   // green
	Broken               // filled red
)

var markNames = [...]string{"not-asked", "unknown", "asked", "late", "ok", "broken"}

// String returns the name of m for tests and logs.
func (m Mark) String() string {
	if int(m) < len(markNames) {
		return markNames[m]
	}
	return "mark(" + strconv.Itoa(int(m)) + ")"
}

// A Station is one hop as the path strip shows it.
type Station struct {
	Hop    netcheck.Hop
	Label  string // "Gateway"
	Where  string // "192.0.2.1"; may be empty
	Seen   string // "answers, 0.4 ms"
	When   string // "12:00:05", when that was seen; "" for what holds now, and for what was not seen
	Mark   Mark
	Link   Mark // the link from the station before it; without meaning in the first
	Shared int  // how many targets share this hop, when two or more; only Share knows
}

// A Leg is a part of the way that was measured as a whole, from one station to another.
type Leg struct {
	From, To int
	Label    string
	Mark     Mark // OK when measured, else NotAsked
}

// maxStations: this computer, gateway, name look-up, proxy, network, server, service.
const maxStations = 7

// A View is everything that is shown of one target. Views can be compared with ==.
type View struct {
	Key           string // Target.Name as it is, for requests; never shown
	Name, Address string // printable, bounded
	Look          Look
	State         monitor.State
	Cause         netcheck.Cause

	Sentence, Remedy string  // what is the matter, and what to do
	Also             string  // "It may also be: path breaks off"; "" when the cause is certain
	Big              string  // the one big figure: "0:42", "4 d 4 h"; "" for none
	Since            string  // "broken since 12:00:05"
	Countdown        string  // "Attempt 11 in 2.3 s", "Attempt 11 under way"; "" for none
	Fraction         float64 // of the wait that is over, stepping with Countdown

	Short       string // the cause in a word or two, for where Row does not fit; "" when nothing is broken
	Row, Figure string // the second line of a row, and its figure at the right: "connected 4 d 4 h", "24 ms"
	RTT         string // "24 ms"; "" when none was measured
	Keepalive   string // what the kernel's keepalive is, as read back; "" without a session
	Renewal     string // how long this server lets a session live; "" when not known

	Stations  [maxStations]Station
	NStations int
	Legs      [2]Leg
	NLegs     int
	Path      string // the path as one line: "This computer: ok. Gateway: answers, 0.4 ms. Proxy: refused. Rest: not asked."
	PathSeen  string // the same with the time of each: "This computer: ok (12:00:05). …"
}

// Strip returns the stations in use, nearest first.
func (v *View) Strip() []Station { return v.Stations[:v.NStations] }

// ViewOf returns what is shown of s at the time now.
func ViewOf(s monitor.Snapshot, now time.Time, l Lang) View {
	v, _ := ViewUntil(s, now, l)
	return v
}

// ViewUntil also returns how long the view stays true if nothing happens; 0 means until the next snapshot.
func ViewUntil(s monitor.Snapshot, now time.Time, l Lang) (View, time.Duration) {
	c := clock{now: now, l: l}
	v := View{
		Key:     s.Target.Name,
		Name:    Called(s.Target.Name, l, maxName),
		Address: addressOf(s, l),
		Look:    LookOf(s.State),
		State:   s.State,
		Cause:   s.Verdict.Cause,
		RTT:     l.RTT(s.RTT),
	}
	c.band(&v, s)
	if s.State == monitor.Down || s.State == monitor.Connecting {
		c.countdown(&v, s)
	}
	if k := s.Keepalive; k.Enabled && (s.State == monitor.Up || s.State == monitor.Suspect) {
		code := "keepalive"
		if k.UserTimeout <= 0 {
			code = "keepalive.notimeout"
		}
		v.Keepalive = l.Say(code, "idle", l.Span(k.Idle), "interval", l.Span(k.Interval),
			"n", strconv.Itoa(k.Count), "timeout", l.Span(k.UserTimeout))
	}
	if s.RenewEvery > 0 {
		v.Renewal = l.Say("renewal", "duration", l.Span(s.RenewEvery.Round(time.Second)), "n", strconv.Itoa(s.Renewals))
	}
	c.strip(&v, s)
	v.Path, v.PathSeen = pathLine(&v, l, false), pathLine(&v, l, true)
	return v, c.until
}

// Share fills Station.Shared into views, which belong to snaps one by one. Hops that leave this computer are shared
// when they have one address on one interface: the gateway and the proxy. What lies beyond is never compared.
func Share(views []View, snaps []monitor.Snapshot) {
	gateways, proxies := map[nextHop]int{}, map[string]int{}
	for _, s := range snaps {
		if s.State == monitor.Idle {
			continue
		}
		if s.Way.Gateway.IsValid() {
			gateways[nextHop{s.Way.Index, s.Way.Gateway.String()}]++
		}
		if s.Proxy != "" {
			proxies[s.Proxy]++
		}
	}
	for i, s := range snaps {
		for n := range views[i].Strip() {
			station := &views[i].Stations[n]
			station.Shared = 0
			switch station.Hop {
			case netcheck.HopGateway:
				station.Shared = gateways[nextHop{s.Way.Index, s.Way.Gateway.String()}]
			case netcheck.HopProxy:
				station.Shared = proxies[s.Proxy]
			}
			if station.Shared < 2 || s.State == monitor.Idle {
				station.Shared = 0
			}
		}
	}
}

// A nextHop is known by its interface too: link-local addresses are only unique together with it.
type nextHop struct {
	index   int
	address string
}

// A clock writes times, and remembers when the first of them will read differently.
type clock struct {
	now   time.Time
	l     Lang
	until time.Duration // 0: never
}

// change notes that something reads differently after d.
func (c *clock) change(d time.Duration) {
	if d <= 0 {
		d = time.Millisecond
	}
	if c.until == 0 || d < c.until {
		c.until = d
	}
}

// since returns how long ago t was, in whole steps, and notes the next step.
func (c *clock) since(t time.Time, step func(time.Duration) time.Duration) time.Duration {
	age := max(c.now.Sub(t), 0)
	s := step(age)
	c.change(s - age%s)
	return age.Truncate(s)
}

// seconds is the step of a duration shown to the second, hours after a day.
func seconds(d time.Duration) time.Duration {
	if d < day {
		return time.Second
	}
	return time.Hour
}

// coarse is the step of Span: whole seconds for a minute, minutes for a day, then hours.
func coarse(d time.Duration) time.Duration {
	switch {
	case d < time.Minute:
		return time.Second
	case d < day:
		return time.Minute
	}
	return time.Hour
}

// fine is the step of what lasts a moment.
func fine(d time.Duration) time.Duration {
	if d < 3*time.Second {
		return 100 * time.Millisecond
	}
	return coarse(d)
}

// late writes a short moment: tenths below 3 s.
func (c *clock) late(t time.Time) string {
	if d := c.since(t, fine); d >= 3*time.Second {
		return c.l.Span(d)
	} else {
		return c.l.tenths(d)
	}
}

// band fills in sentence, remedy, figures and row.
func (c *clock) band(v *View, s monitor.Snapshot) {
	l := c.l
	why := Explain(s.Verdict, s, l)
	v.Row = l.Say("row." + v.Look.String())
	switch s.State {
	case monitor.Up:
		start := s.UpSince
		if start.IsZero() {
			start = s.Since
		}
		v.Sentence = l.Say("state.up")
		v.Remedy = c.answered(v.Name, s)
		v.Big = l.Span(c.since(start, coarse))
		v.Since = l.Say("up.since", "time", l.Clock(start, c.now))
		v.Row = l.Say("row.up", "duration", v.Big)
		v.Figure = v.RTT

	case monitor.Suspect:
		v.Sentence = l.Say("state.suspect")
		switch {
		case why.Sentence != "":
			v.Remedy = why.Sentence + l.Say("stop")
		case suspectsLink(s):
			v.Remedy = l.Say("suspect.local", "interface", interfaceOf(s.Verdict.Interface, s.Way.Interface, l))
		default:
			v.Remedy = l.Say("suspect.sub", "duration", c.late(s.Since))
		}
		if !s.UpSince.IsZero() {
			v.Big = l.Span(c.since(s.UpSince, coarse))
			v.Since = l.Say("up.since", "time", l.Clock(s.UpSince, c.now))
		}
		v.Figure = v.RTT

	case monitor.Connecting:
		v.Sentence = l.Say("state.connecting")
		v.Remedy = l.Say("connecting.sub", "server", serverOf(s.Target))
		if why.Sentence != "" {
			v.Remedy = l.Say("connecting.again", "sentence", why.Sentence)
		}

	case monitor.Down:
		v.Sentence, v.Remedy = why.Sentence, why.Remedy
		if v.Sentence == "" {
			v.Sentence, v.Remedy = l.Say("down.why"), l.Say("down.why.sub")
		}
		start := s.BrokenSince
		if start.IsZero() {
			start = s.Since
		}
		v.Big = l.Duration(c.since(start, seconds))
		v.Since = l.Say("down.since", "time", l.Clock(start, c.now))
		v.Row, v.Figure, v.Short = v.Sentence, v.Big, why.Short

	case monitor.Idle:
		v.Sentence, v.Remedy = l.Say("state.idle"), l.Tell("state.idle.one", "name", v.Name)
		if !s.Since.IsZero() {
			v.Since = l.Say("up.since", "time", l.Clock(s.Since, c.now))
		}

	default:
		v.Sentence, v.Remedy = l.Say("state.unknown"), ""
	}
	var also []string
	for _, cause := range s.Verdict.Also {
		if len(also) < 4 {
			also = append(also, short(cause, l))
		}
	}
	if len(also) > 0 && s.State == monitor.Down {
		v.Also = l.Say("also", "text", strings.Join(also, l.Say("comma")))
	}
}

// answered says when the last answer came. Within a second it does not count tenths: a calm state stands still.
func (c *clock) answered(name string, s monitor.Snapshot) string {
	switch {
	case noHeartbeat(s.Target):
		return c.l.Say("up.sub.none")
	case s.LastAnswer.IsZero():
		return ""
	case s.Target.Interval < time.Second:
		// The snapshot is taken when something changes, not with every beat, and as long as the target is Up the
		// last answer is younger than its heartbeat interval and the time allowed for the answer.
		return c.l.Say("up.sub.now", "name", name)
	}
	return c.l.Say("up.sub.within", "name", name, "duration", c.l.Span(s.Target.Interval.Round(time.Second)))
}

// countdown fills in what is known of the next attempt.
func (c *clock) countdown(v *View, s monitor.Snapshot) {
	rest := s.RetryAt.Sub(c.now)
	if s.RetryAt.IsZero() || rest <= 0 {
		if s.State == monitor.Down && s.RetryAt.IsZero() && s.Attempt > 0 {
			v.Countdown = c.l.Say("attempt.now", "n", strconv.Itoa(s.Attempt))
		} else if s.State == monitor.Down {
			v.Countdown = c.l.Say("attempt.now", "n", strconv.Itoa(s.Attempt+1))
		}
		return
	}
	step := time.Second
	if rest <= 3*time.Second {
		step = 100 * time.Millisecond
	}
	shown := (rest + step - 1).Truncate(step) // rounded up: "0.1 s" is the last that is shown
	next := rest - (shown - step)
	if shown == 3*time.Second && step == time.Second {
		next = rest - 3*time.Second
	}
	c.change(next)
	text := c.l.Span(shown)
	if step < time.Second {
		text = c.l.tenths(shown)
	}
	v.Countdown = c.l.Say("attempt.next", "n", strconv.Itoa(s.Attempt+1), "duration", text)

	began := s.Time
	if n := len(s.Attempts); n > 0 {
		if end := s.Attempts[n-1].Start.Add(s.Attempts[n-1].Took); end.Before(s.RetryAt) {
			began = end
		}
	}
	if whole := s.RetryAt.Sub(began); whole > 0 {
		v.Fraction = min(max(1-float64(shown)/float64(whole), 0), 1)
	}
}

// An Explanation is a verdict in words.
type Explanation struct {
	Sentence string // "The proxy refuses connections"
	Remedy   string // what to do; one or more sentences
	Short    string // for tables: "proxy refused"
}

// Explain puts v, found for the target of s, into words. The zero verdict has none: all fields are empty.
func Explain(v netcheck.Verdict, s monitor.Snapshot, l Lang) Explanation {
	if v.Cause == netcheck.CauseNone {
		return Explanation{}
	}
	t := s.Target
	server := serverOf(t)
	far := s.Proxy != "" // what is said of the far side was seen by the proxy
	if v.Cause.Hop() == netcheck.HopResolver {
		if far = far && farName(s, v.Evidence, s.Evidence); s.Proxy != "" && !far {
			server = proxyOf(s)
		}
		server = hostOf(server)
	}
	code := string(v.Cause)
	if _, known := words()[code]; !known {
		return Explanation{Sentence: l.Say("cause.other", "text", Printable(code, 40)), Short: Printable(code, 40)}
	}
	if v.Cause == netcheck.CableUnplugged && wireless(v.Interface) {
		code += ".wifi"
	}
	if _, known := words()[code+".proxied"]; known && far {
		code += ".proxied"
	}
	gateway := ""
	if v.Gateway.IsValid() {
		gateway = Printable(v.Gateway.String(), maxAddress)
	}
	scheme, proxy := "http", proxyOf(s)
	if kind, _, ok := strings.Cut(s.Proxy, "://"); ok {
		scheme = kind
	}
	if proxy == "" {
		proxy = l.Say("hop.proxy")
	}
	pairs := []string{
		"interface", interfaceOf(v.Interface, "", l), "server", server, "gateway", gateway, "proxy", proxy, "login", Printable(scheme, 8) + "://USER@" + proxy,
		"name", Called(t.Name, l, maxName), "duration", l.Say("some.time"),
	}
	return Explanation{Sentence: upper(l.Say(code, pairs...)), Remedy: upper(l.Tell(code, pairs...)), Short: short(v.Cause, l)}
}

// upper makes the first letter a capital one when a word of ours, not a name, has come to stand there.
func upper(s string) string {
	if strings.HasPrefix(s, English.Say("some.interface")) {
		return "T" + s[1:]
	}
	return s
}

// Short returns c in a word or two, for tables: "proxy refused".
func Short(c netcheck.Cause, l Lang) string { return short(c, l) }

func short(c netcheck.Cause, l Lang) string {
	code := "short." + string(c)
	if _, known := words()[code]; !known {
		return Printable(string(c), 40)
	}
	return l.Say(code)
}

// wireless goes by the names that udev and the kernel give wireless adapters: wlan0, wlp3s0, wlx0011….
func wireless(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "wl") || strings.HasPrefix(name, "wi-fi") || strings.HasPrefix(name, "无线")
}

// interfaceOf returns the first name that is known, else words for it.
func interfaceOf(name, other string, l Lang) string {
	if name == "" {
		name = other
	}
	if name == "" {
		return l.Say("some.interface")
	}
	return Printable(name, 32)
}

func serverOf(t monitor.Target) string { return Printable(t.Address, maxAddress) }

// hostOf returns the host of host:port, or all of it.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// proxyOf returns host:port of the proxy that s goes through; "" when it goes directly.
func proxyOf(s monitor.Snapshot) string {
	_, at, _ := strings.Cut(s.Proxy, "://")
	return Printable(at, maxAddress)
}

func addressOf(s monitor.Snapshot, l Lang) string {
	if s.Proxy != "" {
		return l.Say("address.through", "server", serverOf(s.Target), "proxy", proxyOf(s))
	}
	return serverOf(s.Target)
}

// farName reports whether the name that was looked up is the server's, behind a proxy, and not the proxy's own.
func farName(s monitor.Snapshot, evidence ...[]netcheck.Evidence) bool {
	for _, list := range evidence {
		for _, e := range slices.Backward(list) {
			if e.Hop == netcheck.HopResolver && e.Where != "" {
				return e.Where != hostOf(proxyOf(s))
			}
		}
	}
	_, err := netip.ParseAddr(hostOf(proxyOf(s)))
	return err == nil // an address needs no look-up
}

func noHeartbeat(t monitor.Target) bool { return t.Heartbeat == "" || t.Heartbeat == "none" }
