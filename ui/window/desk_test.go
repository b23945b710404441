package window

import (
	"runtime"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

func TestAMissingTrayIsHintedAt(t *testing.T) {
	type without struct {
		desktop string
		lang    ui.Lang
		want    string
	}
	all := []without{
		{"ubuntu:GNOME", ui.English, "No tray icon here: install the AppIndicator extension"},
		{"GNOME-Classic:GNOME", ui.Chinese, "此桌面无托盘图标：请安装 AppIndicator 扩展"},
		{"sway", ui.English, "No tray icon here: add a tray to the panel"},
	}
	if runtime.GOOS == "windows" {
		all = []without{{"", ui.English, "No tray icon here: there is no taskbar"}}
	}
	for _, c := range all {
		t.Setenv("XDG_CURRENT_DESKTOP", c.desktop)
		d := newDesk(t, theme.VariantLight, c.lang, fyne.NewSize(1120, 700), fiveTargets()...)
		if got := d.detail.notice.whole; got != "" {
			t.Errorf("%s: says %q while the icon is there", c.desktop, got)
		}
		d.client.mu.Lock()
		d.client.status.NoIcon = true
		d.client.mu.Unlock()
		d.step()
		if got := d.detail.notice.whole; got != c.want {
			t.Errorf("%s: says %q, want %q", c.desktop, got, c.want)
		}
		if got := d.detail.notice.Text.Text; got != c.want {
			t.Errorf("%s: at 1120 only %q can be read", c.desktop, got)
		}
	}
}
