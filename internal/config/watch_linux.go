package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watchFile calls changed after each change of the file, from this goroutine, until ctx ends. It sleeps in between: no
// timer runs. The folder is watched and not the file, because saving mostly replaces it; links on the way, and a folder
// that is not there yet, are watched where they are or would come.
func watchFile(ctx context.Context, path string, changed func()) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil { // too many of them on this machine (fs.inotify.max_user_instances)
		poll(ctx, path, changed)
		return
	}
	f := os.NewFile(uintptr(fd), "inotify")
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	w := &inotify{fd: fd, f: f}
	for ctx.Err() == nil {
		if err := w.watch(path); err != nil {
			poll(ctx, path, changed)
			return
		}
		changed() // also for what happened while the watches were set anew
		if err := w.wait(ctx); err != nil {
			if ctx.Err() == nil {
				poll(ctx, path, changed)
			}
			return
		}
	}
}

type inotify struct {
	fd     int
	f      *os.File
	places map[int32]map[string]bool // by watch descriptor: the names that matter in that folder
}

const inotifyMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_CLOSE_WRITE |
	unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// watch sets the watches that path needs as things are, and drops those that it needed before.
func (w *inotify) watch(path string) error {
	places := map[int32]map[string]bool{}
	for range 10 { // what changes while the watches are set is not reported: look again behind each round
		list := steps(path)
		missed := false
		for _, p := range list {
			again, err := w.add(places, p)
			if err != nil {
				return err
			}
			missed = missed || again
		}
		if !missed && slices.Equal(list, steps(path)) {
			break
		}
	}
	for wd := range w.places {
		if places[wd] == nil {
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // EINVAL: its folder has gone
		}
	}
	w.places = places
	return nil
}

// add watches the folder of p, or the nearest one above it that is there, for what is missing to come. It reports
// whether that came just before it was watched for.
func (w *inotify) add(places map[int32]map[string]bool, p string) (missed bool, err error) {
	dir, name := filepath.Dir(p), filepath.Base(p)
	absent := false
	for {
		wd, err := unix.InotifyAddWatch(w.fd, dir, inotifyMask)
		if err == nil {
			if places[int32(wd)] == nil {
				places[int32(wd)] = map[string]bool{}
			}
			places[int32(wd)][name] = true
			if absent {
				fi, err := os.Stat(filepath.Join(dir, name))
				missed = err == nil && fi.IsDir()
			}
			return missed, nil
		}
		absent = errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
		if !absent && !errors.Is(err, unix.EACCES) || dir == filepath.Dir(dir) {
			return false, err // ENOSPC: fs.inotify.max_user_watches
		}
		dir, name = filepath.Dir(dir), filepath.Base(dir)
	}
}

// wait returns after something that matters has happened and things have settled.
func (w *inotify) wait(ctx context.Context) error {
	var buf [16 * (unix.SizeofInotifyEvent + unix.NAME_MAX + 1)]byte
	var until time.Time // zero: nothing has happened yet
	for {
		n, err := w.f.Read(buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := w.f.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			if ctx.Err() != nil { // it ended between the two: its deadline was just taken away
				return ctx.Err()
			}
			return nil
		case err != nil:
			return err
		}
		if w.matters(buf[:n]) && until.IsZero() {
			until = time.Now().Add(settle)
			if err := w.f.SetReadDeadline(until); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

func (w *inotify) matters(b []byte) bool {
	found := false
	for len(b) >= unix.SizeofInotifyEvent {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
		end := unix.SizeofInotifyEvent + int(e.Len)
		if end > len(b) {
			break
		}
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00")
		names, ours := w.places[e.Wd]
		switch {
		case e.Mask&unix.IN_Q_OVERFLOW != 0:
			found = true
		case !ours: // of a watch that was dropped
		case name == "" || names[name]:
			found = true
		}
		b = b[end:]
	}
	return found
}
