package window

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"holdfast/ui"
)

func TestAMissingTrayIsHintedAt(t *testing.T) {
	for _, c := range []struct {
		desktop string
		lang    ui.Lang
		want    string
	}{
		{"ubuntu:GNOME", ui.English, "No tray icon here: install the AppIndicator extension"},
		{"GNOME-Classic:GNOME", ui.Chinese, "此桌面无托盘图标：请安装 AppIndicator 扩展"},
		{"sway", ui.English, "No tray icon here: add a tray to the panel"},
	} {
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

func TestStartAtLoginIsSwitchedInTheMenu(t *testing.T) {
	d := newDesk(t, theme.VariantDark, ui.English, fyne.NewSize(1120, 700), fiveTargets()...)
	for _, on := range []bool{true, false} {
		item := d.loginItem()
		if item == nil || item.Label != "Start at login" || item.Checked == on {
			t.Fatalf("%+v", item)
		}
		item.Action()
		d.wg.Wait()
		d.settle()
	}
	// The tick stands in the menu, too.
	for _, on := range []bool{false, true} {
		d.client.mu.Lock()
		d.client.login = on
		d.client.mu.Unlock()
		d.step()
		d.showMenu(d.detail.menu)
		i := slices.IndexFunc(d.menu.items, func(m *menuItem) bool { return m.text.whole == "Start at login" })
		if i < 0 || (d.menu.items[i].tick != nil) != on {
			t.Errorf("item %d, on: %v", i, on)
		}
		if on && hasChinese() { // the other language is in it
			d.golden("menu-login-dark")
		}
		d.menu.close()
	}
	asked := slices.DeleteFunc(d.client.heard(), func(s string) bool { return !strings.HasPrefix(s, "start at login") })
	if !slices.Equal(asked, []string{"start at login: true", "start at login: false"}) {
		t.Errorf("asked %q", asked)
	}
}
