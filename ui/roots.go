package ui

import (
	"strconv"
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/netcheck"
)

// A Root is one thing that is broken, and the targets that are down because of it.
type Root struct {
	Cause   netcheck.Cause
	Members []int // indexes of the snapshots, in their order
	Oldest  int   // the index of the member that has been down longest, which speaks for all
}

// Roots groups the targets that are down by what broke: the same cause at the same hop is one root, as far as targets can
// share that hop at all: this computer, the gateway, the name look-up, the proxy. What lies beyond is each target's own,
// and so is what a proxy says of one server. Every target that is down with a known cause is in one Root; the Roots are in
// the order of their first members.
func Roots(snaps []monitor.Snapshot) []Root {
	type key struct {
		cause netcheck.Cause
		where string
	}
	var roots []Root
	at := map[key]int{}
	for i, s := range snaps {
		if s.State != monitor.Down || s.Verdict.Cause == netcheck.CauseNone {
			continue
		}
		where, shared := sharedHop(s)
		k := key{s.Verdict.Cause, where}
		if n, found := at[k]; found && shared {
			r := &roots[n]
			r.Members = append(r.Members, i)
			if brokenSince(s).Before(brokenSince(snaps[r.Oldest])) {
				r.Oldest = i
			}
			continue
		}
		if shared {
			at[k] = len(roots)
		}
		roots = append(roots, Root{Cause: s.Verdict.Cause, Members: []int{i}, Oldest: i})
	}
	return roots
}

// sharedHop tells the broken hop of s from others of its kind; false when no other target can share it.
func sharedHop(s monitor.Snapshot) (string, bool) {
	v := s.Verdict
	switch v.Cause {
	case netcheck.Asleep, netcheck.Stalled, netcheck.NoRoute:
		return "", true
	case netcheck.CableUnplugged, netcheck.InterfaceDisabled, netcheck.InterfaceGone, netcheck.NoAddress, netcheck.AddressChanged:
		return v.Interface, v.Interface != ""
	case netcheck.GatewayUnreachable:
		return v.Interface + " " + v.Gateway.String(), v.Gateway.IsValid()
	case netcheck.ResolverUnreachable:
		if s.Proxy != "" && farName(s, v.Evidence, s.Evidence) {
			return s.Proxy, true // through that proxy nobody finds names
		}
		return "", true
	case netcheck.ProxyRefused, netcheck.ProxyUnreachable, netcheck.ProxyClosed, netcheck.ProxyHung, netcheck.ProxyAuthRequired, netcheck.ProxyProtocolError:
		return s.Proxy, s.Proxy != ""
	}
	return "", false
}

// Many reports whether the root broke more than one target.
func (r Root) Many() bool { return len(r.Members) > 1 }

// Explain puts the root into words; of several targets the sentence counts them: "The gateway 192.0.2.1 does not answer:
// 100 targets". Snaps are those that Roots was given.
func (r Root) Explain(snaps []monitor.Snapshot, l Lang) Explanation {
	e := r.Why(snaps, l)
	if r.Many() {
		e.Sentence = l.Say("root", "sentence", e.Sentence, "n", strconv.Itoa(len(r.Members)))
	}
	return e
}

// Why is Explain without the number of targets.
func (r Root) Why(snaps []monitor.Snapshot, l Lang) Explanation {
	s := snaps[r.Oldest]
	e := Explain(s.Verdict, s, l)
	if code := "root." + string(r.Cause); r.Many() && l.Say(code) != code { // the usual words are about one server
		e.Sentence, e.Remedy = l.Say(code), l.Tell(code)
	}
	return e
}

// Since returns when the first of the targets broke.
func (r Root) Since(snaps []monitor.Snapshot) time.Time { return brokenSince(snaps[r.Oldest]) }

// Names lists the targets in at most max characters: "Office, Build server and 97 more". At least one is named.
func (r Root) Names(snaps []monitor.Snapshot, max int, l Lang) string {
	var b strings.Builder
	count := 0
	for n, i := range r.Members {
		name := Called(snaps[i].Target.Name, l, 40)
		more := ""
		if left := len(r.Members) - n - 1; left > 0 {
			more = l.Say("root.more", "n", strconv.Itoa(left))
		}
		count += len([]rune(name)) + len([]rune(l.Say("comma")))
		if n > 0 && count+len([]rune(more)) > max {
			return b.String() + l.Say("root.more", "n", strconv.Itoa(len(r.Members)-n))
		}
		if n > 0 {
			b.WriteString(l.Say("comma"))
		}
		b.WriteString(name)
	}
	return b.String()
}
