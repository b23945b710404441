package monitor

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/netcheck"
)

// Each heartbeat of a session is told of once, with its own round trip or as lost; of one that was not measured nothing is.
func TestEachBeatIsToldOf(t *testing.T) {
	const rtt, lost = 2 * oneWay, time.Duration(0)
	for name, r := range map[string]struct {
		target Target
		story  func(t *testing.T, w *world)
		want   map[time.Duration]int // how many took so long
	}{
		"all is well for a minute": {echoTarget, func(_ *testing.T, w *world) {
			w.until(time.Minute - ms)
		}, map[time.Duration]int{rtt: 120}}, // the first with the handshake, then one each half second
		"an answer is late": {echoTarget, func(_ *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() {
				w.serve = func(c *conn, data []byte) { time.AfterFunc(400*ms-rtt, func() { c.reply(data) }) }
			})
			w.until(10600 * ms)
			w.set(func() { w.serve = echo })
			w.until(11100 * ms)
		}, map[time.Duration]int{rtt: 21, 400 * ms: 1}},
		"the server hangs up before it answers": {echoTarget, func(_ *testing.T, w *world) {
			w.until(10100 * ms)
			w.set(func() { w.serve = func(c *conn, _ []byte) { c.hangUp(io.EOF) } })
			w.until(10510 * ms)
			w.set(func() { w.serve = echo })
			w.until(10900 * ms)
		}, map[time.Duration]int{rtt: 22, lost: 1}},
		"what the server has not read for four seconds it answers at once": {echoTarget, func(_ *testing.T, w *world) {
			var unread []func()
			w.until(10100 * ms)
			w.set(func() {
				w.refuses = true // the session itself is to come back
				w.serve = func(c *conn, data []byte) { w.set(func() { unread = append(unread, func() { c.reply(data) }) }) }
			})
			w.until(14900 * ms)
			w.set(func() { w.serve = echo })
			for _, answer := range unread {
				answer()
			}
			w.until(15100 * ms)
		}, map[time.Duration]int{
			rtt: 21, lost: 1, 401 * ms: 1, 901 * ms: 1, 1401 * ms: 1, 1901 * ms: 1, 2401 * ms: 1, 2901 * ms: 1, 3401 * ms: 1, 3901 * ms: 1, // it is known when the last eight left
		}},
		"paused while one waits": {echoTarget, func(_ *testing.T, w *world) {
			w.until(10500*ms + 1*ms)
			w.m.Pause()
			w.until(20 * time.Second)
		}, map[time.Duration]int{rtt: 21}}, // of 22
		"held up while one waits": {echoTarget, func(_ *testing.T, w *world) {
			w.until(10 * time.Second)
			w.set(func() { w.held = 3 * time.Second })
			w.until(15 * time.Second)
		}, map[time.Duration]int{rtt: 24}}, // of 25
		"without a heartbeat": {noneTarget, func(_ *testing.T, w *world) {
			w.until(10 * time.Second)
			w.breakLink(netcheck.LinkNoCarrier)
			w.until(20 * time.Second)
		}, map[time.Duration]int{rtt: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[time.Duration]int{}
			prepare := func(w *world) {
				w.beat = func(target string, at time.Time, rtt time.Duration) {
					if target != "office" || !at.Equal(time.Now()) {
						t.Errorf("told of %q at %v", target, at)
					}
					got[rtt]++
				}
			}
			watch(t, r.target, prepare, func(t *testing.T, w *world) {
				r.story(t, w)
				if d := cmp.Diff(r.want, got); d != "" {
					t.Error(d)
				}
			})
		})
	}
}
