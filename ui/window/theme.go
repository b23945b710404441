package window

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// A tone is the three colours of a state: ink for text, tint for the one band, solid for glyphs, rings and bars.
type tone struct{ ink, tint, solid color.NRGBA }

// A palette holds the colours of one variant of the theme.
type palette struct {
	background, surface, sunken, line, edge color.NRGBA
	text, muted, accent, onAccent, shade    color.NRGBA
	calm                                    color.NRGBA // the band of a timeline
	tones                                   [ui.LookUnknown + 1]tone
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func tones(ink, tint, solid uint32) tone { return tone{rgb(ink), rgb(tint), rgb(solid)} }

// Contrast of these was measured; TestContrast keeps it.
var (
	light = palette{
		background: rgb(0xF4F5F7), surface: rgb(0xFFFFFF), sunken: rgb(0xE9ECF0), line: rgb(0xD9DEE4), edge: rgb(0x848E9A),
		text: rgb(0x1A1F26), muted: rgb(0x56606C), accent: rgb(0x1D5FCB), onAccent: rgb(0xFFFFFF),
		shade: color.NRGBA{0x14, 0x19, 0x20, 0x6b}, calm: rgb(0xBCE3CC),
		tones: [...]tone{
			ui.LookEmpty:      tones(0x56606C, 0xE9ECF0, 0x76808C),
			ui.LookUp:         tones(0x10713F, 0xE3F5EA, 0x1C9A5F),
			ui.LookPaused:     tones(0x56606C, 0xE9ECF0, 0x76808C),
			ui.LookConnecting: tones(0x1D5FCB, 0xE6EFFD, 0x2E72E0),
			ui.LookSuspect:    tones(0x845000, 0xFFF1D6, 0xBF7600),
			ui.LookDown:       tones(0xB8271E, 0xFDE9E6, 0xD9382D),
			ui.LookUnknown:    tones(0x6B3DAE, 0xF2EAFC, 0x8651CC),
		},
	}
	dark = palette{
		background: rgb(0x14171B), surface: rgb(0x1C2026), sunken: rgb(0x262B32), line: rgb(0x333A43), edge: rgb(0x6B7683),
		text: rgb(0xE9ECF0), muted: rgb(0xA0AAB6), accent: rgb(0x82B4FF), onAccent: rgb(0x0D1728),
		shade: color.NRGBA{0, 0, 0, 0x8c}, calm: rgb(0x23553A),
		tones: [...]tone{
			ui.LookEmpty:      tones(0xA0AAB6, 0x262B32, 0x8A95A2),
			ui.LookUp:         tones(0x63DA9F, 0x15301F, 0x3CC583),
			ui.LookPaused:     tones(0xA0AAB6, 0x262B32, 0x8A95A2),
			ui.LookConnecting: tones(0x82B4FF, 0x17283F, 0x5A9DFF),
			ui.LookSuspect:    tones(0xF6BE58, 0x37290F, 0xE9A02E),
			ui.LookDown:       tones(0xFF9086, 0x371D1B, 0xFF6257),
			ui.LookUnknown:    tones(0xCDA6FF, 0x2D2241, 0xB586F5),
		},
	}
)

// past is the palette of what is no longer known to hold: no colour claims a state there, and all of it can be read. What
// has the palette keeps its shapes.
func (p *palette) past() *palette {
	o := *p
	o.text, o.calm = p.muted, p.line
	for i := range o.tones {
		o.tones[i] = tone{ink: p.muted, tint: p.sunken, solid: p.tones[ui.LookPaused].solid}
	}
	return &o
}

func paletteOf(v fyne.ThemeVariant) *palette {
	if v == theme.VariantDark {
		return &dark
	}
	return &light
}

// palette is the one of a contrast theme, nil where there is none. States differ by their shapes and their words only.
func (c contrast) palette() *palette {
	if !c.on {
		return nil
	}
	mix := func(part float64) color.NRGBA { // some of the text's colour on the ground
		one := func(a, b uint8) uint8 { return uint8(float64(a) + part*(float64(b)-float64(a))) }
		return color.NRGBA{one(c.ground.R, c.text.R), one(c.ground.G, c.text.G), one(c.ground.B, c.text.B), 0xff}
	}
	p := &palette{
		background: c.ground, surface: c.ground, sunken: mix(0.12), line: c.text, edge: c.text,
		text: c.text, muted: c.text, accent: c.link, onAccent: c.ground, shade: color.NRGBA{c.ground.R, c.ground.G, c.ground.B, 0x8c}, calm: mix(0.3),
	}
	for i := range p.tones {
		p.tones[i] = tone{ink: c.text, tint: c.ground, solid: c.text}
	}
	return p
}

func (p *palette) tone(k ui.Look) tone {
	if int(k) < len(p.tones) {
		return p.tones[k]
	}
	return p.tones[ui.LookUnknown]
}

// look gives Fyne's own widgets (fields, menu, scroll bars) the colours and sizes of the palette. Everything else in the
// window is drawn from the palette itself.
type look struct {
	high *palette // in place of the variant's; nil: none
}

func (l look) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	p := l.high
	if p == nil {
		p = paletteOf(v)
	}
	switch name {
	case theme.ColorNameBackground, theme.ColorNameInputBackground, theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground:
		return p.surface
	case theme.ColorNameInputBorder, theme.ColorNameScrollBar:
		return p.edge
	case theme.ColorNameForeground:
		return p.text
	case theme.ColorNamePlaceHolder, theme.ColorNameDisabled:
		return p.muted
	case theme.ColorNamePrimary, theme.ColorNameFocus, theme.ColorNameHyperlink:
		return p.accent
	case theme.ColorNameForegroundOnPrimary:
		return p.onAccent
	case theme.ColorNameHover, theme.ColorNamePressed:
		return p.sunken
	case theme.ColorNameSelection:
		c := p.accent
		c.A = 0x50
		return c
	case theme.ColorNameSeparator:
		return p.line
	case theme.ColorNameShadow, theme.ColorNameScrollBarBackground:
		return color.Transparent
	case theme.ColorNameError:
		return p.tone(ui.LookDown).ink
	case theme.ColorNameSuccess:
		return p.tone(ui.LookUp).ink
	case theme.ColorNameWarning:
		return p.tone(ui.LookSuspect).ink
	}
	return theme.DefaultTheme().Color(name, v)
}

// Font returns Noto Sans, which Fyne bundles: its figures all have one width, so times and countdowns stand still. For
// Chinese Fyne takes the same family's CJK fonts from the system.
func (look) Font(s fyne.TextStyle) fyne.Resource {
	if s.Bold {
		return theme.DefaultTextBoldFont()
	}
	return theme.DefaultTextFont()
}

func (look) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

func (look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return 14
	case theme.SizeNameCaptionText:
		return 12
	case theme.SizeNamePadding:
		return 4
	case theme.SizeNameInnerPadding:
		return 10
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 8
	case theme.SizeNameInputBorder, theme.SizeNameSeparatorThickness:
		return 1
	case theme.SizeNameScrollBar:
		return 10
	case theme.SizeNameScrollBarSmall:
		return 4
	case theme.SizeNameScrollBarRadius:
		return 5
	}
	return theme.DefaultTheme().Size(name)
}
