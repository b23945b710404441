package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/history"
)

// Messages are what this program says where nobody can read its standard error: at the end of a file of bounded size.
type messages struct {
	path string

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64
}

const (
	// messagesFile is in the folder of the history.
	messagesFile = "messages.txt"
	// mostMessages is how large it becomes; then the older half goes.
	mostMessages = 256 << 10
)

func openMessages(path string) (*messages, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &messages{path: path, file: f, size: info.Size()}, nil
}

// Write implements io.Writer.
func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size+int64(len(b)) > mostMessages {
		if err := m.halve(); err != nil {
			return 0, err
		}
	}
	n, err := m.file.Write(b)
	m.size += int64(n)
	return n, err
}

// halve leaves the newer half. It opens the file once more: what only appends cannot cut (FILE_APPEND_DATA).
func (m *messages) halve() error {
	f, err := os.OpenFile(m.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rest := make([]byte, min(info.Size(), mostMessages/2))
	if _, err := f.ReadAt(rest, info.Size()-int64(len(rest))); err != nil {
		return err
	}
	if _, whole, found := bytes.Cut(rest, []byte("\n")); found {
		rest = whole
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	n, err := f.WriteAt(rest, 0)
	m.size = int64(n)
	return err
}

// keepMessages has the messages of the resident, and what Go says when the program crashes, kept in a file where nobody
// could read them. Where there is no place for a file they are lost, and Holdfast watches all the same.
func (p *program) keepMessages() {
	if !unheard(os.Stderr) {
		return
	}
	dir, err := history.Dir()
	if err != nil {
		return
	}
	m, err := openMessages(filepath.Join(dir, messagesFile))
	if err != nil {
		return
	}
	crashTo(m.file)
	log.SetOutput(m)
	p.errs, p.stamped = m, true
	p.say("version %s", versionString())
}

// stamp is what stands before a message: in a file of our own the time, elsewhere nothing.
func (p *program) stamp() string {
	if !p.stamped {
		return ""
	}
	return fmt.Sprint(time.Now().Format(time.DateTime), " ")
}
