package scripts

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitectureIsTrue holds the table of rooms in ARCHITECTURE.md against the source.
func TestArchitectureIsTrue(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string][]string{} // what each may import
	var names []string
	quoted := regexp.MustCompile("`([^`]+)`")
	for l := range strings.Lines(string(text)) {
		cells := strings.Split(l, "|")
		if len(cells) != 5 || !strings.HasPrefix(l, "| `") {
			continue
		}
		name := quoted.FindStringSubmatch(cells[1])[1]
		rooms[name] = nil
		names = append(names, name)
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			rooms[name] = append(rooms[name], m[1])
		}
	}
	// room is the longest name that holds the package.
	room := func(pkg string) (best string) {
		rel := strings.TrimPrefix(strings.TrimPrefix(pkg, "holdfast"), "/")
		if rel == "" {
			return "."
		}
		for _, n := range names {
			if (rel == n || strings.HasPrefix(rel, n+"/")) && len(n) > len(best) {
				best = n
			}
		}
		return best
	}
	cmd := exec.Command("go", "list", "-e", "-tags", "migrated_fynedo", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("needs the go command, to list packages: %v", err)
	}
	used := map[string]bool{}
	for l := range strings.Lines(string(out)) {
		fields := strings.Fields(l)
		r := room(fields[0])
		if r == "" {
			t.Errorf("%s is in no room", fields[0])
			continue
		}
		used[r] = true
		for _, imp := range fields[1:] {
			if imp != "holdfast" && !strings.HasPrefix(imp, "holdfast/") {
				continue
			}
			if to := room(imp); to != r && !slices.Contains(rooms[r], to) {
				t.Errorf("%s imports %s, which %q may not", fields[0], imp, r)
			}
		}
	}
	for _, n := range names {
		if !used[n] {
			t.Errorf("room %q is not there", n)
		}
	}
}
