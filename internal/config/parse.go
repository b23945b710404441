package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"holdfast/internal/dial"
	"holdfast/monitor"
)

// maxFile bounds a settings file: some five thousand targets.
const maxFile = 1 << 20

// Load reads and checks the file. Without a file it returns Default and no error. Errors are Errors.
func Load(path string) (Settings, error) {
	b, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Default(), nil
	case err != nil:
		return Settings{}, err
	}
	return Parse(path, b)
}

// read returns fs.ErrNotExist, or Errors.
func read(path string) ([]byte, error) {
	whole := func(format string, args ...any) error {
		e := &Error{File: path, Msg: fmt.Sprintf(format, args...)}
		for _, a := range args {
			if err, ok := a.(error); ok {
				e.Err = err
			}
		}
		return Errors{e}
	}
	fi, err := os.Stat(path) // before it is opened: opening a pipe would wait for a writer
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, whole("cannot be read: %v", reason(err))
	case fi.IsDir():
		return nil, whole("is a folder; a file was expected")
	case !fi.Mode().IsRegular():
		return nil, whole("is no ordinary file")
	case fi.Size() > maxFile:
		return nil, whole("has more than 1 MiB: not a settings file")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, whole("cannot be read: %v", reason(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, whole("cannot be read: %v", reason(err))
	}
	if len(b) > maxFile {
		return nil, whole("has more than 1 MiB: not a settings file")
	}
	return b, nil
}

// reason takes the path off an error that is printed behind it.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Parse checks a file's bytes; file is only for its name in errors. Errors are Errors.
func Parse(file string, data []byte) (Settings, error) {
	d, err := parse(file, data)
	if err != nil {
		return Settings{}, err
	}
	return d.settings, nil
}

// A doc is a checked file, and where in it everything stands.
type doc struct {
	file     string
	data     []byte
	settings Settings
	errs     Errors

	root     map[string]pair // language, demo; history, notify and tray where they are inline tables
	own      map[string]pair // "history.days" and so on, wherever they stand
	tables   map[string]section
	rootEnd  int      // behind the last pair that is in no table; 0 none
	first    int      // the first table header; len(data) none
	blocks   []*block // in the order of settings.Targets
	inline   bool     // targets are an inline array
	exprEnds []int    // where each expression ends, ascending
}

// A block is one [[target]].
type block struct {
	head, headEnd int             // of "[[target]]"
	at            map[string]pair // by key, as "keepalive.idle"
	sub           *span           // [target.keepalive], when it is written so
	bad           map[string]bool // keys that were reported already
	t             monitor.Target
}

type span struct{ start, end int }

// A pair is a key and its value.
type pair struct {
	span           // of both
	value     span // of the value alone
	inSub     bool // stands under [target.keepalive], [history], [notify], [tray]
	inInline  bool // stands within keepalive = { … }
	literal   bool // written in single quotes
	valueKind unstable.Kind
}

var bom = []byte("\uFEFF")

func parse(file string, data []byte) (*doc, error) {
	d := &doc{file: file, data: data, root: map[string]pair{}, own: map[string]pair{}, tables: map[string]section{}, first: len(data)}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		d.fail(i, "", nil, "a zero byte: not a text file")
		return nil, d.errs
	}
	if !utf8.Valid(data) {
		i := 0
		for i < len(data) {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		d.fail(i, "", nil, "not UTF-8; save the file as UTF-8")
		return nil, d.errs
	}
	if bytes.HasPrefix(data, bom) { // Windows' Notepad puts it there; blanks keep the offsets
		d.data = append([]byte("   "), data[len(bom):]...)
	}
	d.walk()
	if len(d.errs) == 0 || d.errs[0].Key != syntax {
		// The walk trusts that the document is one: keys twice, tables twice, numbers and dates are left to the decoder.
		var any map[string]any
		var de *toml.DecodeError
		if err := toml.Unmarshal(d.data, &any); errors.As(err, &de) {
			line, column := de.Position()
			d.fail(d.offset(line, column), strings.Join(de.Key(), "."), nil, "%s", strings.TrimPrefix(de.Error(), "toml: "))
		} else if err != nil {
			d.fail(0, "", nil, "%s", strings.TrimPrefix(err.Error(), "toml: "))
		}
		d.check()
	} else {
		d.errs[0].Key = ""
	}
	d.data = data
	if len(d.errs) > 0 {
		slices.SortStableFunc(d.errs, func(a, b *Error) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, d.errs
	}
	return d, nil
}

// syntax marks the error after which nothing else can be said.
const syntax = "\x00syntax"

func (d *doc) fail(offset int, key string, err error, format string, args ...any) {
	offset = min(offset, len(d.data))
	before := d.data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	d.errs = append(d.errs, &Error{
		File: d.file, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[start:]) + 1,
		Key: key, Msg: fmt.Sprintf(format, args...), Err: err,
	})
}

// offset is the inverse of a decoder's position, whose columns are bytes.
func (d *doc) offset(line, column int) int {
	o := 0
	for ; line > 1; line-- {
		i := bytes.IndexByte(d.data[o:], '\n')
		if i < 0 {
			break
		}
		o += i + 1
	}
	return min(o+max(column-1, 0), len(d.data))
}

var (
	rootKeys      = []string{"target", "language", "demo", "history", "notify", "tray"}
	targetKeys    = []string{"name", "address", "via", "heartbeat", "send", "expect", "interval", "timeout", "keepalive"}
	keepaliveKeys = []string{"idle", "interval", "count", "user_timeout"}
)

// walk reads the expressions one by one.
func (d *doc) walk() {
	p := &unstable.Parser{}
	p.Reset(d.data)
	var b *block // the target whose keys come; nil at the top
	sub, skip := false, false
	own := "" // the table of the program's own whose keys come
	for p.NextExpression() {
		e := p.Expression()
		keys, at := path(e)
		end := int(e.Raw.Offset + e.Raw.Length)
		if e.Kind != unstable.KeyValue {
			d.first = min(d.first, d.lineStart(at.start))
			end = d.closed(at.end)
			own = ""
		}
		d.exprEnds = append(d.exprEnds, end)
		switch {
		case e.Kind == unstable.Table && len(keys) == 1 && sectionKeys(keys[0]) != nil:
			own, skip = keys[0], false
			d.tables[own] = section{d.lineStart(at.start), end}
		case e.Kind == unstable.ArrayTable && len(keys) == 1 && keys[0] == "target":
			b = &block{head: d.lineStart(at.start), headEnd: end, at: map[string]pair{}, bad: map[string]bool{}}
			d.blocks = append(d.blocks, b)
			sub, skip = false, false
		case e.Kind == unstable.Table && len(keys) == 2 && keys[0] == "target" && keys[1] == "keepalive" && b != nil:
			b.sub = &span{d.lineStart(at.start), end}
			sub, skip = true, false
		case e.Kind != unstable.KeyValue:
			skip = true
			switch {
			case sectionKeys(keys[0]) != nil && e.Kind == unstable.ArrayTable:
				d.fail(at.start, keys[0], nil, "write [%s], with one bracket: there is only one", keys[0])
			case sectionKeys(keys[0]) != nil:
				d.unknown(at.start, keys[0], strings.Join(keys[1:], "."), sectionKeys(keys[0]))
			case keys[0] != "target" || len(keys) == 1 && e.Kind == unstable.ArrayTable:
				d.unknown(at.start, "", keys[0], rootKeys)
			case len(keys) == 1:
				d.fail(at.start, "target", nil, "write [[target]], with two brackets: there can be several")
			case b == nil:
				d.fail(at.start, strings.Join(keys, "."), nil, "comes before the first [[target]]")
			case keys[1] == "keepalive":
				d.fail(at.start, strings.Join(keys, "."), nil, "keepalive is one table: [target.keepalive]")
			default:
				d.unknown(at.start, "target", keys[1], targetKeys)
			}
		case skip:
		case own != "":
			pr := d.pair(e)
			pr.inSub = true
			d.ownPair(append([]string{own}, keys...), at.start, pr, e.Value())
		case b == nil:
			d.rootEnd = end
			d.rootPair(keys, at.start, e)
		default:
			if sub {
				keys = append([]string{"keepalive"}, keys...)
			}
			pr := d.pair(e)
			pr.inSub = sub
			d.targetPair(b, keys, at.start, pr, e.Value())
		}
	}
	if err := p.Error(); err != nil {
		var pe *unstable.ParserError
		o, msg := len(d.data), err.Error()
		if errors.As(err, &pe) && pe.Highlight != nil {
			o, msg = int(p.Range(pe.Highlight).Offset), pe.Message
		}
		d.errs = nil
		d.fail(o, syntax, nil, "not TOML: %s", msg)
	}
}

// path returns the parts of an expression's key and where it stands.
func path(e *unstable.Node) (keys []string, at span) {
	it := e.Key()
	for it.Next() {
		n := it.Node()
		if keys == nil {
			at.start = int(n.Raw.Offset)
		}
		at.end = int(n.Raw.Offset + n.Raw.Length)
		keys = append(keys, string(n.Data))
	}
	return keys, at
}

func (d *doc) lineStart(offset int) int { return bytes.LastIndexByte(d.data[:offset], '\n') + 1 }

// lineEnd is behind the newline of that line.
func (d *doc) lineEnd(offset int) int {
	if i := bytes.IndexByte(d.data[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(d.data)
}

// closed is behind the brackets of a header whose last key ends at offset.
func (d *doc) closed(offset int) int {
	for offset < len(d.data) && d.data[offset] != ']' {
		offset++
	}
	for offset < len(d.data) && d.data[offset] == ']' {
		offset++
	}
	return offset
}

// pair finds the value by hand: the parser gives no range to arrays and inline tables.
func (d *doc) pair(e *unstable.Node) pair {
	_, at := path(e)
	p := pair{span: span{at.start, int(e.Raw.Offset + e.Raw.Length)}, valueKind: e.Value().Kind}
	i := at.end
	for i < p.end && d.data[i] != '=' {
		i++
	}
	for i++; i < p.end && (d.data[i] == ' ' || d.data[i] == '\t'); i++ {
	}
	p.value = span{i, p.end}
	p.literal = i < p.end && d.data[i] == '\''
	return p
}

func (d *doc) rootPair(keys []string, at int, e *unstable.Node) {
	key, v := keys[0], e.Value()
	switch {
	case key == "target" && len(keys) == 1 && v.Kind == unstable.Array:
		d.inline = true
		d.inlineTargets(v, at)
	case key == "target":
		d.fail(at, "target", nil, "write [[target]] on a line of its own, its keys below")
	case !slices.Contains(rootKeys, key):
		if slices.Contains(targetKeys, key) {
			d.fail(at, key, nil, "belongs below a [[target]]")
			return
		}
		d.unknown(at, "", key, rootKeys)
	case sectionKeys(key) != nil:
		d.ownPair(keys, at, d.pair(e), v)
	case len(keys) > 1:
		d.fail(at, strings.Join(keys, "."), nil, "%s is no table", key)
	case key == "demo":
		d.root[key] = d.pair(e)
		if v.Kind != unstable.Bool {
			d.fail(at, key, nil, "true or false was expected, without quotes")
			return
		}
		d.settings.Demo = string(v.Data) == "true"
	case key == "language":
		d.root[key] = d.pair(e)
		s := string(v.Data)
		if v.Kind != unstable.String || s != "" && s != "en" && s != "zh" {
			d.fail(at, key, nil, `"en", "zh" or "" (as the desktop has it) was expected`)
			return
		}
		d.settings.Language = s
	}
}

// inlineTargets reads target = [{name = …}, …], which TOML allows.
func (d *doc) inlineTargets(v *unstable.Node, at int) {
	for it := v.Children(); it.Next(); {
		n := it.Node()
		if n.Kind != unstable.InlineTable {
			d.fail(at, "target", nil, "each target is a table")
			continue
		}
		b := &block{head: at, at: map[string]pair{}, bad: map[string]bool{}}
		d.blocks = append(d.blocks, b)
		d.inlinePairs(b, nil, n)
	}
}

func (d *doc) inlinePairs(b *block, prefix []string, table *unstable.Node) {
	for it := table.Children(); it.Next(); {
		n := it.Node()
		if n.Kind != unstable.KeyValue {
			continue
		}
		keys, at := path(n)
		p := d.pair(n)
		p.inInline = true
		d.targetPair(b, append(slices.Clip(prefix), keys...), at.start, p, n.Value())
	}
}

// targetPair takes one key of a target.
func (d *doc) targetPair(b *block, keys []string, at int, p pair, v *unstable.Node) {
	key := strings.Join(keys, ".")
	if !slices.Contains(targetKeys, keys[0]) {
		d.unknown(at, "target", keys[0], targetKeys)
		return
	}
	if len(keys) > 1 && keys[0] != "keepalive" {
		d.fail(at, "target."+key, nil, "%s is no table", keys[0])
		return
	}
	if len(keys) > 1 && (len(keys) > 2 || !slices.Contains(keepaliveKeys, keys[1])) {
		d.unknown(at, "target.keepalive", strings.Join(keys[1:], "."), keepaliveKeys)
		return
	}
	if _, twice := b.at[key]; !twice {
		b.at[key] = p
	}
	bad := func(format string, args ...any) {
		b.bad[key] = true
		d.fail(p.value.start, "target."+key, nil, format, args...)
	}
	if s := b.text(key); s != nil {
		if v.Kind != unstable.String {
			bad("text in quotes was expected, like %s", example(key))
			return
		}
		*s = string(v.Data)
		if p.literal && (key == "send" || key == "expect") {
			var err error
			if *s, err = Unescape(*s); err != nil {
				bad("%v", err)
			}
		}
		return
	}
	if dur := b.duration(key); dur != nil {
		if v.Kind != unstable.String {
			bad("a duration in quotes was expected, like %s", example(key))
			return
		}
		x, err := time.ParseDuration(string(v.Data))
		switch {
		case err != nil:
			bad("%q is not a duration like %s (units: ms, s, m, h)", v.Data, example(key))
		case x <= 0:
			bad("%q: a duration of more than 0 was expected, like %s", v.Data, example(key))
		default:
			*dur = x
		}
		return
	}
	if key == "keepalive" {
		if v.Kind != unstable.InlineTable {
			bad("a table was expected, like { idle = \"1s\", interval = \"1s\", count = 3, user_timeout = \"2s\" }")
			return
		}
		d.inlinePairs(b, keys, v)
		return
	}
	// keepalive.count
	n, err := strconv.ParseInt(strings.ReplaceAll(string(v.Data), "_", ""), 0, 32)
	if v.Kind != unstable.Integer || err != nil || n <= 0 {
		bad("a whole number of 1 or more was expected, like 3")
		return
	}
	b.t.Keepalive.Count = int(n)
}

func (b *block) text(key string) *string { return textField(&b.t, key) }

func textField(t *monitor.Target, key string) *string {
	switch key {
	case "name":
		return &t.Name
	case "address":
		return &t.Address
	case "via":
		return &t.Via
	case "heartbeat":
		return &t.Heartbeat
	case "send":
		return &t.Send
	case "expect":
		return &t.Expect
	}
	return nil
}

func (b *block) duration(key string) *time.Duration { return durationField(&b.t, key) }

func durationField(t *monitor.Target, key string) *time.Duration {
	switch key {
	case "interval":
		return &t.Interval
	case "timeout":
		return &t.Timeout
	case "keepalive.idle":
		return &t.Keepalive.Idle
	case "keepalive.interval":
		return &t.Keepalive.Interval
	case "keepalive.user_timeout":
		return &t.Keepalive.UserTimeout
	}
	return nil
}

func example(key string) string {
	switch key {
	case "name":
		return `"Office gateway"`
	case "address":
		return `"gate.example.net:7000"`
	case "via":
		return `"http://proxy.example.net:3128"`
	case "heartbeat":
		return `"line"`
	case "send":
		return `'PING {nonce}\n'`
	case "expect":
		return `'PONG {nonce}\n'`
	case "interval":
		return `"500ms"`
	case "timeout", "keepalive.user_timeout":
		return `"2s"`
	}
	return `"1s"`
}

// unknown reports a key that does not exist, and which one may have been meant.
func (d *doc) unknown(at int, table, key string, known []string) {
	full := key
	if table != "" {
		full = table + "." + key
	}
	best, least := "", 1+max(2, len(key)/3)
	for _, k := range known {
		if n := distance(strings.ToLower(key), k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		d.fail(at, full, nil, "unknown key; did you mean %q?", best)
		return
	}
	d.fail(at, full, nil, "unknown key; known here: %s", strings.Join(known, ", "))
}

// distance is how many letters must be put in, taken out, changed or swapped with the next (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	var before, last, row []int
	for j := 0; j <= len(b); j++ {
		row = append(row, j)
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// check judges the targets, each in whole, and takes them over.
func (d *doc) check() {
	names := map[string]int{} // to the line
	for _, b := range d.blocks {
		t := b.t
		place := func(key string) int {
			if p, ok := b.at[key]; ok {
				return p.value.start
			}
			return b.head
		}
		for range 20 { // one finding a round; what was found is made good and the rest looked at
			key, err := checkTarget(t)
			if err == nil {
				break
			}
			if !b.bad[key] {
				b.bad[key] = true
				d.fail(place(key), "target."+key, err, "%v", err)
			}
			mend(&t, key)
		}
		d.settings.Targets = append(d.settings.Targets, b.t)
		if b.t.Name == "" || b.bad["name"] {
			continue
		}
		at := place("name")
		if line, twice := names[b.t.Name]; twice {
			d.fail(at, "target.name", ErrDuplicate, "%q is the name of the target at line %d already", b.t.Name, line)
			continue
		}
		names[b.t.Name] = bytes.Count(d.data[:at], []byte("\n")) + 1
	}
}

// mend gives the field a value that cannot be wrong.
func mend(t *monitor.Target, key string) {
	switch key {
	case "name":
		t.Name = "x"
	case "address":
		t.Address = "x:1"
	case "heartbeat", "send", "expect":
		t.Heartbeat, t.Send, t.Expect = "none", "", ""
	case "keepalive.count":
		t.Keepalive.Count = 0
	default:
		if s := textField(t, key); s != nil {
			*s = ""
		}
		if d := durationField(t, key); d != nil {
			*d = 0
		}
	}
}

// checkTarget returns which field cannot be used, and why.
func checkTarget(t monitor.Target) (key string, err error) {
	if v, err := dial.ParseVia(t.Via); err == nil && v.HasCredentials() {
		if none, err := v.WithCredentials(v.User(), ""); err != nil || v != none {
			return "via", fmt.Errorf("the settings keep no password: write %q, and put the password into the environment variable HOLDFAST_PROXY_PASSWORD", v)
		}
	}
	err = t.Check()
	var te *monitor.TargetError
	if errors.As(err, &te) {
		return te.Field, te.Err
	}
	return "", err
}

// Check reports the first thing about t that cannot be used, as an *Error whose Key is the key in the file.
func Check(t monitor.Target) error {
	if key, err := checkTarget(t); err != nil {
		return &Error{Key: key, Msg: err.Error(), Err: err}
	}
	return nil
}

// Unescape resolves \n, \r, \t, \0, \\ and \xHH, as single-quoted send and expect have them, and flags on a command line.
func Unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New(`a single \ at the end; write \\ for one`)
		}
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '0':
			b.WriteByte(0)
		case '\\':
			b.WriteByte('\\')
		case 'x':
			if i+3 > len(s) {
				return "", errors.New(`\x: two hexadecimal digits were expected`)
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf(`\x%s: two hexadecimal digits were expected`, s[i+1:i+3])
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", fmt.Errorf(`\%c is not known; there are \n \r \t \0 \\ \xHH`, s[i])
		}
	}
	return b.String(), nil
}

// Escape is the inverse of Unescape: one line of printable text.
func Escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\\':
			b.WriteString(`\\`)
		case r < 0x20 || r == 0x7f || r == utf8.RuneError && n == 1 || !strconv.IsPrint(r):
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
