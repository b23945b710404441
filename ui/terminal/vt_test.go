package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A vt is the part of a terminal that the live view needs: a grid of characters, its cursor, the two screens. What it does
// not know it says, so that nothing is written that terminals may not understand either.
type vt struct {
	mu            sync.Mutex // guards all below
	columns, rows int
	grid          [][]rune
	main          [][]rune // the other screen while the alternate one is shown
	x, y          int
	alternate     bool
	cursorHidden  bool
	noWrap        bool
	unknown       []string
	rest          []byte // a sequence that is not whole yet
	written       int
	changed       chan struct{} // capacity 1
}

func newVT(columns, rows int) *vt {
	v := &vt{columns: columns, rows: rows, changed: make(chan struct{}, 1)}
	v.grid = v.blank()
	return v
}

func (v *vt) blank() [][]rune {
	g := make([][]rune, v.rows)
	for i := range g {
		g[i] = []rune(strings.Repeat(" ", v.columns))
	}
	return g
}

func (v *vt) resize(columns, rows int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.columns, v.rows = columns, rows
	v.grid, v.main = v.blank(), v.blank()
}

// Write implements io.Writer.
func (v *vt) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written += len(b)
	data := string(append(v.rest, b...))
	v.rest = nil
	for data != "" {
		n := v.step(data)
		if n == 0 {
			v.rest = []byte(data)
			break
		}
		data = data[n:]
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
	return len(b), nil
}

// step takes one character or sequence and returns its length; 0: it is not whole.
func (v *vt) step(s string) int {
	switch s[0] {
	case '\r':
		v.x = 0
		return 1
	case '\n':
		v.y = min(v.y+1, v.rows-1)
		return 1
	case 0x1b:
		return v.sequence(s)
	}
	if !utf8.FullRuneInString(s) {
		return 0
	}
	r, size := utf8.DecodeRuneInString(s)
	w := columnsOfRune(r)
	if v.x+w > v.columns && !v.noWrap {
		v.x, v.y = 0, min(v.y+1, v.rows-1)
	}
	if v.y < v.rows && w > 0 {
		at := min(v.x, v.columns-w)
		v.grid[v.y][at] = r
		if w == 2 {
			v.grid[v.y][at+1] = 0
		}
		v.x = at + w
	}
	return size
}

func (v *vt) sequence(s string) int {
	if len(s) < 2 {
		return 0
	}
	if s[1] != '[' {
		v.unknown = append(v.unknown, fmt.Sprintf("%q", s[:2]))
		return 2
	}
	end := strings.IndexFunc(s[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
	if end < 0 {
		return 0
	}
	end += 2
	params := s[2:end]
	switch what := params + s[end:end+1]; {
	case s[end] == 'm':
	case s[end] == 'H':
		y, x, _ := strings.Cut(params, ";")
		v.y, _ = strconv.Atoi(y)
		v.x, _ = strconv.Atoi(x)
		v.y, v.x = min(v.y, v.rows)-1, v.x-1
	case what == "K":
		for i := min(v.x, v.columns); i < v.columns; i++ {
			v.grid[v.y][i] = ' '
		}
	case what == "2J":
		v.grid = v.blank()
	case what == "?1049h":
		v.main, v.grid, v.alternate = v.grid, v.blank(), true
	case what == "?1049l":
		if v.alternate {
			v.grid, v.alternate = v.main, false
		}
	case what == "?25l", what == "?25h":
		v.cursorHidden = what == "?25l"
	case what == "?7l", what == "?7h":
		v.noWrap = what == "?7l"
	default:
		v.unknown = append(v.unknown, fmt.Sprintf("%q", s[:end+1]))
	}
	return end + 1
}

// String is what stands on the screen.
func (v *vt) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	for _, r := range v.grid {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(r), "\x00", ""), " ") + "\n")
	}
	return b.String()
}
