package dial

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"
)

// attemptDelay is how long Eyeballs waits for one address before it tries the next beside it (RFC 8305, section 5).
const attemptDelay = 250 * time.Millisecond

// maxAddrs bounds what a name server can make us try: with it silence has been heard from each after 4 s.
const maxAddrs = 16

// An Attempt is what came of one address.
type Attempt struct {
	Addr  netip.AddrPort
	Began time.Time     // zero when its turn never came
	Took  time.Duration // until it stood, failed, or was given up because another one stood or ctx ended
	Err   error         // why there is no connection; nil for the winner, and with Late
	Won   bool
	Late  bool // it stood as well, a moment after the winner, and was closed
}

// Interleave orders addresses as [Eyeballs] tries them (RFC 8305, section 4): known, the one that worked last, first
// where it is among addrs, then by turns of the families, beginning with the family of the first. Otherwise the order
// stays, which is the resolver's (RFC 6724). Doubles are dropped.
func Interleave(addrs []netip.Addr, known netip.Addr) []netip.Addr {
	var one, other []netip.Addr // the first one's family, and the other
	add := func(a netip.Addr) {
		a = a.Unmap()
		switch {
		case !a.IsValid() || slices.Contains(one, a) || slices.Contains(other, a):
		case len(one) == 0 || a.Is4() == one[0].Is4():
			one = append(one, a)
		default:
			other = append(other, a)
		}
	}
	known = known.Unmap()
	if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == known }) {
		add(known)
	}
	for _, a := range addrs {
		add(a)
	}
	out := make([]netip.Addr, 0, len(one)+len(other))
	for i := range max(len(one), len(other)) {
		if i < len(one) {
			out = append(out, one[i])
		}
		if i < len(other) {
			out = append(out, other[i])
		}
	}
	return out
}

// Eyeballs connects to whichever address answers first (RFC 8305). It tries them in the order of [Interleave], with the
// first one first, the next one after attemptDelay, or at once when one fails; at most 16. It returns
// the winner and what came of each address in that order. The others are given up and closed, and have ended when it
// returns: dialOne must return soon after its context ends, as [Direct] does.
//
// Without a winner the error is that of the first address, or that of ctx.
func Eyeballs[C io.Closer](ctx context.Context, addrs []netip.Addr, port uint16, dialOne func(context.Context, netip.AddrPort) (C, error)) (C, []Attempt, error) {
	var winner C
	order := Interleave(addrs, netip.Addr{})
	order = order[:min(len(order), maxAddrs)]
	if len(order) == 0 {
		return winner, nil, errors.New("no address")
	}
	attempts := make([]Attempt, len(order))
	for i, a := range order {
		attempts[i].Addr = netip.AddrPortFrom(a, port)
	}
	type result struct {
		i   int
		c   C
		err error
		at  time.Time
	}
	results := make(chan result)
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	begun, running, won := 0, 0, false
	next := time.NewTimer(0)
	defer next.Stop()
	for running > 0 || begun < len(order) && !won && ctx.Err() == nil {
		turn := next.C
		if begun == len(order) || won {
			turn = nil
		}
		select {
		case <-turn:
			i := begun
			begun++
			running++
			attempts[i].Began = time.Now()
			go func() {
				c, err := dialOne(dialing, attempts[i].Addr)
				results <- result{i, c, err, time.Now()}
			}()
			next.Reset(attemptDelay)
		case r := <-results:
			running--
			a := &attempts[r.i]
			a.Took, a.Err = r.at.Sub(a.Began), r.err
			switch {
			case r.err != nil:
				next.Reset(0) // nothing to wait for
			case won || ctx.Err() != nil:
				a.Late = true
				_ = r.c.Close()
			default:
				winner, won, a.Won = r.c, true, true
				cancel()
			}
		case <-dialing.Done():
			// Either won, or ctx ended: only results are waited for now.
			for ; running > 0; running-- {
				r := <-results
				a := &attempts[r.i]
				a.Took, a.Err = r.at.Sub(a.Began), r.err
				if r.err == nil {
					a.Late = true
					_ = r.c.Close()
				}
			}
		}
	}
	switch {
	case won:
		return winner, attempts, nil
	case ctx.Err() != nil:
		return winner, attempts, ctx.Err()
	}
	return winner, attempts, attempts[0].Err
}
