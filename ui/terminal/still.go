package terminal

import (
	"strings"
	"time"

	"holdfast/monitor"
	"holdfast/ui"
)

// A Still writes how targets stand at one moment, as text that stays: for status and check.
type Still struct {
	Lang    ui.Lang
	Glyphs  Glyphs
	Colour  bool
	Columns int  // of the terminal; 0: 100
	Plain   bool // words only: for screen readers and log files
	Once    bool // a single question: neither since when, nor what is tried next
}

// Append appends one target.
func (w Still) Append(buf []byte, s monitor.Snapshot, now time.Time) []byte {
	if w.Columns <= 0 {
		w.Columns = 100
	}
	b := &block{snapshot: s}
	p := &page{lang: w.Lang, glyphs: w.Glyphs, columns: w.Columns, now: now}
	v := p.see(b)
	if w.Once {
		v.Since, v.Countdown, b.snapshot.Attempts = "", "", nil
	}
	if w.Plain {
		return w.plain(buf, v)
	}
	return w.render(buf, p.rows(b, full, min(columnsOf(v.Name), w.Columns/2)))
}

// AppendRoot appends several targets that are broken by one cause; snaps are those that ui.Roots was given.
func (w Still) AppendRoot(buf []byte, r ui.Root, snaps []monitor.Snapshot, now time.Time) []byte {
	if w.Columns <= 0 {
		w.Columns = 100
	}
	g := group{root: r, snaps: snaps, blocks: []*block{{snapshot: snaps[r.Oldest]}}}
	p := &page{lang: w.Lang, glyphs: w.Glyphs, columns: w.Columns, now: now}
	if w.Plain {
		v := p.see(g.blocks[0])
		e := r.Explain(snaps, w.Lang)
		buf = append(append(append(append(buf, e.Sentence...), w.Lang.Say("clause")...), v.Since...), '\n')
		for _, text := range []string{e.Remedy, v.Also, v.PathSeen, r.Names(snaps, 1<<20, w.Lang)} {
			if text != "" {
				buf = append(append(append(buf, "  "...), text...), '\n')
			}
		}
		return buf
	}
	return w.render(buf, p.several(g, full))
}

// render appends rows as lines.
func (w Still) render(buf []byte, rows []row) []byte {
	for _, r := range rows {
		if len(r) == 0 {
			continue
		}
		line := r.render(w.Columns, w.Colour)
		if w.Glyphs.ascii {
			line = ascii.Replace(line)
		}
		buf = append(append(buf, line...), '\n')
	}
	return buf
}

// plain is one target in words: nothing has to be seen, and nothing is folded.
func (w Still) plain(buf []byte, v *ui.View) []byte {
	word := v.Look.Word(w.Lang)
	text := word
	switch {
	case v.Since == "":
	case v.Look == ui.LookDown: // "broken since" has the word in it
		text = v.Since
	default:
		text += w.Lang.Say("clause") + v.Since
	}
	buf = append(buf, w.Lang.Say("path.entry", "name", v.Name, "text", text)...)
	if v.Look == ui.LookUp && v.RTT != "" {
		buf = append(append(buf, w.Lang.Say("clause")...), v.RTT...)
	}
	buf = append(buf, '\n')
	say := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			buf = append(append(append(buf, "  "...), s...), '\n')
		}
	}
	if v.Name != v.Address {
		say(v.Address)
	}
	if !calm(v.Look) {
		if v.Sentence != word {
			say(v.Sentence)
		}
		say(v.Remedy)
		say(v.Also)
		say(v.Countdown)
	}
	say(v.PathSeen)
	return buf
}

// AppendUnknown appends a target that nobody watches at the moment: nothing that was known of it may be said to be so.
func (w Still) AppendUnknown(buf []byte, s monitor.Snapshot) []byte {
	text := w.Lang.Say("path.entry", "name", ui.Called(s.Target.Name, w.Lang, nameRunes), "text", ui.LookUnknown.Word(w.Lang))
	if !w.Plain {
		text = w.Glyphs.look[ui.LookUnknown] + " " + text
	}
	buf = append(append(buf, text...), w.Lang.Say("path.space")...)
	return append(append(buf, w.Lang.Tell("state.unknown")...), '\n')
}
