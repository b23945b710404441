package window

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/wire"
	"holdfast/monitor"
	"holdfast/netcheck"
	"holdfast/ui"
)

// The pictures under testdata guard what the window looks like: each screen in both languages and both themes. When a
// picture differs on purpose, look at the new ones and accept them:
//
//	HOLDFAST_GOLDEN=keep  go test -tags migrated_fynedo -run Golden ./ui/window   # puts what differs into the folder for temporary files
//	HOLDFAST_GOLDEN=write go test -tags migrated_fynedo -run Golden ./ui/window   # accepts all of them
const goldenVar = "HOLDFAST_GOLDEN"

// A view of the window: what there is to show, and what a person did to see it.
type scene struct {
	name  string
	size  fyne.Size
	snaps func() []monitor.Snapshot
	do    func(*desk)
}

func fiveWithOneBroken() []monitor.Snapshot {
	all := fiveTargets()
	all[0] = downTarget(all[0])
	return all
}

func viaProxy() []monitor.Snapshot { return throughProxy(netcheck.CauseNone, nil) }

func behindSilentProxy() []monitor.Snapshot {
	all := throughProxy(netcheck.ProxyUnreachable, []netcheck.Cause{netcheck.PathLost}, netcheck.Evidence{Hop: netcheck.HopProxy, Seen: netcheck.SeenSilent})
	second := all[0]
	second.Target = all[3].Target
	all[3] = second
	return all
}

// longName has 60 characters.
const longName = "Frankfurt order database, read replica in the second hall 02"

// thirtyTargets have names as people give them, short, very long and Chinese, and every state there is.
func thirtyTargets() []monitor.Snapshot {
	names := []string{longName, "法兰克福订单数据库（只读副本），二号机房第三排机柜", "Build server", "gw-1", "Home broker"}
	var all []monitor.Snapshot
	for i := range 30 {
		name := names[i%len(names)]
		if i >= len(names) {
			name = fmt.Sprintf("%s %d", name, i)
		}
		s := upTarget(name, fmt.Sprintf("orders-and-invoices-%d.frankfurt.internal.example.net:5432", i), time.Duration(3+7*i)*time.Millisecond, time.Duration(i*i+1)*time.Hour)
		switch {
		case i < 2 || i == 7:
			s = downTarget(s)
		case i == 2:
			s.State, s.Since, s.RTT = monitor.Connecting, noon.Add(-2*time.Second), 0
			s.UpSince, s.Attempt = time.Time{}, 1
		case i == 3:
			s.State, s.Since, s.BrokenSince = monitor.Suspect, noon.Add(-300*time.Millisecond), noon.Add(-300*time.Millisecond)
		case i == 4:
			s.State, s.Since, s.RTT = monitor.Idle, noon.Add(-time.Hour), 0
			s.UpSince = time.Time{}
		}
		all = append(all, s)
	}
	return all
}

func suspectTarget() []monitor.Snapshot {
	all := fiveTargets()
	all[0].State, all[0].Since, all[0].BrokenSince = monitor.Suspect, noon.Add(-300*time.Millisecond), noon.Add(-300*time.Millisecond)
	return all
}

func demoTarget() monitor.Snapshot {
	demo := upTarget("Demo server", "127.0.0.1:41327", 100*time.Microsecond, 8*time.Second)
	demo.Way, demo.Evidence = netcheck.Way{Index: 1, Interface: "lo", Loopback: true}, nil
	return demo
}

func stoppedDemo() []monitor.Snapshot {
	s := demoTarget()
	s.State, s.Verdict = monitor.Down, netcheck.Verdict{Hop: netcheck.HopServer, Cause: netcheck.ServerRefused}
	s.BrokenSince, s.Since, s.UpSince = noon.Add(-9*time.Second+time.Millisecond), noon.Add(-9*time.Second+102*time.Millisecond), time.Time{}
	s.Attempt, s.RetryAt = 6, noon.Add(2300*time.Millisecond)
	s.Evidence = []netcheck.Evidence{{Hop: netcheck.HopServer, Seen: netcheck.SeenRefused, RTT: 100 * time.Microsecond, Time: noon}}
	return []monitor.Snapshot{s}
}

