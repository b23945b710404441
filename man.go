package main

import (
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/ui"
)

// newMan prints the manual page, made from the help of all commands, in the person's language; packages install both.
func (p *program) newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page (man -l reads it)",
		Hidden: true,
		Args:   atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.out.WriteString(manual(cmd.Root(), versionString(), p.language("", p.getenv)))
			return err
		},
	}
}

// A page is the text of a manual page, in the language of man(7).
type page struct {
	strings.Builder
	lang ui.Lang
}

// manual is the page for a program and all its commands, whose texts it puts into l.
func manual(root *cobra.Command, version string, l ui.Lang) string {
	translate(root, l)
	m := &page{lang: l}
	fmt.Fprintf(m, ".TH HOLDFAST 1 \"\" \"Holdfast %s\" \"%s\"\n", roff(version), roff(l.Say("man.title")))
	if l == ui.Chinese {
		m.line(".ad l") // it has no spaces that could be stretched
		m.line(".nh")   // and its foreign words are names
	}
	m.section("name")
	m.line("holdfast \\- " + roff(root.Short)) // as whatis reads it
	m.section("synopsis")
	m.line(".B holdfast")
	m.line(roff(l.Say("man.flags")))
	m.line(".br")
	m.line(".B holdfast")
	m.line(".I " + roff(l.Say("man.command")))
	m.line(roff(l.Say("man.flags") + " " + l.Say("man.arguments")))
	m.section("description")
	m.prose(root.Long)
	m.section("options")
	m.line(roff(l.Say("man.without")))
	m.flags(root.LocalNonPersistentFlags())
	m.line(".PP")
	m.line(roff(l.Say("man.always")))
	m.flags(root.PersistentFlags())
	m.section("commands")
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		m.command(c)
	}
	m.section("way")
	m.prose(headless(l.Help(viaHelp)))
	m.section("exit")
	m.prose(headless(l.Help(exitHelp)))
	m.section("environment")
	for _, v := range [][2]string{
		{passwordVar, "password"}, {"https_proxy, all_proxy, no_proxy", "proxy"}, {"LC_ALL, LC_MESSAGES, LANG, LANGUAGE", "language"}, {"NO_COLOR", "colour"},
	} {
		m.term(v[0], l.Say("man.env."+v[1]))
	}
	m.section("files")
	files := [][2]string{
		{"~/.config/holdfast/holdfast.toml", "settings"}, {"~/.config/autostart/holdfast.desktop", "autostart"}, {"$XDG_RUNTIME_DIR/holdfast/control.sock", "socket"},
	}
	if runtime.GOOS == "windows" {
		files = [][2]string{
			{`%AppData%\holdfast\holdfast.toml`, "settings"}, {`HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run`, "autostart"},
			{`\\.\pipe\holdfast-SID`, "socket"}, {`%LocalAppData%\holdfast\messages.txt`, "messages"},
		}
	}
	for _, v := range files {
		m.term(v[0], l.Say("man.file."+v[1]))
	}
	return m.String()
}

// headless is a text without its first line, which is a heading.
func headless(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

func (m *page) line(s string) { m.WriteString(s + "\n") }

func (m *page) section(code string) { m.line(".SH " + m.lang.Say("man."+code)) }

// term is an indented explanation under a word in bold.
func (m *page) term(word, text string) {
	m.line(".TP")
	m.line("\\fB" + roff(word) + "\\fR")
	m.line(m.flow(text))
}

func (m *page) command(c *cobra.Command) {
	use := strings.TrimSuffix(strings.TrimSuffix(c.UseLine(), " [flags]"), " "+m.lang.Help("[flags]"))
	m.line(".SS " + roff(use))
	long := c.Long
	if long == "" || c.Name() == "completion" { // cobra's own, which has more to say in --help
		long = c.Short + m.lang.Say("stop")
	}
	m.prose(long)
	m.flags(c.LocalNonPersistentFlags())
	if c.Example != "" {
		m.line(".PP")
		m.line(roff(m.lang.Say("man.examples")))
		m.asIs(strings.Split(c.Example, "\n"))
	}
	if c.HasAvailableSubCommands() {
		var names []string
		for _, s := range c.Commands() {
			if !s.Hidden {
				names = append(names, s.Name())
			}
		}
		m.line(".PP")
		m.line(roff(m.lang.Say("man.follow", "text", strings.Join(names, m.lang.Say("comma")))))
	}
}

func (m *page) flags(set *pflag.FlagSet) {
	above := m.lang.Help("(see above)")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		word := "--" + f.Name
		if f.Shorthand != "" {
			word = "-" + f.Shorthand + ", " + word
		}
		if kind != "" {
			word += " " + kindOf(kind, m.lang)
		}
		m.term(word, strings.TrimSpace(strings.ReplaceAll(usage, above, "")))
	})
}

// prose sets paragraphs; lines that begin with blanks stay as they are. What has a section of its own is left out.
func (m *page) prose(text string) {
	for _, other := range []string{viaHelp, exitHelp} {
		text = strings.ReplaceAll(text, m.lang.Help(other), "")
	}
	for i, paragraph := range strings.Split(strings.TrimSpace("\x00"+text), "\n\n") {
		paragraph = strings.TrimPrefix(paragraph, "\x00") // it kept the blanks of the first line
		if paragraph == "" {
			continue
		}
		if i > 0 {
			m.line(".PP")
		}
		var kept []string
		said := ""
		say := func() {
			if said != "" {
				m.line(m.flow(said))
				said = ""
			}
		}
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, " ") {
				say()
				kept = append(kept, line)
				continue
			}
			m.asIs(kept)
			kept = nil
			switch {
			case m.lang != ui.Chinese:
				m.line(roff(line))
			case said == "" || broad(lastRune(said)) && broad(firstRune(line)) || mark(lastRune(said)) || mark(firstRune(line)):
				said += line // a line break is no space there
			default:
				said += " " + line
			}
		}
		say()
		m.asIs(kept)
	}
}

func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }
func lastRune(s string) rune  { r, _ := utf8.DecodeLastRuneInString(s); return r }

// broad reports a Chinese character, marks included.
func broad(r rune) bool { return unicode.Is(unicode.Han, r) || mark(r) }

// mark reports a Chinese mark, as wide as a character.
func mark(r rune) bool { return r >= 0x3000 && r < 0x3040 || r >= 0xff00 && r < 0xff61 }

// flow is text that may be broken into lines: Chinese between any two characters but before a mark that ends something and
// behind one that begins something, which formatters do not know by themselves.
func (m *page) flow(s string) string {
	if m.lang != ui.Chinese {
		return roff(s)
	}
	var b strings.Builder
	start, last := 0, rune(0)
	for i, r := range s {
		if last != 0 && (broad(r) || broad(last)) && r != ' ' && last != ' ' && !strings.ContainsRune("，。：；、？！）”》", r) && !strings.ContainsRune("（“《", last) {
			b.WriteString(roff(s[start:i]))
			b.WriteString(`\:`)
			start = i
		}
		last = r
	}
	b.WriteString(roff(s[start:]))
	return b.String()
}

// asIs sets lines without filling them.
func (m *page) asIs(lines []string) {
	if len(lines) == 0 {
		return
	}
	m.line(".PP")
	m.line(".nf")
	for _, l := range lines {
		m.line(roff(l))
	}
	m.line(".fi")
	m.line(".PP")
}

// roff keeps a text's own characters: a backslash begins an escape, a hyphen may become a typographic one, and a dot or
// an apostrophe at the beginning of a line a request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`, "`", "\\`", "…", "...").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
