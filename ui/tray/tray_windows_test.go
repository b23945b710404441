package tray

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"holdfast/assets"
	"holdfast/internal/desktest"
	"holdfast/ui"
)

// onTaskbar runs a tray until the test ends, and returns its window when the taskbar has the icon.
func onTaskbar(t *testing.T, o Options) (tray *Tray, hwnd uintptr, stop func()) {
	t.Helper()
	ready := make(chan bool, 64)
	then := o.OnReady
	o.OnReady = func() {
		ready <- true
		if then != nil {
			then()
		}
	}
	tray = New(o)
	stop = runTray(t, tray)
	desktest.Next(t, ready, true)
	return tray, ourWindow(), stop
}

func ourWindow() uintptr {
	hwnd, _, _ := pFindWindow.Call(uintptr(unsafe.Pointer(windows.StringToUTF16Ptr(className))), 0)
	return hwnd
}

func send(hwnd uintptr, msg uint32, wParam, lParam uintptr) {
	_, _, _ = pPostMessage.Call(hwnd, uintptr(msg), wParam, lParam)
}

func TestSizesOfStructures(t *testing.T) {
	for name, c := range map[string]struct{ got, want uintptr }{
		"NOTIFYICONDATAW": {unsafe.Sizeof(notifyIconData{}), 976},
		"hBalloonIcon":    {unsafe.Offsetof(notifyIconData{}.balloonIcon), 968},
		"szInfoTitle":     {unsafe.Offsetof(notifyIconData{}.infoTitle), 820},
		"MENUITEMINFOW":   {unsafe.Sizeof(menuItemInfo{}), 80},
		"hbmpItem":        {unsafe.Offsetof(menuItemInfo{}.bitmap), 72},
	} {
		if unsafe.Sizeof(uintptr(0)) == 8 && c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
}

func TestClicksFromTheTaskbar(t *testing.T) {
	asked := make(asked, 8)
	tray, hwnd, _ := onTaskbar(t, Options{Actions: asked.actions()})
	tray.Show(ui.Tray{Look: ui.LookDown, Title: "down", CanReconnect: true, Targets: 1})
	if hwnd == 0 {
		t.Fatal("no window")
	}
	if err := New(Options{}).Run(t.Context()); err == nil || errors.Is(err, ErrNoTray) { // they would share a window
		t.Errorf("a second one: %v", err)
	}
	const icon = ownIcon << 16
	send(hwnd, msgTaskbar, 0, icon|ninSelect) // a left click
	desktest.Next(t, asked, "open")
	send(hwnd, msgTaskbar, 0, icon|wmMButtonUp)
	desktest.Next(t, asked, "open")

	// Up from nowhere is the last line.
	const wmKeyDown, up, enter = 0x100, 0x26, 0x0d
	send(hwnd, msgTaskbar, 0, icon|wmContextMenu)
	send(hwnd, wmKeyDown, up, 0)
	send(hwnd, wmKeyDown, enter, 0)
	desktest.Next(t, asked, "quit")

	send(hwnd, wmClose, 0, 0) // by another program
	desktest.Next(t, asked, "quit")
	send(hwnd, wmEndSession, 0, 0) // somebody else has said no: the session goes on
	send(hwnd, msgTaskbar, 0, icon|ninSelect)
	desktest.Next(t, asked, "open")
}

// What is shown may change, and Run may end, while the menu is open.
func TestOpenMenuHoldsNothingUp(t *testing.T) {
	tray, hwnd, stop := onTaskbar(t, Options{})
	send(hwnd, msgTaskbar, 0, ownIcon<<16|wmContextMenu)
	send(hwnd, msgTaskbar, 0, ownIcon<<16|wmContextMenu)
	ctx, cancel := context.WithTimeout(t.Context(), desktest.Patience)
	defer cancel()
	if err := tray.Balloon(ctx, ui.Balloon{Look: ui.LookDown, Title: "title", Text: "text"}); err != nil {
		t.Error(err)
	}
	stop()
	if ourWindow() != 0 {
		t.Error("the window is there still")
	}
}

// Logging off ends everything before Windows does: the message is answered when all has ended.
func TestSessionEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	all := make(chan struct{})
	var done atomic.Bool
	quit := func() {
		cancel()
		time.AfterFunc(200*time.Millisecond, func() { done.Store(true); close(all) }) // the history is still written
	}
	tray := New(Options{Actions: Actions{Quit: quit}, Ended: all})
	ended := make(chan error, 1)
	go func() { ended <- tray.Run(ctx) }()
	desktest.Eventually(t, "a window", func() bool { return ourWindow() != 0 })
	sendAndWait(ourWindow(), wmEndSession, 1)
	if !done.Load() {
		t.Error("Windows was let go on before all had ended")
	}
	desktest.Next(t, ended, nil)
}

