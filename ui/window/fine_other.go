//go:build !windows

package window

// fineness has nothing to say: the desktop tells it with the size of texts, or Fyne finds it out.
func (w *Window) fineness() int { return 0 }

// settle has nothing to do: the window manager puts windows where they are whole.
func (w *Window) settle() {}

// raise brings the window to the front.
func (w *Window) raise() { w.toFront() }
