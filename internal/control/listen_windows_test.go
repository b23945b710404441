package control

import (
	"errors"
	"strings"
	"testing"

	"github.com/Microsoft/go-winio"
)

func TestPath(t *testing.T) {
	got, err := Path()
	if err != nil || !strings.HasPrefix(got, `\\.\pipe\holdfast-S-1-`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTheOnlyOne(t *testing.T) {
	t.Run("a plain name", func(t *testing.T) { theOnlyOne(t, place(t)) })
	t.Run("a name with a backslash", func(t *testing.T) {
		theOnlyOne(t, `\\.\pipe\Team\`+strings.TrimPrefix(place(t), `\\.\pipe\`))
	})
}

func theOnlyOne(t *testing.T, path string) {
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before: %v, want ErrNotRunning", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{path, strings.ToUpper(path)} {
		if _, err := Listen(same); !errors.Is(err, ErrRunning) {
			t.Errorf("a second one, as %s: %v, want ErrRunning", same, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v, want ErrNotRunning", err)
	}
	if l, err = Listen(path); err != nil {
		t.Fatalf("after the end: %v", err)
	}
	_ = l.Close()
}

// Whoever makes the pipe first, its owner tells whose it is.
func TestPipesThatAreRefused(t *testing.T) {
	for name, access := range map[string]string{
		"another user's, open to all": "O:SYG:SYD:(A;;GA;;;WD)",
		"another user's, closed":      "O:SYG:SYD:P(A;;GA;;;SY)",
	} {
		t.Run(name, func(t *testing.T) {
			path := place(t)
			other, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: access})
			if err != nil {
				t.Skip("needs the right to make a pipe that belongs to the system:", err)
			}
			defer other.Close()
			go func() {
				for {
					c, err := other.Accept()
					if err != nil {
						return
					}
					defer c.Close()
				}
			}()
			if _, err := Dial(path); !errors.Is(err, ErrUnsafe) {
				t.Errorf("Dial: %v, want ErrUnsafe", err)
			}
			l, err := Listen(path)
			if err == nil {
				_ = l.Close()
			}
			if !errors.Is(err, ErrUnsafe) {
				t.Errorf("Listen: %v, want ErrUnsafe", err)
			}
		})
	}
}

func TestKilled(t *testing.T) {
	path := place(t)
	cmd := another(t, path)
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("while it runs: %v, want ErrRunning", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	l, err := Listen(path)
	if err != nil {
		t.Fatalf("after it was killed: %v", err)
	}
	_ = l.Close()
}
