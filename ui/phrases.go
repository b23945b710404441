package ui

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"holdfast/netcheck"
)

// Phrases are what programs say of themselves: help, errors, and what was seen of a hop. They stand in English where they are
// said, and the table of words has them by their English text: help under help.*, a paragraph each, errors under error.*,
// evidence under saw.*.
type phrases struct {
	whole    map[string]string
	patterns []pattern // the longest first
}

// A pattern is a sentence that names things: what stands between its literals is what they are.
type pattern struct {
	literals []string // one more than names
	names    []string
	chinese  string
	length   int
}

var holder = regexp.MustCompile(`\{[a-z0-9]+\}`)

var chinese = sync.OnceValue(func() phrases {
	p := phrases{whole: map[string]string{}}
	unbroken := strings.NewReplacer("␤", "\n") // a table has one line for each
	for code, e := range words() {
		help := strings.HasPrefix(code, "help.")
		if !help && !strings.HasPrefix(code, "error.") && !strings.HasPrefix(code, "saw.") {
			continue
		}
		english, text := unbroken.Replace(e.enSay), unbroken.Replace(e.zhSay)
		p.whole[english] = text
		names := holder.FindAllString(english, -1)
		if help || names == nil {
			continue
		}
		for i := range names {
			names[i] = strings.Trim(names[i], "{}")
		}
		p.patterns = append(p.patterns, pattern{literals: holder.Split(english, -1), names: names, chinese: text, length: len(english)})
	}
	slices.SortFunc(p.patterns, func(a, b pattern) int {
		if a.length != b.length {
			return b.length - a.length
		}
		return strings.Compare(a.chinese, b.chinese)
	})
	return p
})

// match returns what text has in the places of the names. An error that wraps another has it behind a colon, so one stands
// only in a place that is behind a colon, a bracket or a semicolon too: "save {a}" is not "save x: the disk is full".
func (p *pattern) match(text string) ([]string, bool) {
	last := len(p.names)
	rest, ok := strings.CutPrefix(text, p.literals[0])
	if !ok {
		return nil, false
	}
	found := make([]string, last)
	for i := range p.names {
		before, after := p.literals[i], p.literals[i+1]
		length := len(rest) - len(after)
		if i+1 < last {
			if length = strings.Index(rest, after); after == "" {
				length = -1
			}
		}
		if length <= 0 || !strings.HasPrefix(rest[length:], after) {
			return nil, false
		}
		wraps := strings.HasSuffix(before, ": ") || strings.HasSuffix(before, "(") || strings.HasSuffix(before, "; ")
		if found[i] = rest[:length]; !wraps && colon(found[i]) >= 0 {
			return nil, false
		}
		rest = rest[length+len(after):]
	}
	return found, true
}

// colon is where the first ": " is that is not between quotes; -1: nowhere.
func colon(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted && strings.HasPrefix(text[i:], ": "):
			return i
		}
	}
	return -1
}

// place is where in a file something is wrong, as errors begin with it.
var place = regexp.MustCompile(`^(.+?:\d+:\d+): (.+)$`)

// Help puts a text of a command's help into the language, paragraph by paragraph. What the table does not have stays.
func (l Lang) Help(text string) string {
	if l != Chinese {
		return text
	}
	if other, known := chinese().whole[text]; known {
		return other
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, one := range paragraphs {
		if other, known := chinese().whole[one]; known {
			paragraphs[i] = other
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// sawText puts into words what was seen of a hop, which evidence has in English, or by its code only.
func sawText(e netcheck.Evidence, l Lang, most int) string {
	if e.Saw != "" {
		return Printable(l.Error(e.Saw), most)
	}
	code := "seen.code." + string(e.Seen)
	if text := l.Say(code); text != code {
		return text
	}
	return Printable(string(e.Seen), 40) // of a newer version
}

// Error puts the text of an error into the language, line by line, as far as the table has its parts: errors wrap others, and
// name things. What it does not have, as what a server said, stays.
func (l Lang) Error(text string) string {
	if l != Chinese || len(text) > 1<<16 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = errorLine(line, 6)
	}
	return strings.Join(lines, "\n")
}

func errorLine(text string, depth int) string {
	if depth == 0 || text == "" {
		return text
	}
	p := chinese()
	if other, known := p.whole[text]; known {
		return other
	}
	if m := place.FindStringSubmatch(text); m != nil {
		return m[1] + ": " + errorLine(m[2], depth)
	}
	if len(text) <= 2<<10 {
		for i := range p.patterns {
			one := &p.patterns[i]
			if found, ok := one.match(text); ok {
				var pairs []string
				for i, name := range one.names {
					pairs = append(pairs, name, errorLine(found[i], depth-1))
				}
				return fill(one.chinese, pairs)
			}
		}
	}
	at := colon(text)
	if at < 0 {
		return bracket(text, depth)
	}
	before, after := errorLine(text[:at], depth-1), errorLine(text[at+2:], depth)
	if after == text[at+2:] && before == text[:at] {
		return text
	}
	return before + "：" + after
}

// bracket is for what ends in a remark between brackets: "answers (ttl 1)".
func bracket(text string, depth int) string {
	at := strings.Index(text, " (")
	if at <= 0 || !strings.HasSuffix(text, ")") || len(text) == at+3 {
		return text
	}
	before, inside := text[:at], text[at+2:len(text)-1]
	said := errorLine(before, depth-1)
	if said == before {
		return text
	}
	return said + "（" + errorLine(inside, depth-1) + "）"
}
