//go:build linux

package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestConditionsCheck(t *testing.T) {
	tests := []struct {
		name string
		c    Conditions
		good bool
	}{
		{"nothing", Conditions{}, true},
		{"everything", Conditions{Delay: time.Second, Jitter: time.Second, Loss: 1, Reorder: 1, Held: time.Second, Order: true, Neighbours: true, Seed: 1}, true},
		{"negative loss", Conditions{Loss: -0.1}, false},
		{"loss in per cent", Conditions{Loss: 5}, false},
		{"no number", Conditions{Loss: math.NaN()}, false},
		{"reordering in per cent", Conditions{Reorder: 10}, false},
		{"negative delay", Conditions{Delay: -1}, false},
		{"negative jitter", Conditions{Jitter: -1}, false},
		{"held for ever", Conditions{Reorder: .1, Held: time.Hour}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.c.check(); (err == nil) != tt.good {
				t.Errorf("got %v, want good: %v", err, tt.good)
			}
		})
	}
}

func TestFate(t *testing.T) {
	const n, gap = 20000, 5 * time.Millisecond
	start := time.Unix(1e9, 0)
	type passed struct {
		sent int
		late time.Duration // beyond the moment it came
		at   time.Time
	}
	run := func(c Conditions, neighbour bool) (all []passed) {
		f := newFate(c, 1)
		for i := range n {
			now := start.Add(time.Duration(i) * gap)
			if at, ok := f.due(now, neighbour); ok {
				all = append(all, passed{i, at.Sub(now), at})
			}
		}
		slices.SortStableFunc(all, func(a, b passed) int { return a.at.Compare(b.at) })
		return all
	}
	overtaken := func(all []passed) (late int) {
		highest := -1
		for _, p := range all {
			if p.sent < highest {
				late++
			}
			highest = max(highest, p.sent)
		}
		return late
	}
	span := func(all []passed) (least, mean, most time.Duration) {
		least = math.MaxInt64
		var sum time.Duration
		for _, p := range all {
			least, most, sum = min(least, p.late), max(most, p.late), sum+p.late
		}
		return least, sum / time.Duration(len(all)), most
	}
	near := func(t *testing.T, what string, got, want, off time.Duration) {
		t.Helper()
		if (got - want).Abs() > off {
			t.Errorf("%s %v, want %v within %v", what, got, want, off)
		}
	}

	t.Run("nothing", func(t *testing.T) {
		all := run(Conditions{Seed: 1}, false)
		if _, _, most := span(all); len(all) != n || most != 0 || overtaken(all) != 0 {
			t.Errorf("%d of %d, up to %v late", len(all), n, most)
		}
	})
	t.Run("delay", func(t *testing.T) {
		all := run(Conditions{Delay: 150 * time.Millisecond, Seed: 1}, false)
		if least, _, most := span(all); len(all) != n || least != most || most != 150*time.Millisecond {
			t.Errorf("%d of %d, %v to %v late", len(all), n, least, most)
		}
	})
	t.Run("loss", func(t *testing.T) {
		// Five standard deviations of the binomial distribution.
		if lost := float64(n - len(run(Conditions{Loss: .05, Seed: 1}, false))); math.Abs(lost-n*.05) > 5*math.Sqrt(n*.05*.95) {
			t.Errorf("%v of %d lost, want about 5 %%", lost, n)
		}
	})
	t.Run("silence", func(t *testing.T) {
		if got := len(run(Conditions{Loss: 1, Seed: 1}, false)); got != 0 {
			t.Errorf("%d packets passed", got)
		}
	})
	t.Run("jitter", func(t *testing.T) {
		all := run(Conditions{Delay: 10 * time.Millisecond, Jitter: 200 * time.Millisecond, Seed: 1}, false)
		least, mean, most := span(all)
		near(t, "least", least, 10*time.Millisecond, time.Millisecond)
		near(t, "mean", mean, 110*time.Millisecond, 2*time.Millisecond)
		near(t, "most", most, 210*time.Millisecond, time.Millisecond)
		if overtaken(all) < n/10 {
			t.Errorf("%d of %d overtaken: jitter far above the gaps leaves no order", overtaken(all), n)
		}
	})
	t.Run("jitter in order", func(t *testing.T) {
		all := run(Conditions{Jitter: 200 * time.Millisecond, Order: true, Seed: 1}, false)
		if o := overtaken(all); o != 0 {
			t.Errorf("%d of %d overtaken", o, n)
		}
		_, _, most := span(all)
		near(t, "most", most, 200*time.Millisecond, time.Millisecond)
	})
	t.Run("reordering", func(t *testing.T) {
		all := run(Conditions{Reorder: .1, Held: 20 * time.Millisecond, Seed: 1}, false)
		if o := float64(overtaken(all)); math.Abs(o-n*.1) > 5*math.Sqrt(n*.1*.9) {
			t.Errorf("%v of %d overtaken, want about 10 %%", o, n)
		}
		if least, _, most := span(all); least != 0 || most != 20*time.Millisecond {
			t.Errorf("%v to %v late, want nothing or 20ms", least, most)
		}
	})
	t.Run("neighbours", func(t *testing.T) {
		c := Conditions{Loss: 1, Delay: time.Second, Seed: 1}
		if all := run(c, true); len(all) != n || all[n-1].late != 0 {
			t.Error("neighbour discovery fares like the rest")
		}
		c.Neighbours = true
		if all := run(c, true); len(all) != 0 {
			t.Error("neighbour discovery passes a radio that loses everything")
		}
	})
	t.Run("seed", func(t *testing.T) {
		c := Conditions{Loss: .3, Jitter: time.Second, Reorder: .2, Held: time.Second, Seed: 7}
		a, b := run(c, false), run(c, false)
		c.Seed = 8
		if other := run(c, false); !slices.Equal(a, b) || slices.Equal(a, other) {
			t.Error("want the same of the same seed, and else something different")
		}
		if there, back := newFate(c, 0), newFate(c, 1); there.chance.Uint64() == back.chance.Uint64() {
			t.Error("both directions have the same luck")
		}
	})
}

