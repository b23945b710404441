//go:build linux

package lab

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	dialling "holdfast/internal/dial"
)

// tunnel opens one from the client, asks for a PONG through it, and says in words what came of it.
func tunnel(t *testing.T, s *Site, target string) string {
	t.Helper()
	const patience = 800 * time.Millisecond
	via, err := dialling.ParseVia(s.Via)
	if err != nil {
		t.Fatal(err)
	}
	_, where, _ := strings.Cut(s.Via, "://")
	c, err := s.Client.Dial("tcp", netip.MustParseAddrPort(where).String(), patience)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "proxy refuses"
	case err != nil:
		return "proxy silent"
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reply, _, err := dialling.Through(ctx, c, via, target, dialling.Options{})
	var de *dialling.Error
	switch {
	case err == nil:
	case reply.Says() != "":
		return "says " + string(reply.Says())
	case errors.Is(err, dialling.ErrProtocol):
		return "nonsense"
	case errors.Is(err, context.DeadlineExceeded) && errors.As(err, &de):
		return "silent " + string(de.Step)
	default:
		return "hangs up"
	}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		return "tunnel closed"
	}
	answer := make([]byte, 7)
	switch _, err := io.ReadFull(c, answer); {
	case silent(err):
		return "server mute"
	case err != nil:
		return "tunnel closed"
	}
	return string(answer[:5])
}

const pong = "+PONG"

// Each fault at or behind a proxy does what its name says, over every real proxy and both families, and its repair mends
// it.
func TestIntegrationProxyFaults(t *testing.T) {
	same := func(s string) [4]string { return [4]string{s, s, s, s} }
	upstream := func(tiny, squid, dante string) [4]string { return [4]string{tiny, squid, dante, ""} }
	reply := [4]string{"silent reply", "silent reply", "silent reply", "silent reply"}
	tests := []struct {
		name    string
		breakIt func(*Site) (*Fault, error)
		want    [4]string // of tinyproxy, squid, dante, and of what IPv6 makes of dante's (empty: the same)
	}{
		{"proxy killed", proxy((*Service).Fail), same("proxy refuses")},
		{"proxy hung", proxy((*Service).Hang), [4]string{"silent reply", "silent reply", "silent greeting", "silent greeting"}},
		{"proxy restarted", proxy((*Service).Restart), same(pong)},
		{"its network disabled", local((*Lab).ProxyDisabled), same("proxy silent")},
		{"its cable pulled", local((*Lab).ProxyUnplugged), same("proxy silent")},
		{"its machine off", local((*Lab).ProxyOff), same("proxy silent")},
		{"far cable pulled", local((*Lab).FarUnplugged), reply},
		{"far side disabled", local((*Lab).FarDisabled), upstream("says failed", "says network-unreachable", "says network-unreachable")},
		{"dropped behind it", local((*Lab).FarDropAll), reply},
		{"reset behind it", local((*Lab).FarRejectRST), upstream("says failed", "says refused", "says refused")},
		{"prohibited behind it", local((*Lab).FarRejectICMP), [4]string{"says failed", "says host-unreachable", "says host-unreachable", "says failed"}},
		{"server killed", killServer, upstream("says failed", "says refused", "says refused")},
		{"server hung", hangServer, same("server mute")},
		{"server mute", muteServer, same("server mute")},
		{"server restarted", restartServer, same(pong)},
		{"server gone", local((*Lab).ServerGone), reply},
		{"gateway off", local((*Lab).GatewayOff), same(pong)},
	}
	for i, way := range []string{HTTP, Squid, SOCKS} {
		for _, v6 := range []bool{false, true} {
			name := Row{Way: way, V6: v6}.variant()[2:]
			t.Run(name, func(t *testing.T) {
				Need(t, append([]string{"redis-server"}, tools(way)...)...)
				t.Parallel()
				s, err := newSite(siteOf{way: way, v6: v6})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if got := tunnel(t, s, s.Target); got != pong {
					t.Fatalf("before any fault: %s", got)
				}
				for _, tt := range tests {
					want := tt.want[i]
					if i == 2 && v6 && tt.want[3] != "" {
						want = tt.want[3]
					}
					if v6 && want == "says host-unreachable" && i == 1 {
						want = "says failed" // EACCES
					}
					f, err := tt.breakIt(s)
					if err != nil {
						t.Fatalf("%s: %v", tt.name, err)
					}
					got := tunnel(t, s, s.Target)
					// An ICMP error that comes while the proxy's connect still holds the socket is only noted (sock_owned_by_user).
					for try := 1; got != want && got == "silent reply" && try < 3; try++ {
						got = tunnel(t, s, s.Target)
					}
					if got != want {
						t.Errorf("%s: got %q, want %q", tt.name, got, want)
					}
					if _, err := f.Repair(); err != nil {
						t.Fatalf("%s: repair: %v", tt.name, err)
					}
					// What was silent may first have to be asked again by its neighbours.
					got = ""
					for end := time.Now().Add(6 * time.Second); got != pong && time.Now().Before(end); {
						got = tunnel(t, s, s.Target)
					}
					if got != pong {
						t.Fatalf("%s: after the repair: %s", tt.name, got)
					}
				}
			})
		}
	}
}

