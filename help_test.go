package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// Every paragraph of every command's help, and of every flag's, is there in Chinese.
func TestHelpIsWholeInBothLanguages(t *testing.T) {
	root := newRoot(&program{out: os.Stdout, errs: os.Stderr, getenv: os.Getenv})
	translate(root, ui.Chinese)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || strings.HasPrefix(c.CommandPath(), "holdfast completion ") || c.Name() == "help" {
			return // those of cobra's shells are for people who write shells
		}
		check := func(what, text string) {
			for _, paragraph := range strings.Split(text, "\n\n") {
				if strings.TrimSpace(paragraph) != "" && !hasHan(paragraph) {
					t.Errorf("%s: %s is not Chinese: %q", c.CommandPath(), what, paragraph)
				}
			}
		}
		check("what it does", c.Short)
		check("its help", c.Long)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { check("--"+f.Name, f.Usage) })
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

// What is said in code, as it is found there: a call, and which of its arguments is the text.
var sayings = map[string]int{"New": 0, "Errorf": 0, "say": 0, "fail": 3, "bad": 0, "whole": 0, "within": -1}

var verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)

// Every error that these packages make is there in Chinese: whoever adds one adds its line to the table.
func TestErrorsAreWholeInBothLanguages(t *testing.T) {
	found := 0
	for _, pattern := range []string{"*.go", "internal/config/*.go", "monitor/target.go", "monitor/heartbeat/*.go", "internal/dial/via.go", "internal/autostart/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || files == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				name := ""
				switch f := call.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				at, known := sayings[name]
				if !known || at < 0 || at >= len(call.Args) {
					return true
				}
				literal, ok := call.Args[at].(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range strings.Split(text, "\n") {
					sample := strings.ReplaceAll(verb.ReplaceAllString(strings.ReplaceAll(line, "%%", "\x00"), "7x"), "\x00", "%")
					if len(strings.Fields(strings.Trim(verb.ReplaceAllString(line, ""), " :-.,"))) < 2 {
						continue // the name of a setting or a flag, with an error behind it
					}
					found++
					if got := ui.Chinese.Error(sample); !hasHan(got) {
						t.Errorf("%s: %q has no line in assets/words.tsv (error.*)", file, line)
					}
				}
				return true
			})
		}
	}
	if found < 100 {
		t.Errorf("only %d errors were found: this test looks in the wrong places", found)
	}
}
