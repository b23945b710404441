package main

import (
	"runtime"
	"strings"

	"golang.org/x/term"

	"holdfast/ui"
	"holdfast/ui/terminal"
)

// language is what the person reads: the flag, the settings, the system's, in this order.
func (p *program) language(settings string, getenv func(string) string) ui.Lang {
	for _, l := range []string{p.lang, settings} {
		if l == string(ui.English) || l == string(ui.Chinese) {
			return ui.Lang(l)
		}
	}
	return ui.LangHere(getenv)
}

// reader is what the person reads who started this program, or looks into its log.
func (p *program) reader() ui.Lang {
	if l := p.spoken.Load(); l != nil {
		return *l
	}
	return p.language("", p.getenv)
}

// onTerminal reports whether a person reads standard output.
func (p *program) onTerminal() bool { return term.IsTerminal(int(p.out.Fd())) }

// obeyed reports whether the terminal on standard output obeys control sequences, and sees to it that it does, until the
// program ends.
func (p *program) obeyed() bool {
	p.once.Do(func() { p.obeys, p.restore = terminal.Sequences(p.out, p.getenv) })
	return p.obeys
}

// coloured reports whether colour helps: on a terminal that has it, unless the person asked for none (no-color.org).
func (p *program) coloured() bool {
	return !p.plain && p.getenv("NO_COLOR") == "" && p.obeyed()
}

// glyphs are the drawing characters that the terminal can show: its locale says whether it reads UTF-8.
func (p *program) glyphs() terminal.Glyphs {
	switch runtime.GOOS {
	case "darwin":
		return terminal.Drawn()
	case "windows":
		if p.onTerminal() && !p.obeyed() { // so old that its fonts lack them
			return terminal.ASCII()
		}
		return terminal.Drawn()
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set decides (locale(7))
		if v := strings.ToLower(p.getenv(name)); v != "" {
			if strings.Contains(v, "utf-8") || strings.Contains(v, "utf8") {
				return terminal.Drawn()
			}
			break
		}
	}
	return terminal.ASCII()
}

// still is how a moment is printed to standard output.
func (p *program) still() terminal.Still {
	w := terminal.Still{Lang: p.language("", p.getenv), Glyphs: p.glyphs(), Colour: p.coloured(), Plain: p.plain || !p.onTerminal()}
	if columns, _, err := term.GetSize(int(p.out.Fd())); err == nil {
		w.Columns = columns
	}
	return w
}