// A proxy on the host outside is reached by the gateway, and the machine between is not asked.
func TestIntegrationProxyOutside(t *testing.T) {
	for _, way := range []string{OutHTTP, OutSOCKS} {
		t.Run(way, func(t *testing.T) {
			Need(t, append([]string{"redis-server"}, tools(way)...)...)
			s, err := newSite(siteOf{way: way})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, step := range []struct {
				name    string
				breakIt func(*Site) (*Fault, error)
				want    string
			}{
				{"proxy machine off", local((*Lab).ProxyOff), pong},
				{"gateway off", local((*Lab).GatewayOff), "proxy silent"},
				{"host outside off", local((*Lab).OutsideOff), "proxy silent"},
				{"server killed", killServer, map[string]string{OutHTTP: "says failed", OutSOCKS: "says refused"}[way]},
			} {
				f, err := step.breakIt(s)
				if err != nil {
					t.Fatal(err)
				}
				if got := tunnel(t, s, s.Target); got != step.want {
					t.Errorf("%s: got %q, want %q", step.name, got, step.want)
				}
				if _, err := f.Repair(); err != nil {
					t.Fatal(err)
				}
				got := ""
				for end := time.Now().Add(6 * time.Second); got != pong && time.Now().Before(end); {
					got = tunnel(t, s, s.Target)
				}
				if got != pong {
					t.Fatalf("%s: after the repair: %s", step.name, got)
				}
			}
		})
	}
}

// The fake proxy works, and says what it is told to.
func TestIntegrationFake(t *testing.T) {
	Need(t, "redis-server")
	for way, tests := range map[string]map[string]string{
		FakeHTTP: {
			"407": "says auth-required", "403": "says denied", "502": "says failed", "503": "says failed",
			FakeCloses: "hangs up", FakeGarbage: "nonsense", FakeMute: "silent reply",
		},
		FakeSOCKS: {
			"socks 1": "says failed", "socks 2": "says denied", "socks 3": "says network-unreachable", "socks 4": "says host-unreachable",
			"socks 5": "says refused", "socks 6": "says timeout", "socks 7": "says unsupported", "socks 8": "says unsupported",
			FakeNoAuth: "says auth-required", FakeCloses: "hangs up", FakeGarbage: "nonsense", FakeMute: "silent greeting", FakeStuck: "silent reply",
		},
	} {
		t.Run(way, func(t *testing.T) {
			s, err := newSite(siteOf{way: way})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for mode, want := range tests {
				f, err := s.Fake0.Fail(mode)
				if err != nil {
					t.Fatal(err)
				}
				if got := tunnel(t, s, s.Target); got != want {
					t.Errorf("%s: got %q, want %q", mode, got, want)
				}
				if _, err := f.Repair(); err != nil {
					t.Fatal(err)
				}
				if got := tunnel(t, s, s.Target); got != pong {
					t.Errorf("after %s: %s", mode, got)
				}
			}
		})
	}
}

