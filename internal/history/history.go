// Package history keeps the past: outages whole, round trips as minutes.
//
// The resident must stay small, and SQLite costs it 4 to 5 MB as soon as it is used (measured; of 20 MB that it may have).
// So the resident only appends lines to a [Journal], which outlives kill -9 from the moment that the line was written, and a
// child that lives for some tens of milliseconds folds journals into the database and answers what is asked ([Serve]).
//
// # What survives what
//
// A line of a journal is one write(2): once that has returned, the kernel has it, and no kill takes it back. A line with the
// beginning or end of an outage is also synced, so a power cut takes none of those. Heartbeats are counted one by one and
// written once a minute, of all targets in one write: a kill takes a minute of them at most.
//
// The database is committed with synchronous=EXTRA, its rollback journal synced and gone, before a journal is removed; a
// journal that was folded by somebody who was killed before he removed it is known by its name in the database, and is not
// folded twice. There is no write-ahead log: nobody holds the database open, so one would be written and folded back each time.
//
// # Who owns what
//
// A running Holdfast holds a lock on the journal that it writes; whoever folds passes over locked ones, and holds a lock
// of its own on the folder. A journal that is not locked belongs to nobody: its writer has begun another or has ended. An
// outage whose writer has ended is closed at the moment when that was last seen alive: what came then is not known.
package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The files in the folder of the history.
const (
	dbName      = "history.db"
	lockName    = "history.lock"
	journalGlob = "history-*.log"
)

var (
	// ErrNewer: the database was written by a newer Holdfast. It is left as it is.
	ErrNewer = errors.New("the history was written by a newer Holdfast, and is left as it is")
	// ErrBusy: somebody else folds journals, and has for long.
	ErrBusy = errors.New("the history is in use by another program")
)

// Dir is where the history is kept: holdfast in XDG_STATE_HOME, where that is set and absolute, else in ~/.local/state; on
// Windows in the folder for local application data.
func Dir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "holdfast"), nil
	}
	dir, err := stateDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for the history: %w", err)
	}
	return filepath.Join(dir, "holdfast"), nil
}