// echoUDP answers datagrams on a port of the lab's server, both families, until the test ends.
func echoUDP(t *testing.T, l *Lab, port uint16) {
	t.Helper()
	for _, at := range []netip.AddrPort{ServerAt(port), ServerAtV6(port)} {
		var c *net.UDPConn
		if err := l.Server.Do(func() (err error) {
			c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		c.SetReadBuffer(4 << 20)
		done := make(chan struct{})
		t.Cleanup(func() { c.Close(); <-done })
		go func() {
			defer close(done)
			onOneProcessor()
			buf := make([]byte, 1<<16)
			for {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					c.WriteToUDPAddrPort(buf[:n], from)
				}
			}
		}()
	}
}

// pings sends n datagrams with a pause between and returns, in the order of the answers, which were answered, and each
// one's round trip.
func pings(t *testing.T, l *Lab, at netip.AddrPort, n int, gap, patience time.Duration) (order []int, rtt []time.Duration) {
	t.Helper()
	c, err := l.Client.Dial("udp", at.String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.(*net.UDPConn).SetReadBuffer(4 << 20)
	start := time.Now()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		onOneProcessor()
		var b [16]byte
		for i := range n {
			time.Sleep(time.Until(start.Add(time.Duration(i) * gap)))
			binary.BigEndian.PutUint64(b[:], uint64(i))
			binary.BigEndian.PutUint64(b[8:], uint64(time.Since(start)))
			c.Write(b[:])
		}
	}()
	c.SetReadDeadline(start.Add(time.Duration(n)*gap + patience))
	var b [64]byte
	for len(order) < n {
		if _, err := io.ReadAtLeast(c, b[:], 16); err != nil {
			break
		}
		order = append(order, int(binary.BigEndian.Uint64(b[:])))
		rtt = append(rtt, time.Since(start)-time.Duration(binary.BigEndian.Uint64(b[8:])))
	}
	<-sent
	return order, rtt
}

func relayed(t *testing.T, place string, c Conditions) (*Lab, *Relay) {
	t.Helper()
	l := New(t)
	r, err := l.Relay(place, c)
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

// overtaken counts those that came right behind one that was sent later.
func overtaken(order []int) (n int) {
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			n++
		}
	}
	return n
}

// middle is the median of some figures, the least and the one that nine of ten are below.
func middle(d []time.Duration) (least, median, most time.Duration) {
	if len(d) == 0 {
		return None, None, None
	}
	d = slices.Sorted(slices.Values(d))
	return d[0], d[len(d)/2], d[len(d)*9/10]
}

