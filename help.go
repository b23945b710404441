package main

import (
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/ui"
)

// speakHelp has the help of root and all its commands in the person's language. It is put into it when it is asked for:
// only then the flags are known.
func (p *program) speakHelp(root *cobra.Command) {
	help, usage := root.HelpFunc(), root.UsageFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		translate(root, p.language("", p.getenv))
		help(cmd, args)
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		l := p.language("", p.getenv)
		translate(root, l)
		out := cmd.OutOrStderr()
		var text strings.Builder
		cmd.SetOut(&text)
		err := usage(cmd)
		cmd.SetOut(out)
		_, _ = io.WriteString(out, kinds(text.String(), l)) // there is no other way to say that it could not be said
		return err
	})
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.RunE = helpOn // cobra's own takes any word for the name of a command
		}
	}
}

// helpOn is holdfast help.
func helpOn(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return usageError{fmt.Errorf("no command %q", veiled(strings.Join(args, " ")))}
	}
	about.InitDefaultHelpFlag()
	return about.Help()
}

// completes has what a shell offers in the person's language: whoever completes a line is not asked for help.
func (p *program) completes(root *cobra.Command, args []string) {
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		translate(root, p.language("", p.getenv))
	}
}

// flagKind is the kind of a flag in pflag's text, with what is before and the space behind.
var flagKind = regexp.MustCompile(`(?m)^( +(?:-\w, )?--[\w-]+ )(string|duration|int)( )`)

// kindOf is what a flag takes, in a word.
func kindOf(kind string, l ui.Lang) string {
	if l == ui.English || kind == "" {
		return kind
	}
	return l.Say("kind." + kind)
}

// kinds puts the kinds of flags into l. The columns stay where they are.
func kinds(text string, l ui.Lang) string {
	if l == ui.English {
		return text
	}
	return flagKind.ReplaceAllStringFunc(text, func(found string) string {
		part := flagKind.FindStringSubmatch(found)
		kind := kindOf(part[2], l)
		return part[1] + kind + strings.Repeat(" ", max(0, len(part[2])-2*utf8.RuneCountInString(kind))) + part[3]
	})
}

// sentOn is how an example sends a text to somebody. Windows has no command for that.
func sentOn(subject string) string {
	if runtime.GOOS == "windows" {
		return "> report.txt"
	}
	return `| mail -s "` + subject + `" admin@example.net`
}

// frame are the words that cobra writes around the texts of a command.
var frame = []string{
	"Usage:", "Aliases:", "Examples:", "Available Commands:", "Additional Commands:", "Global Flags:", "Flags:", "Additional help topics:",
}

// translate puts the texts of cmd and its commands into l.
func translate(cmd *cobra.Command, l ui.Lang) {
	if l == ui.English {
		return
	}
	if !cmd.HasParent() {
		cmd.InitDefaultHelpCmd()
		cmd.InitDefaultCompletionCmd()
		template := cmd.UsageTemplate()
		for _, words := range frame {
			template = strings.ReplaceAll(template, words, l.Help(words))
		}
		const more = `Use "{a} [command] --help" for more information about a command.`
		path := strings.NewReplacer("{a}", "{{.CommandPath}}")
		template = strings.ReplaceAll(template, path.Replace(more), path.Replace(l.Help(more)))
		cmd.SetUsageTemplate(strings.ReplaceAll(template, "[command]", l.Help("[command]")))
	}
	cmd.InitDefaultHelpFlag()
	cmd.Short, cmd.Long = l.Help(cmd.Short), l.Help(cmd.Long)
	cmd.Use = strings.ReplaceAll(cmd.Use, "[command]", l.Help("[command]"))
	if !cmd.DisableFlagsInUseLine && cmd.HasAvailableFlags() { // cobra would add its English word
		cmd.Use, cmd.DisableFlagsInUseLine = cmd.Use+" "+l.Help("[flags]"), true
	}
	examples := strings.Split(cmd.Example, "\n")
	for i, line := range examples {
		text := strings.TrimLeft(line, " ")
		examples[i] = line[:len(line)-len(text)] + l.Help(text)
	}
	cmd.Example = strings.Join(examples, "\n")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		const helpFor = "help for "
		if name, ok := strings.CutPrefix(f.Usage, helpFor); ok {
			f.Usage = strings.ReplaceAll(l.Help(helpFor+"{a}"), "{a}", name)
			return
		}
		f.Usage = l.Help(f.Usage)
		if f.Value.Type() == "string" && f.DefValue != "" { // pflag would say so in English
			f.Usage += strings.ReplaceAll(l.Help("(default {a})"), "{a}", f.DefValue)
			f.DefValue = ""
		}
	})
	for _, c := range cmd.Commands() {
		translate(c, l)
	}
}
