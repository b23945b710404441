package window

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver"

	"holdfast/ui"
)

// errNoChooser: this desktop has no dialog of its own that asks where a file is to be saved.
var errNoChooser = errors.New("the desktop has no dialog for files")

// A saver asks where a file is to be saved: by the desktop's own dialog, or where there is none, by one of the window's.
// It is there from the click until the file is saved, or is not wanted.
type saver struct {
	w     *Window
	write func(path string, replace bool) error // from any goroutine; fs.ErrExist: there is such a file

	path   string // what the field says
	exists bool   // there is such a file: asked
	saving bool

	overlay       *fyne.Container // nil: the desktop asks
	shade         *shade
	panel         *canvas.Rectangle
	title, label  *label
	field         *field
	problem       *paragraph
	cancelB, save *button
}

// saveAs asks where something is to be saved, saves it there and says so.
func (w *Window) saveAs(path string, write func(path string, replace bool) error) {
	if w.saver != nil {
		return
	}
	s := &saver{w: w, write: write, path: path}
	w.saver = s
	parent, title := w.handle(), w.say("export.title")
	w.wg.Go(func() {
		chosen, err := w.choose(w.ctx, parent, title, filepath.Dir(path), filepath.Base(path))
		if w.ctx.Err() != nil {
			return
		}
		w.do(func() {
			switch {
			case err != nil:
				s.rebuild()
			case chosen == "":
				s.close()
			default:
				s.path = chosen
				s.store(true) // the desktop's dialog has asked
			}
		})
	})
}

// handle is what the desktop knows the window by, for a dialog that is to stand before it; "" where that cannot be said.
func (w *Window) handle() (name string) {
	if native, ok := w.win.(driver.NativeWindow); ok {
		native.RunNative(func(c any) {
			if x, ok := c.(driver.X11WindowContext); ok && x.WindowHandle != 0 {
				name = "x11:" + strconv.FormatUint(uint64(x.WindowHandle), 16)
			}
		})
	}
	return name
}

// rebuild makes the window's own dialog, in the present language and palette.
func (s *saver) rebuild() {
	w, p := s.w, s.w.p
	s.hide()
	s.shade, s.panel = newShade(p)
	s.title = newText(w.say("export.title"), font{20, true}, p.text)
	s.label = newText(w.say("export.file"), fontSmallB, p.text)
	s.field = newField(s.path, func(text string) {
		s.path, s.exists = text, false
		s.problem.set("")
		s.refresh()
	})
	s.field.escape, s.field.enter = s.close, s.submit
	s.problem = newParagraph(fontSmall, p.tone(ui.LookDown).ink, 3)
	s.cancelB = newButton(p, outlined, w.say("button.cancel"), "", s.close)
	s.save = newButton(p, primary, "", "", s.submit)
	s.overlay = container.New(column{layout: s.place}, s.shade, s.panel, s.title.Text, s.label.Text, s.field, s.problem.box, s.cancelB, s.save)
	w.win.Canvas().Overlays().Add(s.overlay)
	s.overlay.Resize(w.win.Canvas().Size())
	s.refresh()
	w.win.Canvas().Focus(s.field)
	s.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd}) // the name is at the end
}

func (s *saver) place(size fyne.Size) {
	put(s.shade, 0, 0, size.Width, size.Height)
	width := min(float32(560), size.Width-2*12)
	pad := float32(29)
	if width < 480 {
		pad = 16
	}
	inner := width - 2*pad
	problem := s.problem.height(inner, 16)
	height := 72 + 24 + 40 + 12 + problem + 64
	x, y := round((size.Width-width)/2), round(max((size.Height-height)/2, 0))
	put(s.panel, x, y, width, height)
	s.title.place(x+pad, y+22, inner, 40)
	y += 72
	s.label.place(x+pad, y, inner, 18)
	put(s.field, x+pad, y+24, inner, 40)
	y += 24 + 40 + 12
	s.problem.place(x+pad, y, inner, 16)
	y += problem + 14
	right := x + width - pad
	put(s.save, right-s.save.width(), y, s.save.width(), buttonHeight)
	right -= s.save.width() + 8
	put(s.cancelB, right-s.cancelB.width(), y, s.cancelB.width(), buttonHeight)
}

func (s *saver) refresh() {
	code := "button.save"
	if s.exists {
		code = "export.replace"
	}
	s.save.say(s.w.say(code))
	s.save.enable(!s.saving && strings.TrimSpace(s.path) != "")
	s.place(s.overlay.Size())
	s.overlay.Refresh()
}

func (s *saver) submit() {
	if s.overlay != nil && !s.save.off {
		s.store(s.exists)
	}
}

// store writes the file, says where, and is done; or says why not, where another place can be named.
func (s *saver) store(replace bool) {
	w, path := s.w, whole(s.path)
	s.saving = true
	if s.overlay != nil {
		s.refresh()
	}
	w.wg.Go(func() {
		err := s.write(path, replace)
		if w.ctx.Err() != nil {
			return
		}
		w.do(func() {
			if w.saver != s {
				return
			}
			if err == nil {
				s.close()
				w.notice(w.say("export.done", "text", ui.Printable(brief(path), 300)))
				return
			}
			s.saving, s.exists = false, errors.Is(err, fs.ErrExist)
			s.rebuild()
			s.problem.set(s.why(err))
			s.refresh()
		})
	})
}

// A codedError is said by the sentence of that code.
type codedError struct {
	err  error
	code string
}

// why says what became of it.
func (s *saver) why(err error) string {
	for _, one := range append(systemErrors, []codedError{
		{syscall.ENOSPC, "export.full"}, {syscall.EISDIR, "export.folder"}, {syscall.EROFS, "export.forbidden"}, {fs.ErrPermission, "export.forbidden"}, {fs.ErrNotExist, "export.missing"},
	}...) {
		if errors.Is(err, one.err) {
			return s.w.say("export.failed", "text", s.w.say(one.code))
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return s.w.say("export.exists")
	}
	return s.w.say("export.failed", "text", ui.Printable(rootOf(err).Error(), 200))
}

func (s *saver) hide() {
	if s.overlay != nil {
		s.w.win.Canvas().Overlays().Remove(s.overlay)
		s.overlay = nil
	}
}

func (s *saver) close() {
	s.hide()
	if s.w.saver == s {
		s.w.saver = nil
	}
}

// whole is the path that a person means: "~" is the home folder, and what begins nowhere begins where downloads go.
func whole(path string) string {
	path = strings.TrimSpace(path)
	if home, err := os.UserHomeDir(); err == nil && (path == "~" || len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])) {
		return filepath.Join(home, path[1:])
	}
	if !filepath.IsAbs(path) {
		return filepath.Join(downloads(), path)
	}
	return filepath.Clean(path)
}
