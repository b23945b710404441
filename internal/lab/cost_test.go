//go:build linux

package lab

import (
	"os/exec"
	"testing"
	"time"
)

// A process that wakes a hundred times a second is seen to, and one that sleeps is not.
func TestCost(t *testing.T) {
	tests := []struct {
		name, script string
		low, high    float64 // wake-ups a second
		busy         bool
	}{
		{"asleep", "read x", 0, 0, false},
		{"ticking", "while :; do read -t 0.02 x; done", 20, 60, false},
		{"busy", "while :; do :; done", 0, 20, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bash, err := exec.LookPath("bash")
			if err != nil {
				t.Skip("needs bash, which is not installed")
			}
			cmd := exec.Command(bash, "-c", tt.script)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill()
				in.Close()
				cmd.Wait()
			}()
			time.Sleep(200 * time.Millisecond) // it starts
			c, err := CostOf(cmd.Process.Pid, 500*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if w := c.WakeupsPerSecond(); w < tt.low || w > tt.high {
				t.Errorf("%.0f wake-ups a second, want %.0f to %.0f", w, tt.low, tt.high)
			}
			if busy := c.CPU > 20*time.Millisecond; busy != tt.busy {
				t.Errorf("%v of processor time in %v", c.CPU, c.Span)
			}
			if c.End.RSS < 100<<10 || c.End.PSS <= 0 || c.End.Files < 3 || c.End.Threads != 1 {
				t.Errorf("usage %+v", c.End)
			}
		})
	}
	if _, err := UsageOf(1 << 30); err == nil {
		t.Error("the usage of a process that cannot be was read")
	}
}
