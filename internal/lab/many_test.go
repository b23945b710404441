//go:build linux

package lab

import (
	"testing"
	"time"
)

// A hundred targets that break together are all named rightly, ask their gateway little, and are all back soon after the
// repair; while they are up nothing is sent but their beats.
func TestIntegrationMany(t *testing.T) {
	Need(t, "redis-server")
	hold := program(t)
	for _, m := range ManyRows() {
		// A sample, 16 s each; the bench has them all.
		if testing.Short() || m.V6 != (m.Servers > 1) || m.V6 && m.Cause != "gateway-unreachable" || m.Cause == "server-hung" {
			continue
		}
		t.Run(m.Title(), func(t *testing.T) {
			for try := 1; ; try++ {
				p, err := m.Play(Here(hold), 500*time.Millisecond)
				slow := Row{LeavesUp: m.LeavesUp, Down: m.Down, Back: m.Back}.tooSlow(Figures{LeftUp: p.LeftUp, Down: p.Down, Back: p.Back})
				good := err == nil && slow == nil && p.Right == m.Targets && p.Up <= MostUp*1.1 && (m.ToGateway == 0 || p.GatewayPackets() <= m.ToGateway)
				if !good && p.Stalled > 60*time.Millisecond && try < 4 {
					t.Logf("held up for %v: once more", p.Stalled)
					continue
				}
				if !good {
					t.Errorf("%v, %v; %d of %d right: %v, then %v; %.2f packets a second and target in peace; %v to the gateway; the first target:\n%s",
						err, slow, p.Right, m.Targets, p.Causes, p.Later, p.Up, p.ToGateway, p.Report)
				}
				t.Logf("leaves up %v, named %v, down %v, back %v; to the gateway %v, in all %d, after the repair %d", p.LeftUp, p.Named, p.Down, p.Back,
					p.ToGateway, p.Sent, p.Returning)
				return
			}
		})
	}
}

// One target alone sends little while its outage is new, and nothing but its beats before.
func TestIntegrationAlone(t *testing.T) {
	Need(t, "redis-server")
	hold := program(t)
	for _, a := range AloneRows() {
		if a.V6 || a.way() == Squid {
			continue
		}
		t.Run(a.Title(), func(t *testing.T) {
			Need(t, a.Tools()...)
			t.Parallel()
			p, err := a.Play(Here(hold))
			if err != nil {
				t.Fatalf("%v\n%s", err, p.Report)
			}
			if p.Sent > MostAlone || p.Up > MostUp*1.1 {
				t.Errorf("%.2f packets a second in peace, then %d in two seconds, want at most %d: %v\n%v\n%s", p.Up, p.Sent, MostAlone, p.Kinds, p.Packets, p.Report)
			}
			t.Logf("%.2f packets a second in peace, then %d: %v", p.Up, p.Sent, p.Kinds)
		})
	}
}
