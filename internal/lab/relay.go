//go:build linux

package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Conditions are what a Relay does to packets, in both directions alike. The zero value does nothing: they pass at once.
//
// A relay stands for the whole way that lies there, of which the two hosts beside it see only the first cable: ARP and
// neighbour discovery pass at once whatever the conditions, unless Neighbours says otherwise.
type Conditions struct {
	Delay  time.Duration // for each packet; half of what it adds to a round trip
	Jitter time.Duration // at most so much more, evenly
	Order  bool          // jitter lets no packet overtake another: one that is late holds up those behind it

	Loss float64 // how likely each packet is lost; 1 is silence

	Reorder float64       // how likely a packet is held back, so that later ones overtake it
	Held    time.Duration // for how long

	Neighbours bool // ARP and neighbour discovery fare like the rest, as by radio

	Seed uint64 // of chance, which is the same for the same seed; 0: another one each time
}

// RoundTrip is what adds so much to a round trip.
func RoundTrip(d time.Duration) Conditions { return Conditions{Delay: d / 2} }

// maxHeld bounds how long a packet may be held: a relay never grows without end.
const maxHeld = time.Minute

func (c Conditions) check() error {
	for what, p := range map[string]float64{"loss": c.Loss, "reordering": c.Reorder} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%s of %v: a probability from 0 to 1 is needed", what, p)
		}
	}
	for what, d := range map[string]time.Duration{"delay": c.Delay, "jitter": c.Jitter, "holding back": c.Held} {
		if d < 0 || d > maxHeld {
			return fmt.Errorf("%s of %v: 0 to %v is possible", what, d, maxHeld)
		}
	}
	return nil
}

// A fate decides what becomes of the packets of one direction. It is not safe for several goroutines.
type fate struct {
	Conditions
	chance *rand.Rand
	last   time.Time // when the last packet that keeps its order is due
}

// newFate is that of a direction; two directions of one seed differ.
func newFate(c Conditions, direction uint64) fate {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	return fate{Conditions: c, chance: rand.New(rand.NewPCG(c.Seed, direction))}
}

// due returns when a packet that came now is to go on; false: never.
func (f *fate) due(now time.Time, neighbour bool) (time.Time, bool) {
	if neighbour && !f.Neighbours {
		return now, true
	}
	// Always as many numbers for a packet: what is done to a later one does not depend on what was done to this.
	lost, jitter, held := f.chance.Float64(), f.chance.Float64(), f.chance.Float64()
	if lost < f.Loss {
		return time.Time{}, false
	}
	at := now.Add(f.Delay + time.Duration(jitter*float64(f.Jitter)))
	if held < f.Reorder {
		return at.Add(f.Held), true
	}
	if f.Order {
		if at.Before(f.last) {
			at = f.last
		}
		f.last = at
	}
	return at, true
}

// A Relay sits in a cable of the lab, in a host of its own that has no address, and passes frames from one end to the
// other, as they are: whole, with offsets of checksums that are still to be computed, of any protocol. A frame that one
// host hands to its driver as one, though a real wire would carry it as several, is delayed or lost as one. Its methods may
// be called from any goroutine.
type Relay struct {
	host *Host
	ends [2]*os.File
	kick chan struct{} // the next due moment may be another
	quit chan struct{}
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows
	now    Conditions
	fates  [2]fate // of what came in at each end
	queue  frameQueue
	seq    uint64
	counts RelayCounts
}

// RelayCounts is what became of the frames that a relay was given.
type RelayCounts struct {
	Passed  int // sent on
	Lost    int // by its conditions
	Dropped int // for other reasons: the other end is off, or too many were on their way
}

// maxFrames bounds how many frames are on their way at once.
const maxFrames = 1 << 14

type heldFrame struct {
	at    time.Time
	seq   uint64 // of frames that are due at the same moment the first that came goes first
	to    int    // which end
	bytes []byte
}

type frameQueue []heldFrame

