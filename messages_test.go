package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMessagesAreBoundedAndTheNewestStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", messagesFile)
	last := 0
	for range 2 { // two runs of the program
		m, err := openMessages(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 * mostMessages / 2 / 100 {
			last++
			if n, err := fmt.Fprintf(m, "%-99d\n", last); err != nil || n != 100 {
				t.Fatal(n, err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() > mostMessages {
				t.Fatal(info.Size(), err)
			}
		}
		if err := m.file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(b) < mostMessages/2-100 {
		t.Errorf("only %d bytes are left", len(b))
	}
	for i, line := range lines {
		if want := fmt.Sprint(last - len(lines) + 1 + i); strings.TrimSpace(line) != want {
			t.Fatalf("line %d of %d is %q, want %s", i+1, len(lines), line, want)
		}
	}
}

// One that somebody else made longer, a crash for one, is cut at the next message.
func TestMessagesOfACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), messagesFile)
	if err := os.WriteFile(path, []byte(strings.Repeat("goroutine\n", mostMessages/5)), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openMessages(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.file.Close()
	if _, err := m.Write([]byte("after\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || len(b) > mostMessages/2+6 || !strings.HasSuffix(string(b), "goroutine\nafter\n") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestNoPlaceForMessages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := openMessages(filepath.Join(file, messagesFile)); err == nil {
		m.file.Close()
		t.Error("it was opened")
	}
}
