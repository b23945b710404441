package ui

import (
	"strings"
	"sync"

	"holdfast/assets"
)

// A Lang is a language that the table of words holds.
type Lang string

const (
	English Lang = "en"
	Chinese Lang = "zh" // Simplified
)

// LangOf reads the language of the messages from the environment, in the order that gettext has: LC_ALL, LC_MESSAGES,
// LANG decide whether there is a language at all, then LANGUAGE may prefer another. Anything but Chinese is English.
func LangOf(getenv func(string) string) Lang {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = getenv(name); locale != "" {
			break
		}
	}
	bare, _, _ := strings.Cut(locale, ".")
	if bare == "" || bare == "C" || bare == "POSIX" {
		return English // LANGUAGE is ignored in the C locale (gettext manual, "The LANGUAGE variable")
	}
	if list := getenv("LANGUAGE"); list != "" {
		locale = list
	}
	return firstOf(strings.Split(locale, ":"))
}

// firstOf is the first of the names of locales (zh_CN.UTF-8, en, zh-Hans-CN) whose language the table holds, else English.
func firstOf(locales []string) Lang {
	for _, one := range locales {
		switch one = strings.ToLower(one); {
		case strings.HasPrefix(one, "zh"):
			return Chinese
		case strings.HasPrefix(one, "en"):
			return English
		}
	}
	return English
}

// LangHere is LangOf where the environment names a language, as it does on Unix and in Unix' shells on Windows; else the
// language that the system itself is set to.
func LangHere(getenv func(string) string) Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if getenv(name) != "" {
			return LangOf(getenv)
		}
	}
	return firstOf(systemLocales())
}

// An entry is one line of the table: a sentence and a second text (remedy, explanation), for each language.
type entry struct{ enSay, enTell, zhSay, zhTell string }

var words = sync.OnceValue(func() map[string]entry {
	table := make(map[string]entry, 256)
	for line := range strings.Lines(string(assets.Words())) {
		column := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(column) != 5 || column[0] == "code" {
			continue // the test of the table refuses such a line; a running program does without it
		}
		table[column[0]] = entry{column[1], column[2], column[3], column[4]}
	}
	return table
})

// Say returns the sentence of code with its {placeholders} filled from pairs: name, text, name, text. A code that the
// table does not hold comes back as it is: better than nothing, and a newer program's cause is still named.
func (l Lang) Say(code string, pairs ...string) string {
	e, known := words()[code]
	switch {
	case !known:
		return code
	case l == Chinese:
		return fill(e.zhSay, pairs)
	}
	return fill(e.enSay, pairs)
}

// Tell returns the second text of code (a remedy, an explanation), filled like Say's; "" where there is none.
func (l Lang) Tell(code string, pairs ...string) string {
	if l == Chinese {
		return fill(words()[code].zhTell, pairs)
	}
	return fill(words()[code].enTell, pairs)
}

// fill replaces {name} by the text that follows name in pairs. What is filled in is not looked at again, so a peer that
// calls itself "{remedy}" stays just that. An empty text leaves no double space behind.
func fill(text string, pairs []string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			break
		}
		length := strings.IndexByte(text[open:], '}')
		if length < 0 {
			break
		}
		name := text[open+1 : open+length]
		value, found := "", false
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				value, found = pairs[i+1], true
				break
			}
		}
		if !found {
			value = text[open : open+length+1]
		}
		b.WriteString(text[:open])
		text = text[open+length+1:]
		if value == "" && strings.HasSuffix(b.String(), " ") {
			text = strings.TrimPrefix(text, " ")
		}
		b.WriteString(value)
	}
	b.WriteString(text)
	return b.String()
}

// Then puts one sentence after another: with a space, where the language has one there.
func (l Lang) Then(sentence, next string) string {
	if l == Chinese || sentence == "" || next == "" {
		return sentence + next
	}
	return sentence + " " + next
}

// DemoName is the name of the built-in demo among the targets: the same in every language, as requests and the history need it.
func DemoName() string { return English.Say("demo.name") }

// Called is the name of a target as it is shown, of max characters at most: what somebody named it, made printable. The demo,
// which nobody named, has a name in each language.
func Called(name string, l Lang, max int) string {
	for _, other := range []Lang{English, Chinese} {
		if rest, ok := strings.CutPrefix(name, other.Say("demo.name")); ok && strings.Trim(rest, " 0123456789") == "" {
			name = l.Say("demo.name") + rest
			break
		}
	}
	return Printable(name, max)
}

// Named is the name that a person means who saw it as Called has it, in whatever language.
func Named(shown string) string {
	if rest, ok := strings.CutPrefix(shown, Chinese.Say("demo.name")); ok && strings.Trim(rest, " 0123456789") == "" {
		return DemoName() + rest
	}
	return shown
}
