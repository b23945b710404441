//go:build !linux && !windows && !darwin && !freebsd && !netbsd && !openbsd

package netcheck

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// On this operating system neither interfaces nor routes nor neighbours are read yet, and no question needs to be
// guessed at: every function below says "not known". What a session itself shows (refused, reset, closed, answered)
// is still told apart by Diagnose.

// Egress cannot tell the way here. It knows a loopback address when it sees one; the error wraps ErrUnsupported.
func Egress(dst netip.Addr) (Way, error) {
	dst = dst.Unmap()
	w := Way{Destination: dst, Loopback: dst.IsLoopback() || dst.IsUnspecified()}
	return w, fmt.Errorf("look up route to %v: %w", dst, ErrUnsupported)
}

// Judge cannot tell here: LinkUnknown.
func Judge(Way) LinkState { return LinkUnknown }

// Alive cannot tell here: LinkUnknown, and an error that wraps ErrUnsupported.
func Alive(dst netip.Addr) (Way, LinkState, error) {
	w, err := Egress(dst)
	return w, LinkUnknown, err
}

// Explain cannot tell here: it names no interface.
func Explain(netip.Addr) (otherDisabled, otherNoCarrier, otherNoAddress string) { return "", "", "" }

// Neighbour cannot tell here.
func Neighbour(Way) (NeighbourState, time.Duration) { return NeighbourUnknown, -1 }

// A Watcher hears no news here: its listeners are never called. See the Linux one for what its methods promise there.
type Watcher struct{ log *slog.Logger }

// NewWatcher makes a Watcher that hears nothing.
func NewWatcher(log *slog.Logger) *Watcher { return &Watcher{log: log} }

// Run says once that nothing is watched, waits until ctx ends and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	if w.log != nil {
		w.log.Info("interfaces and routes are not watched", "err", ErrUnsupported)
	}
	<-ctx.Done()
	return nil
}

// Changes registers a listener that is never called.
func (w *Watcher) Changes(func(Change)) (stop func()) { return func() {} }

// Bear has no effect here.
func (w *Watcher) Bear(int) (release func()) { return func() {} }

// Heed has no effect here.
func (w *Watcher) Heed(netip.Addr) (release func()) { return func() {} }

// Stats are all zero here.
func (w *Watcher) Stats() WatcherStats { return WatcherStats{} }

// AskGateway asks nothing here: NotAsked.
func AskGateway(context.Context, Way) GatewayAnswer { return GatewayAnswer{} }

// AskPath asks nothing here.
func AskPath(context.Context, Way, netip.AddrPort, func(PathAnswer)) PathAnswer { return PathAnswer{} }
