package ui

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Phrases are what programs say of themselves: help and errors. They stand in English where they are said, and the table
// of words has them by their English text: help under help.*, a paragraph each, errors under error.*.
type phrases struct {
	whole    map[string]string
	patterns []pattern // the longest first
}

type pattern struct {
	english *regexp.Regexp
	names   []string
	chinese string
	length  int
}

var holder = regexp.MustCompile(`\{[a-z0-9]+\}`)

var chinese = sync.OnceValue(func() phrases {
	p := phrases{whole: map[string]string{}}
	unbroken := strings.NewReplacer("␤", "\n") // a table has one line for each
	for code, e := range words() {
		if !strings.HasPrefix(code, "help.") && !strings.HasPrefix(code, "error.") {
			continue
		}
		english, text := unbroken.Replace(e.enSay), unbroken.Replace(e.zhSay)
		p.whole[english] = text
		names := holder.FindAllString(english, -1)
		if strings.HasPrefix(code, "help.") || names == nil {
			continue
		}
		one := pattern{chinese: text, length: len(english)}
		expression := "^"
		for i, literal := range holder.Split(english, -1) {
			if i > 0 {
				expression += "(.+?)"
				one.names = append(one.names, strings.Trim(names[i-1], "{}"))
			}
			expression += regexp.QuoteMeta(literal)
		}
		one.english = regexp.MustCompile(expression + "$")
		p.patterns = append(p.patterns, one)
	}
	slices.SortFunc(p.patterns, func(a, b pattern) int { return b.length - a.length })
	return p
})

// place is where in a file something is wrong, as errors begin with it.
var place = regexp.MustCompile(`^(.+?:\d+:\d+): (.+)$`)

// Help puts a text of a command's help into the language, paragraph by paragraph. What the table does not have stays.
func (l Lang) Help(text string) string {
	if l != Chinese {
		return text
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, one := range paragraphs {
		if other, known := chinese().whole[one]; known {
			paragraphs[i] = other
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// Error puts the text of an error into the language, line by line, as far as the table has its parts: errors wrap others,
// and name things. What it does not have, as what the system says, stays.
func (l Lang) Error(text string) string {
	if l != Chinese || len(text) > 1<<16 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = errorLine(line, 4)
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
		for _, one := range p.patterns {
			if m := one.english.FindStringSubmatch(text); m != nil {
				var pairs []string
				for i, name := range one.names {
					pairs = append(pairs, name, errorLine(m[i+1], depth-1))
				}
				return fill(one.chinese, pairs)
			}
		}
	}
	before, after, ok := strings.Cut(text, ": ")
	if !ok {
		return text
	}
	return errorLine(before, depth-1) + ": " + errorLine(after, depth)
}
