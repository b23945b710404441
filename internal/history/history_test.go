package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"holdfast/internal/wire"
)

func TestMain(m *testing.M) {
	switch os.Getenv("HISTORY_TEST") {
	case "write":
		writeUntilKilled()
		return
	case "fold":
		if _, err := Serve(context.Background(), os.Getenv("HISTORY_TEST_DIR"), Request{Days: 30}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outage is the n-th outage of a run, over unless it lasts.
func outage(n int64, target string, start time.Time, lasts time.Duration) *wire.PastOutage {
	u := &wire.PastOutage{
		ID: n, Target: target, Start: wire.Time{Time: start.UTC()}, Cause: "server-refused", Hop: "server", Also: []string{}, Attempts: 3, Address: "192.0.2.7:7000",
		Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.1"), Proxy: "http://192.0.2.9:3128",
		Evidence: []wire.Evidence{{Time: wire.Time{Time: start.UTC()}, Hop: "server", Saw: "connection Refused", Where: "192.0.2.7:7000", Seen: "refused"}},
		Causes:   []wire.CauseTime{{Time: wire.Time{Time: start.UTC()}, Cause: "server-closed"}, {Time: wire.Time{Time: start.UTC()}, Cause: "server-refused"}},
	}
	if lasts > 0 {
		u.End, u.Ended = wire.Time{Time: start.Add(lasts).UTC()}, wire.Healed
	}
	return u
}

func at(t time.Time) line { return line{At: &wire.Time{Time: t}} }

// ask asks for all outages, as of a moment.
func ask(t *testing.T, dir string, q wire.HistoryQuery, now time.Time) Answer {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1 << 20
	}
	a, err := serve(t.Context(), dir, Request{Outages: &q}, now)
	must(t, err)
	return a
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// Whole means whole: what goes in comes out.
func TestOutagesAreKeptWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "holdfast")
	j := OpenJournal(dir)
	first, second := outage(1, "office", noon, time.Minute), outage(2, "北京 \u202e", noon.Add(time.Hour), 0)
	must(t, j.Append(true, line{Outage: outage(1, "office", noon, 0)}))
	must(t, j.Append(true, line{Outage: first}, line{Outage: second}, at(noon.Add(61*time.Minute))))
	must(t, j.Rotate())
	got := ask(t, dir, wire.HistoryQuery{}, noon)
	if n := len(got.History.Outages); n != 2 || got.History.Outages[0].ID <= got.History.Outages[1].ID {
		t.Fatalf("%d outages: %+v", n, got.History.Outages)
	}
	second.ID, first.ID = got.History.Outages[0].ID, got.History.Outages[1].ID // of the database, not of the run
	if d := cmp.Diff([]wire.PastOutage{*second, *first}, got.History.Outages, sameAddr); d != "" {
		t.Error(d)
	}
	if got.Problem != "" || got.History.More {
		t.Errorf("problem %q, more %v", got.Problem, got.History.More)
	}
	if left, _, err := journals(dir); err != nil || len(left) != 1 {
		t.Errorf("journals: %v, %v; want only the one in use", left, err)
	}
	for _, name := range []string{dbName, lockName} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}

	// The run goes on: what lasts is not closed before it has ended.
	must(t, j.Append(true, at(noon.Add(62*time.Minute))))
	must(t, j.Rotate())
	if got = ask(t, dir, wire.HistoryQuery{}, noon); !got.History.Outages[0].End.IsZero() {
		t.Errorf("of a living run: %+v", got.History.Outages[0])
	}
	j.Close()
	got = ask(t, dir, wire.HistoryQuery{}, noon)
	u := got.History.Outages[0]
	if u.Ended != wire.Unwatched || !u.End.Equal(noon.Add(62*time.Minute)) || !u.WatchedAgain.IsZero() {
		t.Errorf("of a run that is over: ended %q at %v, watched again %v", u.Ended, u.End, u.WatchedAgain)
	}
	next := OpenJournal(dir)
	next.began = noon.Add(2 * time.Hour)
	must(t, next.Append(false, at(noon.Add(3*time.Hour))))
	must(t, next.Rotate())
	defer next.Close()
	if u = ask(t, dir, wire.HistoryQuery{}, noon).History.Outages[0]; !u.WatchedAgain.Equal(noon.Add(2*time.Hour)) || u.Ended != wire.Unwatched {
		t.Errorf("after the next start: ended %q, watched again %v", u.Ended, u.WatchedAgain)
	}
}

