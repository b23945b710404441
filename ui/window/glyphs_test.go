package window

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"holdfast/assets"
	"holdfast/ui"
)

// written are the characters that a language of the table is written with, and those that stand in the source of the window.
func written(t *testing.T, first int) string {
	t.Helper()
	all := map[rune]bool{}
	note := func(text string) {
		for _, r := range text {
			if r > ' ' {
				all[r] = true
			}
		}
	}
	for line := range strings.Lines(string(assets.Words())) {
		if column := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(column) == 5 && column[0] != "code" {
			note(strings.ReplaceAll(column[first]+column[first+1], "␤", "")) // a line break
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || files == nil {
		t.Fatalf("no source: %v", err)
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
			if l, ok := n.(*ast.BasicLit); ok && (l.Kind == token.STRING || l.Kind == token.CHAR) {
				if text, err := strconv.Unquote(l.Value); err == nil && text != "\U000F1234" {
					note(text)
				}
			}
			return true
		})
	}
	return string(slices.Sorted(maps.Keys(all)))
}

// fontless reports whether this is Wine as it comes, without the fonts of Windows: arrows, say, are in none.
func fontless() bool { return runtime.GOOS == "windows" && !hasChinese() }

// Every character that the window may show has a glyph in a font, or the window says which package brings one.
func TestEveryGlyphHasAFontOrThePackageIsNamed(t *testing.T) {
	d := newDesk(t, theme.VariantLight, ui.Chinese, fyne.NewSize(480, 360))
	const nobodys = "\U000F1235\U0010FFFD" // private use
	if got := missing("M" + nobodys + "W"); string(got) != nobodys {
		t.Fatalf("of M, W and two that none has %U have no glyph", got)
	}
	english, chinese := written(t, 1), written(t, 3)
	if len([]rune(chinese)) < 600 {
		t.Errorf("Chinese is written with %d characters only: this looks in the wrong places", len([]rune(chinese)))
	}
	// The English column names the other language as it names itself, and the source tells how Chinese is broken into lines.
	foreign := func(r rune) rune {
		if unicode.Is(unicode.Han, r) || r >= 0x3000 {
			return -1
		}
		return r
	}
	if got := missing(strings.Map(foreign, english)); got != nil && !fontless() {
		t.Errorf("no font has %q", string(got))
	}
	tells := map[string]string{
		"nofont":         "Chinese text needs a font. Install the package fonts-noto-cjk.",
		"nofont.windows": "Chinese text needs a font. Install Microsoft YaHei: it belongs to every Windows, as msyh.ttc in the folder of fonts.",
	}[noFont]
	if !hasChinese() {
		if got := d.shown.hint(); got != tells {
			t.Errorf("there is no Chinese font, and the window says %q", got)
		}
		t.Log("there is no Chinese font here: that the window says so is what was checked")
		return
	}
	if got := missing(chinese); got != nil {
		t.Errorf("no font has %q, and the window does not say so", string(got))
	}
	had := hasChinese
	t.Cleanup(func() { hasChinese = had })
	hasChinese = func() bool { return false }
	if got := d.shown.hint(); got != tells {
		t.Errorf("without a Chinese font the window says %q", got)
	}
}
