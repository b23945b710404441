//go:build linux

package lab

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ShiftClock sets the wall clock of one process, and of nothing else on the machine: the kernel has no namespace for it,
// but every program of this kind reads it from the vDSO, a page of code in its own memory. Its clock_gettime is replaced,
// while the process stands still for an instant, by a few instructions that ask the kernel and move CLOCK_REALTIME by a
// fixed number of seconds. The monotonic clock stays what it is.
func (p *Proc) ShiftClock(by time.Duration) error {
	if err := p.shiftClock(by); err != nil {
		return fmt.Errorf("shift the clock of %s: %w", p.name, err)
	}
	return nil
}

func (p *Proc) shiftClock(by time.Duration) error {
	start, end, err := vdso(p.PID)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.PID), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	image := io.NewSectionReader(mem, start, end-start)
	entry, err := clockGettime(image)
	if err != nil {
		return err
	}
	if err := p.Stop(); err != nil {
		return err
	}
	defer p.Cont()
	if err := p.quiet(start, end); err != nil {
		return err
	}
	seconds := int32(by / time.Second)
	code := []byte{
		0xb8, 0xe4, 0, 0, 0, // mov eax, 228 (clock_gettime)
		0x0f, 0x05, // syscall: rdi and rsi, the arguments, survive it
		0x85, 0xff, // test edi, edi
		0x75, 0x07, // jne done: another clock than CLOCK_REALTIME (0)
		0x48, 0x81, 0x06, byte(seconds), byte(seconds >> 8), byte(seconds >> 16), byte(seconds >> 24), // add qword [rsi], seconds
		0xc3, // done: ret
	}
	if _, err := mem.WriteAt(code, start+entry); err != nil {
		return fmt.Errorf("write the vDSO: %w", err)
	}
	return nil
}

// vdso returns where the process has its vDSO.
func vdso(pid int) (start, end int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		span, _, _ := strings.Cut(line, " ")
		a, b, _ := strings.Cut(span, "-")
		start, err1 := strconv.ParseInt(a, 16, 64)
		end, err2 := strconv.ParseInt(b, 16, 64)
		if err1 != nil || err2 != nil {
			return 0, 0, fmt.Errorf("maps line %q", line)
		}
		return start, end, nil
	}
	return 0, 0, fmt.Errorf("no vDSO")
}

// clockGettime returns the offset of the function in the vDSO's image.
func clockGettime(image io.ReaderAt) (int64, error) {
	f, err := elf.NewFile(image)
	if err != nil {
		return 0, fmt.Errorf("vDSO: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("vDSO: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int64(s.Value), nil
		}
	}
	return 0, fmt.Errorf("vDSO: no __vdso_clock_gettime")
}

// quiet waits until every thread of the process has stopped, and makes sure that none stopped inside the vDSO.
func (p *Proc) quiet(start, end int64) error {
	for range 200 {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID))
		if err != nil {
			return err
		}
		stopped, inside := true, false
		for _, t := range tasks {
			dir := fmt.Sprintf("/proc/%d/task/%s/", p.PID, t.Name())
			stat, err := os.ReadFile(dir + "stat")
			if err != nil {
				return err
			}
			if _, rest, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(rest, "T") {
				stopped = false
				continue
			}
			// The last two words are the stack pointer and the program counter (proc_pid_syscall(5)).
			where, err := os.ReadFile(dir + "syscall")
			if err != nil {
				return err
			}
			words := strings.Fields(string(where))
			pc, err := strconv.ParseInt(strings.TrimPrefix(words[len(words)-1], "0x"), 16, 64)
			if err == nil && pc >= start && pc < end {
				inside = true
			}
		}
		switch {
		case !stopped:
			time.Sleep(time.Millisecond)
		case inside:
			if err := p.Cont(); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
			if err := p.Stop(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return fmt.Errorf("the process does not stand still: %w", unix.ETIMEDOUT)
}
