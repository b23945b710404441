//go:build windows || ((linux || freebsd || openbsd || netbsd) && !android)

package notify

import (
	"context"
	"log/slog"
	"sync"

	"holdfast/ui"
)

// maxSlips is for how many notifications a click may still come.
const maxSlips = 32

// A slip is one notification: what it should be, and what the server has.
type slip struct {
	note    Note
	lang    ui.Lang
	pending bool   // the server does not have it yet
	gone    bool   // it is to be taken away
	busy    bool   // the server is being told
	shown   bool   // a server had it, or an earlier one in its place
	lost    int    // how many servers ended over it
	id      uint32 // the server's; 0: it has none, or has ended
	turn    int    // when it was changed last
}

// A shelf keeps what is to be shown until whoever shows it is told. The newest of each is what counts; what that one was too
// slow for is left out. Whoever calls show and close waits for nobody.
type shelf struct {
	wake chan struct{} // capacity 1: slips have changed

	mu    sync.Mutex // guards what follows
	slips map[int]*slip
	turns int
}

func newShelf() *shelf {
	return &shelf{wake: make(chan struct{}, 1), slips: map[int]*slip{}}
}

// anyNote lets take have any.
func anyNote(int) bool { return true }

// show wants a notification to be seen.
func (d *shelf) show(n Note, s Settings) {
	d.mu.Lock()
	p := d.slips[n.ID]
	if p == nil {
		p = &slip{}
		d.slips[n.ID] = p
		if len(d.slips) > maxSlips {
			oldest := n.ID
			for id, other := range d.slips {
				if id != n.ID && (oldest == n.ID || other.turn < d.slips[oldest].turn) {
					oldest = id
				}
			}
			delete(d.slips, oldest)
		}
	}
	d.turns++
	p.note, p.lang, p.pending, p.gone, p.lost, p.turn = n, s.Lang, true, false, 0, d.turns
	if n.Look == ui.LookUp && !p.shown && !p.busy {
		delete(d.slips, n.ID) // nobody has seen that it was broken
	}
	d.mu.Unlock()
	ring(d.wake)
}

// close wants a notification to be seen no more.
func (d *shelf) close(id int) {
	d.mu.Lock()
	if p := d.slips[id]; p != nil {
		p.pending, p.gone = true, true
	}
	d.mu.Unlock()
	ring(d.wake)
}

// any reports whether there is something that the server is to be told.
func (d *shelf) any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next(anyNote) != 0
}

// take returns what the server is to be told, of the notifications that may be shown now.
func (d *shelf) take(may func(id int) bool) (id int, s slip, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id = d.next(may); id == 0 {
		return 0, slip{}, false
	}
	d.slips[id].busy = true
	return id, *d.slips[id], true
}

// next is what has waited longest. Whoever calls it holds mu, and nothing is under way.
func (d *shelf) next(may func(id int) bool) (id int) {
	for k, p := range d.slips {
		switch {
		case !p.pending:
		case p.gone && p.id == 0:
			delete(d.slips, k) // it was never shown, or has ended
		case may(k) && (id == 0 || p.turn < d.slips[id].turn):
			id = k
		}
	}
	return id
}

// done notes that the server was told of s, and calls it number.
func (d *shelf) done(id int, s slip, number uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.slips[id]
	if p == nil {
		return
	}
	p.id, p.shown, p.busy = number, true, false
	if s.gone {
		p.id = 0
	}
	if p.turn == s.turn && p.gone == s.gone {
		p.pending = false
		if p.gone {
			delete(d.slips, id)
		}
	}
}

// back puts a notification back that could not be shown.
func (d *shelf) back(id int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.slips[id]; p != nil {
		p.busy = false
	}
}

// lost notes that a server ended before it said whether it has s. It may have been s that ended it, so a second one is all
// that is tried.
func (d *shelf) lost(id int, s slip) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.slips[id]
	if p == nil {
		return
	}
	p.busy = false
	if p.lost++; p.lost > 1 && p.turn == s.turn {
		p.pending = false
	}
}

// forget notes that the server has none of them any more; with all, that no answer comes either. What it had been told is
// not told again.
func (d *shelf) forget(all bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.slips {
		p.id, p.busy = 0, p.busy && !all
	}
}

// named returns the notification that the server calls number.
func (d *shelf) named(number uint32) (Note, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.slips {
		if p.id == number && number != 0 {
			return p.note, true
		}
	}
	return Note{}, false
}

// ended notes that a notification is no longer seen.
func (d *shelf) ended(number uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.slips {
		if p.id == number {
			p.id = 0
		}
	}
}

// answer does what clicks ask for, until ctx ends.
func answer(ctx context.Context, clicks <-chan func()) {
	for {
		select {
		case f := <-clicks:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// clicked notes what a click asks for, and returns at once.
func clicked(clicks chan<- func(), act func(), log *slog.Logger) {
	select {
	case clicks <- act:
	default: // an action hangs, and others wait for it
		log.Warn("notify: a click was dropped")
	}
}
