package window

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"holdfast/internal/control"
	"holdfast/internal/desktest"
	"holdfast/internal/wire"
	"holdfast/netcheck"
	"holdfast/ui"
)

// cells is what a row of the list of outages says.
func cells(l *ledger, i int) string {
	for _, r := range l.pool {
		if r.row == i {
			var text []string
			for _, c := range r.cells {
				if c.Visible() {
					text = append(text, c.whole)
				}
			}
			return strings.Join(text, "|")
		}
	}
	return ""
}

func TestTheHistoryPage(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1280, 800), fiveTargets()...)
	d.opensHistory(aWeek(), keptMinutes(12))
	h := d.detail.past
	if got := len(h.outages.rows); got != 6 {
		t.Fatalf("%d incidents, want 6: two targets behind one proxy are one", got)
	}
	if got := cells(h.outages, 3); got != "Wed 18|14:00:47|9:00|Proxy silent|proxy.example.net:3128: silent|2 targets" {
		t.Errorf("the fourth row: %q", got)
	}
	if got := h.figures[1].big.whole + ", " + h.figures[1].small.whole; got != "6, 7 days before: 1" {
		t.Errorf("outages: %q", got)
	}
	// Search, and the filter by cause.
	h.search.SetText("proxy silent")
	if len(h.outages.rows) != 2 {
		t.Errorf("%d found", len(h.outages.rows))
	}
	h.search.SetText("nothing like it")
	if len(h.outages.rows) != 0 || !h.empty.box.Visible() || !strings.Contains(h.empty.whole, "nothing like it") {
		t.Errorf("%d found, said %q", len(h.outages.rows), h.empty.whole)
	}
	h.search.escape()
	d.past.cause = netcheck.ServerClosed
	h.pick()
	if len(h.outages.rows) != 2 {
		t.Errorf("%d of one cause", len(h.outages.rows))
	}
	d.past.cause = ""
	h.pick()
	// A click on a target shows its history alone.
	d.held(func() { test.Tap(d.list.rows[2]) })
	if got := h.target.text.whole; got != "Home broker" || len(h.outages.rows) != 1 {
		t.Errorf("of %q: %d", got, len(h.outages.rows))
	}
	if !d.list.rows[2].chosen || d.list.rows[0].chosen {
		t.Error("the list does not show of which target the history is")
	}
	d.held(func() { h.of("") })
	d.held(func() { h.period.pick(2) })
	if len(h.outages.rows) != 7 || len(h.rec.days) != 30 {
		t.Errorf("30 days: %d outages in %d days", len(h.outages.rows), len(h.rec.days))
	}
	test.Tap(h.copy)
	if text := d.app.Clipboard().Content(); !strings.Contains(text, "Availability: 99.") || !strings.Contains(text, "path breaks off: 1:36:00") {
		t.Errorf("the summary: %q", text)
	}
}

func TestTheHistoryPageFollowsWhatHappens(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1280, 800), fiveTargets()...)
	d.opensHistory(nil, nil)
	if got := d.detail.past.empty.whole; got != "No outage in this time" {
		t.Errorf("nothing was: %q", got)
	}
	d.held(func() {
		d.client.kept = []wire.PastOutage{keptOutage(1, "Home broker", netcheck.ServerClosed, 10*time.Second, 9*time.Second)}
		s := fiveTargets()[4]
		s.Seq, s.Outages = 2, nil
		d.clock = d.clock.Add(4 * time.Second)
		d.model.take(told(0, s))
		d.draws()
	})
	if got := len(d.detail.past.outages.rows); got != 1 {
		t.Errorf("%d outages after one ended", got)
	}
	// Another language, while it is open.
	d.held(func() { d.model.change(func() { d.model.lang = ui.Chinese }); d.draws() })
	if got := d.detail.past.target.text.whole; got != "所有目标" || d.tab != tabHistory || len(d.detail.past.outages.rows) != 1 {
		t.Errorf("%q, %s, %d outages", got, d.tab, len(d.detail.past.outages.rows))
	}
	// A resident that keeps nothing is no empty history.
	d.held(func() {
		d.client.keptErr = &control.Error{Status: http.StatusNotImplemented}
		d.detail.past.load()
	})
	if got := d.detail.past.empty.whole; got != "此 Holdfast 不保存历史记录。" {
		t.Errorf("keeps nothing: %q", got)
	}
	d.client.mu.Lock()
	d.client.keptErr = errors.New("disk on fire\x1b[31m")
	d.client.mu.Unlock()
	d.held(d.detail.past.load)
	if got := d.detail.past.empty.whole; got != `disk on fire\x1b[31m` {
		t.Errorf("an error: %q", got)
	}
}

