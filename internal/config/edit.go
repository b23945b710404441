package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"holdfast/monitor"
)

// A Change is one thing that Edit is to do. The zero Change does nothing.
type Change struct {
	apply func(*draft) error
}

// A draft knows where its targets came from, so that a new name is told from a new target.
type draft struct {
	Settings
	from []int // for each target its place before the changes; -1: new
}

// SetTarget changes the target of that name to t, which may have another name, or adds t where there is none.
func SetTarget(name string, t monitor.Target) Change {
	return Change{func(s *draft) error {
		if err := Check(t); err != nil {
			return err
		}
		t.Keepalive.Enabled = false // only ever read back
		at := index(s.Targets, name)
		if other := index(s.Targets, t.Name); other >= 0 && other != at {
			return fmt.Errorf("%w: %q", ErrDuplicate, t.Name)
		}
		if at < 0 {
			s.Targets, s.from = append(s.Targets, t), append(s.from, -1)
			return nil
		}
		s.Targets[at] = t
		return nil
	}}
}

// RemoveTarget takes the target of that name out.
func RemoveTarget(name string) Change {
	return Change{func(s *draft) error {
		at := index(s.Targets, name)
		if at < 0 {
			return fmt.Errorf("%w: %q", ErrUnknownTarget, name)
		}
		s.Targets, s.from = slices.Delete(s.Targets, at, at+1), slices.Delete(s.from, at, at+1)
		return nil
	}}
}

// setLanguage chooses "en", "zh", or "" as the desktop has it.
func setLanguage(language string) Change {
	return Change{func(s *draft) error {
		if language != "" && language != "en" && language != "zh" {
			return &Error{Key: "language", Msg: fmt.Sprintf(`%q: "en", "zh" or "" was expected`, language)}
		}
		s.Language = language
		return nil
	}}
}

// SetAll makes the settings those.
func SetAll(want Settings) Change {
	return Change{func(s *draft) error {
		next := draft{}
		for _, t := range want.Targets {
			if index(next.Targets, t.Name) >= 0 {
				return fmt.Errorf("%w: %q", ErrDuplicate, t.Name)
			}
			if err := SetTarget(t.Name, t).apply(&next); err != nil {
				return err
			}
			if at := index(s.Targets, t.Name); at >= 0 {
				next.from[len(next.from)-1] = s.from[at]
			}
		}
		*s = next
		s.Demo, s.History, s.Notify, s.Tray = want.Demo, want.History, want.Notify, want.Tray
		if err := s.normal(); err != nil {
			return err
		}
		return setLanguage(want.Language).apply(s)
	}}
}

func index(list []monitor.Target, name string) int {
	return slices.IndexFunc(list, func(t monitor.Target) bool { return t.Name == name })
}

// Edit makes the changes in the file, all or none, and returns what it says then. Comments, order and layout of what does
// not change are kept; where that cannot be done the error is ErrLayout, and Rewrite may be asked instead. ErrBroken: the
// file has errors. The new file replaces the old one whole (a symbolic link goes on pointing to it), so that a full disk or
// a crash leaves the old one as it was. A new file is for the user's eyes only.
func Edit(path string, changes ...Change) (Settings, error) {
	path, err := resolve(path)
	if err != nil {
		return Settings{}, err
	}
	for range 5 {
		old, err := read(path)
		missing := errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return Settings{}, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		text, next, err := edited(path, old, missing, changes)
		if err != nil {
			return Settings{}, err
		}
		if !missing && bytes.Equal(text, old) {
			return next, nil
		}
		err = write(path, text, func() bool {
			now, err := read(path)
			return bytes.Equal(now, old) && errors.Is(err, fs.ErrNotExist) == missing
		})
		if !errors.Is(err, errChanged) {
			return next, err
		}
	}
	return Settings{}, fmt.Errorf("save the settings: %w", errChanged)
}

var errChanged = errors.New("somebody else keeps changing the file")

