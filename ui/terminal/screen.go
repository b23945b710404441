package terminal

import (
	"bytes"
	"fmt"
	"io"
)

// A screen is the alternate screen of a terminal, of which it knows what stands on every row: only rows that changed are
// written again.
type screen struct {
	out           io.Writer
	colour, ascii bool
	columns, rows int

	shown []string // as written; nil: not known, everything is drawn
	buf   bytes.Buffer
}

// Control sequences, xterm's (ctlseqs, "DEC Private Mode Set"): 1049 saves the cursor and takes the alternate screen, 25
// is the cursor, 7 the wrap at the right edge.
const (
	enterSequence = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leaveSequence = "\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l"
)

func (s *screen) enter() error {
	s.shown = nil
	_, err := io.WriteString(s.out, enterSequence)
	return err
}

func (s *screen) leave() error {
	s.shown = nil
	_, err := io.WriteString(s.out, leaveSequence)
	return err
}

// resize takes the new size; everything is drawn again, as terminals move rows when they are resized.
func (s *screen) resize(columns, rows int) {
	if columns != s.columns || rows != s.rows {
		s.columns, s.rows, s.shown = columns, rows, nil
	}
}

// forget makes the next draw write everything.
func (s *screen) forget() { s.shown = nil }

// draw shows rows, in one write.
func (s *screen) draw(rows []row) error {
	s.buf.Reset()
	if s.shown == nil {
		s.buf.WriteString("\x1b[m\x1b[2J")
		s.shown = make([]string, s.rows)
	}
	for i := range s.rows {
		text := ""
		if i < len(rows) {
			text = rows[i].render(s.columns, s.colour)
			if s.ascii {
				text = ascii.Replace(text)
			}
		}
		if text == s.shown[i] {
			continue
		}
		s.shown[i] = text
		// Erasing first: after a character in the last column the cursor stands on it, and erasing would take it away.
		fmt.Fprintf(&s.buf, "\x1b[%d;1H\x1b[K%s", i+1, text)
	}
	if s.buf.Len() == 0 {
		return nil
	}
	_, err := s.out.Write(s.buf.Bytes())
	return err
}