// A server that is rebooted tells nobody, and answers the sessions from before with a reset.
func TestIntegrationReboot(t *testing.T) {
	Need(t, "redis-server", "ss")
	s, err := newSite(siteOf{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.Client.Dial("tcp", s.Target, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func() error {
		c.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.WriteString(c, "PING\r\n"); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 7))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if _, err := rebootServer(s); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !silent(err) {
		t.Errorf("a session that says nothing is told %v, want nothing", err)
	}
	if err := ask(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a session that asks is told %v, want a reset", err)
	}
	if fresh, err := s.Client.Dial("tcp", s.Target, time.Second); err != nil {
		t.Errorf("a new session: %v", err)
	} else {
		fresh.Close()
	}
}

// The name server is asked by the programs on client and proxy machine, answers, and does what it is told.
func TestIntegrationNames(t *testing.T) {
	Need(t, "getent")
	l := New(t)
	names, err := l.NameServer(l.Names)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(h *Host, name string) string {
		out, err := h.Run("getent", "ahosts", name)
		if err != nil {
			return ""
		}
		first, _, _ := strings.Cut(out, " ")
		return first
	}
	for _, h := range []*Host{l.Client, l.Proxy, l.Outside} {
		for name, want := range map[string]string{
			ServerName: ServerV4.Addr().String(), ServerNameV6: ServerV6.Addr().String(), ProxyName: ProxyV4.Addr().String(), UnknownName: "",
		} {
			if got := ask(h, name); got != want {
				t.Errorf("%s on %s is %q, want %q", name, h.Name, got, want)
			}
		}
	}
	for name, breakIt := range map[string]func() (*Fault, error){
		"off":     names.FailOff,
		"refuses": func() (*Fault, error) { return names.Fail(NamesRefuse) },
		"denies":  func() (*Fault, error) { return names.Fail(NamesDeny) },
	} {
		f, err := breakIt()
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(l.Client, ServerName); got != "" {
			t.Errorf("%s: it answers %q", name, got)
		}
		if _, err := f.Repair(); err != nil {
			t.Fatal(err)
		}
		if got := ask(l.Client, ServerName); got != ServerV4.Addr().String() {
			t.Errorf("%s: after the repair: %q", name, got)
		}
	}
	// Another one, behind the gateway.
	if _, err := l.NameServer(l.Outside); err != nil {
		t.Fatal(err)
	}
	if err := l.Client.Resolver(OutsideV4.Addr()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.NamesOff(); err != nil {
		t.Fatal(err)
	}
	if got := ask(l.Client, ServerName); got != ServerV4.Addr().String() {
		t.Errorf("by the gateway: %q", got)
	}
}

// What the name server answers to what.
func TestAnswerName(t *testing.T) {
	question := func(name string, kind dnsmessage.Type) []byte {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name string
		kind dnsmessage.Type
		mode NamesMode
		code dnsmessage.RCode
		n    int
	}{
		{ServerName + ".", dnsmessage.TypeA, NamesAnswer, dnsmessage.RCodeSuccess, 1},
		{ServerName + ".", dnsmessage.TypeAAAA, NamesAnswer, dnsmessage.RCodeSuccess, 0},
		{ServerNameV6 + ".", dnsmessage.TypeAAAA, NamesAnswer, dnsmessage.RCodeSuccess, 1},
		{UnknownName + ".", dnsmessage.TypeA, NamesAnswer, dnsmessage.RCodeNameError, 0},
		{".", dnsmessage.TypeA, NamesAnswer, dnsmessage.RCodeNameError, 0},
		{ServerName + ".", dnsmessage.TypeA, NamesDeny, dnsmessage.RCodeNameError, 0},
		{ServerName + ".", dnsmessage.TypeA, NamesRefuse, dnsmessage.RCodeRefused, 0},
	} {
		var m dnsmessage.Message
		if err := m.Unpack(answerName(question(tt.name, tt.kind), tt.mode)); err != nil {
			t.Errorf("%s %v: %v", tt.name, tt.kind, err)
			continue
		}
		if m.ID != 7 || !m.Response || m.RCode != tt.code || len(m.Answers) != tt.n {
			t.Errorf("%s %v in mode %d: %v", tt.name, tt.kind, tt.mode, m.GoString())
		}
	}
	for _, junk := range [][]byte{nil, {1, 2, 3}, answerName(question(ServerName+".", dnsmessage.TypeA), NamesAnswer)} {
		if got := answerName(junk, NamesAnswer); got != nil {
			t.Errorf("to %x it answers %x", junk, got)
		}
	}
}

// Every row can be found by its title, and says what is right.
func TestRows(t *testing.T) {
	titles := make(map[string]bool)
	cases := make(map[string]bool)
	for _, r := range Rows() {
		if titles[r.Title()] {
			t.Errorf("two rows are called %q", r.Title())
		}
		titles[r.Title()] = true
		if r.Break == nil || len(r.Causes) == 0 || r.Down == 0 && !r.Heals {
			t.Errorf("%s: no break, no cause or no bound", r.Title())
		}
		if r.Case != 0 {
			cases[r.Title()] = true
		}
		if r.Case > 2 && r.Case < 6 && !slices.Contains([]string{HTTP, Squid, SOCKS}, r.Way) {
			t.Errorf("%s: no proxy", r.Title())
		}
	}
	for n := 1; n <= 6; n++ {
		for _, phase := range []string{"before connecting", "after connected"} {
			found := false
			for title := range cases {
				found = found || strings.HasPrefix(title, "case "+string(rune('0'+n))+", "+phase)
			}
			if !found {
				t.Errorf("no row for case %d %s", n, phase)
			}
		}
	}
	titles = make(map[string]bool)
	for _, h := range HarmlessRows() {
		if titles[h.Title()] {
			t.Errorf("two harmless rows are called %q", h.Title())
		}
		titles[h.Title()] = true
	}
}
