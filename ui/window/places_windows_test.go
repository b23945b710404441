package window

import (
	"os"
	"testing"
)

func TestPlacesOnWindows(t *testing.T) {
	if info, err := os.Stat(downloads()); err != nil || !info.IsDir() {
		t.Errorf("downloads go to %s: %v", downloads(), err)
	}
	const path = `C:\Users\me\Downloads\a.csv`
	if got := brief(path); got != path || whole(got) != path {
		t.Errorf("%s is told as %s, and back as %s", path, got, whole(got))
	}
}
