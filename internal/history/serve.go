package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/wire"
)

// A Request is what [Serve] is asked. Its zero value only folds journals.
type Request struct {
	Days       int                // how long the past is kept; 0: nothing is removed
	Problem    string             // what else is to be told with the answer
	Outages    *wire.HistoryQuery // answered by a wire.History
	RoundTrips *RoundTripsQuery   // answered by a wire.RoundTrips
}

// A RoundTripsQuery asks for the minutes of one target since then.
type RoundTripsQuery struct {
	Target string
	Since  time.Time
}

// An Answer is what Serve found.
type Answer struct {
	History    wire.History    // of Request.Outages
	RoundTrips wire.RoundTrips // of Request.RoundTrips
	Targets    []string        // all that round trips are kept of
	Problem    string          // what is wrong with what is kept, for a person; "" nothing
}

// busyWithin is how long Serve waits for somebody else who folds.
const busyWithin = 10 * time.Second

// Serve folds the journals of a folder into its database, removes what is too old, and answers. A folder that it may not
// write to it only reads. What cannot be folded now is told as a problem, and the question is answered all the same.
func Serve(ctx context.Context, dir string, r Request) (Answer, error) {
	return serve(ctx, dir, r, time.Now())
}

func serve(ctx context.Context, dir string, r Request, now time.Time) (Answer, error) {
	a := Answer{Problem: r.Problem, History: wire.History{Outages: []wire.PastOutage{}}, RoundTrips: wire.RoundTrips{Minutes: []wire.Minute{}}}
	if r.RoundTrips != nil {
		a.RoundTrips.Target = r.RoundTrips.Target
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	unlock, err := lock(ctx, dir)
	readOnly := errors.Is(err, fs.ErrPermission) || isReadOnly(err)
	switch {
	case readOnly:
		a.tell("the folder %s cannot be written to: what happened last may be missing", dir)
	case err != nil:
		return a, err
	default:
		defer unlock()
	}
	err = a.use(ctx, dir, r, readOnly, now)
	if isDamaged(err) && !readOnly {
		if aside := setAside(dir); aside != nil {
			return a, fmt.Errorf("%w (%w)", aside, err)
		}
		// Journals are removed only when what is in them was committed: those that are there go into the new one.
		if s, again := openStore(ctx, dir, false, now); again == nil {
			_ = setFact(ctx, s.db, factDamaged, now) // told now in any case
			_ = s.close()
		}
		err = a.use(ctx, dir, r, readOnly, now)
	}
	if err != nil {
		return a, fmt.Errorf("the history in %s: %w", dir, err)
	}
	a.History.Problem = a.Problem
	return a, nil
}

func (a *Answer) tell(format string, args ...any) {
	if a.Problem != "" {
		a.Problem += "; "
	}
	a.Problem += fmt.Sprintf(format, args...)
}

func (a *Answer) use(ctx context.Context, dir string, r Request, readOnly bool, now time.Time) (err error) {
	s, err := openStore(ctx, dir, readOnly, now)
	if readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		if end := s.close(); err == nil {
			err = end
		}
	}()
	if !readOnly {
		err := s.fold(ctx, dir)
		if err == nil && r.Days > 0 {
			err = s.prune(ctx, r.Days)
		}
		if isDamaged(err) || ctx.Err() != nil {
			return err
		}
		if err != nil { // the disk is full, say
			a.tell("what happened last could not be filed yet: %v", err)
		}
	}
	for _, damage := range []struct{ fact, text, file string }{
		{factDamaged, "the history was damaged; on %s it was set aside as %s and begun anew", damagedName},
		{factLines, "a part of the history was damaged; on %s it was set aside as %s, and what could be read of it is kept", damagedLog},
	} {
		if at, err := s.fact(ctx, damage.fact); err != nil {
			return err
		} else if age := now.Sub(at); !at.IsZero() && age < tellDamaged && age > -tellDamaged {
			a.tell(damage.text, at.Local().Format("2006-01-02 15:04"), filepath.Join(dir, damage.file))
		}
	}
	if a.Targets, err = s.targets(ctx); err != nil {
		return err
	}
	if r.Outages != nil {
		if a.History, err = s.outages(ctx, *r.Outages); err != nil {
			return err
		}
		if r.Outages.Watched {
			if a.History.Watched, err = s.watched(ctx, *r.Outages); err != nil {
				return err
			}
		}
	}
	if r.RoundTrips != nil {
		if a.RoundTrips, err = s.roundTrips(ctx, r.RoundTrips.Target, r.RoundTrips.Since); err != nil {
			return err
		}
	}
	return nil
}

// lock takes the folder for one that folds.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(busyWithin)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		ok, err := tryLock(f)
		if ok {
			return func() { f.Close() }, nil
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		select {
		case <-again.C:
		case <-limit.C:
			f.Close()
			return nil, ErrBusy
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		}
	}
}
