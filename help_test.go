package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/ui"
)

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// remark is what is for people in an example: a comment, or a name; not what is sent to a server.
var remark = regexp.MustCompile(`#|"[^"\\]*"`)

// Every paragraph of every command's help, and of every flag's, is there in Chinese.
func TestHelpIsWholeInBothLanguages(t *testing.T) {
	root := newRoot(&program{out: os.Stdout, errs: os.Stderr, getenv: os.Getenv})
	translate(root, ui.Chinese)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		check := func(what, text string) {
			for _, paragraph := range strings.Split(text, "\n\n") {
				command := strings.HasPrefix(paragraph, "\t") || strings.HasPrefix(paragraph, "####") // or the name of a system
				if strings.TrimSpace(paragraph) != "" && !command && !hasHan(paragraph) {
					t.Errorf("%s: %s is not Chinese: %q", c.CommandPath(), what, paragraph)
				}
			}
		}
		check("what it does", c.Short)
		check("its help", c.Long)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { check("--"+f.Name, f.Usage) })
		for line := range strings.SplitSeq(c.Example, "\n") {
			if remark.MatchString(line) && !hasHan(line) {
				t.Errorf("%s: an example is not Chinese: %q", c.CommandPath(), line)
			}
		}
		if use := c.UseLine(); strings.Contains(use, "[flags]") || strings.Contains(use, "[command]") {
			t.Errorf("how it is used: %q", use)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for _, words := range append(slices.Clone(frame), "Try '{a} --help'.", "(default {a})", "help for {a}") {
		if got := ui.Chinese.Help(words); !hasHan(got) {
			t.Errorf("%q is not Chinese: %q", words, got)
		}
	}
	if template := root.UsageTemplate(); strings.Contains(template, "Usage:") || strings.Contains(template, "for more information") || !strings.Contains(template, "{{.CommandPath}}") {
		t.Errorf("the frame of the help:\n%s", template)
	}
}
