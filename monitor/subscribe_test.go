package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func next1(t *testing.T, s *Subscription) (Event, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return s.Next(ctx)
}

func TestSubscription(t *testing.T) {
	t.Run("the first events are one for each target, in their order", func(t *testing.T) {
		fleet(t, targets(5), nil, func(t *testing.T, w *world, f *Fleet) {
			w.until(10 * time.Second)
			sub := f.Subscribe(false)
			defer sub.Close()
			for i, want := range f.Snapshots() {
				e, err := next1(t, sub)
				if err != nil || e.Kind != StateEvent || e.Snapshot.Target.Name != want.Target.Name || e.Snapshot.State != Up || e.Removed || e.Renewed {
					t.Errorf("event %d: %v %v %v, %v", i, e.Kind, e.Snapshot.Target.Name, e.Snapshot.State, err)
				}
			}
			if e, err := next1(t, sub); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one more: %+v, %v", e, err)
			}
		})
	})
	t.Run("a target that comes later is told, with what follows", func(t *testing.T) {
		fleet(t, nil, nil, func(t *testing.T, w *world, f *Fleet) {
			sub := f.Subscribe(false)
			defer sub.Close()
			w.until(time.Second)
			if err := f.Set(targets(1)); err != nil {
				t.Fatal(err)
			}
			w.until(2 * time.Second)
			if e, err := next1(t, sub); err != nil || e.Snapshot.State != Idle || e.Snapshot.Target.Name != "t000" {
				t.Errorf("first %v %v", e.Snapshot.State, err)
			}
			for {
				e, err := next1(t, sub)
				if err != nil {
					t.Fatal(err)
				}
				if e.Snapshot.State == Up {
					break
				}
			}
		})
	})
	t.Run("beats only for who asked", func(t *testing.T) {
		fleet(t, targets(1), nil, func(t *testing.T, w *world, f *Fleet) {
			w.until(10100 * ms)
			quiet := f.Subscribe(false)
			defer quiet.Close()
			before := f.Snapshots()[0].Seq
			w.until(20100 * ms)
			if got := f.Snapshots()[0].Seq; got != before {
				t.Errorf("%d snapshots were made for beats that nobody asked for", got-before)
			}
			loud := f.Subscribe(true)
			w.until(30100 * ms)
			beats := 0
			for {
				e, err := next1(t, loud)
				if err != nil || w.at() > 31*time.Second {
					break
				}
				if e.Kind == BeatEvent {
					beats++
					if e.Snapshot.RTT != 2*oneWay || e.Snapshot.State != Up {
						t.Errorf("beat %+v", e.Snapshot)
					}
				}
			}
			if beats < 20 {
				t.Errorf("%d beats in ten seconds", beats)
			}
			loud.Close()
			before = f.Snapshots()[0].Seq
			w.pass(10 * time.Second)
			if got := f.Snapshots()[0].Seq; got != before {
				t.Errorf("%d snapshots were made after the last reader of beats had left", got-before)
			}
			if e, err := next1(t, quiet); err != nil || e.Kind != StateEvent {
				t.Errorf("%v %v", e.Kind, err)
			}
			if e, err := next1(t, quiet); err == nil {
				t.Errorf("%v for who did not ask for beats", e.Kind)
			}
		})
	})
	t.Run("a slow reader is skipped to the newest", func(t *testing.T) {
		fleet(t, targets(3), func(w *world) {
			w.accept = func(c *conn) { time.AfterFunc(4*time.Second, func() { c.hangUp(io.EOF) }) }
		},
			func(t *testing.T, w *world, f *Fleet) {
				sub := f.Subscribe(true)
				defer sub.Close()
				w.until(10 * time.Minute)
				_ = f.Pause()
				w.pass(time.Second)
				last := map[string]Snapshot{}
				n := 0
				for {
					e, err := next1(t, sub)
					if err != nil {
						break
					}
					n++
					s := e.Snapshot
					if old, seen := last[s.Target.Name]; seen && (s.Seq < old.Seq || s.Time.Before(old.Time)) {
						t.Fatalf("time ran backwards: %d after %d", s.Seq, old.Seq)
					}
					last[s.Target.Name] = s
				}
				if n == 0 || n > queueLimit {
					t.Errorf("%d events after ten minutes, want at most %d", n, queueLimit)
				}
				for _, s := range f.Snapshots() {
					if last[s.Target.Name].Seq != s.Seq || s.State != Idle {
						t.Errorf("%s: the last event is number %d, the newest snapshot %d", s.Target.Name, last[s.Target.Name].Seq, s.Seq)
					}
				}
			})
	})
	t.Run("Close ends a Next that waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := NewFleet(Options{})
			sub := f.Subscribe(true)
			got := make(chan error)
			go func() {
				_, err := sub.Next(t.Context())
				got <- err
			}()
			synctest.Wait()
			sub.Close()
			sub.Close()
			if err := <-got; !errors.Is(err, ErrClosed) {
				t.Errorf("%v, want ErrClosed", err)
			}
			if _, err := sub.Next(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("again: %v, want ErrClosed", err)
			}
			if n := f.hub.feed.beats.Load(); n != 0 {
				t.Errorf("%d readers of beats are left", n)
			}
			if err := f.Set(targets(2)); err != nil { // publishes to nobody
				t.Error(err)
			}
		})
	})
	t.Run("a context ends a Next that waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sub := NewFleet(Options{}).Subscribe(false)
			defer sub.Close()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			if _, err := sub.Next(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("after the end what was published is still read", func(t *testing.T) {
		f := NewFleet(Options{})
		sub := f.Subscribe(false)
		if err := f.Set(targets(2)); err != nil {
			t.Fatal(err)
		}
		f.hub.feed.end()
		late := f.Subscribe(false)
		for name, s := range map[string]*Subscription{"early": sub, "late": late} {
			for range 2 {
				if _, err := next1(t, s); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := next1(t, s); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v, want ErrClosed", name, err)
			}
			s.Close()
		}
	})
}

// However targets publish, come and go, and however seldom a reader reads: it never sees an older snapshot after a newer
// one of the same target, nothing of a target after its departure, and in the end the newest of each.
func TestSubscriptionNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f feed
		var present []*Monitor
		seqs, gone := map[*Monitor]uint64{}, map[*Monitor]bool{}
		add := func() {
			m := &Monitor{name: fmt.Sprint(len(seqs))}
			m.snap.Store(&Snapshot{Seq: 1})
			seqs[m] = 1
			present = append(present, m)
			f.publish(queued{m: m, snap: m.snap.Load()})
		}
		for range rapid.IntRange(0, 5).Draw(t, "present") {
			add()
		}
		sub := f.subscribe(rapid.Bool().Draw(t, "beats"), present)
		read, left := map[*Monitor]uint64{}, map[*Monitor]bool{}
		byName := map[string]*Monitor{}
		drain := func(n int) {
			for ; n > 0; n-- {
				sub.mu.Lock()
				empty := len(sub.queue) == 0
				var m *Monitor
				if !empty {
					m = sub.queue[0].m
				}
				sub.mu.Unlock()
				if empty {
					return
				}
				// What is first in the queue is handed out, unless it is older than what was.
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				e, err := sub.Next(ctx)
				if err != nil {
					continue
				}
				if got := byName[e.Snapshot.Target.Name]; got != nil {
					m = got
				}
				switch {
				case e.Snapshot.Seq < read[m]:
					t.Fatalf("target %s: snapshot %d after %d", m.name, e.Snapshot.Seq, read[m])
				case left[m]:
					t.Fatalf("target %s: snapshot %d after its departure", m.name, e.Snapshot.Seq)
				}
				read[m] = e.Snapshot.Seq
				left[m] = e.Removed
			}
		}
		publish := func(m *Monitor, removed bool) {
			seqs[m]++
			s := &Snapshot{Seq: seqs[m], Target: Target{Name: m.name}}
			byName[m.name] = m
			m.snap.Store(s)
			f.publish(queued{m: m, snap: s, kind: EventKind(seqs[m] % 3), removed: removed})
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch k := rapid.IntRange(0, 9).Draw(t, "what"); {
			case k == 0:
				add()
			case k == 1 && len(present) > 0:
				i := rapid.IntRange(0, len(present)-1).Draw(t, "who leaves")
				publish(present[i], true)
				gone[present[i]] = true
				present = append(present[:i:i], present[i+1:]...)
			case k < 5:
				drain(rapid.IntRange(1, 20).Draw(t, "read"))
			case len(present) > 0:
				for range rapid.IntRange(1, 300).Draw(t, "published") {
					publish(present[rapid.IntRange(0, len(present)-1).Draw(t, "who")], false)
				}
			}
		}
		drain(1 << 20)
		for m, seq := range seqs {
			if read[m] != seq && (!gone[m] || read[m] != 0) {
				t.Fatalf("target %s: the newest is %d, the last that was read %d", m.name, seq, read[m])
			}
			if gone[m] && !left[m] {
				t.Fatalf("target %s: its departure was lost", m.name)
			}
		}
		sub.Close()
	})
}

// Ten thousand targets and a reader that sleeps: publishing stays cheap, for every target waits for it.
func TestSlowReaderOfTenThousand(t *testing.T) {
	const n = 10000
	var f feed
	var ms []*Monitor
	for range n {
		m := &Monitor{}
		m.snap.Store(&Snapshot{Seq: 1})
		ms = append(ms, m)
	}
	start := time.Now()
	sub := f.subscribe(true, ms)
	defer sub.Close()
	for seq := range uint64(5) {
		for _, m := range ms {
			m.snap.Store(&Snapshot{Seq: seq + 2})
			f.publish(queued{m: m, snap: m.snap.Load(), kind: BeatEvent})
		}
	}
	// Measured: 0.1 s; a skip with each event took a minute.
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%d events took %v", 6*n, took)
	}
	if got := len(sub.queue); got > 2*n {
		t.Errorf("%d events wait, want at most twice the targets", got)
	}
	newest := 0
	for range len(sub.queue) {
		e, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Snapshot.Seq == 6 {
			newest++
		}
	}
	if newest != n {
		t.Errorf("the newest of %d targets was read, want all %d", newest, n)
	}
}