func calmDemo() []monitor.Snapshot { return []monitor.Snapshot{demoTarget()} }

func backDemo() []monitor.Snapshot {
	s := demoTarget()
	s.UpSince = noon.Add(-5*time.Second + 84*time.Millisecond)
	return []monitor.Snapshot{s}
}

// drilled: the demo was told so, so long ago.
func drilled(mode string, ago time.Duration) func(*desk) {
	return func(d *desk) {
		d.client.status.Drill = &control.Drill{Mode: mode, Since: wire.Time{Time: noon.Add(-ago)}}
		d.step()
	}
}

// pastes opens the dialog and pastes an address into it.
func (d *desk) pastes(address string) {
	d.addTarget()
	d.dialog.fields["address"].SetText(address)
	d.dialog.timer.Stop() // the trial would begin in the picture of a slow machine
}

// triedTo is a trial that has come so far.
func triedTo(address string, snap monitor.Snapshot, state trial) func(*desk) {
	return func(d *desk) {
		d.pastes(address)
		t, err := d.dialog.target()
		if err != nil {
			d.t.Fatal(err)
		}
		d.dialog.passed, d.dialog.state = t, trying
		snap.Target = t
		d.dialog.observed(snap)
		if d.dialog.state != state {
			d.t.Fatalf("the trial is %v, want %v", d.dialog.state, state)
		}
	}
}

func connecting() monitor.Snapshot {
	s := upTarget("x", "x:1", 0, 0)
	s.State, s.UpSince, s.Attempt, s.LastAnswer = monitor.Connecting, time.Time{}, 1, time.Time{}
	return s
}

func opensHistory(d *desk) { d.opensHistory(aWeek(), keptMinutes(12)) }

var (
	usual  = fyne.NewSize(1040, 660)
	middle = fyne.NewSize(800, 620)
	small  = fyne.NewSize(480, 360)
)

