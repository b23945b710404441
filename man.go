package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newMan prints the manual page, made from the help of all commands; packages install it.
func (p *program) newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page (man -l reads it)",
		Hidden: true,
		Args:   atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.out.WriteString(manual(cmd.Root(), versionString()))
			return err
		},
	}
}

// A page is the text of a manual page, in the language of man(7).
type page struct{ strings.Builder }

// manual is the page for a program and all its commands.
func manual(root *cobra.Command, version string) string {
	m := &page{}
	fmt.Fprintf(m, ".TH HOLDFAST 1 \"\" \"Holdfast %s\" \"User Commands\"\n", roff(version))
	m.section("NAME")
	m.line("holdfast \\- " + roff(root.Short))
	m.section("SYNOPSIS")
	m.line(".B holdfast")
	m.line(roff("[FLAGS]"))
	m.line(".br")
	m.line(".B holdfast")
	m.line(".I COMMAND")
	m.line(roff("[FLAGS] [ARGUMENT]..."))
	m.section("DESCRIPTION")
	m.prose(root.Long)
	m.section("OPTIONS")
	m.line("Without a command:")
	m.flags(root.LocalNonPersistentFlags())
	m.line(".PP")
	m.line("With and without one:")
	m.flags(root.PersistentFlags())
	m.section("COMMANDS")
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		m.command(c)
	}
	m.section("THE WAY TO A SERVER")
	m.prose(strings.TrimPrefix(viaHelp, "The way there:\n"))
	m.section("EXIT STATUS")
	m.prose(strings.TrimPrefix(exitHelp, "Exit status:\n"))
	m.section("ENVIRONMENT")
	for _, v := range [][2]string{
		{passwordVar, "The password for every proxy that has a user and no password of its own."},
		{"https_proxy, all_proxy, no_proxy", "What --via system goes by."},
		{"LC_ALL, LC_MESSAGES, LANG, LANGUAGE", "The language, unless --lang or the settings name one."},
		{"NO_COLOR", "Where it is set, nothing is coloured."},
	} {
		m.term(v[0], v[1])
	}
	m.section("FILES")
	for _, v := range [][2]string{
		{"~/.config/holdfast/holdfast.toml", "The settings (XDG_CONFIG_HOME is respected)."},
		{"~/.config/autostart/holdfast.desktop", "Has the desktop start Holdfast at login; see holdfast autostart."},
		{"$XDG_RUNTIME_DIR/holdfast/control.sock", "Where the running Holdfast answers: HTTP, for this user only."},
	} {
		m.term(v[0], v[1])
	}
	return m.String()
}

func (m *page) line(s string) { m.WriteString(s + "\n") }

func (m *page) section(name string) { m.line(".SH " + name) }

// term is an indented explanation under a word in bold.
func (m *page) term(word, text string) {
	m.line(".TP")
	m.line("\\fB" + roff(word) + "\\fR")
	m.line(roff(text))
}

func (m *page) command(c *cobra.Command) {
	m.line(".SS " + roff(strings.TrimSuffix(c.UseLine(), " [flags]")))
	long := c.Long
	if long == "" || c.Name() == "completion" { // cobra's own, which has more to say in --help
		long = c.Short + "."
	}
	m.prose(long)
	m.flags(c.LocalNonPersistentFlags())
	if c.Example != "" {
		m.line(".PP")
		m.line("Examples:")
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
		m.line(roff("What may follow: " + strings.Join(names, ", ") + "."))
	}
}

func (m *page) flags(set *pflag.FlagSet) {
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
			word += " " + kind
		}
		m.term(word, strings.ReplaceAll(usage, " (see above)", ""))
	})
}

// prose sets paragraphs; lines that begin with blanks stay as they are. What has a section of its own is left out.
func (m *page) prose(text string) {
	for _, other := range []string{viaHelp, exitHelp} {
		text = strings.ReplaceAll(text, other, "")
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
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, " ") {
				kept = append(kept, line)
				continue
			}
			m.asIs(kept)
			kept = nil
			m.line(roff(line))
		}
		m.asIs(kept)
	}
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