func TestTaskbarBeginsAnewAndBalloons(t *testing.T) {
	ready := make(chan bool, 8)
	tray, hwnd, stop := onTaskbar(t, Options{OnReady: func() { ready <- true }})
	desktest.Next(t, ready, true)
	desktest.Next(t, tray.Balloons(), ui.BalloonReady)
	created, _, _ := pRegisterWindowMessage.Call(uintptr(unsafe.Pointer(windows.StringToUTF16Ptr("TaskbarCreated"))))
	send(hwnd, uint32(created), 0, 0)
	desktest.Next(t, ready, true)
	desktest.Next(t, tray.Balloons(), ui.BalloonReady)

	for _, b := range []ui.Balloon{
		{Look: ui.LookDown, Title: "office is broken", Text: "refuses", Sound: true},
		{Look: ui.LookUp, Title: "办公室已恢复", Text: "中断了"}, {}, {},
	} {
		if err := tray.Balloon(t.Context(), b); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
	for what, want := range map[uintptr]ui.BalloonEvent{ninUserClick: ui.BalloonClicked, ninTimeout: ui.BalloonGone} {
		for len(tray.Balloons()) > 0 { // Windows itself says that one has gone
			<-tray.Balloons()
		}
		send(hwnd, msgTaskbar, 0, ownIcon<<16|what)
		desktest.Next(t, tray.Balloons(), want)
	}
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tray.Balloon(ctx, ui.Balloon{Title: "x", Text: "y"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the end: %v", err)
	}
}

// handles returns a measure of the handles of this process, of which Windows allows 10 000 of each kind: how many there are
// where the system says it, and the places in the tables that are given to the next ones, which rise with what is left behind.
func handles(t *testing.T) (all [4]int) {
	t.Helper()
	getGUIResources := user32.NewProc("GetGuiResources")
	for which := range uintptr(2) { // GR_GDIOBJECTS, GR_USEROBJECTS
		n, _, _ := getGUIResources.Call(uintptr(windows.CurrentProcess()), which)
		all[which] = int(n)
	}
	m := newMenu([]menuLine{{title: "x", icon: "up"}}, 16)
	if m.handle == 0 || len(m.bitmaps) != 1 {
		t.Fatalf("menu %v", m)
	}
	all[2], all[3] = int(m.handle&0xffff), int(m.bitmaps["up"]&0xffff)
	m.free()
	return all
}

// The measure itself: what is left behind is seen.
func TestHandlesAreCounted(t *testing.T) {
	before := handles(t)
	var left []popup
	for range 100 {
		left = append(left, newMenu([]menuLine{{title: "x", icon: "up"}}, 16))
	}
	after := handles(t)
	for _, m := range left {
		m.free()
	}
	for _, kind := range []int{2, 3} {
		if before[0] == 0 && after[kind] < before[kind]+90 {
			t.Errorf("100 menus left behind: %v, before %v", after, before)
		}
	}
	if before[0] > 0 && (after[0] < before[0]+90 || after[1] < before[1]+90) {
		t.Errorf("100 menus left behind: %v, before %v", after, before)
	}
}

// A flapping target changes the icon some ten thousand times in a week.
func TestManyChangesLeaveNoHandleBehind(t *testing.T) {
	tray, hwnd, stop := onTaskbar(t, Options{})
	looks := []ui.Look{ui.LookUp, ui.LookDown, ui.LookSuspect, ui.LookConnecting}
	v := ui.Tray{NRows: 1, Targets: 1}
	change := func(i int) {
		v.Look, v.Rows[0].Look = looks[i%len(looks)], looks[i%len(looks)]
		v.Title, v.Broken = "Holdfast", i%12
		tray.Show(v)
		// The queue is worked through: what was posted is painted.
		sendAndWait(hwnd, msgWake, 0)
	}
	tray.ShowBadge(true)
	menus := func(n int) {
		for range n {
			m := newMenu(visible(menuOf(tray.wanted())), 16)
			if m.handle == 0 || len(m.bitmaps) == 0 {
				t.Fatalf("menu %v", m)
			}
			m.free()
		}
	}
	for i := range 48 { // every icon there is
		change(i)
	}
	menus(1)
	before := handles(t)
	const n = 300 // more take long under Wine
	start := time.Now()
	for i := range n {
		change(i)
	}
	t.Logf("%d changes in %v", n, time.Since(start))
	start = time.Now()
	menus(500)
	t.Logf("500 menus in %v", time.Since(start))
	after := handles(t)
	t.Logf("handles %v, then %v", before, after)
	for kind := range before {
		if after[kind] > before[kind]+20 { // the runtime and the system have some of their own
			t.Error("handles are left behind")
		}
	}
	stop()
	if end := handles(t); end[0] > after[0] || end[1] > after[1] {
		t.Errorf("after the end %v, before %v", end, after)
	}
}

func sendAndWait(hwnd uintptr, msg uint32, wParam uintptr) {
	_, _, _ = user32.NewProc("SendMessageW").Call(hwnd, uintptr(msg), wParam, 0)
}

// Each icon is made, in every size that a screen can ask for.
func TestEveryIconIsMade(t *testing.T) {
	w := &window{icons: map[plate]uintptr{}}
	for _, look := range []string{"up", "down", "suspect", "connecting", "paused", "empty", "unknown", assets.Badged(2), assets.Badged(99)} {
		for _, edge := range []int{16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 96, 128} {
			if w.icon(look, edge) == 0 {
				t.Errorf("%s at %d: no icon", look, edge)
			}
		}
	}
	for _, icon := range w.icons {
		if ok, _, _ := pDestroyIcon.Call(icon); ok == 0 {
			t.Error("an icon could not be taken away")
		}
	}
	if w.icon("green", 16) != 0 {
		t.Error("an icon that does not exist was made")
	}
}

// A notification's own picture has the size that Windows demands of it; without it Windows has one, by what it tells of.
func TestPictureOfABalloon(t *testing.T) {
	w := &window{icons: map[plate]uintptr{}}
	defer func() {
		for _, icon := range w.icons {
			_, _, _ = pDestroyIcon.Call(icon)
		}
	}()
	const quiet = niifRespectRest | niifNoSound
	for _, c := range []struct {
		look  ui.Look
		ours  bool
		flags uint32
	}{
		{ui.LookDown, true, quiet | niifUser | niifLargeIcon},
		{ui.LookDown, false, quiet | niifWarning},
		{ui.LookSuspect, false, quiet | niifWarning},
		{ui.LookUp, true, quiet | niifUser | niifLargeIcon},
		{ui.LookUp, false, quiet | niifInfo},
	} {
		d := w.balloonData(ui.Balloon{Look: c.look, Title: "title", Text: "text"}, c.ours)
		if d.flags != nifInfo || d.infoFlags != c.flags || windows.UTF16ToString(d.infoTitle[:]) != "title" || windows.UTF16ToString(d.info[:]) != "text" {
			t.Errorf("%v, ours: %v: flags %#x, want %#x: %+v", c.look, c.ours, d.infoFlags, c.flags, d)
		}
		if !c.ours {
			if d.balloonIcon != 0 {
				t.Errorf("%v: a picture of ours", c.look)
			}
			continue
		}
		const smCYIcon = 12
		if width, height := sizeOf(t, d.balloonIcon); width != metric(smCXIcon) || height != metric(smCYIcon) {
			t.Errorf("%v: %d × %d, Windows demands %d × %d", c.look, width, height, metric(smCXIcon), metric(smCYIcon))
		}
	}
	if d := w.balloonData(ui.Balloon{}, true); d.flags != nifInfo || d.infoFlags != 0 || d.info[0] != 0 || d.balloonIcon != 0 {
		t.Errorf("what takes one away: %+v", d)
	}
}

// sizeOf is the size of an icon in pixels.
func sizeOf(t *testing.T, icon uintptr) (width, height int) {
	t.Helper()
	var info struct { // ICONINFO
		icon        int32
		x, y        uint32
		mask, color uintptr
	}
	if ok, _, err := user32.NewProc("GetIconInfo").Call(icon, uintptr(unsafe.Pointer(&info))); ok == 0 {
		t.Fatal(err)
	}
	defer func() {
		_, _, _ = pDeleteObject.Call(info.mask)
		_, _, _ = pDeleteObject.Call(info.color)
	}()
	var bitmap struct { // BITMAP
		kind, width, height, row int32
		planes, pixel            uint16
		bits                     uintptr
	}
	if n, _, err := gdi32.NewProc("GetObjectW").Call(info.color, unsafe.Sizeof(bitmap), uintptr(unsafe.Pointer(&bitmap))); n == 0 {
		t.Fatal(err)
	}
	return int(bitmap.width), int(bitmap.height)
}

func TestEndedBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := New(Options{}).Run(ctx); err != nil {
		t.Error(err)
	}
}