// scenes are the screens that the pictures show.
var scenes = []scene{
	{"now", usual, fiveTargets, nil},
	{"now-broken", usual, fiveWithOneBroken, nil},
	{"now-proxy", usual, behindSilentProxy, nil},
	{"now-proxy-up", middle, viaProxy, nil},
	{"now-suspect", middle, suspectTarget, nil},
	{"now-thirty", fyne.NewSize(1040, 760), thirtyTargets, nil},
	{"now-empty", middle, nil, nil},
	{"now-lost", middle, fiveWithOneBroken, func(d *desk) {
		d.client.err = control.ErrNotRunning
		d.step()
		d.model.change(func() { d.model.lost = d.clock.Add(-3 * time.Second) })
	}},
	{"now-day", usual, fiveTargets, func(d *desk) {
		d.client.kept, d.client.minutes = aWeek(), keptMinutes(2)
		d.model.change(func() { clear(d.model.pasts) })
		d.detail.reach.pick(2)
		d.step()
	}},
	{"drill", fyne.NewSize(1040, 720), stoppedDemo, drilled("stopped", 9*time.Second)},
	{"drill-back", middle, backDemo, drilled("normal", 5*time.Second)},
	{"history", usual, fiveTargets, opensHistory},
	{"history-search", middle, fiveTargets, func(d *desk) {
		opensHistory(d)
		d.detail.past.outages.toggle(1)
		d.detail.past.scroll.ScrollToOffset(fyne.NewPos(0, 300))
	}},
	{"history-empty", middle, fiveTargets, func(d *desk) { d.opensHistory(nil, nil) }},
	{"export-exists", fyne.NewSize(640, 480), fiveTargets, func(d *desk) {
		opensHistory(d)
		d.held(func() {
			d.saveAs("/home/me/Downloads/holdfast-2026-11-21.csv", func(string, bool) error { return fs.ErrExist })
		})
		d.held(d.saver.submit)
	}},
	{"settings", fyne.NewSize(800, 860), fiveTargets, func(d *desk) {
		d.opensSettings(config.Settings{Notify: config.Notify{Quiet: config.Quiet{From: 22 * time.Hour, To: 7 * time.Hour}}})
		d.setting("settings.days").text.field.SetText("0")
	}},
	{"shortcuts", middle, fiveTargets, func(d *desk) { d.turn(tabShortcuts) }},
	{"menu", middle, fiveWithOneBroken, func(d *desk) { d.showMenu(d.detail.menu) }},
	{"add", middle, fiveTargets, func(d *desk) { d.addTarget() }},
	{"add-trying", middle, fiveTargets, triedTo("cache.example.net:6379", connecting(), trying)},
	{"add-worked", middle, fiveTargets, triedTo("redis://:s3same@cache.example.net/0", upTarget("x", "x:1", 4*time.Millisecond, 0), worked)},
	{"add-failed", middle, fiveTargets, triedTo("bad.example.net:7000", downTarget(upTarget("x", "x:1", 4*time.Millisecond, 0)), failed)},
	{"edit-proxy", fyne.NewSize(800, 760), viaProxy, func(d *desk) { d.editTarget() }},
	{"small-list", small, thirtyTargets, nil},
	{"small-now", small, behindSilentProxy, func(d *desk) { d.open("Office gateway") }},
	{"small-up", small, fiveTargets, func(d *desk) { d.open("Office gateway") }},
	{"small-drill", small, calmDemo, func(d *desk) { d.open("Demo server") }},
	{"small-empty", small, nil, nil},
	{"small-history", small, fiveTargets, opensHistory},
	{"small-outages", fyne.NewSize(480, 480), fiveTargets, func(d *desk) {
		opensHistory(d)
		d.find()
		d.detail.past.outages.toggle(1)
	}},
	{"small-settings", small, fiveTargets, func(d *desk) { d.opensSettings(config.Settings{}) }},
	{"small-shortcuts", small, fiveTargets, func(d *desk) { d.turn(tabShortcuts) }},
	{"small-add", small, fiveTargets, triedTo("bad.example.net:7000", downTarget(upTarget("x", "x:1", 4*time.Millisecond, 0)), failed)},
	{"small-menu", small, fiveWithOneBroken, func(d *desk) {
		d.open("Office gateway")
		d.showMenu(d.detail.menu)
	}},
}

// A dress is a theme and a language.
type dress struct {
	name string
	v    fyne.ThemeVariant
	lang ui.Lang
}

// Each screen is drawn in the first two dresses, which have both themes and both languages, the most important ones in the
// others too: that colour and words do not meddle with each other takes no more.
var dresses = []dress{
	{"light-en", theme.VariantLight, ui.English}, {"dark-zh", theme.VariantDark, ui.Chinese},
	{"dark-en", theme.VariantDark, ui.English}, {"light-zh", theme.VariantLight, ui.Chinese},
}

var inAllDresses = []string{"now", "now-proxy", "history", "drill", "small-now"}

// opens is the scene in a dress.
func (s scene) opens(t testing.TB, in dress, size fyne.Size) *desk {
	t.Helper()
	if in.lang == ui.Chinese && !hasChinese() { // looking sets a theme: before the desk sets its own
		t.Skip("needs a font with Chinese characters: apt-get install fonts-noto-cjk")
	}
	d := newDesk(t, in.v, in.lang, size)
	d.Window.suit(comfort{scale: 1, still: true}) // no cursor that comes and goes
	d.client.settings.Demo = strings.HasPrefix(s.name, "drill") || s.name == "small-drill"
	if s.snaps != nil {
		d.give(s.snaps()...)
	}
	d.step()
	for traced := range uint64(2) { // the list looks at them when their number has changed
		d.model.change(func() {
			for i, name := range d.model.order {
				d.model.traces[name] = samples()[i*7:]
			}
			d.model.traced = traced + 1
		})
		d.draws()
	}
	if s.do != nil {
		s.do(d)
		d.draws()
	}
	return d
}

