package notify

import (
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/desktest"
	"holdfast/ui"
)

// The real thing: dunst on a screen of its own shows the notification with its picture and its text, another takes its
// place, a click on it opens the window, its menu asks for an attempt, and it can be taken away.
func TestOnARealServer(t *testing.T) {
	desktest.Need(t, "dunst", "dunstctl", "xdotool")
	d := desktest.New(t)
	d.Use()
	d.Screen(640, 360)
	b := d.Bus("")
	d.Write("dunstrc", "[global]\norigin = top-right\nmouse_left_click = do_action, close_current\nmarkup = full\nscale = 1\nmax_icon_size = 64\nmin_icon_size = 0\ndmenu = grep \"Reconnect now\"\n")
	dunst := d.Start("dunst", "-print", "-conf", filepath.Join(d.Dir, "dunstrc"))
	b.Owned(serverName)

	desk, asked := newTestDesk()
	runDesk(t, desk)
	shown := func() string { return d.Do("dunstctl", "count", "displayed") }
	note := broken
	note.Body = "127.0.0.1:7000 <refuses> & sulks. Since 12:00:05.\nStart the program on that computer."
	desk.show(note, english)
	desktest.Eventually(t, "it is on the screen", func() bool { return shown() == "1" })
	for _, want := range []string{
		"summary: 'office is broken'", "body: '127.0.0.1:7000 &lt;refuses&gt; &amp; sulks. Since 12:00:05.\nStart the program on that computer.'",
		"raw_icon set: true", `"reconnect": "Reconnect now"`, `"open": "Open"`, "category: network.disconnected",
	} {
		desktest.Eventually(t, "dunst says "+want, func() bool { return strings.Contains(dunst.Said(), want) })
	}
	red, green := color.NRGBA{0xff, 0x5f, 0x52, 0xff}, color.NRGBA{0x3d, 0xdc, 0x84, 0xff}
	desktest.Eventually(t, "the red X is seen", func() bool { return count(d, red) > 500 })
	healed := healed
	healed.Body = "It was broken for 0:58: server refused."
	desk.show(changed, english)
	desk.show(healed, english)
	desktest.Eventually(t, "the green tick is seen, and no X", func() bool { return count(d, green) > 500 && count(d, red) == 0 })
	if n := shown(); n != "1" {
		t.Errorf("%s notifications stand, want one in the place of another", n)
	}

	desk.show(broken, english)
	desktest.Eventually(t, "the red X is seen", func() bool { return count(d, red) > 500 })
	d.Do("dunstctl", "context") // its menu of actions, and who chooses there is grep
	desktest.Next(t, asked, "reconnect office")
	desk.show(broken, english)
	desktest.Eventually(t, "it is on the screen again", func() bool { return shown() == "1" && count(d, red) > 500 })
	d.Click(image.Pt(560, 50), 1)
	desktest.Next(t, asked, "open")
	desktest.Eventually(t, "it is gone", func() bool { return shown() == "0" })
	desk.show(Note{ID: 3, Look: ui.LookUp, Title: "office is connected again"}, english)
	desktest.Eventually(t, "a new one is on the screen", func() bool { return shown() == "1" })
	desk.close(3)
	desktest.Eventually(t, "it is taken away", func() bool { return shown() == "0" })
}

// count is how many pixels of the screen have a colour.
func count(d *desktest.Desk, c color.NRGBA) (n int) {
	for p := range slices.Chunk(d.Shot().Pix, 4) {
		if p[0] == c.R && p[1] == c.G && p[2] == c.B {
			n++
		}
	}
	return n
}
