package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/desktest"
	"holdfast/ui"
)

// The page names every command and every flag in each language, and the formatter has nothing to say against it.
func TestManual(t *testing.T) {
	for l, want := range map[ui.Lang][]string{
		ui.English: {".SH EXIT STATUS\n", "10  this computer\\(aqs link", "\n.SS holdfast check ADDRESS\n"},
		ui.Chinese: {".SH 退出状态\n", "10  本机链路", "\n.SS holdfast check ADDRESS\n", "\n不\\:主\\:动\\:打"},
	} {
		t.Run(string(l), func(t *testing.T) { testManual(t, l, want) })
	}
}

func testManual(t *testing.T, l ui.Lang, wanted []string) {
	root := newRoot(&program{out: os.Stdout, errs: os.Stderr, getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	text := manual(root, "1.2.3-x", l)
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		if c.Parent() == root && !strings.Contains(text, "\n.SS "+roff(c.CommandPath())) {
			t.Errorf("%s is not in it", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if c.Name() != "completion" && f.Name != "help" && !strings.Contains(text, "\\-\\-"+roff(f.Name)) {
				t.Errorf("%s --%s is not in it", c.CommandPath(), f.Name)
			}
		})
		if c.Name() != "completion" {
			for _, s := range c.Commands() {
				each(s)
			}
		}
	}
	each(root)
	for _, want := range append(wanted, ".TH HOLDFAST 1 \"\" \"Holdfast 1.2.3\\-x\"", passwordVar, "http://USER@proxy") {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if n := strings.Count(text, wanted[1]); n != 1 {
		t.Errorf("the exit statuses stand in it %d times", n)
	}
	for line := range strings.Lines(text) {
		if words := strings.ReplaceAll(line, `\:`, ""); l == ui.Chinese && (leftovers.MatchString(strings.NewReplacer("holdfast", "", "_", " ").Replace(words)) && !hasHan(words)) {
			t.Errorf("not Chinese: %q", line)
		}
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".TH ") && strings.Count(line, " ") > 40 {
			t.Errorf("a request by accident: %q", line)
		}
	}
	t.Run("formatted", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("needs groff, a program of Unix: the page is the same on every system, and is formatted in the tests on Linux")
		}
		desktest.Need(t, "groff")
		cmd := exec.Command("groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("groff: %v, %s", err, out)
		}
	})
}

func TestRoffKeepsCharacters(t *testing.T) {
	for in, want := range map[string]string{
		`PING {nonce}\n`: `PING {nonce}\en`,
		"--json":         `\-\-json`,
		".hidden":        `\&.hidden`,
		"'quoted'":       `\(aqquoted\(aq`,
		"~/x^y":          `\(ti/x\(hay`,
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