// edited is the new text.
func edited(path string, old []byte, missing bool, changes []Change) ([]byte, Settings, error) {
	d, err := parse(path, old)
	if err != nil {
		return nil, Settings{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if missing {
		d.settings = Default()
	}
	next, err := apply(d.settings, changes)
	if err != nil {
		return nil, Settings{}, err
	}
	if missing {
		// The demo stays until somebody removes it: a first target of one's own does not take it away unasked.
		return fresh(next.Settings), next.Settings, nil
	}
	text, err := d.splice(next)
	if err != nil {
		return nil, Settings{}, err
	}
	// Trust the result and not the way it was made.
	if got, err := Parse(path, text); err != nil || !got.Equal(next.Settings) {
		return nil, Settings{}, ErrLayout
	}
	return text, next.Settings, nil
}

// Apply returns s with the changes made, which Edit would make in a file.
func Apply(s Settings, changes ...Change) (Settings, error) {
	d, err := apply(s, changes)
	return d.Settings, err
}

func apply(s Settings, changes []Change) (draft, error) {
	d := draft{Settings: s, from: make([]int, len(s.Targets))}
	d.Targets = slices.Clone(s.Targets)
	for i := range d.from {
		d.from[i] = i
	}
	for _, c := range changes {
		if c.apply == nil {
			continue
		}
		if err := c.apply(&d); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Rewrite makes s the whole file. What was there before is kept beside it, with ".bak" at the end of its name.
func Rewrite(path string, s Settings) error {
	s, err := Apply(Settings{}, SetAll(s))
	if err != nil {
		return err
	}
	if path, err = resolve(path); err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && len(old) <= maxFile {
		if err := write(path+".bak", old, nil); err != nil {
			return err
		}
	}
	return write(path, fresh(s), nil)
}

const heading = "# Settings of Holdfast. They are read again whenever this file changes.\n"

// fresh is a whole file.
func fresh(s Settings) []byte {
	var b strings.Builder
	b.WriteString(heading)
	if s.Language != "" || s.Demo {
		b.WriteByte('\n')
	}
	if s.Language != "" {
		fmt.Fprintf(&b, "language = %s\n", quote(s.Language))
	}
	if s.Demo {
		b.WriteString("demo = true # the server built into Holdfast; false removes it\n")
	}
	b.WriteString(ownFresh(s))
	for _, t := range s.Targets {
		b.WriteString("\n" + targetText(t))
	}
	return []byte(b.String())
}

// targetText is a whole [[target]].
func targetText(t monitor.Target) string {
	var b strings.Builder
	b.WriteString("[[target]]\n")
	for _, key := range targetKeys {
		if v := valueText(t, key); v != "" {
			fmt.Fprintf(&b, "%-9s = %s\n", key, v)
		}
	}
	return b.String()
}

// fields are all keys of a target, in the order in which they are written.
var fields = []string{
	"name", "address", "via", "heartbeat", "send", "expect", "interval", "timeout",
	"keepalive.idle", "keepalive.interval", "keepalive.count", "keepalive.user_timeout",
}

// valueText is a value as TOML; "" where it is not set.
func valueText(t monitor.Target, key string) string {
	if s := textField(&t, key); s != nil {
		switch {
		case *s == "":
			return ""
		case key == "send" || key == "expect":
			return "'" + strings.ReplaceAll(Escape(*s), "'", `\x27`) + "'"
		}
		return quote(*s)
	}
	if d := durationField(&t, key); d != nil {
		if *d == 0 {
			return ""
		}
		return quote(durationText(*d))
	}
	if key == "keepalive.count" {
		if t.Keepalive.Count == 0 {
			return ""
		}
		return strconv.Itoa(t.Keepalive.Count)
	}
	var parts []string // keepalive
	for _, k := range keepaliveKeys {
		if v := valueText(t, "keepalive."+k); v != "" {
			parts = append(parts, k+" = "+v)
		}
	}
	if parts == nil {
		return ""
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// durationText is d without the zeros that String appends: "1m", not "1m0s".
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// quote is a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < 0x20 || r == 0x7f || !strconv.IsPrint(r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08X`, r)
			} else {
				fmt.Fprintf(&b, `\u%04X`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// A cut replaces what stands between two offsets.
type cut struct {
	span
	text string
}

// splice turns the file into one that says next, and touches only what differs.
func (d *doc) splice(next draft) ([]byte, error) {
	var cuts []cut
	nl := "\n"
	if i := bytes.IndexByte(d.data, '\n'); i > 0 && d.data[i-1] == '\r' {
		nl = "\r\n"
	}
	if d.settings.Language != next.Language {
		v := quote(next.Language)
		if next.Language == "" {
			v = ""
		}
		cuts = append(cuts, d.setRoot("language", v, nl))
	}
	if d.settings.Demo != next.Demo {
		cuts = append(cuts, d.setRoot("demo", strconv.FormatBool(next.Demo), nl))
	}
	own, err := d.ownCuts(next.Settings, nl)
	if err != nil {
		return nil, err
	}
	cuts = append(cuts, own...)
	if slices.Equal(d.settings.Targets, next.Targets) {
		return d.cut(cuts), nil
	}
	if d.inline {
		return nil, ErrLayout
	}

	became := make([]int, len(d.blocks)) // -1: nothing any more
	for i := range became {
		became[i] = slices.Index(next.from, i)
	}
	for i, b := range d.blocks {
		if became[i] < 0 {
			cuts = append(cuts, d.remove(i))
			continue
		}
		list, err := d.change(b, next.Targets[became[i]], nl)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, list...)
	}
	var added string
	for i, t := range next.Targets {
		if next.from[i] < 0 {
			added += nl + strings.ReplaceAll(targetText(t), "\n", nl)
		}
	}
	if added != "" {
		if len(d.data) > 0 && d.data[len(d.data)-1] != '\n' {
			added = nl + added
		}
		if len(d.data) == 0 {
			added = strings.TrimPrefix(added, nl)
		}
		cuts = append(cuts, cut{span{len(d.data), len(d.data)}, added})
	}
	return d.cut(cuts), nil
}

func (d *doc) cut(cuts []cut) []byte {
	slices.SortStableFunc(cuts, func(a, b cut) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, c := range cuts {
		if c.start < at { // two that touch the same: the comparison afterwards will find it
			continue
		}
		out = append(append(out, d.data[at:c.start]...), c.text...)
		at = c.end
	}
	return append(out, d.data[at:]...)
}

// setRoot sets a key that is in no table; "" takes it out.
func (d *doc) setRoot(key, value, nl string) cut {
	if p, there := d.root[key]; there {
		if value == "" {
			return cut{span{d.lineStart(p.start), d.lineEnd(p.end)}, ""}
		}
		return cut{p.value, value}
	}
	line := key + " = " + value + nl
	switch {
	case d.rootEnd > 0:
		return d.below(d.rootEnd, line, nl)
	case d.first < len(d.data):
		at := d.comments(d.first)
		return cut{span{at, at}, line + nl}
	}
	return d.below(len(d.data), line, nl)
}

// below inserts a line after the one in which offset lies.
func (d *doc) below(offset int, line, nl string) cut {
	at := d.lineEnd(offset)
	if at > 0 && d.data[at-1] != '\n' {
		line = nl + line
	}
	return cut{span{at, at}, line}
}

// comments is where the comment lines begin that stand right above the line at offset.
func (d *doc) comments(offset int) int {
	floor := 0 // the end of the expression before: a line of a long string may look like a comment
	for _, end := range d.exprEnds {
		if end <= offset {
			floor = max(floor, end)
		}
	}
	for offset > 0 {
		above := d.lineStart(offset - 1)
		line := bytes.TrimSpace(d.data[above:offset])
		if above < floor || len(line) == 0 || line[0] != '#' {
			break
		}
		offset = above
	}
	return offset
}

// remove takes out a target with the comments right above it, and the empty lines that parted it from the next.
func (d *doc) remove(i int) cut {
	b := d.blocks[i]
	next := len(d.data)
	if i+1 < len(d.blocks) {
		next = d.blocks[i+1].head
	}
	for _, s := range d.tables { // one of the program's own may stand between two targets
		if s.head > b.head {
			next = min(next, s.head)
		}
	}
	end := b.headEnd
	for _, e := range d.exprEnds {
		if e < next {
			end = max(end, e)
		}
	}
	end = d.lineEnd(end)
	for end < next {
		e := d.lineEnd(end)
		if len(bytes.TrimSpace(d.data[end:e])) > 0 {
			break
		}
		end = e
	}
	return cut{span{d.comments(b.head), end}, ""}
}

// change turns one target into t, key by key.
func (d *doc) change(b *block, t monitor.Target, nl string) ([]cut, error) {
	var cuts []cut
	insert := map[int]string{} // by the offset of the line below which it goes
	inline, isInline := b.at["keepalive"]
	if isInline && b.t.Keepalive != t.Keepalive {
		if bytes.ContainsAny(d.data[inline.value.start:inline.value.end], "\n#") {
			return nil, ErrLayout
		}
		if v := valueText(t, "keepalive"); v != "" {
			cuts = append(cuts, cut{inline.value, v})
		} else {
			cuts = append(cuts, cut{span{d.lineStart(inline.start), d.lineEnd(inline.end)}, ""})
		}
	}
	wholeKeepalive := false
	for _, key := range fields {
		v := valueText(t, key)
		if v == valueText(b.t, key) {
			continue
		}
		ofKeepalive := strings.HasPrefix(key, "keepalive.")
		if ofKeepalive && isInline {
			continue
		}
		p, there := b.at[key]
		switch {
		case there && v == "":
			cuts = append(cuts, cut{span{d.lineStart(p.start), d.lineEnd(p.end)}, ""})
		case there:
			cuts = append(cuts, cut{p.value, v})
		case v == "":
		case ofKeepalive && b.sub != nil:
			at := b.sub.end
			for _, q := range b.at {
				if q.inSub {
					at = max(at, q.end)
				}
			}
			insert[at] += d.line(b, strings.TrimPrefix(key, "keepalive."), v, true) + nl
		case ofKeepalive && d.dotted(b):
			at := d.last(b)
			insert[at] += d.line(b, key, v, false) + nl
		case ofKeepalive:
			wholeKeepalive = true
		default:
			at := d.last(b)
			insert[at] += d.line(b, key, v, false) + nl
		}
	}
	if wholeKeepalive {
		at := d.last(b)
		insert[at] += d.line(b, "keepalive", valueText(t, "keepalive"), false) + nl
	}
	for at, lines := range insert {
		cuts = append(cuts, d.below(at, lines, nl))
	}
	return cuts, nil
}

// dotted reports whether the target has keys like keepalive.idle.
func (d *doc) dotted(b *block) bool {
	for key, p := range b.at {
		if strings.HasPrefix(key, "keepalive.") && !p.inInline && !p.inSub {
			return true
		}
	}
	return false
}

// last is the end of the last pair right below [[target]], or of that line.
func (d *doc) last(b *block) int {
	at := b.headEnd
	for _, p := range b.at {
		if !p.inSub {
			at = max(at, p.end)
		}
	}
	return at
}

// line is a new pair, indented and aligned like those around it.
func (d *doc) line(b *block, key, value string, sub bool) string {
	indent, width := "", 0
	for k, p := range b.at {
		if p.inSub != sub || p.inInline || p.valueKind == unstable.Invalid {
			continue
		}
		start := d.lineStart(p.start)
		if s := string(d.data[start:p.start]); strings.TrimSpace(s) == "" {
			indent = s
		}
		eq := bytes.IndexByte(d.data[p.start:p.end], '=')
		if sub {
			k = strings.TrimPrefix(k, "keepalive.")
		}
		if eq > len(k)+1 {
			width = max(width, eq-1)
		}
	}
	return fmt.Sprintf("%s%-*s = %s", indent, width, key, value)
}

// resolve follows symbolic links, so that the file itself is replaced and not the link to it.
func resolve(path string) (string, error) {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", Errors{{File: path, Msg: "too many symbolic links"}}
}

// write replaces the file whole. The temporary file is in the same folder, because only there can it be renamed. If still
// is not nil it is asked just before the rename, and errChanged returned when it says no.
func write(path string, text []byte, still func() bool) (err error) {
	dir := filepath.Dir(path)
	defer func() {
		if err != nil && !errors.Is(err, errChanged) {
			err = fmt.Errorf("save %s: %w", path, reason(err))
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil { // the mode that the XDG specification asks for
		return err
	}
	mode := fs.FileMode(0o600)
	if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
		mode = fi.Mode().Perm() // who opened it to others meant it: no secret stands in it
	}
	f, err := os.CreateTemp(dir, ".holdfast-*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := f.Sync(); err != nil { // some file systems say only now that the disk is full
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if still != nil && !still() {
		return errChanged
	}
	if err := rename(f.Name(), path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}

// syncDir makes the rename outlast a power cut. Where folders cannot be synced the rename stands all the same.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
