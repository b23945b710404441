package history

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/wire"
)

const (
	// maxLine bounds one line of a journal. An outage has some 2 KiB.
	maxLine = 256 << 10
	// maxJournals bounds all journals of a folder that nobody can fold. Beyond it round trips are no longer written,
	// beyond twice as much nothing is.
	maxJournals = 32 << 20
)

// A line is one line of a journal. The first has Run and Journal.
type line struct {
	Run     string           `json:"run,omitempty"`     // whose it is: one run of one resident
	Journal string           `json:"journal,omitempty"` // its own name, unlike that of any other
	At      *wire.Time       `json:"at,omitempty"`      // the writer was alive then; with Run when it began
	Outage  *wire.PastOutage `json:"outage,omitempty"`  // its newest version; the ID counts the outages of the run
	Target  string           `json:"target,omitempty"`
	Minutes []minute         `json:"m,omitempty"` // of Target; they add to what there is of those minutes
	Watched []span           `json:"w,omitempty"` // when Target was watched
}

// A minute is what was counted of one target in one minute of the clock, or a part of it.
type minute struct {
	n             int64 // minutes since 1970
	beats, lost   int64
	min, max, sum int64         // of the round trips of beats, in microseconds
	up, watched   time.Duration // to the millisecond
}

// add takes in another part of the same minute.
func (m *minute) add(o *minute) {
	switch {
	case m.beats == 0:
		m.min = o.min
	case o.beats > 0:
		m.min = min(m.min, o.min)
	}
	m.max = max(m.max, o.max)
	m.beats, m.lost, m.sum, m.up, m.watched = m.beats+o.beats, m.lost+o.lost, m.sum+o.sum, m.up+o.up, m.watched+o.watched
}

// MarshalJSON implements json.Marshaler: a list of numbers, for there are many.
func (m minute) MarshalJSON() ([]byte, error) {
	return appendNumbers(nil, m.n, m.beats, m.lost, m.min, m.max, m.sum, m.up.Milliseconds(), m.watched.Milliseconds()), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *minute) UnmarshalJSON(b []byte) error {
	l, err := numbers(b, 8)
	if err != nil {
		return err
	}
	*m = minute{n: l[0], beats: l[1], lost: l[2], min: l[3], max: l[4], sum: l[5], up: ofMillis(l[6]), watched: ofMillis(l[7])}
	return nil
}

func ofMillis(n int64) time.Duration { return time.Duration(min(n, math.MaxInt32)) * time.Millisecond }

// A span is a stretch of time, from one moment to another, in microseconds since 1970.
type span struct{ from, to int64 }

// MarshalJSON implements json.Marshaler.
func (s span) MarshalJSON() ([]byte, error) { return appendNumbers(nil, s.from, s.to), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (s *span) UnmarshalJSON(b []byte) error {
	l, err := numbers(b, 2)
	if err == nil {
		*s = span{l[0], l[1]}
	}
	return err
}

func appendNumbers(b []byte, list ...int64) []byte {
	for i, n := range list {
		sign := byte(',')
		if i == 0 {
			sign = '['
		}
		b = strconv.AppendInt(append(b, sign), n, 10)
	}
	return append(b, ']')
}

// numbers reads a list of so many numbers, or more; none is below zero, or so large that a sum would not fit.
func numbers(b []byte, want int) ([]int64, error) {
	var list []int64
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	if len(list) < want {
		return nil, fmt.Errorf("%d numbers, want %d", len(list), want)
	}
	for _, n := range list {
		if n < 0 || n > 1<<52 {
			return nil, fmt.Errorf("%d is no number of a history", n)
		}
	}
	return list, nil
}

// A Journal is what one resident appends to. It is for one goroutine.
type Journal struct {
	dir   string
	run   string
	began time.Time
	file  *os.File // nil: none is open
	good  int64    // so much of it is whole lines
	used  bool     // something stands in it beyond its first line
	full  bool     // the folder is beyond its bound, as of the last Rotate
}

// OpenJournal begins a run in a folder, which need not exist yet. Nothing is written before the first Append.
func OpenJournal(dir string) *Journal {
	return &Journal{dir: dir, run: rand.Text(), began: time.Now()}
}

// Append writes lines, all of them or none, and syncs them where that is asked for. After an error the same lines may be
// given again.
func (j *Journal) Append(sync bool, lines ...line) error {
	if j.file == nil {
		if err := j.begin(); err != nil {
			return err
		}
	}
	var b []byte
	for i := range lines {
		one, err := json.Marshal(&lines[i])
		if err != nil {
			return fmt.Errorf("write to the history: %w", err)
		}
		if len(one) >= maxLine && lines[i].Outage != nil { // no heartbeat makes it so long, but what is told from outside might
			short := *lines[i].Outage
			short.Evidence, short.Also, short.Causes = nil, nil, nil
			if one, err = json.Marshal(&line{Outage: &short}); err != nil {
				return fmt.Errorf("write to the history: %w", err)
			}
		}
		if len(one) < maxLine {
			b = append(append(b, one...), '\n')
		}
	}
	if _, err := j.file.Write(b); err != nil {
		// A part may be there. Whoever folds passes over a line that is cut off, but not the next one that begins in it.
		if _, end := j.file.Seek(j.good, io.SeekStart); end != nil || j.file.Truncate(j.good) != nil {
			j.close() // the next one begins a file of its own
		}
		return fmt.Errorf("write to the history: %w", err)
	}
	j.good += int64(len(b))
	j.used = true
	if sync {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("write to the history: %w", err)
		}
	}
	return nil
}

