package config

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"
)

// A Store is the settings file of a running program: what is in force, kept up with the file, and changed through it. Its
// methods may be called from any goroutine.
type Store struct {
	path string

	turn  sync.Mutex // one reload or edit at a time; guards apply
	apply func(Settings, error)

	mu      sync.Mutex // guards what follows
	good    Settings   // in force
	problem error      // what is wrong with the file now
}

// Open reads the file. What is wrong with it is told by Current; in force are then no targets, and not the demo.
func Open(path string) *Store {
	s := &Store{path: path}
	s.good, s.problem = Load(path)
	return s
}

// Path is the file's.
func (s *Store) Path() string { return s.path }

// Current returns the settings in force, the last good ones, and what is wrong with the file, if anything.
func (s *Store) Current() (Settings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good, s.problem
}

// Run calls apply with what Current returns: once at the start, then whenever that changes, because the file changed or
// through Edit. It returns when ctx ends. The calls come one after another; apply must not call Edit.
func (s *Store) Run(ctx context.Context, apply func(Settings, error)) {
	s.turn.Lock()
	s.apply = apply
	apply(s.Current())
	s.turn.Unlock()
	watchFile(ctx, s.path, s.reload)
	s.turn.Lock()
	s.apply = nil
	s.turn.Unlock()
}

// errGone and errEmptied: a file that vanishes or is emptied under a running program is an accident, or an editor half
// way through saving. Nobody's sessions end for that.
var (
	errGone    = errors.New("has gone; the settings that it had stay in force. To have no targets, leave a file with a comment in it")
	errEmptied = errors.New("is empty; the settings that it had stay in force. To have no targets, leave a comment in it")
)

// read reads the file, where good is in force.
func (s *Store) read(good Settings) (next Settings, err error) {
	b, err := read(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(good.Targets) > 0:
		err = Errors{{File: s.path, Msg: errGone.Error(), Err: errGone}}
	case errors.Is(err, fs.ErrNotExist):
		next, err = Default(), nil
	case err == nil && len(bytes.TrimSpace(b)) == 0 && len(good.Targets) > 0:
		err = Errors{{File: s.path, Msg: errEmptied.Error(), Err: errEmptied}}
	case err == nil:
		next, err = Parse(s.path, b)
	}
	return next, err
}

// reload reads the file again.
func (s *Store) reload() {
	s.turn.Lock()
	defer s.turn.Unlock()
	good, before := s.Current()
	next, err := s.read(good)
	if err != nil && text(err) != text(before) {
		time.Sleep(settle) // somebody may be half way through saving
		next, err = s.read(good)
	}
	if err != nil {
		next = good
	}
	if next.Equal(good) && text(err) == text(before) {
		return
	}
	s.set(next, err)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// set is called by whose turn it is.
func (s *Store) set(next Settings, err error) {
	s.mu.Lock()
	s.good, s.problem = next, err
	s.mu.Unlock()
	if s.apply != nil {
		s.apply(next, err)
	}
}

// Edit makes the changes in the file and puts them in force before it returns. Where the file cannot be changed with its
// comments kept (ErrLayout) or is broken (ErrBroken) nothing happens, unless rewrite is set: then the file is written anew
// from what is in force, and the old one kept beside it as .bak.
func (s *Store) Edit(rewrite bool, changes ...Change) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	next, err := Edit(s.path, changes...)
	if rewrite && (errors.Is(err, ErrLayout) || errors.Is(err, ErrBroken)) {
		good, _ := s.Current()
		if next, err = Apply(good, changes...); err == nil {
			err = Rewrite(s.path, next)
		}
	}
	if err != nil {
		return err
	}
	if good, problem := s.Current(); problem != nil || !next.Equal(good) {
		s.set(next, nil)
	}
	return nil
}
