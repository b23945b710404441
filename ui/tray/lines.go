package tray

import (
	"holdfast/ui"
)

// A menuLine is one line of the menu, as it is to be seen.
type menuLine struct {
	what   what
	row    ui.TrayRow // what a click is about, where it is about a target
	title  string
	icon   string // the picture before it, in package assets; "": none
	gap    bool   // a line across stands before it
	sub    bool   // it opens from the nearest line above that does not
	ticks  bool   // it may have a tick
	ticked bool   // and has
	hidden bool
	off    bool // it cannot be chosen
}

// menuOf returns the menu from top to bottom, hidden lines included: always as many, in the same order and of the same kind.
func menuOf(v look) []menuLine {
	lang := v.lang
	lines := make([]menuLine, 0, len(v.Rows)+16)
	add := func(l menuLine) { lines = append(lines, l) }
	for i, row := range v.Rows {
		l := menuLine{what: clickRow, row: row, title: row.Name, icon: row.Look.String(), hidden: i >= v.NRows}
		if row.Words != "" {
			l.title += "   " + row.Words
		}
		if i == 0 && l.hidden { // a menu never begins with a line across
			l = menuLine{what: clickRow, title: v.Look.Word(lang), icon: v.Look.String(), off: true}
		}
		add(l)
	}
	add(menuLine{what: clickMore, title: v.More, hidden: v.More == ""})
	add(menuLine{what: clickReconnect, title: lang.Say("menu.reconnect"), gap: true, off: !v.CanReconnect})
	add(menuLine{what: clickNothing, title: lang.Say("menu.pause"), hidden: v.AllPaused || v.Targets == 0})
	add(menuLine{what: clickPauseHour, title: lang.Say("menu.pause.hour"), sub: true})
	add(menuLine{what: clickPauseTomorrow, title: lang.Say("menu.pause.tomorrow"), sub: true})
	add(menuLine{what: clickPause, title: lang.Say("menu.pause.resume"), sub: true})
	add(menuLine{what: clickResume, title: lang.Say("menu.resume"), hidden: !v.SomePaused && !v.AllPaused})
	add(menuLine{what: clickNothing, title: lang.Say("menu.drill"), hidden: !v.drill})
	for _, d := range []struct {
		what what
		code string
		on   Drill
	}{
		{clickDrillStop, "drill.stop", DrillStop}, {clickDrillHang, "drill.hang", DrillHang},
		{clickDrillLate, "drill.late", DrillLate}, {clickDrillClose, "drill.close", DrillClose},
	} {
		title := lang.Say(d.code) + "   " + lang.Tell(d.code)
		add(menuLine{what: d.what, title: title, sub: true, ticks: true, ticked: v.drilled == d.on})
	}
	add(menuLine{what: clickDrillHeal, title: lang.Say("drill.heal"), sub: true, hidden: v.drilled == "" || v.drilled == DrillHeal})
	add(menuLine{what: clickOpen, title: lang.Say("menu.open")})
	add(menuLine{what: clickQuit, title: lang.Say("menu.quit"), gap: true})
	return lines
}

// click is what choosing the line means.
func (l menuLine) click() click { return click{what: l.what, key: l.row.Key, look: l.row.Look} }

// visible leaves out what is hidden and what would open from it.
func visible(lines []menuLine) []menuLine {
	var out []menuLine
	hidden := false
	for _, l := range lines {
		if !l.sub {
			hidden = l.hidden
		}
		if !hidden && !l.hidden {
			out = append(out, l)
		}
	}
	return out
}
