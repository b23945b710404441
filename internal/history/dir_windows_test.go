package history

import (
	"path/filepath"
	"testing"
)

// Without the variable the system knows the folder.
func TestDirWithoutLocalAppData(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	want, err := Dir()
	if err != nil || !filepath.IsAbs(want) {
		t.Fatalf("%q, %v", want, err)
	}
	for _, v := range []string{"", "relative"} {
		t.Setenv("LocalAppData", v)
		if got, err := Dir(); err != nil || got != want {
			t.Errorf("%%LocalAppData%% %q: got %q (%v), want %q", v, got, err, want)
		}
	}
}
