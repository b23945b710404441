package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// proxySettings are the proxies that a person has set for all programs of a computer, in the words of Windows
// (WINHTTP_CURRENT_USER_IE_PROXY_CONFIG, winhttp.h).
type proxySettings struct {
	detect bool   // the network is asked where a script is (WPAD)
	script string // the URL of a script, which is asked for each host (PAC)
	proxy  string // "host:port", or one for each protocol: "http=a:80;https=b:81;socks=c:1080"
	bypass string // what is reached without it: "*.example.net;192.0.2.*;<local>"
}

// automatic reports whether a script decides, if there is one.
func (s proxySettings) automatic() bool { return s.detect || s.script != "" }

// static is the way to host and port that the settings name where no script decides: the proxy of https, else the one that
// is for every protocol, else that of SOCKS, as https_proxy comes before all_proxy. What is for other protocols alone, a
// TCP session has no use for.
func (s proxySettings) static(host string, port uint16) (Via, error) {
	const https, every, socks = 0, 1, 2
	var found [3]string
	for _, entry := range listed(s.proxy) {
		scheme, value, ok := strings.Cut(entry, "=")
		which := every
		switch {
		case !ok:
			value = entry
		case strings.EqualFold(scheme, "https"):
			which = https
		case strings.EqualFold(scheme, "socks"):
			if which = socks; !strings.Contains(value, "://") {
				value = "socks5://" + value
			}
		default:
			continue
		}
		if found[which] == "" {
			found[which] = value
		}
	}
	for _, value := range found {
		if value == "" {
			continue
		}
		if s.bypassed(host, port) {
			return Via{}, nil
		}
		v, err := parseBare(value)
		if err != nil {
			return Via{}, fmt.Errorf("the system's proxy: %w", err)
		}
		return v, nil
	}
	return Via{}, nil
}

// listed takes a list apart as WinHTTP writes it: between semicolons or blanks.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r <= ' ' })
}

// parseBare reads a proxy; without a scheme, as is the convention, it is an HTTP proxy.
func parseBare(s string) (Via, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	return ParseVia(s)
}

// bypassed reports whether the settings have host and port be reached without the proxy. This computer itself and
// link-local addresses are, unless "<-loopback>" says otherwise; "<local>" stands for all names without a dot. What else
// is listed may begin with a scheme, end with a port, and hold asterisks.
func (s proxySettings) bypassed(host string, port uint16) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	named, loopback := err != nil, true
	for _, rule := range listed(strings.ToLower(s.bypass)) {
		switch rule {
		case "<local>":
			if named && !strings.Contains(host, ".") {
				return true
			}
		case "<-loopback>":
			loopback = false
		default:
			if matches(rule, host, port) {
				return true
			}
		}
	}
	if named {
		return loopback && (host == "localhost" || strings.HasSuffix(host, ".localhost"))
	}
	return loopback && (ip.IsLoopback() || ip.IsLinkLocalUnicast())
}

// matches reports whether a rule like "https://*.example.net:443" is about host and port.
func matches(rule, host string, port uint16) bool {
	if _, rest, ok := strings.Cut(rule, "://"); ok {
		rule = rest
	}
	rule = strings.TrimSuffix(rule, "/")
	if i := strings.LastIndexByte(rule, ':'); i >= 0 && (strings.HasSuffix(rule[:i], "]") || strings.Count(rule, ":") == 1) {
		if p := rule[i+1:]; p != "*" && p != strconv.Itoa(int(port)) {
			return false
		}
		rule = rule[:i]
	}
	rule = strings.TrimSuffix(strings.TrimPrefix(rule, "["), "]")
	if strings.HasPrefix(rule, ".") { // the convention elsewhere: a domain
		rule = "*" + rule
	}
	return wild(rule, host)
}

