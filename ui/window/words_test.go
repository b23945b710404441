package window

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// cutTexts lists what cannot be read whole in the window: texts that need more room than they have, that reach out of the
// window or of what scrolls, that lie over each other, and those that end in an ellipsis although the words do not.
func (d *desk) cutTexts() []string {
	all := slices.DeleteFunc(d.texts(), func(p placed) bool { return p.typed })
	var wrong []string
	for i, one := range all {
		say := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%q at %.0f,%.0f: ", one.text.Text, one.ink.x0, one.ink.y0)+fmt.Sprintf(format, args...))
		}
		if need, has := one.ink.x1-one.ink.x0, one.box.x1-one.box.x0; need > has+1 {
			say("needs %.0f, has %.0f", need, has)
		}
		if one.ink.x0 < one.across.x0-0.5 || one.ink.x1 > one.across.x1+0.5 {
			say("reaches out of %.0f to %.0f", one.across.x0, one.across.x1)
		}
		if strings.HasSuffix(one.text.Text, "…") && !d.meant(one.text.Text) {
			say("cut")
		}
		for _, other := range all[:i] {
			if a := one.ink.and(other.ink); a.x1-a.x0 > 1 && a.y1-a.y0 > 5 && one.clip == other.clip {
				say("lies over %q", other.text.Text)
			}
		}
	}
	return wrong
}

// meant reports whether an ellipsis is meant: the words themselves have some, where they lead to more, and a name or an
// address may be longer than any room.
func (d *desk) meant(text string) bool {
	if text == "…" || text == d.say("button.export") {
		return true
	}
	begin := strings.TrimSuffix(text, "…")
	longer := func(whole string) bool { return strings.HasPrefix(whole, begin) && len(whole) > len(begin) }
	if d.dialog != nil && longer(d.dialog.pasted.Address) {
		return true
	}
	for _, o := range d.client.status.Targets {
		if s, err := o.Snapshot(); err == nil && (longer(s.Target.Name) || longer(s.Target.Address) || longer(strings.TrimPrefix(s.Proxy, "http://"))) {
			return true
		}
	}
	return false
}

type rect struct{ x0, y0, x1, y1 float32 }

func (r rect) and(o rect) rect {
	return rect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

// A placed text: the box that it was given, where its letters are, what is seen of it (clip), and where it may be seen when
// it is scrolled to (across).
type placed struct {
	text         *canvas.Text
	box, ink     rect
	clip, across rect
	typed        bool // it stands in a field, and scrolls there
}

// texts are those in the window, or in what lies over it, where there is such a thing: what is below that cannot be reached,
// and is mostly covered.
func (d *desk) texts() (all []placed) {
	size := d.win.Canvas().Size()
	whole := rect{0, 0, size.Width, size.Height}
	o := d.win.Canvas().Overlays().Top()
	if o == nil {
		o = d.win.Content()
	}
	spread(o, fyne.Position{}, placed{clip: whole, across: whole}, &all)
	return all
}

// spread lists the texts in o, which lies at at; in is what they have from what they lie in.
func spread(o fyne.CanvasObject, at fyne.Position, in placed, out *[]placed) {
	if o == nil || !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	size := o.Size()
	box := rect{at.X, at.Y, at.X + size.Width, at.Y + size.Height}
	switch o := o.(type) {
	case *canvas.Text:
		if o.Text == "" {
			return
		}
		need := o.MinSize()
		ink := rect{box.x0, box.y0, box.x0 + need.Width, box.y0 + need.Height}
		switch free := size.Width - need.Width; o.Alignment {
		case fyne.TextAlignCenter:
			ink.x0, ink.x1 = ink.x0+free/2, ink.x1+free/2
		case fyne.TextAlignTrailing:
			ink.x0, ink.x1 = ink.x0+free, ink.x1+free
		}
		in.text, in.box, in.ink = o, box, ink
		*out = append(*out, in)
	case *fyne.Container:
		for _, child := range o.Objects {
			spread(child, at, in, out)
		}
	case fyne.Widget:
		switch o.(type) {
		case *container.Scroll:
			in.clip = in.clip.and(box)
			in.across = rect{max(in.across.x0, box.x0), in.across.y0, min(in.across.x1, box.x1), in.across.y1}
		case *field:
			in.typed = true
		}
		for _, child := range test.WidgetRenderer(o).Objects() {
			spread(child, at, in, out)
		}
	}
}

// readable checks that no text is cut off in the smallest window and in others, at scale 1 and at 1.5.
func (d *desk) readable() {
	d.t.Helper()
	for i, size := range []fyne.Size{{Width: 480, Height: 360}, {Width: 730, Height: 500}, {Width: 1010, Height: 700}} {
		for _, scale := range []float32{1, 1.5} {
			if scale != 1 && i > 0 {
				continue
			}
			d.win.Canvas().(software.WindowlessCanvas).SetScale(scale)
			d.held(func() { d.win.Resize(size) })
			d.draws()
			for _, wrong := range d.cutTexts() {
				d.t.Errorf("at %v by %v, scale %v: %s", size.Width, size.Height, scale, wrong)
			}
		}
	}
}

// The check finds what is wrong.
func TestCutTextsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*desk)
		want string
	}{
		"nothing is wrong":   {func(*desk) {}, ""},
		"too little room":    {func(d *desk) { d.detail.name.Text.Resize(fyne.NewSize(20, 24)) }, "needs"},
		"out of the window":  {func(d *desk) { d.detail.name.Text.Move(fyne.NewPos(-20, 0)) }, "reaches out"},
		"an ellipsis":        {func(d *desk) { d.detail.band.big.Text.Text = "4 d…" }, "cut"},
		"over another":       {func(d *desk) { d.detail.name.Text.Move(d.detail.chartHead.Text.Position()) }, "lies over"},
		"a name may be cut":  {func(d *desk) { d.detail.name.Text.Text = "Office gat…" }, ""},
		"not in the words":   {func(d *desk) { d.detail.name.Text.Text = "Office gax…" }, "cut"},
		"a picture is whole": {func(d *desk) { d.detail.name.Text.Text = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, theme.VariantLight, ui.English, fyne.NewSize(1040, 660), fiveTargets()...)
			c.do(d)
			got := strings.Join(d.cutTexts(), "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