func TestOutagesByKeyboard(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(480, 360), fiveTargets()...)
	var kept []wire.PastOutage
	for i := range 2000 {
		kept = append(kept, keptOutage(int64(3000-i), fmt.Sprintf("Server %d", i), netcheck.ServerClosed, time.Duration(i+10)*time.Minute, 30*time.Second))
	}
	d.opensHistory(kept, nil)
	l := d.detail.past.outages
	d.win.Canvas().Focus(l)
	key := func(names ...fyne.KeyName) {
		for _, n := range names {
			l.TypedKey(&fyne.KeyEvent{Name: n})
		}
	}
	inSight := func() bool {
		top, bottom := d.detail.past.scroll.Offset.Y, d.detail.past.scroll.Offset.Y+d.detail.past.size.Height
		y := l.Position().Y + l.place(l.at)
		return y >= top-0.5 && y+ledgerRow <= bottom+0.5
	}
	for _, c := range []struct {
		keys []fyne.KeyName
		want int
	}{
		{[]fyne.KeyName{fyne.KeyUp}, 0},
		{[]fyne.KeyName{fyne.KeyDown, fyne.KeyDown}, 2},
		{[]fyne.KeyName{fyne.KeyPageDown}, 14},
		{[]fyne.KeyName{fyne.KeyEnd}, 1999},
		{[]fyne.KeyName{fyne.KeyPageUp}, 1987},
		{[]fyne.KeyName{fyne.KeyReturn}, 1987},
		{[]fyne.KeyName{fyne.KeyDown}, 1988},
		{[]fyne.KeyName{fyne.KeyHome}, 0},
	} {
		key(c.keys...)
		if l.at != c.want || !inSight() {
			t.Errorf("after %v at %d, in sight %v; want %d", c.keys, l.at, inSight(), c.want)
		}
	}
	if l.open != 1987 || l.folded < 5*ledgerLine {
		t.Errorf("unfolded %d, %v high", l.open, l.folded)
	}
	if got := l.rowAt(l.place(1988) + 1); got != 1988 {
		t.Errorf("below what is unfolded stands %d", got)
	}
	if got := l.rowAt(l.place(1987) + ledgerRow + 5); got != -1 {
		t.Errorf("in what is unfolded stands %d", got)
	}
	if n := len(l.pool); n > 60 {
		t.Errorf("%d rows have objects, for a window of 360", n)
	}
	for _, r := range l.pool {
		if r.row >= 0 && cells(l, r.row) == "" {
			t.Errorf("row %d says nothing", r.row)
		}
	}
}

