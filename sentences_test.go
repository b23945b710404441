package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/ui"
)

// neutral is what stands in English for everybody, and why. A file is named, or the beginning of a text.
var neutral = map[string]string{
	"internal/lab/":                       "for tests",
	"internal/desktest/":                  "for tests",
	"scripts/":                            "for tests",
	"assets/internal/":                    "draws the icons while this is developed",
	"internal/control/metrics.go":         "metrics and their help are English by custom: dashboards of others name them",
	"netcheck/":                           "goes to the log, as nothing was measured; causes have their sentences",
	"SELECT ":                             "SQL",
	"INSERT ":                             "SQL",
	"UPDATE ":                             "SQL",
	"DELETE ":                             "SQL",
	"PRAGMA ":                             "SQL",
	"\nCREATE TABLE ":                     "SQL",
	"(end IS NULL ":                       "SQL",
	" ORDER BY ":                          "SQL",
	"<svg ":                               "a drawing",
	"[Desktop Entry]":                     "a file, in both languages",
	"\nType=Application":                  "a file, in both languages",
	"-ERR expected PING":                  "said to the client of a server",
	"json: unknown field ":                "what a library says, to be recognised",
	"failed to unlock ":                   "what a library says, to be recognised",
	"no such":                             "what a library says, to be recognised",
	"ui/pasted.go":                        "schemes of addresses, and names of products",
	"ui/window/resources_unix.go":         "why a size of the desktop's is not known: the window takes its own",
	"ui/tray/item_unix.go":                "said to programs on the bus, by custom in English",
	"7x ORDER BY ":                        "SQL",
	"org.gnome.desktop.interface ":        "a setting of the desktop",
	`Control Panel\`:                      "a key of the registry",
	"Microsoft YaHei":                     "the name of a font",
	"org.freedesktop.appearance ":         "a setting of the desktop",
	".TH HOLDFAST ":                       "how a manual page begins; its title comes from the table",
	"help for ":                           "the beginning of what cobra says, which the table has",
	"; it said:":                          "an end; TestWholeSentencesInChinese has the whole",
	" (by the proxy, or beyond it)":       "an end; TestWholeSentencesInChinese has the whole",
	", which reaches as far as the proxy": "an end; TestWholeSentencesInChinese has the whole",
	"\"Office gateway\"":                  "an example of a name",
	"Software\\":                          "where Windows keeps settings",
	"# Settings of Holdfast. ":            "written into a file, which outlives a language",
	"demo = true # the server":            "written into a file, which outlives a language",
	"not a slice of the data slice":       "a slip in a library",
	"responder: Serve called twice":       "a slip in this program",
	"monitor: subscription closed":        "a slip in this program",
	"a tray is already running in this p": "a slip in this program",
}

// An author is what finds the sentences of a file.
type author struct {
	t      *testing.T
	file   string
	consts map[string]string // of its package
	found  int
	codes  int
}

// constants are the texts of a package that have names.
func constants(files []*ast.File) map[string]string {
	known := map[string]string{}
	for range 2 { // one may be made of another
		for _, f := range files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.CONST {
					continue
				}
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					for i, name := range v.Names {
						if i < len(v.Values) {
							if text, whole := fold(v.Values[i], known); whole {
								known[name.Name] = text
							}
						}
					}
				}
			}
		}
	}
	return known
}

// fold is the text of an expression; what is not known before the program runs is a word. Whole: all of it was known.
func fold(e ast.Expr, known map[string]string) (text string, whole bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text, true
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			x, a := fold(e.X, known)
			y, b := fold(e.Y, known)
			return x + y, a && b
		}
	case *ast.ParenExpr:
		return fold(e.X, known)
	case *ast.Ident:
		if text, ok := known[e.Name]; ok {
			return text, true
		}
	}
	return "7x", false
}

var (
	verb      = regexp.MustCompile(`%(\[\d\])?[-+#0-9.]*[a-zA-Z]`)
	sentence  = regexp.MustCompile(`[A-Za-z]{2,} [A-Za-z]{2,}`)
	tableCode = regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9-]+)*$`)
	leftovers = regexp.MustCompile(`[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}`)
)

func (a *author) exempt(text string) bool {
	for what := range neutral {
		if strings.HasPrefix(a.file, what) || strings.HasPrefix(text, what) {
			return true
		}
	}
	return false
}

// logs reports whether a call is to a log, or ends the program: neither is a person's to read.
func logs(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == "panic"
	case *ast.SelectorExpr:
		if slices.Contains([]string{"Debug", "Info", "Warn"}, f.Sel.Name) {
			return true
		}
		x, ok := f.X.(*ast.SelectorExpr)
		return f.Sel.Name == "Error" && ok && strings.Contains(strings.ToLower(x.Sel.Name), "log")
	}
	return false
}

// read checks every text in a piece of source.
func (a *author) read(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Example" || key.Name == "Use") {
			return false // TestHelpIsWholeInBothLanguages looks at what is for people in them
		}
	case *ast.Field:
		ast.Inspect(n.Type, a.read)
		return false // its tag is for programs
	case *ast.CallExpr:
		a.code(n)
		if !logs(n) {
			return true
		}
		for _, arg := range n.Args {
			if call, ok := arg.(*ast.CallExpr); ok {
				ast.Inspect(call, a.read)
			}
		}
		return false
	case *ast.BinaryExpr:
		if n.Op != token.ADD {
			return true
		}
		text, _ := fold(n, a.consts)
		a.check(text)
		a.others(n)
		return false
	case *ast.BasicLit:
		if text, whole := fold(n, a.consts); whole {
			a.check(text)
		}
	}
	return true
}

// code checks that what is asked of the table by its code is there.
func (a *author) code(call *ast.CallExpr) {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	if len(call.Args) == 0 || !slices.Contains([]string{"Say", "Tell", "say", "tell"}, name) {
		return
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return
	}
	code, whole := fold(literal, nil)
	if !whole || !tableCode.MatchString(code) {
		return
	}
	a.codes++
	if ui.English.Say(code) == code || (name == "Tell" || name == "tell") && ui.English.Tell(code) == "" {
		a.t.Errorf("%s: assets/words.tsv has no %s for %s", a.file, name, code)
	}
}

// others reads the parts of a sum that are no texts: calls, mostly.
func (a *author) others(e ast.Expr) {
	switch e := e.(type) {
	case *ast.BasicLit:
	case *ast.BinaryExpr:
		a.others(e.X)
		a.others(e.Y)
	default:
		ast.Inspect(e, a.read)
	}
}

func (a *author) check(text string) {
	if !sentence.MatchString(text) || a.exempt(text) {
		return
	}
	a.found++
	sample := strings.ReplaceAll(verb.ReplaceAllString(strings.ReplaceAll(text, "%%", "\x00"), "7x"), "\x00", "%")
	if got := ui.Chinese.Help(text); got != text && hasHan(got) {
		return
	}
	for line := range strings.SplitSeq(sample, "\n") {
		if !sentence.MatchString(line) {
			continue
		}
		if got := ui.Chinese.Error(line); !hasHan(got) || leftovers.MatchString(got) {
			a.t.Errorf("%s: %q has no line in assets/words.tsv (error.*, saw.* or help.*), or not all of it: %q", a.file, line, got)
		}
	}
}

// Every sentence in the source is there in Chinese, and every code that is asked for: whoever says it and however it is made: whoever adds one adds its line to
// the table, or says in the list above why nobody reads it.
func TestEverySentenceIsThereInChinese(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs the source and the go command: it reads what is for all systems, and does so in the tests on Linux")
	}
	packages := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A mistake in the settings file is told with what the parser says of it.
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/pelletier/go-toml/v2/unstable").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages["toml"] = []string{filepath.Join(strings.TrimSpace(string(dir)), "parser.go")}
	found, codes := 0, 0
	for _, names := range packages {
		var files []*ast.File
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		known := constants(files)
		for i, f := range files {
			a := &author{t: t, file: filepath.ToSlash(names[i]), consts: known}
			ast.Inspect(f, a.read)
			found, codes = found+a.found, codes+a.codes
		}
	}
	if found < 300 || codes < 200 {
		t.Errorf("only %d sentences and %d codes were found: this test looks in the wrong places", found, codes)
	}
}
