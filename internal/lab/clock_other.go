//go:build linux && !amd64

package lab

import (
	"errors"
	"time"
)

// ShiftClock would set the wall clock of one process; the machine code for it is written for amd64 only.
func (p *Proc) ShiftClock(time.Duration) error { return errors.ErrUnsupported }
