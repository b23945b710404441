package window

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

// exporting is a window with outages, in a home folder of its own.
func exporting(t *testing.T, l ui.Lang) (d *desk, home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	d = newDesk(t, theme.VariantLight, l, fyne.NewSize(1280, 800), fiveTargets()...)
	d.opensHistory(aWeek(), keptMinutes(12))
	return d, home
}

// The window's own dialog: where, whether a file that is there is to be replaced, and what became of it.
func TestWhereToSaveIsAsked(t *testing.T) {
	d, home := exporting(t, ui.English)
	usual := filepath.Join(downloads(), "holdfast-2026-11-21.csv")
	d.held(func() { d.detail.past.save("csv") })
	s := d.saver
	if s == nil || s.overlay == nil || s.field.Text != usual || s.save.text.whole != "Save" {
		t.Fatalf("not asked: %+v", s)
	}
	d.held(func() { d.detail.past.save("json") })
	if d.saver != s {
		t.Error("asked twice at a time")
	}
	if s.field.SetText("  "); !s.save.off {
		t.Error("a file without a name can be saved")
	}
	for _, c := range []struct{ place, want string }{
		{brief(filepath.Join(home, "nowhere", "out.csv")), "Not saved: there is no such folder"},
		{home, "Not saved: this is a folder"},
	} {
		s.field.SetText(c.place)
		if s.problem.whole != "" {
			t.Errorf("%s: still says %q", c.place, s.problem.whole)
		}
		d.held(s.submit)
		if d.saver != s || s.problem.whole != c.want || s.field.Text != c.place {
			t.Errorf("%s: %q", c.place, s.problem.whole)
		}
	}
	mine := filepath.Join(home, "mine.csv")
	if err := os.WriteFile(mine, []byte("my own"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.field.SetText(brief(mine))
	d.held(s.submit)
	if got, _ := os.ReadFile(mine); string(got) != "my own" || s.save.text.whole != "Replace it" || s.problem.whole != "There is a file of this name already." {
		t.Fatalf("%q, %q: %q", s.save.text.whole, s.problem.whole, got)
	}
	d.held(func() { d.model.change(func() { d.model.lang = ui.Chinese }); d.draws() })
	if s.title.whole != "保存中断记录" || s.save.text.whole != "替换" || s.field.Text != brief(mine) {
		t.Errorf("in another language: %q, %q", s.title.whole, s.save.text.whole)
	}
	d.held(s.submit)
	if got, _ := os.ReadFile(mine); !strings.Contains(string(got), "Office gateway") || d.saver != nil {
		t.Errorf("not replaced: %.40q", got)
	}
	if got := d.detail.notice.whole; got != "已保存："+brief(mine) {
		t.Errorf("said %q", got)
	}
	// Another time, and it is not wanted.
	d.held(func() { d.detail.past.save("json") })
	d.held(func() { test.Tap(d.saver.cancelB) })
	if left, _ := filepath.Glob(filepath.Join(home, "*.json")); len(left) > 0 || d.saver != nil || d.win.Canvas().Overlays().Top() != nil {
		t.Errorf("left behind: %v", left)
	}
}

// Where the desktop has a dialog, it asks.
func TestTheDesktopAsksWhereToSave(t *testing.T) {
	d, home := exporting(t, ui.English)
	var answer string
	d.Window.choose = func(_ context.Context, _, title, dir, name string) (string, error) {
		if title != "Save outages" || dir != downloads() || name != "holdfast-2026-11-21.csv" {
			t.Errorf("asked %q for %s in %s", title, name, dir)
		}
		return answer, nil
	}
	d.held(func() { d.detail.past.save("csv") })
	if d.saver != nil {
		t.Error("nowhere was chosen, and something goes on")
	}
	answer = filepath.Join(home, "chosen.csv")
	if err := os.WriteFile(answer, []byte("may be replaced"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.held(func() { d.detail.past.save("csv") })
	d.wg.Wait()
	if got, _ := os.ReadFile(answer); !strings.Contains(string(got), "Office gateway") || d.saver != nil || d.detail.notice.whole != "Saved: "+brief(answer) {
		t.Errorf("%.40q, said %q", got, d.detail.notice.whole)
	}
	answer = filepath.Join(home, "nowhere", "chosen.csv")
	d.held(func() { d.detail.past.save("csv") })
	d.wg.Wait()
	if s := d.saver; s == nil || s.overlay == nil || s.field.Text != answer || s.problem.whole != "Not saved: there is no such folder" {
		t.Errorf("what went wrong is not told: %+v", s)
	}
}

func TestWhyNothingWasSaved(t *testing.T) {
	for err, want := range map[error]string{
		&fs.PathError{Op: "write", Err: syscall.ENOSPC}: "未保存：磁盘已满",
		&fs.PathError{Op: "open", Err: syscall.EACCES}:  "未保存：没有写入那里的权限",
		&fs.PathError{Op: "open", Err: syscall.EROFS}:   "未保存：没有写入那里的权限",
		&fs.PathError{Op: "open", Err: syscall.EEXIST}:  "已有同名文件。",
		&fs.PathError{Op: "sync", Err: syscall.EIO}:     "未保存：input/output error",
	} {
		s := &saver{w: &Window{lang: ui.Chinese}}
		if got := s.why(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