// wild reports whether s is what pattern describes, in which an asterisk stands for anything.
func wild(pattern, s string) bool {
	first, rest, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for {
		var part string
		if part, rest, ok = strings.Cut(rest, "*"); !ok {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
}

// scripted are the ways that a script's answer names, in its order: "a:3128;b:3128". What cannot be used is left out, and
// is the error where nothing is left. An empty answer is the direct way.
func scripted(list string) (ways []Via, err error) {
	entries := listed(list)
	if len(entries) == 0 {
		return []Via{{}}, nil
	}
	for _, entry := range entries {
		if strings.EqualFold(entry, "direct") {
			ways = append(ways, Via{})
			continue
		}
		v, e := parseBare(entry)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("the proxy script's answer: %w", e))
			continue
		}
		ways = append(ways, v)
	}
	if len(ways) > 0 {
		err = nil
	}
	return ways, err
}

const (
	// scriptPatience: a session that is to begin waits no longer for what a script says. Whoever follows is told later.
	scriptPatience = 3 * time.Second
	// scriptAgain: where there was no script, it is not looked for again sooner.
	scriptAgain = 30 * time.Second
	// acceptWithin: where a script names several proxies, each has so long to accept a connection.
	acceptWithin = time.Second
	mostAnswers  = 10000
)

// errNoScript is wrapped by what the system says where no script could be found or fetched, whoever was asked about.
var errNoScript = errors.New("no proxy script")

// systemProxies knows the ways that the settings of a system name.
type systemProxies struct {
	settings func() (proxySettings, error)                            // quick
	script   func(s proxySettings, urls []string) func() scriptAnswer // one answer a call, for one URL after the other; may hang
	accepts  func(Via) bool                                           // somebody takes connections there; it may take a while

	working chan struct{} // capacity 1: who asks the script holds it, for a system that hangs costs one thread

	mu      sync.Mutex // guards what follows
	under   proxySettings
	answers map[string]answered // by target
}

type scriptAnswer struct {
	list string
	err  error
}

type answered struct {
	via    Via
	err    error
	failed time.Time // when it was asked last and failed; what was known before holds on
}

func newSystemProxies() *systemProxies {
	return &systemProxies{working: make(chan struct{}, 1), accepts: accepts, answers: map[string]answered{}}
}

