package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"holdfast/internal/wire"
)

// schemaVersion is kept in PRAGMA user_version. A database of a higher one is left alone.
const schemaVersion = 2

const schema = `
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, start INTEGER NOT NULL, seen INTEGER NOT NULL);
CREATE TABLE outages (
	id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, n INTEGER NOT NULL, target TEXT NOT NULL, start INTEGER NOT NULL,
	end INTEGER, ended TEXT, cause TEXT NOT NULL, search TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (run, n));
CREATE INDEX outages_open ON outages (run) WHERE end IS NULL;
CREATE TABLE targets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE minutes (
	target INTEGER NOT NULL, minute INTEGER NOT NULL, min INTEGER NOT NULL, max INTEGER NOT NULL, sum INTEGER NOT NULL, beats INTEGER NOT NULL,
	lost INTEGER NOT NULL, up INTEGER NOT NULL, watched INTEGER NOT NULL, PRIMARY KEY (target, minute)) WITHOUT ROWID;
CREATE TABLE folded (id INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL UNIQUE);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
` + schemaWatched

// schemaWatched is what version 2 has more: stretches of time, so that a summary need not read every minute.
const schemaWatched = `
CREATE TABLE watched (target INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, PRIMARY KEY (target, start)) WITHOUT ROWID;
PRAGMA user_version = 2;`

// fromVersion1 fills it: minutes that were watched and follow each other are one stretch.
const fromVersion1 = schemaWatched + `
INSERT INTO watched SELECT target, min(minute) * 60000000, max(minute * 60000000 + CASE WHEN watched >= 59000 THEN 60000 ELSE watched END * 1000)
	FROM (SELECT target, minute, watched, minute - row_number() OVER (PARTITION BY target ORDER BY minute) AS stretch FROM minutes WHERE watched > 0)
	GROUP BY target, stretch;`

// The bounds of the database, whatever the days.
const (
	maxOutages = 20_000
	maxBytes   = 256 << 20
)

// What stands in facts.
const (
	factFolded  = "folded"  // when journals were last folded
	factDamaged = "damaged" // when a damaged database was set aside
	factLines   = "lines"   // when a damaged journal was
)

// tellDamaged is for how long it is told that a damaged database was set aside.
const tellDamaged = 7 * 24 * time.Hour

// damagedName is where a damaged database goes, damagedLog where a damaged journal does; one is kept of each.
const (
	damagedName = dbName + ".damaged"
	damagedLog  = "history.log.damaged"
)

// A store is the database.
type store struct {
	db   *sql.DB
	now  time.Time
	most int64 // maxBytes
}

// openStore opens the database, and makes one where there is none. To read only, there must be one: else the error is
// fs.ErrNotExist.
func openStore(ctx context.Context, dir string, readOnly bool, now time.Time) (*store, error) {
	path := filepath.Join(dir, dbName)
	info, err := os.Lstat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case errors.Is(err, fs.ErrNotExist) && !readOnly:
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // what SQLite adds beside it gets the same mode
		if err != nil {
			return nil, err
		}
		f.Close()
	case err != nil:
		return nil, err
	}
	v := url.Values{"_pragma": {"busy_timeout(2000)", "synchronous(EXTRA)", "cell_size_check(ON)", "trusted_schema(OFF)"}, "_txlock": {"immediate"}}
	if readOnly {
		v.Set("mode", "ro")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: slashed, RawQuery: v.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &store{db: db, now: now, most: maxBytes}
	if err := s.prepare(ctx, readOnly); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func (s *store) prepare(ctx context.Context, readOnly bool) error {
	var version int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version > schemaVersion:
		return ErrNewer
	case version == schemaVersion:
		return nil
	case readOnly && version == 0:
		return fs.ErrNotExist // it was begun, and nothing is in it
	case readOnly:
		return errOlder
	case version > 0:
		return s.within(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, fromVersion1)
			return err
		})
	}
	var tables int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 { // not one of ours
		return errDamaged
	}
	if _, err := s.db.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil { // before the first table
		return err
	}
	return s.within(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema)
		return err
	})
}

func (s *store) close() error { return s.db.Close() }

// within runs f in a transaction.
func (s *store) within(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return err
	}
	return tx.Commit()
}

// errOlder: the database is of an older version, and cannot be brought up to date.
var errOlder = errors.New("it was written by an older Holdfast, and cannot be written to")

