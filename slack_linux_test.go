package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// What slackHelper says of the process it runs in.
type slackSaid struct {
	PID    int
	Args   []string
	Name   string        // as the system lists it
	Slack  time.Duration // of a thread that the runtime made
	Marked bool          // the variable that says "started again" is still there
	Kept   string        // of the environment
	Child  string        // the slack of a program started punctually
	After  time.Duration // of the thread that started it
}

func init() { // not in TestMain: there is such a helper on Linux only
	if os.Getenv("HOLDFAST_TEST_SLACK") != "" {
		os.Exit(slackHelper())
	}
}

// slackHelper is the program of TestSleepLoosely.
func slackHelper() int {
	if os.Getenv("HOLDFAST_TEST_SLACK") == "child" {
		return slackOfChild()
	}
	if os.Getenv("HOLDFAST_TEST_SLACK") == "deleted" {
		if err := os.Remove(os.Args[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 3
		}
	}
	args := takeArgs()
	sleepLoosely(args)
	said := slackSaid{PID: os.Getpid(), Args: args, Marked: os.Getenv(startedAgainVar) != "", Kept: os.Getenv("HOLDFAST_TEST_KEPT")}
	made := make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // and never unlocked: main goroutine's thread is another
		made <- slackNow()
	}()
	said.Slack = <-made
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return 4
	}
	said.Name = strings.TrimSpace(string(name))
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_SLACK=child")
	var out bytes.Buffer
	cmd.Stdout = &out
	runtime.LockOSThread()
	if err := punctual(cmd.Start); err != nil {
		return 5
	}
	said.After = slackNow()
	runtime.UnlockOSThread()
	if err := cmd.Wait(); err != nil {
		return 6
	}
	said.Child = out.String()
	if json.NewEncoder(os.Stdout).Encode(said) != nil {
		return 7
	}
	return 0
}

func slackOfChild() int {
	if _, err := os.Stdout.WriteString(slackNow().String()); err != nil {
		return 1
	}
	return 0
}

func TestSleepLoosely(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		args  []string
		mode  string        // of slackHelper
		given time.Duration // the slack that the program is started with
		env   string
		want  time.Duration
	}{
		{"the resident", nil, "yes", usualSlack, "", timerSlack},
		{"the resident with flags", []string{"--config", "watch out", "--lang=zh"}, "yes", usualSlack, "", timerSlack},
		{"watch", []string{"--lang", "en", "watch", "--send", `PING {nonce}\r\n`, "", "[2001:db8::7]:22"}, "yes", usualSlack, "", timerSlack},
		{"a marker of another process", []string{"watch"}, "yes", usualSlack, startedAgainVar + "=1", timerSlack},
		{"a command that soon ends", []string{"check", "192.0.2.7:22"}, "yes", usualSlack, "", usualSlack},
		{"a question for help", []string{"watch", "--help"}, "yes", usualSlack, "", usualSlack},
		{"a mistake", []string{"wach"}, "yes", usualSlack, "", usualSlack},
		{"a wrong flag", []string{"--wach"}, "yes", usualSlack, "", usualSlack},
		{"shell completion", []string{"__complete", "watch", ""}, "yes", usualSlack, "", usualSlack},
		{"a password on the command line", []string{"watch", "--via", "http://me:s3same@192.0.2.7"}, "yes", usualSlack, "", usualSlack},
		{"a slack that somebody chose", []string{"watch"}, "yes", time.Millisecond, "", time.Millisecond},
		{"its file is gone", []string{"watch"}, "deleted", usualSlack, "", usualSlack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hold fast")
			if err := os.Link(exe, path); err != nil {
				content, err := os.ReadFile(exe)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, content, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(path, tt.args...)
			cmd.Env = append(os.Environ(), "HOLDFAST_TEST_SLACK="+tt.mode, "HOLDFAST_TEST_KEPT=a=b c")
			if tt.env != "" {
				cmd.Env = append(cmd.Env, tt.env)
			}
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			was := slackNow()
			if was == 0 {
				t.Skip("needs a system that tells a thread's timer slack")
			}
			if err := setSlack(tt.given); err != nil {
				t.Fatal(err)
			}
			err := cmd.Start()
			if serr := setSlack(was); serr != nil {
				t.Fatal(serr)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			var got slackSaid
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			child := tt.want
			if child == timerSlack {
				child = usualSlack
			}
			want := slackSaid{
				PID: cmd.Process.Pid, Args: cmd.Args, Name: "hold fast", Slack: tt.want, Kept: "a=b c", Child: child.String(), After: tt.want,
			}
			if got.PID != want.PID || !slices.Equal(got.Args, want.Args) || got.Name != want.Name || got.Slack != want.Slack || got.Marked ||
				got.Kept != want.Kept || got.Child != want.Child || got.After != want.After {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