// The round trip is what was set, at each place, in both families; what is nearer than the relay stays as near.
func TestIntegrationRelayDelay(t *testing.T) {
	Need(t)
	for _, place := range []string{BeyondGateway, BeforeServer, BeforeGateway} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			const rtt, port = 100 * time.Millisecond, 7000
			l, r := relayed(t, place, RoundTrip(rtt))
			echoUDP(t, l, port)
			for _, at := range []netip.AddrPort{ServerAt(port), ServerAtV6(port)} {
				order, took := pings(t, l, at, 100, 5*time.Millisecond, time.Second)
				least, median, most := middle(took)
				t.Logf("%v: round trip %v, %v, %v", at, least, median, most)
				if len(order) != 100 || least < rtt || median > rtt+10*time.Millisecond {
					t.Errorf("%v: %d of 100 answered after %v, %v, %v; want %v", at, len(order), least, median, most, rtt)
				}
				if !slices.IsSorted(order) {
					t.Errorf("%v: out of order: %v", at, order)
				}
				start := time.Now()
				_, err := l.Client.Dial("tcp", netip.AddrPortFrom(at.Addr(), 9).String(), 2*time.Second)
				if took := time.Since(start); !errors.Is(err, unix.ECONNREFUSED) || took < rtt || took > 2*rtt {
					t.Errorf("%v: a refusal: %v after %v, want one after %v", at, err, took, rtt)
				}
			}
			for _, gateway := range []netip.Addr{GatewayV4.Addr(), GatewayV6.Addr()} {
				start := time.Now()
				_, err := l.Client.Dial("tcp", netip.AddrPortFrom(gateway, 9).String(), 2*time.Second)
				took := time.Since(start)
				if !errors.Is(err, unix.ECONNREFUSED) || (place == BeforeGateway) != (took >= rtt) {
					t.Errorf("the gateway %v: %v after %v", gateway, err, took)
				}
			}
			if c := r.Counts(); c.Lost > 0 || c.Dropped > 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// What is lost is what was set, TCP gets over it, and conditions change while the relay runs.
func TestIntegrationRelayConditions(t *testing.T) {
	t.Parallel()
	const port, n = 7000, 1000
	l, r := relayed(t, BeyondGateway, Conditions{})
	echoUDP(t, l, port)
	echo(t, l, port)
	set := func(c Conditions) {
		t.Helper()
		if err := r.Set(c); err != nil {
			t.Fatal(err)
		}
	}

	set(Conditions{Loss: .05, Seed: 1})
	order, _ := pings(t, l, ServerAt(port), n, time.Millisecond, time.Second)
	// Twice on the way: 9.75 % lost, within five standard deviations.
	if lost := float64(n - len(order)); math.Abs(lost-n*.0975) > 5*math.Sqrt(n*.0975*.9025) {
		t.Errorf("%v of %d lost, want about 97", lost, n)
	}
	s, err := dial(l, ServerAt(port), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.c.Close()
	for range 50 {
		if err := s.ask(10 * time.Second); err != nil {
			t.Fatalf("TCP with 5 %% loss: %v", err)
		}
	}

	set(Conditions{Jitter: 40 * time.Millisecond, Seed: 1})
	order, took := pings(t, l, ServerAtV6(port), n, time.Millisecond, time.Second)
	least, median, _ := middle(took)
	if len(order) != n || overtaken(order) < n/10 || least > 10*time.Millisecond || (median-40*time.Millisecond).Abs() > 10*time.Millisecond {
		t.Errorf("jitter: %d of %d, %d of them overtaken, round trip %v, %v", len(order), n, overtaken(order), least, median)
	}

	set(Conditions{Jitter: 40 * time.Millisecond, Order: true, Seed: 1})
	if order, _ = pings(t, l, ServerAt(port), n, time.Millisecond, time.Second); len(order) != n || overtaken(order) > 0 {
		t.Errorf("jitter in order: %d of %d, %d of them overtaken", len(order), n, overtaken(order))
	}

	set(Conditions{Reorder: .1, Held: 20 * time.Millisecond, Seed: 1})
	order, _ = pings(t, l, ServerAt(port), n, 2*time.Millisecond, time.Second)
	late, highest := 0, -1
	for _, i := range order {
		if i < highest {
			late++
		}
		highest = max(highest, i)
	}
	// Each is held back on the way there, on the way back or on both: 19 %. Some of those are overtaken by nobody.
	if len(order) != n || late < n/10 || late > n/4 {
		t.Errorf("reordering: %d of %d, %d overtaken", len(order), n, late)
	}

	f, err := r.Silence()
	if err != nil {
		t.Fatal(err)
	}
	if order, _ := pings(t, l, ServerAt(port), 20, time.Millisecond, 200*time.Millisecond); len(order) > 0 {
		t.Errorf("%d answers through silence", len(order))
	}
	if err := s.ask(200 * time.Millisecond); !silent(err) {
		t.Errorf("TCP through silence: %v", err)
	}
	if _, err := f.Repair(); err != nil {
		t.Fatal(err)
	}
	if c := r.Conditions(); c.Loss != 0 || c.Reorder != .1 {
		t.Errorf("after the repair: %+v", c)
	}
	if order, _ := pings(t, l, ServerAt(port), 20, time.Millisecond, 2*time.Second); len(order) != 20 {
		t.Errorf("%d of 20 answers after silence", len(order))
	}

	if err := r.Set(Conditions{Loss: 2}); err == nil {
		t.Error("a loss of 200 % is taken")
	}
	if c := r.Counts(); c.Passed < 5*n || c.Lost == 0 || c.Dropped > 0 {
		t.Errorf("%+v", c)
	}
}

// A relay carries some thousand packets a second at their time, and TCP streams of whole segments with sums that hold.
func TestIntegrationRelayCarries(t *testing.T) {
	Need(t)
	for _, v6 := range []bool{false, true} {
		name, server := "IPv4", ServerAt
		if v6 {
			name, server = "IPv6", ServerAtV6
		}
		t.Run(name, func(t *testing.T) {
			const port, n, rtt = 7000, 4000, 20 * time.Millisecond
			l, r := relayed(t, BeyondGateway, RoundTrip(rtt))
			echoUDP(t, l, port)
			echo(t, l, port)
			order, took := pings(t, l, server(port), n, 250*time.Microsecond, time.Second)
			least, median, most := middle(took)
			t.Logf("%d of %d answers at 4000 a second: round trip %v, %v, %v", len(order), n, least, median, most)
			if len(order) < n || least < rtt || median > rtt+15*time.Millisecond {
				t.Errorf("%d of %d, round trip %v, %v, %v; want %v", len(order), n, least, median, most, rtt)
			}

			// A datagram that fills a packet to the last byte, and one that has to be cut into several.
			c, err := l.Client.Dial("udp", server(port).String(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, size := range []int{1, 1452, 1472, 1473, 9000} {
				b := bytes.Repeat([]byte{byte(size)}, size)
				c.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := c.Write(b); err != nil {
					t.Fatal(err)
				}
				answer := make([]byte, 1<<16)
				if n, err := c.Read(answer); err != nil || !bytes.Equal(answer[:n], b) {
					t.Errorf("a datagram of %d bytes: %d came back, %v", size, n, err)
				}
			}

			stream, err := l.Client.Dial("tcp", server(port).String(), 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			stream.SetDeadline(time.Now().Add(30 * time.Second))
			data := make([]byte, 4<<20)
			for i := range data {
				data[i] = byte(i * 7 >> 3)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := stream.Write(data)
				sent <- err
			}()
			start, got := time.Now(), make([]byte, len(data))
			_, err = io.ReadFull(stream, got)
			t.Logf("%d bytes there and back in %v", len(data), time.Since(start))
			if err := errors.Join(err, <-sent); err != nil {
				t.Fatal(err)
			}
			if sha256.Sum256(got) != sha256.Sum256(data) {
				t.Errorf("%d bytes of %d came back, or others", len(got), len(data))
			}
			if c := r.Counts(); c.Lost > 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestIntegrationRelayPlaces(t *testing.T) {
	t.Parallel()
	l, _ := relayed(t, BeyondGateway, Conditions{})
	for place, why := range map[string]string{"p-client": "a fault pulls it", "nowhere": "no such place", BeyondGateway: "there is one"} {
		if _, err := l.Relay(place, Conditions{}); err == nil {
			t.Errorf("a relay at %s, though %s", place, why)
		}
	}
	if _, err := l.Relay(BeforeServer, Conditions{Loss: 7}); err == nil {
		t.Error("a relay with a loss of 700 %")
	}
	if _, err := l.Relay(BeforeServer, RoundTrip(20*time.Millisecond)); err != nil {
		t.Errorf("a second relay elsewhere: %v", err)
	}
	// A host of the lab that goes off takes no relay with it.
	f, err := l.UplinkDown()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Client.Dial("tcp", ServerAt(9).String(), 300*time.Millisecond); errors.Is(err, unix.ECONNREFUSED) {
		t.Error("the server answers with the uplink down")
	}
	if _, err := f.Repair(); err != nil {
		t.Fatal(err)
	}
	if err := l.settle(); err != nil {
		t.Error(err)
	}
}