func TestQueries(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	cut := outage(2, "shop", noon.Add(time.Hour), time.Minute)
	cut.Cause = "cable-unplugged"
	for _, u := range []*wire.PastOutage{outage(1, "office", noon, time.Minute), cut, outage(3, "100% \"shop\"", noon.Add(-time.Hour), time.Minute), outage(4, "shop", noon.Add(2*time.Hour), 0)} {
		must(t, j.Append(false, line{Outage: u})) // the clock was set back before the third
	}
	must(t, j.Rotate())
	defer j.Close()
	for name, r := range map[string]struct {
		q    wire.HistoryQuery
		want string
	}{
		"all, by their order and not by the clock": {wire.HistoryQuery{}, "[4 3 2 1]"},
		"a page":                         {wire.HistoryQuery{Limit: 2}, "[4 3] more"},
		"the next page":                  {wire.HistoryQuery{Limit: 2, Before: 3}, "[2 1]"},
		"a page that is just full":       {wire.HistoryQuery{Limit: 4}, "[4 3 2 1]"},
		"since, and what lasted then":    {wire.HistoryQuery{Since: noon.Add(time.Hour + 30*time.Second)}, "[4 2]"},
		"a target":                       {wire.HistoryQuery{Target: "shop"}, "[4 2]"},
		"a strange target":               {wire.HistoryQuery{Target: `100% "shop"`}, "[3]"},
		"a cause":                        {wire.HistoryQuery{Cause: "cable-unplugged"}, "[2]"},
		"words in the evidence":          {wire.HistoryQuery{Text: "REFUSED connection"}, "[4 3 2 1]"},
		"words, one of them is missing":  {wire.HistoryQuery{Text: "office cable"}, "[]"},
		"a cause that was shown once":    {wire.HistoryQuery{Text: "server-closed shop"}, "[4 3 2]"},
		"a percent sign is one":          {wire.HistoryQuery{Text: "100%"}, "[3]"},
		"no SQL":                         {wire.HistoryQuery{Target: "' OR 1=1 --", Text: "'"}, "[]"},
		"a target and a cause and since": {wire.HistoryQuery{Target: "shop", Cause: "server-refused", Since: noon}, "[4]"},
	} {
		h := ask(t, dir, r.q, noon).History
		ids := []int64{}
		for _, u := range h.Outages {
			ids = append(ids, u.ID)
		}
		got := fmt.Sprint(ids)
		if h.More {
			got += " more"
		}
		if got != r.want {
			t.Errorf("%s: got %s, want %s", name, got, r.want)
		}
	}
}

// counted is a line with a part of one minute of a target, all of it up.
func counted(target string, at time.Time, least, sum, most time.Duration, beats int64, watched time.Duration) line {
	return line{
		Target:  target,
		Minutes: []minute{{n: at.Unix() / 60, min: least.Microseconds(), sum: sum.Microseconds(), max: most.Microseconds(), beats: beats, up: watched, watched: watched}},
		Watched: []span{{at.UnixMicro(), at.Add(watched).UnixMicro()}},
	}
}

// A minute comes in parts, and is one. A journal that comes twice counts once.
func TestMinutes(t *testing.T) {
	const ms = time.Millisecond
	dir := t.TempDir()
	j := OpenJournal(dir)
	must(t, j.Append(false,
		counted("a", noon, 2*ms, 29*ms, 4*ms, 10, 10*time.Second),
		counted("b", noon, 7*ms, 7*ms, 7*ms, 1, time.Second),
		line{Target: "a", Minutes: []minute{{n: noon.Unix() / 60, lost: 1, watched: 5 * time.Second}}},
		counted("a", noon, ms, 122*ms, 9*ms, 20, 20*time.Second),
		counted("a", noon.Add(time.Minute), ms, 60*ms, ms, 60, 70*time.Second),
		line{Target: "a", Minutes: []minute{{n: noon.Unix()/60 + 2, watched: time.Minute}}},
	))
	must(t, j.Rotate())
	path := filepath.Join(dir, "history-0000000001.log")
	copied, err := os.ReadFile(path)
	must(t, err)
	defer j.Close()
	query := func(target string, since time.Time) []wire.Minute {
		a, err := serve(t.Context(), dir, Request{RoundTrips: &RoundTripsQuery{target, since}}, noon)
		must(t, err)
		return a.RoundTrips.Minutes
	}
	want := []wire.Minute{
		{Time: wire.Time{Time: noon}, Min: wire.Millis(ms), Mean: wire.Millis(151 * ms / 30 / time.Microsecond * time.Microsecond), Max: wire.Millis(9 * ms), Beats: 30, Lost: 1, Up: wire.Length(30 * time.Second), Watched: wire.Length(35 * time.Second)},
		{Time: wire.Time{Time: noon.Add(time.Minute)}, Min: wire.Millis(ms), Mean: wire.Millis(ms), Max: wire.Millis(ms), Beats: 60, Up: wire.Length(time.Minute), Watched: wire.Length(time.Minute)},
		{Time: wire.Time{Time: noon.Add(2 * time.Minute)}, Watched: wire.Length(time.Minute)},
	}
	if d := cmp.Diff(want, query("a", time.Time{})); d != "" {
		t.Error(d)
	}
	must(t, os.WriteFile(path, copied, 0o600)) // as if killed between the commit and the removal
	if d := cmp.Diff(want, query("a", time.Time{})); d != "" {
		t.Errorf("folded twice: %s", d)
	}
	if got := query("a", noon.Add(90*time.Second)); len(got) != 2 {
		t.Errorf("since 12:01:30: %v", got)
	}
	if got := query("c", time.Time{}); got == nil || len(got) != 0 {
		t.Errorf("unknown target: %v", got)
	}
}