func (q frameQueue) Len() int { return len(q) }
func (q frameQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}
func (q frameQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *frameQueue) Push(x any)   { *q = append(*q, x.(heldFrame)) }
func (q *frameQueue) Pop() any {
	old := *q
	f := old[len(old)-1]
	old[len(old)-1] = heldFrame{}
	*q = old[:len(old)-1]
	return f
}

// Places for a relay: ports of the switch, and what then lies behind it.
const (
	BeyondGateway = "o-gateway" // all that the client reaches by its gateway
	BeforeServer  = "o-server"  // the server, from everywhere
	BeforeGateway = "p-gateway" // the gateway itself, as seen from the client's network
)

// Relay puts a relay into the cable at a port of the switch, where it stays until the lab is closed. Each place has room
// for one. The client's neighbours know each other when it returns.
func (l *Lab) Relay(place string, c Conditions) (*Relay, error) {
	r, err := l.newRelay(place, c)
	if err != nil {
		return nil, fmt.Errorf("relay at %s: %w", place, err)
	}
	return r, nil
}

func (l *Lab) newRelay(place string, c Conditions) (*Relay, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	bridge := outside
	switch place {
	case BeyondGateway, BeforeServer:
	case BeforeGateway:
		bridge = inside
	default: // faults pull the others
		return nil, errors.New("a cable that is not for relays")
	}
	// The namespace has to look like the lab's others, which a later run may have to sweep: letters at its end.
	name := l.Switch.Name[:len(l.Switch.Name)-len("switch")] + "relay" + place[2:]
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ip netns add: %w: %s", err, out)
	}
	r := &Relay{
		host: &Host{Name: name, lab: l, ns: netns.None()},
		kick: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	l.atClose(r.close)
	err := r.build(place, bridge)
	if err != nil {
		return nil, err
	}
	r.start()
	if err := l.settle(); err != nil {
		return nil, err
	}
	return r, r.Set(c)
}

// build moves the port into the relay's namespace, and gives the switch the end of a new cable instead.
func (r *Relay) build(place, bridge string) (err error) {
	h, sw := r.host, r.host.lab.Switch
	if h.ns, err = netns.GetFromName(h.Name); err != nil {
		return err
	}
	if h.nl, err = netlink.NewHandleAt(h.ns, unix.NETLINK_ROUTE); err != nil {
		return err
	}
	// It has nothing to say of itself.
	if err := h.sysctl("net/ipv6/conf/all/disable_ipv6=1", "net/ipv6/conf/default/disable_ipv6=1"); err != nil {
		return err
	}
	port, err := sw.link(place)
	if err != nil {
		return err
	}
	if err := sw.nl.LinkSetNsFd(port, int(h.ns)); err != nil {
		return fmt.Errorf("move the port: %w", err)
	}
	const other = "other"
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = place, port.Attrs().MTU
	v := netlink.NewVeth(attrs)
	v.PeerName, v.PeerNamespace = other, netlink.NsFd(h.ns)
	if err := sw.nl.LinkAdd(v); err != nil {
		return fmt.Errorf("lay a cable: %w", err)
	}
	if err := sw.plug(place, bridge); err != nil {
		return err
	}
	if err := sw.setup(place); err != nil {
		return err
	}
	for i, name := range []string{place, other} {
		if err := h.setup(name); err != nil {
			return err
		}
		l, err := h.link(name)
		if err != nil {
			return err
		}
		var fd int
		if err := h.Do(func() (err error) {
			fd, err = packetSocket(l.Attrs().Index, func(fd int) error {
				return errors.Join(
					// With each frame comes, and goes, what is known of its checksum and its pieces: a frame between two veths mostly has
					// no checksum yet (linux/virtio_net.h).
					unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
					// What is sent here is not to be passed back.
					unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
					unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<20),
				)
			})
			return err
		}); err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		r.ends[i] = os.NewFile(uintptr(fd), name)
	}
	return nil
}

// virtioHeader is the length of struct virtio_net_hdr before each frame.
const virtioHeader = 10

