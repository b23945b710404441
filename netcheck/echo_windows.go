package netcheck

import (
	"net/netip"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// post asks all ICMP echo requests, and hears of their ends.
var post echoPost

// An echoPost has one thread, for Windows tells the thread that asked when the answer is there, while that waits for it
// (IcmpSendEcho2Ex, ApcRoutine). The thread is there as long as a probe is open or a request under way; each ends with its
// time limit. The zero value is ready.
//
// An event would need no thread, but with one Wine 8 writes the end of a request into memory that it has freed before, and
// the program falls over later, anywhere. And no file is closed while a request of it is under way: that cancels the
// request, over which Wine's driver can lock itself up, and with it every question about the network.
type echoPost struct {
	mu    sync.Mutex // guards what follows
	users int        // probes that are open
	jobs  []func()   // to be done on the thread
	wake  windows.Handle
	on    bool // there is a thread

	runs sync.WaitGroup // tests wait for it

	// Of the thread alone.
	under map[uintptr]*echo
	last  uintptr // key of under
	ended []echoEnd
}

// An echoEnd says which request ended.
type echoEnd struct {
	key uintptr
	at  time.Time
}

var (
	procWaitForSingleObjectEx = windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitForSingleObjectEx")

	echoEnded = sync.OnceValue(func() uintptr {
		return windows.NewCallback(func(key, status, reserved uintptr) uintptr { // on the thread, while it waits
			post.ended = append(post.ended, echoEnd{key, time.Now()})
			return 0
		})
	})
)

// An echo is one request. The system writes the reply into its memory until it tells that it ended.
type echo struct {
	probe *echoProbe
	mem   *echoMemory // not Go's: nobody can tell the system to give it up
	to    netip.Addr
	ttl   int
	at    time.Time
}

type echoMemory struct {
	source, destination [sockaddrSize]byte
	data                [8]byte
	options             echoOptions
	reply               [512]byte
}

// echoOptions is an IP_OPTION_INFORMATION.
type echoOptions struct {
	ttl, tos, flags, size uint8
	data                  uintptr
}

// newEcho makes the memory of a request.
func newEcho(p *echoProbe, to netip.Addr, ttl int) (*echo, error) {
	const fixedZeroed = 0x40 // LPTR
	mem, err := windows.LocalAlloc(fixedZeroed, uint32(unsafe.Sizeof(echoMemory{})))
	if err != nil {
		return nil, err
	}
	e := &echo{probe: p, mem: *(**echoMemory)(unsafe.Pointer(&mem)), to: to.WithZone(""), ttl: ttl}
	copy(e.mem.data[:], "holdfast")
	e.mem.options.ttl = uint8(ttl)
	return e, nil
}

// enter counts a probe; leave, which is called on the thread, takes it out again.
func (t *echoPost) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == 0 {
		wake, err := windows.CreateEvent(nil, 0, 0, nil)
		if err != nil {
			return err
		}
		t.wake = wake
	}
	t.users++
	return nil
}

func (t *echoPost) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users--
}

// do has f done on the thread, soon.
func (t *echoPost) do(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs = append(t.jobs, f)
	if !t.on {
		t.on = true
		t.runs.Go(t.run)
	} else {
		_ = windows.SetEvent(t.wake)
	}
}

func (t *echoPost) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		t.mu.Lock()
		jobs := t.jobs
		t.jobs = nil
		if len(jobs) == 0 && t.users == 0 {
			t.on = false
			t.mu.Unlock()
			return
		}
		wake := t.wake
		t.mu.Unlock()
		for _, f := range jobs {
			f()
		}
		if len(jobs) == 0 {
			const alertable = 1
			_, _, _ = procWaitForSingleObjectEx.Call(uintptr(wake), windows.INFINITE, alertable)
		}
		for _, end := range t.ended {
			t.deliver(end)
		}
		t.ended = t.ended[:0]
	}
}

// expect takes note of a request that is about to be asked, and returns what the system is to call at its end, and with
// what. forget is for one that was not.
func (t *echoPost) expect(e *echo) (told, key uintptr) {
	if t.under == nil {
		t.under = make(map[uintptr]*echo)
	}
	t.last++
	t.under[t.last] = e
	e.probe.pending++
	e.at = time.Now()
	return echoEnded(), t.last
}

func (t *echoPost) forget(key uintptr) {
	e := t.under[key]
	delete(t.under, key)
	_, _ = windows.LocalFree(windows.Handle(unsafe.Pointer(e.mem)))
	e.probe.pending--
	e.probe.end()
}

// deliver gives the answer to whoever asked, once: what was answered at once may be told of again.
func (t *echoPost) deliver(end echoEnd) {
	e := t.under[end.key]
	if e == nil {
		return
	}
	if r, ok := e.read(end.at); ok {
		select {
		case e.probe.answers <- r:
		default: // nobody asks that much
		}
	}
	t.forget(end.key)
}

// read takes the reply; false: nobody answered.
func (e *echo) read(at time.Time) (reply, bool) {
	// Icmp6ParseReplies counts no refusals; the reply lies there as it is, and without one nothing does.
	if !e.probe.v6 && procIcmpParseReplies.Find() == nil {
		if n, _, _ := procIcmpParseReplies.Call(uintptr(unsafe.Pointer(&e.mem.reply)), unsafe.Sizeof(e.mem.reply)); n == 0 {
			return reply{}, false
		}
	}
	r, ok := parseEcho((*[echoReplySize]byte)(e.mem.reply[:]), e.probe.v6)
	r.to, r.ttl, r.rtt = e.to, e.ttl, at.Sub(e.at)
	return r, ok
}