// begin opens a journal of its own, locks it and writes its first line.
func (j *Journal) begin() error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("keep the history: %w", err)
	}
	for range 100 {
		names, size, err := journals(j.dir)
		if err != nil {
			return fmt.Errorf("keep the history: %w", err)
		}
		if size > 2*maxJournals {
			return fmt.Errorf("keep the history: %d MiB in %s wait to be folded", size>>20, j.dir)
		}
		j.full = size > maxJournals
		next := uint64(1)
		if n := len(names); n > 0 {
			next = numberOf(names[n-1]) + 1 // the clock may have been set: names count
		}
		f, err := openJournal(filepath.Join(j.dir, fmt.Sprintf("history-%010d.log", next)), true)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("keep the history: %w", err)
		}
		// Between the two steps somebody who folds may have taken it for an old one, and removed it.
		mine, err := tryLock(f)
		if err == nil && mine {
			mine = stillThere(f)
		}
		if err != nil {
			f.Close()
			return fmt.Errorf("keep the history: %w", err)
		}
		if !mine {
			f.Close()
			continue
		}
		b, err := json.Marshal(&line{Run: j.run, Journal: rand.Text(), At: &wire.Time{Time: j.began}})
		if err == nil {
			_, err = f.Write(append(b, '\n'))
		}
		if err != nil {
			_ = os.Remove(f.Name())
			f.Close()
			return fmt.Errorf("keep the history: %w", err)
		}
		j.file, j.good, j.used = f, int64(len(b)+1), false
		return nil
	}
	return fmt.Errorf("keep the history: no journal can be begun in %s", j.dir)
}

func stillThere(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(open, named)
}

// Size is how much stands in the open journal.
func (j *Journal) Size() int64 { return j.good }

// Rotate begins another journal and gives the old one to whoever folds. Where nothing was written it does nothing.
func (j *Journal) Rotate() error {
	if j.file == nil || !j.used {
		return nil
	}
	old := j.file
	if err := j.begin(); err != nil {
		return err
	}
	// Only now: while the run has a locked journal, it is alive.
	return old.Close()
}

// Close gives the journal to whoever folds, and ends the run.
func (j *Journal) Close() { j.close() }

func (j *Journal) close() {
	if j.file != nil {
		_ = j.file.Close() // all of it was written, and what must be synced is
		j.file = nil
	}
}

// journals are the paths of all journals of a folder, in the order in which they were begun, and their size in all.
func journals(dir string) (paths []string, size int64, err error) {
	paths, err = filepath.Glob(filepath.Join(escapeGlob(dir), journalGlob)) // sorted
	if err != nil {
		return nil, 0, err
	}
	for _, p := range paths {
		if info, err := os.Lstat(p); err == nil {
			size += info.Size()
		}
	}
	return paths, size, nil
}

func escapeGlob(dir string) string {
	if filepath.Separator == '\\' { // there a backslash does not escape
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func numberOf(path string) uint64 {
	digits := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "history-"), ".log")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

// readLines hands over each line of a journal that can be used, and counts those that cannot: each stands for itself. What
// was cut off at the end was never said to be kept, and does not count.
func readLines(r io.Reader, use func(*line) error) (bad int, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := br.ReadSlice('\n')
		if len(long)+len(part) <= maxLine+1 {
			long = append(long, part...)
		} else {
			long = append(long[:0], bytes.Repeat([]byte{'x'}, maxLine)...) // too long, whatever comes
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if text := bytes.TrimSpace(long); len(text) > 0 {
			var l line
			if json.Unmarshal(text, &l) != nil {
				if !errors.Is(err, io.EOF) {
					bad++
				}
			} else if err := use(&l); err != nil {
				return bad, err
			}
		}
		long = long[:0]
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, err
		}
	}
}