// errDamaged is what isDamaged knows beside the errors of SQLite.
var errDamaged = errors.New("not a history of Holdfast")

// isDamaged reports whether err says that the file is no database any more.
func isDamaged(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // the rest is detail ("Result and Error Codes", section 2)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		case sqlite3.SQLITE_ERROR: // "no such table", with the right version
			return strings.Contains(e.Error(), "no such") || strings.Contains(e.Error(), "malformed")
		}
	}
	return errors.Is(err, errDamaged)
}

// setAside gives a damaged database another name. Its rollback journal goes with it: it would be played back into the next.
func setAside(dir string) error {
	path := filepath.Join(dir, dbName)
	if err := os.Rename(path, filepath.Join(dir, damagedName)); err != nil {
		return fmt.Errorf("set the damaged history aside: %w", err)
	}
	for _, more := range []string{"-journal", "-wal", "-shm"} {
		if err := os.Remove(path + more); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set the damaged history aside: %w", err)
		}
	}
	return nil
}

func (s *store) fact(ctx context.Context, name string) (time.Time, error) {
	var text string
	err := s.db.QueryRowContext(ctx, "SELECT value FROM facts WHERE name = ?", name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, nil // as good as none
	}
	return t, nil
}

// A conn is a database, or a transaction.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// setFact notes that something was now.
func setFact(ctx context.Context, c conn, name string, now time.Time) error {
	_, err := c.ExecContext(ctx, "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		name, now.UTC().Format(time.RFC3339Nano))
	return err
}

// fold takes all journals that nobody writes into the database and removes them, and closes the outages of runs that are over.
func (s *store) fold(ctx context.Context, dir string) error {
	paths, _, err := journals(dir)
	if err != nil {
		return err
	}
	var alive []string
	var failed error
	for _, path := range paths {
		run, err := s.foldOne(ctx, path)
		switch {
		case err == nil:
		case isDamaged(err) || ctx.Err() != nil:
			return err
		case failed == nil: // the others may fare better
			failed = fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		if run != "" {
			alive = append(alive, run)
		}
	}
	living, args := "", []any{wire.Unwatched}
	for _, run := range alive {
		living += ", ?"
		args = append(args, run)
	}
	_, err = s.db.ExecContext(ctx, `UPDATE outages SET end = (SELECT max(outages.start, r.seen) FROM runs r WHERE r.id = outages.run), ended = ?
		WHERE end IS NULL AND run NOT IN (SELECT id FROM runs WHERE key IN (''`+living+`))`, args...)
	if failed == nil {
		failed = err
	}
	return failed
}

// foldOne folds one journal. Where somebody writes it, it returns whose it is.
func (s *store) foldOne(ctx context.Context, path string) (alive string, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	f, err := openJournal(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	free, err := tryLock(f)
	if err != nil {
		return "", err
	}
	if !free {
		var first line
		_, err := readLines(f, func(l *line) error {
			if first = *l; first.Run == "" {
				return nil
			}
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return "", err
		}
		return first.Run, nil
	}
	damaged := false
	err = s.within(ctx, func(tx *sql.Tx) error {
		w := folder{ctx: ctx, tx: tx, targets: map[string]int64{}, watched: map[int64]*span{}}
		bad, err := readLines(f, w.line)
		if errors.Is(err, errEnough) { // it was folded, and only not removed
			return nil
		}
		if damaged = bad > 0; err == nil && damaged {
			err = setFact(ctx, tx, factLines, s.now)
		}
		if err == nil && w.run != 0 {
			if _, err = tx.ExecContext(ctx, "UPDATE runs SET seen = ? WHERE id = ?", w.seen, w.run); err == nil {
				err = w.end()
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if damaged { // for a look; what could be read of it is kept
		err = os.Rename(path, filepath.Join(filepath.Dir(path), damagedLog))
	} else {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return "", nil
}

var errEnough = errors.New("no more is needed")

// A folder takes the lines of one journal into a transaction.
type folder struct {
	ctx     context.Context
	tx      *sql.Tx
	run     int64 // 0: the first line was not there yet
	seen    int64
	targets map[string]int64
	watched map[int64]*span // the stretch of each target that goes on
}

func (w *folder) line(l *line) error {
	if l.Run != "" && l.Journal != "" && l.At != nil {
		if err := w.begin(l); err != nil {
			return err
		}
	}
	if w.run == 0 {
		return nil
	}
	if l.At != nil && !l.At.IsZero() && l.Run == "" {
		w.seen = l.At.UnixMicro()
	}
	if l.Outage != nil {
		if err := w.outage(l.Outage); err != nil {
			return err
		}
	}
	if l.Target == "" || len(l.Minutes)+len(l.Watched) == 0 {
		return nil
	}
	id, err := w.target(l.Target)
	for i := 0; err == nil && i < len(l.Minutes); i++ {
		err = w.minute(id, &l.Minutes[i])
	}
	for i := 0; err == nil && i < len(l.Watched); i++ {
		err = w.watch(id, l.Watched[i])
	}
	return err
}

func (w *folder) begin(l *line) error {
	var there int
	if err := w.tx.QueryRowContext(w.ctx, "SELECT count(*) FROM folded WHERE journal = ?", l.Journal).Scan(&there); err != nil {
		return err
	}
	if there > 0 {
		return errEnough
	}
	if _, err := w.tx.ExecContext(w.ctx, "INSERT INTO folded (journal) VALUES (?)", l.Journal); err != nil {
		return err
	}
	began := l.At.UnixMicro()
	if _, err := w.tx.ExecContext(w.ctx, "INSERT INTO runs (key, start, seen) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", l.Run, began, began); err != nil {
		return err
	}
	return w.tx.QueryRowContext(w.ctx, "SELECT id, seen FROM runs WHERE key = ?", l.Run).Scan(&w.run, &w.seen)
}

func (w *folder) outage(u *wire.PastOutage) error {
	if u.Start.IsZero() || u.Target == "" {
		return nil
	}
	var end, ended any
	if !u.End.IsZero() {
		end, ended = u.End.UnixMicro(), u.Ended
	}
	_, err := w.tx.ExecContext(w.ctx, `INSERT INTO outages (run, n, target, start, end, ended, cause, search, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (run, n) DO UPDATE SET end = excluded.end, ended = excluded.ended, cause = excluded.cause, search = excluded.search, body = excluded.body`,
		w.run, u.ID, u.Target, u.Start.UnixMicro(), end, ended, u.Cause, searched(u), string(u.Append(nil)))
	return err
}

// searched is what a query's text is looked for in.
func searched(u *wire.PastOutage) string {
	parts := []string{u.Target, u.Address, u.Cause, u.Hop, u.Interface, u.Proxy}
	if u.Gateway.IsValid() {
		parts = append(parts, u.Gateway.String())
	}
	if u.LastHop.IsValid() {
		parts = append(parts, u.LastHop.String())
	}
	for _, c := range u.Causes {
		parts = append(parts, c.Cause)
	}
	for _, e := range u.Evidence {
		parts = append(parts, e.Where, e.Saw)
	}
	return strings.ToLower(strings.Join(parts, "\n"))
}

func (w *folder) target(name string) (id int64, err error) {
	if id, known := w.targets[name]; known {
		return id, nil
	}
	if _, err := w.tx.ExecContext(w.ctx, "INSERT INTO targets (name) VALUES (?) ON CONFLICT (name) DO NOTHING", name); err != nil {
		return 0, err
	}
	if err := w.tx.QueryRowContext(w.ctx, "SELECT id FROM targets WHERE name = ?", name).Scan(&id); err != nil {
		return 0, err
	}
	w.targets[name] = id
	return id, nil
}

func (w *folder) minute(target int64, m *minute) error {
	_, err := w.tx.ExecContext(w.ctx, `INSERT INTO minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (target, minute) DO UPDATE SET
		min = CASE WHEN excluded.beats = 0 THEN min WHEN beats = 0 THEN excluded.min ELSE min(min, excluded.min) END, max = max(max, excluded.max),
		sum = sum + excluded.sum, beats = beats + excluded.beats, lost = lost + excluded.lost, up = up + excluded.up, watched = watched + excluded.watched`,
		target, m.n, m.min, m.max, m.sum, m.beats, m.lost, m.up.Milliseconds(), m.watched.Milliseconds())
	return err
}

// watchSlack is how far apart two stretches may be that are one: a clock that is being corrected is some milliseconds off.
const watchSlack = int64(time.Second / time.Microsecond)

// watch takes in a stretch of time. What goes on from the one before, as nearly all does, waits for end.
func (w *folder) watch(target int64, s span) error {
	goesOn := func(t *span) bool { return t != nil && t.from <= s.from && s.from <= t.to+watchSlack }
	now := w.watched[target]
	if !goesOn(now) {
		if err := w.put(target, now); err != nil {
			return err
		}
		now = &span{}
		err := w.tx.QueryRowContext(w.ctx, "SELECT start, end FROM watched WHERE target = ? AND start <= ? ORDER BY start DESC LIMIT 1", target, s.from).Scan(&now.from, &now.to)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || !goesOn(now) {
			*now = s
		}
		w.watched[target] = now
	}
	now.to = max(now.to, s.to)
	return nil
}

func (w *folder) put(target int64, s *span) error {
	if s == nil {
		return nil
	}
	_, err := w.tx.ExecContext(w.ctx, "INSERT INTO watched VALUES (?, ?, ?) ON CONFLICT (target, start) DO UPDATE SET end = max(end, excluded.end)", target, s.from, s.to)
	return err
}

// end writes what waits.
func (w *folder) end() error {
	for target, s := range w.watched {
		if err := w.put(target, s); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is older than so many days, and more where the bounds of the database ask for it. A clock that
// jumped ahead since the last time is not believed before the next.
func (s *store) prune(ctx context.Context, days int) error {
	last, err := s.fact(ctx, factFolded)
	if err != nil {
		return err
	}
	if err := setFact(ctx, s.db, factFolded, s.now); err != nil {
		return err
	}
	if !last.IsZero() && s.now.Sub(last) < 48*time.Hour {
		if err := s.pruneBefore(ctx, s.now.AddDate(0, 0, -days)); err != nil {
			return err
		}
	}
	if _, err := s.db.ExecContext(ctx, "DELETE FROM outages WHERE end IS NOT NULL AND id <= (SELECT id FROM outages ORDER BY id DESC LIMIT 1 OFFSET ?)", maxOutages); err != nil {
		return err
	}
	for days--; days > 0; days-- { // a day at a time, until it fits
		var pages, free, size int64
		for pragma, n := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &size} {
			if err := s.db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(n); err != nil {
				return err
			}
		}
		if (pages-free)*size <= s.most {
			break
		}
		if err := s.pruneBefore(ctx, s.now.AddDate(0, 0, -days)); err != nil {
			return err
		}
	}
	if _, err := s.db.ExecContext(ctx, "DELETE FROM folded WHERE id <= (SELECT max(id) FROM folded) - 1000"); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, "PRAGMA incremental_vacuum")
	return err
}

func (s *store) pruneBefore(ctx context.Context, t time.Time) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		for _, stmt := range []struct {
			text string
			arg  int64
		}{
			{"DELETE FROM outages WHERE end < ?", t.UnixMicro()},
			// By the key, one target after the other; not by a look at every minute.
			{"DELETE FROM minutes WHERE (target, minute) IN (SELECT m.target, m.minute FROM targets t JOIN minutes m ON m.target = t.id WHERE m.minute < ?)", t.Unix() / 60},
			{"DELETE FROM watched WHERE end < ?", t.UnixMicro()},
			{"DELETE FROM targets WHERE ? AND NOT EXISTS (SELECT 1 FROM minutes WHERE target = targets.id) AND NOT EXISTS (SELECT 1 FROM watched WHERE target = targets.id)", 1},
			{"DELETE FROM runs WHERE seen < ? AND id < (SELECT max(id) FROM runs) AND id NOT IN (SELECT run FROM outages)", t.UnixMicro()},
		} {
			if _, err := tx.ExecContext(ctx, stmt.text, stmt.arg); err != nil {
				return err
			}
		}
		return nil
	})
}

// outages are those that q asks for.
func (s *store) outages(ctx context.Context, q wire.HistoryQuery) (wire.History, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = wire.DefaultPage
	}
	text := `SELECT id, end, ended, CASE WHEN ended = ? THEN (SELECT r.start FROM runs r WHERE r.id > outages.run ORDER BY r.id LIMIT 1) END, target, start, cause, body
		FROM outages WHERE 1`
	args := []any{wire.Unwatched}
	where := func(condition string, arg any) {
		text += " AND " + condition
		args = append(args, arg)
	}
	if !q.Since.IsZero() {
		where("(end IS NULL OR end >= ?)", q.Since.UnixMicro())
	}
	if q.Target != "" {
		where("target = ?", q.Target)
	}
	if q.Cause != "" {
		where("cause = ?", q.Cause)
	}
	for _, word := range strings.Fields(strings.ToLower(q.Text)) {
		where("instr(search, ?) > 0", word)
	}
	if q.Before > 0 {
		where("id < ?", q.Before)
	}
	args = append(args, limit+1)
	rows, err := s.db.QueryContext(ctx, text+" ORDER BY id DESC LIMIT ?", args...)
	if err != nil {
		return wire.History{}, err
	}
	defer rows.Close()
	h := wire.History{Outages: []wire.PastOutage{}}
	for rows.Next() {
		if len(h.Outages) == limit {
			h.More = true
			break
		}
		var u wire.PastOutage
		var id int64
		var end, again sql.NullInt64
		var ended sql.NullString
		var start int64
		var target, cause string
		var body []byte
		if err := rows.Scan(&id, &end, &ended, &again, &target, &start, &cause, &body); err != nil {
			return wire.History{}, err
		}
		if json.Unmarshal(body, &u) != nil { // the columns hold what matters most
			u = wire.PastOutage{Target: target, Start: moment(sql.NullInt64{Int64: start, Valid: true}), Cause: cause}
		}
		u.ID, u.Ended = id, ended.String
		u.End, u.WatchedAgain = moment(end), moment(again)
		h.Outages = append(h.Outages, u)
	}
	return h, rows.Err()
}

func moment(us sql.NullInt64) wire.Time {
	if !us.Valid {
		return wire.Time{}
	}
	return wire.Time{Time: time.UnixMicro(us.Int64).UTC()}
}

// roundTrips are the minutes of one target.
func (s *store) roundTrips(ctx context.Context, target string, since time.Time) (wire.RoundTrips, error) {
	r := wire.RoundTrips{Target: target, Minutes: []wire.Minute{}}
	first := int64(0)
	if !since.IsZero() {
		first = since.Unix() / 60
	}
	rows, err := s.db.QueryContext(ctx, `SELECT minute, min, max, sum, beats, lost, up, watched FROM minutes
		WHERE target = (SELECT id FROM targets WHERE name = ?) AND minute >= ? ORDER BY minute`, target, first)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	for rows.Next() {
		var minute, least, most, sum, beats, lost, up, watched int64
		if err := rows.Scan(&minute, &least, &most, &sum, &beats, &lost, &up, &watched); err != nil {
			return r, err
		}
		us := func(n int64) wire.Millis { return wire.Millis(time.Duration(n) * time.Microsecond) }
		ms := func(n int64) wire.Length { return wire.Length(time.Duration(min(n, 60_000)) * time.Millisecond) } // an hour that came twice
		m := wire.Minute{Time: wire.Time{Time: time.Unix(minute*60, 0).UTC()}, Min: us(least), Max: us(most), Beats: int(beats), Lost: int(lost), Up: ms(up), Watched: ms(watched)}
		if beats > 0 {
			m.Mean = us(sum / beats)
		}
		r.Minutes = append(r.Minutes, m)
	}
	return r, rows.Err()
}

// watched says when targets were watched: those that q asks for, since then.
func (s *store) watched(ctx context.Context, q wire.HistoryQuery) ([]wire.Watched, error) {
	since := int64(0)
	if !q.Since.IsZero() {
		since = q.Since.UnixMicro()
	}
	rows, err := s.db.QueryContext(ctx, `SELECT t.name, max(w.start, ?), w.end FROM targets t JOIN watched w ON w.target = t.id
		WHERE w.end > ? AND (? = '' OR t.name = ?) ORDER BY t.name, w.start`, since, since, q.Target, q.Target)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []wire.Watched{}
	for rows.Next() {
		one := wire.Watched{}
		var from, to sql.NullInt64
		if err := rows.Scan(&one.Target, &from, &to); err != nil {
			return nil, err
		}
		one.From, one.To = moment(from), moment(to)
		all = append(all, one)
	}
	return all, rows.Err()
}

// targets are the names of all targets that round trips are kept of.
func (s *store) targets(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name FROM targets ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
