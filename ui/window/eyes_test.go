package window

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"holdfast/internal/eyes"
	"holdfast/netcheck"
	"holdfast/ui"
)

// toldApart is the least share of the pixels of two parts of a picture that differ by 25 in lightness, over all kinds of colour
// vision, and where that is.
func toldApart(img *image.NRGBA, parts map[string]image.Rectangle) (least float64, where string) {
	least = 1
	for vision, v := range eyes.Visions {
		light := map[string][]float64{}
		for name, r := range parts {
			for y := range r.Dy() {
				for x := range r.Dx() {
					light[name] = append(light[name], v.Sees(img.NRGBAAt(r.Min.X+x, r.Min.Y+y)))
				}
			}
		}
		for a, la := range light {
			for b, lb := range light {
				if a >= b {
					continue
				}
				differ := 0
				for i := range la {
					if math.Abs(la[i]-lb[i]) > 25 {
						differ++
					}
				}
				if share := float64(differ) / float64(len(la)); share < least {
					least, where = share, fmt.Sprintf("%s / %s, %s", a, b, vision)
				}
			}
		}
	}
	return least, where
}

// square is the part of a picture around a point.
func square(x, y, side float32) image.Rectangle {
	return image.Rect(int(x-side/2), int(y-side/2), int(x+side/2), int(y+side/2))
}

// Nothing in the window is told by colour alone: list, strip and chart say it in shapes too, under every kind of colour
// vision and in grey, in both themes; and the list in words.
func TestStatesAreToldWithoutColour(t *testing.T) {
	for name, v := range map[string]fyne.ThemeVariant{"light": theme.VariantLight, "dark": theme.VariantDark} {
		t.Run("list, "+name, func(t *testing.T) {
			all := append(fiveTargets()[:1:1], thirtyTargets()[1:6]...) // the first is the chosen one
			d := newDesk(t, v, ui.English, fyne.NewSize(1000, 700), all...)
			d.model.change(func() { d.model.stalled[d.model.order[5]] = true })
			d.draws()
			parts, words := map[string]image.Rectangle{}, map[string]string{}
			for _, r := range d.list.rows[1:] {
				at := d.app.Driver().AbsolutePositionForObject(r.icon)
				look := r.view.look.String()
				parts[look] = square(at.X+10, at.Y+10, 20)
				if other, there := words[r.second.whole]; there {
					t.Errorf("%s and %s are both %q", look, other, r.second.whole)
				}
				words[r.second.whole] = look
			}
			if len(parts) != 5 {
				t.Fatalf("%d states in the list", len(parts))
			}
			if least, where := toldApart(d.win.Canvas().Capture().(*image.NRGBA), parts); least < 0.15 {
				t.Errorf("%.2f of the glyph differs: %s", least, where)
			}
		})
		t.Run("strip, "+name, func(t *testing.T) {
			d := newDesk(t, v, ui.English, fyne.NewSize(1000, 300))
			p := paletteOf(v)
			marks := map[string]ui.Mark{"ok": ui.OK, "broken": ui.Broken, "late": ui.Late, "asked": ui.Asked, "unknown": ui.Unknown, "not asked": ui.NotAsked}
			view := stripView{n: len(marks) + 1, ground: p.surface, lang: ui.English}
			view.stations[0] = ui.Station{Hop: netcheck.HopLink, Mark: ui.OK}
			names := []string{"ok", "broken", "late", "asked", "unknown", "not asked"}
			for i, name := range names {
				view.stations[i+1] = ui.Station{Hop: netcheck.HopServer, Mark: marks[name], Link: marks[name]}
			}
			s := newStrip(p)
			ground := box(p.surface, 0)
			over := container.NewWithoutLayout(ground, s)
			put(ground, 0, 0, 1000, 300)
			put(s, 0, 0, 2*stripFirst+6*140, 200)
			s.show(view)
			d.win.Canvas().Overlays().Add(over)
			img := d.win.Canvas().Capture().(*image.NRGBA)
			hops, links := map[string]image.Rectangle{}, map[string]image.Rectangle{}
			for i, name := range names {
				x := float32(stripFirst + 140*(i+1))
				hops[name] = square(x+16, stripAbove+16, 24) // where the badge is
				links[name] = image.Rect(int(x-140+32), stripAbove-2, int(x-38), stripAbove+2)
			}
			if least, where := toldApart(img, hops); least < 0.05 { // unknown and not asked are alike on purpose
				t.Errorf("%.3f of the hop differs: %s", least, where)
			}
			if least, where := toldApart(img, links); least < 0.08 {
				t.Errorf("%.3f of the link differs: %s", least, where)
			}
		})
		t.Run("chart and timeline, "+name, func(t *testing.T) {
			p := paletteOf(v)
			for vision, see := range eyes.Visions {
				for _, c := range []struct {
					what  string
					a, b  color.NRGBA
					least float64
				}{
					{"the foot of an outage in the chart and its ground", p.tone(ui.LookDown).solid, p.surface, 25},
					{"the line and its ground", p.text, p.surface, 25},
					{"an outage in the timeline and the time that was fine", p.tone(ui.LookDown).solid, p.calm, 10},
					{"an outage, where it stands out of its band, and the ground", p.tone(ui.LookDown).solid, p.surface, 25},
					{"the mark of what was not measured and its ground", p.edge, p.sunken, 20},
				} {
					if got := math.Abs(see.Sees(c.a) - see.Sees(c.b)); got < c.least {
						t.Errorf("%s, %s: lightness differs by %.0f, want %.0f", c.what, vision, got, c.least)
					}
				}
			}
			d := newDesk(t, v, ui.English, fyne.NewSize(1000, 700), fiveTargets()...)
			d.model.change(func() { d.model.traces["Office gateway"] = samples() })
			d.draws()
			said := false
			for _, o := range d.detail.chart.objects {
				text, ok := o.(*canvas.Text)
				said = said || ok && text.Text == "no cable signal"
			}
			if !said {
				t.Error("the outage in the chart has no words")
			}
		})
	}
}