// watchedIn says when targets were watched, as of noon: minutes after it.
func watchedIn(t *testing.T, dir string, q wire.HistoryQuery) (said []string) {
	t.Helper()
	q.Watched = true
	for _, w := range ask(t, dir, q, noon).History.Watched {
		said = append(said, fmt.Sprintf("%s %v %v", w.Target, w.From.Sub(noon), w.To.Sub(noon)))
	}
	return said
}

// What follows on what was, from journal to journal, is one stretch; so is what a clock says that is being corrected.
func TestWatched(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	defer j.Close()
	watch := func(target string, from, to time.Duration) line {
		return line{Target: target, Watched: []span{{noon.Add(from).UnixMicro(), noon.Add(to).UnixMicro()}}}
	}
	const s, m = time.Second, time.Minute
	must(t, j.Append(false, watch("a", 0, 10*s), watch("b", 5*s, m), watch("a", 10*s, m), watch("a", m+3*time.Millisecond, 2*m)))
	must(t, j.Rotate())
	must(t, j.Append(false, watch("a", 2*m-2*time.Millisecond, 3*m), watch("a", 10*m, 11*m), watch("b", 3*m, 4*m), watch("a", 11*m, 12*m)))
	must(t, j.Rotate())
	// The clock was set back by eleven minutes: what comes twice is said twice, and views make one of it.
	must(t, j.Append(false, watch("a", 12*m, 13*m), watch("a", 2*m, 14*m), watch("a", -5*m, -4*m)))
	must(t, j.Rotate())
	for name, r := range map[string]struct {
		q    wire.HistoryQuery
		want []string
	}{
		"all":      {wire.HistoryQuery{}, []string{"a -5m0s -4m0s", "a 0s 14m0s", "a 10m0s 13m0s", "b 5s 1m0s", "b 3m0s 4m0s"}},
		"a target": {wire.HistoryQuery{Target: "b"}, []string{"b 5s 1m0s", "b 3m0s 4m0s"}},
		"since":    {wire.HistoryQuery{Since: noon.Add(3*m + 30*s)}, []string{"a 3m30s 14m0s", "a 10m0s 13m0s", "b 3m30s 4m0s"}},
		"nobody":   {wire.HistoryQuery{Target: "c"}, nil},
	} {
		if d := cmp.Diff(r.want, watchedIn(t, dir, r.q)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if h := ask(t, dir, wire.HistoryQuery{}, noon).History; h.Watched != nil {
		t.Errorf("not asked for: %v", h.Watched)
	}
	must(t, func() error {
		_, err := serve(t.Context(), dir, Request{Days: 30}, noon.AddDate(0, 0, 30).Add(5*m))
		return err
	}())
	must(t, func() error {
		_, err := serve(t.Context(), dir, Request{Days: 30}, noon.AddDate(0, 0, 30).Add(6*m))
		return err
	}())
	if d := cmp.Diff([]string{"a 0s 14m0s", "a 10m0s 13m0s"}, watchedIn(t, dir, wire.HistoryQuery{})); d != "" {
		t.Errorf("30 days later: %s", d)
	}
}

// A database of the first version has minutes only.
func TestFromVersion1(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(t.Context(), dir, false, noon)
	must(t, err)
	_, err = s.db.Exec(`DROP TABLE watched; PRAGMA user_version = 1; INSERT INTO targets VALUES (1, 'a'), (2, 'b')`)
	must(t, err)
	for _, r := range []struct{ target, minute, watched int64 }{{1, 0, 60000}, {1, 1, 59500}, {1, 2, 30000}, {1, 3, 60000}, {1, 5, 0}, {1, 9, 120000}, {2, 1, 10000}} {
		_, err = s.db.Exec("INSERT INTO minutes VALUES (?, ?, 0, 0, 0, 0, 0, 0, ?)", r.target, noon.Unix()/60+r.minute, r.watched)
		must(t, err)
	}
	must(t, s.close())
	if _, err := serve(t.Context(), dir, Request{}, noon); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a 0s 4m0s", "a 9m0s 10m0s", "b 1m0s 1m10s"}, watchedIn(t, dir, wire.HistoryQuery{})); d != "" {
		t.Error(d)
	}
}

// A summary of a month of a hundred targets reads no minutes.
func BenchmarkAMonthOfAHundredTargets(b *testing.B) {
	dir := b.TempDir()
	s, err := openStore(b.Context(), dir, false, noon)
	if err != nil {
		b.Fatal(err)
	}
	for _, stmt := range []string{
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO targets SELECT i, 'target ' || i FROM n",
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO minutes SELECT t.id, i, 900, 1100, 120000, 120, 0, 60000, 60000 FROM targets t, n WHERE i %% 720 > 3`, noon.AddDate(0, 0, -30).Unix()/60, noon.Unix()/60),
		`INSERT INTO watched SELECT target, minute * 60000000, (minute + 716) * 60000000 FROM minutes WHERE minute % 720 = 4`,
	} {
		if _, err := s.db.Exec(stmt); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a, err := serve(b.Context(), dir, Request{Outages: &wire.HistoryQuery{Since: noon.AddDate(0, 0, -30), Watched: true}}, noon)
		if err != nil || len(a.History.Watched) != 6000 || len(a.History.Append(nil)) == 0 {
			b.Fatalf("%v, %d stretches", err, len(a.History.Watched))
		}
	}
}

func TestWhatIsTooOldGoes(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	defer j.Close()
	for d := range int64(40) {
		day := noon.AddDate(0, 0, -int(d))
		must(t, j.Append(false, line{Outage: outage(d+1, "a", day, time.Minute)}, counted("a", day, 1, 1, 1, 1, time.Minute)))
	}
	must(t, j.Append(false, line{Outage: outage(41, "a", noon.AddDate(0, 0, -60), 0)}, counted("long gone", noon.AddDate(0, 0, -60), 1, 1, 1, 1, time.Minute)))
	must(t, j.Rotate())
	count := func(now time.Time) (outages, minutes, targets int) {
		t.Helper()
		_, err := serve(t.Context(), dir, Request{Days: 30}, now)
		must(t, err)
		a, err := serve(t.Context(), dir, Request{Outages: &wire.HistoryQuery{Limit: 1000}}, now)
		must(t, err)
		r, err := serve(t.Context(), dir, Request{RoundTrips: &RoundTripsQuery{Target: "a"}}, now)
		must(t, err)
		return len(a.History.Outages), len(r.RoundTrips.Minutes), len(r.Targets)
	}
	now := noon.Add(time.Hour)
	if o, m, n := count(now); o != 41 || m != 40 || n != 2 {
		t.Errorf("the first time the clock is not believed yet: %d outages, %d minutes, %d targets; want all", o, m, n)
	}
	if o, m, n := count(now.Add(time.Hour)); o != 31 || m != 30 || n != 1 {
		t.Errorf("then: %d outages, %d minutes, %d targets; want 30 and the one that lasts, 30, 1", o, m, n)
	}
	if o, _, _ := count(now.AddDate(10, 0, 0)); o != 31 {
		t.Errorf("a clock that is ten years ahead left %d outages", o)
	}
	if o, _, _ := count(now.Add(2 * time.Hour)); o != 31 {
		t.Errorf("and after it was mended there are %d", o)
	}
}

// A damaged file is set aside, told, and begun anew; what the journals hold goes into the new one.
func TestDamagedDatabase(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"no database": func([]byte) []byte { return []byte("hello, this is not a database\n" + strings.Repeat("x", 4096)) },
		"pages of noise": func(b []byte) []byte {
			for i := 100; i < len(b); i++ {
				b[i] = byte(i * 7)
			}
			return b
		},
		"the end is missing":  func(b []byte) []byte { return b[:len(b)/3] },
		"somebody else's":     nil,
		"the header is zeros": func(b []byte) []byte { copy(b, make([]byte, 100)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, dbName)
			j := OpenJournal(dir)
			defer j.Close()
			for n := range int64(50) {
				must(t, j.Append(false, line{Outage: outage(n+1, "old", noon, time.Minute)}))
			}
			must(t, j.Rotate())
			ask(t, dir, wire.HistoryQuery{}, noon)
			if damage == nil {
				must(t, os.Remove(path))
				s, err := openStore(t.Context(), dir, false, noon)
				must(t, err)
				_, err = s.db.Exec("DROP TABLE outages; DROP TABLE runs; PRAGMA user_version = 0")
				must(t, err)
				must(t, s.close())
			} else {
				b, err := os.ReadFile(path)
				must(t, err)
				must(t, os.WriteFile(path, damage(b), 0o600))
			}
			must(t, j.Append(false, line{Outage: outage(51, "new", noon, time.Minute)}))
			must(t, j.Rotate())
			got := ask(t, dir, wire.HistoryQuery{}, noon)
			if len(got.History.Outages) != 1 || got.History.Outages[0].Target != "new" {
				t.Errorf("%d outages; want the one of the journal", len(got.History.Outages))
			}
			if !strings.Contains(got.Problem, damagedName) || got.History.Problem != got.Problem {
				t.Errorf("problem: %q, %q", got.Problem, got.History.Problem)
			}
			if _, err := os.Stat(filepath.Join(dir, damagedName)); err != nil {
				t.Error(err)
			}
			if got = ask(t, dir, wire.HistoryQuery{}, noon.AddDate(0, 0, 3)); got.Problem == "" || len(got.History.Outages) != 1 {
				t.Errorf("three days later: %q, %d outages", got.Problem, len(got.History.Outages))
			}
			if got = ask(t, dir, wire.HistoryQuery{}, noon.AddDate(0, 0, 8)); got.Problem != "" {
				t.Errorf("a week later: %q", got.Problem)
			}
		})
	}
}

func TestNewerDatabase(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(t.Context(), dir, false, noon)
	must(t, err)
	_, err = s.db.Exec("PRAGMA user_version = 3")
	must(t, err)
	must(t, s.close())
	before, err := os.ReadFile(filepath.Join(dir, dbName))
	must(t, err)
	j := OpenJournal(dir)
	must(t, j.Append(false, line{Outage: outage(1, "a", noon, time.Minute)}))
	j.Close()
	if _, err := Serve(t.Context(), dir, Request{Outages: &wire.HistoryQuery{}}); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, dbName))
	if left, _, _ := journals(dir); err != nil || string(before) != string(after) || len(left) != 1 {
		t.Errorf("it was not left alone: %v, %d journals", err, len(left))
	}
}

// Each line stands for itself: what is damaged is passed over.
func TestDamagedJournals(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	for n := range int64(3) {
		must(t, j.Append(false, line{Outage: outage(n+1, "a", noon, time.Minute)}))
	}
	j.Close()
	path := filepath.Join(dir, "history-0000000001.log")
	b, err := os.ReadFile(path)
	must(t, err)
	lines := strings.SplitAfter(string(b), "\n")
	lines[2] = lines[2][:40] + "\n" // cut off
	text := lines[0] + lines[1] + lines[2] + "\x00\x00\x00\n" + strings.Repeat("y", 3*maxLine) + "\n" + "[]\n" + `{"outage":{"start":7}}` + "\n" + lines[3] + lines[3][:50]
	must(t, os.WriteFile(path, []byte(text), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "history-0000000002.log"), []byte("noise\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "history-0000000003.log"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "history-0000000004.log"), 0o700))
	kept := ask(t, dir, wire.HistoryQuery{}, noon).History
	got := kept.Outages
	if len(got) != 2 {
		t.Errorf("%d outages, want the two whole ones", len(got))
	}
	if b, err := os.ReadFile(filepath.Join(dir, damagedLog)); err != nil || string(b) != "noise\n" || !strings.Contains(kept.Problem, damagedLog) {
		t.Errorf("the last that was damaged is kept for a look: %q, %v; told: %q", b, err, kept.Problem)
	}
	if kept = ask(t, dir, wire.HistoryQuery{}, noon.AddDate(0, 0, 8)).History; kept.Problem != "" || len(kept.Outages) != 2 {
		t.Errorf("a week later: %q", kept.Problem)
	}
	// What was cut off, by a power cut say, was never said to be kept.
	must(t, os.WriteFile(filepath.Join(dir, "history-0000000005.log"), []byte(lines[0][:len(lines[0])-9]), 0o600))
	if kept = ask(t, dir, wire.HistoryQuery{}, noon.AddDate(0, 0, 8)).History; kept.Problem != "" {
		t.Errorf("cut off: %q", kept.Problem)
	}
	next := OpenJournal(dir)
	must(t, next.Append(false, line{Outage: outage(1, "b", noon, time.Minute)}))
	next.Close()
	if got = ask(t, dir, wire.HistoryQuery{}, noon).History.Outages; len(got) != 3 {
		t.Errorf("%d outages after the next run", len(got))
	}
}

// hostile are journals as nobody writes them.
var hostile = []string{
	`{"run":"R","journal":"J","at":"2026-11-21T12:00:00Z"}` + "\n" + `{"outage":{"id":1,"target":"a","start":"2026-11-21T12:00:00Z"}}` + "\n" + `{"target":"a","m":[[29000000,1,2,3,4,5,6,7],[29000000]],"w":[[5,1]]}` + "\n",
	`{"run":"R","journal":"J","at":"2026-11-21T12:00:00Z"}` + "\n" + `{"target":"a","m":[[29000000,1,2,3,4,5,6,7],[29000000,4503599627370496,0,0,0,4503599627370496,0,0]],"w":[[5,1],[0,4503599627370496]]}` + "\n",
	`{"run":"R","journal":"J"}` + "\n",
	"\x00\n{}\n[]\nnull\n" + `{"run":"R","journal":"J","at":null}` + "\n",
	`{"run":"R","journal":"J","at":"0000-01-01T00:00:00Z"}` + "\n" + `{"outage":{"id":-1,"target":"a","start":"9999-12-31T23:59:59Z","end":"0001-01-01T00:00:00Z"}}` + "\n" + `{"target":"a","m":[[0,0,0,0,0,0,0,0]],"w":[[0,0]]}` + "\n",
}

func TestHostileJournals(t *testing.T) {
	for _, text := range hostile {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "history-0000000001.log"), []byte(text), 0o600))
		a, err := serve(t.Context(), dir, Request{Days: 30, Outages: &wire.HistoryQuery{Watched: true}, RoundTrips: &RoundTripsQuery{Target: "a"}}, noon)
		if err != nil || a.Problem != "" && !strings.Contains(a.Problem, damagedLog) {
			t.Errorf("%q: %v, %q", text, err, a.Problem)
		}
		if left, _, err := journals(dir); err != nil || len(left) > 0 {
			t.Errorf("%q: left behind: %q, %v", text, left, err)
		}
	}
}

// What can be read of a journal, whatever stands in it, can be written again, and sums of it fit.
func FuzzJournal(f *testing.F) {
	for _, text := range hostile {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := readLines(strings.NewReader(string(b)), func(l *line) error {
			for _, m := range l.Minutes {
				for _, n := range []int64{m.n, m.beats, m.lost, m.min, m.max, m.sum, int64(m.up), int64(m.watched)} {
					if n < 0 || n > 1<<52 {
						t.Errorf("%+v", m)
					}
				}
			}
			again, err := json.Marshal(l)
			must(t, err)
			back := 0
			bad, err := readLines(strings.NewReader(string(again)+"\n"), func(*line) error { back++; return nil })
			if err != nil || bad > 0 || back != 1 {
				t.Errorf("%s: %v, %d bad", again, err, bad)
			}
			return nil
		})
		must(t, err)
	})
}

// Ten thousand outages (a fifth of that unless HOLDFAST_LONG is set, as make bench does) are filed, paged and searched.
func TestManyOutages(t *testing.T) {
	many := 2000
	if os.Getenv("HOLDFAST_LONG") != "" {
		many = 10_000
	}
	dir := t.TempDir()
	j := OpenJournal(dir)
	defer j.Close()
	for n := range int64(many) {
		must(t, j.Append(false, line{Outage: outage(n+1, fmt.Sprintf("target %d", n%10), noon.Add(time.Duration(n)*time.Minute), 30*time.Second)}))
	}
	must(t, j.Rotate())
	began := time.Now()
	ask(t, dir, wire.HistoryQuery{Limit: 1}, noon)
	folded := time.Since(began)
	began = time.Now()
	page := ask(t, dir, wire.HistoryQuery{Limit: 100, Before: int64(many / 2)}, noon)
	paged := time.Since(began)
	began = time.Now()
	found := ask(t, dir, wire.HistoryQuery{Limit: 100, Text: "nowhere to be found"}, noon)
	searched := time.Since(began)
	info, err := os.Stat(filepath.Join(dir, dbName))
	must(t, err)
	t.Logf("%d outages filed in %v, a page of them in %v, searched in vain in %v, %d bytes each", many, folded, paged, searched, info.Size()/int64(many))
	if len(page.History.Outages) != 100 || !page.History.More || page.History.Outages[0].ID != int64(many/2-1) || len(found.History.Outages) != 0 {
		t.Errorf("%d outages from %d", len(page.History.Outages), page.History.Outages[0].ID)
	}
	if folded > 60*time.Second || paged > 5*time.Second || searched > 5*time.Second {
		t.Error("that takes too long")
	}
}

// Where there is more than the database may hold, the oldest days go, and the file gets smaller.
func TestBoundOfBytes(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(t.Context(), dir, false, noon)
	must(t, err)
	defer s.close()
	_, err = s.db.Exec(`INSERT INTO targets VALUES (1, 'a'), (2, 'b'); WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 4 FROM n WHERE i < ?)
		INSERT INTO minutes SELECT t.id, i, 900, 1100, 120000, 120, 0, 60000, 60000 FROM targets t, n`, noon.AddDate(0, 0, -29).Unix()/60, noon.Unix()/60)
	must(t, err)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, dbName))
		must(t, err)
		return info.Size()
	}
	whole := size()
	must(t, s.prune(t.Context(), 30))
	if size() != whole {
		t.Errorf("%d bytes within the bound became %d", whole, size())
	}
	s.most = whole / 3
	must(t, s.prune(t.Context(), 30))
	var first, last int64
	must(t, s.db.QueryRow("SELECT min(minute), max(minute) FROM minutes").Scan(&first, &last))
	if days := (last - first) / (24 * 60); size() > s.most || days < 7 || days > 10 || last < noon.Unix()/60 {
		t.Errorf("%d bytes of %d, %d days, the last minute at %v", size(), s.most, days, time.Unix(last*60, 0).UTC())
	}
}

// More than the bound is never kept. It counts outages, not their numbers: those have gaps.
func TestBoundOfOutages(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(t.Context(), dir, false, noon)
	must(t, err)
	_, err = s.db.Exec(`INSERT INTO runs VALUES (1, 'before', 0, 0); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO outages SELECT i * 3, 1, i, 'old', 0, 0, 'healed', '', '', '{}' FROM n`, maxOutages)
	must(t, err)
	must(t, s.close())
	j := OpenJournal(dir)
	defer j.Close()
	for n := range int64(50) {
		begun := &wire.PastOutage{ID: n + 1, Target: "new", Start: wire.Time{Time: noon}}
		over := *begun
		over.End, over.Ended = wire.Time{Time: noon}, wire.Healed
		must(t, j.Append(false, line{Outage: begun}, line{Outage: &over}))
	}
	must(t, j.Rotate())
	_, err = serve(t.Context(), dir, Request{Days: 30}, noon)
	must(t, err)
	s, err = openStore(t.Context(), dir, false, noon)
	must(t, err)
	var all, fresh, first int
	must(t, s.db.QueryRow("SELECT count(*), sum(target = 'new'), min(CASE target WHEN 'old' THEN n END) FROM outages").Scan(&all, &fresh, &first))
	must(t, s.close())
	if all != maxOutages || fresh != 50 || first != 51 {
		t.Errorf("%d outages, %d of them new, the first of the old is %d", all, fresh, first)
	}
}

// helper starts this test program as something else.
func helper(ctx context.Context, what, dir string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), "HISTORY_TEST="+what, "HISTORY_TEST_DIR="+dir), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeUntilKilled writes one outage after the other, and says of each that it was reported as ended.
func writeUntilKilled() {
	j := OpenJournal(os.Getenv("HISTORY_TEST_DIR"))
	from, err := strconv.ParseInt(os.Getenv("HISTORY_TEST_FROM"), 10, 64)
	if err != nil {
		panic(err)
	}
	for n := from; ; n++ {
		u := outage(n, "a", noon.Add(time.Duration(n)*time.Minute), 0)
		u.Attempts = int(n)
		if err := j.Append(false, at(noon), line{Outage: u}); err != nil {
			panic(err)
		}
		u.End, u.Ended = wire.Time{Time: u.Start.Add(30 * time.Second)}, wire.Healed
		if err := j.Append(false, at(noon), line{Outage: u}, counted("a", u.Start.Time, 1000, 1000, 1000, 1, time.Minute)); err != nil {
			panic(err)
		}
		fmt.Println(n)
		if n%100 == 0 {
			if err := j.Rotate(); err != nil {
				panic(err)
			}
		}
	}
}

// A thousand outages from processes that are killed again and again (kill -9; TerminateProcess on Windows), filed by others
// that are killed as well: not one that was reported as ended is lost, and none is there twice.
func TestIntegrationKill9(t *testing.T) {
	const many = 1000
	dir := t.TempDir()
	reported := int64(0)
	kills := 0
	for reported < many {
		cmd := helper(t.Context(), "write", dir, "HISTORY_TEST_FROM="+strconv.FormatInt(reported+1, 10))
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for after := 20 + rand.IntN(100); lines.Scan(); after-- {
			reported, err = strconv.ParseInt(lines.Text(), 10, 64)
			must(t, err)
			if after == 0 {
				must(t, cmd.Process.Kill())
				kills++
			}
		}
		_ = cmd.Wait() // "signal: killed"

		// And somebody files what there is, until he is killed in the midst of it.
		fold := helper(t.Context(), "fold", dir)
		must(t, fold.Start())
		timer := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = fold.Process.Kill() })
		_ = fold.Wait()
		timer.Stop()
	}
	got := ask(t, dir, wire.HistoryQuery{}, noon)
	if got.Problem != "" {
		t.Errorf("problem: %s", got.Problem)
	}
	seen := map[time.Time]int{}
	for _, u := range got.History.Outages {
		if u.Ended != wire.Healed { // written as begun, and not yet reported as ended
			continue
		}
		n := int64(u.Start.Sub(noon) / time.Minute)
		if want := outage(u.ID, "a", u.Start.Time, 30*time.Second); u.Attempts != int(n) || !u.End.Equal(want.End.Time) || !slices.Equal(u.Evidence, want.Evidence) || !slices.Equal(u.Causes, want.Causes) {
			t.Errorf("outage %d is not whole: %+v", n, u)
		}
		seen[u.Start.Time]++
	}
	lost := 0
	for n := range reported {
		if seen[noon.Add(time.Duration(n+1)*time.Minute)] == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d outages were lost", lost, reported)
	}
	r, err := serve(t.Context(), dir, Request{RoundTrips: &RoundTripsQuery{Target: "a"}}, noon)
	must(t, err)
	if len(r.RoundTrips.Minutes) < int(reported) {
		t.Errorf("%d minutes for %d outages", len(r.RoundTrips.Minutes), reported)
	}
	t.Logf("%d reported, %d kills of the writer, %d kept", reported, kills, len(got.History.Outages))
}

// Two who ask at one time do not disturb each other, nor the one who writes.
func TestSeveralAtOnce(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	defer j.Close()
	ended := make(chan error, 4)
	for range cap(ended) {
		go func() {
			for range 5 {
				if _, err := Serve(context.Background(), dir, Request{Days: 30, Outages: &wire.HistoryQuery{}}); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for n := range int64(200) {
		must(t, j.Append(false, line{Outage: outage(n+1, "a", noon, time.Minute)}))
		if n%10 == 9 {
			must(t, j.Rotate())
		}
	}
	for range cap(ended) {
		must(t, <-ended)
	}
	must(t, j.Rotate())
	if got := ask(t, dir, wire.HistoryQuery{}, noon); len(got.History.Outages) != 200 {
		t.Errorf("%d outages", len(got.History.Outages))
	}
}

func TestNothingThere(t *testing.T) {
	a, err := Serve(t.Context(), filepath.Join(t.TempDir(), "none"), Request{Outages: &wire.HistoryQuery{}})
	if err != nil || a.History.Outages == nil || len(a.History.Outages) != 0 || a.Problem != "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
	if got, err := Dir(); err != nil || got != filepath.Join(os.Getenv("XDG_STATE_HOME"), "holdfast") {
		t.Errorf("%s, %v", got, err)
	}
	if runtime.GOOS != "windows" {
		t.Setenv("HOME", "/home/me")
		for _, bad := range []string{"", "state"} {
			t.Setenv("XDG_STATE_HOME", bad)
			if got, err := Dir(); err != nil || got != "/home/me/.local/state/holdfast" {
				t.Errorf("%q: %s, %v", bad, got, err)
			}
		}
	}
}