func TestOutagesAreExported(t *testing.T) {
	dir := t.TempDir()
	raw := aWeek()
	outages := pastOutages(raw)
	out := freeName(dir, "out", ".csv")
	files := 2 // that should be there at the end
	for _, c := range []struct {
		path    string
		replace bool
		kind    string
		err     error
		has     string
	}{
		{out, false, "csv", nil, "Office gateway,2026-11-21 02:00:47,2026-11-21 03:36:47,5760.000,path-lost,path,server-unreachable,3,eth0,192.0.2.1,,"},
		{out, false, "json", fs.ErrExist, "Office gateway,2026"},
		{out, true, "json", nil, `{"id":8,"target":"Office gateway","start":"2026-11-21T02:00:47.000000Z"`},
		{filepath.Join(dir, "link"), true, "csv", nil, "Office gateway,2026"},
		{filepath.Join(dir, "missing", "out"), false, "csv", fs.ErrNotExist, ""},
		{filepath.Join(dir, "missing", "out"), true, "csv", fs.ErrNotExist, ""},
		{dir, true, "csv", syscall.EISDIR, ""},
	} {
		if filepath.Base(c.path) == "link" {
			if err := os.Symlink(out, c.path); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Readlink(c.path); err != nil { // Wine says that it made one, and did not
				files--
				continue
			}
		}
		err := export(c.path, c.replace, c.kind, raw, outages, noon)
		if !errors.Is(err, c.err) {
			t.Errorf("%s %s %v: %v, want %v", c.path, c.kind, c.replace, err, c.err)
		}
		if data, err := os.ReadFile(out); c.has != "" && (err != nil || !strings.Contains(string(data), c.has)) {
			t.Errorf("%s %s %v: %v, without %q", c.path, c.kind, c.replace, err, c.has)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != files {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if got := freeName(dir, "out", ".csv"); got != filepath.Join(dir, "out-2.csv") {
		t.Errorf("the next one: %s", got)
	}
	full := fullDisk{}
	if err := write(full, "csv", raw, outages, noon); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// While the page is open only what is new is asked for, and it shows what asking for all would.
func TestTheHistoryPageAsksForWhatIsNew(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1280, 800), fiveTargets()...)
	kept := aWeek()
	lasts := keptOutage(90, "Home broker", netcheck.ServerHung, 3*hour, 0)
	lasts.End, lasts.Ended = wire.Time{}, ""
	kept = append([]wire.PastOutage{lasts}, kept...)
	d.opensHistory(kept, keptMinutes(12))
	asked := func() time.Time {
		d.client.mu.Lock()
		defer d.client.mu.Unlock()
		return d.client.since[len(d.client.since)-1]
	}
	again := func() (since time.Time) {
		t.Helper()
		d.clock = d.clock.Add(2 * time.Minute)
		d.held(d.detail.past.load)
		since = asked()
		shown := *d.detail.past.rec
		fresh := record{wanted: shown.wanted, made: shown.made, outages: pastOutages(d.client.kept)}
		h, err := d.client.History(t.Context(), control.HistoryQuery{Since: shown.since, Limit: mostOutages, Watched: true})
		if err != nil {
			t.Fatal(err)
		}
		fresh.watch = watchOf(h.Watched)
		fresh.work()
		if fresh.this.Percent() != shown.this.Percent() || fresh.this.Count != shown.this.Count || fresh.before.Count != shown.before.Count || fresh.this.Watched != shown.this.Watched || len(shown.raw) != len(d.client.kept) {
			t.Errorf("%+v, %d outages; want %+v, %d", shown.this, len(shown.raw), fresh.this, len(d.client.kept))
		}
		return since
	}
	if got := again(); !got.Equal(noon.Add(-3 * hour)) {
		t.Errorf("while one lasts, asked for all since %v", noon.Sub(got))
	}
	d.client.mu.Lock()
	d.client.kept[0].End, d.client.kept[0].Ended = wire.Time{Time: noon.Add(-2 * hour)}, wire.Unwatched // it had ended long ago
	d.client.mu.Unlock()
	again()
	d.client.mu.Lock()
	d.client.kept = append([]wire.PastOutage{keptOutage(91, "Home broker", netcheck.ServerClosed, -5*time.Minute, time.Second)}, d.client.kept...)
	d.client.mu.Unlock()
	again()
	d.held(d.detail.past.load)
	if got := asked(); got.Before(d.clock.Add(-2 * time.Minute)) {
		t.Errorf("nothing lasts, and asked for all since %v", d.clock.Sub(got))
	}
	d.held(func() { d.detail.past.period.pick(2) })
	if got, want := asked(), month.from(d.clock).AddDate(0, 0, -30); !got.Equal(want) {
		t.Errorf("of a month: since %v, want %v", got, want)
	}
}

// The week in which the clocks change has seven days too, as the one before it.
func TestTheWeekInWhichTheClocksChange(t *testing.T) {
	berlin := desktest.Berlin(t)
	now := time.Date(2026, 10, 28, 12, 0, 0, 0, berlin)
	r := record{wanted: wanted{period: week}, made: now, watch: ui.Watch{"a": {{From: now.AddDate(0, -1, 0), To: now}}}}
	r.work()
	if got, want := r.this.Watched, 6*24*time.Hour+time.Hour+12*time.Hour; got != want { // from midnight, the last day not over
		t.Errorf("%v were watched, want %v", got, want)
	}
	if r.before.Watched != 7*24*time.Hour || !r.before.To.Equal(r.this.From) || len(r.days) != 7 || r.days[3].Length() != 25*time.Hour {
		t.Errorf("before: %v from %v to %v; %d days", r.before.Watched, r.before.From, r.before.To, len(r.days))
	}
}

// manyKept is what a hundred targets left in a month.
func manyKept(n int) []wire.PastOutage {
	all := make([]wire.PastOutage, n)
	causes := []netcheck.Cause{netcheck.ServerClosed, netcheck.PathLost, netcheck.ProxyUnreachable, netcheck.CableUnplugged, netcheck.ServerHung}
	for i := range all {
		all[i] = keptOutage(int64(n-i), fmt.Sprintf("Server %02d", i%100), causes[i%len(causes)], time.Duration(i)*4*time.Minute, time.Duration(i%300)*time.Second)
	}
	return all
}

// Ten thousand outages, drawn after each turn of the wheel.
func BenchmarkScroll10000Outages(b *testing.B) {
	d := benchDesk(b, 5)
	d.past.period = month
	d.opensHistory(manyKept(10000), nil)
	h := d.detail.past
	b.ReportMetric(float64(len(h.outages.rows)), "rows")
	i := 0
	for b.Loop() {
		i++
		h.scroll.ScrollToOffset(fyne.NewPos(0, float32(i%2000)*137))
		h.look()
	}
}

// The first picture of a page of ten thousand outages, with all that is worked out for it.
func BenchmarkOpen10000Outages(b *testing.B) {
	raw := manyKept(10000)
	watch := ui.Watch{}
	for i := range 100 {
		watch[fmt.Sprintf("Server %02d", i)] = []ui.Span{{From: noon.Add(-30 * 24 * time.Hour), To: noon}}
	}
	for b.Loop() {
		r := record{wanted: wanted{period: month}, made: noon, outages: pastOutages(raw), watch: watch}
		r.work()
	}
}

// A hundred targets: the list is scrolled to the end and back, and drawn.
func BenchmarkScroll100Targets(b *testing.B) {
	d := benchDesk(b, 100)
	i := 0
	for b.Loop() {
		i++
		d.list.scroll.ScrollToOffset(fyne.NewPos(0, float32(i%40)*137))
	}
}

// One of a hundred targets breaks: from the news to the objects that are to be painted.
func BenchmarkStateChange100Targets(b *testing.B) {
	d := benchDesk(b, 100)
	snaps := slices.Clone(d.benchSnaps)
	up, down := snaps[0], downTarget(snaps[0])
	seq := uint64(10)
	for b.Loop() {
		seq++
		s := up
		if seq%2 == 0 {
			s = down
		}
		s.Seq, s.Time = seq, noon.Add(time.Duration(seq)*time.Millisecond)
		d.model.take(told(0, s))
		d.draws()
	}
}

// Painting the whole window in software, as on a desktop without a graphics card.
func BenchmarkPaintHistory(b *testing.B) {
	d := benchDesk(b, 5)
	d.opensHistory(aWeek(), keptMinutes(12))
	for b.Loop() {
		software.RenderCanvas(d.win.Canvas(), look{})
	}
}
