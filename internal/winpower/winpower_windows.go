package winpower

import (
	"context"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The first two are in powrprof.dll since Windows 8.
var (
	powrprof       = windows.NewLazySystemDLL("powrprof.dll")
	register       = powrprof.NewProc("PowerRegisterSuspendResumeNotification")
	unregister     = powrprof.NewProc("PowerUnregisterSuspendResumeNotification")
	queryUnbiased  = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")
	callback       = sync.OnceValue(func() uintptr { return windows.NewCallback(changed) }) // never freed: there is one
	mu             sync.Mutex                                                               // guards what follows
	subscribers    = map[uintptr]*subscriber{}
	lastSubscriber uintptr
)

// A subscriber hears of the newest event; asleep is guarded by mu.
type subscriber struct {
	wake   chan struct{} // capacity 1
	asleep bool
}

const deviceNotifyCallback = 2 // DEVICE_NOTIFY_CALLBACK

// changed is called by the system, on a thread of its own: it wakes and returns.
func changed(who, event, _ uintptr) uintptr {
	mu.Lock()
	defer mu.Unlock()
	s := subscribers[who]
	if s == nil {
		return 0 // nobody listens any more
	}
	var news bool
	if s.asleep, news = asleepAfter(event, s.asleep); news {
		select {
		case s.wake <- struct{}{}:
		default: // told already
		}
	}
	return 0
}

// Watch calls told with true when the computer is about to sleep, and with false once each time that it has woken, until ctx
// ends; a sleep that was over before it could be told is only told as over. Where the system says nothing of it (before
// Windows 8) it returns at once.
func Watch(ctx context.Context, told func(asleep bool)) {
	if register.Find() != nil || unregister.Find() != nil {
		return
	}
	s := &subscriber{wake: make(chan struct{}, 1)}
	mu.Lock()
	lastSubscriber++
	who := lastSubscriber
	subscribers[who] = s
	mu.Unlock()
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		delete(subscribers, who)
	}()
	// DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS; whether the system keeps a copy is not documented, so it stays where it is.
	recipient := &struct{ callback, context uintptr }{callback(), who}
	var pin runtime.Pinner
	pin.Pin(recipient)
	defer pin.Unpin()
	var handle uintptr
	if code, _, _ := register.Call(deviceNotifyCallback, uintptr(unsafe.Pointer(recipient)), uintptr(unsafe.Pointer(&handle))); uint32(code) != 0 {
		return
	}
	defer func() { _, _, _ = unregister.Call(handle) }() // it returns when no call is under way
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			mu.Lock()
			asleep := s.asleep
			mu.Unlock()
			told(asleep)
		}
	}
}

// Slept returns how long this computer has slept since it was started; it only grows. It is 0 where the system cannot tell.
func Slept() time.Duration {
	var unbiased uint64
	if ok, _, _ := queryUnbiased.Call(uintptr(unsafe.Pointer(&unbiased))); ok == 0 {
		return 0
	}
	return sleptOf(windows.DurationSinceBoot(), unbiased)
}