// TestGoldenPictures compares each screen with its pictures, and reads all that is written on it, there and in windows of
// other sizes.
func TestGoldenPictures(t *testing.T) {
	chinese := hasChinese() && newDesk(t, theme.VariantLight, ui.Chinese, small).chineseFont() <= goldenLimit
	if !chinese {
		t.Log("the pictures in Chinese are not compared: see TestChineseFont")
	}
	for _, s := range scenes {
		for i, in := range dresses {
			if i > 1 && !slices.Contains(inAllDresses, s.name) || in.lang == ui.Chinese && fontless() {
				continue
			}
			t.Run(s.name+"/"+in.name, func(t *testing.T) {
				d := s.opens(t, in, s.size)
				got := d.win.Canvas().Capture().(*image.NRGBA)
				if plain := !d.needsFonts(); plain || !fontless() && (in.lang == ui.English || chinese) {
					d.golden(got, s.name+"-"+in.name)
				}
				if os.Getenv(goldenVar) == "" {
					d.legible(got)
					if i < 2 {
						d.readable()
					}
				}
			})
		}
	}
}

// needsFonts reports whether anything on the screen is written with another font than the bundled one.
func (d *desk) needsFonts() bool {
	return slices.ContainsFunc(d.texts(), func(p placed) bool {
		return strings.ContainsFunc(p.text.Text, func(r rune) bool { return !bundled(r) })
	})
}

// TestChineseFont tells where the pictures in Chinese cannot be compared: they were drawn with Noto Sans CJK, which Fyne
// takes where it is installed.
func TestChineseFont(t *testing.T) {
	if !hasChinese() {
		t.Skip("needs a font with Chinese characters, on Linux fonts-noto-cjk; Wine brings none")
	}
	d := newDesk(t, theme.VariantLight, ui.Chinese, small)
	if by := d.chineseFont(); by > goldenLimit {
		t.Skipf("needs Noto Sans CJK (apt-get install fonts-noto-cjk): this Chinese font is another (%.0f of 255 differ), and the pictures in Chinese are not compared", by)
	}
}

// chineseFont is how far two characters are from those in the pictures.
func (d *desk) chineseFont() float64 {
	d.t.Helper()
	sample := newText("永中断", font{22, true}, d.p.text)
	over := container.NewWithoutLayout(box(d.p.surface, 0), sample.Text)
	put(over.Objects[0], 0, 0, 80, 40)
	sample.place(4, 4, 72, 32)
	overlays := d.win.Canvas().Overlays()
	overlays.Add(over)
	defer overlays.Remove(over)
	got := image.NewNRGBA(image.Rect(0, 0, 80, 40))
	draw.Draw(got, got.Rect, d.win.Canvas().Capture(), image.Point{}, draw.Src)
	path := filepath.Join("testdata", "chinese-font.png")
	if os.Getenv(goldenVar) == "write" {
		if err := writePNG(path, paletted(got)); err != nil {
			d.t.Fatal(err)
		}
		return 0
	}
	_, by := farthest(got, readPNG(d.t, path))
	return by
}

