package monitor

import (
	"context"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The system's calls are in powrprof.dll since Windows 8.
var (
	powrprof         = windows.NewLazySystemDLL("powrprof.dll")
	powerRegister    = powrprof.NewProc("PowerRegisterSuspendResumeNotification")
	powerUnregister  = powrprof.NewProc("PowerUnregisterSuspendResumeNotification")
	powerCallback    = sync.OnceValue(func() uintptr { return windows.NewCallback(powerChanged) }) // never freed: there is one
	powerMu          sync.Mutex                                                                    // guards what follows
	powerSubscribers = map[uintptr]chan<- struct{}{}
	powerLast        uintptr
)

const (
	deviceNotifyCallback  = 2    // DEVICE_NOTIFY_CALLBACK
	pbtAPMResumeSuspend   = 0x07 // PBT_APMRESUMESUSPEND: a person woke it
	pbtAPMResumeAutomatic = 0x12 // PBT_APMRESUMEAUTOMATIC: always
)

// powerChanged is called by the system, on a thread of its own: it wakes and returns.
func powerChanged(who, what, _ uintptr) uintptr {
	if what == pbtAPMResumeAutomatic || what == pbtAPMResumeSuspend {
		powerMu.Lock()
		defer powerMu.Unlock()
		select {
		case powerSubscribers[who] <- struct{}{}:
		default: // told already, or nobody listens any more
		}
	}
	return 0
}

// watchResume calls resumed each time that the computer has woken, until ctx ends. Where the system does not say it the
// clocks do, at the next timer.
func watchResume(ctx context.Context, resumed func()) {
	if powerRegister.Find() != nil || powerUnregister.Find() != nil {
		return
	}
	woken := make(chan struct{}, 1)
	powerMu.Lock()
	powerLast++
	who := powerLast
	powerSubscribers[who] = woken
	powerMu.Unlock()
	defer func() {
		powerMu.Lock()
		defer powerMu.Unlock()
		delete(powerSubscribers, who)
	}()
	// DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS; whether the system keeps a copy is not documented, so it stays where it is.
	recipient := &struct{ callback, context uintptr }{powerCallback(), who}
	var pin runtime.Pinner
	pin.Pin(recipient)
	defer pin.Unpin()
	var handle uintptr
	if code, _, _ := powerRegister.Call(deviceNotifyCallback, uintptr(unsafe.Pointer(recipient)), uintptr(unsafe.Pointer(&handle))); uint32(code) != 0 {
		return
	}
	defer func() { _, _, _ = powerUnregister.Call(handle) }() // it returns when no call is under way
	for {
		select {
		case <-ctx.Done():
			return
		case <-woken:
			resumed()
		}
	}
}
