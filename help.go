package main

import (
	"strings"

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
		translate(root, p.language("", p.getenv))
		return usage(cmd)
	})
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
		cmd.SetUsageTemplate(strings.ReplaceAll(template, path.Replace(more), path.Replace(l.Help(more))))
	}
	cmd.InitDefaultHelpFlag()
	cmd.Short, cmd.Long = l.Help(cmd.Short), l.Help(cmd.Long)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		const helpFor = "help for "
		if name, ok := strings.CutPrefix(f.Usage, helpFor); ok {
			f.Usage = strings.ReplaceAll(l.Help(helpFor+"{a}"), "{a}", name)
			return
		}
		f.Usage = l.Help(f.Usage)
		if f.Value.Type() == "string" && f.DefValue != "" { // pflag would say so in English
			f.Usage += " " + strings.ReplaceAll(l.Help("(default {a})"), "{a}", f.DefValue)
			f.DefValue = ""
		}
	})
	for _, c := range cmd.Commands() {
		translate(c, l)
	}
}