// golden compares a picture of the window with the one under testdata.
func (d *desk) golden(got *image.NRGBA, name string) {
	d.t.Helper()
	path := filepath.Join("testdata", name+".png")
	switch dir := os.Getenv(goldenVar); dir {
	case "", "keep":
	case "write":
		if err := writePNG(path, paletted(got)); err != nil {
			d.t.Fatal(err)
		}
		return
	default:
		d.t.Fatalf("%s=%s: keep or write", goldenVar, dir)
	}
	want := readPNG(d.t, path)
	if got.Bounds() != want.Bounds() {
		d.t.Fatalf("%s: %v, want %v", name, got.Bounds(), want.Bounds())
	}
	at, by := farthest(got, want)
	if by <= goldenLimit {
		return
	}
	failed := ""
	if os.Getenv(goldenVar) == "keep" {
		failed = filepath.Join(os.TempDir(), name+".png")
		if err := writePNG(failed, got); err != nil {
			d.t.Error(err)
		}
	}
	d.t.Errorf("%s: another picture around %v (by %.0f of 255, %d are allowed) %s: see the top of golden_test.go", name, at, by, goldenLimit, failed)
}

const (
	goldenCell  = 8
	goldenLimit = 16
)

// farthest is the place at which two pictures differ most, and by how much on average over the cell there: so much that a
// missing comma counts, and so little that a line which is a hair fainter does not.
func farthest(got *image.NRGBA, want image.Image) (at image.Point, by float64) {
	b := got.Bounds()
	wide := (b.Dx() + goldenCell - 1) / goldenCell
	sums := make([]int, wide*((b.Dy()+goldenCell-1)/goldenCell))
	var colours [256][3]int
	of, isPaletted := want.(*image.Paletted)
	if isPaletted {
		for i, c := range of.Palette {
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			colours[i] = [3]int{int(n.R), int(n.G), int(n.B)}
		}
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			var w [3]int
			if isPaletted {
				w = colours[of.Pix[y*of.Stride+x]]
			} else {
				n := color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
				w = [3]int{int(n.R), int(n.G), int(n.B)}
			}
			g := got.Pix[y*got.Stride+4*x:]
			diff := max(abs(int(g[0])-w[0]), abs(int(g[1])-w[1]), abs(int(g[2])-w[2]))
			sums[y/goldenCell*wide+x/goldenCell] += diff
		}
	}
	for i, sum := range sums {
		if mean := float64(sum) / goldenCell / goldenCell; mean > by {
			at, by = image.Pt(i%wide*goldenCell, i/wide*goldenCell), mean
		}
	}
	return at, by
}

func abs(v int) int { return max(v, -v) }

// paletted is the picture in at most 256 colours, which makes a third of the file: those that it has most of, as far as
// they differ enough to be told apart.
func paletted(in *image.NRGBA) *image.Paletted {
	count := map[color.NRGBA]int{}
	at := func(i int) color.NRGBA { return color.NRGBA{in.Pix[i], in.Pix[i+1], in.Pix[i+2], 0xff} }
	for i := 0; i < len(in.Pix); i += 4 {
		count[at(i)]++
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.NRGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	distance := func(a, b color.NRGBA) int {
		return max(abs(int(a.R)-int(b.R)), abs(int(a.G)-int(b.G)), abs(int(a.B)-int(b.B)))
	}
	nearest := func(p []color.NRGBA, c color.NRGBA) (best, by int) {
		by = 256
		for i, one := range p {
			if d := distance(one, c); d < by {
				best, by = i, d
			}
		}
		return best, by
	}
	var p []color.NRGBA
	for apart := 8; ; apart += 4 {
		p = p[:0]
		for _, c := range all {
			if _, by := nearest(p, c); by >= apart {
				p = append(p, c)
			}
		}
		if len(p) <= 256 {
			break
		}
	}
	palette := make(color.Palette, len(p))
	for i, c := range p {
		palette[i] = c
	}
	index := map[color.NRGBA]uint8{}
	for c := range count {
		i, _ := nearest(p, c)
		index[c] = uint8(i)
	}
	out := image.NewPaletted(in.Rect, palette)
	for i := range out.Pix {
		out.Pix[i] = index[at(4*i)]
	}
	return out
}

func readPNG(t testing.TB, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func writePNG(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, img); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