// accepts reports whether somebody takes a connection there.
func accepts(v Via) bool {
	if !v.IsProxy() {
		return true
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort(v.host, strconv.Itoa(int(v.port))), acceptWithin)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// way is the way to target as far as it is known now: what a script said, else what the settings say without one. It never
// waits.
func (p *systemProxies) way(target string) (Via, error) {
	host, port, err := splitTarget(target)
	if err != nil {
		return Via{}, err
	}
	s, err := p.settings()
	if err != nil {
		return Via{}, fmt.Errorf("the system's proxy settings: %w", err)
	}
	if s.automatic() {
		p.mu.Lock()
		a, known := p.answers[target]
		known = known && p.under == s
		p.mu.Unlock()
		if known && !errors.Is(a.err, errNoScript) {
			return a.via, a.err
		}
	}
	return s.static(host, port)
}

// ask has the script say, where there is one, how each target is reached: again if afresh is set, else those of which it has
// said nothing yet. It returns when that is known, or ctx ends; what is said later is known then.
func (p *systemProxies) ask(ctx context.Context, targets []string, afresh bool) {
	s, err := p.settings()
	if err != nil || !s.automatic() || len(targets) == 0 {
		return
	}
	select {
	case p.working <- struct{}{}:
	case <-ctx.Done():
		return
	}
	p.mu.Lock()
	if p.under != s || len(p.answers) > mostAnswers {
		p.under = s
		clear(p.answers)
	}
	var open, urls []string
	for _, t := range targets {
		a, known := p.answers[t]
		host, port, err := splitTarget(t)
		if err != nil || known && !afresh && (a.failed.IsZero() || time.Since(a.failed) < scriptAgain) {
			continue
		}
		open, urls = append(open, t), append(urls, "https://"+net.JoinHostPort(host, strconv.Itoa(int(port)))+"/")
	}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer func() { <-p.working; close(done) }()
		if len(open) == 0 {
			return
		}
		next, accepts := p.script(s, urls), p.once()
		var a scriptAnswer
		for _, t := range open {
			if !errors.Is(a.err, errNoScript) { // else nobody has one
				a = next()
			}
			p.keep(s, t, a, accepts)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// keep remembers what the script said of target. Of several proxies the one that is known stays while it accepts
// connections, else the first that does is taken, and the very first where none does.
func (p *systemProxies) keep(s proxySettings, target string, a scriptAnswer, accepts func(Via) bool) {
	ways, err := []Via(nil), a.err
	if err == nil {
		ways, err = scripted(a.list)
	}
	p.mu.Lock()
	was, known := p.answers[target]
	p.mu.Unlock()
	now := answered{err: err}
	switch {
	case err != nil && known:
		now = was
		now.failed = time.Now()
	case err != nil:
		now.failed = time.Now()
	default:
		now.via = choose(ways, was.via, accepts)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under == s {
		p.answers[target] = now
	}
}

// once asks of each proxy once whether it accepts connections.
func (p *systemProxies) once() func(Via) bool {
	known := map[Via]bool{}
	return func(v Via) bool {
		yes, ok := known[v]
		if !ok {
			yes = p.accepts(v)
			known[v] = yes
		}
		return yes
	}
}

// choose takes the one in use first, where it is still named, then each in order.
func choose(ways []Via, inUse Via, accepts func(Via) bool) Via {
	if len(ways) == 1 {
		return ways[0]
	}
	for _, v := range ways {
		if v == inUse && inUse.IsProxy() && accepts(v) {
			return v
		}
	}
	for _, v := range ways {
		if v != inUse && accepts(v) || !v.IsProxy() {
			return v
		}
	}
	return ways[0]
}

// AskSystem finds out how those targets ("host:port") are reached by the way "system", so that [Via.For] knows it. Where the
// system leaves that to a script, which it runs itself, that is waited for, though no longer than some seconds: until it has
// spoken For says what the settings say without it. Elsewhere it returns at once.
func AskSystem(ctx context.Context, targets []string) {
	if thisSystem == nil || environmentNames() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, scriptPatience)
	defer cancel()
	thisSystem.ask(ctx, targets, false)
}

// SystemSilent reports whether the way "system" to target is what a script says that has said nothing of it yet: [AskSystem]
// would wait.
func SystemSilent(target string) bool {
	return thisSystem != nil && !environmentNames() && thisSystem.silent(target)
}

func (p *systemProxies) silent(target string) bool {
	s, err := p.settings()
	if err != nil || !s.automatic() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.answers[target]
	return !known || p.under != s
}

// SystemChanges reports whether the way "system" may become another while this program runs.
func SystemChanges() bool { return thisSystem != nil }

// FollowSystem calls changed when the way "system" may have become another for one of the targets: after the settings were
// changed, and after again was sent to, which is for whoever has a reason to ask the script once more. It returns when ctx
// ends, and at once where the system has no such settings. The caller compares what [Via.For] says.
func FollowSystem(ctx context.Context, again <-chan struct{}, targets func() []string, changed func()) {
	if thisSystem == nil {
		return
	}
	heard := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { watchSettings(ctx, func() { wake(heard) }) })
	thisSystem.follow(ctx, heard, again, targets, changed)
}

// wake never blocks: one that is pending is enough.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

const (
	settled      = 200 * time.Millisecond // a dialog writes several values, one after the other
	followWithin = time.Minute            // what a script says later is heard the next time
)

func (p *systemProxies) follow(ctx context.Context, heard, again <-chan struct{}, targets func() []string, changed func()) {
	var was proxySettings
	for first := true; ; first = false {
		asked := false
		if !first {
			select {
			case <-ctx.Done():
				return
			case <-heard:
			case <-again:
				asked = true
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(settled):
			}
		}
		s, err := p.settings()
		if err != nil || !first && !asked && s == was {
			continue
		}
		was = s
		within, cancel := context.WithTimeout(ctx, followWithin)
		p.ask(within, targets(), !first)
		cancel()
		changed()
	}
}
