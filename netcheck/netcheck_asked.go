//go:build windows || darwin || freebsd || netbsd || openbsd

package netcheck

import (
	"log/slog"
	"net/netip"
	"time"
)

// Egress asks the system how packets to dst would leave this computer now, and from which source address. Nothing is sent. An
// error wraps the number of the failed look-up (ERROR_NETWORK_UNREACHABLE, ENETUNREACH: no route), or ErrUnsupported where a
// BSD kernel could not be asked; the Way then holds what is known all the same. Windows and macOS take the routes of an
// interface away with its carrier, but not at once: see Judge.
func Egress(dst netip.Addr) (Way, error) { return helper.egress(dst) }

// Judge says whether the way that a session was opened on is still whole. It asks by interface index, nearest hop first:
// the interface, its administrative state, its carrier, the source address, the route. What could not be asked is
// LinkUnknown. Nothing is sent. On Windows an adapter that was switched off (ncpa.cpl, Disable-NetAdapter) is LinkDisabled,
// and one that was pulled out LinkGone: where Windows lists neither, their devices are asked.
//
// When packets to the destination would leave by another interface, and the route by the way's own is still there, the
// state is LinkMoved, else LinkNoRoute: a route by a virtual machine's adapter proves nothing about this session. On macOS a
// route that holds only for who is bound to its interface counts as one that is there.
//
// On macOS and the BSDs IFF_UP is the administrative state. IFF_RUNNING is no carrier there (the driver is ready, that is all);
// the carrier is ifi_link_state, on macOS what SIOCGIFMEDIA says. Where neither is told, as of tunnels, it is not judged.
// Nor is told whether an IPv6 address is a duplicate.
func Judge(w Way) LinkState { return helper.judge(w) }

// Alive answers "is the network alive?" for one destination instead of for the machine, unlike IsNetworkAlive: it looks the
// way up and judges it. A virtual adapter that is up, or a VPN that does not carry dst, changes nothing. No packet is sent,
// so LinkWhole means that this computer's part of the way is in order, not that dst is there.
//
// Without a route the state is LinkNoRoute and the error wraps the number, as Egress's does. LinkUnknown with an error means
// that the system could not be asked.
func Alive(dst netip.Addr) (Way, LinkState, error) { return helper.alive(dst) }

// Explain names interfaces that explain why there is no way to dst, or why a way that is there leads nowhere: one that is
// switched off, one without carrier, one that is up without an address of dst's family. Empty means none.
//
// Only hardware counts, and of it what has a connector; adapters of virtual machines and VPNs count only on a computer that
// has no other. An adapter that is switched off, or has no carrier and no address, counts only while no other could do the
// work. Of macOS and the BSDs none is named where several without an address are out of order alike.
func Explain(dst netip.Addr) (otherDisabled, otherNoCarrier, otherNoAddress string) {
	return helper.explain(dst)
}

// Neighbour reads the neighbour table for the next hop of w: the gateway, or the destination when it is on-link. The age is
// always negative: it is not told when the system last had proof that the neighbour is there. AskGateway asks for one.
func Neighbour(w Way) (NeighbourState, time.Duration) { return helper.neighbourOf(w), -1 }

// A Watcher tells its listeners when the system's news may concern a way: then is the time to Judge. It tells that something
// changed, never what; the first news of a kind is handed on at once, what follows within 100 ms as one.
//
// The system's notifications (on macOS and the BSDs: what a routing socket hears) only wake it: it reads again what is borne
// (Bear) and how what is heeded (Heed) would be reached, and compares. Beneath them it reads the interfaces that are borne
// once a second, addresses and routes every five; where a subscription never speaks, as it does once when it is made, every
// 100 ms and every 500 ms, so that breaks of these are told that much later. There is no news of neighbours. All methods may
// be called from any goroutine.
type Watcher struct{ *rereader }

// NewWatcher makes a Watcher; a nil logger logs nothing. It hears nothing until Run.
func NewWatcher(log *slog.Logger) *Watcher { return &Watcher{newRereader(log, helper, subscribe)} }
