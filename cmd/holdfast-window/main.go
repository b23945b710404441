// Holdfast-window is the window of a running Holdfast: its child, started by a click and ended when closed. It speaks
// only through the control socket, whose path is HOLDFAST_SOCKET or the usual place. Each line "raise" on its standard
// input brings the window to the front, "look" says that the settings are others, "quit" ends it.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/go-gl/glfw/v3.4/glfw"

	_ "holdfast/cmd/holdfast-window/quiet"
	"holdfast/internal/control"
	"holdfast/ui"
	"holdfast/ui/window"
)

func main() {
	if launched() {
		return
	}
	rememberKeys()
	// Fyne complains of an empty file of preferences that it made itself. From here on its errors are worth reading.
	a := app.NewWithID("holdfast-window")
	log.SetOutput(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dial := func() (window.Client, error) {
		c, err := control.Dial(os.Getenv("HOLDFAST_SOCKET"))
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	w := window.New(named{a}, dial, ui.LangHere(os.Getenv))
	w.RestWith(window.Rest{
		Wait: func(most time.Duration) { untilTheEnd(func() { glfw.WaitEventsTimeout(most.Seconds()) }) },
		Wake: func() { untilTheEnd(glfw.PostEmptyEvent) },
	})
	if !w.Run(ctx, commands()) {
		fail(noOpenGL)
	}
}

// fail says why there is no window, and ends the program.
func fail(code string) {
	tell(ui.LangHere(os.Getenv).Say(code))
	os.Exit(1)
}

// A named app has windows that docks find the menu entry of.
type named struct{ fyne.App }

// NewWindow makes one that is not shown yet. Under Wayland a window is known by the name of the menu entry, which Fyne does
// not tell; under X11 by its class, which GLFW takes from the title.
func (a named) NewWindow(title string) fyne.Window {
	w := a.App.NewWindow(title) // and GLFW is ready, if there is a display
	ready := false
	untilTheEnd(func() {
		ready = glfw.GetPlatform() != 0
		if glfw.GetPlatform() == glfw.PlatformWayland {
			glfw.WindowHintString(glfw.WaylandAppID, "net.holdfast.Holdfast")
		}
	})
	if !ready {
		fail("error.no-display")
	}
	return w
}

// notInitialized is GLFW_NOT_INITIALIZED of its header; the Go package keeps it to itself.
const notInitialized glfw.ErrorCode = 0x10001

// untilTheEnd calls f, which calls GLFW. When the program ends Fyne ends GLFW, and then does whatever it is still given to
// do: f is told that GLFW is gone, by a panic.
func untilTheEnd(f func()) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *glfw.Error:
			if e.Code != notInitialized {
				panic(e)
			}
		default:
			panic(e)
		}
	}()
	f()
}

// commands is what the parent writes, if standard input is a pipe or a socket. A terminal is not asked: reading from it
// would stop a window that was started in the background.
func commands() io.Reader {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return nil
	}
	return os.Stdin
}