func (r *Relay) start() {
	for from := range r.ends {
		r.fates[from] = newFate(Conditions{}, uint64(from))
		r.work.Go(func() { r.receive(from) })
	}
	r.work.Go(r.send)
}

// receive takes the frames that come in at an end.
func (r *Relay) receive(from int) {
	buf := make([]byte, virtioHeader+1<<17) // a frame of many segments is longer than a packet can be
	for {
		n, err := r.ends[from].Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil || n < virtioHeader {
			continue // the end was switched off
		}
		now := time.Now()
		neighbour := ParsePacket(buf[virtioHeader:n]).IsNeighbour()
		r.mu.Lock()
		at, passes := r.fates[from].due(now, neighbour)
		switch {
		case !passes:
			r.counts.Lost++
		case len(r.queue) >= maxFrames:
			r.counts.Dropped++
		default:
			r.seq++
			heap.Push(&r.queue, heldFrame{at: at, seq: r.seq, to: 1 - from, bytes: append([]byte(nil), buf[:n]...)})
		}
		r.mu.Unlock()
		if passes {
			select {
			case r.kick <- struct{}{}:
			default:
			}
		}
	}
}

// onOneProcessor keeps the goroutine on one processor until it ends, and its thread with it. A frame waits in a queue of the
// processor that sent it (netif_rx in net/core/dev.c): whoever changes processors between two may have the second overtake
// the first.
func onOneProcessor() {
	runtime.LockOSThread() // never unlocked: no other goroutine is to run there
	var may, one unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil {
		return
	}
	for cpu := range 8 * int(unsafe.Sizeof(may)) {
		if may.IsSet(cpu) {
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one) // without it frames may swap places, now and then
			return
		}
	}
}

// send passes frames on when they are due.
func (r *Relay) send() {
	onOneProcessor()
	timer := time.NewTimer(maxHeld)
	defer timer.Stop()
	for {
		frame, wait := r.next()
		if frame != nil {
			_, err := r.ends[frame.to].Write(frame.bytes)
			r.mu.Lock()
			if err == nil {
				r.counts.Passed++
			} else {
				r.counts.Dropped++ // a cable that is out, or a lab that is closed
			}
			r.mu.Unlock()
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-r.kick:
		case <-r.quit:
			return
		}
	}
}

// next takes the next frame that is due; without one it says how long to wait.
func (r *Relay) next() (*heldFrame, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil, maxHeld
	}
	if wait := time.Until(r.queue[0].at); wait > 0 {
		return nil, wait
	}
	f := heap.Pop(&r.queue).(heldFrame)
	return &f, 0
}

// Set puts other conditions in force, for whatever comes from now on; what is on its way arrives when it was to.
func (r *Relay) Set(c Conditions) error {
	if err := c.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	for i := range r.fates {
		last := r.fates[i].last // what is on its way is not overtaken either
		r.fates[i] = newFate(c, uint64(i))
		r.fates[i].last = last
	}
	r.now = c
	return nil
}

// Conditions returns those in force, with the seed that was chosen.
func (r *Relay) Conditions() Conditions {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// Counts returns what became of the frames so far.
func (r *Relay) Counts() RelayCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Break puts other conditions in force; the repair brings back those before.
func (r *Relay) Break(c Conditions) (*Fault, error) {
	before := r.Conditions()
	return inject("break the relay", func() error { return r.Set(c) }, func() error { return r.Set(before) })
}

// Silence loses everything, both ways; ARP and neighbour discovery still pass.
func (r *Relay) Silence() (*Fault, error) {
	c := r.Conditions()
	c.Loss = 1
	return r.Break(c)
}

// close ends the relay; the lab calls it.
func (r *Relay) close() {
	close(r.quit)
	for _, end := range r.ends {
		if end != nil {
			end.Close()
		}
	}
	r.work.Wait()
	if r.host.nl != nil {
		r.host.nl.Close()
	}
	if r.host.ns.IsOpen() {
		r.host.ns.Close()
	}
	deleteNamespace(r.host.Name)
}
